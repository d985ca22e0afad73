"""The reloadable combiner: its model against fractions and numpy, its hardware against the model, broken hardware."""

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import floor

import numpy as np
import pytest
from numpy.typing import NDArray

from hwgen import verify
from hwgen.blocks.combiner_reloadable import ReloadableCombiner, thawed
from hwgen.check.simulate import simulate
from hwgen.cost.resources import synthesise
from hwgen.designs.detector_work import loaded
from hwgen.emit import verilog
from hwgen.finished.detector import Detector
from hwgen.fixed import Format

_RNG = np.random.default_rng(6)


def make(bits: tuple[int, ...], formats: Sequence[Sequence[Format]], *outputs: Format) -> ReloadableCombiner:
    """A combiner with random words at power-up."""
    words = tuple(
        tuple(tuple(int(v) for v in _RNG.integers(f.minimum, f.maximum, 2, endpoint=True)) for f in row)
        for row in formats
    )
    return ReloadableCombiner(bits, outputs, tuple(tuple(row) for row in formats), words)


F = Format
CASES = {
    "mixed widths": make((3, 0, 1, 4, 2), [[F(0, 4), F(-1, 6), F(1, 2), F(0, 5)], [F(1, 3), F(0, 3), F(0, 2), F(0, 6)]],
                         F(3, 4), F(2, 3)),
    "one antenna of one bit": make((1,), [[F(1, 4)]], F(2, 3)),
    "words of one bit": make((2, 1), [[F(1, 0), F(0, 1)]], F(4, 2)),
    "finer than the weights": make((2, 5), [[F(2, 1), F(3, -1)]], F(7, 4)),
    "saturating": make((2, 2, 2), [[F(1, 4)] * 3], F(1, 3)),
}  # fmt: skip


def drawn(c: ReloadableCombiner, count: int) -> NDArray[np.int64]:
    return Detector("few", c).stimuli(None, count, np.random.default_rng(2))[:, :count]


