"""A beam wide enough against brute force, and what it prefers when adders alone count."""

from itertools import product

import numpy as np

from hwgen.adders import odd
from hwgen.designs.regrowth import Beam, odd_parts, regrow

NEAR = np.ones(65, dtype=bool)


def test_odd_parts():
    values = np.arange(-200, 200).reshape(4, 100)
    assert odd_parts(values).tolist() == [[odd(int(v))[0] for v in row] for row in values]


def _shape(rng, n):
    root = rng.normal(size=(n, n)) / 8 + np.eye(n) / 2
    return root @ root.T


def test_the_closest_of_all_comes_first():
    rng = np.random.default_rng(1)
    for seed in range(10):
        shape, centre = _shape(rng, 4), rng.normal(size=4) * 20
        filter_ = np.rint(centre).astype(np.int64) + np.array([0, 2, 0, 0])
        order = rng.permutation([0, 2, 3])
        beam = Beam(2000, 1e6, 0.0)
        found = regrow(filter_, order, (centre, shape), np.full(4, 2), NEAR, beam, np.random.default_rng(seed))
        assert (found[:, 1] == filter_[1]).all(), seed
        box = np.array(list(product(range(-9, 10), repeat=3)))
        all_of_them = np.repeat(filter_[None], len(box), axis=0)
        all_of_them[:, [0, 2, 3]] += box
        distance = np.einsum("pi,ij,pj->p", all_of_them - centre, shape, all_of_them - centre)
        assert found[0].tolist() == all_of_them[distance.argmin()].tolist(), seed


def test_cheap_values_come_first():
    """Zero before a known fundamental, that before one more adder, that before one out of reach."""
    near = np.zeros(33, dtype=bool)
    near[[3, 5]] = True
    filter_, order = np.array([7, 0]), np.array([1])
    beam, rng = Beam(64, 0.0, 0.0), np.random.default_rng(2)
    found = regrow(filter_, order, (np.array([7.0, 2.0]), np.eye(2) / 7.5), np.array([2, 1]), near, beam, rng)[:, 1]
    assert sorted(found.tolist()) == list(range(-6, 11))
    classes = [0 if v == 0 else 1 if abs(v) in (1, 2, 4, 8, 7) else 2 if abs(v) in (3, 5, 6, 10) else 3 for v in found]
    assert classes == sorted(classes)
    assert classes.count(3) == 1  # 9


def test_a_wide_range_is_tried_on_a_coarser_grid():
    beam, rng = Beam(1000, 0.1, 0.0), np.random.default_rng(3)
    shape = np.diag([1.0, 1e-4])
    found = regrow(np.array([4, 0]), np.array([1]), (np.array([4.0, 1000.0]), shape), np.array([2, 2]), NEAR, beam, rng)
    values = np.sort(found[:, 1])
    assert (np.diff(values) == 16).all()
    assert values[0] >= 700
    assert values[-1] <= 1300


def test_same_generator_same_filters():
    shape, filter_ = _shape(np.random.default_rng(4), 5), np.array([9, -4, 3, 8, 1])
    runs = [
        regrow(filter_, np.array([3, 0, 1]), (filter_ * 1.1, shape), np.full(5, 2), NEAR, Beam(16, 0.1, 0.5), rng)
        for rng in (np.random.default_rng(5), np.random.default_rng(5), np.random.default_rng(6))
    ]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
