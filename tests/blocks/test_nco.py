"""Oscillator: words against exact angles, predicted spurs against a transform of everything, the Verilog bit by bit."""

from dataclasses import replace
from math import gcd

import numpy as np
import pytest

from hwgen.blocks.nco import Nco
from hwgen.check.script import script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Port, Top
from hwgen.emit import verilog


def test_words_of_sixteen_phases_by_hand() -> None:
    # 7.5 sin(k pi/8 + pi/16) = 1.46, 4.17, 6.24, 7.36
    nco = Nco(16, 1, 0, 3)
    assert nco.table.tolist() == [1, 4, 6, 7]
    cosine, sine = nco.words(nco.phases(16))
    assert sine.tolist() == [1, 4, 6, 7, 7, 6, 4, 1, -1, -4, -6, -7, -7, -6, -4, -1]
    assert cosine.tolist() == [7, 6, 4, 1, -1, -4, -6, -7, -7, -6, -4, -1, 1, 4, 6, 7]


@pytest.mark.parametrize(("modulus", "step", "dropped"), [(160, 41, 0), (1 << 12, 1001, 4), (260, 54, 0), (4, 1, 0)])
def test_words_are_the_ideal_ones_to_half_a_step_and_the_phase(modulus: int, step: int, dropped: int) -> None:
    nco = Nco(modulus, step, dropped, 10)
    phases = nco.phases(1000)
    assert phases.tolist() == [n * step % modulus for n in range(1000)]
    cosine, sine = np.ldexp(nco.words(phases).astype(float), -10)
    off = np.abs(cosine + 1j * sine - nco.ideal(phases))
    assert off.max() <= 2**-10.4 + np.pi * ((1 << dropped) - 1) / modulus


