"""report.html of a front: one offline page that leads to the report of every point."""

import math
from typing import Any

from markupsafe import Markup, escape

from hwgen.report.captions import Figure
from hwgen.report.html import page
from hwgen.report.tables import Table
from hwgen.report.words import DASH, count, is_number, listed, measured, number, percent

RIVALS = {"uniform": "uniform widths", "common_lsb": "a common LSB"}


def render(findings: dict[str, Any]) -> str:
    """Return the page of a front's findings, as pareto.json has them; the same text for the same findings."""
    points = findings["points"]
    known = ("point", "folder", "goal", "label", "lut", "sqnr_db", "mask_share", "on_front", "off_front", "baselines")
    data = {
        "points": [{key: _finite(row[key]) for key in known} for row in points],
        "asked_sqnr_db": findings["asked"]["sqnr_db"],
    }
    return page(
        "front.html.j2", "front.js", data, name=str(findings["name"]), kind=str(findings["kind"]),
        target=str(findings["target"]), lead=_lead(findings), figures=_figures(findings),
        tables=[_table(points), _skipped(findings["skipped"])], notes=_notes(findings),
        command=str(findings["command"]), version=str(findings["hwgen"]), seed=findings["seed"],
    )  # fmt: skip


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def headroom_db(share: object) -> float | None:
    """How far a response stays within the mask: by how many decibels its largest deviation is below what is allowed."""
    return -20 * math.log10(share) if is_number(share) and share > 0 else None


def _on_front(findings: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in findings["points"] if row["on_front"]]


def _lead(findings: dict[str, Any]) -> str:
    rows = _on_front(findings)
    if not rows:
        return "No design on the front."
    least, most = (pick(rows, key=lambda row: (row["lut"], row["sqnr_db"] or 0)) for pick in (min, max))
    text = f"{count(len(rows), 'design')} on the front, from {_small(least)} to {_small(most)}"
    checked = [row["bit_true"] for row in findings["points"]]
    if all(check and check["samples"] and not check["mismatches"] for check in checked):
        return f"{text}; every one is bit-true in {checked[0]['simulator']}."
    return f"{text}; not every one was found bit-true."


def _small(row: dict[str, Any]) -> str:
    return f"{count(row['lut'], 'LUT')} at {measured(row['sqnr_db'], 'dB', 1)}"


def _figures(findings: dict[str, Any]) -> list[Figure]:
    words = []
    for kind, name in RIVALS.items():
        saved = [
            1 - row["lut"] / row["baselines"][kind]["lut"]
            for row in _on_front(findings)
            if row["baselines"].get(kind, {}).get("lut")
        ]
        if saved:
            span = (
                percent(min(saved)) if min(saved) == max(saved) else f"{percent(min(saved))} to {percent(max(saved))}"
            )
            words.append(f"{span} fewer than {name}")
    text = f"At the same goals the front's designs take {listed(words)}." if words else "LUTs against SQNR."
    found = [
        Figure("sqnr", "LUTs against SQNR", f"{text} Masks other than the design file's have marks of their own.", "")
    ]
    if any(is_number(row["mask_share"]) for row in findings["points"]):
        text = "How many decibels the largest deviation stays below what the design file's bands allow; below 0 dB a"
        text += " design was made for a wider mask. The line joins the designs for the SQNR of the design file."
        found.append(Figure("mask", "LUTs against the tightness of the mask", text, ""))
    return found


def _table(points: list[dict[str, Any]]) -> Table:
    head = ("Point", "Asked (dB)", "Mask", "LUT", "FF", "Uniform", "Common LSB", "SQNR (dB)", "Ripple (dB)",
            "Stop (dB)", "Spare (dB)", "Front")  # fmt: skip
    rows = tuple(
        (
            Markup(f'<a href="{escape(row["folder"])}/report.html">{number(row["point"])}</a>'),
            number(row["goal"]["sqnr_db"], 1), row["goal"]["mask"], number(row["lut"]), number(row["ff"]),
            *(number(row["baselines"].get(kind, {}).get("lut"), absent=DASH) for kind in RIVALS),
            number(row["sqnr_db"], 2, DASH), number(row["ripple_db"], 4, DASH), number(row["attenuation_db"], 2, DASH),
            number(headroom_db(row["mask_share"]), 2, DASH), row["off_front"] or "yes",
        )
        for row in points
    )  # fmt: skip
    return Table("points", "Every point", head, "rrrrrrrrrrrl", rows)


def _skipped(points: list[dict[str, Any]]) -> Table:
    rows = tuple(
        (number(row["point"]), number(row["goal"]["sqnr_db"], 1), row["goal"]["mask"], str(row["reason"]))
        for row in points
    )
    return Table("skipped", "Points left out", ("Point", "SQNR asked", "Mask", "Why"), "rrll", rows)


def _notes(findings: dict[str, Any]) -> list[str]:
    return [
        f"LUTs are those of the emitted Verilog, synthesised by Yosys for {findings['target']}.",
        "Uniform widths and common LSB are the baselines of each point's search: the same goals, the same structures.",
        "Whatever any search tried is the answer to each point whose goals it meets with the fewest LUTs.",
        f"Rounding to the output format alone leaves {measured(findings['reachable_sqnr_db'], 'dB', 1)} of SQNR.",
    ]
