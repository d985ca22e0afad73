"""What a signal-flow graph needs in hardware, and what its dropped bits cost: range, width and error of every word."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from hwgen.fixed import Format
from hwgen.flowgraph import Delay, FlowGraph, Sum

TABLE_BITS = 16  # input widths up to this are enumerated where a word depends on one sample: exact ranges and errors


@dataclass(frozen=True)
class Dropped:
    """Everything a graph drops on the way to an output, in input LSBs, for white uniform input words.

    `mean` and `variance` are exact for words that depend on one input sample (every input is enumerated) and the
    usual uniform model for others; `low` and `high` bound the sum over all inputs.
    """

    mean: float
    variance: float
    low: float
    high: float


@dataclass(frozen=True)
class Words:
    """Words of `graph` for samples of format `input`; with `equal_widths` every accumulator as wide as the widest."""

    graph: FlowGraph
    input: Format
    equal_widths: bool = False

    @property
    def enumerated(self) -> bool:
        """Whether every input word is tried."""
        return self.input.width <= TABLE_BITS

    @cached_property
    def inputs(self) -> NDArray:
        """Every input word, or for wide inputs the two extremes and zero."""
        low, high = self.input.minimum, self.input.maximum
        if self.enumerated:
            return np.arange(low, high + 1, dtype=np.int64)
        return np.array([low, 0, high], dtype=object)

    @cached_property
    def tables(self) -> dict[int, NDArray]:
        """Value of each node that depends on one sample, for each of the `inputs`."""
        graph, found = self.graph, {0: self.inputs}
        for k, node in enumerate(graph.nodes, start=1):
            if graph.phases[k] is None:
                continue
            if isinstance(node, Delay):
                found[k] = found[node.source]
                continue
            left, right = (self._cut(found[n], graph.lsbs[n] + shift - node.lsb) for n, shift, _ in node.operands)
            found[k] = left - right if node.subtract else left + right
        return found

    @staticmethod
    def _cut(values: NDArray, shift: int) -> NDArray:
        return values << shift if shift >= 0 else values >> -shift

    # ------------------------------------------------------------------ ranges
    @cached_property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Smallest and largest value of each node's word in its LSBs: it cannot overflow.

        Exact where a node depends on one sample and inputs are enumerated. Elsewhere two bounds meet: the sum of the
        operands' ranges, and the exact response's range with everything dropped so far added.
        """
        graph, found = self.graph, [(self.input.minimum, self.input.maximum)]
        for k, node in enumerate(graph.nodes, start=1):
            if isinstance(node, Delay):
                found.append(found[node.source])
                continue
            if self.enumerated and graph.phases[k] is not None:
                found.append((int(self.tables[k].min()), int(self.tables[k].max())))
                continue
            left, right = (
                tuple(_moved(value, graph.lsbs[n] + shift - node.lsb) for value in found[n])
                for n, shift, _ in node.operands
            )
            low, high = (left[0] - right[1], left[1] - right[0]) if node.subtract else (
                left[0] + right[0], left[1] + right[1]
            )  # fmt: skip
            least, most = self._ideal(k)
            under, over = map(Fraction, self.errors[k])
            scale = Fraction(2) ** -node.lsb
            found.append((max(low, ceil((least + under) * scale)), min(high, floor((most + over) * scale))))
        return tuple(found)

    def _ideal(self, k: int) -> tuple[Fraction, Fraction]:
        """Range of node `k` with nothing dropped, in input LSBs; exact, where floats would end at 53 bits."""
        transfer, low, high = self.graph.transfers[k], self.input.minimum, self.input.maximum
        up, down = Fraction(float(transfer[transfer > 0].sum())), Fraction(float(transfer[transfer < 0].sum()))
        return up * low + down * high, up * high + down * low

    @cached_property
    def errors(self) -> tuple[tuple[float, float], ...]:
        """Bounds of each node's distance from its exact value, in input LSBs."""
        graph, found = self.graph, [(0.0, 0.0)]
        for node in graph.nodes:
            if isinstance(node, Delay):
                found.append(found[node.source])
                continue
            low = high = 0.0
            for source, shift, negative in node.operands:
                below, above = (np.ldexp(bound, shift) for bound in found[source])
                below -= _dropped(graph.lowest[source] + shift, node.lsb)
                low, high = (low - above, high - below) if negative else (low + below, high + above)
            found.append((float(low), float(high)))
        return tuple(found)

    # ------------------------------------------------------------------ widths
    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Wires of each node, sign included (an unsigned input's 0 sign bit, too)."""
        own = [_width(low, high) for low, high in self.ranges]
        if self.equal_widths:
            tops = {k: own[k] + self.graph.lsbs[k] for k in self.accumulators}
            widest = max(tops.values(), default=0)
            for k in tops:
                own[k] = widest - self.graph.lsbs[k]
            for k, node in enumerate(self.graph.nodes, start=1):
                if isinstance(node, Delay):
                    own[k] = own[node.source]
        return tuple(own)

    @cached_property
    def accumulators(self) -> tuple[int, ...]:
        """Adders whose words depend on several samples."""
        return tuple(k for k in self.graph.sums if self.graph.phases[k] is None)

    # ------------------------------------------------------------------ errors
    def dropped(self, output: int = 0) -> Dropped:
        """Mean, variance and worst case of everything dropped on the way to an output, every dropped bit once."""
        graph, adjoint, end = self.graph, self.graph.adjoints[output], self.graph.outputs[output]
        if graph.phases[end.node] is not None and self.enumerated:
            scale = 2.0**end.shift * (-1 if end.negative else 1)
            return Dropped(*_moments(scale * self._error(end.node)))
        mean = variance = low = high = 0.0
        for k in graph.sums:
            node, gain = graph.nodes[k - 1], adjoint[k]
            assert isinstance(node, Sum)  # what `sums` lists
            if graph.phases[k] is not None and self.enumerated:
                continue  # counted, exactly, where its word is added to another sample's
            for m, v, least, most in self._sources(node):
                up, down = float(gain[gain > 0].sum()), float(gain[gain < 0].sum())
                mean, variance = mean + m * (up + down), variance + v * float(gain @ gain)
                low, high = low + up * least + down * most, high + up * most + down * least
        return Dropped(mean, variance, low, high)

    def _error(self, k: int) -> NDArray[np.float64]:
        """Error of a node that depends on one sample, in input LSBs, for each of the `inputs`."""
        exact = self.graph.transfers[k][self.graph.phases[k] or 0] * self.inputs
        return np.asarray(np.ldexp(self.tables[k].astype(np.float64), self.graph.lsbs[k]) - exact, dtype=np.float64)

    def _sources(self, node: Sum) -> list[tuple[float, float, float, float]]:
        """Mean, variance and bounds of the independent errors that enter at an adder, in input LSBs."""
        graph, found = self.graph, []
        for source, shift, negative in node.operands:
            phase = graph.phases[source]
            if phase is not None and self.enumerated:
                kept = self._cut(self.tables[source], graph.lsbs[source] + shift - node.lsb)
                exact = np.ldexp(graph.transfers[source][phase], shift)
                error = np.ldexp(kept.astype(np.float64), node.lsb) - exact * self.inputs
                found.append(_moments(-error if negative else error))
                continue
            step = _dropped(graph.lowest[source] + shift, node.lsb)
            if step:
                keep = 1.0 - 4.0 ** (graph.lowest[source] + shift - node.lsb)
                variance, sign = 4.0**node.lsb / 12 * keep, -1.0 if negative else 1.0
                ends = (0.0, step) if negative else (-step, 0.0)
                found.append((-sign * step / 2, variance, *ends))
        return found


def _moments(error: NDArray[np.float64]) -> tuple[float, float, float, float]:
    return float(error.mean()), float(error.var()), float(error.min()), float(error.max())


def _dropped(before: int, after: int) -> float:
    """Largest error of cutting a word whose lowest bit weighs ``2**before`` at ``2**after``."""
    return 2.0**after - 2.0**before if after > before else 0.0


def _moved(value: int, shift: int) -> int:
    return value << shift if shift >= 0 else value >> -shift


def _width(low: int, high: int) -> int:
    return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length()) + 1
