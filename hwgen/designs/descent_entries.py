"""Entries of A^T in the form "gram": values that suit the solution best, and fewer signed digits where it allows them.

The T iterations make ``x[T] = P a y`` of the entries a (eta A^T as it is multiplied by), with P of the Gram matrix; the
exact solution is ``W y``. With R the mean of ``y y^T`` the error of a change d in entry (k, j) is a parabola,

    sum_i w_i E |x[T] - W y|_i^2 / n   rises by   2 d M_kj + d^2 Q_k R_jj,   M = P^T diag(w / n) (P a - W) R,

and the change moves M alone. So values are fitted to their error jointly: what one entry's rounding takes away, others
give back. Then entries go to cheaper values, those first that save most adders for the error they make.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.constant_matrix import adders
from hwgen.designs.descent_system import Coefficients

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_STEPS = np.array([-3, -2, -1, 1, 2, 3])  # what an entry may change by at a time, in its last bit


@dataclass(frozen=True, eq=False)
class Entries:
    """The error of the entries of A^T, coefficients of the form "gram" given, on right-hand sides y (m, count)."""

    coefficients: Coefficients
    y: Floats
    weights: Floats | None = None

    def fitted(self) -> Coefficients:
        """Values of the least error, in the width that there is."""
        return self._made(self._changed(np.zeros_like(self._start), -np.inf))

    def sparser(self, error: float) -> Coefficients:
        """Values of fewer adders, with up to that mean square error of a coordinate of x."""
        return self._made(self._changed(np.ones_like(self._start), error))

    @property
    def _start(self) -> Ints:
        return np.array(self.coefficients.rows, dtype=np.int64).T

    def _made(self, entries: Ints) -> Coefficients:
        return replace(self.coefficients, given=tuple(tuple(int(v) for v in row) for row in entries.T))

    def _changed(self, counted: Ints, limit: float) -> Ints:
        """Entries after the best changes one by one; adders count where `counted` is 1, else the error alone."""
        c, a, most = self.coefficients, self._start.copy(), (1 << self.coefficients.bits - 1) - 1
        n, unit, costs = len(a), 2.0**-c.fraction, bool(counted.any())
        weights = np.ones(n) if self.weights is None else self.weights
        reached = c.reached
        wanted = np.linalg.solve(c.system.gram, c.system.matrix.T)
        spread = self.y @ self.y.T / self.y.shape[1]
        scaled = reached.T * weights / n
        apart = scaled @ (reached @ (a * unit) - wanted) @ spread
        own = scaled @ reached
        error = float(np.sum(weights[:, None] / n * (reached @ (a * unit) - wanted) @ spread
                             * (reached @ (a * unit) - wanted)))  # fmt: skip
        saved = np.stack([_saved(column) for column in a.T], axis=1) if costs else np.zeros((*a.shape, len(_STEPS)))
        while True:
            moves = _STEPS * unit
            rise = 2 * moves * apart[..., None] + moves**2 * np.diag(own)[:, None, None] * np.diag(spread)[:, None]
            allowed = np.abs(a[..., None] + _STEPS) <= most
            better = allowed & (saved >= 0) & (rise < -1e-9 * error)
            cheaper = allowed & (saved > 0) & (error + rise <= limit)
            if better.any():
                k, j, i = np.unravel_index(np.argmin(np.where(better, rise, 0.0)), rise.shape)
            elif cheaper.any():
                worth = np.where(cheaper, saved / np.maximum(rise, 1e-300), 0.0)
                k, j, i = np.unravel_index(np.argmax(worth), rise.shape)
            else:
                return a
            error += float(rise[k, j, i])
            a[k, j] += _STEPS[i]
            apart += np.outer(own[:, k], spread[j]) * moves[i]
            if costs:
                saved[:, j] = _saved(a[:, j])


def _saved(column: Ints) -> Ints:
    """Adders (n, steps) that each step of an entry saves in its column."""
    before, found = adders(column), np.zeros((len(column), len(_STEPS)), dtype=np.int64)
    for k in range(len(column)):
        for i, step in enumerate(_STEPS):
            after = column.copy()
            after[k] += step
            found[k, i] = before - adders(after)
    return found
