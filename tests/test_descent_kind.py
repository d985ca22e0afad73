"""kind = "descent" from the design file to the report: mistakes, goals, the answer, and broken hardware."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from descents_small import SMALL, A, write_matrix

from hwgen import flow, load, verify
from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.descent_numbers import integers
from hwgen.blocks.dither import Cut
from hwgen.designs import descent_reference
from hwgen.designs.descent import search
from hwgen.designs.descent_bits import Bits, Proposal
from hwgen.designs.descent_candidates import Outcome
from hwgen.designs.descent_reference import SEARCHED, reference
from hwgen.designs.descent_report import stalled
from hwgen.designs.detection import Link
from hwgen.emit import verilog
from hwgen.finished.descent import DescentDesign, thawed
from hwgen.fixed import Format
from hwgen.journal import Journal
from hwgen.spec import DesignFileError, parse

FOLD = '\n[hardware]\nstructure = "folded"\nclock = 4e6'
QPSK = (
    SMALL.replace("sample_rate = 1e6", "sample_rate = 1e6\ncomplex = true")
    .replace('"s1.7"', '"s4.6"').replace('"s2.9"', '"s2.6"')
    .replace("sqnr_db = 28", "ber_loss_db = 0.5\nber = 1e-2")
    .replace('matrix = "a.csv"', 'matrix = { seed = 3, rows = 8, columns = 2 }\nridge = "auto"')
    + '\n[stimulus]\nkind = "qpsk"\n'
)  # fmt: skip


@pytest.fixture(autouse=True)
def beside(tmp_path: Path) -> None:
    write_matrix(tmp_path)


Solved = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Solved:
    """The small system under a rounding, run once for all tests of it: its folder and result."""
    known: dict[str, tuple[Path, dict[str, Any]]] = {}

    def found(rounding: str) -> tuple[Path, dict[str, Any]]:
        if rounding not in known:
            folder = tmp_path_factory.mktemp(rounding)
            write_matrix(folder)
            text = SMALL.replace("iterations = 4", f'iterations = 4\nrounding = "{rounding}"')
            known[rounding] = folder, run(text, folder)
        return known[rounding]

    return found


def run(text: str, folder: Path, bulk: bool = False) -> dict[str, Any]:
    with ThreadPoolExecutor(2) as executor:
        work = flow.Run(parse(text, folder / "solver.toml"), folder / "made", executor)
        return work.everything(bulk=bulk)


# ------------------------------------------------------------------------------------------------------ mistakes
@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        ('matrix = "a.csv"\n', "", "descent.matrix", "required"),
        ('"a.csv"', '"b.csv"', "descent.matrix", "cannot read"),
        ('"a.csv"', '"a.txt"', "descent.matrix", "type .txt is unknown"),
        ('"a.csv"', "{ seed = 1, rows = 0, columns = 2 }", "descent.matrix", "1 to 64 rows"),
        ("iterations = 4", "iterations = 0", "descent.iterations", "at least 1"),
        ("iterations = 4", "iterations = 1", "descent.iterations", "1 iterations of the float descent"),
        ("iterations = 4", "iterations = 4\nstep = 9.0", "descent.step", "diverges"),
        ("iterations = 4", "iterations = 4\nstep = 0", "descent.step = 0", "from 1e-09 to 1e9, or auto"),
        ("iterations = 4", "iterations = 4\nstep = nan", "descent.step = nan", "or auto"),
        ("iterations = 4", "iterations = 4\nridge = true", "descent.ridge = true", "from 0 to 1e9, or auto"),
        ("iterations = 4", 'iterations = 4\nrounding = "up"', "descent.rounding", "floor"),
        ("iterations = 4", 'iterations = 4\nform = "residual"\nridge = 0.1', "descent.form", "no ridge"),
        ("iterations = 4", 'iterations = 4\nridge = "auto"', "descent.ridge", "none is asked for"),
        ("sqnr_db = 28", "ber_loss_db = 0.2", "goal.ber_loss_db", "stimulus has none"),
        ("sqnr_db = 28", "sqnr_db = 28\nmax_error_ulp = 1.0", "goal.max_error_ulp", "not a goal of a descent"),
        ('"s2.9"', '"s2.1"', "output.format", "in that format"),
        ('"s2.9"', '"u2.9"', "output.format", "signed"),
        ('"s2.9"', '"s2.9"\nrounding = "floor"', "output.rounding", "rounded alike"),
        ('"s2.9"', '"s2.9"\noverflow = "wrap"', "output.overflow", "saturate"),
        ("[search]", "[hardware]\ndsp = true\n[search]", "hardware.dsp", "not built"),
        ("[search]", '[hardware]\nstructure = "direct"\n[search]', "hardware.structure", "not built"),
        ("[search]", '[hardware]\nstructure = "folded"\n[search]', "hardware.structure", "4 iterations on one stage"),
        ("iterations = 4", 'iterations = 4\nform = "residual"' + FOLD, "hardware.structure", "take 8 clocks"),
        ("[search]", '[stimulus]\nkind = "tone"\n[search]', "stimulus.kind", "right-hand side"),
        ("[descent]", "[response]\ntaps = 3\n[descent]", "response", "neither bands"),
        ('kind = "descent"', 'kind = "fir"', "descent", "table of kind"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, key: str, told: str, tmp_path: Path) -> None:
    assert SMALL.count(old) == 1
    with pytest.raises(DesignFileError) as error:
        reference(parse(SMALL.replace(old, new), tmp_path / "solver.toml"))
    assert told in str(error.value)
    assert key in str(error.value)


@pytest.mark.parametrize("scale", [1e-200, 1e300])
def test_a_matrix_of_no_size_to_work_with_is_refused(scale: float, tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", A * scale)
    with pytest.raises(DesignFileError, match="largest entry"):
        reference(parse(SMALL.replace("a.csv", "c.npy"), tmp_path / "solver.toml"))


def test_a_complex_matrix_needs_complex_input(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", A + 0.1j)
    text = SMALL.replace("a.csv", "c.npy")
    with pytest.raises(DesignFileError, match="complex"):
        parse(text, tmp_path / "solver.toml")
    made = reference(parse(text.replace("1e6", "1e6\ncomplex = true"), tmp_path / "solver.toml"))
    assert made.system.matrix.shape == (8, 4)


def test_the_digest_knows_the_matrix(tmp_path: Path) -> None:
    before = parse(SMALL, tmp_path / "solver.toml").digest
    (tmp_path / "a.csv").write_text("1, 0\n0, 1\n")
    assert parse(SMALL, tmp_path / "solver.toml").digest != before


# ----------------------------------------------------------------------------------------------------- reference
def test_exact_solutions_are_numpys(tmp_path: Path) -> None:
    made = reference(parse(SMALL, tmp_path / "solver.toml"))
    wanted = np.linalg.lstsq(A, made.raw / 2**7, rcond=None)[0]
    assert np.allclose(made.exact, wanted)
    assert made.limit == pytest.approx(np.mean(wanted**2) / 10**2.8)


def test_errors_of_qpsk_in_white_noise() -> None:
    # One user at one antenna: Q(sqrt(SNR)) in each of two coordinates (Proakis, 5th ed., eq. 4.3-13).
    link = Link(np.eye(2), True, 400_000, np.random.default_rng(0))
    y = link.received(0.25)
    assert link.errors(y) == pytest.approx(0.02275, rel=0.03)
    noise = link.noise_at(0.02275, link.lmmse)
    assert noise == pytest.approx(0.25, rel=0.02)


# -------------------------------------------------------------------------------------------------------- answer
@pytest.mark.parametrize("rounding", Cut)
def test_a_solver_from_file_to_verified_verilog(rounding: Cut, solved: Solved) -> None:
    folder, result = solved(rounding)
    assert flow.succeeded(result)
    assert result["quality"]["sqnr_db"] >= 28
    assert result["verification"]["bit_true"]["samples"] > 19_000
    bases = result["baselines"]
    assert result["resources"]["synthesis"]["lut"] <= min(b["lut"] for b in bases.values() if b and b["meets"])
    own = result["descent"]
    assert [sum(map(np.isfinite, v)) for v in own["convergence"].values()] == [4, 4, 4]
    design = load(folder / "made")
    assert isinstance(design, DescentDesign)
    assert design.block.rounding is rounding
    # Exact solutions against the finished model, on right-hand sides that hwgen has never seen.
    y = np.random.default_rng(99).integers(-64, 65, (4, 4000))
    x = design.model(y) * design.block.output.lsb
    wanted = np.linalg.lstsq(A, y / 2**7, rcond=None)[0]
    assert 10 * np.log10(np.mean(wanted**2) / np.mean((x - wanted) ** 2)) > 27.5
    report = (folder / "made" / "report.html").read_text()
    assert "Convergence" in report
    assert "noise model" in report


def test_one_stage_for_all_iterations(tmp_path: Path) -> None:
    result = run(SMALL.replace("[search]", FOLD.replace('structure = "folded"', "") + "\n[search]"), tmp_path)
    assert flow.succeeded(result)
    assert result["top"]["clocks_per_sample"] == 4
    assert result["verification"]["bit_true"]["samples"] > 19_000
    design = load(tmp_path / "made")
    assert isinstance(design, DescentDesign)
    assert design.folded
    formats = result["descent"]["formats"]
    assert Format.parse(formats["x1"]).width == Format.parse(formats["x3"]).width
    assert Format.parse(formats["u0"]).width == Format.parse(formats["u3"]).width
    assert "on one stage" in design.verilog


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer right-hand sides and symbols than a run has: those tests are not about them."""
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 1_500)
    monkeypatch.setattr(descent_reference, "VECTORS", 12_000)
    monkeypatch.setattr(descent_reference, "PROOF", 50_000)