def loads(c: ReloadableCombiner, count: int) -> list[NDArray[np.int64]]:
    """A word of each index for each sample, extremes included."""
    rng, found = np.random.default_rng(3), []
    for form in c.registers:
        words = rng.integers(form.minimum, form.maximum, count, endpoint=True)
        words[: count // 4], words[count // 4 : count // 2] = form.minimum, form.maximum
        found.append(words)
    return found


# --------------------------------------------------------------------------------------------------------- model
def by_fractions(c: ReloadableCombiner, column: Sequence[int], words: Sequence[int]) -> list[int]:
    """conj(c + 1/2 + j (c' + 1/2)) (n + 1/2 + j (n' + 1/2)), summed, rounded half up, from the text of the ports."""
    half, made = Fraction(1, 2), []
    given = iter(words)
    for k, form in enumerate(c.outputs):
        re = im = Fraction(0)
        for n, (port, word) in enumerate(zip(c.inputs, column, strict=True)):
            bits = port.width // 2
            x, y = (p - 2**bits if p >> bits - 1 else p for p in (int(word) % 2**bits, int(word) >> bits))
            a, b = ((int(next(given)) + half) / Fraction(2) ** c.weights[k][n].fraction for _ in range(2))
            re += a * (x + half) + b * (y + half)
            im += a * (y + half) - b * (x + half)
        made += [min(max(floor(v * 2**form.fraction + half), form.minimum), form.maximum) for v in (re, im)]
    return made


@pytest.mark.parametrize("name", CASES)
def test_the_model_is_what_fractions_say(name: str) -> None:
    c = CASES[name]
    data, words = drawn(c, 60), loads(c, 60)
    assert c.model(data).T.tolist() == [by_fractions(c, column, c.power_up) for column in data.T]
    now = zip(data.T, zip(*words, strict=True), strict=True)
    assert c.model(data, words).T.tolist() == [by_fractions(c, column, own) for column, own in now]


def test_loaded_weights_are_w_h_y() -> None:
    rng = np.random.default_rng(4)
    c = make((3, 0, 2), [[F(1, 9), F(1, 8)], [F(1, 8), F(1, 9)]], F(4, 7), F(4, 7))
    w = rng.uniform(-0.9, 0.9, (3, 2)) + 1j * rng.uniform(-0.9, 0.9, (3, 2))
    data = drawn(c, 50)
    n = c.unpacked(data) + 0.5
    exact = w[[0, 2]].conj().T @ (n[0::2] + 1j * n[1::2])
    raw = c.model(data, c.words_of(w)) / 2**7
    assert np.abs(raw[0::2] + 1j * raw[1::2] - exact).max() < 0.05
    assert np.array_equal(c.reloaded(c.words_of(w)).model(data), c.model(data, c.words_of(w)))
    assert c.words_of(9 * w / np.abs(w))[:2] != c.words_of(w)[:2]  # saturated, not wrapped
    assert all(
        form.minimum <= word <= form.maximum for form, word in zip(c.registers, c.words_of(1e9 * w), strict=True)
    )


@pytest.mark.parametrize("name", CASES)
def test_words_reach_their_spans_and_no_further(name: str) -> None:
    c = CASES[name]
    for levels in c.trees:
        (last,) = levels[-1]
        low = sum(word.span[0] << word.lsb for word in levels[0])
        assert (last.span[0] << last.lsb, (last.span[1] + 1) << last.lsb) <= (low, -low)
        assert last.span[0] << last.lsb == low


def test_it_comes_back_from_json() -> None:
    c = CASES["mixed widths"]
    assert thawed(json.loads(json.dumps(c.frozen()))) == c


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bits": (0,) * 5}, "at least 1"),
        ({"bits": (3, 0, 1, 4, 17)}, "0 to 16 bits"),
        ({"weights": CASES["saturating"].weights}, "needs 4 weights"),
        ({"initial": ((((99, 0),) + ((0, 0),) * 3),) * 2}, "must lie in"),
        ({"outputs": (F(3, 4), F(2, 3, False))}, "signed"),
    ],
)
def test_refuses(change: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(CASES["mixed widths"], **change)


def test_the_model_refuses_words_beyond_a_format() -> None:
    c = CASES["one antenna of one bit"]
    with pytest.raises(ValueError, match=r"word 1 must lie in -16\.\.15"):
        c.model(np.zeros((1, 3), dtype=np.int64), [0, 16])
    with pytest.raises(ValueError, match=r"i_y0 must lie in 0\.\.3"):
        c.model(np.full((1, 3), 4))


# ------------------------------------------------------------------------------------------------------ hardware
@lru_cache
def emitted(name: str) -> Detector:
    bare = Detector("few", CASES[name])
    return replace(bare, verilog=verilog(bare.component(), "few"))


@pytest.mark.parametrize("name", ["mixed widths", "words of one bit"])
def test_the_hardware_is_bit_true_while_weights_are_loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 2500)
    result = verify.bit_true(emitted(name), None, 1)
    assert (result.first, result.mismatches) == (None, 0)
    assert result.samples > 2300


# Name to (text, replacement); the text occurs once.
MUTATIONS = {
    "a weight that is not loaded": ("else if (load9) w1_0_im <= c_data[3:0];", "else if (load9) w1_0_im <= w1_0_im;"),
    "a digit that is not inverted": ("w0_2_re ^ { y2_re, y2_re, y2_re, y2_re, y2_re }", "w0_2_re"),
    "loaded without c_valid": ("load3 = c_valid & ", "load3 = 1'h1 & "),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_broken_hardware_is_seen(mutation: str) -> None:
    old, new = MUTATIONS[mutation]
    design = emitted("mixed widths")
    assert design.verilog.count(old) == 1
    rng = np.random.default_rng(1)
    made, wanted = verify.scripted(design, design.stimuli(None, 1500, rng), rng)
    assert simulate(design.verilog.replace(old, new), design.top, made, wanted).mismatches > 0


def test_the_estimate_is_near_what_yosys_counts() -> None:
    guess = loaded(CASES["mixed widths"], "ice40")
    found = synthesise(emitted("mixed widths").verilog, "few", "ice40")
    assert guess.lut == pytest.approx(found.lut, rel=0.15)
    assert guess.ff == pytest.approx(found.ff, rel=0.05)
