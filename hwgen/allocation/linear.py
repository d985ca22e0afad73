"""Moves screened on a linearisation of the error, so that only promising ones are evaluated.

A problem that knows the structure of its error (a response on a grid, a matrix inverse) can say for next to nothing
what several moves together do to it, to first order; then pairs of moves of any reach are ranked
without evaluating them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.evaluator import Evaluation, Evaluator, Steps
from hwgen.allocation.ladders import Ints
from hwgen.allocation.problem import Problem
from hwgen.allocation.sensitivity import Sensitivity

# Pairs x components predicted at a point, and single moves: they decide how many levels a move may take.
EFFORT, MOST = 300_000, 256
# The largest components of the error, looked at first: the pairs they rule out need not be looked at further.
FIRST = 3

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
    """All moves around ``index`` (size,) of up to as many levels as pairs of them can be afforded."""
    ladder = np.repeat(np.arange(problem.size), problem.depth + 1)
    position = np.concatenate([np.arange(depth + 1) for depth in problem.depth])
    distance = np.abs(position - index[ladder])
    ladder, position, distance = (part[distance > 0] for part in (ladder, position, distance))
    base, change = problem.linearised(problem.bits(index), ladder, position)
    most = min(MOST, np.sqrt(2 * EFFORT / max(base.size, 1)))
    reach = int(np.searchsorted(np.cumsum(np.bincount(distance, minlength=2)), most, side="right")) - 1
    near = distance <= max(reach, 1)
    ladder, position, change = ladder[near], position[near], change[:, near]
    delta = sensitivity.delta
    return Moves(ladder, position, base, change, delta[ladder, position] - delta[ladder, index[ladder]])


def promising(sensitivity: Sensitivity, index: Ints, now: Evaluation, count: int) -> Ints:
    """At most ``count`` points one or two moves away that should beat ``index``, the best first, (Q, size)."""
    around = moves(sensitivity.problem, sensitivity, index)
    first, second = _affordable(sensitivity, around, now.values[0])
    first, second, predicted = _helpful(around, first, second)
    best = np.arange(predicted.size)
    if best.size > count:
        best = np.argpartition(predicted, count)[:count]
    best = best[np.argsort(predicted[best], kind="stable")]
    points, rows = np.tile(index, (best.size, 1)), np.arange(best.size)
    for chosen in (first[best], second[best]):
        points[rows, around.ladder[chosen]] = around.position[chosen]
    return points


def _affordable(sensitivity: Sensitivity, around: Moves, values: Floats) -> tuple[Ints, Ints]:
    """Moves alone (both entries the same) and pairs on two ladders that the additive model finds within the limits."""
    single = np.eye(around.ladder.size, dtype=bool)
    inside = np.triu((around.ladder[:, None] != around.ladder) | single)
    for column, room in sensitivity.aim.room(values):
        added = around.columns[:, column]
        inside &= np.where(single, added, added[:, None] + added) <= room
    first, second = np.nonzero(inside)
    return first, second


def _helpful(around: Moves, first: Ints, second: Ints) -> tuple[Ints, Ints, Floats]:
    """Those whose predicted error is below the present one, and that error. The largest components reject most."""
    present = np.abs(around.base).max(initial=0.0)
    order = np.argsort(-np.abs(around.base), kind="stable")
    predicted = np.zeros(first.size)
    for rows in (order[:FIRST], order[FIRST:]):
        change = np.ascontiguousarray(around.change[rows].T)
        total = change[first] + around.base[rows]
        total += change[second] * (second != first)[:, None]
        predicted = np.maximum(predicted, np.abs(total, out=total).max(axis=1, initial=0.0))
        keep = predicted < present
        first, second, predicted = first[keep], second[keep], predicted[keep]
    return first, second, predicted


def descend_screened(
    evaluator: Evaluator, sensitivity: Sensitivity, index: Ints, count: int
) -> Steps[tuple[Ints, Evaluation]]:
    """From ``index`` to a point none of the ``count`` most promising moves and pairs improves."""
    aim = sensitivity.aim
    now = aim.judge((yield from evaluator(index[None])).values)
    while True:
        points = promising(sensitivity, index, now, count)
        if not len(points):
            return index, now
        tried = aim.judge((yield from evaluator(points)).values)
        row = int(tried.order()[0])
        if tried.key(row) >= now.key(0):
            return index, now
        index, now = points[row], tried.rows([row])
