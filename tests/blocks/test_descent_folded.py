"""One stage for all iterations: its model against fractions, its hardware against the model, what is refused."""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from descent_cases import GRAM, RESIDUAL, drawn
from folded_descents import CASES, FOLDED, ZOOMING, bench, by_fractions

from hwgen.blocks.descent import Descent
from hwgen.blocks.descent_folded import FoldedDescentComponent
from hwgen.blocks.descent_stage import foldable
from hwgen.blocks.dither import Cut, states
from hwgen.check.bulk import simulate_bulk
from hwgen.check.simulate import simulate
from hwgen.emit import verilog

MILLION = [f"{name}, {rounding}" for name in ("one range", "zooming") for rounding in Cut]


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
