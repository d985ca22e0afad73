"""Finite impulse response filter, transposed form, constant coefficients: the integer model beside the hardware.

One adder graph multiplies each sample by all constants; a chain of accumulators adds the products, one register a
tap. Every accumulator has the most significant bit its worst case needs and drops the low bits it was told to drop;
one constant, added at the start of the chain, takes out the mean of everything dropped (and holds the half of a
half-up rounding).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from hwgen.adders import AdderGraph, shifted
from hwgen.blocks.operand import Operand
from hwgen.blocks.truncation import Dropped, dropped
from hwgen.fixed import Format, Overflow, Rounding, quantise, quantise_hw

TABLE_BITS = 16  # input widths up to this are enumerated: exact ranges, exact errors, table look-up in the model
_BLOCK = 1 << 14  # samples the model works on at a time: operands stay in the cache


@dataclass(frozen=True)
class Product:
    """What tap `tap` adds to its accumulator: node `node` of the graph, shifted left (negative `shift`: truncated)."""

    tap: int
    node: int
    shift: int
    negative: bool


@dataclass(frozen=True)
class Fir:
    """FIR filter ``y[n] = sum_k h[k] x[n - k]`` in transposed form.

    Latency: 3 clocks (input register, accumulator, output register). Throughput: one sample a clock.

    Parameters
    ----------
    coefficients
        ``h[0] .. h[N - 1]`` in units of ``2**-fraction``; the last may not be 0.
    fraction
        Fraction bits of the coefficients.
    input, output
        Formats of the samples.
    rounding, overflow
        How the last accumulator becomes an output.
    graph
        Adder graph that has every coefficient's odd fundamental, with the LSB of every node.
    accumulator_lsbs
        LSB weight of each accumulator, as a power of two (-14 stands for 2**-14); accumulator 0 is the last.
    channels
        1, or 2 for complex samples under the same real coefficients.
    reset_data
        False: reset clears the valid bits alone and leaves the delay line as it is.
    equal_widths
        True: every accumulator is as wide as the widest, as one word length for all would have it.
    """

    coefficients: tuple[int, ...]
    fraction: int
    input: Format
    output: Format
    graph: AdderGraph
    accumulator_lsbs: tuple[int, ...]
    rounding: Rounding = Rounding.HALF_UP
    overflow: Overflow = Overflow.SATURATE
    channels: int = 1
    reset_data: bool = True
    equal_widths: bool = False
    latency: int = 3

    def __post_init__(self) -> None:
        if not self.coefficients or self.coefficients[-1] == 0:
            raise ValueError("a FIR needs at least one coefficient, and the last must not be 0")
        if len(self.accumulator_lsbs) != len(self.coefficients):
            raise ValueError(
                f"{len(self.coefficients)} coefficients need as many accumulators, not {len(self.accumulator_lsbs)}"
            )
        for value in self.coefficients:
            if value:
                self.graph.find(value)

    # ------------------------------------------------------------------ widths
    @property
    def product_lsb(self) -> int:
        """Weight (power of two) of the lowest bit of a full-precision product."""
        return -(self.fraction + self.input.fraction)

    @cached_property
    def products(self) -> tuple[Product | None, ...]:
        """What each tap adds, None where the coefficient is 0."""
        found: list[Product | None] = []
        for tap, (value, lsb) in enumerate(zip(self.coefficients, self.accumulator_lsbs, strict=True)):
            if value == 0:
                found.append(None)
                continue
            node, shift = self.graph.find(value)
            align = self.product_lsb + self.graph.lsbs[node] + shift - lsb
            found.append(Product(tap, node, align, value < 0))
        return tuple(found)

    @cached_property
    def inputs(self) -> NDArray:
        """Every input word, or for wide inputs the two extremes and zero."""
        low, high = self.input.minimum, self.input.maximum
        if self.enumerated:
            return np.arange(low, high + 1, dtype=np.int64)
        return np.array([low, 0, high], dtype=object)

    @property
    def enumerated(self) -> bool:
        """Whether every input word is tried: ranges and errors are then exact, and the model looks products up."""
        return self.input.width <= TABLE_BITS

    @cached_property
    def node_values(self) -> list[NDArray]:
        return self.graph.evaluate(self.inputs)

    @cached_property
    def _node_slack(self) -> list[int]:
        """How far a node may pass its values at the extremes, in its own LSBs; 0 where every input was enumerated."""
        graph, slack = self.graph, [0]
        for adder in graph.adders:
            total = 0
            for node, shift in ((adder.left, adder.left_shift), (adder.right, adder.right_shift)):
                # The operand's own slack, rounded up, and one for what is dropped of it.
                total -= _shift(-slack[node], graph.lsbs[node] + shift - adder.lsb)
                total += graph.lowest[node] + shift < adder.lsb
            slack.append(0 if self.input.width <= TABLE_BITS else total)
        return slack

    def node_range(self, node: int) -> tuple[int, int]:
        """Smallest and largest value node `node` of the graph takes."""
        values, slack = self.node_values[node], self._node_slack[node]
        return int(values.min()) - slack, int(values.max()) + slack

    def product_range(self, product: Product) -> tuple[int, int]:
        """Smallest and largest value a product adds to its accumulator, sign included, in the accumulator's LSBs."""
        low, high = (_shift(v, product.shift) for v in self.node_range(product.node))
        return (-high, -low) if product.negative else (low, high)

    @cached_property
    def constant(self) -> int:
        """Added to the last accumulator, in its LSBs: minus the mean of all dropped bits.

        The mean is over uniformly distributed input words. A half-up rounding's half is included, so that rounding is
        plain truncation afterwards. It stands behind the chain, not before it: registers then rest at zero, which
        is the only power-up value an iCE40 flip-flop has.
        """
        mean = self.dropped.mean
        if self._half_is_folded:
            mean -= 2.0 ** (-self.output.fraction - 1)
        return round(-mean * 2.0 ** -self.accumulator_lsbs[0])

    @property
    def _half_is_folded(self) -> bool:
        return self.rounding == Rounding.HALF_UP and self.accumulator_lsbs[0] < -self.output.fraction

    @cached_property
    def centred(self) -> Format:
        """Format of the last accumulator with the constant added."""
        low, high = self.ranges[0]
        return Format.for_range(
            low + self.constant, high + self.constant, fraction=-self.accumulator_lsbs[0], signed=True
        )

    @cached_property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """Smallest and largest value of each accumulator over all inputs, in its LSBs: it cannot overflow."""
        found, low, high, previous = [], 0, 0, self.accumulator_lsbs[-1]
        for tap in reversed(range(len(self.coefficients))):
            lsb, product = self.accumulator_lsbs[tap], self.products[tap]
            low, high, previous = _shift(low, previous - lsb), _shift(high, previous - lsb), lsb
            if product is not None:
                least, most = self.product_range(product)
                low, high = low + least, high + most
            found.append((low, high))
        return tuple(reversed(found))

    @cached_property
    def accumulators(self) -> tuple[Format, ...]:
        """Format of each accumulator."""
        own = [
            Format.for_range(low, high, fraction=-lsb, signed=True)
            for (low, high), lsb in zip(self.ranges, self.accumulator_lsbs, strict=True)
        ]
        if self.equal_widths:
            integer = max(f.integer for f in own)
            own = [Format(integer, f.fraction) for f in own]
        return tuple(own)

    def node_width(self, node: int) -> int:
        """Wires of node `node`, sign included."""
        low, high = self.node_range(node)
        return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length()) + 1

    # ------------------------------------------------------------------- error
    @cached_property
    def dropped(self) -> Dropped:
        """Mean, variance and worst case of everything dropped before the final rounding (see `Dropped`)."""
        return dropped(self)

    @cached_property
    def error_bound(self) -> float:
        """Largest distance of any output from the exact convolution, in output LSBs, saturation and wrapping apart."""
        step, fine = self.output.lsb, 2.0 ** self.accumulator_lsbs[0]
        offset = self.constant * fine
        low, high = self.dropped.low + offset, self.dropped.high + offset
        if fine < step:
            if self._half_is_folded or self.rounding == Rounding.FLOOR:
                low -= step - fine
            else:
                low, high = low - step / 2, high + step / 2
        return max(abs(low), abs(high)) / step

    # ------------------------------------------------------------------- model
    def model(self, x: NDArray) -> NDArray:
        """Bit-true outputs for input words `x`, shape (n,) or (channels, n), from zero history.

        Raises ``ValueError`` for words outside the input format.
        """
        x = self._checked(x)
        return np.stack([self.model(row) for row in x]) if x.ndim == 2 else self._finish(self._chain(x))

    def exact(self, x: NDArray) -> NDArray:
        """Exact convolution of `x` with the coefficients, in units of ``2**(-fraction - input.fraction)``."""
        x = self._checked(x)
        return np.stack([self.exact(row) for row in x]) if x.ndim == 2 else self._convolved(x)

    def _checked(self, x: NDArray) -> NDArray:
        x = np.asarray(x)
        if x.size and (int(x.min()) < self.input.minimum or int(x.max()) > self.input.maximum):
            raise ValueError(f"samples must lie in {self.input.minimum}..{self.input.maximum} ({self.input})")
        return x

    def _finish(self, y: NDArray) -> NDArray:
        rounding = Rounding.FLOOR if self._half_is_folded else self.rounding
        return quantise(y + self.constant, self.centred, self.output, rounding, self.overflow)

    @cached_property
    def _tables(self) -> dict[tuple[int, int], NDArray]:
        """Product of every input word, by node and shift."""
        dtype = np.int32 if max(f.width for f in self.accumulators) <= 31 else np.int64
        return {
            (p.node, p.shift): shifted(self.node_values[p.node], p.shift).astype(dtype)
            for p in self.products
            if p is not None
        }

    def _chain(self, x: NDArray) -> NDArray:
        """Last accumulator after each sample."""
        if not self.enumerated or max(f.width for f in self.accumulators) > 62:
            return self._accumulate(x.astype(object), self._computed_products)
        out = np.empty(len(x), dtype=np.int64)
        history = len(self.coefficients) - 1
        zero = -self.input.minimum
        padded = np.concatenate([np.full(history, zero), x.astype(np.intp) - self.input.minimum])
        for start in range(0, len(x), _BLOCK):
            words = padded[start : start + _BLOCK + history]
            out[start : start + _BLOCK] = self._accumulate(words, self._looked_up_products)[history:]
        return out

    def _looked_up_products(self, words: NDArray) -> dict[tuple[int, int], NDArray]:
        return {key: table.take(words) for key, table in self._tables.items()}

    def _computed_products(self, words: NDArray) -> dict[tuple[int, int], NDArray]:
        nodes = self.graph.evaluate(words)
        return {(p.node, p.shift): shifted(nodes[p.node], p.shift) for p in self.products if p is not None}

    def _accumulate(self, words: NDArray, multiply) -> NDArray:  # type: ignore[no-untyped-def]
        """Run the chain over one block. `acc[m]` is the accumulator whose content leaves as output m.

        Shifting the chain by a sample is renaming: tap k of sample m - k lands in ``acc[m]``, in the order of the
        chain.
        """
        products = multiply(words)
        first = next(iter(products.values()))
        acc = np.zeros(len(words), dtype=first.dtype)
        previous = self.accumulator_lsbs[-1]
        for tap in reversed(range(len(self.coefficients))):
            lsb, product = self.accumulator_lsbs[tap], self.products[tap]
            if lsb != previous:
                acc = shifted(acc, previous - lsb)
                previous = lsb
            if product is None:
                continue
            value = products[product.node, product.shift]
            into = acc[tap:]
            if product.negative:
                into -= value[: len(into)]
            else:
                into += value[: len(into)]
        return acc

    def _convolved(self, x: NDArray) -> NDArray:
        largest = max(abs(self.input.minimum), self.input.maximum) * sum(abs(c) for c in self.coefficients)
        x = x.astype(np.int64 if largest < 1 << 62 else object)
        out = np.zeros_like(x)
        for tap, value in enumerate(self.coefficients):
            if value and tap < len(x):
                out[tap:] += value * x[: len(x) - tap]
        return out

    # ---------------------------------------------------------------- hardware
    def component(self) -> "FirComponent":
        """Amaranth component: ports ``i_valid, i_data`` and ``o_valid, o_data`` (``i_re, i_im`` where complex)."""
        return FirComponent(self)


