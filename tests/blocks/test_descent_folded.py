"""One stage for all iterations, both forms: model against fractions, hardware against the model, what is refused."""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from alternating_descents import CASES as ALTERNATING_CASES
from alternating_descents import PLAIN, SAME
from alternating_descents import by_fractions as by_alternating_fractions
from descent_cases import GRAM, RESIDUAL, drawn
from folded_descents import CASES as FOLDED_CASES
from folded_descents import FOLDED, bench, by_fractions
from mutants import mutated

from hwgen.blocks.descent import Descent
from hwgen.blocks.descent_stage import foldable
from hwgen.blocks.dither import Cut, states
from hwgen.check.bulk import simulate_bulk
from hwgen.check.simulate import simulate
from hwgen.emit import verilog
from hwgen.fixed import Format

CASES = FOLDED_CASES | ALTERNATING_CASES
KINDS = ("one range", "zooming", "alternating", "alternating and zooming")
MILLION = [f"{name}, {rounding}" for name in KINDS for rounding in Cut]


@lru_cache
def emitted(name: str) -> str:
    return verilog(CASES[name].component(), "dut")


# --------------------------------------------------------------------------------------------------------- model
@pytest.mark.parametrize("name", CASES)
def test_the_model_is_what_fractions_say(name: str) -> None:
    d = CASES[name]
    y = drawn(d, 60)
    lsb = Fraction(2) ** -d.output.fraction
    wanted = by_fractions if d.form == "gram" else by_alternating_fractions
    assert [[int(v) * lsb for v in column] for column in d.model(y).T] == wanted(d, y)


@pytest.mark.parametrize("name", [name for name, d in CASES.items() if d.rounding is not Cut.STOCHASTIC])
def test_folding_changes_no_word(name: str) -> None:
    y = drawn(CASES[name], 500)
    assert np.array_equal(CASES[name].model(y), replace(CASES[name], folded=False).model(y))


@pytest.mark.parametrize("iterations", [2, 3, 5])
def test_the_form_residual_takes_two_clocks_an_iteration(iterations: int) -> None:
    d = replace(PLAIN, iterations=SAME[-iterations:])
    assert (d.stage.interval, d.latency) == (2 * iterations, 2 * iterations + 1)


def test_states_apart() -> None:
    every = states(12345, 21_001)
    assert np.array_equal(states(int(every[3]), 7_000, 3), every[3::3][:7_000])
    assert np.array_equal(states(int(every[1]), 10_500, 2), every[1::2][:10_500])


# ------------------------------------------------------------------------------------------------------ hardware
@pytest.mark.parametrize("name", CASES)
def test_the_stage_is_bit_true(name: str) -> None:
    result = simulate(emitted(name), *bench(CASES[name], 400))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 380


@pytest.mark.parametrize("name", MILLION)
def test_ten_thousand_right_hand_sides_in_icarus(name: str) -> None:
    result = simulate(emitted(name), *bench(CASES[name], 10_100))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples >= 10_000


@pytest.mark.parametrize("name", MILLION)
def test_a_million_right_hand_sides_in_verilator(name: str) -> None:
    result = simulate_bulk(emitted(name), *bench(CASES[name], 1_000_100))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples >= 1_000_000


