"""Words of a descent: where they end as the block has it, and the noise model against bit-true runs."""

import numpy as np
import pytest

from hwgen.blocks.dither import Cut
from hwgen.designs.descent_bits import Bits
from hwgen.designs.descent_estimate import DescentEstimate, DescentWork
from hwgen.designs.descent_system import Coefficients, System, best_step, fraction_of, parts, real, words_of
from hwgen.designs.descent_words import Ends, Words, overload
from hwgen.fixed import Format

RNG = np.random.default_rng(5)
MATRIX = RNG.normal(size=(6, 3))
INPUT = Format(3, 10)
RAW = words_of(RNG.normal(size=(6, 3000)), INPUT)


def words(gram: bool, rounding: Cut = Cut.HALF_UP, iterations: int = 4, bits: int = 9) -> Words:
    system = System(MATRIX, 0.2 if gram else 0.0, iterations)
    coefficients = Coefficients(system, bits, bits if gram else None)
    return Words(coefficients, RAW * INPUT.lsb, INPUT, Format(3, 9), rounding)


def ends(made: Words, width: int, drop: int) -> Ends:
    tops = made.peaks[None] + 1  # errors widen what the trajectory spans
    return Ends(width - made.peaks[None], tops, np.full((1, len(made.products)), drop))


def test_complex_systems_are_real_ones() -> None:
    a = np.array([[1 + 2j, 3 - 1j]])
    x = np.array([[0.5 - 1j], [2 + 0.25j]])
    assert np.allclose(real(a) @ parts(x), parts(a @ x))
    assert np.array_equal(real(MATRIX), MATRIX)


def test_the_fastest_step_balances_both_ends() -> None:
    eta = best_step(np.array([0.5, 2.0]))
    assert abs(1 - eta * 0.5) == pytest.approx(abs(1 - eta * 2.0))


@pytest.mark.parametrize(
    ("top", "bits", "fraction"), [(0.5, 4, 3), (0.6, 4, 3), (0.95, 4, 2), (1.0, 4, 2), (12.0, 6, 1)]
)
def test_fractions_fit_the_largest_entry(top: float, bits: int, fraction: int) -> None:
    found = fraction_of(np.array([[top, -0.1]]), bits)
    assert found == fraction
    assert np.floor(top * 2.0**found + 0.5) < 2 ** (bits - 1)
    assert np.floor(top * 2.0 ** (found + 1) + 0.5) >= 2 ** (bits - 1)


def test_the_trajectory_ends_at_the_solution() -> None:
    system = System(MATRIX, 0.2, 200)
    y = RAW * INPUT.lsb
    wanted = np.linalg.solve(MATRIX.T @ MATRIX + 0.2 * np.eye(3), MATRIX.T @ y)
    assert np.abs(system.descended(y)[-1] - wanted).max() < 1e-9
    assert np.abs(Coefficients(system, 16, 16).trajectory(y)["x200"] - wanted).max() < 1e-3


def test_words_of_one_bit_are_modelled_but_not_searched() -> None:
    made = words(True)
    found = ends(made, 9, 0)
    narrow = found._replace(fractions=np.where(np.array(made.names) == "u1", 1 - found.tops, found.fractions))
    assert np.isinf(made.noise(narrow))
    assert made.modelled(found) < made.modelled(narrow) < np.inf
    assert made.noise(found) == made.modelled(found)


@pytest.mark.parametrize("gram", [False, True])
@pytest.mark.parametrize("drop", [0, 3])
def test_words_end_where_the_block_cuts_them(gram: bool, drop: int) -> None:
    made = words(gram)
    given = ends(made, 8, drop)
    block, exact = made.block(given), dict(zip(made.place, made.exact(given)[0], strict=True))
    for t in range(made.iterations):
        assert exact[f"u{t}"] == block.update_fraction(t)
        assert exact[f"x{t + 1}"] == block.state_fraction(t)
        if not gram:
            assert exact[f"r{t}"] == block.difference_fraction(t)
    if gram:
        assert exact["z"] == block.target_fraction


@pytest.mark.parametrize("gram", [False, True])
@pytest.mark.parametrize("rounding", Cut)
@pytest.mark.parametrize(("width", "drop"), [(8, 0), (9, 4), (11, 2)])
def test_the_noise_model_is_what_bit_true_runs_say(gram: bool, rounding: Cut, width: int, drop: int) -> None:
    made = words(gram, rounding)
    given = ends(made, width, drop)
    space = Bits(made, RAW, made.coefficients.system.solution(RAW * INPUT.lsb), DescentEstimate.of("ice40"))
    measured = space.bit_true(space.variables(given))[0]
    assert made.noise(given)[0] == pytest.approx(measured, rel=0.35)


def test_variables_and_ends_are_inverse() -> None:
    made = words(True)
    space = Bits(made, RAW, RAW, DescentEstimate.of("ice40"))
    low, high = space.bounds
    bits = RNG.integers(low, high, (20, len(low)), endpoint=True)
    assert np.array_equal(space.variables(space.ends(bits)), bits)
    assert len(space.names) == len(low)


def test_overload_is_the_integral() -> None:
    drawn = np.random.default_rng(0).normal(size=1_000_000) * 0.7
    over = np.mean(np.maximum(np.abs(drawn) - 1.0, 0) ** 2)
    assert overload(np.array(0.7), np.array(1.0)) == pytest.approx(over, rel=0.02)


@pytest.mark.parametrize("gram", [False, True])
def test_estimates_grow_with_widths_and_shrink_with_what_is_left_out(gram: bool) -> None:
    made = words(gram)
    work, estimate = DescentWork(made), DescentEstimate.of("ice40")
    narrow, wide, cut = (
        estimate.luts(work.features(ends(made, width, drop)))[0] for width, drop in ((7, 0), (10, 0), (10, 5))
    )
    assert narrow < wide
    assert cut < wide
