"""PPSO: a particle swarm with a penalty on the limits, after Fang et al. 2024 (arXiv 2412.03101).

The paper's abstract gives the idea; the formulation is ours: objective + weight x violation, with a weight that grows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.allocation.evaluator import Evaluator, Progress, judge
from hwgen.allocation.problem import HUGE, Allocation, Problem
from hwgen.allocation.swarm import Swarm

# The weight grows by this factor at every step at which less than half of the swarm is feasible.
GROWTH = 1.1


def first_weight(evaluator: Evaluator, objective: NDArray[np.float64]) -> float:
    """Penalty on a violation of 1 (100 % over the limit).

    Under a budget the penalty is a tenth of the error of all-lower for one unit of consumption; under a goal it is the
    consumption of all-upper for an error twice the goal. Too small a weight, and the swarm
    settles where nothing is feasible. ``objective`` (P,) replaces an end of the ladder that is infinite.
    """
    problem = evaluator.problem
    end = np.zeros_like(problem.depth) if problem.spends else problem.depth
    worst = abs(float(evaluator(end[None]).objective[0]))
    if worst >= HUGE:
        worst = float(np.median(np.abs(objective)))
    units = 0.1 * abs(problem.limit) if problem.spends else 1.0
    return max(worst * max(units, 1.0), 1e-12)


def ppso(
    problem: Problem,
    rng: np.random.Generator,
    evaluations: int,
    seeds: Sequence[ArrayLike] = (),
    on_progress: Progress | None = None,
    particles: int | None = None,
    topology: str = "ring",
    **options: Any,
) -> Allocation:
    """Penalised PSO. The best feasible point is kept apart from the penalised best, and is the answer.

    ``seeds`` are points in bits (n,), ``options`` the inertia, cognitive and social weights of `Swarm`.
    Raises Infeasible when no point met every limit.
    """
    evaluator = Evaluator(problem, evaluations, progress=on_progress)
    count = int(np.clip(evaluations // 20, 4, 40)) if particles is None else particles
    swarm = Swarm(problem.depth, count, rng, topology, **options)
    for row, seed in enumerate(seeds[:count]):
        swarm.position[row] = problem.index(seed)
    found = evaluator(swarm.points())
    weight = first_weight(evaluator, found.objective)

    def penalised(values: NDArray[np.float64]) -> NDArray[np.intp]:
        seen = judge(problem, values)
        return np.lexsort((seen.spent, seen.objective + weight * seen.violation))

    swarm.learn(swarm.points(), found.values, penalised)
    while evaluator.left > 0:
        swarm.advance(rng, penalised)
        points = swarm.points()
        found = evaluator(points)
        if np.mean(found.violation == 0) < 0.5:
            weight = min(weight * GROWTH, HUGE)
        swarm.learn(points, found.values, penalised)
    return evaluator.allocation("ppso")
