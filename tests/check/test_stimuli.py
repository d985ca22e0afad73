"""Directed stimuli, by hand and by what they do to a filter."""

import numpy as np
import pytest

from hwgen.check.stimuli import directed
from hwgen.check.vectors import Port

RANGE = Port("i_data", 4, True)


def test_by_hand() -> None:
    flush = [0, 0, 0]
    assert directed([2, -1, 1], RANGE, 3).tolist() == [
        *flush, 7, *flush, -8, *flush, 7, 7, 7, *flush, -8, -8, -8, *flush,
        7, -8, 7, *flush, -8, 7, -8, *flush, 7, -8, 7, *flush, -8, 7, -8, *flush,
    ]  # fmt: skip


@pytest.mark.parametrize("taps", [[3, -5, 2], [1, 2, 3, -4, -5], [-1]])
def test_it_reaches_the_largest_and_the_smallest_sum(taps: list[int]) -> None:
    y = np.convolve(directed(taps, RANGE, len(taps) + 2), taps)
    positive, negative = sum(h for h in taps if h > 0), sum(h for h in taps if h < 0)
    assert y.max() == 7 * positive - 8 * negative
    assert y.min() == -8 * positive + 7 * negative


def test_a_flush_shorter_than_the_filter_is_refused() -> None:
    with pytest.raises(ValueError, match="at least the number of taps, 3"):
        directed([1, 2, 3], RANGE, 2)


def test_unsigned_inputs_stay_in_range() -> None:
    values = directed([1, -1], Port("i_data", 4, False), 4)
    assert (values.min(), values.max()) == (0, 15)
