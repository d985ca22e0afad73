"""Hardware of the LMS equaliser: delay line, filter, slicer, error, and an update for each coefficient.

Without a delay, all of it happens in the clock after a sample was taken. With a delay D the filter runs freely through
D - 1 registers. Each error then waits, in `slots` that move along with the samples, until exactly D more samples have
been taken, so that the coefficients a sample meets do not depend on gaps.
"""

from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.blocks.dither import Cut, cut_hw, register, window_hw
from hwgen.blocks.lms import Lms
from hwgen.blocks.reloadable_hardware import multiplied
from hwgen.fixed import Format, Overflow, Rounding, quantise_hw


class LmsComponent(wiring.Component):
    """Hardware of `Lms`: see there for latency, widths and what a sample meets."""

    def __init__(self, filter: Lms) -> None:
        self.filter = filter
        self.suffixes = ("_re", "_im") if filter.complex else ("",)
        ports = {"i_valid": In(1), "o_valid": Out(1)}
        for port in filter.inputs:
            ports[port.name] = In(signed(port.width) if port.signed else port.width)
        for port in filter.outputs:
            ports[port.name] = Out(signed(port.width) if port.signed else port.width)
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, f = Module(), self.filter
        stages = max(f.delay, 1)
        valids = [Signal(name="x_valid" if k == 0 else f"valid{k}") for k in range(stages)]
        m.d.sync += [after.eq(before) for before, after in zip([self.i_valid, *valids], valids, strict=False)]
        m.d.sync += self.o_valid.eq(valids[-1])
        line = self._line(m)
        weights = [self._weight(tap, suffix) for tap in range(len(f.taps)) for suffix in self.suffixes]
        taps = [weights[k : k + f.channels] for k in range(0, len(weights), f.channels)]
        sums = self._filtered(m, line, taps)
        train, symbol = self._carried(m, "train", self.i_train), self._carried(m, "symbol", self.i_symbol)
        errors, levels = [], []
        for part, (total, suffix) in enumerate(zip(sums, self.suffixes, strict=True)):
            y, level = self._decided(m, total, suffix)
            known = symbol[part * f.symbol_bits :][: f.symbol_bits]
            errors.append(self._error(m, y, Mux(train, known, level), suffix))
            levels.append(level)
            self._output(m, f"o{suffix or '_data'}", y, valids[-1])
        self._output(m, "o_symbol", Cat(*levels), valids[-1])
        moves: Value = valids[-1]
        if f.delay:
            moves, errors = self._waiting(m, errors, valids)
        dither = register(m, 0, moves, "lfsr") if f.rounding is Cut.STOCHASTIC else None
        for k, held in enumerate(taps):
            for part, delta in enumerate(self._update(m, k, errors, line[k + f.delay], held, dither)):
                moved = self._saturated(m, held[part] + delta, f.taps[k].weight, f"w{k}{self.suffixes[part]}")
                with m.If(moves):
                    m.d.sync += held[part].eq(moved)
        return m

    def _output(self, m: Module, port: str, value: Value, valid: Value) -> None:
        result = Signal(getattr(self, port).shape(), name=f"result{port[1:]}", reset_less=True)
        with m.If(valid):
            m.d.sync += result.eq(value)
        m.d.comb += getattr(self, port).eq(result)

    def _line(self, m: Module) -> list[list[Signal]]:
        """The samples so far, parts each, the newest first; each as fine as any tap behind it needs."""
        f, line = self.filter, list[list[Signal]]()
        for k, fraction in enumerate(f.kept):
            held = []
            for part, suffix in enumerate(self.suffixes):
                if k == 0:
                    given, name = getattr(self, f"i{suffix or '_data'}"), f"x{suffix}"
                    before: Value = quantise_hw(
                        m, given, f.input, f.line, Rounding.HALF_UP, Overflow.SATURATE, name=f"rounded{suffix}"
                    )
                else:
                    before, name = line[k - 1][part][f.kept[k - 1] - fraction :].as_signed(), f"x{k}{suffix}"
                word = Signal(signed(f.input.integer + fraction), name=name)
                with m.If(self.i_valid):
                    m.d.sync += word.eq(before)
                held.append(word)
            line.append(held)
        return line

    def _weight(self, tap: int, suffix: str) -> Signal:
        f = self.filter
        init = f.initial[tap] if suffix in ("", "_re") else 0
        return Signal(signed(f.taps[tap].weight.width), name=f"w{tap}{suffix}", init=init)

    # ------------------------------------------------------------------ filter
    def _registered(self, m: Module, stage: int, value: Value, name: str) -> Value:
        """`value`, behind a register where the delay has that many stages."""
        if stage > self.filter.delay - 1:
            return value
        held = Signal(value.shape(), name=name, reset_less=True)
        m.d.sync += held.eq(value)
        return held

    def _carried(self, m: Module, name: str, value: Value) -> Value:
        """A word that came with the sample, at the stage of the error."""
        word = Signal(value.shape(), name=name, reset_less=True)
        with m.If(self.i_valid):
            m.d.sync += word.eq(value)
        for stage in range(1, self.filter.delay):
            held = Signal(value.shape(), name=f"{name}{stage}", reset_less=True)
            m.d.sync += held.eq(word)
            word = held
        return word

    def _product(self, m: Module, one: Value, other: Value, name: str) -> Value:
        if len(one) < len(other):
            one, other = other, one
        a, b = Signal(one.shape(), name=f"a_{name}"), Signal(other.shape(), name=f"b_{name}")
        m.d.comb += [a.eq(one), b.eq(other)]
        return multiplied(m, a, b, name)

    def _filtered(self, m: Module, line: list[list[Signal]], taps: list[list[Signal]]) -> list[Value]:
        """The sum over all taps, with the constant, of each part."""
        f, products = self.filter, list[list[tuple[Value, int]]]()
        for k, (tap, weight) in enumerate(zip(f.taps, taps, strict=True)):
            x = [word[f.kept[k] - tap.data :].as_signed() for word in line[k]]
            c = [word[tap.weight.fraction - tap.used :].as_signed() for word in weight]
            if f.complex:
                (a, b), (g, h) = x, c
                rows = [self._product(m, *pair, f"{k}_{n}") for n, pair in enumerate([(a, g), (b, h), (a, h), (b, g)])]
                exact: list[Value] = [rows[0] - rows[1], rows[2] + rows[3]]
            else:
                exact = [self._product(m, x[0], c[0], str(k))]
            found = list[tuple[Value, int]]()
            for value, suffix in zip(exact, self.suffixes, strict=True):
                below = max(-f.cuts[k], 0)  # zeros, which no register is to hold
                product = Signal(signed(f.products[k].width - below), name=f"product{k}{suffix}")
                m.d.comb += product.eq(cut_hw(value, max(f.cuts[k], 0), Cut.FLOOR))
                found.append((self._registered(m, 1, product, f"product{k}_r{suffix}"), below))
            products.append(found)
        return [
            self._summed(m, [p[part] for p in products], suffix) for part, suffix in enumerate(self.suffixes)
        ]  # fmt: skip

    def _summed(self, m: Module, words: list[tuple[Value, int]], suffix: str) -> Value:
        """The sum of words, each with how many zeros stand below it, and the constant."""
        f = self.filter
        spans = [(p.minimum, p.maximum) for p in f.products]
        level = 1
        while len(words) > 1:
            sums, wider = list[tuple[Value, int]](), []
            for k in range(0, len(words), 2):
                low, high = (sum(ends) for ends in zip(*spans[k : k + 2], strict=True))
                wider.append((low, high))
                below = min(zeros for _, zeros in words[k : k + 2])
                width = Format.for_range(low, high, signed=True).width - below
                total = Signal(signed(width), name=f"sum{level}_{k // 2}{suffix}")
                aligned = [cut_hw(word, below - zeros, Cut.FLOOR) for word, zeros in words[k : k + 2]]
                m.d.comb += total.eq(sum(aligned[1:], aligned[0]))
                sums.append((self._registered(m, 1 + level, total, f"sum{level}_{k // 2}_r{suffix}"), below))
            words, spans, level = sums, wider, level + 1
        centred = Signal(f.total, name=f"centred{suffix}")
        word, zeros = words[0]
        m.d.comb += centred.eq(cut_hw(word, -zeros, Cut.FLOOR) + Const(f.constant))
        return centred

    def _decided(self, m: Module, total: Value, suffix: str) -> tuple[Value, Value]:
        """The output word, and the level nearest to it."""
        f = self.filter
        rounded = quantise_hw(m, total, f.total, f.output, Rounding.FLOOR, Overflow.SATURATE, name=f"y{suffix}")
        y = self._registered(m, f.most_delay - 1, rounded, f"y_r{suffix}")
        level = Signal(f.symbol_bits, name=f"level{suffix}")
        if f.levels == 2:
            m.d.comb += level.eq(~y[-1])
        else:
            outer = Signal(name=f"outer{suffix}")
            edge = Const(2 * f.spacing, signed(f.output.width + 1))
            m.d.comb += [outer.eq(Mux(y[-1], y >= -edge, y >= edge)), level.eq(Cat(outer, ~y[-1]))]
        return y, level

    # ------------------------------------------------------------------- error
    def _error(self, m: Module, y: Value, level: Value, suffix: str) -> Signal:
        f = self.filter
        wanted, difference = Signal(f.output, name=f"wanted{suffix}"), Signal(f.difference, name=f"difference{suffix}")
        points = [Const((2 * k + 1 - f.levels) * f.spacing, signed(f.output.width)) for k in range(f.levels)]
        chosen: Value = Mux(level[0], points[1], points[0])
        if f.levels == 4:
            chosen = Mux(level[1], Mux(level[0], points[3], points[2]), chosen)
        m.d.comb += [wanted.eq(chosen), difference.eq(wanted - y)]
        if f.rule == "sign-error":
            negative = Signal(name=f"e{suffix}")
            m.d.comb += negative.eq(difference[-1])
            return negative
        return quantise_hw(m, difference, f.difference, f.error, Rounding.HALF_UP, Overflow.SATURATE, name=f"e{suffix}")

    def _waiting(self, m: Module, errors: list[Signal], valids: list[Signal]) -> tuple[Value, list[Signal]]:
        """When coefficients move, and the errors by which: those of the sample D before the newest."""
        f = self.filter
        newer = Signal(range(len(valids) + 1), name="newer")  # samples taken after the one whose error is there
        m.d.comb += newer.eq(sum(valids[:-1], Const(0)))
        arrives = [Signal(name=f"arrives{k}") for k in range(f.delay)]
        m.d.comb += [flag.eq(valids[-1] & (newer == k)) for k, flag in enumerate(arrives)]
        waited = []
        for error, suffix in zip(errors, self.suffixes, strict=True):
            slots = [Signal(error.shape(), name=f"slot{k}{suffix}") for k in range(f.delay + 1)]
            now = [Signal(error.shape(), name=f"now{k}{suffix}") for k in range(f.delay)]
            for flag, slot, value in zip(arrives, slots, now, strict=False):
                m.d.comb += value.eq(Mux(flag, error, slot))
            with m.If(self.i_valid):
                m.d.sync += [slot.eq(value) for slot, value in zip(slots[1:], now, strict=True)]
            with m.Else():
                m.d.sync += [slot.eq(value) for slot, value in zip(slots, now, strict=False)]
            waited.append(slots[-1])
        # The first D + 1 samples since reset find no error of a sample before them.
        begun = [Signal(name=f"begun{k}") for k in range(f.delay + 1)]
        with m.If(self.i_valid):
            m.d.sync += begun[0].eq(1)
            m.d.sync += [later.eq(earlier) for earlier, later in pairwise(begun)]
        moves = Signal(name="moves")
        m.d.comb += moves.eq(self.i_valid & begun[-1])
        return moves, waited

    # ------------------------------------------------------------------ update
    def _update(
        self, m: Module, k: int, errors: list[Signal], samples: list[Signal], held: list[Signal], dither: Value | None
    ) -> list[Value]:
        """What is added to each part of coefficient `k`."""
        f, tap = self.filter, self.filter.taps[k]
        x = [word[f.kept[k + f.delay] - tap.correlated :].as_signed() for word in samples]
        if f.rule == "sign-error":

            def signed_by(e: Value, word: Value) -> Value:
                return Mux(e, -word, word)

            if f.complex:
                (a, b), (e, h) = x, errors
                gradients: list[Value] = [signed_by(e, a) + signed_by(h, b), signed_by(h, a) - signed_by(e, b)]
            else:
                gradients = [signed_by(errors[0], x[0])]
            own = tap.correlated + max(f.steps)
        else:
            if f.complex:
                pairs = [(0, 0), (1, 1), (1, 0), (0, 1)]  # error part, sample part
                rows = [self._product(m, errors[e], x[p], f"g{k}_{e}{p}") for e, p in pairs]
                gradients = [rows[0] + rows[1], rows[2] - rows[3]]
            else:
                gradients = [self._product(m, errors[0], x[0], f"g{k}")]
            own = f.error.fraction + tap.correlated + max(f.steps)
        fine = f.gradient_fraction[k]
        found = []
        for part, (gradient, suffix) in enumerate(zip(gradients, self.suffixes, strict=True)):
            word = Signal(gradient.shape(), name=f"gradient{k}{suffix}")
            m.d.comb += word.eq(gradient)
            exact = sum((word.shift_left(fine - own + max(f.steps) - s) for s in f.steps[1:]),
                        word.shift_left(fine - own + max(f.steps) - f.steps[0]))  # fmt: skip
            if f.leak is not None:
                exact = exact - held[part].shift_left(fine - tap.weight.fraction - f.leak)
            random = None if dither is None else window_hw(dither, k * f.channels + part)
            delta = cut_hw(exact, fine - tap.weight.fraction, f.rounding, random)
            named = Signal(delta.shape(), name=f"delta{k}{suffix}")
            m.d.comb += named.eq(delta)
            found.append(named)
        return found

    def _saturated(self, m: Module, value: Value, form: Format, name: str) -> Value:
        raw = Format(len(value) - form.fraction, form.fraction)
        return quantise_hw(m, value, raw, form, Rounding.FLOOR, Overflow.SATURATE, name=f"next_{name}")
