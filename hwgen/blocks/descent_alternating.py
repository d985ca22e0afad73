"""Hardware of one stage of a descent in the form "residual" for all its iterations: a right-hand side every 2 T clocks.

The stage has both products with a register between, and each works every other clock: on odd steps the residual
``y - A x`` is taken, on even ones the state. The first residual is that of a state of zeros, so that the unrolled
block's shortcut gives the same words.
"""

from amaranth.hdl import Module, Mux, Signal

from hwgen.blocks.descent_hardware import values_of
from hwgen.blocks.descent_shared import StageComponent
from hwgen.blocks.operand import Operand


class AlternatingDescentComponent(StageComponent):
    """Hardware of a folded `Descent` in the form "residual". Latency: ``2 T + 1`` clocks; throughput: a right-hand side
    in ``2 T`` clocks.

    y is taken at edge 0, the residual of iteration t (from 0 on) is there after edge ``2 t + 1``, the state after it at
    edge ``2 t + 2``.
    """

    def elaborate(self, platform: object) -> Module:
        m, d = Module(), self.descent
        self.registers = self._registers(m)
        taken, last, busy = Signal(name="taken"), Signal(name="last"), Signal(name="busy")
        step = Signal(range(d.stage.interval + 1), name="step")  # 0: no right-hand side
        m.d.comb += [busy.eq(step.any()), last.eq(step == d.stage.interval)]
        m.d.comb += [self.i_ready.eq(~busy | last), taken.eq(self.i_valid & self.i_ready)]
        with m.If(taken | busy):
            m.d.sync += step.eq(Mux(taken, 1, Mux(last, 0, step + 1)))
        m.d.sync += self.o_valid.eq(last)
        self.counter = step[1:]  # from 0 on where residuals are taken, from 1 on where states are
        y = [Operand(word, 0) for word in self._given(m, taken)]
        held, it = self._states(), d.iterations[0]
        x = [Operand(word, 0) for word in held]
        # One shift register goes on with every step.
        exact = values_of(self._differences(m, x, y, 0))
        residual = self._held(m, self._cut(m, exact, d.difference_fraction(0), it.residual, 0, 0, busy, "r"), "r")
        ends = [(it.residual.minimum, it.residual.maximum)] * len(residual)
        rows = self._times(m, d.back(1), values_of(residual), ends, "g")
        gradients = self._placed(m, [Operand(row, 0) for row in rows], d.stage.gradients, "gradient")
        sums = self._advanced(m, x, gradients, 0, None)
        found = self._following(m, sums)
        with m.If(~step[0]):  # a right-hand side is taken on even steps alone
            m.d.sync += [word.eq(Mux(taken, 0, new.value)) for word, new in zip(held, found, strict=True)]
        self._answer(m, sums, last)
        return m
