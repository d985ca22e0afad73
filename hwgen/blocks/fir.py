"""Finite impulse response filter with constant coefficients, in any structure: the integer model beside the hardware.

A signal-flow graph of adders and delays computes the convolution; every word has the most significant bit its worst
case needs and drops the low bits it was told to drop. One constant, added at the end, takes out the mean of everything
dropped (and holds the half of a half-up rounding).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.heaps import heaps
from hwgen.blocks.schedule import Schedule
from hwgen.blocks.words import Dropped, Words
from hwgen.fixed import Format, Overflow, Rounding, quantise
from hwgen.flowgraph import FlowGraph
from hwgen.moved_taps import moved

if TYPE_CHECKING:
    from hwgen.blocks.fir_hardware import FirComponent

_BLOCK = 1 << 14  # samples the model works on at a time: operands stay in the cache


@dataclass(frozen=True)
class Fir:
    """FIR filter ``y[m] = sum_k h[k] x[m R - k]``, or ``y[m] = sum_k h[m mod L + k L] x[m // L - k]``.

    R samples in for each output (`decimate`; the first sample gives the first output), or L outputs for each sample
    (`interpolate`, one a clock): the convention of ``scipy.signal.upfirdn``. Latency: ``schedule.last + 3`` clocks
    (input register, pipeline, sum register, output register), 3 where `depth` is None. Throughput: one sample a clock,
    one in L clocks where it interpolates.

    Parameters
    ----------
    coefficients
        ``h[0] .. h[N - 1]`` in units of ``2**-fraction``; the last may not be 0.
    fraction
        Fraction bits of the coefficients.
    input, output
        Formats of the samples.
    graph
        Signal-flow graph of the filter, with the LSB of every adder; one output for each phase.
    rounding, overflow
        How the sum becomes an output.
    channels
        1, or 2 for complex samples under the same real coefficients.
    reset_data
        False: reset clears the valid bits alone and leaves the delay line as it is.
    equal_widths
        True: every accumulator is as wide as the widest, as one word length for all would have it.
    structure
        Name of the graph's structure, for the reader.
    depth
        Most adders between two registers; None: as many as the structure has.
    decimate, interpolate
        R and L; one of them is 1.
    interleave
        Channels whose samples come in turn, each filtered alone; 1 where it decimates.
    offset
        Mean of what comes out beside the wanted signal, in output units, from stages before; it is taken out, too.
    """

    coefficients: tuple[int, ...]
    fraction: int
    input: Format
    output: Format
    graph: FlowGraph
    rounding: Rounding = Rounding.HALF_UP
    overflow: Overflow = Overflow.SATURATE
    channels: int = 1
    reset_data: bool = True
    equal_widths: bool = False
    structure: str = "transposed"
    depth: int | None = None
    decimate: int = 1
    interpolate: int = 1
    interleave: int = 1
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not self.coefficients or self.coefficients[-1] == 0:
            raise ValueError("a FIR needs at least one coefficient, and the last must not be 0")
        if min(self.decimate, self.interpolate) != 1 or max(self.decimate, self.interpolate) < 1:
            raise ValueError("a FIR decimates or interpolates by a whole number, or does neither")
        if self.interleave < 1 or (self.interleave > 1 and self.decimate > 1):
            raise ValueError("a FIR serves 1 or more channels, and 1 where it decimates")
        if len(self.graph.outputs) != self.interpolate:
            raise ValueError(f"the graph has {len(self.graph.outputs)} outputs for {self.interpolate} phases")
        for phase, response in enumerate(self.graph.responses()):
            wanted = self.coefficients[phase :: self.interpolate]
            if response != tuple(int(v) for v in np.trim_zeros(np.array(wanted, dtype=object), "b")):
                raise ValueError(f"the graph does not compute these coefficients, but {response}")

    # ------------------------------------------------------------------ timing
    @cached_property
    def schedule(self) -> Schedule:
        """Pipeline stages of the graph, its delays as long as the channels make them."""
        return Schedule(self.graph.interleaved(self.interleave), self.depth)

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge at which its (first) output is seen."""
        return self.schedule.last + 3

    spacing = 1  # clocks from one output of a sample to the next
    ports = ()  # beside those of the samples
    outputs = property(lambda self: self.channels)

    @property
    def interval(self) -> int:
        """Clocks from one sample to the next."""
        return self.interpolate

    @property
    def registers(self) -> int:
        """Flip-flops of the data path of one channel."""
        ends = self.input.width + self.output.width
        return self.schedule.registers(self.words) + ends + sum(self.words.widths[o.node] for o in self.graph.outputs)

    # ------------------------------------------------------------------ widths
    @cached_property
    def words(self) -> Words:
        """Range, width and error of every word."""
        return Words(self.graph, self.input, self.equal_widths)

    @property
    def product_lsb(self) -> int:
        """Weight (power of two) of the lowest bit of a full-precision product."""
        return -(self.fraction + self.input.fraction)

    @property
    def output_lsbs(self) -> tuple[int, ...]:
        """Weight (power of two) of the lowest bit of each phase's sum, before it is rounded."""
        return tuple(self.graph.lsbs[o.node] + o.shift + self.product_lsb for o in self.graph.outputs)

    def constant(self, phase: int = 0) -> int:
        """Added to a phase's sum, in its LSBs: minus the mean of all dropped bits.

        The mean is over uniformly distributed input words, with the `offset`. A half-up rounding's half is included,
        so that rounding is plain truncation afterwards. It stands behind the graph, not before it: registers then rest
        at zero, which is the only power-up value an iCE40 flip-flop has.
        """
        mean = self.dropped[phase].mean + self.offset
        if self._half_is_folded(phase):
            mean -= 2.0 ** (-self.output.fraction - 1)
        return round(-mean * 2.0 ** -self.output_lsbs[phase])

    def off_centre(self, phase: int = 0) -> float:
        """Mean error of a phase's output, in output units: what rounding the constant to the sum's LSB leaves, and
        rounding half up, which errs by half of that LSB: ties are as likely as any other word, and all go up.
        """
        mean, fine = self.dropped[phase].mean + self.offset, 2.0 ** self.output_lsbs[phase]
        rounding = (fine - self.output.lsb) / 2 if self._half_is_folded(phase) else 0.0
        return mean + rounding + self.constant(phase) * fine

    def _half_is_folded(self, phase: int) -> bool:
        return self.rounding == Rounding.HALF_UP and self.output_lsbs[phase] < -self.output.fraction

    def centred(self, phase: int = 0) -> Format:
        """Format of a phase's sum with the constant added."""
        output, constant = self.graph.outputs[phase], self.constant(phase)
        low, high = self.words.ranges[output.node]
        if output.negative:
            low, high = -high, -low
        return Format.for_range(low + constant, high + constant, fraction=-self.output_lsbs[phase], signed=True)

    @property
    def adders(self) -> int:
        """Adders of the graph."""
        return len(self.graph.sums)

    @property
    def joined(self) -> list[str]:
        """Names of the sums of several words that rows of counting columns build (`hwgen.joined`)."""
        return [self.graph.nodes[k - 1].name for k in heaps(self.schedule, self.words)]

    # ------------------------------------------------------------------- error
    @cached_property
    def dropped(self) -> tuple[Dropped, ...]:
        """Mean, variance and worst case of everything each phase drops before the final rounding, in output units."""
        unit = 2.0**self.product_lsb
        found = [self.words.dropped(phase) for phase in range(self.interpolate)]
        return tuple(Dropped(d.mean * unit, d.variance * unit**2, d.low * unit, d.high * unit) for d in found)

    @cached_property
    def error_bound(self) -> float:
        """Largest distance of any output from the exact convolution, in output LSBs, saturation and wrapping apart."""
        return max(self._error_bound(phase) for phase in range(self.interpolate))

    def _error_bound(self, phase: int) -> float:
        step, fine = self.output.lsb, 2.0 ** self.output_lsbs[phase]
        offset = self.constant(phase) * fine
        low, high = self.dropped[phase].low + offset, self.dropped[phase].high + offset
        if fine < step:
            if self._half_is_folded(phase) or self.rounding == Rounding.FLOOR:
                low -= step - fine
            else:
                low, high = low - step / 2, high + step / 2
        return max(abs(low), abs(high)) / step

    @cached_property
    def moved_by(self) -> NDArray[np.float64]:
        """What the bits that each adder drops add to each tap, (adders, taps): adders in the order of ``graph.sums``,
        taps in the units of `coefficients`; see `hwgen.moved_taps`.
        """
        phases = moved(self.graph, self.input)
        found = np.zeros((len(self.graph.sums), self.interpolate * max(taps.shape[1] for taps in phases)))
        for phase, taps in enumerate(phases):
            found[:, phase :: self.interpolate][:, : taps.shape[1]] = taps
        return found

    @property
    def moved(self) -> NDArray[np.float64]:
        """What all dropped bits add to each tap."""
        return np.asarray(self.moved_by.sum(axis=0))

    @property
    def realised(self) -> NDArray[np.float64]:
        """The taps that the hardware has on average, as numbers, for white noise of half of full scale."""
        moved, found = self.moved, np.zeros(max(len(self.coefficients), self.moved_by.shape[1]))
        found[: len(self.coefficients)] = self.coefficients
        found[: len(moved)] += moved
        return np.ldexp(found, -self.fraction)

    # ------------------------------------------------------------------- model
    def model(self, x: NDArray) -> NDArray:
        """Bit-true outputs for input words `x`, shape (n,) or (channels, n), from zero history.

        Raises ``ValueError`` for words outside the input format.
        """
        x = self._checked(x)
        return np.stack([self.model(row) for row in x]) if x.ndim == 2 else self._filtered(x)

    def exact(self, x: NDArray) -> NDArray:
        """Exact outputs for the words `x` and these coefficients, in units of ``2**(-fraction - input.fraction)``."""
        x = self._checked(x)
        return np.stack([self.exact(row) for row in x]) if x.ndim == 2 else self._convolved(x)

    def _checked(self, x: NDArray) -> NDArray:
        x = np.asarray(x)
        if x.size and (int(x.min()) < self.input.minimum or int(x.max()) > self.input.maximum):
            raise ValueError(f"samples must lie in {self.input.minimum}..{self.input.maximum} ({self.input})")
        return x

    def _finish(self, y: NDArray, phase: int) -> NDArray:
        rounding = Rounding.FLOOR if self._half_is_folded(phase) else self.rounding
        signed_sum = -y if self.graph.outputs[phase].negative else y
        constant, centred = self.constant(phase), self.centred(phase)
        return quantise(signed_sum + constant, centred, self.output, rounding, self.overflow)

    def _filtered(self, x: NDArray) -> NDArray:
        widest = max(*self.words.widths, *(self.centred(p).width for p in range(self.interpolate))) + 1
        dtype = np.int32 if widest <= 31 else np.int64 if widest <= 62 else object
        graph = self.schedule.graph
        history = max(graph.memory)
        padded = np.concatenate([np.zeros(history, dtype=dtype), x.astype(dtype)])
        out = np.empty((self.interpolate, len(x)), dtype=object if widest > 62 else np.int64)
        for start in range(0, len(x), _BLOCK):
            words = padded[start : start + _BLOCK + history]
            nodes, count = graph.evaluate(words), len(words) - history
            for phase, output in enumerate(graph.outputs):
                last = nodes[output.node][len(nodes[output.node]) - count :]
                out[phase, start : start + count] = self._finish(last.astype(out.dtype), phase)
        return out.T.reshape(-1) if self.interpolate > 1 else out[0][:: self.decimate]

    def _convolved(self, x: NDArray) -> NDArray:
        largest = max(abs(self.input.minimum), self.input.maximum) * sum(abs(c) for c in self.coefficients)
        x = x.astype(np.int64 if largest < 1 << 62 else object)
        spread = np.zeros(len(x) * self.interpolate, dtype=x.dtype)
        spread[:: self.interpolate] = x
        out = np.zeros_like(spread)
        for tap, value in enumerate(self.coefficients):
            lag = tap + tap // self.interpolate * self.interpolate * (self.interleave - 1)
            if value and lag < len(spread):
                out[lag:] += value * spread[: len(spread) - lag]
        return out[:: self.decimate]

    # ---------------------------------------------------------------- hardware
    def component(self) -> "FirComponent":
        """Amaranth component: ports ``i_valid, i_data`` and ``o_valid, o_data`` (``i_re, i_im`` where complex).

        An interpolating filter has ``i_ready``, too.
        """
        from hwgen.blocks.fir_hardware import FirComponent

        return FirComponent(self)