@pytest.mark.usefixtures("few_samples")
def test_a_detector_keeps_its_bit_error_rate(tmp_path: Path) -> None:
    result = run(QPSK.replace("coefficient_bits = [5, 8]", "coefficient_bits = [5, 6]"), tmp_path)
    assert flow.succeeded(result)
    assert result["quality"]["ber_loss_db"] <= 0.5
    ber = result["descent"]["detection"]["ber"]
    middle = len(ber["float LMMSE"]) // 2
    assert ber["float LMMSE"][middle] == pytest.approx(1e-2, rel=0.1)
    assert ber["direct W^H y"][-1] > 2 * ber["this design"][-1]


@pytest.mark.usefixtures("few_samples")
def test_the_least_error_within_a_budget(tmp_path: Path) -> None:
    goal = 'minimise = "error"\nbudget = { bits = 60 }'
    result = run(SMALL.replace('minimise = "luts"\nsqnr_db = 28', goal), tmp_path)
    assert result["goal"]["met"]
    assert sum(result["bits"].values()) - result["bits"]["x4"] <= 60
    assert result["quality"]["error"] <= result["baselines"]["zoom"]["error"]


def budgeted(budget: str, folder: Path, more: str = "") -> Outcome:
    write_matrix(folder)
    text = SMALL.replace('minimise = "luts"\nsqnr_db = 28', f'minimise = "error"\nbudget = {{ {budget} }}')
    known = reference(parse(text.replace("[search]", f"{more}[search]"), folder / "solver.toml"))
    with ThreadPoolExecutor(2) as executor:
        return search(known, executor, Journal(None, {}), lambda what, share: None)


