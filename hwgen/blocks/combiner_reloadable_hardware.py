"""Hardware of the reloadable combiner: registers of weights, their triples, multiples that are chosen, trees."""

from amaranth.hdl import Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hwgen.blocks.combiner_hardware import held, parts_of, streamed, summed, valid_through
from hwgen.blocks.combiner_reloadable import PARTS, Multiple, ReloadableCombiner
from hwgen.blocks.loading import loaded
from hwgen.fixed import Format


class ReloadableCombinerComponent(wiring.Component):
    """Hardware of `ReloadableCombiner`: see there for latency, widths and when a write takes effect."""

    def __init__(self, combiner: ReloadableCombiner) -> None:
        self.combiner = combiner
        ports = {"i_valid": In(1), "o_valid": Out(1)}
        ports |= {port.name: In(unsigned(port.width)) for port in combiner.inputs}
        ports |= {port.name: In(signed(port.width) if port.signed else port.width) for port in combiner.ports}
        ports |= {port.name: Out(signed(port.width)) for port in combiner.output_ports}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, c = Module(), self.combiner
        valid_through(m, c.latency, self)
        words = list(parts_of(m, c, self).values())
        for k in range(c.streams):
            weights = [self._weight(m, k, n, part) for n in range(len(c.active)) for part in range(2)]
            for part, name in enumerate(PARTS):
                row = f"s{k}_{name}"
                leaves: list[Value] = [
                    held(m, self._multiple(leaf, weights, words), f"{row}_0_{i}")
                    for i, leaf in enumerate(c.multiples[name])
                ]
                r = 2 * k + part
                total = summed(m, c.trees[r], leaves, c.constants[r], c.fraction, c.outputs[k], row)
                streamed(m, total, c.output_ports[r], self)
        return m

    def _weight(self, m: Module, stream: int, antenna: int, part: int) -> tuple[Value, Value]:
        """One part of a weight, and the word of three times it: 3 (c + 1/2) = 3 c + 1 + 1/2."""
        c, form = self.combiner, self.combiner.weights[stream][antenna]
        index = 2 * (stream * len(c.active) + antenna) + part
        name = f"w{stream}_{c.active[antenna]}_{PARTS[part]}"
        word = loaded(m, self, index, form, c.power_up[index], name)
        if c.bits[c.active[antenna]] < 2:
            return word, word
        width = Format.for_range(3 * form.minimum + 1, 3 * form.maximum + 1, signed=True).width
        triple = Signal(signed(width), name=f"{name}_x3", attrs={"keep": 1})
        m.d.comb += triple.eq((word << 1) + word + 1)
        return word, triple

    def _multiple(self, leaf: Multiple, weights: list[tuple[Value, Value]], words: list[Value]) -> Value:
        """A weight or its triple, inverted where the digits are negative."""
        word, triple = weights[2 * leaf.antenna + leaf.weight]
        adc = words[2 * leaf.antenna + leaf.word]
        # Offset binary: the sign bit inverted.
        digits = [adc[i] if i + 1 < len(adc) else ~adc[i] for i in range(leaf.digit, min(leaf.digit + 2, len(adc)))]
        inverted = digits[-1] if leaf.negative else ~digits[-1]
        chosen: Value = Mux(digits[0] == digits[1], triple, word) if self.combiner.paired(leaf) else word
        return (chosen ^ inverted.replicate(len(chosen)).as_signed()).as_signed()
