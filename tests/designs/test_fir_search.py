"""What the search for a filter does with each key that bends it: cascades, placement, clock rates, folding, sums."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from finished import BANDS, DESIGN, LUTS, changed

from hwgen import tools
from hwgen.blocks.fir import Fir
from hwgen.blocks.folded import Folded
from hwgen.cost.place import PlaceError
from hwgen.designs import fir, fir_error, sources
from hwgen.designs.fir import Outcome, Search
from hwgen.designs.reference import reference
from hwgen.designs.sources import FULL
from hwgen.journal import Journal
from hwgen.spec import DesignFileError, parse

NARROW = (
    "stop = 6e3", "stop = 1e3", "start = 16e3", "start = 3.4e3", "attenuation_db = 26", "attenuation_db = 30",
)  # fmt: skip
FACTORS = [[[1, 2, 1], 2, 1], [[1, 2, 1], 2, 2], [[7, 17, 22, 17, 7], 6, 4]]  # values, fraction and spread of each
CASCADE = changed(*NARROW, "[goal]", '[hardware]\nstructure = "cascade"\n[goal]')
FOLDED = '[hardware]\nstructure = "folded"\nclock = 960e3\n[goal]'
RELOADABLE = ("[goal]", '[goal]\ntarget = "ecp5"', "bands =", 'coefficients = "reloadable"\nbands =')
FAST, BUDGET = "sqnr_db = 40\nfmax_mhz = 65", 'minimise = "error"\nbudget = { bits = 40 }'
SHORT = replace(FULL, rounds=1, candidates=2)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A search with guessed LUTs, of rounded taps and taps by bits: what was found for the text of a design file."""

    def guessed(text: str, *_: object) -> dict[str, int]:
        return {"lut": int(text.split()[0]), "ff": 1, "carry": 1, "dsp": 0, "bram": 0}

    def text(self: Search, block: Any) -> str:
        return f"{sum(block.words.widths) if isinstance(block, Fir) else 500} {getattr(block, 'depth', None)}"

    monkeypatch.setattr(sources, "cheapest", lambda *given, **named: [])
    monkeypatch.setattr(fir, "synthesise_step", guessed)
    monkeypatch.setattr(Search, "_text", text)
    monkeypatch.setattr(fir, "place_tool", lambda target: "a router")

    def run(design: str) -> Outcome:
        with ThreadPoolExecutor(1) as executor:
            return fir.search(
                reference(parse(design, Path("design.toml"))),
                executor,
                Journal(None, {}),
                lambda what, share: None,
                SHORT,
            )

    return run


def clocked(monkeypatch: pytest.MonkeyPatch, failing: int = 0) -> list[str]:
    """A router for which fewer adders between registers are faster; it fails for the smallest designs."""
    asked: list[str] = []

    def place(text: str, *_: object) -> dict[str, Any]:
        asked.append(text)
        luts, depth = text.split()
        if len(asked) <= failing:
            return {"failed": "no room"}
        clock = 20.0 if depth == "None" else 100.0 - 10 * int(depth)
        return {"cells": int(luts) + 1, "fmax_mhz": clock, "tool": "a router"}

    monkeypatch.setattr(fir, "place_step", place)
    return asked


# ------------------------------------------------------------------------------------------------------- cascades
@pytest.mark.parametrize("algorithm", ["gc-pso", "uniform", "common-lsb", "greedy"])
def test_a_cascade_is_what_is_built_and_what_it_is_compared_with(
    algorithm: str, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "factor_step", lambda bands, gain, shortest: [FACTORS])
    outcome = found(CASCADE.replace("[search]", f'[search]\nalgorithm = "{algorithm}"'))
    assert outcome.chosen.candidate.factors is not None
    assert set(outcome.baselines) == {"uniform", "common_lsb", "greedy"}
    assert {t.candidate.fir.structure for t in outcome.tried} <= {"cascaded direct", "cascaded transposed"}
    kind = {"gc-pso": "search", "common-lsb": "common_lsb"}.get(algorithm, algorithm)
    assert outcome.chosen.candidate.kind == kind or algorithm == "gc-pso"


def test_no_cascade_is_said(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "factor_step", lambda bands, gain, shortest: [])
    with pytest.raises(DesignFileError, match="no cascade of factors was found") as caught:
        found(CASCADE)
    assert caught.value.key == "hardware.structure"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        (("bands =", "taps = 41\nbands ="), "response.taps"),
        ((BANDS, "coefficients = [0.25, 0.5, 0.25]\n"), "response.bands"),
        (("bands =", "interpolate = 2\nbands ="), "response.interpolate"),
        ((LUTS, BUDGET), "hardware.structure"),
    ],
)
def test_what_a_cascade_cannot_be_is_refused(changes: tuple[str, str], key: str) -> None:
    structure = ("[search]", '[hardware]\nstructure = "cascade"\n[search]')
    with pytest.raises(DesignFileError) as caught:
        parse(changed(*changes, *structure), Path("design.toml"))
    assert caught.value.key == key