def test_a_budget_that_leaves_words_without_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DesignFileError, match=r"goal\.budget"):
        budgeted("bits = 8", tmp_path)


def test_a_budget_of_luts_is_that_of_the_whole_module(tmp_path: Path) -> None:
    plain, shell = (
        budgeted("luts = 330", tmp_path, more).chosen for more in ("", '[hardware]\ninterface = "axi_stream"\n')
    )
    for chosen in (plain, shell):  # an estimate that measurement corrected comes near
        assert 0.85 * 330 < chosen.lut <= 330
    assert plain.error < shell.error


def test_where_the_noise_model_finds_nothing_bit_true_runs_begin_at_equal_widths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_matrix(tmp_path)
    monkeypatch.setattr(Bits, "proposed", lambda *_: Proposal(None, ()))
    known = reference(parse(SMALL, tmp_path / "solver.toml"))
    with ThreadPoolExecutor(2) as executor:
        found = search(known, executor, Journal(None, {}), lambda what, share: None)
    assert found.evaluations > 0
    assert found.chosen.candidate.kind == "search"
    assert found.chosen.lut < min(tried.lut for tried in found.baselines.values())


def test_equal_input_gives_equal_results(tmp_path: Path, solved: Solved) -> None:
    folder, one = solved("half_up")
    two = run(SMALL.replace("iterations = 4", 'iterations = 4\nrounding = "half_up"'), tmp_path)
    assert json.dumps({**one, "timings": 0}) == json.dumps({**two, "timings": 0})
    assert (folder / "made" / "solver.v").read_bytes() == (tmp_path / "made" / "solver.v").read_bytes()


# ----------------------------------------------------------------------------------------------- broken hardware
@pytest.fixture
def finished() -> DescentDesign:
    forms = tuple(Iteration(Format(2, 6), Format(1, 7), Format(2, 7)) for _ in range(3))
    block = Descent(integers(A, 6), 6, Format(1, 7), forms, (0, 2), drops=(2, 1, 0, 3, 2))
    made = DescentDesign("solver", block)
    return replace(made, verilog=verilog(made.component(), "solver"))


def test_frozen_and_thawed_are_inverse(finished: DescentDesign) -> None:
    assert thawed(json.loads(json.dumps(finished.frozen()))) == replace(finished, verilog="")


@pytest.mark.usefixtures("few_samples")
def test_broken_hardware_is_found_out(finished: DescentDesign) -> None:
    assert verify.bit_true(finished, None, 1).bit_true
    text = "x2_0_limited_exact = "
    assert finished.verilog.count(text) == 1
    broken = replace(finished, verilog=finished.verilog.replace(text, text + "1 ^ "))
    assert verify.bit_true(broken, None, 1).mismatches > 0


def test_stalled_unknowns_are_named(tmp_path: Path) -> None:
    """Updates too coarse to move the second unknown: its state stays where the first iteration left it."""
    made = reference(parse(SMALL.replace("iterations = 4", "iterations = 12"), tmp_path / "solver.toml"))
    fine, coarse = Format(3, 12), Format(3, 0)
    steps = (Iteration(fine, fine, fine), *(Iteration(fine, coarse, fine),) * 3)
    block = Descent(integers(A, 8), 8, Format(1, 7), steps, (1,))
    assert set(stalled(made, block)) == {"x0", "x1"}
    assert set(stalled(made, block).values()) == {1}
    assert not stalled(made, replace(block, iterations=(Iteration(fine, fine, fine),) * 60))
    assert made.raw.shape[1] > SEARCHED
