"""Joined sums in hardware: the bits of all their words in rows of carry chains that count (see `hwgen.bit_heap`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from amaranth.hdl import Cat, Const, Module, Signal, Value

from hwgen.bit_heap import ONE, Bit, Plan, Row, Span, planned
from hwgen.blocks.schedule import Schedule
from hwgen.blocks.words import Words
from hwgen.cost.estimate import adder_bits
from hwgen.flowgraph import FlowGraph, Sum
from hwgen.joined import Group, Leaf, groups

FREE = Bit(ONE - 1)  # a place of which nothing is used


@dataclass(frozen=True)
class Heap:
    """A joined sum and the rows that add up its words."""

    group: Group
    plan: Plan


def heaps(schedule: Schedule, words: Words) -> dict[int, Heap]:
    """The joined sums that rows of counting columns build, by their roots: those of which no adder inside keeps bits
    that its sum drops, where that takes fewer LUTs than one adder after the other.

    A pipeline has registers between adders, and with one width for all words that of each is wanted: none there.
    """
    graph, found = schedule.graph, {}
    for group in () if words.equal_widths or schedule.depth is not None else groups(graph):
        root = group.root
        spans = tuple(span(graph, words, root, leaf) for leaf in group.leaves)
        if all(graph.lsbs[k] + rest >= graph.lsbs[root] for k, rest in group.members):
            plan = planned(spans, words.widths[root])
            if plan.luts < sum(_bits(graph, words, k) for k, _ in group.members):
                found[root] = Heap(group, plan)
    return found


def span(graph: FlowGraph, words: Words, root: int, leaf: Leaf) -> Span:
    """The columns of a word above the lowest bit of the sum at `root`, cut as its adder cuts it."""
    finest = graph.lsbs[leaf.holder]
    zeros = graph.lsbs[leaf.source] + leaf.shift - finest
    low = max(zeros, 0) + finest + leaf.rest - graph.lsbs[root]
    width = max(words.widths[leaf.source] + min(zeros, 0), 1)
    return Span(low, low + width - 1, leaf.negative)


def _bits(graph: FlowGraph, words: Words, k: int) -> int:
    node = graph.nodes[k - 1]
    assert isinstance(node, Sum)
    left, right = (graph.lsbs[source] + shift for source, shift, _ in node.operands)
    return int(adder_bits(node.lsb + words.widths[k] - 1, left, right, node.lsb, node.subtract))


def added(m: Module, plan: Plan, words: Sequence[Value], name: str) -> Value:
    """The sum of signed words as a plan for them has it, signed; rows are signals ``{name}_row<i>``."""
    sources = list(words)
    for number, row in enumerate(plan.rows):
        own = Signal(len(row.carried) + 1, name=f"{name}_row{number}", attrs={"keep": 1})
        m.d.comb += own.eq(_sliced(row.carried, sources) + _counted(m, row, sources, own.name))
        sources.append(own)
    return _sliced(plan.result, sources).as_signed()


def _counted(m: Module, row: Row, sources: Sequence[Value], name: str) -> Value:
    """What the columns of a row count: a bit as it is, the parity of several and in the next column their majority."""
    last = len(row.counted) - 1
    columns = [c for c, counted in enumerate(row.counted[:last]) if len(counted) > 1]
    alone = [counted[0] if len(counted) == 1 else None for counted in row.counted[:last]]
    total: Value = Cat(_sliced(alone, sources), Cat(_bit(bit, sources) for bit in row.counted[last]).xor())
    if not columns:
        return total
    a, b, c = (Signal(last, name=f"{name}_{letter}") for letter in "abc")
    for place, word in enumerate((a, b, c)):
        lane = [(*counted, None, None)[place] if len(counted) > 1 else FREE for counted in row.counted[:last]]
        m.d.comb += word.eq(_sliced(lane, sources))
    counting = Const(sum(1 << column for column in columns), last)
    parity, majority = (Signal(last, name=f"{name}_{what}") for what in ("parity", "majority"))
    m.d.comb += [parity.eq(a ^ b ^ c), majority.eq((a & b) | (a & c) | (b & c))]
    return total ^ (parity & counting) ^ Cat(Const(0, 1), majority & counting)


def _bit(bit: Bit, sources: Sequence[Value]) -> Value:
    value = Const(1, 1) if bit.source == ONE else sources[bit.source][bit.place]
    return ~value if bit.inverted else value


def _sliced(bits: Sequence[Bit | None], sources: Sequence[Value]) -> Value:
    """The bits as a word, in as few slices of their words as they come in; 0 where there is none."""
    parts: list[Value] = []
    start = 0
    while start < len(bits):
        first, end = bits[start], start + 1
        while end < len(bits) and _follows(first, bits[end], end - start, sources):
            end += 1
        if first is None or first is FREE:
            parts.append(Const(0, end - start))
        elif first.source == ONE:
            parts.append(_bit(first, sources).replicate(end - start))
        else:
            part = sources[first.source][first.place : first.place + end - start]
            parts.append(~part if first.inverted else part)
        start = end
    return Cat(parts)


def _follows(first: Bit | None, bit: Bit | None, distance: int, sources: Sequence[Value]) -> bool:
    """Whether a slice that begins with `first` has `bit` at that distance, or any bit where that may be."""
    if first is None or first is FREE or first.source == ONE:
        return bit is FREE or bit == first
    if first.place + distance >= len(sources[first.source]):
        return False
    return bit is FREE or bit == replace(first, place=first.place + distance)
