"""`hwgen pareto`: finished folders, a front that nothing dominates, the same after an interruption, and bad input."""

import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from finished import BANDS, DESIGN, LUTS, Ran, changed, hwgen
from playwright.sync_api import sync_playwright
from short_runs import hastened

import hwgen as package
from hwgen import front, pareto, verify
from hwgen.check.vectors import Simulation
from hwgen.designs import source_steps, sources
from hwgen.report.front import render
from hwgen.tomlmap import DesignFileError

pytestmark = pytest.mark.xdist_group("chromium")  # one worker, so one browser and one front

COUNT = 4


def quickened(patch: pytest.MonkeyPatch) -> None:
    """As `hastened`, with the shortest of searches for values."""
    hastened(patch)
    patch.setattr(sources, "_LEAST", 100)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """`quickened` for one test."""
    quickened(monkeypatch)


@dataclass(frozen=True)
class Made:
    """Folder of `hwgen pareto`, what pareto.json says, and what the command said."""

    folder: Path
    findings: dict
    ran: Ran


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = tmp_path_factory.mktemp("pareto")
    (place / "halfband.toml").write_text(DESIGN)
    with pytest.MonkeyPatch.context() as patch:
        quickened(patch)
        ran = hwgen("pareto", place / "halfband.toml", "--points", COUNT, "--out", place / "made")
    assert ran.code == 0, ran.err
    return Made(place / "made", json.loads((place / "made" / "pareto.json").read_text()), ran)


