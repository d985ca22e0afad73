"""An independent judge of AXI4-Stream designs: cocotbext-axi sends packets, and NumPy says what must come back."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axi_designs import BLOCKS, design
from test_stream import broken

from hwgen.check import processes
from hwgen.finished.fir import Design

BENCH = Path(__file__).with_name("axi_stream_bench.py")
_PACKETS = 40


def words(rows: np.ndarray, width: int, signed: bool, garbage: np.random.Generator | None = None) -> list[int]:
    """tdata of samples (channels, n), real part lowest, each in whole bytes."""
    size = -(-width // 8) * 8
    found = []
    for column in rows.T.tolist():
        total = 0
        for lane, value in enumerate(column):
            word = value % (1 << (size if signed else width))
            if garbage is not None:
                word = word % (1 << width) + (int(garbage.integers(0, 1 << (size - width))) << width)
            total += word << lane * size
        found.append(total)
    return found


def judged(folder: Path, made: Design, text: str, lengths: Sequence[int]) -> dict[str, Any]:
    """What came back for packets of these lengths, what had to, and what was seen on the way."""
    rng, fir = np.random.default_rng(7), made.fir
    x = rng.integers(fir.input.minimum, fir.input.maximum, (fir.channels, sum(lengths)), endpoint=True)
    y = fir.model(x)
    put, got = words(x, fir.input.width, fir.input.signed, rng), words(y, fir.output.width, fir.output.signed)
    ends = np.cumsum(lengths)
    sent = [put[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    # The output of samples R m to R m + R - 1 ends a packet where one of them does.
    last = sorted({(end - 1) // fir.decimate for end in ends.tolist()})
    cuts = [(k + 1) * fir.interpolate for k in last]
    wanted = [got[start:stop] for start, stop in zip([0, *cuts], cuts, strict=False)]
    side = [port.name for port in made.shell.side] if made.shell else []
    job = {"top": made.name, "side": side, "packets": sent, "outputs": len(wanted)}
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "design.v").write_text(text)
    shutil.copy(BENCH, folder)
    processes.run([sys.executable, BENCH.name], folder, 300, "cocotbext-axi", {"PYTHONPATH": "", **environment()})
    answer = folder / "packets.json"
    found = json.loads(answer.read_text()) if answer.exists() else {"packets": "fewer came back than were sent"}
    return {**found, "wanted": wanted}


def environment() -> dict[str, str]:
    from hwgen.check.simulate import _environment

    return _environment()


def lengths(made: Design) -> list[int]:
    drawn = np.random.default_rng(8).integers(1, 40, _PACKETS) * made.fir.decimate
    return [*drawn.tolist(), 1] if made.fir.decimate > 1 else drawn.tolist()  # a group of one, ended by its tlast


@pytest.mark.parametrize("name", BLOCKS)
def test_packets_come_back_whole(name: str, tmp_path: Path) -> None:
    made = design(name)
    answer = judged(tmp_path, made, made.verilog, lengths(made))
    assert answer["packets"] == answer["wanted"]
    assert answer["broken"] == []
    assert answer["paths"] == 0, "s_axis_tready follows m_axis_tready within a clock"


SEEN = [
    "an output lost when the sink stalls", "an output repeated", "valid withdrawn", "a FIFO one entry too shallow",
    "tlast of the sample before", "padding of zeros", "ready that looks through", "a tlast that does not end the group",
]  # fmt: skip


@pytest.mark.parametrize("name", SEEN)
def test_it_sees_broken_hardware(name: str, tmp_path: Path) -> None:
    kind, text = broken(name)
    answer = judged(tmp_path, design(kind), text, lengths(design(kind)))
    assert answer["packets"] != answer["wanted"] or answer["broken"] or answer["paths"]
