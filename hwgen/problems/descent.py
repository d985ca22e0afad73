"""Gradient descent with quantised gradients: how many bits should each iteration, or each coordinate of it, have?

    x[t+1] = x[t] - eta Q_t(grad f(x[t])),   t = 0 .. T-1,   Q_t rounding to b_t bits on [-r_t, r_t).

Two models of the same thing. To the noise model, rounding adds white noise of variance r_t^2 4^-b_t / 3: the error is a
sum over iterations, for which a closed form and dynamic programming are exact. The bit-true model runs the iteration
in the words of hardware: rounding is deterministic, and gradients below half an LSB vanish (the dead zone).
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.allocation import separable
from hwgen.allocation.answer import Allocation
from hwgen.allocation.problem import Problem
from hwgen.problems.gradient_words import MOST_BITS, descend, short
from hwgen.problems.objectives import Floats, Objective
from hwgen.problems.schedule import geometric, octaves

Ints = NDArray[np.int64]
Model = Literal["noise", "bit-true"]

WORDS = (8, 28)  # allowed bits of a state word


@dataclass(frozen=True, eq=False)
class Descent:
    """T iterations from several starting points; the error is the mean over them of the final error.

    Parameters
    ----------
    objective
        `LeastSquares` or `Logistic` in n dimensions.
    iterations
        T.
    step
        eta, in (0, 2 / L), L the largest curvature; default 1 / L. Rounded to ``MANTISSA`` significant bits.
    measure
        What is left at the end: "distance", |x_T - x*|^2, or "loss", f(x_T) - f(x*).
    zoom
        Whether the range shrinks with the error: r_t = r_0 rho^t, rho = max |1 - eta lambda| over the
        curvatures, instead of r_t = r_0. r_0 is the largest gradient coordinate at any starting point.
    headroom
        Factor on r_0.
    coordinates
        Whether every coordinate of an iteration has bits of its own: T n variables (iteration by iteration), not T.
    lower, upper
        Fewest and most bits of a variable. 0 bits skip the update (in the noise model: noise of the whole range); 1 bit
        is never used, since it holds only 0 and -r.
    word
        Bits of a coordinate of the state x, sign included; its span is the power of two that holds twice the largest
        coordinate of any starting point and of the optimum, and the state saturates there.
    starts, held_out
        Starting points (S, n) that the error is the mean over, and others (S', n) that `bit_true` can judge an
        allocation on. Default: 128 and 512 standard normal points; with fewer, a
        search fits the allocation to them. Descending from another point is, in least squares,
        the same as descending to other targets.
    seed
        For the default starting points.

    Members
    -------
    rate, ranges
        rho, and r_t (T,).
    weights
        w (V,): an iteration (coordinate) at b bits adds w 4^-b to the error in the noise model.
    floor
        The error without any quantisation.

    Raises
    ------
    ValueError
        A parameter is out of its range, or starting points have another dimension.
    """

    objective: Objective
    iterations: int = 20
    step: float | None = None
    measure: Literal["distance", "loss"] = "distance"
    zoom: bool = False
    headroom: float = 1.0
    coordinates: bool = False
    lower: int = 0
    upper: int = 16
    word: int = 28
    starts: Any = None
    held_out: Any = None
    seed: int = 0
    rate: float = field(init=False)
    ranges: Floats = field(init=False, repr=False)
    weights: Floats = field(init=False, repr=False)
    floor: float = field(init=False)

    def __post_init__(self) -> None:
        least, most = self.objective.curvature
        step = float(short(np.array(1 / most if self.step is None else self.step)))
        for name, value, low, high in (
            ("iterations", self.iterations, 1, 10_000),
            ("lower", self.lower, 0, self.upper),
            ("upper", self.upper, max(2, self.lower), MOST_BITS),
            ("word", self.word, *WORDS),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low} and {high}, got {value}")
        if not 0 < step < 2 / most:
            raise ValueError(f"step must be between 0 and 2 / L = {2 / most:g}, got {step}")
        if not (np.isfinite(self.headroom) and self.headroom > 0):
            raise ValueError(f"headroom must be above 0, got {self.headroom}")
        if self.measure not in ("distance", "loss"):
            raise ValueError(f'measure must be "distance" or "loss", got {self.measure!r}')
        starts = self._points("starts", self.starts, 128, stream=0)
        held_out = self._points("held_out", self.held_out, 512, stream=1)
        rate = max(abs(1 - step * least), abs(1 - step * most))
        first = (float(np.abs(self.objective.gradient(starts)).max()) or 1.0) * self.headroom
        shrink = np.power(rate if self.zoom else 1.0, np.arange(self.iterations))
        fixed = {
            "starts": starts,
            "held_out": held_out,
            "step": step,
            "rate": rate,
            "ranges": short(first * shrink),
        }
        for name, item in fixed.items():
            object.__setattr__(self, name, item)
        object.__setattr__(self, "weights", self._weights())
        final = starts
        for _ in range(self.iterations):
            final = final - step * self.objective.gradient(final)
        object.__setattr__(self, "floor", float(self._left(final).mean()))

    def _points(self, name: str, given: ArrayLike | None, count: int, stream: int) -> Floats:
        size = self.objective.size
        if given is None:
            return np.random.default_rng([self.seed, stream]).normal(size=(count, size))
        points = np.asarray(given, dtype=float)
        if points.ndim != 2 or points.shape[1] != size or not len(points) or not np.isfinite(points).all():
            raise ValueError(f"{name} must be finite points of shape (count, {size}), got shape {points.shape}")
        return points

    def _weights(self) -> Floats:
        """An error n_t made at iteration t arrives as -eta (I - eta H)^(T-1-t) n_t, H the Hessian at the optimum.

        With independent n_t of variance r_t^2 4^-b / 3 in every coordinate, the mean of e^T M e is the sum of
        eta^2 (r_t^2 / 3) 4^-b sum_i q_i (1 - eta lambda_i)^(2 (T-1-t)), M = I (q_i = 1) or H / 2 (q_i = lambda_i / 2),
        exact for least squares, to second order for other objectives.
        """
        curvature, modes = np.linalg.eigh(self.objective.hessian)
        weight = np.ones_like(curvature) if self.measure == "distance" else curvature / 2
        ages = np.arange(self.iterations - 1, -1, -1)
        arriving = weight * (1 - self.eta * curvature) ** (2 * ages[:, None])
        # Per coordinate: the diagonal of the matrix whose trace the sum over modes is.
        shares = arriving @ (modes.T**2) if self.coordinates else arriving.sum(axis=1, keepdims=True)
        return np.asarray(self.eta**2 * self.ranges[:, None] ** 2 / 3 * shares).ravel()

    @property
    def eta(self) -> float:
        """The step size in use."""
        assert self.step is not None, "set by __post_init__"
        return self.step

    @property
    def size(self) -> int:
        """How many variables there are: T, or T n."""
        return len(self.weights)

    def noise(self, bits: Ints) -> Floats:
        """Expected error (P,) of bits (P, V) in the noise model: `floor` + sum w 4^-b."""
        return np.asarray(self.floor + (self.weights * 4.0**-bits).sum(axis=1))

    def bit_true(self, bits: Ints, held_out: bool = False) -> Floats:
        """Error (P,) of bits (P, V) when the iteration runs in words, from ``starts`` or from ``held_out``."""
        return np.asarray(self._left(self.final(bits, self.held_out if held_out else self.starts)).mean(axis=1))

    def final(self, bits: Ints, starts: ArrayLike | None = None) -> Floats:
        """x_T (P, S, n) for bits (P, V) from starting points (S, n), ``starts`` by default; see `descend`."""
        points = np.asarray(self.starts if starts is None else starts, dtype=float)
        bits = np.asarray(bits, dtype=np.int64)
        if bits.ndim != 2 or bits.shape[1] != self.size:
            raise ValueError(f"bits must have shape (P, {self.size}), got {bits.shape}")
        levels = bits.reshape(len(bits), self.iterations, -1)
        return descend(self.objective, levels, points, self.ranges, self.eta, self.word, self.lsb)

    @property
    def lsb(self) -> float:
        """Of the state word."""
        largest = max(float(np.abs(points).max()) for points in (self.starts, self.held_out, self.objective.optimum))
        return float(2.0 ** (np.ceil(np.log2(2 * largest or 1.0)) - (self.word - 1)))

    def _left(self, points: Floats) -> Floats:
        """What ``measure`` says of points (..., n): (...,)."""
        if self.measure == "loss":
            return self.objective.excess(points)
        return np.asarray(((points - self.objective.optimum) ** 2).sum(axis=-1))

    def problem(self, budget: float, model: Model = "noise") -> Problem:
        """Least error within a total of ``budget`` bits. In the noise model separable, with its exact `bound`.

        Its starts are the `closed_forms`, and in the bit-true model the noise model's `optimum` too; "common LSB"
        shares one noise power among all terms.
        """
        if model not in ("noise", "bit-true"):
            raise ValueError(f'model must be "noise" or "bit-true", got {model!r}')
        noise, starts = model == "noise", self.closed_forms(budget)
        if not noise:
            starts["noise-model"] = np.array(self.optimum(budget).bits)
        per = self.objective.size
        names = [f"g{k // per}.{k % per}" if self.coordinates else f"g{k}" for k in range(self.size)]
        return Problem(
            names, self.lower, self.upper, self.noise if noise else self.bit_true, lambda bits: bits.sum(axis=1),
            budget=budget, levels=self.levels.tolist(), separable=noise,
            offsets=octaves(self.weights), starts=starts,
            # The noise model misjudges the dead zone, and a criterion that misleads is worse than a measured one.
            criterion=self._rise if noise else None, bound=partial(self.bound, budget) if noise else None,
        )  # fmt: skip

    def _rise(self, bits: Ints) -> Floats:
        """Rise (P, V) of the error when each variable alone drops a level, w (4^-lower level - 4^-b)."""
        below = np.where(bits == 2, 0, bits - 1) if self.lower == 0 else bits - 1
        return np.asarray(self.weights * (4.0**-below - 4.0**-bits))

    def optimum(self, budget: float) -> Allocation:
        """The exact optimum of the noise model within the budget, by dynamic programming."""
        terms = Problem(
            [str(k) for k in range(self.size)], self.lower, self.upper, self.noise, lambda bits: bits.sum(axis=1),
            budget=budget, levels=self.levels.tolist(), separable=True,
        )  # fmt: skip
        return separable(terms)

    def bound(self, budget: float) -> float:
        """Least error of the noise model within the budget; says nothing about the bit-true error."""
        return self.optimum(budget).error

    def closed_forms(self, budget: float) -> dict[str, Ints]:
        """Bits (V,) by name, within the levels and the budget.

        "uniform": the same bits everywhere. "geometric": see `schedule.geometric`.

        Raises
        ------
        ValueError
            The budget is below ``lower`` bits everywhere.
        """
        levels = self.levels
        if budget < levels[0] * self.size:
            raise ValueError(f"the budget must be at least {levels[0] * self.size} bits, got {budget:g}")
        uniform = levels[levels <= max(budget // self.size, levels[0])][-1]
        return {"uniform": np.full(self.size, uniform), "geometric": geometric(self.weights, levels, budget)}

    @property
    def levels(self) -> Ints:
        """What a variable may have."""
        return np.array([bits for bits in range(self.lower, self.upper + 1) if bits != 1])
