"""Words of one stage whose binary points move: variables, the noise model, and the multiplexers in the estimate."""

from dataclasses import replace

import numpy as np
import pytest

from hwgen.blocks.descent import FORMS
from hwgen.blocks.descent_stage import foldable
from hwgen.blocks.dither import Cut
from hwgen.cost import yosys
from hwgen.cost.measure import synthesise_step
from hwgen.designs.descent_bits import Bits
from hwgen.designs.descent_estimate import DescentEstimate
from hwgen.designs.descent_placing import Placing
from hwgen.designs.descent_system import Coefficients, System, words_of
from hwgen.designs.descent_words import Ends, Words
from hwgen.emit import verilog
from hwgen.fixed import Format

RNG = np.random.default_rng(5)
INPUT = Format(3, 10)
RAW = words_of(RNG.normal(size=(6, 3000)), INPUT)
SYSTEM = System(RNG.normal(size=(6, 3)), 0.2, 4)
WIDTHS = {"y": 9, "z": 10, "r": 9, "u": 8, "x": 9}
ESTIMATE = DescentEstimate.of("ice40")


def space(zoom: bool = True, rounding: Cut = Cut.HALF_UP, form: str = "gram") -> Bits:
    gram = form == "gram"
    system = SYSTEM if gram else replace(SYSTEM, ridge=0.0)
    words = Words(
        Coefficients(system, 9, 9 if gram else None), RAW * INPUT.lsb, INPUT, Format(3, 9), rounding,
        zoom=zoom, shared=True,
    )  # fmt: skip
    return Bits(words, RAW, system.solution(RAW * INPUT.lsb), ESTIMATE)


def ends(made: Bits, more: int = 1) -> Ends:
    """Words of `WIDTHS`, with that many bits above their trajectory."""
    tops = made.words.peaks[None] + more
    return Ends(np.array([WIDTHS[name[0]] for name in made.words.names])[None] - tops, tops,
                np.zeros((1, len(made.words.products)), dtype=np.int64))  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_variables_are_those_of_blocks_that_fold(form: str) -> None:
    made = space(form=form)
    assert len(set(made.words.peaks[[k for k, name in enumerate(made.words.names) if name[0] == "u"]])) > 1
    problem = made.problem(made.noise, made.luts, goal=1.0)
    low, high = made.bounds
    for place in RNG.integers(problem.depth // 2, problem.depth + 1, (50, problem.size)):
        bits = problem.bits(place)
        assert ((low <= bits) & (bits <= high)).all()
        assert np.array_equal(made.variables(made.ends(bits[None]))[0], bits)
        found = made.words.formats(made.ends(bits[None]))
        for kind in "ux" if form == "gram" else "rux":
            assert len({own.width for name, own in found.items() if name[0] == kind and name != "x4"}) == 1


def test_binary_points_are_those_of_the_stage() -> None:
    made = space(form="residual")
    problem = made.problem(made.noise, made.luts, goal=1.0)
    drawn = [problem.bits(place) for place in RNG.integers(problem.depth // 2, problem.depth + 1, (40, problem.size))]
    placing = Placing(made.words, made.ends(np.array(drawn)))
    assert all(placing.shifts[name].max() > 1 for name in placing.shifts)
    for k, bits in enumerate(drawn):
        block = made.block(bits)
        stage = block.stage
        for name, shifts in placing.shifts.items():
            wanted = [shift for shift in getattr(stage, name) if shift is not None]
            assert [shift - min(wanted) for shift in wanted] == shifts[k].tolist()
        assert (stage.difference, stage.state) == (placing.difference[k], placing.state[k])


@pytest.mark.parametrize(("form", "count"), [("gram", 7), ("residual", 15)])
def test_seeds_are_the_common_words_and_those_that_follow(form: str, count: int) -> None:
    still, made = space(zoom=False, form=form), space(form=form)
    common = ends(still, 0)
    seeds = made.zoomed(common)
    assert made.words.block(made.ends(seeds[0][None])) == still.words.block(common)
    assert len(seeds) == count
    for bits in seeds:
        assert foldable(made.block(bits)) is None
    moved = made.words.formats(made.ends(seeds[-2][None]))
    tops = [moved[f"u{t}"].integer - made.words.peaks[made.words.place[f"u{t}"]] for t in range(4)]
    assert len(set(tops)) == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rounding", Cut)
def test_the_noise_model_is_what_bit_true_runs_say(rounding: Cut, form: str) -> None:
    made = space(True, rounding, form)
    measured = made.bit_true(made.variables(ends(made)))[0]
    assert made.words.noise(ends(made))[0] == pytest.approx(measured, rel=0.35)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("zoom", [False, True])
def test_estimates_cut_what_the_stage_cuts(zoom: bool, form: str) -> None:
    made = space(zoom, form=form)
    given = ends(made)
    top = np.column_stack([given.tops, [made.words.output.integer]])
    whole, exact = made.words.whole(given.fractions), made.words.exact(given)
    fraction, _, exact = Placing(made.words, given).spanned(whole, top, exact)
    block, place = made.words.block(given), made.words.place
    cuts = dict(zip(place, (exact - fraction)[0], strict=True))
    if form == "residual":
        assert cuts["r1"] == block.difference_fraction(2) - block.iterations[2].residual.fraction
    assert cuts["u1"] == block.update_fraction(2) - block.iterations[2].update.fraction
    assert cuts["x1"] == block.state_fraction(1) - block.iterations[1].state.fraction
    assert cuts["x4"] == block.state_fraction(3) - block.output.fraction


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rounding", Cut)
def test_multiplexers_are_in_the_estimate(rounding: Cut, form: str) -> None:
    estimated, counted = [], []
    for zoom in (False, True):
        made = space(zoom, rounding, form)
        text = verilog(made.words.block(ends(made)).component(), "dut")
        counted.append(synthesise_step(text, "dut", "ice40", False, yosys.version())["lut"])
        estimated.append(made.luts(made.variables(ends(made)))[0])
    assert counted[1] > 1.1 * counted[0]
    assert estimated[1] / estimated[0] == pytest.approx(counted[1] / counted[0], rel=0.1)
