"""Problem, Evaluator: validation, cache, counters, errors that say what is wrong."""

import numpy as np
import pytest

from hwgen.allocation import ALGORITHMS, Evaluator, Infeasible, Problem, allocate


def noise(bits):
    return (4.0**-bits).sum(axis=1)


def total(bits):
    return bits.sum(axis=1)


def make(**changes):
    options = {"names": ["a", "b", "c"], "lower": 1, "upper": 8, "error": noise, "consumption": total, "budget": 12}
    return Problem(**(options | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": None}, "either a budget"),
        ({"goal": 0.1}, "either a budget"),
        ({"names": []}, "at least one"),
        ({"names": ["a", "a", "b"]}, "differ"),
        ({"lower": [1, 2]}, "3 whole numbers"),
        ({"lower": 9}, "above upper"),
        ({"lower": 1.5}, "whole numbers"),
        ({"budget": np.nan}, "finite"),
        ({"levels": [[1, 2], [1, 2]]}, "3 sequences"),
        ({"levels": [[1, 2], [1, 2], [2, 1]]}, "c: levels must rise"),
        ({"levels": [[1, 2], [20], [1]]}, "b: no level lies"),
        ({"offsets": [1.0]}, "3 finite"),
        ({"constraints": [(total, np.inf)]}, "finite"),
    ],
)
def test_wrong_problems_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        make(**changes)


def test_levels_and_positions_are_inverse():
    problem = make(levels=[[0, 2, 3, 9], [1, 5], [4]], lower=0)
    assert problem.depth.tolist() == [2, 1, 0]
    assert problem.bits(np.array([[2, 1, 0], [0, 0, 0]])).tolist() == [[3, 5, 4], [0, 1, 4]]
    assert problem.index([[3, 5, 4], [1, 4, 9]]).tolist() == [[2, 1, 0], [0, 1, 0]]
    assert make(levels=[0, 2, 3], lower=0).depth.tolist() == [2, 2, 2]


def test_violation_is_the_sum_of_relative_excesses():
    problem = make(constraints=[(lambda b: b[:, 0] - 4.0, 0.0), (noise, 0.5)])
    values = np.array([[0.0, 12.0, 0.0, 0.5], [9.0, 15.0, 2.0, 1.0]])
    assert problem.excess(values).tolist() == [0.0, 3 / 12 + 2.0 + 1.0]
    assert make(budget=0.3).excess(np.array([[0.0, 0.1 + 0.2]])) == 0  # 0.30000000000000004


def test_each_point_reaches_the_functions_once():
    seen = []

    def error(bits):
        seen.extend(map(tuple, bits.tolist()))
        return noise(bits)

    evaluator = Evaluator(make(error=error), 100)
    first = evaluator(np.array([[0, 0, 0], [3, 3, 3], [0, 0, 0]]))
    second = evaluator(np.array([[3, 3, 3], [1, 0, 7]]))
    assert seen == [(1, 1, 1), (4, 4, 4), (2, 1, 8)]
    assert (evaluator.evaluations, evaluator.unique) == (5, 3)
    assert first.objective.tolist() == [0.75, 3 * 4.0**-4, 0.75]
    assert second.objective[0] == first.objective[1]
    assert evaluator.best.tolist() == [3, 3, 3]
    assert evaluator.history == [(1, 0.75), (2, 3 * 4.0**-4)]


def test_cache_agrees_with_the_functions():
    problem = make(goal=0.1, budget=None)
    evaluator = Evaluator(problem, 10_000)
    rng = np.random.default_rng(3)
    for _ in range(20):
        index = rng.integers(0, 8, (50, 3))
        found = evaluator(index)
        assert np.array_equal(found.objective, total(index + 1))
        assert np.array_equal(found.spent, noise(index + 1))
    assert evaluator.unique <= 8**3 < evaluator.evaluations == 1000


def test_unvectorized_functions():
    problem = make(error=lambda b: float((4.0**-b).sum()), consumption=lambda b: int(b.sum()), vectorized=False)
    assert allocate(problem, np.random.default_rng(1), 500).bits == (4, 4, 4)


def failing(bits):
    raise RuntimeError("out of cheese")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (lambda b: np.full(len(b), np.nan), "error function returned nan for bits"),
        (lambda b: np.full(len(b), -np.inf), "returned -inf"),
        (lambda b: 1.0, "must return"),
        (lambda b: np.zeros((len(b), 2)), "shape"),
        (lambda b: ["x"] * len(b), "failed on bits"),
        (failing, "out of cheese"),
    ],
)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_misbehaving_functions_are_blamed(name, error, words):
    with pytest.raises(ValueError, match=words) as caught:
        ALGORITHMS[name](make(error=error), np.random.default_rng(1), 100)
    assert not isinstance(caught.value, Infeasible)


def test_a_function_cannot_spoil_its_argument():
    def rude(bits):
        bits[:] = 0
        return np.ones(len(bits))

    evaluator = Evaluator(make(error=rude), 10)
    assert evaluator(np.array([[1, 1, 1]])).spent == 6


def test_infinite_errors_are_merely_bad():
    problem = make(error=lambda b: np.where((b < 3).any(axis=1), np.inf, noise(b)))
    for name, allocator in ALGORITHMS.items():
        if name != "uniform":
            assert allocator(problem, np.random.default_rng(1), 500).bits == (4, 4, 4), name


@pytest.mark.parametrize("name", [*ALGORITHMS, "cascade"])
@pytest.mark.parametrize(
    ("changes", "violation", "words"),
    [
        ({"budget": 2}, 0.5, "the budget is 2, the smallest consumption found 3"),
        ({"budget": None, "goal": 1e-5}, 3 * 4.0**-8 / 1e-5 - 1, "the goal is 1e-05, the smallest error found 4.5"),
        ({"constraints": [(lambda b: -b.min(axis=1), -5)]}, 0.2, "further constraints"),
    ],
)
def test_infeasible(name, changes, violation, words):
    allocator = ALGORITHMS.get(name, allocate)
    with pytest.raises(Infeasible, match=words) as caught:
        allocator(make(**changes), np.random.default_rng(1), 600)
    answer = caught.value.allocation
    assert not answer.feasible
    assert caught.value.violation == answer.violation
    if "constraints" not in changes:
        assert answer.violation == pytest.approx(violation)
    if name == "cascade":
        assert set(answer.baselines) == {"uniform", "common-lsb", "greedy", "exchange"}
