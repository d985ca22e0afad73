"""The design file: read, checked in full, and turned into one frozen `Spec`.

`load` either returns a design that this version can build or raises a `DesignFileError` that names file, line, key,
value, reason and remedy. Rooms below blame a key through `Spec.blame`.
"""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hwgen import tomlmap
from hwgen.rules import OF_KIND, RULES
from hwgen.tables import (
    BandTable,
    BudgetTable,
    DesignFile,
    DesignTable,
    GoalTable,
    HardwareTable,
    InputTable,
    OutputTable,
    ResponseTable,
    SearchTable,
    StimulusTable,
    table_at,
)
from hwgen.tables.descent import DescentTable
from hwgen.tables.detector import MODELS, DetectorTable
from hwgen.tables.equalizer import EqualizerTable
from hwgen.tables.fields import FieldError
from hwgen.tables.stages import StageTable
from hwgen.tables.table import Table
from hwgen.tomlmap import DesignFileError, Key, Source, as_toml

__all__ = [
    "BandTable",
    "BudgetTable",
    "DesignFileError",
    "Spec",
    "json_schema",
    "load",
    "parse",
]

RECORDINGS = (".cu8", ".wav", ".npy")

_TYPES = {
    "float_type": "must be a number",
    "int_type": "must be a whole number, without a decimal point or quotes",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text in quotes",
    "tuple_type": "must be a list in [ ]",
    "model_type": "must be a table",
    "finite_number": "must be a finite number",
}
_LIMITS = {
    "greater_than": ("gt", "must be above"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be below"),
    "less_than_equal": ("le", "must be at most"),
}


@dataclass(frozen=True)
class Spec:
    """A design file whose every value has been checked.

    The tables have the names and keys of the file; `hardware.clock` is filled in, and `response.coefficients` are
    numbers even when the file names a CSV. `digest` is a SHA-256 in hexadecimal over every value and the content of
    every file named; it does not depend on paths, comments or layout.
    """

    design: DesignTable
    input: InputTable
    output: OutputTable
    response: ResponseTable
    hardware: HardwareTable
    goal: GoalTable
    search: SearchTable
    stimulus: StimulusTable
    source: Source = field(compare=False, repr=False)
    stage: tuple[StageTable, ...] = ()
    detector: DetectorTable | None = None
    descent: DescentTable | None = None
    equalizer: EqualizerTable | None = None
    digest: str = ""

    @property
    def text(self) -> str:
        """The design file as it was read."""
        return self.source.text

    @property
    def path(self) -> Path:
        """The design file's name as it was given."""
        return self.source.path

    @property
    def filter_rate(self) -> float:
        """Rate in Hz at which a filter's taps follow each other in a channel: the faster of its two sides."""
        return self.input.sample_rate * self.response.interpolate

    def beside(self, name: str) -> Path:
        """A file named in the design file: relative to its folder."""
        return self.path.parent / name

    def blame(self, key: str, reason: str, remedy: str) -> DesignFileError:
        """The error to raise when `key`, such as ``goal.sqnr_db``, cannot be served; "" blames the whole file."""
        parts = tomlmap.split(key)
        default = reduce(_part, parts, self) if parts else None
        return self.source.error(parts, reason, remedy, default if isinstance(default, str | int | float) else None)


def _part(whole: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return whole[part] if isinstance(whole, tuple) and part < len(whole) else None
    return getattr(whole, part, None)


def load(path: str | Path) -> Spec:
    """Read and check the design file `path`. Raises `DesignFileError`."""
    return parse(tomlmap.read(Path(path)), path)


def parse(text: str, path: str | Path) -> Spec:
    """Check the design file `text`; `path` names it in errors, and files it names are sought beside `path`.

    Raises `DesignFileError`, of several mistakes for the first in the file.
    """
    source = tomlmap.parse(text, Path(path))
    try:
        tables = DesignFile.model_validate(source.values, context={"folder": source.path.parent})
    except ValidationError as error:
        raise _translate(source, error) from None
    response = tables.response or ResponseTable.model_construct()
    clock = tables.hardware.clock or tables.input.sample_rate * tables.input.channels * response.interpolate
    spec = Spec(
        design=tables.design,
        input=tables.input,
        output=tables.output,
        response=response,
        hardware=tables.hardware.model_copy(update={"clock": clock}),
        goal=tables.goal,
        search=tables.search,
        stimulus=tables.stimulus,
        source=source,
        stage=tables.stage or (),
        detector=tables.detector,
        descent=tables.descent,
        equalizer=tables.equalizer,
    )
    _check(spec, tables)
    return replace(spec, digest=_digest(spec))


PLACED = ("ice40", "ecp5")  # targets that nextpnr places designs for


def _check(spec: Spec, tables: DesignFile) -> None:
    """What takes two tables, or a file, to judge."""
    kind = spec.design.kind
    for name, kinds in OF_KIND.items():
        given = getattr(tables, name) is not None
        if given and kind not in kinds:
            reason = f"a table of kind = {' or '.join(map(as_toml, kinds))}, and kind is {as_toml(kind)}"
            raise spec.blame(name, reason, f"remove the table [{name}], or mend kind in [design]")
    for key, asked in (("minimise", spec.goal.minimise == "cells"), ("fmax_mhz", spec.goal.fmax_mhz is not None)):
        if asked and spec.goal.target not in PLACED:
            reason = f"nextpnr places designs for {' and '.join(PLACED)} alone, and the target is {spec.goal.target}"
            raise spec.blame(f"goal.{key}", reason, 'write target = "ice40", or minimise = "luts" without fmax_mhz')
    RULES[kind](spec, tables)
    if spec.stimulus.file is not None:
        _check_recording(spec, spec.stimulus.file)


def _check_recording(spec: Spec, name: str) -> None:
    """Judge that the recording can be opened; `stimulus` judges what it holds."""
    remedy = "give a file beside the design file, or remove it to use noise"
    path = spec.beside(name)
    if path.suffix.lower() not in RECORDINGS:
        reason = f"the type {path.suffix or '(none)'} is unknown"
        raise spec.blame("stimulus.file", reason, f"give one of {', '.join(RECORDINGS)}")
    try:
        tomlmap.require_file(path)
    except OSError as error:
        raise spec.blame("stimulus.file", f"cannot read it: {error}", remedy) from None


def _digest(spec: Spec) -> str:
    given = {name: getattr(spec, name) for name in DesignFile.model_fields}
    content: dict[str, Any] = {
        name: table.model_dump(mode="json") for name, table in given.items() if isinstance(table, Table)
    }
    if spec.stage:
        content["stage"] = [stage.model_dump(mode="json") for stage in spec.stage]
    csv, recording = spec.source.value(("response", "coefficients")), spec.stimulus.file
    content["files"] = {}
    if isinstance(csv, str) and not spec.response.reloadable:
        content["files"]["response.coefficients"] = _sha256(spec.beside(csv))
    if recording is not None:
        content["files"]["stimulus.file"] = _sha256(spec.beside(recording))
        content["stimulus"]["file"] = Path(recording).suffix.lower()  # what it holds counts, not where it lies
    if spec.detector is not None and spec.detector.channel not in MODELS:
        content["detector"]["channel"] = _sha256(spec.beside(spec.detector.channel))
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _translate(source: Source, error: ValidationError) -> DesignFileError:
    """The first of pydantic's complaints, in the words of the design file.

    A missing key comes last: it is often the key misspelt further down.
    """
    found = []
    for item in error.errors(include_url=False):
        key, reason, remedy = _explain(item["type"], item["loc"], item.get("ctx", {}), item["input"])
        found.append((item["type"] == "missing", source.line(key) or math.inf, key, reason, remedy))
    _, _, key, reason, remedy = min(found, key=lambda entry: entry[:2])
    return source.error(key, reason, remedy)


def _explain(kind: str, key: Key, context: dict[str, Any], value: Any) -> tuple[Key, str, str]:
    own = context.get("error")
    if isinstance(own, FieldError):
        return (*key, *own.key), own.reason, own.remedy
    name = next(part for part in reversed(key) if isinstance(part, str))
    place = key[: len(key) - key[::-1].index(name)]
    table = table_at(place)
    if kind == "extra_forbidden":
        return key, "unknown key", _nearest(name, place)
    known = table.model_fields.get(name) if table else None
    example = f"{name} = {as_toml(known.examples[0])}" if known and known.examples else ""
    if not example:  # a whole table
        inner = table_at((*place, ""))
        needed = [n for n, f in inner.model_fields.items() if f.is_required()] if inner else []
        example = f"a table [{name}]" + (f" with {' and '.join(needed)}" if needed else "")
    if kind == "missing":
        return key, "required, but not given", f"add {example}"
    if kind in _LIMITS:
        limit, words = _LIMITS[kind]
        return key, f"{words} {as_toml(context[limit])}", f"write for example {example}"
    if kind in ("literal_error", "enum"):
        close = _close(value, re.findall(r"'([^']+)'", context["expected"])) if isinstance(value, str) else None
        remedy = f"did you mean {as_toml(close)}?" if close else f"write for example {example}"
        return key, f"must be {context['expected']}", remedy
    return key, _TYPES.get(kind, kind.replace("_", " ")), f"write for example {example}"


def _nearest(name: str, place: Key) -> str:
    """What an unknown key was probably meant to be."""
    table = table_at(place)
    known = list(table.model_fields) if table else []
    close = _close(name, known)
    if close:
        return f"did you mean {close}?"
    homes = [home for home in DesignFile.model_fields if (inner := table_at((home, ""))) and name in inner.model_fields]
    if homes:
        return f"{name} belongs in [{homes[0]}]"
    return f"remove it; the keys here are {', '.join(known)}"


def _close(name: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), 1, 0.6)), None)


def json_schema() -> dict[str, Any]:
    """JSON Schema of a design file, with a description of every key, for editors that complete TOML."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **DesignFile.model_json_schema()}
