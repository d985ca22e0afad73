"""Flip-flops of a signal-flow graph whose words were cut: how many share a cell or can be shift registers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.flowgraph import Delay, FlowGraph, Sum

_SHORTEST = 3  # flip-flops in a row that Yosys makes a shift register on xc7
_LONGEST = 32  # flip-flops of one shift register (SRLC32E)


@dataclass(frozen=True)
class Registers:
    """Counts for a swarm, shape (P,) each.

    Attributes
    ----------
    total
        Flip-flops, without the low bits that nothing behind a register needs, which synthesis takes away.
    shared
        Those fed by an adder bit that nothing else uses: on an iCE40 both are one cell.
    shifted
        Those in rows of at least three without reset, which can be shift registers.
    shift_luts
        LUTs of those shift registers.
    """

    total: NDArray[np.float64]
    shared: NDArray[np.float64]
    shifted: NDArray[np.float64]
    shift_luts: NDArray[np.float64]


def registers(
    graph: FlowGraph,
    tops: NDArray[np.int64],
    columns: NDArray[np.int64],
    bits: NDArray[np.float64],
    interleave: int = 1,
    reset: bool = True,
) -> Registers:
    """Registers of the delays and of each output's sum.

    Parameters
    ----------
    graph
        With one of its delays for each sample and each of `interleave` channels in turn.
    tops
        Weight of the sign bit of each node, shape (nodes,).
    columns
        Weight of the lowest bit of each node, shape (P, nodes).
    bits
        Adder bits of each of ``graph.sums``, shape (P, sums).
    reset
        Whether delays have a reset, which shift registers do not.
    """
    own = dict(zip(graph.sums, bits.T, strict=True))
    users, seen = _users(graph), _seen(graph, columns)
    needed = seen.copy()
    total, shared = np.zeros((2, len(columns)))
    for output in graph.outputs:
        word = tops[output.node] - columns[:, output.node] + 1
        total += word
        if users[output.node] == 1 and output.node in own:
            shared += np.minimum(own[output.node], word)
    for k in range(len(graph.nodes), 0, -1):
        node = graph.nodes[k - 1]
        if isinstance(node, Sum):
            continue
        word = np.maximum(tops[k] - np.maximum(columns[:, k], needed[:, k]) + 1, 1)
        total += node.samples * interleave * word
        needed[:, node.source] = np.minimum(needed[:, node.source], needed[:, k])
        if users[node.source] == 1 and node.source in own:
            shared += np.minimum(own[node.source], word)
    rows = (0.0 * total, 0.0 * total) if reset else _rows(graph, tops, np.maximum(columns, needed), seen, interleave)
    return Registers(total, shared, *rows)


def _rows(
    graph: FlowGraph, tops: NDArray[np.int64], lows: NDArray[np.int64], seen: NDArray[np.int64], interleave: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Flip-flops (P,) that can be shift registers, and LUTs of those, bit by bit.

    A row goes on where nothing but the next delay looks at a bit: at a whole word, or at low bits that are cut.
    """
    weights = np.arange(lows.min(), tops.max() + 1)
    delays = [node.source for node in graph.nodes if isinstance(node, Delay)]
    behind: dict[int, NDArray[np.int64]] = {}  # flip-flops (P, weights) that follow a delay's, of one row with them
    shifted, luts = np.zeros((2, len(lows)))
    for k in range(len(graph.nodes), 0, -1):
        node = graph.nodes[k - 1]
        if isinstance(node, Sum):
            continue
        row = (behind.get(k, 0) + node.samples * interleave) * (weights >= lows[:, k, None]) * (weights <= tops[k])
        if node.source and isinstance(graph.nodes[node.source - 1], Delay) and delays.count(node.source) == 1:
            goes_on = weights < seen[:, node.source, None]
            behind[node.source], row = row * goes_on, row * ~goes_on
        row = row * (row >= _SHORTEST)
        shifted += row.sum(axis=1)
        luts += (-(-row // _LONGEST)).sum(axis=1)
    return shifted, luts


def _seen(graph: FlowGraph, columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Weight of the lowest bit of each node that an adder or an output looks at (P, nodes)."""
    found = np.full(columns.shape, np.iinfo(np.int64).max)
    for output in graph.outputs:
        found[:, output.node] = columns[:, output.node]
    for k, node in enumerate(graph.nodes, start=1):
        if isinstance(node, Sum):
            for source, shift, _ in node.operands:
                found[:, source] = np.minimum(found[:, source], columns[:, k] - shift)
    return found


def _users(graph: FlowGraph) -> list[int]:
    """How many nodes and outputs look at each node."""
    found = [0] * (len(graph.nodes) + 1)
    for node in graph.nodes:
        for source in {source for source, _, _ in node.operands} if isinstance(node, Sum) else {node.source}:
            found[source] += 1
    for output in graph.outputs:
        found[output.node] += 1
    return found
