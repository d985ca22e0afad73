"""What weights for ADC words do, against the receiver's own model and against samples."""

import numpy as np
import pytest
from uplinks import BITS, CHANNEL, LINK

from hwgen.designs.monte_carlo import adc_words, antennas
from hwgen.designs.uplink import Uplink, mse, rms_percent
from hwgen.problems.adc import DETECTORS, AdcReceiver


@pytest.mark.parametrize("method", DETECTORS)
def test_errors_are_those_of_the_adc_problem(method: str) -> None:
    link = Uplink(CHANNEL, BITS, method)
    wanted = AdcReceiver(CHANNEL, detector=method).user_mse(np.array([BITS]))[0]
    assert mse(link.ideal) == pytest.approx(wanted, rel=1e-9)
    gain, _ = link.power(link.weights)
    assert gain == pytest.approx(np.ones(2), abs=1e-12)


def test_words_have_the_model_s_moments() -> None:
    rng = np.random.default_rng(1)
    sent = (rng.normal(size=(2, 400_000)) + 1j * rng.normal(size=(2, 400_000))) / np.sqrt(2)
    n = adc_words(LINK, antennas(CHANNEL, sent, rng)) + 0.5
    y = n[0::2] + 1j * n[1::2]
    power = (np.abs(y) ** 2).mean(axis=1)
    assert power == pytest.approx(LINK.covariance.diagonal().real, rel=0.01)
    assert y @ sent.conj().T / 400_000 == pytest.approx(LINK.signature, abs=0.02)


def test_lmmse_weights_are_best() -> None:
    best, rng = LINK.ideal, np.random.default_rng(2)
    for _ in range(20):
        other = LINK.weights + 0.01 * rng.normal(size=LINK.weights.shape)
        assert (LINK.evm(other) >= best).all()


def test_noise_at_the_output_counts_once() -> None:
    assert LINK.evm(LINK.weights, 0.01) == pytest.approx(LINK.ideal + 0.01)
    assert rms_percent(np.array([0.01, 0.03])) == pytest.approx(100 * np.sqrt(0.02))


def test_a_user_that_no_antenna_hears_is_lost() -> None:
    h = CHANNEL.copy()
    h[np.array(BITS) > 0, 1] = 0
    for method in DETECTORS:
        found = Uplink(h, BITS, method).ideal
        assert np.isinf(found[1])
        assert mse(found)[1] == 1
        assert found[0] < 1


def test_wrong_links_are_refused() -> None:
    with pytest.raises(ValueError, match="method must be one of"):
        Uplink(CHANNEL, BITS, "ml")
    for bits in ((1,), (0,) * 8):
        with pytest.raises(ValueError, match="every antenna needs"):
            Uplink(CHANNEL, bits)
