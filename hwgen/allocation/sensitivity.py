"""What one level of each variable is worth, measured once, so that repair need not look around at every step.

Repair always works towards a budget. A goal becomes one: less consumption than the best point that meets the goal.
"""

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.evaluator import Evaluation, Evaluator, Steps, judge
from hwgen.allocation.ladders import Ints
from hwgen.allocation.problem import HUGE, TOLERANCE, Problem

Table = NDArray[np.float64]

# Rounds of prediction and correction for points whose limits the additive model does not predict exactly.
ROUNDS = 3
# Random points that the additive model is tried on.
PROBES = 6


def rungs(problem: Problem) -> tuple[Ints, Ints]:
    """The ladder and the position of every level there is, by ladder."""
    return tuple(np.nonzero(np.arange(int(problem.depth.max()) + 1) <= problem.depth[:, None]))  # type: ignore[return-value]


class Aim:
    """What the swarm is after: the problem itself under a budget; under a goal, the smallest violation below a cap.

    The cap lies just below the consumption of the best feasible point, and comes down with it. Where
    no point is feasible yet, it is the consumption of ``top``, all-upper (2 + C,).
    """

    def __init__(self, evaluator: Evaluator, top: Table) -> None:
        self.evaluator, self.problem, self.cap = evaluator, evaluator.problem, float(top[1])
        self.tighten()

    def tighten(self) -> None:
        """Bring the cap below the best consumption known."""
        if self.evaluator.feasible:
            best = float(self.evaluator.best_values[1])
            self.cap = best - 1e-9 * max(abs(best), 1e-9)

    @property
    def limited(self) -> NDArray[np.bool_]:
        """Which columns (2 + C,) the repair must bring down."""
        if self.problem.spends:
            return np.isfinite(self.problem.limits)
        return np.arange(2 + len(self.problem.constraints)) == 1

    def excess(self, values: Table) -> Table:
        """Relative excess (...,) of values (..., 2 + C) over what repair must respect."""
        if self.problem.spends:
            return self.problem.excess(values)
        over = (values[..., 1] - self.cap) / (abs(self.cap) or 1.0)
        return np.where(over > TOLERANCE, over, 0.0)

    def room(self, values: Table) -> list[tuple[int, float]]:
        """(Column, what may be added to it) for every column that repair must respect, at values (2 + C,)."""
        limits = self.problem.limits
        if not self.problem.spends:
            limits = np.full(limits.size, np.inf)
            limits[1] = self.cap
        slack = limits - values + 1e-9 * np.abs(limits)
        return [(column, float(slack[column])) for column in np.flatnonzero(np.isfinite(limits)).tolist()]

    def judge(self, values: Table) -> Evaluation:
        """Read raw columns (P, 2 + C) as objective and violation of the aim."""
        if self.problem.spends:
            return judge(self.problem, values)
        return Evaluation(self.problem.excess(values), self.excess(values), values[:, 0], values)

    def read(self, found: Evaluation) -> Evaluation:
        """What was found, as objective and violation of the aim."""
        return found if self.problem.spends else self.judge(found.values)

    def order(self, values: Table) -> NDArray[np.intp]:
        """Rows of values (P, 2 + C), best first."""
        return self.judge(values).order()


