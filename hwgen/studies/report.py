"""A study's page: one offline file with its figures and tables, from the findings alone."""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import hwgen.report
from hwgen.studies.figures import figures
from hwgen.studies.tables import headline, seconds, tables

HERE = Path(__file__).parent
STYLE = Path(hwgen.report.__file__).parent / "report.css" if hwgen.report.__file__ else HERE


def render(study: dict[str, Any]) -> str:
    """The page of a study's findings; the same text for the same findings, and only its section on time varies."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    style = STYLE.read_text(encoding="utf-8") + (HERE / "study.css").read_text(encoding="utf-8")
    return environment.get_template("study.html.j2").render(
        study=study, figures=figures(study), tables=tables(study), time=seconds(study), headline=headline(study),
        style=Markup(style),  # our own files, as they are
    )  # fmt: skip
