"""Hardware of the unrolled descent: everything runs freely, a register behind each product, a valid bit along."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.blocks.constant_matrix import ConstantMatrix, Range
from hwgen.blocks.descent import Descent, Matrix
from hwgen.blocks.descent_limits import difference_ranges
from hwgen.blocks.descent_loaded import LoadedDescent
from hwgen.blocks.dither import Cut, cut_hw, register, window_hw
from hwgen.blocks.loading import loaded
from hwgen.blocks.operand import Operand
from hwgen.blocks.wires import wire
from hwgen.fixed import Format, Overflow, Rounding, quantise_hw


class DescentComponent(wiring.Component):
    """Hardware of `Descent`: see there for latency and widths."""

    def __init__(self, descent: Descent, ready: bool = False) -> None:
        self.descent = descent
        ports = {"i_valid": In(1), "o_valid": Out(1)} | ({"i_ready": Out(1)} if ready else {})
        ports |= {port.name: In(signed(port.width)) for port in descent.inputs}
        ports |= {port.name: In(signed(port.width) if port.signed else port.width) for port in descent.ports}
        ports |= {port.name: Out(signed(port.width)) for port in descent.outputs}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, d = Module(), self.descent
        self.registers = self._registers(m)
        valids = [Signal(name="y_valid" if k == 0 else f"valid{k}") for k in range(d.latency)]
        m.d.sync += self.valid_along(valids)
        m.d.comb += self.o_valid.eq(valids[-1])
        aim: list[Operand] = []
        for port in d.inputs:
            word = Signal(signed(port.width), name=port.name[2:], reset_less=True)
            m.d.sync += word.eq(getattr(self, port.name))
            aim.append(Operand(word, 0))
        stage = (d.taken is not None) + (d.target is not None)
        if d.target is not None:
            aim = self._held(m, self._target(m, values_of(aim), valids[0]), "z")
        x: list[Operand] = []
        for t, it in enumerate(d.iterations):
            gradient = self._difference(m, t, x, aim)
            if d.form == "residual":
                now = valids[max(2 * t - 1, 0)]
                words = self._cut(m, gradient, d.difference_fraction(t), it.residual, stage, 0, now, f"r{t}")
                if t:  # the first residual is y alone: no register
                    words = self._held(m, words, f"r{t}")
                    x = self._held(m, x, f"x{t}_held")
                    aim = self._held(m, aim, f"y{t}_held")
                stage += 1
                ends = [(it.residual.minimum, it.residual.maximum)] * len(words)
                gradient = self._times(m, d.back(t), values_of(words), ends, f"g{t}")
            at = valids[2 * t if d.form == "residual" else t + 1]
            x = self._next(m, t, x, gradient, stage, at)
            stage += 1
            if t + 1 < len(d.iterations):
                aim = self._held(m, aim, f"aim{t + 1}")
        for port, word in zip(d.outputs, x, strict=True):
            m.d.comb += getattr(self, port.name).eq(word.value)
        return m

    def _registers(self, m: Module) -> list[Signal]:
        """The registers of entries that are loaded; reset gives them their power-up words."""
        d = self.descent
        if not isinstance(d, LoadedDescent):
            return []
        pairs = enumerate(zip(d.registers, d.power_up, strict=True))
        return [loaded(m, self, index, form, word, f"c{index}") for index, (form, word) in pairs]

    def valid_along(self, valids: Sequence[Signal]) -> list[Value]:
        """The valid bit, a register a clock."""
        return [valids[0].eq(self.i_valid), *(after.eq(before) for before, after in pairwise(valids))]

    def _target(self, m: Module, y: Sequence[Value], valid: Value) -> list[Operand]:
        """``A^T y``, cut."""
        d, words = self.descent, y
        assert d.target is not None
        if d.taken is not None:
            words = values_of(self._cut(m, y, d.input.fraction, d.taken, 0, 0, valid, "taken"))
        ends = [((d.taken or d.input).minimum, (d.taken or d.input).maximum)] * len(words)
        back, drop, rounding = d.back(), d.target_fraction - d.target.fraction, d.rounding
        if rounding is Cut.HALF_UP and drop > 0:  # the constant of the sums takes the half: no adder for it
            back = replace(back, added=tuple(more + (1 << drop - 1) for more in back.offsets))
            rounding = Cut.FLOOR
        exact = self._times(m, back, words, ends, "z")
        stage = int(d.taken is not None)
        return self._cut(m, exact, d.target_fraction, d.target, stage, 0, valid, "z", rounding)

    def _times(
        self, m: Module, matrix: Matrix, words: Sequence[Value], ends: Sequence[Range], name: str
    ) -> list[Value]:
        """The rows of a product, by registers where entries are loaded."""
        if isinstance(matrix, ConstantMatrix):
            return matrix.hardware(m, words, ends, name, self.descent.complements)
        return matrix.hardware(m, words, ends, name, self.registers, self.descent.complements)

    def _held(self, m: Module, words: Sequence[Operand], name: str) -> list[Operand]:
        """A register for each word, and none for its zeros."""
        found: list[Operand] = []
        for k, operand in enumerate(words):
            held = Signal(signed(len(operand.word)), name=f"{name}_{k}_r", reset_less=True)
            m.d.sync += held.eq(operand.word)
            found.append(Operand(held, operand.zeros))
        return found

    def _difference(self, m: Module, t: int, x: Sequence[Operand], aim: Sequence[Operand]) -> list[Value]:
        """y - A x, or A^T y - G x, exact."""
        d, own, state = self.descent, self.descent.target or self.descent.input, self.descent.before(t)
        fraction = d.difference_fraction(t)
        rows: Sequence[Value | None] = [None] * len(aim)
        up = 0
        if state is not None:
            spans = [(state.minimum, state.maximum)] * len(x)
            rows = self._times(m, d.forward(t), values_of(x), spans, f"p{t}")
            up = fraction - d.product_fraction(t)
        found: list[Value] = []
        for k, (row, word, span) in enumerate(zip(rows, aim, difference_ranges(d, t), strict=True)):
            aimed = Operand(word.word, word.zeros + fraction - own.fraction)
            value = aimed.value if row is None else Operand(row, up).combined(aimed, False)
            found.append(named(m, value, span, f"d{t}_{k}"))
        return found

    def _scaled(self, gradient: Sequence[Value]) -> list[Value]:
        """eta times the gradient, exact."""
        steps, scaled = self.descent.steps, []
        for word in gradient:
            total: Value = word.shift_left(max(steps) - steps[0])
            for s in steps[1:]:
                total = total + word.shift_left(max(steps) - s)
            scaled.append(total)
        return scaled

    def _next(
        self, m: Module, t: int, x: Sequence[Operand], gradient: Sequence[Value], stage: int, valid: Value
    ) -> list[Operand]:
        """The state after iteration `t`, registered."""
        d, it, state = self.descent, self.descent.iterations[t], self.descent.before(t)
        updates = self._cut(m, self._scaled(gradient), d.update_fraction(t), it.update, stage, 0, valid, f"u{t}")
        up = d.state_fraction(t) - it.update.fraction
        exact = []
        for k, update in enumerate(updates):
            moved = Operand(update.word, update.zeros + up)
            if state is None:
                exact.append(moved.value)
            else:
                before = Operand(x[k].word, x[k].zeros + d.state_fraction(t) - state.fraction)
                exact.append(before.combined(moved, False))
        words = self._cut(m, exact, d.state_fraction(t), it.state, stage, d.unknowns, None, f"x{t + 1}")
        return self._held(m, words, f"x{t + 1}")

    def _cut(
        self, m: Module, exact: Sequence[Value], fraction: int, form: Format, stage: int, first: int,
        valid: Value | None, name: str, rounding: Cut | None = None,
    ) -> list[Operand]:  # fmt: skip
        """Words of `form`; `valid` moves the stage's random bits, None: they are those of the call before."""
        d, rounding = self.descent, rounding or self.descent.rounding
        if d.rounding is Cut.STOCHASTIC and valid is not None:
            self.random = register(m, stage, valid, f"lfsr{stage}")
        found: list[Operand] = []
        for k, value in enumerate(exact):
            random = window_hw(self.random, first + k) if d.rounding is Cut.STOCHASTIC else None
            # Low bits that are always zero are wires, unless saturation sets them: no register is made of them.
            zeros = max(form.fraction - fraction, 0)
            zeros = zeros if len(value) + zeros <= form.width else 0
            kept = Format(form.integer, form.fraction - zeros)
            whole = cut_hw(value, fraction - kept.fraction, rounding, random)
            raw = Format(len(whole) - kept.fraction, kept.fraction)
            limited = quantise_hw(m, whole, raw, kept, Rounding.FLOOR, Overflow.SATURATE, name=f"{name}_{k}_limited")
            word = Signal(signed(kept.width), name=f"{name}_{k}")
            m.d.comb += word.eq(Cat(limited[:-1], whole[-1]))  # saturation keeps the sign: one multiplexer less
            found.append(Operand(word, zeros))
        return found


def values_of(words: Sequence[Operand]) -> list[Value]:
    return [word.value for word in words]


def named(m: Module, value: Value, ends: Range, name: str) -> Signal:
    """The value as a wire that holds its range."""
    return wire(m, value, Format.for_range(*ends, signed=True).width, name)