@pytest.mark.parametrize("step", [1, 1001, 6, 40, 64, 4095, 2048 + 512])
@pytest.mark.parametrize(("dropped", "bits"), [(0, 6), (3, 8), (6, 5)])
def test_spurs_are_those_of_the_whole_sequence(step: int, dropped: int, bits: int) -> None:
    nco = Nco(1 << 12, step, dropped, bits)
    period = nco.modulus // gcd(step, nco.modulus)
    cosine, sine = np.ldexp(nco.words(nco.phases(period)).astype(float), -bits)
    power = np.abs(np.fft.fft(cosine + 1j * sine) / period) ** 2
    carrier = (step // gcd(step, nco.modulus)) % period
    found, lines = nco.spurs()
    assert found[0] % 1 == pytest.approx(carrier / period)
    assert lines[0] == pytest.approx(power[carrier])
    assert np.allclose(power[np.round(found * period).astype(int) % period], lines, atol=1e-15)
    rest = np.delete(power, carrier)
    if rest.max() > 1e-20:
        assert nco.sfdr_db() == pytest.approx(10 * np.log10(power[carrier] / rest.max()), abs=1e-6)


def test_a_long_accumulator_has_the_spurs_that_phase_truncation_is_known_for() -> None:
    # The word of A = 2**a phases, held for many steps: the image at 1 - A turns lies 20 log10(A - 1), 6.02 a dB, below
    # (Nicholas and Samueli 1987).
    for address in (6, 8, 10):
        predicted = Nco(1 << 32, 0x12345679, 32 - address, 20).sfdr_db()
        assert predicted == pytest.approx(20 * np.log10(2**address - 1), abs=0.01)


@pytest.mark.parametrize(("bits", "dropped", "step"), [(7, 8, 12345), (9, 6, 4321), (5, 4, 40)])
def test_the_spurs_of_the_verilog_are_the_predicted_ones(bits: int, dropped: int, step: int) -> None:
    nco = Nco(1 << 14, None, dropped, bits)
    rng, count = np.random.default_rng(3), 1 << 14
    top = Top("nco", nco.ports, tuple(Port(name, bits + 1, True) for name in ("o_re", "o_im")), nco.latency)
    made = script(np.full((1, count), step), rng, gap_probability=0.0, drain=4)
    wanted = top.expected(made, nco.model)
    verdict = simulate(verilog(nco.component(), "nco"), top, made, wanted)
    assert (verdict.mismatches, verdict.samples) == (0, count)
    wave = wanted.data[:, wanted.valid]  # what the Verilog was found to give
    power = np.abs(np.fft.fft(wave[0] + 1j * wave[1])) ** 2
    measured = 10 * np.log10(power[step] / np.delete(power, step).max())
    assert nco.sfdr_db(step) == pytest.approx(measured, abs=0.1)


def test_a_step_that_changes_moves_the_phase_without_a_jump() -> None:
    nco = Nco(1 << 10, None, 2, 9)
    steps = np.concatenate([np.full(50, 3), np.full(50, 1021), np.full(50, 511)])
    phases = nco.phases(150, steps)
    assert phases[0] == 0
    assert (np.diff(phases) % 1024).tolist() == steps[:-1].tolist()
    rng = np.random.default_rng(4)
    top = Top("nco", nco.ports, tuple(Port(name, 10, True) for name in ("o_re", "o_im")), nco.latency)
    made = script(rng.integers(0, 1024, (1, 2000)), rng, resets=[500], drain=4)
    text = verilog(nco.component(), "nco")
    assert simulate(text, top, made, top.expected(made, nco.model)).bit_true
    assert text.count("phase <= ") == 2
    broken = text.replace("    else if (i_valid) phase <=", "    else phase <=")
    assert broken != text
    assert simulate(broken, top, made, top.expected(made, nco.model)).mismatches > 0


@pytest.mark.parametrize("step", [1, 37, 6, 64])
def test_dithered_words_are_interpolated_on_average(step: int) -> None:
    nco = Nco(1 << 9, step, 4, 8, dither=True)
    period, turns = nco.modulus // gcd(step, nco.modulus), 1500
    phases = nco.phases(period * turns)
    cosine, sine = np.ldexp(nco.words(nco.dithered(phases)).astype(float), -8)
    mean = (cosine + 1j * sine).reshape(turns, -1).mean(axis=0)
    # From the middle of one word to that of the next.
    starts = np.arange(-16, nco.modulus + 16, 16)
    table = np.ldexp(nco.words(starts % nco.modulus).astype(float), -8)
    wanted = [np.interp(phases[:period], starts + 8.0, part) for part in table]
    noise = 2 * np.pi / 32 / np.sqrt(turns)
    assert np.abs(mean - wanted[0] - 1j * wanted[1]).max() < 6 * noise
    # Its lines are those predicted, as far as they stand out of what noise is left.
    power = np.abs(np.fft.fft(mean) / period) ** 2
    found, lines = nco.spurs()
    shown = lines > 20 * noise**2 / period
    assert shown.sum() >= (2 if step in (1, 37) else 1)
    assert 10 * np.log10(power[np.round(found * period).astype(int) % period][shown]) == pytest.approx(
        10 * np.log10(lines[shown]), abs=2.0
    )


def test_dither_makes_a_bit_of_the_phase_worth_twelve_decibels() -> None:
    for address in (6, 8):
        plain, dithered = (Nco(1 << 32, 0x12345679, 32 - address, 24, dither).sfdr_db() for dither in (False, True))
        assert dithered == pytest.approx(2 * plain, abs=0.1)


def test_the_verilog_has_the_dither_of_the_model() -> None:
    nco = Nco(1 << 12, None, 7, 7, dither=True)
    rng = np.random.default_rng(5)
    top = Top("nco", nco.ports, tuple(Port(name, 8, True) for name in ("o_re", "o_im")), nco.latency)
    made = script(rng.integers(0, 1 << 12, (1, 1500)), rng, gap_probability=0.3, resets=[500, 503], drain=4)
    text = verilog(nco.component(), "nco")
    wanted = top.expected(made, nco.model)
    verdict = simulate(text, top, made, wanted)
    assert (verdict.mismatches, verdict.first) == (0, None)
    plain = replace(nco, dither=False)
    assert (top.expected(made, plain.model).data != wanted.data).any()
    broken = text.replace("else if (i_valid) dither <=", "else dither <=")
    assert broken != text
    assert simulate(broken, top, made, wanted).mismatches > 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((6, 1, 0, 8), "multiple of 4"),
        ((160, None, 0, 8), "power of two may"),
        ((160, 160, 0, 8), "between 0 and 159"),
        ((1 << 30, 1, 0, 8), "at most 65536 words"),
        ((16, 1, 0, 31), "1 to 30 bits"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments: tuple[int, int | None, int, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Nco(*arguments)
