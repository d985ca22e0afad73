"""Exchanges screened by a linearisation: predictions against what happens, and what they are worth."""

import itertools

import numpy as np
import pytest
from instances import counted, fed, optimum

from hwgen import Problem
from hwgen.allocation import solve
from hwgen.allocation.evaluator import Evaluator, judge
from hwgen.allocation.linear import descend_screened, moves, promising
from hwgen.allocation.sensitivity import Sensitivity


class Filter:
    """max_s |r_s + sum_k a_sk x_k(b_k)|: residuals of a filter with rounded taps, exactly linear in them."""

    def __init__(self, seed, n=8, top=6, rows=24):
        rng = np.random.default_rng(seed)
        self.n, self.top = n, top
        self.matrix = rng.normal(size=(rows, n))
        self.value = rng.uniform(-0.5, 0.5, (n, top + 1)) * 2.0 ** -np.arange(top + 1)
        self.residual = 0.02 * rng.normal(size=rows)

    def all(self, bits):
        return self.residual + self.value[np.arange(self.n), bits] @ self.matrix.T

    def error(self, bits):
        return np.abs(self.all(bits)).max(axis=1)

    def linearise(self, bits, variable, level):
        return self.all(bits), self.matrix[:, variable] * (
            self.value[variable, level] - self.value[variable, bits[variable]]
        )

    def problem(self, screened=True, **options):
        linearise = {"linearise": self.linearise} if screened else {}
        limit = {} if "goal" in options else {"budget": self.n * self.top // 2}
        return Problem([f"h{k}" for k in range(self.n)], 0, self.top, self.error, lambda b: b.sum(axis=1),
                       **linearise, **limit, **options)  # fmt: skip


def prepared(problem, limit=5000):
    """An evaluator, and the additive model it measured."""
    evaluator = Evaluator(problem, limit)
    return evaluator, fed(problem, Sensitivity.measured(evaluator, 500, "separable"))


@pytest.mark.parametrize("groups", [(), [["h0", "h5"], ["h2", "h7", "h3"]]])
@pytest.mark.parametrize("seed", range(3))
def test_predictions_are_the_real_changes(seed, groups):
    """For an error that is linear: every move alone and every pair of two ladders, tied variables together."""
    problem = Filter(seed).problem(groups=groups)
    _, sensitivity = prepared(problem)
    index = np.random.default_rng(seed).integers(0, 7, problem.size)
    around = moves(problem, sensitivity, index)
    assert set(zip(around.ladder.tolist(), around.position.tolist(), strict=True)) == {
        (k, to) for k in range(problem.size) for to in range(7) if to != index[k]
    }
    pairs = [(a, b) for a, b in itertools.combinations(range(around.ladder.size), 2)
             if around.ladder[a] != around.ladder[b]]  # fmt: skip
    pairs += [(a, a) for a in range(around.ladder.size)]
    first, second = np.array(pairs).T
    points = np.tile(index, (len(pairs), 1))
    for chosen in (first, second):
        points[np.arange(len(pairs)), around.ladder[chosen]] = around.position[chosen]
    change = around.change[:, first] + np.where(first == second, 0, around.change[:, second])
    real = problem.measure(problem.bits(points))
    np.testing.assert_allclose(np.abs(around.base[:, None] + change).max(axis=0), real[:, 0], rtol=1e-12)
    # The consumption is a sum of bits: what each move adds to it is exact too.
    here = problem.measure(problem.bits(index[None]))[0]
    added = around.columns[first, 1] + np.where(first == second, 0, around.columns[second, 1])
    np.testing.assert_allclose(added, real[:, 1] - here[1], atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_promising_points_are_the_best_pairs(seed):
    """Against brute force: within the budget and better than the present point, best first, as many as asked for."""
    filter_ = Filter(seed)
    problem = filter_.problem()
    _, sensitivity = prepared(problem)
    rng = np.random.default_rng(seed)
    index = rng.permutation(np.repeat([2, 3, 4], [2, 4, 2]))
    values = problem.measure(problem.bits(index[None]))
    around = set()
    for a, b in itertools.combinations(range(8), 2):
        for x, y in itertools.product(range(7), repeat=2):
            point = index.copy()
            point[[a, b]] = x, y
            around.add(tuple(point.tolist()))
    points = np.array(sorted(around))
    measured = problem.measure(problem.bits(points))
    better = (measured[:, 1] <= 24) & (measured[:, 0] < values[0, 0])
    expected = np.sort(measured[better, 0])
    found = promising(sensitivity, index, judge(problem, values), 10**6)
    assert len(found) == better.sum() > 0
    errors = problem.measure(problem.bits(found))
    np.testing.assert_allclose(errors[:, 0], expected, rtol=1e-9)
    assert (errors[:, 1] <= 24).all()
    few = promising(sensitivity, index, judge(problem, values), 5)
    np.testing.assert_allclose(problem.measure(problem.bits(few))[:, 0], expected[:5], rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_screened_descent_ends_where_no_pair_helps(seed):
    problem = Filter(seed).problem()
    evaluator, sensitivity = prepared(problem)
    index, now = fed(problem, descend_screened(evaluator, sensitivity, np.full(8, 3), 8))
    assert problem.measure(problem.bits(index[None]))[0] == pytest.approx(now.values[0], rel=1e-12)
    assert now.violation[0] == 0
    for a, b in itertools.combinations(range(8), 2):
        points = np.tile(index, (49, 1))
        points[:, a], points[:, b] = np.divmod(np.arange(49), 7)
        values = problem.measure(points)
        assert values[values[:, 1] <= 24, 0].min() >= now.objective[0] * (1 - 1e-12), (a, b)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("screened", [True, False])
def test_memetic_finds_the_enumerated_optimum(seed, screened):
    """4^6 points, with and without the linearisation, both directions."""
    small = Filter(seed, n=6, top=3, rows=12)
    problem = small.problem(screened)
    best = optimum(problem)
    assert solve(problem, seed, 600, method="memetic").error == pytest.approx(best, rel=1e-12)
    goal = small.problem(screened, goal=best * 1.2)
    assert solve(goal, seed, 600, method="memetic").consumption == optimum(goal)


def test_screening_pays():
    """Twenty taps at 1500 evaluations: the median over seeds is better with the linearisation."""
    medians = []
    for screened in (True, False):
        seen = []
        instance = Filter(7, n=20, top=10, rows=60)
        problem = instance.problem(screened)
        object.__setattr__(problem, "error", counted(instance.error, seen))
        medians.append(np.median([solve(problem, seed, 1500, method="memetic").error for seed in range(3)]))
        assert seen
    assert medians[0] < medians[1]
