"""Sums of four words on rows of counting columns: when they are built, and that they are smaller where it matters."""

from dataclasses import replace

import numpy as np
from filter_cases import CASES, JOINING, coarser, filter_of

from hwgen import emit
from hwgen.blocks.fir import Fir
from hwgen.blocks.heaps import heaps
from hwgen.blocks.schedule import Schedule
from hwgen.blocks.words import Words
from hwgen.cost.estimate import PLAIN, adder_bits
from hwgen.cost.resources import synthesise
from hwgen.designs.word_lengths import WordLengths
from hwgen.fixed import Format
from hwgen.flowgraph import FlowGraph, Sum
from hwgen.joined import groups

VALUES = (4, -2, -6, 5, 12, -19, -21, 77, 150, 77, -21, -19, 12, 5, -6, -2, 4)


def direct(fabric=JOINING, dropping=(), **more) -> Fir:
    return filter_of(VALUES, dropping, structure="direct", fabric=fabric, input=Format(1, 11), **more)


def luts(fir: Fir, target: str) -> float:
    return synthesise(emit.verilog(fir.component(), "fir"), "fir", target).lut


def test_they_take_fewer_luts_where_a_lut_has_six_inputs() -> None:
    """Of two operands Yosys takes the shorter to the carry: if that changed, this would be the larger."""
    assert luts(direct(), "xc7") < 0.92 * luts(direct(PLAIN), "xc7")


def test_joining_changes_no_value() -> None:
    x = np.random.default_rng(3).integers(-2048, 2048, 500)
    for dropping in ((), (1, 0, 2), (3,)):
        assert (direct(dropping=dropping).model(x) == direct(PLAIN, dropping).model(x)).all()


def test_a_sum_is_joined_where_it_drops_as_much_as_the_last() -> None:
    """Else it drops bits that the last one would have kept, or not, and has to be there."""
    fir = direct()
    for root, heap in heaps(fir.schedule, fir.words).items():
        (_, *inner), kept = heap.group.members, dict(heap.group.members)
        coarse = coarser(fir.graph, [4 * (k == root) for k in fir.graph.sums])
        assert root not in heaps(Schedule(coarse), Words(coarse, fir.input))
        both = coarser(fir.graph, [4 * (k in kept) for k in fir.graph.sums])
        found = heaps(Schedule(both), Words(both, fir.input)).get(root)
        assert found is None or found.plan.luts <= heap.plan.luts
        assert inner


def test_equal_widths_and_pipelines_have_every_adder() -> None:
    assert not direct(equal_widths=True).joined
    assert "_row0" in emit.verilog(direct().component(), "fir")
    assert "_row0" not in emit.verilog(direct(depth=1).component(), "fir")


def test_work_counts_what_joining_saves() -> None:
    """Three adders of words that meet in c columns take about 3 c bits, rows about 2 c."""
    fir = direct()
    lengths = WordLengths(fir.coefficients, fir.fraction, fir.graph, fir.input, fir.output, structure="direct")
    apart = replace(lengths, graph=FlowGraph(tuple(map(_apart, fir.graph.nodes)), fir.graph.outputs))
    natural = lengths.natural[None]
    saved = (apart.work(natural).multiplier_bits - lengths.work(natural).multiplier_bits)[0]
    by_plan = 0
    for heap in heaps(fir.schedule, fir.words).values():
        for k, _ in heap.group.members:
            node = fir.graph.nodes[k - 1]
            low = [fir.graph.lsbs[source] + shift for source, shift, _ in node.operands]
            by_plan += int(adder_bits(node.lsb + fir.words.widths[k] - 1, *low, node.lsb, node.subtract))
        by_plan -= heap.plan.luts
    assert 0.7 * by_plan < saved < 1.3 * by_plan
    # Nothing is saved where the sums inside keep what their own sum drops.
    roots = {group.root for group in groups(fir.graph)}
    coarse = natural + np.array([6 * (k in roots) for k in fir.graph.sums])
    assert apart.work(coarse).multiplier_bits[0] - lengths.work(coarse).multiplier_bits[0] < saved / 2


def _apart(node):
    return replace(node, joined=False) if isinstance(node, Sum) else node


def test_cases_have_some() -> None:
    """The filters that simulators prove have sums of four words on rows."""
    assert sum(bool(heaps(fir.schedule, fir.words)) for fir in CASES.values()) >= 3
