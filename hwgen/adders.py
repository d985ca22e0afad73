"""Adder graphs: one input times many constants from shifts and adders alone (multiple constant multiplication).

A graph is built over the *odd fundamentals* of the constants. Node 0 is the input (constant 1); every further node
is one adder, ``(u << i) +- (v << j)``, shifted right where that result is even. Each node may drop low bits: its
``lsb`` counts how many bits of weight below the input's own LSB times ``2**lsb`` it no longer computes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


def odd(value: int) -> tuple[int, int]:
    """Return ``(fundamental, shift)`` with ``|value| = fundamental << shift`` and the fundamental odd; ``(0, 0)`` for
    0.
    """
    magnitude = abs(int(value))
    if magnitude == 0:
        return 0, 0
    shift = (magnitude & -magnitude).bit_length() - 1
    return magnitude >> shift, shift


def csd(value: int) -> list[tuple[int, int]]:
    """Canonical signed digits of `value`: pairs ``(shift, +-1)``, least significant first, none adjacent."""
    digits, shift = [], 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((shift, digit))
            value -= digit
        value >>= 1
        shift += 1
    return digits


def csd_adders(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Adders a canonical-signed-digit multiplier needs for each value: nonzero digits less one, 0 for the value 0.

    The nonzero digits of ``v`` are the ones of ``v ^ 3 v`` (Reitwiesner 1960: ``csd(v) = (3 v - v) / 2`` digit by
    digit).
    """
    magnitude = np.abs(np.asarray(values, dtype=np.int64))
    return np.maximum(np.bitwise_count(magnitude ^ (3 * magnitude)).astype(np.int64) - 1, 0)


@dataclass(frozen=True)
class Adder:
    """One adder: ``((left << left_shift) +- (right << right_shift)) >> right_normal``, its constant and its dropped
    bits.

    `left` and `right` index earlier nodes. `lsb` is the weight, as a power of two in units of the input's LSB, of the
    lowest bit this node computes: 0 keeps every bit. Both operands are truncated (floor) to it before the addition.
    """

    constant: int
    left: int
    left_shift: int
    right: int
    right_shift: int
    subtract: bool
    lsb: int = 0

    def __post_init__(self) -> None:
        if self.constant <= 0 or self.lsb < min(self.left_shift, self.right_shift, 0):
            raise ValueError(f"an adder needs a positive constant and an LSB it has bits for, not {self}")


