"""Counting errors, against closed forms of the AWGN channel and a published interval."""

import numpy as np
import pytest
from scipy.special import ndtr
from uplinks import BITS, CHANNEL, LINK

from hwgen.blocks.combiner import Combiner, pairs
from hwgen.designs.detector_weights import Weights, unpaired
from hwgen.designs.monte_carlo import (
    counted,
    difference,
    exact,
    mean_square,
    measured,
    received,
    sliced,
    symbols,
    unquantised,
    wilson,
)
from hwgen.designs.uplink import Uplink, rms_percent
from hwgen.fixed import Format
from hwgen.problems.channels import rayleigh


@pytest.mark.parametrize("constellation", ["qpsk", "16qam"])
def test_a_single_antenna_is_the_awgn_channel(constellation: str) -> None:
    snr = 10.0 if constellation == "qpsk" else 40.0
    h = np.array([[np.sqrt(snr)]], dtype=complex)
    tried = {"it": unquantised(h, "mrc")}
    found = measured(h, tried, constellation, 200_000, np.random.default_rng(1))["it"]
    # Proakis, Digital Communications: Q(sqrt(SNR)) for a part of QPSK; Gray-coded 16-QAM by its three distances.
    q = [1 - ndtr(k * np.sqrt(snr / 5)) for k in (1, 3, 5)]
    wanted = 1 - ndtr(np.sqrt(snr)) if constellation == "qpsk" else 0.75 * q[0] + 0.5 * q[1] - 0.25 * q[2]
    for figure, value in (
        (found.ber, wanted), (found.evm_percent, 100 / np.sqrt(snr)), (found.mse, 1 / (1 + snr)),
        (found.rate, np.log2(1 + snr)),
    ):  # fmt: skip
        middle, low, high = figure
        wide = 1.6 * (high - low)
        assert low <= middle <= high
        assert abs(middle - value) < wide < 0.5 * value


def test_symbols_have_unit_power_and_are_sliced_back() -> None:
    for constellation, count in (("qpsk", 4), ("16qam", 16)):
        values, parts = symbols(constellation, (3, 20_000), np.random.default_rng(0))
        assert len(np.unique(values)) == count
        assert np.mean(np.abs(values) ** 2) == pytest.approx(1, rel=0.01)
        assert (sliced(values * 1.05 + 0.05, constellation) == parts).all()


def test_wilson_s_interval() -> None:
    # Brown, Cai and DasGupta, Statistical Science 16 (2001): 0 of 10 and 5 of 10.
    assert wilson(0, 10) == pytest.approx((0, 0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)


def test_the_model_foretells_what_is_measured() -> None:
    found = measured(CHANNEL, {"it": exact(LINK)}, "16qam", 40_000, np.random.default_rng(3))["it"]
    assert found.evm_percent[0] == pytest.approx(rms_percent(LINK.ideal), rel=0.06)  # 0.5 dB


def test_a_fine_combiner_is_as_good_as_exact_weights() -> None:
    weights = Weights(LINK, 12)
    values = weights.rounded(np.zeros((2, len(LINK.active)), dtype=np.int64))
    combiner = Combiner(pairs(unpaired(values, LINK.active, 8)), 12, BITS, (Format(3, 10),) * 2)
    both = {"exact": exact(LINK), "built": received(combiner, LINK)}
    found = measured(CHANNEL, both, "16qam", 4_000, np.random.default_rng(3))
    assert found["built"].evm_percent[0] == pytest.approx(found["exact"].evm_percent[0], rel=1e-3)


def test_a_difference_shows_where_intervals_overlap() -> None:
    h = rayleigh(8, 2, 0.0, np.random.default_rng(1))
    links = {name: exact(Uplink(h, bits)) for name, bits in {"one": (4,) * 8, "other": (4,) * 7 + (3,)}.items()}
    sums = counted(h, links, "qpsk", 4000, np.random.default_rng(2))
    here, low, high = difference(sums["one"], sums["other"])
    figures = measured(h, links, "qpsk", 4000, np.random.default_rng(2))
    assert mean_square(sums["one"]) == pytest.approx(figures["one"].mse[0])
    assert here == pytest.approx(figures["other"].mse[0] - figures["one"].mse[0])
    assert 0 < low < here < high
    assert figures["one"].mse[2] > figures["other"].mse[1]  # alone, each leaves it open
    assert difference(sums["one"], sums["one"]) == (0, 0, 0)
    assert difference(sums["other"], sums["one"])[2] < 0
