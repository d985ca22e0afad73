"""The cheapest way to compute each constant of a set from the others.

Which adder makes a node changes neither the node nor what others make of it, so that each node may take its cheapest
adder by itself, so long as no node comes to depend on itself (or lies too deep). Where the cheapest ones do not fit
together, best-first search forbids one use after the other; the first choice that fits is the cheapest of all.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np

from hwgen.adders.graph import Adder, AdderGraph
from hwgen.cost.estimate import adder_bits

_TRIES = 400  # choices looked at before the search settles for a good one
_SUBTRACTION = 0.25  # adder bits that a subtraction must save: it inverts an operand


@dataclass(frozen=True)
class Option:
    """One adder for a node: its operands are given by their constants."""

    cost: float
    left: int
    left_shift: int
    right: int
    right_shift: int
    subtract: bool
    lsb: int

    @property
    def operands(self) -> frozenset[int]:
        return frozenset((self.left, self.right)) - {1}


Choice = dict[int, Option]  # the adder of each constant


def realised(constants: Iterable[int], width: int, depth: int | None = None) -> AdderGraph:
    """Graph of exactly the odd `constants`, of the fewest full-adder bits for a signed input of `width` bits.

    Parameters
    ----------
    constants
        The nodes, odd and positive; 1 may be left out. Each must be one adder away from those before it in some order.
    width
        Bits of the input, with the sign.
    depth
        No node lies deeper than that many adders.

    Raises
    ------
    ValueError
        If the constants do not give each other, or not within `depth`.

    Notes
    -----
    Exact unless nodes could depend on each other in very many ways; then it is the best that single exchanges give.
    Between equal costs, additions go before subtractions and shallow operands before deep ones.
    """
    nodes = sorted(set(constants) - {1})
    if any(c < 1 or c % 2 == 0 for c in nodes):
        raise ValueError("the constants of an adder graph are odd and positive")
    options = options_of(nodes, width)
    ranks = _ranks(options)
    late = [c for c in nodes if c not in ranks or (depth is not None and ranks[c] > depth)]
    if late:
        raise ValueError(f"no adders give {late[0]} from the other constants" + _within(depth))
    choice = _cheapest(options, depth) or _exchanged(options, ranks, depth)
    return graph_of(_shallow(options, choice))


def _within(depth: int | None) -> str:
    return "" if depth is None else f" within {depth} of them"


def options_of(nodes: Sequence[int], width: int) -> dict[int, list[Option]]:
    """For each node the cheapest adder from every pair of operands, cheapest first."""
    if not nodes:
        return {}
    every = np.array([1, *nodes])
    bits = int(every[-1]).bit_length() + 1
    n, u = np.array(nodes)[:, None, None], every[None, :, None]
    shift = np.arange(bits + 1)[None, None, :]
    found: dict[int, dict[frozenset[int], Option]] = {c: {} for c in nodes}
    # The other operand v from the node n and one operand u, shifted; the right shift is `down`.
    for rest, flip, down in (
        (n - (u << shift), False, 0),  # n = u << s + v, or n = u << s - v
        (n + (u << shift), True, 0),  # n = v - (u << s)
        ((n << shift) - u, False, shift),  # n << s = u + v, or u - v
        ((n << shift) + u, True, shift),  # n << s = v - u
    ):
        size = np.abs(rest)
        fine = size & -size
        other = size // np.maximum(fine, 1)
        at = np.minimum(np.searchsorted(every, other), len(every) - 1)
        low = np.round(np.log2(np.maximum(fine, 1))).astype(np.int64)
        hit = (every[at] == other) & (size > 0) & (n != u) & (n != other)
        if np.any(down):
            hit &= (low == 0) & (shift > 0)  # both operands odd, so that their sum is even
        where = np.nonzero(hit)
        lift = (np.zeros_like(shift) if np.any(down) else shift)[0, 0, where[2]]
        below = np.broadcast_to(down, shift.shape)[0, 0, where[2]]
        values, signs = other[where], rest[where] < 0
        left, right = (values, every[where[1]]) if flip else (every[where[1]], values)
        a, b = (low[where], lift) if flip else (lift, low[where])
        minus = np.ones(len(values), dtype=bool) if flip else signs
        a, b = a - below, b - below
        lsb = np.minimum(a, b)
        heads = np.array([width - 1 + (c - 1).bit_length() for c in nodes])[where[0]]
        cost = adder_bits(heads, a, b, lsb, minus) + _SUBTRACTION * minus
        for k, c, x, i, y, j, m, t in zip(where[0].tolist(), cost, left, a, right, b, minus, lsb, strict=True):
            option = Option(float(c), int(x), int(i), int(y), int(j), bool(m), int(t))
            kept = found[nodes[k]].get(option.operands)
            if kept is None or option.cost < kept.cost:
                found[nodes[k]][option.operands] = option
    order = {c: k for k, c in enumerate(nodes)}
    return {
        c: sorted(ways.values(), key=lambda w: (w.cost, len(w.operands), sorted(order[o] for o in w.operands)))
        for c, ways in found.items()
    }


def _ranks(options: dict[int, list[Option]]) -> dict[int, int]:
    """Least depth of each node that can be built at all."""
    ranks: dict[int, int] = {1: 0}

    def reached() -> list[int]:
        return [c for c, ways in options.items() if c not in ranks and any(w.operands <= ranks.keys() for w in ways)]

    while fresh := reached():
        ranks |= dict.fromkeys(fresh, 1 + max(ranks.values()))
    return ranks


def too_long(choice: Choice, depth: int | None) -> list[int] | None:
    """A path of nodes, each using the next, that is a cycle or longer than `depth`; None if there is none."""
    height: dict[int, int] = {1: 0}

    def visit(node: int, path: list[int]) -> list[int] | None:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in height:
            return None
        for operand in sorted(choice[node].operands):
            if bad := visit(operand, [*path, node]):
                return bad
        height[node] = 1 + max((height[o] for o in choice[node].operands), default=0)
        return None

    for node in choice:
        if bad := visit(node, []):
            return bad
    deep = max(choice, key=lambda c: height[c], default=1)
    if depth is None or height[deep] <= depth:
        return None
    path = [deep]
    while choice[path[-1]].operands:
        path.append(max(sorted(choice[path[-1]].operands), key=lambda c: height[c]))
    return path


def _cheapest(options: dict[int, list[Option]], depth: int | None) -> Choice | None:
    """Best-first search over forbidden uses; None when it takes too many tries."""
    first = {c: ways[0] for c, ways in options.items()}
    ticket = count()  # ties in order of arrival
    heap = [(sum(w.cost for w in first.values()), next(ticket), first, frozenset[tuple[int, int]]())]
    seen = set()
    for _ in range(_TRIES):
        if not heap:
            return None
        total, _, choice, forbidden = heapq.heappop(heap)
        path = too_long(choice, depth)
        if path is None:
            return choice
        for user, used in pairwise(path):
            uses = forbidden | {(user, used)}
            if uses in seen:
                continue
            seen.add(uses)
            way = next((w for w in options[user] if not any((user, o) in uses for o in w.operands)), None)
            if way is not None:
                heapq.heappush(heap, (total + way.cost - choice[user].cost, next(ticket), {**choice, user: way}, uses))
    return None


def _exchanged(options: dict[int, list[Option]], ranks: dict[int, int], depth: int | None) -> Choice:
    """A choice that fits, by least depth, improved by exchanging one node's adder at a time."""
    choice = {c: next(w for w in ways if all(ranks[o] < ranks[c] for o in w.operands)) for c, ways in options.items()}
    changed = True
    while changed:
        changed = False
        for node, ways in options.items():
            for way in ways:
                if way.cost >= choice[node].cost:
                    break
                if too_long({**choice, node: way}, depth) is None:
                    choice[node], changed = way, True
                    break
    return choice


