"""Linear-phase filter whose coefficients are loaded through a port: widths for any coefficients, integer model.

Direct form: the two samples of a symmetric pair are added first and share a coefficient. Each coefficient has a
register of its own format, a real multiplier behind it, and the products are added in a tree with a register a level.
The hardware is in `hwgen.blocks.reloadable_hardware`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.loading import load_ports
from hwgen.check.vectors import Port
from hwgen.fixed import INT64_BITS, Format, Overflow, Rounding, quantise

if TYPE_CHECKING:
    from hwgen.blocks.reloadable_hardware import ReloadableComponent


@dataclass(frozen=True)
class Span:
    """Integers `low` to `high` in units of ``2**-fraction``."""

    low: int
    high: int
    fraction: int

    @classmethod
    def added(cls, spans: Sequence["Span"]) -> "Span":
        """Every sum of one word of each."""
        fraction = max(span.fraction for span in spans)
        low, high = (
            sum(end << fraction - span.fraction for end, span in zip(ends, spans, strict=True))
            for ends in ([span.low for span in spans], [span.high for span in spans])
        )
        return cls(low, high, fraction)

    @property
    def width(self) -> int:
        """Wires of a signed word."""
        return Format.for_range(self.low, self.high, signed=True).width


@dataclass(frozen=True)
class Reloadable:
    """FIR filter ``y[n] = sum_k h[k] x[n - k]``, ``h[k] = h[N - 1 - k]``, whose free coefficients can be loaded.

    Latency: ``4 + ceil(log2 F)`` clocks for F free taps, ``F = ceil(N / 2)``. Throughput: one sample a clock.

    A write is an edge with ``c_valid`` and without ``rst``: coefficient ``c_index`` takes the low bits of ``c_data``,
    as many as it has. An index beyond the last free tap is ignored. Reset restores the power-up coefficients. The
    output of a sample taken at edge t is computed with what all writes at edges before ``t + reads`` have left: the
    last that counts comes at the next edge after t.

    Parameters
    ----------
    coefficients
        ``h[0] .. h[N - 1]`` at power-up in units of ``2**-fraction``.
    fraction
        Fraction bits of the coefficients; at least those of every format.
    input, output
        Formats of the samples.
    formats
        Format of each free coefficient's register, signed; no word it can hold makes a sum overflow.
    rounding, overflow
        How the sum becomes an output.
    channels
        1, or 2 for complex samples under the same real coefficients.
    reset_data
        False: reset leaves the delay line as it is.
    dsp
        True: one multiplication in one statement, as synthesis maps it to a DSP block; False: rows of adders.
    interleave
        Channels whose samples come in turn, each filtered alone.
    lsb
        Weight of the lowest bit that is kept of the products, as a power of two: they are truncated to it, and half of
        what that can take is put back. None keeps products exact.
    """

    coefficients: tuple[int, ...]
    fraction: int
    input: Format
    output: Format
    formats: tuple[Format, ...]
    rounding: Rounding = Rounding.HALF_UP
    overflow: Overflow = Overflow.SATURATE
    channels: int = 1
    reset_data: bool = True
    dsp: bool = False
    interleave: int = 1
    lsb: int | None = None

    structure = "direct"
    decimate = interpolate = interval = spacing = 1
    reads = 2  # clocks from the edge that takes a sample to the edge that takes its products

    def __post_init__(self) -> None:
        if not self.coefficients or self.coefficients != self.coefficients[::-1]:
            raise ValueError("a reloadable filter has at least one coefficient, and they are symmetric")
        if len(self.formats) != (len(self.coefficients) + 1) // 2:
            raise ValueError(
                f"{len(self.coefficients)} symmetric taps need {(len(self.coefficients) + 1) // 2} formats"
            )
        if self.channels not in (1, 2) or self.interleave < 1:
            raise ValueError("channels must be 1 or 2, interleave 1 or more")
        for tap, form in enumerate(self.formats):
            if not form.signed or form.fraction > self.fraction or form.width < 2:
                raise ValueError(
                    f"format of tap {tap} must be signed, 2 bits or more, up to {self.fraction} of fraction"
                )
            step = 1 << self.fraction - form.fraction
            if self.coefficients[tap] % step or not form.minimum <= self.power_up[tap] <= form.maximum:
                raise ValueError(f"tap {tap} has no value {self.coefficients[tap]} * 2**-{self.fraction} in {form}")
        if self.centred.width > INT64_BITS:
            raise ValueError(f"the sum needs {self.centred.width} bits, more than {INT64_BITS}")

    @property
    def power_up(self) -> tuple[int, ...]:
        """Word of each free coefficient after power-up or reset, in its own LSB."""
        return tuple(c >> self.fraction - f.fraction for c, f in zip(self.coefficients, self.formats, strict=False))

    @property
    def registers(self) -> tuple[Format, ...]:
        """Format of the word of each index that can be loaded."""
        return self.formats

    @property
    def length(self) -> int:
        """Samples until the filter is full of what came in, and one more."""
        return (len(self.coefficients) + 1) * self.interleave

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports that load coefficients."""
        return load_ports(self.formats)

    @property
    def levels(self) -> int:
        """Levels of the tree that adds the products."""
        return (len(self.formats) - 1).bit_length()

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge at which its output is seen."""
        return self.reads + self.levels + 2

    # ------------------------------------------------------------------ widths
    def paired(self, tap: int) -> bool:
        """Whether a free tap has a partner, which the middle one has not."""
        return tap != len(self.coefficients) - 1 - tap

    def operand(self, tap: int) -> Format:
        """Format of what a free coefficient multiplies; signed."""
        twice = 1 + self.paired(tap)
        return Format.for_range(twice * self.input.minimum, twice * self.input.maximum, self.input.fraction, True)

    @property
    def product_lsb(self) -> int:
        """Weight (power of two) of the lowest bit of `exact`."""
        return -(self.fraction + self.input.fraction)

    @cached_property
    def cuts(self) -> tuple[int, ...]:
        """Low bits of each product that are dropped; at least two bits are kept."""
        if self.lsb is None:
            return (0,) * len(self.formats)
        own = [-(form.fraction + self.input.fraction) for form in self.formats]
        most = [self.operand(tap).width + form.width - 2 for tap, form in enumerate(self.formats)]
        return tuple(min(max(self.lsb - lsb, 0), m) for lsb, m in zip(own, most, strict=True))

    @cached_property
    def products(self) -> tuple[Format, ...]:
        """Format of each product as it is kept."""
        whole = [self.operand(tap).mul(form) for tap, form in enumerate(self.formats)]
        return tuple(Format(p.integer, p.fraction - cut) for p, cut in zip(whole, self.cuts, strict=True))

    @cached_property
    def tree(self) -> tuple[tuple["Span", ...], ...]:
        """The words of each level, for any coefficients: the products, sums of two neighbours each, ... the sum."""
        found = [tuple(Span(p.minimum, p.maximum, p.fraction) for p in self.products)]
        while len(found[-1]) > 1:
            found.append(tuple(Span.added(found[-1][k : k + 2]) for k in range(0, len(found[-1]), 2)))
        return tuple(found)

    @property
    def total(self) -> "Span":
        """The sum of all products."""
        return self.tree[-1][0]

    @cached_property
    def constant(self) -> int:
        """Added to the sum, in its LSBs: half of what truncation can take, and the half of a half-up rounding."""
        mean = sum((1 - 2.0**-cut) / 2 * p.lsb for cut, p in zip(self.cuts, self.products, strict=True))
        half = self.output.lsb / 2 if self.half_is_folded else 0.0
        return round((mean + half) * 2.0**self.total.fraction)

    @property
    def half_is_folded(self) -> bool:
        """Whether the constant rounds, and the rest is truncation."""
        return self.rounding == Rounding.HALF_UP and self.total.fraction > self.output.fraction

    @cached_property
    def centred(self) -> Format:
        """Format of the sum with the constant added."""
        total, more = self.total, self.constant
        return Format.for_range(total.low + more, total.high + more, total.fraction, signed=True)

    # ------------------------------------------------------------------- error
    @cached_property
    def error_bound(self) -> float:
        """Largest distance of an output from the exact one for any coefficients, in output LSBs, overflow apart."""
        step, fine = self.output.lsb, 2.0**-self.total.fraction
        lost = sum((1 - 2.0**-cut) * p.lsb for cut, p in zip(self.cuts, self.products, strict=True))
        low, high = self.constant * fine - lost, self.constant * fine
        if fine < step:
            if self.half_is_folded or self.rounding == Rounding.FLOOR:
                low -= step - fine
            else:
                low, high = low - step / 2, high + step / 2
        return max(abs(low), abs(high)) / step

    # ------------------------------------------------------------------- model
    def model(self, x: NDArray, coefficients: Iterable[int | NDArray[np.int64]] | None = None) -> NDArray:
        """Bit-true outputs for input words `x`, shape (n,) or (channels, n), from zero history.

        Parameters
        ----------
        coefficients
            Word of each free tap in its own LSB: an integer, or an array (n,) with the one in force for each sample.
            None: the power-up coefficients.

        Raises ``ValueError`` for words outside their formats.
        """
        total: NDArray[np.int64] | int = 0
        given = self.power_up if coefficients is None else coefficients
        operands = self._operands(x)
        for form, words, cut, product, operand in zip(
            self.formats, given, self.cuts, self.products, operands, strict=True
        ):
            if np.min(words, initial=0) < form.minimum or np.max(words, initial=0) > form.maximum:
                raise ValueError(f"coefficients must lie in {form.minimum}..{form.maximum} ({form})")
            total = total + (((operand * words) >> cut) << self.total.fraction - product.fraction)
        rounding = Rounding.FLOOR if self.half_is_folded else self.rounding
        return np.asarray(quantise(total + self.constant, self.centred, self.output, rounding, self.overflow))

    def exact(self, x: NDArray) -> NDArray:
        """Exact outputs with the power-up coefficients, in units of ``2**(-fraction - input.fraction)``."""
        return np.asarray(sum(c * v for c, v in zip(self.coefficients, self._operands(x), strict=False)))

    def _operands(self, x: NDArray) -> Iterable[NDArray[np.int64]]:
        """What each free coefficient multiplies, sample by sample."""
        x = np.asarray(x)
        if x.size and (int(x.min()) < self.input.minimum or int(x.max()) > self.input.maximum):
            raise ValueError(f"samples must lie in {self.input.minimum}..{self.input.maximum} ({self.input})")
        last = len(self.coefficients) - 1
        before, count = last * self.interleave, x.shape[-1]
        padded = np.concatenate([np.zeros((*x.shape[:-1], before), dtype=np.int64), x.astype(np.int64)], axis=-1)

        def back(samples: int) -> NDArray[np.int64]:
            start = before - samples * self.interleave
            return padded[..., start : start + count]

        return (back(k) + back(last - k) if self.paired(k) else back(k) for k in range(len(self.formats)))

    # ---------------------------------------------------------------- hardware
    def component(self) -> "ReloadableComponent":
        """Amaranth component: the ports of a filter, and ``c_valid, c_index, c_data``."""
        from hwgen.blocks.reloadable_hardware import ReloadableComponent

        return ReloadableComponent(self)
