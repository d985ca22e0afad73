"""Complements in place of inverters: the colouring against brute force, any choice of complements against the model."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from filter_cases import filter_of, stimulus

from hwgen.adders import greedy_graph
from hwgen.check.script import script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Port, Top
from hwgen.cost.estimate import Fabric
from hwgen.emit import verilog
from hwgen.flowgraph import Delay, FlowGraph, Output, Sum
from hwgen.polarity import inverting, passed, polarised
from hwgen.structures import STRUCTURES


def graph_of(rng: np.random.Generator, adders: int) -> FlowGraph:
    """Adders of earlier nodes at random, a delay now and then; the output is the last."""
    nodes: list[Sum | Delay] = []
    for k in range(1, adders + 1):
        if rng.random() < 0.25:
            nodes.append(Delay(f"d{k}", int(rng.integers(0, k))))
            continue
        left, right = (int(v) for v in rng.integers(max(0, k - 4), k, 2))
        nodes.append(Sum(f"s{k}", left, 0, right, 0, bool(rng.random() < 0.5)))
    return FlowGraph(tuple(nodes), (Output(len(nodes), 0, bool(rng.random() < 0.3)),))


def colourable(graph: FlowGraph) -> bool:
    """Whether some choice of complements needs no inverter, by trying all."""
    sums = graph.sums
    for inverted in product((False, True), repeat=len(sums)):
        kept = dict(zip(sums, inverted, strict=True))

        def form(k: int, kept: dict[int, bool] = kept) -> bool:
            return kept.get(k, False)

        good = all(form(o.node) == (o.negative and o.node in sums) for o in graph.outputs)
        for node in graph.nodes:
            if isinstance(node, Delay):
                good &= not form(node.source)
            else:
                good &= (form(node.left) != form(node.right)) == node.subtract
        if good:
            return True
    return False


@pytest.mark.parametrize("seed", range(120))
def test_no_inverter_where_there_need_be_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = graph_of(rng, int(rng.integers(2, 9)))
    made = polarised(graph, [12.0] * (len(graph.nodes) + 1))
    possible = colourable(graph)
    # A negative output is asked for inverted, and only `inverting` of one that is not wanted so counts it.
    assert not possible or inverting(made) == ()
    stripped = FlowGraph(
        tuple(replace(n, inverted=False, mirrored=False) if isinstance(n, Sum) else n for n in made.nodes), made.outputs
    )
    assert stripped == graph
    assert len(inverting(made)) <= max(len(inverting(graph)), 1)


def test_random_graphs_are_of_both_sorts() -> None:
    found = [colourable(graph_of(r, int(r.integers(2, 9)))) for r in map(np.random.default_rng, range(120))]
    assert 20 < sum(found) < 100


def test_narrow_words_are_inverted_rather_than_wide_ones() -> None:
    # s1 + s2, s1 - s2: one of them must be there in both forms.
    sums = (Sum("s1", 0, 0, 0, 1), Sum("s2", 0, 0, 0, 3), Sum("a", 1, 0, 2, 0), Sum("b", 1, 0, 2, 0, True))
    graph = FlowGraph((*sums, Sum("c", 3, 0, 4, 5)), (Output(5),))
    for narrow, wide in ((1, 2), (2, 1)):
        widths = [8.0] * 6
        widths[wide] = 30.0
        assert inverting(polarised(graph, widths)) == (narrow,)


def test_bits_that_pass_by() -> None:
    assert passed(FlowGraph((Sum("s", 0, 0, 0, 3),), (Output(1),)), Sum("s", 0, 0, 0, 3)) == 3
    assert passed(FlowGraph((Sum("s", 0, 3, 0, 0),), (Output(1),)), Sum("s", 0, 3, 0, 0)) == 3
    assert passed(FlowGraph((Sum("s", 0, 3, 0, 0),), (Output(1),)), Sum("s", 0, 3, 0, 0, True)) == 0


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("seed", range(4))
def test_any_choice_of_complements_is_bit_true_in_icarus(structure: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, drops = (*rng.integers(-99, 99, 6).tolist(), 17), rng.integers(0, 3, 4).tolist()
    fir = filter_of(values, drops, structure=structure, depth=[None, 1][seed % 2])
    nodes = tuple(
        replace(n, inverted=bool(rng.random() < 0.5), mirrored=bool(rng.random() < 0.5)) if isinstance(n, Sum) else n
        for n in fir.graph.nodes
    )
    fir = replace(fir, graph=FlowGraph(nodes, fir.graph.outputs))
    top = Top("fir", (Port("i_data", fir.input.width, True),), (Port("o_data", fir.output.width, True),), fir.latency)
    samples = stimulus(fir, 400, seed)[None, :]
    stimuli = script(samples, rng, resets=[200])
    text = verilog(fir.component(), "fir")
    assert simulate(text, top, stimuli, top.expected(stimuli, lambda x: fir.model(x[0]))).bit_true


def test_full_filter_keeps_its_value_and_loses_its_inverters() -> None:
    values = (3, -14, 25, 101, -77, 25, 9)
    for structure in STRUCTURES.values():
        before, after = (structure(values, greedy_graph(values), Fabric(weight)) for weight in (0.0, 1.0))
        assert before.responses() == after.responses()
        assert len(inverting(after)) < len(inverting(before))
