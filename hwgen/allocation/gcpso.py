"""GC-PSO: a particle swarm repaired by a greedy criterion, after Fang et al. 2024 (arXiv 2412.03101).

The paper's abstract gives the idea; the formulation here is ours. After each move of the swarm, every particle is
taken to the feasible set (drop the level with the least error per consumption) and then uses what is left (add the one
with the most error removed per consumption), so that each evaluation is of a useful point. A goal is
sought as a budget that shrinks: the swarm minimises the violation below the best consumption that meets the goal.
"""

from collections.abc import Sequence

import numpy as np

from hwgen.allocation.evaluator import Evaluator, Steps
from hwgen.allocation.ladders import Ints
from hwgen.allocation.sensitivity import Sensitivity
from hwgen.allocation.swarm import Swarm, swarm_size
from hwgen.allocation.walk import relieve, walk

CRITERIA = ("separable", "gradient", "finite difference")


def repaired_swarm(
    evaluator: Evaluator, rng: np.random.Generator, starts: Sequence[Ints], particles: int | None = None,
    topology: str = "ring", inertia: float = 0.6, cognitive: float = 1.7, social: float = 1.7, spread: float = 0.5,
    kick: float = 1.0, criterion: str | None = None,
) -> Steps[None]:  # fmt: skip
    """Move and repair the swarm until the evaluations are spent.

    Parameters
    ----------
    starts
        Starting points as ladder positions (size,); every second particle of the ring starts at one of them.
    particles
        Default: 40, fewer when there are less than 20 evaluations for each.
    topology
        "ring" (slower to agree, better in the end) or "global".
    inertia, cognitive, social
        w, c1, c2; the defaults lie inside the order-2 stability region (Poli 2009).
    spread
        Standard deviation of the logarithm of the noise on the repair criterion.
    kick
        Standard deviation, in levels, of what is added to the velocity of a particle that stands on its own best.
    criterion
        One of `CRITERIA`; default: the problem's own ("gradient") where it has one, else "separable".
    """
    depth = evaluator.problem.depth
    if criterion is None:
        criterion = "separable" if evaluator.problem.criterion is None else "gradient"
    if criterion not in CRITERIA:
        raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}, got {criterion!r}")
    if criterion == "gradient" and evaluator.problem.criterion is None:
        raise ValueError('criterion "gradient" needs a problem with a criterion of its own')
    count = swarm_size(evaluator.limit) if particles is None else particles
    swarm = Swarm(depth, count, rng, topology, inertia, cognitive, social)
    sensitivity = yield from Sensitivity.measured(evaluator, evaluator.limit // 8, criterion)
    aim = sensitivity.aim
    if len(starts):
        yield from evaluator(np.array(starts))
        # Every second place, so that a start has neighbours that explore.
        places = np.arange(0, count, 2)
        near = np.array(starts)[np.arange(places.size) % len(starts)]
        jitter = rng.normal(size=near.shape) * (np.arange(places.size) >= len(starts))[:, None]
        swarm.position[places] = np.clip(near + jitter, 0, depth)
        swarm.velocity[places] *= 0.25
    if not evaluator.feasible:
        yield from relieve(evaluator, evaluator.best)
    aim.tighten()
    while True:
        before = evaluator.best_key
        noise = np.exp(spread * rng.normal(size=swarm.position.shape))
        index, found = yield from sensitivity.repair(swarm.points(), noise)
        swarm.place(index)
        # A particle back at a best it knew would only repeat itself: kick it by about a level in each dimension.
        stuck = (index == swarm.own).all(axis=1)
        swarm.learn(index, found.values, aim.order)
        swarm.velocity[stuck] += kick * rng.normal(size=(int(stuck.sum()), index.shape[1]))
        if not aim.problem.spends and evaluator.best_key < before:
            # The point may meet the goal with room to spare.
            yield from walk(evaluator, evaluator.best, -1, to_feasible=False, allowance=4 * index.shape[1])
            aim.tighten()
        swarm.advance(rng, aim.order)
