"""`hwgen.descent`: words and ranges by hand, the share of every iteration, and what it is worth on least squares."""

import runpy
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest

import hwgen
from hwgen.descent import Schedule, schedule
from hwgen.problems.objectives import LeastSquares, Logistic


def test_words_by_hand() -> None:
    plan = Schedule((3, 0, 2), (2.0, 1.0, 0.5), "nearest", 1, 0.0)
    # LSB 1/2: half up, from -4 to 3.
    assert plan.words(0, [0.24, 0.25, -0.25, -0.26, 9, -9]).tolist() == [0, 1, 0, -1, 3, -4]
    assert plan.words(1, [0.9]).tolist() == [0]
    assert plan.words(2, [0.2, -0.4]).tolist() == [1, -2]
    assert (plan.total, plan.lsb(0), plan.lsb(1)) == (5, 0.5, float("inf"))


def test_stochastic_words_are_right_on_average() -> None:
    plan = Schedule((4,), (1.0,), "stochastic", 1, 0.0)
    found = plan.words(0, np.full(20_000, 0.29), np.random.default_rng(0))
    assert set(found) == {2, 3}
    # 2.32 LSBs; the mean of so many has a standard deviation of 0.0033.
    assert abs(found.mean() - 2.32) < 0.017
    with pytest.raises(ValueError, match="needs a generator"):
        plan.words(0, [0.1])


def test_a_rounded_descent_is_what_fractions_say() -> None:
    plan, step = Schedule((4, 3, 5), (4.0, 1.0, 0.5), "nearest", 2, 0.0), 0.25
    hessian = np.array([[1.0, 0.5], [0.5, 2.0]])
    x = [Fraction(1), Fraction(-3, 4)]
    for t in range(3):
        slope = [sum(Fraction(float(h)) * v for h, v in zip(row, x, strict=True)) for row in hessian]
        lsb, half = Fraction(plan.lsb(t)), 2 ** (plan.bits[t] - 1)
        words = [min(max(floor(g / lsb + Fraction(1, 2)), -half), half - 1) for g in slope]
        x = [v - Fraction(step) * lsb * w for v, w in zip(x, words, strict=True)]
    assert plan.descend(lambda p: hessian @ p, [1.0, -0.75], step)[-1].tolist() == [float(v) for v in x]


@pytest.mark.parametrize("zoom", [False, True])
@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_the_budget_is_kept_and_ranges_never_grow(zoom: bool, rounding: str) -> None:
    o = Logistic.random(6, seed=2)
    plan = schedule(o.gradient, np.zeros(6), 0.5, 25, budget=6 * 25 * 5 + 3, zoom=zoom, rounding=rounding)
    assert plan.total <= 6 * 25 * 5
    assert plan.total > 6 * 25 * 5 - 6 * 3  # what is left does not suffice for another bit everywhere
    assert all(a >= b for a, b in zip(plan.ranges, plan.ranges[1:], strict=False))
    assert (len(set(plan.ranges)) == 1) == (not zoom)
    assert plan == schedule(o.gradient, np.zeros(6), 0.5, 25, budget=6 * 25 * 5 + 3, zoom=zoom, rounding=rounding)


def test_bits_rise_in_a_fixed_range_as_the_noise_model_has_it() -> None:
    # One curvature: noise of iteration t shrinks by (1 - step)^(T - 1 - t), so bits rise by log2 of that, here 1.
    plan = schedule(lambda x: x, np.ones(4), 0.5, 8, budget=4 * 8 * 8, zoom=False)
    assert sum(plan.bits) == 64
    assert np.abs(np.array(plan.bits) - (4.5 + np.arange(8))).max() <= 0.5 + 1e-9


def test_least_squares_of_condition_43() -> None:
    # 8 unknowns, 40 iterations, 6 bits on average, 20 instances, rounded for real.
    fixed, zoomed = [], []
    for seed in range(20):
        o = LeastSquares.random(8, 43, seed=seed)
        plans = [schedule(o.gradient, np.zeros(8), 1.0, 40, 6 * 40 * 8, zoom=zoom) for zoom in (False, True)]
        fixed.append(plans[0].error / plans[0].baselines["uniform"])
        zoomed.append(plans[0].error / plans[1].error)
    assert np.median(fixed) <= 0.45
    assert np.exp(np.log(fixed).mean()) <= 0.45
    assert np.exp(np.log(zoomed).mean()) >= 100


def test_where_the_dead_zone_rules_a_search_on_the_rounded_descent_is_better() -> None:
    gains = []
    for seed in range(3):
        o = LeastSquares.random(8, 43, seed=seed)
        plan = schedule(o.gradient, np.zeros(8), 1.0, 20, 4 * 20 * 8, zoom=False, evaluations=400, upper=10)
        assert plan.total <= 4 * 20 * 8
        gains.append(plan.baselines["closed form"] / plan.error)
    assert min(gains) >= 1
    assert np.median(gains) > 1.5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"step": 0.0}, "step must be above 0"),
        ({"step": 1e200}, "does not stay finite"),
        ({"iterations": 0}, "iterations must be between"),
        ({"rounding": "up"}, "rounding must be one of nearest, stochastic"),
        ({"headroom": 0.5}, "headroom must be 1 or more"),
        ({"gradient": lambda x: x[:1]}, "shape of the point"),
        ({"budget": -1}, "budget must be at least 0"),
    ],
)
def test_wrong_parameters_are_refused(change: dict, told: str) -> None:
    given = {"gradient": lambda x: x, "start": np.ones(3), "step": 0.5, "iterations": 5, "budget": 60, **change}
    with pytest.raises(ValueError, match=told):
        hwgen.descent.schedule(**given)


def test_the_example_on_real_data(capsys: pytest.CaptureFixture[str]) -> None:
    """Allocated bits end at least as near as uniform ones, and where the range zooms several times as near."""
    runpy.run_path(str(Path(__file__).parents[1] / "examples" / "logistic_bits.py"), run_name="__main__")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[:2] for row in rows] == [["3", "fixed"], ["3", "zoom"], ["6", "fixed"], ["6", "zoom"]]
    for _, ranges, uniform, allocated, _, accuracy in rows:
        assert float(allocated) <= float(uniform) / (3 if ranges == "zoom" else 1)
        assert float(accuracy) > 0.96
