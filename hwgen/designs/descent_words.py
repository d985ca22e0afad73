"""Word lengths of a descent as variables: each word's two ends, the noise model, and the block that has them.

A word has a top (integer bits, sign included: where it saturates) and a fraction (where it is cut). Both are
variables. In the noise model cutting adds white noise and saturation the power of what it takes off, each times its
gain to the result, beside what coefficients and the number of iterations leave:

    x[T] error = sum over words of gain_w (cut_w + overload_w), gain_w = |d x[T] / d w|_F^2 / n
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.dither import Cut
from hwgen.designs.descent_system import Coefficients
from hwgen.fixed import Format

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TOPS = 3  # integer bits below those that hold every value of the trajectory


@dataclass(frozen=True, eq=False)
class Words:
    """The words of one descent: coefficients, stimulus and formats at the edges are given.

    Arrays of fractions and tops have shape (P, W), in the order of `names`.

    Parameters
    ----------
    coefficients
        See there.
    y
        Stimulus (m, count), values of the input format.
    input, output
        Formats of y and of the last state.
    rounding
        Of every word.
    """

    coefficients: Coefficients
    y: Floats
    input: Format
    output: Format
    rounding: Cut = Cut.HALF_UP

    # ------------------------------------------------------------------ names
    @cached_property
    def names(self) -> tuple[str, ...]:
        """y and z (form "gram") or r<t>, then u<t> and x<t + 1>; the last state is the output and no variable."""
        found = ["y", "z"] if self.coefficients.form == "gram" else []
        for t in range(self.iterations):
            found += [f"r{t}"] if self.coefficients.form == "residual" else []
            found += [f"u{t}", f"x{t + 1}"]
        return tuple(found[:-1])

    @cached_property
    def place(self) -> dict[str, int]:
        """Column of each name; the last state's is the one past the end."""
        return {name: k for k, name in enumerate((*self.names, f"x{self.iterations}"))}

    @property
    def iterations(self) -> int:
        """T."""
        return self.coefficients.system.iterations

    # ----------------------------------------------------------------- ranges
    @cached_property
    def trajectory(self) -> dict[str, Floats]:
        """The words in floats."""
        return self.coefficients.trajectory(self.y)

    @cached_property
    def peaks(self) -> Ints:
        """Top (W,) of each word at which no value of the trajectory saturates."""
        return np.array([top_of(self.trajectory[name]) for name in self.names], dtype=np.int64)

    @cached_property
    def overloads(self) -> Floats:
        """Mean power (W, TOPS + 1) that saturation takes off when the top is so many bits below its peak."""
        found = np.zeros((len(self.names), TOPS + 1))
        for k, name in enumerate(self.names):
            for less in range(TOPS + 1):
                over = np.abs(self.trajectory[name]) - 2.0 ** (self.peaks[k] - less - 1)
                found[k, less] = np.mean(np.maximum(over, 0.0) ** 2)
        return found

    # ------------------------------------------------------------------ noise
    @cached_property
    def paths(self) -> tuple[Floats, ...]:
        """d x[T] / d w for each word and, last, the output: matrices (n, size of the word)."""
        c, eta = self.coefficients, self.coefficients.system.eta
        n = c.matrix.shape[1]
        powers = [np.eye(n)]
        for _ in range(self.iterations):
            powers.append(powers[-1] @ (np.eye(n) - eta * c.gram))
        target = eta * np.sum(powers[: self.iterations], axis=0)
        found = {"y": target @ c.matrix.T, "z": target}
        for t in range(self.iterations):
            after = powers[self.iterations - 1 - t]
            found |= {f"r{t}": -eta * after @ c.matrix.T, f"u{t}": -after, f"x{t + 1}": after}
        return tuple(found[name] for name in self.place)

    @cached_property
    def gains(self) -> Floats:
        """Power gain (W + 1,) of each word's noise to a coordinate of the result."""
        n = self.coefficients.matrix.shape[1]
        return np.array([float((path**2).sum()) / n for path in self.paths])

    @cached_property
    def floor(self) -> float:
        """Mean square distance of the float trajectory's end from the exact solution."""
        wanted = self.coefficients.system.solution(self.y)
        last = self.trajectory[f"x{self.iterations}"]
        return float(np.mean((last - wanted) ** 2))

    def noise(self, fractions: Ints, tops: Ints) -> Floats:
        """Mean square error (P,) of a coordinate of x by the noise model."""
        dropped = self._exact(fractions) - self._whole(fractions)
        lsb = np.where(dropped > 0, 2.0 ** -self._whole(fractions).astype(np.float64), 0.0)
        rest = 2.0 ** -np.maximum(dropped, 0).astype(np.float64)  # one unit of what is cut, in LSBs
        if self.rounding is Cut.STOCHASTIC:
            power = lsb**2 / 6 * (1 - rest**2)
        else:
            power = lsb**2 / 12 * (1 - rest**2)
        total = self.floor + power @ self.gains
        means = {Cut.FLOOR: -lsb / 2 * (1 - rest), Cut.HALF_UP: lsb * rest / 2, Cut.STOCHASTIC: 0 * lsb}[self.rounding]
        drift = means @ np.array([path.sum(axis=1) for path in self.paths])
        total = total + (drift**2).mean(axis=1)
        less = np.clip(self.peaks - tops, 0, TOPS)
        return np.asarray(total + self.overloads[np.arange(len(self.names)), less] @ self.gains[:-1])

    def _whole(self, fractions: Ints) -> Ints:
        """Fractions with the output's behind them."""
        return np.column_stack([fractions, np.full(len(fractions), self.output.fraction)])

    def _exact(self, fractions: Ints) -> Ints:
        """Fraction bits (P, W + 1) of each word before it is cut, as in `Descent`."""
        c, whole = self.coefficients, self._whole(fractions)
        steps = max(c.system.steps)
        found = np.empty_like(whole)

        def column(name: str) -> Ints:
            return whole[:, self.place[name]]

        if c.form == "gram":
            found[:, self.place["y"]] = self.input.fraction
            found[:, self.place["z"]] = c.fraction + column("y")
        for t in range(self.iterations):
            before = column(f"x{t}") if t else None
            if c.form == "gram":
                difference = column("z") if before is None else np.maximum(column("z"), c.gram_fraction + before)
            else:
                exact = np.full(len(whole), self.input.fraction)
                found[:, self.place[f"r{t}"]] = exact if before is None else np.maximum(exact, c.fraction + before)
                difference = c.fraction + column(f"r{t}")
            found[:, self.place[f"u{t}"]] = difference + steps
            update = column(f"u{t}")
            found[:, self.place[f"x{t + 1}"]] = update if before is None else np.maximum(update, before)
        return found

    # ------------------------------------------------------------------ block
    def formats(self, fractions: Sequence[int] | Ints, tops: Sequence[int] | Ints) -> dict[str, Format]:
        """Format of each word by name, the output's among them."""
        found = {n: Format(int(i), int(f)) for n, f, i in zip(self.names, fractions, tops, strict=True)}
        return found | {f"x{self.iterations}": self.output}

    def block(self, fractions: Sequence[int] | Ints, tops: Sequence[int] | Ints) -> Descent:
        """The block with these formats."""
        c, found = self.coefficients, self.formats(fractions, tops)
        made = tuple(
            Iteration(found.get(f"r{t}", Format(1, 0)), found[f"u{t}"], found[f"x{t + 1}"])
            for t in range(self.iterations)
        )
        taken, target = found.get("y"), found.get("z")
        if taken is not None and taken.contains(self.input):
            taken = None
        return Descent(
            c.rows, c.fraction, self.input, made, c.system.steps, c.form, c.gram_rows, c.gram_fraction, target, taken,
            self.rounding,
        )  # fmt: skip


def top_of(values: Floats) -> int:
    """Integer bits, sign included, of a word that holds every value: -2**(top - 1) to just below 2**(top - 1)."""
    peak = float(np.abs(values).max())
    return int(np.floor(np.log2(peak))) + 2 if peak > 0 else 1
