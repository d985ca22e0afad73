"""kind = "descent" on one stage: stochastic rounding and binary points that move, from the design file to Verilog."""

import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
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
from hwgen.designs.descent import Search
from hwgen.designs.descent_candidates import Candidate
from hwgen.designs.descent_reference import reference
from hwgen.finished.descent import DescentDesign, thawed
from hwgen.journal import Journal
from hwgen.spec import parse

FOLDED = SMALL.replace("[search]", '[hardware]\nstructure = "folded"\nclock = 4e6\n\n[search]')
RESIDUAL = FOLDED.replace("iterations = 4", 'iterations = 4\nform = "residual"').replace("4e6", "8e6")
BUDGET = (
    FOLDED.replace('minimise = "luts"\nsqnr_db = 28', 'minimise = "error"\nbudget = { bits = 26 }')
    .replace("iterations = 4", "iterations = 10")
    .replace("4e6", "1e7")
)
# Few bits: a search for few LUTs, were there more, would cut nothing and save the shift registers.
STOCHASTIC = BUDGET.replace("iterations = 10", 'iterations = 4\nrounding = "stochastic"')


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


def commanded(text: str, folder: Path) -> tuple[DescentDesign, dict[str, Any]]:
    """By the command line: it ends with 0, and what it writes is bit-true and loads again."""
    write_matrix(folder)
    (folder / "solver.toml").write_text(text)
    made = CliRunner().invoke(app, ["run", str(folder / "solver.toml"), "--out", str(folder / "made")])
    assert made.exit_code == 0, made.output
    design, result = load(folder / "made"), json.loads((folder / "made" / "result.json").read_text())
    assert isinstance(design, DescentDesign)
    assert result["verification"]["bit_true"]["mismatches"] == 0
    assert thawed(json.loads(json.dumps(design.frozen()))) == design
    return design, result


def moves(design: DescentDesign) -> bool:
    """Whether a binary point moves."""
    its = design.block.iterations
    words = [it.residual for it in its], [it.update for it in its], [it.state for it in its[:-1]]
    return any(len({form.fraction for form in forms}) > 1 for forms in words)


def sqnr_db(design: DescentDesign) -> float:
    """Against exact solutions, on right-hand sides that hwgen has never seen."""
    y = np.random.default_rng(99).integers(-64, 65, (4, 4000))
    x, wanted = design.model(y) * design.block.output.lsb, np.linalg.lstsq(A, y / 2**7, rcond=None)[0]
    return float(10 * np.log10(np.mean(wanted**2) / np.mean((x - wanted) ** 2)))


# ------------------------------------------------------------------------------------------------------- rounding
def test_a_stochastic_solver_by_the_command_line(tmp_path: Path) -> None:
    design, _ = commanded(STOCHASTIC, tmp_path)
    assert (design.folded, str(design.block.rounding)) == (True, "stochastic")
    assert sqnr_db(design) > 18
    # As many right-hand sides in the finished module as in the model, from power-up and in the order given.
    y = np.random.default_rng(98).integers(-128, 128, (4, 300))
    assert np.array_equal(verify.filtered(design, y), design.words(y))
    other = re.sub(r"(lfsr\d)\[27:0\] \^ \1\[30:3\]", r"\1[27:0] ^ \1[29:2]", design.verilog)
    assert other != design.verilog
    broken = replace(design, verilog=other)
    assert verify.bit_true(broken, None, 1).mismatches > 0


# ------------------------------------------------------------------------------------------------------- zooming
def test_a_budget_of_bits_is_spent_on_binary_points_that_move(tmp_path: Path) -> None:
    """Multiplexers cost no bits: words of one width have more of them where they are wanted."""
    design, result = commanded(BUDGET, tmp_path)
    assert moves(design)
    y = np.random.default_rng(98).integers(-128, 128, (4, 300))
    assert np.array_equal(verify.filtered(design, y), design.words(y))
    (tmp_path / "still").mkdir()
    still, other = run(BUDGET.replace("iterations = 10", "iterations = 10\nzoom = false"), tmp_path / "still")
    assert not moves(still)
    assert result["quality"]["error"] < 0.9 * other["quality"]["error"]


@pytest.mark.parametrize("form", ["gram", "residual"])
def test_no_design_is_larger_because_of_it(form: str, tmp_path: Path) -> None:
    luts, text = [], FOLDED if form == "gram" else RESIDUAL
    for name in ("zooming", "still"):
        (tmp_path / name).mkdir()
        given = text if name == "zooming" else text.replace("iterations = 4", "iterations = 4\nzoom = false")
        design, result = run(given, tmp_path / name)
        assert flow.succeeded(result)
        assert not moves(design) or name == "zooming"
        luts.append(result["resources"]["synthesis"]["lut"])
    assert luts[0] <= luts[1]


