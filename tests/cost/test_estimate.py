"""The estimate: bits counted by hand, swarms as rows, refitting, and its distance from Yosys."""

import numpy as np
import pytest

from hwgen.adders import Adder, AdderGraph, greedy_graph
from hwgen.cost.estimate import CELLS, FEATURES, Estimate, adder_bits
from hwgen.cost.resources import TARGETS, synthesise
from hwgen.designs.word_lengths import WordLengths
from hwgen.emit import verilog
from hwgen.fixed import Format, Overflow
from hwgen.structures import STRUCTURES, cascade, transposed

THREE = AdderGraph((Adder(3, 0, 1, 0, 0, False),))
OUTPUT = Format(3, 4)
LOWPASS = (3, 0, -9, -14, 5, 44, 83, 99, 83, 44, 5, -14, -9, 0, 3)


def lengths(values=(-1, 3, 1), graph=THREE, output=OUTPUT, overflow=Overflow.SATURATE):
    return WordLengths(values, 4, transposed(values, graph), Format(1, 3), output, overflow=overflow)


def lowpass(structure="transposed"):
    graph = STRUCTURES[structure](LOWPASS, greedy_graph(LOWPASS))
    return WordLengths(LOWPASS, 9, graph, Format(1, 9), Format(1, 9), structure=structure)


def counts(work):
    return {name: float(np.atleast_1d(getattr(work, name))[0]) for name in (*FEATURES, "registers", "shared_registers")}


@pytest.mark.parametrize(
    ("top", "left", "right", "lsb", "subtract", "bits"),
    [
        (7, 0, 0, 0, False, 8),
        (7, 3, 0, 0, False, 5),  # the right operand's low bits pass by
        (7, 0, 3, 0, False, 5),  # the left operand's low bits pass by
        (7, 0, 3, 0, True, 5),
        (7, 3, 0, 0, True, 8),  # -v has a carry from its lowest bit on
        (7, 0, 3, 2, False, 5),
        (7, 0, 0, 5, True, 3),  # truncated
        (2, 4, 0, 0, False, 0),
    ],
)
def test_adder_bits(top, left, right, lsb, subtract, bits):
    assert adder_bits(top, left, right, lsb, subtract) == bits


def test_work_at_full_precision():
    given = lengths()
    assert counts(given.work(given.natural[None, :])) == {
        "multiplier_bits": 5,  # 3 x has six bits, the lowest is the input's
        "accumulator_bits": 6 + 7,  # x z^-2 needs no adder; + 3 x; - x
        "negated_bits": 0,
        "inverted_bits": 4,  # x is subtracted
        "rounding_bits": 5,  # half of 2**-4 up to the sign at 2**-1
        "saturated_bits": 0,  # the sum cannot reach 4
        "odd_adders": 3,
        "chosen_bits": 0,
        "multiplier_adders": 1,
        "accumulator_adders": 2,
        "shift_luts": 0,
        "registers": (4 + 6 + 7) + 4 + 7 + 3,
        "shared_registers": 6 + 7 + 7,  # both sums in the chain; the result, behind the adder of the constant
    }


def test_work_of_truncated_sums():
    given = lengths()
    lsbs = given.natural + np.array([1, 2, 2])
    found = counts(given.work(lsbs[None, :]))
    assert found["multiplier_bits"] == 5  # the bit dropped was none of the adder's
    assert found["accumulator_bits"] == 4 + 5
    assert found["inverted_bits"] == 2
    assert found["rounding_bits"] == 5  # the whole sum: what was dropped has a mean
    assert found["registers"] == (2 + 4 + 5) + 4 + 7 + 3  # two bits of the delayed x are never looked at


def test_equal_bits_are_counted_once():
    graph = AdderGraph((Adder(7, 0, 3, 0, 0, True), Adder(15, 0, 4, 0, 0, True)))
    given = lengths((7, 15), graph)
    found = counts(given.work(given.natural[None, :]))
    assert found["negated_bits"] == 4  # the low bits of 8 x - x and of 16 x - x are those of -x
    assert found["multiplier_bits"] == (7 - 3) + (8 - 4)


def stretched(reset_data):
    """``(1 + z**-3) (1 + z**-2)`` on words of four bits, direct."""
    parts = [((1, 1), spread, AdderGraph(()), "direct") for spread in (3, 2)]
    return WordLengths((1, 0, 1, 1, 0, 1), 2, cascade(parts), Format(1, 3), Format(3, 4), reset_data=reset_data)


def test_rows_of_registers_are_shift_registers_on_xc7():
    work = stretched(reset_data=False)
    work = work.work(work.natural[None, :])
    assert (work.shifted_registers[0], work.shift_luts[0]) == (3 * 4, 4)  # two in a row are too few
    # Three and two of a word, the sum and its word in the output register, input, output, three valid bits.
    assert counts(work)["registers"] == 3 * 4 + 2 * 5 + 6 + 4 + 7 + 3
    assert Estimate.of("xc7").resources(work).ff == work.registers[0] - 12
    assert Estimate.of("ecp5").resources(work).ff == work.registers[0]
    kept = stretched(reset_data=True)
    kept = kept.work(kept.natural[None, :])
    assert (kept.shifted_registers[0], kept.shift_luts[0]) == (0, 0)
    assert kept.registers == work.registers


