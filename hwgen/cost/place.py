"""What a design takes, and how fast it runs, after place and route: Yosys, then nextpnr in a process of its own."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen import tools
from hwgen.cost import yosys
from hwgen.cost.resources import count, synthesis_command


class PlaceError(RuntimeError):
    """nextpnr failed, ran out of time, or the design fits no device; the message has its last words."""


class _NoRoomError(PlaceError):
    """The device is too small."""


class _StuckError(PlaceError):
    """The router makes no progress."""


@dataclass(frozen=True)
class Placement:
    """Logic cells on `target` (ICESTORM_LC, TRELLIS_COMB) and the fastest clock in MHz, None without a clocked path.

    The cells are nextpnr's count, which has two constants (0 and 1) that no Yosys count has, and on ecp5 two more CCU2C
    (four cells) for a carry chain. `device` names part, speed grade and package, `tool` the programs and versions.
    """

    target: str
    cells: int
    fmax_mhz: float | None
    tool: str
    device: str | None = None


@dataclass(frozen=True)
class Device:
    """Options that choose a part and its package, what they are called, and how much they have of what counts."""

    name: str
    options: tuple[str, ...]
    cells: int
    pins: int
    dsp: int = 0

    def holds(self, needs: "Needs") -> bool:
        """Whether a design may fit."""
        return self.cells >= needs.cells and self.pins >= needs.pins and self.dsp >= needs.dsp


@dataclass(frozen=True)
class Needs:
    """What a Yosys netlist takes of a device: logic cells at least, pins, and DSP blocks."""

    cells: int
    pins: int
    dsp: int

    @classmethod
    def of(cls, module: dict[str, Any], target: str) -> "Needs":
        """Of a module; it spares a run on a device that is too small."""
        counted = count(Counter(cell["type"] for cell in module["cells"].values()), target)
        pins = sum(len(port["bits"]) for port in module["ports"].values())
        return cls(round(max(counted.lut, counted.ff)), pins, round(counted.dsp))


@dataclass(frozen=True)
class Family:
    """A target's nextpnr, its logic cell, the option that lets it choose the pins, and devices, the preferred first."""

    program: str
    cell: str
    any_pins: str
    devices: tuple[Device, ...]

    def largest(self, dsp: int) -> Device:
        """The device of most cells that has `dsp` blocks; of most blocks where none has."""
        return max(self.devices, key=lambda d: (min(d.dsp, dsp), d.cells))


def _ecp5(size: str, package: str, cells: int, pins: int, dsp: int) -> Device:
    # The slowest speed grade, said because nextpnr's default is not written in its report.
    return Device(f"LFE5U-{size}F-6 {package}", (f"--{size}k", "--speed", "6", "--package", package), cells, pins, dsp)


# Each size in the package with the most pins that nextpnr 0.11 knows.
FAMILIES: Mapping[str, Family] = {
    "ice40": Family(
        "nextpnr-ice40", "ICESTORM_LC", "--pcf-allow-unconstrained",
        (
            Device("HX8K CT256", ("--hx8k", "--package", "ct256"), 7680, 206),
            Device("UP5K SG48", ("--up5k", "--package", "sg48"), 5280, 39, 8),  # about half as fast
        ),
    ),
    "ecp5": Family(
        "nextpnr-ecp5", "TRELLIS_COMB", "--lpf-allow-unconstrained",
        (
            _ecp5("25", "CABGA381", 24288, 197, 28),
            _ecp5("45", "CABGA554", 43848, 245, 72),
            _ecp5("85", "CABGA756", 83640, 365, 156),
        ),
    ),
}  # fmt: skip

SEEDS = 1 << 28
# nextpnr's default router, the better one, goes round in circles for some seeds (nextpnr issues 179 and 1341): then
# other seeds, as fixed as the first, and at last the other router, which ended so far but costs some 10 % of the clock.
_ROUTES = ((0, ()), (SEEDS, ()), (2 * SEEDS, ()), (0, ("--router", "router2")))

# A line of router1's log, one every 1,000 arcs: arcs routed without removing others, and arcs that remain.
_ROUTED = re.compile(r"Info:\s+\d+ \|\s+\d+\s+\d+ \|\s+-?\d+\s+(-?\d+) \|\s+(\d+)\|")
_STUCK_LINES = 10  # runs that ended had not one such line
_NO_ROOM = re.compile(r"ERROR: .*(no BELs remaining|[Uu]nable to find a placement|[Uu]nable to find legal placement)")


