"""Functions that fail, limits nothing can meet, functions without any order: clear errors, and every search ends."""

import time

import numpy as np
import pytest
from instances import attempt, everything, noise, objective, optimum, three, total

from hwgen import Infeasible, Problem, Search
from hwgen.allocation import EXACT, solve
from hwgen.allocation.methods import METHODS

SEARCHES = [name for name in METHODS if name not in EXACT]
ALL = [*SEARCHES, "exhaustive"]


def failing(bits):
    raise RuntimeError("out of cheese")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lambda b: np.full(len(b), np.nan), r"error function returned nan for bits \["),
        (lambda b: np.where(b[:, 0] > 3, -np.inf, 1.0), "returned -inf"),
        (lambda b: 1.0, "must return"),
        (lambda b: None, "must return"),
        (lambda b: np.zeros((len(b), 2)), "shape"),
        (lambda b: np.zeros(len(b) + 1), "shape"),
        (lambda b: ["x"] * len(b), "failed on bits"),
        (failing, "error function failed on bits such as .*out of cheese"),
    ],
)
@pytest.mark.parametrize("which", ["error", "consumption", "constraint 0"])
def test_misbehaving_functions_are_blamed(which, error, words):
    changes = {which: error} if which != "constraint 0" else {"constraints": [(error, 1.0)]}
    for method in ALL:
        with pytest.raises(ValueError, match=words.replace("error", which)) as caught:
            solve(three(**changes), 1, 60, method=method)
        assert not isinstance(caught.value, Infeasible)


def test_the_cause_is_kept():
    with pytest.raises(ValueError, match="out of cheese") as caught:
        solve(three(error=failing), 1, 60)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_functions_that_fail_late():
    """Only where a search comes by later: blamed all the same, with the point."""

    def error(bits):
        if (bits == 4).all(axis=1).any():
            raise ZeroDivisionError("at four")
        return noise(bits)

    with pytest.raises(ValueError, match="at four"):
        solve(three(error=error), 1, 500)


def wrong_criterion(value):
    return {"criterion": lambda b: np.full(b.shape, value)}


def test_criteria_that_misbehave():
    for changes in (wrong_criterion(np.nan), {"criterion": lambda b: 1.0}, {"criterion": failing}):
        with pytest.raises(ValueError, match="criterion"):
            solve(three(**changes), 1, 200, method="gc-pso")
    # An infinite rise of the error is one, as an infinite error is.
    answer = solve(three(**wrong_criterion(np.inf)), 1, 500, method="gc-pso")
    assert answer.bits == (4, 4, 4)


def test_linearisations_that_misbehave():
    def told(base, change):
        return {"linearise": lambda b, v, to: (np.full(2, base), np.full((2, len(v)), change)), "upper": 20}

    for changes in (
        told(0.0, np.nan), told(np.nan, 0.0), told(0.0, np.inf), {"linearise": failing},
        {"linearise": lambda b, v, to: (np.zeros(2), np.zeros((3, len(v))))},
        {"linearise": lambda b, v, to: (np.zeros((2, 1)), np.zeros((2, len(v))))},
        {"linearise": lambda b, v, to: 3.0},
    ):  # fmt: skip
        with pytest.raises(ValueError, match="lineari"):
            solve(three(**changes), 1, 200, method="memetic")


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize(
    ("changes", "violation", "words"),
    [
        ({"budget": 2}, 0.5, "the budget is 2, the smallest consumption found 3"),
        ({"budget": None, "goal": 1e-5}, 3 * 4.0**-8 / 1e-5 - 1, "the goal is 1e-05, the smallest error found 4.5"),
        ({"constraints": [(lambda b: -b.min(axis=1), -5)]}, None, "further constraints"),
        ({"constraints": [(lambda b: b[:, 0], 2), (lambda b: -b[:, 0], -3)]}, None, "further constraints"),
        ({"consumption": lambda b: (2.0**b * [1, 1, 1e6]).sum(axis=1), "budget": 100}, 2e4 - 0.96, "budget is 100"),
    ],
)
def test_infeasible(method, changes, violation, words):
    """Below the minimum, out of reach, contradictory, and one variable that alone costs more than all may."""
    problem = three(**changes)
    with pytest.raises(Infeasible, match=words) as caught:
        solve(problem, 1, 600, method=method)
    answer = caught.value.allocation
    assert not answer.feasible
    assert caught.value.violation == answer.violation > 0
    assert (answer.history, answer.bound, answer.gap) == ((), None, None)
    if violation is not None:
        assert answer.violation == pytest.approx(violation)
    _, values, feasible = everything(problem)
    assert not feasible.any()
    assert answer.violation >= problem.excess(values).min() * (1 - 1e-12)
    if method == "allocate":
        assert set(answer.baselines) >= {"uniform", "common-lsb", "greedy", "greedy-add", "marginal", "min+1", "max-1"}
        assert answer.violation == problem.excess(values).min()


def test_infeasible_is_raised_by_result_alone():
    """A search that is driven by hand ends like any other."""
    search = Search(three(budget=2), "gc-pso", 1, 50)
    while not search.done:
        search.tell(search.problem.measure(search.ask()))
    for _ in range(2):
        with pytest.raises(Infeasible):
            search.result()


