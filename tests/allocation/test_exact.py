"""Exact answers against brute force with itertools, rational arithmetic and Fox's greedy on convex errors."""

import heapq
import itertools
from fractions import Fraction

import numpy as np
import pytest

from hwgen.allocation import exhaustive, separable
from hwgen.allocation.answer import Infeasible
from hwgen.allocation.knapsack import knapsack, whole_units
from hwgen.allocation.problem import Problem


def tabled(errors, costs, **keywords):
    """A separable problem from lists of (error, cost) by level, one list a variable, levels 0, 1, ..."""
    longest = max(map(len, errors))
    padded = [
        np.array([[*row, *[0] * (longest - len(row))] for row in table], dtype=float) for table in (errors, costs)
    ]
    rows = np.arange(len(errors))
    return Problem(
        [f"x{k}" for k in rows], 0, [len(row) - 1 for row in errors],
        lambda b: padded[0][rows, b].sum(axis=1), lambda b: padded[1][rows, b].sum(axis=1), separable=True, **keywords,
    )  # fmt: skip


def brute(errors, costs, limit, spends=True):
    """Least objective within the limit, by trying every point in rational arithmetic; None when there is none."""
    best = None
    for point in itertools.product(*(range(len(row)) for row in errors)):
        error, cost = (sum(Fraction(t[k][level]) for k, level in enumerate(point)) for t in (errors, costs))
        spent, objective = (cost, error) if spends else (error, cost)
        if spent <= limit and (best is None or objective < best):
            best = objective
    return best


def drawn(rng, cost):
    """A small instance, neither convex nor monotone in general: dyadic errors, so that brute force is exact."""
    shape = [int(rng.integers(2, 5)) for _ in range(int(rng.integers(2, 6)))]
    errors = [[float(v) / 1024 for v in rng.integers(0, 3000, size)] for size in shape]
    return errors, [[cost(rng) for _ in range(size)] for size in shape]


COSTS = {
    "integers": lambda rng: float(rng.integers(0, 9)),
    "powers": lambda rng: float(2 ** rng.integers(0, 7)),
    "quarters": lambda rng: float(rng.integers(1, 30)) / 4,
    "reals": lambda rng: float(rng.integers(1, 2**40)) / 2**37,
    "negative": lambda rng: float(rng.integers(-5, 6)),
}


@pytest.mark.parametrize("kind", COSTS)
@pytest.mark.parametrize("spends", [True, False])
def test_brute_force(kind, spends):
    rng = np.random.default_rng(5)
    solved = 0
    for instance in range(40):
        errors, costs = drawn(rng, COSTS[kind])
        tables = costs if spends else errors
        low, high = (sum(pick(row) for row in tables) for pick in (min, max))
        limit = Fraction(low) + Fraction(int(rng.integers(-1, 9)), 8) * (Fraction(high) - Fraction(low))
        problem = tabled(errors, costs, **{"budget" if spends else "goal": float(limit)})
        expected = brute(errors, costs, limit, spends)
        for method in (separable, exhaustive):
            if expected is None:
                with pytest.raises(Infeasible) as caught:
                    method(problem)
                assert caught.value.violation > 0
                assert not caught.value.allocation.feasible
                continue
            answer = method(problem)
            objective = answer.error if spends else answer.consumption
            assert objective == pytest.approx(float(expected), rel=1e-12, abs=1e-12), f"instance {instance}, {kind}"
            assert answer.feasible
            assert (answer.bound, answer.gap) == (objective, 0.0)
            assert answer.evaluations >= answer.unique_evaluations > 0
            solved += 1
    assert solved >= 60


def test_decimal_costs():
    """0.1 + 0.2 fits a budget of 0.3 though the floats miss it; 0.3 of a budget of 0.29 does not."""
    errors, costs = [[1.0, 0.5], [1.0, 0.25]], [[0.0, 0.1], [0.0, 0.2]]
    assert separable(tabled(errors, costs, budget=0.3)).bits == (1, 1)
    assert separable(tabled(errors, costs, budget=0.29)).bits == (0, 1)
    assert separable(tabled(errors, costs, budget=0.19)).bits == (1, 0)
    units, unit = whole_units(np.array([[0.0, 0.1], [0.25, 1.0]]))
    assert units.tolist() == [[0, 2], [5, 20]]
    assert unit == pytest.approx(0.05)
    assert whole_units(np.array([[np.pi, 1.0]]))[1] == 0
    assert whole_units(np.array([[1e-15, 1.0]]))[1] == 0


