"""What all tables of a design file share."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """They cannot be changed, take no unknown key, convert no type and hold no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
