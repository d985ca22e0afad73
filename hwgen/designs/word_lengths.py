"""Word lengths of a FIR as a bit allocation problem: which low bits each adder of its signal-flow graph may drop.

One variable an adder: the bits kept above a common coarsest LSB. Error is the power of everything dropped, consumption
the estimated LUTs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Problem
from hwgen.blocks.fir import Fir
from hwgen.cost.estimate import Estimate, Work, adder_bits
from hwgen.designs.adder_wires import Wires, inverted, passed, shared
from hwgen.designs.registers import registers
from hwgen.fixed import Format, Overflow, Rounding
from hwgen.flowgraph import Delay, FlowGraph
from hwgen.joined import Group, groups, saved


@dataclass(frozen=True)
class WordLengths:
    """Noise and work of every choice of LSBs for fixed coefficients on a fixed graph.

    LSBs are weights, powers of two in input LSBs, in arrays (P, adders) in the order of ``graph.sums``.
    """

    coefficients: tuple[int, ...]
    fraction: int
    graph: FlowGraph
    input: Format
    output: Format
    rounding: Rounding = Rounding.HALF_UP
    overflow: Overflow = Overflow.SATURATE
    structure: str = "transposed"
    decimate: int = 1
    interleave: int = 1
    reset_data: bool = True

    @property
    def unit(self) -> int:
        """Weight of the input LSB times the coefficient LSB."""
        return -(self.fraction + self.input.fraction)

    @cached_property
    def natural(self) -> NDArray[np.int64]:
        """LSBs that drop nothing: those of the graph as it was built."""
        return np.array([self.graph.lsbs[k] for k in self.graph.sums], dtype=np.int64)

    @cached_property
    def accumulators(self) -> NDArray[np.bool_]:
        """Which adders' words depend on several samples."""
        return np.array([self.graph.phases[k] is None for k in self.graph.sums], dtype=bool)

    @cached_property
    def tops(self) -> NDArray[np.int64]:
        """Weight of the sign bit of every node, from the worst case, nothing dropped."""
        peak = float(-self.input.minimum if self.input.signed else self.input.maximum)
        largest = np.array([float(np.abs(transfer).sum()) for transfer in self.graph.transfers]) * peak
        return np.ceil(np.log2(np.maximum(largest, 1.0) * (1 - 1e-12))).astype(np.int64)

    @cached_property
    def gains(self) -> NDArray[np.float64]:
        """Power gain from a white error at each adder (in input LSBs) to the output."""
        return self.graph.power_gains[list(self.graph.sums)] * 4.0**self.unit

    def noise(self, lsbs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Power of everything dropped, final rounding included, shape (P,).

        Dropping k bits to LSB D adds ``D**2 / 12 (1 - 4**-k)``; means are taken out by the filter's constant.
        """
        return self.inner_noise(lsbs) + self.end_noise(lsbs)

    def inner_noise(self, lsbs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Power of what the adders drop, through their `gains`, shape (P,)."""
        columns, _ = self._columns(lsbs)
        before = columns[:, self._wires.sources] + self._wires.shifts
        return _dropped(before, lsbs[:, :, None]).sum(axis=2) @ self.gains

    def end_noise(self, lsbs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Power of the final rounding and of that of the constant before it, shape (P,)."""
        _, ends = self._columns(lsbs)
        final = np.mean([_dropped(end, np.full(len(end), -self.output.fraction)) for end in ends], axis=0)
        if self.rounding == Rounding.FLOOR:
            final = final * 4  # its mean stays: D**2 / 12 + D**2 / 4
        # The constant itself is rounded to the sum's LSB.
        return np.asarray(final + np.mean([4.0**end / 12 for end in ends], axis=0))

    def worst(self, lsbs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Bound on the largest error of any output, in output units, the mean taken out, shape (P,).

        Each truncation to LSB D errs by less than D, D / 2 to either side of its mean, times its gain to the
        output; the final rounding by half an output LSB to nearest.
        """
        gains = self.graph.peak_gains[list(self.graph.sums)] * 2.0**self.unit
        columns, ends = self._columns(lsbs)
        before = columns[:, self._wires.sources] + self._wires.shifts
        total = _step(before, lsbs[:, :, None]).sum(axis=2) @ gains
        end = np.max(ends, axis=0)
        final = _step(end, np.full(len(end), -self.output.fraction))
        return (total + 2.0**end) / 2 + final * (1.0 if self.rounding == Rounding.FLOOR else 0.5)

    def work(self, lsbs: NDArray[np.int64]) -> Work:
        """Adder bits by kind, and registers, shape (P,) each."""
        columns, ends = self._columns(lsbs)
        wires, tops = self._wires, self.tops
        left, right = (np.maximum(columns[:, wires.sources[:, i]] + wires.shifts[:, i], lsbs) for i in (0, 1))
        bits = adder_bits(tops[wires.sums], left, right, lsbs, wires.subtract)
        block = shared(wires, tops, left, right, lsbs, bits)
        chained, odd = bits[:, ~wires.keep], bits[:, ~wires.keep] % 2
        odd = odd.sum(axis=1) + block.odd
        centre = np.zeros(len(lsbs))
        for output, end in zip(self.graph.outputs, ends, strict=True):
            own = self._centre_bits(output.node, end, np.asarray((lsbs > self.natural).any(axis=1)), output.negative)
            centre, odd = centre + own, odd + own % 2
        largest = max(int(self.tops[o.node]) + o.shift for o in self.graph.outputs) + self.unit
        saturates = self.overflow == Overflow.SATURATE and largest > self.output.integer - 1
        phases = len(self.graph.outputs)
        held = registers(self.graph, tops, columns, bits, self.interleave, self.reset_data)
        # The result's register sits beside the logic before it, if there is any.
        behind = np.where(saturates or phases > 1 or centre > 0, float(self.output.width), 0.0)
        return Work(
            multiplier_bits=block.own - self._joined(columns, lsbs, bits),
            accumulator_bits=chained.sum(axis=1),
            negated_bits=block.negated,
            inverted_bits=inverted(wires, tops, left, right, bits) + passed(wires, left, right, lsbs),
            rounding_bits=centre,
            saturated_bits=np.full(len(lsbs), float(self.output.width * phases if saturates else 0)),
            odd_adders=odd,
            multiplier_adders=np.full(len(lsbs), float(wires.keep.sum())),
            accumulator_adders=np.full(len(lsbs), float((~wires.keep).sum())),
            registers=held.total + self.input.width + self.output.width + 3,
            shared_registers=held.shared + behind,
            shifted_registers=held.shifted,
            shift_luts=held.shift_luts,
            chosen_bits=np.full(len(lsbs), float(self.output.width * (phases - 1))),
        )

    def _joined(
        self, columns: NDArray[np.int64], lsbs: NDArray[np.int64], bits: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Adder bits that sums of several words save, shape (P,)."""
        kept, own = np.zeros_like(columns), np.zeros(columns.shape)
        kept[:, list(self.graph.sums)], own[:, list(self.graph.sums)] = lsbs, bits
        found = np.zeros(len(lsbs))
        for group in self._groups:
            found += saved(group, columns, kept, self.tops, own[:, [k for k, _ in group.members]].sum(axis=1))
        return found

    def settled(self, lsbs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The same choices, with no bit kept inside a joined sum that the sum drops: one such bit takes it apart."""
        lsbs, position, bottoms = lsbs.copy(), {k: v for v, k in enumerate(self.graph.sums)}, self.tops - 1
        for group in self._groups:
            for k, rest in group.members[1:]:
                at = position[k]
                # A word that ends below the last bit of its sum keeps its sign, as words have one bit at least.
                root = np.minimum(lsbs[:, position[group.root]] - rest, bottoms[k])
                lsbs[:, at] = np.maximum(lsbs[:, at], root)
        return lsbs

    def loosened(self, lsbs: NDArray[np.int64], finest: NDArray[np.int64]) -> NDArray[np.int64]:
        """A choice (adders,) that settles to the same, as fine as `finest` inside joined sums: these follow the sum."""
        settled, found = self.settled(lsbs[None])[0], lsbs.copy()
        for group in self._groups:
            for k, _ in group.members[1:]:
                at = self.graph.sums.index(k)
                own = found[at]
                found[at] = finest[at]
                if self.settled(found[None])[0, at] != settled[at]:
                    found[at] = own
        return found

    @cached_property
    def _groups(self) -> tuple[Group, ...]:
        return groups(self.graph)

    def _centre_bits(
        self, node: int, end: NDArray[np.int64], dropped: NDArray[np.bool_], negative: bool
    ) -> NDArray[np.float64]:
        """Bits of the adder of the constant behind the graph, and of a half-even rounding's step."""
        rounded, top = end < -self.output.fraction, self.tops[node] + self.unit
        folded = rounded if self.rounding == Rounding.HALF_UP else np.zeros_like(rounded)
        width = top - end + 1.0
        centre = np.where(dropped | negative, width, np.where(folded, top + self.output.fraction + 2.0, 0.0))
        if self.rounding == Rounding.HALF_EVEN:
            centre = centre + np.where(rounded, float(self.output.width), 0.0)
        return np.asarray(centre, dtype=np.float64)

    @cached_property
    def _wires(self) -> Wires:
        return Wires.of(self.graph)

    def _columns(self, lsbs: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
        """Lowest bit of every node that is not always zero, (P, nodes), and of each output in output units."""
        naturals, position = self.graph.naturals, {k: v for v, k in enumerate(self.graph.sums)}
        columns = np.zeros((len(lsbs), len(self.graph.nodes) + 1), dtype=np.int64)
        for k, node in enumerate(self.graph.nodes, start=1):
            if isinstance(node, Delay):
                columns[:, k] = columns[:, node.source]
            else:
                columns[:, k] = np.maximum(lsbs[:, position[k]], naturals[k])
        return columns, [columns[:, o.node] + o.shift + self.unit for o in self.graph.outputs]

    def fir(
        self,
        lsbs: Sequence[int] | NDArray[np.int64],
        channels: int = 1,
        equal_widths: bool = False,
    ) -> Fir:
        """The block with these LSBs."""
        return Fir(
            self.coefficients, self.fraction, self.input, self.output, self.graph.with_lsbs([int(t) for t in lsbs]),
            self.rounding, self.overflow, channels, self.reset_data, equal_widths, self.structure,
            decimate=self.decimate, interpolate=len(self.graph.outputs), interleave=self.interleave,
        )  # fmt: skip

    def reference(self, coarsest: int) -> NDArray[np.int64]:
        """Coarsest LSB worth considering for each adder, when that of an accumulator is ``2**coarsest`` (absolute)."""
        # A node's error is multiplied on its way out: its coarsest LSB lies that much lower.
        gain = np.sqrt(np.maximum(self.gains, 1e-300))
        reference = coarsest - np.round(np.log2(gain)).astype(np.int64)
        return np.maximum(np.minimum(reference, self.tops[list(self.graph.sums)] - 1), self.natural)

    def problem(
        self,
        excess: Callable[[NDArray[np.int64]], NDArray[np.float64]],
        estimate: Estimate,
        reference: NDArray[np.int64],
        finest: NDArray[np.int64],
    ) -> Problem:
        """Smallest estimated size with ``excess(lsbs)`` at most 1; ``lsbs = reference - bits``, at least `finest`."""
        names = [self.graph.nodes[k - 1].name for k in self.graph.sums]
        return Problem(
            names=names,
            lower=np.zeros(len(names), dtype=np.int64),
            upper=np.maximum(reference - finest, 0),
            error=lambda bits: excess(self.settled(reference - bits)),
            consumption=lambda bits: estimate.size(self.work(self.settled(reference - bits))),
            goal=1.0,
        )


def _step(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.float64]:
    """Width of the error interval that moving the LSB from weight `before` up to weight `after` opens."""
    return np.where(after > before, 2.0**after - 2.0 ** np.minimum(before, after), 0.0)


def _dropped(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.float64]:
    """Variance added by moving the LSB from weight `before` up to weight `after` (powers of two)."""
    return np.where(after > before, 4.0**after / 12 * (1 - 4.0 ** (before - after).astype(np.float64)), 0.0)
