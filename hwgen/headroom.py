"""What the range of a format takes from values that do not fit it."""

import numpy as np
from numpy.typing import NDArray

from hwgen.fixed import Format, Overflow


def lost(values: NDArray[np.float64], form: Format, overflow: Overflow) -> float:
    """Mean square of the error of values that saturate or wrap in `form`; others, which it rounds, count as 0."""
    low, high = form.minimum * form.lsb, form.maximum * form.lsb
    wrapped = low + (values - low) % (high - low + form.lsb)
    kept = wrapped if overflow is Overflow.WRAP else np.clip(values, low, high)
    beyond = (values < low - form.lsb / 2) | (values > high + form.lsb / 2)
    return float(np.where(beyond, (kept - values) ** 2, 0.0).mean())
