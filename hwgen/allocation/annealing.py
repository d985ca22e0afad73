"""Simulated annealing (Kirkpatrick, Gelatt, Vecchi 1983) over exchanges of levels."""

from collections.abc import Sequence

import numpy as np

from hwgen.allocation.evaluator import Evaluator, Steps
from hwgen.allocation.ladders import Ints
from hwgen.allocation.sensitivity import Sensitivity


def anneal(
    evaluator: Evaluator, rng: np.random.Generator, starts: Sequence[Ints], chains: int = 16, hot: float = 0.02,
    cold: float = 1e-3,
) -> Steps[None]:  # fmt: skip
    """Chains from the starts; each step moves one or two variables of each, and repairs.

    The temperature, relative to the objective, falls geometrically from ``hot`` to ``cold`` over the evaluations.
    """
    depth = evaluator.problem.depth
    sensitivity = yield from Sensitivity.measured(evaluator, evaluator.limit // 8, "separable")
    aim = sensitivity.aim
    points = rng.integers(0, depth + 1, (chains, depth.size))
    for row, start in enumerate(starts[:chains]):
        points[row] = start
    now, found = yield from sensitivity.repair(points)
    while True:
        temperature = hot * (cold / hot) ** (evaluator.unique / max(evaluator.limit, 1))
        tried = _moved(now, depth, rng)
        tried, after = yield from sensitivity.repair(tried)
        if not evaluator.problem.spends:
            aim.tighten()
            found, after = aim.judge(found.values), aim.judge(after.values)
        # Under a goal the violation is what is minimised while nothing is feasible below the cap.
        rise = (after.objective - found.objective) / np.maximum(np.abs(found.objective), 1e-300)
        rise = np.where(after.violation == found.violation, rise, after.violation - found.violation)
        better = rng.uniform(size=chains) < np.exp(-np.clip(rise, 0, 700 * temperature) / temperature)
        now = np.where(better[:, None], tried, now)
        found = type(found)(*(np.where(better if new.ndim == 1 else better[:, None], new, old)
                              for new, old in zip(after, found, strict=True)))  # fmt: skip


def _moved(points: Ints, depth: Ints, rng: np.random.Generator) -> Ints:
    """One variable of each point up or down, mostly by a level, and half of the time another the other way."""
    points, rows = points.copy(), np.arange(len(points))
    first, second = rng.integers(0, depth.size, (2, len(points)))
    step = rng.choice([-1, 1], len(points)) * np.minimum(rng.geometric(0.7, len(points)), 3)
    points[rows, first] += step
    points[rows, second] -= step * (rng.uniform(size=len(points)) < 0.5)
    return np.clip(points, 0, depth)
