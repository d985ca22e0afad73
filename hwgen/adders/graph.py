"""Adder graphs: one input times many constants from shifts and adders alone (multiple constant multiplication).

A graph is built over the *odd fundamentals* of the constants. Node 0 is the input (constant 1); every further node
is one adder, ``(u << i) +- (v << j)``, shifted right where that result is even. Each node may drop low bits: its
``lsb`` counts how many bits of weight below the input's own LSB times ``2**lsb`` it no longer computes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwgen.adders.digits import odd


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
