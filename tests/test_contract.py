"""What `hwgen run` leaves in its folder, against the contract and against arithmetic done without hwgen."""

import json
import re
import shutil
import stat
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from finished import DESIGN, Finished, changed, hwgen
from scipy import signal

import hwgen as package
from hwgen import spec, stimulus

pytestmark = pytest.mark.xdist_group("finished")

FILES = [
    "checkpoint", "halfband.core", "halfband.sdc", "halfband.v", "halfband.xdc", "report.html", "result.json",
    "tb/expected.hex", "tb/halfband_tb.v", "tb/run.sh", "tb/stimulus.hex",
]  # fmt: skip

COUNTS = {"lut": int, "ff": int, "carry": int, "dsp": int, "bram": int}
CHECKED = {"samples": int, "mismatches": int, "simulator": str}
BASELINE = {"bits": int, "lut": int, "error": float}
RESULT = {
    "schema": int, "hwgen": str, "name": str, "kind": str, "command": str, "seed": int,
    "top": {
        "module": str, "interface": str,
        "ports": [{"name": str, "direction": str, "width": int, "format": (str, None)}],
        "latency": int, "group_delay": float, "gain": float, "clocks_per_sample": int, "headroom_db": float,
    },
    "coefficients": [str],
    "bits": {"tap0": int, "tap1": int, "tap2": int, "tap3": int},
    "goal": {"minimise": str, "sqnr_db": float, "target": str, "met": bool},
    "quality": {"ripple_db": float, "attenuation_db": float, "sqnr_db": float, "error": float, "max_error_ulp": float},
    "resources": {"target": str, "estimate": COUNTS, "synthesis": {**COUNTS, "tool": str}, "place": None},
    "baselines": {"uniform": BASELINE, "common_lsb": BASELINE, "greedy": BASELINE},
    "verification": {"bit_true": CHECKED, "bulk": (CHECKED, None), "equivalence": str},
    "search": {"algorithm": str, "evaluations": int, "unique": int, "bound": None, "gap": None},
    "timings": {"search": float, "generate": float, "bit_true": float, "bulk": float},
}  # fmt: skip


