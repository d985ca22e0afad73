"""The FIR's integer model against a reference in rational numbers, in any structure and at any rate."""

import math
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from filter_cases import CASES, HALVED, filter_of, stimulus
from numpy.typing import NDArray
from rational import TWO, floored, impulse_responses, lone_delay, memory, outputs, stepped
from scipy import signal

from hwgen.adders import greedy_graph
from hwgen.blocks.fir import Fir
from hwgen.fixed import Format, Overflow, Rounding
from hwgen.flowgraph import Delay, FlowGraph
from hwgen.structures import STRUCTURES, transposed

MODES = [(r, o) for r in Rounding for o in Overflow]


# ----------------------------------------------------------------------------------------------------- the reference
@lru_cache
def mean_dropped(graph: FlowGraph, input: Format) -> tuple[Fraction, ...]:
    """Of each output, in input LSBs: words of one sample enumerated, else half of what the dropped bits can hold."""
    words = range(input.minimum, input.maximum + 1)
    responses = impulse_responses(graph, memory(graph))
    delays = [lone_delay(response) for response in responses]
    table = [dict(zip(words, column, strict=True)) for column in zip(*(settled(graph, x) for x in words), strict=True)]
    means, low, exact = [Fraction(0)], [0], [True]
    for k, node in enumerate(graph.nodes, start=1):
        if isinstance(node, Delay):
            means.append(means[node.source])
            low.append(low[node.source])
            exact.append(exact[node.source])
            continue
        total, finest = Fraction(0), min(low[n] + shift for n, shift, _ in node.operands)
        for source, shift, negative in node.operands:
            if delays[source] is not None:
                gain = responses[source][delays[source]] * TWO**shift
                errors = [floored(table[source][x] * TWO**shift, node.lsb) - gain * x for x in words]
                mean = sum(errors, Fraction(0)) / len(words)
            else:
                mean = means[source] * TWO**shift
                mean -= max(TWO**node.lsb - TWO ** (low[source] + shift), Fraction(0)) / 2
            total += -mean if negative else mean
        means.append(total)
        exact.append(node.lsb <= finest and all(exact[n] for n, _, _ in node.operands))
        low.append(max(node.lsb, finest, *([trailing(responses[k])] if exact[-1] else [])))
    return tuple(outputs(graph, means))


def settled(graph: FlowGraph, x: int) -> list[Fraction]:
    """Value of each node of one sample when `x` passes; what the others are does not matter."""
    found = list(zip(*stepped(graph, [x] + [0] * (memory(graph) - 1)), strict=True))
    delays = [lone_delay(response) for response in impulse_responses(graph, memory(graph))]
    return [Fraction(0) if d is None else column[d] for column, d in zip(found, delays, strict=True)]


def trailing(response: list[Fraction]) -> int:
    """Weight of the lowest bit of any value."""
    lsb = 40
    while any(floored(v, lsb) != v for v in response):
        lsb -= 1
    return lsb


def constants(fir: Fir) -> list[int]:
    """Takes out the mean of what is dropped, and holds the half of a half-up rounding that drops bits."""
    half, unit = TWO ** (-fir.output.fraction - 1), TWO ** -(fir.fraction + fir.input.fraction)
    found = []
    for mean, lsb in zip(mean_dropped(fir.graph, fir.input), fir.output_lsbs, strict=True):
        folded = fir.rounding == Rounding.HALF_UP and TWO**lsb <= half
        found.append(round((half * folded - mean * unit) / TWO**lsb))
    return found


def reference(fir: Fir, samples: NDArray, added: list[int]) -> list[int]:
    """One sample after another through the graph, then constant, rounding and overflow; rates as `upfirdn` has them."""
    found, step = [], TWO**-fir.output.fraction
    for number, values in enumerate(stepped(fir.graph, samples)):
        if number % fir.decimate:
            continue
        for value, constant, lsb in zip(outputs(fir.graph, values), added, fir.output_lsbs, strict=True):
            half = Fraction(int(fir.rounding == Rounding.HALF_UP and TWO**lsb > step / 2), 2)  # else in the constant
            exact = (value * TWO ** -(fir.fraction + fir.input.fraction) + constant * TWO**lsb) / step
            # Python rounds a Fraction's half to even.
            word = round(exact) if fir.rounding == Rounding.HALF_EVEN else math.floor(exact + half)
            if fir.overflow == Overflow.SATURATE:
                word = min(max(word, fir.output.minimum), fir.output.maximum)
            else:
                word = (word - fir.output.minimum) % (1 << fir.output.width) + fir.output.minimum
            found.append(word)
    return found


