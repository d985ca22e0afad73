"""Coefficient values that cost few adders within a mask: one tap after another, the others free to make up for it.

The polytope of linear-phase filters that meet a mask is convex. Tap by tap, two linear programs give the interval
in which a tap can still be placed while real values of the others meet the mask; the value in it that the adder
graph gets cheapest is taken. The mask opens from the tightest that any filter meets to the whole mask as taps are
placed, so that early taps do not use up the tolerance of late ones. (Our own combination; placing taps in
linear-programming intervals goes back to Lim and Parker, IEEE TASSP 31, 1983, and with cheap values to Shi and Yu,
IEEE TCAS-I 58, 2011.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from hwgen.adders import Closure, csd_adders, odd
from hwgen.response import Mask, basis, grid, limits, measure

_FINEST = 24  # fraction bits beyond which a tap is no longer tried on a finer grid


@dataclass(frozen=True)
class Coefficients:
    """Integer coefficients in units of ``2**-fraction``; `free` has the first half alone of a symmetric filter."""

    values: tuple[int, ...]
    fraction: int

    @property
    def floats(self) -> NDArray[np.float64]:
        """The coefficients as numbers."""
        return np.ldexp(np.array([float(v) for v in self.values]), -self.fraction)

    @property
    def symmetric(self) -> bool:
        """Whether tap k equals tap N - 1 - k throughout."""
        return self.values == self.values[::-1]

    @property
    def free(self) -> tuple[int, ...]:
        """Each symmetric pair once."""
        return self.values[: (len(self.values) + 1) // 2] if self.symmetric else self.values

    @property
    def bits(self) -> tuple[int, ...]:
        """Bits of each free coefficient in two's complement, trailing zeros left out, sign included; 0 for 0."""
        return tuple(0 if v == 0 else odd(v)[0].bit_length() + 1 for v in self.free)

    def trimmed(self) -> "Coefficients":
        """Without common trailing zero bits, and without the zero pairs at both ends."""
        values = self.values
        while len(values) > 2 and values[0] == 0 and values[-1] == 0:
            values = values[1:-1]
        shift = min((odd(v)[1] for v in values if v), default=0)
        return Coefficients(tuple(v >> shift for v in values), self.fraction - shift)