@dataclass(frozen=True)
class AdderGraph:
    """Adders in the order of their dependence; node 0 is the input, node ``k`` is ``adders[k - 1]``.

    Shifts may be negative: ``(u + v) >> 1`` is written with both shifts and the LSB at -1, one bit that is always zero.
    """

    adders: tuple[Adder, ...]

    def __len__(self) -> int:
        return len(self.adders) + 1

    @property
    def constants(self) -> tuple[int, ...]:
        """Constant of each node, the input's 1 first."""
        return (1, *(adder.constant for adder in self.adders))

    @property
    def lsbs(self) -> tuple[int, ...]:
        """LSB weight of each node (power of two, in input LSBs), the input's 0 first."""
        return (0, *(adder.lsb for adder in self.adders))

    @property
    def lowest(self) -> tuple[int, ...]:
        """Weight (power of two, in input LSBs) of the lowest bit of each node that is not always zero.

        A node behind which nothing was dropped is a multiple of the input, whatever bits a right shift left below it.
        """
        lowest, exact = [0], [True]
        for adder in self.adders:
            fine = min(lowest[adder.left] + adder.left_shift, lowest[adder.right] + adder.right_shift)
            exact.append(exact[adder.left] and exact[adder.right] and adder.lsb <= fine)
            lowest.append(max(adder.lsb, fine, *([0] if exact[-1] else [])))
        return tuple(lowest)

    @property
    def depths(self) -> tuple[int, ...]:
        """Adders on the longest path from the input to each node."""
        depth = [0]
        for adder in self.adders:
            depth.append(1 + max(depth[adder.left], depth[adder.right]))
        return tuple(depth)

    def find(self, value: int) -> tuple[int, int]:
        """Node and left shift that give ``|value|``; `value` must not be 0. Raises ``KeyError`` if no node does."""
        fundamental, shift = odd(value)
        try:
            return self.constants.index(fundamental), shift
        except ValueError:
            raise KeyError(f"the adder graph does not compute {value}") from None

    def with_lsbs(self, lsbs: Sequence[int]) -> "AdderGraph":
        """The same graph with the given LSB for each adder (in the order of `adders`)."""
        return AdderGraph(tuple(replace(a, lsb=int(t)) for a, t in zip(self.adders, lsbs, strict=True)))

    def evaluate(self, x: NDArray) -> list[NDArray]:
        """Exact integer value of every node for the inputs `x` (int64, or objects where words pass 62 bits).

        Node ``k`` approximates ``constants[k] * x / 2**lsbs[k]``; with every LSB 0 it equals it.
        """
        values, lsbs = [x], self.lsbs
        for adder in self.adders:
            left = shifted(values[adder.left], lsbs[adder.left] + adder.left_shift - adder.lsb)
            right = shifted(values[adder.right], lsbs[adder.right] + adder.right_shift - adder.lsb)
            values.append(left - right if adder.subtract else left + right)
        return values

    def gains(self) -> NDArray[np.float64]:
        """Matrix (nodes, nodes): what an error at node j (in input LSBs) adds to node k, as a factor."""
        gain = np.eye(len(self))
        for k, adder in enumerate(self.adders, start=1):
            sign = -1.0 if adder.subtract else 1.0
            gain[k, :k] = (
                2.0**adder.left_shift * gain[adder.left, :k] + sign * 2.0**adder.right_shift * gain[adder.right, :k]
            )
        return gain

    def proved(self) -> "AdderGraph":
        """Return the graph after checking, in exact integers, that every node is its constant times the input.

        Raises ``ValueError`` naming the first node that is not.
        """
        constants = self.constants
        for k, adder in enumerate(self.adders, start=1):
            scale = max(0, -adder.left_shift, -adder.right_shift)  # keeps every bit of a right shift
            total = None
            if 0 <= adder.left < k and 0 <= adder.right < k:
                left = constants[adder.left] << scale + adder.left_shift
                right = constants[adder.right] << scale + adder.right_shift
                total = left - right if adder.subtract else left + right
            if total != adder.constant << scale:
                raise ValueError(f"node {k} is not {adder.constant} times the input: {adder}")
        return self


def shifted(value: NDArray, shift: int) -> NDArray:
    """`value` times ``2**shift``, rounded towards minus infinity."""
    return value << shift if shift >= 0 else value >> -shift


def digit_graph(constants: Iterable[int]) -> AdderGraph:
    """Canonical-signed-digit graph: every constant from its own chain of digits, equal partial sums shared.

    This is what a careful engineer writes by hand; it is the baseline of the benchmarks.
    """
    known, adders = {1: 0}, []
    for fundamental in sorted({odd(c)[0] for c in constants} - {0}):
        digits = csd(fundamental)[::-1]
        total, scale = 1, digits[0][0]
        for shift, sign in digits[1:]:
            step = scale - shift
            following = (total << step) + sign
            if following not in known:
                adders.append(Adder(following, known[total], step, 0, 0, sign < 0))
                known[following] = len(adders)
            total, scale = following, shift
    return AdderGraph(tuple(adders)).proved()


