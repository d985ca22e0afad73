"""Coefficient bits as a bit allocation problem: every tap has its own number of bits, and so its own LSB.

Tap k with b bits lies on the grid ``q = 2**(e_k - (b - 1))``, ``e_k = ceil(log2 |h_k|)``, rounded to nearest and
clipped to ``[-2**e_k, 2**e_k - q]``; 0 bits is the value 0 and 1 bit, useless in two's complement, is left out.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import csd_adders
from hwgen.allocation import Problem
from hwgen.designs.values import Coefficients, mirrored
from hwgen.fixed import Format
from hwgen.problems.fir import Largest
from hwgen.response import Mask, basis, grid, limits


@dataclass(frozen=True, eq=False)
class TapBits:
    """Every rounding of the `ideal` linear-phase taps, judged against a mask.

    Parameters
    ----------
    ideal
        Unquantised symmetric taps.
    mask
        Its gain is fixed, or None: then the ideal taps' own gain of 1 is aimed at.
    most
        Most bits a tap may have.
    adder_bits
        Full-adder bits an adder of the multiplier block stands for in the consumption; None: the consumption is the sum
        of coefficient bits, each symmetric pair once.
    smallest
        Magnitude below which a tap's range does not follow it.
    """

    ideal: NDArray[np.float64]
    mask: Mask
    least: int = 0
    most: int = 18
    adder_bits: float | None = None
    smallest: float = 2.0**-40

    @cached_property
    def _free(self) -> NDArray[np.float64]:
        return self.ideal[: (len(self.ideal) + 1) // 2]

    @cached_property
    def exponents(self) -> NDArray[np.int64]:
        """``e_k`` of every free tap."""
        return np.ceil(np.log2(np.maximum(np.abs(self._free), self.smallest))).astype(np.int64)

    @cached_property
    def _values(self) -> NDArray[np.float64]:
        """Value of every free tap at every number of bits, shape (free, most + 1)."""
        bits = np.arange(self.most + 1)
        q = np.ldexp(1.0, (self.exponents[:, None] - (bits[None, :] - 1)).astype(np.int32))
        top = np.ldexp(1.0, self.exponents.astype(np.int32))[:, None]
        values = np.clip(np.floor(self._free[:, None] / q + 0.5) * q, -top, top - q)
        values[:, :2] = 0.0
        return values

    @cached_property
    def _adders(self) -> NDArray[np.float64]:
        """Signed-digit adders of every such value."""
        scaled = np.rint(self._values * np.ldexp(1.0, (self.most - self.exponents).astype(np.int32))[:, None])
        return csd_adders(scaled.astype(np.int64)).astype(np.float64)

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        frequencies = grid(self.mask, len(self.ideal), 12)
        gain = 1.0 if self.mask.gain is None else self.mask.gain
        lower, upper = (gain * bound for bound in limits(self.mask, frequencies))
        half = np.maximum((upper - lower) / 2, 1e-12)
        return basis(len(self.ideal), frequencies) / half[:, None], (lower + upper) / 2 / half, half

    @cached_property
    def _largest(self) -> Largest:
        matrix, centre, _ = self._bounds
        return Largest(self._values, matrix, centre)

    @property
    def _unit(self) -> float:
        """Weighted error of a violation of 1: what the first band allows."""
        first = self.mask.bands[0]
        gain = 1.0 if self.mask.gain is None else self.mask.gain
        return (first.upper - first.lower if first.passband else 2 * first.upper) / 2 * gain

    def violation(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        """Largest deviation over what the mask allows, on a grid, shape (P,); at most 1 where the mask is met."""
        return self._largest(bits)

    def error(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weighted error of the response, weights scaled so that the first band has 1, shape (P,)."""
        return self.violation(bits) * self._unit

    def consumption(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        """Sum of bits, or the full-adder bits of multipliers and chain that the rounded values would need."""
        if self.adder_bits is None:
            return bits.sum(axis=1).astype(np.float64)
        index = np.arange(len(self._free))
        pairs = np.where(index >= len(self.ideal) // 2, 1.0, 2.0)
        used = (bits > 1) * pairs
        return (self._adders[index, bits] * self.adder_bits).sum(axis=1) + (used * self.adder_bits).sum(axis=1)

    def _chosen(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._values[np.arange(len(self._free)), bits]

    def problem(self, *, goal: float | None = None, budget: float | None = None) -> Problem:
        """Fewest adder bits with the violation at most `goal`, or least error with the bits at most `budget`."""
        unit = 1.0 if goal is not None else self._unit
        levels = [b for b in range(self.most + 1) if b != 1 and b >= self.least]
        return Problem(
            names=[f"tap{k}" for k in range(len(self._free))],
            lower=np.full(len(self._free), levels[0]),
            upper=np.full(len(self._free), self.most),
            error=self.violation if goal is not None else self.error,
            consumption=self.consumption,
            goal=goal,
            budget=budget,
            levels=[levels] * len(self._free),
            offsets=self.exponents + 1,
            linearise=lambda *moves: tuple(unit * part for part in self._largest.linear(*moves)),
        )

    def formats(self, bits: NDArray[np.int64]) -> tuple[Format, ...]:
        """Format of every free tap of 1 bit or more: `exponents` above its sign bit, the rest below."""
        pairs = zip(self.exponents, bits, strict=True)
        return tuple(Format(int(exponent) + 1, int(b) - 1 - int(exponent)) for exponent, b in pairs)

    def coefficients(self, bits: NDArray[np.int64]) -> Coefficients:
        """The rounded taps as exact integers."""
        chosen = self._chosen(np.asarray(bits)[None, :])[0]
        lsbs = self.exponents - (np.asarray(bits) - 1)
        fraction = int(max(-lsbs[np.asarray(bits) > 1], default=0))
        free = [round(float(np.ldexp(value, fraction))) for value in chosen]
        return Coefficients(mirrored(free, len(self.ideal)), fraction)


def rounded(ideal: NDArray[np.float64], fraction: int) -> Coefficients:
    """Every tap rounded (half up) to one common LSB."""
    return Coefficients(tuple(int(v) for v in np.floor(np.ldexp(ideal, fraction) + 0.5)), fraction)


def violations(free: NDArray[np.float64], taps: int, mask: Mask) -> NDArray[np.float64]:
    """Largest deviation over what `mask` allows, on a grid, of many symmetric filters `free` (P, n), shape (P,)."""
    frequencies = grid(mask, taps, 12)
    lower, upper = limits(mask, frequencies)
    amplitude = np.abs(free @ basis(taps, frequencies).T)
    if mask.gain is None:
        passes = lower > 0
        nominal = np.concatenate([np.full(int(((frequencies >= b.start) & (frequencies <= b.stop)).sum()), b.gain)
                                  for b in mask.bands if b.passband])  # fmt: skip
        through = amplitude[:, passes] / nominal
        gain = np.maximum(through.max(axis=1) + through.min(axis=1), 1e-300)[:, None] / 2  # 0 for a filter of zeros
    else:
        gain = np.full((len(free), 1), mask.gain)
    return (np.abs(amplitude / gain - (lower + upper) / 2) / ((upper - lower) / 2)).max(axis=1)
