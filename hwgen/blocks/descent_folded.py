"""Hardware of one stage of a descent in the form "gram" for all its iterations: a right-hand side every T clocks.

The first iteration begins with a state of zeros, so that the unrolled block's shortcut gives the same words; where
iterations have their binary points is chosen by their counter (`hwgen.blocks.descent_stage`).
"""

from collections.abc import Sequence

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from hwgen.blocks.descent import Descent
from hwgen.blocks.descent_hardware import DescentComponent, named, values_of
from hwgen.blocks.descent_stage import Shifts
from hwgen.blocks.operand import Operand


class FoldedDescentComponent(DescentComponent):
    """Hardware of a folded `Descent` in the form "gram". Latency: ``T + 2`` clocks; throughput: one y in T clocks.

    y is taken at edge 0, ``A^T y`` is there after edge 1, the state after iteration t at edge ``t + 1``.
    """

    def __init__(self, descent: Descent) -> None:
        super().__init__(descent, ready=True)

    def elaborate(self, platform: object) -> Module:
        m, d = Module(), self.descent
        self.registers = self._registers(m)
        count = len(d.iterations)
        taken, y_valid, last = Signal(name="taken"), Signal(name="y_valid"), Signal(name="last")
        # `pause` counts until the next right-hand side can be taken, `step` the iterations: it is 0 before them.
        pause, self.step = Signal(range(count), name="pause"), Signal(range(count + 1), name="step")
        m.d.comb += [self.i_ready.eq(~pause.any()), taken.eq(self.i_valid & self.i_ready), last.eq(self.step == count)]
        with m.If(taken | pause.any()):
            m.d.sync += pause.eq(Mux(pause == count - 1, 0, pause + 1))
        with m.If(y_valid | self.step.any()):
            m.d.sync += self.step.eq(Mux(y_valid, 1, Mux(last, 0, self.step + 1)))
        m.d.sync += [y_valid.eq(taken), self.o_valid.eq(last)]
        words: list[Value] = []
        for port in d.inputs:
            word = Signal(signed(port.width), name=port.name[2:], reset_less=True)
            with m.If(taken):
                m.d.sync += word.eq(getattr(self, port.name))
            words.append(word)
        aim = self._target(m, words, y_valid)
        with m.If(y_valid):
            aim = self._held(m, aim, "z")
        state = d.iterations[0].state
        held = [Signal(signed(state.width), name=f"x_{k}_r", reset_less=True) for k in range(d.unknowns)]
        x = []
        for k, register in enumerate(held):
            word = Signal(signed(state.width), name=f"x_{k}")
            m.d.comb += word.eq(Mux(self.step == 1, Const(0, signed(state.width)), register))
            x.append(Operand(word, 0))
        exact = self._advanced(m, x, self._differences(m, x, aim))
        sums = values_of(self._placed(m, exact, d.stage.sums, "sum"))
        found = self._cut(m, sums, d.state_fraction(0), state, 0, d.unknowns, None, "next")
        for register, operand in zip(held, found, strict=True):
            m.d.sync += register.eq(operand.value)
        found = self._cut(m, values_of(exact), d.stage.state, d.output, 0, d.unknowns, None, "result")
        with m.If(last):
            found = self._held(m, found, "o")
        for port, operand in zip(d.outputs, found, strict=True):
            m.d.comb += getattr(self, port.name).eq(operand.value)
        return m

    def _differences(self, m: Module, x: Sequence[Operand], aim: Sequence[Operand]) -> list[Operand]:
        """``A^T y - G x``, exact."""
        d, stage, state = self.descent, self.descent.stage, self.descent.iterations[0].state
        assert d.target is not None
        rows = self._times(m, d.forward(1), values_of(x), [(state.minimum, state.maximum)] * len(x), "p")
        products = self._placed(m, [Operand(row, 0) for row in rows], stage.products, "product")
        ranges = [d.difference_ranges(t) for t in range(len(d.iterations))]
        found = []
        for k, (product, word) in enumerate(zip(products, aim, strict=True)):
            aimed = Operand(word.word, word.zeros + stage.difference - d.target.fraction)
            own = zip((r[k] for r in ranges), stage.gradients, strict=True)
            ends = [(low >> up, high >> up) for (low, high), up in own]
            span = min(low for low, _ in ends), max(high for _, high in ends)
            found.append(Operand(named(m, product.combined(aimed, False), span, f"d_{k}"), 0))
        return found

    def _advanced(self, m: Module, x: Sequence[Operand], differences: Sequence[Operand]) -> list[Operand]:
        """The exact state after an iteration."""
        d, stage = self.descent, self.descent.stage
        scaled = self._scaled(values_of(self._placed(m, differences, stage.gradients, "gradient")))
        # One shift register, which goes on with every iteration, for updates, states and the output.
        number, busy = 1 + (d.taken is not None), Signal(name="busy")
        m.d.comb += busy.eq(self.step.any())
        updates = self._cut(m, scaled, d.update_fraction(0), d.iterations[0].update, number, 0, busy, "u")
        moves = self._placed(m, updates, stage.updates, "move")
        before = self._placed(m, x, stage.states, "before")
        return [Operand(a.combined(b, False), 0) for a, b in zip(before, moves, strict=True)]

    def _placed(self, m: Module, words: Sequence[Operand], shifts: Shifts, name: str) -> list[Operand]:
        """Words shifted to the left by as much as the iteration asks for: a multiplexer for each bit of the shift."""
        least = min(shift for shift in shifts if shift is not None)
        found = [Operand(word.word, word.zeros + least) for word in words]
        more = [0 if shift is None else shift - least for shift in shifts]
        for bit in range(max(more).bit_length()):
            steps = [t + 1 for t, shift in enumerate(more) if shift >> bit & 1]
            if not steps:
                continue
            chosen = Signal(name=f"{name}_by{1 << bit}")
            m.d.comb += chosen.eq(self.step.matches(*steps))
            for k, (word, zeros) in enumerate((operand.word, operand.zeros) for operand in found):
                shifted = Signal(signed(len(word) + (1 << bit)), name=f"{name}_{k}_by{1 << bit}")
                m.d.comb += shifted.eq(Mux(chosen, word.shift_left(1 << bit), word))
                found[k] = Operand(shifted, zeros)
        return found
