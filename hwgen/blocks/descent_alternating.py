"""Hardware of one stage of a descent in the form "residual" for all its iterations: a right-hand side every 2 T clocks.

The stage has both products with a register between, and each works every other clock: on odd steps the residual
``y - A x`` is taken, on even ones the state. The first residual is that of a state of zeros, so that the unrolled
block's shortcut gives the same words.
"""

from amaranth.hdl import Module, Mux, Signal, signed

from hwgen.blocks.descent import Descent
from hwgen.blocks.descent_hardware import DescentComponent, values_of
from hwgen.blocks.operand import Operand


class AlternatingDescentComponent(DescentComponent):
    """Hardware of a folded `Descent` in the form "residual". Latency: ``2 T + 1`` clocks; throughput: a right-hand side
    in ``2 T`` clocks.

    y is taken at edge 0, the residual of iteration t (from 0 on) is there after edge ``2 t + 1``, the state after it at
    edge ``2 t + 2``.
    """

    def __init__(self, descent: Descent) -> None:
        super().__init__(descent, ready=True)

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
        y: list[Operand] = []
        for port in d.inputs:
            word = Signal(signed(port.width), name=port.name[2:], reset_less=True)
            with m.If(taken):
                m.d.sync += word.eq(getattr(self, port.name))
            y.append(Operand(word, 0))
        it = d.iterations[0]
        held = [Signal(signed(it.state.width), name=f"x_{k}_r", reset_less=True) for k in range(d.unknowns)]
        x = [Operand(word, 0) for word in held]
        # The second iteration is like all: the first has less to add. One shift register goes on with every step.
        exact = self._difference(m, 1, x, y)
        residual = self._held(m, self._cut(m, exact, d.difference_fraction(1), it.residual, 0, 0, busy, "r"), "r")
        ends = [(it.residual.minimum, it.residual.maximum)] * len(residual)
        gradient = self._times(m, d.back(1), values_of(residual), ends, "g")
        exact = self._moved(m, 1, x, gradient, 0, None)
        found = self._cut(m, exact, d.state_fraction(1), it.state, 0, d.unknowns, None, "next")
        with m.If(~step[0]):  # a right-hand side is taken on even steps alone
            m.d.sync += [word.eq(Mux(taken, 0, new.value)) for word, new in zip(held, found, strict=True)]
        found = self._cut(m, exact, d.state_fraction(1), d.output, 0, d.unknowns, None, "result")
        with m.If(last):
            found = self._held(m, found, "o")
        for port, operand in zip(d.outputs, found, strict=True):
            m.d.comb += getattr(self, port.name).eq(operand.value)
        return m
