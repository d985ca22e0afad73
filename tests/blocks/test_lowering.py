"""Pipeline schedules: how many adders lie between registers; their hardware, bit-true and as late as told."""

import re
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from filter_cases import CASES, filter_of

from hwgen.adders import greedy_graph
from hwgen.blocks.fir import Fir
from hwgen.blocks.schedule import Schedule
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.stimuli import directed
from hwgen.check.vectors import Expected
from hwgen.emit import verilog
from hwgen.finished.fir import Design
from hwgen.fixed import Format
from hwgen.flowgraph import Delay, FlowGraph, Output, Sum
from hwgen.structures import direct, transposed

LONG = tuple(int(v) for v in np.random.default_rng(4).integers(-500, 500, 40)) + (77,)  # noqa: RUF005
DEPTHS = [1, 2, 3, 5, None]


def graphs() -> dict[str, FlowGraph]:
    found = {name: fir.graph for name, fir in CASES.items()}
    for name, build in (("long transposed", transposed), ("long direct", direct)):
        found[name] = build(LONG, greedy_graph(LONG))
    return found


def levels(schedule: Schedule) -> list[int]:
    """Adders between each node and the last register before it, with a register wherever a word changes its stage."""
    found = [0]
    for k, node in enumerate(schedule.graph.nodes, start=1):
        if isinstance(node, Delay):
            found.append(0)
            continue
        here = [found[n] for n, _, _ in node.operands if schedule.stages[n] == schedule.stages[k]]
        found.append(1 + max(here, default=0))
    return found


# ---------------------------------------------------------------------------------------------------------- schedule
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", graphs())
def test_no_two_registers_are_further_apart_than_depth_adders(name: str, depth: int | None) -> None:
    schedule = Schedule(graphs()[name], depth)
    assert depth is None or max(levels(schedule)) <= depth
    for k, node in enumerate(schedule.graph.nodes, start=1):
        sources = [n for n, _, _ in node.operands] if isinstance(node, Sum) else [node.source]
        before = [schedule.stages[n] for n in sources]
        # A delay counts samples at its source's own stage; a sum waits for its later operand, a stage more at most.
        assert schedule.stages[k] - max(before) in ((0,) if isinstance(node, Delay) else (0, 1))
    assert schedule.stages[0] == 0
    assert schedule.last == max(schedule.stages[o.node] for o in schedule.graph.outputs)


@pytest.mark.parametrize("name", graphs())
def test_depth_of_none_is_one_stage(name: str) -> None:
    graph = graphs()[name]
    assert set(Schedule(graph).stages) == {0}
    assert levels(Schedule(graph)) == list(graph.depths)
    most = max(1, *graph.depths)
    assert Schedule(graph, most).stages == Schedule(graph).stages
    stages = [Schedule(graph, depth).last for depth in range(1, most + 1)]
    assert stages == sorted(stages, reverse=True)
    for depth, last in enumerate(stages, start=1):
        assert last <= (sum(1 for n in graph.nodes if isinstance(n, Sum)) - 1) // depth + 1


def test_stages_of_a_chain_by_hand() -> None:
    # s1 = 3 x, s2 = 3 s1, s3 = 3 s2, of s3 a delay, and y = s3[-1] + x, which waits for it.
    sums = [Sum(f"s{k}", k - 1, 0, k - 1, 1) for k in (1, 2, 3)]
    graph = FlowGraph((*sums, Delay("d", 3), Sum("y", 4, 0, 0, 0)), (Output(5),))
    assert Schedule(graph, 1).stages == (0, 0, 1, 2, 2, 2)
    assert Schedule(graph, 2).stages == (0, 0, 0, 1, 1, 1)
    assert Schedule(graph, 3).stages == (0, 0, 0, 0, 0, 0)
    fir = Fir((1, 27), 4, Format(1, 5), Format(3, 4), graph, depth=1)
    assert (fir.latency, replace(fir, depth=2).latency, replace(fir, depth=None).latency) == (5, 4, 3)
    # x has 6 bits, 3 x 8, 9 x 10, 27 x and 28 x 11; x waits for two stages, s1 and s2 for one each; the delay holds 11.
    assert fir.words.widths == (6, 8, 10, 11, 11, 11)
    assert fir.schedule.registers(fir.words) == 11 + 8 + 10 + 2 * 6


