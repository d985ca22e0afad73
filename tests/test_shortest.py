"""The shortest filter for a mask, proved to be the shortest by linear programs."""

import dataclasses

import numpy as np
import pytest
from masks import LTE, MANY, least_violation, passing, stopping

from hwgen.response import (
    Mask,
    measure,
    remez,
    shortest,
)


@pytest.mark.parametrize("gain", [1.0, 0.6])
def test_shortest_for_lte_is_the_shortest(gain):
    mask = dataclasses.replace(LTE, gain=gain)
    h = shortest(mask)
    assert measure(h, mask).violation <= 1
    # Two more taps never hurt, so missing the mask with one and two fewer proves that no shorter filter meets it.
    assert least_violation(mask if gain == 1 else LTE, len(h) - 1) > 1
    assert least_violation(mask if gain == 1 else LTE, len(h) - 2) > 1


@pytest.mark.parametrize(
    "mask",
    [
        Mask((stopping(0, 0.2, 1e-3), passing(0.25, 0.5, 0.01))),
        Mask((stopping(0, 0.1, 1e-3), passing(0.15, 0.2, 0.01), stopping(0.25, 0.5, 1e-4))),
        Mask((passing(0, 0.1, 0.01), stopping(0.15, 0.2, 1e-3), passing(0.25, 0.5, 0.01, gain=2.0))),
        Mask((passing(0, 1e-4, 0.01), stopping(0.2, 0.5, 1e-3))),
        Mask((passing(0, 0.01, 0.4), stopping(0.49, 0.5, 0.5))),
        Mask((passing(0, 0.1, 0.01), passing(0.1, 0.2, 0.001), stopping(0.3, 0.5, 0.001))),
        MANY,
    ],
    ids=["high", "band", "stop", "narrow", "wide", "touching", "many"],
)
def test_shortest_is_the_shortest(mask):
    h = shortest(mask)
    assert measure(h, mask).violation <= 1
    nyquist = mask.bands[-1].passband and mask.bands[-1].stop == 0.5
    for fewer in (len(h) - 1, len(h) - 2):
        if fewer > 0 and not (nyquist and fewer % 2 == 0):
            assert least_violation(mask, fewer) > 1


def test_shortest_for_a_free_gain_meets_the_mask():
    mask = dataclasses.replace(LTE, gain=None)
    h = shortest(mask)
    assert measure(h, mask).violation <= 1
    assert measure(remez(mask, len(h) - 1), mask).violation > 1


def test_shortest_may_be_a_wire():
    np.testing.assert_allclose(shortest(Mask((passing(0.1, 0.2, 0.01),), 0.5)), [0.5])


@pytest.mark.parametrize("limit", [1, 2, 50, 106])
def test_no_length_up_to_the_limit(limit):
    with pytest.raises(ValueError, match=rf"up to {limit} taps .* deviates ([\d.]+) times") as caught:
        shortest(LTE, limit)
    stated = float(str(caught.value).split("deviates ")[1].split()[0])
    least = min(measure(remez(LTE, taps), LTE).violation for taps in range(max(1, limit - 1), limit + 1))
    assert stated == pytest.approx(least, rel=1e-3)
    assert stated > 1


def test_the_limit_itself_is_tried():
    needed = len(shortest(LTE))
    assert len(shortest(LTE, needed)) == needed
    assert len(shortest(LTE, needed + 1)) == needed


def test_narrow_transition_fails():
    with pytest.raises(ValueError, match="up to 300 taps"):
        shortest(Mask((passing(0, 0.1, 0.01), stopping(0.1001, 0.5, 1e-3))), 300)


@pytest.mark.parametrize("limit", [0, -1])
def test_limit_must_allow_a_tap(limit):
    with pytest.raises(ValueError, match="at least 1"):
        shortest(LTE, limit)
