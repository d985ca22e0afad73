"""The methods on problems whose answer is known: worked by hand, by theorem, by enumeration."""

import numpy as np
import pytest
from instances import attempt, counted, fox, halfway, mixed, objective, optimum, rough, three, weighted

from hwgen import Problem, allocate, gc_pso, ppso
from hwgen.allocation import EXACT, solve
from hwgen.allocation.methods import METHODS

SEARCHES = [name for name in METHODS if name not in EXACT]
GREEDY = ("greedy", "greedy-add", "exchange", "marginal", "max-1", "min+1", "allocate", "gc-pso", "memetic")


def tabled(errors, costs, **limit):
    """Sums of one table entry for each variable, levels 0, 1, ..."""
    errors, costs = np.array(errors, dtype=float), np.array(costs, dtype=float)
    rows = np.arange(len(errors))
    return Problem(
        [f"x{k}" for k in rows], 0, errors.shape[1] - 1, lambda b: errors[rows, b].sum(axis=1),
        lambda b: costs[rows, b].sum(axis=1), **limit,
    )  # fmt: skip


@pytest.mark.parametrize("method", SEARCHES)
def test_two_variables_by_hand(method):
    """16 and 1: equal marginal gain two bits apart, so 8 bits are (5, 3); and they are the cheapest for that error."""
    answer = attempt(weighted([16.0, 1.0], budget=8), method, 1, 300)
    alike = method in ("uniform", "common-lsb")  # without offsets, all variables have the same magnitude
    if alike:
        assert answer.bits == (4, 4)
    else:
        assert (answer.bits, answer.error) == ((5, 3), 2 / 64)
    answer = attempt(weighted([16.0, 1.0], goal=2 / 64), method, 1, 300)
    # A step further, from (5, 5) down, the error grows least where the bit weighs least.
    assert answer.bits == ((5, 5) if method == "uniform" else (5, 3))


def test_uniform_and_common_lsb_by_hand():
    problem = Problem(["a", "b"], 0, [9, 4], lambda b: 2.0 ** -b.min(axis=1), lambda b: b.sum(axis=1), budget=9,
                      offsets=[2, 0])  # fmt: skip
    assert solve(problem, method="uniform").bits == (4, 4)
    # (2 + L, L): L = 3 needs 8 bits; the ninth goes to b, where it helps.
    assert solve(problem, method="common-lsb").bits == (5, 4)


def test_max_minus_one_and_greedy_by_hand():
    """Errors 8 4 1 at cost 0 1 5, and 9 5 3 at cost 0 1 2, at most 3 in all; down from (2, 2), error 4, cost 7.

    max-1: x1 2 -> 1 raises the error by 2, x0 2 -> 1 by 3; so (2, 1), cost 6; then x0 by 3, x1 by 4: (1, 1), cost 2,
    error 9; the rest takes x1 up to 2: (1, 2), cost 3, error 7.
    greedy: per cost saved 2 / 1 against 3 / 4; x0 goes first: (1, 2), cost 3, error 7, nothing fits any more.
    """
    problem = tabled([[8, 4, 1], [9, 5, 3]], [[0, 1, 5], [0, 1, 2]], budget=3)
    paths = {}
    for method in ("max-1", "greedy"):
        seen = []
        object.__setattr__(problem, "consumption", counted(tabled([[8, 4, 1], [9, 5, 3]], [[0, 1, 5], [0, 1, 2]],
                                                                  budget=3).consumption, seen))  # fmt: skip
        assert solve(problem, method=method).bits == (1, 2)
        paths[method] = seen
    # Points in the order they are looked at: the start, both ways down, and so on.
    assert paths["max-1"][:5] == [(2, 2), (1, 2), (2, 1), (1, 1), (2, 0)]
    assert paths["greedy"][:3] == [(2, 2), (1, 2), (2, 1)]
    assert (1, 1) not in paths["greedy"][:3]


def test_min_plus_one_by_hand():
    """Under a goal of 6: the lowest level each variable can have with the other at its top, then up from there.

    x0: 8 + 3 > 6, 4 + 3 > 6, 1 + 3: level 2. x1: 1 + 9, 1 + 5 = 6: level 1. (2, 1) has error 6, cost 6: met.
    """
    seen = []
    problem = tabled([[8, 4, 1], [9, 5, 3]], [[0, 1, 5], [0, 1, 2]], goal=6)
    object.__setattr__(problem, "error", counted(problem.error, seen))
    answer = solve(problem, method="min+1")
    assert (answer.bits, answer.error, answer.consumption) == ((2, 1), 6.0, 6.0)
    assert seen[:3] == [(1, 2), (2, 1), (2, 0)]
    # Under a budget of 3 from (0, 0), the larger fall of the error first, 4 each way: x0; then x1 by 4; then x1 by 2.
    assert solve(tabled([[8, 4, 1], [9, 5, 3]], [[0, 1, 5], [0, 1, 2]], budget=3), method="min+1").bits == (1, 2)


def test_marginal_passes_over_levels_off_the_hull():
    """Errors 9 8.5 0 against 9 6 4 3, unit cost, three levels to give.

    One level at a time looks good for x1 (3 against 0.5), but x0 gains 4.5 a level over two: (2, 1), error 6. Adding
    the best single level ends at (0, 3), error 12.
    """
    problem = tabled([[9, 8.5, 0, 0], [9, 6, 4, 3]], [[0, 1, 2, 9], [0, 1, 2, 3]], budget=3)
    assert solve(problem, method="marginal").bits == (2, 1)
    assert solve(problem, method="greedy-add").bits == (0, 3)
    assert optimum(problem) == 6


