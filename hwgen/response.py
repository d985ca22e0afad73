"""Frequency responses: linear-phase taps from bands, and what given taps achieve, exactly.

Frequencies are fractions of the sample rate, 0 to 0.5. G is the gain of the pass bands, A(f) the zero-phase amplitude.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.remez import Target, basis, minimax, sampled, transfer

__all__ = ["Band", "Mask", "Measurement", "amplitude", "basis", "grid", "limits", "magnitude", "measure", "remez"]
__all__ += ["shortest"]

Floats = NDArray[np.float64]

_DENSITY = 128  # points a tap over 0..0.5 before extrema are refined
_ROUNDING = 1e-12  # of a frequency: edges divided by a sample rate
_CHUNK = 1 << 20  # complex numbers held at once while extrema are refined


@dataclass(frozen=True)
class Band:
    """A range of frequencies and the range that |H|/G must keep to there, both with their ends.

    Parameters
    ----------
    start, stop
        Edges, 0 <= start <= stop <= 0.5.
    gain
        The band's own gain, a factor of G; 0 for a stop band.
    lower, upper
        Limits of |H|/G, the band's gain included: lower < gain < upper, and lower = 0 for a stop band.
    passband
        False for a stop band.
    """

    start: float
    stop: float
    gain: float
    lower: float
    upper: float
    passband: bool

    def __post_init__(self) -> None:
        if 0.5 < self.stop <= 0.5 + _ROUNDING:
            object.__setattr__(self, "stop", 0.5)
        if not 0 <= self.start <= self.stop <= 0.5:
            raise ValueError(f"a band needs 0 <= start <= stop <= 0.5, not {self.start:g} to {self.stop:g}")
        if self.passband and not 0 <= self.lower < self.gain < self.upper < math.inf:
            raise ValueError(
                f"a pass band needs 0 <= lower < gain < upper, not {self.lower:g}, {self.gain:g}, {self.upper:g}"
            )
        if not self.passband and not (self.gain == self.lower == 0 < self.upper < math.inf):
            raise ValueError("a stop band needs gain = 0, lower = 0 and upper > 0")

    @property
    def tolerance(self) -> float:
        """Half the range that is allowed, for the signed amplitude in a stop band: what errors are weighted by."""
        return (self.upper - self.lower) / 2 if self.passband else self.upper

    @property
    def centre(self) -> float:
        """Middle of the range that is allowed; not quite `gain` where the limits come from decibels."""
        return (self.upper + self.lower) / 2 if self.passband else 0.0


@dataclass(frozen=True)
class Mask:
    """Bands by rising frequency, and the gain G they are relative to; None is "free".

    A free G is (largest + smallest amplitude) / 2 over the pass bands, each divided by its own gain. Between bands
    nothing is asked.
    """

    bands: tuple[Band, ...]
    gain: float | None = 1.0

    def __post_init__(self) -> None:
        if not self.bands:
            raise ValueError("a mask needs at least one band")
        if self.gain is None and not any(band.passband for band in self.bands):
            raise ValueError("a free gain needs a pass band to be measured in")
        if self.gain is not None and not 0 < self.gain < math.inf:
            raise ValueError(f"the gain must be above 0, not {self.gain:g}")
        for before, after in pairwise(self.bands):
            if after.start < before.stop:
                raise ValueError(f"bands must rise without overlap: {after.start:g} comes before {before.stop:g}")
            if after.start == before.stop and max(before.lower, after.lower) > min(before.upper, after.upper):
                raise ValueError(f"the bands that touch at {after.start:g} contradict each other; leave a transition")


@dataclass(frozen=True)
class Measurement:
    """What taps achieve against a mask; a figure is None when the mask has no band of that kind.

    Members
    -------
    gain
        G: the mask's, or as measured when that is free.
    ripple, ripple_db
        Largest | |H|/(G g) - 1 | and |20 log10(|H|/(G g))| over pass bands of gain g.
    attenuation, attenuation_db
        Largest |H|/G over stop bands; decibels are positive, -20 log10 of it.
    error
        Largest weighted | |H|/G - D |: D is the band's gain, weights 1/tolerance scaled so that the first band has 1.
    violation
        Largest distance of |H|/G from the middle of what is allowed over half of what is allowed. At most 1: mask met.
    """

    gain: float
    ripple: float | None
    ripple_db: float | None
    attenuation: float | None
    attenuation_db: float | None
    error: float
    violation: float


def amplitude(taps: ArrayLike, frequencies: ArrayLike) -> Floats:
    """Zero-phase amplitude A(f) of symmetric taps, shape of `frequencies`; its sign is that of H with the delay out.

    Raises
    ------
    ValueError
        The taps are not symmetric, so that no such amplitude exists.
    """
    h = _taps(taps)
    if not np.allclose(h, h[::-1], rtol=0, atol=1e-12 * np.abs(h).max()):
        raise ValueError("only symmetric taps have a zero-phase amplitude; these are not")
    f = np.asarray(frequencies, dtype=np.float64)
    return (transfer(h, f) * np.exp(1j * np.pi * (len(h) - 1) * f)).real


def magnitude(taps: ArrayLike, frequencies: ArrayLike) -> Floats:
    """|H(f)| of any taps, shape of `frequencies`."""
    return np.abs(transfer(_taps(taps), frequencies))


def grid(mask: Mask, taps: int, density: int = 16) -> Floats:
    """Frequencies that cover the bands, their exact edges included, `density` x `taps` of them to a 0..0.5.

    Returns
    -------
    Shape (G,), rising; a frequency at which two bands touch is there twice.
    """
    counts = [max(2, math.ceil(2 * density * taps * (band.stop - band.start)) + 1) for band in mask.bands]
    return np.concatenate(
        [np.linspace(band.start, band.stop, count) for band, count in zip(mask.bands, counts, strict=True)]
    )


def limits(mask: Mask, frequencies: ArrayLike) -> tuple[Floats, Floats]:
    """Lower and upper bound of the signed A(f)/G, each in the shape of `frequencies`; infinite outside all bands.

    A stop band allows -upper to upper, a pass band lower to upper; where two touch, what both allow.
    """
    f = np.asarray(frequencies, dtype=np.float64)
    lower, upper = np.full(f.shape, -np.inf), np.full(f.shape, np.inf)
    for band in mask.bands:
        inside = (f >= band.start - _ROUNDING) & (f <= band.stop + _ROUNDING)
        lower[inside] = np.maximum(lower[inside], band.lower if band.passband else -band.upper)
        upper[inside] = np.minimum(upper[inside], band.upper)
    return lower, upper


def measure(taps: ArrayLike, mask: Mask) -> Measurement:
    """Ripple, attenuation, error and distance from the mask of any real taps, symmetric or not.

    |H| is sampled at 128 x length points or more over 0..0.5 and at the band edges, then each extremum is refined by
    Newton steps, so that nothing hides between points. Passing nothing under a free gain violates the mask infinitely.
    """
    h = _taps(taps)
    samples = sampled(h, [(band.start, band.stop) for band in mask.bands], _DENSITY)
    ranges = [_range(h, *points, minimum=band.passband) for band, points in zip(mask.bands, samples, strict=True)]
    passed = [end / band.gain for band, ends in zip(mask.bands, ranges, strict=True) if band.passband for end in ends]
    stopped = [high for band, (_, high) in zip(mask.bands, ranges, strict=True) if not band.passband]
    gain = (max(passed) + min(passed)) / 2 if mask.gain is None else mask.gain
    if gain == 0:
        nothing = math.inf if stopped else None
        return Measurement(0.0, math.inf, math.inf, nothing, None if nothing is None else -nothing, math.inf, math.inf)
    attenuation = max(stopped) / gain if stopped else None
    scale = mask.bands[0].tolerance
    weighed = [(band, end / gain) for band, ends in zip(mask.bands, ranges, strict=True) for end in ends]
    return Measurement(
        gain=gain,
        ripple=max(abs(end / gain - 1) for end in passed) if passed else None,
        ripple_db=max(abs(_decibels(end / gain)) for end in passed) if passed else None,
        attenuation=attenuation,
        attenuation_db=None if attenuation is None else -_decibels(attenuation),
        error=max(abs(end - band.gain) * (scale / band.tolerance) for band, end in weighed),
        violation=max(abs(end - band.centre) / band.tolerance for band, end in weighed),
    )


def remez(mask: Mask, taps: int) -> Floats:
    """Linear-phase taps, type I (odd length) or II (even), as deep inside the mask as any of that length.

    Minimises the largest distance from the middle of each band's limits over half their range, at the mask's G. A free
    gain (here G = 1) centres itself on the ripple, so then each pass band aims at its own gain and the nearer limit.

    Returns
    -------
    Shape (taps,), symmetric. The mask may be missed: see `measure`.

    Raises
    ------
    ValueError
        The length is below 1, is even though a pass band reaches 0.5, or nothing is to be passed.
    """
    if taps < 1:
        raise ValueError(f"a filter needs at least 1 tap, not {taps}")
    if not any(band.passband for band in mask.bands):
        raise ValueError("the mask has no pass band: nothing to design")
    if taps % 2 == 0 and _reaches_nyquist(mask):
        raise ValueError(
            f"symmetric taps of even length ({taps}) have a zero at half the sample rate, which is in a pass band; "
            "use an odd length"
        )
    targets = []
    for band in mask.bands:
        aim, tolerance = band.centre, band.tolerance
        if mask.gain is None and band.passband:
            aim, tolerance = band.gain, min(band.gain - band.lower, band.upper - band.gain)
        targets.append(Target(band.start, band.stop, aim, 1 / tolerance))
    return (1.0 if mask.gain is None else mask.gain) * minimax(taps, targets)


def shortest(mask: Mask, limit: int = 1024) -> Floats:
    """The fewest linear-phase taps that meet the mask.

    Two more taps are never worse, so each parity has one threshold; it is bracketed from Kaiser's estimate on.

    Raises
    ------
    ValueError
        No length up to `limit` meets the mask; says how far the best misses.
    """
    if limit < 1:
        raise ValueError(f"the longest length to try must be at least 1, not {limit}")
    width, estimate = _estimate(mask)
    tried: dict[int, tuple[Floats, float]] = {}

    def violation(taps: int) -> float:
        if taps not in tried:
            found = remez(mask, taps)
            tried[taps] = found, measure(found, mask).violation
        return tried[taps][1]

    def fewest(first: int, ceiling: int) -> int | None:
        """Fewest taps up to `ceiling`, of its parity, that meet the mask, tried from `first` on."""
        fails, meets, taps = -(ceiling % 2), ceiling + 2, first - (first - ceiling) % 2
        step = 2
        while meets - fails > 2:
            taps = min(max(taps, fails + 2), meets - 2)
            excess = violation(taps)
            if excess <= 1:
                meets = taps
            else:
                fails = taps
            # Kaiser: 14.6 dB for each tap and unit of transition. The growing step keeps a wrong slope from creeping.
            guess = 2 * round(min(20 * math.log10(max(excess, 1e-9)), 400) / (14.6 * width) / 2)
            taps = taps - max(-guess, step) if excess <= 1 else taps + max(guess, step)
            step *= 2
            if not fails < taps < meets:
                taps = fails + 2 * max(1, (meets - fails) // 4)
        return meets if meets <= ceiling else None

    odd = fewest(estimate, limit - (limit + 1) % 2)
    ceiling = limit - limit % 2 if odd is None else odd - 1
    even = fewest(ceiling, ceiling) if ceiling >= 2 and not _reaches_nyquist(mask) else None
    found = even or odd
    if found is None:
        best = min(tried, key=violation)
        raise ValueError(
            f"no filter of up to {limit} taps meets the bands: the best, with {best}, "
            f"deviates {violation(best):.4g} times what they allow"
        )
    return tried[found][0]


def _taps(taps: ArrayLike) -> Floats:
    h = np.asarray(taps, dtype=np.float64)
    if h.ndim != 1 or not h.size or not np.isfinite(h).all():
        raise ValueError("taps must be a list of at least one finite number")
    return h


def _decibels(ratio: float) -> float:
    return 20 * math.log10(ratio) if ratio > 0 else -math.inf


def _reaches_nyquist(mask: Mask) -> bool:
    return any(band.passband and band.lower > 0 and band.stop == 0.5 for band in mask.bands)


def _estimate(mask: Mask) -> tuple[float, int]:
    """Width of the transition that needs most taps, and how many.

    Kaiser (1974): (-20 log10 sqrt(d1 d2) - 13) / (14.6 width) + 1.
    """
    widths, lengths = [0.5], [1.0]
    for before, after in pairwise(mask.bands):
        jump, width = abs(after.gain - before.gain), after.start - before.stop
        if jump > 0 and width > 0:
            ripple = math.sqrt(before.tolerance * after.tolerance) / jump
            widths.append(width)
            lengths.append((-20 * math.log10(ripple) - 13) / (14.6 * width) + 1)
    hardest = int(np.argmax(lengths))
    return widths[hardest], max(1, round(min(lengths[hardest], 1e9)))


def _range(taps: Floats, frequencies: Floats, response: NDArray[np.complex128], minimum: bool) -> tuple[float, float]:
    """Smallest and largest |H| from the first frequency to the last; the smallest counts as 0 unless asked for."""
    size = np.abs(response)
    high = max(size.max(), _refined(taps, frequencies, size).max())
    low = min(size.min(), _refined(taps, frequencies, -size).min()) if minimum else 0.0
    return float(low), float(high)


def _refined(taps: Floats, frequencies: Floats, height: Floats) -> Floats:
    """|H| at the maxima of `height` (|H| or -|H| on a grid) and next to both ends, refined between their neighbours.

    Newton steps on the derivative of |H|^2, which unlike that of |H| is smooth through a zero.
    """
    peaks = np.flatnonzero((height[1:-1] > height[:-2]) & (height[1:-1] >= height[2:])) + 1
    # |H|^2 has no more maxima than taps; more are rounding noise, and lie lower.
    peaks = peaks[np.argsort(-height[peaks])[: len(taps)]]
    last = len(frequencies) - 1
    peaks = np.concatenate([[0, last], peaks])
    low, high = frequencies[np.maximum(peaks - 1, 0)], frequencies[np.minimum(peaks + 1, last)]
    delay = np.arange(len(taps)) - (len(taps) - 1) / 2
    moments = np.stack([taps, -1j * delay * taps, -(delay**2) * taps], axis=1)
    results = []
    # einsum rather than @: such small products wait longer for the threads of BLAS than they take.
    for part in np.array_split(np.arange(len(peaks)), 1 + len(peaks) * len(taps) // _CHUNK):
        at = frequencies[peaks[part]]
        for _ in range(2):
            value, slope, bend = np.einsum("pn,nk->kp", np.exp(-2j * np.pi * np.outer(at, delay)), moments)
            first = (value.conj() * slope).real
            second = np.abs(slope) ** 2 + (value.conj() * bend).real
            step = np.divide(first, second, out=np.zeros_like(first), where=second != 0)
            at = np.clip(at - step / (2 * np.pi), low[part], high[part])
        results.append(np.abs(np.einsum("pn,n->p", np.exp(-2j * np.pi * np.outer(at, delay)), taps)))
    return np.concatenate(results)
