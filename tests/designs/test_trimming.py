"""The greedy walk that begins and ends the search for word lengths, against exact optima and on its own terms."""

import numpy as np
import pytest

from hwgen.allocation import Problem
from hwgen.allocation.search import solve
from hwgen.designs.trimming import trimmed


def drawn(seed: int, goal: float = 0.01) -> Problem:
    """Noise that falls by four with each bit, at prices and gains of their own."""
    rng = np.random.default_rng(seed)
    gains, prices = rng.uniform(0.1, 10, 9), rng.uniform(1, 5, 9)
    return Problem(
        [f"v{k}" for k in range(9)], 0, 10, lambda b: 4.0**-b @ gains, lambda b: b @ prices, goal=goal, separable=True
    )  # fmt: skip


def measured(problem: Problem, bits: np.ndarray) -> tuple[float, float]:
    return float(problem.error(bits[None])[0]), float(problem.consumption(bits[None])[0])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("start", [10, 0, 4])
def test_it_meets_the_goal_near_the_optimum_with_nothing_to_drop(seed: int, start: int) -> None:
    problem = drawn(seed)
    found = trimmed(problem, np.full(9, start))
    error, cost = measured(problem, found)
    assert error <= 0.01
    assert cost <= 1.1 * solve(problem, method="separable").consumption
    for k in np.flatnonzero(found > 0):
        assert measured(problem, found - np.eye(9, dtype=int)[k])[0] > 0.01


def test_from_a_point_that_nearly_meets_the_goal_it_goes_no_further_than_it_must() -> None:
    problem = drawn(3)
    met = trimmed(problem, np.full(9, 10))
    short = met - np.eye(9, dtype=int)[int(met.argmax())]
    found = trimmed(problem, short)
    assert measured(problem, found)[0] <= 0.01
    assert np.abs(found - met).sum() <= 3


def test_where_no_bit_helps_it_stays() -> None:
    problem = Problem(["a", "b"], 0, 5, lambda b: np.ones(len(b)), lambda b: b.sum(axis=1) * 1.0, goal=0.5)
    assert trimmed(problem, np.array([2, 3])).tolist() == [2, 3]
    assert trimmed(problem, np.array([7, -1])).tolist() == [5, 0]
