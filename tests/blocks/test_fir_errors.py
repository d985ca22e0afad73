"""What a FIR promises about its errors: bounds that hold and are reached, mean and variance as measured."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from filter_cases import CASES, filter_of, stimulus
from rational import TWO

from hwgen.blocks.fir import Fir
from hwgen.fixed import Format, Rounding
from hwgen.flowgraph import Delay, FlowGraph, Output, Sum


def roomy(fir: Fir) -> Fir:
    """The same filter with an output that no sum can overflow."""
    integer = max(fir.centred(phase).integer for phase in range(fir.interpolate))
    return replace(fir, output=Format(integer + 2, fir.output.fraction))


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("name", CASES)
def test_error_bound_holds(name: str, rounding: Rounding) -> None:
    fir = roomy(replace(CASES[name], rounding=rounding))
    x = stimulus(fir, 4000, 6)
    ratio = TWO ** (fir.output.fraction + fir.product_lsb)
    worst = max(abs(int(y) - int(e) * ratio) for y, e in zip(fir.model(x), fir.exact(x), strict=True))
    assert worst <= Fraction(fir.error_bound)


def test_error_bounds_by_hand() -> None:
    for structure in ("transposed", "direct"):
        fir = filter_of((3, -5, 7), (), output=Format(4, 8), structure=structure)
        assert fir.error_bound == 0.5
        assert replace(fir, rounding=Rounding.FLOOR).error_bound == 15 / 16
    # x + x: both cut by four bits before they are added, 15 of 16 lost at most of either, and so 30 of 16; the mean,
    # 15 of 16, is taken out as one.
    double = FlowGraph((Delay("d1", 0), Sum("sum", 0, 0, 1, 0, lsb=4)), (Output(2),))
    fir = Fir((1, 1), 0, Format(1, 12), Format(4, 8), double)
    (dropped,) = fir.dropped
    assert (dropped.mean, dropped.low, dropped.high) == (-15 / 4096, -30 / 4096, 0)
    assert dropped.variance == 2 * (16**2 - 1) / 12 / 4096**2
    assert fir.constant() == 1
    assert fir.error_bound == 1.0
    y, exact = fir.model(np.array([16, 0, 15, 15])), [1, 1, 15 / 16, 30 / 16]
    assert (y - exact).tolist() == [1, 1, 1 / 16, -14 / 16]  # a lone 16 loses nothing: the bound is reached


def test_an_output_of_one_sample_has_its_errors_counted() -> None:
    # 3 x of which the two lowest bits of both operands, x and 2 x, are cut: 0 0, 1 2, 2 0 (of 4), 3 2 are lost.
    lost, delayed = np.array([0, 3, 2, 5]), Delay("lead", 1)
    for nodes in ((), (delayed,)):
        graph = FlowGraph((Sum("x3", 0, 0, 0, 1, lsb=2), *nodes), (Output(1 + len(nodes)),))
        fir = Fir((0, 3) if nodes else (3,), 0, Format(6, 0), Format(9, -2), graph, Rounding.FLOOR)
        assert fir.dropped[0].mean == -lost.mean()
        assert fir.dropped[0].variance == lost.var()
        assert (fir.dropped[0].low, fir.dropped[0].high) == (-5, 0)
        assert fir.constant() == 1  # of 4


MEASURED = {
    "sums": CASES["odd length, sums cut more and more"],
    "products": CASES["even length, sums cut at once"],
    "nodes": filter_of((11, -45, 90, 117, -45, 11), (0, 1, 2)),
    "right-shifted node": CASES["right-shifted node, cut"],
    "unsigned input": filter_of((11, -45, 90, 117, -45, 11), (0, 1, 2), input=Format(0, 7, False)),
    "wide input": filter_of((3, -26, 57, 57, -26, 3), (0, 1, 0, 2, 4, 3), input=Format(1, 17)),
    "direct": CASES["direct, symmetric"],
    "direct, asymmetric": filter_of((1, -2, 37, -53, 19, 64, 5), (0, 0, 0, 0, 3), structure="direct"),
    "cascade": filter_of((3, 11, -2), (0, 0, 0, 3, 0, 0, 4), structure="cascade"),
    "a single tap, late": CASES["a single tap, late"],
    "interpolating": CASES["interpolating"],
    "interpolating, direct": CASES["interpolating, direct"],
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURED)
def test_dropped_mean_and_variance_are_those_measured(name: str) -> None:
    # An output as fine as the sums shows what the graph dropped, the constant apart.
    fir = replace(MEASURED[name], rounding=Rounding.FLOOR)
    phases = range(fir.interpolate)
    integer = max(fir.centred(phase).integer for phase in phases)
    fir = replace(fir, output=Format(integer + 1, -min(fir.output_lsbs)))
    x = np.random.default_rng(7).integers(fir.input.minimum, fir.input.maximum, 100_000, endpoint=True)
    y, exact = fir.model(x).astype(float) * fir.output.lsb, fir.exact(x).astype(float) * 2.0**fir.product_lsb
    shares = []
    for phase, dropped in zip(phases, fir.dropped, strict=True):
        own = slice(phase + 20 * fir.interpolate, None, fir.interpolate)
        error = y[own] - fir.constant(phase) * 2.0 ** fir.output_lsbs[phase] - exact[own]
        spread = math.sqrt(dropped.variance)
        assert error.mean() == pytest.approx(dropped.mean, abs=0.03 * spread)
        assert error.var() == pytest.approx(dropped.variance, rel=0.04)
        assert dropped.low <= error.min()
        assert error.max() <= dropped.high
        shares.append(abs(dropped.mean) / spread)
    assert max(shares) > 0.25  # so that the mean is worth the check
