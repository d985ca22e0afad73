"""Hardware of the folded filter: one control, one sample memory, one coefficient table, `units` multipliers a channel.

A clock is a slot of the schedule. Addresses are made in the slot; what they read is there one clock later, the
operand (a sample, or the sum of two) two, the product three, the sum four, the output five.
"""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hwgen.adders.digits import base4
from hwgen.blocks.folded import Folded
from hwgen.blocks.folded_schedule import FoldedSchedule, slope
from hwgen.fixed import Format, Rounding, quantise_hw

# Memories go to block RAM. No word that counts is read while it is written, so no logic needs to settle that case.
_BLOCK = {"ram_style": "block", "rom_style": "block", "no_rw_check": 1}


class FoldedComponent(wiring.Component):
    """Hardware of `Folded`: see there for latency, throughput and widths."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.suffixes = ("_re", "_im") if folded.channels == 2 else ("_data",)
        ports = {"i_valid": In(1), "o_valid": Out(1)}
        if folded.interval > 1:
            ports["i_ready"] = Out(1)
        for suffix in self.suffixes:
            ports[f"i{suffix}"] = In(folded.input.as_shape())
            ports[f"o{suffix}"] = Out(folded.output.as_shape())
        super().__init__(ports)
        self.schedule = FoldedSchedule(folded)

    def elaborate(self, platform: object) -> Module:
        m, f = Module(), self.folded
        step, taken, start = self._control(m)
        words = self._samples(m, step, taken, start)
        tables = [self._coefficients(m, unit, step) for unit in range(f.units)]
        loads, last = self._flags(m, step, start)
        for channel, suffix in enumerate(self.suffixes):
            factors = []
            for unit in range(f.units):
                form = f.input.as_shape()
                pair = [word[channel * f.input.width :][: f.input.width] for word in words[unit]]
                operands = [word.as_signed() if form.signed else word for word in pair]
                factors.append(self._operand(m, unit, operands, suffix))
            self._channel(m, suffix, factors, tables, loads, last)
        return m

    # ----------------------------------------------------------------- control
    def _control(self, m: Module) -> tuple[Signal, Signal, Signal]:
        """The step counter, the flag of a taken sample, and that of one that starts an output."""
        f = self.folded
        taken, start = Signal(name="taken"), Signal(name="start")
        step = pause = _count(m, self.schedule.steps, start, "step")
        first: Value = Const(1)
        if f.decimate > 1:
            # Samples are taken while an output is computed: each has its counter.
            pause = _count(m, f.interval, taken, "pause")
            phase = Signal(range(f.decimate), name="phase")
            with m.If(taken):
                m.d.sync += phase.eq(Mux(phase == f.decimate - 1, 0, phase + 1))
            first = ~phase.any()
        ready: Value = Const(1)
        if f.interval > 1:
            m.d.comb += self.i_ready.eq(~pause.any())
            ready = self.i_ready
        m.d.comb += [taken.eq(self.i_valid & ready), start.eq(taken & first)]
        return step, taken, start

    def _flags(self, m: Module, step: Signal, start: Signal) -> tuple[list[Signal], Signal]:
        """For each phase, the clock that loads its accumulator; the clock that has the finished sum."""
        f = self.folded
        fresh: Value = Const(1)
        if self.schedule.places[0] is not None:
            # The last slot is that of step 0, which stays until the next sample.
            fresh = Signal(name="fresh")
            m.d.sync += fresh.eq(start | step.any())
        loads = []
        done: Value = Const(0)
        for phase in range(f.interpolate):
            # With a pause the accumulator is loaded in the slot before the first, else it is left out of the first sum.
            first, end = phase * f.spacing, (phase * f.spacing + f.slots) % self.schedule.steps
            load = step == first + 1 if not f.pauses else step == first if phase else start
            loads.append(_delayed(m, load, 3, f"load{phase}"))
            done = done | (step == end if end else ~step.any() & fresh)
        last = _delayed(m, done, 4, "last")
        m.d.sync += self.o_valid.eq(last)
        return loads, last

    # ---------------------------------------------------------------- memories
    def _samples(self, m: Module, step: Signal, taken: Signal, start: Signal) -> list[list[Value]]:
        """The words each unit reads. Samples from before a reset are read from the upper half, which is all zero."""
        f = self.folded
        bits = (f.depth - 1).bit_length()
        # Where the next sample goes; whether samples from after the reset fill the memory.
        write, full = Signal(bits, name="write_address", reset_less=not f.reset_data), Signal(name="full")
        filled = Signal(name="filled")
        m.d.comb += filled.eq(full | write.all())
        with m.If(taken):
            m.d.sync += [write.eq(write + 1), full.eq(filled)]
        base = write
        if f.decimate > 1:
            # Samples come in while an output is computed: it keeps the state of its start.
            base, full = Signal(bits, name="base"), Signal(name="base_full")
            with m.If(start):
                m.d.sync += [base.eq(write + 1), full.eq(filled)]
        depth = 2 * f.depth if f.reset_data else f.depth
        m.submodules.samples = samples = memory.Memory(
            shape=f.channels * f.input.width, depth=depth, init=[], attrs=_BLOCK
        )
        port = samples.write_port()
        data = Cat(getattr(self, f"i{suffix}") for suffix in self.suffixes)
        m.d.comb += [port.addr.eq(write), port.en.eq(taken), port.data.eq(data)]
        found = []
        for unit in range(f.units):
            words: list[Value] = []
            alone = self.schedule.alone(unit)
            for k, ago in enumerate(self.schedule.agos(unit)):
                read = samples.read_port()
                address = Signal(bits + 1, name=f"address{unit}_{k}")
                m.d.comb += address.eq(_back(base, step, ago))
                m.d.comb += read.addr.eq(Cat(address[:bits], address[bits] & ~full) if f.reset_data else address[:bits])
                word: Value = read.data
                if k == 1 and alone is not None:
                    # The middle coefficient has no partner.
                    late = Signal(name=f"paired{unit}")
                    m.d.sync += late.eq(_looked_up(step, list[Value | int](alone)))
                    word = Mux(late, word, 0)
                words.append(word)
            found.append(words)
        return found

    def _coefficients(self, m: Module, unit: int, step: Signal) -> list[Value]:
        """The coefficient of the operand: one number for a DSP block, digits for the multiplier in LUTs."""
        f = self.folded
        values = [0 if term is None else term.coefficient for term in self.schedule.terms(unit)]
        if f.dsp:
            form = Format.for_range(min(values), max(values), signed=True)
            width, coded = form.width, [v & ((1 << form.width) - 1) for v in values]
        else:
            width, coded = sum(f.digits), [f.recoded(v) for v in values]
        m.submodules[f"table{unit}"] = table = memory.Memory(shape=width, depth=len(coded), init=coded, attrs=_BLOCK)
        port = table.read_port()
        m.d.comb += port.addr.eq(step)
        held = Signal(width, name=f"coefficient{unit}", reset_less=True)
        m.d.sync += held.eq(port.data)
        return [held.as_signed()] if f.dsp else [held[2 * j :][:bits] for j, bits in enumerate(f.digits)]

    # ---------------------------------------------------------------- datapath
    def _operand(self, m: Module, unit: int, words: list[Value], suffix: str) -> Signal:
        f = self.folded
        operand = Signal(signed(f.operand.width), name=f"operand{unit}{suffix}", reset_less=True)
        total = words[0]
        if len(words) == 2:
            total = words[0] + words[1] if f.symmetry > 0 else words[0] - words[1]
        m.d.sync += operand.eq(total)
        return operand

    def _channel(
        self,
        m: Module,
        suffix: str,
        operands: list[Signal],
        tables: list[list[Value]],
        loads: list[Signal],
        last: Signal,
    ) -> None:
        f = self.folded
        shape = signed(f.accumulator.width)
        products = []
        for unit, (operand, coefficient) in enumerate(zip(operands, tables, strict=True)):
            exact = operand * coefficient[0] if f.dsp else self._multiplied(m, operand, coefficient, f"{unit}{suffix}")
            product = Signal(signed(len(exact) - f.cut), name=f"product{unit}{suffix}", reset_less=True)
            m.d.sync += product.eq(exact[f.cut :].as_signed() if f.cut else exact)
            products.append(product)
        if not f.dsp:
            # In LUTs one accumulator takes the sum of all products; a DSP block has one of its own.
            products = [sum(products[1:], start=products[0])]
        totals = []
        for unit, product in enumerate(products):
            total = Signal(shape, name=f"sum{unit}{suffix}", reset_less=True)
            starts = [Const(load if unit == 0 else 0, shape) for load in f.loads]
            if f.pauses:
                m.d.sync += total.eq(total + product)
                for flag, start in zip(loads, starts, strict=True):
                    with m.If(flag):
                        m.d.sync += total.eq(start)
            else:
                before: Value = total
                for flag, start in zip(loads, starts, strict=True):
                    before = Mux(flag, start, before)
                m.d.sync += total.eq(before + product)
            totals.append(total)
        finished = Signal(shape, name=f"finished{suffix}")
        m.d.comb += finished.eq(sum(totals[1:], start=totals[0]))
        rounding = Rounding.FLOOR if f._half_is_folded else f.rounding
        rounded = quantise_hw(m, finished, f.accumulator, f.output, rounding, f.overflow, name=f"rounded{suffix}")
        result = Signal(f.output.as_shape(), name=f"result{suffix}", reset_less=True)
        with m.If(last):
            m.d.sync += result.eq(rounded)
        m.d.comb += getattr(self, f"o{suffix}").eq(result)

    def _multiplied(self, m: Module, operand: Signal, digits: list[Value], name: str) -> Value:
        """The product less `Folded.shortfall`: one multiple of the operand for each digit, added in a row."""
        total: Value = Const(0, 1)
        for j, (digit, form) in enumerate(zip(digits, partials(self.folded), strict=True)):
            multiple = Signal(signed(len(operand) + len(digit) - 1), name=f"multiple{j}_{name}")
            multiples: list[Value] = [Const(0), operand, Cat(Const(0, 1), operand).as_signed(), ~operand]
            m.d.comb += multiple.eq(_looked_up(digit, multiples[: 1 << len(digit)]))
            if j == 0:
                total = multiple
                continue
            # Where the lowest digits are 0 in all coefficients the sum so far is short.
            total = Cat(total, total[-1].replicate(max(0, 2 * j + 1 - len(total))))
            high = Signal(signed(form.width), name=f"partial{j}_{name}")
            m.d.comb += high.eq(total[2 * j :].as_signed() + multiple)
            total = Cat(total[: 2 * j], high).as_signed()
        return total


def partials(folded: Folded) -> list[Format]:
    """Formats of the multiplier's partial sums: the product by digits 0 to j, its lowest 2 j bits apart."""
    found = []
    for j in range(len(folded.digits)):
        ends = [0]
        for term in (term for terms in folded.phases for term in terms):
            digits = base4(term.coefficient)[: j + 1]
            factor, short = (sum(c * 4**k for k, c in enumerate(d)) for d in (digits, [c < 0 for c in digits]))
            ends += [(factor * end - short) >> 2 * j for end in folded.operand_range(term)]
        found.append(Format.for_range(min(ends), max(ends), signed=True))
    return found