def test_a_row_goes_on_where_low_bits_are_cut():
    # Three samples twice, of four bits; without the two low bits of its sum, the first delay's serve the second alone.
    graph = cascade([((0, 1, 4), 3, AdderGraph(()), "direct")])
    given = WordLengths((0, 0, 0, 1, 0, 0, 4), 3, graph, Format(1, 3), Format(3, 4), reset_data=False)
    whole, cut = (given.work(given.natural[None, :] + dropped) for dropped in (0, 2))
    assert (whole.shifted_registers[0], whole.shift_luts[0]) == (24, 8)
    assert (cut.shifted_registers[0], cut.shift_luts[0]) == (24, 6)


def test_cells_are_luts_and_what_shares_none():
    given = lengths()
    work, estimate = given.work(given.natural[None, :]), Estimate.of("ice40", "cells")
    beside = CELLS[0] * 3 + CELLS[1]
    assert estimate.size(work) == estimate.cells(work) == pytest.approx(estimate.luts(work) + 31 - 20 + beside)
    assert Estimate.of("ice40").size(work) == estimate.luts(work)
    assert Estimate.of("ecp5", "cells").size(work) == Estimate.of("ecp5").luts(work)  # registers come with each LUT


def test_the_transposed_form_packs_tighter():
    transposed, direct = (lowpass(structure) for structure in ("transposed", "direct"))
    estimate = Estimate.of("ice40")
    luts, cells = (
        [float(count(g.work(g.natural[None, :]))[0]) for g in (transposed, direct)]
        for count in (estimate.luts, estimate.cells)
    )
    assert cells[0] - luts[0] < 0.5 * (cells[1] - luts[1])


@pytest.mark.parametrize(("overflow", "bits"), [(Overflow.SATURATE, 7), (Overflow.WRAP, 0)])
def test_saturation(overflow, bits):
    given = lengths(output=Format(-1, 8), overflow=overflow)
    assert counts(given.work(given.natural[None, :]))["saturated_bits"] == bits


def test_rows_of_a_swarm_are_candidates():
    given = lowpass()
    rng = np.random.default_rng(1)
    lsbs = given.natural + rng.integers(0, 7, (50, len(given.natural)))
    estimate = Estimate.of("ice40")
    together = estimate.luts(given.work(lsbs))
    assert together.shape == (50,)
    assert together == pytest.approx([float(estimate.luts(given.work(row[None, :]))[0]) for row in lsbs], rel=1e-12)


@pytest.mark.parametrize("target", list(TARGETS))
def test_coarser_is_cheaper(target):
    given = lowpass()
    lsbs = np.stack([np.maximum(given.reference(coarsest), given.natural) for coarsest in range(-16, -8, 2)])
    assert (np.diff(Estimate.of(target).luts(given.work(lsbs))) < 0).all()


def test_refit_shrugs_off_one_odd_synthesis():
    given, estimate = lengths(), Estimate.of("ecp5")
    works = [given.work(given.natural[None, :] + k) for k in range(5)]
    luts = [1.25 * float(estimate.luts(w)[0]) for w in works]
    luts[2] *= 3
    again = estimate.fitted(works, luts)
    assert again.scale == pytest.approx(1.25)
    assert again.fitted(works, luts) == again
    assert estimate.fitted([], []) is estimate


def test_channels_multiply_resources():
    given, estimate = lengths(), Estimate.of("xc7")
    work = given.work(given.natural[None, :])
    one, two = estimate.resources(work), estimate.resources(work, 2)
    assert (one.target, one.tool, one.ff) == ("xc7", None, 31)
    assert one.lut == float(estimate.luts(work)[0])
    assert (two.lut, two.ff, two.carry) == (2 * one.lut, 2 * one.ff, 2 * one.carry)


def test_a_cascade_is_close_to_yosys():
    parts = [((1, 2, 1), 1, AdderGraph(()), "direct"), (LOWPASS, 3, greedy_graph(LOWPASS), "direct")]
    graph = cascade(parts)
    given = WordLengths(graph.responses()[0], 11, graph, Format(1, 9), Format(1, 9), reset_data=False)
    lsbs = np.maximum(given.reference(-12), given.natural)
    measured = synthesise(verilog(given.fir(lsbs).component(), "fir"), "fir", "xc7")
    estimated = Estimate.of("xc7").resources(given.work(lsbs[None, :]))
    assert estimated.lut == pytest.approx(measured.lut, rel=0.12)
    assert estimated.ff == pytest.approx(measured.ff, abs=30)
    assert measured.ff < 150  # the delays are in LUTs


@pytest.mark.parametrize("structure", list(STRUCTURES))
@pytest.mark.parametrize("target", ["ice40", "ecp5"])
def test_close_to_yosys(target, structure):
    given = lowpass(structure)
    lsbs = np.maximum(given.reference(-12), given.natural)
    measured = synthesise(verilog(given.fir(lsbs).component(), "fir"), "fir", target)
    estimated = Estimate.of(target).resources(given.work(lsbs[None, :]))
    assert estimated.lut == pytest.approx(measured.lut, rel=0.08)
    assert estimated.ff == pytest.approx(measured.ff, rel=0.05)
    assert estimated.carry == pytest.approx(measured.carry, rel=0.15)
