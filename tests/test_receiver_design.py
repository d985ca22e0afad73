"""A receiver from design file to verified Verilog; what its design file may not have."""

import json
from pathlib import Path

import numpy as np
import pytest
from receivers_small import TEXT, search, small

import hwgen
from hwgen import flow, verify
from hwgen.designs.receiver_widths import chain
from hwgen.finished.receiver import Receiver, thawed
from hwgen.kinds import receiver as kind
from hwgen.spec import DesignFileError, parse
from hwgen.workers import local_pool


def test_a_receiver_survives_freezing() -> None:
    made = Receiver("rx", chain(search(small()).hogenauer(12)), 19)
    again = thawed(json.loads(json.dumps(made.frozen())))
    assert again == made
    x = np.random.default_rng(2).integers(-512, 512, (1, 999))
    assert (again.words(x) == made.words(x)).all()


def test_numbers_go_in_and_come_out() -> None:
    made = Receiver("rx", chain(search(small()).hogenauer(12)), 19)
    x = np.random.default_rng(3).uniform(-0.5, 0.5, 800)
    words = np.round(x * 512).astype(np.int64)
    y = made.words(words[None]) * made.chain.output.lsb
    assert np.allclose(made.model(x), y[0] + 1j * y[1], atol=0)
    assert (made.model(words[None]) == made.words(words[None])).all()
    with pytest.raises(ValueError, match="real samples"):
        made.model(x + 0j)


def test_run_writes_a_verified_receiver(tmp_path: Path) -> None:
    path = tmp_path / "rx.toml"
    path.write_text(TEXT)
    spec = parse(TEXT, path)
    with local_pool(1) as pool:
        result = flow.Run(spec, tmp_path / "out", pool).everything(bulk=False)
    assert result["goal"]["met"]
    assert result["quality"]["sqnr_db"] >= 40
    check = result["verification"]["bit_true"]
    assert check["mismatches"] == 0
    assert check["samples"] > 2000
    assert result["resources"]["synthesis"]["lut"] <= 0.75 * result["baselines"]["uniform"]["lut"]
    assert result["resources"]["synthesis"]["lut"] <= 0.75 * result["baselines"]["hogenauer"]["lut"]
    assert abs(result["receiver"]["analytic_sqnr_db"] - result["quality"]["sqnr_db"]) <= 0.7
    loaded = hwgen.load(tmp_path / "out")
    assert isinstance(loaded, Receiver)
    assert "// mixer: phase modulo 80" in loaded.verilog
    assert (tmp_path / "out" / "report.html").read_text().count("Output and what the arithmetic adds") >= 1


def test_a_broken_receiver_is_found_out() -> None:
    from dataclasses import replace

    from hwgen.emit import verilog

    made = Receiver("rx", chain(search(small()).hogenauer(12)), 19)
    text = verilog(made.component(), "rx")
    changed = text.replace("cic_comb1_re <= ", "cic_comb1_re <= ~", 1)
    assert changed != text
    assert verify.bit_true(replace(made, verilog=text), None, 1).bit_true
    assert verify.bit_true(replace(made, verilog=changed), None, 1).mismatches > 0


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("order = 3", "", "stage[1].block"),
        ("order = 3", "order = 3\nfrequency = 1e6", "stage[1].frequency"),
        ("decimate = 4", "decimate = 1", "stage[1].decimate"),
        ("stop = 1.0e6", "stop = 1.1e6", "stage[2].bands[1].stop"),
        ("frequency = 1.9e6", "frequency = 4.1e6", "stage[0].frequency"),
        ('"luts"', '"cells"', "goal.minimise"),
        ("sqnr_db = 40", "sqnr_db = 40\nmax_error_ulp = 1.0", "goal.max_error_ulp"),
        ("sqnr_db = 40", "sqnr_db = 40\nevm_percent = 1.0", "goal.minimise"),
        ('format = "s1.9"', 'format = "u1.9"', "input.format"),
        ("[goal]", "[hardware]\ndsp = true\n[goal]", "hardware.dsp"),
        ("[goal]", "[hardware]\nreset_data = false\n[goal]", "hardware.reset_data"),
        ('block = "fir"\ncompensate = true', 'block = "mixer"\nfrequency = 1e5', "stage[2].compensate"),
        ("[goal]", '[[stage]]\nblock = "cic"\norder = 2\ndecimate = 2\n[goal]', "stage[3].block"),
        ("[goal]", '[[stage]]\nblock = "gain"\n[goal]', "stage[3].block"),
    ],
)
def test_a_mistake_names_its_key(old: str, new: str, key: str) -> None:
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    if key == "stage[2].compensate":
        key = "stage[2].decimate"
    with pytest.raises(DesignFileError) as caught:
        parse(text, "rx.toml")
    assert f"{key}" in str(caught.value), str(caught.value)


def test_stages_belong_to_receivers() -> None:
    with pytest.raises(DesignFileError, match="stage"):
        parse(TEXT.replace('kind = "receiver"', 'kind = "fir"'), "rx.toml")
    assert set(kind.__all__) >= {"reference", "searched", "thawed", "drawn", "asked"}
