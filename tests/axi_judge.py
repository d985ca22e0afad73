"""An independent judge of AXI4-Stream designs: cocotbext-axi sends packets, and NumPy says what must come back."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.check import processes
from hwgen.check.simulate import _environment
from hwgen.check.vectors import Port
from hwgen.finished import Finished

BENCH = Path(__file__).with_name("axi_stream_bench.py")
_PACKETS = 40


def beats(rows: np.ndarray, ports: Sequence[Port], garbage: np.random.Generator | None = None) -> list[int]:
    """tdata of the words (ports, n), those of the first port lowest, each in whole bytes; padding is `garbage`."""
    found = []
    for column in rows.T.tolist():
        total = place = 0
        for value, port in zip(column, ports, strict=True):
            size = -(-port.width // 8) * 8
            word = value % (1 << (size if port.signed else port.width))
            if garbage is not None:
                padding = int(garbage.integers(0, 1 << (size - port.width)))
                word = word % (1 << port.width) + (padding << port.width)
            total += word << place
            place += size
        found.append(total)
    return found


def judged(folder: Path, made: Finished, text: str, lengths: Sequence[int]) -> dict[str, Any]:
    """What came back for packets of these lengths, what had to, and what was seen on the way; side inputs are 0."""
    rng, core, side = np.random.default_rng(7), made.core, made.shell.side if made.shell else ()
    ports = [port for port in core.inputs if port not in side]
    x = np.stack([rng.integers(port.minimum, port.maximum, sum(lengths), endpoint=True) for port in ports])
    put, got = beats(x, ports, rng), beats(made.words(x), core.outputs)
    ends = np.cumsum(lengths)
    sent = [put[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    # The output of samples R m to R m + R - 1 ends a packet where one of them does.
    last = sorted({(end - 1) // core.decimate for end in ends.tolist()})
    cuts = [(k + 1) * core.interpolate for k in last]
    wanted = [got[start:stop] for start, stop in zip([0, *cuts], cuts, strict=False)]
    job = {"top": made.name, "side": [port.name for port in side], "packets": sent, "outputs": len(wanted)}
    (folder / "job.json").write_text(json.dumps(job))
    (folder / "design.v").write_text(text)
    shutil.copy(BENCH, folder)
    processes.run([sys.executable, BENCH.name], folder, 300, "cocotbext-axi", {"PYTHONPATH": "", **_environment()})
    answer = folder / "packets.json"
    found = json.loads(answer.read_text()) if answer.exists() else {"packets": "fewer came back than were sent"}
    return {**found, "wanted": wanted}


def lengths(made: Finished) -> list[int]:
    """Samples of each packet: whole groups where the design decimates, and a group of one, ended by its tlast."""
    drawn = np.random.default_rng(8).integers(1, 40, _PACKETS) * made.core.decimate
    return [*drawn.tolist(), 1] if made.core.decimate > 1 else drawn.tolist()
