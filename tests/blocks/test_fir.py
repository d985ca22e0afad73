"""The FIR's integer model against a reference in rational numbers, and its promises about ranges and errors."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from hwgen.adders import Adder, AdderGraph, digit_graph, greedy_graph
from hwgen.blocks.fir import Fir
from hwgen.check.stimuli import directed
from hwgen.fixed import Format, Overflow, Rounding

TWO = Fraction(2)
SAMPLE, OUTPUT = Format(1, 6), Format(2, 5)
MODES = [(r, o) for r in Rounding for o in Overflow]
HALVED = AdderGraph((Adder(5, 0, 2, 0, 0, False), Adder(33, 0, 5, 0, 0, False), Adder(19, 1, -1, 2, -1, False, -1)))


def filter_of(
    coefficients: tuple[int, ...],
    accumulator_lsbs: tuple[int, ...] | int,
    node_lsbs: tuple[int, ...] | None = None,
    *,
    input: Format = SAMPLE,
    output: Format = OUTPUT,
    fraction: int = 6,
    graph: AdderGraph | None = None,
    **more: object,
) -> Fir:
    graph = greedy_graph(coefficients) if graph is None else graph
    if node_lsbs is not None:
        graph = graph.with_lsbs(node_lsbs)
    if isinstance(accumulator_lsbs, int):
        accumulator_lsbs = (accumulator_lsbs,) * len(coefficients)
    return Fir(coefficients, fraction, input, output, graph, accumulator_lsbs, **more)  # type: ignore[arg-type]


# Accumulator 0 is the last of the chain. Unless told, samples are s1.6 and products end at 2**-12.
CASES = {
    "odd length, growing LSBs": filter_of((-7, 0, 45, 93, 45, 0, -7), (-8, -9, -9, -10, -11, -12, -12)),
    "even length, shrinking LSBs": filter_of((3, -26, 57, 57, -26, 3), (-12, -11, -11, -10, -9, -8)),
    "nodes truncated too": filter_of((11, -45, 90, 117, -45, 11), (-7, -8, -9, -8, -9, -9), (2, 1, 0, 3)),
    "asymmetric, LSBs up and down": filter_of((1, -2, 37, -53, 19, 64, 5), (-8, -10, -7, -11, -9, -12, -8)),
    "all negative, ends in zeros": filter_of((0, 0, -23, -41, 0, -13), (-7, -7, -8, -9, -9, -10)),
    "one tap": filter_of((-27,), (-9,)),
    "unsigned input": filter_of((4, 7, 45, -16, 3), (-6, -8, -8, -10, -9), input=Format(0, 7, False)),
    "unsigned output": filter_of((4, 7, 45, 16, 3), (-8, -9, -9, -10, -10), output=Format(1, 4, False)),
    "unsigned one-bit input": filter_of((5, -3, 2), (-6, -6, -7), input=Format(1, 0, False)),
    "right-shifted node": filter_of((38, 5, -19, 33), (-9, -10, -10, -11), graph=HALVED),
    "right-shifted node, truncated": filter_of((38, 5, -19, 33), (-9, -10, -10, -11), (2, 1, 0), graph=HALVED),
    "wide input": filter_of(
        (3, -26, 57, 57, -26, 3), (-17, -18, -18, -19, -20, -21), (3, 1, 4, 2), input=Format(1, 17)
    ),
    "wide unsigned input": filter_of(
        (38, 5, -19, 33), -15, (3, 1, 2), graph=HALVED, input=Format(0, 18, False)
    ),
    "output finer than the accumulator": filter_of((11, 45, 11), (-6, -7, -7), output=Format(2, 8)),
    "output coarser than one": filter_of((60, 45, 63), (1, 0, 0), input=Format(7, 0), output=Format(6, -3)),
    "equal widths": filter_of((-7, 3, 45, 93, 45), (-8, -9, -9, -10, -11), equal_widths=True),
    "everything dropped": filter_of((1, 1, 1), (0, 0, 0)),
    "beyond 62 bits": filter_of(((1 << 30) + 1, -((1 << 33) - 1), 3), -70, input=Format(1, 39), fraction=31),
}  # fmt: skip


def floored(value: Fraction, lsb: int) -> Fraction:
    return math.floor(value / TWO**lsb) * TWO**lsb


def node_values(graph: AdderGraph, x: int) -> list[Fraction]:
    """Nodes in input LSBs: both operands of an adder are floored to its LSB."""
    found = [Fraction(x)]
    for a in graph.adders:
        left = floored(found[a.left] * TWO**a.left_shift, a.lsb)
        right = floored(found[a.right] * TWO**a.right_shift, a.lsb)
        found.append(left - right if a.subtract else left + right)
    return found


def addend(fir: Fir, tap: int, nodes: list[Fraction]) -> Fraction:
    """What a tap adds: its node's value at its weight, floored to the accumulator's LSB, and only then negated."""
    coefficient = fir.coefficients[tap]
    if coefficient == 0:
        return Fraction(0)
    node = fir.graph.constants.index(abs(coefficient) // (coefficient & -coefficient))
    weight = Fraction(coefficient & -coefficient) * TWO ** -(fir.fraction + fir.input.fraction)
    value = floored(nodes[node] * weight, fir.accumulator_lsbs[tap])
    return -value if coefficient < 0 else value


def mean_dropped(fir: Fir) -> Fraction:
    """Products: the mean over every input word. Accumulators: half of what the dropped bits can hold."""
    words = range(fir.input.minimum, fir.input.maximum + 1)
    nodes = [node_values(fir.graph, x) for x in words]
    mean = Fraction(0)
    for tap, coefficient in enumerate(fir.coefficients):
        unit = coefficient * TWO ** -(fir.fraction + fir.input.fraction)
        mean += sum(addend(fir, tap, n) - unit * x for n, x in zip(nodes, words, strict=True)) / len(words)
    for coarse, fine in zip(fir.accumulator_lsbs, fir.accumulator_lsbs[1:], strict=False):
        if coarse > fine:
            mean -= (TWO**coarse - TWO**fine) / 2
    return mean


def constant(fir: Fir) -> int:
    """Takes out the mean of what is dropped, and holds the half of a half-up rounding that drops bits."""
    half = TWO ** (-fir.output.fraction - 1)
    folded = fir.rounding == Rounding.HALF_UP and TWO ** fir.accumulator_lsbs[0] <= half
    return round((half * folded - mean_dropped(fir)) / TWO ** fir.accumulator_lsbs[0])


def reference(fir: Fir, samples: NDArray, added: int) -> tuple[list[int], list[list[Fraction]]]:
    """One sample after another through the registers: outputs, and the values of all accumulators after each."""
    taps, lsbs = len(fir.coefficients), fir.accumulator_lsbs
    registers = [Fraction(0)] * taps
    outputs, history = [], []
    step = TWO**-fir.output.fraction
    half = Fraction(int(fir.rounding == Rounding.HALF_UP and TWO ** lsbs[0] > step / 2), 2)  # else in the constant
    for x in samples:
        nodes = node_values(fir.graph, int(x))
        registers = [
            (floored(registers[k + 1], lsbs[k]) if k + 1 < taps else 0) + addend(fir, k, nodes) for k in range(taps)
        ]
        exact = (registers[0] + added * TWO ** lsbs[0]) / step
        # Python rounds a Fraction's half to even.
        word = round(exact) if fir.rounding == Rounding.HALF_EVEN else math.floor(exact + half)
        if fir.overflow == Overflow.SATURATE:
            word = min(max(word, fir.output.minimum), fir.output.maximum)
        else:
            word = (word - fir.output.minimum) % (1 << fir.output.width) + fir.output.minimum
        outputs.append(word)
        history.append(registers)
    return outputs, history


def stimulus(fir: Fir, count: int, seed: int) -> NDArray:
    """Impulses, steps, alternation and the sign-matched worst case, then random words."""
    low, high = fir.input.minimum, fir.input.maximum
    wild = np.random.default_rng(seed).integers(low, high, count, endpoint=True, dtype=np.int64)
    return np.concatenate([directed(fir.coefficients, fir.input, len(fir.coefficients)), wild])


# ------------------------------------------------------------------------------------------------------- the model
@pytest.mark.parametrize("name", CASES)
def test_model_is_the_reference_in_every_mode(name: str) -> None:
    x = stimulus(CASES[name], 60, seed=1)
    for rounding, overflow in MODES:
        fir = replace(CASES[name], rounding=rounding, overflow=overflow)
        added = constant(fir) if fir.input.width <= 12 else fir.constant
        assert fir.constant == added
        assert fir.model(x).tolist() == reference(fir, x, added)[0], f"{rounding} {overflow}"


@pytest.mark.parametrize("seed", range(30))
def test_model_is_the_reference_for_any_filter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(1, 9))
    taps = [int(c) for c in rng.integers(-(1 << bits), 1 << bits, int(rng.integers(1, 9)), endpoint=True)]
    taps[-1] = taps[-1] or 1
    graph = (greedy_graph, digit_graph)[seed % 2](taps)
    width, point = int(rng.integers(2, 10)), int(rng.integers(-2, 9))
    product_lsb = -(bits + point)
    lsbs = tuple(int(v) for v in rng.integers(product_lsb - 1, product_lsb + bits + 2, len(taps)))
    out = int(rng.integers(2, 12)), -lsbs[0] - int(rng.integers(-2, 6))
    fir = filter_of(
        tuple(taps), lsbs, tuple(int(rng.integers(min(a.left_shift, a.right_shift, 0), 5)) for a in graph.adders),
        graph=graph, input=Format(width - point, point, bool(rng.integers(2))), fraction=bits,
        output=Format(out[0] - out[1], out[1], bool(rng.integers(2))),
        rounding=MODES[seed % 6][0], overflow=MODES[seed % 6][1],
    )  # fmt: skip
    x = stimulus(fir, 60, seed)
    assert fir.model(x).tolist() == reference(fir, x, constant(fir))[0], f"seed {seed}: {fir}"


def test_a_hand_worked_filter() -> None:
    # h = 3/4, -5/4; x in quarters; products in sixteenths, all kept: no mean to take out. Half up adds 2/16.
    fir = filter_of((3, -5), -4, input=Format(2, 2), output=Format(3, 2), fraction=2)
    assert fir.constant == 2
    # 3*7=21 -> 5.75 -> 5; 3*-8-5*7=-59 -> -14.25 -> -15; 3*1+40=43 -> 11.25 -> 11; -5 -> -0.75 -> -1; 0 -> 0.5 -> 0
    assert fir.model(np.array([7, -8, 1, 0, 0])).tolist() == [5, -15, 11, -1, 0]
    floor = replace(fir, rounding=Rounding.FLOOR)
    assert floor.constant == 0
    assert floor.model(np.array([7, -8, 1, 0, 0])).tolist() == [5, -15, 10, -2, 0]
    narrow = replace(fir, output=Format(2, 2))
    assert narrow.model(np.array([7, -8, 1])).tolist() == [5, -8, 7]
    assert replace(narrow, overflow=Overflow.WRAP).model(np.array([7, -8, 1])).tolist() == [5, 1, -5]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("taps", [(-7, 0, 45, 93, 45, 0, -7), (1, -2, 37, -53, 19, 64), (38, 5, -19, 33)])
@pytest.mark.parametrize("width", [9, 18])
def test_full_precision_is_the_exact_convolution(channels: int, taps: tuple[int, ...], width: int) -> None:
    graph = HALVED if 38 in taps else None
    formats = {"input": Format(1, width - 1), "output": Format(6, 5 + width)}
    fir = filter_of(taps, -(5 + width), graph=graph, channels=channels, **formats)
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
    assert (fir.constant, fir.error_bound) == (0, 0.0)
    assert fir.dropped.variance == fir.dropped.low == fir.dropped.high == 0


def test_long_inputs_do_not_see_the_block_borders() -> None:
    fir = CASES["nodes truncated too"]
    x = stimulus(fir, 40_000, 3)
    y = fir.model(x)
    history = len(fir.coefficients) - 1
    for start in (16_384, 32_768):
        near = slice(start - 5, start + 5)
        assert y[near].tolist() == fir.model(x[start - 5 - history : start + 5])[history:].tolist()
    assert fir.model(x[:0]).shape == (0,)
    assert fir.model(x[:1]).tolist() == y[:1].tolist()


def test_refused_parameters_and_samples() -> None:
    graph = greedy_graph([3])
    for taps, lsbs in (((), ()), ((3, 0), (0, 0))):
        with pytest.raises(ValueError, match="the last must not be 0"):
            Fir(taps, 4, Format(1, 5), Format(1, 5), graph, lsbs)
    with pytest.raises(ValueError, match="2 coefficients need as many accumulators, not 1"):
        Fir((3, 3), 4, Format(1, 5), Format(1, 5), graph, (-9,))
    with pytest.raises(KeyError, match="does not compute 5"):
        Fir((5,), 4, Format(1, 5), Format(1, 5), graph, (-9,))
    fir = Fir((3,), 4, Format(1, 5), Format(1, 5), graph, (-9,))
    for sample in (32, -33):
        with pytest.raises(ValueError, match=r"samples must lie in -32\.\.31 \(s1\.5\)"):
            fir.model(np.array([0, sample]))
        with pytest.raises(ValueError, match="samples must lie"):
            fir.exact(np.array([0, sample]))


# ---------------------------------------------------------------------------------------------------------- ranges
def extreme_words(fir: Fir, largest: bool) -> NDArray:
    """The stimulus that drives every accumulator of the chain to an extreme: for each tap its own worst word."""
    words = range(fir.input.minimum, fir.input.maximum + 1)
    nodes = [node_values(fir.graph, x) for x in words]
    chosen = []
    for tap in reversed(range(len(fir.coefficients))):
        sums = [addend(fir, tap, n) for n in nodes]
        chosen.append(words[sums.index(max(sums) if largest else min(sums))])
    return np.array(chosen)


@pytest.mark.parametrize("name", [name for name, fir in CASES.items() if fir.input.width <= 12])
def test_ranges_are_reached_and_never_left(name: str) -> None:
    fir = CASES[name]
    units = [TWO**lsb for lsb in fir.accumulator_lsbs]
    reached: list[tuple[Fraction, ...]] = []
    for largest in (False, True):
        # Accumulator k peaks k samples before accumulator 0 does.
        history = reference(fir, extreme_words(fir, largest), 0)[1]
        reached.append(tuple(history[len(units) - 1 - k][k] / units[k] for k in range(len(units))))
    assert tuple(zip(*reached, strict=True)) == fir.ranges
    for registers in reference(fir, stimulus(fir, 60, 5), 0)[1]:
        for value, unit, (low, high), form in zip(registers, units, fir.ranges, fir.accumulators, strict=True):
            assert low <= value / unit <= high
            assert form.minimum <= low <= high <= form.maximum
    assert not fir.equal_widths or len({form.integer for form in fir.accumulators}) == 1


@pytest.mark.parametrize("taps", [(-7, 0, 45, 93, 45, 0, -7), (1, -2, 37, -53, 19, 64, 5)])
@pytest.mark.parametrize("sample", [Format(1, 6), Format(0, 7, False), Format(1, 19)])
def test_full_precision_ranges_are_the_sums_of_the_worst_products(taps: tuple[int, ...], sample: Format) -> None:
    fir = filter_of(taps, -6 - sample.fraction, input=sample)
    for k, (low, high) in enumerate(fir.ranges):
        ends = [(c * sample.minimum, c * sample.maximum) for c in taps[k:]]
        assert (low, high) == (sum(min(e) for e in ends), sum(max(e) for e in ends))
        width = fir.accumulators[k].width
        assert low < -(1 << width - 2) or high >= 1 << width - 2, "an accumulator bit that is never needed"


@pytest.mark.parametrize("seed", range(6))
def test_wide_nodes_and_accumulators_stay_in_their_ranges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    taps = tuple(int(c) for c in rng.integers(1, 2000, 4))
    graph = greedy_graph(taps)
    graph = graph.with_lsbs([int(rng.integers(min(a.left_shift, a.right_shift, 0), 8)) for a in graph.adders])
    fir = filter_of(taps, (-20, -21, -22, -23), graph=graph, input=Format(1, 17), fraction=10)
    ends = np.arange(5000)
    x = np.concatenate([rng.integers(-(1 << 17), 1 << 17, 20_000), ends - (1 << 17), (1 << 17) - 1 - ends])
    for node, values in enumerate(graph.evaluate(x)):
        low, high = fir.node_range(node)
        assert low <= values.min() <= values.max() <= high, f"seed {seed}, node {node}"
        width = fir.node_width(node)
        assert -(1 << width - 1) <= low
        assert high < 1 << width - 1


# ----------------------------------------------------------------------------------------------------------- errors
def roomy(fir: Fir) -> Fir:
    """The same filter with an output that no sum can overflow."""
    return replace(fir, output=Format(fir.centred.integer + 2, fir.output.fraction))


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("name", CASES)
def test_error_bound_holds(name: str, rounding: Rounding) -> None:
    fir = roomy(replace(CASES[name], rounding=rounding))
    x = stimulus(fir, 4000, 6)
    ratio = TWO ** (fir.output.fraction + fir.product_lsb)
    worst = max(abs(int(y) - int(e) * ratio) for y, e in zip(fir.model(x), fir.exact(x), strict=True))
    assert worst <= Fraction(fir.error_bound)


def test_error_bounds_by_hand() -> None:
    fir = filter_of((3, -5, 7), -12, output=Format(4, 8))
    assert fir.error_bound == 0.5
    assert replace(fir, rounding=Rounding.FLOOR).error_bound == 15 / 16
    # One tap of 1, four bits dropped at once: their mean, 7.5 of 16, is taken out as 8 of 16 (round half to even).
    one = filter_of((1,), (-12,), input=Format(1, 12), output=Format(4, 8), fraction=0)
    assert one.error_bound == 0.5
    dropped = replace(one, accumulator_lsbs=(-8,)).dropped
    assert (dropped.mean, dropped.low, dropped.high) == (-7.5 / 4096, -15 / 4096, 0)
    assert dropped.variance == (16**2 - 1) / 12 / 4096**2


MEASURED = {
    "accumulators": CASES["odd length, growing LSBs"],
    "products": CASES["even length, shrinking LSBs"],
    "nodes": CASES["nodes truncated too"],
    "right-shifted node": CASES["right-shifted node, truncated"],
    "unsigned input": replace(CASES["nodes truncated too"], input=Format(0, 7, False)),
    "wide input": filter_of((3, -26, 57, 57, -26, 3), (-17, -18, -18, -19, -20, -21), input=Format(1, 17)),
}  # fmt: skip


@pytest.mark.parametrize("name", MEASURED)
def test_dropped_mean_and_variance_are_those_measured(name: str) -> None:
    # An output as fine as the last accumulator shows what the chain dropped, the constant apart.
    fir = replace(MEASURED[name], rounding=Rounding.FLOOR)
    fir = replace(fir, output=Format(fir.centred.integer + 1, -fir.accumulator_lsbs[0]))
    x = np.random.default_rng(7).integers(fir.input.minimum, fir.input.maximum, 100_000, endpoint=True)
    kept = (fir.model(x) - fir.constant).astype(float) * 2.0 ** fir.accumulator_lsbs[0]
    error = (kept - fir.exact(x).astype(float) * 2.0**fir.product_lsb)[len(fir.coefficients) :]
    spread = math.sqrt(fir.dropped.variance)
    assert error.mean() == pytest.approx(fir.dropped.mean, abs=0.03 * spread)
    assert error.var() == pytest.approx(fir.dropped.variance, rel=0.04)
    assert fir.dropped.low <= error.min()
    assert error.max() <= fir.dropped.high
    assert abs(fir.dropped.mean) > spread / 4  # so that the mean is worth the check
