"""Receivers of least error within a budget of LUTs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from receivers_small import TEXT, search, small

from hwgen import flow
from hwgen.cost.resources import Resources
from hwgen.designs.receiver_error import Budgeted
from hwgen.designs.receiver_reference import reference, with_goal
from hwgen.designs.receiver_search import Tried
from hwgen.spec import DesignFileError, parse

ERROR = TEXT.replace('minimise = "luts"\nsqnr_db = 40', 'minimise = "error"\nbudget = { luts = 900 }')
TINY = """
[design]
name = "rx"
kind = "receiver"
[input]
format = "s1.5"
sample_rate = 8e6
[output]
format = "s1.9"
[[stage]]
block = "cic"
order = 2
decimate = 4
[[stage]]
block = "gain"
gain = 0.75
[goal]
minimise = "error"
budget = { luts = 110 }
[search]
evaluations = 200
"""
FACTOR = 1.07  # by which the estimate is off


def counted(entries: Sequence[Tried]) -> list[Tried]:
    return [replace(e, resources=Resources("ice40", round(e.luts * FACTOR), 0, 0, tool="none")) for e in entries]


@cache
def budgeted(luts: int) -> tuple[Budgeted, Tried]:
    work = Budgeted(small(ERROR), luts, lambda known: search(known, 100), counted)
    best = work.allocated("greedy" if luts < 900 else "gc-pso", "search")
    assert best is not None
    return work, best


@pytest.mark.parametrize("luts", [700, 900])
def test_the_budget_is_kept_as_measured_and_used(luts: int) -> None:
    _, best = budgeted(luts)
    assert best.resources is not None
    assert 0.95 * luts < best.resources.lut <= luts
    assert best.luts < luts / FACTOR + 1
    assert best.meets


def test_more_luts_are_less_error() -> None:
    assert budgeted(900)[1].measured.sqnr_db > budgeted(700)[1].measured.sqnr_db + 1


def test_no_baseline_is_more_accurate() -> None:
    work, best = budgeted(900)
    found = work.baselines()
    for entry in found.values():
        assert entry is not None
        assert entry.resources is not None
        assert entry.resources.lut <= 900
        assert entry.measured.sqnr_db <= best.measured.sqnr_db + 0.2
    assert found["uniform"] is not None
    assert found["uniform"].measured.sqnr_db < best.measured.sqnr_db - 6


def test_the_widest_one_width_within_the_budget_is_taken() -> None:
    work, _ = budgeted(900)
    uniform = work.baselines()["uniform"]
    assert uniform is not None
    wider = work.search.uniform_of(uniform.bits["width"] + 1)
    assert wider.luts * FACTOR > 900


def test_a_budget_is_worth_what_greedy_widths_reach_with_it() -> None:
    known = small(ERROR)
    reached = budgeted(850)[0].search.goal.sqnr_db
    least = search(with_goal(known, reached)).least_luts("greedy")
    more = search(with_goal(known, reached + 1)).least_luts("greedy")
    assert least is not None
    assert more is not None
    assert least <= 850 < more


def test_spurs_are_kept_down_within_a_budget() -> None:
    work = Budgeted(small(ERROR.replace("luts = 900 }", "luts = 900 }\nsfdr_db = 70")), 900, search, counted)
    best = work.search.within(820, "greedy", "greedy")
    assert best is not None
    assert best.measured.sfdr_db is not None
    assert best.measured.sfdr_db >= 70
    assert work.judged(best).meets
    assert not work.judged(replace(best, measured=replace(best.measured, sfdr_db=69.9))).meets


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        ("luts = 900", "bits = 90", "goal.budget", "spends LUTs"),
        ("luts = 900 }", "luts = 900 }\nsqnr_db = 40", "goal.sqnr_db", "whatever is asked for"),
        ("luts = 900 }", "luts = 900 }\nevm_percent = 1.0", "goal.evm_percent", "remove it"),
    ],
)
def test_a_mistake_names_its_key(old: str, new: str, key: str, told: str) -> None:
    with pytest.raises(DesignFileError) as caught:
        reference(parse(ERROR.replace(old, new), "rx.toml"))
    assert key in str(caught.value)
    assert told in str(caught.value)


def test_the_search_of_a_design_file_keeps_its_budget(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        found = flow.Run(parse(TINY, tmp_path / "rx.toml"), tmp_path / "out", pool).found
        small_one = parse(TINY.replace("110", "9"), tmp_path / "rx.toml")
        with pytest.raises(DesignFileError, match=r"no receiver was found within 9 LUTs[^$]*take about \d\d"):
            _ = flow.Run(small_one, tmp_path / "other", pool).found
    assert found["meets"]
    assert found["synthesis"]["lut"] <= 110
    assert found["quality"]["error"] == pytest.approx(10 ** (-found["quality"]["sqnr_db"] / 10))
    assert found["quality"]["error"] <= min(b["error"] for b in found["baselines"].values() if b)
