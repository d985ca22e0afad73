"""Graphs in milliseconds: one chain of digits a constant, and greedy closure."""

from collections import Counter
from collections.abc import Iterable

from hwgen.adders.digits import csd, csd_left, odd
from hwgen.adders.graph import Adder, AdderGraph
from hwgen.adders.reach import Odds


def digit_graph(constants: Iterable[int]) -> AdderGraph:
    """Canonical-signed-digit graph: every constant from its own chain of digits, equal partial sums shared.

    This is what a careful engineer writes by hand; it is the baseline of the benchmarks.
    """
    known, adders = {1: 0}, []
    for fundamental in sorted({odd(c)[0] for c in constants} - {0}):
        digits = csd(fundamental)[::-1]
        total, scale = 1, digits[0][0]
        for shift, sign in digits[1:]:
            step = scale - shift
            following = (total << step) + sign
            if following not in known:
                adders.append(Adder(following, known[total], step, 0, 0, sign < 0))
                known[following] = len(adders)
            total, scale = following, shift
    return AdderGraph(tuple(adders)).proved()


class Closure:
    """The nodes built so far and every fundamental one more adder could reach from them.

    `nodes` gives the place of each node in the graph, `reach` for each fundamental within reach the node that brought
    it there. No fundamental exceeds `limit`.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.odds = Odds(limit)
        self.nodes: dict[int, int] = {1: 0}
        self.adders: list[Adder] = []
        self.reach: dict[int, int] = {}
        self._extend(1)

    def _extend(self, value: int) -> None:
        """Add to `reach` what combines `value` with each node, itself included."""
        # Not as a difference of sets: that walks through all that is in reach.
        for found in self.odds.joined([value], self.nodes):
            if found not in self.reach and found not in self.nodes:
                self.reach[found] = value

    def adder(self, fundamental: int) -> Adder:
        """The adder that makes `fundamental`, which is in reach: the first by order of the nodes, smallest shift."""
        value = self.reach[fundamental]
        others = list(self.nodes)[: self.nodes[value] + 1]
        hits = (self.odds.combined([value], others)[0] == fundamental >> 1).any(axis=1)
        other = others[int(hits.argmax())]
        for shift in range(self.limit.bit_length() + 1):
            for big, small in ((value, other), (other, value)):
                lifted = big << shift
                for total, subtract in ((lifted + small, False), (lifted - small, True)):
                    part, down = odd(total)
                    if part != fundamental:
                        continue
                    left, right = (self.nodes[big], shift - down), (self.nodes[small], -down)
                    return Adder(part, *(left + right if total > 0 else right + left), subtract, -down)
        raise ValueError(f"{fundamental} is not in reach")

    def build(self, fundamental: int) -> None:
        """Build the adder that `reach` knows for `fundamental`."""
        self.adders.append(self.adder(fundamental))
        del self.reach[fundamental]
        self.nodes[fundamental] = len(self.adders)
        self._extend(fundamental)

    def include(self, fundamental: int) -> None:
        """Build `fundamental`, along its signed digits where more than one adder is missing."""
        if fundamental == 0 or fundamental in self.nodes:
            return
        total = 0
        for shift, sign in reversed(csd(fundamental)):
            total += sign << shift
            part = odd(total)[0]
            if fundamental in self.reach:
                break
            if part not in self.nodes and part in self.reach:
                self.build(part)
        if fundamental in self.reach:
            self.build(fundamental)


def greedy_graph(constants: Iterable[int]) -> AdderGraph:
    """Adder graph by greedy closure, after RAG-n (Dempster and Macleod 1995) and Hcub (Voronenko and Pueschel 2007).

    Targets one adder away are built at once, smallest first. Otherwise the fundamental is built that brings the most
    targets to distance one, the smallest among equals; failing that, the reachable fundamental that leaves a target
    with the fewest signed digits. Every node is proved equal to its constant times the input.
    """
    targets = {odd(c)[0] for c in constants} - {0, 1}
    if not targets:
        return AdderGraph(())
    limit = (1 << max(targets).bit_length() + 1) - 1
    closure = Closure(limit)
    partners: dict[int, set[int]] = {t: set(closure.odds.divisors(t)) for t in targets}
    seen = dict.fromkeys(targets, 0)  # nodes that the partners of a target account for

    while targets:
        near = min((t for t in targets if t in closure.reach), default=None)
        if near is not None:
            closure.build(near)
            targets.remove(near)
            continue
        nodes = list(closure.nodes)
        votes: Counter[int] = Counter()
        for target in targets:
            partners[target] |= closure.odds.joined([target], nodes[seen[target] :])
            seen[target] = len(nodes)
            votes.update(partners[target] & closure.reach.keys())
        if votes:
            closure.build(min(votes, key=lambda c: (-votes[c], c)))
            continue
        closure.build(_step(min(targets), closure))
    return AdderGraph(tuple(closure.adders)).proved()


def _step(target: int, closure: Closure) -> int:
    """What to build towards a target at distance three or more: the next sum along its signed digits in reach."""
    digits = csd(target)
    top = odd(sum(sign << shift for shift, sign in digits[-2:]))[0]
    while top in closure.nodes:
        digits = [*digits[:-2], (0, 0), (0, 0)] if len(digits) < 4 else digits[:-1]
        top = odd(sum(sign << shift for shift, sign in digits[-2:]))[0]
    return top if top in closure.reach else min(closure.reach, key=lambda c: (csd_left(target - c), c))
