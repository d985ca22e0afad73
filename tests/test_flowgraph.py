"""Signal-flow graphs: what follows from a graph alone, against rational arithmetic and impulses put in by force."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from filter_cases import CASES, stimulus
from rational import TWO, exactly, floored, impulse_responses, memory, outputs, stepped

from hwgen.flowgraph import Delay, FlowGraph, Output, Sum

# y = -2 * (floor(x[-2] / 2) * 2 - 3 x[-1])
SMALL = FlowGraph(
    (
        Delay("d1", 0), Sum("x3", 0, 1, 0, 0), Delay("d3", 2), Delay("d2", 1), Sum("sum", 4, 0, 3, 0, True, 1),
    ),
    (Output(5, 1, True),),
)  # fmt: skip
NAMES = [name for name in CASES if "beyond" not in name]


def test_a_small_graph_by_hand() -> None:
    assert SMALL.sums == (2, 5)
    assert SMALL.lsbs == (0, 0, 0, 0, 0, 1)
    assert SMALL.memory == (0, 1, 0, 1, 2, 2)
    assert SMALL.phases == (0, 1, 0, 1, 2, None)
    assert SMALL.depths == (0, 0, 1, 0, 0, 1)
    assert SMALL.naturals == (0, 0, 0, 0, 0, 0)
    assert SMALL.lowest == (0, 0, 0, 0, 0, 1)
    assert SMALL.responses() == ((0, 6, -2),)
    x = np.array([0, 0, 5, 7, -3])
    nodes = SMALL.evaluate(x)
    assert [n.tolist() for n in nodes] == [
        [0, 0, 5, 7, -3], [0, 0, 5, 7], [0, 0, 15, 21, -9], [0, 0, 15, 21], [0, 0, 5],
        [0, -7, 2 - 10],  # 5 >> 1, 15 >> 1, 21 >> 1
    ]  # fmt: skip
    (adjoint,) = SMALL.adjoints
    assert [a.tolist() for a in adjoint] == [[0, 6, -2], [0, -2], [0, 2], [2], [-2], [-2]]
    assert SMALL.power_gains.tolist() == [40, 4, 4, 4, 4, 4]
    assert SMALL.peak_gains.tolist() == [8, 2, 2, 2, 2, 2]


@pytest.mark.parametrize(
    ("nodes", "outputs", "reason"),
    [
        ((Delay("a", 1),), (Output(1),), r"node 1 \(a\) refers to a node that is not before it"),
        ((Sum("s", 0, 0, 2, 0), Delay("d", 0)), (Output(1),), "node 1 .s. refers"),
        ((Sum("s", -1, 0, 0, 0),), (Output(1),), "refers"),
        ((Delay("a", 0, 0),), (Output(1),), "delays by 0 samples; 1 is the least"),
        ((Delay("a", 0),), (), "outputs"),
        ((Delay("a", 0),), (Output(2),), "outputs that are its nodes"),
        ((Delay("a", 0),), (Output(-1),), "outputs that are its nodes"),
    ],
)
def test_refused_graphs(nodes: tuple[Sum | Delay, ...], outputs: tuple[Output, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FlowGraph(nodes, outputs)


def test_lsbs_are_given_to_the_adders_in_their_order() -> None:
    again = SMALL.with_lsbs([2, 3])
    assert again.lsbs == (0, 0, 2, 2, 0, 3)
    assert again.with_lsbs([0, 1]) == SMALL
    for wrong in ([1], [1, 2, 3]):
        with pytest.raises(ValueError, match="2 adders need as many LSBs"):
            SMALL.with_lsbs(wrong)


def test_more_bits_than_floats_hold_are_refused() -> None:
    def chained(shift: int) -> FlowGraph:
        return FlowGraph((Delay("d", 0), Sum("s", 0, shift, 1, 0)), (Output(2),))

    assert chained(51).responses() == ((1 << 51, 1),)
    for shift in (53, 70):
        with pytest.raises(ValueError, match="more bits than hwgen can prove"):
            chained(shift).responses()


@pytest.mark.parametrize("name", CASES)
def test_a_graph_comes_back_from_json(name: str) -> None:
    graph = CASES[name].graph
    assert FlowGraph.thawed(json.loads(json.dumps(graph.frozen()))) == graph


def test_a_damaged_graph_is_refused() -> None:
    frozen = SMALL.frozen()
    frozen["nodes"][1][1] = 4
    with pytest.raises(ValueError, match="refers"):
        FlowGraph.thawed(frozen)
    with pytest.raises(TypeError):
        FlowGraph.thawed({**SMALL.frozen(), "outputs": [[1, 0, False, 7]]})


@pytest.mark.parametrize("name", CASES)
def test_every_node_has_the_value_of_the_reference(name: str) -> None:
    fir = CASES[name]
    graph, x = fir.graph, stimulus(fir, 60, 2)
    history = max(graph.memory)
    padded = np.concatenate([np.zeros(history, dtype=np.int64), x]).astype(object if fir.input.width > 30 else np.int64)
    found = graph.evaluate(padded)
    wanted = list(zip(*stepped(graph, x), strict=True))
    for k, (node, column) in enumerate(zip(found, wanted, strict=True)):
        assert len(node) == len(padded) - graph.memory[k]
        assert [v * TWO ** graph.lsbs[k] for v in node.tolist()[-len(x) :]] == list(column), f"node {k}"


@pytest.mark.parametrize("name", NAMES)
def test_transfers_and_what_follows_from_them(name: str) -> None:
    graph = CASES[name].graph
    length = memory(graph)
    responses = impulse_responses(graph, length)
    for k, response in enumerate(responses):
        transfer = [Fraction(float(v)) for v in graph.transfers[k]]
        assert transfer + [0] * (length - len(transfer)) == response
        finest = graph.naturals[k]
        assert all(floored(v, finest) == v for v in response)
        assert any(floored(v, finest + 1) != v for v in response)
        delays = [d for d, v in enumerate(response) if v]
        assert graph.phases[k] in (None, delays[0])
        assert (graph.phases[k] is None) == (len(delays) > 1)
        assert graph.memory[k] >= delays[-1]
    for number, found in enumerate(graph.responses()):
        wanted = [outputs(graph, list(values))[number] for values in zip(*responses, strict=True)]
        assert list(found) + [0] * (length - len(found)) == wanted
        assert found[-1] != 0


@pytest.mark.parametrize("name", NAMES)
def test_lowest_bits_are_those_used(name: str) -> None:
    graph = CASES[name].graph
    seen = [0] * len(graph.lsbs)
    for values in stepped(graph, stimulus(CASES[name], 100, 4)):
        for k, value in enumerate(values):
            assert floored(value, graph.lowest[k]) == value, f"node {k}"
            seen[k] |= floored(value, graph.lowest[k] + 1) != value
    # A bit that is always zero is not counted, wide cuts (only signs are left) apart.
    assert name == "everything dropped" or sum(seen) > 0.8 * len(seen)


@pytest.mark.parametrize("name", NAMES)
def test_gains_are_those_of_impulses_put_in_by_force(name: str) -> None:
    graph = CASES[name].graph
    exact, length = exactly(graph), memory(graph)
    for k in range(len(graph.lsbs)):
        answers = [outputs(graph, values) for values in stepped(exact, [0] * length, struck=k)]
        powers, peaks = [], []
        for number, adjoint in enumerate(graph.adjoints):
            wanted = [answer[number] for answer in answers]
            found = [Fraction(float(v)) for v in adjoint[k]]
            assert found + [0] * (length - len(found)) == wanted, f"node {k}"
            powers.append(sum(v * v for v in wanted))
            peaks.append(sum(abs(v) for v in wanted))
        assert graph.power_gains[k] == pytest.approx(float(sum(powers) / len(powers)), rel=1e-12)
        assert graph.peak_gains[k] == pytest.approx(float(max(peaks)), rel=1e-12)


def test_depth_is_the_longest_way_between_registers() -> None:
    x, s = 0, [Sum(f"s{k}", k, 0, k, 1) for k in range(4)]
    chain = FlowGraph((*s, Delay("d", 4), Sum("t", 5, 0, x, 0), Sum("u", 6, 0, 4, 0)), (Output(7),))
    assert chain.depths == (0, 1, 2, 3, 4, 0, 1, 5)
    assert replace(chain, outputs=(Output(5),)).depths == chain.depths
