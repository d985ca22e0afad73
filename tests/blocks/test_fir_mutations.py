"""The bit-true check against broken hardware: every small edit of an emitted filter must be seen."""

from functools import lru_cache

import numpy as np
import pytest
from filter_cases import JOINING, filter_of
from mutants import mutated

from hwgen.adders import Adder, AdderGraph
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.stimuli import directed
from hwgen.check.vectors import Expected, Port, Simulation, Top
from hwgen.emit import verilog
from hwgen.fixed import Format

TAPS = (-3, 11, -26, 58, 90, 58, -26, 11, -3)
BLOCK = AdderGraph(
    (
        Adder(3, 0, 1, 0, 0, False), Adder(11, 1, 2, 0, 0, True), Adder(13, 1, 2, 0, 0, False),
        Adder(29, 0, 5, 1, 0, True), Adder(45, 1, 4, 1, 0, True),
    )
)  # fmt: skip
WORDS = {"fraction": 7, "input": Format(1, 7), "output": Format(1, 7), "graph": BLOCK}
FILTERS = {
    "transposed": filter_of(TAPS, (0, 1, 1, 1, 2, 0, 0, 1, 1, 2, 2, 3, 3), **WORDS),
    "direct": filter_of(TAPS, (0, 0, 0, 0, 1, 1, 1, 2, 2, 1, 1, 2, 2), structure="direct", depth=2, **WORDS),
    "rows": filter_of(TAPS, (), structure="direct", fabric=JOINING, **{**WORDS, "graph": None}),
}  # fmt: skip

# Name to (structure, text, replacement); the text occurs once.
MUTATIONS = {
    "an accumulator one bit narrow": ("transposed", "reg signed [13:0] acc3 = 14'h", "reg signed [12:0] acc3 = 13'h"),
    "the sign of a tap": ("transposed", "sum3 = $signed(acc4[14:1]) + ", "sum3 = $signed(acc4[14:1]) - "),
    "the sign of a sum": ("transposed", "centred = $signed(4'h7) - ", "centred = $signed(4'h7) + "),
    "a shift inside a node": ("transposed", "x29 = $signed({ x, 4'h0 })", "x29 = $signed({ x, 3'h0 })"),
    "no rounding constant": ("transposed", "centred = $signed(4'h7) - ", "centred = - "),
    "saturation to a wrong limit": ("transposed", "rounded_positive } : ", "1'h0 } : "),
    "a register bypassed": ("transposed", "sum2 = $signed(acc3) - ", "sum2 = $signed(sum3) - "),
    "an accumulator bit stuck": ("transposed", "acc2 <= sum2;", "acc2 <= sum2 & ~15'h0010;"),
    "a product of the wrong node": ("transposed", "+ $signed(x11[10:2])", "+ $signed(x13[10:2])"),
    "an accumulator cut one bit more": ("transposed", "$signed(acc2[14:1])", "$signed({ acc2[14:2], 1'h0 })"),
    "the low bit of a node lost": ("transposed", "acc8 <= { x3[9:1], x[0] }", "acc8 <= { x3[9:1], 1'h0 }"),
    "valid one clock early": ("transposed", "o_valid <= acc_valid;", "o_valid <= x_valid;"),
    "an accumulator that moves in gaps": ("transposed", "else if (x_valid) acc1 <= sum1;", "else acc1 <= sum1;"),
    "an accumulator that is not reset": (
        "transposed", "if (rst) acc5 <= 14'h0000;\n    else if (x_valid)", "if (x_valid)"
    ),
    "a valid that is not reset": (
        "transposed", "if (rst) acc_valid <= 1'h0;\n    else acc_valid <=", "acc_valid <="
    ),
    "a pair from the wrong delay": ("direct", "pair1 = $signed(d1) + $signed(d7)", "pair1 = $signed(d1) + $signed(d6)"),
    "a pair subtracted": ("direct", "pair0 = $signed(x) + ", "pair0 = $signed(x) - "),
    "a delay that moves in gaps": ("direct", "else if (x_valid) d3 <= d2;", "else d3 <= d2;"),
    "a delay that is not reset": ("direct", "if (rst) d8 <= 8'h00;\n    else if (x_valid)", "if (x_valid)"),
    "a delay at the wrong stage": ("direct", "else if (x_valid) d1 <= x;", "else if (valid1) d1 <= x;"),
    "a pipeline register bypassed": ("direct", "pair2_s2 <= pair2_s1;", "pair2_s2 <= pair2;"),
    "a word of the wrong stage": ("direct", "- $signed(pair3_s3)", "- $signed(pair3_s2)"),
    "a sum taken a stage early": ("direct", "if (valid3) acc <= ", "if (valid2) acc <= "),
    "a valid that skips a stage": ("direct", "else valid2 <= valid1;", "else valid2 <= x_valid;"),
    "a sum one bit narrow": ("direct", "reg signed [10:0] sum2_s2 = 11'h", "reg signed [9:0] sum2_s2 = 10'h"),
    "a shift of a sum": ("direct", "$signed(sum4_s3[11:3])", "$signed(sum4_s3[11:2])"),
    "a majority that is none": ("rows", "d4[5:1] & d8[6:2]", "d4[5:1] | d8[6:2]"),
    "a parity of two bits in place of three": ("rows", " [4:0] ^ d8[6:2]", " [4:0]"),
    "a sign taken as it is": ("rows", "sum1_row1_a[7] = ~ d8[7]", "sum1_row1_a[7] = d8[7]"),
    "a row that begins one bit late": ("rows", "sum1_row0 = pair3[7:1] + ", "sum1_row0 = pair3[8:2] + "),
    "a constant of signs lost": ("rows", "_row2 = { sum4_row1[9:3], 1'h1 }", "_row2 = { sum4_row1[9:3], 1'h0 }"),
    "a pipeline valid that is not reset": (
        "direct", "if (rst) valid1 <= 1'h0;\n    else valid1 <=", "valid1 <="
    ),
}  # fmt: skip


@lru_cache
def emitted(structure: str) -> str:
    return verilog(FILTERS[structure].component(), "fir9")


def bench(structure: str) -> tuple[Top, Script, Expected]:
    fir, rng = FILTERS[structure], np.random.default_rng(1)
    top = Top("fir9", (Port("i_data", 8, True),), (Port("o_data", 8, True),), fir.latency)
    first = directed(TAPS, fir.input, len(TAPS) + 1)
    x = np.concatenate([first, rng.integers(fir.input.minimum, fir.input.maximum + 1, 150)])[None]
    n = len(first)
    stimulus = script(x, rng, resets=[n + 40, n + 60, n + 61, n + 62, n + 100], drain=12)
    return top, stimulus, top.expected(stimulus, fir.model)


def simulated(structure: str, text: str) -> Simulation:
    top, stimulus, wanted = bench(structure)
    return simulate(text, top, stimulus, wanted)


@pytest.mark.parametrize("structure", FILTERS)
def test_the_emitted_filter_is_bit_true(structure: str) -> None:
    result = simulated(structure, emitted(structure))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 250


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    structure, text, replacement = MUTATIONS[name]
    result = simulated(structure, mutated(emitted(structure), text, replacement))
    assert result.mismatches > 0
    assert not result.bit_true
