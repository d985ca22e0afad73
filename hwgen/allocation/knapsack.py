"""The multiple-choice knapsack: one level for every variable, least total value within a total weight. Exact."""

from fractions import Fraction
from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.problem import HUGE, TOLERANCE

Floats = NDArray[np.float64]
Index = NDArray[np.int64]

# In a weight or value table: no such level.
ABSENT = 10 * HUGE
# The finest fraction taken for a decimal; with a finer one, real numbers would pass for decimals by chance.
DENOMINATOR = 10**4
SLACK = 1e-9  # relative: bounds within the rounding of their sums must not drop a state


class TooLarge(ValueError):  # noqa: N818 (the name says what is wrong)
    """An exact method would need more memory or time than it was allowed."""


def whole_units(table: Floats) -> tuple[Floats, float]:
    """Values as whole multiples of the largest unit that divides them all, and that unit; unchanged and 0 without one.

    Decimals such as 0.1 and 0.25 have one (0.05), looked for among fractions with denominators up to 10^4. Sums of
    whole numbers are exact, so equal totals compare equal. Entries of HUGE and more stay as they are.
    """
    usual = table < HUGE
    values = {float(v) for v in table[usual]}
    nearest = {v: Fraction(v).limit_denominator(DENOMINATOR) for v in values}
    if any(abs(v - float(f)) > TOLERANCE * abs(v) for v, f in nearest.items()):
        return table, 0.0
    common = lcm(*(f.denominator for f in nearest.values()))
    unit = Fraction(gcd(*(int(f * common) for f in nearest.values())), common) or Fraction(1)
    largest = max((abs(f / unit) for f in nearest.values()), default=Fraction(0))
    if largest * len(table) > 2**52:
        return table, 0.0
    return np.where(usual, np.round(np.where(usual, table, 0.0) / float(unit)), table), float(unit)


def knapsack(weight: Floats, value: Floats, capacity: float, most: int = 5_000_000) -> Index | None:
    """The level (n,) of every variable: least total value with a total weight <= capacity; then the least weight.

    Choices for the first k variables are states (weight, value). A state that another one beats in both is dropped
    (dominance), and so is one whose Lagrangian bound v + sum_j min_l (v_jl + m w_jl) - m (capacity - w), j > k, lies
    above a known answer; what is left is enumerated (Kellerer, Pferschy, Pisinger, Knapsack Problems, 2004, ch. 11).

    Parameters
    ----------
    weight, value
        Tables (n, levels); ABSENT in both where a variable has no such level.
    capacity
        Largest total weight.
    most
        Largest number of candidate states in one step.

    Returns
    -------
    None when the lightest choice is too heavy.

    Raises
    ------
    ValueError
        More than ``most`` candidates.
    """
    if weight.min(axis=1).sum() > capacity:
        return None
    multipliers, known = _multipliers(weight, value, capacity)
    # rest[m, k]: least of value + m weight that variables k and later can add.
    least = np.array([(value + m * weight).min(axis=1) for m in multipliers])
    rest = np.concatenate([np.cumsum(least[:, ::-1], axis=1)[:, ::-1], np.zeros((len(multipliers), 1))], axis=1)
    lightest = np.append(np.cumsum(weight.min(axis=1)[::-1])[::-1], 0.0)
    cutoff = known + SLACK * (abs(known) + abs(multipliers[-1] * capacity))
    states = np.zeros((1, 2))
    steps: list[tuple[NDArray[np.int32], NDArray[np.int16]]] = []
    for k in range(len(weight)):
        options = np.flatnonzero(weight[k] < ABSENT)
        if len(states) * options.size > most:
            raise TooLarge(
                f"dynamic programming reaches {len(states) * options.size} states at variable {k + 1} of "
                f"{len(weight)}, more than most={most}: consumption has no common unit that is coarse enough"
            )
        pairs = states[:, None] + np.stack([weight[k, options], value[k, options]], axis=-1)
        flat = pairs.reshape(-1, 2)
        bound = np.max(
            [flat[:, 1] + m * (flat[:, 0] - capacity) + rest[i, k + 1] for i, m in enumerate(multipliers)], 0
        )
        kept = np.flatnonzero((flat[:, 0] + lightest[k + 1] <= capacity) & (bound <= cutoff))
        kept = kept[np.lexsort((flat[kept, 1], flat[kept, 0]))]
        values = flat[kept, 1]
        kept = kept[np.append(True, values[1:] < np.minimum.accumulate(values)[:-1])]
        states = flat[kept]
        steps.append(((kept // options.size).astype(np.int32), options[kept % options.size].astype(np.int16)))
    index = np.zeros(len(weight), dtype=np.int64)
    # Weights rise and values fall along the states.
    at = len(states) - 1
    for k in range(len(weight) - 1, -1, -1):
        parents, levels = steps[k]
        index[k], at = levels[at], parents[at]
    return index


def _multipliers(weight: Floats, value: Floats, capacity: float) -> tuple[Floats, float]:
    """Lagrange multipliers around the best one, in order with the best last, and the value of some feasible choice."""
    rows = np.arange(len(weight))

    def relaxed(m: float) -> Index:
        price = value + m * weight
        # Of equal prices the lighter.
        return np.lexsort((weight, price), axis=1)[:, 0]

    low, high = 0.0, 1.0
    choice = relaxed(high)
    while weight[rows, choice].sum() > capacity and high < HUGE:
        low, high = high, 4 * high
        choice = relaxed(high)
    if weight[rows, choice].sum() > capacity:
        choice = np.lexsort((value, weight), axis=1)[:, 0]
    # Halving in the logarithm: the multiplier may be any power of ten.
    for _ in range(100):
        middle = np.sqrt(low * high) if low else high / 16
        if middle < 1 / HUGE or middle in (low, high):
            break
        tried = relaxed(middle)
        if weight[rows, tried].sum() <= capacity:
            high, choice = middle, tried
        else:
            low = middle
    known = float(value[rows, _fill(weight, value, capacity, choice)].sum())
    return np.array([0.0, *(high * 4.0 ** np.array([-2, -1, -0.5, 0.5, 1, 2])), high]), known


def _fill(weight: Floats, value: Floats, capacity: float, choice: Index) -> Index:
    """Take the single change that lowers the value most per weight, for as long as one fits."""
    rows = np.arange(len(weight))
    choice = choice.copy()
    for _ in range(weight.size):
        heavier = weight - weight[rows, choice][:, None]
        saved = value[rows, choice][:, None] - value
        fits = (saved > 0) & (weight[rows, choice].sum() + heavier <= capacity)
        if not fits.any():
            break
        rate = np.where(fits, saved / np.maximum(heavier, 1 / HUGE), -np.inf)
        row, level = np.unravel_index(rate.argmax(), rate.shape)
        choice[row] = level
    return choice
