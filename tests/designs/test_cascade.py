"""Cascades: exact products, limits folded by a spread, values that meet the mask, and masks where nothing is gained."""

from fractions import Fraction

import numpy as np
import pytest
from scipy import signal

from hwgen.designs import cascade
from hwgen.designs.cascade import Factors, factored
from hwgen.designs.factors import Limits, Placing, aliases, folded, place, remaining, response, tightest
from hwgen.designs.values import Coefficients
from hwgen.response import Band, Mask, amplitude, measure, remez


def passing(start, stop, ripple, gain=1.0):
    return Band(start, stop, gain, gain * (1 - ripple), gain * (1 + ripple), True)


def stopping(start, stop, most):
    return Band(start, stop, 0.0, 0.0, most, False)


LOWPASS = Mask((passing(0, 0.05, 0.02), stopping(0.08, 0.5, 0.02)), None)
HIGHPASS = Mask((stopping(0, 0.42, 0.02), passing(0.45, 0.5, 0.02)), None)
FIXED = Mask((passing(0, 0.05, 0.02), stopping(0.08, 0.5, 0.02)), 0.75)
# Images of a spread of 4 fall on 0.25: the low one is to be suppressed.
BANDPASS = Mask((stopping(0, 0.2, 0.02), passing(0.23, 0.27, 0.02), stopping(0.3, 0.5, 0.02)), None)