def _shift(value: int, shift: int) -> int:
    return value << shift if shift >= 0 else value >> -shift


class FirComponent(wiring.Component):
    """Hardware of `Fir`: see there for latency, throughput and widths."""

    def __init__(self, fir: Fir) -> None:
        self.fir = fir
        self.suffixes = ("_re", "_im") if fir.channels == 2 else ("",)
        ports = {"i_valid": In(1), "o_valid": Out(1)}
        for suffix in self.suffixes:
            ports[f"i{suffix or '_data'}"] = In(fir.input.as_shape())
            ports[f"o{suffix or '_data'}"] = Out(fir.output.as_shape())
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        x_valid, acc_valid = Signal(name="x_valid"), Signal(name="acc_valid")
        m.d.sync += [x_valid.eq(self.i_valid), acc_valid.eq(x_valid), self.o_valid.eq(acc_valid)]
        for suffix in self.suffixes:
            data, out = getattr(self, f"i{suffix or '_data'}"), getattr(self, f"o{suffix or '_data'}")
            self._channel(m, suffix, data, out, x_valid, acc_valid)
        return m

    def _channel(self, m: Module, suffix: str, data: Value, out: Value, x_valid: Value, acc_valid: Value) -> None:
        fir = self.fir
        # What x and the result hold before their first sample is never read: neither needs a reset.
        x = Signal(fir.input.as_shape(), name=f"x{suffix}", reset_less=True)
        with m.If(self.i_valid):
            m.d.sync += x.eq(data)
        # Every operand below is signed: an unsigned sample gets a sign bit, which is 0.
        nodes: list[Value] = [x if fir.input.signed else Cat(x, Const(0, 1)).as_signed()]
        for k in range(1, len(fir.graph)):
            nodes.append(self._adder(m, nodes, k, suffix))
        acc: Value = Const(0, signed(1))
        previous = fir.accumulator_lsbs[-1]
        for tap in reversed(range(len(fir.coefficients))):
            lsb, product, shape = fir.accumulator_lsbs[tap], fir.products[tap], signed(fir.accumulators[tap].width)
            carried = Operand.of(acc, previous - lsb).value
            total = carried
            if product is not None:
                addend = Operand.of(nodes[product.node], product.shift)
                total = Signal(shape, name=f"sum{tap}{suffix}")
                if isinstance(acc, Const) and not product.negative:
                    m.d.comb += total.eq(addend.value)
                else:
                    m.d.comb += total.eq(Operand(carried, 0).combined(addend, product.negative))
            acc = Signal(shape, name=f"acc{tap}{suffix}", reset_less=not fir.reset_data)
            with m.If(x_valid):
                m.d.sync += acc.eq(total)
            previous = lsb
        if fir.constant:
            centred = Signal(signed(fir.centred.width), name=f"centred{suffix}")
            m.d.comb += centred.eq(Operand(acc, 0).combined(Operand.constant(abs(fir.constant)), fir.constant < 0))
            acc = centred
        rounding = Rounding.FLOOR if fir._half_is_folded else fir.rounding
        rounded = quantise_hw(m, acc, fir.centred, fir.output, rounding, fir.overflow, name=f"rounded{suffix}")
        result = Signal(fir.output.as_shape(), name=f"result{suffix}", reset_less=True)
        with m.If(acc_valid):
            m.d.sync += result.eq(rounded)
        m.d.comb += out.eq(result)

    def _adder(self, m: Module, nodes: list[Value], k: int, suffix: str) -> Signal:
        """One node of the graph, kept apart by `keep`: Yosys would merge chained adders into carry-save trees."""
        adder, lsbs = self.fir.graph.adders[k - 1], self.fir.graph.lsbs
        left = Operand.of(nodes[adder.left], lsbs[adder.left] + adder.left_shift - adder.lsb)
        right = Operand.of(nodes[adder.right], lsbs[adder.right] + adder.right_shift - adder.lsb)
        node = Signal(signed(self.fir.node_width(k)), name=f"x{adder.constant}{suffix}", attrs={"keep": 1})
        m.d.comb += node.eq(left.combined(right, adder.subtract))
        return node
