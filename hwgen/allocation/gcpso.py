"""GC-PSO: a particle swarm repaired by a greedy criterion, after Fang et al. 2024 (arXiv 2412.03101).

The paper's abstract gives the idea; the formulation here is ours. After each move of the swarm, every particle is
taken to the feasible set (drop the level with the least error per consumption) and then uses what is left (add the one
with the most error removed per consumption), so that each evaluation is of a useful point. A goal is
sought as a budget that shrinks: the swarm minimises the violation below the best consumption that meets the goal.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hwgen.allocation.baselines import find_common_lsb, find_uniform
from hwgen.allocation.evaluator import Evaluator, Progress
from hwgen.allocation.problem import Allocation, Problem
from hwgen.allocation.sensitivity import Sensitivity
from hwgen.allocation.swarm import Swarm
from hwgen.allocation.walk import relieve, walk


class GcPso:
    """The search, one `step` at a time; `state` and `restore` continue it exactly, in another process if need be.

    Parameters
    ----------
    evaluator
        Counts evaluations and keeps the best.
    rng
        Source of every random number; its state is part of `state`.
    seeds
        Starting points as ladder positions (n,); every second particle of the ring starts at one of them.
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
    """

    def __init__(
        self, evaluator: Evaluator, rng: np.random.Generator, seeds: Sequence[ArrayLike] = (),
        particles: int | None = None, topology: str = "ring", inertia: float = 0.6, cognitive: float = 1.7,
        social: float = 1.7, spread: float = 0.5, kick: float = 1.0,
    ) -> None:  # fmt: skip
        depth = evaluator.problem.depth
        self.evaluator, self.rng, self.spread, self.kick = evaluator, rng, spread, kick
        count = int(np.clip(evaluator.limit // 20, 4, 40)) if particles is None else particles
        self.sensitivity = Sensitivity(evaluator, evaluator.limit // 8)
        self.swarm = Swarm(depth, count, rng, topology, inertia, cognitive, social)
        if not evaluator.feasible:
            relieve(evaluator, evaluator.best)
        self.sensitivity.aim.tighten()
        starts = np.array(seeds, dtype=np.int64).reshape(-1, depth.size)
        if len(starts):
            # Every second place, so that a seed has neighbours that explore.
            places = np.arange(0, count, 2)
            near = starts[np.arange(places.size) % len(starts)]
            jitter = rng.normal(size=near.shape) * (np.arange(places.size) >= len(starts))[:, None]
            self.swarm.position[places] = np.clip(near + jitter, 0, depth)
            self.swarm.velocity[places] *= 0.25
        self._settle()

    def _settle(self) -> None:
        """Repair and evaluate every particle, and remember."""
        aim, before = self.sensitivity.aim, self.evaluator.best_key
        noise = np.exp(self.spread * self.rng.normal(size=self.swarm.position.shape))
        index, found = self.sensitivity.repair(self.swarm.points(), noise)
        self.swarm.place(index)
        # A particle back at a best it knew would only repeat itself: kick it by about a level in each dimension.
        stuck = (index == self.swarm.own).all(axis=1)
        self.swarm.learn(index, found.values, aim.order)
        self.swarm.velocity[stuck] += self.kick * self.rng.normal(size=(int(stuck.sum()), index.shape[1]))
        if not aim.problem.spends and self.evaluator.best_key < before:
            # The point may meet the goal with room to spare.
            walk(self.evaluator, self.evaluator.best, -1, to_feasible=False, allowance=4 * index.shape[1])
            aim.tighten()

    @property
    def finished(self) -> bool:
        """Whether the evaluations are used up."""
        return self.evaluator.left <= 0

    def step(self) -> None:
        """Move every particle once."""
        self.swarm.advance(self.rng, self.sensitivity.aim.order)
        self._settle()

    def state(self) -> dict[str, Any]:
        """Everything that a later `step` depends on, as plain JSON data."""
        return {
            "rng": self.rng.bit_generator.state,
            "swarm": self.swarm.state(),
            "evaluator": self.evaluator.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`; the object must have been made with the same problem and options."""
        self.rng.bit_generator.state = state["rng"]
        self.swarm.restore(state["swarm"])
        self.evaluator.restore(state["evaluator"])
        self.sensitivity.aim.tighten()


def gcpso(
    problem: Problem,
    rng: np.random.Generator,
    evaluations: int,
    seeds: Sequence[ArrayLike] = (),
    on_progress: Progress | None = None,
    **options: Any,
) -> Allocation:
    """GC-PSO alone. ``seeds`` are points in bits (n,); without any it starts from the best uniform and common LSB.

    ``options`` are those of `GcPso`. Raises Infeasible when no point met every limit.
    """
    evaluator = Evaluator(problem, evaluations, progress=on_progress)
    starts = [problem.index(seed) for seed in seeds]
    if not starts:
        for find in (find_uniform, find_common_lsb):
            find(evaluator)
            starts.append(evaluator.best)
    search = GcPso(evaluator, rng, starts, **options)
    while not search.finished:
        search.step()
    return evaluator.allocation("gc-pso")