# ------------------------------------------------------------------------------------------------------- the model
@pytest.mark.parametrize("name", CASES)
def test_model_is_the_reference_in_every_mode(name: str) -> None:
    x = stimulus(CASES[name], 60, seed=1)
    for rounding, overflow in MODES:
        fir = replace(CASES[name], rounding=rounding, overflow=overflow)
        own = [fir.constant(phase) for phase in range(fir.interpolate)]
        added = constants(fir) if fir.input.width <= 12 else own
        assert own == added
        assert fir.model(x).tolist() == reference(fir, x, added), f"{rounding} {overflow}"


@pytest.mark.parametrize("seed", range(40))
def test_model_is_the_reference_for_any_filter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(1, 9))
    taps = [int(c) for c in rng.integers(-(1 << bits), 1 << bits, int(rng.integers(2, 9)), endpoint=True)]
    taps = [t or 1 for t in taps[:2]] + taps[2:-1] + [taps[-1] or 1]
    if seed % 4 == 3:  # a pair in the direct form
        taps = [*taps, *[(1 if seed % 8 == 3 else -1) * t for t in taps[::-1]]]
    width, point = int(rng.integers(2, 9)), int(rng.integers(-2, 9))
    out = int(rng.integers(2, 12)), bits + point - int(rng.integers(-1, 8))
    rates = ({}, {"decimate": 3}, {"interpolate": 2})[seed % 3]
    fir = filter_of(
        tuple(taps), tuple(int(v) for v in rng.integers(0, 5, 7)), structure=("transposed", "direct")[seed % 2],
        input=Format(width - point, point, bool(rng.integers(2))), fraction=bits,
        output=Format(out[0] - out[1], out[1], bool(rng.integers(2))),
        rounding=MODES[seed % 6][0], overflow=MODES[seed % 6][1], **rates,
    )  # fmt: skip
    x = stimulus(fir, 60, seed)
    assert fir.model(x).tolist() == reference(fir, x, constants(fir)), f"seed {seed}: {fir}"


def test_a_hand_worked_filter() -> None:
    # h = 3/4, -5/4; x in quarters; products in sixteenths, all kept: no mean to take out. Half up adds 2/16.
    fir = filter_of((3, -5), (), input=Format(2, 2), output=Format(3, 2), fraction=2)
    # 3*7=21 -> 5.75 -> 5; 3*-8-5*7=-59 -> -14.25 -> -15; 3*1+40=43 -> 11.25 -> 11; -5 -> -0.75 -> -1; 0 -> 0.5 -> 0
    for built in (fir, replace(fir, graph=filter_of((3, -5), (), structure="direct").graph)):
        assert built.constant() == 2
        assert built.model(np.array([7, -8, 1, 0, 0])).tolist() == [5, -15, 11, -1, 0]
    floor = replace(fir, rounding=Rounding.FLOOR)
    assert floor.constant() == 0
    assert floor.model(np.array([7, -8, 1, 0, 0])).tolist() == [5, -15, 10, -2, 0]
    narrow = replace(fir, output=Format(2, 2))
    assert narrow.model(np.array([7, -8, 1])).tolist() == [5, -8, 7]
    assert replace(narrow, overflow=Overflow.WRAP).model(np.array([7, -8, 1])).tolist() == [5, 1, -5]
    # Outputs 0 and 2 of those above.
    assert replace(fir, decimate=2).model(np.array([7, -8, 1, 0])).tolist() == [5, 11]