def test_refused_depths() -> None:
    for depth in (0, -1):
        with pytest.raises(ValueError, match="at least 1 adder fits between registers"):
            Schedule(CASES["one tap"].graph, depth)


# ---------------------------------------------------------------------------------------------------------- hardware
FILTERS = {
    **{
        f"{structure} {depth}": filter_of(
            (-7, 3, 45, 90, 45, 3, -7), (0, 1, 0, 2), structure=structure, depth=depth, channels=2 - (depth or 0) % 2
        )
        for structure in ("transposed", "direct")
        for depth in (1, 2, 3, None)
    },
    "unsigned, direct": filter_of(
        (1, -2, 37, -53, 19, 64), (0, 2), structure="direct", depth=2, input=Format(0, 7, False)
    ),
    "cascade": filter_of((3, 11, -2), (0, 0, 0, 2), structure="cascade", depth=1, reset_data=False),
    "late tap": filter_of((0, 0, 45), (), depth=1),
    "decimating": filter_of((-7, 3, 45, 45, 3, -7), (0, 1), structure="direct", depth=1, decimate=3),
    "decimating, history survives reset": filter_of((-7, 3, 45, 90), (0, 1), depth=1, decimate=2, reset_data=False),
    "interpolating": filter_of((-7, 11, 45, 93, 45, 11), (0, 1), structure="direct", depth=2, interpolate=2),
    "interpolating, history survives reset": filter_of(
        (-7, 11, 45, 93, 45, 11), (0, 1), depth=1, interpolate=3, reset_data=False, channels=2
    ),
}  # fmt: skip


@lru_cache
def emitted(name: str) -> str:
    return verilog(FILTERS[name].component(), "dut")


def bench(fir: Fir) -> tuple[Script, Expected]:
    """Directed and random samples with gaps and resets; the model starts from zero history after each reset."""
    rng, taps, top = np.random.default_rng(8), len(fir.coefficients), Design("dut", fir, fir.coefficients).top
    first = directed(fir.coefficients, fir.input, taps + 1)
    count = 100 * fir.decimate
    wild = rng.integers(fir.input.minimum, fir.input.maximum, (fir.channels, count), endpoint=True)
    x = np.concatenate([np.stack([np.roll(first, 5 * k) for k in range(fir.channels)]), wild], axis=1)
    resets = [len(first) + k for k in (0, 11, 12, 13, 40, 70)]
    stimulus = script(x, rng, resets=resets, drain=top.span + 4, interval=top.interval)
    return stimulus, top.expected(stimulus, fir.model, settle=0 if fir.reset_data else taps - 1)


@pytest.mark.parametrize("name", FILTERS)
def test_pipelined_hardware_is_the_model_as_late_as_told(name: str) -> None:
    fir = FILTERS[name]
    top, (stimulus, wanted) = Design("dut", fir, fir.coefficients).top, bench(fir)
    result = simulate(emitted(name), top, stimulus, wanted)
    assert (result.mismatches, result.first) == (0, None), "seed 8"
    assert result.samples > 100


@pytest.mark.parametrize("name", [name for name, fir in FILTERS.items() if not fir.reset_data])
def test_history_that_survives_a_reset_shows(name: str) -> None:
    """The outputs that are not compared above do differ from those of zero history."""
    fir = FILTERS[name]
    top, (stimulus, _) = Design("dut", fir, fir.coefficients).top, bench(fir)
    result = simulate(emitted(name), top, stimulus, top.expected(stimulus, fir.model))
    assert result.mismatches > 0


@pytest.mark.parametrize(("name", "latency"), [("direct 1", 8), ("direct 2", 5), ("direct 3", 4), ("direct None", 3)])
def test_latencies(name: str, latency: int) -> None:
    assert FILTERS[name].latency == latency
    assert FILTERS[name.replace("direct", "transposed")].latency <= latency


@pytest.mark.parametrize("structure", ["transposed", "direct"])
@pytest.mark.parametrize("depth", [1, 2])
def test_registers_are_counted_as_they_are_written(structure: str, depth: int) -> None:
    fir = filter_of((-7, 3, 45, 90, 45, 3, -7), (), structure=structure, depth=depth)
    text = verilog(fir.component(), "dut")
    assert sum(int(high) + 1 for high in re.findall(r"reg signed \[(\d+):0\] \w+ = ", text)) == fir.registers
    for stage in range(1, fir.schedule.last + 1):
        assert f"reg valid{stage} = 1'h0;" in text
