"""The room that a mask leaves to linear-phase taps: an ellipsoid that fits it, and whether integer taps keep to it.

Real taps that meet a mask at gain 1 form a polytope. Its analytic centre, and the shape of the logarithmic barrier
there (Dikin's ellipsoid; Boyd and Vandenberghe, Convex Optimization, 2004, section 8.5), say how far taps may move
together; points drawn from the polytope by hit-and-run (Smith, Operations Research 32, 1984) give the ellipsoid's size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.response import Mask, basis, grid, limits, remez

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_COARSE, _FINE = 8, 32  # grid points a tap: to judge many filters, and to judge one
_STEPS = 50  # of Newton's method, and of hit-and-run for each tap


class Judge:
    """Distance of many symmetric filters from a mask, on a grid.

    Parameters
    ----------
    mask, taps
        What to meet, with how many taps.
    gain
        G in units of the integer taps; None: as measured, (largest + smallest amplitude in the pass bands) / 2.
    density
        Grid points a tap over 0..0.5. Between d points a tap a ripple can hide about 0.3 / d**2 of itself.
    """

    def __init__(self, mask: Mask, taps: int, gain: float | None, density: int) -> None:
        frequencies = grid(mask, taps, density)
        lower, upper = limits(mask, frequencies)
        half = np.maximum((upper - lower) / 2, 1e-12)
        self.gain = gain
        self.shift = (upper + lower) / 2 / half
        self.rows = np.ascontiguousarray((basis(taps, frequencies) / half[:, None]).T)
        bands = [band for band in mask.bands for _ in grid(Mask((band,), 1.0), taps, density)]
        self._passes = np.array([band.passband for band in bands])
        nominal = np.array([band.gain for band in bands if band.passband])
        self._unscaled = half[self._passes] / nominal

    def violation(self, free: NDArray) -> Floats:
        """Largest deviation over what the mask allows of the first halves `free` (P, n), shape (P,)."""
        amplitude = free @ self.rows
        gain: float | Floats
        if self.gain is None:
            passed = amplitude[:, self._passes] * self._unscaled
            gain = np.maximum((passed.max(axis=1) + passed.min(axis=1)) / 2, 1e-9)[:, None]
        else:
            gain = self.gain
        amplitude /= gain
        amplitude -= self.shift
        return np.asarray(np.abs(amplitude, out=amplitude).max(axis=1))


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """Taps at gain 1 near which the mask is met: ``(x - centre)' shape (x - centre)`` averages n over the polytope."""

    centre: Floats
    shape: Floats

    def of_gain(self, gain: float) -> tuple[Floats, Floats]:
        """Centre and shape for taps of another gain."""
        return self.centre * gain, self.shape / gain**2

    def of_any_gain(self, taps: NDArray) -> tuple[Floats, Floats]:
        """Centre and shape for taps whose gain may leave that of `taps` by about a third.

        ``G = c'Hx / c'Hc`` minimises ``(x - G c)' H (x - G c)``, which leaves ``H - Hcc'H / c'Hc``: nothing along c.
        A little of it is kept, so that changing G by a third counts 1.
        """
        along = self.shape @ self.centre
        length = float(along @ self.centre)
        gain = float(along @ taps) / length
        kept = min(1.0, 9 / length)
        return self.centre * gain, (self.shape - (1 - kept) * np.outer(along, along) / length) / gain**2


def ellipsoid(mask: Mask, taps: int, rng: np.random.Generator) -> Ellipsoid | None:
    """The ellipsoid of a mask, or None where no real taps of this length meet it with room to spare."""
    try:
        x = remez(Mask(mask.bands, 1.0), taps)[: (taps + 1) // 2]
    except ValueError:
        return None
    judge = Judge(mask, taps, 1.0, _COARSE)
    rows, n = judge.rows.T, len(x)
    r = rows @ x - judge.shift
    if np.abs(r).max() >= 0.9999:
        return None
    shape = np.eye(n)
    for _ in range(_STEPS):
        below, above = 1 / (1 + r), 1 / (1 - r)
        slope = rows.T @ (above - below)
        shape = (rows.T * (above**2 + below**2)) @ rows
        step = -np.linalg.solve(shape, slope)
        decrement = float(-slope @ step)
        # Damped as self-concordance asks, so that no step leaves the polytope.
        x = x + step / (1.0 if decrement < 0.05 else 1 + np.sqrt(decrement))
        r = rows @ x - judge.shift
        if decrement < 1e-9:
            break
    return Ellipsoid(x, shape * (n / _spread(rows, r, shape, rng)))


def _spread(rows: Floats, r: Floats, shape: Floats, rng: np.random.Generator) -> float:
    """Mean of ``e' shape e`` over points of the polytope, e their distance from the centre with residual `r`."""
    n = len(shape)
    root = np.linalg.cholesky(np.linalg.inv(shape))
    whitened = rows @ root  # in these coordinates e' shape e is a plain square
    e, total = np.zeros(n), 0.0
    for step in range(_STEPS * n):
        direction = rng.normal(size=n)
        along = whitened @ direction
        along[np.abs(along) < 1e-30] = 1e-30
        ends = np.sort(np.stack([(1 - r) / along, (-1 - r) / along]), axis=0)
        length = rng.uniform(ends[0].max(), ends[1].min())
        e, r = e + length * direction, r + length * along
        total += float(e @ e) if step >= 10 * n else 0.0
    return total / ((_STEPS - 10) * n)
