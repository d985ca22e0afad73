"""Emitted Verilog: bit-true in simulators, clean under lint, the same every time; and the files beside it."""

import re
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version

import numpy as np
import pytest
from filter_cases import filter_of

from hwgen.adders import Adder, AdderGraph
from hwgen.blocks.fir import Fir
from hwgen.check.bulk import simulate_bulk
from hwgen.check.lint import lint
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.stimuli import directed
from hwgen.check.vectors import Expected, Port, Top
from hwgen.emit import companions, verilog
from hwgen.fixed import Format, Overflow, Rounding

# Warnings that the emitted style gives and that mean nothing wrong: operands of unlike width, which Verilog extends by
# their sign, and low bits that nobody reads.
WAIVED = {"WIDTHEXPAND", "UNUSEDSIGNAL"}

_HALVED = AdderGraph((Adder(5, 0, 2, 0, 0, False), Adder(33, 0, 5, 0, 0, False), Adder(19, 1, -1, 2, -1, False, -1)))

FILTERS = {
    "truncated nodes": filter_of((11, -45, 90, 117, -45, 11), (2, 1, 0, 3)),
    "direct, pipelined": filter_of((11, -45, 90, 90, -45, 11), (2, 1, 0, 3), structure="direct", depth=1),
    "half even, wraps, unsigned": filter_of(
        (4, 7, 45, -16, 3), (0, 0, 2), input=Format(0, 7, False), output=Format(1, 5),
        rounding=Rounding.HALF_EVEN, overflow=Overflow.WRAP,
    ),
    "complex, history survives reset": filter_of(
        (3, 0, -26, 57, 0, 3), (0, 1, 0, 1), input=Format(1, 5), output=Format(1, 6),
        rounding=Rounding.FLOOR, channels=2, reset_data=False,
    ),
    "right shift, zeros": filter_of(
        (0, 38, 5, 0, -19, 33), (2, 1, 0), input=Format(1, 8), output=Format(2, 4), graph=_HALVED,
        rounding=Rounding.HALF_EVEN,
    ),
    "wide, one tap": filter_of((-27,), (3, 4), input=Format(1, 18), output=Format(1, 15), equal_widths=True),
    "full precision, wider than needed": filter_of(
        (1, -2, 37, -53, 19, 62, 5), (), input=Format(1, 7), output=Format(6, 13)
    ),
    "cascade": filter_of((3, 11, 11, 3), (1, 0, 2), structure="cascade"),
    "decimating": filter_of((3, 11, 11, 3), (1, 0, 2), structure="direct", decimate=3),
    "interpolating": filter_of((3, 11, -20, 53, 53, -20, 11, 3), (1, 0, 2), interpolate=4),
}  # fmt: skip


def top(fir: Fir) -> Top:
    names = ("_re", "_im") if fir.channels == 2 else ("_data",)
    return Top(
        "dut",
        tuple(Port(f"i{name}", fir.input.width, fir.input.signed) for name in names),
        tuple(Port(f"o{name}", fir.output.width, fir.output.signed) for name in names),
        fir.latency,
        fir.interval,
        fir.decimate,
        fir.interpolate,
    )


@lru_cache
def emitted(name: str) -> str:
    return verilog(FILTERS[name].component(), "dut")


