"""Searched graphs against brute force over whole graphs, published counts, and depths by exhaustion."""

import json
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from hwgen.adders import FAST, AdderGraph, best_graph, find_graph, full_adder_bits, greedy_graph, odd, realised
from hwgen.adders.deepen import Effort, completions
from hwgen.adders.reach import Front, Odds

DATA = Path(__file__).parents[2] / "benchmarks" / "data" / "fir.json"
SETS = json.loads(DATA.read_text(encoding="utf-8"))["sets"]
LIMIT = 511  # of the brute force, as the search has it for constants up to 255


def fundamental(value: int) -> int:
    while value and value % 2 == 0:
        value //= 2
    return value


@cache
def sums(u: int, v: int) -> frozenset[int]:
    """Odd parts of every sum and difference of shifts of two constants, both operands shifted in turn."""
    found = set()
    for shift in range(10):
        for a, b in ((u << shift, v), (u, v << shift)):
            found |= {fundamental(a + b), fundamental(abs(a - b))}
    return frozenset(c for c in found if 0 < c <= LIMIT)


def successors(nodes: frozenset[int]) -> set[int]:
    return {c for u in nodes for v in nodes for c in sums(u, v)} - nodes


@cache
def graphs(adders: int) -> frozenset[frozenset[int]]:
    """Sets of constants of all graphs of that many adders."""
    if adders == 0:
        return frozenset([frozenset([1])])
    return frozenset(nodes | {c} for nodes in graphs(adders - 1) for c in successors(nodes))


def fewest(targets: set[int]) -> int:
    """Fewest adders by trying all graphs of 0, 1, 2 adders, then every further two over those of 2."""
    for adders in range(3):
        if any(targets <= nodes for nodes in graphs(adders)):
            return adders
    for nodes in graphs(2):
        missing = targets - nodes
        if len(missing) == 1 and missing <= successors(nodes):
            return 3
    for nodes in graphs(2):
        missing = targets - nodes
        for c in successors(nodes):
            if missing - {c} <= successors(nodes | {c}) and len(missing - {c}) == 1:
                return 4
    raise AssertionError(f"{targets} needs five adders")


def test_single_constants_against_brute_force() -> None:
    counts = dict.fromkeys(range(4), 0)
    for value in range(1, 256, 2):
        found = find_graph([value])
        assert found.optimal
        assert len(found.graph.adders) == fewest({value}), value
        counts[found.fewest] += 1
    assert sum(counts.values()) == 128
    assert find_graph([1]).fewest == 0


@pytest.mark.parametrize("pair", [(3, 5), (7, 45), (11, 13), (43, 85), (45, 105), (89, 91), (71, 115), (43, 53)])
def test_pairs_against_brute_force(pair: tuple[int, int]) -> None:
    found = find_graph(pair)
    assert found.optimal
    assert len(found.graph.adders) == fewest(set(pair))


@pytest.mark.parametrize("case", SETS, ids=[case["name"] for case in SETS])
def test_published_sets(case: dict) -> None:
    found = find_graph(case["coefficients"], FAST)
    adders = len(found.graph.proved().adders)
    assert adders <= case["best_block_adders"]
    assert adders <= case["da4ml_block_adders"]
    assert found.fewest <= adders
    if case["optimal"]:
        assert adders == case["best_block_adders"], "published as the fewest there can be"
    nodes = set(found.graph.constants)
    assert {odd(c)[0] for c in case["coefficients"]} - {0} <= nodes


def test_the_lower_bound_is_no_more_than_what_was_tried() -> None:
    found = find_graph([2411, 3181, 4057, 6937], effort=0)
    assert not found.optimal
    assert found.fewest < len(found.graph.adders)


def test_graphs_repeat_and_ignore_order() -> None:
    for case in SETS[:12]:
        values = case["coefficients"]
        assert best_graph(values, FAST) == best_graph([-2 * v for v in reversed(values)], FAST)


