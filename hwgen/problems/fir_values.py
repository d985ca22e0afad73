"""Which value every tap takes on its grid: rounding each to nearest is far from the best filter of those grids.

Rounding errors of different taps can cancel in the response. Weighted least squares makes them a lattice, in which the
close vectors are found at random; the weights grow where the best filter so far has its largest errors (Lawson's
iteration towards the minimax norm), and short lattice vectors take the best few down to a local minimum of
the largest error. The lattice view of this problem is that of Brisebarre, Filip and Hanrot (IEEE TSP 66(10), 2018).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from hwgen.allocation import Problem
from hwgen.problems.fir import FirBits, Largest
from hwgen.problems.fir_spec import Floats, Samples, Specification
from hwgen.problems.lattice import Integers, draw, reduce, short, triangle

DENSITY = 16  # grid points of the error, times the degree of the filter
_SPREADS = (0.2, 0.3, 0.4, 0.6)  # noise of the random planes, in units of the grid; beyond, few draws are any good
_MOVES = 600  # short vectors of a descent
_LEAST_WEIGHT = 0.02  # of the mean: a point of no error now may have one later


@dataclass(frozen=True, eq=False)
class FirValues:
    """Linear-phase filters whose free tap k is an integer m_k times its own LSB.

    Parameters
    ----------
    spec, length
        What the filter shall do, and its number of taps N; n = ceil(N / 2) of them are free.
    lsbs
        Spacing of each free tap's grid, shape (n,); 0 for a tap that is 0.
    low, high
        Bounds of the integers, shape (n,).
    density
        Grid points on which the error is taken, times the degree.

    Raises
    ------
    ValueError
        Arrays of another shape, negative spacings, bounds that leave no value.
    """

    spec: Specification
    length: int
    lsbs: Floats
    low: Integers
    high: Integers
    density: int = DENSITY

    def __post_init__(self) -> None:
        for name, kind in (("lsbs", np.float64), ("low", np.int64), ("high", np.int64)):
            value = np.asarray(getattr(self, name), dtype=kind)
            if value.shape != ((self.length + 1) // 2,):
                raise ValueError(f"{name} must have {(self.length + 1) // 2} entries, got shape {value.shape}")
            object.__setattr__(self, name, value)
        if not (np.isfinite(self.lsbs) & (self.lsbs >= 0)).all():
            raise ValueError("lsbs must be finite and at least 0")
        if (self.low > self.high).any():
            raise ValueError("low must not exceed high")

    @classmethod
    def uniform(cls, spec: Specification, length: int, bits: int, density: int = DENSITY) -> "FirValues":
        """All taps on one grid, m / 2^(bits - 1) with m in [-2^(bits - 1), 2^(bits - 1) - 1]."""
        if not 2 <= bits <= 32:
            raise ValueError(f"bits must lie in [2, 32], got {bits}")
        n, half = (length + 1) // 2, 1 << (bits - 1)
        return cls(spec, length, np.full(n, 1 / half), np.full(n, -half), np.full(n, half - 1), density)

    @classmethod
    def of(cls, fir: FirBits, bits: ArrayLike, density: int = DENSITY) -> "FirValues":
        """The grids that an allocation of bits (n,) gives to the taps; `FirBits` itself only rounds to them."""
        chosen = np.asarray(bits, dtype=np.int64)
        half = np.where(chosen > 0, 1 << np.maximum(chosen - 1, 0), 0)
        lsbs = np.where(chosen > 0, fir.lsbs[np.arange(fir.size), chosen], 0.0)
        return cls(fir.spec, fir.length, lsbs, -half, np.maximum(half - 1, 0), density)

    @cached_property
    def ideal(self) -> Floats:
        """Unquantised free taps (n,): the minimax solution on a grid of 64 x degree points."""
        return self.spec.minimax(self.length)

    @cached_property
    def samples(self) -> Samples:
        """The grid the error is taken on."""
        return self.spec.samples(self.length, self.density)

    @cached_property
    def rounded(self) -> Integers:
        """The integers (n,) next to the ideal taps, halves up."""
        used = self.lsbs > 0
        scaled = np.where(used, self.ideal / np.where(used, self.lsbs, 1.0), 0.0)
        return np.clip(np.floor(scaled + 0.5).astype(np.int64), self.low, self.high)

    def taps(self, integers: Integers) -> Floats:
        """Free taps of integers (..., n)."""
        return integers * self.lsbs

    def error(self, integers: Integers) -> Floats:
        """Largest weighted error of integers (P, n) on the grid; inf outside the bounds."""
        largest = np.abs(self.taps(integers) @ self.samples.matrix.T - self.samples.wanted).max(axis=1)
        return np.where(((integers >= self.low) & (integers <= self.high)).all(axis=1), largest, np.inf)

    def judge(self, integers: Integers, density: int = 128) -> float:
        """Largest weighted error of integers (n,) on a fine grid, peaks between its points included."""
        return self.spec.judge(self.taps(integers), self.length, density)

    def lattice(self, rng: np.random.Generator, rounds: int = 12, draws: int = 16000, descents: int = 40) -> Integers:
        """The best integers (n,) found; never worse than `rounded`. About a tenth of a second for each round.

        Parameters
        ----------
        rounds
            Reweightings; each reduces the basis of its weights, draws vectors and descends from the best of them.
        draws, descents
            Of each round.
        """
        used = np.flatnonzero(self.lsbs > 0)
        best = self.rounded
        if not used.size:
            return best
        matrix = self.samples.matrix[:, used] * self.lsbs[used]
        target = self.ideal[used] / self.lsbs[used]
        least = float(self.error(best[None])[0])
        weight = np.ones(len(matrix))
        spread = np.resize(_SPREADS, draws)
        for turn in range(rounds):
            if turn:
                residual = np.abs(self.taps(best) @ self.samples.matrix.T - self.samples.wanted)
                weight = weight * np.sqrt(residual / residual.max())
                weight = weight / weight.mean() + _LEAST_WEIGHT
            basis = triangle(np.sqrt(weight)[:, None] * matrix)
            U = reduce(basis)
            drawn = np.zeros((draws, len(self.lsbs)), dtype=np.int64)
            drawn[:, used] = draw(basis, U, target, spread, rng)
            errors = self.error(drawn)
            moves = np.zeros((2 * used.size**2, len(self.lsbs)), dtype=np.int64)
            moves[:, used] = short(U)
            change = self.taps(moves) @ self.samples.matrix.T
            order = np.argsort(np.abs(change).max(axis=1), kind="stable")[:_MOVES]
            moves, change = moves[order], change[order]
            # Equal vectors have equal errors: one of each error is enough to descend from.
            for row in np.unique(errors, return_index=True)[1][:descents]:
                if np.isfinite(errors[row]):
                    found, error = self._descend(drawn[row], moves, change)
                    if error < least:
                        best, least = found, error
        return best

    def _descend(self, integers: Integers, moves: Integers, change: Floats) -> tuple[Integers, float]:
        """Steepest descent from integers (n,) by moves (K, n) that change the response by (K, G), and its error."""
        residual = self.taps(integers) @ self.samples.matrix.T - self.samples.wanted
        least = float(np.abs(residual).max())
        while True:
            after = integers + moves
            size = np.abs(change + residual).max(axis=1)
            size[((after < self.low) | (after > self.high)).any(axis=1)] = np.inf
            row = int(size.argmin())
            if not size[row] < least * (1 - 1e-12):
                return integers, least
            integers, residual, least = after[row], residual + change[row], float(size[row])

    def problem(self, reach: int = 2, starts: Mapping[str, Integers] | None = None) -> Problem:
        """Offsets from the rounded integers, up to `reach` either way, as a problem without a price.

        Integers (n,) in `starts` become its starting points, and widen the reach of the taps that need it.
        """
        if reach < 1:
            raise ValueError(f"reach must be at least 1, got {reach}")
        offsets = {name: np.asarray(start, dtype=np.int64) - self.rounded for name, start in (starts or {}).items()}
        reaching = np.array([np.zeros_like(self.rounded), *offsets.values()])
        low = np.maximum(np.minimum(reaching.min(axis=0), -reach), self.low - self.rounded)
        high = np.minimum(np.maximum(reaching.max(axis=0), reach), self.high - self.rounded)
        table = ((self.rounded + low)[:, None] + np.arange(int((high - low).max()) + 1)) * self.lsbs[:, None]
        error = Largest(table, self.samples.matrix, self.samples.wanted)
        return Problem(
            [f"h{k}" for k in range(len(low))], low, high,
            lambda offset: error(offset - low), lambda offset: np.zeros(len(offset)),
            budget=0, starts=offsets, linearise=lambda offset, tap, to: error.linear(offset - low, tap, to - low[tap]),
        )  # fmt: skip
