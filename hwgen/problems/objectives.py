"""Smooth convex functions to descend: least squares and ridge logistic regression."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DATA_BITS = 20  # of a word that holds an entry of the Hessian, sign apart


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """f(x) = |A x - y|^2 / (2 m), A (m, n), as its normal equations: gradient H x - c, H = A^T A / m, c = A^T y / m.

    H is rounded to ``DATA_BITS`` bits below its largest row sum, c to as many below its largest entry, and it is that
    quadratic which is minimised, so that words of hardware (and `fractions.Fraction`) hold the gradient without error.

    Members
    -------
    hessian, linear
        H (n, n) and c (n,), rounded.
    optimum
        x* = H^-1 c (n,).
    curvature
        Smallest and largest eigenvalue of H.

    Raises
    ------
    ValueError
        Wrong shapes, values that are not finite, or columns so dependent that the rounded H is not positive definite.
    """

    matrix: Floats
    targets: Floats
    hessian: Floats = field(init=False, repr=False)
    linear: Floats = field(init=False, repr=False)
    optimum: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrix, targets = _data(self.matrix, self.targets)
        product = matrix.T @ matrix / len(matrix)
        hessian = _rounded(product, float(np.abs(product).sum(axis=1).max()))
        least = float(np.linalg.eigvalsh(hessian)[0])
        if least <= 0:
            raise ValueError(
                f"the columns of the matrix are dependent: the smallest eigenvalue of A^T A / m, in {DATA_BITS} bits, "
                f"is {least:.3g}, which must be above 0"
            )
        linear = matrix.T @ targets / len(matrix)
        linear = _rounded(linear, float(np.abs(linear).max()))
        for name, value in (("matrix", matrix), ("targets", targets), ("hessian", hessian), ("linear", linear)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "optimum", np.linalg.solve(hessian, linear))

    @classmethod
    def random(cls, size: int = 8, condition: float = 10.0, rows: int = 32, seed: int = 0) -> "LeastSquares":
        """A with singular vectors at random and eigenvalues of H from 1 / condition to 1, evenly in the logarithm.

        The targets are those of a standard normal x, plus noise of standard deviation 0.1.
        """
        if not 1 <= size <= rows:
            raise ValueError(f"size must be between 1 and rows ({rows}), got {size}")
        if not 1 <= condition <= 2.0 ** (DATA_BITS - 4):
            raise ValueError(f"condition must be between 1 and {2 ** (DATA_BITS - 4)}, got {condition}")
        rng = np.random.default_rng(seed)
        left = np.linalg.qr(rng.normal(size=(rows, size)))[0]
        right = np.linalg.qr(rng.normal(size=(size, size)))[0]
        matrix = np.sqrt(rows) * left * np.sqrt(np.geomspace(1 / condition, 1, size)) @ right
        return cls(matrix, matrix @ rng.normal(size=size) + 0.1 * rng.normal(size=rows))

    @property
    def size(self) -> int:
        return len(self.hessian)

    @property
    def curvature(self) -> tuple[float, float]:
        return _extremes(self.hessian)

    def gradient(self, points: Floats) -> Floats:
        """H x - c at points (..., n)."""
        return np.asarray(points @ self.hessian - self.linear)

    def excess(self, points: Floats) -> Floats:
        """f(x) - f(x*) = (x - x*)^T H (x - x*) / 2 (...,) at points (..., n)."""
        away = points - self.optimum
        return np.asarray(0.5 * ((away @ self.hessian) * away).sum(axis=-1))


@dataclass(frozen=True, eq=False)
class Logistic:
    """f(x) = mean log(1 + exp(-y a^T x)) + ridge |x|^2 / 2 over the rows a of A (m, n) with labels y = -1 or 1 (m,).

    Members
    -------
    hessian, optimum
        Second derivative (n, n) at the optimum, and the optimum (n,), by Newton's method.
    curvature
        Bounds of the eigenvalues of the Hessian everywhere: ridge, and ridge + the largest of A^T A / (4 m).

    Raises
    ------
    ValueError
        Wrong shapes, labels other than -1 and 1, a ridge that is not above 0.
    """

    matrix: Floats
    targets: Floats
    ridge: float = 0.01
    hessian: Floats = field(init=False, repr=False)
    optimum: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrix, targets = _data(self.matrix, self.targets)
        if not np.isin(targets, (-1, 1)).all():
            raise ValueError("the targets of a logistic regression must be -1 or 1")
        if not (np.isfinite(self.ridge) and self.ridge > 0):
            raise ValueError(f"ridge must be above 0, got {self.ridge}")
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "targets", targets)
        x = np.zeros(matrix.shape[1])
        for _ in range(100):
            step = np.linalg.solve(self._second(x), self.gradient(x))
            # Damped far out, where the quadratic model does not hold.
            x = x - step / max(1.0, float(np.linalg.norm(step)))
            if np.linalg.norm(step) <= 1e-14 * (1 + np.linalg.norm(x)):
                break
        object.__setattr__(self, "optimum", x)
        object.__setattr__(self, "hessian", self._second(x))

    @classmethod
    def random(cls, size: int = 8, rows: int = 64, ridge: float = 0.05, seed: int = 0) -> "Logistic":
        """Standard normal rows; labels drawn with the probabilities of a standard normal x."""
        if size < 1 or rows < 1:
            raise ValueError(f"size and rows must be at least 1, got {size} and {rows}")
        rng = np.random.default_rng(seed)
        matrix = rng.normal(size=(rows, size))
        chance = 1 / (1 + np.exp(-matrix @ rng.normal(size=size)))
        return cls(matrix, np.where(rng.uniform(size=rows) < chance, 1.0, -1.0), ridge)

    def _second(self, x: Floats) -> Floats:
        chance = 1 / (1 + np.exp(-self.matrix @ x))
        weighted = self.matrix * (chance * (1 - chance))[:, None]
        return self.matrix.T @ weighted / len(self.matrix) + self.ridge * np.eye(len(x))

    @property
    def size(self) -> int:
        return self.matrix.shape[1]

    @property
    def curvature(self) -> tuple[float, float]:
        most = _extremes(self.matrix.T @ self.matrix / (4 * len(self.matrix)))[1]
        return self.ridge, self.ridge + most

    def gradient(self, points: Floats) -> Floats:
        """At points (..., n)."""
        margin = (points @ self.matrix.T) * self.targets
        # tanh does not overflow, as exp does.
        pull = 0.5 * (1 - np.tanh(margin / 2)) * self.targets
        return np.asarray(self.ridge * points - pull @ self.matrix / len(self.matrix))

    def excess(self, points: Floats) -> Floats:
        """f(x) - f(x*) (...,) at points (..., n)."""
        # Rounding must not take it below 0.
        return np.maximum(self._value(points) - self._value(self.optimum), 0.0)

    def _value(self, points: Floats) -> Floats:
        margin = (points @ self.matrix.T) * self.targets
        return np.asarray(np.logaddexp(0, -margin).mean(axis=-1) + self.ridge / 2 * (points**2).sum(axis=-1))


Objective = LeastSquares | Logistic


def _data(matrix: Floats, targets: Floats) -> tuple[Floats, Floats]:
    a, y = np.asarray(matrix, dtype=float), np.asarray(targets, dtype=float)
    if a.ndim != 2 or not a.size or y.shape != a.shape[:1]:
        raise ValueError(f"matrix must be (m, n) and targets (m,), got shapes {a.shape} and {y.shape}")
    if not (np.isfinite(a).all() and np.isfinite(y).all()):
        raise ValueError("matrix and targets must be finite")
    return a, y


def _rounded(values: Floats, largest: float) -> Floats:
    lsb = 2.0 ** (np.ceil(np.log2(largest or 1.0)) - DATA_BITS)
    return np.floor(values / lsb + 0.5) * lsb


def _extremes(symmetric: Floats) -> tuple[float, float]:
    values = np.linalg.eigvalsh(symmetric)
    return float(values[0]), float(values[-1])
