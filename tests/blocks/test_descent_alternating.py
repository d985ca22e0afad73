"""One stage of the form "residual": its model against fractions, its hardware against the model, what is refused."""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from alternating_descents import CASES, PLAIN, SAME, bench, by_fractions
from descent_cases import RESIDUAL, drawn

from hwgen.blocks.descent import Descent
from hwgen.blocks.descent_stage import foldable
from hwgen.blocks.dither import Cut
from hwgen.check.bulk import simulate_bulk
from hwgen.check.simulate import simulate
from hwgen.emit import verilog
from hwgen.fixed import Format

MILLION = [f"alternating, {rounding}" for rounding in Cut]


@lru_cache
def emitted(name: str) -> str:
    return verilog(CASES[name].component(), "dut")


# --------------------------------------------------------------------------------------------------------- model
@pytest.mark.parametrize("name", CASES)
def test_the_model_is_what_fractions_say(name: str) -> None:
    d = CASES[name]
    y = drawn(d, 60)
    lsb = Fraction(2) ** -d.output.fraction
    assert [[int(v) * lsb for v in column] for column in d.model(y).T] == by_fractions(d, y)


@pytest.mark.parametrize("name", [name for name, d in CASES.items() if d.rounding is not Cut.STOCHASTIC])
def test_folding_changes_no_word(name: str) -> None:
    y = drawn(CASES[name], 500)
    assert np.array_equal(CASES[name].model(y), replace(CASES[name], folded=False).model(y))


@pytest.mark.parametrize("iterations", [2, 3, 5])
def test_clocks_are_what_the_docstring_says(iterations: int) -> None:
    d = replace(PLAIN, iterations=SAME[-iterations:])
    assert (d.stage.interval, d.latency) == (2 * iterations, 2 * iterations + 1)


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
EVERY, RANDOM = "every bit", "alternating, stochastic"
MUTATIONS = {
    "a first state that is not zeros": (EVERY, "if (taken) x_1_r <= 8'h00;", "if (0) x_1_r <= 8'h00;"),
    "a state taken on every step": (EVERY, "if (!step[0])\n      if (taken) x_2_r", "if (1)\n      if (taken) x_2_r"),
    "a right-hand side too early": (EVERY, "assign i_ready = \\$1  | last;", "assign i_ready = 1'h1;"),
    "valid a clock early": (EVERY, "o_valid <= last;", "o_valid <= step == 4'h9;"),
    "an iteration less": (EVERY, "assign last = step == 4'ha;", "assign last = step == 4'h8;"),
    "a shift register from another seed": (RANDOM, "lfsr0 = 31'h2545f492", "lfsr0 = 31'h2545f493"),
    "a shift register that goes on at rest": (RANDOM, "else if (busy) lfsr0 <=", "else lfsr0 <="),
    "a shift register that reset leaves": (RANDOM, "if (rst) lfsr0 <= 31'h2545f492;", "if (0) lfsr0 <= 31'h2545f492;"),
    "random bits of another place": (RANDOM, "{ 1'h0, lfsr0[13:7] }", "{ 1'h0, lfsr0[14:8] }"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    case, text, replacement = MUTATIONS[name]
    found = emitted(case)
    assert found.count(text) == 1, f"the emitted Verilog has changed; choose the text of {name!r} anew"
    result = simulate(found.replace(text, replacement), *bench(CASES[case], 120))
    assert result.mismatches > 0


# ---------------------------------------------------------------------------------------------------- parameters
@pytest.mark.parametrize(
    ("made", "told"),
    [
        (RESIDUAL, "one format for each kind of word"),
        (replace(RESIDUAL, iterations=SAME[:1]), "two iterations or more"),
        (replace(RESIDUAL, iterations=SAME, drops=(1, 0, 2, 0, 1, 0, 1, 0, 1)), "one drop"),
        (replace(RESIDUAL, iterations=SAME, drops=(1, 2, 1, 2, 1, 2, 1, 2, 1)), "A x keeps every bit"),
        (
            replace(RESIDUAL, iterations=(*SAME[:2], replace(SAME[2], state=Format(1, 7)), SAME[4])),
            "one format for each kind of word",
        ),
    ],
)
def test_what_one_stage_cannot_do_is_refused(made: Descent, told: str) -> None:
    assert told in (foldable(made) or "")
    with pytest.raises(ValueError, match=told):
        replace(made, folded=True)
