"""The allocator hwgen uses: cheap methods first, each the start of the next, and the best of all is the answer.

Closed forms, uniform, common LSB, greedy both ways, marginal allocation -> exchange -> seeded ring GC-PSO -> memetic
search from all of these.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hwgen.allocation.answer import Allocation
from hwgen.allocation.baselines import (
    find_add,
    find_common_lsb,
    find_marginal,
    find_max_minus_one,
    find_min_plus_one,
    find_remove,
    find_uniform,
)
from hwgen.allocation.evaluator import Evaluator, Progress, Steps
from hwgen.allocation.exact import find_exhaustive, find_separable
from hwgen.allocation.exchange import REACHES, descend
from hwgen.allocation.gcpso import repaired_swarm
from hwgen.allocation.ladders import Ints
from hwgen.allocation.memetic import recombine
from hwgen.allocation.problem import Problem
from hwgen.allocation.stages import Find, Stages

# Shares of what is left that the exchange and then the swarm may spend; more where no linearisation screens exchanges.
EXCHANGE = {True: 0.1, False: 0.25}
SWARM = {True: 0.3, False: 0.8}
STARTS: dict[str, Find] = {
    "uniform": find_uniform,
    "common-lsb": find_common_lsb,
    "marginal": find_marginal,
    "min+1": find_min_plus_one,
    "max-1": find_max_minus_one,
    "greedy-add": find_add,
    "greedy": find_remove,
}


def cascade(
    problem: Problem, rng: np.random.Generator, evaluations: int, *, seeds: Sequence[ArrayLike] = (),
    on_progress: Progress | None = None, starts: Sequence[str] = tuple(STARTS), **options: Any,
) -> Steps[Allocation]:  # fmt: skip
    """All of it, unless dynamic programming or the whole space settle it first.

    ``starts`` names the baselines to begin with, ``options`` are those of `repaired_swarm`.
    """
    stages = Stages(problem, evaluations, on_progress)
    for name in starts:
        yield from stages.start(name, STARTS[name])
    yield from stages.given(seeds)
    if problem.separable and not problem.constraints:
        yield from stages.start("dynamic programming", stages.proving(find_separable))
    if problem.points <= evaluations:
        yield from stages.spend(stages.proving(find_exhaustive))
    if stages.proven:
        return (yield from stages.answer("cascade"))
    screened = problem.linearise is not None
    points = [stages.best, *stages.starts[:2]]
    yield from stages.spend(lambda evaluator: _exchange(evaluator, points), EXCHANGE[screened], "exchange")
    swarm = [stages.best, *stages.starts]
    yield from stages.spend(
        lambda evaluator: repaired_swarm(evaluator, rng, swarm, **options), SWARM[screened], "gc-pso"
    )
    optima = [stages.best, *swarm]
    yield from stages.spend(lambda evaluator: recombine(evaluator, rng, optima))
    return (yield from stages.answer("cascade"))


def _exchange(evaluator: Evaluator, points: Sequence[Ints]) -> Steps[None]:
    """Descend from each point by short exchanges, since the best start need not lead furthest; then fully."""
    tried: list[list[int]] = []
    for point in points:
        if point.tolist() not in tried:
            tried.append(point.tolist())
            yield from descend(evaluator, point, REACHES[:1])
    yield from descend(evaluator, evaluator.best)
