"""Receivers: ideal chain, analytic noise against the bit-true model, searches and baselines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filter_cases import filter_of
from receivers_small import TEXT, search, small
from scipy import signal

from hwgen.blocks.mixer import Mixer
from hwgen.designs.chain_filters import (
    Wanted,
    centred_gain,
    root_raised_cosine,
    rounded_to_mask,
    rounded_to_noise,
)
from hwgen.designs.receiver_bench import amplitude_of
from hwgen.designs.receiver_plan import CicPlan, MixerPlan
from hwgen.designs.receiver_reference import reference, with_goal
from hwgen.designs.receiver_widths import chain, mean_left, settled
from hwgen.fixed import Format
from hwgen.kinds.receiver import _response, _where
from hwgen.response import Band, Mask
from hwgen.spec import parse

COMPLEX = TEXT.replace('format = "s1.9"\n', 'format = "s1.9"\ncomplex = true\n')
NARROW = TEXT.replace("frequency = 1.9e6", "frequency = 1.2345e6\nresolution = 0.1").replace("s1.9", "s1.13")
DITHERED = TEXT.replace("frequency = 1.9e6", "frequency = 1.9e6\ndither = true")
DIRECT = TEXT.replace("[hardware]", "").replace("[goal]", '[hardware]\nstructure = "direct"\n[goal]')


# -------------------------------------------------------------------------------------------------------- the ideal
def test_the_ideal_chain_is_one_convolution_after_another() -> None:
    plan = small().plan
    mixer, cic, fir = plan.stages
    assert isinstance(mixer, MixerPlan)
    assert isinstance(cic, CicPlan)
    assert (mixer.modulus, mixer.step) == (80, 19)  # 1.9 / 8 = 19 / 80
    x = np.random.default_rng(1).normal(size=(1, 500))
    word = x[0] * np.exp(-2j * np.pi * (np.arange(500) * 19 + 0.5) / 80)
    box = np.ones(4) / 4
    word = np.convolve(np.convolve(np.convolve(word, box), box), box)[:500:4]
    word = signal.upfirdn(fir.taps, word, down=2)[: len(word) // 2 + len(word) % 2]
    assert np.allclose(plan.ideal(x), word)
    assert plan.decimate == 8
    # What comes behind the mixer is one filter at its rate.
    whole = np.convolve(np.convolve(np.convolve(box, box), box), np.kron(fir.taps, [1, 0, 0, 0])[:-3])
    assert np.allclose(plan.onward[0], whole)
    frequencies = np.linspace(0, 0.5, 50)
    assert np.allclose(
        plan.response(frequencies), np.exp(-2j * np.pi * np.outer(frequencies, np.arange(len(whole)))) @ whole
    )


def test_a_frequency_without_a_short_period_gets_a_power_of_two() -> None:
    mixer = small(NARROW).plan.stages[0]
    assert isinstance(mixer, MixerPlan)
    assert mixer.modulus & (mixer.modulus - 1) == 0
    assert abs(mixer.step / mixer.modulus * 8e6 - 1.2345e6) <= 0.1


def test_what_depends_on_the_time_before_the_first_sample() -> None:
    made = small()
    length = len(made.plan.onward[0])  # taps behind the mixer
    assert settled(made.plan) == -(-length // made.plan.decimate)
    gain = '[[stage]]\nblock = "mixer"\nfrequency = 1.9e6\n[[stage]]\nblock = "gain"\ngain = 0.5\n'
    text = TEXT[: TEXT.index("[[stage]]")] + gain + TEXT[TEXT.index("[goal]") :]
    assert settled(small(text).plan) == 1  # the first sample itself


# ------------------------------------------------------------------------------------------------------ the filters
def test_rounded_filters_keep_to_the_mask_behind_a_droop() -> None:
    mask = Mask((Band(0, 0.15, 1.0, 0.95, 1.05, True), Band(0.35, 0.5, 0.0, 0.0, 0.01, False)))

    def droop(f: np.ndarray) -> np.ndarray:
        return np.sinc(f) ** 3

    wanted = Wanted(mask, droop)
    found = rounded_to_mask(wanted)
    assert found is not None
    taps = found[0].floats
    f = np.linspace(0, 0.5, 4001)
    amplitude = (
        np.abs(np.exp(-2j * np.pi * np.outer(f, np.arange(len(taps)))) @ taps) * droop(f) / centred_gain(wanted, taps)
    )
    assert np.abs(amplitude[f <= 0.15] - 1).max() <= 0.05 * 1.001
    assert amplitude[f >= 0.35].max() <= 0.01 * 1.001


def test_a_matched_filter_has_no_intersymbol_interference_with_its_pulse() -> None:
    taps = root_raised_cosine(0.25, 4, 10)
    pulse = np.convolve(taps, taps)
    centre = len(pulse) // 2
    others = np.delete(pulse[centre % 4 :: 4], centre // 4)
    assert np.abs(others).max() / pulse[centre] < 3e-3
    whole = rounded_to_noise(taps, 50.0).floats
    scale = whole @ taps / (taps @ taps)
    assert 10 * np.log10(np.sum(whole**2) / np.sum((whole - scale * taps) ** 2)) >= 50


# -------------------------------------------------------------------------------------------------------- the noise
@pytest.mark.parametrize(
    ("text", "goal"),
    [*((text, goal) for text in (TEXT, COMPLEX, NARROW, DIRECT) for goal in (42.0, 48.0)), (DITHERED, 42.0)],
    ids=[*(f"{n}, {g}" for n in ("real", "complex", "binary", "direct") for g in (42, 48)), "dithered"],
)
def test_the_analytic_noise_is_what_the_model_measures(text: str, goal: float) -> None:
    known = small(text)
    work = search(with_goal(known, goal))
    for entry in work.best(work.allocated("greedy", "search"))[:1]:
        assert entry.meets
        # Few bits cut from words of few bits are no white noise: all cases but one lie within 0.5 dB.
        assert entry.analytic_db == pytest.approx(entry.measured.sqnr_db, abs=0.75)


def test_the_analytic_noise_of_the_baselines_holds_too() -> None:
    work = search(small())
    for stages in (work.one_width(16), work.hogenauer(14), work.hogenauer(16)):
        entry = work.tried("", "", stages)
        assert entry.analytic_db == pytest.approx(entry.measured.sqnr_db, abs=0.5)


def test_no_word_of_the_uniform_chain_is_wider_than_asked() -> None:
    made = chain(search(small()).one_width(14))
    mixer, cic, fir = made.stages
    assert max(cic.widths) == 14
    assert mixer.output.width <= 14
    assert mixer.nco.bits == 13
    assert max(fir.words.widths) <= 14


# ------------------------------------------------------------------------------------------------------- the search
def test_the_search_is_smaller_than_every_baseline_and_repeats() -> None:
    entries = []
    for _ in range(2):
        work = search(small())
        entries.append(work.best(work.allocated("gc-pso", "search"))[0])
    assert entries[0].bits == entries[1].bits
    work = search(small())
    uniform, hogenauer = work.uniform(), work.narrowest_hogenauer()
    assert uniform is not None
    assert hogenauer is not None
    assert entries[0].meets
    assert uniform.meets
    assert hogenauer.meets
    assert entries[0].luts < 0.75 * min(uniform.luts, hogenauer.luts)


def test_dither_takes_fewer_bits_of_the_phase_where_spurs_matter() -> None:
    asked = DITHERED.replace("sqnr_db = 40", "sqnr_db = 30\nsfdr_db = 60")
    plain = asked.replace("dither = true", "resolution = 0.01").replace("1.9e6", "1.2345e6")
    found = []
    for text in (asked, plain):
        entry = (work := search(small(text))).best(work.allocated("greedy", "search"))[0]
        assert entry.measured.sfdr_db is not None
        assert entry.measured.sfdr_db >= 60
        first = entry.chain.stages[0]
        assert isinstance(first, Mixer)
        found.append(first.nco)
    assert found[0].random_bits
    assert found[0].addresses < found[1].addresses


def test_spurs_bound_the_oscillator() -> None:
    known = small(TEXT.replace("sqnr_db = 40", "sqnr_db = 30\nsfdr_db = 75").replace("1.9e6", "1.2345e6"))
    work = search(known)
    entry = work.best(work.allocated("greedy", "search"))[0]
    assert entry.meets
    assert entry.measured.sfdr_db is not None
    assert entry.measured.sfdr_db >= 75


def test_a_spurious_free_range_alone_bounds_all_errors_together() -> None:
    known = small(TEXT.replace("sqnr_db = 40", "sfdr_db = 45").replace("1.9e6", "1.2345e6"))
    assert (known.goal.sqnr_db, known.goal.sfdr_db) == (45, 45)
    work = search(known)
    entry = work.best(work.allocated("gc-pso", "search"))[0]
    assert entry.meets
    y = work.bench.outputs(entry.chain)
    scale = amplitude_of(entry.chain)
    spurs = np.abs(np.fft.fft((y - scale * work.bench.exact) * np.hanning(len(y)))) ** 2
    # No line of the error reaches -45 dB of the signal's power, each being a part of all of it.
    assert spurs.max() < 10**-4.5 * np.sum(np.abs(np.fft.fft(scale * work.bench.exact * np.hanning(len(y)))) ** 2)


def test_an_evm_is_met_against_the_taps_before_rounding() -> None:
    text = TEXT.replace("sqnr_db = 40", "evm_percent = 2.0")
    known = small(text)
    work = search(known)
    entry = work.best(work.allocated("greedy", "search"))[0]
    assert entry.meets
    assert entry.measured.evm_percent <= 2.0


def test_a_goal_beyond_the_output_format_is_refused() -> None:
    with pytest.raises(ValueError, match="output format"):
        small(TEXT.replace("sqnr_db = 40", "sqnr_db = 90"))
    assert parse(TEXT, "rx.toml").stage[1].order == 3


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
def test_an_output_format_that_overflows_is_refused(overflow: str) -> None:
    peak = np.abs(np.stack([small().bench.exact.real, small().bench.exact.imag])).max()
    bits = int(np.floor(np.log2(peak))) + 1  # integer bits, without the sign, that it needs
    for integer, enough in ((bits, False), (bits + 1, True)):
        text = TEXT.replace('"s1.11"', f'"s{integer}.14"\noverflow = "{overflow}"')
        if enough:
            assert small(text).goal.sqnr_db == 40
        else:
            with pytest.raises(ValueError, match="overflows: outputs reach"):
                small(text)


def test_what_stages_err_by_adds_up_to_what_the_chain_does() -> None:
    work = search(small())
    entry = work.tried("14 bits", "", work.one_width(14))
    bench, stages = work.bench, entry.chain.stages
    amplitude = amplitude_of(entry.chain)
    assert amplitude < 1
    off = bench.outputs(entry.chain) - amplitude * bench.exact
    shares = bench.shares(stages)
    assert len(shares) == len(stages)
    assert sum(shares) == pytest.approx(float(np.var(off)), rel=0.1)
    for share, made in zip(shares, entry.stages, strict=True):
        assert share == pytest.approx(made.power, rel=0.3)
    assert bench.mean_power(entry.chain) + float(np.var(off)) == pytest.approx(float(np.mean(np.abs(off) ** 2)))
    moved = replace(stages[-1], offset=stages[-1].offset + 16 * entry.chain.output.lsb)
    shifted = bench.mean_power(replace(entry.chain, stages=(*stages[:-1], moved)))
    assert shifted == pytest.approx(2 * (16 * entry.chain.output.lsb) ** 2, rel=0.2)  # both parts
    # Nothing but the last stage's rounding where the others are as wide as can be.
    wide = work.tried("40 bits", "", work.one_width(40))
    *others, last = bench.shares(wide.chain.stages)
    assert max(others) < last / 10


def test_an_oscillator_of_few_bits_is_weaker_and_the_analysis_knows() -> None:
    work = search(with_goal(small(), 12.0))
    bits = [v.low if v.name == "mixer.wave" else v.high for v in work.widths.variables]
    entry = work.tried("few bits", "", work.widths.made(bits))
    assert amplitude_of(entry.chain) < 10 ** (-0.6 / 20)
    assert entry.analytic_db == pytest.approx(entry.measured.sqnr_db, abs=0.3)


def test_mean_that_rounding_half_up_leaves_is_foretold() -> None:
    # A sum of one bit more than its output is a quarter of the output's LSB too high.
    quarter = filter_of((1, 1), (), input=Format(1, 6), output=Format(3, 5), fraction=0)
    x = np.random.default_rng(4).integers(-64, 64, 40_000)
    error = quarter.model(x)[1:] * quarter.output.lsb - np.convolve(x, [1, 1])[1 : len(x)] * 2.0**-6
    assert quarter.off_centre() == 2.0**-7
    assert np.mean(error) == pytest.approx(2.0**-7, rel=0.05)
    work = search(small())
    for width in (13, 14):
        made = work.tried("", "", work.one_width(width)).chain
        assert mean_left(made, work.plan) == pytest.approx(work.bench.mean_power(made), rel=0.1)


def test_report_says_where_analysis_and_measurement_differ() -> None:
    parts = [
        {"name": "mixer", "noise_power": 1.0, "measured_power": 1.0},
        {"name": "fir", "noise_power": 1.0, "measured_power": 2.0},
        {"name": "mean error", "noise_power": 0.1, "measured_power": 0.9},
    ]
    assert "is the fir: 0.0 dB by analysis and 3.0 dB measured" in _where(parts)
    parts[-1]["measured_power"] = 1.2
    assert "is the mean error: -10.0 dB by analysis and 0.8 dB measured" in _where(parts)


def test_response_in_the_report_is_as_the_mask_is_judged() -> None:
    text = (Path(__file__).parents[2] / "examples/gsm_ddc.toml").read_text()
    known = reference(parse(text, "gsm_ddc.toml"))
    assert known.response is not None
    assert 0.5 < known.response.violation <= 1  # ripples by more than its lower limit below their top
    drawn = _response(known)
    shown, level = np.array(drawn["frequency_hz"]), np.array(drawn["magnitude_db"])
    for band in drawn["mask"]:
        inside = level[(shown >= band["start"]) & (shown <= band["stop"])]
        assert inside.max(initial=-np.inf) <= band["upper_db"]
        assert band["lower_db"] is None or inside.min() >= band["lower_db"]
