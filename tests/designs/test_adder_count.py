"""Adders that the search counts: by hand, against the closure and the graphs, and on published filters."""

from itertools import combinations

import numpy as np
import pytest

from hwgen.adders import Closure, greedy_graph
from hwgen.designs.adder_count import AdderCount, adders, distinct, reached

# Shi and Yu, IEEE TCAS-I 58, 2011: free taps, length, block adders, structural adders.
PUBLISHED = [
    ((-4, 0, 28, 0, -113, 0, 509, 840), 15, 5, 8),
    ((3, 6, 0, -16, -19, 12, 76, 128), 16, 2, 13),
    ((-2, -8, 0, 17, 16, -21, -46, 0, 84, 68, -92, -205, 0, 527, 994), 30, 6, 23),
]


def _pairs(taps):
    return np.where(np.arange((taps + 1) // 2) >= taps // 2, 1, 2)


@pytest.mark.parametrize(("free", "taps", "block", "chain"), PUBLISHED)
def test_published(free, taps, block, chain):
    row = np.array([free])
    assert int(AdderCount(_pairs(taps))(row)[0]) == block + chain
    assert adders((*free, *free[: taps // 2][::-1])) == (block, chain)
    assert distinct(row, _pairs(taps))[0] <= block + chain


def test_distinct_by_hand():
    rows = np.array([[0, 0, 1], [3, -6, 12], [3, 5, 4], [0, 0, 0]])
    # Nonzero taps of 5 less one, and 0, 1 (3 = 6 / 2 = 12 / 4) or 2 fundamentals.
    assert distinct(rows, np.array([2, 2, 1])).tolist() == [0, 1 + 4, 2 + 4, -1]


def test_what_one_adder_reaches_is_the_closure():
    for nodes in ([], [3], [7, 45], [5, 11, 23], [3, 21, 121, 999]):
        adders_, reach = reached(np.array([1, *nodes]))
        closure = Closure(len(reach) - 2)
        for node in nodes:
            closure.include(node)
        built = set(closure.nodes)
        if built == {1, *nodes}:
            expected = built | set(closure.reach)
            assert {k for k in range(1, len(reach), 2) if reach[k]} | built == expected
            assert adders_ == len(nodes)


def test_never_more_than_two_adders_apart_from_the_graph():
    """The count is of the graph where one adder makes each, else close."""
    for pair in combinations(range(3, 80, 2), 2):
        count, graph = reached(np.array(pair))[0], len(greedy_graph(pair)) - 1
        assert abs(count - graph) <= 1, pair
    assert reached(np.array([43]))[0] == 2
    assert reached(np.array([1]))[0] == 0


def test_bits_break_ties_and_never_more():
    count = AdderCount(np.array([2, 2, 1]), 12)
    small, large, cheaper = count(np.array([[3, 5, 8], [3 << 6, 5 << 6, 8 << 6], [3 << 9, 3, 8]]))
    assert cheaper < small < large < small + 1
    assert int(small) == int(large) == 6
