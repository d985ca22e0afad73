"""Numbers as a reader wants them: grouped digits, a true minus sign, SI frequencies, and words for what is missing."""

import math
from collections.abc import Sequence
from typing import TypeGuard

ABSENT = "not measured"
DASH = "–"
MINUS = "−"
TIE = "\u00a0"  # between a number and its unit, which one line keeps together


def is_number(value: object) -> TypeGuard[float]:
    """Return whether `value` is a finite int or float; a bool is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: object, decimals: int | None = None, absent: str = ABSENT) -> str:
    """Format a number for reading.

    Parameters
    ----------
    value : object
        An int is grouped by thousands, a float keeps four significant digits, other things become text and
        None (also nan and infinities) becomes `absent`.
    decimals : int, optional
        Fixed number of decimals instead.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return absent
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if decimals is not None:
        text = f"{value:,.{decimals}f}"
    elif isinstance(value, int) or abs(value) >= 1000 or float(value).is_integer():
        text = f"{value:,.0f}"
    else:
        text = f"{value:.4g}"
    return text.replace("-", MINUS)


def measured(value: object, unit: str = "", decimals: int | None = None) -> str:
    """Format a number with its unit; a missing one is "not measured" and has no unit."""
    text = number(value, decimals)
    return text if text == ABSENT or not unit else f"{text}{TIE}{unit}"


def frequency(value: float, unit: str = "Hz") -> str:
    """Format a frequency with an SI prefix; any unit but Hz is printed as it is."""
    if unit != "Hz" or value == 0:
        return f"{number(value)}{TIE}{unit}"
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{number(value / factor)}{TIE}{prefix}Hz"
    return f"{number(value)}{TIE}Hz"


def percent(ratio: float) -> str:
    """Format a ratio as a whole percentage, with one decimal below ten."""
    value = 100 * ratio
    return f"{number(value, 0 if abs(value) >= 9.95 else 1)}{TIE}%"


def count(amount: float, singular: str, plural: str = "") -> str:
    """Format an amount of things: "1 tap", "31 taps"."""
    return f"{number(amount)} {singular if amount == 1 else plural or singular + 's'}"


def listed(words: Sequence[str]) -> str:
    """Join words as prose does: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def capital(text: str) -> str:
    """Raise the first letter and leave the others, as `str.capitalize` does not."""
    return text[:1].upper() + text[1:]
