"""Word lengths of a descent as variables: each word's two ends, the noise model, and the block that has them.

A word has a top (integer bits, sign included: where it saturates) and a fraction (where it is cut), and the products
of each multiplication leave low bits out: all are variables. In the noise model cutting adds white noise and
saturation the power of what it takes off, each times its gain to the result, beside what coefficients and the number
of iterations leave:

    mean |x[T] - x|^2 / n = floor + sum over words of gain_w (cut_w + overload_w), gain_w = |d x[T] / d w|_F^2 / n
"""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from hwgen.blocks.constant_matrix import ConstantMatrix
from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.descent_loaded import LoadedDescent
from hwgen.blocks.dither import Cut
from hwgen.designs.descent_loading import LoadedCoefficients
from hwgen.designs.descent_system import Coefficients
from hwgen.fixed import Format

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TOPS = 2  # integer bits below those that hold every value of the trajectory
LARGER = 1  # integer bits of words above those that hold the trajectory, for other matrices
DROPS = 10  # most bits that products leave out


class Ends(NamedTuple):
    """Where words end: fractions and tops (P, W) in the order of `Words.names`, drops (P, K) of the products."""

    fractions: Ints
    tops: Ints
    drops: Ints

    def row(self, k: int) -> "Ends":
        """One of the P, as a batch of 1."""
        return Ends(*(part[k : k + 1] for part in self))