class Closure:
    """The nodes built so far and every fundamental one more adder could reach from them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit  # no intermediate constant may exceed it
        self.nodes: dict[int, int] = {1: 0}
        self.adders: list[Adder] = []
        self.reach: dict[int, Adder] = {}
        self._extend(1)

    def _extend(self, value: int) -> None:
        """Add to `reach` what combines `value` with each node, itself included."""
        span = self.limit.bit_length() + 1
        for other in self.nodes:
            for shift in range(span):
                for big, small in ((value, other), (other, value)):
                    lifted = big << shift
                    if lifted - small > self.limit:
                        continue
                    self._offer(lifted + small, big, shift, small, False)
                    if lifted > small:
                        self._offer(lifted - small, big, shift, small, True)
                    elif lifted < small:
                        self._offer(small - lifted, small, 0, big, True, right_shift=shift)

    def _offer(self, total: int, left: int, shift: int, right: int, subtract: bool, right_shift: int = 0) -> None:
        fundamental, down = odd(total)
        if fundamental > self.limit or fundamental in self.nodes or fundamental in self.reach:
            return
        self.reach[fundamental] = Adder(
            fundamental, self.nodes[left], shift - down, self.nodes[right], right_shift - down, subtract, -down
        )  # fmt: skip

    def build(self, fundamental: int) -> None:
        """Build the adder that `reach` knows for `fundamental`."""
        self.adders.append(self.reach.pop(fundamental))
        self.nodes[fundamental] = len(self.adders)
        self._extend(fundamental)

    def include(self, fundamental: int) -> None:
        """Build `fundamental`, along its signed digits where more than one adder is missing."""
        if fundamental == 0 or fundamental in self.nodes:
            return
        total = 0
        for shift, sign in reversed(csd(fundamental)):
            total += sign << shift
            part = odd(total)[0]
            if fundamental in self.reach:
                break
            if part not in self.nodes and part in self.reach:
                self.build(part)
        if fundamental in self.reach:
            self.build(fundamental)


def _partners(target: int, nodes: Iterable[int], limit: int) -> set[int]:
    """Fundamentals from which one adder, together with a built node, gives `target` (its distance-1 predecessors)."""
    found = set()
    for node in nodes:
        for shift in range(limit.bit_length() + 1):
            for total in (target + (node << shift), abs(target - (node << shift)), (target << shift) + node):
                found.add(odd(total)[0])
            found.add(odd(abs((target << shift) - node))[0])
    found.discard(0)
    return found


def _quotients(target: int, limit: int) -> set[int]:
    """Fundamentals that give `target` when added to a shift of themselves."""
    factors = [(1 << s) + sign for s in range(1, limit.bit_length() + 1) for sign in (-1, 1) if (1 << s) + sign > 1]
    return {target // factor for factor in factors if target % factor == 0} - {target}


def greedy_graph(constants: Iterable[int]) -> AdderGraph:
    """Adder graph by greedy closure, after RAG-n (Dempster and Macleod 1995) and Hcub (Voronenko and Pueschel 2007).

    Targets one adder away are built at once, smallest first. Otherwise the fundamental is built that brings the most
    targets to distance one, the smallest among equals; failing that, the reachable fundamental that leaves a target
    with the fewest signed digits. Every node is proved equal to its constant times the input.
    """
    targets = {odd(c)[0] for c in constants} - {0, 1}
    if not targets:
        return AdderGraph(())
    limit = (1 << max(targets).bit_length() + 1) - 1
    closure = Closure(limit)
    partners: dict[int, set[int]] = {t: _partners(t, [1], limit) | _quotients(t, limit) for t in targets}

    def build(fundamental: int) -> None:
        closure.build(fundamental)
        targets.discard(fundamental)
        for target in targets:
            partners[target] |= _partners(target, [fundamental], limit)

    while targets:
        near = sorted(t for t in targets if t in closure.reach)
        if near:
            build(near[0])
            continue
        votes: dict[int, int] = {}
        for target in targets:
            for candidate in partners[target] & closure.reach.keys():
                votes[candidate] = votes.get(candidate, 0) + 1
        if votes:
            build(min(votes, key=lambda c: (-votes[c], c)))
            continue
        # Distance three or more: step along the signed digits of the smallest target.
        target = min(targets)
        digits = csd(target)
        top = odd(sum(sign << shift for shift, sign in digits[-2:]))[0]
        while top in closure.nodes:
            digits = [*digits[:-2], (0, 0), (0, 0)] if len(digits) < 4 else digits[:-1]
            top = odd(sum(sign << shift for shift, sign in digits[-2:]))[0]
        build(top if top in closure.reach else min(closure.reach, key=lambda c: (csd_left(target - c), c)))
    return AdderGraph(tuple(closure.adders)).proved()


def csd_left(value: int) -> int:
    """Nonzero signed digits of `value`."""
    return int(csd_adders(np.array([value]))[0]) + (value != 0)
