"""Matrices of a design file: in a .csv or .npy file beside it, or drawn at random with a seed."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator, ValidationInfo, WithJsonSchema

from hwgen.tables.fields import FieldError
from hwgen.tomlmap import read_bytes, require_file

MOST_ROWS = 64
Entries = tuple[tuple[complex, ...], ...]


class Drawn(BaseModel):
    """A random matrix: independent normal entries of unit power, complex where the input is."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    seed: int = Field(ge=0, lt=1 << 63)
    rows: int = Field(ge=1, le=MOST_ROWS)
    columns: int = Field(ge=1, le=MOST_ROWS)

    def entries(self, complex_: bool) -> NDArray[Any]:
        """The matrix (rows, columns)."""
        rng, shape = np.random.default_rng(self.seed), (self.rows, self.columns)
        if not complex_:
            return rng.normal(size=shape)
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)


def array_of(matrix: "Drawn | Entries", complex_: bool) -> NDArray[Any]:
    """The matrix as an array, of complex numbers or of real ones."""
    if isinstance(matrix, Drawn):
        return matrix.entries(complex_)
    values = np.array(matrix, dtype=np.complex128)
    return values if complex_ else values.real


def _matrix(value: Any, info: ValidationInfo) -> "Drawn | Entries":
    remedy = "give a .csv or .npy file beside the design file, or { seed = 1, rows = 16, columns = 4 }"
    if isinstance(value, dict):
        try:
            return Drawn.model_validate(value)
        except ValueError:
            reason = f"a random matrix has a seed, and 1 to {MOST_ROWS} rows and columns, whole numbers"
            raise FieldError(reason, remedy) from None
    if not isinstance(value, str):
        raise FieldError("must be the name of a file, or a table of seed, rows and columns", remedy)
    path = Path((info.context or {}).get("folder", ".")) / value
    if path.suffix.lower() not in (".csv", ".npy"):
        raise FieldError(f"the type {path.suffix or '(none)'} is unknown", remedy)
    try:
        values = _npy(path) if path.suffix.lower() == ".npy" else _csv(path)
    except OSError as error:
        raise FieldError(f"cannot read {value}: {error}", remedy) from None
    except ValueError as error:
        raise FieldError(
            f"{value}: {error}", "mend the file: one row a line, numbers such as 0.5 or 0.5-0.25j"
        ) from None
    if values.ndim != 2 or not 1 <= min(values.shape) <= max(values.shape) <= MOST_ROWS:
        raise FieldError(f"{value} holds {values.shape} numbers", f"give 1 to {MOST_ROWS} rows and columns")
    if not np.isfinite(values).all() or not values.any():
        raise FieldError(f"{value} holds numbers that are not finite, or zeros alone", "mend the file")
    return tuple(tuple(complex(v) for v in row) for row in values)


def _npy(path: Path) -> NDArray[Any]:
    require_file(path)
    values = np.load(path, allow_pickle=False)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fciu":
        raise ValueError("it is no array of numbers")
    return values


def _csv(path: Path) -> NDArray[Any]:
    """Rows of numbers parted by commas; # starts a comment."""
    try:
        text = read_bytes(path, 1 << 20).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not a text file") from None
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip().rstrip(",")
        if words:
            try:
                rows.append([complex(word.strip().replace(" ", "").replace("i", "j")) for word in words.split(",")])
            except ValueError:
                raise ValueError(f"line {number} is not a row of numbers") from None
    if len({len(row) for row in rows}) != 1:
        raise ValueError("its rows differ in length, or there are none")
    return np.array(rows)


def _plain(matrix: "Drawn | Entries") -> Any:
    return matrix.model_dump() if isinstance(matrix, Drawn) else [[str(v) for v in row] for row in matrix]


_SIZE = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS}
_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {"seed": {"type": "integer", "minimum": 0}, "rows": _SIZE, "columns": _SIZE},
            "required": ["seed", "rows", "columns"],
            "additionalProperties": False,
        },
    ]
}
Matrix = Annotated[Any, PlainValidator(_matrix), PlainSerializer(_plain), WithJsonSchema(_SCHEMA)]
