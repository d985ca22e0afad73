"""What rounding adds to an equaliser's error, as white noise: the model that widths are searched with.

A floor of k bits to LSB D has variance ``D**2 / 12 (1 - 4**-k)`` and mean ``-D / 2 (1 - 2**-k)``. Before the sum it
reaches the output times the coefficient (samples) or the sample (coefficients). In the update it makes the coefficients
wander: variance s of each update of step mu leaves ``s / (2 mu)`` at the output (Caraiscos and Liu, "A roundoff error
analysis of the LMS adaptive algorithm", IEEE Trans. ASSP 32(1), 1984, for small mu). Updates are small beside their own
LSB, so that rounding them is no white noise: by Bussgang's theorem it is a gain a and noise, both measured on the
updates of the floating-point equaliser, and what it leaves is ``s / (2 mu a)``; where a vanishes, so does adaptation.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.dither import Cut
from hwgen.designs.equalizer_float import Course, Noise
from hwgen.designs.equalizer_widths import Family

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
KINDS = ("weight", "used", "data", "correlated", "error", "sum")

_FINEST = 30  # fraction bits of an update that the tables know


@dataclass(frozen=True, eq=False)
class NoiseModel:
    """Power that roundings add to the error of a family's equalisers.

    Parameters
    ----------
    course
        The floating-point equaliser.
    power
        Its error power after training.
    scales
        Factor on the power of each of `KINDS`, as measured with the bit-true model.
    """

    family: Family
    course: Course = field(repr=False)
    power: float
    scales: tuple[float, ...] = (1.0,) * len(KINDS)

    @cached_property
    def loop(self) -> float:
        """mu, times the gain of the error's sign where only that is used: sqrt(2 / pi) over its effective value."""
        rule, parts = self.family.rule, self.family.bench.parts
        gain = np.sqrt(2 / np.pi) / np.sqrt(self.power / parts) if rule.rule == "sign-error" else 1.0
        return rule.step * float(gain)

    @cached_property
    def tables(self) -> tuple[Floats, Floats, Floats]:
        """Gain, variance and mean of rounding the updates of each tap to each number of fraction bits, (N, bits)."""
        updates, rounding = self.course.updates, self.family.rounding
        gain, spread, mean = (np.zeros((self.family.bench.taps, _FINEST + 1)) for _ in range(3))
        power = np.mean(updates**2, axis=0)
        for fraction in range(_FINEST + 1):
            units = np.ldexp(updates, fraction)
            low = np.floor(units)
            if rounding is Cut.STOCHASTIC:
                found, more = units, np.mean((units - low) * (1 - units + low), axis=0)
            else:
                found, more = (low if rounding is Cut.FLOOR else np.floor(units + 0.5)), np.zeros(len(power))
            found = np.ldexp(found, -fraction)
            mean[:, fraction] = found.mean(axis=0) if rounding is Cut.FLOOR else 0.0
            gain[:, fraction] = np.mean(found * updates, axis=0) / power
            spread[:, fraction] = np.mean((found - gain[:, fraction] * updates) ** 2, axis=0) - mean[:, fraction] ** 2
            spread[:, fraction] += more * 4.0**-fraction
            # An update that is lost is an error as large as itself.
            spread[:, fraction] = np.maximum(spread[:, fraction], (1 - gain[:, fraction]) ** 2 * power)
        return np.maximum(gain, 1e-3), spread, mean

    def parts(self, rows: Ints) -> Floats:
        """Power that each of `KINDS` adds, (P, 6)."""
        family, bench = self.family, self.family.bench
        weight, used, data, correlated, error, total = family.split(rows)
        parts, taps = bench.parts, np.arange(bench.taps)
        squares = np.mean(np.abs(self.course.weights) ** 2, axis=0)
        typical = self.course.weights.mean(axis=0)
        gain, spread, mean = (table[taps, np.clip(weight, 0, _FINEST)] for table in self.tables)
        line = np.maximum(data, correlated).max(axis=1, keepdims=True)
        offset = np.abs((typical * _mean(line, data)).sum(axis=1)) ** 2 * parts
        output = family.output.fraction
        found = [
            parts * (spread / (2 * self.loop * gain) + mean**2 / self.loop**2 / bench.input_power).sum(axis=1),
            (parts * bench.input_power * _variance(weight, used)).sum(axis=1),
            (parts * squares * _variance(family.input.fraction, data)).sum(axis=1) + offset,
            self.loop / 2 * self.power
            * (parts * (_variance(family.input.fraction, correlated) + _mean(line, correlated) ** 2)).sum(axis=1),
            self.loop / 2 * bench.taps * bench.input_power * parts * _variance(output, error)[:, 0],
            (parts * _variance(data + used, total)).sum(axis=1) + parts * _variance(total, output)[:, 0],
        ]  # fmt: skip
        return np.stack(found, axis=1) * np.array(self.scales)

    def added(self, rows: Ints) -> Floats:
        """Power that all roundings add, (P,)."""
        return self.parts(rows).sum(axis=1)

    def noise(self, row: Ints) -> Noise:
        """Variances that stand for a row's roundings in the floating-point equaliser."""
        found, (weight, *_) = self.parts(row)[0], self.family.split(row)
        gain, spread, _ = (table[np.arange(len(weight[0])), np.clip(weight[0], 0, _FINEST)] for table in self.tables)
        parts = self.family.bench.parts
        before = float(found[1] + found[2] + found[5]) / parts
        error = (
            float(found[3] + found[4])
            / parts
            / (self.loop / 2 * self.family.bench.taps * self.family.bench.input_power)
        )
        return Noise(before, spread / gain * self.scales[0], error)

    def scaled(self, scales: tuple[float, ...]) -> "NoiseModel":
        """The model with these factors."""
        return replace(self, scales=scales)


def _variance(before: Ints | int, after: Ints | int) -> Floats:
    """Variance of going from one number of fraction bits to another."""
    drop = np.maximum(np.asarray(before) - after, 0)
    return np.asarray(4.0 ** -np.asarray(after, dtype=np.float64) / 12 * (1 - 4.0**-drop))


def _mean(before: Ints, after: Ints) -> Floats:
    """Magnitude of the mean of a floor."""
    drop = np.maximum(before - after, 0)
    return np.asarray(2.0 ** -after.astype(np.float64) / 2 * (1 - 2.0**-drop))
