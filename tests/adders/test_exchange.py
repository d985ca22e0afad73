"""Adders exchanged for others of the same constants: the graph stays right, and its cost never rises."""

import numpy as np

from hwgen.adders import best_graph, exchanged, full_adder_bits
from hwgen.cost.estimate import PLAIN
from hwgen.structures import direct, for_direct

VALUES = (4, -2, -6, 5, 12, -19, -21, 77, 150, 77, -21, -19, 12, 5, -6, -2, 4)


def bits(values, graph):
    """Sum of the word widths of the direct form's adders, by their exact transfer functions."""
    made = direct(values, graph)
    return sum(np.ceil(np.log2(np.abs(made.transfers[k]).sum())) - made.lowest[k] for k in made.sums)


def test_constants_stay_and_the_cost_falls():
    graph = best_graph(VALUES)
    found = for_direct(VALUES, graph, PLAIN, 12, 500)[-1]
    assert set(found.constants) == set(graph.constants)
    assert direct(VALUES, found).responses()[0] == VALUES  # exact
    assert bits(VALUES, found) <= bits(VALUES, graph)


def test_no_exchange_beats_the_cheapest_adders_of_a_block():
    """`realised` is exact for a multiplier block, so that nothing is left to exchange."""
    graph = best_graph((45, 77, 173, 201, 355))
    found = exchanged(graph, 12, lambda made: float(full_adder_bits(made, 12)), 1000)[-1]
    assert full_adder_bits(found, 12) == full_adder_bits(graph, 12)


def test_a_cost_of_its_own_is_minimised():
    """A cost that wants deep graphs gets one; no more graphs than allowed are judged."""
    graph, judged = best_graph((3, 5, 7, 9, 11, 13)), []

    def shallow_is_dear(made):
        judged.append(made)
        return -float(sum(made.depths))

    found = exchanged(graph, 12, shallow_is_dear, 30)[-1]
    assert sum(found.depths) > sum(graph.depths)
    assert len(judged) <= 31
    assert exchanged(graph, 12, shallow_is_dear, 0) == [graph]


def test_the_direct_form_of_a_published_filter_takes_fewer_bits():
    """CHENYAO01_28B: 517 LUTs in place of 585 on an iCE40 (Yosys 0.70)."""
    half = (-12, 1, 32, 30, -39, -88, 0, 160, 133, -176, -400, 0, 1023, 1936)
    values = (*half, *half[::-1])
    graph = best_graph(values)
    assert bits(values, for_direct(values, graph, PLAIN, 12, 500)[-1]) < 0.95 * bits(values, graph)