def test_one_heavy_variable():
    """Affordable at its lowest level only: everybody else gets the rest."""
    problem = Problem(list("abcd"), 0, 12, lambda b: (np.array([1, 1, 1, 50]) * 4.0**-b).sum(axis=1),
                      lambda b: (2.0**b * [1, 1, 1, 1000]).sum(axis=1), budget=1100)  # fmt: skip
    # 100 left for three alike powers of two: 32 + 32 + 32, the heavy one at 0 bits.
    for method in ("allocate", "gc-pso", "greedy", "exchange", "memetic", "max-1"):
        assert solve(problem, 1, 400, method=method).bits == (5, 5, 5, 0), method


def test_infinite_errors_are_merely_bad():
    problem = three(error=lambda b: np.where((b < 3).any(axis=1), np.inf, noise(b)))
    # From all-lower no single level helps, so that those who add see no way.
    for method in set(ALL) - {"uniform", "greedy-add", "min+1"}:
        assert solve(problem, 1, 500, method=method).bits == (4, 4, 4), method
    nowhere = three(error=lambda b: np.full(len(b), np.inf))
    assert solve(nowhere, 1, 600).feasible
    with pytest.raises(Infeasible, match="budget is 12"):
        solve(three(consumption=lambda b: np.full(len(b), np.inf)), 1, 600)


def small_cases():
    """Three variables of four levels, by name: arguments of Problem under a budget or a goal."""
    table = np.random.default_rng(0).uniform(0, 10, (64, 2))
    place = np.array([16, 4, 1])

    def linearise(bits, variable, level):
        return noise(bits[None]), (4.0**-level - 4.0 ** -bits[variable])[None]

    both = {
        "separable": ({"error": noise, "consumption": total}, 5, 0.3),
        "linearised": ({"error": noise, "consumption": total, "linearise": linearise}, 5, 0.3),
        "powers": ({"error": noise, "consumption": lambda b: (2.0**b * [1, 1, 9]).sum(axis=1)}, 17, 0.3),
        "chaos": ({"error": lambda b: table[b @ place, 0], "consumption": lambda b: table[b @ place, 1]}, 1.5, 1.5),
        "constant": ({"error": lambda b: np.ones(len(b)), "consumption": lambda b: np.ones(len(b))}, 1, 1),
        "nothing fits": ({"error": lambda b: noise(b) + 1, "consumption": lambda b: total(b) + 1}, 0.5, 0.5),
        "contradiction": (
            {
                "error": noise, "consumption": total,
                "constraints": [(lambda b: b[:, 0], 1), (lambda b: -b[:, 0], -2)],
            }, 5, 0.3,
        ),
    }  # fmt: skip
    for name, (functions, budget, goal) in both.items():
        yield f"{name}, budget", functions | {"budget": budget}
        yield f"{name}, goal", functions | {"goal": goal}


@pytest.mark.parametrize("method", ALL)
def test_small_spaces_end(method):
    """64 points cannot keep anybody busy for 20000 evaluations, whatever the functions are like."""
    for name, arguments in small_cases():
        problem = Problem(list("abc"), 0, 3, **arguments)
        start = time.process_time()
        answer = attempt(problem, method, 1, 20000)
        assert time.process_time() - start < 3, name
        assert answer.unique_evaluations + answer.start_evaluations <= 64
        assert answer.feasible == (answer.violation == 0)
        _, _, feasible = everything(problem)
        if not feasible.any():
            assert not answer.feasible, name
        elif method in ("allocate", "exhaustive") or (method in ("gc-pso", "memetic") and "chaos" not in name):
            assert objective(problem, answer) == optimum(problem), name


@pytest.mark.parametrize("method", SEARCHES)
def test_spaces_of_one_point_or_one_variable_end(method):
    fixed = Problem(list("abc"), 4, 4, noise, total, budget=12)
    assert solve(fixed, 1, 100, method=method).bits == (4, 4, 4)
    single = Problem(["a"], 0, 5, lambda b: 4.0 ** -b[:, 0], lambda b: b[:, 0], budget=3)
    assert solve(single, 1, 100, method=method).bits == (3,)


@pytest.mark.parametrize("limit", [{"budget": 75.0}, {"goal": 0.5}])
def test_ends_on_a_consumption_without_any_order(limit):
    table = np.random.default_rng(1).uniform(0, 10, (20, 16))

    def chaos(bits):
        return table[np.arange(20), bits].sum(axis=1) * (1 + 0.3 * np.sin(7.0 * bits.sum(axis=1)))

    weights = np.exp(np.random.default_rng(1).normal(size=20))
    problem = Problem([f"v{k}" for k in range(20)], 0, 15, lambda b: (weights * 2.0**-b).sum(axis=1), chaos, **limit)
    for method in SEARCHES:
        answer = attempt(problem, method, 1, 700)
        assert answer.feasible == (answer.violation == 0)
        assert answer.feasible or method in ("uniform", "common-lsb", "greedy-add", "marginal", "min+1", "ppso"), method
        assert answer.unique_evaluations <= 700
