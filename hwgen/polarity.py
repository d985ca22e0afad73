"""In which adders of a signal-flow graph the word is the complement of the value, so that subtracting is free.

On an iCE40 both operands of an adder enter its carry cells as they are. What is subtracted is inverted first, in a LUT
a bit, whereas the LUTs of the adder that makes it could have inverted it for nothing. With ``~v = -v - 1``,

    left + right  = left + right              ~(left + right) = ~left + ~right + 1
    left - right  = left + ~right + 1         ~(left - right) = ~left + right

so an adder takes both operands as they are or both the other way round, and gives either form. Which form each word
has is a colouring of the graph in two colours: an adder asks for equal ones where it adds, for different ones where
it subtracts. Words of registers that rest at 0 have one colour. Where no colouring serves all, words are inverted
in LUTs for some of their uses: narrow ones, as the widest are coloured first. Low bits that pass by an adder, where
the other operand has zeros, are inverted in LUTs where its word is in the other form than its adder gives.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from hwgen.flowgraph import FlowGraph, Sum

_SWEEPS = 3
_GROUND = -1  # what values that must be there as they are have the colour of


def polarised(graph: FlowGraph, widths: Sequence[float]) -> FlowGraph:
    """The same values, with `inverted` and `mirrored` set for the fewest inverted bits that a greedy colouring finds.

    Parameters
    ----------
    widths
        Bits of each node's word, the input's first, or what else its inversion costs.
    """
    asked: list[list[tuple[int, bool]]] = [[] for _ in range(len(graph.nodes) + 1)]
    for a, b, differ in _demands(graph):
        asked[a].append((b, differ))
        if b != _GROUND:
            asked[b].append((a, differ))
    colours, both = _Colours(), set[int]()
    placed = {_GROUND}
    for k in sorted(range(len(asked)), key=lambda k: (-widths[k], k)):
        known = [(other, differ) for other, differ in asked[k] if other in placed]
        if (k, True) not in asked[k] and colours.agree(k, known):
            placed.add(k)
        else:
            both.add(k)
    _oriented(graph, colours, both)
    nodes = list(graph.nodes)
    for k, node in enumerate(graph.nodes, start=1):
        if isinstance(node, Sum):
            nodes[k - 1] = replace(node, inverted=colours.of(k), mirrored=_mirrored(node, colours, both))
    return FlowGraph(tuple(nodes), graph.outputs)


def _oriented(graph: FlowGraph, colours: "_Colours", both: set[int]) -> None:
    """Turn sets of nodes whose colours are free to the side on which fewest bits that pass an adder are inverted."""
    passing = [(k, node, passed(graph, node)) for k, node in enumerate(graph.nodes, start=1) if isinstance(node, Sum)]
    touched: dict[int, list[tuple[int, Sum, int]]] = {}
    for k, node, bits in passing:
        for other in {colours.root(j) for j in (k, node.left, node.right)} if bits else ():
            touched.setdefault(other, []).append((k, node, bits))

    def spent(root: int) -> int:
        return sum(bits for k, node, bits in touched[root] if colours.of(k) != _mirrored(node, colours, both))

    for _ in range(_SWEEPS):
        for root in sorted(set(touched) - {_GROUND}, key=lambda root: (touched[root][0][0], root)):
            before = spent(root)
            colours.turn(root)
            if spent(root) >= before:
                colours.turn(root)


def passed(graph: FlowGraph, node: Sum) -> int:
    """Low bits of an adder's word that are those of one operand: they cost nothing, unless they are inverted."""
    left, right = (graph.lsbs[source] + shift - node.lsb for source, shift, _ in node.operands)
    return max(right, 0) or (0 if node.subtract else max(left, 0))


def inverting(graph: FlowGraph) -> tuple[int, ...]:
    """The nodes whose words are inverted in LUTs for one of their uses or more."""
    found = set[int]()
    for node in graph.nodes:
        if isinstance(node, Sum):
            found |= {source for source, asked in node.complements if asked != graph.inverted(source)}
        elif graph.inverted(node.source):
            found.add(node.source)
    found |= {output.node for output in graph.outputs if graph.inverted(output.node) and not output.negative}
    return tuple(sorted(found))


def _demands(graph: FlowGraph) -> Iterator[tuple[int, int, bool]]:
    """Pairs of nodes whose words should have the same form, or where the last is set, different ones."""
    yield 0, _GROUND, False
    for k, node in enumerate(graph.nodes, start=1):
        if isinstance(node, Sum):
            yield node.left, node.right, node.subtract
        else:  # a register that rests at 0, and what goes into it
            yield node.source, _GROUND, False
            yield k, _GROUND, False
    for output in graph.outputs:
        if output.node in graph.sums:
            yield output.node, _GROUND, output.negative


def _mirrored(node: Sum, colours: "_Colours", both: set[int]) -> bool:
    """Whether an adder takes its operands the other way round: as the one wants that is there in one form alone."""
    left, right = colours.of(node.left), colours.of(node.right) != node.subtract
    return right if node.left in both and node.right not in both else left


class _Colours:
    """Nodes whose colours depend on each other: disjoint sets with parity."""

    def __init__(self) -> None:
        self.parent: dict[int, tuple[int, bool]] = {}
        self.turned = set[int]()  # roots of sets whose colours are all the other one

    def of(self, k: int) -> bool:
        """Whether the colour is not the ground's."""
        root, parity = self._root(k)
        return parity != (root in self.turned)

    def root(self, k: int) -> int:
        """A node that stands for the set of node `k`; the ground for its own."""
        return self._root(k)[0]

    def turn(self, root: int) -> None:
        """Change the colours of a set."""
        self.turned ^= {root}

    def _root(self, k: int) -> tuple[int, bool]:
        other = False
        while k in self.parent:
            k, step = self.parent[k]
            other ^= step
        return k, other

    def agree(self, k: int, demands: Sequence[tuple[int, bool]]) -> bool:
        """Join node `k`, alone so far, to others, each in the same colour or not.

        False, and no change, where no colour serves them all.
        """
        wanted: dict[int, bool] = {}  # for each of their sets, whether k has not the colour of its root
        for other, differ in demands:
            root, parity = self._root(other)
            if wanted.setdefault(root, parity ^ differ) != parity ^ differ:
                return False
        first = _GROUND if _GROUND in wanted else next(iter(wanted), None)
        if first is None:
            return True
        for root, differ in wanted.items():
            if root != first:
                self.parent[root] = (first, differ ^ wanted[first])
        self.parent[k] = (first, wanted[first])
        return True
