"""Linear systems as a descent solves them: real parts, exact solution, coefficients of few bits, float trajectory."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.descent_numbers import integers, powers
from hwgen.fixed import Format

Floats = NDArray[np.float64]
STEP_TERMS = 3  # powers of two in a step size


def real(matrix: NDArray) -> Floats:
    """A complex matrix as a real one of twice the size: real parts first, then imaginary parts."""
    if not np.iscomplexobj(matrix):
        return np.asarray(matrix, dtype=np.float64)
    return np.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])


def parts(vectors: NDArray) -> Floats:
    """Complex vectors (n, count) as real ones (2 n, count), in the order of `real`."""
    return np.concatenate([vectors.real, vectors.imag]) if np.iscomplexobj(vectors) else np.asarray(vectors)


def best_step(curvature: Floats) -> float:
    """Fastest step for eigenvalues from the least to the largest, 2 / (l + L) (Nesterov 2004, theorem 2.1.15)."""
    return 2.0 / float(curvature.min() + curvature.max())


@dataclass(frozen=True, eq=False)
class System:
    """``(A^T A + ridge I) x = A^T y`` in exact numbers, with the step size a descent takes.

    Parameters
    ----------
    matrix
        A (m, n), real.
    ridge
        0 for least squares; noise power over symbol power for LMMSE.
    iterations
        T.
    step
        eta, or None for the fastest; a sum of `STEP_TERMS` powers of two at most is used.
    """

    matrix: Floats
    ridge: float
    iterations: int
    step: float | None = None

    @cached_property
    def gram(self) -> Floats:
        """``A^T A + ridge I``."""
        n = self.matrix.shape[1]
        return np.asarray(self.matrix.T @ self.matrix + self.ridge * np.eye(n))

    @cached_property
    def curvature(self) -> Floats:
        """Eigenvalues of `gram`, rising."""
        return np.asarray(np.linalg.eigvalsh(self.gram))

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """Exponents of the step size."""
        return powers(best_step(self.curvature) if self.step is None else self.step, STEP_TERMS)

    @property
    def eta(self) -> float:
        """The step size that is used."""
        return float(sum(2.0**-s for s in self.steps))

    def solution(self, y: Floats) -> Floats:
        """Exact x (n, count) for y (m, count)."""
        return np.asarray(np.linalg.solve(self.gram, self.matrix.T @ y))

    def descended(self, y: Floats) -> list[Floats]:
        """States x[1] .. x[T] of the descent in floats, coefficients exact."""
        target, x, found = self.matrix.T @ y, np.zeros((self.matrix.shape[1], y.shape[1])), []
        for _ in range(self.iterations):
            x = x - self.eta * (self.gram @ x - target)
            found.append(x)
        return found


def fraction_of(matrix: Floats, bits: int) -> int:
    """Fraction bits with which the entries of a matrix, to nearest, take `bits` bits, sign included."""
    top = float(np.abs(matrix).max())
    fraction = bits - 1 - int(np.ceil(np.log2(top)))
    return fraction - 1 if np.floor(np.ldexp(top, fraction) + 0.5) >= 1 << (bits - 1) else fraction


@dataclass(frozen=True, eq=False)
class Coefficients:
    """A system's matrices in integers: A of `bits` bits an entry and, for the form "gram", G of `gram_bits`.

    In the form "gram" the step size is part of both matrices, eta A and eta G, where it costs nothing. Entries of A are
    those `given`, else the nearest.
    """

    system: System
    bits: int
    gram_bits: int | None = None
    given: tuple[tuple[int, ...], ...] | None = None

    @property
    def form(self) -> str:
        """Form of the descent."""
        return "residual" if self.gram_bits is None else "gram"

    @property
    def steps(self) -> tuple[int, ...]:
        """Exponents of the step size that is left to adders."""
        return self.system.steps if self.gram_bits is None else (0,)

    @property
    def eta(self) -> float:
        """The step size that is left to adders, as a number."""
        return float(sum(2.0**-s for s in self.steps))

    @cached_property
    def exact(self) -> tuple[Floats, Floats]:
        """A and G before their entries are rounded."""
        scale = self.system.eta / self.eta
        return self.system.matrix * scale, self.system.gram * scale

    @cached_property
    def fraction(self) -> int:
        """Fraction bits of A."""
        return fraction_of(self.exact[0], self.bits)

    @cached_property
    def gram_fraction(self) -> int:
        """Fraction bits of G; 0 in the form "residual"."""
        return 0 if self.gram_bits is None else fraction_of(self.exact[1], self.gram_bits)

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """A in units of its last bit."""
        return integers(self.exact[0], self.fraction) if self.given is None else self.given

    @cached_property
    def gram_rows(self) -> tuple[tuple[int, ...], ...] | None:
        """G in units of its last bit."""
        return None if self.gram_bits is None else integers(self.exact[1], self.gram_fraction)

    @cached_property
    def matrix(self) -> Floats:
        """A as it is multiplied by."""
        return np.ldexp(np.array(self.rows, dtype=np.float64), -self.fraction)

    @cached_property
    def gram(self) -> Floats:
        """G as it is multiplied by (in the form "residual", in two steps)."""
        if self.gram_rows is None:
            return np.asarray(self.matrix.T @ self.matrix)
        return np.ldexp(np.array(self.gram_rows, dtype=np.float64), -self.gram_fraction)

    @property
    def reached(self) -> Floats:
        """d x[T] / d z (n, n) in the form "gram", z being ``A^T y``."""
        n = self.matrix.shape[1]
        return np.sum([np.linalg.matrix_power(np.eye(n) - self.gram, t) for t in range(self.system.iterations)], axis=0)

    def trajectory(self, y: Floats) -> dict[str, Floats]:
        """Every word of the descent in floats, by name, for y (m, count): y, z, r<t>, u<t> and x<t + 1>."""
        eta, x = self.eta, np.zeros((self.matrix.shape[1], y.shape[1]))
        target = self.matrix.T @ y
        found = {"y": y, "z": target} if self.form == "gram" else {}
        for t in range(self.system.iterations):
            if self.form == "gram":
                gradient = target - self.gram @ x
            else:
                found[f"r{t}"] = y - self.matrix @ x
                gradient = self.matrix.T @ found[f"r{t}"]
            found[f"u{t}"] = eta * gradient
            x = x + found[f"u{t}"]
            found[f"x{t + 1}"] = x
        return found


def words_of(y: Floats, form: Format) -> NDArray[np.int64]:
    """Values as words of a format: to nearest, saturated."""
    raw = np.floor(np.ldexp(y, form.fraction) + 0.5)
    return np.clip(raw, form.minimum, form.maximum).astype(np.int64)
