"""The command line: exit codes, what goes where, and bad input, each with one message that says what to do."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from finished import BANDS, DESIGN, HWGEN, LUTS, Finished, Ran, changed, hwgen

import hwgen as package
from hwgen import flow, spec
from hwgen.designs.candidate import Quality

pytestmark = pytest.mark.xdist_group("finished")

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


def refused(ran: Ran) -> str:
    """The one message of a refused command, checked for what holds for all of them."""
    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err
    progress, _, message = ran.err.rpartition("hwgen: ")
    assert re.fullmatch(r"(hwgen: [a-z].*\n)*", progress)
    assert len(message.splitlines()) <= 4
    assert message.endswith("\n")
    return message


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


def test_folders_that_cannot_be_written_to(tmp_path: Path) -> None:
    design, foreign = tmp_path / "halfband.toml", tmp_path / "foreign"
    design.write_text(DESIGN)
    foreign.mkdir()
    for out, said in (
        (design, "is a file"),
        (design / "below", "Not a directory"),
        (Path("/proc/none/such"), "cannot write"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        message = refused(hwgen("run", design, "--out", out))
        assert str(out) in message
        assert said in message
        assert "--out" in message
    # Other programs call their files so, too: these do not make the folder hwgen's.
    for name, content in (("notes.txt", "mine"), ("checkpoint", "model_checkpoint_path"), ("result.json", "{}")):
        (foreign / name).write_text(content)
        assert "--force" in refused(hwgen("run", design, "--out", foreign))
        assert [(path.name, path.read_text()) for path in foreign.iterdir()] == [(name, content)]
        (foreign / name).unlink()


@pytest.mark.usefixtures("swift")
def test_force_writes_beside_other_files(tmp_path: Path) -> None:
    design, foreign = tmp_path / "halfband.toml", tmp_path / "foreign"
    design.write_text(changed(BANDS, "coefficients = [0.25, 0.6]\n") + 'algorithm = "uniform"\n')
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    assert hwgen("search", design, "--out", foreign, "--force").code == 0
    assert (foreign / "notes.txt").read_text() == "mine"
    assert hwgen("search", design, "--out", foreign).code == 0  # hwgen's own by now
    # A folder where a file of the design should go is told like any other that cannot be written.
    (foreign / "halfband.v").mkdir()
    assert "halfband.v" in refused(hwgen("generate", design, "--out", foreign))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], "'frobnicate'"),
        (["run"], "design"),
        (["run", "x.toml", "--frob"], "--frob"),
        (["run", "x.toml", "--jobs", "0"], "--jobs"),
        (["run", "x.toml", "--jobs", "two"], "--jobs"),
        (["run", "x.toml", "y.toml"], "y.toml"),
        (["run", "x.toml", "--out"], "--out"),
        (["study", "coffee"], "'coffee'"),
        (["synthesise", ".", "--target", "virtex"], "'virtex'"),
        (["simulate", ".", "--input", "x.npy"], "--output"),
        (["simulate", "x.toml", "--input", "x.npy", "--output", "y.npy"], "finished design"),
    ],
)
def test_wrong_command_line(words: list[str], said: str) -> None:
    message = refused(hwgen(*words))
    assert said in message
    assert re.search("--|hwgen run|give one of", message)


# ------------------------------------------------------------------- exit codes 0, 1, 3 (130 is in test_flow)
def test_success_has_results_on_stdout_and_progress_on_stderr(finished: Finished) -> None:
    assert "halfband: goal met" in finished.out
    assert str(finished.result["resources"]["synthesis"]["lut"]) in finished.out
    assert "0 mismatches" in finished.out
    assert "hwgen:" not in finished.out
    assert re.fullmatch(r"(hwgen: [a-z][^\n]*\n)+", finished.err)
    assert "goal met" not in finished.err


@pytest.mark.usefixtures("swift")
def test_a_missed_goal_ends_with_1_and_the_design_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quality, "meets", lambda self, reference: False)
    (tmp_path / "halfband.toml").write_text(changed(BANDS, "coefficients = [0.25, 0.6]\n"))
    missed = hwgen("run", tmp_path / "halfband.toml", "--out", tmp_path / "made")
    assert missed.code == 1
    assert "goal MISSED" in missed.out
    assert json.loads((tmp_path / "made" / "result.json").read_text())["goal"]["met"] is False
    assert "module halfband(" in (tmp_path / "made" / "halfband.v").read_text()
    assert "goal MISSED" in repr(package.load(tmp_path / "made"))


def test_hardware_that_differs_ends_with_1(finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "made")
    verilog = tmp_path / "made" / "halfband.v"
    text = verilog.read_text()
    np.save(tmp_path / "x.npy", np.arange(-100, 100))
    words = ["--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy", "--rtl"]
    for broken, said in (
        (text.replace("o_data <= rounded", "o_data <= ~rounded"), "o_data is"),
        (text.replace("endmodule", ""), "Icarus Verilog refused"),
        (text.replace("[9:0] o_data", "[8:0] o_data"), "other widths"),
    ):
        assert broken != text
        verilog.write_text(broken)
        done = hwgen("simulate", tmp_path / "made", *words)
        assert done.code == 1
        assert done.out == ""
        assert said in done.err
        assert "Traceback" not in done.err
        assert not (tmp_path / "y.npy").exists()


def test_a_missing_tool_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halfband.toml").write_text(DESIGN)
    bare = tmp_path / "bin"
    bare.mkdir()
    command = [HWGEN, "run", "halfband.toml", "--out", "made"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PATH": str(bare)}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == "hwgen: iverilog was not found. Install it with: apt-get install iverilog\n"
    (bare / "iverilog").symlink_to(str(shutil.which("iverilog")))
    monkeypatch.setenv("PATH", str(bare))
    for words in (["run"], ["simulate"]):
        halfway = hwgen(*words, tmp_path / "halfband.toml", "--out", tmp_path / "made")
        assert (halfway.code, halfway.out) == (3, "")
        assert "vvp was not found" in halfway.err
    monkeypatch.setattr("hwgen.tools._module_folder", lambda package: None)
    for words in (["search"], ["generate"], ["synthesise"]):
        blind = hwgen(*words, tmp_path / "halfband.toml", "--out", tmp_path / "made")
        assert blind.code == 3
        assert "pip install pyosys" in blind.err
    assert not (tmp_path / "made").exists()
    missing = hwgen("doctor")
    assert missing.code == 3
    assert "missing" in missing.out


# --------------------------------------------------------------------------------------------- the other commands
@pytest.mark.parametrize("name", ["fresh.toml", "module.toml", "5 taps.toml", f"{'x' * 70}.toml"])
def test_new_writes_a_sound_design_file_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / "below" / name
    made = hwgen("new", path)
    assert (made.code, made.err) == (0, "")
    tables = tomllib.loads(path.read_text())
    assert tables["design"]["name"] == ("fresh" if name == "fresh.toml" else "my_filter")
    spec.load(path)
    path.write_text("mine")
    assert "--force" in refused(hwgen("new", path))
    assert path.read_text() == "mine"
    assert hwgen("new", path, "--force").code == 0
    assert tomllib.loads(path.read_text()) == tables


def test_new_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot write" in refused(hwgen("new", tmp_path / "file" / "x.toml"))


def test_check_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "halfband.toml").write_text(DESIGN)
    done = hwgen("check", "halfband.toml")
    assert (done.code, done.err) == (0, "")
    assert "halfband.toml: sound." in done.out
    facts = json.loads(hwgen("check", "halfband.toml", "--json").out)
    assert facts["digest"] == spec.load("halfband.toml").digest
    assert facts["goal"] == {"minimise": "luts", "sqnr_db": 40.0, "target": "ice40"}
    assert [path.name for path in tmp_path.iterdir()] == ["halfband.toml"]


def test_version_help_and_doctor() -> None:
    version = hwgen("--version")
    assert version == Ran(0, f"hwgen {package.__version__}\n", "")
    for words in (["--help"], ["run", "--help"]):
        shown = hwgen(*words)
        assert (shown.code, shown.err) == (0, "")
        assert "Usage" in shown.out
    alone = hwgen()
    assert (alone.code, alone.err) == (2, "")
    assert "synthesise" in alone.out
    assert hwgen("doctor").code == 0
    tools = json.loads(hwgen("doctor", "--json").out)
    assert {"iverilog", "vvp", "yosys", "verilator"} <= set(tools)
    assert all(tool["install"] and tool["purpose"] for tool in tools.values())
    assert tools["yosys"]["found"]


def test_commands_on_a_finished_folder(finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    shutil.copytree(finished.folder, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for words, told in (
        (["check"], "<hwgen design halfband"), (["search"], "goal met"), (["generate"], "goal met"),
        (["report"], "goal met"),
    ):  # fmt: skip
        done = hwgen(*words, folder)
        assert (done.code, done.err) == (0, "")
        assert told in done.out
    for words in (["search"], ["generate"], ["report"]):
        assert json.loads(hwgen(*words, folder, "--json").out) == finished.result
    simulated = hwgen("simulate", folder, "--json")
    assert simulated.code == 0
    assert json.loads(simulated.out)["mismatches"] == 0
    assert json.loads(simulated.out)["samples"] >= 20_000
    counts = hwgen("synthesise", folder, "--target", "ice40", "--json", "--jobs", "1")
    assert json.loads(counts.out) == {"ice40": finished.result["resources"]["synthesis"]}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / "result.json").unlink()
    for command in ("check", "search", "generate", "report", "simulate"):
        assert "hwgen r" in refused(hwgen(command, folder))


def test_generate_and_report_mend_a_folder(finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    shutil.copytree(finished.folder, folder)
    for command, name in (("generate", "tb/halfband_tb.v"), ("generate", "halfband.core"), ("report", "report.html")):
        (folder / name).unlink()
        assert hwgen(command, folder).code == 0
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes()


def test_samples_through_model_and_verilog(finished: Finished, tmp_path: Path) -> None:
    design, source, made = package.load(finished.folder), tmp_path / "x.npy", tmp_path / "y"
    rng = np.random.default_rng(1)
    for samples in (rng.integers(-128, 128, 400), rng.uniform(-1.5, 1.5, 300), np.array([5], dtype=np.int16)):
        np.save(source, samples)
        for rtl in ([], ["--rtl"]):
            done = hwgen("simulate", finished.folder, "--input", source, "--output", made, *rtl)
            assert (done.code, done.out) == (0, f"{len(samples)} samples to {made}\n")
            response = np.load(made)
            assert response.tolist() == design.model(samples).tolist()
            assert response.dtype.kind == samples.dtype.kind


def test_samples_that_cannot_be_filtered(finished: Finished, tmp_path: Path) -> None:
    source, made = tmp_path / "x.npy", tmp_path / "y.npy"
    np.savez(tmp_path / "many.npz", a=np.zeros(3))
    for content, said in (
        (None, "No such file"), (b"", "no .npy file"), (b"junk", "no .npy file"), (np.array([200]), "-128..127"),
        (np.zeros((2, 5)), "shape"), (np.array([1j]), "real"), (np.array([np.nan]), "finite"), (np.zeros(0), "one"),
        (np.array(["a"]), "number"), (np.array([None]), "Object arrays"), (np.array(True), "number"),
        ((tmp_path / "many.npz").read_bytes(), "no .npy file"), (np.array(3), "shape"),
    ):  # fmt: skip
        if isinstance(content, np.ndarray):
            np.save(source, content, allow_pickle=True)
        elif content is not None:
            source.write_bytes(content)
        for rtl in ([], ["--rtl"]):
            message = refused(hwgen("simulate", finished.folder, "--input", source, "--output", made, *rtl))
            assert said in message, message
            assert str(source) in message
        assert not made.exists()
    np.save(source, np.array([1]))
    assert "cannot write" in refused(hwgen("simulate", finished.folder, "--input", source, "--output", tmp_path))


@pytest.mark.usefixtures("swift")
def test_json_is_the_result_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "halfband.toml").write_text(changed(BANDS, "coefficients = [0.25, 0.6]\n") + 'algorithm = "uniform"\n')
    for command in ("search", "generate", "run", "report"):
        done = hwgen(command, tmp_path / "halfband.toml", "--out", tmp_path / "made", "--json")
        assert done.code == 0
        result = json.loads(done.out)
        assert result["name"] == "halfband"
        assert flow.succeeded(result)
    counts = hwgen("synthesise", tmp_path / "halfband.toml", "--out", tmp_path / "made", "--json", "--target", "xc7")
    assert list(json.loads(counts.out)) == ["xc7"]
    assert hwgen("simulate", tmp_path / "halfband.toml", "--out", tmp_path / "made", "--waves").code == 0
    assert (tmp_path / "made" / "halfband.fst").stat().st_size > 1000


@pytest.mark.usefixtures("threads")
def test_the_folder_is_named_after_the_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text(changed("[search]", "[search]\ncoefficient_bits = 2"))
    refused(hwgen("search", "bad.toml"))
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]  # nothing is left of build/halfband
    monkeypatch.setattr(flow.Run, "found", property(lambda self: (_ for _ in ()).throw(KeyboardInterrupt)))
    cut = hwgen("search", "bad.toml", "--jobs", 3)
    assert cut.code == 130
    assert cut.err.endswith("with: hwgen search bad.toml --jobs 3\n")
    assert (tmp_path / "build" / "halfband").is_dir()