@pytest.mark.parametrize("seed", range(2))
def test_greedy_is_exact_where_fox_says_so(seed):
    weights = np.exp(2 * np.random.default_rng(seed).normal(size=12))
    problem = weighted(weights, budget=50)
    for method in GREEDY:
        answer = solve(problem, seed, 1500, method=method)
        assert answer.error == pytest.approx(fox(weights, 50), rel=1e-12), (method, seed)
    goal = weighted(weights, goal=fox(weights, 50) * (1 + 1e-9))
    for method in GREEDY:
        # Without a linearisation the memetic search looks at all pairs around each of its points.
        evaluations = 4000 if method == "memetic" else 1500
        assert solve(goal, seed, evaluations, method=method).consumption == 50, (method, seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", ["budget", "goal"])
def test_enumerated_optimum_of_rough_problems(seed, limit):
    """3125 points: allocate finds the best among them by search, and nobody finds a better one."""
    problem = halfway(lambda **given: rough(seed, **given), limit)
    best = optimum(problem)
    answer = allocate(problem, seed, 1000)
    assert answer.bound is None  # searched, not enumerated
    assert objective(problem, answer) == pytest.approx(best, rel=1e-12), f"seed {seed}"
    proven = allocate(problem, seed, 3125)
    assert (objective(problem, proven), proven.gap) == (pytest.approx(best, rel=1e-12), 0.0)
    for method in SEARCHES:
        assert objective(problem, attempt(problem, method, seed, 60)) >= best * (1 - 1e-12), (method, seed)


@pytest.mark.parametrize("method", SEARCHES)
def test_answers_are_what_the_functions_say(method):
    """Of the mixed family: error, consumption and violation at the bits; no baseline is better than its search."""
    for seed in range(5):
        problem = mixed(seed)
        answer = attempt(problem, method, seed, 60)
        values = problem.measure(np.array([answer.bits]))
        # Matrix products of one point and of many may differ by an ulp.
        assert values[0, :2] == pytest.approx([answer.error, answer.consumption], rel=1e-12), seed
        assert answer.violation == pytest.approx(problem.excess(values)[0])
        best = min((b.violation, objective(problem, b)) for b in [*answer.baselines.values(), answer])
        assert (answer.violation, objective(problem, answer)) == best, seed


@pytest.mark.parametrize("method", [gc_pso, ppso])
def test_options_of_the_swarms(method):
    weights = np.array([8.0, 4.0, 2.0, 1.0])
    problem = weighted(weights, budget=14)
    for topology in ("ring", "global"):
        answer = method(problem, 1, 500, topology=topology, particles=12, inertia=0.7298, cognitive=1.496,
                        social=1.496, seeds=[[4, 4, 3, 3]])  # fmt: skip
        assert answer.error == fox(weights, 14)
    for options, words in (
        ({"topology": "star"}, "ring, global"), ({"particles": 1}, "at least 2 particles"),
        ({"criterion": "taste"}, "separable, gradient"), ({"criterion": "gradient"}, "a criterion of its own"),
    ):  # fmt: skip
        if "criterion" not in options or method is gc_pso:
            with pytest.raises(ValueError, match=words):
                method(problem, 1, 100, **options)
    with pytest.warns(UserWarning, match="to settle"):
        method(problem, 1, 50, inertia=1.2)


@pytest.mark.parametrize("criterion", ["separable", "gradient", "finite difference"])
def test_criteria_of_the_repair(criterion):
    weights = np.exp(np.random.default_rng(5).normal(size=12))
    problem = weighted(weights, budget=48)
    object.__setattr__(problem, "criterion", lambda bits: 3 * weights * 4.0**-bits)
    # Differences cost n evaluations a point, so that few steps are left.
    slack = 1.1 if criterion == "finite difference" else 1.005
    assert gc_pso(problem, 1, 2000, criterion=criterion, particles=8).error <= slack * fox(weights, 48)


def test_greedy_remove_is_economical_with_many_variables():
    weights = np.exp(2 * np.random.default_rng(0).normal(size=150))
    answer = solve(weighted(weights, budget=900), 1, 20000, method="greedy")
    assert answer.unique_evaluations <= 20000
    assert answer.error <= 1.05 * fox(weights, 900)
    few = solve(weighted(weights, budget=900), 1, 3000, method="greedy")
    assert few.unique_evaluations <= 3000
    assert few.error <= 1.2 * fox(weights, 900)
    goal = solve(weighted(weights, goal=fox(weights, 900)), 1, 20000, method="greedy")
    assert goal.consumption <= 910


def test_ppso_leaves_an_infeasible_start():
    """The penalty grows until the swarm is feasible: from all-upper, far over the budget."""
    problem = weighted(np.exp(np.random.default_rng(3).normal(size=10)), 2.0 ** np.arange(10) / 32, budget=20)
    answer = ppso(problem, 1, 2000, seeds=[[12] * 10])
    assert answer.feasible
    assert answer.error <= 1.1 * solve(problem, method="marginal").error


def test_three_alike():
    assert allocate(three(), 1, 600).bits == (4, 4, 4)
