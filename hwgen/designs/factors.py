"""One factor of a cascade while the others are given: what it must keep to, its best real taps, cheap integer ones.

A cascade H(z) = prod_i F_i(z**M_i) has the zero-phase amplitude prod_i A_i(M_i f). With all but one factor fixed, the
mask divided by their amplitude W is a mask for the one that is left, whose limits vary with frequency. A factor of
spread M repeats: A(M f) takes each value at M frequencies of 0..0.5 ("aliases"). So its limits at one frequency of its
own are the tightest of M, and it is designed like any short filter (Neuvo, Dong and Mitra, IEEE TASSP 32, 1984, have
the structure; the folding of limits and the placing of values against them are our own).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from hwgen.adders import Closure, csd_adders, odd
from hwgen.designs.values import Coefficients, mirrored
from hwgen.response import Mask, basis, limits

Floats = NDArray[np.float64]
Part = tuple[Coefficients, int]

_FINEST = 6  # bits finer than asked to which the grid of one tap may go
_WINDOW = 4096  # values around the middle of an interval among which the cheapest is sought
_FULL = 0.998  # share of the mask that values may use: what may hide between frequencies


@dataclass(frozen=True)
class Limits:
    """What a factor of `taps` taps must keep to at frequencies of its own: ``low <= A <= high``, each of shape (G,)."""

    taps: int
    frequencies: Floats
    low: Floats
    high: Floats

    def scaled(self, factor: float) -> "Limits":
        """The same limits for taps times `factor`, which must be above 0."""
        return Limits(self.taps, self.frequencies, self.low * factor, self.high * factor)

    @property
    def empty(self) -> bool:
        """Whether no factor whatever could keep to them."""
        return bool((self.low > self.high).any())


def response(parts: Sequence[Part], frequencies: Floats) -> Floats:
    """Zero-phase amplitude of the product of symmetric factors, shape of `frequencies` (of the sample rate)."""
    total = np.ones(frequencies.shape)
    for coefficients, spread in parts:
        taps = len(coefficients.values)
        total *= basis(taps, spread * frequencies) @ coefficients.floats[: (taps + 1) // 2]
    return total


def aliases(frequencies: Floats, spread: int) -> list[tuple[Floats, int]]:
    """Where a factor of this spread shows its amplitude at `frequencies` of its own: f = (n +- phi) / M in 0..0.5.

    Returns
    -------
    For each of the M aliases, the frequencies in the shape of the argument, and n: in even lengths the sign is (-1)**n.
    """
    found = []
    for segment in range(spread):
        n = (segment + 1) // 2
        found.append(((n - frequencies if segment % 2 else n + frequencies) / spread, n))
    return found


def folded(mask: Mask, spread: int, count: int) -> Floats:
    """`count` frequencies of a factor's own over 0..0.5, and those that its spread maps onto edges of the mask."""
    edges = np.array([edge for band in mask.bands for edge in (band.start, band.stop)]) * spread % 1
    return np.unique(np.round(np.concatenate([np.linspace(0, 0.5, count), np.minimum(edges, 1 - edges)]), 14))


