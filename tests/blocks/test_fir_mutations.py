"""The bit-true check against broken hardware: every small edit of an emitted filter must be seen."""

from functools import lru_cache

import numpy as np
import pytest

from hwgen.adders import greedy_graph
from hwgen.blocks.fir import Fir
from hwgen.check.simulate import simulate
from hwgen.check.stimuli import directed
from hwgen.check.vectors import Expected, Port, Script, Simulation, Top, expected, script
from hwgen.emit import verilog
from hwgen.fixed import Format

TAPS = (-3, 11, -26, 58, 90, 58, -26, 11, -3)
FIR = Fir(
    TAPS, 7, Format(1, 7), Format(1, 7), greedy_graph(TAPS).with_lsbs([0, 1, 1, 1, 2]),
    (-10, -10, -11, -11, -12, -12, -13, -13, -14),
)  # fmt: skip
TOP = Top("fir9", (Port("i_data", 8, True),), (Port("o_data", 8, True),), FIR.latency)

# Name to (text, replacement); the text occurs once.
MUTATIONS = {
    "an accumulator one bit narrow": ("reg signed [12:0] acc3 = 13'h0000", "reg signed [11:0] acc3 = 12'h000"),
    "the sign of a tap": ("sum3 = $signed(acc4[13:1]) + ", "sum3 = $signed(acc4[13:1]) - "),
    "a shift inside a node": ("x29 = $signed({ x, 4'h0 })", "x29 = $signed({ x, 3'h0 })"),
    "no rounding constant": ("$signed(acc0[12:2]) + $signed(2'h1)", "$signed(acc0[12:2])"),
    "saturation to a wrong limit": ("rounded_positive } : ", "1'h0 } : "),
    "a register bypassed": ("sum2 = $signed(acc3) - ", "sum2 = $signed(sum3) - "),
    "an accumulator bit stuck": ("acc2 <= sum2;", "acc2 <= sum2 & ~14'h0010;"),
    "a product of the wrong node": ("+ $signed(x11[10:3])", "+ $signed(x13[10:3])"),
    "an accumulator cut one bit more": ("$signed(acc2[13:1])", "$signed({ acc2[13:2], 1'h0 })"),
    "the low bit of a node lost": ("{ x13[10:1], x[1] }", "{ x13[10:1], 1'h0 }"),
    "valid one clock early": ("o_valid <= acc_valid;", "o_valid <= x_valid;"),
    "an accumulator that moves in gaps": ("else if (x_valid) acc1 <= sum1;", "else acc1 <= sum1;"),
    "an accumulator that is not reset": ("if (rst) acc6 <= 13'h0000;\n    else if (x_valid)", "if (x_valid)"),
    "a valid that is not reset": ("if (rst) acc_valid <= 1'h0;\n    else acc_valid <=", "acc_valid <="),
}  # fmt: skip


@lru_cache(maxsize=1)
def emitted() -> str:
    return verilog(FIR.component(), TOP.module)


def bench() -> tuple[Script, Expected]:
    rng = np.random.default_rng(1)
    first = directed(TAPS, FIR.input, len(TAPS) + 1)
    x = np.concatenate([first, rng.integers(FIR.input.minimum, FIR.input.maximum + 1, 150)])[None]
    stimulus = script(x, rng, resets=[len(first) + 60, len(first) + 62, len(first) + 100], drain=8)
    return stimulus, expected(stimulus, FIR.model, FIR.latency)


def simulated(text: str) -> Simulation:
    return simulate(text, TOP, *bench())


def test_the_emitted_filter_is_bit_true() -> None:
    result = simulated(emitted())
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 250


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    text, replacement = MUTATIONS[name]
    assert emitted().count(text) == 1, f"the emitted Verilog has changed; choose the text of {name!r} anew"
    result = simulated(emitted().replace(text, replacement))
    assert result.mismatches > 0
    assert not result.bit_true
