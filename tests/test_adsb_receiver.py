"""The ADS-B example: its samples, its detector, and frames that come through a receiver and its Verilog."""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwgen.check.script import script
from hwgen.check.simulate import simulate
from hwgen.designs.receiver_reference import reference
from hwgen.designs.receiver_search import Search
from hwgen.emit import verilog
from hwgen.finished.receiver import Receiver
from hwgen.spec import parse

EXAMPLES = Path(__file__).parents[1] / "examples"
FRAME = (
    "8d4840d6202cc371c32ce0576098"  # Sun, The 1090 Megahertz Riddle, 2nd ed., sec. 3.4: a DF 17 whose parity is right
)


@pytest.fixture(scope="module")
def tools() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / "adsb_receiver.py"))


def test_the_script_runs_on_its_own() -> None:
    script = EXAMPLES / "adsb_receiver.py"
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--icarus" in done.stdout


def pulses(digits: str) -> np.ndarray:
    """A frame as half-microsecond samples, with silence around it."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(digits), dtype=np.uint8))
    preamble = np.zeros(16)
    preamble[[0, 2, 7, 9]] = 1
    body = np.stack([bits, 1 - bits], axis=1).reshape(-1)
    return np.concatenate([np.zeros(50), preamble, body, np.zeros(300)]) + 0j


def test_the_detector_finds_a_published_frame_and_no_damaged_one(tools: dict[str, Any]) -> None:
    assert tools["frames"](0.3j * pulses(FRAME)) == [(50, FRAME)]
    for wrong in ("8d4840d6202cc371c32ce0576099", "8d4840d6202cc371c33ce0576098"):
        assert tools["frames"](pulses(wrong)) == []


def test_frames_come_through_a_receiver_of_few_bits_and_its_verilog(tools: dict[str, Any], tmp_path: Path) -> None:
    samples = tools["intermediate"]()
    np.save(tmp_path / "adsb_if.npy", samples.astype(np.float32))
    text = (EXAMPLES / "adsb_receiver.toml").read_text().replace("data/adsb_if.npy", "adsb_if.npy")
    known = reference(parse(text, tmp_path / "adsb_receiver.toml"))
    work = Search(known.bench, known.goal, "ice40", 1, 100, "greedy", lambda what, share: None)
    design = Receiver("adsb_receiver", work.best(work.allocated("greedy", "greedy"))[0].chain)
    words = np.floor(samples * 2048 + 0.5).astype(np.int64)[None]
    y = design.words(words)
    wanted, found = tools["frames"](tools["received"](samples)), tools["frames"](y[0] + 1j * y[1])
    assert len(wanted) >= 200
    assert len(found) >= 0.99 * len(wanted)
    start = tools["frames"](y[0] + 1j * y[1])[0][0]
    part = words[:, : 8 * (start + 300)]
    top = design.core
    made = script(part, np.random.default_rng(1), gap_probability=0.0, drain=top.span + 4)
    expected = top.expected(made, design.words)
    assert simulate(verilog(design.component(), "adsb_receiver"), top, made, expected).bit_true
    y = expected.data[:, expected.valid]
    assert tools["frames"](y[0] + 1j * y[1])[0] == found[0]
