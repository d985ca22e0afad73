"""Building a signal-flow graph: multiplier blocks, sums of products and trees, signs free, cheapest adders first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from hwgen.adders import AdderGraph
from hwgen.cost.estimate import Fabric, adder_bits
from hwgen.flowgraph import Delay, FlowGraph, Output, Sum
from hwgen.joined import joined
from hwgen.polarity import polarised

_WIDTH = 12  # of the input, where a choice hangs on it


@dataclass(frozen=True)
class Term:
    """A signed, shifted node on its way into a sum: ``+-(node << shift)``."""

    node: int
    shift: int
    negative: bool = False

    def moved(self, shift: int, negative: bool) -> "Term":
        return Term(self.node, self.shift + shift, self.negative != negative)


class Builder:
    """Nodes so far, with the lowest bit and the size of each, in input LSBs.

    With `exact` no constant is added to the output, and a negative one takes an adder. `positive` is how many adder
    bits a sum in a tree may take more if it is positive. With `fours` trees add two pairs at once, then their sums.
    """

    def __init__(self, fabric: Fabric, exact: bool = False, positive: float = 0.0, fours: bool = False) -> None:
        self.fabric, self.exact, self.positive, self.fours, self.prefix = fabric, exact, positive, fours, ""
        self.nodes: list[Sum | Delay] = []
        self.low, self.size = [0], [1.0]
        self.delayed: dict[tuple[int, int], int] = {}
        self.spent = 0.0  # adder bits of `add`, up to those that a wider input brings

    def _append(self, node: Sum | Delay, low: int, size: float) -> int:
        self.nodes.append(node)
        self.low.append(low)
        self.size.append(size)
        return len(self.nodes)

    def delay(self, node: int, samples: int, name: str) -> int:
        """`node` that many samples ago; the same delay is built once."""
        if samples == 0:
            return node
        if (node, samples) not in self.delayed:
            made = self._append(Delay(self.prefix + name, node, samples), self.low[node], self.size[node])
            self.delayed[node, samples] = made
        return self.delayed[node, samples]

    def block(self, graph: AdderGraph, source: int, needed: Iterable[int] | None = None, suffix: str = "") -> list[int]:
        """The multiplier block over node `source`; gives the node of each of its constants.

        With `needed`, nodes of the adder graph, only those and what they are made of; the others give `source`.
        """
        wanted = set(range(len(graph)) if needed is None else needed)
        for k in range(len(graph) - 1, 0, -1):
            if k in wanted:
                wanted |= {graph.adders[k - 1].left, graph.adders[k - 1].right}
        found = [source]
        for k, adder in enumerate(graph.adders, start=1):
            if k not in wanted:
                found.append(source)
                continue
            left, right = found[adder.left], found[adder.right]
            low = min(self.low[left] + adder.left_shift, self.low[right] + adder.right_shift)
            node = Sum(f"{self.prefix}x{adder.constant}{suffix}", left, adder.left_shift, right, adder.right_shift,
                       adder.subtract, low)  # fmt: skip
            found.append(self._append(node, low, self.size[source] * adder.constant))
        return found

    def bits(self, node: int) -> float:
        """Width of a node's word, up to that of the input."""
        return float(np.ceil(np.log2(self.size[node])) - self.low[node] + 1)

    def rests(self, node: int) -> bool:
        """Whether a word is in a register that rests at 0; others can be kept inverted (see `hwgen.polarity`)."""
        return node == 0 or isinstance(self.nodes[node - 1], Delay)

    def cost(self, left: Term, right: Term, subtract: bool) -> float:
        """Adder bits of ``left +- right``, what inverting costs included."""
        lows = [self.low[t.node] + t.shift for t in (left, right)]
        sizes = [self.size[t.node] * 2.0**t.shift for t in (left, right)]
        top = np.ceil(np.log2(sum(sizes)))
        bits = float(adder_bits(top, lows[0], lows[1], min(lows), subtract))
        if subtract and self.rests(left.node) and self.rests(right.node):
            bits += self.fabric.inverting * (np.ceil(np.log2(sizes[1])) - lows[1] + 1)
        return bits

    def choices(self, a: Term, b: Term) -> list[tuple[float, Term, Term, bool, bool]]:
        """Ways to add two terms: ``(cost, left, right, subtract, negative)``."""
        if a.negative == b.negative:
            return [(self.cost(a, b, False), a, b, False, a.negative)]
        return [(self.cost(x, y, True), x, y, True, x.negative) for x, y in ((a, b), (b, a))]

    def add(self, name: str, choice: tuple[float, Term, Term, bool, bool], keep: bool = True) -> Term:
        """Build one of the `choices`."""
        bits, left, right, subtract, negative = choice
        self.spent += bits
        low = min(self.low[left.node] + left.shift, self.low[right.node] + right.shift)
        size = self.size[left.node] * 2.0**left.shift + self.size[right.node] * 2.0**right.shift
        # Shifts that all operands share move behind the sum: its word has no zeros below.
        node = Sum(self.prefix + name, left.node, left.shift - low, right.node, right.shift - low, subtract, 0, keep)
        return Term(self._append(node, 0, size / 2.0**low), low, negative)

    def tree(self, terms: list[Term], name: Callable[[], str]) -> Term:
        """Sum of the terms: small words first, as in a Huffman tree, and of those the pair that costs least.

        With `fours`, sums of so many words that three adders at a time are all of them.
        """
        left, known = dict(enumerate(terms)), dict[tuple[int, int], tuple[float, Term, Term, bool, bool]]()

        def rank(i: int, j: int) -> tuple[float, int, int]:
            a, b = left[i], left[j]
            known[i, j] = self._chosen(a, b)
            lows = [self.low[t.node] + t.shift for t in (a, b)]
            largest = max(np.log2(self.size[t.node]) + t.shift for t in (a, b))
            # Weights of the fewest adder bits over published filters, 3 % fewer than by cost alone. Words of equal sign
            # first: one subtraction then serves many of them.
            apart, unlike = abs(lows[0] - lows[1]), a.negative != b.negative
            unlike &= self.rests(a.node) and self.rests(b.node)
            return float(known[i, j][0] + 3.0 * largest + 0.5 * apart + 30.0 * self.fabric.inverting * unlike), i, j

        ranks = [rank(i, j) for j in left for i in range(j)]
        heapify(ranks)
        count = iter(range(len(terms), 2 * len(terms)))

        def closest() -> tuple[int, int]:
            while not {ranks[0][1], ranks[0][2]} <= left.keys():
                heappop(ranks)
            _, i, j = heappop(ranks)
            del left[i], left[j]
            return i, j

        def put(total: Term) -> None:
            made = next(count)
            others, left[made] = list(left), total
            for other in others:
                heappush(ranks, rank(other, made))

        while len(left) > 1:
            pairs = [closest()]
            if self.fours and len(left) % 3 == 2:
                pairs.append(closest())
            sums = [self.add(name(), known[pair]) for pair in pairs]
            put(sums[0] if len(sums) == 1 else self.add(name(), self._chosen(*sums)))
        return next(iter(left.values()))

    def _chosen(self, a: Term, b: Term) -> tuple[float, Term, Term, bool, bool]:
        """The cheapest way to add two terms."""
        return min(self.choices(a, b), key=lambda choice: choice[0] + self.positive * choice[4])

    def negating(self, output: Term) -> float:
        """Adder bits that negating an output takes."""
        if not (self.exact and output.negative):
            return 0.0
        return float(np.ceil(np.log2(self.size[output.node])) + 1)

    def dot(self, weighted: Sequence[tuple[Term, int]], graph: AdderGraph, name: Callable[[], str]) -> Term:
        """Sum of terms times integer constants: the adder graph transposed.

        Reversing every arrow of a graph that multiplies one input by many constants gives one that adds many inputs
        times the same constants (Tellegen); forks become adders.
        """
        waiting: list[list[Term]] = [[] for _ in range(len(graph))]
        for term, value in weighted:
            if value:
                node, shift = graph.find(value)
                waiting[node].append(term.moved(shift, value < 0))
        for k in range(len(graph) - 1, 0, -1):
            if waiting[k]:
                adder, total = graph.adders[k - 1], self.tree(waiting[k], name)
                waiting[adder.left].append(total.moved(adder.left_shift, False))
                waiting[adder.right].append(total.moved(adder.right_shift, adder.subtract))
        return self.tree(waiting[0], name)

    def finished(self, *outputs: Term) -> FlowGraph:
        """The graph; where inverting costs, with its words in the form that saves most of it, where sums of four words
        are cheap, with adders joined.
        """
        made = self._bare(*outputs)
        if self.fabric.joins:
            return joined(made, self.low, self._tops)[0]
        return polarised(made, [self.bits(k) for k in range(len(self.size))]) if self.fabric.inverting else made

    def saved(self, *outputs: Term) -> int:
        """Adder bits that joining saves."""
        return joined(self._bare(*outputs), self.low, self._tops)[1] if self.fabric.joins else 0

    @property
    def _tops(self) -> list[int]:
        return [int(np.ceil(np.log2(size))) + _WIDTH - 1 for size in self.size]

    def _bare(self, *outputs: Term) -> FlowGraph:
        return FlowGraph(tuple(self.nodes), tuple(Output(t.node, t.shift, t.negative) for t in outputs))
