"""Frequency responses and masks against SciPy, closed forms and hand-worked values."""

import dataclasses
import math

import numpy as np
import pytest
from masks import LOWPASS, LTE, MANY, passing, passing_db, stopping
from scipy import signal
from scipy.optimize import minimize_scalar

from hwgen.response import (
    Band,
    Mask,
    amplitude,
    basis,
    grid,
    limits,
    magnitude,
    measure,
    remez,
)


@pytest.mark.parametrize("taps", [1, 2, 7, 8, 31, 64])
def test_responses_agree_with_freqz(taps):
    rng = np.random.default_rng(taps)
    f = np.linspace(0, 0.5, 301)
    h = rng.normal(size=taps)
    reference = signal.freqz(h, worN=2 * np.pi * f)[1]
    np.testing.assert_allclose(magnitude(h, f), np.abs(reference), rtol=0, atol=1e-12 * taps)
    symmetric = h + h[::-1]
    reference = signal.freqz(symmetric, worN=2 * np.pi * f)[1] * np.exp(1j * np.pi * f * (taps - 1))
    np.testing.assert_allclose(reference.imag, 0, atol=1e-11)
    np.testing.assert_allclose(amplitude(symmetric, f), reference.real, rtol=0, atol=1e-11)
    matrix = basis(taps, f)
    assert matrix.shape == (301, (taps + 1) // 2)
    np.testing.assert_allclose(matrix @ symmetric[: (taps + 1) // 2], reference.real, rtol=0, atol=1e-11)


def test_basis_by_hand():
    # h = [a, b, a]: A = 2a cos(2 pi f) + b; h = [a, b, b, a]: A = 2a cos(3 pi f) + 2b cos(pi f)
    np.testing.assert_allclose(basis(3, [0, 0.25, 0.5]), [[2, 1], [0, 1], [-2, 1]], atol=1e-15)
    np.testing.assert_allclose(basis(4, [0, 1 / 3, 0.5]), [[2, 2], [-2, 1], [0, 0]], atol=1e-15)


def test_amplitude_keeps_the_sign():
    np.testing.assert_allclose(amplitude([1, 0, 1], [0, 0.25, 0.5]), [2, 0, -2], atol=1e-15)


def test_amplitude_needs_symmetry():
    with pytest.raises(ValueError, match="symmetric"):
        amplitude([1, 2, 3], [0.1])


# Measuring


def test_binomial_by_hand():
    # |H| of [1, 2, 1]/4 is cos^2(pi f), monotone: the edges decide
    low, leak = math.cos(math.pi / 8) ** 2, math.cos(3 * math.pi / 8) ** 2
    bands = (passing(0, 0.125, 0.2), stopping(0.375, 0.5, 0.1))
    found = measure([0.25, 0.5, 0.25], Mask(bands))
    assert found.gain == 1
    assert found.ripple == pytest.approx(1 - low, rel=1e-12)
    assert found.ripple_db == pytest.approx(-20 * math.log10(low), rel=1e-12)
    assert found.attenuation == pytest.approx(leak, rel=1e-12)
    assert found.attenuation_db == pytest.approx(-20 * math.log10(leak), rel=1e-12)
    assert found.violation == pytest.approx(leak / 0.1, rel=1e-12)
    assert found.error == pytest.approx(leak * 0.2 / 0.1, rel=1e-12)  # weights 1 and 2

    free = measure([0.25, 0.5, 0.25], Mask(bands, None))
    gain = (1 + low) / 2
    assert free.gain == pytest.approx(gain, rel=1e-12)
    assert free.ripple == pytest.approx(1 / gain - 1, rel=1e-12)
    assert free.attenuation == pytest.approx(leak / gain, rel=1e-12)
    assert free.error == pytest.approx(2 * leak / gain, rel=1e-12)


def test_first_band_has_weight_one_when_it_stops():
    # The same filter mirrored: |H| = sin^2(pi f), and now the stop band comes first
    low, leak = math.cos(math.pi / 8) ** 2, math.cos(3 * math.pi / 8) ** 2
    found = measure([-0.25, 0.5, -0.25], Mask((stopping(0, 0.125, 0.1), passing(0.375, 0.5, 0.2))))
    assert found.error == pytest.approx(max(leak, (1 - low) * 0.1 / 0.2), rel=1e-12)
    assert found.violation == pytest.approx(max(leak / 0.1, (1 - low) / 0.2), rel=1e-12)


@pytest.mark.parametrize("taps", [4, 8, 15, 64])
def test_moving_average_side_lobe(taps):
    def dirichlet(f):
        return abs(math.sin(taps * math.pi * f) / (taps * math.sin(math.pi * f)))

    lobe = minimize_scalar(
        lambda f: -dirichlet(f), bounds=(1 / taps, 2 / taps), method="bounded", options={"xatol": 1e-12}
    )
    mask = Mask((passing(0, 0.25 / taps, 0.5), stopping(1 / taps, 0.5, 0.5)))
    found = measure(np.full(taps, 1 / taps), mask)
    assert found.attenuation == pytest.approx(-lobe.fun, rel=1e-12)
    assert found.ripple == pytest.approx(1 - dirichlet(0.25 / taps), rel=1e-12)


@pytest.mark.parametrize(("taps", "decibels"), [(17, 50), (32, 60), (101, 80), (101, 120)])
def test_dolph_chebyshev_side_lobes(taps, decibels):
    # H(f) = T_{N-1}(x0 cos(pi f)): every side lobe is exactly as high as stated, wherever it lies
    window = signal.windows.chebwin(taps, decibels)
    x0 = math.cosh(math.acosh(10 ** (decibels / 20)) / (taps - 1))
    edge = math.acos(1 / x0) / math.pi
    found = measure(window / window.sum(), Mask((passing(0, 1e-6, 0.5), stopping(edge, 0.5, 0.5))))
    assert found.attenuation_db == pytest.approx(decibels, abs=1e-7)


@pytest.mark.parametrize("taps", [2, 3, 5, 16, 33])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("width", [1e-5, 0.004, 0.09])
def test_nothing_hides_between_the_points(taps, symmetric, width):
    rng = np.random.default_rng([taps, symmetric])
    for _ in range(3):
        h = rng.normal(size=taps)
        h = h + h[::-1] if symmetric else h
        low = rng.uniform(0, 0.2)
        high = rng.uniform(0.3, 0.4)
        bands = (passing(low, low + width, 0.5, gain=3.0), stopping(high, high + width, 0.5))
        found = measure(h, Mask(bands))
        inside = np.linspace(0, 1, int(2000 * taps * max(2 * width, 0.01)))
        ripple = np.abs(magnitude(h, low + width * inside) / 3 - 1).max()
        leak = magnitude(h, high + width * inside).max()
        for refined, brute in ((found.ripple, ripple), (found.attenuation, leak)):
            assert refined >= brute * (1 - 1e-9), (taps, symmetric, width)
            assert refined == pytest.approx(brute, rel=1e-4), (taps, symmetric, width)


@pytest.mark.parametrize("gain", [1.0, None])
def test_no_figure_of_a_designed_filter_hides_between_the_points(gain):
    mask = dataclasses.replace(LTE, gain=gain)
    h = np.round(remez(mask, 61) * 2**10) / 2**10
    found = measure(h, mask)
    f = grid(mask, 61, 2000)
    size = magnitude(h, f)
    passes = f <= mask.bands[0].stop
    G = 1.0 if gain else (size[passes].max() + size[passes].min()) / 2
    tight = {"rel": 1e-6}
    assert found.gain == pytest.approx(G, rel=1e-9)
    ratio = size / found.gain
    assert found.ripple >= np.abs(ratio[passes] - 1).max() * (1 - 1e-9)
    assert found.ripple == pytest.approx(np.abs(ratio[passes] - 1).max(), **tight)
    assert found.ripple_db == pytest.approx(np.abs(20 * np.log10(ratio[passes])).max(), **tight)
    assert found.attenuation >= ratio[~passes].max() * (1 - 1e-9)
    assert found.attenuation == pytest.approx(ratio[~passes].max(), **tight)


def test_band_gains_are_normalised_out():
    # |H| = 1.5 + 0.5 cos(2 pi f): 2 at 0, 1 at 0.5
    bands = (passing(0, 0, 0.5, gain=2.0), passing(0.5, 0.5, 0.5, gain=1.0))
    found = measure([0.25, 1.5, 0.25], Mask(bands, None))
    assert found.gain == pytest.approx(1)
    assert found.ripple == pytest.approx(0, abs=1e-15)
    found = measure([0.5, 3.0, 0.5], Mask(bands, 2.0))
    assert found.ripple == pytest.approx(0, abs=1e-15)
    assert found.error == pytest.approx(0, abs=1e-15)
    # Gains swapped: |H|/g is 2 and 1/2, so G = 5/4, ripple = 3/5 of G
    swapped = (passing(0, 0, 0.5, gain=1.0), passing(0.5, 0.5, 0.5, gain=2.0))
    found = measure([0.25, 1.5, 0.25], Mask(swapped, None))
    assert found.gain == pytest.approx(1.25)
    assert found.ripple == pytest.approx(0.6)


@pytest.mark.parametrize("side", [1, -1])
def test_decibel_limits_are_not_symmetric(side):
    mask = Mask((passing_db(0, 0.2, 1.0, gain=2.0),), 0.5)
    edge = 10 ** (side / 20)
    assert measure([edge], mask).violation == pytest.approx(1, rel=1e-12)
    assert measure([edge], mask).ripple_db == pytest.approx(1, rel=1e-12)
    assert measure([edge * (1 + side * 1e-6)], mask).violation > 1
    assert measure([edge * (1 - side * 1e-6)], mask).violation < 1


def test_figures_without_bands_of_their_kind_are_none():
    found = measure([0.25, 0.5, 0.25], Mask((stopping(0.4, 0.5, 0.1),)))
    assert found.ripple is None
    assert found.ripple_db is None
    found = measure([1.0], Mask((passing(0, 0.1, 0.1),)))
    assert found.attenuation is None
    assert found.attenuation_db is None
    assert found.violation == 0


def test_zeros():
    # |cos 2 pi f| passes through zero inside the band
    found = measure([0.5, 0, 0.5], Mask((passing(0.2, 0.3, 0.5), stopping(0.25, 0.25, 0.1))[:1]))
    assert found.ripple == pytest.approx(1, abs=1e-15)
    assert found.ripple_db > 280
    nothing = measure([0.0, 0.0], LOWPASS)
    assert (nothing.ripple, nothing.ripple_db, nothing.attenuation_db) == (1, math.inf, math.inf)
    assert measure([0.0, 0.0], dataclasses.replace(LOWPASS, gain=None)).violation == math.inf


@pytest.mark.parametrize("taps", [[], [[1.0, 2.0]], [math.nan], [1.0, math.inf]])
def test_taps_must_be_finite_numbers(taps):
    with pytest.raises(ValueError, match="finite"):
        measure(taps, LOWPASS)


# Grid and limits


def test_grid_covers_the_bands_with_their_edges():
    f = grid(LTE, 10)
    for band in LTE.bands:
        inside = f[(f >= band.start) & (f <= band.stop)]
        assert inside[0] == band.start
        assert inside[-1] == band.stop
        assert np.diff(inside).max() <= 0.5 / (16 * 10)
    assert not ((f > LTE.bands[0].stop) & (f < LTE.bands[1].start)).any()
    assert (np.diff(f) > 0).all()
    assert len(grid(LTE, 10, density=64)) > 3 * len(f)


def test_limits_by_hand():
    mask = Mask(
        (passing(0, 0.1, 0.1, gain=2.0), stopping(0.2, 0.3, 0.01), passing(0.4, 0.45, 0.2), passing(0.45, 0.5, 0.1))
    )
    lower, upper = limits(mask, [0, 0.1, 0.15, 0.2, 0.3, 0.41, 0.45, 0.5])
    np.testing.assert_allclose(lower, [1.8, 1.8, -np.inf, -0.01, -0.01, 0.8, 0.9, 0.9])
    np.testing.assert_allclose(upper, [2.2, 2.2, np.inf, 0.01, 0.01, 1.2, 1.1, 1.1])


@pytest.mark.parametrize("gain", [1.0, 0.7])
def test_a_filter_within_its_limits_meets_the_mask(gain):
    mask = dataclasses.replace(MANY, gain=gain)
    h = remez(mask, 95)
    f = grid(mask, 95)
    lower, upper = limits(mask, f)
    scaled = amplitude(h, f) / gain
    assert measure(h, mask).violation <= 1
    assert (scaled >= lower - 1e-12).all()
    assert (scaled <= upper + 1e-12).all()


# Validation


@pytest.mark.parametrize(
    ("band", "message"),
    [
        ((-0.1, 0.1, 1, 0.9, 1.1, True), "0 <= start"),
        ((0.2, 0.1, 1, 0.9, 1.1, True), "0 <= start"),
        ((0.2, 0.6, 1, 0.9, 1.1, True), "0.5"),
        ((math.nan, 0.1, 1, 0.9, 1.1, True), "0 <= start"),
        ((0, 0.1, 1, 1.1, 0.9, True), "lower < gain < upper"),
        ((0, 0.1, 1, -0.1, 2.1, True), "lower < gain < upper"),
        ((0, 0.1, 2, 0.9, 1.1, True), "lower < gain < upper"),
        ((0, 0.1, 0, 0, 0, False), "upper > 0"),
        ((0, 0.1, 1, 0, 0.1, False), "gain = 0"),
    ],
)
def test_impossible_bands(band, message):
    with pytest.raises(ValueError, match=message):
        Band(*band)


def test_edge_rounded_past_half_the_sample_rate():
    assert Band(0, 0.5 + 1e-16 * 4, 1, 0.9, 1.1, True).stop == 0.5


@pytest.mark.parametrize(
    ("bands", "gain", "message"),
    [
        ((), 1.0, "at least one band"),
        ((stopping(0, 0.1, 0.1),), None, "free gain"),
        ((passing(0, 0.1, 0.1),), 0.0, "above 0"),
        ((passing(0, 0.1, 0.1),), -1.0, "above 0"),
        ((passing(0, 0.2, 0.1), stopping(0.1, 0.5, 0.1)), 1.0, "without overlap"),
        ((passing(0.3, 0.4, 0.1), stopping(0.1, 0.2, 0.1)), 1.0, "without overlap"),
        ((passing(0, 0.2, 0.1), stopping(0.2, 0.5, 0.1)), 1.0, "touch at 0.2"),
    ],
)
def test_impossible_masks(bands, gain, message):
    with pytest.raises(ValueError, match=message):
        Mask(bands, gain)
