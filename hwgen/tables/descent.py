"""[descent] in a design file: a linear system, and how it is solved."""

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hwgen.blocks.dither import Cut
from hwgen.tables.fields import FieldError, WordBits
from hwgen.tables.matrices import Matrix
from hwgen.tables.table import Table


def _number(value: Any, least: float) -> Any:
    """A number, or auto: as a union of types, pydantic would complain of both."""
    if value != "auto" and (type(value) not in (int, float) or not least <= value <= 1e9):
        raise FieldError(f"must be a number from {least:g} to 1e9, or auto", 'write "auto"')
    return value if value == "auto" else float(value)


class DescentTable(Table):
    """The linear system that a descent solves, and how: ``(A^H A + ridge I) x = A^H y``."""

    matrix: Matrix = Field(
        description="A: a .csv or .npy file beside the design file, or random with a seed.",
        examples=[{"seed": 1, "rows": 16, "columns": 4}],
    )
    ridge: Annotated[float | Literal["auto"], BeforeValidator(partial(_number, least=0.0))] = Field(
        0.0, description="Added to the diagonal: noise over symbol power for LMMSE; auto: as the BER asked for has it.",
        examples=[0.1],
    )  # fmt: skip
    iterations: int = Field(description="Iterations, one stage each, or all on one.", ge=1, le=64, examples=[8])
    step: Annotated[float | Literal["auto"], BeforeValidator(partial(_number, least=1e-9))] = Field(
        "auto", description="Step size, rounded to a sum of three powers of two; auto: the fastest.", examples=["auto"]
    )
    form: Literal["auto", "gram", "residual"] = Field(
        "auto", description="x + eta (A^H y - G x), or x + eta A^H (y - A x).", examples=["auto"]
    )
    rounding: Annotated[Cut, Field(strict=False)] = Field(
        Cut.HALF_UP, description="How every word is cut; stochastic: with a shift register.", examples=["half_up"]
    )
    zoom: bool = Field(True, description="Whether every iteration may have ranges of its own.", examples=[True])
    entries: Literal["constant", "reloadable"] = Field(
        "constant", description="Matrices for good, as adder graphs, or loaded through a port.", examples=["constant"]
    )
    word_bits: WordBits = Field(
        (2, 20), description="Bits of a word at its full range, a range to search: a shorter range may take fewer.",
        examples=[[2, 20]],
    )  # fmt: skip