# ------------------------------------------------------------------------------------------------------ placement
def test_adders_are_pipelined_until_the_clock_is_reached(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = clocked(monkeypatch)
    outcome = found(changed("sqnr_db = 40", FAST))
    assert outcome.chosen.meets
    assert outcome.chosen.candidate.fir.depth == 3  # 70 MHz; four adders in a row reach 60
    assert outcome.chosen.candidate.label.endswith("pipelined")
    assert list(dict.fromkeys(text.split()[1] for text in asked)) == ["None", "4", "3"]
    assert all(t.place or not t.meets for t in outcome.tried)  # no clock rate is claimed that nobody measured


def test_a_clock_that_no_depth_reaches_is_not_met(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch)
    assert not found(changed("sqnr_db = 40", "sqnr_db = 40\nfmax_mhz = 400")).chosen.meets


def test_parallel_filters_are_pipelined_though_folded_ones_are_smaller(
    found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocked(monkeypatch)
    monkeypatch.setattr(Search, "_text", lambda self, block: f"{1 if isinstance(block, Folded) else 900} "
                        f"{getattr(block, 'depth', None)}")  # fmt: skip
    outcome = found(changed("sqnr_db = 40", FAST, "[search]", "[hardware]\nclock = 960e3\n[search]"))
    assert any(isinstance(t.candidate.fir, Folded) and t.place for t in outcome.tried)
    assert outcome.chosen.meets
    assert isinstance(outcome.chosen.candidate.fir, Fir)


def test_what_cannot_be_placed_gives_way_to_what_can(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = changed(LUTS, 'minimise = "cells"\nsqnr_db = 40')
    asked = clocked(monkeypatch)
    most = len(found(cells).tried)
    assert most > len(asked)  # only the smallest are placed
    for failing in (1, len(asked)):
        asked = clocked(monkeypatch, failing)
        outcome = found(cells)
        assert outcome.chosen.place is not None
        assert outcome.chosen.size("cells") == min(t.size("cells") for t in outcome.tried)
        assert {f"{t.resources.lut} None" for t in outcome.tried if t.place} == set(asked[failing:])
    clocked(monkeypatch, 10_000)
    with pytest.raises(PlaceError, match="no room"):
        found(cells)


def test_a_missing_router_is_told_before_the_search(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(target: str) -> str:
        raise tools.ToolMissing("nextpnr-ice40", "pip install it")

    monkeypatch.setattr(fir, "place_tool", missing)
    monkeypatch.setattr(Search, "minimise_area", lambda self: pytest.fail("searched"))
    monkeypatch.setattr(Search, "minimise_error", lambda self: pytest.fail("searched"))
    for text in (changed("sqnr_db = 40", FAST), changed(LUTS, f"{BUDGET}\nfmax_mhz = 65")):
        with pytest.raises(tools.ToolMissing):
            found(text)


# ---------------------------------------------------------------------------------------------- the least error
def test_the_least_error_is_placed_as_well(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch)
    outcome = found(changed(LUTS, f"{BUDGET}\nfmax_mhz = 65"))
    assert outcome.chosen.meets
    assert outcome.chosen.candidate.fir.depth == 3
    assert outcome.chosen.place["fmax_mhz"] == 70.0


def test_registers_that_break_a_budget_of_luts_are_no_answer(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch)
    monkeypatch.setattr(Search, "_text", lambda self, block: f"{100 if block.depth is None else 300} {block.depth}")
    outcome = found(changed(LUTS, 'minimise = "error"\nbudget = { luts = 200 }\nfmax_mhz = 65'))
    assert (outcome.chosen.meets, outcome.chosen.resources.lut) == (False, 100)


def test_a_folded_filter_of_least_error(found: Any) -> None:
    block = found(changed(LUTS, BUDGET, "[goal]", FOLDED)).chosen.candidate.fir
    assert isinstance(block, Folded)
    assert block.lsb is None  # no accuracy is asked for that would let bits go


def test_a_baseline_that_is_better_is_the_answer(found: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fir_error.ALGORITHMS, "exchange", fir_error.ALGORITHMS["common-lsb"])
    monkeypatch.setattr(fir_error, "improved", lambda search, taps, bits: taps.coefficients(fir_error.np.array(bits)))
    outcome = found(changed(LUTS, BUDGET, "[search]", '[search]\nalgorithm = "exchange"'))
    errors = {kind: t.quality.response.error for kind, t in outcome.baselines.items()}
    assert outcome.chosen.quality.response.error == min(errors.values()) < errors["common_lsb"]


# ------------------------------------------------------------------------------------------------- narrow sums
@pytest.mark.parametrize("changes", [("[goal]", FOLDED), RELOADABLE])
def test_a_low_goal_leaves_sums_coarser_than_the_output(changes: tuple[str, ...], found: Any) -> None:
    tried = found(changed(*changes, "sqnr_db = 40", "sqnr_db = 15")).tried
    assert all(t.meets for t in tried)
    for one in (t for t in tried if t.candidate.kind != "uniform"):
        assert one.candidate.fir.lsb > -9
        assert 15 <= one.quality.sqnr_db < 25


@pytest.mark.parametrize(
    ("changes", "widest"),
    [
        (("[goal]", FOLDED), lambda block: block.accumulator.width),
        (RELOADABLE, lambda block: block.total.width),
    ],
)
def test_sums_of_folded_and_loaded_filters_are_as_narrow_as_asked(
    changes: tuple[str, ...], widest: Any, found: Any
) -> None:
    fine = (*changes, "sqnr_db = 40", "sqnr_db = 43")
    free = widest(found(changed(*fine)).chosen.candidate.fir)
    bounded = [found(changed(*fine, "[search]", f"[search]\naccumulator_bits = {free - k}")).chosen for k in (0, 1)]
    assert [widest(t.candidate.fir) for t in bounded] == [free, free - 1]
    assert bounded[0].meets


@pytest.mark.parametrize("changes", [("[goal]", FOLDED), RELOADABLE, (LUTS, BUDGET, "[goal]", FOLDED)])
def test_sums_too_narrow_for_any_are_told(changes: tuple[str, ...], found: Any) -> None:
    with pytest.raises(DesignFileError, match="sums have 4 bits at most") as caught:
        found(changed(*changes, "[search]", "[search]\naccumulator_bits = 4"))
    assert caught.value.key == "search.accumulator_bits"


def test_the_design_file_itself_is_sound(found: Any) -> None:
    assert found(DESIGN).chosen.meets
