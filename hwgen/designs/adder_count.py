"""Adders of symmetric filters, fast enough for a search: distinct odd fundamentals and whether one adder makes each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import greedy_graph
from hwgen.designs.regrowth import Integers, odd_parts

Cost = Callable[[Integers], NDArray[np.float64]]
"""What filters with the free taps (P, n) cost, shape (P,)."""

_KEPT = 4096  # sets of fundamentals whose adders are remembered
_WIDEST = 64.0  # bits: an adder's mean width over this breaks ties between equal numbers of adders


def distinct(free: Integers, pairs: Integers) -> NDArray[np.float64]:
    """Adders of filters `free` (P, n) if each distinct odd fundamental took one: a lower bound, shape (P,).

    `pairs` (n,) says how many taps each free one stands for, 2 or 1.
    """
    odds = np.sort(odd_parts(free), axis=1)
    new = (np.diff(odds, axis=1, prepend=0) != 0) & (odds > 1)
    return np.asarray(new.sum(axis=1) + (free != 0) @ pairs - 1, dtype=np.float64)


@lru_cache(maxsize=64)
def _reached(fundamentals: bytes) -> tuple[int, NDArray[np.bool_]]:
    return reached(np.frombuffer(fundamentals, dtype=np.int64))


def reached(fundamentals: Integers) -> tuple[int, NDArray[np.bool_]]:
    """Adders that build all odd `fundamentals`, and which odd numbers one more adder gives, by number.

    A fundamental out of reach of the others counts two adders, whatever it truly needs; it seldom occurs among ten.
    """
    pending = np.unique(fundamentals[fundamentals > 1])
    bits = int(pending[-1]).bit_length() + 1 if len(pending) else 2
    reach = np.zeros((1 << bits) + 1, dtype=bool)
    nodes, fresh, adders = np.zeros(0, dtype=np.int64), np.ones(1, dtype=np.int64), 0
    while True:
        nodes = np.concatenate([nodes, fresh])
        _combine(fresh, nodes, bits, reach)
        if not len(pending):
            return adders, reach
        hit = reach[pending]
        if not hit.any():
            hit[0] = True
            adders += 1
        fresh, pending = pending[hit], pending[~hit]
        adders += len(fresh)


def _combine(fresh: Integers, nodes: Integers, bits: int, reach: NDArray[np.bool_]) -> None:
    """Mark what one adder makes of a fresh and any node."""
    u, v = fresh[:, None, None], nodes[None, :, None]
    shifts = np.arange(1, bits + 1)
    last = len(reach) - 1  # even, so that no odd fundamental is there: a bin for what is too large
    for large, small in ((u << shifts, v), (v << shifts, u)):
        reach[np.minimum(large + small, last)] = True
        reach[np.minimum(np.abs(large - small), last)] = True
    level = np.concatenate([(u + v).ravel(), (u - v).ravel()])
    reach[np.minimum(odd_parts(level), last)] = True
    reach[last] = False


@dataclass(eq=False)
class AdderCount:
    """Adders of filters by `reached`, with their full-adder bits to break ties: the whole part counts adders.

    Parameters
    ----------
    pairs
        Taps that each free one stands for (n,).
    width
        Bits of the input.
    """

    pairs: Integers
    width: int = 12

    def __post_init__(self) -> None:
        self._seen: dict[bytes, tuple[int, float]] = {}

    def __call__(self, free: Integers) -> NDArray[np.float64]:
        """Cost of filters `free` (P, n), shape (P,)."""
        block = [self._block(np.unique(row)) for row in odd_parts(free)]
        chain = np.maximum((free != 0) @ self.pairs - 1, 0)
        words = self.width + np.log2(np.maximum(np.abs(free) @ self.pairs, 1))
        bits = np.array([b for _, b in block]) + chain * words
        total = np.array([a for a, _ in block]) + chain
        return np.asarray(total + np.minimum(bits / np.maximum(total, 1) / _WIDEST, 0.99))

    def near(self, free: Integers) -> NDArray[np.bool_]:
        """Odd numbers that one more adder gives beside the filter `free` (n,), by number."""
        return _reached(np.unique(odd_parts(free)).tobytes())[1]

    def _block(self, fundamentals: Integers) -> tuple[int, float]:
        """Adders of the multiplier block and, nearly, their bits."""
        key = fundamentals.tobytes()
        if key not in self._seen:
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            words = self.width + np.log2(fundamentals[fundamentals > 1])
            self._seen[key] = _reached(key)[0], float(words.sum())
        return self._seen[key]


def adders(values: tuple[int, ...]) -> tuple[int, int]:
    """Block and structural adders of all coefficients `values`, the block as `greedy_graph` builds it."""
    return len(greedy_graph(values)) - 1, max(sum(v != 0 for v in values) - 1, 0)
