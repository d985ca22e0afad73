"""Weights, widths and cuts of a combiner: what each step promises."""

import numpy as np
import pytest
from uplinks import CHANNEL, LINK

from hwgen.cost.estimate import Estimate
from hwgen.designs.detector_sizing import Sizing, noise
from hwgen.designs.detector_weights import Weights, price, unpaired
from hwgen.designs.detector_widths import Widths
from hwgen.designs.monte_carlo import measured, received
from hwgen.designs.uplink import rms_percent
from hwgen.fixed import Format

LIMIT = float(LINK.ideal.mean()) * 1.2
SIZING = Sizing(LINK, Format(2, 6), Estimate.of("ice40"), LIMIT)
WEIGHTS = SIZING.weights


def lsbs(value: int) -> np.ndarray:
    return np.full((2, len(LINK.active)), value)


def error(values: np.ndarray, weights: Weights = WEIGHTS) -> float:
    e = values - weights.exact
    return float(np.einsum("ki,kij,kj->", e, weights.metric, e))


def test_the_metric_is_what_small_errors_add() -> None:
    weights = Weights(LINK, 14)
    values = np.floor(weights.exact).astype(np.int64)
    values += np.random.default_rng(6).choice([-30, 30], values.shape)
    added = weights.evm(values) / LINK.ideal - 1
    e = values - weights.exact
    # The metric keeps gains near 1, which EVM does not ask for.
    gain, _ = LINK.power((values[:, 0::2] + 1j * values[:, 1::2]).T * 2.0**-14)
    wanted = np.einsum("ki,kij,kj->k", e, weights.metric, e) - 2 * np.abs(gain - 1) ** 2
    assert added == pytest.approx(wanted, rel=0.05)


def test_successive_rounding_beats_rounding() -> None:
    for lsb in (2, 3, 4):
        values = WEIGHTS.rounded(lsbs(lsb))
        assert (values % 2**lsb == 0).all()
        plain = np.floor(WEIGHTS.exact / 2**lsb + 0.5).astype(np.int64) * 2**lsb
        assert error(values) < error(plain)


def test_trading_lowers_what_it_minimises() -> None:
    start, widths = WEIGHTS.rounded(lsbs(2)), np.repeat(np.array(LINK.bits)[LINK.active], 2)
    free = WEIGHTS.traded(start, lsbs(2), 0.0)
    assert error(free) <= error(start)
    bits = [float(price(WEIGHTS.traded(start, lsbs(2), t), widths).sum()) for t in (0.0, 3e-4, 3e-3, 3e-2)]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < bits[0] / 2


def test_allocated_lsbs_meet_their_share() -> None:
    found = SIZING.allocated(np.random.default_rng(0), 300, "gc-pso")
    assert found is not None
    allocated, allocation = found
    assert allocation.feasible
    assert error(WEIGHTS.rounded(allocated)) / 2 < SIZING.slack
    assert len(np.unique(allocated)) > 1


def test_widths_count_as_their_docstring_says() -> None:
    widths = Widths(WEIGHTS, 4, 4)
    bits = np.zeros((1, 8), dtype=np.int64)
    finer = bits.copy()
    finer[0, 0] = 1
    assert (widths.lsbs(bits) == 4).all()
    assert (widths.lsbs(finer)[0, :, 0] == 3).all()
    assert widths.error(finer) < widths.error(bits)
    assert widths.error(bits)[0] == pytest.approx(np.einsum("kii->", WEIGHTS.metric) * 4.0**4 / 12 / 2)


def test_candidates_meet_the_limit_and_the_model_is_near_what_is_measured() -> None:
    found = SIZING.traded("it", "detector", [*SIZING.recipes(), *SIZING.recipes()[1].cut()])
    plain = SIZING.plain("one LSB", "uniform")
    assert plain is not None
    assert found[0].estimate < plain.estimate
    assert any(any(made.combiner.cuts) for made in found)
    for made in (found[0], found[-1], plain):
        assert made.evm_percent <= rms_percent(np.array([LIMIT])) * 1.01
        receive = {"it": received(made.combiner, LINK)}
        figures = measured(CHANNEL, receive, "16qam", 40_000, np.random.default_rng(4))["it"]
        assert figures.evm_percent[0] == pytest.approx(made.evm_percent, rel=0.06)  # 0.5 dB


def test_cuts_add_the_noise_they_are_said_to() -> None:
    recipe = SIZING.recipes()[0].cut()[-1]
    (made,) = SIZING.traded("it", "detector", [recipe])
    c = made.combiner
    words = c.packed(np.random.default_rng(1).integers(*np.array(c.spans).T[..., None], (len(c.spans), 50_000)))
    exact = (c.matrix @ (c.unpacked(words) + 0.5)) * 2.0**-c.fraction
    lost = c.model(words) * c.outputs[0].lsb - exact
    inside = np.abs(exact) < 1.9
    power = [2 * lost[[2 * k, 2 * k + 1]][inside[[2 * k, 2 * k + 1]]].var() for k in range(2)]
    assert power == pytest.approx(noise(c), rel=0.2)
    assert np.abs([lost[r][inside[r]].mean() for r in range(4)]).max() < 0.1 * c.outputs[0].lsb


def test_off_antennas_have_no_weights() -> None:
    values = unpaired(WEIGHTS.rounded(lsbs(0)), LINK.active, 8)
    assert not values[:, [2, 6]].any()
    assert values[:, LINK.active].any()
