"""Iterated local search (Lourenço, Martin, Stützle 2003): kick the best, descend by exchanges."""

from collections.abc import Sequence

import numpy as np

from hwgen.allocation.evaluator import Evaluator, Steps
from hwgen.allocation.exchange import REACHES, descend
from hwgen.allocation.ladders import Ints
from hwgen.allocation.walk import relieve, walk


def kick_and_descend(
    evaluator: Evaluator, rng: np.random.Generator, starts: Sequence[Ints], strength: int = 3
) -> Steps[None]:
    """From the best start; a kick moves up to ``strength`` variables up and as many down, by a level each.

    A point that is no worse than the one kicked takes its place.
    """
    problem = evaluator.problem
    for start in starts[:1] or [problem.depth // 2]:
        yield from descend(evaluator, start)
    here = evaluator.best
    now = yield from evaluator(here[None])
    while True:
        point = kicked(here, problem.depth, rng, strength)
        tried = yield from evaluator(point[None])
        if tried.violation[0] > 0:
            point = yield from relieve(evaluator, point)
        if problem.spends and (yield from evaluator(point[None])).violation[0] == 0:
            point = yield from walk(evaluator, point, 1, to_feasible=False)
        point = yield from descend(evaluator, point, REACHES[:1])
        tried = yield from evaluator(point[None])
        if tried.key(0) <= now.key(0):
            here, now = point, tried


def kicked(point: Ints, depth: Ints, rng: np.random.Generator, strength: int) -> Ints:
    """Up to ``strength`` variables a level up, as many others a level down."""
    point = point.copy()
    count = int(rng.integers(1, strength + 1))
    chosen = rng.permutation(depth.size)[: 2 * count]
    point[chosen[:count]] += 1
    point[chosen[count:]] -= 1
    return np.clip(point, 0, depth)
