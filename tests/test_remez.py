"""Filters of a given length against published minimax errors and linear programs."""

import dataclasses
import math

import numpy as np
import pytest
from masks import LOWPASS, LTE, least_violation, passing, passing_db, stopping
from scipy import signal

from hwgen import remez as solver
from hwgen.response import (
    Mask,
    amplitude,
    magnitude,
    measure,
    remez,
    shortest,
)

PUBLISHED = {  # Brisebarre, Filip, Hanrot, IEEE TSP 66(10), 2018: edges x pi, gains, weights; length -> minimax error
    "A": ([0, 0.4, 0.5, 1], [1, 0], [1, 1], {35: 0.01595, 45: 0.00713}),
    "B": ([0, 0.4, 0.5, 1], [1, 0], [1, 10], {35: 0.05275, 45: 0.02111}),
    "C": ([0, 0.24, 0.4, 0.68, 0.84, 1], [1, 0, 1], [1, 1, 1], {35: 0.002631, 45: 0.000671}),
    "D": ([0, 0.24, 0.4, 0.68, 0.84, 1], [1, 0, 1], [1, 10, 1], {35: 0.01044}),
    "E": ([0.02, 0.42, 0.52, 0.98], [1, 0], [1, 1], {35: 0.01762, 45: 0.00654}),
}


@pytest.mark.parametrize(("letter", "taps"), [(letter, taps) for letter, spec in PUBLISHED.items() for taps in spec[3]])
@pytest.mark.parametrize("method", ["remez", "program"])
def test_published_minimax_errors(letter, taps, method, monkeypatch):
    if method == "program":
        monkeypatch.setattr(solver, "_exchange", lambda *_: None)
    edges, gains, weights, errors = PUBLISHED[letter]
    bands = tuple(
        passing(low / 2, high / 2, 0.1) if gain else stopping(low / 2, high / 2, 0.1 / weight)
        for low, high, gain, weight in zip(edges[::2], edges[1::2], gains, weights, strict=True)
    )
    h = remez(Mask(bands), taps)
    assert measure(h, Mask(bands)).error == pytest.approx(errors[taps], rel=0.01)
    assert (h == h[::-1]).all()


def test_half_band():
    # Symmetric about f = 0.25: every other tap is zero but the middle one, and A(f) + A(0.5 - f) = 1
    h = remez(Mask((passing(0, 0.2, 0.01), stopping(0.3, 0.5, 0.01))), 31)
    assert h[15] == pytest.approx(0.5, abs=1e-6)
    np.testing.assert_allclose(h[1:15:2], 0, atol=1e-6)
    f = np.linspace(0, 0.25, 50)
    np.testing.assert_allclose(amplitude(h, f) + amplitude(h, 0.5 - f), 1, atol=1e-5)


def test_two_taps_by_hand():
    # A = 2a cos(pi f), pass f = 0, stop f = 1/3: 2a - 1 = -a, so a = 1/3 and the error is 1/3 at both
    h = remez(Mask((passing(0, 0, 0.5), stopping(1 / 3, 0.5, 0.5))), 2)
    np.testing.assert_allclose(h, [1 / 3, 1 / 3], rtol=1e-6)


def test_one_tap_by_hand():
    # A constant between 1 and 0, errors weighted 1 : 3: 1 - c = 3 c
    np.testing.assert_allclose(remez(Mask((passing(0, 0.1, 0.3), stopping(0.2, 0.5, 0.1))), 1), [0.25], rtol=1e-6)


def test_decibel_ripple_is_centred_between_its_limits():
    mask = Mask((passing_db(0, 0.1, 3.0), stopping(0.2, 0.5, 0.01)), 0.25)
    h = remez(mask, 17)
    size = magnitude(h, np.linspace(0, 0.1, 4001)) / 0.25
    v = measure(h, mask).violation
    assert v < 1
    band = mask.bands[0]
    middle, half = (band.lower + band.upper) / 2, (band.upper - band.lower) / 2
    assert size.max() == pytest.approx(middle + v * half, rel=1e-3)
    assert size.min() == pytest.approx(middle - v * half, rel=1e-3)
    assert size.max() + size.min() == pytest.approx(2 * middle, rel=1e-3)


def test_free_gain_is_near_one_and_meets_the_mask():
    mask = dataclasses.replace(LTE, gain=None)
    found = measure(remez(mask, 111), mask)
    assert found.gain == pytest.approx(1, abs=1e-3)
    assert found.violation <= 1


