"""kind = "descent" with matrices that are loaded: from the design file to verified Verilog, and other matrices."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from descents_small import SMALL, A, write_matrix

from hwgen import flow, load, verify
from hwgen.blocks.descent import Descent
from hwgen.blocks.descent_loaded import LoadedDescent
from hwgen.check.stream import StreamTop
from hwgen.designs.descent_estimate import DescentEstimate
from hwgen.designs.descent_loading import LoadedCoefficients
from hwgen.designs.descent_reference import reference
from hwgen.designs.descent_spaces import Spaces
from hwgen.designs.descent_system import System
from hwgen.finished.descent import DescentDesign, thawed
from hwgen.spec import DesignFileError, parse

pytestmark = pytest.mark.xdist_group("solved")  # one worker, so one solver

FILE = (
    SMALL.replace("iterations = 4", 'iterations = 4\nentries = "reloadable"')
    .replace("sqnr_db = 28", "sqnr_db = 26")
    .replace("evaluations = 300", "evaluations = 200")
    .replace("[5, 8]", "[6, 10]")
)
OTHER = np.array([[0.2, 0.7], [-0.8, 0.1], [0.4, 0.55], [0.3, -0.4]])


@pytest.fixture(autouse=True)
def beside(tmp_path: Path) -> None:
    write_matrix(tmp_path)


def run(text: str, folder: Path) -> tuple[DescentDesign, dict[str, Any]]:
    write_matrix(folder)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as executor:
        patch.setattr(verify, "ICARUS_SAMPLES", 3_000)
        result = flow.Run(parse(text, folder / "solver.toml"), folder / "made", executor).everything(bulk=False)
    design = load(folder / "made")
    assert isinstance(design, DescentDesign)
    return design, result


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> tuple[DescentDesign, dict[str, Any]]:
    """The system in the file above behind AXI streams, run once."""
    text = FILE.replace("[search]", '[hardware]\ninterface = "axi_stream"\n[search]')
    return run(text, tmp_path_factory.mktemp("loaded"))


Solved = tuple[DescentDesign, dict[str, Any]]


# ------------------------------------------------------------------------------------------------------ mistakes
@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        ('"reloadable"', '"loaded"', "descent.entries", "constant"),
        ('entries = "reloadable"', "", "hardware.dsp", "reloadable"),
        ('matrix = "a.csv"', "matrix = { seed = 1, rows = 60, columns = 20 }", "descent.entries", "1410 numbers"),
        ("iterations = 4", 'iterations = 4\nform = "residual"\nridge = 0.1', "descent.form", "no ridge"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, key: str, told: str, tmp_path: Path) -> None:
    text = FILE + "\n[hardware]\ndsp = true\n"
    assert text.count(old) == 1
    with pytest.raises(DesignFileError) as error:
        reference(parse(text.replace(old, new), tmp_path / "solver.toml"))
    assert key in str(error.value)
    assert told in str(error.value)


def test_the_table_of_a_constant_descent_is_as_before(tmp_path: Path) -> None:
    plain = parse(FILE.replace('entries = "reloadable"\n', ""), tmp_path / "solver.toml")
    assert plain.descent is not None
    assert plain.descent.entries == "constant"
    assert not reference(plain).reloadable


# -------------------------------------------------------------------------------------------------- coefficients
def test_entries_are_to_nearest_with_headroom() -> None:
    system = System(A, 0.0, 4)
    made = LoadedCoefficients(system, 8, 9)
    assert np.abs(made.matrix - system.eta * A).max() <= 2.0 ** -(made.fraction + 1)
    assert np.abs(made.gram - system.eta * system.gram).max() <= 2.0 ** -(made.gram_fraction + 1)
    reach = 2.0 ** (7 - made.fraction)
    assert reach >= 3 * np.sqrt(np.mean((system.eta * A) ** 2))
    assert made.gram_fraction == 9 - 2
    assert LoadedCoefficients(system, 8).form == "residual"


def test_words_have_room_for_others(tmp_path: Path) -> None:
    made = reference(parse(FILE, tmp_path / "solver.toml"))
    space = Spaces(made, DescentEstimate.of("ice40"))._space(8, 8)
    words = space.words
    later = [words.peaks[words.place[name]] for name in ("u1", "u2", "u3")]
    assert len(set(later)) == 1
    states = np.abs(words.trajectory["x1"]).max(), np.abs(words.trajectory["x4"]).max()
    assert 2.0 ** (words.peaks[words.place["x1"]] - 1) >= 2 * max(states)
    low, high = space.bounds
    ends = space.ends((low + high)[None] // 2)
    assert (ends.tops >= words.peaks).all()
    assert not ends.drops.any()
    assert isinstance(words.block(ends), LoadedDescent)


# -------------------------------------------------------------------------------------------------------- answer
def test_a_solver_from_file_to_verified_verilog(solved: Solved) -> None:
    design, result = solved
    assert flow.succeeded(result)
    assert result["quality"]["sqnr_db"] >= 26
    assert isinstance(design.top, StreamTop)
    block = design.block
    assert isinstance(block, LoadedDescent)
    assert [port.name for port in block.ports] == ["c_valid", "c_index", "c_data"]
    bases = result["baselines"]
    assert result["resources"]["synthesis"]["lut"] <= min(b["lut"] for b in bases.values() if b and b["meets"])
    assert "On a clock edge with c_valid" in design.verilog
    assert f"a3_1 {block.registers[7]}" in design.verilog
    ports = {port["name"]: port for port in result["top"]["ports"]}
    assert ports["c_data"]["format"].startswith(f"a0_0 {block.registers[0]}, a1_0")


def test_another_matrix_is_solved_as_well(solved: Solved) -> None:
    design, _ = solved
    block = design.block
    assert isinstance(block, LoadedDescent)
    y = np.random.default_rng(99).integers(-64, 65, (4, 4000))
    for matrix in (A, OTHER):
        words = design.words_of(matrix)
        x = block.model(y, words) * block.output.lsb
        wanted = np.linalg.lstsq(matrix, y / 2**7, rcond=None)[0]
        assert 10 * np.log10(np.mean(wanted**2) / np.mean((x - wanted) ** 2)) > 24
    assert tuple(design.words_of(A)) == block.power_up
    assert np.array_equal(design.model(y), block.model(y, block.power_up))


def test_words_for_what_cannot_be_loaded_are_refused(solved: Solved) -> None:
    design, _ = solved
    with pytest.raises(ValueError, match="4 x 2"):
        design.words_of(A.T)
    with pytest.raises(ValueError, match="diverges"):
        design.words_of(A, step=5.0)


def test_the_form_residual_keeps_its_step(tmp_path: Path) -> None:
    space = Spaces(reference(parse(FILE, tmp_path / "solver.toml")), DescentEstimate.of("ice40"))._space(9, None)
    low, high = space.bounds
    block = space.block((low + high) // 2)
    assert isinstance(block, LoadedDescent)
    design = DescentDesign("solver", block)
    assert tuple(design.words_of(A)) == block.power_up
    y = np.random.default_rng(98).integers(-64, 65, (4, 500))
    steep = replace(System(0.8 * A, 0.0, 4), step=block.step)
    x, wanted = block.model(y, design.words_of(0.8 * A)) * block.output.lsb, steep.descended(y / 2**7)[-1]
    assert 10 * np.log10(np.mean(wanted**2) / np.mean((x - wanted) ** 2)) > 25
    for wrong in ({"ridge": 0.1}, {"step": 0.5}):
        with pytest.raises(ValueError, match="residual"):
            design.words_of(A, **wrong)
    with pytest.raises(ValueError, match="diverges"):
        design.words_of(3 * A)


def test_a_constant_design_has_no_words_to_load(solved: Solved) -> None:
    block = solved[0].block
    plain = Descent(**{part.name: getattr(block, part.name) for part in fields(Descent)})
    with pytest.raises(ValueError, match="reloadable"):
        DescentDesign("solver", plain).words_of(A)


def test_hardware_at_rest_has_the_matrix_of_the_file(solved: Solved) -> None:
    design, _ = solved
    y = np.random.default_rng(97).integers(-128, 128, (4, 200))
    assert np.array_equal(verify.filtered(design, y), design.words(y))


def test_frozen_and_thawed_are_inverse(solved: Solved) -> None:
    design, _ = solved
    assert thawed(json.loads(json.dumps(design.frozen()))) == design


def test_broken_hardware_is_found_out(solved: Solved, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 1_500)
    design, _ = solved
    assert verify.bit_true(design, None, 1).bit_true
    text = "if (load4) c4 <= "
    assert design.verilog.count(text) == 1
    broken = replace(design, verilog=design.verilog.replace(text, "if (load5) c4 <= "))
    assert verify.bit_true(broken, None, 1).mismatches > 0


def test_one_stage_and_dsp_blocks(tmp_path: Path) -> None:
    text = FILE.replace("sqnr_db = 26", 'sqnr_db = 26\ntarget = "ecp5"')
    hardware = '[hardware]\ndsp = true\nstructure = "folded"\nclock = 4e6\n\n[search]\nalgorithm = "greedy"'
    design, result = run(text.replace("[search]", hardware), tmp_path)
    assert flow.succeeded(result)
    assert design.folded
    assert result["resources"]["synthesis"]["dsp"] == result["resources"]["estimate"]["dsp"] == 8 + 4
    with pytest.raises(ValueError, match="4 x 2"):
        design.words_of(np.ones((8, 2)))


def test_the_estimate_is_near_what_is_synthesised(solved: Solved) -> None:
    _, result = solved
    estimate, counted = (result["resources"][kind] for kind in ("estimate", "synthesis"))
    assert estimate["lut"] == pytest.approx(counted["lut"], rel=0.25)
    assert estimate["ff"] == pytest.approx(counted["ff"], rel=0.1)
