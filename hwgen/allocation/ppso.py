"""PPSO: a particle swarm with a penalty on the limits, after Fang et al. 2024 (arXiv 2412.03101).

The paper's abstract gives the idea; the formulation is ours: objective + weight x violation, with a weight that
grows while too little of the swarm is feasible.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.evaluator import Evaluator, Steps, judge
from hwgen.allocation.ladders import Ints
from hwgen.allocation.problem import HUGE
from hwgen.allocation.swarm import Swarm, swarm_size

# The weight grows by this factor at every step at which less than half of the swarm is feasible.
GROWTH = 1.1


def _first_weight(evaluator: Evaluator, objective: NDArray[np.float64]) -> Steps[float]:
    """Penalty on a violation of 1 (100 % over the limit).

    Under a budget the penalty is a tenth of the error of all-lower for one unit of consumption; under a goal it is the
    consumption of all-upper for an error twice the goal. Too small a weight, and the swarm
    settles where nothing is feasible. ``objective`` (P,) replaces an end of the ladder that is infinite.
    """
    problem = evaluator.problem
    end = np.zeros_like(problem.depth) if problem.spends else problem.depth
    worst = abs(float((yield from evaluator(end[None])).objective[0]))
    if worst >= HUGE:
        worst = float(np.median(np.abs(objective)))
    units = 0.1 * abs(problem.limit) if problem.spends else 1.0
    return max(worst * max(units, 1.0), 1e-12)


def penalised_swarm(
    evaluator: Evaluator, rng: np.random.Generator, starts: Sequence[Ints], particles: int | None = None,
    topology: str = "ring", **options: Any,
) -> Steps[None]:  # fmt: skip
    """Move the swarm until the evaluations are spent; the best feasible point is kept apart from the penalised best."""
    problem = evaluator.problem
    count = swarm_size(evaluator.limit) if particles is None else particles
    swarm = Swarm(problem.depth, count, rng, topology, **options)
    for row, start in enumerate(starts[:count]):
        swarm.position[row] = start
    found = yield from evaluator(swarm.points())
    weight = yield from _first_weight(evaluator, found.objective)

    def penalised(values: NDArray[np.float64]) -> NDArray[np.intp]:
        seen = judge(problem, values)
        return np.lexsort((seen.spent, seen.objective + weight * seen.violation))

    swarm.learn(swarm.points(), found.values, penalised)
    while True:
        swarm.advance(rng, penalised)
        points = swarm.points()
        found = yield from evaluator(points)
        if np.mean(found.violation == 0) < 0.5:
            weight = min(weight * GROWTH, HUGE)
        swarm.learn(points, found.values, penalised)
