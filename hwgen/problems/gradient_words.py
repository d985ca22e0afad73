"""Gradient descent in the words of hardware: integers in, integers out, every rounding deterministic."""

import numpy as np
from numpy.typing import NDArray

from hwgen.problems.objectives import Floats, Objective

MANTISSA = 16  # significant bits of the step size and of the ranges
MOST_BITS = 20  # of a gradient; with both mantissas its product with the step still fits the 53 bits of a double
BATCH = 1 << 17  # numbers of one state array, to stay in the cache


def short(values: float | Floats) -> Floats:
    """Rounded up to ``MANTISSA`` significant bits."""
    fraction, exponent = np.frexp(values)
    return np.asarray(np.ldexp(np.ceil(np.ldexp(fraction, MANTISSA)), exponent - MANTISSA))


def descend(
    objective: Objective, bits: NDArray[np.int64], starts: Floats, ranges: Floats, step: float, word: int, lsb: float
) -> Floats:
    """x_T (P, S, n) for P allocations, each from every starting point (S, n).

    * The state X is an integer of ``word`` bits, x = X lsb; a starting point is rounded to the nearest, half up.
    * The gradient g of x is exact for least squares (H and c have few enough bits), a double for other objectives.
    * G = floor(g / D + 1/2), D = 2 r_t 2^-b, saturated to -2^(b-1) .. 2^(b-1) - 1; 0 at 0 bits.
    * X is reduced by floor(eta G D / lsb + 1/2), and saturated.

    Doubles hold every number that occurs, so the result is that of unlimited precision.

    Parameters
    ----------
    bits
        (P, T, n), or (P, T, 1) for the same bits in all coordinates; at most ``MOST_BITS``.
    ranges, step
        r_t (T,) and eta, numbers of ``MANTISSA`` significant bits (`short`).
    word, lsb
        Width and LSB of the state, the latter a power of two.
    """
    result = np.empty((len(bits), *starts.shape))
    # In lexical order, so that allocations that begin alike come together.
    order = np.lexsort(bits.reshape(len(bits), -1).T[::-1])
    rows = max(1, BATCH // starts.size)
    for first in range(0, len(bits), rows):
        batch = order[first : first + rows]
        result[batch] = _batch(objective, bits[batch], starts, ranges, step, word, lsb)
    return result


def _batch(
    objective: Objective, bits: NDArray[np.int64], starts: Floats, ranges: Floats, step: float, word: int, lsb: float
) -> Floats:
    ends = 2.0 ** (word - 1)
    state = np.clip(np.floor(starts / lsb + 0.5), -ends, ends - 1)[None]
    row = np.zeros(len(bits), dtype=np.int64)
    for t, reach in enumerate(ranges):
        # Allocations that agree up to here share one trajectory: the row of ``state`` they are at.
        distinct, row = np.unique(np.column_stack([row, bits[:, t]]), axis=0, return_inverse=True)
        state, level = state[distinct[:, 0]], distinct[:, None, 1:]
        if not level.any():
            continue
        size, half = 2 * reach * 2.0**-level, 2.0 ** (level - 1)
        moves = objective.gradient(state * lsb)
        moves /= size
        moves += 0.5
        np.clip(np.floor(moves, out=moves), -np.floor(half), np.ceil(half) - 1, out=moves)
        moves *= size
        # A power of two times MOST_BITS + 2 MANTISSA bits: exact.
        moves *= step / lsb
        moves += 0.5
        state -= np.floor(moves, out=moves)
        np.clip(state, -ends, ends - 1, out=state)
    return np.asarray(state[row] * lsb)
