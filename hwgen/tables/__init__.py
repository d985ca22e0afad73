"""The tables of a design file as frozen models: every key with its type, range, default and meaning.

What one table can judge alone is judged here; `spec` judges what takes two tables or a file.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from hwgen.fixed import Overflow, Rounding
from hwgen.keywords import KEYWORDS
from hwgen.tables.bands import BandTable, rising
from hwgen.tables.descent import DescentTable
from hwgen.tables.detector import DetectorTable
from hwgen.tables.equalizer import EqualizerTable
from hwgen.tables.fields import (
    MOST_TAPS,
    RELOADABLE,
    AccumulatorBits,
    CoefficientBits,
    Coefficients,
    FieldError,
    FormatText,
    Gain,
)
from hwgen.tables.stages import StageTable
from hwgen.tables.table import Table
from hwgen.tomlmap import Key

Algorithm = Literal[
    "gc-pso", "ppso", "memetic", "iterated", "annealing", "genetic", "random", "exchange", "greedy", "greedy-add",
    "marginal", "min+1", "max-1", "common-lsb", "uniform",
]  # fmt: skip


class DesignTable(Table):
    """What the design is called and which kind of circuit it is."""

    name: str = Field(description="Name of the Verilog module and of the files.", examples=["channel_lpf"])
    kind: Literal["fir", "receiver", "detector", "descent", "equalizer"] = Field(
        description="Kind of circuit.", examples=["fir"]
    )

    @field_validator("name")
    @classmethod
    def _identifier(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            plain = "fir_" + re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")[:50]
            reason = "not a Verilog identifier: letters, digits and _ are allowed, no digit first"
            raise FieldError(reason, f'write for example name = "{plain}"')
        if name in KEYWORDS:
            raise FieldError("a keyword of Verilog or SystemVerilog", f'write for example name = "{name}_filter"')
        if len(name) > 64:
            raise FieldError(f"{len(name)} characters are too long for some tools", "use at most 64 characters")
        return name


class InputTable(Table):
    """The samples that arrive."""

    format: FormatText = Field(description="Fixed-point format of a sample, sign bit counted.", examples=["s1.11"])
    sample_rate: float = Field(description="Samples a second, Hz.", ge=1e-3, le=1e12, examples=[2000000])
    complex: bool = Field(False, description="I and Q, each through the same real filter.", examples=[False])
    channels: int = Field(
        1, description="Channels whose samples come in turn, each at sample_rate.", ge=1, le=64, examples=[4]
    )


class OutputTable(Table):
    """The samples that leave."""

    format: FormatText = Field(description="Fixed-point format of a sample, sign bit counted.", examples=["s1.15"])
    rounding: Annotated[Rounding, Field(strict=False)] = Field(
        Rounding.HALF_UP, description="How bits below the output's last are dropped.", examples=["half_up"]
    )
    overflow: Annotated[Overflow, Field(strict=False)] = Field(
        Overflow.SATURATE, description="What becomes of a value beyond the output's range.", examples=["saturate"]
    )


class ResponseTable(Table):
    """What the filter does to each frequency: bands, coefficients, or both."""

    bands: Annotated[tuple[BandTable, ...], Field(strict=False)] | None = Field(
        None,
        description="Bands by rising frequency; what lies between them is free.",
        examples=[[{"start": 0, "stop": 250000.0, "ripple_db": 0.1}]],
    )
    gain: Gain = Field(1.0, description='Gain G of the pass band, or "free".', examples=[1.0])
    taps: int | None = Field(
        None, description="Length of the filter; left out: the shortest.", ge=1, le=MOST_TAPS, examples=[31]
    )
    coefficients: Coefficients | None = Field(
        None,
        description="Impulse response, a CSV file beside the design file, or reloadable, with bands.",
        examples=[[0.25, 0.5, 0.25]],
    )
    decimate: int = Field(1, description="Keep one output of so many.", ge=1, le=1 << 16, examples=[1])
    interpolate: int = Field(1, description="Outputs for each input.", ge=1, le=1 << 16, examples=[1])

    @property
    def reloadable(self) -> bool:
        """Whether coefficients are loaded through a port; the bands give those at power-up."""
        return self.coefficients == RELOADABLE

    @property
    def listed(self) -> tuple[float, ...] | None:
        """The impulse response that the file gives, itself or in a CSV file."""
        return self.coefficients if isinstance(self.coefficients, tuple) else None

    @model_validator(mode="after")
    def _consistent(self) -> "ResponseTable":
        if self.bands is None and self.coefficients is None:
            raise FieldError(
                "neither bands nor coefficients are given", "add bands = [ ... ] or coefficients = [ ... ]"
            )
        if self.bands is not None:
            rising(self.bands)
        if self.reloadable and self.bands is None:
            reason = "power-up coefficients and the width of each follow from bands, and there are none"
            raise FieldError(reason, "add bands = [ ... ], or give a list of coefficients", "coefficients")
        if self.listed is not None:
            if not any(self.listed):
                raise FieldError("every coefficient is 0", "give a filter that passes something", "coefficients")
            if self.taps is not None and self.taps != len(self.listed):
                reason = f"there are {len(self.listed)} coefficients"
                raise FieldError(reason, f"write taps = {len(self.listed)}, or remove taps", "taps")
            if self.gain == "free" and self.bands is None:
                raise FieldError(
                    "a free gain is measured over pass bands, and there are none", "write gain = 1.0", "gain"
                )
        return self


class HardwareTable(Table):
    """How the circuit is built."""

    structure: Literal["auto", "transposed", "direct", "hybrid", "folded", "cascade"] = Field(
        "auto", description="Form of the filter.", examples=["auto"]
    )
    interface: Literal["plain", "axi_stream"] = Field(
        "plain", description="Ports: valid alone, or AXI4-Stream with back-pressure.", examples=["plain"]
    )
    clock: float | None = Field(
        None, description="Clock, Hz; left out: the sample rate.", gt=0, le=1e12, examples=[122880000.0]
    )
    dsp: bool = Field(False, description="Whether DSP blocks may be used.", examples=[False])
    reset_data: bool = Field(True, description="Whether reset clears the samples held, too.", examples=[True])


class BudgetTable(Table):
    """What may be spent when the error is minimised: one of the two."""

    bits: int | None = Field(None, description="Coefficient bits in all.", ge=1, le=1 << 20, examples=[160])
    luts: int | None = Field(None, description="Look-up tables.", ge=1, le=1 << 24, examples=[400])

    @model_validator(mode="after")
    def _one(self) -> "BudgetTable":
        if (self.bits is None) == (self.luts is None):
            given = "neither" if self.bits is None else "both"
            raise FieldError(f"{given} of bits and luts given", "write { bits = 160 } or { luts = 400 }")
        return self


class GoalTable(Table):
    """What is minimised, what must be reached, and on which device family."""

    minimise: Literal["luts", "cells", "error"] = Field(description="What is made small.", examples=["luts"])
    sqnr_db: float | None = Field(None, description="Least SQNR, dB.", gt=0, le=400, examples=[60])
    max_error_ulp: float | None = Field(
        None, description="Largest error, units in the output's last place.", gt=0, le=1e9, examples=[1.0]
    )
    fmax_mhz: float | None = Field(None, description="Least clock rate, MHz.", gt=0, le=1e5, examples=[100])
    evm_percent: float | None = Field(
        None, description="Largest error vector magnitude, %.", gt=0, le=100, examples=[1.0]
    )
    evm_loss_db: float | None = Field(
        None, description="Largest EVM over that of floating point, dB.", gt=0, le=60, examples=[0.5]
    )
    ber_loss_db: float | None = Field(
        None, description="Largest loss against the float detector at the bit error rate ber, dB.", gt=0, le=20,
        examples=[0.2],
    )  # fmt: skip
    ber: float | None = Field(
        None, description="Bit error rate at which ber_loss_db holds, 1e-3 unless given.", ge=1e-5, le=0.1,
        examples=[1e-3],
    )  # fmt: skip
    sfdr_db: float | None = Field(None, description="Least spurious-free range, dB.", gt=0, le=400, examples=[70])
    budget: BudgetTable | None = Field(
        None, description="What may be spent, with minimise = error.", examples=[{"bits": 160}]
    )
    target: Literal["ice40", "ecp5", "xc7", "gowin"] = Field("ice40", description="Device family.", examples=["ice40"])

    @property
    def error_rate(self) -> float:
        """The bit error rate at which `ber_loss_db` holds."""
        return 1e-3 if self.ber is None else self.ber

    @model_validator(mode="after")
    def _direction(self) -> "GoalTable":
        if self.minimise == "error" and self.budget is None:
            raise FieldError(
                "an error is minimised within a budget, and none is given", "add budget = { bits = 160 }", "minimise"
            )
        if self.minimise != "error" and self.budget is not None:
            remedy = 'remove budget, or write minimise = "error"'
            raise FieldError(
                f"a budget bounds the error's search; here {self.minimise} are minimised", remedy, "budget"
            )
        accuracies = (
            self.sqnr_db, self.max_error_ulp, self.evm_percent, self.evm_loss_db, self.sfdr_db, self.ber_loss_db,
        )  # fmt: skip
        if self.minimise != "error" and all(asked is None for asked in accuracies):
            reason = "nothing says how accurate the design must be"
            raise FieldError(reason, "add sqnr_db = 60 or max_error_ulp = 1.0", "minimise")
        return self


class SearchTable(Table):
    """How widths are searched for."""

    algorithm: Algorithm = Field("gc-pso", description="Search method.", examples=["gc-pso"])
    seed: int = Field(1, description="Seed of everything random.", ge=0, le=(1 << 63) - 1, examples=[1])
    evaluations: int = Field(
        20000, description="Cheap evaluations allowed to each search of a run.", ge=1, le=10**8, examples=[20000]
    )
    coefficient_bits: CoefficientBits = Field(
        (2, 18), description="Bits of a coefficient: a range to search, or a number.", examples=[[2, 18]]
    )
    accumulator_bits: AccumulatorBits | None = Field(
        None,
        description="Bits of a sum, at most the upper end of a range, or a number; left out: as needed.",
        examples=[[8, 32]],
    )


class StimulusTable(Table):
    """The samples the design is judged on; a file goes before a kind."""

    file: str | None = Field(None, description="Recording: .cu8, .wav or .npy.", examples=["samples.cu8"])
    kind: Literal["noise", "tone", "qpsk"] = Field("noise", description="Synthetic signal.", examples=["noise"])

    @model_validator(mode="after")
    def _one(self) -> "StimulusTable":
        if self.file is not None and "kind" in self.model_fields_set:
            raise FieldError("a file is given as well", "keep only one of file and kind", "kind")
        return self


class DesignFile(Table):
    """A hwgen design file."""

    design: DesignTable = Field(description="Name and kind.")
    input: InputTable = Field(description="The samples that arrive.")
    output: OutputTable = Field(description="The samples that leave.")
    response: ResponseTable | None = Field(default=None, description="What a filter does to each frequency.")
    stage: Annotated[tuple[StageTable, ...], Field(strict=False)] | None = Field(
        default=None, description="Stages of a receiver, in the order of the samples."
    )
    detector: DetectorTable | None = Field(default=None, description="A MIMO uplink and its ADCs.")
    equalizer: EqualizerTable | None = Field(default=None, description="An adaptive equaliser and its channel.")
    descent: DescentTable | None = Field(default=None, description="The linear system that a descent solves.")
    hardware: HardwareTable = Field(default=HardwareTable.model_validate({}), description="How it is built.")
    goal: GoalTable = Field(description="What is minimised and what must be reached.")
    search: SearchTable = Field(default=SearchTable.model_validate({}), description="How widths are searched for.")
    stimulus: StimulusTable = Field(
        default=StimulusTable.model_validate({}), description="The samples it is judged on."
    )


def table_at(key: Key) -> type[Table] | None:
    """The model of the table that holds the last part of `key`, or None."""
    table: type[Table] | None = DesignFile
    for part in key[:-1]:
        if isinstance(part, str) and table is not None:
            field = table.model_fields.get(part)
            table = _model_in(field.annotation) if field else None
    return table


def _model_in(annotation: Any) -> type[Table] | None:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next(filter(None, map(_model_in, getattr(annotation, "__args__", ()))), None)
