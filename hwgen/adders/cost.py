"""What an adder graph costs beyond its number of adders: full-adder bits."""

import numpy as np

from hwgen.adders.graph import AdderGraph
from hwgen.cost.estimate import adder_bits


def full_adder_bits(graph: AdderGraph, width: int) -> int:
    """Full-adder bits of all adders of `graph` for a signed input of `width` bits.

    Low bits that only one operand has pass by an adder, those of a subtracted operand excepted; the sign bit of node
    ``n * x`` has the weight ``width - 1 + ceil(log2 n)``. Bits that nodes drop (their `lsb`) are not counted.
    """
    if width < 1:
        raise ValueError(f"the input needs at least 1 bit, not {width}")
    if not graph.adders:
        return 0
    lowest = graph.lowest
    left = [lowest[a.left] + a.left_shift for a in graph.adders]
    right = [lowest[a.right] + a.right_shift for a in graph.adders]
    top = [width - 1 + (a.constant - 1).bit_length() for a in graph.adders]
    lsb = [max(a.lsb, min(pair)) for a, *pair in zip(graph.adders, left, right, strict=True)]
    return int(np.sum(adder_bits(top, left, right, lsb, [a.subtract for a in graph.adders])))
