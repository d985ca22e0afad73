"""The fewest distinct fundamentals among all integer filters of a box: coefficients by integer linear programming.

Every free tap takes one value of its range. A filter whose taps have d distinct odd fundamentals other than 1, and
n taps that are not 0, needs at least ``d + n - 1`` adders, and as a rule no more; so many are minimised, within the
mask at every point of a grid, by branch and bound (HiGHS through SciPy). The gain, where it is free, is a variable.
(Multiplierless filters as integer programs: Shi and Yu, IEEE TCAS-I 58, 2011, eq. 12; the cost is our own.)
"""

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from hwgen.designs.regrowth import odd_parts
from hwgen.designs.values import Coefficients, mirrored
from hwgen.response import Mask, basis, grid, limits, measure

MOST = 20  # free taps beyond which a program is not solved
_DENSITY = 16  # grid points a tap
_ROOM = 0.9995  # of what the mask allows: a ripple hides a little between grid points
_HALF = 0.02  # what half of the allowed range becomes: HiGHS takes 1e-6 for nothing, well within _ROOM


def fewest(mask: Mask, start: Coefficients, reach: int, nodes: int) -> tuple[Coefficients | None, float]:
    """The symmetric filter of the fewest fundamentals and taps, each tap at most `reach` from that of `start`.

    Parameters
    ----------
    mask
        What to meet.
    start
        Symmetric coefficients; their length and grid are kept.
    reach
        How far a tap may move, in units of the grid.
    nodes
        Of branch and bound, at most.

    Returns
    -------
    The best filter found within the mask (None: none was), and a proved lower bound on ``d + n - 1`` in that box.
    """
    free = np.array(start.free, dtype=np.int64)
    taps, count = len(start.values), len(free)
    pairs = np.where(np.arange(count) >= taps // 2, 1, 2)
    values = [np.arange(v - reach, v + reach + 1) for v in free]
    tap = np.repeat(np.arange(count), [len(v) for v in values])
    value = np.concatenate(values)
    odds = odd_parts(value)
    fundamentals = np.unique(odds[odds > 1])
    choices, kinds = len(value), len(fundamentals)
    gain = measure(start.floats, mask).gain * 2.0**start.fraction

    # Columns: one for each value of each tap, one for each fundamental, the gain.
    cost = np.concatenate([np.where(value != 0, pairs[tap], 0), np.ones(kinds), [0]])
    one = sparse.csr_array((np.ones(choices), (tap, np.arange(choices))), shape=(count, choices + kinds + 1))
    used = np.flatnonzero(odds > 1)
    which = np.searchsorted(fundamentals, odds[used])
    rows, row = np.unique(tap[used] * kinds + which, return_inverse=True)
    implied = sparse.csr_array(
        (
            np.concatenate([np.ones(len(used)), -np.ones(len(rows))]),
            (np.concatenate([row, np.arange(len(rows))]), np.concatenate([used, choices + rows % kinds])),
        ),
        shape=(len(rows), choices + kinds + 1),
    )
    frequencies = grid(mask, taps, _DENSITY)
    lower, upper = limits(mask, frequencies)
    middle, half = (upper + lower) / 2, (upper - lower) / 2 * _ROOM
    amplitude = basis(taps, frequencies)[:, tap] * value / gain
    none = np.zeros((len(frequencies), kinds))
    above = np.hstack([amplitude, none, -(middle + half)[:, None]])
    below = np.hstack([amplitude, none, -(middle - half)[:, None]])
    scale = _HALF / np.maximum(half, 1e-12)
    constraints = [
        LinearConstraint(one, 1, 1),
        LinearConstraint(implied, -np.inf, 0),
        LinearConstraint(sparse.csr_array(above * scale[:, None]), -np.inf, 0),
        LinearConstraint(sparse.csr_array(below * scale[:, None]), 0, np.inf),
    ]
    whole = np.concatenate([np.ones(choices + kinds), [0]])
    ends = (1.0, 1.0) if mask.gain is not None else (0.7, 1.5)
    bounds = Bounds(np.append(np.zeros(choices + kinds), ends[0]), np.append(np.ones(choices + kinds), ends[1]))
    found = milp(cost, integrality=whole, bounds=bounds, constraints=constraints, options={"node_limit": nodes})
    bound = -np.inf if found.mip_dual_bound is None else float(found.mip_dual_bound) - 1
    if found.x is None:
        return None, bound
    chosen = found.x[:choices] > 0.5
    answer = Coefficients(mirrored(tuple(int(v) for v in value[chosen]), taps), start.fraction)
    return (answer if measure(answer.floats, mask).violation <= 1 else None), bound
