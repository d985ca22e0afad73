"""Small studies from end to end: what the findings hold, that they repeat, and that allocate contains the baselines."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from small_studies import Closed, Inline, shrink

from hwgen.allocation.methods import METHODS
from hwgen.journal import Journal
from hwgen.problems.fir import FirBits
from hwgen.problems.fir_spec import PUBLISHED
from hwgen.studies import fir, receiver, runner
from hwgen.studies.case import ALONE, Case
from hwgen.studies.judged import judged
from hwgen.studies.report import render
from hwgen.studies.tables import headline, markdown, plain, tables

EXACT = {"separable", "exhaustive"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Findings of the three small studies, and the journals they leave."""
    folder = tmp_path_factory.mktemp("studies")
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        return {
            name: runner.run(name, Inline(), Journal(folder / name, {}), True, 1, 60) | {"journal": folder / name}
            for name in runner.STUDIES
        }


def lines(case: dict) -> dict[str, dict]:
    return {line["name"]: line for line in case["methods"]}


def test_every_method_and_closed_form_is_there(found: dict) -> None:
    every = set(METHODS) - EXACT
    forms = {
        "fir": {"equal-bits", "equal-lsb"},
        "receiver": {"mmsqe-ba", "mmsqe-ba-revised", "relaxation", ALONE},
        "descent": {"geometric"},
    }
    for name, study in found.items():
        assert len(study["cases"]) == 2
        for case in study["cases"]:
            assert set(lines(case)) >= every | forms[name], (name, case["key"])
            for line in case["methods"]:
                if line["ratio"] is not None:
                    middle, least, most = line["ratio"]
                    assert least <= middle <= most
    noise, words = found["descent"]["cases"]
    assert "separable" in lines(noise)
    assert "separable" not in lines(words)
    assert "noise-model" in lines(words)
    assert all(len(lines(case)) == len(case["methods"]) for study in found.values() for case in study["cases"])


def test_allocate_contains_the_deterministic_methods(found: dict) -> None:
    for name, study in found.items():
        for case in study["cases"]:
            here = lines(case)
            known = [n for n in here if n in runner.DETERMINISTIC or here[n]["kind"] == "closed form"]
            rivals = [here[n]["objective"][0] for n in known if here[n]["objective"]]
            assert len(rivals) > 6
            assert here["allocate"]["objective"][0] <= min(rivals) * (1 + 1e-12), (name, case["key"])


def test_bounds_hold_and_the_small_filter_is_proven(found: dict) -> None:
    certified = [c for study in found.values() for c in study["cases"] if c["instances"][0]["bound"] is not None]
    assert len(certified) == 4  # one filter, two receivers, the noise model
    for case in certified:
        for line in case["methods"]:
            if line["objective"]:
                assert line["objective"][1] >= case["instances"][0]["bound"] * (1 - 1e-9), (case["key"], line["name"])
    first = found["fir"]["cases"][0]
    assert first["proven"] is True
    (proof,) = first["instances"]
    assert proof["bound"] <= proof["best"] <= proof["bound"] * 1.002
    assert all(line["ratio"][1] >= 1 for line in first["methods"])
    noise = found["descent"]["cases"][0]
    assert lines(noise)["allocate"]["ratio"] == pytest.approx([1, 1, 1])
    assert lines(noise)["separable"]["ratio"] == pytest.approx([1, 1, 1])


def test_objectives_are_those_of_the_bits(found: dict) -> None:
    filters = FirBits(PUBLISHED["A"], 15)
    for case in found["fir"]["cases"]:
        for line in case["methods"]:
            if line["bits"] and line["objective"]:
                bits = np.array([line["bits"]])
                assert bits.sum() <= case["budget"] * 8
                assert filters.error(bits)[0] == pytest.approx(line["objective"][1], rel=1e-12)


def test_equal_seeds_give_equal_bytes(found: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)
    first = found["fir"]
    again = runner.run("fir", Inline(), Journal(None, {}), True, 1, 60)
    kept = {key: value for key, value in first.items() if key not in ("timings", "journal")}
    assert json.dumps(kept) == json.dumps({key: value for key, value in again.items() if key != "timings"})
    pages = [render(study).split('<section id="timings">') for study in (first, again)]
    assert pages[0][0] == pages[1][0]
    assert pages[0][1].split("</section>", 1)[1] == pages[1][1].split("</section>", 1)[1]
    parameters = runner.study("fir").cases(True, 1, 60)[1].parameters
    told = runner.trials("fir", parameters, 0, [("genetic", 0), ("genetic", 1), ("genetic", 0)], 300)["runs"]
    one, other, again_one = (run["history"] for *_, run in told)
    assert one == again_one
    assert one != other


