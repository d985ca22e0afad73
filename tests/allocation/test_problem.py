"""Problem: validation, ladders, tied variables, violations; functions seen once each by the Evaluator."""

import numpy as np
import pytest
from instances import counted, fed, noise, three, total

from hwgen.allocation import Problem
from hwgen.allocation.evaluator import Evaluator, Spent


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
        ({"lower": "one"}, "whole numbers"),
        ({"upper": 40000}, "at most 32767 levels"),
        ({"upper": 2**50}, "at most 32767 levels"),
        ({"budget": np.nan}, "finite"),
        ({"budget": None, "goal": np.inf}, "finite"),
        ({"levels": [[1, 2], [1, 2]]}, "3 sequences"),
        ({"levels": [[1, 2], [1, 2], [2, 1]]}, "c: levels must be whole numbers that rise"),
        ({"levels": [[1, 2], [1, 2.5], [2, 3]]}, "b: levels must be whole numbers that rise"),
        ({"levels": [[1, 2], [20], [1]]}, "b: no level lies"),
        ({"levels": ["a", "b", "c"]}, "levels must be"),
        ({"levels": [[1, 2], [], [1]]}, "b: no level lies"),
        ({"offsets": [1.0]}, "3 finite"),
        ({"offsets": [1.0, np.nan, 0.0]}, "3 finite"),
        ({"constraints": [(total, np.inf)]}, "finite"),
        ({"starts": {"half": [1, 2]}}, "'half' must be 3 finite"),
        ({"starts": {"half": [1, 2, np.nan]}}, "'half' must be 3 finite"),
        ({"groups": [["a", "z"]]}, "'z', which is no variable"),
        ({"groups": [["a", "b"], ["b", "c"]]}, "b is in two groups"),
        ({"groups": [["a", "b"]], "levels": [[1, 3], [2, 4], [1, 2]]}, "a, b are tied but have no level in common"),
    ],
)
def test_wrong_problems_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        three(**changes)


def test_levels_and_positions_are_inverse():
    problem = three(levels=[[0, 2, 3, 9], [1, 5], [4]], lower=0)
    assert problem.depth.tolist() == [2, 1, 0]
    assert problem.points == 6
    assert problem.bits(np.array([[2, 1, 0], [0, 0, 0]])).tolist() == [[3, 5, 4], [0, 1, 4]]
    # The closest level, the lower of two as close; or the highest that is no more.
    assert problem.index([[3, 5, 4], [1, 4, 9], [1, 3, 0]]).tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert problem.below([[3, 5, 4], [1, 4, 9], [99, 0, 0]]).tolist() == [[2, 1, 0], [0, 0, 0], [2, 0, 0]]


@pytest.mark.parametrize(
    ("levels", "depth"),
    [
        ([0, 2, 3], [2, 2, 2]),
        (range(0, 9, 2), [4, 4, 4]),
        (np.array([[0, 2, 3], [1, 2, 4], [1, 5, 6]]), [2, 2, 2]),
        ([[0, 2], {3, 1}, range(4)], [1, 1, 3]),
        ({0, 2, 3}, [2, 2, 2]),
        ([{0, 2, 3}, {0, 4}, {1}], [2, 1, 0]),
        ([frozenset({8, 2, 3}), {0, 4}, [1]], [2, 1, 0]),
    ],
)
def test_levels_in_every_form(levels, depth):
    """Sequences, sets and mixtures, one for all or one for each."""
    problem = three(levels=levels, lower=0)
    assert problem.depth.tolist() == depth
    assert (np.diff(problem.table, axis=1) >= 0).all()


def test_bounds_cut_the_levels():
    assert three(levels=range(20), lower=[2, 3, 4], upper=[6, 5, 4]).depth.tolist() == [4, 2, 0]
    assert three(levels=[0, 2, 3, 11], upper=10**9).table.tolist() == [[2, 3, 11]] * 3


def test_tied_variables_share_one_ladder():
    """In the order of their first member; the levels are those all members have."""
    problem = Problem(
        list("abcde"), 0, 9, noise, total, budget=20, groups=[["d", "a"], ["e", "c"]],
        levels=[[0, 2, 4, 6], range(10), range(10), [0, 3, 4, 6, 7], [1, 5]],
    )  # fmt: skip
    assert problem.size == 3
    assert problem.owner.tolist() == [0, 1, 2, 0, 2]
    assert problem.depth.tolist() == [2, 9, 1]
    assert problem.bits(np.array([[1, 7, 0], [2, 0, 1]])).tolist() == [[4, 7, 1, 4, 1], [6, 0, 5, 6, 5]]
    # A point between is taken at the mean of those tied: a = 1, d = 6 -> 3.5 -> 4.
    assert problem.index([1, 7, 2, 6, 3]).tolist() == [1, 7, 0]
    assert problem.pooled(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), total=True).tolist() == [5, 2, 8]


