"""Greedy walks along the ladders: the moves every baseline is made of.

A move takes one variable to a neighbouring level. Going down costs error and saves consumption, going up the reverse;
a walk takes the move with the least cost per benefit. It goes one way only, so it ends whatever the
functions look like: at most sum(depth) moves.
"""

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.evaluator import Evaluation, Evaluator, Steps
from hwgen.allocation.ladders import Ints


def neighbours(evaluator: Evaluator, index: Ints, step: int) -> Steps[tuple[NDArray[np.intp], Evaluation]]:
    """Variables that can still move by ``step`` levels, and the evaluation of each such move alone."""
    target = index + step
    movable = np.flatnonzero((target >= 0) & (target <= evaluator.problem.depth))
    points = np.tile(index, (movable.size, 1))
    points[np.arange(movable.size), movable] += step
    found = yield from evaluator(points)
    return movable, found


def ranking(now: Evaluation, after: Evaluation, step: int, spends: bool, absolute: bool = False) -> NDArray[np.intp]:
    """Moves from best to worst: least cost per benefit, then those without benefit by cost alone.

    Downwards the cost is error and the benefit consumption, upwards the reverse. Towards feasibility
    the limited one of the two is measured by the violation, which counts every constraint. With ``absolute`` the
    change of the error alone decides, whatever the consumption.
    """
    objective = after.objective - now.objective[0]
    limited = after.violation - now.violation[0] if now.violation[0] > 0 else after.spent - now.spent[0]
    error, consumption = (objective, limited) if spends else (limited, objective)
    if absolute:
        return np.lexsort((np.arange(error.size), error))
    cost, benefit = (error, -consumption) if step < 0 else (consumption, -error)
    useful = benefit > 0
    score = np.where(useful, cost / np.where(useful, benefit, 1.0), cost)
    return np.lexsort((np.arange(score.size), score, ~useful))


def walk(
    evaluator: Evaluator, index: Ints, step: int, to_feasible: bool, allowance: int | None = None,
    absolute: bool = False,
) -> Steps[Ints]:  # fmt: skip
    """Walk up (step 1) or down (step -1): until feasible, or for as long as it stays feasible.

    One look around costs n evaluations. When single moves would exceed the allowance (by default what the evaluator has
    left), the best m moves of one look are taken together; every prefix of them is evaluated, and the walk stops
    at the boundary all the same. Returns the last point; the evaluator keeps the best.
    """
    index = np.array(index, dtype=np.int64)
    now = yield from evaluator(index[None])
    end = evaluator.unique + (evaluator.left if allowance is None else allowance)
    while (now.violation[0] > 0) == to_feasible:
        movable, after = yield from neighbours(evaluator, index, step)
        rows = ranking(now, after, step, evaluator.problem.spends, absolute)
        if not to_feasible:
            rows = rows[after.violation[rows] == 0]
        if not rows.size:
            break
        room = index if step < 0 else evaluator.problem.depth - index
        # Few walks use all the room there is: half of it spends the allowance better.
        moves = int(room[movable[rows]].sum()) // 2
        saved = now.violation[0] - after.violation
        if to_feasible and (saved > 0).any():
            moves = min(moves, int(np.ceil(now.violation[0] / saved[saved > 0].mean())))
        looks = max(1.0, (end - evaluator.unique) / (1.5 * index.size))
        block = min(rows.size, max(1, int(np.ceil(moves / looks))))
        chosen = movable[rows[:block]]
        points = index + step * np.tri(block, dtype=np.int64) @ np.eye(index.size, dtype=np.int64)[chosen]
        tried = after.rows(rows[:1]) if block == 1 else (yield from evaluator(points))
        feasible = np.flatnonzero(tried.violation == 0)
        last = block - 1
        if feasible.size:
            last = int(feasible[0] if to_feasible else feasible[-1])
        index = points[last]
        now = tried.rows(slice(last, last + 1))
    return index


def relieve(evaluator: Evaluator, index: Ints) -> Steps[Ints]:
    """Reduce the violation by the best single move of either way until feasible or stuck; every move reduces it."""
    index = np.array(index, dtype=np.int64)
    now = yield from evaluator(index[None])
    while now.violation[0] > 0:
        choices = []
        for step in (-1, 1):
            movable, after = yield from neighbours(evaluator, index, step)
            if movable.size:
                row = int(after.order()[0])
                choices.append((after.key(row), step, int(movable[row]), after.rows([row])))
        if not choices:
            break
        key, step, variable, after = min(choices, key=lambda choice: choice[:3])
        if key[0] >= now.violation[0]:
            break
        index[variable] += step
        now = after
    return index
