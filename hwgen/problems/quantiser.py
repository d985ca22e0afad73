"""The ADC: a uniform mid-rise quantiser at the step that is best for a Gaussian."""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

Ints = NDArray[np.int64]


def _moments(step: float, bits: int) -> tuple[float, float]:
    """E[x Q(x)] / step and E[Q(x)^2] / step for a Gaussian x of unit power.

    Q jumps by a step at every multiple of it, which adds the density there to the first; (i + 1/2)^2 - (i - 1/2)^2
    is 2 i, which gives the second from the tails.
    """
    i = np.arange(1, 1 << bits - 1)
    density = np.exp(-((i * step) ** 2) / 2) / np.sqrt(2 * np.pi)
    cross = 1 / np.sqrt(2 * np.pi) + 2 * density.sum()
    power = step * (0.25 + 4 * (i * ndtr(-i * step)).sum())
    return float(cross), float(power)


@cache
def best_step(bits: int) -> float:
    """Step of least mean square error for a Gaussian of unit power (Max, IRE Trans. IT-6, 1960, table II).

    There E[x Q(x)] = E[Q(x)^2] (the derivative of E[(x - c Q(x))^2] with respect to c at c = 1).
    """
    if not 1 <= bits <= 16:
        raise ValueError(f"an ADC has 1 to 16 bits, not {bits}")

    def excess(step: float) -> float:
        cross, power = _moments(step, bits)
        return cross - power

    return float(brentq(excess, 2.0 ** (1 - bits), 2.0 ** (4 - bits) * (1 + bits / 4), xtol=1e-15, rtol=1e-14))


def distortion(bits: int) -> float:
    """E[(x - Q(x))^2] of a Gaussian of unit power at the best step."""
    step = best_step(bits)
    return 1 - step * _moments(step, bits)[0]


def words(values: ArrayLike, steps: ArrayLike, bits: ArrayLike) -> Ints:
    """ADC words of real values; the word n stands for (n + 1/2) steps. Everything broadcasts."""
    half = np.left_shift(1, np.asarray(bits, dtype=np.int64) - 1)
    cells = np.floor(np.asarray(values, dtype=float) / steps)
    return np.asarray(np.clip(cells, -half, half - 1), dtype=np.int64)
