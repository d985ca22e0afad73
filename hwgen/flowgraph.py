"""Signal-flow graphs: a linear filter as adders and delays, in any structure, every word with its own lowest bit.

Transposed, direct, cascaded and polyphase filters are all graphs of this one kind. What follows from the graph alone is
worked out here once, for every structure: what each node computes of the input (its transfer function, exact), how
an error at a node reaches the outputs, and the integer value of every node.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import shifted

_EXACT = 1 << 53  # integers below it are exact as floats


@dataclass(frozen=True)
class Sum:
    """One adder: ``(left << left_shift) +- (right << right_shift)``, both operands cut (floor) to ``2**lsb`` before.

    `left` and `right` index nodes. Shifts and `lsb` are powers of two in units of the input's LSB. `keep` marks an
    adder that synthesis must not merge with others.

    The last three say how hardware builds the value v, and change nothing of it. `inverted`: its word is ``~v``;
    `mirrored`: its adder takes ``~left``, and ``~right`` unless that is subtracted, which gives ``~v`` (see
    `hwgen.polarity`). `joined`: it is added up together with the sum that alone takes it (see `hwgen.joined`).
    """

    name: str
    left: int
    left_shift: int
    right: int
    right_shift: int
    subtract: bool = False
    lsb: int = 0
    keep: bool = True
    inverted: bool = False
    mirrored: bool = False
    joined: bool = False

    @property
    def operands(self) -> tuple[tuple[int, int, bool], ...]:
        """``(node, shift, negative)`` of both operands."""
        return (self.left, self.left_shift, False), (self.right, self.right_shift, self.subtract)

    @property
    def complements(self) -> tuple[tuple[int, bool], ...]:
        """Both operands' nodes, and whether the adder takes ``~v`` of their values; with `subtract`, of one of them."""
        return (self.left, self.mirrored), (self.right, self.mirrored != self.subtract)


@dataclass(frozen=True)
class Delay:
    """The word of node `source`, `samples` samples ago."""

    name: str
    source: int
    samples: int = 1


@dataclass(frozen=True)
class Output:
    """An output: node `node` times ``2**shift``, negated where `negative`."""

    node: int
    shift: int = 0
    negative: bool = False


