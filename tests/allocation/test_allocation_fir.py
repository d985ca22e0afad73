"""The minimax FIR instance A31 at 5 bits a tap: levels {0, 2..14}, round to nearest; the MILP optimum is .02559."""

import numpy as np
import pytest
from scipy.optimize import linprog

from hwgen.allocation import Problem, allocate, common_lsb, exchange, gcpso, uniform

DEGREE = 15
LEVELS = np.array([0, *range(2, 15)])


def grid(density):
    """Frequencies of the two bands (edges x pi): cosine basis, desired gain."""
    bands = [(0.0, 0.4, 1.0), (0.5, 1.0, 0.0)]
    parts = [np.linspace(low, high, round(density * DEGREE * (high - low)) + 1) for low, high, _ in bands]
    basis = np.cos(np.pi * np.outer(np.concatenate(parts), np.arange(DEGREE + 1)))
    basis[:, 1:] *= 2
    return basis, np.concatenate([np.full(part.size, gain) for part, (_, _, gain) in zip(parts, bands, strict=True)])


@pytest.fixture(scope="module")
def pieces():
    basis, desired = grid(64)
    slack = -np.ones((desired.size, 1))
    rows = np.vstack([np.hstack([basis, slack]), np.hstack([-basis, slack])])
    taps = linprog(np.r_[np.zeros(DEGREE + 1), 1], rows, np.r_[desired, -desired], bounds=(None, None)).x[:-1]
    octave = np.ceil(np.log2(np.abs(taps)))
    table = np.zeros((DEGREE + 1, 15))
    for bits in LEVELS[1:]:
        lsb = 2.0 ** (octave - (bits - 1))
        table[:, bits] = np.clip(np.floor(taps / lsb + 0.5) * lsb, -(2**octave), 2**octave - lsb)
    return table, octave, *grid(12)


def instance(pieces, **limit):
    table, octave, basis, desired = pieces

    def error(bits):
        return np.abs(table[np.arange(DEGREE + 1), bits] @ basis.T - desired).max(axis=1)

    names = [f"h{k}" for k in range(DEGREE + 1)]
    return Problem(names, 0, 14, error, lambda b: b.sum(axis=1), levels=LEVELS, offsets=octave, **limit)


def test_budget(pieces):
    problem = instance(pieces, budget=80)
    rng = np.random.default_rng(1)
    same, shared, swapped = (method(problem, rng, 20000) for method in (uniform, common_lsb, exchange))
    assert same.error == pytest.approx(0.0459, abs=5e-5)
    assert swapped.error <= 0.0270
    swarm = gcpso(problem, rng, 12000, seeds=[swapped.bits])
    assert 0.0254 < swarm.error <= min(0.0262, swapped.error)
    answer = allocate(problem, rng, 12000)
    assert answer.error <= 0.0262
    assert answer.error <= min(baseline.error for baseline in answer.baselines.values())
    assert answer.error < shared.error < same.error
    assert answer.baselines["uniform"].bits == same.bits


@pytest.mark.parametrize("seed", [1, 2])
def test_unseeded_swarm(pieces, seed):
    assert gcpso(instance(pieces, budget=80), np.random.default_rng(seed), 12000).error <= 0.0262, f"seed {seed}"


def test_goal(pieces):
    problem = instance(pieces, goal=0.0262)
    answer = allocate(problem, np.random.default_rng(1), 12000)
    assert answer.error <= 0.0262
    assert answer.consumption <= 77
    assert answer.consumption < answer.baselines["common-lsb"].consumption < answer.baselines["uniform"].consumption
