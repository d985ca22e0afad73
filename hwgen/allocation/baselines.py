"""The deterministic methods any search has to beat, each as steps that run alone or inside a larger search."""

import numpy as np

from hwgen.allocation.evaluator import Evaluator, Steps
from hwgen.allocation.ladders import Ints
from hwgen.allocation.problem import Problem
from hwgen.allocation.walk import relieve, walk


def find_uniform(evaluator: Evaluator) -> Steps[None]:
    """Every variable at the level closest to, or next below, one common value; as many values as can be afforded."""
    yield from evaluator(uniform_points(evaluator.problem, evaluator.left))


def uniform_points(problem: Problem, count: int) -> Ints:
    """What `find_uniform` evaluates, ladder positions (P, size), for about ``count`` common values at most."""
    values = _thin(np.unique(problem.table), count)
    return _both(problem, np.repeat(values[:, None], len(problem.names), axis=1))


def find_common_lsb(evaluator: Evaluator) -> Steps[None]:
    """bits_k = offsets_k + L clipped to the levels, for the best shift L; then filled greedily.

    With offsets that give every variable's magnitude in octaves, all variables share one LSB. Offsets default to 0.
    """
    problem = evaluator.problem
    offsets = np.zeros(len(problem.names)) if problem.offsets is None else np.asarray(problem.offsets)
    first = int(np.floor((np.asarray(problem.lower) - offsets).min()))
    last = int(np.ceil((np.asarray(problem.upper) - offsets).max()))
    shifts = _thin(np.arange(first, last + 1), evaluator.left)
    yield from evaluator(_both(problem, offsets + shifts[:, None]))
    if evaluator.feasible:
        yield from walk(evaluator, evaluator.best, 1 if problem.spends else -1, to_feasible=False)


def _both(problem: Problem, bits: np.ndarray) -> Ints:
    """Ladder positions closest to and next below each row of bits; some are equal, which costs nothing."""
    return np.concatenate([problem.index(bits), problem.below(bits)])


def _thin(values: Ints, count: int) -> Ints:
    """At most max(2, count) of the values, evenly spaced, both ends kept."""
    if values.size <= max(2, count):
        return values
    return values[np.unique(np.linspace(0, values.size - 1, max(2, count)).astype(int))]


def find_remove(evaluator: Evaluator, absolute: bool = False) -> Steps[None]:
    """From all-upper, drop the level with the least error per consumption saved; then fill what is left.

    Under a budget it walks down to feasibility and then up; under a goal down for as long as the goal holds.
    """
    spends = evaluator.problem.spends
    yield from walk(evaluator, evaluator.problem.depth, -1, to_feasible=spends, absolute=absolute)
    yield from _settle(evaluator, 1 if spends else -1, absolute)


def find_add(evaluator: Evaluator, absolute: bool = False) -> Steps[None]:
    """From all-lower, add the level that helps most per consumption. Poor on minimax errors: no one bit helps."""
    lowest = np.zeros(evaluator.problem.size, dtype=np.int64)
    yield from _add(evaluator, lowest, absolute)


def _add(evaluator: Evaluator, start: Ints, absolute: bool) -> Steps[None]:
    spends = evaluator.problem.spends
    yield from walk(evaluator, start, 1, to_feasible=not spends, absolute=absolute)
    yield from _settle(evaluator, 1 if spends else -1, absolute)


def _settle(evaluator: Evaluator, step: int, absolute: bool) -> Steps[None]:
    """From the best point: become feasible by any single moves, then walk on one move at a time."""
    if not evaluator.feasible:
        yield from relieve(evaluator, evaluator.best)
    if evaluator.feasible:
        yield from walk(evaluator, evaluator.best, step, to_feasible=False, absolute=absolute)


def find_max_minus_one(evaluator: Evaluator) -> Steps[None]:
    """max-1 bit (Cantin, Savaria, Lavoie 2002): from all-upper, always drop the level that raises the error least."""
    yield from find_remove(evaluator, absolute=True)


def find_min_plus_one(evaluator: Evaluator) -> Steps[None]:
    """min+1 bit (Sung and Kum 1995; Cantin et al. 2002): from each variable's own minimum, add where it helps most.

    Under a goal the minimum of a variable is the lowest level that meets it with all others at their top;
    under a budget it is the lowest level.
    """
    depth = evaluator.problem.depth
    lowest = np.zeros_like(depth)
    if not evaluator.problem.spends:
        lowest = depth.copy()
        falling = depth > 0
        while falling.any():
            rows = np.flatnonzero(falling)
            points = np.tile(depth, (rows.size, 1))
            points[np.arange(rows.size), rows] = lowest[rows] - 1
            meets = (yield from evaluator(points)).violation == 0
            lowest[rows[meets]] -= 1
            falling[rows[~meets]] = False
            falling &= lowest > 0
    yield from _add(evaluator, lowest, absolute=True)


def find_marginal(evaluator: Evaluator) -> Steps[None]:
    """Marginal allocation (Fox 1966; Shoham and Gersho 1988) on what each level of each variable does alone.

    The error is taken for a sum of one function of each variable, measured from all-upper; levels off the lower
    convex hull of (consumption, error) are passed over. Exact where both hold, at n x levels evaluations.
    """
    problem = evaluator.problem
    depth, columns = problem.depth, np.arange(problem.size)
    top = (yield from evaluator(depth[None])).values[0]
    delta = np.zeros((problem.size, int(depth.max()) + 1, 2))
    for level in range(int(depth.max())):
        rows = np.flatnonzero(depth > level)
        points = np.tile(depth, (rows.size, 1))
        points[np.arange(rows.size), rows] = level
        delta[rows, level] = (yield from evaluator(points)).values[:, :2] - top[:2]
    moves = sorted((slope, k, level) for k in columns for slope, level in _hull(delta[k, : depth[k] + 1]))
    path = [depth]
    for _, k, level in moves:
        path.append(path[-1].copy())
        path[-1][k] = level
    # The path falls from all-upper in the order of error per consumption; its best feasible point is one of many.
    yield from evaluator(np.array(path))
    yield from _settle(evaluator, 1 if problem.spends else -1, absolute=False)


def _hull(points: np.ndarray) -> list[tuple[float, int]]:
    """(Error per consumption saved, level) of every corner below the top of the lower hull of points (levels, 2)."""
    found, level = [], len(points) - 1
    while level > 0:
        saved = points[level, 1] - points[:level, 1]
        rise = points[:level, 0] - points[level, 0]
        slope = np.where(saved > 0, np.maximum(rise, 0) / np.where(saved > 0, saved, 1.0), np.inf)
        if not np.isfinite(slope).any():
            break
        # The lowest of equal slopes, so that the corner is one.
        lower = int(np.flatnonzero(slope <= slope.min() * (1 + 1e-12))[0])
        found.append((float(slope[lower]), lower))
        level = lower
    return found
