"""Exact answers: dynamic programming for separable problems, and every point of a small space.

Nothing is random. They return True when they came to the end, which certifies the best point seen.
"""

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.evaluator import Evaluator, Steps
from hwgen.allocation.knapsack import ABSENT, TooLarge, knapsack, whole_units
from hwgen.allocation.ladders import Ints
from hwgen.allocation.problem import HUGE, TOLERANCE

Floats = NDArray[np.float64]

CHUNK = 4096  # rows of an exhaustive search at once
SLACK = 1e-9  # relative: what rounding may do to a sum of terms that were measured one at a time
PROBES = 32  # points at which the claim to be separable is checked, at random and around the answer


def find_separable(evaluator: Evaluator, most: int = 5_000_000) -> Steps[bool]:
    """The optimum of a problem marked ``separable``, by dynamic programming over (consumption, error).

    Each variable's levels are measured alone, n (levels + 1) points twice; see `knapsack` for the rest. Consumption in
    whole multiples of a unit is counted in integers, which leaves at most budget / unit + 1 states; otherwise there
    are as many as do not beat each other, and the answer is exact all the same. Returns True: the best point the
    evaluator has seen is then the optimum, or, if it is not feasible, nothing is.

    Parameters
    ----------
    most
        Largest number of candidate states one variable may lead to.

    Raises
    ------
    TooLarge
        More than ``most`` states.
    ValueError
        The problem is not marked separable, or is not: error or consumption differs from what single changes add up
        to; it has further constraints; its error is infinite with every variable at its top, or its consumption with
        every variable at its lowest.
    """
    problem = evaluator.problem
    if not problem.separable:
        raise ValueError("dynamic programming needs a problem marked separable=True")
    if problem.constraints:
        raise ValueError("dynamic programming handles one limit: a problem with further constraints must be searched")
    sums = yield from _tables(evaluator)
    probes = np.random.default_rng(0).integers(0, problem.depth + 1, (PROBES, problem.size))
    yield from _verify(evaluator, sums, probes)
    errors, (costs, unit) = sums.tables[..., 0], whole_units(sums.tables[..., 1])
    room = problem.limit + TOLERANCE * (abs(problem.limit) or 1.0) - sums.base[1 if problem.spends else 0]
    weight, value = (costs, errors) if problem.spends else (errors, costs)
    index = knapsack(weight, value, float(np.floor(room / unit)) if problem.spends and unit else room, most)
    if index is None:
        yield from evaluator(weight.argmin(axis=1)[None])
        return True
    near = index + np.random.default_rng(1).integers(-1, 2, (PROBES, problem.size))
    yield from _verify(evaluator, sums, np.vstack([index, np.clip(near, 0, problem.depth)]))
    return True


def find_exhaustive(evaluator: Evaluator, most: int = 2_000_000) -> Steps[bool]:
    """Every point of a space of at most ``most``; TooLarge beyond that. Returns True, as `find_separable`."""
    shape = [int(depth) + 1 for depth in evaluator.problem.depth]
    size = prod(shape)
    if size > most:
        raise TooLarge(f"the problem has {size} points, more than most={most}: raise it, or search")
    for start in range(0, size, CHUNK):
        yield from evaluator(np.stack(np.unravel_index(np.arange(start, min(start + CHUNK, size)), shape), axis=-1))
    return True


class _Sums(NamedTuple):
    """Error and consumption: base (2,) plus, for each variable, one entry of tables (n, levels, 2)."""

    base: Floats
    tables: Floats

    def __call__(self, index: Ints) -> tuple[Floats, Floats]:
        """Both at positions (P, n), (P, 2), and the magnitude of the terms they are sums of."""
        terms = self.tables[np.arange(index.shape[1]), index]
        return self.base + terms.sum(axis=1), np.abs(self.base) + np.abs(terms).sum(axis=1)


def _tables(evaluator: Evaluator) -> Steps[_Sums]:
    """Measure each variable's levels alone: its error against all-upper, its consumption against all-lower.

    Against all-lower the error of a good level would drown in the rounding of everybody else's worst.
    """
    depth = evaluator.problem.depth
    tables = np.full((depth.size, int(depth.max()) + 1, 2), ABSENT)
    rows = np.repeat(np.arange(depth.size), depth + 1)
    levels = np.concatenate([np.arange(d + 1) for d in depth])
    base = np.zeros(2)
    for column, reference in ((0, depth), (1, np.zeros_like(depth))):
        points = np.tile(reference, (rows.size, 1))
        points[np.arange(rows.size), rows] = levels
        values = (yield from evaluator(points)).values[:, column]
        base[column] = values[levels == reference[rows]][0]
        if base[column] >= HUGE:
            what = "error with every variable at its top" if column == 0 else "consumption with every variable lowest"
            raise ValueError(f"the {what} is infinite: dynamic programming cannot measure differences from it")
        tables[rows, levels, column] = np.where(values >= HUGE, HUGE, values - base[column])
    return _Sums(base, tables)


def _verify(evaluator: Evaluator, sums: _Sums, index: Ints) -> Steps[None]:
    """ValueError unless error and consumption measured at positions (P, n) are the sums of the tables."""
    actual = (yield from evaluator(index)).values[:, :2]
    predicted, scale = sums(index)
    wrong = np.abs(np.minimum(predicted, HUGE) - actual) > SLACK * np.minimum(scale, HUGE)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"the problem is not separable: the {('error', 'consumption')[column]} of bits "
            f"{evaluator.problem.bits(index[row]).tolist()} is {actual[row, column]:g}, but the variables' own changes "
            f"add up to {predicted[row, column]:g}"
        )
