"""`hwgen study` as typed, with small studies that run in this process; its page as XML and in a browser."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from finished import Ran, hwgen
from playwright.sync_api import sync_playwright
from small_studies import Inline, shrink

from hwgen import workers
from hwgen.allocation.methods import METHODS
from hwgen.studies import runner
from hwgen.studies.report import render

pytestmark = pytest.mark.xdist_group("chromium")  # one worker, so one browser
VOID = {"meta", "link", "br", "hr", "img", "input"}


@contextmanager
def inline(jobs: int) -> Iterator[Inline]:
    yield Inline()


def study(patch: pytest.MonkeyPatch, *words: object) -> Ran:
    shrink(patch)
    patch.setattr(workers, "local_pool", inline)
    return hwgen("study", *words, "--quick", "--seeds", 1, "--evaluations", 60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small filter study, as the command leaves it."""
    place = tmp_path_factory.mktemp("run") / "out"
    with pytest.MonkeyPatch.context() as patch:
        ran = study(patch, "fir", "--out", place)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("FIR filters\n")
    assert re.search(r"\nA15\. Error over .*\nmethod .* evaluations \(starts\)\n-+\nallocate ", ran.out)
    assert all(re.search(rf"^{re.escape(name)} ", ran.out, re.M) for name in set(METHODS) - {"separable", "exhaustive"})
    assert str(place / "report.html") in ran.out
    assert re.fullmatch(r"(hwgen: [a-z][^\n]*\n)+", ran.err)
    return place


def test_files_and_formats(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint", "report.html", "study.json"]
    kept = json.loads((folder / "study.json").read_text())
    assert set(kept) == {
        "hwgen", "study", "quick", "command", "title", "about", "error_label", "budget_label", "cases", "tables",
        "dynamics", "timings",
    }  # fmt: skip
    ran = study(monkeypatch, "fir", "--out", folder, "--json")  # from its own checkpoint
    printed = json.loads(ran.out)
    assert printed["cases"] == kept["cases"]
    assert printed["timings"]["cases"] == kept["timings"]["cases"]
    assert kept["command"] == "hwgen study fir --quick --seeds 1 --evaluations 60"
    assert (folder / "report.html").read_text() == render(json.loads((folder / "study.json").read_text()))
    assert study(monkeypatch, "fir", "--out", folder, "--markdown").out.count("|---|") >= 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["coffee"], "'coffee'; give one of fir, receiver, descent"),
        ([], "name"),
        (["fir", "--seeds", "0"], "--seeds"),
        (["fir", "--evaluations", "none"], "--evaluations"),
        (["fir", "--jobs", "0"], "--jobs"),
    ],
)
def test_mistakes_are_told(words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = hwgen("study", *words)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err.lower()
    assert ran.err.startswith("hwgen: ")
    assert list(tmp_path.iterdir()) == []


def test_folders_of_others_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    ran = study(monkeypatch, "fir", "--out", tmp_path)
    assert ran.code == 2
    assert "--force" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


class Nesting(HTMLParser):
    """Fails where an element is closed that is not the one open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.identities: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.identities += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    nesting = Nesting()
    nesting.feed(page)
    assert nesting.open == []
    assert len(set(nesting.identities)) == len(nesting.identities)
    drawings = [ElementTree.fromstring(part) for part in re.findall(r"<svg .*?</svg>", page, re.S)]
    charts = [drawing for drawing in drawings if drawing.get("role") == "img"]
    assert len(charts) == 4  # distances, error against budget, convergence, stability
    for chart in charts:
        assert chart.get("aria-label")
        names = [text.text for text in chart.iter("text") if text.get("class") == "name"]
        assert all(names[:1])
        numbers = re.findall(r"[MHVL ](-?[\d.]+)", " ".join(path.get("d", "") for path in chart.iter("path")))
        assert all(-20 <= float(number) <= 1000 for number in numbers)
    assert "NaN" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_page_opens_quietly(folder: Path) -> None:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    assert path, "no chromium to open the page with; install it: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for width, scheme in ((1100, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            complaints: list[str] = []
            page.on("console", lambda message, told=complaints: told.append(message.text))
            page.on("pageerror", lambda error, told=complaints: told.append(str(error)))
            page.goto((folder / "report.html").as_uri())
            assert complaints == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".marks .mark.m-allocate").count() >= 4
            assert page.locator("#stability .marks .mark").count() == 4
            blue = page.locator(".marks .line.m-allocate").first.evaluate("e => getComputedStyle(e).stroke")
            assert blue in ("rgb(0, 114, 178)", "rgb(79, 168, 224)")
        browser.close()


def test_full_studies_hold_the_instances_of_record() -> None:
    every = {name: {case.key: case for case in runner.study(name).cases(False, None, None)} for name in runner.STUDIES}
    for key in ("A31 at 5 bits", "B31 at 7 bits", "A61 at 8 bits", "C61 at 9 bits"):
        case = every["fir"][key]
        assert (case.evaluations, len(case.seeds)) == (20_000, 10)
        assert bool(case.certify) == ("31" in key)
    assert len(every["receiver"]) == 32
    assert {case.instances for case in every["receiver"].values()} == {tuple(range(100, 110))}
    gaps = {
        (case.parameters["snr"], case.parameters["spread"], case.parameters["cost"]): case.parameters["gap"]
        for case in every["receiver"].values()
    }
    easy = {(snr, spread, cost) for snr in (0, 15) for spread in (0.0, 20.0) for cost in ("power", "bits")}
    hard = {(15, 0.0, "power"): 0.0999, (15, 0.0, "bits"): 0.0019}
    assert gaps == dict.fromkeys(easy, 0.0099) | hard
    assert {case.parameters["model"] for case in every["descent"].values()} == {"noise", "bit-true"}


def test_the_example_of_the_readme_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = text.split("## Use the allocator on your own problem", 1)[1]
    code = section.split("```python\n", 1)[1].split("```", 1)[0]
    exec(code, {})
    assert capsys.readouterr().out.strip() == code.rsplit("# ", 1)[1].strip() == "(7, 6, 4, 3)"
