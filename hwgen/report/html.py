"""report.html: one offline file that a person likes to read, from result.json and the evidence behind it."""

import base64
import hashlib
import json
from pathlib import Path

import jinja2
from markupsafe import Markup

from hwgen.report.captions import figures
from hwgen.report.evidence import clean, margins
from hwgen.report.tables import details, tables
from hwgen.report.verdict import at, verdict
from hwgen.report.words import is_number

HERE = Path(__file__).parent


def render(result: dict, evidence: dict) -> str:
    """Return the report as one HTML page that loads nothing from anywhere.

    Parameters
    ----------
    result : dict
        The content of result.json. Missing or null parts are called "not measured".
    evidence : dict
        What the figures draw: response, taps, accumulators, designs, calibration, history, formats, spec_text,
        notes. Frequencies in `response.unit`, magnitudes and limits in decibels relative to the passband gain. A kind
        may bring charts (key, title, caption, x_label, y_label, log_y, series of name, marks and points) and tables
        (key, title, head, align, rows) of its own. Any part may be missing, empty or null.

    Returns
    -------
    str
        The same text for the same input: no date, no path, and no timings, which differ between two equal runs.
    """
    drawn = clean(evidence)
    rooms = margins(drawn["response"], result.get("quality"))
    asked = at(result, "goal", "sqnr_db")
    return page(
        "report.html.j2",
        "report.js",
        drawn | {"asked_sqnr_db": asked if is_number(asked) else None},
        name=str(result.get("name") or "design"),
        kind=str(result.get("kind") or ""),
        version=str(result.get("hwgen") or ""),
        seed=result.get("seed"),
        command=str(result.get("command") or ""),
        verdict=verdict(result, rooms),
        figures=figures(result, drawn, rooms),
        tables=tables(result, evidence, rooms),
        details={table.key: table for table in details(drawn)},
        spec_text=str(evidence.get("spec_text") or ""),
        notes=[str(note) for note in evidence.get("notes") or []],
    )


def page(template: str, drawing: str, data: dict, **values: object) -> str:
    """Return a page with the house's style, charts and the script `drawing`, which draws `data`."""
    script = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("chart.js", drawing))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(
        **values,
        style=Markup((HERE / "report.css").read_text(encoding="utf-8")),  # our own file, as is
        script=Markup(script),
        script_hash=_digest(script),
        data=_embedded(data),
    )


def _embedded(data: dict) -> Markup:
    # Inside <script> only "</" and "<!--" end or change the element, and U+2028/9 once ended a JavaScript string:
    # escaped, the JSON means the same.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _digest(script: str) -> str:
    """Return the Content-Security-Policy source that lets this script run and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
