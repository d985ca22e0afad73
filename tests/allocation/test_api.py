"""What a user writes: five lines, plain functions, level sets, tied variables, constraints; and what comes back."""

import dataclasses

import numpy as np
import pytest
from instances import attempt, counted, everything, noise, optimum, three, total, weighted

import hwgen
from hwgen import Allocation, Problem, allocate, gc_pso, ppso
from hwgen.allocation import ALGORITHMS, EXACT, solve
from hwgen.allocation.methods import METHODS

SEARCHES = [name for name in METHODS if name not in EXACT]


def test_five_lines():
    weights = np.array([16.0, 1.0])
    problem = Problem(["x", "y"], 0, 12, lambda b: (weights * 4.0**-b).sum(axis=1), lambda b: b.sum(axis=1), budget=8)
    for method in (allocate, gc_pso, ppso):
        # Equal marginal gain two bits apart: 16 / 4^5 + 1 / 4^3.
        assert method(problem).bits == (5, 3)
        assert method(problem, seed=4, evaluations=100).error == 2 / 64


@pytest.mark.parametrize("limit", [{"budget": 13}, {"goal": 0.02}])
def test_plain_functions_of_one_point(limit):
    """The same answer as from vectorised functions, whatever number type they return."""
    whole = Problem(list("abc"), 0, 6, lambda b: (np.array([4.0, 2.0, 1.0]) * 4.0**-b).sum(axis=1), total, **limit)

    def error(bits):
        assert bits.shape == (3,)
        return np.float64((np.array([4.0, 2.0, 1.0]) * 4.0**-bits).sum())

    alone = Problem(list("abc"), 0, 6, error, lambda b: int(sum(b)), vectorized=False, **limit,
                    constraints=[(lambda b: b[0] - b[2], 2)])  # fmt: skip
    both = dataclasses_replaced(whole, constraints=[(lambda b: b[:, 0] - b[:, 2], 2)])
    for method in (allocate, gc_pso, ppso):
        assert method(alone, 1, 30) == method(both, 1, 30)
    assert allocate(alone, 1, 343).error == everything_best(both)


def dataclasses_replaced(problem, **changes):
    """The problem with some arguments of its constructor changed."""
    given = {f.name: getattr(problem, f.name) for f in dataclasses.fields(problem) if f.init}
    return Problem(**(given | changes))


def everything_best(problem):
    """The error of the enumerated optimum; the least error on a tie of consumption."""
    _, values, feasible = everything(problem)
    column = 0 if problem.spends else 1
    best = values[feasible, column].min()
    return values[feasible & (values[:, column] == best), 0].min()


@pytest.mark.parametrize("limit", [{"budget": 10}, {"goal": 0.11}])
@pytest.mark.parametrize("method", ["allocate", "gc-pso", "memetic"])
def test_level_sets(limit, method):
    """Sets as the levels of each variable; the best of all 3 x 4 x 2 points, by enumeration."""
    problem = Problem(list("abc"), 0, 9, lambda b: (np.array([9.0, 5.0, 2.0]) * 4.0**-b).sum(axis=1), total,
                      levels=[{0, 2, 3, 5}, {3, 0, 4}, {1, 6}], **limit)  # fmt: skip
    answer = solve(problem, 1, 500, method=method)
    assert all(bit in row for bit, row in zip(answer.bits, ({0, 2, 3, 5}, {3, 0, 4}, {1, 6}), strict=True))
    assert (answer.error if problem.spends else answer.consumption) == optimum(problem)


@pytest.mark.parametrize("limit", [{"budget": 24}, {"goal": 0.3}])
@pytest.mark.parametrize("method", [*SEARCHES, "exhaustive"])
def test_tied_variables(limit, method):
    """Every function sees all six variables, the tied ones alike; the answer is in the order of the names."""
    seen = []
    weights = np.array([9.0, 5.0, 2.0, 1.0, 7.0, 3.0])

    def error(bits):
        return (weights * 4.0**-bits).sum(axis=1)

    problem = Problem(list("abcdef"), 0, 8, counted(error, seen), total, groups=[["f", "a"], ["c", "d", "b"]], **limit)
    answer = attempt(problem, method, 1, 729 if method == "allocate" else 60)
    assert all(len(row) == 6 and row[0] == row[5] and row[1] == row[2] == row[3] for row in seen)
    a, b, c, d, _, f = answer.bits
    assert a == f
    assert b == c == d
    assert answer.names == tuple("abcdef")
    assert answer.error == error(np.array([answer.bits]))[0]
    if method == "allocate":
        points = [(x, y, z) for x in range(9) for y in range(9) for z in range(9)]
        bits = np.array([(x, y, y, y, z, x) for x, y, z in points])
        if problem.spends:
            assert answer.error == error(bits)[total(bits) <= 24].min()
        else:
            assert answer.consumption == total(bits)[error(bits) <= 0.3].min()