@dataclass(frozen=True)
class FlowGraph:
    """Nodes in the order of their dependence: node 0 is the input, node ``k`` is ``nodes[k - 1]``.

    More than one output: those of the phases of an interpolating filter. Raises ``ValueError`` where a node refers to a
    later one.
    """

    nodes: tuple[Sum | Delay, ...]
    outputs: tuple[Output, ...]

    def __post_init__(self) -> None:
        for k, node in enumerate(self.nodes, start=1):
            sources = [n for n, _, _ in node.operands] if isinstance(node, Sum) else [node.source]
            if not all(0 <= source < k for source in sources):
                raise ValueError(f"node {k} ({node.name}) refers to a node that is not before it")
            if isinstance(node, Delay) and node.samples < 1:
                raise ValueError(f"node {k} ({node.name}) delays by {node.samples} samples; 1 is the least")
        if not self.outputs or not all(0 <= output.node <= len(self.nodes) for output in self.outputs):
            raise ValueError("a graph needs outputs that are its nodes")

    @cached_property
    def sums(self) -> tuple[int, ...]:
        """Indices of the adders."""
        return tuple(k for k, node in enumerate(self.nodes, start=1) if isinstance(node, Sum))

    def inverted(self, node: int) -> bool:
        """Whether hardware has ``~v`` as the word of a node."""
        own = self.nodes[node - 1] if node else None
        return isinstance(own, Sum) and own.inverted

    @property
    def complemented(self) -> list[str]:
        """Names of the nodes whose words are ``~v`` in hardware."""
        return [node.name for node in self.nodes if isinstance(node, Sum) and node.inverted]

    @cached_property
    def lsbs(self) -> tuple[int, ...]:
        """Weight (power of two, in input LSBs) of the lowest bit of each node's word, the input's 0 first."""
        found = [0]
        for node in self.nodes:
            found.append(node.lsb if isinstance(node, Sum) else found[node.source])
        return tuple(found)

    def with_lsbs(self, lsbs: Sequence[int]) -> "FlowGraph":
        """The same graph with the given LSB for each adder, in the order of `sums`.

        An LSB below the lowest bit of both operands is raised to it: the bits between would always be zero.
        """
        if len(lsbs) != len(self.sums):
            raise ValueError(f"{len(self.sums)} adders need as many LSBs, not {len(lsbs)}")
        given, nodes, kept = iter(lsbs), list[Sum | Delay](), [0]
        for node in self.nodes:
            if isinstance(node, Sum):
                fine = min(kept[source] + shift for source, shift, _ in node.operands)
                node = replace(node, lsb=max(int(next(given)), fine))
            nodes.append(node)
            kept.append(node.lsb if isinstance(node, Sum) else kept[node.source])
        return FlowGraph(tuple(nodes), self.outputs)

    def interleaved(self, channels: int) -> "FlowGraph":
        """The graph that filters so many channels whose samples come in turn: every delay that many times as long.

        Each ``z`` becomes ``z**channels``, so that an output meets samples of its own channel alone.
        """
        nodes = (replace(n, samples=n.samples * channels) if isinstance(n, Delay) else n for n in self.nodes)
        return FlowGraph(tuple(nodes), self.outputs)

    # -------------------------------------------------------------- to and from JSON
    def frozen(self) -> dict[str, list[list[int | str | bool]]]:
        """Nodes and outputs as plain lists; `thawed` is the inverse."""
        return {
            "nodes": [list(astuple(node)) for node in self.nodes],
            "outputs": [list(astuple(output)) for output in self.outputs],
        }

    @classmethod
    def thawed(cls, frozen: dict[str, Any]) -> "FlowGraph":
        """The graph that `frozen` described. Raises ``TypeError`` or ``ValueError`` where it is damaged."""
        least = len(fields(Delay))  # that many entries, or more for an adder
        nodes = tuple((Sum if len(entry) > least else Delay)(*entry) for entry in frozen["nodes"])
        return cls(nodes, tuple(Output(*entry) for entry in frozen["outputs"]))

    # -------------------------------------------------------------- what it computes
    @cached_property
    def memory(self) -> tuple[int, ...]:
        """Samples before the present one that each node depends on at most."""
        found = [0]
        for node in self.nodes:
            if isinstance(node, Delay):
                found.append(found[node.source] + node.samples)
            else:
                found.append(max(found[source] for source, _, _ in node.operands))
        return tuple(found)

    @cached_property
    def transfers(self) -> tuple[NDArray[np.float64], ...]:
        """Impulse response of each node in input LSBs, nothing dropped; exact (``ValueError`` where floats end)."""
        found = [np.ones(1)]
        for node in self.nodes:
            if isinstance(node, Delay):
                found.append(np.concatenate([np.zeros(node.samples), found[node.source]]))
                continue
            total = np.zeros(1 + max(self.memory[source] for source, _, _ in node.operands))
            for source, shift, negative in node.operands:
                total[: len(found[source])] += np.ldexp(-found[source] if negative else found[source], shift)
            found.append(total)
        finest = max(0, -min(_lowest(transfer) for transfer in found))
        if max(float(np.abs(transfer).sum()) for transfer in found) * 2.0**finest >= _EXACT:
            raise ValueError("the coefficients have more bits than hwgen can prove a graph for (53)")
        return tuple(found)

    def responses(self) -> tuple[tuple[int, ...], ...]:
        """Impulse response of each output, in exact integers of the input LSB; trailing zeros left out."""
        found = []
        for output in self.outputs:
            scaled = np.ldexp(self.transfers[output.node], output.shift) * (-1 if output.negative else 1)
            found.append(tuple(int(v) for v in np.trim_zeros(scaled, "b")))
        return tuple(found)

    @cached_property
    def phases(self) -> tuple[int | None, ...]:
        """Delay in samples of the one input sample a node depends on, None where it depends on several."""
        found: list[int | None] = [0]
        for node in self.nodes:
            if isinstance(node, Delay):
                before = found[node.source]
                found.append(None if before is None else before + node.samples)
            else:
                delays = {found[source] for source, _, _ in node.operands}
                found.append(next(iter(delays)) if len(delays) == 1 else None)
        return tuple(found)

    @cached_property
    def naturals(self) -> tuple[int, ...]:
        """Weight of the lowest bit of each node that is not always zero when nothing is dropped."""
        return tuple(_lowest(transfer) for transfer in self.transfers)

    @cached_property
    def lowest(self) -> tuple[int, ...]:
        """Weight of the lowest bit of each node that is not always zero."""
        found, exact = [0], [True]
        for k, node in enumerate(self.nodes, start=1):
            if isinstance(node, Delay):
                found.append(found[node.source])
                exact.append(exact[node.source])
                continue
            fine = min(found[source] + shift for source, shift, _ in node.operands)
            exact.append(node.lsb <= fine and all(exact[source] for source, _, _ in node.operands))
            found.append(max(node.lsb, fine, *([self.naturals[k]] if exact[-1] else [])))
        return tuple(found)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """Adders on the longest path that ends at each node and crosses no delay."""
        found = [0]
        for node in self.nodes:
            if isinstance(node, Delay):
                found.append(0)
            else:
                found.append(1 + max(found[source] for source, _, _ in node.operands))
        return tuple(found)

    # -------------------------------------------------------------- what errors do
    @cached_property
    def adjoints(self) -> tuple[tuple[NDArray[np.float64], ...], ...]:
        """For each output, the impulse response from each node to it, in its units (input LSBs)."""
        return tuple(self._adjoint(output) for output in self.outputs)

    def _adjoint(self, output: Output) -> tuple[NDArray[np.float64], ...]:
        found = [np.zeros(1) for _ in range(len(self.nodes) + 1)]
        found[output.node] = np.array([2.0**output.shift * (-1 if output.negative else 1)])
        for k in range(len(self.nodes), 0, -1):
            node, own = self.nodes[k - 1], found[k]
            if isinstance(node, Delay):
                found[node.source] = _plus(found[node.source], np.concatenate([np.zeros(node.samples), own]))
                continue
            for source, shift, negative in node.operands:
                found[source] = _plus(found[source], np.ldexp(-own if negative else own, shift))
        return tuple(found)

    @cached_property
    def power_gains(self) -> NDArray[np.float64]:
        """Power gain from a white error at each node to the output, the mean over the outputs."""
        return np.mean([[float(a @ a) for a in adjoint] for adjoint in self.adjoints], axis=0)

    @cached_property
    def peak_gains(self) -> NDArray[np.float64]:
        """Largest gain from a bounded error at each node to an output: the sum of the response's magnitudes."""
        return np.max([[float(np.abs(a).sum()) for a in adjoint] for adjoint in self.adjoints], axis=0)

    # -------------------------------------------------------------------- values
    def evaluate(self, x: NDArray) -> list[NDArray]:
        """Exact integers of every node for the inputs `x` (int64, or objects where words pass 62 bits).

        Node ``k`` has ``len(x) - memory[k]`` values, those for the last inputs: put as many zeros as the filter
        remembers before the first input for a start from zero history.
        """
        values, lsbs = [x], self.lsbs
        for node in self.nodes:
            if isinstance(node, Delay):
                source = values[node.source]
                values.append(source[: max(len(source) - node.samples, 0)])
                continue
            left, right = (shifted(values[n], lsbs[n] + shift - node.lsb) for n, shift, _ in node.operands)
            length = min(len(left), len(right))
            left, right = left[len(left) - length :], right[len(right) - length :]
            values.append(left - right if node.subtract else left + right)
        return values


def _plus(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(a) < len(b):
        a, b = b, a
    total = a.copy()
    total[: len(b)] += b
    return total


def _lowest(transfer: NDArray[np.float64]) -> int:
    """Weight of the lowest set bit of any value, exact; 0 where all are 0."""
    values = transfer[transfer != 0]
    if not len(values):
        return 0
    mantissa, exponent = np.frexp(values)
    digits = np.ldexp(mantissa, 53).astype(np.int64)
    trailing = np.bitwise_count((digits & -digits) - 1).astype(np.int64)
    return int((exponent - 53 + trailing).min())
