"""Multiple constant multiplication: adder graphs, how to build them, and what they cost."""

from hwgen.adders.cost import full_adder_bits
from hwgen.adders.digits import csd, csd_adders, csd_left, odd
from hwgen.adders.exchange import exchanged
from hwgen.adders.graph import Adder, AdderGraph, shifted
from hwgen.adders.greedy import Closure, digit_graph, greedy_graph
from hwgen.adders.realise import realised
from hwgen.adders.search import FAST, THOROUGH, Found, best_graph, find_graph

__all__ = [
    "FAST",
    "THOROUGH",
    "Adder",
    "AdderGraph",
    "Closure",
    "Found",
    "best_graph",
    "csd",
    "csd_adders",
    "csd_left",
    "digit_graph",
    "exchanged",
    "find_graph",
    "full_adder_bits",
    "greedy_graph",
    "odd",
    "realised",
    "shifted",
]
