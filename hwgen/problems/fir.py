"""Bits for the taps of a linear-phase FIR filter: every free tap has its own number of bits, and so its own LSB.

Tap k with b bits, ``e_k = ceil(log2 |h_k|)``, lies on the grid ``q = 2**(e_k - (b - 1))``, rounded to nearest (halves
up) and clipped to ``[-2**e_k, 2**e_k - q]``. With 0 bits it is 0; a two's complement tap of 1 bit is useless, so levels
leave 1 out. Symmetric taps are tied: the consumption is the sum of bits over the free taps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Problem
from hwgen.problems.fir_milp import Optimum, choose
from hwgen.problems.fir_spec import Floats, Samples, Specification

Bits = NDArray[np.int64]
Measure = Literal["minimax", "least-squares"]

LEVELS = (0, *range(2, 15))
DENSITY = 12  # grid points of the error, times the degree of the filter
PEAK = 0.1  # of the largest residual: smaller peaks do not take part in screening moves
_SMALLEST = 2.0**-60  # taps below count as this when their exponent is taken


class Largest:
    """``max |matrix @ taps - wanted|`` of points that pick each tap from a row of a table, as fast as NumPy allows.

    Called with indices (P, n) into `table` (n, levels); returns (P,). `matrix` is (G, n), `wanted` (G,).
    """

    def __init__(self, table: Floats, matrix: Floats, wanted: Floats) -> None:
        self._flat = table.ravel()
        self._start = np.arange(table.shape[0])[:, None] * table.shape[1]
        self._rows = np.hstack([matrix, -wanted[:, None]])

    def __call__(self, index: Bits) -> Floats:
        # Points in columns: the maximum then runs over whole rows, which is twice as fast as along them.
        chosen = np.ones((len(self._start) + 1, len(index)))
        chosen[:-1] = self._flat[index.T + self._start]
        error = self._rows @ chosen
        np.abs(error, out=error)
        return np.asarray(error.max(axis=0))

    def linear(self, index: Bits, tap: Bits, to: Bits) -> tuple[Floats, Floats]:
        """Residuals (S,) at the peaks of a point (n,); what moving taps (M,) to indices (M,) adds to them (S, M)."""
        base = self._rows @ np.append(self._flat[index + self._start[:, 0]], 1.0)
        size = np.abs(base)
        rising, falling = np.append(True, size[1:] >= size[:-1]), np.append(size[:-1] >= size[1:], True)
        peaks = np.flatnonzero(rising & falling & (size > PEAK * size.max()))
        start = self._start[tap, 0]
        return base[peaks], self._rows[peaks[:, None], tap] * (self._flat[start + to] - self._flat[start + index[tap]])


class RootMeanSquare:
    """``sqrt(|root @ x|^2 + rest)`` of points that pick each component of x from a row of a table (n, levels)."""

    def __init__(self, table: Floats, root: Floats, rest: float) -> None:
        self._flat = table.ravel()
        self._start = np.arange(table.shape[0])[:, None] * table.shape[1]
        self._root, self._rest = root, rest

    def __call__(self, index: Bits) -> Floats:
        parts = self._root @ self._flat[index.T + self._start]
        return np.sqrt(np.einsum("ij,ij->j", parts, parts) + self._rest)

    def linear(self, index: Bits, tap: Bits, to: Bits) -> tuple[Floats, Floats]:
        """The error (1,) at a point (n,), and what moving each tap (M,) alone to an index (M,) adds to it (1, M)."""
        parts = self._root @ self._flat[index + self._start[:, 0]]
        start = self._start[tap, 0]
        d = self._flat[start + to] - self._flat[start + index[tap]]
        square = float(parts @ parts) + self._rest
        squares = square + 2 * d * (self._root.T @ parts)[tap] + d**2 * (self._root**2).sum(axis=0)[tap]
        return np.sqrt([square]), (np.sqrt(np.maximum(squares, 0.0)) - np.sqrt(square))[None, :]


@dataclass(frozen=True, eq=False)
class FirBits:
    """Every rounding of the best filter of N = `length` taps for a specification.

    Parameters
    ----------
    spec
        Bands, gains and weights.
    length
        Number of taps N; n = ceil(N / 2) of them are free.
    measure
        "minimax": the error is the largest weighted error on a grid, the unquantised taps are the minimax solution on a
        grid of 64 x degree points. "least-squares": root of the mean squared weighted error over the
        bands, exact, and its own best taps.
    levels
        Bits a tap may have, for all taps or one sequence for each free tap.
    density
        Points of the grid that the minimax error is taken on, times the degree.

    Raises
    ------
    ValueError
        A length below 3, levels of fewer than 0 or more than 32 bits, an unknown measure.
    """

    spec: Specification
    length: int
    measure: Measure = "minimax"
    levels: Sequence[int] | Sequence[Sequence[int]] = LEVELS
    density: int = DENSITY

    def __post_init__(self) -> None:
        if self.length < 3:
            raise ValueError(f"length must be at least 3, got {self.length}")
        if self.measure not in ("minimax", "least-squares"):
            raise ValueError(f'measure must be "minimax" or "least-squares", got {self.measure!r}')
        if self.density < 1:
            raise ValueError(f"density must be at least 1, got {self.density}")
        if len(self.levels) == 0 or (np.ndim(self.levels[0]) and len(self.levels) != self.size):
            raise ValueError(f"levels must be one sequence, or one for each of the {self.size} free taps")
        for ladder in self.ladders:
            if not ladder or min(ladder) < 0 or max(ladder) > 32:
                raise ValueError(f"levels must lie in [0, 32], got {list(ladder)}")

    @property
    def size(self) -> int:
        """Number of free taps n."""
        return (self.length + 1) // 2

    @cached_property
    def ladders(self) -> list[tuple[int, ...]]:
        """Levels of each free tap."""
        rows: Any = self.levels if np.ndim(self.levels[0]) else [self.levels] * self.size
        return [tuple(int(level) for level in row) for row in rows]

    @cached_property
    def ideal(self) -> Floats:
        """Unquantised free taps (n,), the middle one first."""
        if self.measure == "minimax":
            return self.spec.minimax(self.length)
        Q, b, _ = self.spec.gram(self.length)
        return np.asarray(np.linalg.solve(Q, b))

    @cached_property
    def exponents(self) -> Bits:
        """``e_k`` of every free tap: the smallest power of two that is no less than its magnitude."""
        return np.ceil(np.log2(np.maximum(np.abs(self.ideal), _SMALLEST))).astype(np.int64)

    @cached_property
    def lsbs(self) -> Floats:
        """Grid spacing q of every free tap at every number of bits, shape (n, most + 1)."""
        most = max(max(ladder) for ladder in self.ladders)
        return np.ldexp(1.0, (self.exponents[:, None] - (np.arange(most + 1) - 1)).astype(np.int32))

    @cached_property
    def values(self) -> Floats:
        """Value of every free tap at every number of bits, shape (n, most + 1); 0 at 0 bits."""
        q = self.lsbs
        top = np.ldexp(1.0, self.exponents.astype(np.int32))[:, None]
        values = np.clip(np.floor(self.ideal[:, None] / q + 0.5) * q, -top, top - q)
        values[:, 0] = 0.0
        return values

    @cached_property
    def samples(self) -> Samples:
        """The grid the minimax error is taken on."""
        return self.spec.samples(self.length, self.density)

    @cached_property
    def useful(self) -> list[tuple[int, ...]]:
        """The ladders without the levels whose value a tap already has with fewer bits: they never help.

        Whole bits of a rounded constant are zero by chance, so this is a third of them, and a move to the neighbouring
        level always changes the filter.
        """
        first = [{float(self.values[k, b]): b for b in reversed(row)} for k, row in enumerate(self.ladders)]
        return [tuple(sorted(chosen.values())) for chosen in first]

    def taps(self, bits: Bits) -> Floats:
        """Quantised free taps of bits (..., n), same shape."""
        return self.values[np.arange(self.size), bits]

    def judge(self, bits: Bits, density: int = 128) -> float:
        """Largest weighted error of bits (n,) on a grid of density x degree points, peaks between them included."""
        return self.spec.judge(self.taps(np.asarray(bits)), self.length, density)

    @cached_property
    def error(self) -> Largest | RootMeanSquare:
        """The error by its `measure`: bits (P, n) -> (P,)."""
        if self.measure == "minimax":
            matrix, wanted, _ = self.samples
            return Largest(self.values, matrix, wanted)
        Q, b, c = self.spec.gram(self.length)
        root = np.asarray(np.linalg.cholesky(Q), dtype=np.float64)
        rest = max(0.0, c - float(b @ self.ideal))
        return RootMeanSquare(self.values - self.ideal[:, None], root.T, rest)

    @staticmethod
    def consumption(bits: Bits) -> Floats:
        """Sum of the bits of all free taps: (P, n) -> (P,)."""
        return bits.sum(axis=1).astype(np.float64)

    def closed_forms(self, budget: float) -> dict[str, Bits]:
        """Allocations (n,) by rule, within the levels and the budget.

        "equal-bits": the same for every tap. "equal-lsb": taps share the finest LSB that fits, and what is left goes to
        the taps with the largest rounding errors. Both take the largest level that is no more than the rule's.

        Raises
        ------
        ValueError
            The budget is below the lowest levels.
        """
        lowest = sum(row[0] for row in self.useful)
        if budget < lowest:
            raise ValueError(f"budget must be at least {lowest}, the sum of the lowest levels, got {budget:g}")
        rules = {"equal-bits": np.zeros(self.size, dtype=np.int64), "equal-lsb": self.exponents + 1}
        forms = {}
        for name, offsets in rules.items():
            common = int(-offsets.max())
            while common < 32 - offsets.min() and self._floor(offsets + common + 1).sum() <= budget:
                common += 1
            bits = self._floor(offsets + common)
            forms[name] = self._filled(bits, budget) if name == "equal-lsb" else bits
        return forms

    def _floor(self, wanted: Bits) -> Bits:
        """The largest level of each tap that is at most `wanted` (n,), else its lowest."""
        return np.array(
            [max([b for b in row if b <= w], default=row[0]) for row, w in zip(self.useful, wanted, strict=True)]
        )

    def _filled(self, bits: Bits, budget: float) -> Bits:
        """One level after another to the tap with the largest rounding error that can still have it."""
        bits = bits.copy()
        while True:
            room = budget - bits.sum()
            above = [
                min([b for b in row if b > have], default=None) for row, have in zip(self.useful, bits, strict=True)
            ]
            able = [k for k, level in enumerate(above) if level is not None and level - bits[k] <= room]
            if not able:
                return bits
            missing = np.abs(self.taps(bits) - self.ideal)
            k = max(able, key=lambda tap: float(missing[tap]))
            bits[k] = above[k] or 0

    def problem(self, budget: float | None = None, goal: float | None = None, certify: float | None = None) -> Problem:
        """Least error within `budget` bits in all, or the fewest bits with at most the error `goal`.

        With `certify` seconds, its bound (of a budget) is computed when asked for.
        """
        certified = budget is not None and certify is not None
        return Problem(
            [f"h{k}" for k in range(self.size)],
            [row[0] for row in self.useful],
            [row[-1] for row in self.useful],
            self.error,
            self.consumption,
            budget=budget,
            goal=goal,
            levels=self.useful,
            offsets=self.exponents + 1,
            linearise=self.error.linear,
            starts={} if budget is None else self.closed_forms(budget),
            bound=(lambda: self.bound(budget, certify)) if certified else None,  # type: ignore[arg-type]
        )

    def optimum(
        self, budget: float, time_limit: float = 60.0, cutoff: float | None = None, tolerance: float = 1e-3
    ) -> Optimum:
        """The exact optimum by integer programming, or how far it came in `time_limit` seconds; ``choice`` is in bits.

        `cutoff` is the error of a known allocation: nothing worse is looked for, which saves most of the time. The
        minimax error only.
        """
        if self.measure != "minimax":
            raise ValueError('the integer program is linear: it takes measure "minimax" only')
        values = [self.values[k, list(row)] for k, row in enumerate(self.useful)]
        found = choose(values, self.useful, self.samples, budget, time_limit, cutoff, tolerance)
        if found.choice is None:
            return found
        bits = tuple(row[index] for row, index in zip(self.useful, found.choice, strict=True))
        return replace(found, choice=bits)

    def bound(self, budget: float, time_limit: float = 60.0, cutoff: float | None = None) -> float:
        """Error below which no allocation within the budget comes, certified.

        Minimax: by `optimum`. Least squares: the error of the unquantised filter.
        """
        if self.measure == "minimax":
            return self.optimum(budget, time_limit, cutoff).bound
        _, b, c = self.spec.gram(self.length)
        return float(np.sqrt(max(0.0, c - float(b @ self.ideal))))