@pytest.mark.parametrize("taps", [50, 51])
def test_every_kind_of_mask(taps):
    masks = {
        "low": Mask((passing(0, 0.15, 0.01), stopping(0.25, 0.5, 0.001))),
        "band": Mask((stopping(0, 0.08, 0.001), passing(0.18, 0.25, 0.01), stopping(0.35, 0.5, 0.001))),
    }
    if taps % 2:
        masks["high"] = Mask((stopping(0, 0.15, 0.001), passing(0.25, 0.5, 0.01)))
        masks["stop"] = Mask((passing(0, 0.1, 0.01), stopping(0.2, 0.3, 0.001), passing(0.4, 0.5, 0.01, gain=2)))
    for kind, mask in masks.items():
        h = remez(mask, taps)
        assert len(h) == taps
        found = measure(h, mask).violation
        assert found <= 1, kind
        assert found == pytest.approx(least_violation(mask, taps), rel=2e-3), kind


def test_high_pass_is_a_shifted_low_pass():
    low = remez(Mask((passing(0, 0.15, 0.01), stopping(0.25, 0.5, 0.001))), 31)
    high = remez(Mask((stopping(0, 0.25, 0.001), passing(0.35, 0.5, 0.01))), 31)
    np.testing.assert_allclose(high, -low * (-1.0) ** np.arange(31), atol=2e-5)


@pytest.mark.parametrize("taps", [20, 21, 60, 61])
def test_the_program_agrees_with_the_exchange(taps, monkeypatch):
    mask = LTE
    exchanged = measure(remez(mask, taps), mask).violation
    monkeypatch.setattr(solver.signal, "remez", lambda *_, **__: pytest.fail("not to be believed"))
    monkeypatch.setattr(solver, "_exchange", lambda *_: None)
    h = remez(mask, taps)
    assert measure(h, mask).violation == pytest.approx(exchanged, rel=0.01)
    assert (h == h[::-1]).all()


@pytest.mark.parametrize("trouble", ["garbage", "nan", "raises", "warns"])
def test_a_wrong_exchange_is_noticed(trouble, monkeypatch):
    right = measure(remez(LOWPASS, 35), LOWPASS).violation
    original = signal.remez

    def broken(taps, *args, **kwargs):
        if trouble == "raises":
            raise ValueError("Failure to converge")
        if trouble == "warns":
            np.float64(1) / np.float64(0)
        h = original(taps, *args, **kwargs)
        return h * math.nan if trouble == "nan" else h + 1e-4 * np.cos(np.arange(taps) - (taps - 1) / 2)

    monkeypatch.setattr(solver.signal, "remez", broken)
    assert measure(remez(LOWPASS, 35), LOWPASS).violation == pytest.approx(right, rel=0.01)


def test_bands_that_scipy_does_not_take():
    touching = Mask((passing(0, 0.1, 0.01), passing(0.1, 0.2, 0.001), stopping(0.3, 0.5, 0.001)))
    point = Mask((passing(0, 0.06, 0.05), stopping(0.1, 0.1, 0.01), passing(0.14, 0.5, 0.05)))
    for mask, taps in ((touching, 33), (point, 41)):
        found = measure(remez(mask, taps), mask).violation
        assert found == pytest.approx(least_violation(mask, taps), rel=2e-3)


@pytest.mark.parametrize("taps", [401, 601, 1000])
def test_far_too_many_taps_still_meet_the_mask(taps):
    h = remez(LTE, taps)
    assert h.shape == (taps,)
    assert (h == h[::-1]).all()
    assert measure(h, LTE).violation < 0.01


def test_type_two_cannot_pass_half_the_sample_rate():
    mask = Mask((stopping(0, 0.2, 0.01), passing(0.3, 0.5, 0.01)))
    with pytest.raises(ValueError, match=r"even length \(20\).*odd length"):
        remez(mask, 20)
    assert len(shortest(mask)) % 2 == 1


@pytest.mark.parametrize("taps", [0, -3])
def test_a_filter_has_taps(taps):
    with pytest.raises(ValueError, match="at least 1"):
        remez(LOWPASS, taps)


def test_something_must_pass():
    with pytest.raises(ValueError, match="no pass band"):
        remez(Mask((stopping(0, 0.1, 0.1),)), 5)
