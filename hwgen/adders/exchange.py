"""Other adders for the same constants, where costs reach beyond the graph itself, as those of its transposition do."""

from collections.abc import Callable

from hwgen.adders.graph import AdderGraph
from hwgen.adders.realise import Choice, graph_of, options_of, too_long


def exchanged(graph: AdderGraph, width: int, cost: Callable[[AdderGraph], float], evaluations: int) -> list[AdderGraph]:
    """Exchange one node's adder at a time for another that gives the same constant, as long as `cost` falls.

    `realised` gives every node its cheapest adder, which is best for a multiplier block. Which adders are best in the
    transposed graph depends on the words that meet there.

    Parameters
    ----------
    graph
        At full precision; its constants stay as they are.
    width
        Bits of the input, for the order in which adders are tried: the cheapest in the multiplier block first.
    cost
        What a graph costs.
    evaluations
        Graphs that are judged at most.

    Returns
    -------
    list
        The graph and what it became, each cheaper than the one before: the best is the last.
    """
    options = options_of(sorted(set(graph.constants) - {1}), width)
    constants, choice = graph.constants, Choice()
    for adder in graph.adders:
        operands = frozenset((constants[adder.left], constants[adder.right])) - {1}
        choice[adder.constant] = next(way for way in options[adder.constant] if way.operands == operands)
    ways = [(constant, way) for constant, known in options.items() for way in known]
    found, least = [graph], cost(graph)
    place = failed = 0
    while failed < len(ways) and evaluations > 0:
        constant, way = ways[place]
        place, failed = (place + 1) % len(ways), failed + 1
        trial = {**choice, constant: way}
        if way is choice[constant] or too_long(trial, None) is not None:
            continue
        evaluations -= 1
        made = graph_of(trial)
        if (price := cost(made)) < least - 1e-9:
            found.append(made)
            least, choice, failed = price, trial, 0
    return found
