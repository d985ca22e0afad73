"""[detector] in a design file: the uplink and what its ADCs may take."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from hwgen.tables.fields import FieldError
from hwgen.tables.table import Table

MODELS = ("rayleigh", "beamspace")


class AdcBudgetTable(Table):
    """What all ADCs may take together: one of the two."""

    power: float | None = Field(
        None, description="Sum of 2^b over the antennas, b > 0 bits each.", gt=0, le=1e9, examples=[256]
    )
    bits: int | None = Field(None, description="Sum of the bits.", ge=1, le=1 << 20, examples=[128])

    @model_validator(mode="after")
    def _one(self) -> "AdcBudgetTable":
        if (self.power is None) == (self.bits is None):
            given = "neither" if self.power is None else "both"
            raise FieldError(f"{given} of power and bits given", "write { power = 256 } or { bits = 128 }")
        return self


class DetectorTable(Table):
    """A massive MIMO uplink y = H x + n, and the linear detector that is built for it."""

    channel: str = Field(
        description="rayleigh, beamspace, or a .npy file: complex (antennas, users).", examples=["rayleigh"]
    )
    antennas: int | None = Field(None, description="Antennas of a channel model.", ge=1, le=256, examples=[64])
    users: int | None = Field(None, description="Users of a channel model.", ge=1, le=32, examples=[8])
    channel_seed: int = Field(1, description="Seed of a channel model.", ge=0, le=(1 << 63) - 1, examples=[1])
    snr_db: float = Field(
        description="SNR of the nearest user at an antenna, dB; of a file, where an entry has magnitude 1.", ge=-60,
        le=60, examples=[5.0],
    )  # fmt: skip
    spread_db: float = Field(
        0.0, description="How much less the farthest user has, dB; the others evenly between.", ge=0, le=60,
        examples=[20.0],
    )  # fmt: skip
    method: Literal["lmmse", "zf", "mrc"] = Field("lmmse", description="Linear detector.", examples=["lmmse"])
    constellation: Literal["qpsk", "16qam"] = Field("16qam", description="Symbols.", examples=["16qam"])
    budget: AdcBudgetTable = Field(description="What the ADCs may take.", examples=[{"power": 256}])
    weights: Literal["constant", "reloadable"] = Field(
        "constant", description="Fixed for good, or loaded through a port.", examples=["constant"]
    )

    @field_validator("channel")
    @classmethod
    def _known(cls, channel: str) -> str:
        if channel not in MODELS and Path(channel).suffix.lower() != ".npy":
            reason = f"neither {' nor '.join(MODELS)}, nor a .npy file"
            raise FieldError(reason, 'write channel = "rayleigh", or name a file of complex numbers (antennas, users)')
        return channel

    @model_validator(mode="after")
    def _sized(self) -> "DetectorTable":
        named = self.channel in MODELS
        for key in ("antennas", "users"):
            if named and getattr(self, key) is None:
                raise FieldError(f"a {self.channel} channel has a number of them", f"add {key} = 8", key)
            if not named and getattr(self, key) is not None:
                raise FieldError("the file says how many there are", "remove it", key)
        if not named and self.spread_db:
            raise FieldError("the file says how far users are", "remove it", "spread_db")
        if self.antennas is not None and self.users is not None and self.users > self.antennas:
            raise FieldError("more users than antennas", "give at most one user an antenna", "users")
        return self
