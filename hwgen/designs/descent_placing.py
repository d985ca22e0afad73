"""Where one stage has the binary points of its sums, of many word lengths at once: what `Stage` is for one block."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.designs.descent_words import Ends, Words

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Placing:
    """Binary points and shifts of P word lengths that one stage has for all iterations."""

    words: Words
    ends: Ends

    @property
    def first(self) -> str:
        """The sort of word that is cut from the difference: an update in the form "gram", else a residual."""
        return "u" if self.words.coefficients.form == "gram" else "r"

    def own(self, columns: Ints, kind: str) -> Ints:
        """Those of the words (P, W) of one sort, the output not among them."""
        return columns[:, [k for k, name in enumerate(self.words.names) if name[0] == kind]]

    def products(self, kind: str) -> Ints:
        """Fraction bits (P, iterations) of the products that make words of one sort."""
        made = [k for k, (_, _, makes) in enumerate(self.words.products) if makes[0] == kind]
        return np.stack([self.words.product_fraction(self.ends, k) for k in made], axis=1)

    @cached_property
    def difference(self) -> Ints:
        """Fraction bits (P,) of the difference."""
        w, aim = self.words, self.words.input.fraction
        target = self.ends.fractions[:, w.place["z"]] if "z" in w.place else np.full(len(self.ends.fractions), aim)
        return np.maximum(target, self.products(self.first).max(axis=1))

    @cached_property
    def state(self) -> Ints:
        """Fraction bits (P,) of x + update."""
        return np.maximum(*(self.own(self.ends.fractions, kind).max(axis=1) for kind in "ux"))

    @cached_property
    def cut(self) -> dict[str, Ints]:
        """Low bits (P, iterations) by which each residual, update and state is shorter than its sum, unshifted and
        before the step size.
        """
        sums = {"u": self.products("u"), "x": self.state[:, None], self.first: self.difference[:, None]}
        return {kind: own - self.own(self.ends.fractions, kind) for kind, own in sums.items()}

    @cached_property
    def shifts(self) -> dict[str, Ints]:
        """Shifts (P, iterations) of words to the left beyond the least, by their names in `Stage`."""
        fractions, cut = self.ends.fractions, {k: v.max(axis=1, keepdims=True) - v for k, v in self.cut.items()}
        found = {name: self.own(fractions, kind) for name, kind in (("updates", "u"), ("states", "x"))}
        found["products"] = self.products(self.first)[:, 1 - self.words.iterations :]
        found = {name: own.max(axis=1, keepdims=True) - own for name, own in found.items()}
        found |= {"differences": cut[self.first], "sums": cut["x"]}
        return found | ({"gradients": cut["u"]} if self.first == "r" else {})

    def selects(self, name: str) -> Ints:
        """Multiplexers (P,) of each bit of a word that is shifted: one for each bit of the shifts."""
        return np.asarray(np.bitwise_count(np.bitwise_or.reduce(self.shifts[name], axis=1)), dtype=np.int64)

    def spanned(self, fraction: Ints, top: Ints, exact: Ints) -> tuple[Ints, Ints, Ints]:
        """Fractions and tops (P, W + 1) of words as they span all iterations, and fractions of what they are cut from.

        Those of the second iteration, which stands for all, are in place of its own.
        """
        w, place = self.words, self.words.place
        fraction, top, exact = fraction.copy(), top.copy(), exact.copy()
        for kind, cut in self.cut.items():
            k = place[f"{kind}1"]
            fraction[:, k] = self.own(self.ends.fractions, kind).max(axis=1)
            top[:, k] = self.own(self.ends.tops, kind).max(axis=1)
            steps = max(w.coefficients.steps) if kind == "u" else 0
            exact[:, k] = fraction[:, k] + cut.max(axis=1) + steps
        exact[:, place[f"x{w.iterations}"]] = self.state
        return fraction, top, exact
