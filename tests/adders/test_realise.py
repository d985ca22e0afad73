"""Cheapest realisations against exhaustive choice, full-adder bits by hand."""

from itertools import product

import numpy as np
import pytest

from hwgen.adders import Adder, AdderGraph, full_adder_bits, greedy_graph, realised


def test_full_adder_bits_by_hand() -> None:
    # 12-bit input, sign bit at weight 11. 5 x = x + (x << 2): two bits pass, sign at 14: bits 2..14.
    assert full_adder_bits(AdderGraph((Adder(5, 0, 0, 0, 2, False),)), 12) == 13
    # 7 x = (x << 3) - x: the subtracted word's low bits do not pass: bits 0..14.
    assert full_adder_bits(AdderGraph((Adder(7, 0, 3, 0, 0, True),)), 12) == 15
    # 3 x = (x << 2) - x: bits 0..13; x + (x << 1): bits 1..13.
    assert full_adder_bits(AdderGraph((Adder(3, 0, 2, 0, 0, True),)), 12) == 14
    assert full_adder_bits(AdderGraph((Adder(3, 0, 1, 0, 0, False),)), 12) == 13
    # 19 x = (5 x + 33 x) / 2: both operands whole, one bit below, sign at 16.
    graph = AdderGraph((Adder(5, 0, 2, 0, 0, False), Adder(33, 0, 5, 0, 0, False), Adder(19, 1, -1, 2, -1, False, -1)))
    assert full_adder_bits(graph, 12) == 13 + 13 + 18
    assert full_adder_bits(AdderGraph(()), 12) == 0
    with pytest.raises(ValueError, match="at least 1 bit"):
        full_adder_bits(graph, 0)


def test_dropped_bits_are_not_counted() -> None:
    graph = AdderGraph((Adder(7, 0, 3, 0, 0, True),))
    assert full_adder_bits(graph.with_lsbs([4]), 12) == full_adder_bits(graph, 12) - 4


def adders(constant: int, nodes: list[int]) -> list[Adder]:
    """Every adder that makes `constant` of two other nodes, by trying all shifts."""
    found = []
    for (a, u), (b, v) in product(enumerate(nodes), repeat=2):
        if constant in (u, v):
            continue
        for up, down in product(range(11), repeat=2):
            lefts = ((up - down, -down), (-down, up - down))
            for (i, j), minus in product(lefts, (False, True)):
                total = (u << i + down) - (v << j + down) if minus else (u << i + down) + (v << j + down)
                if total == constant << down and (down == 0 or up == 0):
                    found.append(Adder(constant, a, i, b, j, minus, min(i, j, 0)))
    return found


def cheapest(nodes: list[int], width: int, depth: int) -> int | None:
    """Fewest full-adder bits over all choices of an adder for each node, in every order that works."""
    ways = {c: adders(c, nodes) for c in nodes[1:]}

    def bits(a: Adder) -> int:
        plain = AdderGraph((Adder(nodes[a.left], 0, 0, 0, 0, False), Adder(nodes[a.right], 0, 0, 0, 0, False)))
        made = Adder(a.constant, 1, a.left_shift, 2, a.right_shift, a.subtract, a.lsb)
        return full_adder_bits(AdderGraph((*plain.adders, made)), width) - full_adder_bits(plain, width)

    table = {
        c: {frozenset((nodes[a.left], nodes[a.right])): bits(a) for a in sorted(ways[c], key=bits, reverse=True)}
        for c in ways
    }
    best = None
    for choice in product(*(table[c].items() for c in nodes[1:])):
        known = {1}
        for _ in range(depth):
            known |= {c for c, (operands, _) in zip(nodes[1:], choice, strict=True) if operands <= known}
        if len(known) == len(nodes):
            total = sum(cost for _, cost in choice)
            best = total if best is None else min(best, total)
    return best


@pytest.mark.parametrize("nodes", [[1, 3, 5, 7], [1, 3, 11, 13, 43], [1, 5, 19, 33, 37], [1, 7, 9, 23, 63, 65]])
@pytest.mark.parametrize("depth", [2, 3, 9])
def test_cheapest_of_all_choices(nodes: list[int], depth: int) -> None:
    expected = cheapest(nodes, 10, depth)
    if expected is None:
        with pytest.raises(ValueError, match=f"no adders give .* within {depth}"):
            realised(nodes, 10, depth)
        return
    graph = realised(nodes, 10, depth)
    assert max(graph.depths) <= depth
    assert full_adder_bits(graph, 10) == expected


@pytest.mark.parametrize("seed", range(3))
def test_never_dearer_than_the_greedy_graph(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(15):
        values = rng.integers(1, 1 << int(rng.integers(4, 13)), size=int(rng.integers(1, 12))).tolist()
        graph = greedy_graph(values)
        better = realised(graph.constants, 12)
        assert better.proved() is better
        assert set(better.constants) == set(graph.constants)
        assert full_adder_bits(better, 12) <= full_adder_bits(graph, 12), f"seed {seed}: {values}"
        flat = realised(graph.constants, 12, max(graph.depths))
        assert max(flat.depths) <= max(graph.depths)


@pytest.mark.parametrize("constants", [[43], [3, 85, 683], [1, 5, 9999]])
def test_constants_that_do_not_give_each_other(constants: list[int]) -> None:
    with pytest.raises(ValueError, match="no adders give"):
        realised(constants, 12)


@pytest.mark.parametrize("wrong", [6, -3, 0])
def test_constants_are_odd_and_positive(wrong: int) -> None:
    with pytest.raises(ValueError, match="odd and positive"):
        realised([3, wrong], 12)
