"""Adders of a signal-flow graph that are one sum of several words: rows of carry chains that count build it.

Such rows (see `hwgen.bit_heap`) take four words to one in two LUTs a column, three adders in three. Nobody sees the
sums in between; where they drop no bit that the last one keeps, joining changes no value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwgen.bit_heap import Span, planned
from hwgen.flowgraph import FlowGraph, Sum

SPENT = 2  # columns of rows that three adders do not have, about


@dataclass(frozen=True)
class Leaf:
    """A word of a joined sum: node `source`, moved by `shift` at adder `holder`, by `rest` from there to the sum."""

    holder: int
    source: int
    shift: int
    rest: int
    negative: bool


@dataclass(frozen=True)
class Group:
    """A joined sum: its adders with their shifts to the first of them, which has its value, and its words."""

    members: tuple[tuple[int, int], ...]
    leaves: tuple[Leaf, ...]

    @property
    def root(self) -> int:
        """The node with its value."""
        return self.members[0][0]


def saved(
    group: Group,
    lows: NDArray[np.int64],
    lsbs: NDArray[np.int64],
    tops: NDArray[np.int64],
    bits: NDArray[np.float64],
) -> NDArray[np.float64]:
    """LUTs that rows save of the adders of a joined sum, shape (P,), 0 where one inside keeps bits that the sum drops.

    For a single choice of LSBs as its rows are planned; for many about one for each column that all words have.

    Parameters
    ----------
    lows, lsbs
        Weight of the lowest bit of each node's word that is not always zero, and of those that its adder keeps,
        (P, nodes).
    tops
        Weight of each node's sign bit.
    bits
        Full-adder bits of all its adders, shape (P,).
    """
    first = np.array([np.maximum(lows[:, n.source] + n.shift, lsbs[:, n.holder]) + n.rest for n in group.leaves])
    last = np.array([tops[n.source] + n.shift + n.rest for n in group.leaves])[:, None]
    kept = np.all([lsbs[:, k] + rest >= lsbs[:, group.root] for k, rest in group.members], axis=0)
    if lows.shape[0] > 1 or not kept.all():
        return np.where(kept, np.maximum((last - first).min(axis=0) - SPENT, 0.0), 0.0)
    start = int(lsbs[0, group.root])
    spans = tuple(
        Span(int(low) - start, max(int(top), int(low)) - start, leaf.negative)
        for low, top, leaf in zip(first[:, 0], last[:, 0], group.leaves, strict=True)
    )
    return np.maximum(bits - planned(spans, int(tops[group.root]) - start + 1).luts, 0.0)


def joined(graph: FlowGraph, lows: Sequence[int], tops: Sequence[int]) -> tuple[FlowGraph, int]:
    """The same values, with `joined` set for the adders inside sums of four words, and the adder bits that this saves.

    Any three adders that hang together add four words, where only one adder takes each sum in between. Which threes
    save most is found from the leaves of each tree of such adders to its root, for nothing dropped.

    Parameters
    ----------
    lows, tops
        Weight of the lowest bit and of the sign of each node's word.
    """
    uses = [0] * (len(graph.nodes) + 1)
    for node in graph.nodes:
        # Twice for a register, whose word has to be there.
        for source in [source for source, _, _ in node.operands] if isinstance(node, Sum) else [node.source] * 2:
            uses[source] += 1
    for output in graph.outputs:
        uses[output.node] += 2
    ends = {k: [(s, shift) for s, shift, _ in _sum(graph, k).operands] for k in graph.sums}
    behind = {k: [(s, shift) for s, shift in ends[k] if s in ends and uses[s] == 1] for k in graph.sums}

    def columns(root: int, inner: Sequence[int]) -> int:
        words: list[tuple[int, int]] = []
        waiting = [(root, 0)]
        while waiting:
            holder, rest = waiting.pop()
            for source, shift in ends[holder]:
                (waiting if source in inner else words).append((source, rest + shift))
        return min(tops[k] + shift for k, shift in words) - max(lows[k] + shift for k, shift in words) + 1

    best: dict[int, tuple[int, tuple[int, ...]]] = {}  # what is saved up to a node, and which adders are inside
    for k in graph.sums:
        near = [source for source, _ in behind[k]]
        options: list[tuple[tuple[int, ...], list[int]]] = [((), near)]  # adders inside, and nodes left behind
        if len(near) > 1:
            options.append((tuple(near), [far for c in near for far, _ in behind[c]]))
        for c in near:
            far = [source for source, _ in behind[c]]
            for g in far:
                rest = [o for o in near if o != c] + [o for o in far if o != g] + [o for o, _ in behind[g]]
                options.append(((c, g), rest))
        for number, (inside, rest) in enumerate(options):
            saved = max(columns(k, inside) - SPENT, 0) if inside else 0
            total = saved + sum(best[node][0] for node in rest)
            if not number or total > best[k][0]:
                best[k] = total, sum((best[node][1] for node in rest), inside)
    roots = [k for k in graph.sums if uses[k] != 1]
    found = {k for root in roots for k in best[root][1]}
    nodes = (replace(n, joined=k in found) if isinstance(n, Sum) else n for k, n in enumerate(graph.nodes, start=1))
    return FlowGraph(tuple(nodes), graph.outputs), sum(best[root][0] for root in roots)


def groups(graph: FlowGraph) -> tuple[Group, ...]:
    """The joined sums of a graph, in the order of their values."""
    found = (_group(graph, k) for k in graph.sums if not _sum(graph, k).joined)
    return tuple(group for group in found if len(group.members) > 1)


def _sum(graph: FlowGraph, k: int) -> Sum:
    node = graph.nodes[k - 1]
    assert isinstance(node, Sum)
    return node


def _group(graph: FlowGraph, root: int) -> Group:
    """The adder at `root` with those that are joined to it."""
    members, leaves, waiting = [], [], [(root, 0, False)]
    while waiting:
        holder, rest, turned = waiting.pop()
        members.append((holder, rest))
        for source, shift, negative in _sum(graph, holder).operands:
            inner = graph.nodes[source - 1] if source else None
            if isinstance(inner, Sum) and inner.joined:
                waiting.append((source, rest + shift, turned != negative))
            else:
                leaves.append(Leaf(holder, source, shift, rest, turned != negative))
    return Group(tuple(members), tuple(leaves))
