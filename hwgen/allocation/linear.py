"""Moves screened on a linearisation of the error, so that only promising ones are evaluated.

A problem that knows the structure of its error (a response on a grid, a matrix inverse) can say for next to nothing
what several moves together do to it, to first order; then pairs of moves of any reach are ranked
without evaluating them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.baselines import uniform_points
from hwgen.allocation.evaluator import Evaluation, Evaluator, Steps
from hwgen.allocation.ladders import Ints
from hwgen.allocation.problem import Problem
from hwgen.allocation.sensitivity import Sensitivity

# Pairs x components predicted at a point, and single moves: they decide how many levels a move may take.
EFFORT, MOST = 300_000, 256
# The largest components of the error, looked at first: the pairs they rule out need not be looked at further.
FIRST = 3
# Most promising pairs evaluated at once.
SCREENED = 8
_APART = np.iinfo(np.int64).max  # no ladder has this number

Floats = NDArray[np.float64]


class Moves(NamedTuple):
    """M single moves around a point: ladders and positions (M,), and their linearised effect.

    The error after several of them is about ``max_s |base_s + sum of change_s|``, base (S,), change (S, M);
    ``columns`` (M, 2 + C) is what each adds to error, consumption and constraints by the additive model.
    """

    ladder: Ints
    position: Ints
    base: Floats
    change: Floats
    columns: Floats


def moves(problem: Problem, sensitivity: Sensitivity, index: Ints) -> Moves:
    """All moves around ``index`` (size,) of up to as many levels as pairs of them can be afforded, by ladder."""
    ladder, position = sensitivity.ladder, sensitivity.position
    distance = np.abs(position - index[ladder])
    away = np.flatnonzero(distance)
    ladder, position, distance = ladder[away], position[away], distance[away]
    base, change = problem.linearised(problem.bits(index), ladder, position)
    most = min(MOST, np.sqrt(2 * EFFORT / max(base.size, 1)))
    if ladder.size > most:
        reach = int(np.searchsorted(np.cumsum(np.bincount(distance, minlength=2)), most, side="right")) - 1
        near = distance <= max(reach, 1)
        ladder, position, change = ladder[near], position[near], change[:, near]
    delta = sensitivity.delta
    return Moves(ladder, position, base, change, delta[ladder, position] - delta[ladder, index[ladder]])


def promising(sensitivity: Sensitivity, index: Ints, now: Evaluation, count: int) -> Ints:
    """At most ``count`` points one or two moves away that should beat ``index``, the best first, (Q, size)."""
    around = moves(sensitivity.problem, sensitivity, index)
    first, second, predicted = _helpful(_standing_apart(around), sensitivity.aim.room(now.values[0]), count)
    best = np.arange(predicted.size)
    if best.size > count:
        best = np.argpartition(predicted, count)[:count]
    best = best[np.argsort(predicted[best], kind="stable")]
    points, rows = np.repeat(index[None], best.size, axis=0), np.arange(best.size)
    first, second = first[best], second[best]
    # A move alone is a pair with the last one, which moves nothing.
    for chosen in (first, np.where(second < around.ladder.size, second, first)):
        points[rows, around.ladder[chosen]] = around.position[chosen]
    return points


def _standing_apart(around: Moves) -> Moves:
    """The moves, and at the end one that changes nothing, on a ladder of its own."""
    M = around.ladder.size
    change, columns = np.zeros((around.base.size, M + 1)), np.zeros((M + 1, around.columns.shape[1]))
    change[:, :M], columns[:M] = around.change, around.columns
    ladder = np.append(around.ladder, _APART)
    return Moves(ladder, around.position, around.base, change, columns)


def _helpful(around: Moves, room: Sequence[tuple[int, float]], count: int) -> tuple[Ints, Ints, Floats]:
    """Pairs on two ladders with a predicted error below the present one, within the limits of the additive model.

    Returns the pairs and their error, the best ``count`` among them. The largest components, which bound the error from
    below, are predicted for all pairs at once, and the others only where that bound leaves it open.
    """
    size = np.abs(around.base)
    present = float(size.max(initial=0.0))
    # The moves are in the order of their ladders: each pair once. Arrays of all pairs are made once, too.
    inside = around.ladder[:, None] < around.ladder
    total, bound, within = np.empty(inside.shape), np.zeros(inside.shape), np.empty_like(inside)
    for column, most in room:
        np.add.outer(around.columns[:, column], around.columns[:, column], out=total)
        np.logical_and(inside, np.less_equal(total, most, out=within), out=inside)
    for row in np.argsort(-size, kind="stable")[:FIRST]:
        np.add.outer(around.change[row] + around.base[row], around.change[row], out=total)
        np.maximum(bound, np.abs(total, out=total), out=bound)
    np.logical_and(inside, np.less(bound, present, out=within), out=inside)
    pairs = np.flatnonzero(inside)
    bounds = bound.ravel()[pairs]
    change = np.ascontiguousarray(around.change.T)

    def predicted(pairs: Ints) -> Floats:
        first, second = np.divmod(pairs, around.ladder.size)
        error = change[first]
        error += change[second]
        error += around.base
        return np.asarray(np.abs(error, out=error).max(axis=1, initial=0.0))

    if pairs.size > 8 * count:
        near = np.argpartition(bounds, 4 * count)[: 4 * count]
        pairs = pairs[bounds <= np.partition(predicted(pairs[near]), count - 1)[count - 1]]
    errors = predicted(pairs)
    keep = errors < present
    return *np.divmod(pairs[keep], around.ladder.size), errors[keep]


def find_screened(evaluator: Evaluator) -> Steps[None]:
    """The best of the same level for all variables, then a screened descent: the quickest way to a good point."""
    uniform = uniform_points(evaluator.problem, evaluator.left)
    sensitivity = yield from Sensitivity.measured(evaluator, evaluator.limit // 8, "separable", uniform)
    now = sensitivity.aim.judge(evaluator.best_values[None])
    yield from descend_screened(evaluator, sensitivity, evaluator.best, SCREENED, now)


def descend_screened(
    evaluator: Evaluator, sensitivity: Sensitivity, index: Ints, count: int, now: Evaluation | None = None
) -> Steps[tuple[Ints, Evaluation]]:
    """From ``index``, evaluated as ``now``, to a point none of the ``count`` most promising pairs improves."""
    aim = sensitivity.aim
    if now is None:
        now = aim.read((yield from evaluator(index[None])))
    while True:
        points = promising(sensitivity, index, now, count)
        if not len(points):
            return index, now
        tried = aim.read((yield from evaluator(points)))
        row = int(tried.order()[0])
        if tried.key(row) >= now.key(0):
            return index, now
        index, now = points[row], tried.rows([row])
