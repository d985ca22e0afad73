"""Gradient descent for least squares: widths of every iteration, and the exact integer model.

    x[t+1] = x[t] + eta A^T (y - A x[t])       form "residual"
    x[t+1] = x[t] + eta (A^T y - G x[t])       form "gram", G = A^T A, or with a ridge for LMMSE

from x[0] = 0, one stage an iteration and one right-hand side y a clock, or one stage for all of them. Complex
systems are real ones of twice the size. Hardware: `descent_hardware`, `descent_folded`, `descent_alternating`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.constant_matrix import ConstantMatrix
from hwgen.blocks.descent_limits import most_random, widest
from hwgen.blocks.descent_stage import Stage, foldable
from hwgen.blocks.dither import STATE_BITS, Cut, after, cut, seed, states, window
from hwgen.blocks.loaded_matrix import LoadedMatrix
from hwgen.check.vectors import Port
from hwgen.fixed import INT64_BITS, Format

if TYPE_CHECKING:
    from hwgen.blocks.descent_hardware import DescentComponent

Ints = NDArray[np.int64]
Matrix = ConstantMatrix | LoadedMatrix
# What a multiplication gives: its place in the order of the data, its matrix, and its words (columns, count).
Times = Callable[[int, Matrix, Ints], Ints]
FORMS = ("residual", "gram")


@dataclass(frozen=True)
class Iteration:
    """Formats of one iteration's words, signed; where one has its binary point, the range of the iteration zooms.

    Parameters
    ----------
    residual
        Of y - A x; the form "gram" has none.
    update
        Of eta times the descending gradient, which is added to the state.
    state
        Of x after it.
    """

    residual: Format
    update: Format
    state: Format


@dataclass(frozen=True)
class Descent:
    """T iterations for m equations in n unknowns. Latency: ``2 T`` clocks, folded 1 more; in the form "gram" ``T + 2``.

    Parameters
    ----------
    matrix
        A (m, n) as integers in units of ``2**-fraction``.
    fraction
        See `matrix`.
    input
        Format of y, signed.
    iterations
        Widths of each iteration.
    steps
        The step size eta is the sum of ``2**-s`` over these s.
    form
        "residual" or "gram".
    gram, gram_fraction, target
        For the form "gram": G (n, n) in units of ``2**-gram_fraction``, and the format of ``A^T y``.
    taken
        For the form "gram": the format to which y is cut before it is multiplied by ``A^T``; None keeps every bit.
    drops
        Low bits that the products of each multiplication leave out (see `ConstantMatrix`), in the order of the data:
        ``A^T y`` and then ``G x`` in the form "gram", else ``A^T r`` and, from the second iteration on, ``A x``
        before it. Empty: none.
    added
        For the form "gram": what each row of ``A^T y`` adds, in units of its sum's last bit, to make up for all that
        cutting takes off on average, here and later; None: each multiplication makes up for its own.
    rounding
        How every word is cut to its format; then it saturates.
    folded
        Whether one stage does all iterations, a right-hand side every `Stage.interval` clocks. Only stochastic rounding
        then gives other words: iterations share one shift register, which goes on with each of their clocks.
    complements
        Whether sums that are subtracted are kept as complements, which saves LUTs on an iCE40 and nowhere else.
    """

    matrix: tuple[tuple[int, ...], ...]
    fraction: int
    input: Format
    iterations: tuple[Iteration, ...]
    steps: tuple[int, ...]
    form: str = "residual"
    gram: tuple[tuple[int, ...], ...] | None = None
    gram_fraction: int = 0
    target: Format | None = None
    taken: Format | None = None
    drops: tuple[int, ...] = ()
    added: tuple[int, ...] | None = None
    rounding: Cut = Cut.HALF_UP
    folded: bool = False
    complements: bool = False

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, got {self.form!r}")
        if not self.iterations:
            raise ValueError("a descent has at least one iteration")
        if not self.steps or len(set(self.steps)) != len(self.steps):
            raise ValueError(f"steps must be one or more different powers of two, got {self.steps}")
        if (self.form == "gram") != (self.gram is not None and self.target is not None):
            raise ValueError('the form "gram", and no other, needs gram and target')
        if self.taken is not None and self.form != "gram":
            raise ValueError('only the form "gram" has a format taken: the others cut y with the first residual')
        n = len(self.a.rows[0])
        if self.added is not None and (self.form != "gram" or len(self.added) != n):
            raise ValueError(f'added must be {n} numbers, in the form "gram"')
        if self.gram is not None and self.products.array.shape != (n, n):
            raise ValueError(f"gram must have {n} rows and columns")
        if self.drops and len(self.drops) != self.multiplications:
            raise ValueError(f"drops must be {self.multiplications} numbers, one a multiplication, or none")
        if not all(form.signed for form in self._formats):
            raise ValueError("every format must be signed")
        if self.folded and (reason := foldable(self)) is not None:
            raise ValueError(f"a descent cannot be folded: {reason}")
        for name, bits, most in (("a word", widest(self), INT64_BITS), ("rounding", most_random(self), STATE_BITS)):
            if bits > most:
                raise ValueError(f"{name} would take {bits} bits, more than {most}")

    @property
    def _formats(self) -> list[Format]:
        own = [form for form in (self.input, self.taken, self.target) if form is not None]
        return own + [f for it in self.iterations for f in (it.residual, it.update, it.state)]

    # ------------------------------------------------------------------ shape
    @cached_property
    def a(self) -> Matrix:
        """A."""
        return ConstantMatrix(self.matrix)

    @cached_property
    def products(self) -> Matrix:
        """G; only in the form "gram"."""
        return ConstantMatrix(self.gram or ())

    @property
    def multiplications(self) -> int:
        """How often something is multiplied by a matrix."""
        return len(self.iterations) if self.form == "gram" else 2 * len(self.iterations) - 1

    @cached_property
    def multiplied(self) -> tuple[Matrix, ...]:
        """The matrices in the order of the data."""
        back, later = self.a.transposed, len(self.iterations) - 1
        taken = (self.products if self.form == "gram" else self.a).negative
        order: tuple[Matrix, ...] = (back, *(taken,) * later)
        if self.form == "residual":
            order = (back, *(taken, back) * later)
        drops = self.drops or (0,) * len(order)
        given = [self.added, *(None if self.added is None else (0,) * self.unknowns for _ in order[1:])]
        return tuple(matrix.cutting(drop, added) for matrix, drop, added in zip(order, drops, given, strict=True))

    def back(self, t: int = 0) -> Matrix:
        """A^T, as the target or the gradient of iteration `t` is made by."""
        return self.multiplied[2 * t if self.form == "residual" else 0]

    def forward(self, t: int) -> Matrix:
        """-A or -G, as the state before iteration `t`, not the first, is multiplied by."""
        return self.multiplied[2 * t - 1 if self.form == "residual" else t]

    @cached_property
    def stage(self) -> Stage:
        """Where sums have their binary points if the descent is folded."""
        return Stage(self)

    @property
    def unknowns(self) -> int:
        """n."""
        return len(self.matrix[0])

    @property
    def output(self) -> Format:
        """Format of the result: that of the last state."""
        return self.iterations[-1].state

    @property
    def step(self) -> float:
        """eta."""
        return float(sum(2.0**-s for s in self.steps))

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes y to the edge at which x is seen."""
        return len(self.iterations) + 2 if self.form == "gram" else 2 * len(self.iterations) + self.folded

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Data ports: y."""
        return tuple(Port(f"i_y{k}", self.input.width, True) for k in range(len(self.matrix)))

    @property
    def ports(self) -> tuple[Port, ...]:
        """Ports that load the matrices; none where they are constant."""
        return ()

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Data ports: x."""
        return tuple(Port(f"o_x{k}", self.output.width, True) for k in range(self.unknowns))

    # ------------------------------------------------------------------ widths
    @property
    def target_fraction(self) -> int:
        """Fraction bits of the exact ``A^T y``."""
        return self.fraction + (self.taken or self.input).fraction - self.back().drop

    def before(self, t: int) -> Format | None:
        """Format of the state that iteration `t` begins with; None for the first, which begins at 0."""
        return self.iterations[t - 1].state if t else None

    def difference_fraction(self, t: int) -> int:
        """Fraction bits of the exact ``y - A x`` (or ``A^T y - G x``) of iteration `t`."""
        if self.folded:
            return self.stage.difference + self.stage.differences[t]
        state = self.before(t)
        own = self.input.fraction if self.target is None else self.target.fraction
        return own if state is None else max(own, self.product_fraction(t))

    def product_fraction(self, t: int) -> int:
        """Fraction bits of ``-A x`` or ``-G x`` in iteration `t`, not the first."""
        matrix = self.gram_fraction if self.form == "gram" else self.fraction
        return matrix + self.iterations[t - 1].state.fraction - self.forward(t).drop

    def back_fraction(self, t: int) -> int:
        """Fraction bits of the exact ``A^T r`` of iteration `t`; only in the form "residual"."""
        return self.fraction + self.iterations[t].residual.fraction - self.back(t).drop

    def gradient_fraction(self, t: int) -> int:
        """Fraction bits of the exact gradient of iteration `t`, as an update is cut from it."""
        if self.form == "gram":
            return self.difference_fraction(t)
        return self.back_fraction(t) + (self.stage.gradients[t] if self.folded else 0)

    def update_fraction(self, t: int) -> int:
        """Fraction bits of the exact eta times gradient of iteration `t`."""
        return self.gradient_fraction(t) + max(self.steps)

    def state_fraction(self, t: int) -> int:
        """Fraction bits of the exact x + update of iteration `t`."""
        if self.folded:
            return self.stage.state + (self.stage.sums[t] or 0)
        state, update = self.before(t), self.iterations[t].update.fraction
        return update if state is None else max(update, state.fraction)

    # ------------------------------------------------------------------- model
    def model(self, data: NDArray) -> Ints:
        """Bit-true x (n, count) for the words y (m, count), from reset: the k-th meets the k-th random bits."""
        return self.trace(data)[-1]

    def target_sums(self, data: NDArray, times: Times | None = None) -> Ints:
        """``A^T y`` (n, count) as it is added up, without what `added` adds; only in the form "gram"."""
        y = np.asarray(data).astype(np.int64)
        taken = y if self.taken is None else self._cut(y, self.input.fraction, self.taken, 0, 0)
        plain = None if self.added is None else (0,) * self.unknowns
        return (times or _times)(0, replace(self.back(), added=plain), taken)

    def trace(self, data: NDArray, sums: Ints | None = None, times: Times | None = None) -> list[Ints]:
        """The state (n, count) after each iteration.

        `sums`: the `target_sums` where they are known; `times`: what multiplies, in place of the matrices' models.

        Raises ``ValueError`` for words outside the input's format.
        """
        y = np.asarray(data).astype(np.int64)
        if y.size and not self.input.minimum <= y.min() <= y.max() <= self.input.maximum:
            raise ValueError(f"words must lie in {self.input.minimum}..{self.input.maximum} ({self.input})")
        stage, aim = int(self.taken is not None), y
        if self.target is not None:
            exact = self.target_sums(y, times) if sums is None else sums
            exact = exact + np.array(self.added or (0,), dtype=np.int64)[:, None]
            aim, stage = self._cut(exact, self.target_fraction, self.target, stage, 0), stage + 1
        found: list[Ints] = []
        place = int(self.target is not None)
        for t, it in enumerate(self.iterations):
            own, state, fraction = self.target or self.input, self.before(t), self.difference_fraction(t)
            gradient = aim << fraction - own.fraction
            if state is not None:
                product = (times or _times)(place, self.forward(t), found[-1])
                gradient, place = gradient + (product << fraction - self.product_fraction(t)), place + 1
            if self.form == "residual":
                words = self._cut(gradient, fraction, it.residual, stage, 0)
                gradient = (times or _times)(place, self.back(t), words)
                gradient = gradient << self.gradient_fraction(t) - self.back_fraction(t)
                stage, place = stage + 1, place + 1
            scaled = np.sum([gradient << max(self.steps) - s for s in self.steps], axis=0)
            update = self._cut(scaled, self.update_fraction(t), it.update, stage, 0)
            exact = update << self.state_fraction(t) - it.update.fraction
            if state is not None:
                exact = exact + (found[-1] << self.state_fraction(t) - state.fraction)
            found.append(self._cut(exact, self.state_fraction(t), it.state, stage, self.unknowns))
            stage += 1
        return found

    def _cut(self, exact: Ints, fraction: int, form: Format, stage: int, first: int) -> Ints:
        """Words of `form`, rounded with the random bits of a stage from rounding point `first` on, saturated."""
        random: Ints | int = 0
        if self.rounding is Cut.STOCHASTIC:
            own = self._states(stage, exact.shape[1])
            random = np.stack([window(own, first + k) for k in range(len(exact))])
        words = cut(exact, fraction - form.fraction, self.rounding, random)
        return np.asarray(np.clip(words, form.minimum, form.maximum), dtype=np.int64)

    def _states(self, stage: int, count: int) -> Ints:
        """State (count,) of a stage's shift register for each right-hand side."""
        first = int(self.taken is not None) + int(self.target is not None)
        if not self.folded or stage < first:
            return states(seed(stage), count)
        return states(after(seed(first), stage - first), count, self.stage.interval)

    # ---------------------------------------------------------------- hardware
    def component(self) -> "DescentComponent":
        """Amaranth component with `inputs`, `outputs`, ``i_valid`` and ``o_valid``; folded, also ``i_ready``."""
        from hwgen.blocks.descent_alternating import AlternatingDescentComponent
        from hwgen.blocks.descent_folded import FoldedDescentComponent
        from hwgen.blocks.descent_hardware import DescentComponent

        if not self.folded:
            return DescentComponent(self)
        return FoldedDescentComponent(self) if self.form == "gram" else AlternatingDescentComponent(self)


def _times(place: int, matrix: Matrix, x: Ints) -> Ints:
    return matrix.model(x)
