"""The unrolled descent: its model against fractions and NumPy, its hardware against the model, broken hardware."""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import floor

import numpy as np
import pytest
from descent_cases import CASES, EXACT, GRAM, RESIDUAL, bench, drawn
from mutants import mutated

from hwgen.blocks.constant_matrix import ConstantMatrix
from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.descent_numbers import powers
from hwgen.blocks.dither import Cut, following, seed, window
from hwgen.check.bulk import simulate_bulk
from hwgen.check.simulate import simulate
from hwgen.cost.resources import synthesise
from hwgen.emit import verilog
from hwgen.fixed import Format


# --------------------------------------------------------------------------------------------------------- model
def by_fractions(d: Descent, data: np.ndarray) -> list[list[Fraction]]:
    """The two equations of the docstring, one right-hand side after the other, in exact numbers."""
    eta = sum(Fraction(1, 2**s) if s >= 0 else Fraction(2**-s) for s in d.steps)
    count = 2 * len(d.iterations) + 2
    registers = [seed(k) for k in range(count)]
    a, back = (d.matrix, d.fraction), (list(zip(*d.matrix, strict=True)), d.fraction)

    def times(matrix: tuple, x: list[Fraction], form: Format, drop: int, added: tuple | None) -> list[Fraction]:
        """Products, each cut by `drop` bits, and what that takes off, averaged over the words it can meet."""
        (rows, fraction), made = matrix, []
        unit = Fraction(2) ** (drop - fraction - form.fraction)
        for k, row in enumerate(rows):
            total = lost = Fraction(0)
            for c, v in zip(row, x, strict=True):
                sign, size = (c > 0) - (c < 0), Fraction(abs(c), 2**fraction)
                total += sign * floor(size * v / unit) * unit
                lost += sign * Fraction(sum(abs(c) * word % (1 << drop) for word in range(1 << drop)), 4**drop)
            made.append(total + (floor(lost + Fraction(1, 2)) if added is None else added[k]) * unit)
        return made

    def words(values: list[Fraction], form: Format, fine: int, stage: int, first: int = 0) -> list[Fraction]:
        lsb, made = Fraction(2) ** -form.fraction, []
        for k, v in enumerate(values):
            more = Fraction(0)
            drop = max(fine - form.fraction, 0)
            if d.rounding is Cut.HALF_UP:
                more = lsb / 2
            if d.rounding is Cut.STOCHASTIC:
                more = lsb * Fraction(window(registers[stage], first + k) & ((1 << drop) - 1), 1 << drop)
            made.append(min(max(floor((v + more) / lsb), form.minimum), form.maximum) * lsb)
        return made

    found = []
    for column in data.T:
        y = [Fraction(int(v), 2**d.input.fraction) for v in column]
        x, stage, drops = [Fraction(0)] * d.unknowns, 0, iter(d.drops or (0,) * 99)
        if d.taken is not None:
            y, stage = words(y, d.taken, d.input.fraction, 0), 1
        if d.form == "gram":
            z = times(back, y, d.taken or d.input, next(drops), d.added)
            y, stage = words(z, d.target, d.target_fraction, stage), stage + 1
        for t, it in enumerate(d.iterations):
            product = [Fraction(0)] * len(y)
            if t:
                rows, fraction = (d.gram, d.gram_fraction) if d.form == "gram" else a
                matrix = [[-c for c in row] for row in rows], fraction
                product = times(matrix, x, d.iterations[t - 1].state, next(drops), d.added and (0,) * d.unknowns)
            slope = [v + p for p, v in zip(product, y, strict=True)]
            if d.form == "residual":
                slope = words(slope, it.residual, d.difference_fraction(t), stage)
                slope = times(back, slope, it.residual, next(drops), None)
                stage += 1
            u = words([eta * v for v in slope], it.update, d.update_fraction(t), stage)
            x = words([v + w for v, w in zip(x, u, strict=True)], it.state, d.state_fraction(t), stage, d.unknowns)
            stage += 1
        found.append(x)
        registers[:] = [following(state) for state in registers]
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_model_is_what_fractions_say(name: str) -> None:
    d = CASES[name]
    y = drawn(d, 60)
    lsb = Fraction(2) ** -d.output.fraction
    assert [[int(v) * lsb for v in column] for column in d.model(y).T] == by_fractions(d, y)


def test_many_fine_iterations_solve_the_normal_equations() -> None:
    fine = Iteration(Format(3, 16), Format(3, 18), Format(3, 18))
    y = np.random.default_rng(0).integers(-60, 61, (4, 20))
    made = replace(RESIDUAL, iterations=(fine,) * 60)
    found = made.model(y) / 2.0**18
    assert np.abs(found - np.linalg.lstsq(EXACT, y / 2**7, rcond=None)[0]).max() < 1e-3
    ridge = replace(GRAM, iterations=(fine,) * 60, target=Format(3, 16))
    wanted = np.linalg.solve(np.array(ridge.gram) / 2**8, EXACT.T @ y / 2**7)
    assert np.abs(ridge.model(y) / 2.0**18 - wanted).max() < 1e-3


