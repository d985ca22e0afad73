"""The report opened in a real browser: drawn, quiet, offline, zoomable, inert to hostile text, honest when empty."""

import copy
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from hwgen.report.html import render

pytestmark = pytest.mark.xdist_group("chromium")  # one worker, so one browser

FIGURES = ("response", "bits", "accumulators", "designs", "calibration", "convergence")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 2'><!-- \u2028 {{ 7 * 7 }}"


def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("no chromium to open the report with; install it: apt-get install chromium")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield started
        started.close()


@dataclass
class Opened:
    page: Page
    complaints: list[str]

    def marks(self, figure: str, selector: str) -> int:
        return self.page.locator(f"figure[data-figure={figure}] .plot .marks {selector}").count()

    def ticks(self, figure: str, axis: str) -> list[str]:
        return self.page.locator(f"figure[data-figure={figure}] .plot .tick.{axis}").all_text_contents()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator:
    pages = []

    def open_page(html: str, width: int = 1100, **options: str) -> Opened:
        path = tmp_path / f"report{len(pages)}.html"
        path.write_text(html, encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        pages.append(page)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: None if own(request.url) else complaints.append(f"request: {request.url}"))

        def own(url: str) -> bool:
            return url == path.as_uri() or url.startswith("data:")

        page.goto(path.as_uri())
        return Opened(page, complaints)

    yield open_page
    for page in pages:
        page.close()


def test_every_figure_is_drawn_without_complaint_or_request(opened, result, evidence):
    report = opened(render(result, evidence))
    assert report.complaints == []
    assert report.marks("response", "path.line") == 2
    assert report.marks("response", "rect.forbidden") == 3  # above and below the pass band, above the stop band
    assert report.marks("bits", "rect") == len(evidence["taps"]) == 109
    assert report.marks("accumulators", "rect") == len(evidence["accumulators"])
    assert report.marks("designs", ".mark") == len(evidence["designs"])
    assert report.marks("designs", ".chosen") == 1
    assert report.marks("designs", ":is(.uniform, .common_lsb, .greedy)") == 13
    assert report.marks("calibration", ".mark") == len(evidence["calibration"])
    assert report.marks("convergence", "path.line") == 2
    for figure in FIGURES:
        place = report.page.locator(f"figure[data-figure={figure}]")
        assert len(report.ticks(figure, "x")) >= 3, figure
        assert len(report.ticks(figure, "y")) >= 3, figure
        assert place.locator(".plot > svg[role=img][aria-label]").count() == 1, figure
        assert place.locator(".legend li").count() >= 1, figure
        assert place.locator(".axis .name").count() == 2, figure
        assert len(place.locator("figcaption").inner_text()) > 40, figure
        assert "NaN" not in place.inner_html(), figure


def test_the_curve_stands_where_the_numbers_say(opened, result, evidence):
    report = opened(render(result, evidence))
    points = report.page.locator(".plot path.quantised").get_attribute("d").replace("L", "M").split("M")[1:]
    (x, y), response = (float(part) for part in points[0].split()), evidence["response"]
    tick = report.page.locator("figure[data-figure=response] .tick.y", has_text=re.compile("^0$"))
    assert len(points) == len(response["frequency_hz"])
    # The label stands 4 px below its line, and the response begins within 0.1 dB of 0 dB, which is half a pixel.
    assert abs(y - (float(tick.get_attribute("y")) - 4)) < 0.5
    assert x == float(report.page.locator("figure[data-figure=response] .tick.x").first.get_attribute("x"))


def test_zoom_by_dragging_by_button_and_back(opened, result, evidence):
    report = opened(render(result, evidence))
    svg = report.page.locator("figure[data-figure=response] .plot > svg")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    whole = report.ticks("response", "x"), report.ticks("response", "y")

    def drag(x0: float, y0: float, x1: float, y1: float) -> None:
        report.page.mouse.move(box["x"] + x0, box["y"] + y0)
        report.page.mouse.down()
        report.page.mouse.move(box["x"] + x1, box["y"] + y1, steps=3)
        assert report.page.locator(".plot .box").count() == 1
        report.page.mouse.up()

    drag(300, 60, 450, 200)  # a box: both axes
    boxed = report.ticks("response", "x"), report.ticks("response", "y")
    assert boxed[0] != whole[0]
    assert boxed[1] != whole[1]
    drag(200, 100, 500, 104)  # flat: further in, the magnitude fits
    assert report.ticks("response", "x") != boxed[0]
    report.page.get_by_role("button", name="Whole response").click()
    assert (report.ticks("response", "x"), report.ticks("response", "y")) == whole
    report.page.get_by_role("button", name="Pass band").click()
    levels = [float(text.replace("−", "-")) for text in report.ticks("response", "y")]
    assert -0.3 < min(levels) < -0.05
    assert 0.05 < max(levels) < 0.3
    svg.dblclick(position={"x": 300, "y": 100})
    assert (report.ticks("response", "x"), report.ticks("response", "y")) == whole
    assert report.complaints == []


