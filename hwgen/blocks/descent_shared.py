"""What the hardware of one stage for all iterations has in both forms: words in, sums, binary points that move, x out.

Where iterations have their binary points (`hwgen.blocks.descent_stage`) is chosen by a counter of theirs.
"""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value, signed

from hwgen.blocks.descent import Descent
from hwgen.blocks.descent_hardware import DescentComponent, named, values_of
from hwgen.blocks.descent_limits import difference_ranges
from hwgen.blocks.descent_stage import Shifts
from hwgen.blocks.operand import Operand


class StageComponent(DescentComponent):
    """Hardware of a folded `Descent`; each form says when what is done.

    Attributes
    ----------
    counter
        Counts iterations, set in `elaborate`.
    """

    counter: Value

    def __init__(self, descent: Descent) -> None:
        super().__init__(descent, ready=True)

    def _given(self, m: Module, taken: Value) -> list[Value]:
        """y, held until the next is taken."""
        words: list[Value] = []
        for port in self.descent.inputs:
            word = Signal(signed(port.width), name=port.name[2:], reset_less=True)
            with m.If(taken):
                m.d.sync += word.eq(getattr(self, port.name))
            words.append(word)
        return words

    def _states(self) -> list[Signal]:
        """Registers of the state between iterations."""
        d = self.descent
        shape = signed(d.iterations[0].state.width)
        return [Signal(shape, name=f"x_{k}_r", reset_less=True) for k in range(d.unknowns)]

    def _differences(self, m: Module, x: Sequence[Operand], aim: Sequence[Operand], first: int) -> list[Operand]:
        """``y - A x`` or ``A^T y - G x``, exact, shifted to where the next word is cut from it; the counter begins with
        `first`.
        """
        d, stage, state = self.descent, self.descent.stage, self.descent.iterations[0].state
        rows = self._times(m, d.forward(1), values_of(x), [(state.minimum, state.maximum)] * len(x), "p")
        products = self._placed(m, [Operand(row, 0) for row in rows], stage.products, "product", first)
        ranges = [difference_ranges(d, t) for t in range(len(d.iterations))]
        found = []
        for k, (product, word) in enumerate(zip(products, aim, strict=True)):
            aimed = Operand(word.word, word.zeros + stage.difference - (d.target or d.input).fraction)
            own = zip((r[k] for r in ranges), stage.differences, strict=True)
            ends = [(low >> up, high >> up) for (low, high), up in own]
            span = min(low for low, _ in ends), max(high for _, high in ends)
            found.append(Operand(named(m, product.combined(aimed, False), span, f"d_{k}"), 0))
        name = "gradient" if d.form == "gram" else "difference"
        return self._placed(m, found, stage.differences, name, first)

    def _advanced(
        self, m: Module, x: Sequence[Operand], gradients: Sequence[Operand], number: int, moves: Value | None
    ) -> list[Operand]:
        """The exact state after an iteration, of gradients in place; `number` and `moves` as in `_cut`."""
        d, stage, scaled = self.descent, self.descent.stage, self._scaled(values_of(gradients))
        updates = self._cut(m, scaled, d.update_fraction(0), d.iterations[0].update, number, 0, moves, "u")
        steps = self._placed(m, updates, stage.updates, "move")
        before = self._placed(m, x, stage.states, "before")
        return [Operand(a.combined(b, False), 0) for a, b in zip(before, steps, strict=True)]

    def _following(self, m: Module, exact: Sequence[Operand]) -> list[Operand]:
        """The state after an iteration, not the last."""
        d = self.descent
        sums = values_of(self._placed(m, exact, d.stage.sums, "sum"))
        return self._cut(m, sums, d.state_fraction(0), d.iterations[0].state, 0, d.unknowns, None, "next")

    def _answer(self, m: Module, exact: Sequence[Operand], last: Value) -> None:
        """The state after the last iteration, held at the ports."""
        d = self.descent
        found = self._cut(m, values_of(exact), d.stage.state, d.output, 0, d.unknowns, None, "result")
        with m.If(last):
            found = self._held(m, found, "o")
        for port, operand in zip(d.outputs, found, strict=True):
            m.d.comb += getattr(self, port.name).eq(operand.value)

    def _placed(
        self, m: Module, words: Sequence[Operand], shifts: Shifts, name: str, first: int = 1
    ) -> list[Operand]:  # fmt: skip
        """Words shifted to the left by as much as the iteration asks for: a multiplexer for each bit of the shift.

        The counter is `first` in the first iteration.
        """
        least = min(shift for shift in shifts if shift is not None)
        found = [Operand(word.word, word.zeros + least) for word in words]
        more = [0 if shift is None else shift - least for shift in shifts]
        for bit in range(max(more).bit_length()):
            steps = [t for t, shift in enumerate(more, first) if shift >> bit & 1]
            if not steps:
                continue
            chosen = Signal(name=f"{name}_by{1 << bit}")
            m.d.comb += chosen.eq(self.counter.matches(*steps))
            for k, (word, zeros) in enumerate((operand.word, operand.zeros) for operand in found):
                shifted = Signal(signed(len(word) + (1 << bit)), name=f"{name}_{k}_by{1 << bit}")
                m.d.comb += shifted.eq(Mux(chosen, word.shift_left(1 << bit), word))
                found[k] = Operand(shifted, zeros)
        return found
