"""The reloadable filter: its model and widths against fractions, its hardware against the model, broken hardware."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutants import mutated
from numpy.typing import NDArray

from hwgen import verify
from hwgen.blocks.reloadable import Reloadable
from hwgen.blocks.reloadable_hardware import estimate
from hwgen.check.bench import write_bench
from hwgen.check.bulk import simulate_bulk
from hwgen.check.script import Script
from hwgen.check.vectors import Expected
from hwgen.cost.resources import synthesise
from hwgen.emit import verilog
from hwgen.finished.fir import Design, thawed
from hwgen.fixed import Format, Overflow, Rounding

# Five free taps of a filter of nine, each in a format of its own.
FORMATS = (Format(-3, 8), Format(-2, 6), Format(-1, 8), Format(0, 3), Format(1, 6))
WORDS = (11, -5, 51, 3, 60)


def make(count: int, formats: Sequence[Format] = FORMATS, words: Sequence[int] = WORDS, **options: Any) -> Reloadable:
    """A filter of `count` taps with the last of these formats and words."""
    free = (count + 1) // 2
    formats, fraction = tuple(formats[-free:]), max(f.fraction for f in formats[-free:])
    values = [w << fraction - f.fraction for w, f in zip(words[-free:], formats, strict=True)]
    own = {"input": Format(1, 7), "output": Format(2, 8), **options}
    return Reloadable((*values, *values[: count // 2][::-1]), fraction, formats=formats, **own)


CASES = {
    "odd": make(9),
    "even": make(10),
    "one tap": make(1),
    "two taps": make(2),
    "truncated": make(9, lsb=-10),
    "truncated hard, half even": make(10, lsb=-7, rounding=Rounding.HALF_EVEN),
    "complex, floor, wrap": make(7, channels=2, rounding=Rounding.FLOOR, overflow=Overflow.WRAP, output=Format(1, 8)),
    "DSP": make(9, dsp=True, lsb=-11),
    "three channels, reset keeps the samples": make(9, interleave=3, reset_data=False),
    "unsigned": make(9, input=Format(0, 8, False), lsb=-12),
    "output finer than the sum": make(3, output=Format(3, 20)),
}


def loads(filter: Reloadable, count: int, seed: int = 5) -> list[NDArray[np.int64]]:
    """A word of each free tap for each sample, extremes included."""
    rng = np.random.default_rng(seed)
    found = []
    for form in filter.formats:
        words = rng.integers(form.minimum, form.maximum, count, endpoint=True)
        words[: count // 3], words[count // 3 : count // 2] = form.minimum, form.maximum
        found.append(words)
    return found


def drawn(filter: Reloadable, count: int, seed: int = 1) -> NDArray[np.int64]:
    x = np.random.default_rng(seed).integers(
        filter.input.minimum, filter.input.maximum, (filter.channels, count), endpoint=True
    )
    x[:, 30:60], x[:, 60:90] = filter.input.minimum, filter.input.maximum
    x[:, 150:180], x[:, 180:210] = filter.input.minimum, filter.input.maximum
    return x


# --------------------------------------------------------------------------------------------------------- model
def exactly(filter: Reloadable, row: NDArray, words: Sequence[Sequence[int]]) -> list[Fraction]:
    """The convolution with the taps in force at each sample, in fractions, each product floored where it is cut."""
    last = len(filter.coefficients) - 1
    found = []
    for n in range(len(row)):
        total = Fraction(0)
        for k, (form, word) in enumerate(zip(filter.formats, words, strict=True)):
            places = {k, last - k}
            operand = sum(int(row[n - p * filter.interleave]) for p in places if n >= p * filter.interleave)
            product = Fraction(int(word[n]) * operand, 1 << form.fraction + filter.input.fraction)
            step = Fraction(2) ** max(filter.lsb if filter.lsb is not None else -99, -99)
            total += product if filter.lsb is None else product // step * step
        found.append(total)
    return found


@pytest.mark.parametrize("name", CASES)
def test_model_is_the_convolution_in_fractions(name: str) -> None:
    f = CASES[name]
    x, words = drawn(f, 260), loads(f, 260)
    for given in (words, [np.full(260, w) for w in f.power_up]):
        got = f.model(x, given)
        for row, outputs in zip(x, got, strict=True):
            for value, output in zip(exactly(f, row, given), outputs, strict=True):
                assert int(output) == quantised(f, value)
    assert np.array_equal(got, f.model(x))
    assert np.array_equal(f.model(x[0], words), f.model(x, words)[0])


def quantised(filter: Reloadable, value: Fraction) -> int:
    """Constant, rounding, overflow, each as it is defined."""
    fine, step = Fraction(2) ** -filter.total.fraction, Fraction(2) ** -filter.output.fraction
    lost = Fraction(0)
    for form in filter.formats:
        own = Fraction(2) ** -(form.fraction + filter.input.fraction)
        lost += max(Fraction(2) ** (filter.lsb if filter.lsb is not None else -99) - own, Fraction(0)) / 2
    half = step / 2 if filter.rounding == Rounding.HALF_UP else Fraction(0)
    if filter.rounding == Rounding.HALF_UP and fine < step:
        word = (value + round((lost + half) / fine) * fine) // step
    else:
        scaled = (value + round(lost / fine) * fine) / step
        word = round(scaled) if filter.rounding == Rounding.HALF_EVEN else (scaled + half / step).__floor__()
    low, high = filter.output.minimum, filter.output.maximum
    if filter.overflow == Overflow.WRAP:
        return int((word - low) % (high - low + 1) + low)
    return int(min(max(word, low), high))


@pytest.mark.parametrize("name", CASES)
def test_exact_is_the_power_up_convolution(name: str) -> None:
    f = CASES[name]
    x = drawn(f, 220)
    for row, got in zip(x, f.exact(x), strict=True):
        for channel in range(f.interleave):
            samples = [int(v) for v in row[channel :: f.interleave]]
            want = [
                sum(h * samples[n - k] for k, h in enumerate(f.coefficients) if n >= k) for n in range(len(samples))
            ]
            assert got[channel :: f.interleave].tolist() == want


@pytest.mark.parametrize("name", CASES)
def test_widths_hold_the_worst_coefficients_and_no_less(name: str) -> None:
    f = CASES[name]
    for level, spans in enumerate(f.tree):
        for k, span in enumerate(spans):
            taps = range(k << level, min((k + 1) << level, len(f.formats)))
            ends = []
            for sign in (1, -1):
                total = Fraction(0)
                for tap in taps:
                    twice = 2 if tap != len(f.coefficients) - 1 - tap else 1
                    corners = [
                        Fraction(a * b * twice, 1 << f.formats[tap].fraction + f.input.fraction)
                        for a in (f.input.minimum, f.input.maximum)
                        for b in (f.formats[tap].minimum, f.formats[tap].maximum)
                    ]
                    corner = max(corners) if sign > 0 else min(corners)
                    step = Fraction(2) ** -f.products[tap].fraction
                    total += corner // step * step
                ends.append(total * 2**span.fraction)
            # A product's format may hold a little more than the product.
            assert span.low <= min(ends) <= max(ends) <= span.high
            assert span.width <= 1 + max(-int(min(ends)) - 1, int(max(ends)), 1).bit_length() + 1


@pytest.mark.parametrize("name", CASES)
def test_error_bound_holds_for_any_coefficients(name: str) -> None:
    f = replace(CASES[name], output=replace(CASES[name].output, integer=12), overflow=Overflow.SATURATE)
    x, words = drawn(f, 260), loads(f, 260)
    plain = [exactly(replace(f, lsb=None), row, words) for row in x]
    errors = [
        abs(Fraction(int(y)) / 2**f.output.fraction - value)
        for row, values in zip(f.model(x, words), plain, strict=True)
        for y, value in zip(row, values, strict=True)
    ]
    assert max(errors) <= Fraction(f.error_bound) * Fraction(2) ** -f.output.fraction


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coefficients": (1, 2)}, "symmetric"),
        ({"coefficients": ()}, "at least one"),
        ({"formats": FORMATS[:2]}, "need 5 formats"),
        ({"fraction": 7}, "up to 7 of fraction"),
        ({"formats": (Format(0, 2), *FORMATS[1:])}, "tap 0 has no value"),
        ({"channels": 3}, "1 or 2"),
        ({"interleave": 0}, "1 or more"),
        ({"input": Format(1, 60)}, "more than 62"),
    ],
)
def test_refuses(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CASES["odd"], **change)


def test_model_refuses_words_beyond_a_format() -> None:
    f = CASES["odd"]
    with pytest.raises(ValueError, match=r"-16\.\.15"):
        f.model(np.zeros(3, dtype=np.int64), [16, 0, 0, 0, 0])
    with pytest.raises(ValueError, match=r"-128\.\.127"):
        f.model(np.array([128]))


# ------------------------------------------------------------------------------------------------------ hardware
def design(name: str) -> Design:
    return Design("filter", CASES[name], CASES[name].coefficients)


@pytest.mark.parametrize("name", CASES)
def test_the_design_comes_back_from_json(name: str) -> None:
    assert thawed(design(name).frozen()) == design(name)


@pytest.mark.parametrize("name", CASES)
def test_hardware_is_bit_true_while_coefficients_are_loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 4000)
    made = replace(design(name), verilog=verilog(CASES[name].component(), "filter"))
    result = verify.bit_true(made, None, 1)
    assert (result.first, result.mismatches) == (None, 0)
    assert result.samples > 3800


BROKEN = "odd"
MUTATIONS = {
    "a coefficient that is not loaded": ("else if (load2) c2 <= c_data;", "else if (load2) c2 <= c2;"),
    "the wrong index": ("c_index == 2'h2", "c_index == 2'h3"),
    "an index beyond the last": ("c_index == 3'h4", "c_index >= 3'h4"),
    "the high bits of the port": ("c1 <= c_data[3:0];", "c1 <= c_data[4:1];"),
    "another power-up value": ("reg signed [4:0] c0 = 5'h0b;", "reg signed [4:0] c0 = 5'h0a;"),
    "reset to another value": ("if (rst) c0 <= 5'h0b;", "if (rst) c0 <= 5'h0a;"),
    "coefficients that reset keeps": ("if (rst) c0 <= 5'h0b;\n    else if", "if"),
    "loaded without c_valid": ("load3 = c_valid & ", "load3 = 1'h1 & "),
    "the sign of a coefficient": ("- $signed(multiple4_0)", "+ $signed(multiple4_0)"),
    "a pair of the wrong sample": ("$signed(x) + $signed(d8)", "$signed(x) + $signed(d7)"),
    "a sum one bit narrow": ("reg signed [18:0] sum3_0 = 19'h", "reg signed [17:0] sum3_0 = 18'h"),
    "a coefficient read a clock late": (
        "multiple0_3 = c3[0] ? ", "multiple0_3 = late ? "
    ),
    "a valid a clock early": ("valid2 <= valid1;", "valid2 <= x_valid;"),
}  # fmt: skip


def bench(name: str, count: int = 1500) -> tuple[Script, Expected]:
    made, rng = design(name), np.random.default_rng(1)
    return verify.scripted(made, made.stimuli(None, count, rng), rng)


@pytest.fixture(scope="module")
def right() -> str:
    return verilog(CASES[BROKEN].component(), "filter")


def run_bench(folder: Path, text: str) -> subprocess.CompletedProcess:
    write_bench(folder, design(BROKEN).top, *bench(BROKEN))
    (folder / "filter.v").write_text(text)
    return subprocess.run([folder / "tb" / "run.sh"], capture_output=True, text=True, check=False, timeout=60)


def test_the_emitted_bench_passes(right: str, tmp_path: Path) -> None:
    done = run_bench(tmp_path, right)
    assert done.stdout.startswith("PASS: ")
    assert done.returncode == 0


@pytest.mark.parametrize("name", MUTATIONS)
def test_broken_hardware_is_caught(name: str, right: str, tmp_path: Path) -> None:
    old, new = MUTATIONS[name]
    late = "  reg late = 0;\n  always @(posedge clk) late <= c3[0];\nendmodule"
    done = run_bench(tmp_path, mutated(right, old, new).replace("endmodule", late))
    assert done.returncode != 0
    assert "FAIL: " in done.stdout


def test_a_write_under_reset_is_caught(right: str, tmp_path: Path) -> None:
    text, count = re.subn(r"if \(rst\) (c(\d) <=)", r"if (rst & !load\2) \1", right)
    assert count == 5
    assert "FAIL: " in run_bench(tmp_path, text).stdout


def test_cocotb_catches_broken_hardware(right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 1500)
    old, new = MUTATIONS["a coefficient that is not loaded"]
    assert not verify.bit_true(replace(design(BROKEN), verilog=mutated(right, old, new)), None, 1).bit_true


@pytest.mark.xdist_group("verilator")
def test_verilator_agrees_and_catches(right: str) -> None:
    script, wanted = bench(BROKEN, 20_000)
    result = simulate_bulk(right, design(BROKEN).top, script, wanted)
    assert (result.first, result.mismatches) == (None, 0)
    old, new = MUTATIONS["coefficients that reset keeps"]
    assert not simulate_bulk(mutated(right, old, new), design(BROKEN).top, script, wanted).bit_true


def test_samples_through_the_verilog_see_the_power_up_coefficients(right: str) -> None:
    made = replace(design(BROKEN), verilog=right)
    x = drawn(CASES[BROKEN], 300)
    assert np.array_equal(verify.filtered(made, x)[0], CASES[BROKEN].model(x[0]))


@pytest.mark.parametrize("target", ["ice40", "ecp5", "xc7", "gowin"])
def test_the_estimate_is_near(target: str, right: str) -> None:
    found, guess = synthesise(right, "filter", target), estimate(CASES[BROKEN], target)
    assert guess["lut"] == pytest.approx(found.lut, rel=0.1)
    assert guess["ff"] == pytest.approx(found.ff, rel=0.05)
    assert guess["dsp"] == found.dsp == 0


def test_dsp_blocks_are_inferred() -> None:
    found = synthesise(verilog(CASES["DSP"].component(), "filter"), "filter", "ice40", dsp=True)
    assert found.dsp == estimate(CASES["DSP"], "ice40")["dsp"] == 5
    assert found.lut < estimate(CASES["odd"], "ice40")["lut"] / 2