class Sensitivity:
    """Additive model of every quantity around all-upper, and the greedy repair built on it.

    ``delta[k, l]`` (n, levels, 2 + C) is the change of each column of `Problem.measure` when variable k alone is at
    level l and the others are at their top. Up to ``allowance`` evaluations measure it; with more
    levels than that, those between are interpolated. ``exact`` says that the model predicted the limited
    quantities of a few random points exactly (a sum of bits, say); then repair needs one evaluation a point.

    ``criterion`` is what a level is worth in error: "separable" (this model), "gradient" (`Problem.criterion`)
    or "finite difference" (measured around each point, n evaluations each).
    """

    @classmethod
    def measured(
        cls, evaluator: Evaluator, allowance: int, criterion: str, besides: Ints | None = None
    ) -> Steps["Sensitivity"]:
        """Measure the model around all-upper within ``allowance`` evaluations, and ``besides`` (P, size) with it."""
        problem = evaluator.problem
        levels = int(problem.depth.max()) + 1
        count = int(np.clip(allowance // problem.size, 2, levels))
        complete = count == levels
        if complete:
            owner, position = rungs(problem)
        else:
            grids = [np.unique(np.linspace(0, top, min(count, top + 1)).round().astype(int)) for top in problem.depth]
            owner = np.repeat(np.arange(problem.size), [grid.size for grid in grids])
            position = np.concatenate(grids)
        # All-upper, every level alone, and a few points to try the model on. They come from a generator of its own:
        # probing must not shift the numbers that the search draws.
        probe = np.random.default_rng(0).integers(0, problem.depth + 1, (PROBES, problem.size))
        points = np.tile(problem.depth, (1 + owner.size, 1))
        points[np.arange(owner.size) + 1, owner] = position
        batch = [points, probe] if besides is None else [points, probe, besides]
        values = (yield from evaluator(np.concatenate(batch))).values[: len(points) + PROBES]
        top, changes = values[0], values[1:-PROBES] - values[0]
        delta: Table = np.zeros((problem.size, levels, values.shape[1]))
        delta[owner, position] = changes
        if not complete:
            for k, grid in enumerate(grids):
                for column in range(values.shape[1]):
                    delta[k, :, column] = np.interp(np.arange(levels), grid, delta[k, grid, column])
        model = cls(evaluator, top, delta, criterion)
        limited = model.aim.limited
        actual = values[-PROBES:, limited]
        predicted = model.predict(probe)[:, limited]
        model.exact = bool((np.abs(actual - predicted) <= 1e-9 * (np.abs(actual) + 1e-30)).all())
        return model

    def __init__(self, evaluator: Evaluator, top: Table, delta: Table, criterion: str) -> None:
        self.evaluator, self.problem, self.top, self.delta = evaluator, evaluator.problem, top, delta
        self.criterion, self.exact = criterion, False
        self.columns = np.arange(self.problem.size)
        self.ladder, self.position = rungs(self.problem)
        steps = np.arange(delta.shape[1])
        self.change = {
            step: self.delta[:, np.clip(steps + step, 0, len(steps) - 1)] - self.delta for step in (-1, 1)
        }  # of one move, by direction
        self.aim = Aim(evaluator, self.top)

    def predict(self, index: Ints) -> Table:
        """Every column at ladder positions (P, n), by the additive model: (P, 2 + C)."""
        return self.top + self.delta[self.columns, index].sum(axis=1)

    def repair(self, index: Ints, noise: Table | None = None) -> Steps[tuple[Ints, Evaluation]]:
        """Make points (P, n) feasible by the greedy criterion, then use what is left. Returns them evaluated.

        Moves are planned on the model; where that is not exact, it is scaled to the value just measured and the plan
        is repeated, ROUNDS times at most. ``noise`` (P, n) multiplies the criterion, to break its monotony.
        """
        ratio = np.ones((len(index), self.top.size))
        if not self.exact:
            ratio = self._ratio(index, (yield from self._measure(index)))
        index = yield from self._plan(index, ratio, noise)
        best, found = index, (yield from self._measure(index))
        for _ in range(ROUNDS):
            rows = np.flatnonzero((found.violation > 0) | (not self.exact))
            if not rows.size:
                break
            ratio = self._ratio(best[rows], found.rows(rows))
            index = yield from self._plan(best[rows], ratio, None if noise is None else noise[rows])
            moved = (index != best[rows]).any(axis=1)
            if not moved.any():
                break
            rows, index = rows[moved], index[moved]
            tried = yield from self._measure(index)
            better = [tried.key(row) < found.key(at) for row, at in enumerate(rows)]
            best = best.copy()
            best[rows[better]] = index[better]
            found = Evaluation(*(column.copy() for column in found))
            for column, news in zip(found, tried, strict=True):
                column[rows[better]] = news[better]
        return best, found

    def _measure(self, index: Ints) -> Steps[Evaluation]:
        return self.aim.read((yield from self.evaluator(index)))

    def _ratio(self, index: Ints, actual: Evaluation) -> Table:
        """Scale (P, 2 + C) that makes the model right at the measured points."""
        predicted = self.predict(index)
        usable = (predicted > 0) & (actual.values > 0)
        return np.clip(np.where(usable, actual.values / np.where(usable, predicted, 1.0), 1.0), 1e-6, 1e6)

    def _plan(self, index: Ints, ratio: Table, noise: Table | None) -> Steps[Ints]:
        """Down to the limits, dropping the level with the least error per consumption; then up while they hold."""
        index = np.array(index, dtype=np.int64)
        for step, filling in ((-1, False), (1, True)):
            start = index.copy()
            harm = yield from self._harm(start, step)
            # Every round moves at least one level of each active row one way, so this ends.
            for _ in range(int(self.problem.depth.sum())):
                values = self.predict(index) * ratio
                over = self.aim.excess(values) > 0
                active = np.flatnonzero(~over if filling else over)
                if not active.size or not self._move(index, active, step, filling, values, ratio, harm, start, noise):
                    break
        return index

    def _move(
        self, index: Ints, rows: NDArray[np.intp], step: int, filling: bool, values: Table, ratio: Table,
        harm: Table | None, start: Ints, noise: Table | None,
    ) -> bool:  # fmt: skip
        """Take about half of the best moves each row still needs, in place; False when no row can move."""
        here = index[rows]
        target = here + step
        change = self.change[step][self.columns, here] * ratio[rows, None]
        price = self._price(here, step, rows, harm, start)
        if noise is not None:
            price = price * noise[rows]
        possible = (target >= 0) & (target <= self.problem.depth)
        if filling:
            possible &= self.aim.excess(values[rows, None] + change) == 0
        price = np.where(possible, price, np.inf)
        order = np.argsort(price, axis=1, kind="stable")
        running = values[rows, None] + np.cumsum(np.take_along_axis(change, order[..., None], axis=1), axis=1)
        over = self.aim.excess(running) > 0
        # Filling: the prefix before the first excess. Repairing: the prefix that ends the excess.
        ends = over if filling else ~over
        count = np.where(ends.any(axis=1), ends.argmax(axis=1) + (not filling), self.problem.size)
        count = np.minimum(np.maximum(1, count // 2), possible.sum(axis=1))
        taken = np.zeros_like(here)
        np.put_along_axis(taken, order, (np.arange(self.problem.size) < count[:, None]).astype(np.int64), axis=1)
        index[rows] = here + step * taken
        return bool(taken.any())

    def _harm(self, index: Ints, step: int) -> Steps[Table | None]:
        """The change of the error (P, size) by one level down (or up, from one level above); None: by the model."""
        if self.criterion == "separable":
            return None
        above = np.minimum(index + (step > 0), self.problem.depth)
        if self.criterion == "finite difference":
            return (yield from self._differences(above))
        bits = self.problem.bits(above)
        try:
            harm: Table = np.array(self.problem.criterion(bits), dtype=np.float64)  # type: ignore[misc]
        except Exception as problem:
            raise ValueError(f"the criterion failed on bits such as {bits[0].tolist()}: {problem!r}") from problem
        if harm.shape != bits.shape or np.isnan(harm).any():
            raise ValueError(f"the criterion must return numbers of shape {bits.shape}, got shape {harm.shape}")
        return self.problem.pooled(np.clip(harm, -HUGE, HUGE), total=True)

    def _differences(self, index: Ints) -> Steps[Table]:
        """The rise of the error (P, size) when each variable alone drops one level, measured point by point."""
        movable = index > 0
        rows, variables = np.nonzero(movable)
        points = np.concatenate([index, index[rows]])
        points[len(index) + np.arange(rows.size), variables] -= 1
        error = (yield from self.evaluator(points)).values[:, 0]
        harm = np.zeros(index.shape)
        harm[rows, variables] = error[len(index) :] - error[rows]
        return harm

    def _price(self, here: Ints, step: int, rows: NDArray[np.intp], harm: Table | None, start: Ints) -> Table:
        """Cost per benefit (P, n) of one move; moves without benefit come last."""
        change = self.change[step][self.columns, here]
        # An error that falls by half with every bit is what the criterion is extrapolated with.
        error = change[..., 0] if harm is None else -step * harm[rows] * 2.0 ** (start[rows] - here)
        cost, benefit = (error, -change[..., 1]) if step < 0 else (change[..., 1], -error)
        useful = benefit > 0
        return np.where(useful, cost / np.where(useful, benefit, 1.0), 1e200 + np.clip(cost, -1e199, 1e199))
