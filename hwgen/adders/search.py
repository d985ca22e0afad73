"""Adder graphs of the fewest adders, proved to be so where the search can afford it, and of few full-adder bits."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, islice

from hwgen.adders.cost import full_adder_bits
from hwgen.adders.deepen import Effort, completions
from hwgen.adders.digits import csd, odd
from hwgen.adders.graph import AdderGraph
from hwgen.adders.greedy import greedy_graph
from hwgen.adders.reach import Front, Odds
from hwgen.adders.realise import realised

FAST = 20_000
THOROUGH = 2_000_000

_WIDEST = 17  # bits of a constant: the tables hold every odd number twice as large
_MOST = 3  # constants exchanged at a time
_LOOKED_AT = 16  # completions of one exchange whose bits are counted
_REALISED = 40  # pairs that realising a graph is worth for each of its nodes


@dataclass(frozen=True)
class Found:
    """An adder graph and what is known about the fewest adders.

    Attributes
    ----------
    graph
        The graph; it has ``len(graph) - 1`` adders.
    fewest
        Lower bound on the adders of any graph, proved: of graphs within the bound on the depth, if there is one, none
        of whose constants is over one bit wider than the widest asked for.
    """

    graph: AdderGraph
    fewest: int

    @property
    def optimal(self) -> bool:
        """Whether no graph has fewer adders."""
        return len(self.graph.adders) == self.fewest


def best_graph(
    constants: Iterable[int], effort: int = THOROUGH, width: int = 12, depth: int | None = None
) -> AdderGraph:
    """Adder graph of the fewest adders found, and among those of few full-adder bits; see `find_graph`."""
    return find_graph(constants, effort, width, depth).graph


def find_graph(constants: Iterable[int], effort: int = THOROUGH, width: int = 12, depth: int | None = None) -> Found:
    """Search for an adder graph of the fewest adders, and among those for one of few full-adder bits.

    First a greedy graph, whose intermediate constants are exchanged a few at a time for fewer others; then all sets of
    none, one, two, ... intermediate constants (iterative deepening) up to one fewer than known; then exchanges for as
    many others that take fewer full-adder bits. Each node is realised by its cheapest adder (`realised`).

    Parameters
    ----------
    constants
        What to multiply by; signs, powers of two and zeros are free.
    effort
        Pairs of constants the search for fewer adders may combine, 2 to 10 microseconds each; as much as a quarter
        more goes into fewer bits. The result depends on nothing else.
    width
        Bits of the input, for the full-adder bits.
    depth
        No node lies deeper than that many adders.

    Raises
    ------
    ValueError
        If no graph of that `depth` gives the constants: ``2**depth`` signed digits are the most it can.

    Notes
    -----
    Constants wider than 17 bits are left to `greedy_graph` (or to trees of digits within `depth`): the tables of the
    search would be too large.
    """
    targets = sorted({odd(c)[0] for c in constants} - {0, 1})
    if effort < 0:
        raise ValueError(f"the effort counts pairs, at least 0, not {effort}")
    for target in targets:
        if depth is not None and len(csd(target)) > 1 << max(depth, 0):
            raise ValueError(f"no graph of depth {depth} multiplies by {target}: it has {len(csd(target))} digits")
    if not targets:
        return Found(AdderGraph(()), 0)
    start = sorted(set(greedy_graph(targets).constants)) if depth is None else _trees(targets)
    if targets[-1].bit_length() > _WIDEST:
        return Found(realised(start, width, depth), len(targets))
    return _Search(targets, width, depth).run(start, effort)


def _trees(targets: Iterable[int]) -> list[int]:
    """Every sum in balanced trees over the signed digits of the targets: depth ``ceil(log2 digits)``."""
    found = {1}

    def visit(digits: list[tuple[int, int]]) -> None:
        found.add(odd(sum(sign << shift for shift, sign in digits))[0])
        if len(digits) > 1:
            visit(digits[: len(digits) // 2])
            visit(digits[len(digits) // 2 :])

    for target in targets:
        visit(csd(target))
    return sorted(found)


class _Search:
    """The targets and how a set of constants is judged."""

    def __init__(self, targets: list[int], width: int, depth: int | None) -> None:
        self.targets, self.width, self.depth = targets, width, depth
        self.odds = Odds((2 << targets[-1].bit_length()) - 1)

    def run(self, start: list[int], effort: int) -> Found:
        best = self.reduced([c for c in start if c not in {1, *self.targets}], Effort(effort // 4))
        fewest, best = self.deepened(best, Effort(effort))
        graph = self.cheapened(best, Effort(effort // 4))
        return Found(graph, fewest)

    def front(self, kept: Iterable[int]) -> Front:
        return Front(self.odds, [*self.targets, *kept], self.depth)

    def extras(self, front: Front) -> list[int]:
        return [c for c in front.nodes if c not in {1, *self.targets}]

    def reduced(self, extras: list[int], effort: Effort) -> list[int]:
        """Fewer extra constants: as long as one to three of them can be exchanged for one fewer."""
        count = 1
        while count <= min(_MOST, len(extras)) and effort.left > 0:
            for gone in combinations(extras, count):
                kept = [c for c in extras if c not in gone]
                if not effort.spend(len(self.targets) + len(kept)):
                    break
                found = next(completions(self.front(kept), count - 1, effort), None)
                if found is not None:
                    extras, count = self.extras(found), 0
                    break
            count += 1
        return extras

    def deepened(self, extras: list[int], effort: Effort) -> tuple[int, list[int]]:
        """Lower bound on the adders and the fewest extra constants, by trying all sets of fewer than those known."""
        for extra in range(len(extras)):
            found = next(completions(self.front(()), extra, effort), None)
            if found is not None:
                return len(self.targets) + extra, self.extras(found)
            if effort.left < 0:
                return len(self.targets) + extra, extras
        return len(self.targets) + len(extras), extras

    def graph(self, extras: Iterable[int]) -> AdderGraph:
        return realised([*self.targets, *extras], self.width, self.depth)

    def cheapened(self, extras: list[int], effort: Effort) -> AdderGraph:
        """Graph of as many adders with fewer full-adder bits: one or two extra constants exchanged at a time."""
        best = self.graph(extras)
        least, count = self.judged(best), 1
        while count <= min(2, len(extras)) and effort.left > 0:
            for gone in combinations(extras, count):
                kept = [c for c in extras if c not in gone]
                better = self.cheaper(kept, count, effort, least)
                if better is not None:
                    best, extras = better
                    least, count = self.judged(best), 0
                    break
            count += 1
        return best

    def judged(self, graph: AdderGraph) -> tuple[int, int, int]:
        return len(graph), full_adder_bits(graph, self.width), max(graph.depths)

    def cheaper(
        self, kept: list[int], count: int, effort: Effort, least: tuple[int, int, int]
    ) -> tuple[AdderGraph, list[int]] | None:
        """The cheapest of the first few completions of `kept`, if it beats `least`."""
        best = None
        share = Effort(effort.left // 8 + 1)
        before = share.left
        for found in islice(completions(self.front(kept), count, share), _LOOKED_AT):
            if not share.spend(_REALISED * len(found.nodes)):
                break
            graph = self.graph(self.extras(found))
            if self.judged(graph) < least:
                least, best = self.judged(graph), (graph, self.extras(found))
        effort.spend(before - share.left)
        return best
