"""minimise = "cells": candidates are ranked by the cells that are expected, LUTs stay beside them for the report."""

import json
from pathlib import Path

import pytest
from finished import changed, hwgen

from hwgen import flow, verify
from hwgen.cost.estimate import Estimate
from hwgen.cost.folded import estimate, estimated_cells
from hwgen.cost.resources import Resources
from hwgen.designs.candidate import Tried, judge
from hwgen.designs.folding import folded
from hwgen.designs.reference import Reference, reference
from hwgen.designs.sizing import Sizing
from hwgen.designs.values import Coefficients
from hwgen.spec import parse

TAPS = Coefficients((3, 0, -9, -14, 5, 44, 83, 99, 83, 44, 5, -14, -9, 0, 3), 9)


def given(minimise: str, *pairs: str) -> Reference:
    return reference(parse(changed('minimise = "luts"', f'minimise = "{minimise}"', *pairs), Path("cells.toml")))


def test_the_structure_with_fewest_cells_is_chosen() -> None:
    sizes = {}
    for minimise in ("luts", "cells"):
        sizing = Sizing(given(minimise), Estimate.of("ice40", minimise))
        found = sizing.graded(TAPS, "taps")
        assert found is not None
        assert found.work is not None
        assert found.estimate == float(sizing.estimate.luts(found.work)[0])
        assert found.size == float(sizing.estimate.size(found.work)[0])
        sizes[minimise] = found
    assert sizes["luts"].size == sizes["luts"].estimate
    assert sizes["cells"].size > sizes["cells"].estimate
    # Cells of the design with the fewest LUTs are no fewer.
    luts = sizes["luts"].work
    assert luts is not None
    assert float(Estimate.of("ice40").cells(luts)[0]) >= sizes["cells"].size


def test_folded_candidates_have_cells_too() -> None:
    clock = ("[goal]", "[hardware]\nclock = 1e6\n[goal]")
    (found,) = folded(given("cells", *clock), [TAPS], "folded")
    assert (found.size, found.estimate) == (estimated_cells(found.fir, "ice40"), estimate(found.fir, "ice40").lut)


def test_what_is_expected_has_the_measured_luts() -> None:
    sized = given("cells")
    found = Sizing(sized, Estimate.of("ice40", "cells")).graded(TAPS, "taps")
    assert found is not None
    tried = Tried(found, judge(sized, found.fir, found.coefficients), True)
    assert tried.expected == float("inf")
    measured = Tried(found, tried.quality, True, Resources("ice40", found.estimate + 10, 0, 0))
    assert measured.expected == pytest.approx(found.size + 10)


def test_a_folded_run_for_gowin(tmp_path: Path, threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 500)
    monkeypatch.setattr(flow, "_has", lambda tool: False)
    hardware = '[hardware]\nstructure = "folded"\nclock = 1e6\n[goal]\ntarget = "gowin"'
    (tmp_path / "small.toml").write_text(changed("[goal]", hardware))
    ran = hwgen("run", tmp_path / "small.toml", "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    resources = json.loads((tmp_path / "out" / "result.json").read_text())["resources"]
    assert set(resources["estimate"]) == {"lut", "ff", "carry", "dsp", "bram"}
    assert resources["estimate"]["lut"] == pytest.approx(resources["synthesis"]["lut"], rel=0.12)