def test_a_hand_worked_interpolator() -> None:
    # h = 1, 2, 3, 4: after each sample x, x[-1] come x + 3 x[-1] and 2 x + 4 x[-1]; the output's LSB is 2.
    fir = filter_of((1, 2, 3, 4), (), input=Format(4, 0), output=Format(7, -1), fraction=0, interpolate=2)
    assert fir.model(np.array([5, -3, 0])).tolist() == [3, 5, 6, 7, -4, -6]  # 5 10, 12 14, -9 -12: half up


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("taps", [(-7, 0, 45, 93, 45, 0, -7), (1, -2, 37, -53, 19, 64), (38, 5, -19, 33)])
@pytest.mark.parametrize("width", [9, 18])
def test_full_precision_is_the_exact_convolution(
    channels: int, structure: str, taps: tuple[int, ...], width: int
) -> None:
    graph = HALVED if 38 in taps else None
    formats = {"input": Format(1, width - 1), "output": Format(6, 5 + width)}
    fir = filter_of(taps, (), graph=graph, structure=structure, channels=channels, **formats)
    x = np.stack([stimulus(fir, 500, seed) for seed in range(channels)])
    x = x[0] if channels == 1 else x
    y = fir.model(x)
    assert y.shape == x.shape
    assert (y == fir.exact(x)).all()
    for rows, samples in zip(np.atleast_2d(y), np.atleast_2d(x), strict=True):
        assert rows.tolist() == np.convolve(samples, taps)[: len(samples)].tolist()
        assert (
            rows == signal.lfilter(np.array(taps, dtype=float), 1, samples.astype(float))
        ).all()  # below 2**53: exact
    # A right shift in the multiplier block leaves a bit below the products that is always zero.
    assert (fir.constant(), fir.error_bound) == (0, 0.0) if graph is None else (1, 0.5)
    assert fir.dropped[0].variance == fir.dropped[0].low == fir.dropped[0].high == 0


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize(("up", "down"), [(2, 1), (3, 1), (5, 1), (1, 2), (1, 3), (1, 9)])
@pytest.mark.parametrize("taps", [(-7, 2, 45, 93, 45, 2, -7), (1, -2, 37, -53, 19, 64)])
@pytest.mark.parametrize("count", [1, 100])
def test_full_precision_is_upfirdn(structure: str, up: int, down: int, taps: tuple[int, ...], count: int) -> None:
    fir = filter_of(taps, (), structure=structure, output=Format(8, 12), interpolate=up, decimate=down, channels=2)
    x = np.random.default_rng(up + 10 * down).integers(-64, 64, (2, count))
    padded = np.concatenate([x, np.zeros((2, len(taps)), dtype=np.int64)], axis=1)
    wanted = signal.upfirdn(np.array(taps, dtype=float), padded.astype(float), up, down)  # below 2**53: exact
    y = fir.model(x)
    assert y.shape == (2, count * up if up > 1 else -(-count // down))
    assert (y == wanted[:, : y.shape[1]]).all()
    assert (fir.exact(x) == y).all()


@pytest.mark.parametrize("name", ["nodes cut too", "direct, symmetric", "cascade", "decimating", "interpolating"])
def test_long_inputs_do_not_see_the_block_borders(name: str) -> None:
    fir = CASES[name]
    x = stimulus(fir, 40_000, 3)
    y = fir.model(x)
    history = 12  # a multiple of the rates, and more than any filter here remembers
    assert max(fir.graph.memory) < history
    for border in (16_384, 32_768):
        start = (border - 6) // fir.decimate * fir.decimate
        near = fir.model(x[start - history : start + 12])[history * fir.interpolate // fir.decimate :]
        first = start * fir.interpolate // fir.decimate
        assert y[first : first + len(near)].tolist() == near.tolist()
    assert fir.model(x[:0]).shape == (0,)
    assert fir.model(x[:1]).tolist() == y[: fir.interpolate].tolist()


# ------------------------------------------------------------------------------------------------------- refusals
def test_refused_parameters_and_samples() -> None:
    form, graph = Format(1, 5), transposed([3], greedy_graph([3]))
    for taps in ((), (3, 0)):
        with pytest.raises(ValueError, match="the last must not be 0"):
            Fir(taps, 4, form, form, graph)
    for taps in ((5,), (3, 3), (0, 3), (-3,)):
        with pytest.raises(ValueError, match=r"the graph does not compute these coefficients, but \(3,\)"):
            Fir(taps, 4, form, form, graph)
    fir = Fir((3,), 4, form, form, graph)
    for sample in (32, -33):
        with pytest.raises(ValueError, match=r"samples must lie in -32\.\.31 \(s1\.5\)"):
            fir.model(np.array([0, sample]))
        with pytest.raises(ValueError, match="samples must lie"):
            fir.exact(np.array([0, sample]))


@pytest.mark.parametrize(("decimate", "interpolate"), [(2, 2), (3, 2), (0, 1), (1, 0), (-2, 1)])
def test_refused_rates(decimate: int, interpolate: int) -> None:
    graph = filter_of((3, 5), (), interpolate=2).graph
    with pytest.raises(ValueError, match="decimates or interpolates by a whole number, or does neither"):
        Fir((3, 5), 4, Format(1, 5), Format(1, 5), graph, decimate=decimate, interpolate=interpolate)


def test_refused_phases() -> None:
    two = filter_of((3, 5, 7), (), interpolate=2)
    with pytest.raises(ValueError, match="the graph has 2 outputs for 3 phases"):
        replace(two, interpolate=3)
    swapped = FlowGraph(two.graph.nodes, two.graph.outputs[::-1])
    with pytest.raises(ValueError, match="does not compute these coefficients"):
        replace(two, graph=swapped)


def test_refused_depth() -> None:
    with pytest.raises(ValueError, match="at least 1 adder fits between registers, not 0"):
        _ = replace(CASES["one tap"], depth=0).latency
