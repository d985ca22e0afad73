"""Hardware of the combiner: a register behind the words, the multiples, every level of the trees and the streams."""

from collections.abc import Sequence
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.adders import odd
from hwgen.blocks.combiner import Combiner
from hwgen.blocks.combiner_ports import Ports
from hwgen.blocks.combiner_tree import Word
from hwgen.blocks.operand import Operand
from hwgen.blocks.wires import wire
from hwgen.check.vectors import Port
from hwgen.fixed import Format, Overflow, Rounding, quantise_hw


class CombinerComponent(wiring.Component):
    """Hardware of `Combiner`: see there for latency and widths."""

    def __init__(self, combiner: Combiner) -> None:
        self.combiner = combiner
        ports = {"i_valid": In(1), "o_valid": Out(1)}
        ports |= {port.name: In(unsigned(port.width)) for port in combiner.inputs}
        ports |= {port.name: Out(signed(port.width)) for port in combiner.output_ports}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, c = Module(), self.combiner
        valid_through(m, c.latency, self)
        words = parts_of(m, c, self)
        multiples = [self._multiples(m, j, word, name) for j, (name, word) in enumerate(words.items())]
        for r, port in enumerate(c.output_ports):
            streamed(m, self._row(m, r, multiples, f"s{r // 2}_{port.name[-2:]}"), port, self)
        return m

    def _multiples(self, m: Module, column: int, word: Value, name: str) -> dict[int, Value]:
        """The word and its multiples by constant, registered where any antenna has a multiplier."""
        graph, span = self.combiner.graphs[column // 2], self.combiner.spans[column]
        nodes = [word]
        for adder in graph.adders:
            down = -min(adder.left_shift, adder.right_shift, 0)
            left, right = (
                Operand(nodes[k], shift + down)
                for k, shift in ((adder.left, adder.left_shift), (adder.right, adder.right_shift))
            )
            ends = Format.for_range(adder.constant * span[0], adder.constant * span[1], signed=True)
            node = Signal(signed(ends.width), name=f"{name}_x{adder.constant}", attrs={"keep": 1})
            total = left.combined(right, adder.subtract)
            m.d.comb += node.eq(total[down:].as_signed() if down else total)
            nodes.append(node)
        if self.combiner.multiplies:
            nodes = [held(m, node, f"{name}_x{c}_r") for c, node in zip(graph.constants, nodes, strict=True)]
        found = dict(zip(graph.constants, nodes, strict=True))
        if len(word) == 1:  # 0 or -1: a multiple is a pattern of that bit
            for constant in self.combiner.multiples[column // 2]:
                bits = [nodes[0] if -constant >> k & 1 else Const(0, 1) for k in range(constant.bit_length() + 1)]
                found[constant] = Cat(*bits).as_signed()
        return found

    def _row(self, m: Module, row: int, multiples: Sequence[dict[int, Value]], name: str) -> Value:
        """The word of one part of a stream."""
        c, levels = self.combiner, self.combiner.trees[row]
        form = c.outputs[row // 2]
        if not levels[0]:
            return Signal(signed(form.width), name=f"{name}_none")
        values = [
            _cut(multiples[word.sources[0]][odd(int(c.matrix[row, word.sources[0]]))[0]], word) for word in levels[0]
        ]
        return summed(m, levels, values, c.constants[row], c.fraction, form, name)


def summed(
    m: Module, levels: Sequence[Sequence[Word]], values: list[Value], constant: int, fraction: int, form: Format,
    name: str,
) -> Value:  # fmt: skip
    """The sum of the leaves `values` through a tree, a register a level, and `constant`, as a word of `form`.

    `constant` and the words' lowest bits are in units of ``2**-fraction``.
    """
    for depth, (before, words) in enumerate(pairwise(levels), start=1):
        values = [_word(m, word, before, values, f"{name}_{depth}_{k}") for k, word in enumerate(words)]
    word, value = levels[-1][0], values[0]
    # The word's lowest bit may lie above the output's: then there is nothing to round.
    low, drop = word.lsb, fraction - form.fraction
    shift = min(low, drop)
    operand, added = Operand(_plain(m, value, word), low - shift), constant >> shift
    least, most = sorted((-1 if word.negative else 1) * (end << low - shift) + added for end in word.span)
    exact = Signal(signed(Format.for_range(least, most, signed=True).width), name=f"{name}_sum", attrs={"keep": 1})
    m.d.comb += exact.eq(added - operand.value if word.negative else operand.value + added)
    source = Format(len(exact) - fraction + shift, fraction - shift)
    return quantise_hw(m, exact, source, form, Rounding.FLOOR, Overflow.SATURATE, name=f"{name}_out")


def _word(m: Module, word: Word, before: Sequence[Word], values: Sequence[Value], name: str) -> Value:
    """A word of the tree behind its register, with what it is cut by gone."""
    if len(word.sources) == 1:
        return held(m, _cut(values[word.sources[0]], word), name)
    a, b = word.sources
    lsb = word.lsb - word.dropped
    left, right = (Operand(_plain(m, values[k], before[k]), before[k].lsb - lsb) for k in (a, b))
    total = left.combined(right, word.subtract)
    width = Format.for_range(*word.full, signed=True).width
    # Yosys would merge adders otherwise; a word that is cut has low bits that nothing needs, and an inversion can only
    # become part of an adder that need not be kept.
    exact = wire(m, total, width, f"{name}_sum", keep=not (word.dropped or word.inverted))
    found = _cut(exact, word)
    return held(m, wire(m, ~found, word.width, f"{name}_complement") if word.inverted else found, name)


def _plain(m: Module, value: Value, word: Word) -> Value:
    """A word as it is, whatever its bits are; words of a tree are taken once."""
    if not word.inverted:
        return value
    assert isinstance(value, Signal)  # only sums are inverted, and they are registered
    return wire(m, ~value, word.width, f"{value.name}_value")


def _cut(value: Value, word: Word) -> Value:
    """The value without the low bits that `word` drops."""
    return Operand.of(value, -word.dropped).word[: word.width].as_signed() if word.dropped else value


def held(m: Module, value: Value, name: str) -> Signal:
    """A register of plain data, signed, with `value` in it."""
    register = Signal(signed(len(value)), name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register


def parts_of(m: Module, c: Ports, component: wiring.Component) -> dict[str, Signal]:
    """Registers behind the ports: the word of each part of each active antenna, ``y<m>_re`` and ``y<m>_im``."""
    found = {}
    for antenna in c.active:
        width, port = c.bits[antenna], getattr(component, f"i_y{antenna}")
        for k, part in enumerate(("re", "im")):
            own = port[k * width : (k + 1) * width].as_signed()
            found[f"y{antenna}_{part}"] = held(m, own, f"y{antenna}_{part}")
    return found


def valid_through(m: Module, clocks: int, component: wiring.Component) -> None:
    """``o_valid`` so many clocks behind ``i_valid``."""
    valids = [Signal(name=f"valid{k}") for k in range(clocks)]
    m.d.sync += [valids[0].eq(component.i_valid), *(after.eq(before) for before, after in pairwise(valids))]
    m.d.comb += component.o_valid.eq(valids[-1])


def streamed(m: Module, total: Value, port: Port, component: wiring.Component) -> None:
    """The register behind an output."""
    register = Signal(signed(port.width), name=f"{port.name[2:]}_r", reset_less=True)
    m.d.sync += register.eq(total)
    m.d.comb += getattr(component, port.name).eq(register)
