"""The table [equalizer] of a design file: an LMS equaliser, its constellation, and the channel it is judged on."""

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from hwgen.tables.fields import FieldError
from hwgen.tables.table import Table
from hwgen.tomlmap import read_bytes

MOST_CHANNEL = 64
_REMEDY = "write a list such as [0.2, 1.0, -0.1], pairs [re, im] for complex taps, or the name of a CSV file"

Channel = tuple[tuple[float, float], ...]


def _rows_in(path: Path, name: str) -> list[list[float]]:
    """Rows of one or two numbers, parted by commas, semicolons or blanks; # starts a comment."""
    try:
        text = read_bytes(path, 1 << 20).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FieldError(f"cannot read {name}: {error}", "give a CSV file beside the design file") from None
    rows = []
    for line, content in enumerate(text.split("\n"), 1):
        words = [word for word in re.split(r"[,;\s]+", content.partition("#")[0].strip()) if word]
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = [math.nan]
        if len(row) > 2 or not all(math.isfinite(value) for value in row):
            reason = f"{name}, line {line}: not one or two finite numbers"
            raise FieldError(reason, "give a tap a line: its real part, and its imaginary part where it has one")
        rows += [row] if row else []
    return rows


def _channel(value: Any, info: ValidationInfo) -> Channel:
    if isinstance(value, str):
        value = _rows_in(Path((info.context or {}).get("folder", ".")) / value, value)
    if not isinstance(value, list | tuple) or not value:
        raise FieldError("must be a list of the channel's taps, or the name of a CSV file", _REMEDY)
    if len(value) > MOST_CHANNEL:
        raise FieldError(f"{len(value)} taps are too many", f"give at most {MOST_CHANNEL}")
    taps = []
    for k, tap in enumerate(value):
        pair = list(tap) if isinstance(tap, list | tuple) else [tap]
        if not 1 <= len(pair) <= 2 or any(type(part) not in (int, float) or not abs(part) <= 1e6 for part in pair):
            raise FieldError("must be a number, or a pair [re, im]", _REMEDY, k)
        taps.append((float(pair[0]), float(pair[1]) if len(pair) == 2 else 0.0))
    if not any(part for tap in taps for part in tap):
        raise FieldError("every tap is 0", "give a channel that passes something")
    return tuple(taps)


_TAP: dict[str, Any] = {
    "anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 2}]
}


class EqualizerTable(Table):
    """An adaptive FIR that trains on known symbols and then decides by itself, and the channel it is judged on."""

    taps: int = Field(description="Length of the equaliser, a symbol apart.", ge=1, le=64, examples=[11])
    constellation: Literal["bpsk", "4pam", "qpsk", "16qam"] = Field(
        description="Symbols; the first two for real samples, the others for complex ones.", examples=["qpsk"]
    )
    step: float = Field(description="Step size mu, rounded to a sum of powers of two.", gt=0, le=1, examples=[0.03])
    terms: int = Field(1, description="Powers of two that the step may be a sum of.", ge=1, le=3, examples=[1])
    rule: Literal["lms", "sign-error"] = Field(
        "lms", description="Whether the error or its sign alone is fed back.", examples=["lms"]
    )
    delay: int = Field(0, description="Samples by which updates come late, for pipelining.", ge=0, le=9, examples=[3])
    leak: int | None = Field(
        None, description="Each update takes 2**-leak of a coefficient away.", ge=1, le=30, examples=[14]
    )
    rounding: Literal["half_up", "floor", "stochastic"] = Field(
        "half_up", description="How an update is cut to a coefficient's last bit.", examples=["half_up"]
    )
    level: float | None = Field(
        None, description="Outermost level of an axis in the output; left out: half of full scale.", gt=0,
        examples=[0.5],
    )  # fmt: skip
    training: int = Field(
        1000, description="Samples with known symbols from reset on.", ge=1, le=10**6, examples=[1500]
    )
    judged: int = Field(
        4000, description="Samples after training, over which EVM and BER are measured.", ge=400, le=10**6,
        examples=[4000],
    )  # fmt: skip
    channel: Annotated[
        Channel,
        PlainValidator(_channel),
        PlainSerializer(lambda taps: [list(tap) for tap in taps]),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": _TAP}]}),
    ] = Field(description="Taps of the channel, a symbol apart.", examples=[[[0.9, 0.0], [0.3, -0.25]]])
    snr_db: float = Field(description="Signal over noise at the input, dB.", ge=-20, le=100, examples=[20])
    input_dbfs: float = Field(
        -12.0, description="Effective value of each part of a sample, relative to full scale, dB.", ge=-60, le=0,
        examples=[-12.0],
    )  # fmt: skip
    cursor: int | None = Field(
        None, description="Samples from a symbol's first arrival to its decision; left out: the best.", ge=0, le=126,
        examples=[6],
    )  # fmt: skip
