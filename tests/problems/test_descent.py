"""Quantised gradient descent: the noise model against white noise, the words against rational arithmetic."""

import itertools
from fractions import Fraction
from math import floor

import numpy as np
import pytest

from hwgen.allocation import separable
from hwgen.problems.descent import Descent
from hwgen.problems.gradient_words import short
from hwgen.problems.objectives import LeastSquares, Logistic
from hwgen.problems.schedule import geometric

SMALL = LeastSquares.random(3, condition=8, rows=5, seed=2)


def dithered(descent, bits, repeats, seed):
    """Mean final error of x - eta (grad f + n), n white and uniform over one LSB: what the noise model assumes."""
    rng = np.random.default_rng(seed)
    lsb = 2 * descent.ranges[:, None] * 2.0 ** -bits.reshape(descent.iterations, -1)
    x = np.tile(descent.starts, (repeats, 1))
    for t in range(descent.iterations):
        x = x - descent.eta * (descent.objective.gradient(x) + rng.uniform(-0.5, 0.5, x.shape) * lsb[t])
    if descent.measure == "loss":
        return descent.objective.excess(x).mean()
    return ((x - descent.objective.optimum) ** 2).sum(axis=1).mean()


@pytest.mark.parametrize(
    ("measure", "coordinates", "zoom"), [("distance", False, False), ("loss", True, False), ("distance", True, True)]
)
def test_noise_model(measure, coordinates, zoom):
    descent = Descent(SMALL, iterations=12, measure=measure, coordinates=coordinates, zoom=zoom, step=1.3)
    for seed in (1, 2):
        bits = np.random.default_rng(seed).choice([0, 2, 3, 4, 5] if not zoom else [0, 2], descent.size)
        expected = descent.noise(bits[None])[0]
        assert dithered(descent, bits, 1000, seed) == pytest.approx(expected, rel=0.02), f"seed {seed}"
        # The noise is most of it, not the floor that both share.
        assert expected > 3 * descent.floor


def test_noise_model_of_logistic_regression():
    """The Hessian at the optimum is enough when descent ends near it."""
    for measure in ("distance", "loss"):
        descent = Descent(Logistic.random(3, 40, 0.1, seed=1), iterations=40, measure=measure, lower=2)
        bits = descent.closed_forms(7 * 40)["geometric"]
        noise = descent.noise(bits[None])[0] - descent.floor
        assert dithered(descent, bits, 300, 3) - descent.floor == pytest.approx(noise, rel=0.05)


def in_fractions(descent, bits, start):
    """The iteration in rational numbers, from one starting point; nothing of the code under test but its parameters."""
    objective, n = descent.objective, len(start)
    hessian = [[Fraction(float(v)) for v in row] for row in objective.hessian]
    linear = [Fraction(float(v)) for v in objective.linear]
    lsb, eta, half_span = Fraction(descent.lsb), Fraction(descent.eta), 2 ** (descent.word - 1)
    state = [min(max(floor(Fraction(float(v)) / lsb + Fraction(1, 2)), -half_span), half_span - 1) for v in start]
    for t, row in enumerate(bits.reshape(descent.iterations, -1).tolist()):
        gradient = [sum(h * s * lsb for h, s in zip(hessian[i], state, strict=True)) - linear[i] for i in range(n)]
        for i in range(n):
            width = row[i % len(row)]
            if width == 0:
                continue
            step = 2 * Fraction(float(descent.ranges[t])) / 2**width
            word = floor(gradient[i] / step + Fraction(1, 2))
            word = min(max(word, -(2 ** (width - 1))), 2 ** (width - 1) - 1)
            state[i] -= floor(eta * word * step / lsb + Fraction(1, 2))
            state[i] = min(max(state[i], -half_span), half_span - 1)
    return [float(s * lsb) for s in state]


@pytest.mark.parametrize(("coordinates", "zoom", "word"), [(False, False, 28), (True, True, 28), (True, False, 9)])
def test_words_against_fractions(coordinates, zoom, word):
    descent = Descent(
        SMALL, iterations=9, coordinates=coordinates, zoom=zoom, word=word, step=0.9, upper=20, headroom=0.7
    )
    rng = np.random.default_rng(4)
    bits = rng.choice([0, 2, 3, 4, 7, 12, 20], (6, descent.size))
    starts = rng.normal(size=(5, 3))
    result = descent.final(bits, starts)
    for row, point in itertools.product(range(6), range(5)):
        assert result[row, point].tolist() == in_fractions(descent, bits[row], starts[point]), f"{bits[row]}"


