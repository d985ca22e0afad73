"""An equaliser from design file to proved Verilog, report and mended mistakes."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from equalizer_small import TOML

import hwgen
from hwgen import flow, verify
from hwgen.spec import DesignFileError, load, parse

pytestmark = pytest.mark.xdist_group("equalizer")  # one worker, so one run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("equalizer")
    (place / "small.toml").write_text(TOML)
    with ThreadPoolExecutor(1) as pool:
        flow.Run(load(place / "small.toml"), place / "out", pool).everything(bulk=False)
    return place / "out"


def test_the_result_says_what_was_asked_for(folder: Path) -> None:
    result = json.loads((folder / "result.json").read_text())
    assert flow.succeeded(result)
    assert result["verification"]["bit_true"]["samples"] >= 20_000
    assert result["verification"]["bit_true"]["mismatches"] == 0
    assert 0 < result["quality"]["evm_loss_db"] <= 0.5
    assert result["quality"]["evm_percent"] > result["quality"]["evm_float_percent"]
    assert result["equalizer"]["stalled"] == []
    assert result["resources"]["synthesis"]["lut"] <= min(b["lut"] for b in result["baselines"].values())
    assert set(result["bits"]) == {
        *(f"tap{k}_{word}" for k in range(3) for word in ("weight", "used", "data", "correlated")), "error", "sum",
    }  # fmt: skip
    assert [port["name"] for port in result["top"]["ports"]][-3:] == ["o_valid", "o_data", "o_symbol"]


def test_the_report_shows_the_three_convergences(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    for words in ("Convergence of the equaliser", "floating point", "noise model", "bit-true", "Widths of each tap"):
        assert words in text
    assert "Stalled coefficients: none" in text


def test_the_finished_design_is_its_own_model(folder: Path) -> None:
    design = hwgen.load(folder)
    rng = np.random.default_rng(1)
    words = design.stimuli(None, 300, rng)
    assert np.array_equal(design.model(words), design.lms.model(words))
    assert "equaliser for BPSK" in repr(design)


def test_broken_hardware_is_found_out(folder: Path) -> None:
    design = hwgen.load(folder)
    text = "i_train"
    assert f"<= {text};" in design.verilog
    broken = replace(design, verilog=design.verilog.replace(f"<= {text};", "<= 1'h1;"))
    assert not verify.bit_true(broken, None, 1).bit_true


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        ("[equalizer]\n", "[response]\ncoefficients = [1.0]\n[equalizer]\n", "response", "remove the table"),
        ("evm_loss_db = 0.5", "sqnr_db = 40", "goal.sqnr_db", "no goal of an equalizer"),
        ('minimise = "luts"', 'minimise = "cells"', "goal.minimise", "LUTs are minimised"),
        ('"bpsk"', '"qpsk"', "equalizer.constellation", "complex symbols"),
        ("[0.3, 1.0, -0.2]", "[[0.3, 0.1], 1.0]", "equalizer.channel", "is real here"),
        ("[0.3, 1.0, -0.2]", "[0.3, [1, 2, 3]]", "equalizer.channel", "a pair"),
        ("[0.3, 1.0, -0.2]", '"none.csv"', "equalizer.channel", "cannot read"),
        ("delay = 1", "delay = 8", "equalizer.delay", "delay = 5 or less"),
        ("delay = 1", "cursor = 9", "equalizer.cursor", "leave it out"),
        ("delay = 1", "level = 5.0", "equalizer.level", "does not fit"),
        ('format = "s2.6"', 'format = "s2.1"', "output.format", "does not fit"),
        ('format = "s1.7"', 'format = "u1.7"', "input.format", "signed"),
        ("[goal]\n", "[hardware]\ndsp = true\n[goal]\n", "hardware.dsp", "in one way"),
        ("[goal]\n", '[stimulus]\nkind = "tone"\n[goal]\n', "stimulus", "remove"),
        ("taps = 3\n", "", "equalizer.taps", "required"),
    ],
)
def test_mistakes_are_named(old: str, new: str, key: str, told: str) -> None:
    assert TOML.count(old) == 1
    with pytest.raises(DesignFileError) as caught:
        parse(TOML.replace(old, new), "small.toml")
    assert key in str(caught.value)
    assert told in str(caught.value)


def test_a_channel_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "channel.csv").write_text("# taps\n0.3\n1.0, 0\n-0.2\n")
    (tmp_path / "small.toml").write_text(TOML.replace("[0.3, 1.0, -0.2]", '"channel.csv"'))
    listed, filed = parse(TOML, "small.toml"), load(tmp_path / "small.toml")
    assert filed.equalizer == listed.equalizer
    assert filed.digest == listed.digest
