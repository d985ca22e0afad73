"""Integer weights of a combiner: near the exact ones where it matters, cheap in adders where it does not.

An error e of the weights of a stream adds e^H M e to its EVM^2. Rounding is successive: what one weight misses, those
that follow make up for (Babai, Combinatorica 6, 1986). Then single weights move to whatever is best for the error and
`trade` times the adder bits.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.designs.uplink import Uplink

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

SWEEPS = 6
GROWTH = 2.0  # bits by which words grow over a tree, on average of its adders
TABLE = 1 << 16  # values whose cost is tabled


def _odd(values: Ints) -> Ints:
    size = np.abs(values)
    return np.asarray(size // np.maximum(size & -size, 1))


_ODD = _odd(np.arange(TABLE))
_LENGTH = np.array([int(v).bit_length() for v in _ODD])


@dataclass(frozen=True, eq=False)
class Weights:
    """The search for integer weights of `link`, in units of ``2**-fraction``.

    Arrays have a row for each stream and two columns for each active antenna: real and imaginary part, (K, 2 N).
    """

    link: Uplink
    fraction: int

    @cached_property
    def exact(self) -> Array:
        """The method's weights in units of the integers."""
        w = self.link.weights.T * 2.0**self.fraction
        return np.stack([w.real, w.imag], axis=2).reshape(len(w), -1)

    @cached_property
    def metric(self) -> Array:
        """M of each stream (K, 2 N, 2 N) over its EVM^2, so that errors are relative.

        For LMMSE f(w) = w^H N w / |w^H g|^2 with N = R - g g^H is least at w, and e adds e^H (N - f g g^H) e; a little
        more of g keeps gains near 1. Other methods are kept to: e^H R e.
        """
        link = self.link
        found = []
        for k in range(link.users):
            g, own = link.signature[:, k : k + 1], float(link.ideal[k])
            m = link.covariance - (1 - own) * (g @ g.conj().T) if link.method == "lmmse" else link.covariance
            parts = np.stack([np.stack([m.real, -m.imag], 2), np.stack([m.imag, m.real], 2)], 1)
            found.append(parts.reshape(2 * len(m), -1) / own)
        return np.asarray(found) * 4.0**-self.fraction

    def rounded(self, lsbs: Ints) -> Ints:
        """Successive rounding to multiples of ``2**lsbs`` (K, N)."""
        steps = np.repeat(2.0**lsbs, 2, axis=1)
        found = np.empty(self.exact.shape, dtype=np.int64)
        for k, (m, step) in enumerate(zip(self.metric, steps, strict=True)):
            # The last of the order is rounded first: the coarsest.
            order = np.argsort(step * np.sqrt(m.diagonal()), kind="stable")
            upper = np.linalg.cholesky(m[np.ix_(order, order)]).T
            target, step = self.exact[k][order], step[order]
            value = np.empty(len(order))
            for i in range(len(order) - 1, -1, -1):
                centre = target[i] + upper[i, i + 1 :] @ (target[i + 1 :] - value[i + 1 :]) / upper[i, i]
                value[i] = np.floor(centre / step[i] + 0.5) * step[i]
            found[k, order] = value
        return found

    def traded(self, start: Ints, lsbs: Ints, trade: float) -> Ints:
        """`start` (K, 2 N) with single weights moved while that lowers errors plus `trade` times adder bits."""
        steps = np.repeat(np.left_shift(1, lsbs), 2, axis=1)
        widths = np.array(self.link.bits)[self.link.active]
        values = start.copy()
        slope = np.einsum("kij,kj->ki", self.metric, values - self.exact)
        used = self._used(values)
        for _ in range(SWEEPS):
            moved = False
            for i in range(values.shape[1]):
                own, step = values[:, i], steps[:, i]
                optimum = own - slope[:, i] / self.metric[:, i, i]
                tries = _near(optimum, own, step)
                delta = tries - own[:, None]
                error = 2 * delta * slope[:, i, None] + delta**2 * self.metric[:, i, i, None]
                odd = _ODD[np.minimum(np.abs(tries), TABLE - 1)]
                cost = price(tries, widths[i // 2])
                mine = _ODD[np.minimum(np.abs(own), TABLE - 1)]
                others = used[i // 2][odd] - (odd == mine[:, None])
                if widths[i // 2] > 1:
                    cost = cost + np.where((odd > 1) & (others == 0), 2.0 * (widths[i // 2] + _LENGTH[odd]), 0.0)
                best = (error + trade * cost).argmin(axis=1)
                chosen = np.take_along_axis(tries, best[:, None], axis=1)[:, 0]
                changed = np.flatnonzero(chosen != own)
                if len(changed):
                    moved = True
                    np.subtract.at(used[i // 2], mine[changed], 1)
                    np.add.at(used[i // 2], _ODD[np.minimum(np.abs(chosen[changed]), TABLE - 1)], 1)
                    slope[changed] += self.metric[changed, :, i] * (chosen - own)[changed, None]
                    values[changed, i] = chosen[changed]
            if not moved:
                break
        return values

    def _used(self, values: Ints) -> Ints:
        """How often each odd part occurs at each antenna, (N, TABLE)."""
        odd = _ODD[np.minimum(np.abs(values), TABLE - 1)].reshape(len(values), -1, 2)
        found = np.zeros((odd.shape[1], TABLE), dtype=np.int64)
        for n in range(odd.shape[1]):
            np.add.at(found[n], odd[:, n].ravel(), 1)
        return found

    def evm(self, values: Ints, more: Array | float = 0.0) -> Array:
        """EVM^2 of each stream (K,) by the model, with `more` noise power at the output."""
        w = np.asarray(values[:, 0::2] + 1j * values[:, 1::2], dtype=np.complex128).T * 2.0**-self.fraction
        return self.link.evm(w, more)


def _near(optimum: Array, own: Ints, step: Ints) -> Ints:
    """Values worth trying (K, 8): the multiples of 1, 2 and 4 steps on both sides of the optimum, 0, and the own."""
    tries = [own, np.zeros_like(own)]
    for scale in (1, 2, 4):
        unit = step * scale
        below = np.floor(optimum / unit).astype(np.int64) * unit
        tries += [below, below + unit]
    return np.stack(tries, axis=1)


def price(values: Ints, width: Ints) -> Array:
    """Adder bits of the terms of parts of weights, one in each of two rows, for words of so many bits."""
    length = _LENGTH[np.minimum(np.abs(values), TABLE - 1)]
    return np.where(values != 0, 2.0 * (width + length - 1 + GROWTH), 0.0)


def unpaired(values: Ints, active: NDArray[np.int64], antennas: int) -> Ints:
    """Weights (K, M, 2) of all antennas, 0 where they are off."""
    found = np.zeros((len(values), antennas, 2), dtype=np.int64)
    found[:, active] = values.reshape(len(values), -1, 2)
    return found