def fox(weights, lower, upper, budget):
    """Fox 1966: one bit at a time to where it takes most off sum w 4^-b, exact for convex errors at unit cost."""
    bits = [lower] * len(weights)
    heap = [(-3 * w * Fraction(1, 4 ** (lower + 1)), k) for k, w in enumerate(weights)]
    heapq.heapify(heap)
    for _ in range(budget - lower * len(weights)):
        gain, k = heapq.heappop(heap)
        bits[k] += 1
        if bits[k] < upper:
            heapq.heappush(heap, (gain / 4, k))
    return sum(w * Fraction(1, 4**b) for w, b in zip(weights, bits, strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_fox_greedy(seed):
    """A hundred variables of very different weights; errors down to 1e-9 of those at the lower levels."""
    rng = np.random.default_rng(seed)
    weights = [Fraction(int(w)) for w in 2 ** rng.uniform(0, 40, 100)]
    as_floats = np.array([float(w) for w in weights])
    problem = Problem(
        [f"x{k}" for k in range(100)], 2, 24, lambda b: (as_floats * 4.0**-b).sum(axis=1),
        lambda b: b.sum(axis=1), budget=1200, separable=True,
    )  # fmt: skip
    answer = separable(problem)
    assert answer.error == pytest.approx(float(fox(weights, 2, 24, 1200)), rel=1e-13), f"seed {seed}"
    assert answer.consumption == 1200


def test_real_costs_of_many_variables():
    """No common unit: the answer lies between the Lagrangian bound and every answer of random descent."""
    rng = np.random.default_rng(3)
    weight = np.cumsum(rng.uniform(0.1, 1.0, (40, 12)), axis=1)
    value = 4.0 ** -np.arange(12) * 2 ** rng.uniform(0, 12, (40, 1))
    capacity = 0.5 * weight[:, -1].sum()
    index = knapsack(weight, value, capacity)
    rows = np.arange(40)
    total = value[rows, index].sum()
    assert weight[rows, index].sum() <= capacity
    bounds = [(value + m * weight).min(axis=1).sum() - m * capacity for m in 10.0 ** np.linspace(-6, 3, 400)]
    assert max(bounds) <= total <= 1.005 * max(bounds)
    # No exchange of levels between two variables improves it.
    for a, b in itertools.combinations(range(40), 2):
        change = value[a][:, None] + value[b] - value[a, index[a]] - value[b, index[b]]
        fits = weight[a][:, None] + weight[b] - weight[a, index[a]] - weight[b, index[b]]
        assert (change[fits <= capacity - weight[rows, index].sum()] >= -1e-12).all()
    with pytest.raises(ValueError, match="more than most=50"):
        knapsack(weight, value, capacity, most=50)
    assert knapsack(weight, value, 0.9 * weight[:, 0].sum()) is None


def test_claims_are_checked():
    names = ["a", "b", "c"]
    with pytest.raises(ValueError, match="not separable: the error"):
        separable(Problem(names, 0, 5, lambda b: (2.0**-b).max(axis=1), lambda b: b.sum(1), budget=7, separable=True))
    with pytest.raises(ValueError, match="not separable: the consumption"):
        separable(Problem(names, 0, 5, lambda b: (2.0**-b).sum(axis=1), lambda b: b.prod(1), budget=7, separable=True))
    with pytest.raises(ValueError, match="marked separable=True"):
        separable(Problem(names, 0, 5, lambda b: (2.0**-b).sum(axis=1), lambda b: b.sum(1), budget=7))
    further = [(lambda b: b[:, 0], 2)]
    with pytest.raises(ValueError, match="further constraints"):
        separable(
            Problem(names, 0, 5, lambda b: -b.sum(1), lambda b: b.sum(1), budget=7, separable=True, constraints=further)
        )
    with pytest.raises(ValueError, match="error with every variable at its top is infinite"):
        separable(tabled([[0.0, np.inf]], [[0.0, 1.0]], budget=1))
    # A coupling too small to see in points where large terms dominate shows around the answer.
    coupled = Problem(
        names, 0, 12, lambda b: (4.0**-b).sum(1) + 1e-6 * 2.0 ** -(b[:, 0] + b[:, 1]), lambda b: b.sum(1),
        budget=30, separable=True,
    )  # fmt: skip
    with pytest.raises(ValueError, match="not separable"):
        separable(coupled)


def test_infinite_levels():
    """A level of infinite error is taken only where nothing else fits."""
    errors, costs = [[np.inf, 0.5, 0.1], [3.0, 1.0, 0.2]], [[0.0, 2.0, 3.0], [0.0, 1.0, 2.0]]
    assert separable(tabled(errors, costs, budget=3)).bits == (1, 1)
    assert separable(tabled(errors, costs, budget=2)).bits == (1, 0)
    assert separable(tabled(errors, costs, budget=1)).error >= 1e99
    assert separable(tabled(errors, costs, goal=0.7)).bits == (1, 2)


def test_exhaustive_with_constraints():
    """The smallest maximum of three with a parity constraint; ties go to the lower consumption."""
    problem = Problem(
        ["a", "b", "c"], 0, 4, lambda b: (2.0**-b).max(axis=1), lambda b: b.sum(axis=1), budget=8,
        constraints=[(lambda b: b[:, 0] % 2, 0)],
    )  # fmt: skip
    points = [p for p in itertools.product(range(5), repeat=3) if sum(p) <= 8 and p[0] % 2 == 0]
    answer = exhaustive(problem)
    assert answer.error == min(max(2.0**-b for b in p) for p in points) == 0.25
    assert answer.bits == (2, 2, 2)
    assert answer.evaluations == 125
    with pytest.raises(ValueError, match="125 points, more than most=100"):
        exhaustive(problem, most=100)
    never = Problem(
        ["a"], 0, 4, lambda b: -b[:, 0], lambda b: b[:, 0], budget=3, constraints=[(lambda b: 104 - b[:, 0], 100)]
    )
    with pytest.raises(Infeasible, match="further constraints") as caught:
        exhaustive(never)
    assert caught.value.allocation.bound is None


def test_levels_and_groups():
    """Levels with gaps, tied variables: what a position costs is what its members cost together."""
    problem = Problem(
        ["a", "b", "c"], 0, 8, lambda b: (np.array([1.0, 3.0, 9.0]) * 4.0**-b).sum(axis=1), lambda b: b.sum(axis=1),
        budget=14, levels=[0, 2, 3, 6, 8], groups=[["a", "c"]], separable=True,
    )  # fmt: skip
    points = [(a, b) for a in (0, 2, 3, 6, 8) for b in (0, 2, 3, 6, 8) if 2 * a + b <= 14]
    best = min(10 * 4.0**-a + 3 * 4.0**-b for a, b in points)
    assert separable(problem).error == exhaustive(problem).error == pytest.approx(best)