@pytest.fixture
def trusting(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `quick`, and nothing is simulated."""
    monkeypatch.setattr(verify, "bit_true", lambda *given: Simulation(1, 0, "none", None, 0.0))


def dominates(one: dict, other: dict) -> bool:
    mine, others = ((row["lut"], -row["sqnr_db"], row["mask_share"]) for row in (one, other))
    return mine != others and all(a <= b for a, b in zip(mine, others, strict=True))


def test_every_point_meets_its_goals_and_none_on_the_front_is_dominated(made: Made) -> None:
    points = made.findings["points"]
    assert made.findings["skipped"] == []
    assert [row["point"] for row in points] == list(range(1, COUNT + 1))
    assert {row["goal"]["tolerance"] for row in points} == {1, 0.5}
    for row in points:
        assert row["sqnr_db"] >= row["goal"]["sqnr_db"]
        assert row["mask_share"] <= row["goal"]["tolerance"] * 1.1  # limits in decibels do not scale quite evenly
        assert row["met"]
        assert set(row["baselines"]) == {"uniform", "common_lsb"}
        assert row["lut"] <= min(rival["lut"] for rival in row["baselines"].values())
    rivals = [rival for row in points for rival in row["baselines"].values()]
    on_front = [row for row in points if row["on_front"]]
    assert made.findings["front"] == [row["point"] for row in on_front]
    assert len(on_front) >= 3
    for row in on_front:
        assert not any(dominates(other, row) for other in (*points, *rivals))
    for row in points:
        assert row["on_front"] == (row["off_front"] is None)


def test_every_folder_is_a_finished_bit_true_design(made: Made) -> None:
    for row in made.findings["points"]:
        folder = made.folder / row["folder"]
        result = json.loads((folder / "result.json").read_text())
        assert result["goal"] == {"minimise": "luts", "sqnr_db": row["goal"]["sqnr_db"], "target": "ice40", "met": True}
        assert result["verification"]["bit_true"]["mismatches"] == 0
        assert result["verification"]["bit_true"] == row["bit_true"]
        assert result["resources"]["synthesis"]["lut"] == row["lut"]
        assert result["quality"]["sqnr_db"] == row["sqnr_db"]
        design = package.load(folder)
        assert design.verilog
        assert len(design.coefficients) == row["taps"]
        assert (folder / "report.html").read_text().count("chosen") > 1
        again = hwgen("report", folder, "--json")
        assert (again.code, json.loads(again.out)) == (0, result)
    simulated = hwgen("simulate", made.folder / "point1")
    assert simulated.code == 0
    assert " 0 mismatches" in simulated.out


def test_the_table_says_what_the_json_says(made: Made) -> None:
    lines = made.ran.out.splitlines()
    assert lines[0].startswith("halfband on ice40.")
    for row in made.findings["points"]:
        line = next(line for line in lines if line.split()[:1] == [str(row["point"])])
        assert line.split()[1 if row["on_front"] else 2] == f"{row['goal']['sqnr_db']:.1f}"
        for found in (row, *row["baselines"].values()):
            assert f" {found['lut']} " in line
        assert row["on_front"] or f"* point {row['point']}: {row['off_front']}" in lines
    assert str(made.folder / "pareto.json") in lines[-1]


def test_a_point_file_makes_the_same_design_by_run(made: Made, tmp_path: Path, quick: None) -> None:
    shutil.copytree(made.folder, tmp_path / "made")
    folder = tmp_path / "made" / "point2"
    ran = hwgen("run", folder / "design.toml", "--out", folder, "--json")
    assert ran.code == 0
    timeless = [
        {**json.loads(text), "timings": 0} for text in (ran.out, (made.folder / "point2/result.json").read_text())
    ]
    assert timeless[0] == timeless[1]


def test_cut_off_and_resumed_it_ends_the_same(
    made: Made, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halfband.toml").write_text(DESIGN)
    words = ("pareto", tmp_path / "halfband.toml", "--points", COUNT, "--out", tmp_path / "made here", "--json")
    with monkeypatch.context() as patch:
        patch.setattr(front, "choice", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        cut = hwgen(*words)
    assert (cut.code, cut.out) == (130, "")
    assert shlex.split(cut.err.splitlines()[-1].split("with: ")[1]) == ["hwgen", *map(str, words)]
    assert not (tmp_path / "made here" / "pareto.json").exists()

    def repeated(*given: object) -> None:
        raise AssertionError("a finished step was done again")

    monkeypatch.setattr(pareto, "search", repeated)
    monkeypatch.setattr(source_steps, "walk", repeated)
    resumed = hwgen(*words)
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out) == made.findings
    for name in ("pareto.json", "report.html", "point1/halfband.v", "point4/report.html", "point4/design.toml"):
        assert (tmp_path / "made here" / name).read_bytes() == (made.folder / name).read_bytes(), name


def test_goals_out_of_reach_are_left_out_with_a_reason(tmp_path: Path, trusting: None) -> None:
    design = tmp_path / "halfband.toml"
    design.write_text(changed("[goal]", "taps = 7\n[goal]", "attenuation_db = 26", "attenuation_db = 30"))
    ran = hwgen("pareto", design, "--points", 4, "--out", tmp_path / "made")
    assert ran.code == 0, ran.err
    findings = json.loads((tmp_path / "made" / "pareto.json").read_text())
    assert [row["point"] for row in findings["skipped"]] == [4]
    assert "no filter with 7 taps meets the bands" in findings["skipped"][0]["reason"]
    assert f"no point 4 (SQNR 40.0 dB, mask 2 x tighter): {findings['skipped'][0]['reason']}" in ran.out.splitlines()
    assert len(findings["points"]) == 3
    assert not (tmp_path / "made" / "point4").exists()
    assert "no filter with 7 taps" in (tmp_path / "made" / "report.html").read_text()


def test_coefficients_without_bands_have_a_front_of_accuracy_alone(tmp_path: Path, trusting: None) -> None:
    design = tmp_path / "halfband.toml"
    design.write_text(changed(BANDS, "coefficients = [0.07, 0.241, 0.38, 0.241, 0.07]\n"))
    ran = hwgen("pareto", design, "--points", 3, "--out", tmp_path / "made", "--json")
    assert ran.code == 0, ran.err
    findings = json.loads(ran.out)
    assert len(findings["points"]) == 3
    assert all(row["mask_share"] is None for row in findings["points"])
    assert 'data-figure="mask"' not in (tmp_path / "made" / "report.html").read_text()


BAD = {
    "error": ((LUTS, 'minimise = "error"\nbudget = { bits = 40 }'), "goal.minimise", ["a front is of LUTs", "= 60"]),
    "cells": (('"luts"', '"cells"'), "goal.minimise", ["cells"]),
    "no SQNR": (("sqnr_db = 40", "max_error_ulp = 1.0"), "goal.sqnr_db", ["add sqnr_db"]),
    "clock": (("= 40", "= 40\nfmax_mhz = 50"), "goal.fmax_mhz", ["not placed"]),
    "baseline": (("[search]", '[search]\nalgorithm = "uniform"'), "search.algorithm", ["compared with"]),
    "out of reach": (("= 40", "= 90"), "goal.sqnr_db", ["s1.9 alone"]),
    "too few bits": (("[search]", "[search]\ncoefficient_bits = 2"), "search.coefficient_bits", ["allow more bits"]),
}


@pytest.mark.parametrize("mistake", BAD)
def test_design_files_without_a_front_are_refused(mistake: str, tmp_path: Path, quick: None) -> None:
    change, key, said = BAD[mistake]
    design = tmp_path / "halfband.toml"
    design.write_text(changed(*change))
    ran = hwgen("pareto", design, "--points", 2, "--out", tmp_path / "made" / "here")
    assert (ran.code, ran.out) == (2, "")
    message = ran.err.rpartition("hwgen: ")[2]
    assert message.startswith(f"{design}:")
    assert f": {key}" in message
    assert all(words in message for words in said), message
    assert [path.name for path in tmp_path.iterdir()] == ["halfband.toml"]


@pytest.mark.parametrize("words", [("--points", "1"), ("--points", "many"), ("--jobs", "0")])
def test_mistakes_on_the_command_line_are_told(words: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "halfband.toml").write_text(DESIGN)
    ran = hwgen("pareto", tmp_path / "halfband.toml", "--out", tmp_path / "made", *words)
    assert (ran.code, ran.out) == (2, "")
    assert words[0] in ran.err
    assert not (tmp_path / "made").exists()


def test_folders_of_others_are_left_alone(tmp_path: Path, quick: None) -> None:
    (tmp_path / "halfband.toml").write_text(DESIGN)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "mine.txt").write_text("keep")
    ran = hwgen("pareto", tmp_path / "halfband.toml", "--out", tmp_path / "made")
    assert ran.code == 2
    assert "--force" in ran.err
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["mine.txt"]


def test_a_search_that_is_refused_says_so_in_plain_data(monkeypatch: pytest.MonkeyPatch) -> None:
    from hwgen.spec import parse

    def refused(*given: object) -> None:
        raise DesignFileError("x.toml", 3, "search.coefficient_bits", 2, "too few", "more")

    monkeypatch.setattr(pareto, "search", refused)
    assert pareto.search_step(parse(DESIGN, "x.toml"), 1.0, {}) == {
        "refused": ["search.coefficient_bits", "too few", "more"]
    }


def test_the_page_opens_quietly_and_a_click_opens_the_point(made: Made) -> None:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "no chromium to open the page with; install it: apt-get install chromium"
    points = made.findings["points"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for width, scheme in ((1100, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            complaints: list[str] = []
            requests: list[str] = []
            page.on("console", lambda message, told=complaints: told.append(message.text))
            page.on("pageerror", lambda error, told=complaints: told.append(str(error)))
            page.on("request", lambda request, told=requests: told.append(request.url))
            page.goto((made.folder / "report.html").as_uri())
            assert complaints == []
            assert [url for url in requests if not url.startswith("data:")] == [(made.folder / "report.html").as_uri()]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for figure in ("sqnr", "mask"):
                place = page.locator(f"figure[data-figure={figure}]")
                assert place.locator(".marks .mark").count() == 3 * len(points)
                assert place.locator(".marks .uniform").count() == len(points)
                assert place.locator(".marks .misses").count() == len(points) - len(made.findings["front"])
                assert "NaN" not in place.inner_html()
            assert page.locator("#table-points tbody tr").count() == len(points)
        svg = page.locator("figure[data-figure=sqnr] .plot > svg")
        svg.focus()
        page.keyboard.press("ArrowRight")
        assert "LUTs" in page.locator("figure[data-figure=sqnr] .tip").inner_text()
        mark = page.locator("figure[data-figure=sqnr] .marks .mark.search").first
        mark.scroll_into_view_if_needed()
        box = mark.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        told = page.locator("figure[data-figure=sqnr] .tip").inner_text().splitlines()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_url("**/point*/report.html")
        assert told[0].replace(" ", "") in page.url
        browser.close()


def test_names_are_inert_and_missing_figures_told(made: Made) -> None:
    hostile = "</script><script>window.pwned = 1</script><img src=x>"
    row = {**made.findings["points"][0], "label": hostile, "off_front": hostile, "on_front": False, "sqnr_db": None}
    page = render({**made.findings, "name": hostile, "points": [row], "front": []})
    assert "<script>window" not in page
    assert "<img" not in page
    assert "No design on the front." in page