@pytest.fixture(scope="module", autouse=True)
def few_spreads():
    """Larger spreads take seconds of integer programming and test nothing new."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cascade, "_SPREADS", range(2, 5))
        yield


@pytest.fixture(scope="module")
def lowpass(few_spreads):
    return factored(LOWPASS, 60, effort=8)


# ----------------------------------------------------------------- products
def test_a_hand_worked_product():
    # (1 + 2 z^-1 + z^-2) / 4 times (3 - z^-3) / 2 = (3 + 6 z^-1 + 3 z^-2 - z^-3 - 2 z^-4 - z^-5) / 8
    both = Factors(((Coefficients((1, 2, 1), 2), 1), (Coefficients((3, -1), 1), 3)))
    assert both.product == Coefficients((3, 6, 3, -1, -2, -1), 3)
    assert both.part_adders == ((0, 2), (1, 1))
    assert both.adders == 4
    assert both.delays == 2 + 3


@pytest.mark.parametrize("seed", range(5))
def test_the_product_is_that_of_numpy_polynomials(seed):
    rng = np.random.default_rng(seed)
    parts, expected, fraction = [], np.array([1], dtype=object), 0
    for _ in range(4):
        values, spread = rng.integers(-1000, 1000, rng.integers(1, 9)), int(rng.integers(1, 6))
        values[0] = 1
        stretched = np.zeros((len(values) - 1) * spread + 1, dtype=object)
        stretched[::spread] = [int(v) for v in values]
        expected, fraction = np.polymul(expected, stretched), fraction + spread
        parts.append((Coefficients(tuple(int(v) for v in values), spread), spread))
    assert Factors(tuple(parts)).product == Coefficients(tuple(expected), fraction), f"seed {seed}"


def test_products_beyond_64_bits_are_exact():
    big = Coefficients(((1 << 40) + 1, (1 << 40) - 1), 30)
    product = Factors(((big, 1), (big, 1))).product
    wanted = [Fraction(v, 1 << 30) for v in big.values]
    assert [Fraction(v, 1 << product.fraction) for v in product.values] == [
        wanted[0] ** 2,
        2 * wanted[0] * wanted[1],
        wanted[1] ** 2,
    ]


@pytest.mark.parametrize("parts", [(), ((Coefficients((1, 1), 1), 0),), ((Coefficients((0, 0), 1), 1),)])
def test_empty_zero_and_unspread_factors_are_refused(parts):
    with pytest.raises(ValueError, match=r"cascade needs|factor needs"):
        Factors(parts)


# ----------------------------------------------------------------- one factor beside others
def test_the_response_of_a_cascade_is_that_of_its_product():
    parts = ((Coefficients((1, 1), 1), 2), (Coefficients((1, -3, 1), 2), 1), (Coefficients((2, 5, 5, 2), 3), 4))
    f = np.linspace(0, 0.5, 101)
    _, h = signal.freqz(Factors(parts).product.floats, worN=f, fs=1)
    np.testing.assert_allclose(np.abs(response(parts, f)), np.abs(h), atol=1e-12)


@pytest.mark.parametrize("spread", [1, 2, 3, 5])
@pytest.mark.parametrize("taps", [(3, 5, 3), (3, 4, 4, 3)])
def test_a_stretched_factor_repeats_at_its_aliases(spread, taps):
    own = np.linspace(0, 0.5, 11)
    found = aliases(own, spread)
    assert len(found) == spread
    for points, n in found:
        assert points.min() >= 0
        assert points.max() <= 0.5 + 1e-15
        sign = (-1) ** n if len(taps) % 2 == 0 else 1
        stretched = response(((Coefficients(taps, 0), spread),), points)
        np.testing.assert_allclose(stretched, sign * amplitude(taps, own), atol=1e-12)


def test_limits_are_the_tightest_of_all_aliases():
    # Spread 2, beside 1 + z^-1 with amplitude 2 cos(pi f): own frequency 0 is f = 0 (pass) and f = 0.5, where that is
    # zero; own 0.5 is f = 0.25 alone, amplitude sqrt(2).
    mask = Mask((passing(0, 0.05, 0.1), stopping(0.2, 0.5, 0.01)))
    asked = remaining(mask, ((Coefficients((1, 1), 0), 1),), 2, 5)
    assert asked.frequencies[0] == 0
    assert asked.frequencies[-1] == 0.5
    np.testing.assert_allclose([asked.low[0], asked.high[0]], [0.45, 0.55], rtol=1e-12)
    np.testing.assert_allclose([asked.low[-1], asked.high[-1]], [-0.01 / 2**0.5, 0.01 / 2**0.5], rtol=1e-12)
    # Pass-band edge 0.05 is own 0.1, whose alias 0.45 is stopped: not suppressed by cos(0.45 pi) / cos(0.05 pi) < 0.01.
    assert asked.empty
    assert tightest(asked)[0] == np.inf


def test_a_single_factor_alone_is_the_minimax_filter():
    mask = Mask((passing(0, 0.1, 0.01), stopping(0.2, 0.5, 0.01)))
    least, taps = tightest(remaining(mask, (), 1, 21, 24))
    np.testing.assert_allclose(taps, remez(mask, 21)[:11], atol=1e-4)
    assert least == pytest.approx(measure(remez(mask, 21), mask).violation, rel=1e-2)


def test_edges_of_the_mask_are_among_the_folded_frequencies():
    points = folded(LOWPASS, 3, 11)
    for edge in (0.05, 0.08, 0.5):
        assert np.abs(points - min(3 * edge % 1, 1 - 3 * edge % 1)).min() < 1e-12


def test_placed_values_keep_to_their_limits():
    mask = Mask((passing(0, 0.1, 0.02), stopping(0.2, 0.5, 0.02)))
    coarse, fine = remaining(mask, (), 1, 21), remaining(mask, (), 1, 21, 24)
    for outwards in (True, False):
        found = place(coarse, fine, tightest(coarse)[0], Placing(9, 0.5, outwards))
        assert found is not None
        assert found.symmetric
        assert measure(found.floats, mask).violation <= 1


def test_no_values_are_placed_against_contradicting_limits():
    asked = Limits(5, np.array([0.0, 0.5]), np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    assert asked.empty
    assert asked.scaled(2.0).high.tolist() == [4, 4]
    assert place(asked, asked, 0.5, Placing(4)) is None


# ----------------------------------------------------------------- whole cascades
def check(found, mask):
    assert found
    assert [answer.adders for answer in found] == sorted(answer.adders for answer in found)
    for answer in found:
        assert all(coefficients.symmetric for coefficients, _ in answer.parts)
        assert max(spread for _, spread in answer.parts) > 1
        assert measure(answer.product.floats, mask).violation <= 1


def test_a_narrow_lowpass_takes_far_fewer_adders_than_taps(lowpass):
    check(lowpass, LOWPASS)
    assert lowpass[0].adders < 40  # the shortest single filter has about 55 structural adders alone


def test_the_mask_would_notice_one_wrong_value(lowpass):
    coefficients, spread = lowpass[0].parts[-1]
    values = list(coefficients.values)
    middle = len(values) // 2
    values[middle] = values[middle] * 5 // 4
    broken = Factors((*lowpass[0].parts[:-1], (Coefficients(tuple(values), coefficients.fraction), spread)))
    assert measure(broken.product.floats, LOWPASS).violation > 1


def test_a_highpass_is_met_and_its_mirror_image_is_the_lowpass():
    found = factored(HIGHPASS, 60, effort=4)
    check(found, HIGHPASS)
    product = found[0].product
    mirror = [v * (-1) ** k for k, v in enumerate(product.values)]
    assert measure(mirror, LOWPASS).violation <= 1
    assert measure(mirror, HIGHPASS).violation > 1


def test_a_bandpass_uses_images_where_they_fall_right():
    check(factored(BANDPASS, 70, effort=4), BANDPASS)


def test_a_fixed_gain_is_met():
    check(factored(FIXED, 60, effort=8), FIXED)


def test_same_effort_same_answer(lowpass):
    assert factored(LOWPASS, 60, effort=8) == lowpass


def test_a_half_band_filter_gains_nothing():
    mask = Mask((passing(0, 0.2, 0.01), stopping(0.3, 0.5, 0.01)), None)
    single = 19
    found = factored(mask, single, effort=4)
    assert not found or found[0].adders >= single


def test_images_of_the_pass_band_are_suppressed_by_what_is_chosen():
    others = cascade._suppressors(LOWPASS, 3, 0.4, 100.0)
    f = np.linspace(0, 0.05, 51)  # images of these: 1/3 - f and 1/3 + f
    for images in (1 / 3 - f, 1 / 3 + f):
        assert (np.abs(response(others, images) / response(others, f)) <= 0.02).all()
    assert cascade._suppressors(LOWPASS, 3, 0.4, 0.5) is None


def test_a_filter_that_is_short_already_is_not_factored():
    assert factored(LOWPASS, 2) == []


@pytest.mark.parametrize(("taps", "effort"), [(0, 1), (10, 0)])
def test_a_length_and_an_effort_below_1_are_refused(taps, effort):
    with pytest.raises(ValueError, match="at least 1"):
        factored(LOWPASS, taps, effort)
