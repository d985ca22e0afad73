"""The bit-true check: the emitted Verilog in Icarus Verilog, driven and judged by cocotb, every clock compared."""

import dataclasses
import json
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

from hwgen import tools
from hwgen.check import processes, words
from hwgen.check.processes import SimulatorError
from hwgen.check.script import Script
from hwgen.check.templates import render
from hwgen.check.vectors import Expected, Simulation, Top

LIMIT_SECONDS = 1800.0
TOPLEVEL = "hwgen_harness"

# Settings of a surrounding cocotb or pytest run would reach the inner one and rename, filter or trace its test.
_FOREIGN = re.compile(r"(COCOTB|GPI|PYGPI)_|(WAVES|GUI|TOPLEVEL|TOPLEVEL_LANG|PYTEST_CURRENT_TEST|SIM_CMD_\w+)$")


def simulate(
    verilog: str,
    top: Top,
    script: Script,
    expected: Expected,
    *,
    simulator: str = "icarus",
    waves: Path | None = None,
    limit: float = LIMIT_SECONDS,
) -> Simulation:
    """Run a script through the Verilog and compare every clock with what is expected.

    Parameters
    ----------
    verilog
        Text of the design; it holds module ``top.module``.
    top
        Its ports.
    script, expected
        What is put in, and what must come out.
    simulator
        ``"icarus"``; see `hwgen.check.bulk` for Verilator.
    waves
        File to write an FST trace to, or None.
    limit
        Seconds after which compilation and simulation are stopped.

    Raises
    ------
    SimulatorError
        When the Verilog does not compile, its ports have other widths, or the simulation stops early.
    ToolMissing
        When Icarus Verilog is not installed.
    """
    if simulator != "icarus":
        raise ValueError(f"simulator must be 'icarus', not {simulator!r}; simulate_bulk uses Verilator")
    tools.find("iverilog")
    tools.find("vvp")
    started = time.perf_counter()
    job = {
        "toplevel": TOPLEVEL,
        "clocks": script.clocks,
        "outputs": [dataclasses.asdict(port) for port in top.outputs],
        "waves": waves is not None,
    }
    with tempfile.TemporaryDirectory(prefix="hwgen-icarus-") as name:
        folder = Path(name)
        write_vectors(folder, top, script, expected)
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        (folder / "harness.v").write_text(render("tb_harness.v.j2", top, clocks=script.clocks), encoding="utf-8")
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        failure: SimulatorError | None = None
        try:
            command = [sys.executable, "-m", "hwgen.sim.launch"]
            processes.run(command, folder, limit, "the simulation", _environment())
        except SimulatorError as error:
            failure = error
        verdict = _verdict(folder, failure)
        if waves is not None:
            waves.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder / f"{TOPLEVEL}.fst", waves)
    return Simulation(
        samples=expected.samples,
        mismatches=verdict["mismatches"],
        simulator=f"Icarus Verilog {tools.version('iverilog')}",
        first=verdict["first"],
        seconds=time.perf_counter() - started,
    )


def write_vectors(folder: Path, top: Top, script: Script, expected: Expected) -> None:
    """Write ``stimulus.hex`` and ``expected.hex``; raises ``ValueError`` when the two do not belong together."""
    if len(expected.valid) != script.clocks:
        raise ValueError(f"expected values for {len(expected.valid)} clocks, a script of {script.clocks}")
    (folder / "stimulus.hex").write_bytes(words.stimulus(script, top))
    (folder / "expected.hex").write_bytes(words.expected_lines(expected, top))


def _verdict(folder: Path, failure: SimulatorError | None) -> dict:
    """Read the verdict, or raise with what the compiler or the simulator said."""
    build, log = (_text(folder / name, folder) for name in ("build.log", "run.log"))
    # Icarus pads or cuts a port of another width with a warning, which would hide the upper bits of an output.
    wrong_ports = re.findall(r"Port \d+ \(\w+\) of \w+ expects \d+ bits, got \d+", build)
    if wrong_ports:
        raise SimulatorError("the module's ports have other widths than declared: " + "; ".join(wrong_ports))
    if not (folder / "verdict.json").exists():
        if build and not (folder / "sim.vvp").exists():
            raise SimulatorError(f"Icarus Verilog refused the design:\n{build[: processes.SHOWN_CHARACTERS]}".rstrip())
        reason = str(failure) if failure else "the simulation stopped before its last clock"
        raise SimulatorError(f"{reason}\n{log[-processes.SHOWN_CHARACTERS :]}".rstrip())
    verdict: dict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    return verdict


def _text(path: Path, folder: Path) -> str:
    return processes.clean(path.read_text(encoding="utf-8", errors="replace"), folder) if path.exists() else ""


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
