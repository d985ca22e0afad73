"""From design file to proved Verilog through the command line, judged from outside."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import freqz

import hwgen
from hwgen import cli

DESIGN = """\
[design]
name = "lowpass"
kind = "fir"
[input]
format = "s1.7"
sample_rate = 48e3
[output]
format = "s1.11"
[response]
bands = [{ start = 0, stop = 5e3, ripple_db = 0.5 }, { start = 12e3, stop = 24e3, attenuation_db = 30 }]
[goal]
minimise = "luts"
sqnr_db = 45
[search]
evaluations = 600
"""


def hwgen_command(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """Run the command line in this process and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["hwgen", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


def run(folder: Path, text: str = DESIGN, jobs: int = 2) -> dict:
    """`hwgen run` in a process of its own; the result."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "small.toml").write_text(text)
    command = [sys.executable, "-m", "hwgen", "run", "small.toml", "--out", "out", "--jobs", str(jobs)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "goal met" in done.stdout
    assert "hwgen:" not in done.stdout
    return json.loads((folder / "out" / "result.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run(folder)
    return folder / "out"


@pytest.fixture(scope="module")
def result(finished: Path) -> dict:
    return json.loads((finished / "result.json").read_text())


def test_the_result_has_the_keys_of_the_contract(result: dict) -> None:
    assert list(result) == [
        "schema", "hwgen", "name", "kind", "command", "seed", "top", "coefficients", "bits", "goal", "quality",
        "resources", "baselines", "verification", "search", "timings",
    ]  # fmt: skip
    assert set(result["top"]) == {
        "module", "interface", "ports", "latency", "group_delay", "gain", "clocks_per_sample", "headroom_db",
    }  # fmt: skip
    assert set(result["quality"]) == {"ripple_db", "attenuation_db", "sqnr_db", "error", "max_error_ulp"}
    assert set(result["resources"]) == {"target", "estimate", "synthesis", "place"}
    assert set(result["resources"]["synthesis"]) == {"lut", "ff", "carry", "dsp", "bram", "tool"}
    assert set(result["baselines"]) == {"uniform", "common_lsb", "greedy"}
    assert set(result["verification"]) == {"bit_true", "bulk", "equivalence"}
    assert set(result["search"]) == {"algorithm", "evaluations", "unique", "bound", "gap"}


def test_both_simulators_ran_enough_and_agreed(result: dict) -> None:
    checks = result["verification"]
    assert checks["bit_true"]["samples"] >= 20_000
    assert checks["bulk"]["samples"] >= 1_000_000
    assert checks["bit_true"]["mismatches"] == checks["bulk"]["mismatches"] == 0


def test_the_mask_is_met_by_the_coefficients_given(result: dict) -> None:
    taps = np.array([float(c) for c in result["coefficients"]])
    f, h = freqz(taps, worN=1 << 15, fs=48e3)
    level = 20 * np.log10(np.abs(h) + 1e-300)
    assert np.abs(level[f <= 5e3]).max() <= 0.5
    assert level[f >= 12e3].max() <= -30
    assert np.abs(level[f <= 5e3]).max() == pytest.approx(result["quality"]["ripple_db"], abs=1e-3)
    free = (len(taps) + 1) // 2
    assert list(result["bits"]) == [f"tap{k}" for k in range(free)]
    assert result["goal"]["met"] is True


def test_the_model_meets_the_accuracy_goal(finished: Path, result: dict) -> None:
    design = hwgen.load(finished)
    x = np.random.default_rng(5).integers(-64, 64, 20_000)
    exact = np.convolve(x / 128, design.taps)[: len(x)]
    noise = design.model(x) / 2048 - exact
    assert 10 * np.log10(np.mean(exact**2) / np.mean(noise**2)) > 44.7  # other noise than the one it was sized on
    assert np.abs(noise).max() * 2048 <= result["quality"]["max_error_ulp"]
    floats = design.model(x / 128)
    assert (floats * 2048 == design.model(x)).all()
    assert "lowpass" in repr(design)
    assert design.bits == result["bits"]
    assert design.resources["synthesis"]["lut"] == result["resources"]["synthesis"]["lut"]
    assert "module lowpass(" in design.verilog
    f, h = design.response()
    assert np.abs(h[0]) == pytest.approx(design.taps.sum())
    assert len(f) == len(h)


def test_the_verilog_filters_a_file_as_the_model_does(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = np.random.default_rng(6).integers(-128, 128, 500)
    np.save(tmp_path / "x.npy", samples)
    answers = []
    for extra in ([], ["--rtl"]):
        words = ["simulate", finished, "--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy", *extra]
        assert hwgen_command(monkeypatch, *words) == 0
        answers.append(np.load(tmp_path / "y.npy"))
    assert answers[0].tolist() == answers[1].tolist() == hwgen.load(finished).model(samples).tolist()


def test_the_bench_passes_alone_and_fails_when_the_hardware_is_broken(finished: Path, tmp_path: Path) -> None:
    def bench() -> subprocess.CompletedProcess[str]:
        command = ["sh", str(finished / "tb" / "run.sh")]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    good = bench()
    assert good.returncode == 0
    assert "PASS" in good.stdout
    verilog = finished / "lowpass.v"
    text = verilog.read_text()
    broken = re.sub(r"(assign .* = .*) ([+-]) ", lambda m: m[1] + (" - " if m[2] == "+" else " + "), text, count=1)
    assert broken != text
    verilog.write_text(broken)
    try:
        bad = bench()
    finally:
        verilog.write_text(text)
    assert bad.returncode != 0
    assert "FAIL" in bad.stdout


def test_each_step_on_a_finished_folder(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kept = {name: (finished / name).read_bytes() for name in ("report.html", "lowpass.v", "tb/run.sh")}
    for name in kept:
        (finished / name).unlink()
    for step in ("generate", "report", "search", "check", "simulate"):
        assert hwgen_command(monkeypatch, step, finished) == 0
    assert {name: (finished / name).read_bytes() for name in kept} == kept
    capsys.readouterr()
    assert hwgen_command(monkeypatch, "synthesise", finished, "--target", "ecp5", "--json") == 0
    assert json.loads(capsys.readouterr().out)["ecp5"]["lut"] > 0
    for step in ("generate", "report", "search", "simulate", "synthesise"):
        assert hwgen_command(monkeypatch, step, tmp_path) == 2
        assert "hwgen run" in capsys.readouterr().err or step != "report"


def test_the_same_design_elsewhere_gives_the_same_files(finished: Path, result: dict, tmp_path: Path) -> None:
    again = run(tmp_path / "elsewhere", jobs=1)
    assert json.dumps({**again, "timings": None}) == json.dumps({**result, "timings": None})
    names = ["lowpass.v", "lowpass.core", "lowpass.sdc", "lowpass.xdc", "report.html", *(f"tb/{n}" for n in (
        "lowpass_tb.v", "stimulus.hex", "expected.hex", "run.sh"))]  # fmt: skip
    for name in names:
        text = (finished / name).read_bytes()
        assert text == (tmp_path / "elsewhere" / "out" / name).read_bytes(), name
        assert str(tmp_path).encode() not in text


def test_an_interrupted_run_resumes_to_the_same_result(finished: Path, result: dict, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(DESIGN)
    command = [sys.executable, "-m", "hwgen", "run", "small.toml", "--out", "out"]
    cut = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # where pytest itself was told to ignore it
    )  # fmt: skip
    assert cut.stderr is not None
    for line in cut.stderr:
        if "searching coeff" in line:
            cut.send_signal(2)
            break
    rest = cut.stderr.read()
    assert cut.wait(60) == 130
    assert "continue" in rest
    assert "Traceback" not in rest
    again = run(tmp_path)
    assert json.dumps({**again, "timings": None}) == json.dumps({**result, "timings": None})
    assert (tmp_path / "out" / "lowpass.v").read_bytes() == (finished / "lowpass.v").read_bytes()


VARIANTS = {
    "complex, floor": ("sample_rate = 48e3", "sample_rate = 48e3\ncomplex = true", '"s1.11"',
                       '"s1.11"\nrounding = "floor"'),
    "half even, wrap, data kept": ('"s1.11"', '"s2.10"\nrounding = "half_even"\noverflow = "wrap"', "[search]",
                                   "[hardware]\nreset_data = false\n[search]"),
    "free gain": ("[goal]", 'gain = "free"\n[goal]', "", ""),
    "coefficients alone": ("bands", "coefficients = [0.1, -0.2, 0.55, 0.31]\n# bands", "", ""),
    "error within bits": ('minimise = "luts"\nsqnr_db = 45', 'minimise = "error"\nbudget = { bits = 30 }', "[goal]",
                          "taps = 9\n[goal]"),
    "error within LUTs": ('minimise = "luts"\nsqnr_db = 45', 'minimise = "error"\nbudget = { luts = 150 }', "[goal]",
                          "taps = 9\n[goal]"),
    "largest error": ("sqnr_db = 45", "max_error_ulp = 1.0", "", ""),
    "uniform": ("evaluations = 600", 'evaluations = 600\nalgorithm = "uniform"', "", ""),
    "ppso": ("evaluations = 600", 'evaluations = 600\nalgorithm = "ppso"', "", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_end_bit_true(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, c, d = VARIANTS[name]
    text = DESIGN.replace(a, b)
    text = text.replace(c, d) if c else text
    assert text != DESIGN
    (tmp_path / "small.toml").write_text(text)
    assert hwgen_command(monkeypatch, "generate", tmp_path / "small.toml", "--out", tmp_path / "out") == 0
    assert hwgen_command(monkeypatch, "simulate", tmp_path / "out") == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["goal"]["met"] is True
    budget = result["goal"].get("budget", {})
    assert sum(result["bits"].values()) <= budget.get("bits", 10**9)
    assert result["resources"]["synthesis"]["lut"] <= budget.get("luts", 10**9)
    if name == "largest error":
        assert result["quality"]["max_error_ulp"] <= 1.0


BAD = {
    "unknown key": ("kind =", "kinds = 1\nkind =", "kinds"),
    "wrong type": ("48e3", '"48e3"', "sample_rate"),
    "overlapping bands": ("start = 12e3", "start = 4e3", "bands"),
    "stop below start": ("stop = 24e3", "stop = 11e3", "stop"),
    "band beyond half the sample rate": ("stop = 24e3", "stop = 25e3", "stop"),
    "out of reach of the output format": ("sqnr_db = 45", "sqnr_db = 145", "dB short"),
    "out of the output's range": ('"s1.11"', '"s-2.14"', "overflows"),
    "images that no band judges": ("bands", "interpolate = 3\nbands", "images lie from 24000 to 72000 Hz"),
    "negative where there is no sign": ('"s1.11"', '"u1.11"', "overflows"),
    "out of reach of any length": ("start = 12e3", "start = 5.0001e3", "taps"),
    "keyword": ('"lowpass"', '"module"', "name"),
    "no identifier": ('"lowpass"', '"low pass"', "name"),
    "missing coefficients": ("bands", 'coefficients = "none.csv"\n# bands', "none.csv"),
    "missing recording": ("[search]", '[stimulus]\nfile = "none.wav"\n[search]', "none.wav"),
    "not a number": ("48e3", "nan", "sample_rate"),
    "a million taps": ("[goal]", "taps = 1000000\n[goal]", "taps"),
    "another kind": ('kind = "fir"', 'kind = "receiver"', "needs stages"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_message_and_no_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, told = BAD[name]
    (tmp_path / "bad.toml").write_text(DESIGN.replace(old, new, 1))
    assert hwgen_command(monkeypatch, "run", tmp_path / "bad.toml", "--out", tmp_path / "out") == 2
    message = capsys.readouterr()
    assert message.out == ""
    assert "bad.toml" in message.err
    assert told in message.err
    assert "Traceback" not in message.err
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    design, other = tmp_path / "small.toml", tmp_path / "other"
    design.write_text(DESIGN)
    other.mkdir()
    (other / "mine.txt").write_text("keep")
    for out in (other, design, design / "below", Path("/proc/none")):
        assert hwgen_command(monkeypatch, "run", design, "--out", out) == 2
        assert str(out) in capsys.readouterr().err
    assert [p.name for p in other.iterdir()] == ["mine.txt"]


def test_a_missing_tool_and_the_small_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hwgen_command(monkeypatch, "new", tmp_path / "fresh.toml") == 0
    assert hwgen_command(monkeypatch, "new", tmp_path / "fresh.toml") == 2
    assert hwgen_command(monkeypatch, "check", tmp_path / "fresh.toml") == 0
    assert hwgen_command(monkeypatch, "study", "coffee") == 2
    assert hwgen_command(monkeypatch, "nonsense") == 2
    assert hwgen_command(monkeypatch, "doctor") == 0
    capsys.readouterr()
    assert hwgen_command(monkeypatch, "doctor", "--json") == 0
    assert json.loads(capsys.readouterr().out)["yosys"]["found"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hwgen_command(monkeypatch, "run", tmp_path / "fresh.toml", "--out", tmp_path / "out") == 3
    assert "install" in capsys.readouterr().err


def test_a_missed_goal_is_written_and_marked(finished: Path, result: dict) -> None:
    from hwgen.flow import succeeded

    assert succeeded(result)
    assert not succeeded({**result, "goal": {**result["goal"], "met": False}})
    check = {**result["verification"], "bulk": {"samples": 10, "mismatches": 1, "simulator": "x"}}
    assert not succeeded({**result, "verification": check})
    nothing = {**result["verification"], "bit_true": {"samples": 0, "mismatches": 0, "simulator": "x"}}
    assert not succeeded({**result, "verification": nothing})