def test_linearisation_of_tied_variables_is_summed():
    def linearise(bits, variable, level):
        return np.array([1.0, -2.0]), np.array([10.0 * variable + level, 100.0 * (level - bits[variable])])

    problem = Problem(list("abc"), 0, 5, noise, total, budget=9, groups=[["a", "c"]], linearise=linearise)
    base, change = problem.linearised(np.array([2, 3, 2]), np.array([0, 1, 0]), np.array([4, 1, 0]))
    assert base.tolist() == [1, -2]
    # Ladder 0 to level 4: a adds (4, 200), c adds (24, 200); ladder 1 is b alone; ladder 0 to level 0.
    assert change.tolist() == [[28, 11, 20], [400, -200, -400]]


def test_violation_is_the_sum_of_relative_excesses():
    problem = three(constraints=[(lambda b: b[:, 0] - 4.0, 0.0), (noise, 0.5)])
    values = np.array([[0.0, 12.0, 0.0, 0.5], [9.0, 15.0, 2.0, 1.0]])
    assert problem.excess(values).tolist() == [0.0, 3 / 12 + 2.0 + 1.0]
    assert three(budget=0.3).excess(np.array([[0.0, 0.1 + 0.2]])) == 0  # 0.30000000000000004


def test_each_point_reaches_the_functions_once():
    seen = []
    problem = three(error=counted(noise, seen))
    evaluator = Evaluator(problem, 100)
    first = fed(problem, evaluator(np.array([[0, 0, 0], [3, 3, 3], [0, 0, 0]])))
    second = fed(problem, evaluator(np.array([[3, 3, 3], [1, 0, 7]])))
    assert seen == [(1, 1, 1), (4, 4, 4), (2, 1, 8)]
    assert (evaluator.evaluations, evaluator.unique, evaluator.left) == (5, 3, 97)
    assert first.objective.tolist() == [0.75, 3 * 4.0**-4, 0.75]
    assert second.objective[0] == first.objective[1]
    assert evaluator.best.tolist() == [3, 3, 3]
    assert evaluator.history == [(1, 0.75), (2, 3 * 4.0**-4)]


def test_cache_agrees_with_the_functions():
    problem = three(goal=0.1, budget=None)
    evaluator = Evaluator(problem, 10_000)
    rng = np.random.default_rng(3)
    for _ in range(20):
        index = rng.integers(0, 8, (50, 3))
        found = fed(problem, evaluator(index))
        assert np.array_equal(found.objective, total(index + 1))
        assert np.array_equal(found.spent, noise(index + 1))
    assert evaluator.unique <= 8**3 < evaluator.evaluations == 1000


def test_the_last_evaluations_are_spent_to_the_last():
    """A batch that is too large is cut: what can be afforded is noted, then the search ends."""
    seen = []
    problem = three(error=counted(noise, seen))
    evaluator = Evaluator(problem, 3)
    fed(problem, evaluator(np.array([[0, 0, 0]])))
    with pytest.raises(Spent):
        fed(problem, evaluator(np.array([[0, 0, 0], [1, 1, 1], [3, 3, 3], [2, 2, 2]])))
    assert seen == [(1, 1, 1), (2, 2, 2), (4, 4, 4)]
    assert evaluator.best.tolist() == [3, 3, 3]
    assert evaluator.left == 0


def test_circles_end():
    """Asking for known points for ever is no search."""
    problem = three()
    evaluator = Evaluator(problem, 50)

    def circling():
        for _ in range(10_000):
            yield from evaluator(np.array([[0, 0, 0], [1, 1, 1]]))

    with pytest.raises(Spent):
        fed(problem, circling())
    assert evaluator.unique == 2


def test_a_function_cannot_spoil_its_argument():
    def rude(bits):
        bits[:] = 0
        return np.ones(len(bits))

    assert three(error=rude).measure(np.array([[2, 2, 2]])).tolist() == [[1, 6]]
