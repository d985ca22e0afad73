"""Bits of a descent by search: the noise model proposes, the bit-true run decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Allocation, Infeasible, Problem, solve
from hwgen.blocks.descent import Descent
from hwgen.designs.descent_estimate import DescentEstimate, DescentWork
from hwgen.designs.descent_words import DROPS, TOPS, Ends, Words, mean_square
from hwgen.fixed import Format, to_float

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_TIMES, _TIGHTER = 16, 0.87  # how often, and by what, the noise model's limit is tightened
WORST = 1e30  # error of words that cannot be built
MORE = 3  # integer bits of an update above its trajectory's, so that it need not saturate


@dataclass(frozen=True, eq=False)
class Bits:
    """The word lengths of one set of coefficients as an allocation problem.

    Parameters
    ----------
    words
        What is allocated; its stimulus is what candidates are judged on.
    raw
        The stimulus as words of the input format.
    exact
        Exact x (n, count) for it.
    estimate
        LUTs from widths.
    limits
        Fewest and most bits of a word whose range holds its whole trajectory.
    """

    words: Words
    raw: Ints
    exact: Floats
    estimate: DescentEstimate
    limits: tuple[int, int] = (2, 20)
    sums: dict[tuple[Format | None, int], Ints] = field(default_factory=dict, repr=False)

    @cached_property
    def work(self) -> DescentWork:
        """Counts behind the estimate."""
        return DescentWork(self.words)

    @property
    def names(self) -> tuple[str, ...]:
        """Variables: bits of each word at its full range, its range, and bits that products keep.

        Bits of a word whose binary point moves on one stage are those of its range: as many in every iteration.
        """
        made = self.words.names
        cut = [f"{takes}*{makes}" for takes, _, makes in self.words.products]
        return (*made, *(f"{name} range" for name in made), *cut)

    @property
    def tied(self) -> list[list[str]]:
        """Variables that are one where a stage does all iterations."""
        if not self.words.shared:
            return []
        parts = ("",) if self.words.zoom else ("", " range")
        kinds = [(part, name[0]) for name in self.words.names for part in parts]
        own = [[f"{name}{part}" for name in self.words.names if name[0] == kind] for part, kind in dict.fromkeys(kinds)]
        own += [[f"{takes}*{makes}" for takes, _, makes in self.words.products if takes[0] == kind] for kind in "xr"]
        return [names for names in own if len(names) > 1]

    @property
    def bounds(self) -> tuple[Ints, Ints]:
        """Least and most of each variable."""
        size, count = len(self.words.names), len(self.words.products)
        low = np.repeat([self.limits[0], 0, 0], [size, size, count])
        high = np.repeat([self.limits[1], TOPS, DROPS], [size, size, count])
        high[size : 2 * size] += [MORE if name[0] == "u" else 0 for name in self.words.names]
        high[size : 2 * size] += np.where(self._moves, self._common - self.words.peaks, 0)
        if self.words.shared and self.words.coefficients.form == "residual":  # A x keeps every bit: see `foldable`
            low[2 * size :] = [DROPS if takes[0] == "x" else 0 for takes, _, _ in self.words.products]
        if self.words.loaded is not None:  # nothing of the trajectory saturates, and products keep every bit
            low[size:] = np.repeat([TOPS, DROPS], [size, count])
        return low, high

    @cached_property
    def _moves(self) -> NDArray[np.bool_]:
        """Which words (W,) have a binary point that moves on one stage."""
        return np.array([self.words.shared and self.words.zoom and name[0] in "rux" for name in self.words.names])

    @cached_property
    def _common(self) -> Ints:
        """The largest peak (W,) of each sort of word."""
        kinds, peaks = np.array([name[0] for name in self.words.names]), self.words.peaks
        return np.array([peaks[kinds == kind].max() for kind in kinds])

    def ends(self, bits: Ints) -> Ends:
        """Where words end for variables (P, V)."""
        size, peaks = len(self.words.names), self.words.peaks
        tops = peaks - TOPS + bits[:, size : 2 * size]
        return Ends(bits[:, :size] - np.where(self._moves, tops, peaks), tops, DROPS - bits[:, 2 * size :])

    def variables(self, ends: Ends) -> Ints:
        """The inverse of `ends`, (P, V)."""
        peaks = self.words.peaks
        whole = ends.fractions + np.where(self._moves, ends.tops, peaks)
        return np.column_stack([whole, ends.tops - peaks + TOPS, DROPS - ends.drops])

    def zoomed(self, common: Ends) -> list[Ints]:
        """Variables (V,) of ends that all iterations have in common, and of words that follow each one's own range:
        residuals, updates, states or several of them, of the same width and of a bit less.
        """
        found = [self.variables(common)[0]]
        every = dict.fromkeys(name[0] for name in self.words.names if name[0] in "rux")
        moving = [kinds for size, _ in enumerate(every, 1) for kinds in combinations(every, size)]
        for kinds, fewer in product(moving, (0, 1)):
            moves = np.array([name[0] in kinds for name in self.words.names])
            tops = common.tops - np.where(moves, self._common - self.words.peaks, 0)
            fractions = common.fractions + common.tops - tops - np.where(moves, fewer, 0)
            found.append(self.variables(Ends(fractions, tops, common.drops))[0])
        low, high = self.bounds
        return [np.clip(row, low, high) for row in found]

    def block(self, bits: Ints) -> Descent:
        """The block for variables (V,)."""
        return self.words.block(self.ends(bits[None]))

    # ------------------------------------------------------------------ judged
    def noise(self, bits: Ints) -> Floats:
        """Mean square error (P,) by the noise model."""
        return self.words.noise(self.ends(bits))

    def luts(self, bits: Ints) -> Floats:
        """Estimated LUTs (P,)."""
        return self.estimate.luts(self.work.features(self.ends(bits)))

    def total(self, bits: Ints) -> Floats:
        """Bits (P,) of all words together."""
        ends = self.ends(bits)
        widths = ends.fractions + ends.tops
        if self.words.shared:  # y, z, u0 and x1, or r0, u0 and x1: those of other iterations are the same
            widths = widths[:, : len({name[0] for name in self.words.names})]
        return np.asarray(widths.sum(axis=1), dtype=np.float64)

    def bit_true(self, bits: Ints) -> Floats:
        """Mean square error (P,) of the model itself over the stimulus; infinite where words are too narrow."""
        return np.array([self._run(row) for row in bits])

    def _run(self, row: Ints) -> float:
        try:
            block = self.block(row)
        except ValueError:  # a word without bits, or more of them than a model has
            return WORST
        sums = None
        if block.target is not None:  # most of the work, and the same for many candidates
            key = (block.taken, block.back().drop)
            if key not in self.sums:
                self.sums[key] = block.target_sums(self.raw)
            sums = self.sums[key]
        got = to_float(block.trace(self.raw, sums)[-1], block.output)
        return mean_square(got - self.exact, self.words.weights)

    # ------------------------------------------------------------------ search
    def problem(
        self,
        error: Callable[[Ints], Floats],
        spend: Callable[[Ints], Floats],
        goal: float | None = None,
        budget: float | None = None,
    ) -> Problem:
        """Least `spend` for an error up to `goal`, or least error for a `budget`."""
        low, high = self.bounds
        return Problem(self.names, low, high, error, spend, budget, goal, groups=self.tied)

    def uniform(self, limit: float, fixed: bool) -> Ints | None:
        """Variables (V,) of the cheapest equal widths that keep the bit-true error within the limit; None: none does.

        With a `fixed` range every word has one format, else its own range; either way the ranges may be up to `TOPS`
        bits short of the peak, and products keep every bit.
        """
        found = []
        for less in range(TOPS + 1 if self.words.loaded is None else 1):
            tops = self.words.peaks - less
            if fixed:
                tops = np.full_like(tops, tops.max())
            for width in range(self.limits[0], self.limits[1] + 1):
                ends = Ends((width - tops)[None], tops[None], np.zeros((1, len(self.words.products)), dtype=np.int64))
                if (row := self.variables(ends))[0, : len(tops)].min() >= 1 and self._run(row[0]) <= limit:
                    found.append(row[0])
                    break
        return min(found, key=lambda row: float(self.luts(row[None])[0])) if found else None

    def proposed(
        self,
        limit: float,
        algorithm: str,
        rng: np.random.Generator,
        evaluations: int,
        holds: Callable[[Ints], bool],
        seeds: Sequence[Ints] = (),
    ) -> "Proposal":
        """Fewest LUTs by the noise model, held to less and less error until the bit-true run `holds`."""
        tried: list[Allocation] = []
        for _ in range(_TIMES):
            if limit <= self.words.floor:
                break
            try:
                problem = self.problem(self.noise, self.luts, goal=limit)
                found = solve(problem, rng, evaluations, method=algorithm, seeds=seeds)
            except Infeasible:
                break
            tried.append(found)
            row = np.array(found.bits, dtype=np.int64)
            if holds(row):
                return Proposal(row, tuple(tried))
            limit *= _TIGHTER
        return Proposal(None, tuple(tried))

    def decided(
        self, starts: Sequence[Ints], limit: float, algorithm: str, rng: np.random.Generator, evaluations: int
    ) -> Allocation:
        """Fewest LUTs by the bit-true run, from points of which one keeps the limit."""
        return solve(
            self.problem(self.bit_true, self.luts, goal=limit), rng, evaluations, method=algorithm, seeds=starts
        )


@dataclass(frozen=True, eq=False)
class Proposal:
    """What the noise model proposed: variables within the bit-true limit, or None, and every search of it."""

    bits: Ints | None
    tried: tuple[Allocation, ...]
