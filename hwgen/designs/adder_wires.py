"""Adders of a signal-flow graph as arrays, and their full-adder bits: what Yosys shares, what is inverted.

LSBs are weights, powers of two in input LSBs, in arrays (P, adders).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.flowgraph import FlowGraph, Sum


@dataclass(frozen=True)
class Wires:
    """The adders as arrays: node, operands and shifts (left, right), whether the right is subtracted, whether kept,
    which operands (left, right) are inverted for it, and whether what it gives is inverted again.
    """

    sums: NDArray[np.int64]
    sources: NDArray[np.int64]
    shifts: NDArray[np.int64]
    subtract: NDArray[np.bool_]
    keep: NDArray[np.bool_]
    inverts: NDArray[np.bool_]
    again: NDArray[np.bool_]

    @classmethod
    def of(cls, graph: FlowGraph) -> "Wires":
        """Those of a graph, in the order of its sums."""
        sums = [node for node in graph.nodes if isinstance(node, Sum)]
        return cls(
            np.array(graph.sums, dtype=np.int64),
            np.array([(n.left, n.right) for n in sums], dtype=np.int64).reshape(-1, 2),
            np.array([(n.left_shift, n.right_shift) for n in sums], dtype=np.int64).reshape(-1, 2),
            np.array([n.subtract for n in sums], dtype=bool),
            np.array([n.keep for n in sums], dtype=bool),
            np.array(
                [[asked != graph.inverted(source) for source, asked in n.complements] for n in sums], dtype=bool
            ).reshape(-1, 2),
            np.array([n.mirrored != n.inverted for n in sums], dtype=bool),
        )


@dataclass(frozen=True)
class Shared:
    """Full-adder bits of kept adders, those of negated operands that adders share, and how many adders are odd."""

    own: NDArray[np.float64]
    negated: NDArray[np.float64]
    odd: NDArray[np.float64]


def shared(
    wires: Wires,
    tops: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    lsbs: NDArray[np.int64],
    bits: NDArray[np.float64],
) -> Shared:
    """Count the bits of kept adders, with what Yosys shares between adders of the same operands.

    The low bits of ``(u << i) - v`` are those of ``-v``, the same for every u; where the operands do not overlap, the
    high bits of ``(u << i) +- v`` are ``u`` and a borrow, the same for every i.
    """
    kept = wires.keep
    sources, subtract = wires.sources[kept], wires.subtract[kept]
    left, right, lsbs, bits = left[:, kept], right[:, kept], lsbs[:, kept], bits[:, kept]
    above = tops[sources[:, 1]] + wires.shifts[kept, 1] + 1
    tails = np.where(subtract & (right <= lsbs), np.clip(np.minimum(left, above) - lsbs, 0, bits), 0.0)
    rest, apart = bits - tails, left >= above
    negated = _grouped(np.maximum, tails, np.where(subtract, sources[:, 1], -1))
    heads = _grouped(np.maximum, np.where(apart, rest, 0.0), sources[:, 0] * 2 + subtract)
    own = np.where(apart, 0.0, rest)
    odd = sum((part % 2).sum(axis=1) for part in (own, heads, negated))
    return Shared(own.sum(axis=1) + heads.sum(axis=1), negated.sum(axis=1), np.asarray(odd, dtype=np.float64))


def inverted(
    wires: Wires,
    tops: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    bits: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Bits of words that are inverted for some adder, each once."""
    if not wires.inverts.any():
        return np.zeros(len(bits))
    nodes = wires.sources[wires.inverts]
    entering = np.stack([left, right], axis=2) - wires.shifts
    lows = _grouped(np.minimum, entering[:, wires.inverts], nodes)
    starts = np.full((len(bits), len(tops)), np.iinfo(np.int64).min)  # lowest bit that a kept node computes itself
    kept = wires.sums[wires.keep]
    starts[:, kept] = (tops[kept] + 1 - bits[:, wires.keep]).astype(np.int64)
    distinct = np.unique(nodes)
    return np.maximum(tops[distinct] + 1.0 - np.maximum(lows, starts[:, distinct]), 0).sum(axis=1)


def passed(
    wires: Wires, left: NDArray[np.int64], right: NDArray[np.int64], lsbs: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Bits that pass by an adder and are inverted behind it."""
    low = np.where(right > lsbs, right - lsbs, np.where(wires.subtract, 0, left - lsbs))
    return np.asarray((low * wires.again).sum(axis=1), dtype=np.float64)


def _grouped(reduce: np.ufunc, values: NDArray, groups: NDArray[np.int64]) -> NDArray:
    """Reduce columns of `values` by group, in the order of the groups' numbers."""
    if not len(groups):
        return values
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order][0] - 1))
    return np.asarray(reduce.reduceat(values[:, order], starts, axis=1))
