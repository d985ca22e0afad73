"""From a signal-flow graph to Amaranth: pipeline stages, registers and adders."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Module, Signal, Value, signed

from hwgen.blocks.operand import Operand
from hwgen.blocks.words import Words
from hwgen.flowgraph import Delay, FlowGraph, Sum


@dataclass(frozen=True)
class Schedule:
    """Pipeline stage of every node of `graph`, with at most `depth` adders between registers (None: as many as come).

    Stage 0 is the input register's. A word used at a later stage than its own passes through one register a stage.
    """

    graph: FlowGraph
    depth: int | None = None

    def __post_init__(self) -> None:
        if self.depth is not None and self.depth < 1:
            raise ValueError(f"at least 1 adder fits between registers, not {self.depth}")

    @cached_property
    def _placed(self) -> tuple[tuple[int, int], ...]:
        """Stage of each node, and adders since its last register."""
        found = [(0, 0)]
        for node in self.graph.nodes:
            if isinstance(node, Delay):
                found.append((found[node.source][0], 0))
                continue
            ready = [self._ready(found[source]) for source, _, _ in node.operands]
            stage = max(stage for stage, _ in ready)
            found.append((stage, 1 + max(level for at, level in ready if at == stage)))
        return tuple(found)

    def _ready(self, placed: tuple[int, int]) -> tuple[int, int]:
        """From which stage on an adder can take the word, with how many adders before it."""
        stage, level = placed
        return (stage + 1, 0) if self.depth is not None and level >= self.depth else placed

    @property
    def stages(self) -> tuple[int, ...]:
        """Stage of each node."""
        return tuple(stage for stage, _ in self._placed)

    @property
    def last(self) -> int:
        """Stage at which all outputs are there."""
        return max(self.stages[output.node] for output in self.graph.outputs)

    def registers(self, words: Words) -> int:
        """Flip-flops of delays and pipeline registers, the input register not counted."""
        graph, widths = self.graph, words.widths
        until = list(self.stages)
        for k, node in enumerate(graph.nodes, start=1):
            if isinstance(node, Sum):
                for source, _, _ in node.operands:
                    until[source] = max(until[source], self.stages[k])
        for output in graph.outputs:
            until[output.node] = max(until[output.node], self.last)
        held = sum(n.samples * widths[k] for k, n in enumerate(graph.nodes, start=1) if isinstance(n, Delay))
        return held + sum((until[k] - self.stages[k]) * widths[k] for k in range(len(widths)))


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

    for k, node in enumerate(graph.nodes, start=1):
        stage = schedule.stages[k]
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