def remaining(mask: Mask, others: Sequence[Part], spread: int, taps: int, density: int = 8) -> Limits:
    """Limits of a factor of `taps` taps and this spread beside the others; a free gain counts as 1.

    Frequencies at which nothing is asked are left out. There are `density` x `taps` of them to a 0..0.5.
    """
    frequencies = folded(mask, spread, density * taps + 1)
    low, high = np.full(frequencies.shape, -np.inf), np.full(frequencies.shape, np.inf)
    for points, n in aliases(frequencies, spread):
        weight = response(others, points) * (-1.0 if n % 2 and taps % 2 == 0 else 1.0)
        bounds = np.stack(limits(mask, points)) * (mask.gain or 1.0)
        asked = np.isfinite(bounds[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            # Where the others are zero, a stop band asks nothing; a pass band the impossible, which 0 > -1 stands for.
            divided = np.where(weight == 0, np.where(bounds[0] > 0, [[0.0], [-1.0]], [[-np.inf], [np.inf]]),
                               np.sort(bounds / weight, axis=0))  # fmt: skip
        low[asked] = np.maximum(low, divided[0])[asked]
        high[asked] = np.minimum(high, divided[1])[asked]
    asked = np.isfinite(low) & np.isfinite(high)
    return Limits(taps, frequencies[asked], low[asked], high[asked])


def tightest(asked: Limits) -> tuple[float, Floats]:
    """The real taps that stay deepest inside the limits: min t, |A - centre| <= t half the range.

    Returns
    -------
    t (at most 1: limits kept; infinite where they contradict each other), and the free half of the taps.
    """
    matrix = basis(asked.taps, asked.frequencies)
    free = matrix.shape[1]
    if asked.empty:
        return math.inf, np.zeros(free)
    centre, half = (asked.low + asked.high) / 2, (asked.high - asked.low) / 2
    scale = 1 / np.maximum(half, 1e-12 * np.abs(centre).max())
    rows, wanted, ones = matrix * scale[:, None], centre * scale, np.ones((len(centre), 1))
    found = linprog(
        np.append(np.zeros(free), 1.0), A_ub=np.block([[rows, -ones], [-rows, -ones]]), b_ub=np.r_[wanted, -wanted],
        bounds=[(None, None)] * free + [(0, None)], method="highs-ds",
    )  # fmt: skip
    return (math.inf, np.zeros(free)) if found.status else (float(found.fun), found.x[:free])


@dataclass(frozen=True)
class Placing:
    """How values are placed: fraction `bits`, how fast the tolerance opens (a power of the share placed), the order."""

    bits: int
    opening: float = 0.5
    outwards: bool = True


def place(coarse: Limits, fine: Limits, least: float, how: Placing) -> Coefficients | None:
    """Integer taps within the limits that cost few adders, one after another, the others free to make up for it.

    Parameters
    ----------
    coarse, fine
        The same limits on two grids: the coarse one while many taps are open, which could mend little between its
        points anyway, the fine one for the rest.
    least
        What `tightest` says: the share of the limits that is open to the first tap.
    how
        Word length, opening and order.

    Returns
    -------
    None where a tap finds no value. The limits between frequencies are for the caller to check.
    """
    free = (coarse.taps + 1) // 2
    placed = np.full(free, np.nan)
    closure = Closure((1 << how.bits + 2) - 1)
    chosen = [(0, 0)] * free
    order = range(free - 1, -1, -1) if how.outwards else range(free)
    asked, matrix = coarse, basis(coarse.taps, coarse.frequencies)
    for step, tap in enumerate(order, start=1):
        if step == max(2, free // 2):
            asked, matrix = fine, basis(fine.taps, fine.frequencies)
        tolerance = least + (_FULL - least) * (step / free) ** how.opening
        interval = _interval(asked, matrix, placed, tap, tolerance)
        best = None if interval is None else _cheapest(*interval, how.bits, closure)
        if best is None:
            return None
        chosen[tap], placed[tap] = best, np.ldexp(float(best[0]), -best[1])
        closure.include(odd(best[0])[0])
    finest = max(fraction for _, fraction in chosen)
    values = mirrored([value << finest - fraction for value, fraction in chosen], coarse.taps)
    return Coefficients(values, finest).trimmed() if any(values) else None


def _interval(asked: Limits, matrix: Floats, placed: Floats, tap: int, tolerance: float) -> tuple[float, float] | None:
    """Smallest and largest value of `tap` for which real values of the taps not placed yet keep to the limits."""
    unplaced = np.isnan(placed)
    part, fixed = matrix[:, unplaced], matrix[:, ~unplaced] @ placed[~unplaced]
    centre, half = (asked.low + asked.high) / 2 - fixed, tolerance * (asked.high - asked.low) / 2
    cost = (np.flatnonzero(unplaced) == tap).astype(np.float64)
    ends = []
    for sign in (1.0, -1.0):
        # Scaled so that the solver's absolute tolerance of 1e-7 is small beside a stop band's.
        found = linprog(
            sign * cost, A_ub=np.vstack([part, -part]), b_ub=1e3 * np.r_[centre + half, half - centre],
            bounds=(None, None), method="highs-ds",
        )  # fmt: skip
        if found.status:
            return None
        ends.append(float(found.x @ cost) * 1e-3)
    return ends[0], ends[1]


def _cheapest(low: float, high: float, bits: int, closure: Closure) -> tuple[int, int] | None:
    """Cheapest grid point in the interval and the fraction bits of its grid, finer where the first grid misses it."""
    for fraction in range(bits, bits + _FINEST + 1):
        first, last = math.ceil(math.ldexp(low, fraction)), math.floor(math.ldexp(high, fraction))
        if first > last:
            continue
        if first <= 0 <= last:
            return 0, fraction
        middle = (first + last) // 2
        window = range(max(first, middle - _WINDOW), min(last, middle + _WINDOW) + 1)
        return min(window, key=lambda v: (_adders(v, closure), -odd(v)[1], abs(2 * v - first - last), v)), fraction
    return None


def _adders(value: int, closure: Closure) -> int:
    """Adders that `value` costs beside what is built: exact for 0 and 1, signed digits beyond."""
    fundamental, _ = odd(value)
    if fundamental in closure.nodes:
        return 0
    return 1 if fundamental in closure.reach else max(2, int(csd_adders(np.array([fundamental]))[0]))
