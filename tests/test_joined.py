"""Which three adders are joined: the best choice of all, and never one whose sums somebody else takes."""

from itertools import combinations

import numpy as np
import pytest

from hwgen.adders import greedy_graph
from hwgen.flowgraph import FlowGraph, Sum
from hwgen.joined import SPENT, groups, joined
from hwgen.structures import direct


def taken(graph: FlowGraph) -> list[list[int]]:
    """For each node the nodes that take it, 0 for an output."""
    found: list[list[int]] = [[] for _ in range(len(graph.nodes) + 1)]
    for k, node in enumerate(graph.nodes, start=1):
        for source in [s for s, _, _ in node.operands] if isinstance(node, Sum) else [node.source]:
            found[source].append(k)
    for output in graph.outputs:
        found[output.node].append(0)
    return found


def triples(graph: FlowGraph, lows: list[int], tops: list[int]) -> list[tuple[frozenset[int], int]]:
    """Every three adders of which two go into the third and nowhere else, and the columns that their words share."""
    takers, found = taken(graph), []
    for three in combinations(graph.sums, 3):
        root = max(three)
        inner = [k for k in three if k != root]
        if not all(len(takers[k]) == 1 and takers[k][0] in three for k in inner):
            continue
        words = []
        for k in three:
            rest, at = 0, k
            while at != root:  # the shifts on the way to the last of the three
                above = graph.nodes[takers[at][0] - 1]
                rest, at = rest + next(shift for s, shift, _ in above.operands if s == at), takers[at][0]
            words += [(s, shift + rest) for s, shift, _ in graph.nodes[k - 1].operands if s not in inner]
        shared = min(tops[s] + shift for s, shift in words) - max(lows[s] + shift for s, shift in words) + 1
        found.append((frozenset(three), max(shared - SPENT, 0)))
    return found


def most(choices: list[tuple[frozenset[int], int]]) -> int:
    """The largest sum of any choices that have no adder in common."""
    if not choices:
        return 0
    (first, worth), *others = choices
    return max(most(others), worth + most([other for other in others if not other[0] & first]))


@pytest.mark.parametrize("seed", range(40))
def test_the_best_threes_are_joined(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (*(int(v) for v in rng.integers(-40, 41, int(rng.integers(5, 9)))), 3)
    graph = direct(values, greedy_graph(values))
    lows = list(graph.naturals)
    tops = [int(np.ceil(np.log2(np.abs(t).sum()))) + 11 for t in graph.transfers]
    made, saved = joined(graph, lows, tops)
    assert saved == most(triples(graph, lows, tops))
    assert made.responses() == graph.responses()
    takers = taken(made)
    for group in groups(made):
        assert (len(group.members), len(group.leaves)) == (3, 4)
        assert all(len(takers[k]) == 1 and takers[k][0] for k, _ in group.members[1:])
