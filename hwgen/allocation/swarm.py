"""Particles on the ladders: positions, velocities, memories and who listens to whom. PPSO and GC-PSO share it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.ladders import Ints
from hwgen.allocation.stability import warn_unless_stable

# Raw columns (P, 2 + C) of P points -> their order, best first.
Order = Callable[[NDArray[np.float64]], NDArray[np.intp]]
TOPOLOGIES = ("ring", "global")


def swarm_size(evaluations: int) -> int:
    """Particles for a search of so many evaluations: 40, fewer when there are less than 20 for each."""
    return int(np.clip(evaluations // 20, 4, 40))


class Swarm:
    """P particles in n dimensions, the unit of every dimension being one level.

    v <- w v + c1 r1 (p - x) + c2 r2 (l - x), x <- x + v (Kennedy and Eberhart 1995, inertia w of Shi 1998), with p the
    particle's own best and l the best of itself and its two neighbours (ring) or of all (global).

    Members
    -------
    position, velocity
        Floats (P, n). Points are positions rounded to the nearest level.
    own, memory
        Own best points, integers (P, n), and the raw columns (P, 2 + C) they were measured at.
    """

    def __init__(
        self, depth: Ints, particles: int, rng: np.random.Generator, topology: str = "ring",
        inertia: float = 0.6, cognitive: float = 1.7, social: float = 1.7,
    ) -> None:  # fmt: skip
        if topology not in TOPOLOGIES:
            raise ValueError(f"topology must be one of {', '.join(TOPOLOGIES)}, got {topology!r}")
        if particles < 2:
            raise ValueError(f"a swarm needs at least 2 particles, got {particles}")
        warn_unless_stable(inertia, cognitive, social)
        self.depth, self.topology = depth, topology
        self.inertia, self.cognitive, self.social = inertia, cognitive, social
        shape = (particles, depth.size)
        self.position = rng.uniform(0, 1, shape) * depth
        self.velocity = rng.uniform(-0.25, 0.25, shape) * depth
        self.own = self.points()
        self.memory: NDArray[np.float64] | None = None

    def points(self) -> Ints:
        """Positions rounded to levels, (P, n)."""
        return np.clip(np.floor(self.position + 0.5), 0, self.depth).astype(np.int64)

    def place(self, index: Ints) -> None:
        """Move particles whose point differs from ``index`` (P, n) there; the others keep their fraction of a level."""
        self.position = np.where(self.points() == index, self.position, index)

    def learn(self, index: Ints, values: NDArray[np.float64], order: Order) -> None:
        """Replace the own bests that ``index`` (P, n), measured at ``values``, improves; all of them the first time."""
        if self.memory is None:
            self.own, self.memory = index.copy(), values.copy()
            return
        ranks = np.argsort(order(np.concatenate([self.memory, values])))
        better = ranks[len(index) :] < ranks[: len(index)]
        self.own[better] = index[better]
        self.memory[better] = values[better]

    def leaders(self, order: Order) -> Ints:
        """For each particle the best own point it knows of, (P, n)."""
        assert self.memory is not None, "a swarm learns before it moves"
        ranks = np.argsort(order(self.memory))
        if self.topology == "global":
            return self.own[np.full(len(ranks), ranks.argmin())]
        around = np.arange(len(ranks))[:, None] + np.array([-1, 0, 1])
        around %= len(ranks)
        return self.own[around[np.arange(len(ranks)), ranks[around].argmin(axis=1)]]

    def advance(self, rng: np.random.Generator, order: Order) -> None:
        """One step of the dynamics. A particle stops at the bounds in the dimensions that would leave them."""
        first, second = rng.uniform(size=(2, *self.position.shape))
        self.velocity = (
            self.inertia * self.velocity
            + self.cognitive * first * (self.own - self.position)
            + self.social * second * (self.leaders(order) - self.position)
        )
        moved = self.position + self.velocity
        self.position = np.clip(moved, 0, self.depth)
        self.velocity[self.position != moved] = 0
