"""What a FIR design file asks for, before any bit is allocated: the mask, the ideal taps, the stimulus and its
power.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from hwgen import stimulus
from hwgen.fixed import Rounding
from hwgen.headroom import lost
from hwgen.response import Band, Mask, measure, remez, shortest
from hwgen.spec import Spec

LONGEST = 1024  # taps beyond which a length is no longer searched for
_SAMPLES = 1 << 16
_LEAST_GAIN = 0.7  # of a filter whose gain is free


@dataclass(frozen=True)
class Reference:
    """The specification in numbers.

    `ideal` holds the unquantised taps; `mask` is None where coefficients were given without bands; `samples` are raw
    stimulus words, shape (channels, n).
    """

    spec: Spec
    mask: Mask | None
    ideal: NDArray[np.float64]
    samples: NDArray[np.int64]

    @property
    def channels(self) -> int:
        """1, or 2 for complex samples."""
        return 2 if self.spec.input.complex else 1

    @cached_property
    def power(self) -> float:
        """Power of the ideal filter's output on the stimulus, in output units, both channels together."""
        return float(sum(np.mean(self.filtered(row) ** 2) for row in self.samples))

    def filtered(self, row: NDArray[np.int64]) -> NDArray[np.float64]:
        """Outputs of the ideal filter for one channel's words, decimated or interpolated as the file says."""
        up, down = self.spec.response.interpolate, self.spec.response.decimate
        y = signal.upfirdn(self.ideal, row * self.spec.input.format.lsb, up, down)
        return np.asarray(y[: -(-len(row) * up // down)], dtype=np.float64)

    @cached_property
    def sqnr_goal_db(self) -> float | None:
        """The SQNR to size for: the file's; within a LUT budget that names none, 3 dB below what the output format
        leaves.
        """
        goal = self.spec.goal
        if goal.sqnr_db is not None or goal.max_error_ulp is not None:
            return goal.sqnr_db
        if goal.budget is None or goal.budget.luts is None:
            return None
        return float(10 * np.log10(self.power / self.channels / (2 * self.rounding_noise)))

    @cached_property
    def noise_budget(self) -> float:
        """Largest power of everything the arithmetic may add to one channel; infinite without an SQNR goal."""
        goal = self.sqnr_goal_db
        return np.inf if goal is None else self.power / 10 ** (goal / 10) / self.channels

    @cached_property
    def power_beyond_output(self) -> float:
        """Power that the output's range takes from all channels, at the smallest gain that the mask leaves."""
        output, scale = self.spec.output, 1.0
        if self.mask is not None:
            scale = min((b.lower / b.gain for b in self.mask.bands if b.passband), default=1.0)
            scale *= _LEAST_GAIN if self.mask.gain is None else 1.0
        return sum(lost(scale * self.filtered(row), output.format, output.overflow) for row in self.samples)

    def coefficient_noise(self, taps: NDArray[np.float64]) -> float:
        """Power that taps other than the ideal ones add where no mask judges them, in output units."""
        if self.mask is not None:
            return 0.0
        scale = self.spec.input.format.lsb
        power = float(np.mean((self.samples * scale) ** 2))
        return power * float(np.sum((taps - self.ideal) ** 2))

    @property
    def reachable_sqnr_db(self) -> float:
        """What rounding to the output format alone leaves on this stimulus."""
        return float(10 * np.log10(self.power / self.channels / self.rounding_noise))

    def coefficient_error(self, taps: NDArray[np.float64]) -> float:
        """Largest error of any output by taps other than the ideal ones where no mask judges them, in output LSBs."""
        if self.mask is not None:
            return 0.0
        off, factor = np.abs(taps - self.ideal), self.spec.response.interpolate
        largest = max(-self.spec.input.format.minimum, self.spec.input.format.maximum) * self.spec.input.format.lsb
        return max(float(off[phase::factor].sum()) for phase in range(factor)) * largest / self.spec.output.format.lsb

    @property
    def least_error_ulp(self) -> float:
        """Largest error of the final rounding alone, in output LSBs."""
        return 1.0 if self.spec.output.rounding == Rounding.FLOOR else 0.5

    @property
    def rounding_noise(self) -> float:
        """Power the final rounding alone adds to a channel."""
        step = self.spec.output.format.lsb
        return step**2 / 12 * (4 if self.spec.output.rounding == Rounding.FLOOR else 1)


def mask_of(spec: Spec) -> Mask | None:
    """The bands of a design file as a mask, edges as fractions of the sample rate; None without bands."""
    if spec.response.bands is None:
        return None
    bands = []
    rate = spec.filter_rate
    for band in spec.response.bands:
        start, stop = band.start / rate, band.stop / rate
        if band.attenuation_db is not None:
            bands.append(Band(start, stop, 0.0, 0.0, 10 ** (-band.attenuation_db / 20), False))
        elif band.attenuation is not None:
            bands.append(Band(start, stop, 0.0, 0.0, band.attenuation, False))
        elif band.ripple is not None:
            low, high = max(1 - band.ripple, 0.0), 1 + band.ripple
            bands.append(Band(start, stop, band.gain, band.gain * low, band.gain * high, True))
        elif band.ripple_db is not None:
            low, high = 10 ** (-band.ripple_db / 20), 10 ** (band.ripple_db / 20)
            bands.append(Band(start, stop, band.gain, band.gain * low, band.gain * high, True))
    return Mask(tuple(bands), None if spec.response.gain == "free" else float(spec.response.gain))


def reference(spec: Spec) -> Reference:
    """Design the ideal filter and load the stimulus; raises ``DesignFileError`` for goals that nothing can reach."""
    mask = mask_of(spec)
    if spec.response.listed is not None:
        ideal = np.array(spec.response.listed, dtype=np.float64)
    else:
        assert mask is not None  # spec.py requires bands or coefficients
        ideal = _designed(spec, mask)
    rng = np.random.default_rng(spec.search.seed)
    count = min(max(stimulus.length(spec) or _SAMPLES, 4 * len(ideal)), 1 << 18)
    found = Reference(spec, mask, ideal, stimulus.samples(spec, count, rng))
    _require_reachable(found)
    return found


def _designed(spec: Spec, mask: Mask) -> NDArray[np.float64]:
    taps = spec.response.taps
    must_meet = spec.goal.minimise != "error"
    try:
        if taps is None:
            return shortest(mask, LONGEST)
        ideal = remez(mask, taps)
    except ValueError as error:
        key = "response.bands" if taps is None else "response.taps"
        raise spec.blame(key, str(error), "relax the ripple or attenuation, or widen the transition bands") from None
    violation = measure(ideal, mask).violation
    if must_meet and violation > 1:
        try:
            needed = f"the shortest that does has {len(shortest(mask, LONGEST))} taps"
        except ValueError as error:
            needed = str(error)
        raise spec.blame(
            "response.taps",
            f"no filter with {taps} taps meets the bands: the best deviates {violation:.3g} times what they allow",
            f"{needed}; give more taps or leave `taps` out",
        )
    return ideal


def _require_reachable(found: Reference) -> None:
    spec, factor = found.spec, found.spec.response.interpolate
    if empty := [phase for phase in range(factor) if not found.ideal[phase::factor].any()]:
        raise spec.blame(
            "response.interpolate",
            f"of the {len(found.ideal)} taps none is left for output {empty[0]} of {factor}: it would always be 0",
            "interpolate by less, or give a filter with more taps",
        )
    if found.power == 0:
        raise spec.blame("stimulus.file", "the filter's output on this stimulus is zero", "use another stimulus")
    best = found.reachable_sqnr_db
    if spec.goal.sqnr_db is not None and best < spec.goal.sqnr_db:
        raise spec.blame(
            "goal.sqnr_db",
            f"rounding to {spec.output.format} alone leaves {best:.1f} dB on this stimulus, "
            f"{spec.goal.sqnr_db - best:.1f} dB short of the goal",
            f"give the output {int(np.ceil((spec.goal.sqnr_db - best) / 6.02))} more fraction bits or lower the goal",
        )
    off = found.power_beyond_output
    if spec.goal.sqnr_db is not None and off and (inside := 10 * np.log10(found.power / off)) < spec.goal.sqnr_db:
        peak = max(float(np.abs(found.filtered(row)).max()) for row in found.samples)
        _require_images_judged(spec)
        raise spec.blame(
            "output.format",
            f"{spec.output.format} overflows: outputs reach {peak:.3g} in size, which leaves {inside:.1f} dB",
            "give it more integer bits, a sign where it has none, or give the filter a smaller gain",
        )
    least = found.least_error_ulp
    if spec.goal.max_error_ulp is not None and spec.goal.max_error_ulp < least:
        raise spec.blame(
            "goal.max_error_ulp",
            f"rounding {spec.output.rounding} alone is wrong by up to {least} ulp",
            f"ask for {least} or more",
        )


def _require_images_judged(spec: Spec) -> None:
    """Raise where an interpolator has no band above half of the input's rate: what lies there may be any size."""
    bands, half = spec.response.bands, spec.input.sample_rate / 2
    if spec.response.interpolate > 1 and bands and bands[-1].stop <= half:
        ends = spec.filter_rate / 2
        raise spec.blame(
            f"response.bands[{len(bands) - 1}].stop",
            f"images lie from {half:g} to {ends:g} Hz, where no band says how large they may be",
            f"let the last stop band end at {ends:g}",
        )
