"""The bit schedule at which every term of sum w 4^-b adds the same noise."""

import numpy as np
from numpy.typing import NDArray

from hwgen.problems.objectives import Floats

Ints = NDArray[np.int64]


def octaves(weights: Floats) -> Floats:
    """log2(w) / 2 (V,); a weight of 0, which needs no bits at all, is taken for a very small one."""
    return np.asarray(0.5 * np.log2(np.maximum(weights, 1e-60 * weights.max())))


def geometric(weights: Floats, levels: Ints, budget: float) -> Ints:
    """b = b_avg + log2(w / GM(w)) / 2 for weights (V,), made feasible: levels from those given, sum b <= budget.

    Where b leaves the levels it is cut, and b_avg shifted until the budget is met (reverse water-filling). Then rounded
    down to the levels, and up again, one by one, where that gains most per bit and still fits. For levels without
    gaps that is the optimum of sum w 4^-b: the fractions of the real solution order the gains as Fox's greedy does.

    Raises
    ------
    ValueError
        The budget is below the lowest level everywhere.
    """
    levels = np.asarray(levels, dtype=np.int64)
    if budget < levels[0] * weights.size:
        raise ValueError(f"the budget must be at least {levels[0] * weights.size} bits, got {budget:g}")
    shape = octaves(weights)
    # The sum of the cut bits rises with the shift, piecewise linearly.
    low, high = levels[0] - shape.max(), levels[-1] - shape.min()
    for _ in range(100):
        middle = (low + high) / 2
        fits = np.clip(shape + middle, levels[0], levels[-1]).sum() <= budget
        low, high = (middle, high) if fits else (low, middle)
    index = np.searchsorted(levels, np.clip(shape + low, levels[0], levels[-1]), side="right") - 1
    if levels.size == 1:
        return levels[index]
    noise = 4.0 ** (shape[:, None] - levels)
    rate = (noise[:, :-1] - noise[:, 1:]) / np.diff(levels)
    while True:
        following = np.minimum(index, levels.size - 2)
        can = (index < levels.size - 1) & (np.diff(levels)[following] <= budget - levels[index].sum())
        if not can.any():
            return levels[index]
        index[np.where(can, rate[np.arange(weights.size), following], -np.inf).argmax()] += 1
