"""Bad design files on the command line, each with one message that says where, what and what to do."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from finished import BANDS, HWGEN, LUTS, Ran, changed, hwgen, refused

PASS, STOP = BANDS.split("\n")[1:3]
STIMULUS = "[stimulus]\nfile = "

# what is changed, the blamed key, a fragment of its line (None: no line is known), and what the message must say
BAD = {
    # names, kinds and formats
    "unknown key": (("sample_rate", "samplerate"), "input.samplerate", "48e3", ["unknown key", "sample_rate?"]),
    "misspelt table": (("[output]", "[outputs]"), "outputs", "[outputs]", ["unknown key", "did you mean output?"]),
    "two words": (('"halfband"', '"half band"'), "design.name", "name =", ['"half band"', '"fir_half_band"']),
    "digit first": (('"halfband"', '"2nd"'), "design.name", "name =", ["identifier"]),
    "keyword": (('"halfband"', '"module"'), "design.name", "name =", ["keyword", '"module_filter"']),
    "SystemVerilog keyword": (('"halfband"', '"small"'), "design.name", "name =", ["keyword"]),
    "unknown kind": (('"fir"', '"iir"'), "design.kind", "kind =", ['"iir"', '"fir"']),
    "detector": (('"fir"', '"detector"'), "response", "[response]", ['kind is "detector"', "remove the table"]),
    "descent": (('"fir"', '"descent"'), "response", "[response]", ['kind is "descent"']),
    "equalizer": (('"fir"', '"equalizer"'), "response", "[response]", ['kind is "equalizer"']),
    "format as number": (('"s1.7"', "1.7"), "input.format", "1.7", ["must be text", "s1.11"]),
    "format unknown": (('"s1.9"', '"q1.9"'), "output.format", "q1.9", ["s1.11"]),
    "format of 200 bits": (('"s1.7"', '"s1.199"'), "input.format", "s1.199", ["200 bits"]),
    "rate as text": (("48e3", '"48e3"'), "input.sample_rate", "sample_rate", ["must be a number"]),
    "rate below zero": (("48e3", "-48e3"), "input.sample_rate", "sample_rate", ["-48000.0"]),
    "rate nan": (("48e3", "nan"), "input.sample_rate", "sample_rate", ["finite"]),
    "rate inf": (("48e3", "inf"), "input.sample_rate", "sample_rate", ["inf"]),
    "complex as number": (("48e3", "48e3\ncomplex = 1"), "input.complex", "complex", ["true or false"]),
    "rounding": (('"s1.9"', '"s1.9"\nrounding = "up"'), "output.rounding", "rounding", ['"up"', "half_up"]),
    # bands
    "overlap": (("16e3", "5e3"), "response.bands[1].start", "5e3,", ["5000.0", "overlaps"]),
    "touching bands": (("16e3", "6e3"), "response.bands[1].start", "attenuation", ["transition"]),
    "stop below start": (("24e3", "15e3"), "response.bands[1].stop", "15e3", ["15000.0", "16000"]),
    "beyond half the rate": (("24e3", "24.1e3"), "response.bands[1].stop", "24.1e3", ["24100.0", "24000"]),
    "falling bands": ((f"{PASS}\n{STOP}", f"{STOP}\n{PASS}"), "response.bands[1].start", "ripple_db", ["rising"]),
    "two limits": (("ripple_db", "ripple = 0.1, ripple_db"), "response.bands[0].ripple", "ripple", ["keep only one"]),
    "no limit": ((", attenuation_db = 26", ""), "response.bands[1]", "16e3", ["attenuation_db = 60"]),
    "no pass band": ((f"{PASS}\n", ""), "response.bands", "bands", ["no band passes"]),
    "no bands": ((BANDS, "bands = []\n"), "response.bands", "bands", ["empty"]),
    "no response": ((f"[response]\n{BANDS}", ""), "response", None, ["needs a response"]),
    # out of reach
    "SQNR beyond the output": (("= 40", "= 90"), "goal.sqnr_db", "sqnr_db", ["s1.9 alone", "dB short", "bits or"]),
    "error below rounding": (("sqnr_db = 40", "max_error_ulp = 0.4"), "goal.max_error_ulp", "max_e", ["0.5 or more"]),
    "no length is enough": (("16e3", "6.001e3"), "response.bands", "bands", ["1024 taps", "times", "widen"]),
    "too few taps": (("[goal]", "taps = 3\n[goal]"), "response.taps", "taps = 3", ["times", "the shortest that does"]),
    "a million taps": (("[goal]", "taps = 1000000\n[goal]"), "response.taps", "taps", ["at most 4096"]),
    "half a tap": (("[goal]", "taps = 7.5\n[goal]"), "response.taps", "taps = 7.5", ["whole number"]),
    "too few coefficient bits": (("[search]", "[search]\ncoefficient_bits = 2"), "search.coefficient_bits",
                                 "coefficient_bits", ["allow more bits"]),
    "budget of a bit": ((LUTS, 'minimise = "error"\nbudget = { bits = 1 }'), "goal.budget.bits", "budget",
                        ["larger budget"]),
    # files beside the design file
    "no CSV": ((BANDS, 'coefficients = "none.csv"\n'), "response.coefficients", "none.csv", ["no such file"]),
    "CSV with a word": ((BANDS, 'coefficients = "word.csv"\n'), "response.coefficients", "word.csv", ["line 2: 'x'"]),
    "CSV with nan": ((BANDS, 'coefficients = "nan.csv"\n'), "response.coefficients", "nan.csv", ["not a finite"]),
    "CSV in binary": ((BANDS, 'coefficients = "junk.npy"\n'), "response.coefficients", "junk.npy", ["not a text file"]),
    "CSV is a folder": ((BANDS, 'coefficients = "."\n'), "response.coefficients", "coefficients", ["folder"]),
    "zeros": ((BANDS, "coefficients = [0, 0]\n"), "response.coefficients", "coefficients", ["every coefficient is 0"]),
    "infinite": ((BANDS, "coefficients = [1, inf]\n"), "response.coefficients[1]", "coefficients", ["finite"]),
    "no recording": (("[search]", f'{STIMULUS}"none.wav"\n[search]'), "stimulus.file", "none.wav", ["no such file"]),
    "recording of text": (("[search]", f'{STIMULUS}"word.csv"\n[search]'), "stimulus.file", "word.csv", [".npy"]),
    "junk .npy": (("[search]", f'{STIMULUS}"junk.npy"\n[search]'), "stimulus.file", "junk.npy", ["cannot use it"]),
    "junk .wav": (("[search]", f'{STIMULUS}"junk.wav"\n[search]'), "stimulus.file", "junk.wav", ["cannot use it"]),
    "odd .cu8": (("[search]", f'{STIMULUS}"odd.cu8"\n[search]'), "stimulus.file", "odd.cu8", ["pairs of I and Q"]),
    "recording with nan": (("[search]", f'{STIMULUS}"nan.npy"\n[search]'), "stimulus.file", "nan.npy", ["sample 1 "]),
    "silent recording": (("[search]", f'{STIMULUS}"zero.npy"\n[search]'), "stimulus.file", "zero.npy", ["zero"]),
    "real recording": (("48e3", "48e3\ncomplex = true", "[search]", f'{STIMULUS}"real.npy"\n[search]'),
                       "stimulus.file", "real.npy", ["complex = false"]),
    # hardware, goal, search
    "structure": (("[goal]", '[hardware]\nstructure = "folded"\n[goal]'), "hardware.structure", "folded", ["clocks"]),
    "interface": (("[goal]", '[hardware]\ninterface = "axi"\n[goal]'), "hardware.interface", "axi", ["axi_stream"]),
    "slow clock": (("[goal]", "[hardware]\nclock = 1e3\n[goal]"), "hardware.clock", "clock", ["48000"]),
    "two rates": (("[goal]", "decimate = 2\ninterpolate = 2\n[goal]"), "response.decimate", "decimate", ["too"]),
    "output of zeros": ((BANDS, "coefficients = [0.5, 0.5]\ninterpolate = 3\n"), "response.interpolate",
                        "interpolate = 3", ["output 2 of 3", "more taps"]),
    "cells": (('"luts"', '"cells"\ntarget = "xc7"'), "goal.minimise", "minimise", ["nextpnr"]),
    "no accuracy": (("sqnr_db = 40\n", ""), "goal.minimise", "minimise", ["how accurate"]),
    "no budget": (('"luts"', '"error"'), "goal.minimise", "minimise", ["budget = "]),
    "idle budget": (("= 40", "= 40\nbudget = { bits = 9 }"), "goal.budget", "budget", ["remove budget"]),
    "algorithm": (("[search]", '[search]\nalgorithm = "ga"'), "search.algorithm", "algorithm", ['"ga"', "gc-pso"]),
    "seed": (("[search]", "[search]\nseed = -1"), "search.seed", "seed", ["-1", "at least 0"]),
    "no evaluations": (("= 500", "= 0"), "search.evaluations", "evaluations", ["at least 1"]),
    "bits reversed": (("[search]", "[search]\ncoefficient_bits = [9, 2]"), "search.coefficient_bits",
                      "coefficient_bits", ["[9, 2]", "write [2, 9]"]),
    "list for a number": (("= 40", "= [40]"), "goal.sqnr_db", "sqnr_db", ["must be a number"]),
}  # fmt: skip

# whole contents of a design file, line or None, what the message must say
BROKEN = {
    "empty": (b"", None, "empty"),
    "comments alone": (b"# nothing\n", None, "required"),
    "binary": (bytes(range(256)), 2, "UTF-8"),
    "no TOML": (b"[design]\nname = halfband\n", 2, "quotes"),
    "key twice": (b'[design]\nname = "a"\nname = "b"\n', 3, "once"),
    "open bracket": (b"[design\n", 1, "TOML"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bad files to name in design files."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "word.csv").write_text("0.1\nx\n")
    (folder / "nan.csv").write_text("nan\n")
    for name in ("junk.npy", "junk.wav"):
        (folder / name).write_bytes(b"\xff\x00 neither samples nor text")
    (folder / "odd.cu8").write_bytes(b"abc")
    np.save(folder / "nan.npy", np.array([0.5, np.nan]))
    np.save(folder / "zero.npy", np.zeros(100))
    np.save(folder / "real.npy", np.full(100, 0.5))
    return folder


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("name", BAD)
def test_bad_design_file(name: str, place: Path) -> None:
    change, key, line, said = BAD[name]
    text = changed(*change)
    (place / "bad.toml").write_text(text)
    message = refused(hwgen("run", place / "bad.toml", "--out", place / "made"))
    number = "" if line is None else f":{next(n for n, t in enumerate(text.splitlines(), 1) if line in t)}"
    first, *rest = message.splitlines()
    assert re.match(rf"{re.escape(f'{place}/bad.toml{number}: {key}')}( = .+)?$", first), message
    assert rest[-1].startswith("  Try: ")
    for words in said:
        assert words in message
    assert not (place / "made").exists()


@pytest.mark.parametrize("name", BROKEN)
def test_broken_design_file(name: str, place: Path) -> None:
    content, line, said = BROKEN[name]
    (place / "bad.toml").write_bytes(content)
    message = refused(hwgen("run", place / "bad.toml", "--out", place / "made"))
    assert message.startswith(f"{place}/bad.toml:{line}: " if line else f"{place}/bad.toml: ")
    assert said in message
    assert "\n  Try: " in message
    assert not (place / "made").exists()


@pytest.mark.parametrize("command", ["run", "check", "search", "generate", "simulate", "synthesise", "report"])
def test_every_command_refuses_what_is_no_design(command: str, place: Path) -> None:
    (place / "bad.toml").write_text(changed("48e3", "-1"))
    extra = [] if command == "check" else ["--out", place / "made"]
    for design, said in (("none.toml", "no such file"), ("bad.toml", "input.sample_rate"), (".", str(place))):
        assert said in refused(hwgen(command, place / design, *extra))
    assert not (place / "made").exists()


def test_the_installed_command_refuses_the_same_way(place: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(changed("48e3", "nan"))
    for words, said in (
        (
            ["run", "bad.toml", "--out", "made"],
            "bad.toml:6: input.sample_rate = nan\n  must be a finite number\n  Try: ",
        ),
        (["run", "none.toml"], "none.toml: cannot read the design file"),
    ):
        done = subprocess.run([HWGEN, *words], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert said in refused(Ran(done.returncode, done.stdout, done.stderr))
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]