def test_constants_that_need_no_adder() -> None:
    for values in ([], [0], [-8, 1]):
        assert find_graph(values).graph == AdderGraph(())
        assert find_graph(values, depth=0).optimal


def test_wide_constants_are_left_to_the_greedy_graph() -> None:
    values = [(1 << 40) + 12345, 987654321, (1 << 33) - 77]
    graph = best_graph(values)
    assert set(graph.constants) == set(greedy_graph(values).constants)
    assert full_adder_bits(graph, 12) <= full_adder_bits(greedy_graph(values), 12)


# ------------------------------------------------------------------------------------------------------ depth
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_depth_is_kept(depth: int) -> None:
    for case in SETS[:25]:
        values = [v for v in case["coefficients"] if digits(v) <= 1 << depth]
        graph = best_graph(values, FAST, depth=depth)
        assert max(graph.depths) <= depth
        assert {odd(c)[0] for c in values} - {0} <= set(graph.constants)


def digits(value: int) -> int:
    """Nonzero canonical signed digits."""
    return (3 * abs(value) ^ abs(value)).bit_count()


@pytest.mark.parametrize(("value", "depth"), [(3, 0), (11, 1), (0b10101010101, 2), (43, 1), (3, -1)])
def test_a_depth_that_cannot_be(value: int, depth: int) -> None:
    with pytest.raises(ValueError, match=f"no graph of depth {depth} multiplies by {value}"):
        best_graph([1, value], depth=depth)


def test_depth_costs_adders() -> None:
    # 45 = 5 * 9 takes two adders one behind the other; 43 = 45 - 2 a third, or 43 = (5 << 3) + 3 beside each other.
    assert max(best_graph([43], depth=2).depths) == 2
    for values in combinations((43, 45, 105, 89), 2):
        free, flat = find_graph(values), find_graph(values, depth=2)
        assert flat.optimal
        assert len(flat.graph) >= len(free.graph)


def test_wrong_effort() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        find_graph([3], effort=-1)


# ------------------------------------------------------------------------------------------------------ its parts
def test_what_one_adder_makes() -> None:
    odds = Odds(LIMIT)
    for u, v in ((1, 1), (3, 5), (7, 7), (45, 3), (511, 1), (255, 257)):
        assert odds.joined([u], [v]) == sums(u, v)
        for c in sums(u, v):
            assert u in odds.joined([c], [v]) or u == c, "one adder apart is symmetric"
    for target in (15, 45, 105, 341):
        makers = {c for c in range(1, target, 2) if target in sums(c, c)}
        assert set(odds.divisors(target)) == makers


@pytest.mark.parametrize("targets", [(43,), (45, 89), (71, 115), (43, 53, 101)])
def test_completions_are_all_sets_there_are(targets: tuple[int, ...]) -> None:
    for extra in range(3):
        found = [frozenset(f.nodes) for f in completions(Front(Odds(LIMIT), targets, None), extra, Effort(10**6))]
        assert len(found) == len(set(found))
        expected = {frozenset(n) for n in every(targets, extra) if built(n)}
        smaller = {n for n in found if len(n) < len(targets) + 1 + extra}
        assert set(found) - smaller == expected if not smaller else smaller <= every_built(targets, extra)
        if smaller:
            break


def every(targets: tuple[int, ...], extra: int) -> set[frozenset[int]]:
    """Sets of the targets, 1 and `extra` more constants, each in reach of some of the others."""
    found = {frozenset([1])}
    for _ in range(extra + len(targets)):
        found = {n | {c} for n in found for c in successors(n) if c in targets or spare(n, targets) < extra}
    return {n for n in found if n.issuperset(targets)}


def every_built(targets: tuple[int, ...], extra: int) -> set[frozenset[int]]:
    return {n for k in range(extra + 1) for n in every(targets, k)}


def spare(nodes: frozenset[int], targets: tuple[int, ...]) -> int:
    return len(nodes - set(targets) - {1})


def built(nodes: frozenset[int]) -> bool:
    return set(realised(nodes, 8).constants) == nodes
