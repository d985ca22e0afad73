"""Hardware of one stage of a descent in the form "gram" for all its iterations: a right-hand side every T clocks.

The first iteration begins with a state of zeros, so that the unrolled block's shortcut gives the same words.
"""

from amaranth.hdl import Const, Module, Mux, Signal, signed

from hwgen.blocks.descent_shared import StageComponent
from hwgen.blocks.operand import Operand


class FoldedDescentComponent(StageComponent):
    """Hardware of a folded `Descent` in the form "gram". Latency: ``T + 2`` clocks; throughput: one y in T clocks.

    y is taken at edge 0, ``A^T y`` is there after edge 1, the state after iteration t at edge ``t + 1``.
    """

    def elaborate(self, platform: object) -> Module:
        m, d = Module(), self.descent
        self.registers = self._registers(m)
        count = len(d.iterations)
        taken, y_valid, last = Signal(name="taken"), Signal(name="y_valid"), Signal(name="last")
        # `pause` counts until the next right-hand side can be taken, `step` the iterations: it is 0 before them.
        pause, step = Signal(range(count), name="pause"), Signal(range(count + 1), name="step")
        self.counter = step
        m.d.comb += [self.i_ready.eq(~pause.any()), taken.eq(self.i_valid & self.i_ready), last.eq(step == count)]
        with m.If(taken | pause.any()):
            m.d.sync += pause.eq(Mux(pause == count - 1, 0, pause + 1))
        with m.If(y_valid | step.any()):
            m.d.sync += step.eq(Mux(y_valid, 1, Mux(last, 0, step + 1)))
        m.d.sync += [y_valid.eq(taken), self.o_valid.eq(last)]
        aim = self._target(m, self._given(m, taken), y_valid)
        with m.If(y_valid):
            aim = self._held(m, aim, "z")
        held, x = self._states(), []
        for k, register in enumerate(held):
            word = Signal(register.shape(), name=f"x_{k}")
            m.d.comb += word.eq(Mux(step == 1, Const(0, signed(len(register))), register))
            x.append(Operand(word, 0))
        gradients = self._differences(m, x, aim, 1)
        # One shift register, which goes on with every iteration, for updates, states and the output.
        number, busy = 1 + (d.taken is not None), Signal(name="busy")
        m.d.comb += busy.eq(step.any())
        exact = self._advanced(m, x, gradients, number, busy)
        for register, operand in zip(held, self._following(m, exact), strict=True):
            m.d.sync += register.eq(operand.value)
        self._answer(m, exact, last)
        return m
