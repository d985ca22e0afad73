"""From a family of equalisers to the cheapest widths that meet the goal: noise model first, bit-true model last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import ALGORITHMS, Infeasible, Problem, allocate
from hwgen.allocation.answer import Allocation
from hwgen.cost.equalizer import Estimate
from hwgen.designs.equalizer_judge import Verdict
from hwgen.designs.equalizer_noise import KINDS, NoiseModel
from hwgen.designs.equalizer_widths import Family

Ints = NDArray[np.int64]
Judge = Callable[[Family, Sequence[Ints]], list[Verdict]]

_ATTEMPTS = 4  # corrections of the noise model by the bit-true one
_ROUNDS = 6  # of moves judged bit-true
_MOVES = 48  # judged in a round
_SUMS = 6  # of moves, judged after them
_ALIVE = 0.5  # least gain of a rounded update: where it is less, adaptation slows down and the noise model ends
_STEPS = {"weight": 6, "used": 7, "data": 7, "correlated": 7, "error": 7, "sum": 7}  # widths searched, at most


@dataclass(frozen=True, eq=False)
class Found:
    """A row, the allocation that it comes from, and the share of the budget that this was given."""

    row: Ints
    allocation: Allocation
    margin: float


@dataclass(frozen=True, eq=False)
class Sizing:
    """Sizes one family.

    Parameters
    ----------
    power, allowed
        Error power of the floating-point equaliser, and the most that a design may have, over the same streams.
    judge
        Runs rows bit-true.
    """

    family: Family
    model: NoiseModel
    estimate: Estimate
    finest: Ints
    power: float
    allowed: float
    judge: Judge

    @property
    def budget(self) -> float:
        """Power that roundings may add."""
        return self.allowed - self.power

    def meets(self, verdict: Verdict) -> bool:
        """Whether the goal is met and every coefficient is alive."""
        return verdict.power <= self.allowed and not verdict.stalled

    def cost(self, row: Ints) -> float:
        """Estimated LUTs."""
        return float(self.estimate.luts(self.family, row)[0])

    # ------------------------------------------------------------- noise model
    def calibrated(self) -> "Sizing":
        """The noise model with each kind's power as the bit-true model finds it where it matters."""
        rows = []
        for kind, members in enumerate(self.family.classes):
            levels = self._levels(members)
            own = np.array([self.model.parts(row)[0, kind] for row in levels])
            rows.append(levels[int(np.abs(np.log(np.maximum(own, 1e-300) / (0.4 * self.budget))).argmin())])
        base, *found = self.judge(self.family, [self.finest, *rows])
        scales = []
        for kind, (row, verdict) in enumerate(zip(rows, found, strict=True)):
            own = self.model.parts(row)[0, kind] - self.model.parts(self.finest)[0, kind]
            ratio = (verdict.power - base.power) / own if own > 0.02 * self.budget else 1.0
            scales.append(float(np.clip(ratio, 0.5, 3.0)))
        return replace(self, model=self.model.scaled(tuple(scales)))

    def _levels(self, members: Sequence[int]) -> list[Ints]:
        """The finest row with some words coarser, by one bit more each time."""
        rows = []
        for drop in range(24):
            row = self.finest.copy()
            row[members] -= drop
            rows.append(row)
        return rows

    def bounds(self) -> tuple[Ints, Ints]:
        """Fewest and most bits of each variable that are worth a search, (V,) each."""
        family, size = self.family, len(self.finest)
        base = self.model.added(self.finest)[0]
        low, high = self.finest.copy(), self.finest.copy()
        for v in range(size):
            kind = next(k for k, members in enumerate(family.classes) if v in members)
            rows = np.array(self._levels([v]))
            if KINDS[kind] == "weight":
                gains = self.model.tables[0][family.classes[0].index(v)]
                alive = gains[np.clip(rows[:, v], 0, len(gains) - 1)] >= _ALIVE
            else:
                alive = np.ones(len(rows), dtype=bool)
            possible = np.concatenate(family.split(rows), axis=1)[:, v] == rows[:, v]
            off = self.model.added(rows) - base
            kept = np.logical_and.accumulate(alive & possible & (off <= self.budget))
            enough = np.logical_and.accumulate(off <= self.budget / (20 * size))
            low[v] = rows[max(int(kept.sum()) - 1, 0), v]
            high[v] = max(rows[max(int(enough.sum()) - 1, 0), v], low[v] + 1)
            high[v] = min(high[v], low[v] + _STEPS[KINDS[kind]], self.finest[v])
        return low, np.maximum(high, low)

    def allocated(
        self, method: str, rng: np.random.Generator, evaluations: int, tied: bool = False, start: "Found | None" = None
    ) -> "Found | None":
        """The cheapest row by a method, its budget corrected until the bit-true model is just content; None if never.

        `tied`: each kind of word has one number of fraction bits for all taps. `start`: what another method found.
        """
        low, high = self.bounds()
        groups: list[list[str]] = []
        if tied:
            names = self.family.names
            for members in self.family.classes:
                low[members], high[members] = low[members].min(), high[members].max()
                groups += [[names[k] for k in members]] if len(members) > 1 else []
        margin, best = 1.0 if start is None else start.margin, None
        seeds = [] if start is None else [start.row]
        for _ in range(_ATTEMPTS):
            problem = Problem(
                self.family.names, low, high, self.model.added, lambda rows: self.estimate.luts(self.family, rows),
                goal=self.budget * margin, groups=groups,
            )  # fmt: skip
            share = max(evaluations // _ATTEMPTS, 100)
            try:
                if method == "gc-pso":
                    found = allocate(problem, rng, share, seeds=seeds, starts=("uniform", "greedy"))
                else:
                    found = ALGORITHMS[method](problem, rng, share)
            except Infeasible:
                break
            row = np.array(found.bits)
            verdict = self.judge(self.family, [row])[0]
            if self.meets(verdict) and (best is None or self.cost(row) < self.cost(best.row)):
                best = Found(row, found, margin)
            slack = self.budget / max(verdict.power - self.power, 0.2 * self.budget)
            if self.meets(verdict) and slack < 1.04:
                break
            for name in {stalled.split("_")[0] for stalled in verdict.stalled}:
                tap = int(name.removeprefix("tap"))
                low[self.family.classes[0] if tied else [tap]] += 1
                high = np.maximum(high, low)
            margin *= float(np.clip(slack, 0.4, 1.6)) * (0.98 if slack < 1 else 1.0)
        return best

    # --------------------------------------------------------- bit-true moves
    def polished(self, row: Ints, tied: bool = False) -> list[Ints]:
        """Rows on a descent in estimated LUTs, each found good by the bit-true model, the cheapest last."""
        trail = [row]
        for _ in range(_ROUNDS):
            here = trail[-1]
            good = self._good(self._moves(here, tied))
            # Several moves that are good alone, and touch different words, may be good together.
            together, sums = here, list[Ints]()
            for move in good:
                if not ((together != here) & (move != here)).any():
                    together = together + move - here
                    sums.append(together)
            good += self._good(sums[1 : _SUMS + 1])
            if not good:
                break
            trail.append(min(good, key=self.cost))
        return trail

    def _good(self, rows: list[Ints]) -> list[Ints]:
        """Those of the rows that meet the goal, the cheapest first."""
        verdicts = self.judge(self.family, rows) if rows else []
        return sorted((row for row, v in zip(rows, verdicts, strict=True) if self.meets(v)), key=self.cost)

    def _moves(self, row: Ints, tied: bool) -> list[Ints]:
        """Cheaper rows nearby: one bit less somewhere, or two, with one more elsewhere or none; likely ones first."""
        steps = []
        for unit in self.family.classes if tied else [[v] for v in range(len(row))]:
            step = np.zeros_like(row)
            step[unit] = 1
            steps.append(step)
        found = [row - step for step in steps]
        found += [row - one + other for one in steps for other in steps if other is not one]
        found += [row - one - other for k, one in enumerate(steps) for other in steps[k:]]
        rows = np.array(found)
        # Words that the family would widen again are no moves.
        flat = np.concatenate(self.family.split(rows), axis=1)
        rows = np.unique(rows[(flat == rows).all(axis=1)], axis=0)
        if not len(rows):
            return []
        costs, here = self.estimate.luts(self.family, rows), self.cost(row)
        noise = self.model.added(rows) - self.model.added(row)[0]
        saved = here - costs
        order = np.argsort(noise / self.budget - saved / here * 4, kind="stable")
        return [rows[k] for k in order if saved[k] > 0.5 and noise[k] < 0.12 * self.budget][:_MOVES]


def uniform(family: Family) -> tuple[Family, list[Ints]]:
    """One width W for every word, the narrowest first; each kind of word has the range of its largest."""
    wide = replace(family, integers=(max(family.integers),) * family.bench.taps)
    rows, size = [], family.bench.taps
    for width in range(3, 25):
        weight, sample = width - wide.integers[0], min(width - wide.input.integer, wide.input.fraction)
        error = min(width - wide.error_integer, wide.output.fraction)
        words = [weight, weight, sample, sample]
        row = np.array([w for word in words for w in [word] * size] + [error, width - wide.output.integer])
        flat = np.concatenate(wide.split(row), axis=1)[0]
        if (flat == row).all() and wide.builds(row):
            rows.append(row)
    return wide, rows
