"""A genetic algorithm (Holland 1975) with repair, and random search as its degenerate case."""

from collections.abc import Sequence

import numpy as np

from hwgen.allocation.evaluator import Evaluator, Steps
from hwgen.allocation.ladders import Ints
from hwgen.allocation.sensitivity import Sensitivity


def breed(
    evaluator: Evaluator, rng: np.random.Generator, starts: Sequence[Ints], population: int = 60,
    mutation: float = 1.5, tournament: int = 3,
) -> Steps[None]:  # fmt: skip
    """Uniform crossover, about ``mutation`` genes of a child moved by a level, greedy repair, the best of both survive.

    The starts join a random population; parents win tournaments of ``tournament``.
    """
    depth = evaluator.problem.depth
    sensitivity = yield from Sensitivity.measured(evaluator, evaluator.limit // 8, "separable")
    aim = sensitivity.aim
    points = rng.integers(0, depth + 1, (population, depth.size))
    for row, start in enumerate(starts[:population]):
        points[row] = start
    living, found = yield from sensitivity.repair(points, np.exp(0.5 * rng.normal(size=points.shape)))
    values = found.values
    while True:
        if not evaluator.problem.spends:
            aim.tighten()
        rank = np.argsort(aim.order(values))
        drawn = rng.integers(0, population, (2, population, tournament))
        mother, father = (living[row[np.arange(population), rank[row].argmin(axis=1)]] for row in drawn)
        children = np.where(rng.uniform(size=living.shape) < 0.5, mother, father)
        moved = rng.uniform(size=living.shape) < mutation / depth.size
        children = np.clip(children + moved * rng.choice([-1, 1], living.shape), 0, depth)
        children, born = yield from sensitivity.repair(children)
        # Equal points would crowd the population out.
        everyone, first = np.unique(np.concatenate([living, children]), axis=0, return_index=True)
        everything = np.concatenate([values, born.values])[first]
        best = aim.order(everything)[:population]
        living, values = everyone[best], everything[best]
        if len(living) < population:
            extra = rng.integers(0, len(living), population - len(living))
            living, values = np.concatenate([living, living[extra]]), np.concatenate([values, values[extra]])


def scatter(evaluator: Evaluator, rng: np.random.Generator, starts: Sequence[Ints]) -> Steps[None]:
    """Random search: points drawn evenly from all levels, repaired greedily with a random criterion."""
    depth = evaluator.problem.depth
    sensitivity = yield from Sensitivity.measured(evaluator, evaluator.limit // 8, "separable")
    while True:
        points = rng.integers(0, depth + 1, (64, depth.size))
        yield from sensitivity.repair(points, np.exp(rng.normal(size=points.shape)))
        if not evaluator.problem.spends:
            sensitivity.aim.tighten()
