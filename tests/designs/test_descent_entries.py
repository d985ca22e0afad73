"""Entries of A^T: their error is what the float descent leaves, and digits go where it allows."""

import numpy as np
import pytest

from hwgen.blocks.constant_matrix import adders
from hwgen.designs.descent_entries import Entries
from hwgen.designs.descent_system import Coefficients, System
from hwgen.designs.descent_words import Words
from hwgen.fixed import Format

RNG = np.random.default_rng(4)
SYSTEM = System(RNG.normal(size=(6, 3)), 0.2, 3)
Y = RNG.normal(size=(6, 400))
WEIGHTS = np.array([1.5, 1.0, 0.5])
NEAREST = Coefficients(SYSTEM, 5, 4)


def floor(made: Coefficients) -> float:
    """Mean square distance of the float trajectory from the exact solution, from the words' own definition."""
    return Words(made, Y, Format(3, 10), Format(3, 9), weights=WEIGHTS).floor


def counted(made: Coefficients) -> int:
    return sum(adders(np.array(column)) for column in made.rows)


def test_fitted_values_leave_less_and_no_step_of_one_entry_leaves_still_less() -> None:
    entries = Entries(NEAREST, Y, WEIGHTS)
    found = entries.fitted()
    assert floor(found) < 0.7 * floor(NEAREST)
    most = (1 << NEAREST.bits - 1) - 1
    for k in range(len(found.rows)):
        for j in range(len(found.rows[0])):
            for step in (-1, 1):
                rows = np.array(found.rows)
                rows[k, j] += step
                moved = Coefficients(SYSTEM, 5, 4, tuple(tuple(int(v) for v in row) for row in rows))
                assert abs(rows[k, j]) > most or floor(moved) > floor(found) * (1 - 1e-6)


@pytest.mark.parametrize("more", [1.2, 2.0, 5.0])
def test_fewer_digits_stay_within_the_error(more: float) -> None:
    fitted = Entries(NEAREST, Y, WEIGHTS).fitted()
    limit = floor(fitted) * more
    found = Entries(fitted, Y, WEIGHTS).sparser(limit)
    assert floor(found) <= limit * (1 + 1e-9)
    assert counted(found) < counted(fitted)
