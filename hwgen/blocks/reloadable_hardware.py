"""Hardware of the reloadable filter: coefficient registers, delay line, pair adders, multipliers, a tree of adders.

A sample is in the input register at stage 0, its pairs are there one clock later, its products two, and each level of
the tree takes one more. Everything behind the delay line runs freely; a valid bit goes along.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.blocks.loading import loaded
from hwgen.blocks.operand import Operand
from hwgen.blocks.reloadable import Reloadable
from hwgen.fixed import Overflow, Rounding, quantise_hw

# Operands of a DSP block's multiplier.
FACTORS = {"ice40": (16, 16), "ecp5": (18, 18), "xc7": (25, 18), "gowin": (18, 18)}


class ReloadableComponent(wiring.Component):
    """Hardware of `Reloadable`: see there for latency, throughput, widths and when a write takes effect."""

    def __init__(self, filter: Reloadable) -> None:
        self.filter = filter
        self.suffixes = ("_re", "_im") if filter.channels == 2 else ("",)
        ports = {"i_valid": In(1), "o_valid": Out(1)}
        for suffix in self.suffixes:
            ports[f"i{suffix or '_data'}"] = In(filter.input.as_shape())
            ports[f"o{suffix or '_data'}"] = Out(filter.output.as_shape())
        for port in filter.ports:
            ports[port.name] = In(signed(port.width) if port.signed else port.width)
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, f = Module(), self.filter
        coefficients = [self._coefficient(m, tap) for tap in range(len(f.formats))]
        valids = [Signal(name="x_valid" if k == 0 else f"valid{k}") for k in range(f.reads + f.levels + 1)]
        m.d.sync += [after.eq(before) for before, after in zip([self.i_valid, *valids], valids, strict=False)]
        m.d.sync += self.o_valid.eq(valids[-1])
        for suffix in self.suffixes:
            line = self._delayed(m, valids[0], suffix)
            products = [
                self._product(m, tap, line, coefficient, suffix) for tap, coefficient in enumerate(coefficients)
            ]
            total = self._summed(m, products, suffix)
            centred = Signal(f.centred, name=f"centred{suffix}")
            m.d.comb += centred.eq(
                Operand(total, 0).combined(Operand.constant(f.constant), False) if f.constant else total
            )
            rounding = Rounding.FLOOR if f.half_is_folded else f.rounding
            rounded = quantise_hw(m, centred, f.centred, f.output, rounding, f.overflow, name=f"rounded{suffix}")
            result = Signal(f.output.as_shape(), name=f"result{suffix}", reset_less=True)
            with m.If(valids[-1]):
                m.d.sync += result.eq(rounded)
            m.d.comb += getattr(self, f"o{suffix or '_data'}").eq(result)
        return m

    def _coefficient(self, m: Module, tap: int) -> Signal:
        """The register of a free coefficient; reset gives it its power-up value."""
        f = self.filter
        return loaded(m, self, tap, f.formats[tap], f.power_up[tap], f"c{tap}")

    def _delayed(self, m: Module, valid: Value, suffix: str) -> list[Value]:
        """The input register, and the samples before it in its channel."""
        f = self.filter
        x = Signal(f.input.as_shape(), name=f"x{suffix}", reset_less=True)
        with m.If(self.i_valid):
            m.d.sync += x.eq(getattr(self, f"i{suffix or '_data'}"))
        word: Value = x
        line = [word]
        for k in range(1, len(f.coefficients)):
            for turn in range(f.interleave):
                name = f"d{k}{suffix}" if f.interleave == 1 else f"d{k}_{turn}{suffix}"
                held = Signal(f.input.as_shape(), name=name, reset_less=not f.reset_data)
                with m.If(valid):
                    m.d.sync += held.eq(word)
                word = held
            line.append(word)
        return line

    def _product(self, m: Module, tap: int, line: list[Value], coefficient: Signal, suffix: str) -> Value:
        f, form = self.filter, self.filter.operand(tap)
        operand = Signal(form, name=f"pair{tap}{suffix}", reset_less=True)
        m.d.sync += operand.eq(line[tap] + line[-1 - tap] if f.paired(tap) else line[tap])
        whole = operand * coefficient if f.dsp else multiplied(m, operand, coefficient, f"{tap}{suffix}")
        # Yosys 0.70 crashes on an iCE40's adder of two registers that it could both move into a DSP block.
        attributes = {"keep": 1} if f.dsp else {}
        product = Signal(f.products[tap], name=f"product{tap}{suffix}", reset_less=True, attrs=attributes)
        m.d.sync += product.eq(whole[f.cuts[tap] :].as_signed())
        return product

    def _summed(self, m: Module, words: list[Value], suffix: str) -> Value:
        """The sum of all words: neighbours are added, a register a level."""
        tree = self.filter.tree
        for level in range(1, len(tree)):
            sums: list[Value] = []
            for k, span in enumerate(tree[level]):
                sources = zip(words[2 * k :][:2], tree[level - 1][2 * k :][:2], strict=True)
                operands = [Operand.of(word, span.fraction - source.fraction) for word, source in sources]
                total = Signal(signed(span.width), name=f"sum{level}_{k}{suffix}", reset_less=True)
                m.d.sync += total.eq(operands[0].combined(operands[1], False) if operands[1:] else operands[0].value)
                sums.append(total)
            words = sums
        return words[0]


def multiplied(m: Module, operand: Signal, coefficient: Signal, name: str) -> Value:
    """The product in LUTs: a row of adders for each bit of the coefficient, the sign's subtracted.

    Yosys's own multiplier takes more LUTs on every target, twice as many and more on those of LUT4 with wide carries.
    """
    width = len(operand)
    total: Value = Const(0)
    for bit in range(len(coefficient)):
        multiple = Signal(signed(width), name=f"multiple{bit}_{name}")
        m.d.comb += multiple.eq(Mux(coefficient[bit], operand, 0))
        if bit == 0:
            total = multiple
            continue
        # Rows that Yosys merged into a tree of carry-save adders would take more LUTs.
        row = Signal(signed(width + 1), name=f"row{bit}_{name}", attrs={"keep": 1})
        high = total[bit:].as_signed() if bit < len(total) else total[-1].as_signed()
        m.d.comb += row.eq(high - multiple if bit == len(coefficient) - 1 else high + multiple)
        total = Cat(total[:bit], row).as_signed()
    return total


def estimate(filter: Reloadable, target: str) -> dict[str, int]:
    """LUTs, flip-flops, carries, DSP and RAM blocks from the widths alone.

    An adder bit costs a LUT, and so does each bit of a multiple of the operand, of which xc7 takes a third into the
    adder behind it. DSP blocks of ice40 and xc7 have the registers around the multiplier and the first level of the
    tree inside, those of xc7 the adder of a pair, too.
    """
    f, widths = filter, [filter.operand(tap).width for tap in range(len(filter.formats))]
    bits = [form.width for form in f.formats]
    inside = f.dsp and target in ("ice40", "xc7")
    pairs = [w for tap, w in enumerate(widths) if f.paired(tap) and not (inside and target == "xc7")]
    rows = [] if f.dsp else [(b - 1) * (w + 1) for w, b in zip(widths, bits, strict=True)]
    multiples = 0 if f.dsp else sum(b * w for w, b in zip(widths, bits, strict=True))
    first = 2 if inside else 1
    sums = [
        span.width - abs(before[2 * k].fraction - before[2 * k + 1].fraction)  # the finer word's low bits go past
        for before, level in zip(f.tree[first - 1 :], f.tree[first:], strict=False)
        for k, span in enumerate(level[: len(before) // 2])
    ]
    adders = sum([*pairs, *rows, *sums]) + (f.centred.width if f.constant else 0)
    saturates = f.overflow == Overflow.SATURATE and f.centred.integer > f.output.integer
    logic = multiples * (2 / 3 if target == "xc7" else 1) + (f.output.width if saturates else 0)
    held = f.input.width * (1 + (len(f.coefficients) - 1) * f.interleave) + f.output.width
    held += 0 if inside else sum(widths) + sum(p.width for p in f.products)
    held += sum(span.width for level in f.tree[first:] for span in level)
    x, y = FACTORS[target]
    carry = {"ice40": adders, "gowin": adders, "ecp5": adders // 2, "xc7": adders // 4}[target]
    return {
        "lut": round((adders + logic) * f.channels) + len(bits) * 2,
        "ff": held * f.channels + sum(bits) + f.reads + f.levels + 2,
        "carry": carry * f.channels,
        "dsp": sum(-(-w // x) * -(-b // y) for w, b in zip(widths, bits, strict=True)) * f.channels * f.dsp,
        "bram": 0,
    }