def test_pointer_and_arrow_keys_show_the_numbers(opened, result, evidence):
    report = opened(render(result, evidence))
    for figure in FIGURES:
        place = report.page.locator(f"figure[data-figure={figure}]")
        assert place.locator(".tip").is_hidden()
        place.locator(".plot > svg").focus()
        report.page.keyboard.press("ArrowRight")
        report.page.keyboard.press("ArrowRight")
        assert place.locator(".tip").is_visible(), figure
    bits = report.page.locator("figure[data-figure=bits]")
    bits.scroll_into_view_if_needed()
    last = bits.locator(".marks rect").last.bounding_box()
    report.page.mouse.move(last["x"] + last["width"] / 2, last["y"] + 2)
    tap = evidence["taps"][-1]
    assert bits.locator(".tip").inner_text().split("\n") == [
        "tap 108",
        f"{tap['bits']} bits, {tap['format']}",
        f"value {tap['value']}",
    ]
    assert report.complaints == []


def test_hostile_text_stays_text(opened, result, evidence):
    result |= {
        "name": HOSTILE,
        "command": HOSTILE,
        "kind": HOSTILE,
        "seed": HOSTILE,
        "baselines": {HOSTILE: {"lut": 9}},
    }
    result["verification"]["bit_true"]["simulator"] = HOSTILE
    evidence |= {"spec_text": HOSTILE, "notes": [HOSTILE], "formats": [[HOSTILE, HOSTILE]]}
    evidence["designs"] = [row | {"label": HOSTILE, "kind": HOSTILE} for row in evidence["designs"]]
    evidence["taps"] = [row | {"value": HOSTILE, "format": HOSTILE} for row in evidence["taps"]]
    evidence["history"] = [row | {"method": HOSTILE} for row in evidence["history"]]
    evidence["calibration"] = [row | {"target": HOSTILE} for row in evidence["calibration"]]
    evidence["response"]["unit"] = HOSTILE
    report = opened(render(result, evidence))
    for figure in ("designs", "bits", "convergence"):
        report.page.locator(f"figure[data-figure={figure}] .plot > svg").focus()
        report.page.keyboard.press("ArrowRight")
    assert report.complaints == []
    assert report.page.evaluate("window.pwned") is None
    assert report.page.locator("img").count() == 0
    assert report.page.locator("script").count() == 2
    assert report.page.locator("#spec").text_content() == HOSTILE
    assert report.marks("designs", ".mark") == len(evidence["designs"])


@pytest.mark.parametrize("missing", [{}, None, []], ids=["absent", "null", "empty"])
def test_missing_evidence_is_said_in_words(opened, result, evidence, missing):
    report = opened(
        render(result if missing is None else {}, dict.fromkeys(evidence, missing) if missing != {} else {})
    )
    assert report.complaints == []
    for figure in FIGURES:
        assert "Not measured" in report.page.locator(f"figure[data-figure={figure}]").inner_text(), figure
    assert report.page.locator("figure svg").count() == 0


def test_parts_that_are_missing_or_not_finite_are_left_out(opened, result, evidence):
    evidence["response"] |= {"ideal_db": None, "mask": None}
    evidence["response"]["magnitude_db"][5] = float("-inf")
    evidence["taps"] = [{"index": 0, "bits": 0}, {"index": 1, "bits": None}]
    evidence["designs"][0] |= {"lut": float("nan"), "estimate": None}
    evidence["history"] = [{"evaluations": 10, "best": float("inf")}, {"evaluations": 20, "best": 4.0}]
    evidence["accumulators"] = [{"index": 0, "lsb": -3, "msb": 0}]
    evidence["calibration"] = [{"estimate": 0, "synthesis": 0}]
    result["quality"] = {"sqnr_db": None}
    result["goal"]["sqnr_db"] = float("nan")
    report = opened(render(result, evidence))
    assert report.complaints == []
    assert report.marks("response", "path.line") == 1
    assert report.marks("designs", ".mark") == len(evidence["designs"]) - 1
    assert report.marks("bits", "rect") == 1
    assert not re.search(r"\b(NaN|Infinity|undefined)\b", report.page.locator("main").inner_html())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_does_not_overflow(opened, result, evidence, scheme):
    report = opened(render(result, evidence), width=400, color_scheme=scheme)
    assert report.page.evaluate("document.documentElement.scrollWidth") == 400
    before = report.page.locator("figure[data-figure=bits] .plot > svg").get_attribute("viewBox")
    report.page.set_viewport_size({"width": 800, "height": 900})
    report.page.wait_for_function(
        "before => document.querySelector('[data-figure=bits] .plot > svg').getAttribute('viewBox') !== before",
        arg=before,
    )
    assert report.complaints == []


def test_the_bench_hears_complaints(opened):
    loud = "<script>console.error('no'); new Image().src = 'file:///nowhere.png'; undefinedName()</script>"
    complaints = opened(loud).complaints
    assert {text.split(":")[0] for text in complaints} == {"console", "request", "error"}


def test_a_missing_chromium_fails_and_names_the_remedy(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        chromium()


def test_the_same_input_gives_the_same_page_and_nothing_to_load(result, evidence):
    page = render(result, evidence)
    untouched = copy.deepcopy((result, evidence))
    assert render(result | {"timings": {"search": 99.0}}, evidence) == page
    assert (result, evidence) == untouched
    assert re.findall(r"https?://[^\s\"']+", page) == ["http://www.w3.org/2000/svg"]
    assert "Content-Security-Policy" in page