def test_dead_zone_by_hand():
    """f = x^2 / 2, eta = 1, r = 1, 2 bits: steps of 1/2, words -2 .. 1, and gradients below 1/4 are lost."""
    line = LeastSquares(np.array([[1.0]]), np.array([0.0]))
    descent = Descent(line, iterations=3, starts=[[1.0], [-1.0], [0.2], [0.25], [-0.25]])
    assert (descent.eta, descent.ranges.tolist()) == (1.0, [1.0, 1.0, 1.0])
    stuck = descent.final(np.array([[2, 2, 2]]))[0, :, 0]
    assert stuck == pytest.approx([0.0, 0.0, 0.2, -0.25, -0.25], abs=1e-7)
    assert descent.final(np.array([[2, 0, 0]]))[0, :, 0] == pytest.approx([0.5, 0.0, 0.2, -0.25, -0.25], abs=1e-7)
    # 4 bits in the last iteration reach below: steps of 1/8, so 0.2 (1.6 steps) moves by 2 of them.
    assert descent.final(np.array([[2, 2, 4]]))[0, 2, 0] == pytest.approx(-0.05, abs=1e-7)
    assert descent.bit_true(np.array([[2, 2, 2]]))[0] == pytest.approx((0.04 + 2 * 0.0625) / 5, abs=1e-6)


def test_batches_agree():
    """Trajectories shared between allocations that begin alike, in any order, are those of each allocation alone."""
    descent = Descent(LeastSquares.random(4, seed=1), iterations=6, coordinates=True, seed=5)
    rng = np.random.default_rng(0)
    bits = rng.choice([0, 2, 3], (300, 24))
    bits[:, :12] = bits[rng.integers(0, 3, 300), :12]
    together = descent.bit_true(bits)
    assert together.tolist() == [float(descent.bit_true(row[None])[0]) for row in bits]
    assert np.unique(together).size > 200
    assert (descent.bit_true(bits[:5], held_out=True) != together[:5]).all()
    again = Descent(LeastSquares.random(4, seed=1), iterations=6, coordinates=True, seed=5)
    assert (again.bit_true(bits) == together).all()


def test_optimum_of_the_noise_model():
    """Without the gap at 1 bit, the closed form is what dynamic programming and one-bit-at-a-time greedy find."""
    for seed, coordinates, zoom in itertools.product(range(3), (False, True), (False, True)):
        descent = Descent(
            LeastSquares.random(4, 10, seed=seed), iterations=8, coordinates=coordinates, zoom=zoom, lower=2, upper=9
        )
        for average in (2, 3.3, 5, 8.9, 12):
            budget = int(average * descent.size)
            problem = descent.problem(budget)
            exact = separable(problem)
            closed = problem.starts["geometric"].astype(int)
            assert closed.min() >= 2
            assert closed.max() <= 9
            assert closed.sum() == min(budget, 9 * descent.size) == exact.consumption
            assert descent.noise(closed[None])[0] == pytest.approx(exact.error, rel=1e-12), f"{seed} {average}"
            greedy = np.full(descent.size, 2)
            for _ in range(min(budget, 9 * descent.size) - greedy.sum()):
                gain = np.where(greedy < 9, descent.weights * 4.0**-greedy, -1)
                greedy[gain.argmax()] += 1
            assert descent.noise(greedy[None])[0] == pytest.approx(exact.error, rel=1e-12)
            assert problem.bound() == exact.error


def test_optimum_with_skipped_iterations():
    """With the gap at 1 bit the closed form is no optimum any more, but feasible and close; brute force agrees."""
    descent = Descent(SMALL, iterations=6, upper=5)
    points = np.array(list(itertools.product(descent.levels, repeat=6)))
    for budget in (0, 7, 13, 20):
        within = points[points.sum(axis=1) <= budget]
        best = descent.noise(within).min()
        assert separable(descent.problem(budget)).error == pytest.approx(best, rel=1e-12)
        closed = descent.closed_forms(budget)
        assert all(bits.sum() <= budget and np.isin(bits, descent.levels).all() for bits in closed.values())
        assert best <= descent.noise(closed["geometric"][None])[0] <= 1.3 * best
    # The criterion is the rise of the error by the next lower level, over the gap too.
    problem = descent.problem(20)
    bits = np.array([[2, 3, 5, 4, 2, 3]])
    for k, lower in enumerate((0, 2, 4, 3, 0, 2)):
        dropped = bits.copy()
        dropped[0, k] = lower
        rise = descent.noise(dropped)[0] - descent.noise(bits)[0]
        assert problem.criterion(bits)[0, k] == pytest.approx(rise, rel=1e-9)


