"""The methods any search has to beat. None of them is random; ``rng`` is there for the common signature.

Each has two forms: ``find_*(evaluator)`` works inside a larger search, the public one is an `Allocator`. None of
them has options, but all accept and ignore those of the others.
"""

from typing import Any

import numpy as np

from hwgen.allocation.evaluator import Evaluator, Progress
from hwgen.allocation.problem import Allocation, Problem
from hwgen.allocation.walk import ALLOWANCE, Index, relieve, walk


def find_uniform(evaluator: Evaluator) -> None:
    """Every variable at the level closest to one common value, for as many values as can be afforded."""
    problem = evaluator.problem
    values = _thin(np.unique(problem.table), evaluator.left)
    evaluator(np.unique(problem.index(np.repeat(values[:, None], problem.size, axis=1)), axis=0))


def find_common_lsb(evaluator: Evaluator) -> None:
    """bits_k = offsets_k + L clipped to the levels, for the best shift L; then filled greedily.

    With offsets that give every variable's magnitude in octaves, all variables share one LSB. Offsets default to 0.
    """
    problem = evaluator.problem
    offsets = np.zeros(problem.size) if problem.offsets is None else np.asarray(problem.offsets)
    first = int(np.floor((problem.table[:, 0] - offsets).min()))
    last = int(np.ceil((problem.table[:, -1] - offsets).max()))
    shifts = _thin(np.arange(first, last + 1), evaluator.left)
    evaluator(np.unique(problem.index(offsets + shifts[:, None]), axis=0))
    if evaluator.feasible:
        walk(evaluator, evaluator.best, 1 if problem.spends else -1, to_feasible=False)


def _thin(values: Index, count: int) -> Index:
    """At most max(2, count) of the values, evenly spaced, both ends kept."""
    return values[np.unique(np.linspace(0, values.size - 1, min(values.size, max(2, count))).astype(int))]


def find_remove(evaluator: Evaluator) -> None:
    """From all-upper, drop the level with the least error per consumption saved; then fill what is left.

    Under a budget it walks down to feasibility and then up; under a goal down for as long as the goal holds.
    """
    problem = evaluator.problem
    if problem.spends:
        walk(evaluator, problem.depth, -1, to_feasible=True)
        _settle(evaluator, 1)
    else:
        walk(evaluator, problem.depth, -1, to_feasible=False)
        _settle(evaluator, -1)


def find_add(evaluator: Evaluator) -> None:
    """From all-lower, add the level that helps most per consumption. Poor on minimax errors: no one bit helps."""
    problem = evaluator.problem
    walk(evaluator, np.zeros(problem.size, dtype=np.int64), 1, to_feasible=not problem.spends)
    _settle(evaluator, 1 if problem.spends else -1)


def _settle(evaluator: Evaluator, step: int) -> None:
    """From the best point: become feasible by any single moves, then walk on one move at a time."""
    index: Index = evaluator.best
    if not evaluator.feasible:
        index = relieve(evaluator, index)
    if evaluator.feasible:
        walk(evaluator, evaluator.best, step, to_feasible=False, allowance=ALLOWANCE // 4)


def uniform(
    problem: Problem, rng: np.random.Generator, evaluations: int, on_progress: Progress | None = None, **options: Any
) -> Allocation:
    """The best point with the same level for all variables."""
    evaluator = Evaluator(problem, evaluations, progress=on_progress)
    find_uniform(evaluator)
    return evaluator.allocation("uniform")


def common_lsb(
    problem: Problem, rng: np.random.Generator, evaluations: int, on_progress: Progress | None = None, **options: Any
) -> Allocation:
    """The best point on a common LSB (`Problem.offsets`), filled greedily."""
    evaluator = Evaluator(problem, evaluations, progress=on_progress)
    find_common_lsb(evaluator)
    return evaluator.allocation("common-lsb")


def greedy_remove(
    problem: Problem, rng: np.random.Generator, evaluations: int, on_progress: Progress | None = None, **options: Any
) -> Allocation:
    """Greedy from all-upper downwards."""
    evaluator = Evaluator(problem, evaluations, progress=on_progress)
    find_remove(evaluator)
    return evaluator.allocation("greedy-remove")


def greedy_add(
    problem: Problem, rng: np.random.Generator, evaluations: int, on_progress: Progress | None = None, **options: Any
) -> Allocation:
    """Greedy from all-lower upwards; exact for separable convex errors at unit cost (Fox 1966)."""
    evaluator = Evaluator(problem, evaluations, progress=on_progress)
    find_add(evaluator)
    return evaluator.allocation("greedy-add")