def _heights(choice: Choice) -> dict[int, int]:
    """Depth of each node, in an order of dependence."""
    height: dict[int, int] = {1: 0}

    def visit(node: int) -> int:
        if node not in height:
            height[node] = 1 + max((visit(o) for o in sorted(choice[node].operands)), default=0)
        return height[node]

    for node in choice:
        visit(node)
    return height


def _shallow(options: dict[int, list[Option]], choice: Choice) -> Choice:
    """The choice with equally cheap adders of shallower operands where there are any."""
    height = _heights(choice)
    while True:
        for node, ways in options.items():
            alike = (w for w in ways if w.cost <= choice[node].cost)
            way = min(alike, key=lambda w: max((height[o] for o in w.operands), default=0))
            if 1 + max((height[o] for o in way.operands), default=0) < height[node]:
                choice = {**choice, node: way}
                height = _heights(choice)
                break
        else:
            return choice


def graph_of(choice: Choice) -> AdderGraph:
    """The graph of one adder for each constant, proved."""
    height = _heights(choice)
    order = [1, *sorted(choice, key=lambda c: (height[c], c))]
    place = {c: k for k, c in enumerate(order)}
    return AdderGraph(
        tuple(
            Adder(c, place[w.left], w.left_shift, place[w.right], w.right_shift, w.subtract, min(w.lsb, 0))
            for c, w in ((c, choice[c]) for c in order[1:])
        )
    ).proved()
