"""The cocotb test of the plain interface: start the harness, wait, compare every clock, write the verdict.

Runs inside the simulator, in the folder that holds ``job.json``, ``stimulus.hex`` and ``expected.hex``.
"""

import json
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge, with_timeout

from hwgen.check.vectors import Port
from hwgen.check.words import compare

CLOCK_NANOSECONDS = 10


@cocotb.test()
async def bit_true(harness: Any) -> None:
    """Every clock of the response equals what is expected; the verdict, either way, goes to ``verdict.json``."""
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    done = RisingEdge(harness.done)
    harness.run.value = 1
    # The harness counts its clocks itself: past this time the design has stopped the simulation or is running its own.
    await with_timeout(done, CLOCK_NANOSECONDS * (job["clocks"] + 2), "ns")
    outputs = tuple(Port(**port) for port in job["outputs"])
    count, first = compare(Path("response.hex").read_bytes(), Path("expected.hex").read_bytes(), outputs)
    verdict = {"mismatches": count, "first": first}
    Path("verdict.json").write_text(json.dumps(verdict), encoding="utf-8")
    assert count == 0, f"{count} mismatches; {first}"