def mirrored(free: list[int] | tuple[int, ...], taps: int) -> tuple[int, ...]:
    """All `taps` coefficients from the first half."""
    return (*free, *reversed(free[: taps // 2]))


def place(
    mask: Mask, taps: int, gain: float, fraction: int, opening: float = 0.5, outwards: bool = True, most: int = 18
) -> Coefficients | None:
    """Place every tap where it costs the fewest adders; None where no filter of this length meets the mask.

    Parameters
    ----------
    mask, taps, gain
        What to meet, with how many taps, at which passband gain.
    fraction
        Fraction bits of the grid; a tap whose interval holds no point of it goes to a finer one.
    opening
        How fast the tolerance opens: after the share p of taps it is ``tight + (1 - tight) p**opening``.
    outwards
        Place the centre first (else the ends).
    most
        Most bits a coefficient may have, sign included.
    """
    free = (taps + 1) // 2
    matrix, centre, half = _bounds(mask, taps, gain, 8)
    rows = np.vstack([matrix, -matrix])
    tightest = linprog(
        np.r_[np.zeros(free), 1.0], A_ub=np.hstack([rows, -np.r_[half, half][:, None]]), b_ub=np.r_[centre, -centre],
        bounds=[(None, None)] * free + [(0, None)], method="highs",
    )  # fmt: skip
    if tightest.status != 0 or tightest.fun >= 0.999:
        return None
    placed = np.full(free, np.nan)
    closure = Closure((1 << fraction + 1) - 1)
    chosen: list[tuple[int, int]] = [(0, 0)] * free
    order = list(range(free - 1, -1, -1)) if outwards else list(range(free))
    for step, tap in enumerate(order, start=1):
        # The fewer taps are open, the cheaper a fine grid is, and the less they could mend between its points.
        if step in (free // 2, 3 * free // 4):
            matrix, centre, half = _bounds(mask, taps, gain, 12 if step < 0.7 * free else 24)
        tolerance = tightest.fun + (0.998 - tightest.fun) * (step / free) ** opening
        interval = _interval(matrix, placed, tap, centre - tolerance * half, centre + tolerance * half)
        if interval is None:
            return None
        value, finer = _cheapest(interval, fraction, closure, most)
        if value is None:
            return None
        placed[tap], chosen[tap] = np.ldexp(float(value), -finer), (value, finer)
        closure.include(odd(value)[0])
    finest = max(finer for _, finer in chosen)
    values = [value << finest - finer for value, finer in chosen]
    result = Coefficients(mirrored(values, taps), finest).trimmed()
    return result if measure(result.floats, _at_gain(mask, gain)).violation <= 1 else None


def _at_gain(mask: Mask, gain: float) -> Mask:
    return mask if mask.gain is None else Mask(mask.bands, gain)


def _bounds(
    mask: Mask, taps: int, gain: float, density: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Response of each free tap on a grid, and the centre and half the width of what the mask allows there."""
    frequencies = grid(mask, taps, density)
    lower, upper = (gain * bound for bound in limits(mask, frequencies))
    return basis(taps, frequencies), (lower + upper) / 2, (upper - lower) / 2


def _interval(
    matrix: NDArray[np.float64],
    placed: NDArray[np.float64],
    tap: int,
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> tuple[float, float] | None:
    """Smallest and largest value of `tap` for which real values of the taps not placed yet meet the bounds."""
    open_taps = np.isnan(placed)
    fixed = matrix[:, ~open_taps] @ placed[~open_taps]
    part = matrix[:, open_taps]
    cost = (np.flatnonzero(open_taps) == tap).astype(np.float64)
    ends = []
    for sign in (1.0, -1.0):
        # Scaled so that the solver's absolute tolerance of 1e-7 is small beside a stopband's.
        found = linprog(
            sign * cost, A_ub=np.vstack([part, -part]), b_ub=1e3 * np.r_[upper - fixed, fixed - lower],
            bounds=(None, None), method="highs-ds",
        )  # fmt: skip
        if found.status != 0:
            return None
        ends.append(float(found.x @ cost) * 1e-3)
    return ends[0], ends[1]


def near(ideal: NDArray[np.float64], reach: float, fraction: int, most: int = 18) -> Coefficients | None:
    """Every tap at the cheapest value within `reach` of the ideal one; for filters without a mask."""
    closure, values, fractions = Closure((1 << fraction + 1) - 1), [], []
    for h in ideal:
        value, finer = _cheapest((float(h) - reach, float(h) + reach), fraction, closure, most)
        if value is None:
            return None
        values.append(value)
        fractions.append(finer)
        closure.include(odd(value)[0])
    finest = max(fractions)
    whole = tuple(v << finest - f for v, f in zip(values, fractions, strict=True))
    return Coefficients(whole, finest) if any(whole) else None


def _cheapest(interval: tuple[float, float], fraction: int, closure: Closure, most: int) -> tuple[int | None, int]:
    """Cheapest grid point of the interval and the fraction bits of its grid, finer where the first grid misses it."""
    low, high = interval
    middle = (low + high) / 2
    for finer in range(fraction, _FINEST + 1):
        first, last = int(np.ceil(np.ldexp(low, finer))), int(np.floor(np.ldexp(high, finer)))
        if first > last:
            continue
        if first <= 0 <= last:
            return 0, finer
        centre = round(float(np.ldexp(middle, finer)))
        window = [
            v for v in range(max(first, centre - 4096), min(last, centre + 4096) + 1) if odd(v)[0].bit_length() < most
        ]
        if not window:
            return None, fraction
        return min(window, key=lambda v: (_adders(v, closure), -odd(v)[1], abs(v - centre), v)), finer
    return None, fraction


def _adders(value: int, closure: Closure) -> int:
    """Adders that `value` costs beside what is built: exact for 0 and 1, signed digits beyond."""
    fundamental, _ = odd(value)
    if fundamental in closure.nodes:
        return 0
    if fundamental in closure.reach:
        return 1
    return max(2, int(csd_adders(np.array([fundamental]))[0]))
