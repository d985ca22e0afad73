"""Bits and values at once: every tap has its own number of bits, and one of the grid points near its ideal value."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from hwgen.allocation import Problem
from hwgen.problems.fir import Bits, FirBits, Largest
from hwgen.problems.fir_spec import Floats
from hwgen.problems.fir_values import FirValues

_QUICK = {"rounds": 2, "draws": 600, "descents": 6}  # of a lattice search that only compares two allocations


@dataclass(frozen=True, eq=False)
class FirJoint:
    """A point has 2 n variables: the bits of the n free taps, then their offsets from the rounded value in LSBs.

    Parameters
    ----------
    fir
        Filter, levels and grid; its `measure` must be "minimax". All its levels are used: one that rounds to the same
        value has other neighbours.
    reach
        Largest offset, either way.

    Raises
    ------
    ValueError
        A reach below 1, a least-squares filter.
    """

    fir: FirBits
    reach: int = 2

    def __post_init__(self) -> None:
        if self.reach < 1:
            raise ValueError(f"reach must be at least 1, got {self.reach}")
        if self.fir.measure != "minimax":
            raise ValueError('values and bits together need a filter of measure "minimax"')

    @cached_property
    def values(self) -> Floats:
        """Value of every tap at every pair (bits, offset), pairs flattened: shape (n, (most + 1) (2 reach + 1))."""
        q = self.fir.lsbs[..., None]
        top = np.ldexp(1.0, self.fir.exponents.astype(np.int32))[:, None, None]
        values = np.clip(self.fir.values[..., None] + np.arange(-self.reach, self.reach + 1) * q, -top, top - q)
        values[:, 0] = 0.0
        return values.reshape(self.fir.size, -1)

    def _index(self, points: Bits) -> Bits:
        """Columns of `values` for points (..., 2 n)."""
        bits, offsets = points[..., : self.fir.size], points[..., self.fir.size :]
        return bits * (2 * self.reach + 1) + offsets + self.reach

    @cached_property
    def _largest(self) -> Largest:
        return Largest(self.values, self.fir.samples.matrix, self.fir.samples.wanted)

    def error(self, points: Bits) -> Floats:
        """Largest weighted error of points (P, 2 n)."""
        return self._largest(self._index(points))

    def _linear(self, point: Bits, variable: Bits, level: Bits) -> tuple[Floats, Floats]:
        """As `Largest.linear`, of single moves of bits or offsets."""
        n = self.fir.size
        tap, moves_bits = variable % n, variable < n
        bits = np.where(moves_bits, level, point[tap])
        offsets = np.where(moves_bits, point[n + tap], level)
        to = bits * (2 * self.reach + 1) + offsets + self.reach
        return self._largest.linear(self._index(point), tap, to)

    def consumption(self, points: Bits) -> Floats:
        """Sum of the bits; offsets cost nothing."""
        return points[:, : self.fir.size].sum(axis=1).astype(np.float64)

    def taps(self, points: Bits) -> Floats:
        """Free taps (..., n) of points (..., 2 n)."""
        return np.asarray(self.values[np.arange(self.fir.size), self._index(points)])

    def judge(self, point: ArrayLike, density: int = 128) -> float:
        """Largest weighted error of a point (2 n,) on a fine grid, peaks between its points included."""
        return self.fir.spec.judge(self.taps(np.asarray(point)), self.fir.length, density)

    def grids(self, bits: ArrayLike) -> FirValues:
        """The values within reach at an allocation of bits (n,), judged on the grid of this problem."""
        grids = FirValues.of(self.fir, bits, self.fir.density)
        low = np.maximum(grids.low, grids.rounded - self.reach)
        return replace(grids, low=low, high=np.minimum(grids.high, grids.rounded + self.reach))

    def placed(self, bits: ArrayLike, rng: np.random.Generator, **effort: int) -> Bits:
        """The point (2 n,) of an allocation (n,) with the offsets that `FirValues.lattice` finds with that effort."""
        grids = self.grids(bits)
        return np.concatenate([np.asarray(bits, dtype=np.int64), grids.lattice(rng, **effort) - grids.rounded])

    def lattice(self, budget: float, rng: np.random.Generator, searches: int = 150) -> Bits:
        """A good point (2 n,): local search for the bits, each candidate judged with its values by a quick search.

        Begins with the closed forms; then a tap or two, chosen at random, gain a level and others lose what that costs,
        for `searches` candidates (about 20 ms each), improvements kept.
        """
        forms = [self.placed(bits, rng, **_QUICK) for bits in self.fir.closed_forms(budget).values()]
        errors = self.error(np.array(forms))
        best, least = forms[int(errors.argmin())], float(errors.min())
        n = self.fir.size
        for _ in range(searches):
            bits = self._neighbour(best[:n], budget, rng)
            if bits is None:
                continue
            point = self.placed(bits, rng, **_QUICK)
            error = float(self.error(point[None])[0])
            if error < least:
                best, least = point, error
        final = self.placed(best[:n], rng)
        return final if self.error(final[None])[0] < least else best

    def _neighbour(self, bits: Bits, budget: float, rng: np.random.Generator) -> Bits | None:
        """One or two taps rise a level and others fall until the budget holds; None where it cannot."""
        ladders = self.fir.ladders
        order = rng.permutation(self.fir.size)
        count = int(rng.integers(1, 3))
        bits = bits.copy()
        for k in order[:count]:
            bits[k] = min([b for b in ladders[k] if b > bits[k]], default=bits[k])
        for k in order[count:]:
            if bits.sum() <= budget:
                break
            bits[k] = max([b for b in ladders[k] if b < bits[k]], default=bits[k])
        return bits if bits.sum() <= budget else None

    def closed_forms(self, budget: float) -> dict[str, Bits]:
        """Those of the bits alone, rounded: points (2 n,)."""
        return {name: np.append(bits, np.zeros_like(bits)) for name, bits in self.fir.closed_forms(budget).items()}

    def problem(self, budget: float, rng: np.random.Generator | None = None, searches: int = 150) -> Problem:
        """Least error within `budget` bits in all. With `rng`, the point of `lattice` is among its starts."""
        starts = self.closed_forms(budget)
        if rng is not None:
            starts["lattice"] = self.lattice(budget, rng, searches)
        n, offsets = self.fir.size, range(-self.reach, self.reach + 1)
        levels = [*self.fir.ladders, *[tuple(offsets)] * n]
        return Problem(
            [f"h{k}" for k in range(n)] + [f"offset{k}" for k in range(n)],
            [row[0] for row in levels],
            [row[-1] for row in levels],
            self.error,
            self.consumption,
            budget=budget,
            levels=levels,
            linearise=self._linear,
            starts=starts,
        )