@pytest.fixture(scope="module")
def paying(tmp_path_factory: pytest.TempPathFactory) -> tuple[Search, dict[str, Candidate], list[Candidate]]:
    """A search where moving pays, before synthesis: eight unknowns, multipliers, and a first state of wide range."""
    folder, rng = tmp_path_factory.mktemp("paying"), np.random.default_rng(50)
    bases = [np.linalg.qr(rng.normal(size=(8, 8)))[0] for _ in range(2)]
    np.save(folder / "a.npy", np.round(1.2534 * bases[0] * np.linspace(1, np.sqrt(1.3), 8) @ bases[1], 4))
    text = FOLDED.replace('"a.csv"', '"a.npy"\nentries = "reloadable"\nstep = 0.842').replace("= 28", "= 20")
    text = (
        text.replace('"s2.9"', '"s2.8"').replace("evaluations = 300", "evaluations = 1000").replace("[5, 8]", "[6, 9]")
    )
    found: list[Any] = []
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as executor:
        work = Search(reference(parse(text, folder / "solver.toml")), executor, Told(None, {}), lambda *_: None)
        patch.setattr(work, "_answer", lambda *given: found.extend(given))
        work.minimise_area()
    return work, found[0], found[1]


class Told(Journal):
    """Steps are done at once, and again each time: what synthesis says differs between the tests."""

    def all(self, executor: Executor, step: Callable[..., Any], arguments: Sequence[Any]) -> list[Any]:
        return [step(*given) for given in arguments]


Paying = tuple[Search, dict[str, Candidate], list[Candidate]]


@pytest.mark.xdist_group("paying")
def test_the_search_moves_binary_points_where_that_pays(paying: Paying) -> None:
    *still, moved = paying[2]
    assert not any(moves(paying[0].design(c.block)) for c in still)
    assert moves(paying[0].design(moved.block))
    assert moved.estimate < 0.98 * min(c.estimate for c in still)
    assert paying[0].holds(moved)


@pytest.mark.xdist_group("paying")
@pytest.mark.parametrize("dear", [False, True])
def test_synthesis_decides(paying: Paying, dear: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def synthesised(frozen: str, *_: object) -> dict[str, float]:
        return {"lut": 10 + moves(thawed(json.loads(frozen))) * (1 if dear else -1), "ff": 1, "carry": 1, "dsp": 0}

    monkeypatch.setattr(descent, "synthesised", synthesised)
    work, simple, ours = paying
    assert moves(work.design(work._answer(simple, ours).chosen.candidate.block)) != dear


def test_loaded_matrices_zoom_as_well(tmp_path: Path) -> None:
    text = BUDGET.replace("iterations = 10", 'iterations = 6\nentries = "reloadable"').replace("[5, 8]", "[7, 7]")
    design, result = run(text.replace("bits = 26", "bits = 34"), tmp_path)
    assert isinstance(design.block, LoadedDescent)
    assert "one right-hand side in 6 clocks" in design.verilog
    assert moves(design)
    assert flow.succeeded(result)


# ------------------------------------------------------------------------------------------------------ residual
def test_the_form_residual_alternates_on_one_stage(tmp_path: Path) -> None:
    design, result = commanded(RESIDUAL, tmp_path)
    assert (design.block.form, design.folded) == ("residual", True)
    assert (result["top"]["clocks_per_sample"], design.core.latency) == (8, 9)
    assert "one right-hand side in 8 clocks, latency 9 clocks" in design.verilog
    assert "go by way of their complement" in design.verilog
    assert sqnr_db(design) > 26


def test_residuals_that_shrink_have_binary_points_that_move(tmp_path: Path) -> None:
    """As many equations as unknowns: residuals end at 0, so that words of one width have finer and finer bits."""
    matrix = "-0.4703, 0.7324, 0.1755\n-0.0655, 0.212, -0.8056\n-0.7837, -0.5358, 0.0626\n"
    text = RESIDUAL.replace('minimise = "luts"\nsqnr_db = 28', 'minimise = "error"\nbudget = { bits = 16 }')
    text = text.replace("iterations = 4", "iterations = 6").replace("8e6", "1.2e7").replace("a.csv", "square.csv")
    errors = []
    for name, change in (("zooming", ""), ("still", "\nzoom = false")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "square.csv").write_text(matrix)
        design, result = commanded(text.replace("iterations = 6", f"iterations = 6{change}"), tmp_path / name)
        assert (design.block.form, design.folded, moves(design)) == ("residual", True, name == "zooming")
        y = np.random.default_rng(98).integers(-128, 128, (3, 300))
        assert np.array_equal(verify.filtered(design, y), design.words(y))
        errors.append(result["quality"]["error"])
    assert errors[0] < 0.5 * errors[1]
