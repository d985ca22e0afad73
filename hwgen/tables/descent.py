"""[descent] in a design file: a linear system, and how it is solved."""

from typing import Annotated, Literal

from pydantic import Field

from hwgen.blocks.dither import Cut
from hwgen.tables.fields import WordBits
from hwgen.tables.matrices import Matrix
from hwgen.tables.table import Table


class DescentTable(Table):
    """The linear system that a descent solves, and how: ``(A^H A + ridge I) x = A^H y``."""

    matrix: Matrix = Field(
        description="A: a .csv or .npy file beside the design file, or random with a seed.",
        examples=[{"seed": 1, "rows": 16, "columns": 4}],
    )
    ridge: Annotated[float, Field(ge=0, le=1e9)] | Literal["auto"] = Field(
        0.0, description="Added to the diagonal: noise over symbol power for LMMSE; auto: as the BER asked for has it.",
        examples=[0.1],
    )  # fmt: skip
    iterations: int = Field(description="Iterations, one stage each, or all on one.", ge=1, le=64, examples=[8])
    step: Annotated[float, Field(gt=0, le=1e9)] | Literal["auto"] = Field(
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
    word_bits: WordBits = Field((2, 20), description="Bits of a word: a range to search.", examples=[[2, 20]])