def require(value: object, shape: object, where: str = "result") -> None:
    """Fail unless `value` has exactly the keys and types of `shape`."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), where
        assert list(value) == list(shape) or set(value) == set(shape), where
        for key, inner in shape.items():
            require(value[key], inner, f"{where}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), where
        assert value, where
        for item in value:
            require(item, shape[0], f"{where}[]")
    elif isinstance(shape, tuple):
        require(value, shape[1] if value is None else shape[0], where)
    elif shape is None:
        assert value is None, where
    else:
        assert type(value) is shape, f"{where} is {value!r}"


def fractions(result: dict) -> list[Fraction]:
    """The coefficients, exactly."""
    return [Fraction(text) for text in result["coefficients"]]


def bench(folder: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(folder / "tb" / "run.sh")]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_files(finished: Finished) -> None:
    found = [path for path in finished.folder.rglob("*") if path.is_file()]
    assert sorted(path.relative_to(finished.folder).as_posix() for path in found) == FILES
    assert all(stat.S_IMODE(path.stat().st_mode) == (0o755 if path.name == "run.sh" else 0o644) for path in found)


def test_result_has_the_keys_and_types_of_the_contract(finished: Finished) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    result = json.loads((finished.folder / "result.json").read_text(), parse_constant=refuse)
    shape = RESULT if result["verification"]["bulk"] else {**RESULT, "timings": {
        key: kind for key, kind in RESULT["timings"].items() if key != "bulk"}}  # fmt: skip
    require(result, shape)
    assert result["schema"] == 1
    assert result["hwgen"] == package.__version__
    assert result["name"] == result["top"]["module"] == "halfband"
    assert result["command"] == "hwgen run halfband.toml"
    assert result["verification"]["bit_true"]["samples"] >= 20_000
    assert result["verification"]["bit_true"]["mismatches"] == 0
    assert result["verification"]["equivalence"] in ("proved", "not run")
    bulk = result["verification"]["bulk"]
    assert bulk is None or (bulk["samples"] >= 1_000_000 and bulk["mismatches"] == 0)
    assert 0 < result["search"]["unique"] <= result["search"]["evaluations"]


def test_the_checker_of_shapes_sees_a_wrong_one(finished: Finished) -> None:
    for spoiled in ({**finished.result, "schema": "1"}, {**finished.result, "more": 1}, {**finished.result, "top": []}):
        with pytest.raises(AssertionError):
            require(spoiled, RESULT)


def test_coefficients_are_exact_decimals_and_bits_are_enough_for_them(finished: Finished) -> None:
    values, bits = fractions(finished.result), finished.result["bits"]
    assert all(re.fullmatch(r"-?\d+(\.\d*[1-9])?", text) for text in finished.result["coefficients"])
    assert values == values[::-1]
    assert list(bits) == [f"tap{k}" for k in range((len(values) + 1) // 2)]
    for value, width in zip(values, bits.values(), strict=False):
        assert value.denominator & (value.denominator - 1) == 0
        odd = value.numerator
        while odd and odd % 2 == 0:
            odd //= 2
        needed = 0 if odd == 0 else (odd if odd > 0 else -odd - 1).bit_length() + 1
        assert needed <= width <= 18


def test_mask_is_met_as_scipy_sees_it(finished: Finished) -> None:
    taps = np.array([float(value) for value in fractions(finished.result)])
    f = np.concatenate([np.linspace(0, 6e3, 20_001), np.linspace(16e3, 24e3, 20_001)])
    level = 20 * np.log10(np.abs(signal.freqz(taps, worN=f, fs=48e3)[1]) + 1e-300)
    quality = finished.result["quality"]
    assert np.abs(level[f <= 6e3]).max() <= 1.0
    assert level[f >= 16e3].max() <= -26
    assert np.abs(level[f <= 6e3]).max() == pytest.approx(quality["ripple_db"], abs=1e-4)
    assert -level[f >= 16e3].max() == pytest.approx(quality["attenuation_db"], abs=1e-4)
    # Weights 1/ripple and 1/attenuation, scaled so that the first band has 1.
    ripple = (10 ** (1 / 20) - 10 ** (-1 / 20)) / 2
    passed = np.abs(10 ** (level[f <= 6e3] / 20) - 1).max()
    error = max(passed, (10 ** (level[f >= 16e3] / 20)).max() * ripple / 10**-1.3)
    assert error == pytest.approx(quality["error"], rel=1e-4)


def test_sqnr_is_what_the_model_has_on_the_stimulus(finished: Finished) -> None:
    design, goal = package.load(finished.folder), finished.result["goal"]["sqnr_db"]
    taps, known = fractions(finished.result), finished.result["quality"]

    def sqnr(x: np.ndarray) -> float:
        # Exact in integers: coefficients in units of 2**-f, samples of 2**-7, outputs of 2**-9.
        f = max(value.denominator for value in taps).bit_length() - 1
        exact = np.convolve(x, [int(value * 2**f) for value in taps])[: len(x)]
        error = design.model(x) * 2 ** (f + 7) - exact * 2**9
        assert np.abs(error).max() <= known["max_error_ulp"] * 2 ** (f + 7)
        return float(10 * np.log10(np.sum((exact * 2.0**9) ** 2) / np.sum(error.astype(float) ** 2)))

    asked = spec.parse(DESIGN, "halfband.toml")
    judged = stimulus.samples(asked, 1 << 16, np.random.default_rng(asked.search.seed))[0]
    assert np.abs(judged).max() <= 64  # -6 dBFS
    assert sqnr(judged) == pytest.approx(known["sqnr_db"], abs=1e-6)
    assert sqnr(judged) >= goal
    assert sqnr(np.random.default_rng(5).integers(-64, 65, 1 << 16)) == pytest.approx(known["sqnr_db"], abs=0.2)


def test_ports_are_those_of_the_verilog(finished: Finished) -> None:
    text = (finished.folder / "halfband.v").read_text()
    module = re.search(r"^module halfband\(([^)]*)\);$", text, re.MULTILINE)
    assert module is not None
    declared = {}
    port_line = r"^\s*(input|output)\s+(?:signed\s+)?(?:\[(\d+):0\]\s+)?(\w+);"
    for way, high, name in re.findall(port_line, text, re.MULTILINE):
        declared[name] = (way, int(high or 0) + 1)
    ports = {port["name"]: (port["direction"], port["width"]) for port in finished.result["top"]["ports"]}
    assert ports == declared
    assert set(module[1].split(", ")) == set(ports)
    assert ports == {
        "clk": ("input", 1), "rst": ("input", 1), "i_valid": ("input", 1), "i_data": ("input", 8),
        "o_valid": ("output", 1), "o_data": ("output", 10),
    }  # fmt: skip
    formats = {port["name"]: port["format"] for port in finished.result["top"]["ports"] if port["format"]}
    assert formats == {"i_data": "s1.7", "o_data": "s1.9"}


def test_header_says_what_the_result_says(finished: Finished) -> None:
    header = (finished.folder / "halfband.v").read_text().split("module")[0]
    top, digest = finished.result["top"], spec.parse(DESIGN, "halfband.toml").digest
    for fact in (
        "SPDX-License-Identifier", f"hwgen {finished.result['hwgen']}", f"Design hash: {digest}", "s1.7", "s1.9",
        f"Latency {top['latency']} clocks", f"group delay {top['group_delay']} samples", f"gain {top['gain']}",
    ):  # fmt: skip
        assert fact in header
    assert (finished.folder / "tb" / "halfband_tb.v").read_text().startswith("// SPDX-License-Identifier")


def test_core_names_files_that_are_there(finished: Finished) -> None:
    yaml = pytest.importorskip("yaml")
    text = (finished.folder / "halfband.core").read_text()
    assert text.startswith("CAPI=2:\n")
    core = yaml.safe_load(text.removeprefix("CAPI=2:\n"))
    named = [entry for fileset in core["filesets"].values() for entry in fileset["files"]]
    paths = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in named]
    assert {"halfband.v", "halfband.sdc", "halfband.xdc", "tb/halfband_tb.v"} <= set(paths)
    assert all((finished.folder / path).is_file() for path in paths)
    assert core["targets"]["default"]["toplevel"] == "halfband"
    for target in core["targets"].values():
        listed = [re.search(r"\(?(\w+)\)?$", name)[1] for name in target["filesets"]]
        assert set(listed) <= set(core["filesets"])


def test_constraints_have_the_clock(finished: Finished) -> None:
    for name in ("halfband.sdc", "halfband.xdc"):
        text = (finished.folder / name).read_text()
        period = re.search(r"^create_clock -name clk -period ([\d.]+) \[get_ports clk\]$", text, re.MULTILINE)
        assert period is not None
        assert float(period[1]) == pytest.approx(1e9 / 48e3, rel=1e-6)


def test_no_file_knows_where_or_when_it_was_made(finished: Finished) -> None:
    for path in finished.folder.rglob("*"):
        if path.is_file():
            text = path.read_text()
            for place in (finished.folder.parent, Path.home(), Path(__file__).parent):
                assert str(place) not in text, path.name
            assert not re.search(r"/tmp/|\b20\d\d-\d\d-\d\d\b|\b\d\d:\d\d:\d\d\b", text), path.name


def test_bench_passes_from_anywhere(finished: Finished, tmp_path: Path) -> None:
    done = bench(finished.folder, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("PASS: ")
    assert "latency 3, 0 mismatches" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["an operator", "the reset", "the clock enable", "the output register"])
def test_bench_and_simulation_see_broken_hardware(fault: str, finished: Finished, tmp_path: Path) -> None:
    pattern, instead = {
        "an operator": (r"(assign .* = .*) ([+-]) ", lambda m: m[1] + (" - " if m[2] == "+" else " + ")),
        "the reset": (r"if \(rst\) ((?:acc|d)[1-9]) <= \d+'h0+;\n\s*else", ""),
        "the clock enable": (r"x_valid <= i_valid;", "x_valid <= 1'h1;"),
        "the output register": (r"o_data <= (rounded);", r"o_data <= \1 ^ 1;"),
    }[fault]
    folder = tmp_path / "made"
    shutil.copytree(finished.folder, folder)
    text = (folder / "halfband.v").read_text()
    broken, count = re.subn(pattern, instead, text, count=1)
    assert count == 1, text
    (folder / "halfband.v").write_text(broken)
    done = bench(folder, tmp_path)
    assert done.returncode != 0
    assert "FAIL: " in done.stdout
    assert "PASS" not in done.stdout
    if fault == "an operator":
        checked = hwgen("simulate", folder)
        assert checked.code == 1
        assert "clock " in checked.err


@pytest.mark.usefixtures("threads")
def test_impulse_through_full_precision_verilog_gives_the_coefficients(tmp_path: Path) -> None:
    text = changed('format = "s1.9"', 'format = "s2.22"', "sqnr_db = 40", "max_error_ulp = 0.5")
    (tmp_path / "exact.toml").write_text(text + 'algorithm = "uniform"\n')
    folder = tmp_path / "exact"
    assert hwgen("generate", tmp_path / "exact.toml", "--out", folder).code == 0
    result = json.loads((folder / "result.json").read_text())
    assert result["quality"]["max_error_ulp"] <= 0.5
    assert result["verification"]["bit_true"] is None
    impulse = np.zeros(40, dtype=np.int64)
    impulse[3] = -128  # -1.0
    np.save(tmp_path / "x.npy", impulse)
    words = ["--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy", "--rtl"]
    done = hwgen("simulate", folder, *words)
    assert done.code == 0, done.err
    response = [Fraction(-int(word), 2**22) for word in np.load(tmp_path / "y.npy")]
    wanted = fractions(result)
    assert response == [0, 0, 0, *wanted, *[Fraction(0)] * (37 - len(wanted))]
