"""Stages of a receiver as tables of a design file."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hwgen.tables.bands import BandTable, rising
from hwgen.tables.fields import MOST_TAPS, FieldError
from hwgen.tables.table import Table

# Keys of each block, those that it cannot do without first.
_KEYS = {
    "mixer": (("frequency",), ("resolution", "tunable", "dither")),
    "cic": (("order", "decimate"), ("delay",)),
    "fir": ((), ("bands", "compensate", "taps", "coefficients", "decimate")),
    "matched": (("roll_off", "samples"), ("span", "decimate")),
    "gain": (("gain",), ()),
}


class StageTable(Table):
    """One stage of a receiver, in the order of the samples."""

    block: Literal["mixer", "cic", "fir", "matched", "gain"] = Field(description="What it is.", examples=["fir"])
    frequency: float | None = Field(None, description="Mixer: what is brought to 0 Hz.", examples=[4.1e6])
    resolution: float = Field(1.0, description="Mixer: largest error of the frequency, Hz.", gt=0, examples=[1.0])
    tunable: bool = Field(False, description="Mixer: phase step from the port i_step.", examples=[False])
    dither: bool = Field(False, description="Mixer: random bits below the phase that is kept.", examples=[False])
    order: int | None = Field(None, description="CIC: integrators, and combs.", ge=1, le=8, examples=[5])
    delay: int = Field(1, description="CIC: samples of a comb.", ge=1, le=16, examples=[1])
    decimate: int = Field(1, description="Keep one output of so many.", ge=1, le=1 << 14, examples=[2])
    bands: Annotated[tuple[BandTable, ...], Field(strict=False)] | None = Field(
        None,
        description="FIR: bands, from 0 Hz to half its input rate.",
        examples=[[{"start": 0, "stop": 250000.0, "ripple_db": 0.1}]],
    )
    compensate: bool = Field(False, description="FIR: the bands hold for it and the CICs before.", examples=[True])
    taps: int | None = Field(None, description="FIR: its length; left out: the cheapest.", ge=1, le=256, examples=[31])
    coefficients: Annotated[tuple[float, ...], Field(strict=False, max_length=MOST_TAPS)] | None = Field(
        None, description="FIR: impulse response in place of bands.", examples=[[0.25, 0.5, 0.25]]
    )
    roll_off: float | None = Field(
        None, description="Matched filter: of a root raised cosine.", gt=0, le=1, examples=[0.22]
    )
    samples: float | None = Field(None, description="Matched filter: samples a symbol.", ge=1, le=64, examples=[4])
    span: int = Field(6, description="Matched filter: symbols to each side.", ge=1, le=32, examples=[6])
    gain: float | None = Field(None, description="Gain: what samples are multiplied by.", gt=0, le=1024, examples=[2.0])

    @model_validator(mode="after")
    def _keys_of_its_block(self) -> "StageTable":
        needed, further = _KEYS[self.block]
        for name in type(self).model_fields:
            given = name in self.model_fields_set
            if given and name not in ("block", *needed, *further):
                known = ", ".join((*needed, *further))
                raise FieldError(f"no key of a {self.block}", f"remove it; a {self.block} has {known}", name)
            if name in needed and not given:
                raise FieldError(f"a {self.block} needs {name}, and there is none", f"add {name} to the stage", "block")
        if self.block == "cic" and self.decimate < 2:
            raise FieldError("a CIC decimates by 2 or more", "write decimate = 2 or more", "decimate")
        if self.block == "fir":
            if (self.bands is None) == (self.coefficients is None):
                reason = f"{'neither' if self.bands is None else 'both'} of bands and coefficients given"
                raise FieldError(reason, "give one of the two", "block")
            if self.bands is not None:
                rising(self.bands)
            elif self.compensate or self.taps is not None:
                name = "compensate" if self.compensate else "taps"
                raise FieldError("the filter is given by its coefficients", f"remove {name}, or give bands", name)
            elif not any(self.coefficients or ()) or not (self.coefficients or (0,))[-1]:
                raise FieldError("the last coefficient must not be 0", "remove zeros at the end", "coefficients")
        return self
