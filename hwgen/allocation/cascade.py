"""The allocator hwgen uses: cheap methods first, each the start of the next, and the best of all is the answer.

Closed forms, uniform, common LSB, greedy both ways, marginal allocation -> exchange -> genetic and memetic search
from all of these -> seeded ring GC-PSO. Where moves can be screened, a screened descent and the memetic search begin.
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
from hwgen.allocation.exchange import REACHES, descend, find_exchange
from hwgen.allocation.gcpso import repaired_swarm
from hwgen.allocation.genetic import breed
from hwgen.allocation.ladders import Ints
from hwgen.allocation.linear import find_screened
from hwgen.allocation.memetic import recombine
from hwgen.allocation.problem import Problem
from hwgen.allocation.stages import START, Find, Pausing, Stages, sorted_starts

# Shares of what is left. A linearisation makes the memetic search by far the best: it begins, and has all of it unless
# another start turns out better than what it found with its lead. Without one no search is the best everywhere.
LEAD, EXCHANGE, GENETIC, MEMETIC = 0.5, 0.5, 0.5, 0.8
# Evaluations the exchange may spend at least: one that is cut short is no better than where it began. A search of fewer
# runs it as the baseline does, so as to be no worse.
LEAST = 1500
STARTS: dict[str, Find] = {
    "uniform": find_uniform,
    "common-lsb": find_common_lsb,
    "marginal": find_marginal,
    "min+1": find_min_plus_one,
    "max-1": find_max_minus_one,
    "greedy-add": find_add,
    "greedy": find_remove,
}
CHEAP = ("uniform", "common-lsb")


def cascade(
    problem: Problem, rng: np.random.Generator, evaluations: int, *, seeds: Sequence[ArrayLike] = (),
    on_progress: Progress | None = None, starts: Sequence[str] = tuple(STARTS), start_evaluations: int = START,
    **options: Any,
) -> Steps[Allocation]:  # fmt: skip
    """All of it, unless dynamic programming or the whole space settle it first.

    ``starts`` names the baselines to begin with, each of which may take ``start_evaluations`` (and never less than
    ``evaluations``); ``options`` are those of `repaired_swarm`.
    """
    stages = Stages(problem, evaluations, on_progress, start_evaluations)
    screened = problem.linearise is not None
    yield from begin(stages, starts, seeds, screened)
    dear = [name for name in starts if name not in CHEAP]
    if screened and LEAST <= evaluations < problem.points:
        # The memetic search as it is alone, but for a look at the other starts before it ends.
        evaluator = stages.evaluator(stages.left)
        search = Pausing(evaluator, recombine(evaluator, rng, sorted_starts(stages)))
        yield from stages.run(evaluator, search.until(int(LEAD * evaluator.limit)))
        found = stages.best_key
        while dear:
            yield from stages.start(dear[0], STARTS[dear.pop(0)])
        if stages.best_key == found:
            yield from stages.run(evaluator, search.until(evaluator.limit + 1))
    for name in dear:
        yield from stages.start(name, STARTS[name])
    if problem.separable and not problem.constraints:
        yield from stages.start("dynamic programming", stages.proving(find_separable))
    if problem.points <= stages.left:
        yield from stages.spend(stages.proving(find_exhaustive))
    if stages.proven:
        return (yield from stages.answer("allocate"))
    if evaluations < LEAST:
        yield from stages.spend(find_exchange, name="exchange", alone=True)
    else:
        # From greedy remove, it is the baseline.
        greedy = [problem.index(stages.baselines["greedy"].bits)] if "greedy" in starts else []
        points = greedy + sorted_starts(stages)[:2]
        share = max(EXCHANGE, min(1.0, LEAST / max(stages.left, 1)))
        yield from stages.spend(lambda evaluator: _exchange(evaluator, points), share, "exchange")
    known = [stages.best, *stages.starts]
    if not screened:
        yield from stages.spend(lambda evaluator: breed(evaluator, rng, known), GENETIC, "genetic")
    yield from stages.spend(lambda evaluator: recombine(evaluator, rng, [stages.best, *known]), MEMETIC, "memetic")
    swarm = [stages.best, *known]
    yield from stages.spend(lambda evaluator: repaired_swarm(evaluator, rng, swarm, **options), name="gc-pso")
    return (yield from stages.answer("allocate"))


def begin(stages: Stages, starts: Sequence[str], seeds: Sequence[ArrayLike], screened: bool) -> Steps[None]:
    """The starts that cost little, the screened descent first: what it finds in milliseconds few others find at all."""
    if screened:
        yield from stages.start("screened", find_screened)
    for name in CHEAP:
        if name in starts:
            yield from stages.start(name, STARTS[name])
    yield from stages.given(seeds)


def _exchange(evaluator: Evaluator, points: Sequence[Ints]) -> Steps[None]:
    """Descend from the first point, then from the others by short exchanges: the best need not lead furthest."""
    yield from descend(evaluator, points[0])
    for point in points[1:]:
        yield from descend(evaluator, point, REACHES[:1])
    yield from descend(evaluator, evaluator.best)
