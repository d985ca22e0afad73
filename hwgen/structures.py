"""Structures of a FIR filter as signal-flow graphs, at full precision: transposed, direct, hybrid and cascaded.

Each takes integer coefficients and the adder graph that multiplies by them, and gives a `FlowGraph` whose outputs are
proved to have those coefficients. The signs of partial sums are free: each is kept positive or negative, as it costs
fewer adder bits and fewer inverted words. With `exact` the output gets no constant, so that its sign counts, too.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hwgen.adders import AdderGraph, exchanged
from hwgen.cost.estimate import PLAIN, Fabric
from hwgen.flowgraph import FlowGraph
from hwgen.graph_builder import Builder, Term

_ROUNDS = 4  # in which signs of accumulators are chosen for the inverted words there are
_POSITIVE = (0.5, 2.5, 8.0)  # adder bits, see `Builder`, one after the other
_LINE = 4  # samples of a hybrid filter's delay line, at most


def transposed(values: Sequence[int], graph: AdderGraph, fabric: Fabric = PLAIN, exact: bool = False) -> FlowGraph:
    """Every product at once, then a chain of accumulators, one register a tap."""
    builder = Builder(fabric, exact)
    output = _chain(builder, values, builder.block(graph, 0), graph)
    return proved(builder.finished(output), [values])


def direct(values: Sequence[int], graph: AdderGraph, fabric: Fabric = PLAIN, exact: bool = False) -> FlowGraph:
    """A delay line, the two samples of a symmetric (or antisymmetric) pair added first, then one sum of products."""
    builder, output = _direct(values, graph, fabric, exact)
    return proved(builder.finished(output), [values])


@lru_cache(maxsize=256)
def for_direct(
    values: tuple[int, ...], graph: AdderGraph, fabric: Fabric, width: int, evaluations: int, exact: bool = False
) -> tuple[AdderGraph, ...]:
    """The adder graph, then with adders `exchanged` while that takes adder bits off the direct form of the filter."""

    def bits(made: AdderGraph) -> float:
        return _spent(*_direct(values, made, fabric, exact))

    return tuple(exchanged(graph, width, bits, evaluations))


def _direct(values: Sequence[int], graph: AdderGraph, fabric: Fabric, exact: bool) -> tuple[Builder, Term]:
    """Direct form; where its output is negative, and that costs, with sums kept positive if that is cheaper."""
    built = []
    for fours in (False, True) if fabric.joins else (False,):
        for positive in _POSITIVE if exact else (0.0,):
            builder = Builder(fabric, exact, positive, fours)
            built.append((builder, _line(builder, values, graph, 0, 1, "")))
            if not builder.negating(built[-1][1]):
                break
    return min(built, key=lambda made: _spent(*made)) if len(built) > 1 else built[0]


def _spent(builder: Builder, output: Term) -> float:
    return builder.spent + builder.negating(output) - builder.saved(output)


def hybrid(values: Sequence[int], graph: AdderGraph, fabric: Fabric = PLAIN, exact: bool = False) -> FlowGraph:
    """A short delay line, a multiplier block at each of its samples, a chain of accumulators where products meet.

    Between the transposed form, whose delay line has one sample, and the direct one, whose chain has one accumulator:
    each sample is loaded by a part of the taps, and accumulators are fewer and each delayed by as many samples as the
    line has, 2 to `_LINE`, whatever takes the fewest adders. What blocks would share is built twice, so that this form
    takes as many adders as the others at best.
    """
    built = []
    for size in range(2, _LINE + 1):
        builder = Builder(fabric, exact)
        built.append(builder.finished(_sections(builder, values, graph, size, "")))
    return proved(min(built, key=lambda made: len(made.sums)), [values])


def transposed_phases(values: Sequence[int], graph: AdderGraph, factor: int, fabric: Fabric = PLAIN) -> FlowGraph:
    """Interpolation by `factor`: one multiplier block, a chain for each phase; output p has taps p, p + factor, ..."""
    builder = Builder(fabric)
    nodes, phases = builder.block(graph, 0), _phases(values, factor)
    outputs = [_chain(builder, phase, nodes, graph, f"_{p}") for p, phase in enumerate(phases)]
    return proved(builder.finished(*outputs), phases)


def direct_phases(values: Sequence[int], graph: AdderGraph, factor: int, fabric: Fabric = PLAIN) -> FlowGraph:
    """Interpolation by `factor`: one delay line, a sum of products for each phase."""
    builder, phases = Builder(fabric), _phases(values, factor)
    outputs = [_line(builder, phase, graph, 0, 1, f"_{p}") for p, phase in enumerate(phases)]
    return proved(builder.finished(*outputs), phases)


def hybrid_phases(values: Sequence[int], graph: AdderGraph, factor: int, fabric: Fabric = PLAIN) -> FlowGraph:
    """Interpolation by `factor`: a line of two samples, and for each phase a chain."""
    builder, phases = Builder(fabric), _phases(values, factor)
    outputs = [_sections(builder, phase, graph, 2, f"_{p}") for p, phase in enumerate(phases)]
    return proved(builder.finished(*outputs), phases)


def cascade(parts: Sequence[tuple[Sequence[int], int, AdderGraph, str]], fabric: Fabric = PLAIN) -> FlowGraph:
    """Filters one behind the other: ``(values, spread, adder graph, structure)``, z replaced by z**spread in each."""
    builder = Builder(fabric)
    term, product = Term(0, 0), np.ones(1, dtype=object)
    for number, (values, spread, graph, structure) in enumerate(parts):
        builder.prefix = f"f{number}_"
        if structure == "direct":
            made = _line(builder, values, graph, term.node, spread, "")
        else:
            made = _chain(builder, values, builder.block(graph, term.node), graph, spread=spread)
        term = made.moved(term.shift, term.negative)
        spaced = np.zeros((len(values) - 1) * spread + 1, dtype=object)
        spaced[::spread] = list(values)
        product = np.convolve(product, spaced)
    return proved(builder.finished(term), [[int(v) for v in product]])


def proved(graph: FlowGraph, responses: Sequence[Sequence[int]]) -> FlowGraph:
    """The graph, after checking in exact integers that its outputs have these impulse responses (``ValueError``)."""
    for number, (found, wanted) in enumerate(zip(graph.responses(), responses, strict=True)):
        trimmed = list(wanted)
        while trimmed and trimmed[-1] == 0:
            trimmed.pop()
        if list(found) != trimmed:
            raise ValueError(f"output {number} of the graph has the impulse response {found}, not {tuple(wanted)}")
    return graph


def _phases(values: Sequence[int], factor: int) -> list[list[int]]:
    """The taps of each phase. Raises ``ValueError`` for a phase without any: its output would always be 0."""
    padded = [*values, *[0] * (-len(values) % factor)]
    found = [padded[p::factor] for p in range(factor)]
    if empty := [p for p, phase in enumerate(found) if not any(phase)]:
        raise ValueError(f"phase {empty[0]} of {factor} has no coefficient other than 0")
    return found


def _line(builder: Builder, values: Sequence[int], graph: AdderGraph, source: int, spread: int, suffix: str) -> Term:
    """Direct form over node `source`."""
    taps = [k for k, value in enumerate(values) if value]
    ends = taps[0] + taps[-1]  # of a symmetric pair; zeros before and behind the others need not be symmetric
    core = list(values[taps[0] : taps[-1] + 1])
    line, pairs = [source], []
    for k in range(1, len(values)):
        line.append(builder.delay(line[-1], spread, f"d{k}"))
    mirror = 1 if core == core[::-1] else -1 if core == [-v for v in core[::-1]] else 0
    for k in taps:
        value = values[k]
        if mirror and k > ends - k:
            continue
        term = Term(line[k], 0)
        if mirror and k < ends - k:
            choices = builder.choices(term, Term(line[ends - k], 0, mirror < 0))
            term = builder.add(f"pair{k}{suffix}", min(choices, key=lambda choice: choice[0]))
        pairs.append((term, value))
    count = iter(range(1 << 30))
    return builder.dot(pairs, graph, lambda: f"sum{next(count)}{suffix}")


def _sections(builder: Builder, values: Sequence[int], graph: AdderGraph, size: int, suffix: str) -> Term:
    """Hybrid form: a multiplier block for each of the first `size` delays, a chain of what each section sums up."""
    products: list[list[Term]] = [[] for _ in range(-(-len(values) // size))]
    node = 0
    for k in range(min(size, len(values))):
        node = builder.delay(node, 1, f"d{k}") if k else node
        found = {value: graph.find(value) for value in values[k::size] if value}
        nodes = builder.block(graph, node, {index for index, _ in found.values()}, f"_{k}{suffix}")
        for section, value in zip(products, values[k::size], strict=False):
            if value:
                index, shift = found[value]
                section.append(Term(nodes[index], shift, value < 0))
    count = iter(range(1 << 30))
    total: Term | None = None
    for number in reversed(range(len(products))):
        terms = products[number]
        if total is not None:
            behind = builder.delay(total.node, size, f"acc{(number + 1) * size}{suffix}")
            terms = [Term(behind, total.shift, total.negative), *terms]
        total = builder.tree(terms, lambda: f"sum{next(count)}{suffix}") if terms else None
    assert total is not None  # some tap is not 0
    return total


def _chain(
    builder: Builder,
    values: Sequence[int],
    nodes: Sequence[int],
    graph: AdderGraph,
    suffix: str = "",
    spread: int = 1,
) -> Term:
    """Transposed form over a multiplier block; the sign of each accumulator is chosen by dynamic programming."""
    taps = [k for k in reversed(range(len(values))) if values[k]]

    def product(tap: int) -> Term:
        node, shift = graph.find(values[tap])
        return Term(nodes[node], shift, values[tap] < 0)

    terms = [product(tap) for tap in taps]
    signs = _signs(builder, terms)
    total = product(taps[0])
    for before, tap, sign in zip(taps, taps[1:], signs[1:], strict=False):
        # A register a tap, so that every word between two adders can be seen, and cut.
        node = total.node
        for step in range(before - tap):
            node = builder.delay(node, spread, f"acc{before - step}{suffix}")
        carried = Term(node, total.shift, total.negative)
        choice = next(c for c in builder.choices(carried, product(tap)) if c[4] == sign)
        total = builder.add(f"sum{tap}{suffix}", choice, keep=False)
    if taps[-1]:  # leading zeros of the impulse response
        total = Term(builder.delay(total.node, taps[-1] * spread, f"lead{suffix}"), total.shift, total.negative)
    return total


def _signs(builder: Builder, terms: Sequence[Term]) -> list[bool]:
    """Whether each partial sum of a chain is kept negative.

    A product that an adder makes can be kept inverted: then subtractions are free, and additions are not. It is the
    other way round for the input. Which words should be there in both forms is found by trying, from either end.
    """
    found = []
    for both in (set[int](), {term.node for term in terms}):
        for _ in range(_ROUNDS):
            signs = _cheapest_signs(builder, terms, both)
            turned = [term for term, *ends in zip(terms[1:], signs, signs[1:], strict=False) if ends[0] != ends[1]]
            spent = float(sum(term.shift + builder.low[term.node] for term in turned))
            spent += _top(builder, terms) * signs[-1]
            added = {(t.node, sign == t.negative) for t, sign in zip(terms[1:], signs, strict=False)}
            both = {node for node, adds in {*added, (terms[0].node, True)} if adds != builder.rests(node)}
            found.append((spent + sum(builder.fabric.inverting * builder.bits(n) for n in both), signs))
    return min(found, key=lambda made: made[0])[1]


def _top(builder: Builder, terms: Sequence[Term]) -> float:
    """Adder bits that negating the sum of all terms takes."""
    return np.ceil(np.log2(sum(builder.size[t.node] * 2.0**t.shift for t in terms))) + 1 if builder.exact else 0.0


def _cheapest_signs(builder: Builder, terms: Sequence[Term], both: set[int]) -> list[bool]:
    """The signs of partial sums that take fewest adder bits, if the words of `both` are there inverted, too."""
    best: dict[bool, tuple[float, list[bool]]] = {terms[0].negative: (0.0, [terms[0].negative])}
    for term in terms[1:]:
        other = 0.0 if term.node in both else builder.fabric.inverting * builder.bits(term.node)
        adding, taking = (0.0, other) if builder.rests(term.node) else (other, 0.0)
        after: dict[bool, tuple[float, list[bool]]] = {}
        for sign, (cost, signs) in best.items():
            # Of two signs that differ, the word that is subtracted is the accumulator or the product.
            options = [(sign, adding)] if sign == term.negative else [
                (sign, taking + 1e-3), (not sign, taking + term.shift + builder.low[term.node] + 1e-3),
            ]  # fmt: skip
            for outcome, extra in options:
                if outcome not in after or cost + extra < after[outcome][0]:
                    after[outcome] = cost + extra, [*signs, outcome]
        best = after
    top = _top(builder, terms)
    return min(best.values(), key=lambda entry: entry[0] + top * entry[1][-1])[1]


# What a design file can name, and how each interpolates.
STRUCTURES = {"transposed": transposed, "direct": direct, "hybrid": hybrid}
PHASES = {"transposed": transposed_phases, "direct": direct_phases, "hybrid": hybrid_phases}
SMALLEST = ("transposed", "direct")  # of which one takes the fewest LUTs
