"""Word lengths of a transposed FIR as a bit allocation problem: which low bits each adder and accumulator may drop.

One variable a node of the adder graph and one an accumulator: the bits kept above a common coarsest LSB. Error is
the power of everything dropped, consumption the estimated LUTs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import Adder, AdderGraph
from hwgen.allocation import Problem
from hwgen.blocks.fir import Fir
from hwgen.cost.estimate import Estimate, Work, adder_bits
from hwgen.fixed import Format, Overflow, Rounding


@dataclass(frozen=True)
class WordLengths:
    """Noise and work of every choice of LSBs for fixed coefficients on a fixed graph.

    LSBs are absolute weights, powers of two, in arrays (P, variables): graph adders first, then accumulators 0..N-1.
    """

    coefficients: tuple[int, ...]
    fraction: int
    graph: AdderGraph
    input: Format
    output: Format
    rounding: Rounding = Rounding.HALF_UP
    overflow: Overflow = Overflow.SATURATE

    @property
    def unit(self) -> int:
        """Weight of the input LSB times the coefficient LSB."""
        return -(self.fraction + self.input.fraction)

    @cached_property
    def _taps(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Index, node, shift and sign of every tap that is not zero."""
        taps = [k for k, c in enumerate(self.coefficients) if c]
        found = [self.graph.find(self.coefficients[k]) for k in taps]
        return (
            np.array(taps),
            np.array([node for node, _ in found]),
            np.array([shift for _, shift in found]),
            np.array([self.coefficients[k] < 0 for k in taps]),
        )

    @cached_property
    def natural(self) -> NDArray[np.int64]:
        """LSBs that drop nothing."""
        taps, node, shift, _ = self._taps
        nodes = np.array([a.lsb for a in self.graph.adders], dtype=np.int64)
        lsbs = np.maximum(np.concatenate([[0], nodes]), 0)
        product = np.full(len(self.coefficients), np.iinfo(np.int64).max)
        product[taps] = lsbs[node] + shift
        accumulators = np.minimum.accumulate(product[::-1])[::-1]
        return np.concatenate([nodes, accumulators]) + self.unit

    @cached_property
    def tops(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Weight of the sign bit of every node and accumulator, from the worst case."""
        peak = float(-self.input.minimum if self.input.signed else self.input.maximum)
        nodes = np.array(self.graph.constants, dtype=np.float64) * peak
        sums = np.cumsum(np.abs(np.array(self.coefficients[::-1], dtype=np.float64)))[::-1] * peak

        def top(largest: NDArray[np.float64]) -> NDArray[np.int64]:
            return np.ceil(np.log2(np.maximum(largest, 1.0) * (1 - 1e-12))).astype(np.int64) + self.unit

        return top(nodes), top(sums)

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        """Power gain from a white error at each node (in input LSBs) to the output."""
        _, node, shift, _ = self._taps
        gains = self.graph.gains()[node] * 2.0 ** (shift + self.unit)[:, None]
        return (gains**2).sum(axis=0)

    def noise(self, lsbs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Power of everything dropped, final rounding included, shape (P,).

        Dropping k bits to LSB D adds ``D**2 / 12 (1 - 4**-k)``; means are taken out by the filter's constant.
        """
        nodes, acc = self._split(lsbs)
        total = np.zeros(len(lsbs))
        for k, adder in enumerate(self.graph.adders, start=1):
            for source, up in ((adder.left, adder.left_shift), (adder.right, adder.right_shift)):
                before = np.maximum(nodes[:, source], 0) + up
                total += self._weights[k] * _dropped(before, nodes[:, k])
        taps, node, shift, _ = self._taps
        before = np.maximum(nodes[:, node], 0) + shift + self.unit
        total += _dropped(before, acc[:, taps]).sum(axis=1)
        total += _dropped(acc[:, 1:], acc[:, :-1]).sum(axis=1)
        final = _dropped(acc[:, 0], np.full(len(acc), -self.output.fraction))
        if self.rounding == Rounding.FLOOR:
            final = final * 4  # its mean stays: D**2 / 12 + D**2 / 4
        return total + final + 4.0 ** acc[:, 0] / 12  # the constant itself is rounded to the last accumulator's LSB

    def work(self, lsbs: NDArray[np.int64]) -> Work:
        """Adder bits by kind, and registers, shape (P,) each."""
        nodes, acc = self._split(lsbs)
        taps, node, shift, negative = self._taps
        block = _Block(len(lsbs), self.tops[0] - self.unit, nodes)
        for k, adder in enumerate(self.graph.adders, start=1):
            block.add(k, adder)
        products = nodes[:, node] + shift + self.unit
        for n in np.unique(node[negative]):
            subtracted = negative & (node == n)
            kept = np.maximum(products[:, subtracted], acc[:, taps[subtracted]]) - shift[subtracted] - self.unit
            block.invert(int(n), kept.min(axis=1))
        tops, last = self.tops[1], taps[-1]
        later = np.concatenate([acc[:, 1:], acc[:, -1:]], axis=1)
        bits = adder_bits(tops[taps], later[:, taps], products, acc[:, taps], negative)
        if not negative[-1]:
            bits[:, -1] = 0  # the chain begins with the product itself
        rounded = acc[:, 0] < -self.output.fraction
        folded = rounded if self.rounding == Rounding.HALF_UP else np.zeros_like(rounded)
        dropped = (lsbs > self.natural).any(axis=1)
        width = tops[0] - acc[:, 0] + 1.0
        centre = np.where(dropped, width, np.where(folded, tops[0] + self.output.fraction + 2.0, 0.0))
        if self.rounding == Rounding.HALF_EVEN:
            centre = centre + np.where(rounded, float(self.output.width), 0.0)
        saturates = self.overflow == Overflow.SATURATE and tops[0] > self.output.integer - 1
        multiplier, negated, odd = block.bits()
        ports = self.input.width + self.output.width + 3
        return Work(
            multiplier_bits=multiplier,
            accumulator_bits=bits.sum(axis=1),
            negated_bits=negated,
            inverted_bits=block.inverted(),
            rounding_bits=centre,
            saturated_bits=np.full(len(lsbs), float(self.output.width if saturates else 0)),
            odd_adders=odd + (bits % 2).sum(axis=1) + centre % 2,
            multiplier_adders=np.full(len(lsbs), float(len(self.graph.adders))),
            accumulator_adders=np.full(len(lsbs), float(len(taps) - 1 + negative[-1])),
            registers=np.maximum(tops - acc + 1, 1)[:, : last + 1].sum(axis=1) + ports,
        )

    def _split(self, lsbs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Node LSBs in input LSBs, the input's own first, and accumulator LSBs as absolute weights."""
        count = len(self.graph.adders)
        nodes = np.concatenate([np.zeros((len(lsbs), 1), dtype=np.int64), lsbs[:, :count] - self.unit], axis=1)
        return nodes, lsbs[:, count:]

    def fir(
        self,
        lsbs: Sequence[int] | NDArray[np.int64],
        channels: int = 1,
        reset_data: bool = True,
        equal_widths: bool = False,
    ) -> Fir:
        """The block with these LSBs."""
        count = len(self.graph.adders)
        return Fir(
            self.coefficients, self.fraction, self.input, self.output,
            self.graph.with_lsbs([int(t) - self.unit for t in lsbs[:count]]), tuple(int(t) for t in lsbs[count:]),
            self.rounding, self.overflow, channels, reset_data, equal_widths,
        )  # fmt: skip

    def worst(self, lsbs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Bound on the largest error of any output, in output units, the mean taken out, shape (P,).

        Each truncation to LSB D errs by less than D, D / 2 to either side of its mean, times its gain to the
        output; the final rounding by half an output LSB to nearest.
        """
        nodes, acc = self._split(lsbs)
        taps, node, shift, _ = self._taps
        gains = np.abs(self.graph.gains()[node] * 2.0 ** (shift + self.unit)[:, None]).sum(axis=0)
        total = np.zeros(len(lsbs))
        for k, adder in enumerate(self.graph.adders, start=1):
            for source, up in ((adder.left, adder.left_shift), (adder.right, adder.right_shift)):
                total += gains[k] * _step(np.maximum(nodes[:, source], 0) + up, nodes[:, k])
        total += _step(np.maximum(nodes[:, node], 0) + shift + self.unit, acc[:, taps]).sum(axis=1)
        total += _step(acc[:, 1:], acc[:, :-1]).sum(axis=1)
        final = _step(acc[:, 0], np.full(len(acc), -self.output.fraction))
        return (total + 2.0 ** acc[:, 0]) / 2 + final * (1.0 if self.rounding == Rounding.FLOOR else 0.5)

    def reference(self, coarsest: int) -> NDArray[np.int64]:
        """Coarsest LSB worth considering for each variable, when that of an accumulator is `coarsest`."""
        natural, count = self.natural, len(self.graph.adders)
        # A node's error is multiplied on its way out: its coarsest LSB lies that much lower.
        gain = np.sqrt(np.maximum(self._weights[1:], 1e-300)) / 2.0**self.unit
        reference = np.full(len(natural), coarsest)
        reference[:count] -= np.floor(np.log2(np.maximum(gain, 1e-9))).astype(np.int64)
        tops = np.concatenate([self.tops[0][1:], self.tops[1]])
        return np.maximum(np.minimum(reference, tops - 1), natural)

    def problem(
        self,
        excess: Callable[[NDArray[np.int64]], NDArray[np.float64]],
        estimate: Estimate,
        reference: NDArray[np.int64],
        finest: NDArray[np.int64],
    ) -> Problem:
        """Fewest estimated LUTs with ``excess(lsbs)`` at most 1; ``lsbs = reference - bits``, at least `finest`."""
        names = [f"x{c}" for c in self.graph.constants[1:]] + [f"acc{k}" for k in range(len(self.coefficients))]
        return Problem(
            names=names,
            lower=np.zeros(len(names), dtype=np.int64),
            upper=np.maximum(reference - finest, 0),
            error=lambda bits: excess(reference - bits),
            consumption=lambda bits: estimate.luts(self.work(reference - bits)),
            goal=1.0,
        )


class _Block:
    """Counts the bits of the multiplier block, with what Yosys shares between adders of the same operands.

    Weights are those of the input's LSB. The low bits of ``(u << i) - v`` are those of ``-v``, the same for every u;
    where the operands do not overlap, the high bits of ``(u << i) +- v`` are ``u`` and a borrow, the same for every i.
    """

    def __init__(self, count: int, tops: NDArray[np.int64], lsbs: NDArray[np.int64]) -> None:
        self.tops, self.lsbs = tops, lsbs
        self.zero = np.zeros(count)
        self.own: list[NDArray[np.float64]] = []
        self.starts = [np.zeros(count, dtype=np.int64)]  # lowest bit that a node computes itself
        self.tails: dict[int, NDArray[np.float64]] = {}
        self.heads: dict[tuple[int, bool], NDArray[np.float64]] = {}
        self.lowest: dict[int, NDArray[np.int64]] = {}

    def add(self, k: int, adder: Adder) -> None:
        """Count node `k`."""
        lsb, top = self.lsbs[:, k], int(self.tops[k])
        left = np.maximum(self.lsbs[:, adder.left] + adder.left_shift, lsb)
        right = np.maximum(self.lsbs[:, adder.right] + adder.right_shift, lsb)
        bits = adder_bits(top, left, right, lsb, adder.subtract)
        self.starts.append((top + 1 - bits).astype(np.int64))
        above = int(self.tops[adder.right]) + adder.right_shift + 1
        if adder.subtract:
            self.invert(adder.right, right - adder.right_shift)
            tail = np.clip(np.minimum(left, above) - lsb, 0, bits) * (right <= lsb)
            self.tails[adder.right] = np.maximum(self.tails.get(adder.right, self.zero), tail)
            bits = bits - tail
        key, apart = (adder.left, adder.subtract), left >= above
        self.heads[key] = np.maximum(self.heads.get(key, self.zero), np.where(apart, bits, 0.0))
        self.own.append(np.where(apart, 0.0, bits))

    def invert(self, node: int, lowest: NDArray[np.int64]) -> None:
        """Node `node` is subtracted, from bit `lowest` on."""
        self.lowest[node] = np.minimum(self.lowest.get(node, lowest), lowest)

    def bits(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Full-adder bits, bits of negated operands that adders share, and how many of those adders are odd."""
        tails, parts = list(self.tails.values()), [*self.own, *self.heads.values()]
        odd = sum((part % 2 for part in [*parts, *tails]), self.zero)
        return sum(parts, self.zero), sum(tails, self.zero), odd

    def inverted(self) -> NDArray[np.float64]:
        """Bits of nodes that are subtracted somewhere."""
        kept = [np.maximum(self.tops[n] + 1 - np.maximum(low, self.starts[n]), 0) for n, low in self.lowest.items()]
        return sum(kept, self.zero)


def _step(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.float64]:
    """Width of the error interval that moving the LSB from weight `before` up to weight `after` opens."""
    return np.where(after > before, 2.0**after - 2.0 ** np.minimum(before, after), 0.0)


def _dropped(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.float64]:
    """Variance added by moving the LSB from weight `before` up to weight `after` (powers of two)."""
    return np.where(after > before, 4.0**after / 12 * (1 - 4.0 ** (before - after).astype(np.float64)), 0.0)
