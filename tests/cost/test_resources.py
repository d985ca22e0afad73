"""How cells are counted on each target, by hand and by a real synthesis of something countable."""

import pytest

from hwgen.cost.resources import TARGETS, Resources, count, synthesise
from hwgen.cost.yosys import YosysError

# Cells of a made-up design, one entry of each kind that a target has, and the counts by the table in `design.md`.
COUNTED = {
    "ice40": (
        {
            "SB_LUT4": 100, "SB_CARRY": 40, "SB_DFF": 1, "SB_DFFE": 2, "SB_DFFSR": 4, "SB_DFFESR": 8, "SB_DFFESS": 16,
            "SB_MAC16": 3, "SB_RAM40_4K": 5, "SB_GB_IO": 7, "$scopeinfo": 9,
        },
        (100, 31, 40, 3, 5),
    ),
    "ecp5": (
        {
            "LUT4": 100, "CCU2C": 10, "TRELLIS_DPR16X4": 3, "TRELLIS_FF": 31, "L6MUX21": 50, "PFUMX": 60,
            "MULT18X18D": 3, "ALU54B": 1, "DP16KD": 4, "PDPW16KD": 1,
        },
        (100 + 2 * 10 + 6 * 3, 31, 10, 4, 5),
    ),
    "xc7": (
        {
            "LUT1": 1, "LUT2": 2, "LUT3": 4, "LUT4": 8, "LUT5": 16, "LUT6": 32, "SRL16E": 64, "SRLC32E": 128,
            "RAM32M": 5, "RAM64M": 6, "MUXF7": 9, "MUXF8": 9, "CARRY4": 11, "BUFG": 1, "INV": 2,
            "FDRE": 20, "FDSE": 3, "FDCE": 2, "FDPE": 1, "DSP48E1": 2, "RAMB18E1": 3, "RAMB36E1": 4,
        },
        (63 + 64 + 128 + 4 * 11, 26, 11, 2, 7),
    ),
    "gowin": (
        {
            "LUT1": 1, "LUT2": 2, "LUT3": 4, "LUT4": 8, "ALU": 30, "RAM16SDP4": 2, "MUX2_LUT5": 50, "GND": 1, "VCC": 1,
            "DFF": 1, "DFFE": 2, "DFFR": 4, "DFFRE": 8, "DFFS": 16, "MULT18X18": 2, "MULT9X9": 1,
            "SPX9": 1, "SDPB": 2, "DPX9B": 4,
        },
        (15 + 30 + 4 * 2, 31, 30, 3, 7),
    ),
}  # fmt: skip

# Nine bits of sum in a register. A nine-bit adder takes a LUT a bit where LUT and carry are one cell (ice40 needs none
# for the carry out), two a CCU2C, four bits a CARRY4.
ADDER = """
module adder(input clk, input [7:0] a, input [7:0] b, output reg [8:0] y);
    always @(posedge clk) y <= a + b;
endmodule
"""
ADDER_COUNTS = {"ice40": (8, 9, 8), "ecp5": (10, 9, 5), "xc7": (8, 9, 3), "gowin": (9, 9, 9)}

GATE = "module gate(input [3:0] a, input [3:0] b, output [3:0] y); assign y = a & b; endmodule\n"


@pytest.mark.parametrize("target", COUNTED)
def test_cells_are_counted_as_the_table_says(target: str) -> None:
    cells, (lut, ff, carry, dsp, bram) = COUNTED[target]
    counted = count(cells, target)
    assert counted.figures() == {"lut": lut, "ff": ff, "carry": carry, "dsp": dsp, "bram": bram}
    assert counted.target == target
    assert counted.tool is not None
    assert counted.tool.startswith("Yosys ")
    assert count({}, target).figures() == dict.fromkeys(("lut", "ff", "carry", "dsp", "bram"), 0)


def test_the_commands_are_the_table_s() -> None:
    assert {name: f"{t.synth} {t.no_dsp}".strip() for name, t in TARGETS.items()} == {
        "ice40": "synth_ice40",
        "ecp5": "synth_ecp5 -nodsp",
        "xc7": "synth_xilinx -flatten -family xc7 -noiopad -nodsp",
        "gowin": "synth_gowin -noiopads -nodsp",
    }


@pytest.mark.parametrize("target", ADDER_COUNTS)
def test_a_registered_adder_takes_what_it_must(target: str) -> None:
    found = synthesise(ADDER, "adder", target)
    assert (found.lut, found.ff, found.carry) == ADDER_COUNTS[target]
    assert (found.dsp, found.bram) == (0, 0)
    assert found.target == target


def test_hierarchy_is_flattened() -> None:
    twice = (
        "module two(input [3:0] a, b, c, output [3:0] y); wire [3:0] t; gate u(a, b, t); gate v(t, c, y); endmodule\n"
    )
    assert synthesise(GATE + twice, "two", "ice40").lut == 4  # a & b & c is one LUT a bit


def test_multipliers_take_no_dsp_block_unless_asked() -> None:
    product = "module p(input signed [8:0] a, b, output signed [17:0] y); assign y = a * b; endmodule\n"
    assert synthesise(product, "p", "ecp5").dsp == 0
    with_block = synthesise(product, "p", "ecp5", dsp=True)
    assert (with_block.dsp, with_block.lut) == (1, 0)


def test_errors() -> None:
    with pytest.raises(YosysError, match=r"(?s)Yosys failed.*syntax error"):
        synthesise(ADDER.replace("endmodule", "wire ; endmodule"), "adder", "ice40")
    with pytest.raises(YosysError, match=r"(?s)Yosys failed.*other"):
        synthesise(ADDER, "other", "ice40")
    with pytest.raises(YosysError, match="did not finish within 0 s"):
        synthesise(ADDER, "adder", "ice40", timeout=0.05)
    with pytest.raises(KeyError, match="max10"):
        synthesise(ADDER, "adder", "max10")


def test_figures_are_whole_numbers() -> None:
    estimate = Resources("ice40", 10.4, 3.6, 2.0)
    assert estimate.figures() == {"lut": 10, "ff": 4, "carry": 2, "dsp": 0, "bram": 0}
    assert estimate.tool is None