# Name to (case, text, replacement); the text occurs once.
ONE, MOVES = "one range, stochastic", "zooming, stochastic"
EVERY, RANDOM = "alternating, every bit", "alternating, stochastic"
BOTH = "alternating and zooming, stochastic"
MUTATIONS = {
    "a first state that is not zeros": ("one range, half_up", "? 8'h00 : x_1_r;", "? x_1_r : x_1_r;"),
    "valid a clock early": ("one range, half_up", "o_valid <= last;", "o_valid <= y_valid;"),
    "a shift register with other taps": (ONE, ", lfsr2[30:28] };", ", lfsr2[29:27] };"),
    "a shift register from another seed": (ONE, "lfsr2 = 31'h437d6e4b", "lfsr2 = 31'h437d6e4a"),
    "a shift register that goes on without a right-hand side": (ONE, "if (busy) lfsr2 <=", "lfsr2 <="),
    "a shift register that reset leaves": (ONE, "if (rst) lfsr2 <= 31'h437d6e4b;", "if (0) lfsr2 <= 31'h437d6e4b;"),
    "random bits of another place": (ONE, "lfsr2[6:0] }", "lfsr2[7:1] }"),
    "an iteration's product in the wrong place": (MOVES, "? { p_row0[12:0], 1'h0 } : p_row0;", "? p_row0 : p_row0;"),
    "a shift of another iteration": (MOVES, "assign sum_by2 = step == 2'h3;", "assign sum_by2 = step == 2'h2;"),
    "an update that is not shifted": (MOVES, "? { u_0[5:0], 1'h0 } :", "? { move_0_by1[7], u_0[5:0] } :"),
    "alternating: a first state that is not zeros": (EVERY, "if (taken) x_1_r <= 8'h00;", "if (0) x_1_r <= 8'h00;"),
    "alternating: a state taken on every step": (
        EVERY,
        "if (!step[0])\n      if (taken) x_2_r",
        "if (1)\n      if (taken) x_2_r",
    ),
    "alternating: a right-hand side too early": (EVERY, "assign i_ready = \\$1  | last;", "assign i_ready = 1'h1;"),
    "alternating: valid a clock early": (EVERY, "o_valid <= last;", "o_valid <= step == 4'h9;"),
    "alternating: an iteration less": (EVERY, "assign last = step == 4'ha;", "assign last = step == 4'h8;"),
    "alternating: a shift register from another seed": (RANDOM, "lfsr0 = 31'h2545f492", "lfsr0 = 31'h2545f493"),
    "alternating: a shift register that goes on at rest": (RANDOM, "else if (busy) lfsr0 <=", "else lfsr0 <="),
    "alternating: a shift register that reset leaves": (
        RANDOM,
        "if (rst) lfsr0 <= 31'h2545f492;",
        "if (0) lfsr0 <= 31'h2545f492;",
    ),
    "alternating: a product in the wrong place": (BOTH, "? { p_row0[13:0], 1'h0 } : p_row0;", "? p_row0 : p_row0;"),
    "alternating: a residual not shifted": (BOTH, "? { d_0[15:0], 1'h0 } : d_0;", "? d_0 : d_0;"),
    "alternating: a gradient not shifted": (
        BOTH,
        "gradient_by2 ? { gradient_0_by1[9:0], 2'h0 } :",
        "0 ? { gradient_0_by1[9:0], 2'h0 } :",
    ),
    "alternating: a shift of another iteration": (
        BOTH,
        "assign before_by2 = step[3:1] == 2'h3;",
        "assign before_by2 = step[3:1] == 2'h2;",
    ),
    "alternating: random bits of another place": (RANDOM, "{ 1'h0, lfsr0[13:7] }", "{ 1'h0, lfsr0[14:8] }"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    case, text, replacement = MUTATIONS[name]
    result = simulate(mutated(emitted(case), text, replacement), *bench(CASES[case], 120))
    assert result.mismatches > 0


# ---------------------------------------------------------------------------------------------------- parameters
@pytest.mark.parametrize(
    ("made", "told"),
    [
        (replace(GRAM, iterations=GRAM.iterations[:1]), "two iterations or more"),
        (GRAM, "one width"),
        (replace(GRAM, iterations=FOLDED.iterations, drops=(1, 2, 3, 2, 2)), "one drop"),
        (replace(GRAM, iterations=FOLDED.iterations, drops=(4, 3, 3, 3, 3)), "give added"),
        (RESIDUAL, "one width"),
        (replace(RESIDUAL, iterations=(replace(SAME[0], residual=Format(2, 6)), *SAME[1:])), "one width"),
        (replace(RESIDUAL, iterations=SAME[:1]), "two iterations or more"),
        (replace(RESIDUAL, iterations=SAME, drops=(1, 0, 2, 0, 1, 0, 1, 0, 1)), "one drop"),
        (replace(RESIDUAL, iterations=SAME, drops=(1, 2, 1, 2, 1, 2, 1, 2, 1)), "A x keeps every bit"),
        (
            replace(RESIDUAL, iterations=(*SAME[:2], replace(SAME[2], state=Format(1, 8)), SAME[4])),
            "one width",
        ),
    ],
)
def test_what_one_stage_cannot_do_is_refused(made: Descent, told: str) -> None:
    assert told in (foldable(made) or "")
    with pytest.raises(ValueError, match=told):
        replace(made, folded=True)
