"""The whole way: cut off and resumed to the same bytes, in other folders, and over every kind of design file."""

import json
import math
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from finished import BANDS, DESIGN, HWGEN, LUTS, Finished, changed, hwgen

import hwgen as package
from hwgen import flow, journal

REPEATED = [
    "halfband.core", "halfband.sdc", "halfband.v", "halfband.xdc", "tb/expected.hex", "tb/halfband_tb.v", "tb/run.sh",
    "tb/stimulus.hex",
]  # fmt: skip


def steps(folder: Path) -> dict:
    """Finished steps in the checkpoint."""
    return json.loads((folder / "checkpoint").read_text())["steps"]


def hears_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so do its children, unless they are told otherwise."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def cut(command: list[str], place: Path, environment: dict[str, str], at: str, by: int) -> tuple[int, str, str]:
    """Start a command as a group of processes, signal all of them when it says `at`; exit code and both outputs."""
    process = subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=hears_interrupts,
    )  # fmt: skip
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if at in line:
            break
    os.killpg(process.pid, by)
    out, rest = process.communicate(timeout=60)
    return process.returncode, out, told + rest


@pytest.mark.xdist_group("finished")
def test_a_run_cut_twice_ends_as_one_that_was_not(finished: Finished, tmp_path: Path) -> None:
    tools = tmp_path / "tools"  # no C++ compiler here, so that only Icarus simulates
    tools.mkdir()
    for tool in ("iverilog", "vvp"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    environment = {**os.environ, "PATH": str(tools)}
    (tmp_path / "halfband.toml").write_text(DESIGN)
    command = [str(HWGEN), "run", "halfband.toml", "--out", "made here", "--jobs", "1"]
    folder = tmp_path / "made here"

    code, out, err = cut(command, tmp_path, environment, "searching coefficients", signal.SIGINT)
    assert (code, out) == (130, ""), err
    assert "Traceback" not in err
    resuming = shlex.split(err.splitlines()[-1].split("with: ")[1])
    assert resuming == ["hwgen", *command[1:]]
    assert not (folder / "result.json").exists()
    kept = steps(folder)
    assert kept

    code, _, _ = cut(command, tmp_path, environment, "word lengths", signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert "search" not in steps(folder)
    assert set(steps(folder)) >= set(kept)

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert {key: steps(folder)[key] for key in kept} == kept
    result = json.loads((folder / "result.json").read_text())
    assert result["verification"].pop("bulk") is None
    whole = {**finished.result, "verification": {**finished.result["verification"]}}
    del whole["verification"]["bulk"], whole["timings"], result["timings"]
    assert json.dumps(result) == json.dumps(whole)
    for name in REPEATED:
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes(), name
    assert not list(folder.glob(".*"))  # nothing half-written stays


@pytest.mark.xdist_group("finished")
def test_a_finished_run_is_not_done_again(finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "made")
    (tmp_path / "halfband.toml").write_text(DESIGN)
    again = hwgen("run", tmp_path / "halfband.toml", "--out", tmp_path / "made", "--json")
    assert again.code == 0
    assert json.dumps({**json.loads(again.out), "timings": 0}) == json.dumps({**finished.result, "timings": 0})
    assert "synthesising" not in again.err
    assert "simulating" not in again.err
    for name in (*REPEATED, "report.html"):
        assert (tmp_path / "made" / name).read_bytes() == (finished.folder / name).read_bytes(), name


def test_a_checkpoint_of_another_design_or_a_damaged_one_is_started_afresh(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    journal.Journal(path, {"digest": "a"}).record("search", 1)
    assert journal.Journal(path, {"digest": "a"}).steps == {"search": 1}
    assert journal.Journal(path, {"digest": "b"}).steps == {}
    path.write_text(path.read_text()[:-5])
    assert journal.Journal(path, {"digest": "a"}).steps == {}


@pytest.mark.usefixtures("swift")
def test_steps_one_by_one_end_as_run_does(tmp_path: Path) -> None:
    design, parts, whole = tmp_path / "halfband.toml", tmp_path / "parts", tmp_path / "whole"
    design.write_text(DESIGN + 'algorithm = "uniform"\n')
    assert hwgen("run", design, "--out", whole).code == 0
    made = {
        "search": ["checkpoint"],
        "generate": ["report.html", "result.json", "tb", *(n for n in REPEATED if "/" not in n)],
        "simulate": [],
        "synthesise": [],
        "report": [],
    }
    seen: list[str] = []
    for step, files in made.items():
        extra = ["--target", "gowin"] if step == "synthesise" else []
        done = hwgen(step, design, "--out", parts, *extra)
        assert done.code == 0, done.err
        seen += files
        assert sorted(path.name for path in parts.iterdir()) == sorted(seen), step
    results = [json.loads((folder / "result.json").read_text()) for folder in (parts, whole)]
    assert json.dumps({**results[0], "timings": 0}) == json.dumps({**results[1], "timings": 0})
    for name in REPEATED:
        assert (parts / name).read_bytes() == (whole / name).read_bytes()


COEFFICIENTS = (BANDS, "coefficients = [0.1, -0.2, 0.55, 0.31]\n")
UNIFORM = ("[search]", '[search]\nalgorithm = "uniform"')
WIDE = ('format = "s1.9"', 'format = "s2.16"')

VARIANTS = {
    "complex": ("sample_rate = 48e3", "sample_rate = 48e3\ncomplex = true", *UNIFORM),
    "unsigned": ('"s1.7"', '"u0.8"', '"s1.9"', '"u1.10"', *UNIFORM),
    "wide input": ('"s1.7"', '"s1.23"', *UNIFORM),
    "negative fractions": ('"s1.7"', '"s10.-2"', '"s1.9"', '"s12.-1"', *UNIFORM),
    "coefficients": COEFFICIENTS,
    "coefficients from CSV": (BANDS, 'coefficients = "taps.csv"\n'),
    "coefficients with bands": (
        "[goal]", "coefficients = [-0.06, -0.01, 0.21, 0.41, 0.41, 0.21, -0.01, -0.06]\n[goal]",
    ),
    "one coefficient": (BANDS, "coefficients = [0.7]\n"),
    "zeros at the ends": (BANDS, "coefficients = [0.0, 0.5, 0.3, 0]\n"),
    "small coefficients": (BANDS, "coefficients = [1e-3, -2e-3]\n", '"s1.9"', '"s1.16"'),
    "fixed length": ("[goal]", "taps = 11\n[goal]", *UNIFORM),
    "free gain": ("[goal]", 'gain = "free"\n[goal]'),
    "another gain": ("[goal]", "gain = 0.7\n[goal]", *UNIFORM),
    "high pass": (BANDS, "bands = [\n  { start = 0, stop = 8e3, attenuation = 0.06 },\n"
                         "  { start = 18e3, stop = 24e3, ripple = 0.1, gain = 0.5 },\n]\n"),
    "half even": ('"s1.9"', '"s1.9"\nrounding = "half_even"', *COEFFICIENTS, *UNIFORM),
    "floor": ('"s1.9"', '"s1.9"\nrounding = "floor"', *COEFFICIENTS, *UNIFORM),
    "wrap": ('"s1.9"', '"s2.8"\noverflow = "wrap"', *COEFFICIENTS, *UNIFORM),
    "data kept in reset": ("[goal]", "[hardware]\nreset_data = false\n[goal]", *COEFFICIENTS, *UNIFORM),
    "least error, bits": (LUTS, 'minimise = "error"\nbudget = { bits = 20 }'),
    "least error, bits, free gain": (LUTS, 'minimise = "error"\nbudget = { bits = 20 }', "[goal]",
                                     'gain = "free"\ntaps = 9\n[goal]'),
    "least error, bits, SQNR": (LUTS, 'minimise = "error"\nsqnr_db = 42\nbudget = { bits = 20 }', *UNIFORM),
    "least error, LUTs": (LUTS, 'minimise = "error"\nbudget = { luts = 120 }'),
    "largest error": ("sqnr_db = 40", "max_error_ulp = 1.0"),
    "both goals": ("sqnr_db = 40", "sqnr_db = 42\nmax_error_ulp = 2.0"),
    "greedy": ("[search]", '[search]\nalgorithm = "greedy"'),
    "common LSB": ("[search]", '[search]\nalgorithm = "common-lsb"'),
    "exchange": ("[search]", '[search]\nalgorithm = "exchange"'),
    "ppso": ("[search]", '[search]\nalgorithm = "ppso"'),
    "one evaluation": ("evaluations = 500", "evaluations = 1"),
    "tone": ("[search]", '[stimulus]\nkind = "tone"\n[search]', *COEFFICIENTS),
    "qpsk": ("[search]", '[stimulus]\nkind = "qpsk"\n[search]', *COEFFICIENTS),
    "recording": ("[search]", '[stimulus]\nfile = "samples.npy"\n[search]', *COEFFICIENTS),
    "fixed coefficient bits": ("[search]", "[search]\ncoefficient_bits = 8"),
    "accumulator bits": ("[search]", "[search]\naccumulator_bits = 12"),
    "output finer than the products": (BANDS, "coefficients = [0.75, 0.5]\n", '"s1.9"', '"s3.20"'),
    "one bit": ('"s1.7"', '"u1.0"', "sqnr_db = 40", "sqnr_db = 20", *COEFFICIENTS),
    "output of a sign alone": ('"s1.9"', '"s1.0"', "sqnr_db = 40", "max_error_ulp = 1", *COEFFICIENTS, *UNIFORM),
    "DSP blocks": ("[goal]", '[hardware]\ndsp = true\n[goal]\ntarget = "ecp5"', *COEFFICIENTS, *UNIFORM),
    "a single pass band": ("  { start = 16e3, stop = 24e3, attenuation_db = 26 },\n", ""),
    "a wire": (BANDS, "coefficients = [1]\n"),
}  # fmt: skip


def ended(text: str, place: Path) -> dict:
    """Run the design file `text` below `place`; its result, after what holds for every design was checked."""
    (place / "taps.csv").write_text("# h\n0.1, 0.25\n0.5\n0.25\n0.1\n")
    np.save(place / "samples.npy", np.random.default_rng(3).uniform(-0.5, 0.5, 3000))
    (place / "halfband.toml").write_text(text)
    done = hwgen("generate", place / "halfband.toml", "--out", place / "made", "--json")
    assert done.code == 0, done.err
    result, design = json.loads(done.out), package.load(place / "made")
    assert result["goal"]["met"] is True
    bench = subprocess.run(
        ["sh", place / "made" / "tb" / "run.sh"], capture_output=True, text=True, check=False, timeout=60
    )
    assert bench.returncode == 0, bench.stdout + bench.stderr
    assert bench.stdout.startswith("PASS: ")
    # The model keeps its promise against a convolution in Python's integers, saturation and wrapping apart.
    fir, count = design.fir, 400
    x = np.random.default_rng(4).integers(fir.input.minimum, fir.input.maximum, (fir.channels, count), endpoint=True)
    y = np.atleast_2d(design.model(x if fir.channels == 2 else x[0]))
    low, high = fir.output.minimum, fir.output.maximum
    shift = fir.fraction + fir.input.fraction - fir.output.fraction  # of an output LSB over that of a product
    for words, outputs in zip(x.tolist(), y.tolist(), strict=True):
        for n in range(count):
            exact = sum(h * words[n - k] for k, h in enumerate(design.coefficients[: n + 1])) * 2.0**-shift
            if low < exact < high:
                assert abs(outputs[n] - exact) <= result["quality"]["max_error_ulp"] + 1e-6
    return result


@pytest.mark.usefixtures("swift")
@pytest.mark.parametrize("name", VARIANTS)
def test_every_kind_of_design_ends_bit_true(name: str, tmp_path: Path) -> None:
    result = ended(changed(*VARIANTS[name]), tmp_path)
    goal, quality = result["goal"], result["quality"]
    assert quality["sqnr_db"] is None or quality["sqnr_db"] >= goal.get("sqnr_db", 0)
    assert quality["max_error_ulp"] <= goal.get("max_error_ulp", np.inf)
    assert sum(result["bits"].values()) <= goal.get("budget", {}).get("bits", np.inf)
    assert result["resources"]["synthesis"]["lut"] <= goal.get("budget", {}).get("luts", np.inf)
    if "bands" not in changed(*VARIANTS[name]):
        assert (quality["ripple_db"], quality["attenuation_db"], quality["error"]) == (None, None, None)
    if name == "fixed length":
        assert len(result["coefficients"]) == 11
    if name == "free gain":
        assert result["top"]["gain"] != 1.0
    if name == "accumulator bits":
        fir = package.load(tmp_path / "made").fir
        assert max(fir.words.widths[k] for k in fir.words.accumulators) <= 12
    if name == "fixed coefficient bits":
        assert max(result["bits"].values()) <= 8
    if name == "complex":
        assert [port["name"] for port in result["top"]["ports"]] == [
            "clk", "rst", "i_valid", "i_re", "i_im", "o_valid", "o_re", "o_im",
        ]  # fmt: skip


def test_headroom_and_success() -> None:
    good = {"goal": {"met": True}, "verification": {"bit_true": {"mismatches": 0, "samples": 9}, "bulk": None}}
    assert flow.succeeded(good)
    assert flow.succeeded({**good, "verification": {"bit_true": None, "bulk": None}})  # no simulation was asked for
    assert not flow.succeeded({**good, "goal": {"met": False}})
    for check in ({"mismatches": 1, "samples": 9}, {"mismatches": 0, "samples": 0}):
        assert not flow.succeeded({**good, "verification": {"bit_true": check, "bulk": None}})
        assert not flow.succeeded({**good, "verification": {"bit_true": None, "bulk": check}})


def test_what_is_not_finite_is_null() -> None:
    found = {"a": [1.5, math.inf, (2, -math.inf)], "b": {"c": math.nan, "d": "inf"}, "e": None}
    assert flow._finite(found) == {"a": [1.5, None, [2, None]], "b": {"c": None, "d": "inf"}, "e": None}
