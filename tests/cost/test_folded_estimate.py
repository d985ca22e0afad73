"""The estimate of folded filters: counts by hand, tables in LUTs, and its distance from Yosys."""

from dataclasses import replace

import pytest

from hwgen.blocks.folded import Folded
from hwgen.cost.folded import estimate, estimated_cells
from hwgen.cost.folded_work import FEATURES, FoldedWork
from hwgen.cost.lookup import compare_luts, table_luts
from hwgen.cost.resources import TARGETS, synthesise
from hwgen.emit import verilog
from hwgen.fixed import Format

# Two clocks a product and more: three coefficients, not symmetric, of at most three bits.
SMALL = Folded((1, 2, 3), 2, Format(1, 3), Format(3, 3), interval=5)
HALF = (5, -20, -48, -92, 65, 174, 368, 575, 757, 874)
# Pairs of samples; two multipliers, products cut; two channels of complex samples.
NEAR = {
    "symmetric": Folded(HALF + HALF[::-1], 12, Format(1, 11), Format(1, 15), interval=12),
    "decimating": Folded(HALF + HALF[::-1], 12, Format(1, 11), Format(1, 13), interval=3, decimate=2, lsb=-18),
    "complex": Folded(HALF, 12, Format(1, 9), Format(2, 12), interval=11, channels=2),
}


def counts(folded, target="ice40"):
    return dict(zip(FEATURES, FoldedWork(folded, target).features().tolist(), strict=True))


def test_counts_by_hand():
    # Operand of four bits. 3 is 4 - 1: two digits, the higher 0 or 1. Two multiples of 5 and 4 bits and one adder.
    # The accumulator holds -8 * 6 .. 7 * 6 and a half: 7 bits, the product 4 + 3 - 1. Memory of 4 samples, twice.
    assert SMALL.accumulator.width == 7
    found = counts(SMALL)
    assert {name: value for name, value in found.items() if value} == {
        "partial_bits": 4,  # 3 x less 1, which is what inverting lacks, without its lowest two bits: -7 .. 5
        "multiple_bits": 5 + 4,
        "accumulator_bits": 7,
        "address_bits": 3,
        "gates": 1,
        "counter_bits": 3 + 2,
        "compare_luts": 2 * 1 + 1 + 1,  # step at 0 and at its end, the last slot, a full memory
        "design": 1,
    }


def test_dsp_blocks_take_the_accumulator_where_yosys_puts_it():
    block = replace(SMALL, dsp=True)
    assert [counts(block, target)["accumulator_bits"] for target in TARGETS] == [0, 8 - 1, 0, 8 - 1]
    assert [estimate(block, target).dsp for target in TARGETS] == [1, 1, 1, 1]
    assert counts(block)["multiple_bits"] == counts(block)["partial_bits"] == 0


def test_units_without_a_digit_have_no_adder_for_it():
    # The second unit's coefficients are 1 alone, without a second digit.
    two = Folded((3, 3, 3, 1, 1, 1), 2, Format(1, 3), Format(3, 3), interval=4)
    assert two.units == 2
    assert counts(two)["multiple_bits"] == (5 + 4) + 5
    assert counts(two)["merged_bits"] > 0


@pytest.mark.parametrize(
    ("bits", "inputs", "luts"), [(1, 4, 0), (2, 4, 1), (4, 4, 1), (5, 4, 2), (7, 4, 2), (8, 4, 3), (6, 6, 1)]
)
def test_a_comparison_is_a_tree_of_luts(bits, inputs, luts):
    assert compare_luts(bits, inputs) == luts


def test_tables_by_hand():
    assert table_luts([[0] * 8], 3, 4) == 0
    assert table_luts([[0, 1, 2, 3]], 2, 4) == 0  # the index itself
    assert table_luts([[0, 1, 1, 0]], 2, 4) == 1
    assert table_luts([[0, 1, 1, 0], [1, 0, 0, 1]], 2, 4) == 1  # one is the other inverted
    five = [int(i == 21) for i in range(32)]
    assert table_luts([five], 5, 4) == 2  # half of it is 0, the other one LUT, and a choice
    assert table_luts([five], 5, 6) == 1
    assert table_luts([[0, 1, 1]], 2, 4) == 1  # three entries: index 3 gives what 2 gives


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("name", "dsp"), [("symmetric", True), ("decimating", False), ("complex", False)])
def test_close_to_yosys(target, name, dsp):
    block = replace(NEAR[name], dsp=dsp)
    measured, estimated = synthesise(verilog(block.component(), "fir"), "fir", target, dsp), estimate(block, target)
    assert estimated.target == target
    assert estimated.lut == pytest.approx(measured.lut, rel=0.12, abs=6)
    assert estimated.ff == pytest.approx(measured.ff, rel=0.08)
    assert (estimated.dsp, estimated.bram) == (measured.dsp, measured.bram)


def test_cells_exceed_luts_on_ice40_alone():
    block = NEAR["symmetric"]
    luts = estimate(block, "ice40").lut
    assert luts < estimated_cells(block, "ice40") < luts + estimate(block, "ice40").ff
    assert estimated_cells(block, "ecp5") == estimate(block, "ecp5").lut
