"""Directed stimuli: the inputs on which fixed-point filters go wrong, before any random one."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Range(Protocol):
    """Anything with a smallest and a largest raw integer, such as a `Format` or a `Port`."""

    @property
    def minimum(self) -> int: ...

    @property
    def maximum(self) -> int: ...


def directed(coefficient_signs: Sequence[int] | npt.NDArray[Any], format: Range, length: int) -> npt.NDArray[np.int64]:
    """Stimuli for one channel of a filter, each followed by `length` zeros so that it meets an empty delay line.

    In order: impulses (largest, most negative), steps of `length` samples (largest; most negative: the constant that
    overflows a careless negation), full-scale alternation in both phases, and the pattern that drives the sum to its
    largest and smallest value: the sign-matched x[n-k] = max for h[k] > 0, else min, and its opposite.

    Parameters
    ----------
    coefficient_signs
        The taps h[0], h[1], ... or their signs.
    format
        Range of the input, raw integers.
    length
        Zeros of each flush; at least the number of taps.

    Returns
    -------
    array
        Raw integers, int64 (n,).
    """
    signs = np.sign(np.asarray(coefficient_signs, dtype=float))
    if len(signs) == 0 or length < len(signs):
        raise ValueError(
            f"length must be at least the number of taps, {len(signs)} (and that at least 1), not {length}"
        )
    low, high = format.minimum, format.maximum
    alternating = np.where(np.arange(length) % 2 == 0, high, low)
    # Time runs against the tap index: the sample that meets h[k] last came k samples earlier.
    matched = np.where(signs[::-1] > 0, high, low)
    opposite = np.where(signs[::-1] > 0, low, high)
    stimuli = (
        [high], [low], np.full(length, high), np.full(length, low),
        alternating, high + low - alternating,
        matched, opposite,
    )  # fmt: skip
    flush = np.zeros(length, dtype=np.int64)
    return np.concatenate([flush, *(part for stimulus in stimuli for part in (stimulus, flush))]).astype(np.int64)
