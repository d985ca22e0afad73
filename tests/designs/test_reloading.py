"""coefficients = "reloadable" on its whole way: registers from the allocator, ports, budgets, several channels."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from finished import LUTS, changed, hwgen
from scipy import signal

import hwgen as package
from hwgen import flow, verify
from hwgen.blocks.reloadable import Reloadable
from hwgen.check.lint import lint
from hwgen.fixed import Format

BANDS = ("[goal]", 'coefficients = "reloadable"\n[goal]')


@pytest.fixture(autouse=True)
def short(threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 2_000)
    monkeypatch.setattr(flow, "_has", lambda tool: False)


def run(folder: Path, *pairs: str) -> tuple[dict, Path]:
    """`hwgen run` of the small design with changes; its result and folder."""
    (folder / "small.toml").write_text(changed(*BANDS, *pairs))
    ran = hwgen("run", folder / "small.toml", "--out", folder / "out")
    assert ran.code == 0, ran.err
    return json.loads((folder / "out" / "result.json").read_text()), folder / "out"


def test_run(tmp_path: Path) -> None:
    result, out = run(tmp_path)
    ports = {port["name"]: port for port in result["top"]["ports"]}
    assert list(ports) == ["clk", "rst", "i_valid", "i_data", "c_valid", "c_index", "c_data", "o_valid", "o_data"]
    formats = [Format.parse(text.split()[1]) for text in ports["c_data"]["format"].split(", ")]
    taps = [Fraction(text) for text in result["coefficients"]]
    assert len(formats) == (len(taps) + 1) // 2
    assert list(result["bits"].values()) == [form.width for form in formats]
    assert ports["c_data"]["width"] == max(form.width for form in formats)
    assert (ports["c_valid"]["width"], ports["c_valid"]["format"], ports["c_index"]["format"]) == (1, None, None)
    assert 1 << ports["c_index"]["width"] >= len(formats)
    assert taps == taps[::-1]
    for form, value in zip(formats, taps, strict=False):
        word = value * 2**form.fraction
        assert word.denominator == 1
        assert form.minimum <= word <= form.maximum
    # The power-up set meets mask and SQNR.
    f = np.concatenate([np.linspace(0, 6e3, 2001), np.linspace(16e3, 24e3, 2001)])
    level = 20 * np.log10(np.abs(signal.freqz([float(t) for t in taps], worN=f, fs=48e3)[1]) + 1e-300)
    assert np.abs(level[f <= 6e3]).max() <= 1.0
    assert level[f >= 16e3].max() <= -26
    assert result["quality"]["sqnr_db"] >= 40
    assert result["verification"]["bit_true"]["mismatches"] == 0
    assert result["resources"]["estimate"]["lut"] == pytest.approx(result["resources"]["synthesis"]["lut"], rel=0.1)
    assert set(result["baselines"]) == {"uniform", "common_lsb", "greedy"}
    text = (out / "halfband.v").read_text()
    assert ports["c_data"]["format"] in re.sub(r"\n// ", " ", text)
    design = package.load(out)
    assert isinstance(design.fir, Reloadable)
    assert design.fir.formats == tuple(formats)
    assert design.verilog == text
    assert lint(text, design.top) == []


def test_a_complex_filter_for_two_channels_within_a_budget_of_bits(tmp_path: Path) -> None:
    goal = (LUTS, 'minimise = "error"\nbudget = { bits = 30 }')
    result, out = run(tmp_path, "sample_rate = 48e3", "sample_rate = 48e3\ncomplex = true\nchannels = 2", *goal)
    assert sum(result["bits"].values()) <= 30
    assert result["verification"]["bit_true"]["mismatches"] == 0
    design = package.load(out)
    assert (design.fir.channels, design.fir.interleave) == (2, 2)
    assert "2 channels in turn" in (out / "halfband.v").read_text()


def test_a_budget_of_luts(tmp_path: Path) -> None:
    result, _ = run(tmp_path, LUTS, 'minimise = "error"\nbudget = { luts = 600 }')
    assert result["resources"]["synthesis"]["lut"] <= 600


def test_same_input_same_files(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        _, out = run(tmp_path / name)
        made.append({p.name: p.read_bytes() for p in out.rglob("*") if p.suffix in (".v", ".hex", ".core")})
    assert made[0] == made[1]


def test_the_digest_knows_the_word() -> None:
    fixed, loaded = package.spec.parse(changed(), "a.toml"), package.spec.parse(changed(*BANDS), "a.toml")
    assert loaded.response.reloadable
    assert not fixed.response.reloadable
    assert fixed.digest != loaded.digest
