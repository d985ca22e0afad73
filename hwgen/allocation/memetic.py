"""A memetic search (Moscato 1989): local optima are recombined and kicked, repaired, and made local optima again."""

from collections.abc import Sequence

import numpy as np

from hwgen.allocation.evaluator import Evaluation, Evaluator, Steps
from hwgen.allocation.exchange import REACHES, descend
from hwgen.allocation.iterated import kicked
from hwgen.allocation.ladders import Ints
from hwgen.allocation.linear import SCREENED, descend_screened
from hwgen.allocation.sensitivity import Sensitivity

# Offspring repaired together.
BROOD = 8
# Points that differ in no more variables than this count as one.
ALIKE = 3


def recombine(
    evaluator: Evaluator, rng: np.random.Generator, starts: Sequence[Ints], population: int = 40,
    crossover: float = 0.5, strength: int = 3, screened: int = SCREENED,
) -> Steps[None]:  # fmt: skip
    """Search until the evaluations are spent.

    Parameters
    ----------
    starts
        Ladder positions (size,) the population begins with, kicked copies of them filling it up.
    population
        Local optima kept, all different.
    crossover
        Share of offspring with two parents, each variable from either; the others are one parent kicked.
    strength
        Most variables a kick moves up, and most it moves down, by a level each.
    screened
        Most promising pairs evaluated at once, where the problem has a linearisation to screen them by.
    """
    problem = evaluator.problem
    sensitivity = yield from Sensitivity.measured(evaluator, evaluator.limit // 8, "separable")
    aim = sensitivity.aim
    living: list[tuple[Ints, Evaluation]] = []
    waiting = [np.array(start) for start in starts] or [problem.depth // 2]
    while True:
        if not waiting:
            for _ in range(BROOD):
                if len(living) < population:
                    waiting.append(kicked(living[0][0], problem.depth, rng, max(2, problem.size // 4)))
                elif rng.uniform() < crossover:
                    mother, father = (living[k][0] for k in rng.choice(len(living), 2, replace=False))
                    waiting.append(np.where(rng.uniform(size=problem.size) < 0.5, mother, father))
                else:
                    parent = living[int(rng.integers(len(living), size=2).min())][0]
                    waiting.append(kicked(parent, problem.depth, rng, strength))
        points = np.array(waiting)
        waiting = []
        points, _ = yield from sensitivity.repair(points, np.exp(0.5 * rng.normal(size=points.shape)))
        for point in points:
            if problem.linearise is not None:
                point, found = yield from descend_screened(evaluator, sensitivity, point, screened)
            else:
                point = yield from descend(evaluator, point, REACHES[:1])
                found = aim.judge((yield from evaluator(point[None])).values)
            if not problem.spends:
                aim.tighten()
            _join(living, point, found, population)
            if not problem.spends:
                living[:] = [(index, aim.judge(kept.values)) for index, kept in living]
            living.sort(key=lambda member: member[1].key(0))


def _join(living: list[tuple[Ints, Evaluation]], point: Ints, found: Evaluation, population: int) -> None:
    """Take the place of the member most alike, if there is one and it is no better; else that of the worst."""
    distances = [int((point != member).sum()) for member, _ in living]
    closest = int(np.argmin(distances)) if living else 0
    if living and distances[closest] <= min(ALIKE, point.size // 4):
        if found.key(0) <= living[closest][1].key(0):
            living[closest] = (point, found)
    elif len(living) < population:
        living.append((point, found))
    elif found.key(0) < living[-1][1].key(0):
        living[-1] = (point, found)
