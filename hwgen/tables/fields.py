"""Values that are more than a number or a word: formats, bit ranges, gains and lists of coefficients."""

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    WrapValidator,
)

from hwgen.fixed import Format
from hwgen.tomlmap import read_bytes

MOST_TAPS = 4096
RELOADABLE: Any = "reloadable"  # in place of a list or a file: coefficients are loaded through a port
MOST_BITS = 64


class FieldError(ValueError):
    """What a validator found: `reason` and `remedy`, and the key below the validated table or value."""

    def __init__(self, reason: str, remedy: str, *key: str | int) -> None:
        super().__init__(reason)
        self.reason, self.remedy, self.key = reason, remedy, key


def _format(value: Any) -> Format:
    remedy = "write s or u, integer bits (sign included), a dot, fraction bits: s1.11 is 12 bits wide, from -1 to 1"
    if isinstance(value, Format):
        return value
    if not isinstance(value, str):
        raise FieldError("a format must be text", remedy)
    try:
        parsed = Format.parse(value)
    except ValueError as error:
        raise FieldError(str(error), remedy) from None
    most = MOST_BITS if parsed.signed else MOST_BITS - 1  # raw integers are kept in int64
    if parsed.width > most or abs(parsed.fraction) > 4 * MOST_BITS:
        reason = f"{parsed.width} bits with {parsed.fraction} of fraction is too much; at most {most} bits are built"
        raise FieldError(reason, "give the width of the converter or bus, such as s1.11 or s1.15")
    return parsed


def bit_range(least: int, most: int) -> Any:
    """Validator of a bit range: a number stands for a range of one."""

    def check(value: Any) -> tuple[int, int]:
        pair = list(value) if isinstance(value, list | tuple) else [value, value]
        if len(pair) != 2 or any(type(number) is not int for number in pair):
            raise FieldError("must be a whole number of bits, or a pair of them", "write for example [2, 18], or 12")
        if pair[0] > pair[1]:
            raise FieldError("the pair is reversed: the first is above the second", f"write [{pair[1]}, {pair[0]}]")
        if pair[0] < least or pair[1] > most:
            raise FieldError(
                f"must lie within {least} and {most} bits", f"write for example [{least}, {min(18, most)}]"
            )
        return pair[0], pair[1]

    schema = {"type": "integer", "minimum": least, "maximum": most}
    items = {"type": "array", "items": schema, "minItems": 2, "maxItems": 2}
    return (Field(strict=False), BeforeValidator(check), WithJsonSchema({"anyOf": [schema, items]}))


def _gain(value: Any) -> Any:
    if isinstance(value, str) and value != "free":
        raise FieldError(
            "must be a number or the word free", 'write gain = 1.0, or gain = "free" to let hwgen choose it'
        )
    if value != "free" and (type(value) not in (int, float) or not 1e-9 <= value <= 1e9):
        raise FieldError("must be a number from 1e-9 to 1e9", "write gain = 1.0")
    return value if value == "free" else float(value)


def _numbers_in(path: Path, name: str) -> list[float]:
    """Coefficients of a CSV file: numbers parted by commas, semicolons, blanks or line ends; # starts a comment."""
    remedy = f"give a CSV file beside the design file with one number a line, or write {RELOADABLE}, with bands"
    try:
        text = read_bytes(path, 1 << 20).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FieldError(f"{name} is not a text file", remedy) from None
    except OSError as error:
        raise FieldError(f"cannot read {name}: {error}", remedy) from None
    found: list[float] = []
    for line, content in enumerate(text.split("\n"), 1):
        content = content.partition("#")[0].strip().removesuffix(",").removesuffix(";").strip()
        for word in re.split(r"\s*[,;]\s*|\s+", content) if content else ():
            if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", word, re.ASCII):
                raise FieldError(
                    f"{name}, line {line}: {word[:40]!r} is not a finite number", "mend that line of the file"
                )
            found.append(float(word))
            if math.isinf(found[-1]):
                raise FieldError(f"{name}, line {line}: {word[:40]} is too large", "mend that line of the file")
    if not found:
        raise FieldError(f"{name} holds no numbers", remedy)
    return found


def _coefficients(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        value = _numbers_in(Path((info.context or {}).get("folder", ".")) / value, value)
    if not isinstance(value, list | tuple):
        raise FieldError(
            "must be a list of numbers or the name of a CSV file", "write [0.25, 0.5, 0.25] or a file name"
        )
    if not value:
        raise FieldError("the list is empty", "give at least one coefficient, or bands in its place")
    if len(value) > MOST_TAPS:
        raise FieldError(f"{len(value)} coefficients are too many", f"give at most {MOST_TAPS}")
    return tuple(value)


def _or_reloadable(value: Any, handler: Any, info: ValidationInfo) -> Any:
    return value if value == RELOADABLE else handler(_coefficients(value, info))


FormatText = Annotated[
    Format,
    PlainValidator(_format),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^[su]-?\d+\.-?\d+$"}),
]
CoefficientBits = Annotated[tuple[int, int], *bit_range(2, MOST_BITS)]
AccumulatorBits = Annotated[tuple[int, int], *bit_range(2, 2 * MOST_BITS)]
WordBits = Annotated[tuple[int, int], *bit_range(2, 24)]
Gain = Annotated[float | Literal["free"], BeforeValidator(_gain)]
Coefficients = Annotated[
    tuple[float, ...],  # or the word: as a union of types, pydantic would complain of both
    Field(strict=False),
    WrapValidator(_or_reloadable),
    PlainSerializer(lambda value: value if value == RELOADABLE else list(value)),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}]}),
]
