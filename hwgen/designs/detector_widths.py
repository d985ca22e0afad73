"""How fine the weights of each antenna and of each stream are: a bit allocation.

Weight (k, n) is a multiple of ``2**(coarsest - a_n - s_k)``, a_n bits of antenna n and s_k of stream k.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Problem
from hwgen.designs.detector_weights import Weights, price

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Widths:
    """LSBs from `coarsest` down, by `depth` at most for an antenna and by `stream_depth` for a stream.

    `shaping` is what successive rounding leaves of white rounding noise, as a factor.
    """

    weights: Weights
    coarsest: int
    depth: int
    shaping: float = 1.0
    stream_depth: int = 2

    @property
    def _sizes(self) -> tuple[int, int]:
        return len(self.weights.link.active), self.weights.link.users

    def lsbs(self, bits: Ints) -> Ints:
        """LSBs (..., K, N) of the bits (..., N + K)."""
        antennas = self._sizes[0]
        own = bits[..., None, :antennas] + bits[..., antennas:, None]
        return np.asarray(np.maximum(self.coarsest - own, 0))

    @cached_property
    def noise(self) -> Array:
        """EVM^2 that rounding adds, relative to each stream's own, at LSB 0: D^2 / 12 for either part, (K, N)."""
        diagonal = np.einsum("kii->ki", self.weights.metric)
        return np.asarray((diagonal[:, 0::2] + diagonal[:, 1::2]) * self.shaping / 12)

    @cached_property
    def prices(self) -> Array:
        """Adder bits of each weight, rounded, at LSB 0, 1, ... (K, N, LSBs)."""
        streams, parts = self.weights.exact.shape
        found = np.zeros((streams, parts // 2, self.coarsest + 1))
        widths = np.array(self.weights.link.bits)[self.weights.link.active]
        for lsb in range(self.coarsest + 1):
            values = np.floor(np.ldexp(self.weights.exact, -lsb) + 0.5).astype(np.int64)
            found[:, :, lsb] = price(values, np.repeat(widths, 2)).reshape(streams, -1, 2).sum(axis=2)
        return found

    def error(self, bits: Ints) -> Array:
        """Mean over the streams of what rounding adds, relative (P,)."""
        return np.asarray((self.noise * 4.0 ** self.lsbs(bits)).sum(axis=2).mean(axis=1))

    def consumption(self, bits: Ints) -> Array:
        """Adder bits (P,)."""
        lsbs = self.lsbs(bits)
        k, n = np.ogrid[: lsbs.shape[1], : lsbs.shape[2]]
        return np.asarray(self.prices[k, n, lsbs].sum(axis=(1, 2)))

    def problem(self, limit: float) -> Problem:
        """The fewest adder bits whose rounding adds at most `limit`, relative."""
        antennas, users = self._sizes
        names = [f"antenna{m}" for m in self.weights.link.active] + [f"stream{k}" for k in range(users)]
        upper = [self.depth] * antennas + [self.stream_depth] * users
        # In words an LSB matters as the power of the word does.
        power = np.log2(self.weights.link.covariance.diagonal().real) / 2
        offsets = np.concatenate([power - power.min(), np.zeros(users)])
        return Problem(names, 0, upper, self.error, self.consumption, goal=limit, offsets=offsets)