def test_schedule_by_hand():
    """Weights 1, 16, 256: two bits apart. 12 bits: 2, 4, 6; 13: the spare bit goes to any of three equals."""
    weights, levels = np.array([1.0, 16.0, 256.0]), np.arange(2, 9)
    assert geometric(weights, levels, 12).tolist() == [2, 4, 6]
    assert sorted(geometric(weights, levels, 13) - [2, 4, 6]) == [0, 0, 1]
    assert geometric(weights, levels, 10.9).tolist() == [2, 3, 5]
    assert geometric(weights, levels, 99).tolist() == [8, 8, 8]
    assert geometric(np.array([0.0, 1.0]), levels, 7).tolist() == [2, 5]
    with pytest.raises(ValueError, match="at least 6 bits, got 5"):
        geometric(weights, levels, 5)


def test_fixed_and_zooming_range():
    """Fixed: bits rise along the iterations by log2(1 / rho) each. Zooming: nearly uniform, and far less noise."""
    quadratic = LeastSquares.random(8, 10, seed=1)
    fixed, zooming = (Descent(quadratic, iterations=40, zoom=zoom) for zoom in (False, True))
    assert fixed.rate == pytest.approx(0.9, abs=1e-3)
    assert zooming.ranges == pytest.approx(fixed.ranges[0] * fixed.rate ** np.arange(40), rel=1e-4)
    rise = np.diff(0.5 * np.log2(fixed.weights))[:20]
    assert rise == pytest.approx(np.full(20, np.log2(1 / fixed.rate)), rel=0.1)
    bits = {name: d.closed_forms(240)["geometric"] for name, d in (("fixed", fixed), ("zooming", zooming))}
    assert np.ptp(bits["zooming"]) <= 2 < 5 <= np.ptp(bits["fixed"])
    noise = {d.zoom: d.noise(np.full((1, 40), 6))[0] - d.floor for d in (fixed, zooming)}
    assert noise[False] > 100 * noise[True]
    # Bit-true too, and against the better allocation of the fixed range.
    assert fixed.bit_true(bits["fixed"][None], held_out=True) > 5 * zooming.bit_true(np.full((1, 40), 6), held_out=True)
    # The white-noise model misses the dead zone of the fixed range by a lot.
    uniform = np.full((1, 40), 6)
    assert fixed.bit_true(uniform)[0] > 5 * fixed.noise(uniform)[0]


def test_search_beats_the_noise_model():
    """Bit-true descent with a fixed range: greedy descent on it beats the noise model's optimum, held out too."""
    descent = Descent(LeastSquares.random(6, 10, seed=1), iterations=16, seed=1)
    problem = descent.problem(64, model="bit-true")
    assert not problem.separable
    assert problem.bound is None
    start = problem.starts["noise-model"].astype(int)
    assert tuple(start) == separable(descent.problem(64)).bits
    best, value = start, descent.bit_true(start[None])[0]
    for _ in range(12):
        # Every move of a level from one iteration to another, or two.
        index = problem.index(best)
        moves = [(i, j, k) for i in range(16) for j in range(16) if i != j for k in (1, 2)]
        tried = np.repeat(index[None], len(moves), axis=0)
        for row, (i, j, k) in enumerate(moves):
            tried[row, i] -= k
            tried[row, j] += k
        tried = problem.bits(tried[((tried >= 0) & (tried <= problem.depth)).all(axis=1)])
        tried = tried[tried.sum(axis=1) <= 64]
        errors = problem.measure(tried)[:, 0]
        if errors.min() >= value:
            break
        best, value = tried[errors.argmin()], errors.min()
    both = np.array([start, best])
    assert np.divide(*descent.bit_true(both)) > 1.2
    assert np.divide(*descent.bit_true(both, held_out=True)) > 1.1


