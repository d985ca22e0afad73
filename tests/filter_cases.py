"""Small filters in any structure, with bits dropped at will."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import Adder, AdderGraph, greedy_graph
from hwgen.blocks.fir import Fir
from hwgen.check.stimuli import directed
from hwgen.cost.estimate import PLAIN, Fabric
from hwgen.fixed import Format
from hwgen.flowgraph import FlowGraph
from hwgen.structures import PHASES, STRUCTURES, cascade

SAMPLE, OUTPUT = Format(1, 6), Format(2, 5)
INVERTING, JOINING = Fabric(inverting=1.0), Fabric(joins=True)
LAST = (5, 19, 5)  # factor behind the given one in a cascade, in z**2


def coarser(graph: FlowGraph, bits: Sequence[int]) -> FlowGraph:
    """The graph with that many bits more dropped at each adder; `bits` are repeated as often as needed."""
    if not bits:
        return graph
    lsbs = [graph.lsbs[k] + more for k, more in zip(graph.sums, cycle(bits), strict=False)]
    return graph.with_lsbs(lsbs)


def filter_of(
    coefficients: tuple[int, ...],
    dropping: Sequence[int],
    *,
    structure: str = "transposed",
    input: Format = SAMPLE,
    output: Format = OUTPUT,
    fraction: int = 6,
    graph: AdderGraph | None = None,
    interpolate: int = 1,
    fabric: Fabric = PLAIN,
    **more: object,
) -> Fir:
    """A filter that drops these bits at its adders in turn; a cascade is of the coefficients and `LAST`."""
    adders = greedy_graph(coefficients) if graph is None else graph
    if structure == "cascade":
        parts = [(coefficients, 1, adders, "transposed"), (LAST, 2, greedy_graph(LAST), "direct")]
        flow = cascade(parts, fabric)
        coefficients = tuple(int(v) for v in np.convolve(coefficients, [LAST[0], 0, LAST[1], 0, LAST[2]]))
    elif interpolate > 1:
        flow = PHASES[structure](coefficients, adders, interpolate, fabric)
    else:
        flow = STRUCTURES[structure](coefficients, adders, fabric)
    return Fir(
        coefficients, fraction, input, output, coarser(flow, dropping), structure=structure, interpolate=interpolate,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


def stimulus(fir: Fir, count: int, seed: int) -> NDArray:
    """Impulses, steps, alternation and the sign-matched worst case, then random words."""
    low, high = fir.input.minimum, fir.input.maximum
    wild = np.random.default_rng(seed).integers(low, high, count, endpoint=True, dtype=np.int64)
    return np.concatenate([directed(fir.coefficients, fir.input, len(fir.coefficients)), wild])


HALVED = AdderGraph((Adder(5, 0, 2, 0, 0, False), Adder(33, 0, 5, 0, 0, False), Adder(19, 1, -1, 2, -1, False, -1)))

# Bits dropped at the adders, in turn, multiplier block first. Unless told, samples are s1.6 and products end at 2**-12.
CASES = {
    "odd length, sums cut more and more": filter_of((-7, 0, 45, 93, 45, 0, -7), (0, 0, 0, 0, 1, 2, 3, 3, 4)),
    "even length, sums cut at once": filter_of((3, -26, 57, 57, -26, 3), (0, 0, 0, 0, 4, 2, 3, 1)),
    "nodes cut too": filter_of((11, -45, 90, 117, -45, 11), (2, 1, 0, 3, 1)),
    "asymmetric": filter_of((1, -2, 37, -53, 19, 64, 5), (0, 2, 1, 5, 0, 3)),
    "all negative, starts with zeros": filter_of((0, 0, -23, -41, 0, -13), (1, 2)),
    "one tap": filter_of((-27,), (3,)),
    "a single tap, late": filter_of((0, 0, 27), (3,)),
    "unsigned input": filter_of((4, 7, 45, -16, 3), (1, 3, 2), input=Format(0, 7, False)),
    "unsigned output": filter_of((4, 7, 45, 16, 3), (2, 1), output=Format(1, 4, False)),
    "unsigned one-bit input": filter_of((5, -3, 2), (1,), input=Format(1, 0, False)),
    "right-shifted node": filter_of((38, 5, -19, 33), (0, 0, 0, 2, 1, 3), graph=HALVED),
    "right-shifted node, cut": filter_of((38, 5, -19, 33), (2, 1, 1, 2), graph=HALVED),
    "wide input": filter_of((3, -26, 57, 57, -26, 3), (3, 1, 4, 2), input=Format(1, 17)),
    "wide unsigned input": filter_of((38, 5, -19, 33), (3, 1, 2), graph=HALVED, input=Format(0, 18, False)),
    "output finer than the sum": filter_of((11, 45, 11), (5, 4), output=Format(2, 8)),
    "output coarser than one": filter_of((60, 45, 63), (2,), input=Format(7, 0), output=Format(6, -3)),
    "equal widths": filter_of((-7, 3, 45, 93, 45), (0, 1, 0, 2), equal_widths=True),
    "everything dropped": filter_of((1, 1, 1), (12,)),
    "beyond 62 bits": filter_of(((1 << 30) + 1, -((1 << 18) - 1), 3), (2, 1), input=Format(1, 39), fraction=31),
    "direct, symmetric": filter_of((-7, 0, 45, 93, 45, 0, -7), (1, 2, 0, 3), structure="direct"),
    "direct, antisymmetric": filter_of((-7, 45, 93, -93, -45, 7), (0, 1, 3), structure="direct"),
    "direct, asymmetric": filter_of((1, -2, 37, -53, 19, 64, 5), (0, 2, 1), structure="direct"),
    "direct, unsigned": filter_of((4, 7, -45, 7, 4), (2, 1), structure="direct", input=Format(0, 7, False)),
    "direct, wide": filter_of((3, -26, 57, 57, -26, 3), (3, 1, 4), structure="direct", input=Format(1, 17)),
    "cascade": filter_of((3, 11, -2), (1, 0, 2), structure="cascade"),
    "decimating": filter_of((-7, 0, 45, 93, 45, 0, -7), (1, 0, 2), decimate=3),
    "decimating, direct": filter_of((-7, 3, 45, 45, 3, -7), (1, 2), structure="direct", decimate=2),
    "interpolating": filter_of((-7, 11, 45, 93, 45, 11, -7), (1, 0, 2), interpolate=3),
    "interpolating, direct": filter_of((-7, 11, 45, 93, 45, 11), (2, 1), structure="direct", interpolate=2),
    "words inverted": filter_of((11, -45, 90, 117, -45, 11), (2, 1, 0, 3, 1), fabric=INVERTING),
    "words inverted, right-shifted node": filter_of((38, 5, -19, 33), (2, 1, 1, 2), graph=HALVED, fabric=INVERTING),
    "words inverted, direct": filter_of(
        (-7, 45, 93, -93, -45, 7), (0, 1, 3), structure="direct", fabric=INVERTING, depth=1
    ),
    "words inverted, hybrid": filter_of((1, -2, 37, -53, 19, 64, 5), (0, 2, 1), structure="hybrid", fabric=INVERTING),
    "words inverted, cascade": filter_of((3, 11, -2), (1, 0, 2), structure="cascade", fabric=INVERTING, channels=2),
    "words inverted, interpolating": filter_of(
        (-7, 11, -45, 93, 45, -11, -7), (1, 0, 2), interpolate=3, fabric=INVERTING
    ),
    "four words at once": filter_of(
        (-7, 11, -45, 93, 45, -11, -7, 60, 33), (0,), structure="direct", fabric=JOINING, input=Format(1, 9)
    ),
    "four words at once, cut": filter_of(
        (9, -26, 57, 101, 101, 57, -26, 9), (2,), structure="direct", fabric=JOINING, input=Format(1, 9)
    ),
    "four unsigned words at once": filter_of(
        (7, 11, 45, 93, 45, 11, 7, 60), (0, 1), structure="direct", fabric=JOINING, input=Format(0, 9, False)
    ),
    "four words at once, interpolating": filter_of(
        (-7, 11, 45, 93, 45, 11, 60, 33, 12, 5), (), structure="direct", interpolate=2, fabric=JOINING, channels=2
    ),
    "interpolating, half-band": filter_of((-3, 0, 19, 32, 19, 0, -3), (1, 2), interpolate=2),
}  # fmt: skip
