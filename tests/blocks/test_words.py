"""Ranges that are reached and never left, widths that are as small as they can be, and bounds of errors."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from filter_cases import CASES, coarser, filter_of, stimulus
from rational import TWO, exactly, impulse_responses, memory, stepped

from hwgen.adders import greedy_graph
from hwgen.blocks.words import Words
from hwgen.fixed import Format
from hwgen.flowgraph import Delay, FlowGraph, Output, Sum
from hwgen.structures import STRUCTURES, direct, transposed

NARROW = [name for name, fir in CASES.items() if fir.input.width <= 12]
CHAINS = [
    name for name in NARROW
    if CASES[name].structure == "transposed" and not CASES[name].equal_widths
]  # fmt: skip
TAPS = {"symmetric": (-7, 0, 45, 93, 45, 0, -7), "asymmetric": (1, -2, 37, -53, 19, 64, 5), "one": (-27,)}


def word(graph: FlowGraph, k: int, value: Fraction) -> Fraction:
    """A node's value in its own LSBs."""
    return value / TWO ** graph.lsbs[k]


# ---------------------------------------------------------------------------------------------------------- ranges
@pytest.mark.parametrize("name", CASES)
def test_ranges_are_never_left(name: str) -> None:
    fir = CASES[name]
    words, graph = fir.words, fir.graph
    for values in stepped(graph, stimulus(fir, 100, 5)):
        for k, value in enumerate(values):
            low, high = words.ranges[k]
            assert low <= word(graph, k, value) <= high, f"node {k}"
    for (low, high), width in zip(words.ranges, words.widths, strict=True):
        assert -(1 << width - 1) <= low <= high < 1 << width - 1


def extreme(graph: FlowGraph, k: int, largest: bool, one: list[dict[int, Fraction] | None]) -> dict[int, int]:
    """Input words, by how many samples ago they came, that drive a node to an extreme; each word has one use alone."""
    table = one[k]
    if table is not None:
        return {graph.phases[k] or 0: (max if largest else min)(table, key=lambda x: table[x])}
    node = graph.nodes[k - 1]
    if isinstance(node, Delay):
        return {d + node.samples: x for d, x in extreme(graph, node.source, largest, one).items()}
    left = extreme(graph, node.left, largest, one)
    right = extreme(graph, node.right, largest != node.subtract, one)
    assert not left.keys() & right.keys()
    return left | right


def tables(graph: FlowGraph, input: Format) -> list[dict[int, Fraction] | None]:
    """Value of each node of one sample, for every input word."""
    found: list[dict[int, Fraction] | None] = [{} if phase is not None else None for phase in graph.phases]
    for x in range(input.minimum, input.maximum + 1):
        columns = zip(*stepped(graph, [x] + [0] * (memory(graph) - 1)), strict=True)
        for table, phase, column in zip(found, graph.phases, columns, strict=True):
            if table is not None:
                table[x] = list(column)[phase or 0]
    return found