def place(
    verilog: str,
    top: str,
    target: str,
    dsp: bool = False,
    clock_mhz: float | None = None,
    seed: int = 1,
    timeout: float = 600,
) -> Placement:
    """Place and route `verilog` on the smallest device of `target` that holds it; pins are nextpnr's choice.

    Parameters
    ----------
    verilog, top, target, dsp
        As for ``resources.synthesise``, of which the commands are; `target` is ``ice40`` or ``ecp5``.
    clock_mhz
        The clock to aim for, in MHz; missing it is no error.
    seed
        nextpnr's, 0 to 2**28 - 1; equal inputs and tools give equal results.
    timeout
        Seconds for all of it.

    Raises
    ------
    ToolMissing
        With the command that installs the target's nextpnr.
    PlaceError
        When nextpnr fails or passes the time, or the design fits none of the devices.
    YosysError
        When Yosys does.
    """
    if target not in FAMILIES:
        raise ValueError(f"target must be one of {', '.join(FAMILIES)} to be placed, not {target!r}")
    if not 0 <= seed < SEEDS:
        raise ValueError(f"seed must be between 0 and {SEEDS - 1}, not {seed}")
    if clock_mhz is not None and not 0 < clock_mhz < float("inf"):
        raise ValueError(f"clock_mhz must be positive, not {clock_mhz}")
    family, used = FAMILIES[target], tool(target)
    command = [*_program(family.program), "--json", "netlist.json", "--top", top, family.any_pins]
    command += ["--timing-allow-fail", "--report", "report.json"]
    command += [] if clock_mhz is None else ["--freq", repr(float(clock_mhz))]
    deadline = time.monotonic() + timeout
    netlist = _synthesise(verilog, top, target, dsp, timeout)
    needs = Needs.of(json.loads(netlist)["modules"][top], target)
    for device in family.devices:
        if not device.holds(needs):
            continue
        try:
            report = _route([*command, *device.options], netlist, seed, deadline)
        except _NoRoomError:
            continue
        if family.cell not in report["utilization"]:
            raise PlaceError(
                f"{used} reports no {family.cell}; a newer one does: {tools.TOOLS[family.program].install}"
            )
        clocks = [clock["achieved"] for clock in report["fmax"].values()]
        fmax = round(min(clocks), 2) if clocks else None
        return Placement(target, report["utilization"][family.cell]["used"], fmax, used, device.name)
    blocks = f", {needs.dsp} DSP blocks" if needs.dsp else ""
    largest = family.largest(needs.dsp)
    has = f"{largest.cells} cells, {largest.pins} pins" + (f", {largest.dsp} DSP blocks" if needs.dsp else "")
    raise PlaceError(
        f"{top} needs at least {needs.cells} cells{blocks} and {needs.pins} pins, which does not fit {target}'s "
        f"largest device here, {largest.name} ({has}). Use fewer bits or taps, or another target"
    )


def packed(verilog: str, top: str, target: str, dsp: bool = False, timeout: float = 600) -> int:
    """Logic cells as nextpnr packs them: the count of `place`, in a tenth of its time, on the largest device."""
    family = FAMILIES[target]
    netlist = _synthesise(verilog, top, target, dsp, timeout)
    device = family.largest(Needs.of(json.loads(netlist)["modules"][top], target).dsp)
    command = [*_program(family.program), "--json", "netlist.json", "--top", top, family.any_pins, "--pack-only"]
    command += ["--report", "report.json", *device.options]
    report = _route(command, netlist, 1, time.monotonic() + timeout)
    return int(report["utilization"][family.cell]["used"])


def tool(target: str) -> str:
    """Names and versions of the programs that place a design on `target`: part of a result, and of its key in a store.

    Raises
    ------
    ToolMissing
        With the command that installs the target's nextpnr.
    """
    program = FAMILIES[target].program
    return f"{yosys.version()}, {program} {tools.version(program)}"


def _program(name: str) -> list[str]:
    """Command of nextpnr: a program, or a wheel's function in a Python of its own (its script may be off PATH)."""
    path = tools.find(name)
    if not path.is_dir():
        return [str(path)]
    call = f"import sys, {path.name} as wheel; sys.exit(wheel.run_{name.replace('-', '_')}(sys.argv[1:]))"
    return [sys.executable, "-c", call]


def _synthesise(verilog: str, top: str, target: str, dsp: bool, timeout: float) -> str:
    """The netlist as JSON, by the passes that ``resources.synthesise`` counts with."""
    synth = synthesis_command(top, target, dsp)
    return yosys.run({"design.v": verilog}, ["read_verilog design.v", synth, "write_json netlist.json"],
                     "netlist.json", timeout)  # fmt: skip


def _route(command: list[str], netlist: str, seed: int, deadline: float) -> dict[str, Any]:
    """nextpnr's report by the first of the routes that ends."""
    with tempfile.TemporaryDirectory(prefix="hwgen-place-") as folder:
        Path(folder, "netlist.json").write_text(netlist, encoding="utf-8")
        for shift, router in _ROUTES:
            try:
                _run([*command, "--seed", str(seed + shift), *router], folder, deadline)
            except _StuckError as error:
                stuck = error
                continue
            report: dict[str, Any] = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))
            return report
    raise stuck


def _run(command: list[str], folder: str, deadline: float) -> None:
    """Run nextpnr in `folder` until `deadline`, reading its log as it comes to see a router that goes in circles."""
    # The wheels keep their files in the temporary folder, and leave them there when they are killed.
    environment = {**os.environ, "TMPDIR": folder, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    late = threading.Event()
    lines: list[str] = []
    still, remaining = 0, ""
    with subprocess.Popen(
        command, cwd=folder, env=environment, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip

        def expire() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(max(deadline - time.monotonic(), 0), expire)
        timer.start()
        try:
            for line in process.stdout or ():
                lines.append(line)
                if row := _ROUTED.match(line):
                    still = still + 1 if row[1] == "0" and row[2] == remaining else 0
                    remaining = row[2]
                    if still == _STUCK_LINES:
                        raise _StuckError("nextpnr's routers make no progress. Another seed may")
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
    if late.is_set():
        raise PlaceError("nextpnr did not finish within its time")
    if process.returncode:
        log = "".join(lines)
        raise (_NoRoomError if _NO_ROOM.search(log) else PlaceError)("nextpnr failed:\n" + log[-2000:])
