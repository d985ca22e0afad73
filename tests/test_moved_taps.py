"""Taps that dropped bits move: against what random samples do, and by hand."""

import numpy as np
import pytest
from filter_cases import CASES, coarser
from scipy.signal import upfirdn

from hwgen.adders import greedy_graph
from hwgen.finished.fir import Design
from hwgen.fixed import Format
from hwgen.flowgraph import FlowGraph
from hwgen.moved_taps import moved
from hwgen.structures import STRUCTURES

COUNT = 1 << 18
LOWPASS = (3, 0, -9, -14, 5, 44, 83, 99, 83, 44, 5, -14, -9, 0, 3)


def noise(input: Format) -> np.ndarray:
    """Uniform samples of half of full scale."""
    size = 1 << input.width - 1
    return np.random.default_rng(7).integers(0, size, COUNT) - (size // 2 if input.signed else 0)


def correlated(graph: FlowGraph, input: Format) -> list[tuple[np.ndarray, float]]:
    """The errors of each output over the samples, lag by lag, and how far off such a mean is at most."""
    x, found = noise(input), []
    exact = graph.with_lsbs([-99] * len(graph.sums))
    for output in graph.outputs:
        words, whole = (np.ldexp(g.evaluate(x)[output.node], g.lsbs[output.node]) for g in (graph, exact))
        error = np.ldexp(words - whole, output.shift) * (-1 if output.negative else 1)
        first, centred = len(x) - len(error), x - x.mean()
        lags = [centred[first - lag : len(x) - lag] for lag in range(first + 1)]
        taps = np.array([(error - error.mean()) @ part for part in lags]) / len(error) / centred.var()
        found.append((taps, 5 * float(error.std()) / float(centred.std()) / COUNT**0.5))
    return found


def agree(graph: FlowGraph, input: Format) -> bool:
    told = False
    for parts, (measured, off) in zip(moved(graph, input), correlated(graph, input), strict=True):
        given = parts.sum(axis=0)
        assert len(given) <= len(measured)
        assert np.abs(np.pad(given, (0, len(measured) - len(given))) - measured).max() <= off + 1e-12
        told |= bool(np.abs(measured).max() > 4 * off)
    return told


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("beyond 62 bits", "unsigned one-bit input")])
def test_moved_taps_are_what_the_errors_follow(name: str) -> None:
    agree(CASES[name].graph, CASES[name].input)


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("dropping", [(3,), (5, 4, 6), (6, 0, 3, 7, 2)])
def test_moved_taps_of_a_lowpass(structure: str, dropping: tuple[int, ...]) -> None:
    graph = coarser(STRUCTURES[structure](LOWPASS, greedy_graph(LOWPASS)), dropping)
    # Of a transposed filter whose products are cut, what moves is far above the noise.
    assert agree(graph, Format(1, 9)) or structure != "transposed" or dropping == (3,)


@pytest.mark.parametrize("name", ["nodes cut too", "interpolating", "decimating, direct"])
def test_the_taps_of_a_design_are_what_its_outputs_follow(name: str) -> None:
    fir = CASES[name]
    design = Design("dut", fir, fir.coefficients)
    x = noise(fir.input)
    outputs = design.words(x[None])[0] * fir.output.lsb
    # What realised taps leave of the outputs follows no sample; what the coefficients leave does, if bits were dropped.
    left = outputs - upfirdn(design.realised, x * fir.input.lsb, fir.interpolate, fir.decimate)[: len(outputs)]
    for phase in range(fir.interpolate):
        rest, lag = left[phase :: fir.interpolate], len(fir.coefficients)
        rest, sent = rest[lag:] - rest[lag:].mean(), x[:: fir.decimate][lag : len(rest)] * fir.input.lsb
        share = rest @ (sent - sent.mean()) / len(rest) / sent.var()
        assert abs(share) < 5 * rest.std() / sent.std() / len(rest) ** 0.5


def test_a_dropped_bit_by_hand() -> None:
    # 3 x without its lowest bit, that of x: x is uniform over -4..3, so cov(x mod 2, x) = 1/4 and var(x) = 21/4.
    graph = coarser(STRUCTURES["transposed"]((3, 1), greedy_graph((3, 1))), (0, 1))
    (parts,) = moved(graph, Format(1, 3))
    assert parts.sum(axis=0) == pytest.approx([-1 / 21, -1 / 21])
    assert [taps.shape for taps in moved(coarser(graph, (0, -1)), Format(1, 3))] == [(2, 0)]


def test_the_low_bits_of_two_samples_follow_neither() -> None:
    graph = coarser(STRUCTURES["direct"]((5, 5), greedy_graph((5, 5))), (0, 2))
    assert moved(graph, Format(1, 7))[0].shape == (len(graph.sums), 0)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_many_bits_dropped_at_once(structure: str) -> None:
    wide = tuple(tap << 12 for tap in LOWPASS[:8]) + tuple((tap << 12) + 1 for tap in LOWPASS[8:])
    agree(coarser(STRUCTURES[structure](wide, greedy_graph(wide)), (16, 18)), Format(1, 9))
    # Of words that are dropped whole nothing is left to follow, and nothing runs out of memory.
    (taps,) = moved(coarser(STRUCTURES[structure](LOWPASS, greedy_graph(LOWPASS)), (30, 33)), Format(1, 9))
    assert np.isfinite(taps).all()


def test_a_long_chain_takes_no_recursion() -> None:
    taps = (3,) * 700
    graph = STRUCTURES["transposed"](taps, greedy_graph(taps))
    lsbs = [graph.lsbs[k] for k in graph.sums]
    (parts,) = moved(graph.with_lsbs([*lsbs[:-1], lsbs[-1] + 4]), Format(1, 3))
    # The last sample's own product loses 3 x mod 16, whose covariance with x over -4..3 is -1/4; sums lose evenly.
    assert parts.sum(axis=0) == pytest.approx([1 / 21])
