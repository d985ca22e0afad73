"""Pipeline stages of a signal-flow graph."""

from dataclasses import dataclass
from functools import cached_property

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
