"""One stage for all iterations of a descent, in numbers: what it can do, and where its sums have their binary points.

Words of all iterations share wires, so that they have one width. Where the range of an iteration zooms, its words have
their binary point in a place of their own: they are shifted to a common place before they are added, and sums to that
of the next word before they are cut. So every iteration cuts the same number of low bits, zeros among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwgen.blocks.descent import Descent

Shifts = Sequence[int | None]  # to the left, for each iteration; None: of zeros, or of what nothing takes


def clocks(form: str, iterations: int) -> int:
    """Clocks of one stage for a right-hand side: it multiplies once an iteration in the form "gram", else twice."""
    return iterations if form == "gram" else 2 * iterations


def foldable(d: "Descent") -> str | None:
    """Why one stage cannot do all iterations of a descent; None where it can."""
    if len(d.iterations) < 2:
        return "one stage does two iterations or more"
    gram = d.form == "gram"
    words = [{it.state.width for it in d.iterations[:-1]}, {it.update.width for it in d.iterations}]
    if not gram:
        words.append({it.residual.width for it in d.iterations})
    if max(map(len, words)) > 1 or len(set(d.drops[1:] if gram else d.drops[::2])) > 1:
        return "one stage has one width for each kind of word, and one drop of their products"
    if gram and any(d.drops[1:]) and d.added is None:
        return "a product that is cut adds what makes up for it, also to a state of zeros: give added"
    if not gram and any(d.drops[1::2]):
        return "a product that is cut adds what makes up for it, also to a state of zeros: A x keeps every bit"
    return None


@dataclass(frozen=True)
class Stage:
    """How often one stage takes a right-hand side, its sums' binary points, and by what words are shifted to them."""

    descent: "Descent"

    @property
    def interval(self) -> int:
        """Clocks from one right-hand side to the next, at least."""
        return clocks(self.descent.form, len(self.descent.iterations))

    @property
    def _updates(self) -> list[int]:
        return [it.update.fraction for it in self.descent.iterations]

    @property
    def _residuals(self) -> list[int]:
        return [it.residual.fraction for it in self.descent.iterations]

    @property
    def _states(self) -> list[int]:
        """Of the states between iterations: the last is the output, which is cut by itself."""
        return [it.state.fraction for it in self.descent.iterations[:-1]]

    @property
    def _products(self) -> list[int]:
        return [self.descent.product_fraction(t) for t in range(1, len(self.descent.iterations))]

    @property
    def difference(self) -> int:
        """Fraction bits of ``A^T y - G x``, or of ``y - A x``, in all iterations."""
        return max((self.descent.target or self.descent.input).fraction, *self._products)

    @property
    def state(self) -> int:
        """Fraction bits of x + update in all iterations."""
        return max(*self._updates, *self._states)

    @property
    def products(self) -> Shifts:
        """Of ``-G x`` or ``-A x``, to `difference`."""
        return [None, *(self.difference - own for own in self._products)]

    @property
    def differences(self) -> list[int]:
        """Of the difference, before a residual is cut from it, or in the form "gram" an update."""
        words = self._updates if self.descent.form == "gram" else self._residuals
        return even([self.difference] * len(words), words)

    @property
    def gradients(self) -> list[int]:
        """Of ``A^T r``, before an update is cut from it: none where residuals and updates move alike."""
        return even([self.descent.back_fraction(t) for t, _ in enumerate(self._updates)], self._updates)

    @property
    def updates(self) -> Shifts:
        """Of the update, to `state`."""
        return [self.state - own for own in self._updates]

    @property
    def states(self) -> Shifts:
        """Of x, to `state`."""
        return [None, *(self.state - own for own in self._states)]

    @property
    def sums(self) -> Shifts:
        """Of x + update, before the next state is cut from it."""
        return [*even([self.state] * len(self._states), self._states), None]


def even(sums: Sequence[int], words: Sequence[int]) -> list[int]:
    """Shifts of sums to the left by which each word is cut from its own with as many low bits as all others."""
    cuts = [own - word for own, word in zip(sums, words, strict=True)]
    return [max(cuts) - drop for drop in cuts]