@pytest.mark.parametrize("name", CHAINS)
def test_ranges_of_a_chain_are_reached(name: str) -> None:
    fir = CASES[name]
    graph, one = fir.graph, tables(fir.graph, fir.input)
    for k in range(len(graph.lsbs)):
        reached = []
        for largest in (False, True):
            at = extreme(graph, k, largest, one)
            x = [at.get(d, 0) for d in reversed(range(max(at) + 1))]
            reached.append(word(graph, k, list(stepped(graph, x))[-1][k]))
        assert tuple(reached) == fir.words.ranges[k], f"node {k}"


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", TAPS)
@pytest.mark.parametrize("sample", [Format(1, 6), Format(0, 7, False), Format(1, 19), Format(0, 20, False)])
def test_full_precision_ranges_are_reached_by_the_matched_input(structure: str, name: str, sample: Format) -> None:
    graph = STRUCTURES[structure](TAPS[name], greedy_graph(TAPS[name]))
    words = Words(graph, sample)
    length = memory(graph)
    for k, response in enumerate(impulse_responses(graph, length)):
        ends = [(v * sample.minimum, v * sample.maximum) for v in response]
        wanted = sum(min(e) for e in ends), sum(max(e) for e in ends)
        assert tuple(v * TWO ** graph.lsbs[k] for v in words.ranges[k]) == wanted
        x = [sample.maximum if v > 0 else sample.minimum for v in reversed(response)]
        assert list(stepped(graph, x))[-1][k] == wanted[1]
        low, high = words.ranges[k]
        width = words.widths[k]
        assert k == 0 or low < -(1 << width - 2) or high >= 1 << width - 2, "a bit that is never needed"


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("seed", range(4))
def test_ranges_of_small_filters_hold_for_every_input(structure: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (*(int(v) for v in rng.integers(-9, 10, 2)), 5)
    graph = STRUCTURES[structure](values, greedy_graph(values))
    graph = coarser(graph, [int(v) for v in rng.integers(0, 4, len(graph.sums))])
    words = Words(graph, Format(1, 2, bool(seed % 2)))
    span = range(words.input.minimum, words.input.maximum + 1)
    seen: list[set[Fraction]] = [set() for _ in graph.lsbs]
    for x in product(span, repeat=3):
        for k, value in enumerate(list(stepped(graph, x))[-1]):
            seen[k].add(word(graph, k, value))
    for k, (low, high) in enumerate(words.ranges):
        assert low <= min(seen[k])
        assert max(seen[k]) <= high
        # Cuts can keep several words from their extremes at once, by a few of the coarser steps.
        assert min(seen[k]) - low + high - max(seen[k]) <= (0 if graph.phases[k] is not None else 2 * len(graph.sums))


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("seed", range(4))
def test_wide_words_stay_in_their_ranges(structure: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    taps = (*(int(c) for c in rng.integers(-2000, 2000, 5)), 3)
    fir = filter_of(taps, [int(v) for v in rng.integers(0, 8, 9)], structure=structure, input=Format(1, 17))
    ends = np.arange(3000)
    x = np.concatenate([stimulus(fir, 20_000, seed), ends - (1 << 17), (1 << 17) - 1 - ends])
    history = max(fir.graph.memory)
    for k, values in enumerate(fir.graph.evaluate(np.concatenate([np.zeros(history, dtype=np.int64), x]))):
        low, high = fir.words.ranges[k]
        assert low <= values.min() <= values.max() <= high, f"seed {seed}, node {k}"


@pytest.mark.parametrize("structure", STRUCTURES)
def test_ranges_beyond_the_precision_of_floats_are_exact(structure: str) -> None:
    # The least sum is -2**79 - 1, and has one bit more than what a float makes of it.
    values, sample = ((1 << 39) + 2, -((1 << 39) - 1)), Format(1, 39)
    words = Words(STRUCTURES[structure](values, greedy_graph(values)), sample)
    low = values[0] * sample.minimum + values[1] * sample.maximum
    high = values[0] * sample.maximum + values[1] * sample.minimum
    assert low == -(1 << 79) - 1
    node = words.graph.outputs[0].node
    sign = -1 if words.graph.outputs[0].negative else 1
    assert words.ranges[node] == tuple(sorted((sign * low, sign * high)))
    assert words.widths[node] == 81


# ---------------------------------------------------------------------------------------------------------- widths
def test_widths_by_hand() -> None:
    graph = FlowGraph((Sum("x3", 0, 0, 0, 1), Delay("d", 1), Sum("s", 2, 0, 0, 0, True)), (Output(3),))
    signed = Words(graph, Format(1, 3))  # -8..7, -24..21, and from -24 - 7 to 21 + 8
    assert signed.ranges == ((-8, 7), (-24, 21), (-24, 21), (-31, 29))
    assert signed.widths == (4, 6, 6, 6)
    unsigned = Words(graph, Format(0, 3, False))  # a 0 before the sign of an unsigned word
    assert unsigned.ranges == ((0, 7), (0, 21), (0, 21), (-7, 21))
    assert unsigned.widths == (4, 6, 6, 6)
    assert signed.accumulators == (3,)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_equal_widths_have_one_top(structure: str) -> None:
    values = (-7, 3, 45, 93, 45)
    graph = coarser(STRUCTURES[structure](values, greedy_graph(values)), (0, 1, 0, 2))
    own, equal = Words(graph, Format(1, 6)), Words(graph, Format(1, 6), equal_widths=True)
    tops = {equal.widths[k] + graph.lsbs[k] for k in equal.accumulators}
    assert tops == {max(own.widths[k] + graph.lsbs[k] for k in own.accumulators)}
    assert equal.ranges == own.ranges
    for k, node in enumerate(graph.nodes, start=1):
        if isinstance(node, Delay):
            assert equal.widths[k] == equal.widths[node.source]
        elif k not in equal.accumulators:
            assert equal.widths[k] == own.widths[k]


# ---------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize("name", CASES)
def test_errors_of_every_node_keep_their_bounds(name: str) -> None:
    fir = CASES[name]
    x = stimulus(fir, 100, 6)
    seen = [[Fraction(0), Fraction(0)] for _ in fir.graph.lsbs]
    for cut, exact in zip(stepped(fir.graph, x), stepped(exactly(fir.graph), x), strict=True):
        for k, (one, other) in enumerate(zip(cut, exact, strict=True)):
            low, high = fir.words.errors[k]
            assert low <= one - other <= high, f"node {k}"
            seen[k] = [min(seen[k][0], one - other), max(seen[k][1], one - other)]
    if name == "nodes cut too":  # the bounds are worth the check
        for (low, high), (least, most) in zip(fir.words.errors, seen, strict=True):
            assert most - least >= Fraction(high - low) / 3


@pytest.mark.parametrize("build", [transposed, direct])
def test_nothing_dropped_is_no_error(build) -> None:  # type: ignore[no-untyped-def]
    words = Words(build(TAPS["asymmetric"], greedy_graph(TAPS["asymmetric"])), Format(1, 6))
    assert set(words.errors) == {(0.0, 0.0)}
    assert (words.dropped().mean, words.dropped().variance) == (0, 0)


def test_dropped_by_hand() -> None:
    # Outputs: floor(x / 4) * 4 + floor(x[-1] / 4) * 4, and the first operand less the second. x has -8..7.
    nodes = (Delay("d", 0), Sum("sum", 0, 0, 1, 0, lsb=2), Sum("difference", 0, 0, 1, 0, True, lsb=2))
    words = Words(FlowGraph(nodes, (Output(2), Output(3), Output(3, 1, True))), Format(1, 3))
    total, difference, doubled = (words.dropped(k) for k in range(3))
    assert (total.mean, total.variance, total.low, total.high) == (-3, 2.5, -6, 0)
    assert (difference.mean, difference.variance, difference.low, difference.high) == (0, 2.5, -3, 3)
    assert (doubled.mean, doubled.variance, doubled.low, doubled.high) == (0, 10, -6, 6)
    # The same where inputs are too many to be tried.
    wide = Words(words.graph, Format(1, 20))
    assert not wide.enumerated
    for k in range(3):
        assert wide.dropped(k) == words.dropped(k)
