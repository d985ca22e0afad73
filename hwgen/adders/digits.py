"""Odd fundamentals, canonical signed digits and digits in base 4 of integer constants."""

import numpy as np
from numpy.typing import NDArray


def odd(value: int) -> tuple[int, int]:
    """Return ``(fundamental, shift)`` with ``|value| = fundamental << shift`` and the fundamental odd; ``(0, 0)`` for
    0.
    """
    magnitude = abs(int(value))
    if magnitude == 0:
        return 0, 0
    shift = (magnitude & -magnitude).bit_length() - 1
    return magnitude >> shift, shift


def csd(value: int) -> list[tuple[int, int]]:
    """Canonical signed digits of `value`: pairs ``(shift, +-1)``, least significant first, none adjacent."""
    digits, shift = [], 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((shift, digit))
            value -= digit
        value >>= 1
        shift += 1
    return digits


def csd_adders(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Adders a canonical-signed-digit multiplier needs for each value: nonzero digits less one, 0 for the value 0.

    The nonzero digits of ``v`` are the ones of ``v ^ 3 v`` (Reitwiesner 1960: ``csd(v) = (3 v - v) / 2`` digit by
    digit).
    """
    magnitude = np.abs(np.asarray(values, dtype=np.int64))
    return np.maximum(np.bitwise_count(magnitude ^ (3 * magnitude)).astype(np.int64) - 1, 0)


def csd_left(value: int) -> int:
    """Nonzero signed digits of `value`."""
    return int(csd_adders(np.array([value]))[0]) + (value != 0)


def base4(value: int) -> tuple[int, ...]:
    """Digits -1, 0, 1, 2 of an integer in base 4, lowest first; unique."""
    found = []
    while value:
        digit = (value + 1) % 4 - 1
        found.append(digit)
        value = (value - digit) // 4
    return tuple(found)
