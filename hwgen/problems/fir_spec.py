"""What a linear-phase FIR filter shall do: bands of a constant gain, judged by the largest weighted error.

The amplitude of a symmetric filter of odd length N is ``H(w) = h_0 + 2 sum_k h_k cos(k w)``; h_0 is its middle tap. The
free taps are h_0 .. h_d with d = (N - 1) / 2, in this order everywhere (of an even length, h_0 is the innermost pair).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from hwgen.remez import basis

Floats = NDArray[np.float64]


class Band(NamedTuple):
    """Gain `desired` from `start` to `stop` (in units of pi, 1 is half the sample rate), errors times `weight`."""

    start: float
    stop: float
    desired: float
    weight: float = 1.0


class Samples(NamedTuple):
    """Weighted error on a grid: ``matrix @ taps - wanted``, shapes (G, n) and (G,), and the G frequencies / pi."""

    matrix: Floats
    wanted: Floats
    frequencies: Floats


def unquantised(samples: Samples) -> tuple[Floats, float]:
    """Real free taps (n,) of least largest error on a grid, and that error, less than which no quantised choice has."""
    matrix, wanted, _ = samples
    column = np.ones((len(matrix), 1))
    solved = linprog(
        np.append(np.zeros(matrix.shape[1]), 1.0),
        np.block([[matrix, -column], [-matrix, -column]]),
        np.concatenate([wanted, -wanted]),
        bounds=(None, None),
        method="highs-ds",
    )
    if solved.x is None:
        raise ValueError(f"no minimax filter of {matrix.shape[1]} free taps found: {solved.message}")
    return np.array(solved.x[:-1], dtype=np.float64), float(solved.fun)


@dataclass(frozen=True)
class Specification:
    """Bands by rising frequency, gain 1 where `desired` is 1.

    Raises
    ------
    ValueError
        No band, bands that overlap or leave [0, 1], weights that are not positive.
    """

    name: str
    bands: tuple[Band, ...]

    def __post_init__(self) -> None:
        bands = tuple(Band(*band) for band in self.bands)
        if not bands:
            raise ValueError(f"specification {self.name}: give at least one band")
        edges = [edge for band in bands for edge in band[:2]]
        if not (edges[0] >= 0 and edges[-1] <= 1 and all(low < high for low, high in pairwise(edges))):
            raise ValueError(f"specification {self.name}: band edges must rise strictly within [0, 1], got {edges}")
        if not all(np.isfinite(band.desired) and 0 < band.weight < np.inf for band in bands):
            raise ValueError(f"specification {self.name}: gains must be finite and weights positive and finite")
        object.__setattr__(self, "bands", bands)

    @lru_cache(maxsize=64)  # noqa: B019 (specifications are few, small and immutable)
    def samples(self, length: int, density: int) -> Samples:
        """The weighted error of N = `length` taps on an even grid: `density` x degree points to [0, pi], and the edges.

        The arrays are shared between calls and read-only.
        """
        degree = (length - 1) / 2
        parts = [
            np.linspace(band.start, band.stop, max(2, round(density * degree * (band.stop - band.start)) + 1))
            for band in self.bands
        ]
        counts = [part.size for part in parts]
        weight = np.repeat([band.weight for band in self.bands], counts)
        wanted = np.repeat([band.desired for band in self.bands], counts)
        frequencies = np.concatenate(parts)
        matrix = amplitudes(length, frequencies) * weight[:, None]
        samples = Samples(np.ascontiguousarray(matrix), wanted * weight, frequencies)
        for array in samples:
            array.setflags(write=False)
        return samples

    @lru_cache(maxsize=64)  # noqa: B019
    def minimax(self, length: int, density: int = 64) -> Floats:
        """Free taps (n,), read-only, of least largest error on a grid: a linear program, good for errors above 1e-7."""
        taps, _ = unquantised(self.samples(length, density))
        taps.setflags(write=False)
        return taps

    def gram(self, length: int) -> tuple[Floats, Floats, float]:
        """Q (n, n), b (n,), c with ``taps Q taps - 2 b taps + c`` = mean over the bands of the squared weighted error.

        The mean is over all bands together, exact: products of cosines integrate to sines.
        """
        orders: Floats = np.arange((length + 1) // 2, dtype=np.float64) + (0.0 if length % 2 else 0.5)
        scale: Floats = np.where(orders == 0, 1.0, 2.0).astype(np.float64)

        def integral(order: Floats, band: Band) -> Floats:
            # The mean of cos(order w) over the band, times its width: the integral of cos(order pi x) over x = w / pi.
            start, stop = (edge * np.sinc(order * edge) for edge in band[:2])
            return np.asarray(stop - start, dtype=np.float64)

        Q = np.zeros((orders.size, orders.size))
        b = np.zeros(orders.size)
        for band in self.bands:
            sums, differences = np.add.outer(orders, orders), np.subtract.outer(orders, orders)
            Q += (
                band.weight**2
                * np.multiply.outer(scale, scale)
                / 2
                * (integral(sums, band) + integral(differences, band))
            )
            b += band.weight**2 * band.desired * scale * integral(orders, band)
        c = sum((band.weight * band.desired) ** 2 * (band.stop - band.start) for band in self.bands)
        width = sum(band.stop - band.start for band in self.bands)
        return Q / width, b / width, float(c / width)

    def judge(self, taps: ArrayLike, length: int, density: int = 128) -> float:
        """Largest weighted error of free taps (n,): on a grid, and at every peak between its points."""
        free = np.asarray(taps, dtype=np.float64)
        matrix, wanted, frequencies = self.samples(length, density)
        size = np.abs(matrix @ free - wanted)
        middle = (size[1:-1] >= size[:-2]) & (size[1:-1] >= size[2:])
        # A peak never spans two bands: the grid is even within each, and so are three points around a peak.
        gaps = np.diff(frequencies)
        peaks = 1 + np.flatnonzero(middle & (np.abs(gaps[1:] - gaps[:-1]) < 1e-6 * gaps[1:]))
        if not peaks.size:
            return float(size.max())
        left, top, right = size[peaks - 1], size[peaks], size[peaks + 1]
        bend = left - 2 * top + right
        shift = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1.0), 0.0)
        refined = frequencies[peaks] + np.clip(shift, -1, 1) * gaps[peaks]
        band = np.searchsorted([band.stop for band in self.bands], frequencies[peaks])
        desired = np.array([self.bands[k].desired for k in band])
        weight = np.array([self.bands[k].weight for k in band])
        between = weight * np.abs(amplitudes(length, refined) @ free - desired)
        return float(max(size.max(), between.max()))


def amplitudes(length: int, frequencies: ArrayLike) -> Floats:
    """Matrix (G, n) from free taps, the middle one first, to the amplitude at `frequencies` (in units of pi)."""
    return basis(length, np.asarray(frequencies, dtype=np.float64) / 2)[:, ::-1]


def full(taps: ArrayLike, length: int) -> Floats:
    """All N taps of the symmetric filter from the free ones (n,)."""
    free = np.asarray(taps, dtype=np.float64)
    return np.concatenate([free[::-1], free[length % 2 :]])


# Brisebarre, Filip and Hanrot, "A lattice basis reduction approach for the design of finite wordlength FIR filters",
# IEEE Transactions on Signal Processing 66(10), 2018.
A = Specification("A", (Band(0, 0.4, 1), Band(0.5, 1, 0)))
B = Specification("B", (Band(0, 0.4, 1), Band(0.5, 1, 0, 10)))
C = Specification("C", (Band(0, 0.24, 1), Band(0.4, 0.68, 0), Band(0.84, 1, 1)))
D = Specification("D", (Band(0, 0.24, 1), Band(0.4, 0.68, 0, 10), Band(0.84, 1, 1)))
E = Specification("E", (Band(0.02, 0.42, 1), Band(0.52, 0.98, 0)))
PUBLISHED = {spec.name: spec for spec in (A, B, C, D, E)}
