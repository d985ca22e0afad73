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
    return _residual(d) if d.form == "residual" else _gram(d)


def _residual(d: "Descent") -> str | None:
    states = {it.state for it in d.iterations[:-1]}
    if max(len(states), len({(it.residual, it.update) for it in d.iterations}), len(set(d.drops[::2]))) > 1:
        return 'one stage of the form "residual" has one format for each kind of word, and one drop of ``A^T r``'
    if any(d.drops[1::2]):
        return "a product that is cut adds what makes up for it, also to a state of zeros: A x keeps every bit"
    return None


def _gram(d: "Descent") -> str | None:
    states, updates = {it.state.width for it in d.iterations[:-1]}, {it.update.width for it in d.iterations}
    if max(len(states), len(updates), len(set(d.drops[1:]))) > 1:
        return "one stage has one width for the states, one for the updates, and one drop of their products"
    if any(d.drops[1:]) and d.added is None:
        return "a product that is cut adds what makes up for it, also to a state of zeros: give added"
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
    def gradients(self) -> list[int]:
        """Of the difference, before an update is cut from it."""
        return [own - min(self._updates) for own in self._updates]

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
        return [*(own - min(self._states) for own in self._states), None]