def test_least_squares():
    rng = np.random.default_rng(0)
    matrix, targets, points = rng.normal(size=(20, 4)), rng.normal(size=20), rng.normal(size=(3, 4))
    objective = LeastSquares(matrix, targets)
    best = np.linalg.lstsq(matrix, targets, rcond=None)[0]
    assert objective.optimum == pytest.approx(best, abs=1e-5)

    def value(x):
        return ((matrix @ x - targets) ** 2).mean() / 2

    assert objective.excess(points) == pytest.approx([value(x) - value(best) for x in points], abs=1e-4)
    assert objective.gradient(points) == pytest.approx((points @ matrix.T - targets) @ matrix / 20, abs=1e-4)
    least, most = LeastSquares.random(6, 50, seed=3).curvature
    assert (least, most) == pytest.approx((0.02, 1.0), abs=1e-4)
    with pytest.raises(ValueError, match="columns of the matrix are dependent"):
        LeastSquares(np.ones((5, 2)), np.ones(5))
    with pytest.raises(ValueError, match="shapes"):
        LeastSquares(np.ones((5, 2)), np.ones(4))
    with pytest.raises(ValueError, match="finite"):
        LeastSquares(np.array([[np.nan]]), np.ones(1))
    for arguments, words in (((9, 10, 8), "size"), ((2, 0.5), "condition")):
        with pytest.raises(ValueError, match=words):
            LeastSquares.random(*arguments)


def test_logistic():
    """Gradient and Hessian against differences of the function itself; the optimum beats its neighbourhood."""
    objective = Logistic.random(3, 30, 0.02, seed=1)

    def value(x):
        return np.log1p(np.exp(-objective.targets * (objective.matrix @ x))).mean() + 0.01 * x @ x

    x = np.array([0.5, -1.0, 2.0])
    nudges = 1e-5 * np.eye(3)
    slope = [(value(x + d) - value(x - d)) / 2e-5 for d in nudges]
    assert objective.gradient(x) == pytest.approx(slope, abs=1e-8)
    assert np.abs(objective.gradient(objective.optimum)).max() < 1e-13
    bend = [
        (objective.gradient(objective.optimum + d) - objective.gradient(objective.optimum - d)) / 2e-5 for d in nudges
    ]
    assert objective.hessian == pytest.approx(np.array(bend), abs=1e-8)
    assert objective.excess(x) == pytest.approx(value(x) - value(objective.optimum), rel=1e-9)
    assert (objective.excess(objective.optimum + 100 * nudges) > 0).all()
    assert np.isfinite(objective.gradient(1e4 * x)).all()
    least, most = objective.curvature
    assert least == 0.02 < np.linalg.eigvalsh(objective.hessian)[0]
    assert np.linalg.eigvalsh(objective.hessian)[-1] < most
    with pytest.raises(ValueError, match="-1 or 1"):
        Logistic(np.ones((2, 1)), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="ridge must be above 0"):
        Logistic(np.ones((2, 1)), np.array([-1.0, 1.0]), 0.0)
    with pytest.raises(ValueError, match="at least 1"):
        Logistic.random(0)


def test_logistic_words():
    """More bits end nearer to what unquantised descent reaches."""
    descent = Descent(Logistic.random(4, 40, seed=2), iterations=15, measure="loss")
    errors = descent.bit_true(np.array([[3] * 15, [6] * 15, [12] * 15]))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] == pytest.approx(descent.floor, rel=0.2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"iterations": 0}, "iterations must be between 1"),
        ({"step": 2.1}, "step must be between 0 and 2 / L"),
        ({"step": -0.1}, "step must be"),
        ({"lower": 5, "upper": 4}, "lower must be between 0 and 4"),
        ({"upper": 21}, "upper must be between 2 and 20"),
        ({"word": 29}, "word must be between 8 and 28"),
        ({"headroom": 0.0}, "headroom must be above 0"),
        ({"measure": "speed"}, "measure must be"),
        ({"starts": np.ones((2, 4))}, r"starts must be finite points of shape \(count, 3\)"),
        ({"held_out": np.ones(3)}, "held_out must be"),
    ],
)
def test_wrong_parameters(change, words):
    with pytest.raises(ValueError, match=words):
        Descent(SMALL, **change)


def test_wrong_calls():
    descent = Descent(SMALL, iterations=4, lower=2)
    with pytest.raises(ValueError, match="model must be"):
        descent.problem(20, model="true")
    with pytest.raises(ValueError, match="budget must be at least 8 bits"):
        descent.problem(7)
    with pytest.raises(ValueError, match=r"shape \(P, 4\)"):
        descent.bit_true(np.ones((2, 3), dtype=int))
    assert float(short(1.0)) == 1.0
    assert 1 / 3 < float(short(1 / 3)) < (1 + 2**-15) / 3
