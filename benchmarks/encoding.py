"""Bit allocations as vectors of numbers, for optimisers that know nothing but boxes."""

from typing import Protocol

import numpy as np
from metering import Bits, Floats, Meter

from hwgen.allocation import Problem


class Encoding(Protocol):
    """Vectors (P, n) between `lower` and `upper` (n,), integers allowed, that stand for allocations.

    `starts` (S, n) are the closed forms of the problem.
    """

    lower: Floats
    upper: Floats
    starts: Floats

    def bits(self, x: Floats) -> Bits:
        """The allocations (P, n)."""

    def values(self, x: Floats, meter: Meter) -> Floats:
        """What to minimise (P,)."""


class Positions:
    """Positions on the ladders of levels, rounded; what exceeds the budget is penalised as hwgen's PPSO begins to.

    The penalty is a tenth of the error at all-lowest for each unit of consumption.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.lower, self.upper = np.zeros(problem.size), problem.depth.astype(float)
        self.starts = np.array([problem.index(start) for start in problem.starts.values()], dtype=float)
        lowest = problem.bits(np.zeros((1, problem.size), dtype=np.int64))
        self._weight = 0.1 * float(problem.error(lowest)[0])  # type: ignore[index]

    def bits(self, x: Floats) -> Bits:
        return self.problem.bits(np.clip(np.rint(x), 0, self.problem.depth))

    def over(self, x: Floats) -> Floats:
        """By how much the consumption exceeds the budget (P,), never below 0."""
        return np.maximum(0.0, np.asarray(self.problem.consumption(self.bits(x))) - self.problem.limit)

    def values(self, x: Floats, meter: Meter) -> Floats:
        return meter.distinct(self.bits(x)) + self._weight * self.over(x)


class Levels:
    """Relative precisions: every vector becomes a feasible allocation that uses the budget.

    Variable k wants offset_k + x_k + c bits, c the same for all and as large as the budget allows; what is left goes to
    those nearest to their next level. Equal x are the common LSB, so no vector is infeasible and few are far from good.
    The consumption must be a sum over the variables.
    """

    def __init__(self, problem: Problem, reach: float) -> None:
        self.problem = problem
        first = next(iter(problem.starts.values()), np.zeros(problem.size))
        offsets = np.asarray(first if problem.offsets is None else problem.offsets, dtype=float)
        self.lower, self.upper = np.full(problem.size, -reach), np.full(problem.size, reach)
        starts = np.array([start - offsets for start in problem.starts.values()])
        starts -= np.median(starts, axis=1, keepdims=True)
        self.starts = np.clip(starts, self.lower, self.upper)
        # What a wish of w bits becomes: the largest level that is no more, else the lowest. First position and cost
        # by whole w, then the next level and what it costs by position.
        n, most = problem.size, int(problem.depth.max())
        taken = np.minimum(np.arange(most + 1), problem.depth[:, None])
        levels = np.take_along_axis(problem.table, taken, axis=1)
        alone = np.zeros((n * (most + 1), n), dtype=np.int64)
        alone[np.arange(len(alone)), np.repeat(np.arange(n), most + 1)] = taken.ravel()
        costs = np.asarray(problem.consumption(problem.bits(alone))).reshape(n, most + 1)
        lowest = float(costs[0, 0])
        costs -= lowest
        self._limit = problem.limit - lowest
        self._offsets, self._base = offsets, int(levels.min()) - 1
        wishes = np.arange(self._base, int(levels.max()) + 1)
        position = np.array([np.searchsorted(row[: d + 1], wishes, side="right") - 1
                             for row, d in zip(levels, problem.depth, strict=True)]).clip(0)  # fmt: skip
        self._width, self._rows = len(wishes), np.arange(n) * len(wishes)
        self._position = position.ravel()
        self._cost = np.take_along_axis(costs, position, axis=1).ravel()
        end = np.arange(most + 1) >= problem.depth[:, None]
        self._next = np.where(end, np.inf, np.roll(levels, -1, axis=1)).ravel()
        self._price = np.where(end, np.inf, np.roll(costs, -1, axis=1) - costs).ravel()
        self._steps = np.arange(n) * (most + 1)

    def bits(self, x: Floats) -> Bits:
        wanted = x + self._offsets
        whole = np.floor(wanted)
        fraction = wanted - whole
        index = whole.astype(np.int64) - self._base

        def place(shift: Bits) -> Bits:
            return self._rows + np.minimum(np.maximum(index + shift[:, None], 0), self._width - 1)

        # The largest whole c that fits, by bisection.
        low = np.full(len(x), -int(index.max()))
        high = np.full(len(x), self._width - int(index.min()))
        for _ in range(int(high[0] - low[0]).bit_length()):
            middle = (low + high + 1) >> 1
            fits = self._cost[place(middle)].sum(axis=1) <= self._limit
            low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
        here = place(low)
        spent = self._cost[here]
        # Then its fraction: the variables step up in the order of theirs.
        rise = self._cost[place(low + 1)] - spent
        left = self._limit - spent.sum(axis=1)
        order = np.argsort(-fraction, axis=1)
        steps = np.zeros(index.shape, dtype=bool)
        affordable = np.take_along_axis(rise, order, axis=1).cumsum(axis=1) <= left[:, None]
        np.put_along_axis(steps, order, affordable, axis=1)
        position = self._position[np.where(steps, place(low + 1), here)]
        left -= np.where(steps, rise, 0.0).sum(axis=1)
        rows = np.arange(len(x))
        while rows.size:
            at = self._steps + position[rows]
            fits = self._price[at] <= left[rows, None]
            waiting = np.where(fits, self._next[at] - wanted[rows], np.inf)
            chosen = waiting.argmin(axis=1)
            able = np.isfinite(waiting[np.arange(len(rows)), chosen])
            rows, chosen = rows[able], chosen[able]
            left[rows] -= self._price[at[able, chosen]]
            position[rows, chosen] += 1
        return self.problem.bits(position)

    def values(self, x: Floats, meter: Meter) -> Floats:
        return meter.distinct(self.bits(x))
