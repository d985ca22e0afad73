"""Whole searches, small: what they return meets the mask, repeats, ties published filters, never gets worse."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from hwgen.designs.adder_count import adders
from hwgen.designs.cheapest import cheapest, improved, placements
from hwgen.designs.joint import Variant, walk
from hwgen.designs.tap_bits import rounded
from hwgen.designs.values import Coefficients, mirrored
from hwgen.response import Band, Mask, measure, remez

G1 = Mask((Band(0, 0.1, 1, 0.99, 1.01, True), Band(0.25, 0.5, 0, 0, 0.01, False)), None)
X1 = Mask((Band(0, 0.1, 1, 0.9999, 1.0001, True), Band(0.4, 0.5, 0, 0, 0.0001, False)), None)
STEEP = Mask((Band(0, 0.2, 0, 0, 0.02, False), Band(0.27, 0.5, 1, 0.98, 1.02, True)), 1.0)


def _total(found: Coefficients) -> int:
    return sum(adders(found.values))


def test_ties_the_published_adders():
    """Shi and Yu (IEEE TCAS-I 58, 2011) publish 15 adders for G1 and 13 for X1."""
    assert _total(cheapest(G1, [17], np.random.default_rng(1), 1200)[0]) <= 15
    assert _total(cheapest(X1, [15], np.random.default_rng(1), 1200)[0]) <= 13


def test_answers_meet_the_mask_differ_and_come_best_first():
    found = cheapest(STEEP, range(22, 28), np.random.default_rng(2), 600)
    assert found
    assert len(set(found)) == len(found) <= 5
    for one in found:
        assert one.symmetric
        assert measure(one.floats, STEEP).violation <= 1
    assert [_total(one) for one in found] == sorted(_total(one) for one in found)


def test_same_seed_same_answers_in_one_thread_or_two():
    runs = [cheapest(G1, [16], np.random.default_rng(seed), 250) for seed in (3, 3)]
    with ThreadPoolExecutor(2) as pool:
        runs.append(cheapest(G1, [16], np.random.default_rng(3), 250, mapped=pool.map))
    assert runs[0] == runs[1] == runs[2]


def test_nothing_where_no_length_is_enough():
    assert cheapest(G1, [3, 4, 5], np.random.default_rng(4), 100) == []
    assert placements(G1, [3, 4, 5], np.random.default_rng(4), 7) == []
    assert walk(Variant(G1, 5, 100.0, 0, 10)).found == ()


def test_a_given_gain_is_kept():
    gains = [v.gain for v in placements(replace(STEEP, gain=0.75), [27], np.random.default_rng(5), 9)]
    assert all(np.log2(gain / 0.75) % 1 == 0 for gain in gains)
    assert len(set(gains)) > 2


def test_coefficients_stay_within_their_bits():
    found = cheapest(G1, [17], np.random.default_rng(6), 400, most=7)
    assert found
    assert max(abs(v) for one in found for v in one.values) < 64


def test_improved_is_cheaper_than_rounding_and_no_other_length():
    start = rounded(remez(STEEP, 27), 12)
    assert measure(start.floats, STEEP).violation <= 1
    better = improved(STEEP, start, np.random.default_rng(7), 10_000)
    assert measure(better.floats, STEEP).violation <= 1
    assert len(better.values) == 27
    assert _total(better) < _total(start)
    assert improved(STEEP, start, np.random.default_rng(7), 0) == start


def test_what_cannot_be_improved_is_refused():
    with pytest.raises(ValueError, match="symmetric"):
        improved(G1, Coefficients((1, 2, 4), 0), np.random.default_rng(8), 10)
    broken = list(mirrored((3, 6, 0, -16, -19, 12, 76, 131), 16))
    with pytest.raises(ValueError, match="mask"):
        improved(G1, Coefficients(tuple(broken), 8), np.random.default_rng(8), 10)


def test_another_cost_is_what_gets_small():
    """Nonzero taps alone: then fundamentals are free, and more of them are used."""

    def nonzero(free):
        return (free != 0).sum(axis=1) * 10.0

    start = Coefficients(mirrored((3, 6, 0, -16, -19, 12, 76, 128), 16), 8)
    better = improved(G1, start, np.random.default_rng(9), 5_000, nonzero)
    assert np.count_nonzero(better.free) <= np.count_nonzero(start.free)
    found = cheapest(G1, [16], np.random.default_rng(9), 600, nonzero)
    assert np.count_nonzero(found[0].free) <= 7
