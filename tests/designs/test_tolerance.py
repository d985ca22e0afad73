"""The judge against `measure`; the ellipsoid against rejection sampling and the barrier's own definition."""

import numpy as np
import pytest

from hwgen.designs.tolerance import Judge, ellipsoid
from hwgen.designs.values import mirrored
from hwgen.response import Band, Mask, measure

LOW = (Band(0, 0.1, 1, 0.99, 1.01, True), Band(0.25, 0.5, 0, 0, 0.01, False))
THREE = (Band(0, 0.08, 2, 1.9, 2.05, True), Band(0.16, 0.3, 0, 0, 0.06, False), Band(0.4, 0.5, 1, 0.95, 1.1, True))
G1 = (3, 6, 0, -16, -19, 12, 76, 128)  # Shi and Yu, IEEE TCAS-I 58, 2011


@pytest.mark.parametrize(("bands", "taps"), [(LOW, 15), (LOW, 16), (THREE, 21)])
@pytest.mark.parametrize("gain", [None, 70.0])
def test_judge_agrees_with_measure(bands, taps, gain):
    mask, rng = Mask(bands, gain), np.random.default_rng(taps)
    judge = Judge(mask, taps, gain, 32)
    free = np.rint(70 * ellipsoid(mask, taps, rng).centre + rng.normal(size=(20, (taps + 1) // 2)))
    exact = np.array([measure(mirrored(row.tolist(), taps), mask).violation for row in free])
    seen = judge.violation(free)
    # The grid sees no more than there is, except through G, which it sees no better.
    assert np.allclose(seen, exact, rtol=2e-3)


def test_a_published_filter_meets_its_mask_until_it_is_broken():
    judge = Judge(Mask(LOW, None), 16, None, 32)
    assert judge.violation(np.array([G1]))[0] <= 1
    assert judge.violation(np.array([(*G1[:-1], 131)]))[0] > 1


def test_centre_is_where_the_barrier_is_least():
    found = ellipsoid(Mask(LOW, None), 15, np.random.default_rng(1))
    judge = Judge(Mask(LOW, 1.0), 15, 1.0, 8)

    def barrier(x):
        r = x @ judge.rows - judge.shift
        return -np.log(1 - r**2).sum()

    steps = 1e-5 * np.eye(8)
    slope = [(barrier(found.centre + s) - barrier(found.centre - s)) / 2e-5 for s in steps]
    bend = [(barrier(found.centre + s) + barrier(found.centre - s) - 2 * barrier(found.centre)) / 1e-10 for s in steps]
    assert np.abs(slope).max() < 1e-3 * np.sqrt(np.max(bend))
    scale = np.array(bend) / found.shape.diagonal()
    assert np.allclose(scale, scale.mean(), rtol=1e-2)


def test_mean_square_over_the_polytope_is_the_dimension():
    """Two taps and a wide mask, so that points can be drawn from a box around it."""
    mask = Mask((Band(0, 0.1, 1, 0.7, 1.3, True), Band(0.4, 0.5, 0, 0, 0.2, False)), 1.0)
    rng = np.random.default_rng(2)
    found, judge = ellipsoid(mask, 3, rng), Judge(mask, 3, 1.0, 8)
    # Five marginal deviations hold the whole polytope.
    reach = 5 * np.sqrt(np.linalg.inv(found.shape).diagonal())
    points = found.centre + rng.uniform(-1, 1, (40_000, 2)) * reach
    inside = points[judge.violation(points) <= 1] - found.centre
    assert len(inside) > 500
    assert np.einsum("pi,ij,pj->p", inside, found.shape, inside).mean() == pytest.approx(2, rel=0.25)


def test_gains():
    found = ellipsoid(Mask(LOW, None), 15, np.random.default_rng(3))
    centre, shape = found.of_gain(64)
    assert np.array_equal(centre, 64 * found.centre)
    assert np.array_equal(shape, found.shape / 4096)
    centre, loose = found.of_any_gain(64 * found.centre)
    assert np.allclose(centre, 64 * found.centre)
    change = 64 / 3 * found.centre
    assert change @ loose @ change == pytest.approx(1)
    # Across the centre's direction nothing changes.
    e = np.random.default_rng(4).normal(size=8)
    e -= found.centre * (found.centre @ found.shape @ e) / (found.centre @ found.shape @ found.centre)
    assert e @ loose @ e == pytest.approx(e @ shape @ e)


def test_no_room():
    assert ellipsoid(Mask(LOW, None), 5, np.random.default_rng(5)) is None
    assert ellipsoid(Mask(THREE, None), 20, np.random.default_rng(5)) is None  # even, and it passes half the rate