def bench(fir: Fir, random_samples: int, early: int = 0) -> tuple[Script, Expected]:
    """Directed, then random samples; gaps, an idle stretch, and resets in mid-stream, one of them twice in a row."""
    rng = np.random.default_rng(3)
    taps = len(fir.coefficients)
    first = directed(fir.coefficients, fir.input, taps + 1)
    wild = rng.integers(fir.input.minimum, fir.input.maximum + 1, (fir.channels, random_samples))
    x = np.concatenate([np.stack([np.roll(first, 5 * k) for k in range(fir.channels)]), wild], axis=1)
    resets = [len(first) // 2, len(first) + 50, len(first) + 51, x.shape[1] - 2 * taps - 5]
    stimulus = script(x, rng, resets=resets, idle=[(len(first) + 20, 9)], drain=20, interval=fir.interval)
    answer = replace(top(fir), latency=fir.latency - early)
    return stimulus, answer.expected(stimulus, fir.model, settle=0 if fir.reset_data else taps - 1)


# --------------------------------------------------------------------------------------------------------- bit-true
@pytest.mark.parametrize("name", FILTERS)
def test_bit_true_in_icarus(name: str) -> None:
    fir = FILTERS[name]
    result = simulate(emitted(name), top(fir), *bench(fir, 250))
    assert (result.mismatches, result.first) == (0, None), "seed 3"
    assert result.samples > 250 // fir.decimate


def test_bit_true_in_bulk() -> None:
    fir = FILTERS["truncated nodes"]
    result = simulate_bulk(emitted("truncated nodes"), top(fir), *bench(fir, 20_000))
    assert (result.mismatches, result.first) == (0, None), "seed 3"
    assert result.samples > 20_000


def test_latency_is_as_told_and_no_other() -> None:
    for name, latency in (("truncated nodes", 3), ("direct, pipelined", 8)):
        fir = FILTERS[name]
        assert fir.latency == latency
        assert not simulate(emitted(name), top(fir), *bench(fir, 60, early=1)).bit_true


# ------------------------------------------------------------------------------------------------------------- text
def test_text_repeats() -> None:
    assert verilog(FILTERS["right shift, zeros"].component(), "dut") == emitted("right shift, zeros")


@pytest.mark.parametrize("name", FILTERS)
def test_text_is_plain_and_tells_nothing_of_the_machine(name: str) -> None:
    text = emitted(name)
    assert text.startswith("module dut(")
    assert text.endswith("endmodule\n")
    assert not re.search(r"/(tmp|home|root|usr|work)\b|\bsrc\b|Generated by|\b20[2-9]\d\b|\d\d:\d\d:\d\d", text)
    fir, suffix = FILTERS[name], "_re" if FILTERS[name].channels == 2 else ""
    if fir.input.signed:  # registers of unsigned words have a constant sign bit, which Yosys cuts off
        assert {item.strip() for item in re.findall(r"\(\*(.*?)\*\)", text)} <= {"keep"}
    if fir.input.signed and fir.interval == 1 and fir.decimate == 1:
        assert "\\$auto" not in text, "a name of Yosys's making, not the model's own"
    for k in fir.graph.sums:
        assert re.search(rf"wire signed \[\d+:0\] {fir.graph.nodes[k - 1].name}{suffix};", text)


def test_widths_are_those_of_the_text() -> None:
    for name in ("truncated nodes", "cascade"):
        fir, text = FILTERS[name], emitted(name)
        for k in fir.graph.sums:
            assert f"wire signed [{fir.words.widths[k] - 1}:0] {fir.graph.nodes[k - 1].name};" in text


def test_reset_data_false_leaves_the_delay_line_alone() -> None:
    text = emitted("complex, history survives reset")
    assert re.findall(r"if \(rst\) (\w+) <=", text) == ["x_valid", "acc_valid", "o_valid"]
    assert "if (rst) acc1 <=" in emitted("truncated nodes")


@pytest.mark.parametrize("name", FILTERS)
def test_lint_finds_nothing_but_what_is_waived(name: str) -> None:
    found = lint(emitted(name), top(FILTERS[name]))
    kinds = {re.match(r"%(?:Warning-)?(\w+)", item).group(1) for item in found}  # type: ignore[union-attr]
    assert kinds <= WAIVED, "\n".join(found)


# ------------------------------------------------------------------------------------------------------------ files
def facts(**changes: object) -> dict[str, object]:
    return {
        "version": version("hwgen"), "digest": "0123abcd", "taps": 6, "structure": "transposed",
        "built": "4 adders", "rate": "one sample a clock", "input": Format(1, 6), "output": Format(2, 5),
        "complex": False, "rounding": Rounding.HALF_UP, "overflow": Overflow.SATURATE,
        "latency": 3, "loading": [], "complements": [], "joined": [], "kind": "fir", "description": "FIR filter",
        "shell": None,
        "port": "clk", "clock": 30.72e6, "group_delay": 2.5, "gain": "1.0", **changes,
    }  # fmt: skip


def test_companions() -> None:
    files = companions("channel_lpf", facts())
    assert set(files) == {"header", "channel_lpf.core", "channel_lpf.sdc", "channel_lpf.xdc"}
    assert files == companions("channel_lpf", facts())
    header = files["header"].splitlines()
    assert header[0] == "// SPDX-License-Identifier: CC0-1.0"
    assert all(line.startswith("//") for line in header)
    for fact in (
        "channel_lpf",
        version("hwgen"),
        "0123abcd",
        "s1.6",
        "s2.5",
        "half_up",
        "saturate",
        "Latency 3 ",
        "gain 1.0",
    ):
        assert fact in files["header"]
    assert "group delay 2.5 samples" in files["header"]
    assert "group delay" not in companions("channel_lpf", facts(group_delay=None))["header"]
    assert "Complements" not in files["header"]
    told = companions("channel_lpf", facts(complements=[f"x{k}" for k in range(9)]))["header"].splitlines()
    place = next(k for k, line in enumerate(told) if line.startswith("// Complements, ~v = -v - 1 for a value v"))
    assert told[place + 1 : place + 3] == ["// x0, x1, x2, x3, x4, x5, x6, x7,", "// x8."]
    assert all(line.startswith("//") for line in told)
    assert "four words" not in files["header"]
    told = companions("channel_lpf", facts(joined=["sum1", "sum4"]))["header"].splitlines()
    place = next(k for k, line in enumerate(told) if line.startswith("// Sums of four words at once"))
    assert told[place + 2] == "// sum1, sum4."
    for name in ("channel_lpf.sdc", "channel_lpf.xdc"):
        assert "create_clock -name clk -period 32.552083 [get_ports clk]" in files[name]
    assert files["channel_lpf.core"].startswith("CAPI=2:\n")
    assert "channel_lpf.v" in files["channel_lpf.core"]


@pytest.mark.parametrize("name", ["truncated nodes", "complex, history survives reset"])
def test_the_header_waives_what_lint_would_say(name: str) -> None:
    fir = FILTERS[name]
    header = companions("dut", facts(complex=fir.channels == 2))["header"]
    assert lint(header + emitted(name), top(fir)) == []
