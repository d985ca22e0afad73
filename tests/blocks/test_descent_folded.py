"""One stage for all iterations: the unrolled model against its hardware, broken hardware, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from descent_cases import GRAM, RESIDUAL, TAKEN, drawn

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.descent_folded import FoldedDescentComponent, foldable
from hwgen.blocks.dither import Cut
from hwgen.check.bulk import simulate_bulk
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Expected, Top
from hwgen.emit import verilog
from hwgen.fixed import Format

SHARED = Iteration(Format(1, 0), Format(2, 7), Format(2, 6))
SAME = (*(SHARED,) * 4, replace(SHARED, state=Format(2, 5)))
FOLDED = replace(TAKEN, iterations=SAME, drops=(4, 3, 3, 3, 3), added=(3, -2, 1))
CASES = {
    "half_up": FOLDED,
    "floor": replace(FOLDED, rounding=Cut.FLOOR),
    "every bit": replace(GRAM, iterations=SAME),
    "two iterations": replace(GRAM, iterations=SAME[-2:]),
}


def bench(descent: Descent, count: int) -> tuple[Top, Script, Expected]:
    interval = len(descent.iterations)
    top = Top("dut", descent.inputs, descent.outputs, descent.latency, interval)
    stimulus = script(
        drawn(descent, count), np.random.default_rng(2), gap_probability=0.25, resets=[count // 2, count // 2 + 3],
        drain=descent.latency + 4, interval=interval,
    )  # fmt: skip
    return top, stimulus, top.expected(stimulus, descent.model)


@pytest.mark.parametrize("name", CASES)
def test_the_stage_is_bit_true(name: str) -> None:
    result = simulate(verilog(FoldedDescentComponent(CASES[name]), "dut"), *bench(CASES[name], 400))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 380


@pytest.mark.parametrize(
    ("text", "replacement"),
    [("? 8'h00 : x_1_r;", "? x_1_r : x_1_r;"), ("o_valid <= last;", "o_valid <= y_valid;")],
)
def test_a_mutation_is_caught(text: str, replacement: str) -> None:
    found = verilog(FoldedDescentComponent(FOLDED), "dut")
    assert found.count(text) == 1, f"the emitted Verilog has changed; choose {text!r} anew"
    assert simulate(found.replace(text, replacement), *bench(FOLDED, 120)).mismatches > 0


def test_a_million_right_hand_sides_in_verilator() -> None:
    result = simulate_bulk(verilog(FoldedDescentComponent(FOLDED), "dut"), *bench(FOLDED, 1_000_100))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples >= 1_000_000


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (RESIDUAL, "only the form"),
        (GRAM, "one format"),
        (replace(FOLDED, rounding=Cut.STOCHASTIC), "stochastic"),
        (replace(FOLDED, added=None), "give added"),
    ],
)
def test_what_one_stage_cannot_do_is_refused(made: Descent, told: str) -> None:
    assert told in (foldable(made) or "")
