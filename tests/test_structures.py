"""Every structure computes its coefficients with the adders and registers it should have; a wrong one is refused."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from rational import impulse_responses, memory, outputs

from hwgen.adders import Adder, AdderGraph, digit_graph, greedy_graph
from hwgen.cost.estimate import PLAIN, Fabric
from hwgen.flowgraph import Delay, FlowGraph, Output, Sum
from hwgen.polarity import inverting as needed
from hwgen.structures import PHASES, SMALLEST, STRUCTURES, cascade, direct, hybrid, proved, transposed

HALVED = AdderGraph((Adder(5, 0, 2, 0, 0, False), Adder(33, 0, 5, 0, 0, False), Adder(19, 1, -1, 2, -1, False, -1)))
FILTERS = {
    "symmetric, odd": (-7, 3, 45, 93, 45, 3, -7),
    "symmetric, even": (3, -26, 57, 57, -26, 3),
    "antisymmetric, odd": (7, -21, 40, 0, -40, 21, -7),
    "antisymmetric, even": (-5, 12, 30, -30, -12, 5),
    "asymmetric": (1, -2, 37, -53, 19, 64, 5),
    "zeros inside": (3, 0, 0, -26, 0, 57, 0, 0, 3),
    "half-band": (-3, 0, 19, 32, 19, 0, -3),
    "leading zeros": (0, 0, -23, -41, 0, -13),
    "symmetric but for leading zeros": (0, 7, 9, 7),
    "all negative": (-23, -41, -13),
    "all equal": (6, 6, 6, 6),
    "powers of two": (1, -2, 8, -4, 16),
    "one tap": (27,),
    "one tap of 1": (1,),
    "one tap of -8": (-8,),
    "one late negative tap": (0, 0, -5),
}


def responses(graph: FlowGraph) -> list[list[Fraction]]:
    """Of each output, zeros at the end left out, by pushing an impulse through."""
    nodes = impulse_responses(graph, memory(graph))
    found = [list(column) for column in zip(*(outputs(graph, list(v)) for v in zip(*nodes, strict=True)), strict=True)]
    return [trimmed(response) for response in found]


def trimmed(values: Sequence) -> list:
    kept = list(values)
    while kept and kept[-1] == 0:
        kept.pop()
    return kept


def random_filter(rng: np.random.Generator) -> tuple[int, ...]:
    half = [int(c) for c in rng.integers(-(1 << int(rng.integers(1, 11))), 400, int(rng.integers(1, 8)))]
    half = [0 if rng.random() < 0.2 else c for c in half]
    half[-1] = half[-1] or 1
    half[0] = half[0] or -3
    kind, middle = rng.integers(5), [0] if rng.random() < 0.5 else []
    if kind < 2:
        return tuple(half + middle + [(1, -1)[kind] * c for c in half[::-1]])
    return tuple([0] * int(rng.integers(3)) + half) if kind == 2 else tuple(half)


# -------------------------------------------------------------------------------------------------------- responses
@pytest.mark.parametrize("fabric", [PLAIN, Fabric(0.6), Fabric(joins=True)])
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", FILTERS)
def test_response_is_the_coefficients(name: str, structure: str, fabric: Fabric) -> None:
    values = FILTERS[name]
    for adders in (greedy_graph(values), digit_graph(values)):
        graph = STRUCTURES[structure](values, adders, fabric)
        assert responses(graph) == [list(values)]
        assert graph.responses() == (values,)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_multiplier_block_with_right_shifts(structure: str) -> None:
    for values in ((38, 5, -19, 33), (19, 33, 33, 19), (33, -19, 0, 19, -33)):
        assert responses(STRUCTURES[structure](values, HALVED)) == [list(values)]


@pytest.mark.parametrize("seed", range(60))
def test_response_is_the_coefficients_of_any_filter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, fabric = random_filter(rng), Fabric(float(rng.random()), seed % 3 == 0)
    for structure in STRUCTURES:
        adders = (greedy_graph, digit_graph)[seed % 2](values)
        assert responses(STRUCTURES[structure](values, adders, fabric)) == [list(values)], f"seed {seed}: {values}"


@pytest.mark.parametrize("factor", [2, 3, 4])
@pytest.mark.parametrize("structure", PHASES)
@pytest.mark.parametrize("seed", range(8))
def test_phases_are_every_few_of_the_coefficients(structure: str, factor: int, seed: int) -> None:
    values = random_filter(np.random.default_rng(seed))
    values = tuple(v or 2 for v in values) + (5,) * factor
    graph = PHASES[structure](values, greedy_graph(values), factor, Fabric(0.6))
    assert responses(graph) == [list(values[phase::factor]) for phase in range(factor)]


@pytest.mark.parametrize("structure", PHASES)
def test_a_half_band_interpolator_has_a_phase_of_one_tap(structure: str) -> None:
    values = (-3, 0, 19, 32, 19, 0, -3)
    graph = PHASES[structure](values, greedy_graph(values), 2)
    assert responses(graph) == [[-3, 19, 19, -3], [0, 32]]


@pytest.mark.parametrize("structure", PHASES)
@pytest.mark.parametrize(("values", "factor"), [((1, 0, 3), 2), ((3, 5), 3)])
def test_a_phase_of_zeros_is_refused(structure: str, values: tuple[int, ...], factor: int) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (whatever the words)
        PHASES[structure](values, greedy_graph(values), factor)


@pytest.mark.parametrize("kinds", [("direct", "direct"), ("transposed", "direct"), ("direct", "transposed")])
@pytest.mark.parametrize("seed", range(6))
def test_a_cascade_is_the_convolution_of_its_factors(kinds: tuple[str, str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    factors, spreads = [random_filter(rng) for _ in range(3)], (1, 2, int(rng.integers(1, 4)))
    parts = [
        (values, spread, greedy_graph(values), kind)
        for values, spread, kind in zip(factors, spreads, (*kinds, "transposed"), strict=True)
    ]
    wanted = [1]
    for values, spread, _, _ in parts:
        spaced = [0] * ((len(values) - 1) * spread + 1)
        spaced[::spread] = values
        wanted = [
            sum(wanted[i] * spaced[k - i] for i in range(len(wanted)) if 0 <= k - i < len(spaced))
            for k in range(len(wanted) + len(spaced) - 1)
        ]
    assert responses(cascade(parts, Fabric(0.6))) == [wanted]


# ---------------------------------------------------------------------------------------------------------- the size
@pytest.mark.parametrize("structure", SMALLEST)
@pytest.mark.parametrize("name", FILTERS)
def test_adders_and_registers_are_as_many_as_they_should_be(name: str, structure: str) -> None:
    values = FILTERS[name]
    adders = greedy_graph(values)
    graph = STRUCTURES[structure](values, adders)
    # A graph and its transpose have the same number of adders (Tellegen); a pair added first serves both of its taps.
    assert len(graph.sums) == len(adders.adders) + sum(1 for v in values if v) - 1
    assert sum(node.samples for node in graph.nodes if isinstance(node, Delay)) == len(values) - 1


@pytest.mark.parametrize("name", [name for name in FILTERS if "symmetric" in name and "but" not in name])
def test_direct_form_adds_pairs_first(name: str) -> None:
    values = FILTERS[name]
    if name == "asymmetric":
        assert not any(node.name.startswith("pair") for node in direct(values, greedy_graph(values)).nodes)
        return
    nodes = [n for n in direct(values, greedy_graph(values)).nodes if isinstance(n, Sum)]
    pairs = [n for n in nodes if n.name.startswith("pair")]
    assert len(pairs) == sum(1 for v in values[: len(values) // 2] if v)
    assert all(n.subtract == name.startswith("anti") for n in pairs)


def test_transposed_form_has_one_adder_between_registers() -> None:
    values = FILTERS["asymmetric"]
    graph = transposed(values, greedy_graph(values))
    block = max(greedy_graph(values).depths)
    assert max(graph.depths) == block + 1


def test_hybrid_form_by_hand() -> None:
    # h = 3, 5, 3, 5, 3 over a line of two samples: 3 x serves taps 0, 2 and 4, 5 x[-1] taps 1 and 3.
    values = (3, 5, 3, 5, 3)
    graph = hybrid(values, greedy_graph(values))
    delays = [(n.name, n.samples) for n in graph.nodes if isinstance(n, Delay)]
    assert delays == [("d1", 1), ("acc4", 2), ("acc2", 2)]
    assert [n.name for n in graph.nodes if isinstance(n, Sum)] == ["x3_0", "x5_1", "sum0", "sum1", "sum2", "sum3"]


@pytest.mark.parametrize("seed", range(10))
def test_hybrid_form_lies_between_the_others(seed: int) -> None:
    values = tuple(int(v) for v in np.random.default_rng(seed).integers(1, 500, 40))
    graphs = {name: STRUCTURES[name](values, greedy_graph(values)) for name in STRUCTURES}
    # A sample reaches no more nodes than in transposed form, and crosses fewer adders at once than in direct form.
    reached = {name: sum(0 in sources(node) for node in graph.nodes) for name, graph in graphs.items()}
    assert reached["direct"] <= reached["hybrid"] <= reached["transposed"]
    assert max(graphs["transposed"].depths) <= max(graphs["hybrid"].depths) <= max(graphs["direct"].depths)
    assert len(graphs["hybrid"].sums) >= len(graphs["transposed"].sums)


def sources(node: Sum | Delay) -> set[int]:
    return {node.source} if isinstance(node, Delay) else {node.left, node.right}


def test_adders_of_the_chain_may_be_merged_by_synthesis_and_others_not() -> None:
    values = FILTERS["asymmetric"]
    graph, adders = transposed(values, greedy_graph(values)), greedy_graph(values)
    kept = [n.keep for n in graph.nodes if isinstance(n, Sum)]
    assert kept == [True] * len(adders.adders) + [False] * 6
    assert all(n.keep for n in direct(values, adders).nodes if isinstance(n, Sum))


def test_costly_inversion_leaves_fewer_words_to_be_inverted() -> None:
    def inverted(structure: str, values: tuple[int, ...], inverting: float) -> int:
        return len(needed(STRUCTURES[structure](values, greedy_graph(values), Fabric(inverting))))

    values = tuple((-1) ** k * int(c) for k, c in enumerate(np.random.default_rng(2).integers(1, 400, 31)))
    for structure in STRUCTURES:
        assert inverted(structure, values, 1.0) < inverted(structure, values, 0.0) / 2


@pytest.mark.parametrize("structure", ["transposed", "direct"])
def test_exact_output_is_rarely_negated(structure: str) -> None:
    rng, negated = np.random.default_rng(9), {False: 0, True: 0}
    for _ in range(30):
        values = tuple(int(v) for v in rng.integers(-99, 99, 9))
        for exact in negated:
            graph = STRUCTURES[structure](values, greedy_graph(values), Fabric(1.0), exact)
            assert responses(graph) == [list(np.trim_zeros(values, "b"))]
            negated[exact] += graph.outputs[0].negative
    assert negated[True] <= 3 < 8 < negated[False]


@pytest.mark.parametrize("structure", [*STRUCTURES, "phases", "direct phases", "cascade"])
def test_names_are_one_of_a_kind(structure: str) -> None:
    values = FILTERS["half-band"]
    adders = greedy_graph(values)
    graph = {
        "phases": lambda: PHASES["transposed"](values, adders, 2),
        "direct phases": lambda: PHASES["direct"](values, adders, 2),
        "cascade": lambda: cascade([(values, 1, adders, "transposed"), (values, 2, adders, "direct")]),
    }.get(structure, lambda: STRUCTURES[structure](values, adders))()
    names = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names)


# ---------------------------------------------------------------------------------------------------------- refusals
def wrong(graph: FlowGraph) -> list[FlowGraph]:
    """The graph with one thing wrong, in every way."""
    found = [replace(graph, outputs=(replace(graph.outputs[0], shift=1 + graph.outputs[0].shift),))]
    found.append(replace(graph, outputs=(replace(graph.outputs[0], negative=not graph.outputs[0].negative),)))
    found.append(replace(graph, outputs=(replace(graph.outputs[0], node=graph.outputs[0].node - 1),)))
    for k, node in enumerate(graph.nodes):
        changes: list[dict[str, object]] = [{"samples": node.samples + 1}] if isinstance(node, Delay) else [
            {"subtract": not node.subtract},
            {"left_shift": node.left_shift + 1},
            {"right_shift": node.right_shift + 1},
        ]  # fmt: skip
        found += [
            FlowGraph((*graph.nodes[:k], replace(node, **change), *graph.nodes[k + 1 :]), graph.outputs)  # type: ignore[arg-type]
            for change in changes
        ]
    return found


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", ["symmetric, odd", "antisymmetric, even", "asymmetric", "leading zeros"])
def test_a_wrong_graph_is_refused(name: str, structure: str) -> None:
    values = FILTERS[name]
    graph = STRUCTURES[structure](values, greedy_graph(values))
    assert proved(graph, [values]) is graph
    assert proved(graph, [(*values, 0, 0)]) is graph
    spoilt = wrong(graph)
    assert len(spoilt) > len(values)
    for number, candidate in enumerate(spoilt):
        with pytest.raises(ValueError, match="output 0 of the graph has the impulse response"):
            proved(candidate, [values])
        assert responses(candidate) != [list(values)], number


def test_wrong_coefficients_are_refused() -> None:
    values = (3, -5, 7)
    graph = transposed(values, greedy_graph(values))
    for other in ((3, -5), (3, -5, 7, 1), (0, 3, -5, 7), (-3, 5, -7), (3, -5, 8), ()):
        with pytest.raises(ValueError, match=r"has the impulse response \(3, -5, 7\), not"):
            proved(graph, [other])
    for count in ([], [values, values]):
        with pytest.raises(ValueError, match="argument"):  # as many responses as outputs
            proved(graph, count)
    with pytest.raises(ValueError, match=r"output 1 of the graph .* \(-5,\), not \(7,\)"):
        proved(PHASES["direct"](values, greedy_graph(values), 2), [(3, 7), (7,)])


def test_constants_that_the_block_lacks_are_refused() -> None:
    for structure in STRUCTURES:
        with pytest.raises(KeyError, match="does not compute 5"):
            STRUCTURES[structure]((3, 5), greedy_graph((3,)))


def test_a_graph_by_hand_is_proved() -> None:
    # h = 3, 3: x + x[-1] first, then three times that.
    graph = FlowGraph((Delay("d", 0), Sum("pair", 0, 0, 1, 0), Sum("three", 2, 1, 2, 0)), (Output(3),))
    assert proved(graph, [(3, 3)]) is graph