@dataclass(frozen=True, eq=False)
class Words:
    """The words of one descent: coefficients, stimulus and formats at the edges are given.

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
    zoom
        Whether every iteration has ranges of its own; else residuals, updates and states have one each. On one stage
        they differ in where the binary point is: words of all iterations have one width.
    weights
        Of the square errors of the unknowns (n,), 1 on average; None: all alike.
    shared
        Whether one stage does all iterations.
    complements
        Of the block.
    """

    coefficients: Coefficients
    y: Floats
    input: Format
    output: Format
    rounding: Cut = Cut.HALF_UP
    zoom: bool = True
    weights: Floats | None = None
    shared: bool = False
    complements: bool = False

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

    @property
    def loaded(self) -> LoadedCoefficients | None:
        """The coefficients where they are loaded; else None."""
        return self.coefficients if isinstance(self.coefficients, LoadedCoefficients) else None

    @cached_property
    def products(self) -> tuple[tuple[str, ConstantMatrix, str], ...]:
        """What is multiplied, by what, and which word that makes: those of `Descent.drops`."""
        c = self.coefficients
        back = ConstantMatrix(c.rows).transposed
        if c.gram_rows is not None:
            gram = ConstantMatrix(c.gram_rows).negative
            return (("y", back, "z"), *((f"x{t}", gram, f"u{t}") for t in range(1, self.iterations)))
        found = [("r0", back, "u0")]
        for t in range(1, self.iterations):
            found += [(f"x{t}", ConstantMatrix(c.rows).negative, f"r{t}"), (f"r{t}", back, f"u{t}")]
        return tuple(found)

    # ----------------------------------------------------------------- ranges
    @cached_property
    def trajectory(self) -> dict[str, Floats]:
        """The words in floats."""
        return self.coefficients.trajectory(self.y)

    @cached_property
    def peaks(self) -> Ints:
        """Top (W,) of each word at which no value of the trajectory saturates; for matrices that are loaded, `LARGER`,
        and the same in all iterations but the first, as others converge more slowly.
        """
        own = [top_of(self.trajectory[name]) for name in self.names]
        if self.loaded is not None:
            own = [top + LARGER for top in self._alike(own)]
            own = [
                min(top, self.input.integer) if name == "y" else top for top, name in zip(own, self.names, strict=True)
            ]
        elif not self.zoom:
            own = [max(top for top, name in zip(own, self.names, strict=True) if name[0] == n[0]) for n in self.names]
        return np.array(own, dtype=np.int64)

    def _alike(self, tops: list[int]) -> list[int]:
        """The largest top of each sort of word, those of the first iteration apart where later ones differ from it."""
        first = {"u0", "r0", *(["x1"] if self.shared else [])} if self.zoom or not self.shared else set()
        kinds = [(name[0], name in first) for name in self.names]
        return [max(top for top, other in zip(tops, kinds, strict=True) if other == kind) for kind in kinds]

    @cached_property
    def powers(self) -> Floats:
        """Mean power (W,) of each word of the trajectory."""
        return np.array([float(np.mean(self.trajectory[name] ** 2)) for name in self.names])

    # ------------------------------------------------------------------ noise
    @cached_property
    def paths(self) -> tuple[Floats, ...]:
        """d x[T] / d w for each word and, last, the output, weighted: matrices (n, size of the word)."""
        c, eta = self.coefficients, self.coefficients.eta
        n = c.matrix.shape[1]
        powers = [np.eye(n)]
        for _ in range(self.iterations):
            powers.append(powers[-1] @ (np.eye(n) - eta * c.gram))
        target = eta * np.sum(powers[: self.iterations], axis=0)
        found = {"y": target @ c.matrix.T, "z": target}
        for t in range(self.iterations):
            after = powers[self.iterations - 1 - t]
            found |= {f"r{t}": eta * after @ c.matrix.T, f"u{t}": after, f"x{t + 1}": after}
        scale = np.ones((n, 1)) if self.weights is None else np.sqrt(self.weights)[:, None]
        return tuple(scale * found[name] for name in self.place)

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
        return mean_square(last - wanted, self.weights)

    @cached_property
    def _cut_products(self) -> tuple[Floats, Floats]:
        """Noise (K, DROPS + 1) and mean error (K, DROPS + 1, n) of the result for products cut to an LSB of 1."""
        n, eta = self.coefficients.matrix.shape[1], self.coefficients.eta
        noise, drift = np.zeros((len(self.products), DROPS + 1)), np.zeros((len(self.products), DROPS + 1, n))
        for k, (_, matrix, makes) in enumerate(self.products):
            path = self.paths[self.place[makes]] * (eta if makes[0] == "u" else 1.0)
            for drop in range(DROPS + 1):
                # In the form "gram" one constant makes up for everything: see `added`.
                none = (0,) * len(matrix.rows) if self.coefficients.form == "gram" else None
                made = matrix.cutting(drop, none)
                lost = 1 - 2.0 ** -made.losses.astype(np.float64)
                noise[k, drop] = (path**2).sum(axis=0) @ (1 - (1 - lost) ** 2).sum(axis=1) / 12 / n
                drift[k, drop] = path @ (np.array(made.offsets) - (np.sign(matrix.array) * lost).sum(axis=1) / 2)
        return noise, drift

    def noise(self, ends: Ends) -> Floats:
        """Mean square error (P,) to search with: infinite for words of less than 2 bits, where the model is rough."""
        narrow = (ends.fractions + ends.tops < 2).any(axis=1)
        return np.where(narrow, np.inf, self.modelled(ends))

    def modelled(self, ends: Ends) -> Floats:
        """Mean square error (P,) of a coordinate of x by the noise model."""
        whole, exact = self.whole(ends.fractions), self.exact(ends)
        dropped = exact - whole
        lsb = np.where(dropped > 0, 2.0 ** -whole.astype(np.float64), 0.0)
        rest = 2.0 ** -np.maximum(dropped, 0).astype(np.float64)  # one unit of what is cut, in LSBs
        power = lsb**2 / (6 if self.rounding is Cut.STOCHASTIC else 12) * (1 - rest**2)
        drift = self._drift(ends)
        total = self.floor + power @ self.gains + self._overloads(power, ends.tops) @ self.gains[:-1]
        for k, _ in enumerate(self.products):
            unit = 2.0 ** -self.product_fraction(ends, k).astype(np.float64)
            total = total + self._cut_products[0][k, ends.drops[:, k]] * unit**2
        if self.coefficients.form == "gram":
            drift = drift + self.added(ends) * self._unit(ends) @ self._target.T
        return np.asarray(total + (drift**2).mean(axis=1))

    def _drift(self, ends: Ends) -> Floats:
        """Mean error (P, n) of the result by what cutting takes off on average."""
        whole, exact = self.whole(ends.fractions), self.exact(ends)
        lsb = np.where(exact > whole, 2.0 ** -whole.astype(np.float64), 0.0)
        rest = 2.0 ** -np.maximum(exact - whole, 0).astype(np.float64)
        means = {Cut.FLOOR: -lsb / 2 * (1 - rest), Cut.HALF_UP: lsb * rest / 2, Cut.STOCHASTIC: 0 * lsb}[self.rounding]
        drift = means @ np.array([path.sum(axis=1) for path in self.paths])
        for k, _ in enumerate(self.products):
            unit = 2.0 ** -self.product_fraction(ends, k).astype(np.float64)
            drift = drift + self._cut_products[1][k, ends.drops[:, k]] * unit[:, None]
        return np.asarray(drift)

    @property
    def _target(self) -> Floats:
        """d x[T] / d z (n, n)."""
        return self.paths[self.place["z"]]

    def _unit(self, ends: Ends) -> Floats:
        """Last bit (P, 1) of the sums that make z."""
        return np.asarray(2.0 ** -self.product_fraction(ends, 0).astype(np.float64))[:, None]

    def added(self, ends: Ends) -> Ints:
        """What the rows of ``A^T y`` add (P, n), in their last bit: with it, the result has no mean error but for less
        than a bit of the sums; only in the form "gram".
        """
        wanted = -self._drift(ends) @ np.linalg.inv(self._target).T
        return np.asarray(np.floor(wanted / self._unit(ends) + 0.5), dtype=np.int64)

    def _overloads(self, cuts: Floats, tops: Ints) -> Floats:
        """Power (P, W) that saturation takes off each word, were it Gaussian.

        Errors of a state come back in later residuals and updates and widen them, so the power of a word is that of
        the trajectory and of what came before, all coordinates taken for alike.
        """
        found = np.zeros_like(cuts[:, :-1])
        curvature = np.linalg.eigvalsh(self.coefficients.eta * self.coefficients.gram)
        spread = float((self.coefficients.matrix**2).sum()) / len(self.coefficients.matrix)
        state = np.zeros(len(cuts))
        for k, name in enumerate(self.names):
            came = {"r": spread * state, "u": (curvature**2).mean() * state, "x": state}.get(name[0], 0.0)
            found[:, k] = overload(np.asarray(np.sqrt(self.powers[k] + came)), np.asarray(2.0 ** (tops[:, k] - 1.0)))
            own = cuts[:, k] + found[:, k]
            if name[0] == "u":
                state = ((1 - curvature) ** 2).mean() * state + own
            elif name[0] == "x":
                state = state + own
        return found

    def whole(self, fractions: Ints) -> Ints:
        """Fractions with the output's behind them."""
        return np.column_stack([fractions, np.full(len(fractions), self.output.fraction)])

    def product_fraction(self, ends: Ends, k: int) -> Ints:
        """Fraction bits (P,) of product `k` as it is added up."""
        takes = self.products[k][0]
        c = self.coefficients
        own = c.gram_fraction if c.form == "gram" and takes != "y" else c.fraction
        return np.asarray(own + ends.fractions[:, self.place[takes]] - ends.drops[:, k])

    def exact(self, ends: Ends) -> Ints:
        """Fraction bits (P, W + 1) of each word before it is cut, as in `Descent`."""
        whole, place = self.whole(ends.fractions), self.place
        found = np.full_like(whole, self.input.fraction)
        product = {made: self.product_fraction(ends, k) for k, (_, _, made) in enumerate(self.products)}
        gram = self.coefficients.form == "gram"
        if gram:
            found[:, place["z"]] = product["z"]
        for t in range(self.iterations):
            if gram:
                target = whole[:, place["z"]]
                difference = np.maximum(target, product[f"u{t}"]) if t else target
            else:
                difference = product[f"u{t}"]
                if t:
                    found[:, place[f"r{t}"]] = np.maximum(self.input.fraction, product[f"r{t}"])
            found[:, place[f"u{t}"]] = difference + max(self.coefficients.steps)
            update = whole[:, place[f"u{t}"]]
            found[:, place[f"x{t + 1}"]] = np.maximum(update, whole[:, place[f"x{t}"]]) if t else update
        return found

    # ------------------------------------------------------------------ block
    def formats(self, ends: Ends) -> dict[str, Format]:
        """Format of each word by name, the output's among them, of a batch of 1."""
        found = {n: Format(int(i), int(f)) for n, f, i in zip(self.names, ends.fractions[0], ends.tops[0], strict=True)}
        return found | {f"x{self.iterations}": self.output}

    def block(self, ends: Ends) -> Descent:
        """The block with these formats, of a batch of 1."""
        c, found = self.coefficients, self.formats(ends)
        made = tuple(
            Iteration(found.get(f"r{t}", Format(1, 0)), found[f"u{t}"], found[f"x{t + 1}"])
            for t in range(self.iterations)
        )
        taken, target = found.get("y"), found.get("z")
        if taken is not None and taken.contains(self.input):
            taken = None
        made_by: type[Descent] | partial[LoadedDescent] = Descent
        if (own := self.loaded) is not None:
            made_by = partial(LoadedDescent, bits=own.widths, paired=own.paired, dsp=own.dsp)
        return made_by(
            c.rows, c.fraction, self.input, made, c.steps, c.form, c.gram_rows, c.gram_fraction, target, taken,
            tuple(int(d) for d in ends.drops[0]),
            tuple(int(v) for v in self.added(ends)[0]) if c.form == "gram" else None, self.rounding, self.shared,
            self.complements,
        )  # fmt: skip


def mean_square(errors: Floats, weights: Floats | None) -> float:
    """Mean square of errors (n, count), the unknowns weighted."""
    squares = np.mean(errors**2, axis=1)
    return float(np.mean(squares if weights is None else weights * squares))


def top_of(values: Floats) -> int:
    """Integer bits, sign included, of a word that holds every value: -2**(top - 1) to just below 2**(top - 1)."""
    peak = float(np.abs(values).max())
    return int(np.floor(np.log2(peak))) + 2 if peak > 0 else 1


def overload(sigma: Floats, limit: Floats) -> Floats:
    """Mean square of what a Gaussian word loses by saturation at +-limit, both sides."""
    ratio = limit / np.maximum(sigma, 1e-300)
    tail, density = 0.5 * erfc(ratio / np.sqrt(2)), np.exp(-0.5 * ratio**2) / np.sqrt(2 * np.pi)
    return np.asarray(2 * sigma**2 * np.maximum((1 + ratio**2) * tail - ratio * density, 0.0))
