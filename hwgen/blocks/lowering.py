"""From a signal-flow graph to Amaranth: registers and adders."""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Signal, Value, signed

from hwgen.blocks.heaps import added, heaps
from hwgen.blocks.operand import Operand
from hwgen.blocks.schedule import Schedule
from hwgen.blocks.words import Words
from hwgen.flowgraph import Delay, FlowGraph, Sum


def lower(
    m: Module,
    schedule: Schedule,
    words: Words,
    sample: Value,
    valids: Sequence[Value],
    suffix: str = "",
    reset_data: bool = True,
) -> list[Value]:
    """Build the schedule's graph over the registered, signed `sample`; gives its outputs at stage ``schedule.last``.

    Words of nodes that are `inverted` are the complements of their values, also those of outputs.
    `words` may be those of the graph before `FlowGraph.interleaved`, which are the same.
    `valids` says for each stage that a sample is in it: delays move on it, pipeline registers run freely.
    """
    graph = schedule.graph
    own: list[Value] = [sample]
    later: dict[tuple[int, int], Value] = {}

    def at(k: int, stage: int) -> Value:
        """Word of node `k` at a stage at or after its own."""
        if stage == schedule.stages[k]:
            return own[k]
        if (k, stage) not in later:
            before = at(k, stage - 1)
            name = graph.nodes[k - 1].name if k else "x"
            held = Signal(before.shape(), name=f"{name}_s{stage}{suffix}", reset_less=True)
            m.d.sync += held.eq(before)
            later[k, stage] = held
        return later[k, stage]

    joined = heaps(schedule, words)
    within = {k for heap in joined.values() for k, _ in heap.group.members[1:]}

    for k, node in enumerate(graph.nodes, start=1):
        stage = schedule.stages[k]
        if k in within:
            own.append(Const(0))  # no adder takes it
            continue
        if isinstance(node, Delay):
            word = ~own[node.source] if graph.inverted(node.source) else own[node.source]  # registers rest at 0
            for sample_number in range(node.samples):
                name = node.name if node.samples == 1 else f"{node.name}_{sample_number}"
                held = Signal(word.shape(), name=f"{name}{suffix}", reset_less=not reset_data)
                with m.If(valids[stage]):
                    m.d.sync += held.eq(word)
                word = held
            own.append(word)
            continue
        # Yosys would merge chained adders into carry-save trees, which take more LUTs. It does not across an inversion,
        # which becomes part of the adder's LUTs unless the word must be kept.
        attributes = {"keep": 1} if node.keep and node.inverted == node.mirrored else {}
        total = Signal(signed(words.widths[k]), name=f"{node.name}{suffix}", attrs=attributes)
        if k in joined:
            operands = [
                Operand.of(own[leaf.source], graph.lsbs[leaf.source] + leaf.shift - graph.lsbs[leaf.holder]).word
                for leaf in joined[k].group.leaves
            ]
            m.d.comb += total.eq(added(m, joined[k].plan, operands, total.name))
        else:
            m.d.comb += total.eq(_added(graph, node, [at(source, stage) for source, _, _ in node.operands]))
        own.append(total)
    return [at(output.node, schedule.last) for output in graph.outputs]


def _added(graph: FlowGraph, node: Sum, words: Sequence[Value]) -> Value:
    """The word of an adder from those of its operands (see `hwgen.polarity`)."""
    operands = []
    for word, (source, shift, _) in zip(words, node.operands, strict=True):
        operands.append(Operand.of(~word if graph.inverted(source) else word, graph.lsbs[source] + shift - node.lsb))
    left, right = operands
    if not node.mirrored:
        total = left.combined(right, node.subtract)
    elif node.subtract:
        total = left.complement.combined(right, False)
    else:
        first, second = (left, right) if not left.zeros else (right, left)
        total = first.complement.combined(second, True)
    return total if node.mirrored == node.inverted else ~total
