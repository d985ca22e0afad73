"""Integer coefficients of a filter, and the cheapest ones near given taps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import Closure, csd_adders, odd
from hwgen.fixed import Format

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

    @property
    def trimmed_end(self) -> tuple[int, ...]:
        """The values without zeros at the end, which are no taps."""
        values = self.values
        while len(values) > 1 and values[-1] == 0:
            values = values[:-1]
        return values

    def trimmed(self) -> "Coefficients":
        """Without common trailing zero bits, and without the zero pairs at both ends."""
        values = self.values
        while len(values) > 2 and values[0] == 0 and values[-1] == 0:
            values = values[1:-1]
        shift = min((odd(v)[1] for v in values if v), default=0)
        return Coefficients(tuple(v >> shift for v in values), self.fraction - shift)


@dataclass(frozen=True)
class Loadable(Coefficients):
    """Symmetric coefficients at power-up, and the format of each free one's register."""

    formats: tuple[Format, ...] = ()

    @property
    def bits(self) -> tuple[int, ...]:
        """Bits of each register, sign included, whatever it holds."""
        return tuple(form.width for form in self.formats)


def mirrored(free: list[int] | tuple[int, ...], taps: int) -> tuple[int, ...]:
    """All `taps` coefficients from the first half."""
    return (*free, *reversed(free[: taps // 2]))


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