def test_an_interrupted_study_continues_from_its_journal(found: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)
    path: Path = found["fir"]["journal"]
    told = []
    again = runner.run("fir", Closed(), Journal(path, {}), True, 1, 60, lambda what, share: told.append(what))
    assert again["cases"] == found["fir"]["cases"]
    assert again["timings"]["cases"] == found["fir"]["timings"]["cases"]
    assert told[0] == "running every method"
    with pytest.raises(AssertionError, match="asked for trials"):
        runner.run("fir", Closed(), Journal(path, {}), True, 2, 60)


def test_ratios_by_hand() -> None:
    def run(objective: float | None, spent: int) -> dict:
        history = [] if objective is None else [[2, 9.0], [4, objective]]
        return {"objective": objective, "bits": [1], "judged": {"far": 2 * (objective or 0)}, "evaluations": spent,
                "start_evaluations": 1, "seconds": spent / 10, "history": history}  # fmt: skip

    outcomes = [
        {"instance": 7, "floor": 1.0, "bound": 2.0, "seconds": 0.5, "forms": {"rule": run(5.0, 0)},
         "runs": [["a", 0, run(3.0, 10)], ["a", 1, run(4.0, 20)], ["b", 0, run(None, 5)]]},
        {"instance": 8, "floor": 1.0, "bound": 3.0, "seconds": 1.5, "forms": {"rule": run(3.0, 0)},
         "runs": [["a", 0, run(7.0, 30)], ["a", 1, run(3.0, 40)], ["b", 0, run(5.0, 5)]]},
    ]  # fmt: skip
    case = Case("k", "g", 2, {}, (0, 1), 50, (7, 8), against="bound")
    result = judged(case, outcomes, None)
    here = lines(result)
    # (3 - 1) / (2 - 1), (4 - 1) / (2 - 1), (7 - 1) / (3 - 1), (3 - 1) / (3 - 1)
    assert here["a"]["ratios"] == [2, 3, 3, 1]
    assert here["a"]["ratio"] == [2.5, 1, 3]
    assert here["b"]["ratios"] == [None, 2]
    assert here["b"]["failed"] == 1
    assert here["rule"]["ratios"] == [4, 1]
    assert here["a"]["judged"]["far"] == [7, 6, 14]  # of 6, 8, 14, 6
    assert here["a"]["history"][0] == [2, 6.0]  # (9 - 1) / 1 twice, (9 - 1) / 2 twice: the median of 8, 8, 4, 4 is 6
    assert [i["best"] for i in result["instances"]] == [3, 3]
    assert [i["gap"] for i in result["instances"]] == [0.5, 0]
    assert result["seconds"] == {"a": 2.5, "b": 0.5, "making the instance": 1.0}
    best = judged(Case("k", "g", 2, {}, (0, 1), 50, (7, 8), known=2.5), outcomes, None)
    assert lines(best)["a"]["ratios"] == pytest.approx([2 / 1.5, 2, 4, 2 / 1.5])


def test_hogenauer_is_equalled_or_beaten_and_only_means_are_gained() -> None:
    gained = {}
    for name, model in product(receiver.CICS, ("exact", "centred")):
        told = receiver.pruning(name, model, 300)
        assert told["fewest"] <= told["bits"]
        assert told["fewest_error"] <= told["error"] * (1 + 1e-12)
        assert told["least"] <= told["error"] * (1 + 1e-12)
        gained[name, model] = told["error"] / told["least"]
    assert all(gained[name, "exact"] > 1.3 for name in receiver.CICS)
    assert all(gained[name, "centred"] < 1.1 for name in receiver.CICS)


def test_values_reach_the_published_optimum() -> None:
    told = fir.wordlength("A", 35, 2, 50)
    assert told["placed"] <= 1.02 * told["optimum"]
    assert told["both"] < told["placed"] < told["rounded"]
    assert told["ideal"] < told["both_judged"]


def test_tables_show_every_case(found: dict) -> None:
    for study in found.values():
        shown = tables(study)
        text = markdown(shown)
        for case in study["cases"]:
            assert case["key"] in text
        assert text.count("\n| allocate |") >= 1
        for table in shown:
            assert {len(row) for row in table.rows} <= {len(table.columns)}
            assert len({len(line) for line in plain(table).splitlines()[3:]}) <= 1
        assert "cases" in headline(study)
    swarms = next(table for table in tables(found["fir"]) if table.title == "Swarm parameters")
    radii = {row[0].split(": ")[1]: row[4:6] for row in swarms.rows}
    assert radii["Clerc and Kennedy 2002"] == ("0.854", "0.944")
    assert radii["w = 0.7, c = 2"] == ("0.837", "1.124")
    assert any(row[-1] == "in use" for row in swarms.rows)


@pytest.mark.parametrize(("seeds", "evaluations"), [(0, 5), (2, 0)])
def test_wrong_numbers_are_refused(seeds: int, evaluations: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        runner.run("fir", Closed(), Journal(None, {}), True, seeds, evaluations)
    with pytest.raises(ValueError, match="fir, receiver, descent"):
        runner.study("coffee")
