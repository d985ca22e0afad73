"""Signal-flow graphs in rational numbers, one sample after another: what the integer models are held against."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from hwgen.flowgraph import FlowGraph, Sum

TWO = Fraction(2)


def floored(value: Fraction, lsb: int) -> Fraction:
    return math.floor(value / TWO**lsb) * TWO**lsb


def cut(values: list[Fraction], node: Sum) -> tuple[Fraction, Fraction]:
    """Both operands of an adder, floored to its LSB."""
    return (
        floored(values[node.left] * TWO**node.left_shift, node.lsb),
        floored(values[node.right] * TWO**node.right_shift, node.lsb),
    )


def stepped(graph: FlowGraph, samples: Iterable[int], struck: int | None = None) -> Iterator[list[Fraction]]:
    """Value of every node in input LSBs, for each sample, from zero history; 1 is added to node `struck` at first."""
    lines = {k: [Fraction(0)] * n.samples for k, n in enumerate(graph.nodes, start=1) if not isinstance(n, Sum)}
    for number, x in enumerate(samples):
        values = [Fraction(int(x) + (number == 0 and struck == 0))]
        for k, node in enumerate(graph.nodes, start=1):
            if isinstance(node, Sum):
                left, right = cut(values, node)
                values.append(left - right if node.subtract else left + right)
            else:
                values.append(lines[k][0])
            values[k] += number == 0 and struck == k
        for k, line in lines.items():
            line.append(values[graph.nodes[k - 1].source])  # type: ignore[union-attr]  # a delay
            line.pop(0)
        yield values


def outputs(graph: FlowGraph, values: list[Fraction]) -> list[Fraction]:
    """Each output, in input LSBs."""
    return [(-1 if o.negative else 1) * values[o.node] * TWO**o.shift for o in graph.outputs]


def exactly(graph: FlowGraph, finest: int = -64) -> FlowGraph:
    """The graph with nothing dropped."""
    return FlowGraph(
        tuple(replace(node, lsb=finest) if isinstance(node, Sum) else node for node in graph.nodes), graph.outputs
    )


def impulse_responses(graph: FlowGraph, length: int) -> list[list[Fraction]]:
    """Impulse response of every node with nothing dropped, in input LSBs, by node."""
    return [list(row) for row in zip(*stepped(exactly(graph), [1] + [0] * (length - 1)), strict=True)]


def memory(graph: FlowGraph) -> int:
    """Samples that all delays hold: no response is longer."""
    return 1 + sum(node.samples for node in graph.nodes if not isinstance(node, Sum))


def lone_delay(response: list[Fraction]) -> int | None:
    """Delay of the one sample that a response takes in, None for several."""
    found = [k for k, v in enumerate(response) if v]
    return found[0] if len(found) == 1 else None
