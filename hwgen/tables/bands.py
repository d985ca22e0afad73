"""Bands of a frequency response as tables of a design file."""

from pydantic import Field, model_validator

from hwgen.tables.fields import FieldError
from hwgen.tables.table import Table

MOST_BANDS = 100


class BandTable(Table):
    """One band of the response: a pass band (`ripple`) or a stop band (`attenuation`)."""

    start: float = Field(description="Lower edge, in the unit of sample_rate.", ge=0, examples=[0])
    stop: float = Field(description="Upper edge, in the unit of sample_rate.", gt=0, examples=[250000.0])
    gain: float = Field(1.0, description="Gain of this pass band, times G.", ge=1e-6, le=1e6, examples=[1.0])
    ripple_db: float | None = Field(None, description="Largest |20 log10(|H|/G)|, dB.", ge=1e-9, le=40, examples=[0.1])
    ripple: float | None = Field(None, description="Largest | |H|/G - 1 |.", ge=1e-9, lt=1, examples=[0.01])
    attenuation_db: float | None = Field(None, description="Least -20 log10(|H|/G), dB.", gt=0, le=300, examples=[60])
    attenuation: float | None = Field(None, description="Largest |H|/G.", ge=1e-15, lt=1, examples=[0.001])

    @property
    def passband(self) -> bool:
        """Whether the band is to be passed."""
        return self.ripple is not None or self.ripple_db is not None

    @model_validator(mode="after")
    def _one_form(self) -> "BandTable":
        forms = ("ripple_db", "ripple", "attenuation_db", "attenuation")
        given = [name for name in forms if getattr(self, name) is not None]
        if not given:
            raise FieldError("neither ripple nor attenuation is given", "add ripple_db = 0.1 or attenuation_db = 60")
        if len(given) > 1:
            raise FieldError(f"given together with {given[0]}", f"keep only one of {' and '.join(given)}", given[1])
        if self.stop <= self.start:
            raise FieldError(f"the band stops at or below its start, {self.start:g}", "give a stop above it", "stop")
        if not self.passband and "gain" in self.model_fields_set:
            raise FieldError(
                "a stop band has no gain", "remove gain, or give ripple_db in place of attenuation", "gain"
            )
        return self


def rising(bands: tuple[BandTable, ...]) -> None:
    """Raise a `FieldError` unless the bands rise in frequency without overlap and one of them passes."""
    if not bands:
        raise FieldError(
            "the list of bands is empty", "add a band, such as { start = 0, stop = 1e6, ripple_db = 0.1 }", "bands"
        )
    if len(bands) > MOST_BANDS:
        raise FieldError(f"{len(bands)} bands are too many", f"give at most {MOST_BANDS}", "bands")
    if not any(band.passband for band in bands):
        raise FieldError("no band passes anything", "give one band ripple_db in place of attenuation_db", "bands")
    for k in range(1, len(bands)):
        before, after = bands[k - 1], bands[k]
        if after.start < before.start:
            raise FieldError(
                f"below the start of the band before, {before.start:g}",
                "list bands by rising frequency",
                "bands",
                k,
                "start",
            )
        if after.start < before.stop:
            reason = f"overlaps the band before, which stops at {before.stop:g}"
            raise FieldError(reason, "start it above that, leaving room for the transition", "bands", k, "start")
        alike = before.gain == after.gain or not (before.passband or after.passband)
        if after.start == before.stop and not (alike and before.passband == after.passband):
            reason = "begins where the band before stops; no filter can jump between them"
            raise FieldError(reason, "leave room for the transition", "bands", k, "start")
