"""Symbols through a linear channel, and bit errors of whatever detects them: y = A s + noise.

A complex system is a real one of twice the size (`real`): QPSK is then a sign in each coordinate. The power of a
symbol is 1, that of the noise in a receive antenna is the ridge of the LMMSE detector.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_HALVINGS = 30
_SPAN_DB = (-60.0, 60.0)  # of the noise, in which an operating point is sought


@dataclass(frozen=True, eq=False)
class Link:
    """Random QPSK symbols (or BPSK, where nothing is complex) and noise, both the same at every noise power.

    Parameters
    ----------
    matrix
        A (m, n), real.
    paired
        Whether coordinates are parts of complex numbers.
    count
        Vectors.
    rng
        Draws symbols and noise.
    """

    matrix: Floats
    paired: bool
    count: int
    rng: np.random.Generator

    @cached_property
    def sent(self) -> Floats:
        """Symbols (n, count)."""
        signs = self.rng.integers(0, 2, (self.matrix.shape[1], self.count)) * 2.0 - 1.0
        return np.asarray(signs * self.amplitude)

    @property
    def amplitude(self) -> float:
        """Of a coordinate of a symbol of power 1."""
        return float(np.sqrt(0.5)) if self.paired else 1.0

    @cached_property
    def _noise(self) -> Floats:
        _ = self.sent  # drawn first
        return self.rng.normal(size=(len(self.matrix), self.count)) * self.amplitude

    def received(self, noise: float) -> Floats:
        """y (m, count) at a noise power."""
        return np.asarray(self.matrix @ self.sent + np.sqrt(noise) * self._noise)

    def errors(self, x: Floats) -> float:
        """Bit error rate of estimates (n, count); 0 is taken for a positive number, as its sign bit says."""
        return float(self.each(x).mean())

    def each(self, x: Floats) -> Floats:
        """Bit error rate (n,) of each coordinate."""
        return np.asarray(((x < 0) != (self.sent < 0)).mean(axis=1))

    def lmmse(self, y: Floats, noise: float) -> Floats:
        """The float detector, exact: ``(A^T A + noise I)^-1 A^T y``."""
        gram = self.matrix.T @ self.matrix + noise * np.eye(self.matrix.shape[1])
        return np.asarray(np.linalg.solve(gram, self.matrix.T @ y))

    def combined(self, y: Floats) -> Floats:
        """The direct combiner, ``A^T y``."""
        return np.asarray(self.matrix.T @ y)

    def noise_at(self, ber: float, detect: Callable[[Floats, float], Floats]) -> float | None:
        """Largest noise power at which ``detect(y, noise)`` keeps the bit error rate; None where it never does."""
        low, high = _SPAN_DB

        def keeps(db: float) -> bool:
            noise = float(10 ** (db / 10))
            return self.errors(detect(self.received(noise), noise)) <= ber

        return crossing(keeps, low, high) if keeps(low) else None


def crossing(holds: Callable[[float], bool], low: float, high: float, halvings: int = _HALVINGS) -> float:
    """As a power ratio, the decibels at which what holds at `low` ends."""
    for _ in range(halvings):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return float(10 ** (low / 10))
