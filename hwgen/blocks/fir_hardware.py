"""Hardware of a FIR filter from its schedule: a register behind each level, a valid bit along."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.blocks.fir import Fir
from hwgen.blocks.lowering import lower
from hwgen.blocks.operand import Operand
from hwgen.fixed import Rounding, quantise_hw


class FirComponent(wiring.Component):
    """Hardware of `Fir`: see there for latency, throughput and widths."""

    def __init__(self, fir: Fir) -> None:
        self.fir = fir
        self.suffixes = ("_re", "_im") if fir.channels == 2 else ("",)
        ports = {"i_valid": In(1), "o_valid": Out(1)}
        if fir.interval > 1:
            ports["i_ready"] = Out(1)
        for suffix in self.suffixes:
            ports[f"i{suffix or '_data'}"] = In(fir.input.as_shape())
            ports[f"o{suffix or '_data'}"] = Out(fir.output.as_shape())
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, fir = Module(), self.fir
        taken = self._taken(m)
        valids = [Signal(name="x_valid" if k == 0 else f"valid{k}") for k in range(fir.schedule.last + 1)]
        m.d.sync += [after.eq(before) for before, after in zip([taken, *valids], valids, strict=False)]
        kept, phase = self._kept(m, valids[-1])
        m.d.sync += self.o_valid.eq(kept)
        for suffix in self.suffixes:
            data, out = getattr(self, f"i{suffix or '_data'}"), getattr(self, f"o{suffix or '_data'}")
            # What x and the result hold before their first sample is never read: neither needs a reset.
            x = Signal(fir.input.as_shape(), name=f"x{suffix}", reset_less=True)
            with m.If(taken):
                m.d.sync += x.eq(data)
            # Every operand below is signed: an unsigned sample gets a sign bit, which is 0.
            sample = x if fir.input.signed else Cat(x, Const(0, 1)).as_signed()
            sums = lower(m, fir.schedule, fir.words, sample, valids, suffix, fir.reset_data)
            rounded = self._rounded(m, sums, valids[-1], phase, suffix)
            result = Signal(fir.output.as_shape(), name=f"result{suffix}", reset_less=True)
            with m.If(kept):
                m.d.sync += result.eq(rounded)
            m.d.comb += out.eq(result)
        return m

    def _taken(self, m: Module) -> Value:
        """Whether this edge takes a sample; where outputs outnumber samples, one in `interval` clocks."""
        if self.fir.interval == 1:
            return self.i_valid
        # A chain of flags, one for each clock since a sample was taken.
        taken, since = Signal(name="taken"), Signal(self.fir.interval - 1, name="since")
        m.d.comb += [self.i_ready.eq(~since.any()), taken.eq(self.i_valid & self.i_ready)]
        m.d.sync += since.eq(Cat(taken, since[:-1]))
        return taken

    def _kept(self, m: Module, valid: Value) -> tuple[Value, Value]:
        """Whether the sum register holds what becomes an output, and of which phase."""
        fir = self.fir
        acc_valid = Signal(name="acc_valid")
        if fir.interpolate > 1:
            phase, is_last = Signal(range(fir.interpolate), name="phase"), Signal(name="is_last")
            m.d.comb += is_last.eq(phase == fir.interpolate - 1)
            m.d.sync += [phase.eq(Mux(valid, 0, phase + 1)), acc_valid.eq(valid | (acc_valid & ~is_last))]
            return acc_valid, phase
        first: Value = Const(1)
        if fir.decimate > 1:
            count, first = Signal(range(fir.decimate), name="count"), Signal(name="is_first")
            m.d.comb += first.eq(~count.any())
            with m.If(valid):
                m.d.sync += count.eq(Mux(count == fir.decimate - 1, 0, count + 1))
        m.d.sync += acc_valid.eq(valid & first)
        return acc_valid, Const(0)

    def _rounded(self, m: Module, sums: list[Value], valid: Value, phase: Value, suffix: str) -> Value:
        """Sum registers, the constant, rounding and overflow; the phases share what comes behind their registers."""
        fir, held = self.fir, []
        for number, total in enumerate(sums):
            name = f"acc{suffix}" if len(sums) == 1 else f"acc_{number}{suffix}"
            acc = Signal(total.shape(), name=name, reset_less=True)
            with m.If(valid):
                m.d.sync += acc.eq(total)
            held.append(self._centred(m, acc, number, suffix))
        formats = [fir.centred(number) for number in range(len(sums))]
        if len(held) == 1:
            rounding = Rounding.FLOOR if fir._half_is_folded(0) else fir.rounding
            return quantise_hw(m, held[0], formats[0], fir.output, rounding, fir.overflow, name=f"rounded{suffix}")
        results = []
        for number, (centred, form) in enumerate(zip(held, formats, strict=True)):
            rounding = Rounding.FLOOR if fir._half_is_folded(number) else fir.rounding
            results.append(
                quantise_hw(m, centred, form, fir.output, rounding, fir.overflow, name=f"rounded_{number}{suffix}")
            )
        chosen: Value = results[-1]
        for number in reversed(range(len(results) - 1)):
            following, chosen = chosen, Signal(fir.output.as_shape(), name=f"chosen_{number}{suffix}")
            now = phase == number if number else ~phase.any()
            m.d.comb += chosen.eq(Mux(now, results[number], following))
        return chosen

    def _centred(self, m: Module, acc: Value, phase: int, suffix: str) -> Value:
        fir, constant, width = self.fir, self.fir.constant(phase), self.fir.centred(phase).width
        output = fir.graph.outputs[phase]
        negative = output.negative
        if fir.graph.inverted(output.node) and negative:  # acc is ~v, and -v = ~v + 1
            constant, negative = constant + 1, False
        elif fir.graph.inverted(output.node):
            acc = (~acc).as_signed()
        if not constant and not negative and len(acc) <= width:
            return acc
        name = f"centred{suffix}" if fir.interpolate == 1 else f"centred_{phase}{suffix}"
        centred = Signal(signed(width), name=name)
        if negative:
            m.d.comb += centred.eq(Const(constant) - acc)
        elif not constant:  # with one width for all accumulators: more bits than this one needs
            m.d.comb += centred.eq(acc)
        else:
            m.d.comb += centred.eq(Operand(acc, 0).combined(Operand.constant(abs(constant)), constant < 0))
        return centred
