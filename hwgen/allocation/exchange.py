"""Exchange descent: single moves and pairs (one variable up, another down) until none improves."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.baselines import find_remove
from hwgen.allocation.evaluator import Evaluation, Evaluator, Steps
from hwgen.allocation.ladders import Ints
from hwgen.allocation.walk import neighbours, relieve

# (levels up, levels down) of a pair, tried in this order: the longer ones only where the shorter found nothing.
REACHES = ((1, 1), (2, 1), (1, 2))
# Pairs evaluated before the best of them is taken.
BATCH = 256


def descend(evaluator: Evaluator, index: Ints, reaches: Sequence[tuple[int, int]] = REACHES) -> Steps[Ints]:
    """Exchange descent from a feasible point (n,) to a point no single move and no pair of ``reaches`` improves.

    Every accepted move lowers (objective, spent), so it ends. Pairs are tried in the order of the change their two
    halves make alone; with many variables only the most promising 4 n + 512 pairs of each reach are tried.
    """
    index = np.array(index, dtype=np.int64)
    now = yield from evaluator(index[None])
    if now.violation[0] > 0:
        index = yield from relieve(evaluator, index)
        now = yield from evaluator(index[None])
    while now.violation[0] == 0:
        better = yield from _improve(evaluator, index, now, reaches)
        if better is None:
            break
        index = better
        now = yield from evaluator(index[None])
    return index


def find_exchange(evaluator: Evaluator) -> Steps[None]:
    """Greedy remove, then exchange descent."""
    yield from find_remove(evaluator)
    yield from descend(evaluator, evaluator.best)


def _improve(
    evaluator: Evaluator, index: Ints, now: Evaluation, reaches: Sequence[tuple[int, int]]
) -> Steps[Ints | None]:
    """The first better point found, or None."""
    alone: dict[int, tuple[NDArray[np.intp], Evaluation]] = {}
    for reach in reaches:
        for step in (reach[0], -reach[1]):
            if step not in alone:
                alone[step] = yield from neighbours(evaluator, index, step)
                movable, after = alone[step]
                if movable.size and (row := int(after.order()[0])) >= 0 and after.key(row) < now.key(0):
                    found = index.copy()
                    found[movable[row]] += step
                    return found
        points = _pairs(index, now, (reach[0], *alone[reach[0]]), (-reach[1], *alone[-reach[1]]))
        for start in range(0, len(points), BATCH):
            batch = points[start : start + BATCH]
            tried = yield from evaluator(batch)
            row = int(tried.order()[0])
            if tried.key(row) < now.key(0):
                return batch[row]
    return None


def _pairs(
    index: Ints,
    now: Evaluation,
    up: tuple[int, NDArray[np.intp], Evaluation],
    down: tuple[int, NDArray[np.intp], Evaluation],
) -> Ints:
    """Points (Q, n) one exchange away, the most promising first by the sum of both halves."""
    (rise, ups, raised), (fall, downs, lowered) = up, down
    objective = raised.objective[:, None] + lowered.objective[None] - 2 * now.objective[0]
    spent = raised.spent[:, None] + lowered.spent[None] - 2 * now.spent[0]
    # Scaled, so that a pair which is better in one and worse in the other falls between.
    scale = [max(float(np.median(np.abs(values))), 1e-30) if values.size else 1.0 for values in (objective, spent)]
    score = objective / scale[0] + spent / scale[1]
    first, second = np.unravel_index(np.argsort(score, axis=None, kind="stable"), score.shape)
    keep = ups[first] != downs[second]
    first, second = first[keep][: 4 * index.size + 512], second[keep][: 4 * index.size + 512]
    points = np.tile(index, (first.size, 1))
    rows = np.arange(first.size)
    points[rows, ups[first]] += rise
    points[rows, downs[second]] += fall
    return points
