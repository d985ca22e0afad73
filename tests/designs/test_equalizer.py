"""Equalisers: channel and floating point from outside, the noise model against bit-true runs, the search."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

import equalizer_small
import numpy as np
import pytest
from scipy.special import erfc

from hwgen.cost.equalizer import Estimate
from hwgen.cost.resources import synthesise
from hwgen.designs.equalizer import Search
from hwgen.designs.equalizer_bench import Bench
from hwgen.designs.equalizer_float import Noise, Rule, bit_errors, course, error_power
from hwgen.designs.equalizer_judge import frozen, judge_step, judged
from hwgen.designs.equalizer_judge import thawed as thawed_family
from hwgen.designs.equalizer_noise import KINDS, NoiseModel
from hwgen.designs.equalizer_reference import SETTLED_DB, Reference, powers, reference
from hwgen.designs.equalizer_sizing import uniform
from hwgen.designs.equalizer_widths import Family
from hwgen.emit import verilog
from hwgen.finished.equalizer import thawed
from hwgen.journal import Journal
from hwgen.spec import parse

CHANNEL = ((0.2, -0.1), (0.9, 0.1), (-0.25, 0.2))
BENCH = Bench("s1.9", "s2.8", 5, 2, 2, 128, CHANNEL, 16.0, -12.0, 600, 1400, seed=3)
RULE = Rule((5,), delay=1)
TOML = equalizer_small.TOML.replace("delay = 1\n", "")


@lru_cache
def model() -> tuple[NoiseModel, Family, np.ndarray]:
    streams = BENCH.streams(0, 8)
    ran = course(BENCH, RULE, streams)
    family = Family(BENCH, RULE, (1, 2, 3, 2, 1), 1)
    fine = np.array([14] * 5 + [12] * 5 + [9] * 10 + [8, 11])
    return NoiseModel(family, ran, error_power(BENCH, ran.outputs, streams)), family, fine


@lru_cache
def small() -> Reference:
    return reference(parse(TOML, "small.toml"))


# ------------------------------------------------------------------------------------------------------- channel
def test_the_best_linear_equaliser_is_what_least_squares_finds() -> None:
    stream = replace(BENCH, training=1, judged=60_000).streams(7, 1)[0]
    x, size = stream.samples, BENCH.taps
    rows = np.stack([x[size - 1 - k : len(x) - k] for k in range(size)], axis=1)
    wanted = stream.symbols[size - 1 :]
    found, *_ = np.linalg.lstsq(rows, wanted, rcond=None)
    _, weights, error = BENCH.wiener
    assert np.abs(found - weights).max() < 0.02 * np.abs(weights).max()
    assert np.mean(np.abs(rows @ found - wanted) ** 2) == pytest.approx(error, rel=0.03)


def test_a_stream_has_the_levels_and_powers_that_were_asked_for() -> None:
    stream = replace(BENCH, judged=40_000).streams(0, 1)[0]
    words = stream.words[:2] / 512.0
    assert np.sqrt(np.mean(words**2)) == pytest.approx(10 ** (-12 / 20), rel=0.02)
    assert np.mean(np.abs(stream.symbols) ** 2) == pytest.approx(BENCH.symbol_power)
    assert stream.words[2].tolist() == [1] * 600 + [0] * 40_000
    axes = (2 * np.stack([stream.words[3] & 1, stream.words[3] >> 1]) - 1) * 0.5
    assert np.array_equal(axes[0] + 1j * axes[1], stream.symbols)
    assert not np.array_equal(stream.words, replace(BENCH, judged=40_000).streams(1, 1)[0].words)


@pytest.mark.parametrize(
    ("step", "terms", "wanted"),
    [(0.03, 1, (5,)), (0.022, 1, (6,)), (0.047, 2, (5, 6)), (0.5, 1, (1,)), (1.0, 1, (0,)), (0.04, 3, (5, 7, 10))],
)
def test_step_sizes_are_sums_of_powers_of_two(step: float, terms: int, wanted: tuple[int, ...]) -> None:
    assert powers(step, terms) == wanted


# ------------------------------------------------------------------------------------------------ floating point
@pytest.mark.parametrize("rule", [RULE, Rule((9,), "sign-error"), Rule((5, 7), delay=2, leak=8)])
def test_the_words_follow_floating_point_where_they_are_fine(rule: Rule) -> None:
    fine = replace(BENCH, output="s2.14", input="s1.12", spacing=128 << 6)
    streams = fine.streams(0, 2)
    family = Family(fine, rule, (3,) * 5, 2)
    row = np.array([18] * 5 + [16] * 5 + [12] * 10 + [12, 18])
    run = judged(fine, [family.lms(row)], streams)[0]
    assert run.power == pytest.approx(error_power(fine, course(fine, rule, streams).outputs, streams), rel=5e-3)


def test_bit_errors_are_those_of_theory() -> None:
    # Symbols in white noise alone: Q(sqrt(SNR of an axis)).
    bench = replace(BENCH, training=1, judged=200_000)
    stream = bench.streams(0, 1)[0]
    noise = np.random.default_rng(1).normal(size=(2, 200_001)) * 0.25
    wrong, bits = bit_errors(bench, (stream.symbols + noise[0] + 1j * noise[1])[None], [stream])
    assert bits == 400_000
    assert wrong / bits == pytest.approx(0.5 * erfc(2 / np.sqrt(2)), rel=0.05)


# ------------------------------------------------------------------------------------------------------- widths
def test_the_noise_model_is_near_what_the_words_do() -> None:
    noise, family, fine = model()
    coarse = {"weight": 9, "used": 4, "data": 5, "correlated": 1, "error": 2, "sum": 6}
    rows = []
    for kind, members in zip(KINDS, family.classes, strict=True):
        row = fine.copy()
        row[members] = coarse[kind]
        rows.append(row)
    base, *found = judged(BENCH, [family.lms(row) for row in [fine, *rows]], BENCH.streams(0, 8))
    for kind, row, verdict in zip(KINDS, rows, found, strict=True):
        added, wanted = verdict.power - base.power, float((noise.added(row) - noise.added(fine))[0])
        if kind in ("used", "data", "sum"):
            assert 0.4 < added / wanted < 2.5, kind
        else:  # in the update, roundings change how fast it adapts as well
            assert abs(added) < 0.1 * noise.power, kind
            assert wanted < 0.1 * noise.power, kind


def test_noise_in_place_of_rounding_leaves_what_the_model_says() -> None:
    noise, _, _ = model()
    streams = BENCH.streams(0, 8)
    before = Noise(1e-3, np.full(5, 2e-7), 0.0)
    ran = course(BENCH, RULE, streams, before)
    added = error_power(BENCH, ran.outputs, streams) - noise.power
    # 2 parts; variance s of an update of step mu leaves s / (2 mu).
    assert added == pytest.approx(2 * 1e-3 + 2 * 5 * 2e-7 / (2 * RULE.step), rel=0.15)


def test_coarse_coefficients_stall_and_are_named() -> None:
    _, family, fine = model()
    row = fine.copy()
    row[[0, 5]] = 1, 1
    found = judged(BENCH, [family.lms(fine), family.lms(row)], BENCH.streams(0, 2))
    assert found[0].stalled == ()
    assert found[1].stalled == ("tap0_re", "tap0_im")


def test_verdicts_and_families_go_through_json() -> None:
    _, family, fine = model()
    assert thawed_family(frozen(family)) == family
    power, stalled, wrong, bits = judge_step(frozen(family), [fine.tolist()], 0, 2)[0]
    direct = judged(BENCH, [family.lms(fine)], BENCH.streams(0, 2))[0]
    assert (power, tuple(stalled), wrong, bits) == (direct.power, direct.stalled, direct.wrong, direct.bits)


def test_uniform_widths_are_uniform() -> None:
    _, family, _ = model()
    wide, rows = uniform(family)
    for row in rows:
        words = {bits for name, bits in wide.widths(row).items() if "weight" in name or "used" in name}
        assert len(words) == 1
        assert {bits for name, bits in wide.widths(row).items() if "data" in name} == {min(*words, 10)}


def test_the_estimate_is_near_yosys() -> None:
    _, family, _ = model()
    row = np.array([10, 9, 8, 9, 10, 4, 4, 4, 4, 4, 5, 6, 6, 6, 5, 3, 3, 3, 3, 3, 4, 7])
    measured = synthesise(verilog(family.lms(row).component(), "dut"), "dut", "ice40").lut
    assert Estimate.of("ice40").luts(family, row)[0] == pytest.approx(measured, rel=0.1)


# ------------------------------------------------------------------------------------------------------- search
def test_a_search_meets_its_goal_with_fewer_luts_than_its_baselines() -> None:
    found = small()
    with ThreadPoolExecutor(1) as pool:
        outcomes = [Search(found, pool, Journal(None, {}), lambda what, share: None).run() for _ in range(2)]
    chosen = outcomes[0].chosen
    assert chosen.meets
    assert chosen.verdict.stalled == ()
    assert chosen.verdict.power <= found.ratio * found.held_power
    for kind in ("uniform", "common_lsb", "greedy"):
        other = outcomes[0].baselines[kind]
        assert other.meets
        assert chosen.resources.lut <= other.resources.lut
    # The verdict is that of the block itself, over the streams that were held out.
    again = judged(found.bench, [chosen.family.lms(chosen.row)], found.held)[0]
    assert again.power == chosen.verdict.power
    assert np.array_equal(outcomes[1].chosen.row, chosen.row)
    with ThreadPoolExecutor(1) as pool:
        design = Search(found, pool, Journal(None, {}), lambda what, share: None).design(chosen)
    assert thawed(design.frozen()) == design


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        ("step = 0.25", "step = 1.0\ninput_dbfs = 0", "equalizer.step", "diverges"),
        ("step = 0.25", "step = 0.02", "equalizer.training", "still improves"),
        ("step = 0.25", "step = 0.001", "equalizer.step", "the best linear one"),
        ("evm_loss_db = 0.5", "evm_percent = 2", "goal.evm_percent", "in floating point"),
        ('format = "s2.6"', 'format = "s2.2"', "goal.evm_loss_db", "leaves a loss"),
    ],
)
def test_goals_out_of_reach_are_blamed(old: str, new: str, key: str, told: str) -> None:
    text = TOML.replace(old, new)
    with pytest.raises(ValueError, match=told) as caught:
        reference(parse(text, "small.toml"))
    assert key in str(caught.value)


def test_training_may_end_a_little_early() -> None:
    late = reference(parse(TOML.replace("training = 300", "training = 25"), "small.toml"))
    assert SETTLED_DB < late.unsettled_db < 3
    assert small().unsettled_db < SETTLED_DB


def test_words_wider_than_hwgen_builds_are_never_chosen() -> None:
    made = small()
    family = replace(made.families[0], rule=replace(made.families[0].rule, leak=40))
    wide = np.array(made.finest(made.families[0]))
    wide[: family.bench.taps] += 20
    assert not family.builds(wide)
    assert family.builds(made.finest(family))
    _, rows = uniform(family)
    assert rows
    assert all(family.builds(row) for row in rows)
    [verdict] = judge_step(frozen(family), [wide.tolist()], 0, 1)
    assert verdict[0] == np.inf
