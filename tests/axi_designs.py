"""Small designs with AXI4-Stream ports, in every structure, rate and option."""

from dataclasses import replace
from functools import lru_cache

from filter_cases import filter_of

from hwgen.blocks.folded import Folded
from hwgen.blocks.reloadable import Reloadable
from hwgen.emit import verilog
from hwgen.finished.fir import Design
from hwgen.fixed import Format

_TAPS = (11, -45, 90, 117, -45, 11)
_FOLDED = {"fraction": 7, "input": Format(1, 7), "output": Format(3, 9)}
_FORMATS = (Format(-3, 8), Format(-2, 6), Format(-1, 8))

BLOCKS = {
    "transposed": filter_of(_TAPS, (2, 1, 0, 3)),
    "direct, pipelined": filter_of((11, -45, 90, 90, -45, 11), (2, 1), structure="direct", depth=1),
    "cascade": filter_of((3, 11, -2), (1, 0, 2), structure="cascade"),
    "folded": Folded(_TAPS, interval=4, **_FOLDED),
    "folded, no clock to spare": Folded(_TAPS + _TAPS[:2], interval=8, dsp=True, **_FOLDED),
    "folded, decimating": Folded(_TAPS, interval=1, decimate=3, channels=2, **_FOLDED),
    "folded, interpolating": Folded(_TAPS, interval=9, interpolate=3, **_FOLDED),
    "decimating": filter_of(_TAPS, (2, 1, 0, 3), decimate=4),
    "decimating by 2, pipelined": filter_of(_TAPS, (1,), structure="direct", depth=1, decimate=2),
    "decimating more than it is late": filter_of(_TAPS, (1,), decimate=9),
    "interpolating": filter_of(_TAPS, (2, 1, 0, 3), interpolate=3),
    "complex, unsigned, data kept": filter_of(
        (4, 7, 45, -16, 3), (1, 0), channels=2, reset_data=False, input=Format(0, 7, False), output=Format(2, 7, False)
    ),
    "whole bytes": filter_of((4, 7, 45, -16, 3), (1, 0), input=Format(1, 7), output=Format(4, 12)),
    "complex beyond 64 bits": filter_of((3, -26, 5), (0,), channels=2, input=Format(1, 33), output=Format(3, 36)),
    "three channels in turn": filter_of(_TAPS, (2, 1, 0, 3), interleave=3),
    "reloadable": Reloadable(
        (11, -20, 51, -20, 11), 8, Format(1, 7), Format(2, 8), formats=_FORMATS
    ),
}  # fmt: skip


@lru_cache
def design(name: str) -> Design:
    """The finished design."""
    block = BLOCKS[name]
    bare = Design("stream", block, block.coefficients, interface="axi_stream")
    return replace(bare, verilog=bare.whole(verilog(block.component(), bare.core.module)))
