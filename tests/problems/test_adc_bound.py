"""The bound of a mixed-resolution receiver, and bits rounded from it: against enumeration and the closed forms."""

import itertools

import numpy as np
import pytest
from adc_receivers import optimum, receiver

from hwgen.problems.adc import AdcReceiver
from hwgen.problems.adc_rounding import certified, complete, descend
from hwgen.problems.channels import beamspace, rayleigh
from hwgen.problems.lmmse_bound import upper_hull


def test_hull_by_hand():
    # 0 -> 4 has slope 2; the points at 1 and 2 lie below it; the last edge is flatter.
    assert upper_hull(np.array([0.0, 1, 2, 4, 8]), np.array([0.0, 1, 3, 8, 9])) == [0, 3, 4]


SMALL = [
    (make, snr, cost, merit, seed)
    for make, snr, cost, merit in itertools.product((rayleigh, beamspace), (0, 15), ("power", "bits"), ("mse", "rate"))
    for seed in (1, 2)
]


@pytest.mark.parametrize(("make", "snr", "cost", "merit", "seed"), SMALL)
def test_bound_is_below_the_optimum_and_branching_closes_it(make, snr, cost, merit, seed):
    problem = receiver(5, 2, snr, 10, seed, make, levels=(0, 1, 3, 5), cost=cost, merit=merit)
    for budget in (10, 20) if cost == "bits" else (24, 70):
        best = optimum(problem, budget)
        slack = 1e-9 * (1 + abs(best))
        bound = problem.bound(budget)
        assert bound <= best + slack
        raised = problem.bound(budget, nodes=7)
        assert bound - slack <= raised <= best + slack
        bits, closed = certified(problem, budget, nodes=2000)
        assert problem.consumption(bits[None])[0] <= budget
        assert problem.error(bits[None])[0] == pytest.approx(best, rel=1e-9)
        assert closed == pytest.approx(best, rel=2e-4, abs=1e-12)
        assert closed <= best + slack


def test_bound_is_tight_when_the_budget_buys_everything_or_hull_corners():
    problem = receiver(levels=(0, 1, 3, 5))
    top = problem.error(np.full((1, 6), 5))[0]
    assert problem.bound(6 * 32) == pytest.approx(top, rel=1e-9)
    assert problem.bound(0) == pytest.approx(1.0, rel=1e-9)
    # One user and equal antennas: by symmetry and convexity the same fraction everywhere is the relaxed optimum, so
    # two levels with a budget that pays the upper one everywhere is met exactly, and half of it costs half the gain.
    alike = AdcReceiver(np.full((4, 1), 2.0), levels=(0, 3))
    gain = alike.gains[0, 3]
    assert alike.bound(16) == pytest.approx(1 / (1 + 4 * gain / 2 * 4), rel=1e-6)
    assert optimum(alike, 16) == pytest.approx(1 / (1 + 2 * gain * 4), rel=1e-12)


def test_relaxation_beats_the_closed_forms_at_full_size():
    for make, snr, cost, budget in ((rayleigh, 0, "power", 256), (beamspace, 0, "bits", 128)):
        problem = receiver(64, 8, snr, 20, 100, make, cost=cost)
        bits, bound = certified(problem, budget)
        found = problem.error(bits[None])[0]
        floor = problem.mse_infinite
        assert problem.consumption(bits[None])[0] <= budget
        assert found - floor <= 1.01 * (bound - floor)
        for name, form in problem.closed_forms(budget).items():
            assert problem.consumption(form[None])[0] <= budget, name
            assert found < problem.error(form[None])[0], name


def test_branching_stops_at_the_gap_asked_for():
    problem = receiver(16, 4, 15, 0, 100)
    floor = problem.mse_infinite
    ratios = []
    for nodes, gap in ((1, 0.0), (1000, 0.1), (1000, 0.05)):
        bits, bound = certified(problem, 64, nodes, gap)
        ratios.append((problem.error(bits[None])[0] - floor) / (bound - floor))
    assert ratios[0] > 1.1 >= ratios[1] > 1.05 >= ratios[2] >= 1


def test_complete_repairs_fills_and_keeps():
    problem = receiver(levels=(0, 1, 2, 4))
    start = np.array([[4] * 6, [0] * 6, [4, 0, 0, 0, 0, 4]])
    bits = complete(problem, start, 26, kept=np.array([2, 0, 5]))
    spent = problem.consumption(bits)
    assert (spent <= 26).all()
    assert bits[0, 2] == 4
    assert bits[2, 5] == 4
    assert (spent > 20).all(), "what is left buys another antenna or level"
    better = descend(problem, bits[0], 26)
    assert optimum(problem, 26) <= problem.error(better[None])[0] <= problem.error(bits[:1])[0]
