"""Coefficients by hand, and near values against what they must keep to."""

import numpy as np
import pytest

from hwgen.designs.values import Coefficients, mirrored, near


def test_coefficients_by_hand():
    odd, even = Coefficients((0, -3, 8, -3, 0), 4), Coefficients((1, 2, 2, 1), 0)
    assert odd.floats.tolist() == [0, -0.1875, 0.5, -0.1875, 0]
    assert (odd.symmetric, odd.free, odd.bits) == (True, (0, -3, 8), (0, 3, 2))
    assert even.free == (1, 2)
    skew = Coefficients((1, 2, 4), 0)
    assert not skew.symmetric
    assert skew.free == (1, 2, 4)


def test_zeros_at_the_end_are_no_taps():
    assert Coefficients((0, 3, -1, 0, 0), 4).trimmed_end == (0, 3, -1)
    assert Coefficients((0, 0), 4).trimmed_end == (0,)


def test_trimmed_keeps_the_numbers():
    assert Coefficients((0, 4, -8, 4, 0), 5).trimmed() == Coefficients((1, -2, 1), 3)
    assert Coefficients((0, 4, 8), 5).trimmed() == Coefficients((0, 1, 2), 3)
    assert Coefficients((0, 0), 5).trimmed() == Coefficients((0, 0), 5)


@pytest.mark.parametrize(("taps", "whole"), [(5, (1, 2, 3, 2, 1)), (6, (1, 2, 3, 3, 2, 1))])
def test_mirrored(taps, whole):
    assert mirrored([1, 2, 3], taps) == whole


def test_near_stays_within_reach():
    ideal = np.array([0.11, 0.37, 0.5021, -0.2])
    found = near(ideal, 0.01, 6)
    assert found is not None
    assert np.abs(found.floats - ideal).max() <= 0.01
    assert found.floats[2] == 0.5  # the cheapest
