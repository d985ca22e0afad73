"""Finite impulse response filter on few multipliers, each used once a clock: schedule, widths and integer model.

Samples lie in a circular memory, coefficients in a table. Each clock, every unit multiplies one word of each and
adds the product to an accumulator. The hardware is in `hwgen.blocks.folded_hardware`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwgen.adders.digits import base4
from hwgen.blocks.words import Dropped
from hwgen.check.vectors import Port, Top
from hwgen.fixed import INT64_BITS, Format, Overflow, Rounding, quantise

if TYPE_CHECKING:
    from hwgen.blocks.folded_hardware import FoldedComponent

STAGES = 5  # clocks from the last read of an output to its consumer: read, operand, product, sum, result
ENUMERATED_BITS = 18  # operands up to this width are enumerated for the mean and variance of what is dropped


@dataclass(frozen=True)
class Term:
    """One product of an output: `coefficient` times the sample `ago` back, plus `sign` times that `mirror` back."""

    coefficient: int
    ago: int
    mirror: int | None = None
    sign: int = 1


@dataclass(frozen=True)
class Folded:
    """FIR filter ``y[n] = sum_k h[k] x[n - k]`` with `interval` clocks a sample.

    Latency: `slots` + 5 clocks. Throughput: one sample in `interval` clocks. An output takes `slots` clocks on
    `units` multipliers.

    Parameters
    ----------
    coefficients
        ``h[0] .. h[N - 1]`` in units of ``2**-fraction``.
    fraction
        Fraction bits of the coefficients.
    input, output
        Formats of the samples.
    interval
        Clocks from one taken sample to the next that can be taken.
    rounding, overflow
        How the accumulator becomes an output.
    channels
        1, or 2 for complex samples under the same real coefficients: two datapaths, one control.
    decimate
        R: only outputs 0, R, 2R, ... are computed, each in up to ``R * interval`` clocks.
    interpolate
        L: each sample gives L outputs, `spacing` clocks apart; output ``m`` of the sample n is
        ``sum_j h[m + L j] x[n - j]``.
    reset_data
        False: reset clears the control alone, and filters go on with the samples from before.
    dsp
        True: multiply and accumulate in one statement each, as synthesis maps them to a DSP block; False: a
        multiplier in LUTs.
    lsb
        Weight of the accumulator's lowest bit, as a power of two: products are truncated to it, and the mean of what
        they lose is put back. None keeps products exact, which is what DSP blocks do at no cost.
    """

    coefficients: tuple[int, ...]
    fraction: int
    input: Format
    output: Format
    interval: int
    rounding: Rounding = Rounding.HALF_UP
    overflow: Overflow = Overflow.SATURATE
    channels: int = 1
    decimate: int = 1
    interpolate: int = 1
    reset_data: bool = True
    dsp: bool = False
    lsb: int | None = None

    def __post_init__(self) -> None:
        if not any(self.coefficients):
            raise ValueError("a FIR needs at least one coefficient that is not 0")
        if self.channels not in (1, 2):
            raise ValueError(f"channels must be 1 or 2, not {self.channels}")
        if min(self.interval, self.decimate, self.interpolate) < 1:
            raise ValueError("interval, decimate and interpolate must be 1 or more")
        if self.decimate > 1 and self.interpolate > 1:
            raise ValueError("a folded filter decimates or interpolates, not both")
        if self.budget < 2:
            raise ValueError(f"folding needs at least 2 clocks an output, {self.interval} a sample give {self.budget}")
        if self.lsb is not None and self.lsb < self.product_lsb:
            raise ValueError(f"lsb must be {self.product_lsb} (that of a product) or more, not {self.lsb}")
        if self.accumulator.width > INT64_BITS:
            raise ValueError(f"the accumulator needs {self.accumulator.width} bits, more than {INT64_BITS}")

    structure = "folded"
    interleave = 1  # channels in turn

    # ---------------------------------------------------------------- schedule
    @property
    def budget(self) -> int:
        """Clocks there are for an output."""
        return self.interval * self.decimate // self.interpolate

    @property
    def symmetry(self) -> int:
        """1 for symmetric, -1 for antisymmetric coefficients, 0 for others."""
        h = self.coefficients
        mirrored = h[::-1]
        return 1 if h == mirrored else -1 if h == tuple(-c for c in mirrored) else 0

    @cached_property
    def phases(self) -> tuple[tuple[Term, ...], ...]:
        """Terms of each of the outputs of a sample.

        A pre-adder, and leaving out coefficients that are 0, cost addresses: both are done only where they save a
        multiplier.
        """
        h, step = self.coefficients, self.interpolate
        plain = tuple(tuple(Term(c, j) for j, c in enumerate(h[m::step])) for m in range(step))
        choices = [plain]
        if self.symmetry and step == 1:
            last = len(h) - 1
            pairs = [Term(c, k, last - k, self.symmetry) for k, c in enumerate(h[: len(h) // 2])]
            if len(h) % 2:
                pairs.append(Term(h[last // 2], last // 2))
            choices.append((tuple(pairs),))
        choices += [tuple(tuple(t for t in terms if t.coefficient) for terms in choice) for choice in choices]
        return min(choices, key=self._units)

    def _units(self, phases: tuple[tuple[Term, ...], ...]) -> int:
        return max(1, -(-max(len(terms) for terms in phases) // self.budget))

    @property
    def units(self) -> int:
        """Multipliers in each channel."""
        return self._units(self.phases)

    @property
    def slots(self) -> int:
        """Clocks in which the units work on an output."""
        return max(1, -(-max(len(terms) for terms in self.phases) // self.units))

    @property
    def pauses(self) -> bool:
        """Whether a clock is left between two outputs, in which the accumulator is loaded."""
        return self.slots < self.budget

    @property
    def spacing(self) -> int:
        """Clocks from one output of a sample to the next."""
        return self.slots + self.pauses

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge that sees its first output."""
        return self.slots + STAGES

    @property
    def history(self) -> int:
        """Samples an output looks back on, itself included."""
        return -(-len(self.coefficients) // self.interpolate)

    @property
    def depth(self) -> int:
        """Words of the circular memory: those in use, those that come in meanwhile, up to a power of two."""
        return 1 << (self.history + self.decimate - 1).bit_length()

    # ------------------------------------------------------------------ widths
    @property
    def product_lsb(self) -> int:
        """Weight (power of two) of the lowest bit of a full-precision product."""
        return -(self.fraction + self.input.fraction)

    @property
    def cut(self) -> int:
        """Low bits of a product that are dropped."""
        return 0 if self.lsb is None else self.lsb - self.product_lsb

    @cached_property
    def operand(self) -> Format:
        """Format of what is multiplied by a coefficient: a sample, or the sum or difference of two; signed."""
        terms = [term for terms in self.phases for term in terms]
        ranges = [self.operand_range(term) for term in terms]
        return Format.for_range(min(r[0] for r in ranges), max(r[1] for r in ranges), self.input.fraction, signed=True)

    def operand_range(self, term: Term) -> tuple[int, int]:
        low, high = self.input.minimum, self.input.maximum
        if term.mirror is None:
            return low, high
        return (2 * low, 2 * high) if term.sign > 0 else (low - high, high - low)

    @cached_property
    def digits(self) -> tuple[int, ...]:
        """Bits of each digit of the recoded coefficients: 2, but 1 for the highest where it is 0 or 1 everywhere."""
        coded = [base4(term.coefficient) for terms in self.phases for term in terms]
        count = max(len(digits) for digits in coded)
        highest = {digits[-1] for digits in coded if len(digits) == count}
        return (2,) * (count - 1) + (1 if highest == {1} else 2,)

    def recoded(self, coefficient: int) -> int:
        """The coefficient's digits -1, 0, 1, 2 in base 4, in two bits each, lowest first: a LUT selects a multiple."""
        return sum((digit & 3) << 2 * j for j, digit in enumerate(base4(coefficient)))

    def shortfall(self, term: Term) -> int:
        """What the LUT multiplier leaves out of a product: it inverts where it should negate, so 1 for each -1.

        It depends on the coefficient alone; the accumulator starts from the sum.
        """
        return 0 if self.dsp else sum(4**j for j, d in enumerate(base4(term.coefficient)) if d < 0)

    @cached_property
    def loads(self) -> tuple[int, ...]:
        """What the accumulator starts from, for each phase, in its LSBs: shortfalls, minus the mean, and the half."""
        half = 0.0
        if self._half_is_folded:
            half = 2.0 ** (-self.output.fraction - 1 - self.product_lsb)
        exact = (sum(self.shortfall(t) for t in terms) + half - self._drop(terms).mean for terms in self.phases)
        return tuple(round(value / (1 << self.cut)) for value in exact)

    @property
    def _half_is_folded(self) -> bool:
        return self.rounding == Rounding.HALF_UP and self.product_lsb + self.cut < -self.output.fraction

    @cached_property
    def accumulator(self) -> Format:
        """Format of the finished accumulator. On the way there it may wrap, as that does not change the end."""
        ends = []
        for terms, load in zip(self.phases, self.loads, strict=True):
            low = high = load
            for term in terms:
                products = (term.coefficient * end - self.shortfall(term) for end in self.operand_range(term))
                least, most = sorted(product >> self.cut for product in products)
                low, high = low + least, high + most
            ends += [low, high]
        return Format.for_range(min(ends), max(ends), -self.product_lsb - self.cut, signed=True)

    # ------------------------------------------------------------------- error
    def _drop(self, terms: tuple[Term, ...]) -> Dropped:
        """Error of the truncated products of one phase, in LSBs of a product."""
        found = [_remainder(self, term) for term in terms] if self.cut else []
        mean, variance, low, high = (sum(r[k] for r in found) for k in range(4))
        return Dropped(-mean, variance, -high, -low)

    @cached_property
    def dropped(self) -> Dropped:
        """Mean, variance and worst case of everything dropped before the final rounding, in input LSBs.

        Products are taken as independent; the worst phase counts where there are several.
        """
        unit = 2.0**-self.fraction
        drop = max((self._drop(terms) for terms in self.phases), key=lambda d: d.variance)
        return Dropped(drop.mean * unit, drop.variance * unit**2, drop.low * unit, drop.high * unit)

    @cached_property
    def error_bound(self) -> float:
        """Largest distance of any output from the exact convolution, in output LSBs, saturation and wrapping apart."""
        step, fine = self.output.lsb, 2.0 ** (self.product_lsb + self.cut)
        bounds = []
        for terms, load in zip(self.phases, self.loads, strict=True):
            drop = self._drop(terms)
            offset = (load << self.cut) - sum(self.shortfall(term) for term in terms)
            low, high = ((end + offset) * 2.0**self.product_lsb for end in (drop.low, drop.high))
            if fine < step:
                if self._half_is_folded or self.rounding == Rounding.FLOOR:
                    low -= step - fine
                else:
                    low, high = low - step / 2, high + step / 2
            bounds += [abs(low), abs(high)]
        return max(bounds) / step

    # ------------------------------------------------------------------- model
    def model(self, x: NDArray) -> NDArray:
        """Bit-true outputs for input words `x`, shape (n,) or (channels, n), from zero history.

        Returns n, ``ceil(n / decimate)`` or ``n * interpolate`` outputs a channel. Raises ``ValueError`` for words
        outside the input format.
        """
        total = self._summed(x, lambda term, value: (term.coefficient * value - self.shortfall(term)) >> self.cut)
        total += np.resize(np.array(self.loads, dtype=np.int64), total.shape[-1])
        rounding = Rounding.FLOOR if self._half_is_folded else self.rounding
        return np.asarray(quantise(total, self.accumulator, self.output, rounding, self.overflow))

    def exact(self, x: NDArray) -> NDArray:
        """Exact outputs, in units of ``2**(-fraction - input.fraction)``; shapes as `model`."""
        return self._summed(x, lambda term, value: term.coefficient * value)

    def _summed(self, x: NDArray, product: Callable[[Term, NDArray], NDArray]) -> NDArray:
        """Sum of ``product(term, operand)`` over the terms of each output."""
        x = np.asarray(x)
        if x.size and (int(x.min()) < self.input.minimum or int(x.max()) > self.input.maximum):
            raise ValueError(f"samples must lie in {self.input.minimum}..{self.input.maximum} ({self.input})")
        before = self.history - 1
        padded = np.concatenate([np.zeros((*x.shape[:-1], before), dtype=np.int64), x.astype(np.int64)], axis=-1)

        def back(ago: int) -> NDArray:
            return padded[..., before - ago : before - ago + x.shape[-1] : self.decimate]

        sums = []
        for terms in self.phases:
            total = np.zeros_like(back(0))
            for term in terms:
                value = back(term.ago)
                total += product(term, value if term.mirror is None else value + term.sign * back(term.mirror))
            sums.append(total)
        return np.stack(sums, axis=-1).reshape(*x.shape[:-1], -1)

    # ---------------------------------------------------------------- hardware
    def top(self, name: str) -> Top:
        """Ports, latency and rates of the module `name`."""
        suffixes = ("_re", "_im") if self.channels == 2 else ("_data",)
        inputs, outputs = (
            tuple(Port(side + suffix, form.width, form.signed) for suffix in suffixes)
            for side, form in (("i", self.input), ("o", self.output))
        )
        spacing = self.spacing if self.interpolate > 1 else 1
        return Top(name, inputs, outputs, self.latency, self.interval, self.decimate, self.interpolate, spacing)

    def component(self) -> "FoldedComponent":
        """Amaranth component: ``i_valid``, ``i_ready`` (where `interval` is above 1), ``o_valid`` and data ports."""
        from hwgen.blocks.folded_hardware import FoldedComponent

        return FoldedComponent(self)


def _remainder(folded: Folded, term: Term) -> tuple[float, float, float, float]:
    """Mean, variance, least and most that truncation takes from a product: exact, or by the uniform model if wide."""
    size = 1 << folded.cut
    low, high = folded.operand_range(term)
    if high - low >= 1 << ENUMERATED_BITS:
        scale = min(term.coefficient & -term.coefficient, size)  # remainders are multiples of it
        return (size - scale) / 2, (size**2 - scale**2) / 12, 0.0, float(size - scale)
    rest = (term.coefficient * np.arange(low, high + 1) - folded.shortfall(term)) & (size - 1)
    middle = len(rest) // 2
    weight = np.ones(len(rest)) if term.mirror is None else middle + 1.0 - np.abs(np.arange(len(rest)) - middle)
    mean = float(np.average(rest, weights=weight))
    return mean, float(np.average((rest - mean) ** 2, weights=weight)), float(rest.min()), float(rest.max())