def _looked_up(index: Value, values: Sequence[Value | int]) -> Value:
    """``values[index]``, by multiplexers of two: any value where there are fewer than the index can tell apart."""
    if len(values) == 1 or len(index) == 0:
        return Value.cast(values[0])
    half = 1 << len(index) - 1
    low = _looked_up(index[:-1], values[:half])
    return Mux(index[-1], _looked_up(index[:-1], values[half:]), low) if len(values) > half else low


def _count(m: Module, clocks: int, go: Value, name: str) -> Signal:
    """A counter that rests at 0 and, once told to go, comes back there in `clocks` clocks."""
    counter = Signal(range(clocks), name=name)
    with m.If(go | counter.any()):
        m.d.sync += counter.eq(Mux(counter == clocks - 1, 0, counter + 1))
    return counter


def _delayed(m: Module, value: Value, clocks: int, name: str) -> Signal:
    late = [Signal(name=f"{name}_{k + 1}") for k in range(clocks)]
    m.d.sync += [signal.eq(before) for signal, before in zip(late, [value, *late], strict=False)]
    return late[-1]


def _back(base: Value, step: Signal, agos: list[int | None]) -> Value:
    """Address of the sample as far back as the step says; below 0 for one from before the first."""
    if (row := slope(agos)) is not None:
        sign, offset = row[0], row[1] + 1
        moved = base - offset if offset else base
        return moved - step if sign > 0 else moved + step
    return base - _looked_up(step, [0 if ago is None else ago + 1 for ago in agos])
