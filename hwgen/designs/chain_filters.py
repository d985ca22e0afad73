"""Filters of a receiver: linear-phase taps that undo a CIC's droop, matched filters, and whole numbers near them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from hwgen.adders import csd_adders, odd
from hwgen.designs.values import Coefficients
from hwgen.response import Mask, amplitude, basis, grid, limits, remez, shortest

Floats = NDArray[np.float64]
Droop = Callable[[Floats], Floats]

LONGEST = 256  # taps beyond which no filter of a receiver is searched for
_DENSITY = 16  # grid points a tap of the linear program; of the check, four times as many
_FINEST = 18  # fraction bits beyond which coefficients are not rounded any finer
_GAINS = 48  # gains tried for each, from 1/2 to 1
_LONGER = (0, 1, 2, 3, 4, 6)  # taps above the fewest


@dataclass(frozen=True)
class Wanted:
    """A mask for a filter behind something with a gain of its own, `droop`, at each of the filter's frequencies."""

    mask: Mask
    droop: Droop

    def violation(self, taps: Floats, density: int = 4 * _DENSITY) -> float:
        """Largest deviation of filter times droop over what is allowed, at the mask's gain; symmetric taps alone."""
        frequencies = grid(self.mask, len(taps), density)
        lower, upper = limits(self.mask, frequencies)
        gain = amplitude(taps, frequencies) * self.droop(frequencies) / (self.mask.gain or 1.0)
        return float(np.abs((gain - (upper + lower) / 2) / ((upper - lower) / 2)).max())

    def taps(self, count: int) -> Floats:
        """The best of that many taps: a linear program over a grid, or an exchange where the droop is flat."""
        frequencies = grid(self.mask, count, _DENSITY)
        droop = self.droop(frequencies)
        if np.allclose(droop, 1.0, atol=1e-12):
            return remez(self.mask, count)
        lower, upper = limits(self.mask, frequencies)
        half, rows = (upper - lower) / 2, basis(count, frequencies) * droop[:, None]
        middle = (upper + lower) / 2
        matrix = np.block([[rows, -half[:, None]], [-rows, -half[:, None]]])
        cost = np.append(np.zeros(rows.shape[1]), 1.0)
        found = linprog(cost, matrix, np.concatenate([middle, -middle]), bounds=(None, None), method="highs")
        if found.x is None:
            raise ValueError(f"no filter of {count} taps was found: {found.message}")
        free = found.x[:-1]
        return np.concatenate([free, free[: count // 2][::-1]])

    def shortest(self) -> Floats:
        """The fewest taps that meet the mask. Raises ``ValueError`` where up to `LONGEST` do not."""
        if np.allclose(self.droop(np.linspace(0, 0.5, 64)), 1.0, atol=1e-12):
            return shortest(self.mask, LONGEST)
        try:  # a filter without the droop has about the same length
            start = len(shortest(self.mask, LONGEST))
        except ValueError:
            start = LONGEST
        for count in (*range(max(start - 2, 1), min(start + 24, LONGEST) + 1), LONGEST):
            taps = self.taps(count)
            if self.violation(taps) <= 1:
                return taps
        raise ValueError(f"no filter of up to {LONGEST} taps meets the bands behind the stages before it")


def rounded_to_mask(wanted: Wanted, fixed: int | None = None) -> tuple[Coefficients, Floats] | None:
    """The whole numbers within the mask that cost least, and the taps they are rounded from; None where none are.

    Coarser words at a few more taps: adders of signed digits and one for each tap are what is counted.
    """
    fewest = len(wanted.shortest()) if fixed is None else fixed
    best: tuple[float, Coefficients, Floats] | None = None
    for count in [fewest] if fixed is not None else [fewest + more for more in _LONGER]:
        try:
            taps = wanted.taps(count)
        except ValueError:  # an even length whose pass band reaches half the sample rate
            continue
        if wanted.violation(taps) > 1:
            continue
        found = _coarsest(wanted, taps)
        if found is not None:
            cost = _cost(found)
            if best is None or cost < best[0]:
                best = cost, found, taps
    return None if best is None else (best[1], best[2])


def _coarsest(wanted: Wanted, taps: Floats) -> Coefficients | None:
    """The coarsest whole numbers within the mask; at each step all gains are judged at once, over half the taps."""
    frequencies, free = grid(wanted.mask, len(taps), 4 * _DENSITY), (len(taps) + 1) // 2
    rows = (basis(len(taps), frequencies) * wanted.droop(frequencies)[:, None]).T
    lower, upper = limits(wanted.mask, frequencies)
    passes = lower > 0
    nominal = ((upper + lower) / 2)[passes]
    scales = np.geomspace(0.5, 1.0, _GAINS, endpoint=False)[:, None]
    for fraction in range(3, _FINEST + 1):
        whole = np.floor(np.ldexp(taps[None, :free] * scales, fraction) + 0.5)
        response = whole @ rows
        passed = response[:, passes] / nominal
        gain = np.maximum((passed.max(axis=1) + passed.min(axis=1)) / 2, 1e-9)[:, None]
        off = np.abs((response / gain - (upper + lower) / 2) / ((upper - lower) / 2)).max(axis=1)
        options = [
            Coefficients(tuple(int(v) for v in [*half, *half[: len(taps) // 2][::-1]]), fraction)
            for half in whole[(off <= 1) & (whole[:, 0] != 0)]
        ]
        if options:
            return min(options, key=_cost)
    return None


def centred_gain(wanted: Wanted, taps: Floats) -> float:
    """(Largest + smallest) / 2 of filter times droop over the pass bands, each over its own gain."""
    passed = [band for band in wanted.mask.bands if band.passband]
    frequencies = [grid(Mask((band,)), len(taps), 4 * _DENSITY) for band in passed]
    gains = [amplitude(taps, f) * wanted.droop(f) / band.gain for f, band in zip(frequencies, passed, strict=True)]
    return float(max(g.max() for g in gains) + min(g.min() for g in gains)) / 2


def _cost(coefficients: Coefficients) -> float:
    """Adders: signed digits of each odd number once, and one for each tap."""
    odds = {odd(v)[0] for v in coefficients.values if v} - {1}
    digits = float(csd_adders(np.array(sorted(odds))).sum()) if odds else 0.0
    return digits * 0.7 + sum(1 for v in coefficients.values if v)


def rounded_to_noise(taps: Floats, share_db: float) -> Coefficients:
    """Whole numbers whose distance from the taps has a power `share_db` below that of the taps."""
    for fraction in range(2, _FINEST + 1):
        best = None
        for gain in np.geomspace(0.5, 1.0, _GAINS, endpoint=False):
            whole = np.floor(np.ldexp(taps * gain, fraction) + 0.5)
            if not whole.any():
                continue
            scale = float(whole @ taps / (taps @ taps))
            off = float(np.sum((whole - scale * taps) ** 2) / np.sum(whole**2))
            if off <= 10 ** (-share_db / 10) and whole[-1]:
                made = Coefficients(tuple(int(v) for v in whole), fraction)
                best = made if best is None or _cost(made) < _cost(best) else best
        if best is not None:
            return best
    return Coefficients(tuple(int(v) for v in np.floor(np.ldexp(taps, _FINEST) + 0.5)), _FINEST)


def root_raised_cosine(roll_off: float, samples: float, span: int) -> Floats:
    """Matched filter of `span` symbols to each side, `samples` a symbol, unit gain at DC.

    Proakis and Salehi, Digital Communications, 5th ed., sec. 9.2.
    """
    reach = int(np.floor(span * samples))
    t = np.arange(-reach, reach + 1) / samples
    a = roll_off
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.sin(np.pi * t * (1 - a)) + 4 * a * t * np.cos(np.pi * t * (1 + a))
        h = over / (np.pi * t * (1 - (4 * a * t) ** 2))
    h[reach] = 1 - a + 4 * a / np.pi
    edge = np.isclose(np.abs(t), 1 / (4 * a), rtol=1e-9)
    h[edge] = a / 2**0.5 * ((1 + 2 / np.pi) * np.sin(np.pi / (4 * a)) + (1 - 2 / np.pi) * np.cos(np.pi / (4 * a)))
    return np.asarray(h / h.sum())