def test_a_step_by_hand() -> None:
    # A = (3/4, -1/2)^T, y = (1/2, 1/4): A^T y is 1/4, times eta = 1/2 + 1/8 it is 2.5 sixteenths.
    form = Iteration(Format(2, 4), Format(2, 4), Format(2, 4))
    d = Descent(((3,), (-2,)), 2, Format(1, 4), (form,), (1, 3))
    assert d.model(np.array([[8], [4]])).tolist() == [[3]]
    assert replace(d, rounding=Cut.FLOOR).model(np.array([[8], [4]])).tolist() == [[2]]


def test_step_sizes_are_sums_of_few_powers_of_two() -> None:
    assert powers(0.5) == (1,)
    assert powers(0.7) == (1, 3)
    assert powers(0.7, 3) == (1, 3, 4)
    assert powers(3.0, 4) == (-1, 0)
    with pytest.raises(ValueError, match="above 0"):
        powers(0.0)


def test_a_constant_matrix_knows_its_ranges() -> None:
    matrix = ConstantMatrix(((3, -5), (0, 0)))
    assert matrix.reach([(-2, 1), (-4, 7)]) == ((-6 - 35, 3 + 20), (0, 0))
    assert matrix.model(np.array([[1], [7]])).tolist() == [[-32], [0]]


# ------------------------------------------------------------------------------------------------------ hardware
@lru_cache
def emitted(name: str) -> str:
    return verilog(CASES[name].component(), "dut")


@pytest.mark.parametrize("name", CASES)
def test_the_hardware_is_bit_true(name: str) -> None:
    result = simulate(emitted(name), *bench(CASES[name], 400))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 380


def test_complements_save_inverters_and_change_nothing_else() -> None:
    without, there = (
        synthesise(verilog(replace(GRAM, complements=kept).component(), "dut"), "dut", "ice40").lut
        for kept in (False, True)
    )
    assert there < without


@pytest.mark.parametrize("rounding", Cut)
def test_ten_thousand_right_hand_sides_in_icarus(rounding: Cut) -> None:
    name = f"residual, {rounding}"
    result = simulate(emitted(name), *bench(CASES[name], 10_040))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples >= 10_000


@pytest.mark.parametrize("rounding", Cut)
def test_a_million_right_hand_sides_in_verilator(rounding: Cut) -> None:
    name = f"residual, {rounding}"
    result = simulate_bulk(emitted(name), *bench(CASES[name], 1_000_040))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples >= 1_000_000


PLAIN, DITHERED, NORMAL = "residual, half_up", "residual, stochastic", "gram, half_up"
# Name to (descent, text, replacement); the text occurs once.
MUTATIONS = {
    "a bit of a state": (PLAIN, "x2_0_limited_exact = ", "x2_0_exact = 1 ^ "),
    "a state that skips a register": (
        PLAIN,
        "x1_held_0_r <= x1_0_r;",
        "x1_held_0_r <= { {2{u0_0_limited_exact[8]}}, u0_0[4:0] };",
    ),
    "a right-hand side of another row": (PLAIN, "aim2_1_r <= y1_held_1_r;", "aim2_1_r <= y1_held_2_r;"),
    "a node of a graph": (PLAIN, "g1_c0_x3[8:4]) + $signed(r1_0_r)", "g1_c0_x3[8:4]) - $signed(r1_0_r)"),
    "valid a clock early": (PLAIN, "else o_valid <= valid8;", "else o_valid <= valid7;"),
    "a shift register with other taps": (DITHERED, ", lfsr4[30:28] };", ", lfsr4[29:27] };"),
    "a shift register that runs freely": (DITHERED, "else if (valid3) lfsr4", "else lfsr4"),
    "a target of the wrong row": (NORMAL, "z_1_r <= z_row1[", "z_1_r <= z_row0["),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    case, text, replacement = MUTATIONS[name]
    result = simulate(mutated(emitted(case), text, replacement), *bench(CASES[case], 120))
    assert result.mismatches > 0
    assert not result.bit_true


# ---------------------------------------------------------------------------------------------------- parameters
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"form": "newton"}, "form must be one of"),
        ({"iterations": ()}, "at least one iteration"),
        ({"steps": (2, 2)}, "different powers of two"),
        ({"form": "gram"}, "needs gram and target"),
        ({"taken": Format(1, 3)}, "only the form"),
        ({"added": (1, 2, 3)}, "added must be 3 numbers"),
        ({"drops": (1, 2)}, "drops must be 9 numbers"),
        ({"drops": (0,) * 8 + (-1,)}, "drop must be between"),
        ({"input": Format(0, 7, False)}, "every format must be signed"),
        ({"steps": (1, 60)}, "a word would take"),
        ({"steps": (29,), "rounding": Cut.STOCHASTIC}, "rounding would take"),
        ({"matrix": ((1 << 17,),)}, "at most 17 bits"),
    ],
)
def test_wrong_parameters_are_refused(change: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(RESIDUAL, **change)
    with pytest.raises(ValueError, match="words must lie"):
        RESIDUAL.model(drawn(RESIDUAL, 40) * 4)
