"""All coefficients of a linear-phase FIR together: a walk over integer filters towards the fewest adders.

Some taps are grown anew (`regrowth`); the cheapest filter of the beam is judged against the mask and taken where it
costs no more, now and then a little more. Missing the mask has a price that rises while the walk is outside and falls
while it is inside (strategic oscillation; Glover, Decision Sciences 8, 1977), so that it stays near the edge, where
cheap filters are. (Our own combination.)
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwgen.designs.adder_count import AdderCount, Cost, distinct
from hwgen.designs.regrowth import Beam, Integers, odd_parts, regrow
from hwgen.designs.tolerance import Ellipsoid, Judge, ellipsoid
from hwgen.response import Mask

Floats = NDArray[np.float64]

BEAM = 48  # filters grown at each step
_FIRST = Beam(192, 0.3, 0.0)  # for a first filter, of which nothing is known
_TEMPERATURE = 0.2  # adders
_ANEW = 16  # taps grown anew at once
_COARSE, _FINE = 8, 32  # grid points a tap, to judge a beam and to judge the best of it
_JUDGED = 3  # filters of a beam that are judged finely
_LIMIT = 0.9995  # of the mask: what the fine grid may hide
_MISS, _CHEAPEST, _DEAREST = 40.0, 20.0, 1e4  # adders that a violation of 2 is worth, at first and within what range
_SWING = 1.03  # by which that changes at each step
_HEAT = 0.3  # adders: mean of the exponential deviate by which a step may cost more
_POOL = 8  # filters remembered


@dataclass(frozen=True)
class Variant:
    """One walk; everything in it is plain, for an executor.

    Parameters
    ----------
    mask, taps
        What to meet, with how many taps.
    gain
        G in units of the integer taps, which sets their word length. With a free gain it is where the walk starts.
    seed
        Of the walk's own generator.
    regrowths
        Steps of the walk; each makes `BEAM` filters.
    start
        Free taps to start from; None: a first filter is grown.
    most
        Most bits a coefficient may have, sign included.
    cost
        What filters ``(P, n)`` cost, ``(P,)``; None: `AdderCount`. One that an executor can pickle, if there is one.
    """

    mask: Mask
    taps: int
    gain: float
    seed: int
    regrowths: int
    start: tuple[int, ...] | None = None
    most: int = 18
    cost: Cost | None = None

    @property
    def pairs(self) -> Integers:
        """Taps that each free one stands for: 2, and 1 for the centre of an odd length."""
        return np.where(np.arange((self.taps + 1) // 2) >= self.taps // 2, 1, 2)


@dataclass(frozen=True)
class Walked:
    """What a walk found: free taps within the mask with their cost, cheapest first; and where it stands.

    `energy` is the cost in adders of the last filter (of the best found, if any), with a price on missing the mask.
    """

    found: tuple[tuple[float, tuple[int, ...]], ...]
    last: tuple[int, ...] | None
    energy: float


@lru_cache(maxsize=32)
def room(mask: Mask, taps: int) -> Ellipsoid | None:
    """`ellipsoid` of the mask, remembered; drawn with a fixed seed, since it belongs to no one walk."""
    return ellipsoid(mask, taps, np.random.default_rng(taps))


def walk(variant: Variant) -> Walked:
    """Walk over the integer filters of one length from one gain; nothing found where no real taps meet the mask."""
    shape = room(variant.mask, variant.taps)
    return Walked((), None, np.inf) if shape is None else _Walk(variant, shape).run()


class _Walk:
    def __init__(self, variant: Variant, shape: Ellipsoid) -> None:
        self.variant, self.shape, self.pairs = variant, shape, variant.pairs
        self.n = len(self.pairs)
        self.rng = np.random.default_rng(variant.seed)
        fixed = None if variant.mask.gain is None else variant.gain
        self.coarse, self.fine = (Judge(variant.mask, variant.taps, fixed, density) for density in (_COARSE, _FINE))
        self.count = AdderCount(self.pairs)
        self.cost = variant.cost or self.count
        self.unit = 1.0  # of the cost, in adders
        self.pool: dict[tuple[int, ...], float] = {}

    def run(self) -> Walked:
        x = self._first()
        if x is None:
            return Walked((), None, np.inf)
        if self.variant.cost is not None:
            self.unit = float(self.cost(x[None])[0] / max(self.count(x[None])[0], 1.0)) or 1.0
        cost, miss = (float(a[0]) for a in self._judged(x[None]))
        near, weight = self.count.near(x), _MISS
        for _ in range(self.variant.regrowths):
            weight = min(weight * _SWING, _DEAREST) if miss > 0 else max(weight / _SWING, _CHEAPEST)
            beam = Beam(BEAM, 10 ** self.rng.uniform(-2, 0), _TEMPERATURE)
            found = self._fitting(regrow(x, self._order(x), self._around(x), self.pairs, near, beam, self.rng))
            found = found[(found != x).any(axis=1)]
            ceiling = cost + weight * miss + self.rng.exponential(_HEAT)
            if not len(found):
                continue
            guess = distinct(found, self.pairs) + weight * _excess(self.coarse.violation(found))
            chosen = np.argsort(guess + 1e-3 * self.rng.random(len(guess)))[:_JUDGED]
            if self.variant.cost is None:  # whose lower bound the guess is, but for what the coarse grid hides
                chosen = chosen[guess[chosen] <= ceiling]
            if not len(chosen):
                continue
            costs, misses = self._judged(found[chosen])
            energies = costs + weight * misses
            best = int(energies.argmin())
            if energies[best] <= ceiling:
                x, cost, miss = found[chosen[best]], float(costs[best]), float(misses[best])
                near = self.count.near(x)
        ranked = sorted((c, taps) for taps, c in self.pool.items())
        energy = ranked[0][0] / self.unit if ranked else cost + _MISS * miss
        return Walked(tuple(ranked), tuple(x.tolist()), energy)

    def _first(self) -> Integers | None:
        if self.variant.start is not None:
            return np.array(self.variant.start, dtype=np.int64)
        order = np.argsort(-np.abs(self.shape.centre), kind="stable")
        nothing, around = np.zeros(self.n, dtype=np.int64), self.shape.of_gain(self.variant.gain)
        found = regrow(nothing, order, around, self.pairs, np.ones(1, dtype=bool), _FIRST, self.rng)
        found = self._fitting(found[found.any(axis=1)])
        if not len(found):
            return None
        best = np.argmin(distinct(found, self.pairs) + _MISS * _excess(self.coarse.violation(found)))
        return np.asarray(found[best])

    def _fitting(self, found: Integers) -> Integers:
        return found[(np.abs(found) < 1 << self.variant.most - 1).all(axis=1)]

    def _around(self, x: Integers) -> tuple[Floats, Floats]:
        return self.shape.of_any_gain(x) if self.variant.mask.gain is None else self.shape.of_gain(self.variant.gain)

    def _order(self, x: Integers) -> NDArray[np.intp]:
        """Taps to grow anew: any, neighbours, or some that alone use their fundamental before any others."""
        n, rng = self.n, self.rng
        size = int(rng.integers(min(n, 2), min(n, _ANEW) + 1))
        kind = rng.integers(3)
        if kind == 0:
            return rng.choice(n, size, replace=False)
        if kind == 1:
            return rng.permutation((rng.integers(n) + np.arange(size)) % n)
        odds = odd_parts(x)
        used, times = np.unique(odds, return_counts=True)
        alone = np.flatnonzero(np.isin(odds, used[(times == 1) & (used > 1)]))
        first = rng.choice(alone, min(len(alone), max(1, size // 3)), replace=False)
        rest = np.setdiff1d(np.arange(n), first)
        return np.concatenate([first, rng.choice(rest, min(size - len(first), len(rest)), replace=False)])

    def _judged(self, found: Integers) -> tuple[Floats, Floats]:
        """Cost of filters in adders, and by how much they miss the mask; the best that meet it are kept."""
        misses, costs = _excess(self.fine.violation(found)), self.cost(found)
        for x, cost, miss in zip(found, costs, misses, strict=True):
            if miss == 0 and x.any():
                self.pool[tuple(x.tolist())] = float(cost)
                if len(self.pool) > _POOL:
                    del self.pool[max(self.pool, key=lambda taps: (self.pool[taps], taps))]
        return costs / self.unit, misses


def _excess(violation: Floats) -> Floats:
    return np.maximum(0.0, violation - _LIMIT)
