"""One stage of a descent for all its iterations: a right-hand side every T clocks, the model that of the unrolled form.

All iterations share their words, but for the last state, which is the output. The first begins with a state of zeros,
so that the unrolled block's shortcut gives the same words.
"""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from hwgen.blocks.descent import Descent
from hwgen.blocks.descent_hardware import DescentComponent
from hwgen.blocks.dither import Cut
from hwgen.blocks.operand import Operand


def foldable(d: Descent) -> str | None:
    """Why one stage cannot do all iterations of a descent; None where it can."""
    if d.form != "gram" or len(d.iterations) < 2:
        return 'only the form "gram" is folded, with two iterations or more'
    if d.rounding is Cut.STOCHASTIC:
        return "stochastic rounding has random bits of its own in every iteration"
    states, updates = ({getattr(it, key) for it in its} for key, its in (
        ("state", d.iterations[:-1]), ("update", d.iterations),
    ))  # fmt: skip
    if max(len(states), len(updates), len(set(d.drops[1:])) or 1) > 1:
        return "one stage has one format for the states, one for the updates, and one drop of their products"
    if d.drops and any(d.drops[1:]) and d.added is None:
        return "a product that is cut adds what makes up for it, also to a state of zeros: give added"
    return None


class FoldedDescentComponent(DescentComponent):
    """Hardware of a `Descent` on one stage. Latency: ``T + 2`` clocks; throughput: a right-hand side in T clocks.

    y is taken at edge 0, ``A^T y`` is there after edge 1, the state after iteration t at edge ``t + 1``.
    """

    def __init__(self, descent: Descent) -> None:
        if (reason := foldable(descent)) is not None:
            raise ValueError(f"a descent cannot be folded: {reason}")
        super().__init__(descent, ready=True)

    def elaborate(self, platform: object) -> Module:
        m, d = Module(), self.descent
        self.registers = self._registers(m)
        count = len(d.iterations)
        taken, y_valid, last = Signal(name="taken"), Signal(name="y_valid"), Signal(name="last")
        # `pause` counts until the next right-hand side can be taken, `step` the iterations: it is 0 before them.
        pause, step = Signal(range(count), name="pause"), Signal(range(count + 1), name="step")
        m.d.comb += [self.i_ready.eq(~pause.any()), taken.eq(self.i_valid & self.i_ready), last.eq(step == count)]
        with m.If(taken | pause.any()):
            m.d.sync += pause.eq(Mux(pause == count - 1, 0, pause + 1))
        with m.If(y_valid | step.any()):
            m.d.sync += step.eq(Mux(y_valid, 1, Mux(last, 0, step + 1)))
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
        # The stage is that of the second iteration; the first takes zeros for its state.
        state = d.iterations[0].state
        held = [Signal(signed(state.width), name=f"x_{k}_r", reset_less=True) for k in range(d.unknowns)]
        x = []
        for k, register in enumerate(held):
            word = Signal(signed(state.width), name=f"x_{k}")
            m.d.comb += word.eq(Mux(step == 1, Const(0, signed(state.width)), register))
            x.append(Operand(word, 0))
        exact = self._moved(m, 1, x, self._difference(m, 1, x, aim), 0, None)
        fraction = d.state_fraction(1)
        for register, operand in zip(held, self._cut(m, exact, fraction, state, 0, 0, None, "next"), strict=True):
            m.d.sync += register.eq(operand.value)
        found = self._cut(m, exact, fraction, d.output, 0, 0, None, "result")
        with m.If(last):
            found = self._held(m, found, "o")
        for port, operand in zip(d.outputs, found, strict=True):
            m.d.comb += getattr(self, port.name).eq(operand.value)
        return m
