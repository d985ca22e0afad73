"""Sets of constants and what one more adder makes of them, as tables over the odd numbers up to a limit.

Three odd constants a, b, c are *one adder apart* if ``c << k = |(a << i) +- (b << j)|``. The relation is symmetric:
what one adder makes of a and b is also what makes a together with b. So one routine gives what lies ahead and behind.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

FAR = 255  # depth of what one adder does not reach
_WORD = 62  # bits of an int64 that shifts may use
_BITS = 64  # targets whose support is followed: one bit of a word each


class Odds:
    """The odd numbers up to `limit`, by index: number ``2 k + 1`` is index k, whatever is out of range is `size`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = (limit + 1) // 2
        self.kind: Any = (
            np.int64 if limit.bit_length() <= _WORD // 2 else np.object_
        )  # holds the limit, shifted by its bits
        self.shifts = np.arange(1, limit.bit_length() + 1).astype(self.kind)

    def combined(self, left: Iterable[int], right: Iterable[int]) -> Indices:
        """Indices (L, R, K) of what one adder makes of each number of `left` and each of `right`."""
        u = np.fromiter(left, self.kind)[:, None, None]
        v = np.fromiter(right, self.kind)[None, :, None]
        high, wide = u << self.shifts, v << self.shifts
        level = np.concatenate([u + v, np.abs(u - v)], axis=2)
        level //= np.maximum(level & -level, 1)
        found = np.concatenate([high + v, np.abs(high - v), wide + u, np.abs(wide - u), level], axis=2)
        found[found == 0] = 2 * self.size + 1  # u - u
        return np.minimum(found >> 1, self.size)

    def joined(self, left: Iterable[int], right: Iterable[int]) -> set[int]:
        """The numbers themselves that one adder makes of one of `left` and one of `right`."""
        found = set((2 * self.combined(left, right) + 1).ravel().tolist())
        found.discard(2 * self.size + 1)
        return found

    def squared(self, values: Iterable[int]) -> Indices:
        """Indices (L, K) of what one adder makes of each of `values` with itself."""
        own = np.fromiter(values, self.kind)[:, None]
        high = own << self.shifts
        return np.minimum(np.concatenate([high + own, high - own], axis=1) >> 1, self.size)

    def divisors(self, target: int) -> list[int]:
        """The numbers that give `target` when added to a shift of themselves."""
        factors = {(1 << int(s)) + sign for s in self.shifts for sign in (-1, 1)} - {1}
        return sorted(target // f for f in factors if target % f == 0)


class Front:
    """Constants built so far, targets still to build, what one more adder reaches and what would support a target.

    `reach` holds, for each odd number, the least depth at which one more adder gives it (`FAR` if none does); without a
    bound on the depth every depth counts as 0. `support` holds, for each odd number, one bit for each target that it
    makes together with a node *or another target*; a target that no pair of nodes and other targets makes needs such a
    number, so this is a necessary condition that rules out nearly everything.
    """

    def __init__(self, odds: Odds, targets: Sequence[int], bound: int | None) -> None:
        self.odds, self.bound = odds, bound
        self.nodes: list[int] = [1]
        self.depths: list[int] = [0]
        self.left = sorted(set(targets) - {1})
        self.bit = {t: 1 << k for k, t in enumerate(self.left[:_BITS])}
        kind = next(f"u{n}" for n in (1, 2, 4, 8) if len(self.bit) <= 8 * n)
        self.reach = np.full(odds.size + 1, FAR, dtype=np.uint8)
        self.support = np.zeros(odds.size + 1, dtype=kind)
        self.held = 0  # bits of the targets that nodes and other targets make
        every = [1, *self.left]
        for target, bit in self.bit.items():
            made = odds.combined([target], [v for v in every if v != target])
            for found in (made.ravel(), np.array(odds.divisors(target), np.int64) >> 1):
                self.support[found] |= self.support.dtype.type(bit)
        self.support[-1] = 0
        for value in every:
            self.held |= int(self.support[value >> 1])
        self._reached(odds.squared([1]), [0], 0)
        self.close()

    def copy(self) -> "Front":
        made = object.__new__(Front)
        made.__dict__.update(self.__dict__)
        made.nodes, made.depths, made.left = self.nodes[:], self.depths[:], self.left[:]
        made.reach, made.support = self.reach.copy(), self.support.copy()
        return made

    def _reached(self, found: Indices, depths: Sequence[int], depth: int) -> None:
        """Enter what a node of depth `depth` makes with nodes of depths `depths`, `found` (nodes, K)."""
        if self.bound is None:
            self.reach[found.ravel()] = 0
        else:
            for row, other in zip(found, depths, strict=True):
                level = 1 + max(depth, other)
                if level <= self.bound:
                    self.reach[row] = np.minimum(self.reach[row], level)
        self.reach[-1] = FAR

    def _node(self, value: int, found: Indices, own: Indices) -> None:
        """Make `value`, which is in reach, a node; `found` and `own` are what it makes with the nodes and itself."""
        depth = int(self.reach[value >> 1])
        self._reached(found, self.depths, depth)
        self._reached(own, [depth], depth)
        self.nodes.append(value)
        self.depths.append(depth)
        if self.bound is not None:
            self._relax()

    def _relax(self) -> None:
        """Lower the depth of every node that a newer one gives at a lower depth."""
        while True:
            lower = [k for k in range(1, len(self.nodes)) if self.reach[self.nodes[k] >> 1] < self.depths[k]]
            if not lower:
                return
            k = lower[0]
            self.depths[k] = int(self.reach[self.nodes[k] >> 1])
            self._reached(self.odds.combined([self.nodes[k]], self.nodes)[0], self.depths, self.depths[k])

    def close(self) -> None:
        """Build every target in reach: in a smallest graph nothing is gained by waiting."""
        while True:
            near = [t for t in self.left if self.reach[t >> 1] != FAR]
            if not near:
                return
            for target in near:
                self.left.remove(target)
                self._node(target, self.odds.combined([target], self.nodes)[0], self.odds.squared([target]))

    def add(self, value: int, made: tuple[Indices, Indices] | None = None) -> None:
        """Build `value`, which is in reach, as one more node, then the targets that come into reach.

        `made`, if known, is what `value` makes with the nodes and then the targets left, and what with itself.
        """
        found, own = made or (self.odds.combined([value], [*self.nodes, *self.left])[0], self.odds.squared([value]))
        count = len(self.nodes)
        self.held |= int(self.support[value >> 1])
        for k, target in enumerate(self.left):
            if target in self.bit:
                row = found[count + k]
                self.support[row] |= self.support.dtype.type(self.bit[target])
        self.support[-1] = 0
        self._node(value, found[:count], own)
        self.close()

    def reached(self) -> list[int]:
        """Numbers in reach that are not nodes, those that support most of the targets left first."""
        found = np.flatnonzero(self.reach != FAR)
        found = np.setdiff1d(found, np.array(self.nodes) >> 1)
        wanted = self.support.dtype.type(sum(self.bit.get(t, 0) for t in self.left))
        votes = np.bitwise_count(self.support[found] & wanted).astype(np.int64)
        return [int(2 * k + 1) for k in found[np.lexsort((found, -votes))]]

    def last(self) -> list[int]:
        """Numbers in reach that may, as the only further one, bring every target into reach; none other can."""
        need = self.support.dtype.type(sum(self.bit.get(t, 0) for t in self.left) & ~self.held)
        found = np.flatnonzero(((self.support & need) == need) & (self.reach != FAR))
        if len(found) > 1:
            near = np.zeros(self.odds.size + 1, dtype=bool)
            near[self.odds.combined(self.left, self.nodes).ravel()] = True
            for target in self.left:
                near[np.array(self.odds.divisors(target), np.int64) >> 1] = True
            found = found[near[found]]
        nodes = set(self.nodes)
        return [int(v) for v in 2 * found + 1 if v not in nodes]