def test_criterion_of_tied_variables_is_summed():
    """Repair must weigh a tied pair by both its members: with the sum of them it is Fox's optimum of the pairs."""
    weights = np.exp(np.random.default_rng(5).normal(size=16))
    pairs = [[f"v{2 * k}", f"v{2 * k + 1}"] for k in range(8)]
    shapes = []

    def criterion(bits):
        shapes.append(bits.shape[1:])
        return 3 * weights * 4.0**-bits

    problem = dataclasses_replaced(weighted(weights, budget=64), groups=pairs, criterion=criterion)
    answer = gc_pso(problem, 1, 1500)
    assert set(shapes) == {(16,)}
    sums = weights.reshape(8, 2).sum(axis=1)
    best = solve(weighted(sums, budget=32), method="marginal").error
    assert answer.error == pytest.approx(best, rel=0.01)
    assert answer.error >= best * (1 - 1e-12)


def test_constraints_and_level_sets():
    problem = Problem(
        list("abcd"), 0, 9, lambda b: (np.array([9.0, 5.0, 2.0, 1.0]) * 4.0**-b).sum(axis=1), lambda b: b.sum(axis=1),
        budget=14, levels=[[0, 2, 3, 4, 5], [0, 3, 6], [0, 2, 3, 4, 5, 6], [1, 4]],
        constraints=[(lambda b: b[:, 0] + b[:, 1], 7), (lambda b: -b[:, 2], -2)],
    )  # fmt: skip
    best = optimum(problem)
    for evaluations in (100, 3000):  # searched, and enumerated
        answer = allocate(problem, 1, evaluations)
        assert answer.error == best
        assert answer.bits[0] + answer.bits[1] <= 7
        assert answer.bits[2] >= 2
        assert all(bit in problem.table[k] for k, bit in enumerate(answer.bits))


@pytest.mark.parametrize("method", SEARCHES)
def test_seeds(method):
    """A number or a Generator in its first state: the same answer to the last field."""
    problem = three(error=lambda b: np.sin(37.0 * b[:, 0] * b[:, 1] + b[:, 2]) + 1.1)
    first = attempt(problem, method, 7, 40)
    assert first == attempt(problem, method, np.int64(7), 40)
    assert first == attempt(problem, method, np.random.default_rng(7), 40)


def test_what_is_in_an_answer():
    problem = weighted(np.exp(np.random.default_rng(4).normal(size=12)), np.arange(12) % 3 + 1, goal=0.05)
    for method in SEARCHES:
        answer = attempt(problem, method, 1, 300)
        assert isinstance(answer, Allocation)
        assert answer.names == tuple(f"v{k}" for k in range(12))
        assert all(type(bit) is int for bit in answer.bits), method
        counts = (answer.evaluations, answer.unique_evaluations, answer.start_evaluations)
        assert all(type(count) is int for count in counts), method
        assert all(type(x) is float for x in (answer.error, answer.consumption, answer.violation)), method
        assert type(answer.feasible) is bool
        assert all(type(count) is int and type(value) is float for count, value in answer.history)
        assert (answer.bound, answer.gap) == (None, None)
        assert answer.feasible
        assert answer.violation == 0.0
        bits = np.array([answer.bits])
        assert (answer.error, answer.consumption) == (problem.error(bits)[0], problem.consumption(bits)[0])


def test_bounds_and_gaps():
    """The problem's own bound, a number or computed when asked for; an enumerated answer certifies itself."""
    calls = []

    def bound():
        calls.append(1)
        return 0.01

    large = {"upper": 30, "budget": 12}
    answer = allocate(three(**large, bound=bound), 1, 60)
    assert (answer.error, answer.bound, len(calls)) == (3 / 256, 0.01, 1)
    assert answer.gap == pytest.approx(3 / 2.56 - 1, rel=1e-12)
    assert allocate(three(**large, bound=-0.5), 1, 60).gap == pytest.approx((3 / 256 + 0.5) / 0.5)
    assert allocate(three(**large, bound=0.0), 1, 60).gap is None
    assert allocate(three(**large, bound=3 / 256), 1, 60).gap == 0.0
    small = allocate(three(bound=0.0), 1, 600)
    assert (small.bound, small.gap) == (3 / 256, 0.0)
    separable = allocate(three(**large, separable=True), 1, 300)
    assert (separable.bound, separable.gap) == (3 / 256, 0.0)


def test_starts_are_baselines_and_seeds_are_starts():
    """A needle no search would find: given by name it is a baseline, given as a seed it is found."""
    needle = np.array([9, 1, 7, 2, 8, 3])

    def error(bits):
        return np.where((bits == needle).all(axis=1), 0.0, 1 + noise(bits))

    options = ([f"v{k}" for k in range(6)], 0, 20, error, total)
    named = Problem(*options, budget=60, starts={"oracle": needle})
    for method in ("allocate", "gc-pso", "ppso", "iterated", "memetic", "annealing", "genetic", "random"):
        answer = solve(named, 1, 100, method=method)
        assert answer.error == 0.0, method
        assert answer.baselines["oracle"].bits == tuple(needle.tolist())
        assert solve(Problem(*options, budget=60), 1, 100, method=method, seeds=[needle]).error == 0.0, method
    assert allocate(Problem(*options, budget=60), 1, 100).error > 1


def test_names_of_methods():
    assert set(ALGORITHMS) == set(METHODS) - {"allocate", *EXACT}
    with pytest.raises(ValueError, match=r"one of allocate, gc-pso.*got 'magic'"):
        solve(three(), method="magic")
    for name in ("Allocation", "Infeasible", "Problem", "Search", "allocate", "gc_pso", "ppso"):
        assert name in hwgen.__all__
