"""Some taps of a filter anew: a beam of integer values, cheap in adders and likely within the mask.

Taps are placed one after another. How far a value is from what suits the taps already there is known from the
Cholesky factor of the mask's ellipsoid, as in a sphere decoder (Agrell, Eriksson, Vardy and Zeger, IEEE Trans. Inf.
Theory 48, 2002); what it costs is one adder for a new odd fundamental and one for each nonzero tap.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_REACH = 3.0  # standard deviations within which values are tried
_CHOICES = 48  # values of a tap that are tried at most; a wider range is tried on a coarser grid
_TWO = 0.6  # adders added for a fundamental that needs more than one adder; it may serve others


def odd_parts(values: Integers) -> Integers:
    """Odd fundamental of every value, 0 for 0."""
    magnitude = np.abs(values)
    lowest = magnitude & -magnitude
    return magnitude >> np.bitwise_count(np.maximum(lowest, 1) - 1)


@dataclass(frozen=True, eq=False)
class Beam:
    """How values are chosen.

    Parameters
    ----------
    width
        Partial filters kept.
    caution
        Adders that one unit of squared distance in the ellipsoid is worth; a random one for each regrowth explores.
    temperature
        Scale of the Gumbel noise on each choice, in adders.
    """

    width: int
    caution: float
    temperature: float


def regrow(
    filter_: Integers,
    order: NDArray[np.intp],
    ellipsoid: tuple[Floats, Floats],
    pairs: Integers,
    near: NDArray[np.bool_],
    beam: Beam,
    rng: np.random.Generator,
) -> Integers:
    """Copies of `filter_` with the taps of `order` placed anew, in that order.

    Parameters
    ----------
    filter_
        Free taps (n,).
    order
        Indices of the taps to place.
    ellipsoid
        Centre (n,) and shape (n, n), for the gain meant or for any.
    pairs
        Nonzero taps that each free tap stands for, (n,): 2, or 1 for the centre of an odd length.
    near
        Whether one adder makes an odd fundamental, by fundamental; those past its end need more.

    Returns
    -------
    Shape (up to `beam.width`, n), most promising first; empty where nothing is in reach.
    """
    centre, shape = ellipsoid
    n, back = len(filter_), order[::-1]
    fixed = np.setdiff1d(np.arange(n), order)
    inner = shape[np.ix_(back, back)]
    ideal = centre[back]
    if len(fixed):
        ideal = ideal - np.linalg.solve(inner, shape[np.ix_(back, fixed)] @ (filter_[fixed] - centre[fixed]))
    # A breath of diagonal: a shape of thin masks is singular to rounding.
    upper = np.linalg.cholesky(inner + np.diag(1e-13 * inner.diagonal())).T
    found = np.repeat(filter_[None], 1, axis=0)
    found[:, order] = 0
    kept = odd_parts(filter_[fixed])
    shared = np.zeros(int(kept.max(initial=0)) + 2, dtype=bool)  # its last entry stands for all that are larger
    shared[kept] = True
    odds = np.zeros((1, len(order)), dtype=np.int64)  # of the taps placed so far
    away, score = np.zeros((1, len(order))), np.zeros(1)
    for k in range(len(order) - 1, -1, -1):
        tap, stiffness = back[k], upper[k, k]
        mean = ideal[k] - away[:, k + 1 :] @ upper[k, k + 1 :] / stiffness
        values = _values(mean, max(_REACH / stiffness, 1.0))
        fundamentals = odd_parts(values)
        known = (fundamentals <= 1) | shared[np.minimum(fundamentals, len(shared) - 1)]
        known |= (fundamentals[:, :, None] == odds[:, None, k + 1 :]).any(axis=2)
        far = ~near[np.minimum(fundamentals, len(near) - 1)]
        price = np.where(values == 0, -float(pairs[tap]), np.where(known, 0.0, 1.0 + _TWO * far))
        distance = ((values - mean[:, None]) * stiffness) ** 2
        exact = score[:, None] + price + beam.caution * distance
        noisy = exact - beam.temperature * rng.gumbel(size=exact.shape)
        noisy[distance > (_REACH + 1) ** 2] = np.inf
        best = _least(noisy.ravel(), beam.width)
        parent, choice = np.unravel_index(best, noisy.shape)
        found, odds, away = found[parent], odds[parent], away[parent]
        found[:, tap] = values[parent, choice]
        odds[:, k] = fundamentals[parent, choice]
        away[:, k] = found[:, tap] - ideal[k]
        score = exact[parent, choice]
        if not len(found):
            break
    return found


def _least(score: Floats, count: int) -> NDArray[np.intp]:
    """Where the least finite scores are, in their order."""
    best = np.argpartition(score, count)[:count] if len(score) > count else np.arange(len(score))
    best = best[np.isfinite(score[best])]
    return best[np.argsort(score[best], kind="stable")]


def _values(mean: Floats, reach: float) -> Integers:
    """Integers around each of the means, shape (P, C): within `reach`, or multiples of a power of two where many."""
    step = 1
    while 2 * reach / step > _CHOICES:
        step *= 2
    first = np.ceil((mean - reach) / step).astype(np.int64)
    return (first[:, None] + np.arange(int(2 * reach / step) + 1)) * step
