"""kind = "descent" on one stage: stochastic rounding and binary points that move, from the design file to Verilog."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from descents_small import SMALL, A, write_matrix
from short_runs import threaded
from typer.testing import CliRunner

from hwgen import flow, load, verify
from hwgen.blocks.descent_loaded import LoadedDescent
from hwgen.cli import app
from hwgen.designs import descent
from hwgen.finished.descent import DescentDesign, thawed
from hwgen.spec import parse

FOLDED = SMALL.replace("[search]", '[hardware]\nstructure = "folded"\nclock = 4e6\n\n[search]')
STOCHASTIC = FOLDED.replace("iterations = 4", 'iterations = 4\nrounding = "stochastic"')
STILL = FOLDED.replace("iterations = 4", "iterations = 4\nzoom = false")
BUDGET = FOLDED.replace('minimise = "luts"\nsqnr_db = 28', 'minimise = "error"\nbudget = { bits = 28 }')


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer right-hand sides than a run has, steps in threads."""
    threaded(monkeypatch)
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 2_000)


def run(text: str, folder: Path) -> tuple[DescentDesign, dict[str, Any]]:
    write_matrix(folder)
    with ThreadPoolExecutor(2) as executor:
        result = flow.Run(parse(text, folder / "solver.toml"), folder / "made", executor).everything(bulk=False)
    design = load(folder / "made")
    assert isinstance(design, DescentDesign)
    return design, result


def moves(design: DescentDesign) -> bool:
    """Whether a binary point moves."""
    words = [it.update for it in design.block.iterations], [it.state for it in design.block.iterations[:-1]]
    return any(len({form.fraction for form in forms}) > 1 for forms in words)


def sqnr_db(design: DescentDesign) -> float:
    """Against exact solutions, on right-hand sides that hwgen has never seen."""
    y = np.random.default_rng(99).integers(-64, 65, (4, 4000))
    x, wanted = design.model(y) * design.block.output.lsb, np.linalg.lstsq(A, y / 2**7, rcond=None)[0]
    return float(10 * np.log10(np.mean(wanted**2) / np.mean((x - wanted) ** 2)))


# ------------------------------------------------------------------------------------------------------- rounding
def test_a_stochastic_solver_by_the_command_line(tmp_path: Path) -> None:
    write_matrix(tmp_path)
    (tmp_path / "solver.toml").write_text(STOCHASTIC)
    made = CliRunner().invoke(app, ["run", str(tmp_path / "solver.toml"), "--out", str(tmp_path / "made")])
    assert made.exit_code == 0, made.output
    design, result = load(tmp_path / "made"), json.loads((tmp_path / "made" / "result.json").read_text())
    assert isinstance(design, DescentDesign)
    assert (design.folded, str(design.block.rounding)) == (True, "stochastic")
    assert result["verification"]["bit_true"]["mismatches"] == 0
    assert sqnr_db(design) > 27.5
    assert thawed(json.loads(json.dumps(design.frozen()))) == design
    # As many right-hand sides in the finished module as in the model, from power-up and in the order given.
    y = np.random.default_rng(98).integers(-128, 128, (4, 300))
    assert np.array_equal(verify.filtered(design, y), design.words(y))
    text = "lfsr2[27:0] ^ lfsr2[30:3]" if design.block.taken else "lfsr1[27:0] ^ lfsr1[30:3]"
    assert design.verilog.count(text) == 1
    broken = replace(design, verilog=design.verilog.replace(text, text.replace("[30:3]", "[29:2]")))
    assert verify.bit_true(broken, None, 1).mismatches > 0


# ------------------------------------------------------------------------------------------------------- zooming
def test_a_budget_of_bits_is_spent_on_binary_points_that_move(tmp_path: Path) -> None:
    """Multiplexers cost no bits: words of one width have more of them where they are wanted."""
    write_matrix(tmp_path)
    (tmp_path / "solver.toml").write_text(BUDGET)
    made = CliRunner().invoke(app, ["run", str(tmp_path / "solver.toml"), "--out", str(tmp_path / "made")])
    assert made.exit_code == 0, made.output
    design, result = load(tmp_path / "made"), json.loads((tmp_path / "made" / "result.json").read_text())
    assert isinstance(design, DescentDesign)
    assert moves(design)
    assert result["verification"]["bit_true"]["mismatches"] == 0
    assert thawed(json.loads(json.dumps(design.frozen()))) == design
    y = np.random.default_rng(98).integers(-128, 128, (4, 300))
    assert np.array_equal(verify.filtered(design, y), design.words(y))
    (tmp_path / "still").mkdir()
    still, other = run(BUDGET.replace("iterations = 4", "iterations = 4\nzoom = false"), tmp_path / "still")
    assert not moves(still)
    assert result["quality"]["error"] < 0.9 * other["quality"]["error"]


def test_no_design_is_larger_because_of_it(tmp_path: Path) -> None:
    luts = []
    for name, text in (("zooming", FOLDED), ("still", STILL)):
        (tmp_path / name).mkdir()
        design, result = run(text, tmp_path / name)
        assert flow.succeeded(result)
        assert not moves(design) or name == "zooming"
        luts.append(result["resources"]["synthesis"]["lut"])
    assert luts[0] <= luts[1]


@pytest.fixture
def cheap_multiplexers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A synthesis by which a design whose binary points move takes few LUTs, and an estimate without multiplexers."""

    def synthesised(frozen: str, target: str, dsp: bool, tool: str) -> dict[str, float]:
        widths = sum(form.width for it in thawed(json.loads(frozen)).block.iterations for form in vars(it).values())
        return {"lut": widths - 50 * moves(thawed(json.loads(frozen))), "ff": 1, "carry": 1, "dsp": 0, "bram": 0}

    monkeypatch.setattr(descent, "synthesised", synthesised)
    yield


@pytest.mark.usefixtures("cheap_multiplexers")
def test_synthesis_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hwgen.designs import descent_estimate

    monkeypatch.setattr(descent_estimate, "_selects", lambda fractions: np.zeros(len(fractions)))
    design, result = run(FOLDED, tmp_path)
    assert moves(design)
    assert flow.succeeded(result)
    assert sqnr_db(design) > 27.5


def test_loaded_matrices_zoom_as_well(tmp_path: Path) -> None:
    text = BUDGET.replace("iterations = 4", 'iterations = 4\nentries = "reloadable"').replace("[5, 8]", "[7, 7]")
    design, result = run(text.replace("bits = 28", "bits = 36"), tmp_path)
    assert isinstance(design.block, LoadedDescent)
    assert moves(design)
    assert flow.succeeded(result)
