"""Cascaded integrator-comb decimator with a width for every register; model beside hardware.

N integrators at the input rate, N combs ``y[m] = x[m] - x[m - M]`` at 1/R of it (Hogenauer, "An economical class of
digital filters for decimation and interpolation", IEEE Trans. ASSP 29(2), 1981). All registers have the same most
significant bit, in which they may wrap as long as the result does not; each has a lowest bit of its own.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from hwgen.fixed import INT64_BITS, Format
from hwgen.problems import cic as responses

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cic:
    """CIC decimator, one sample a clock; sample 0, R, 2R, ... gives an output. Latency: 2 N clocks.

    Parameters
    ----------
    input
        Format of a sample (of each part), signed.
    channels
        1 for real samples, 2 for complex ones.
    stages, decimate, delay
        N, R and M.
    dropped
        Bits that each register, integrators first, and the output lack at the low end of a sample: 2 N + 1 numbers
        that do not fall.
    width
        Bits of a register with all of a sample's low bits: what the result needs.
    """

    input: Format
    channels: int
    stages: int
    decimate: int
    delay: int
    dropped: tuple[int, ...]
    width: int

    def __post_init__(self) -> None:
        if not self.input.signed or self.channels not in (1, 2):
            raise ValueError("a CIC takes signed samples, real or complex")
        if self.stages < 1 or self.decimate < 2 or self.delay < 1:
            raise ValueError("a CIC has 1 stage or more, a delay of 1 or more, and decimates by 2 or more")
        if len(self.dropped) != 2 * self.stages + 1 or list(self.dropped) != sorted(self.dropped):
            raise ValueError(f"a CIC of {self.stages} stages has {2 * self.stages + 1} rising numbers of dropped bits")
        if self.dropped[0] < 0 or self.dropped[-1] > self.width - 2:
            raise ValueError(f"registers drop 0 to {self.width - 2} bits, not {self.dropped}")
        if self.dropped[0] >= self.input.width:
            raise ValueError(f"the first register drops {self.dropped[0]} bits of samples of {self.input.width}")
        if self.width > INT64_BITS:
            raise ValueError(
                f"a CIC of {self.width} bits is wider than {INT64_BITS}; decimate by less or in two stages"
            )

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge at which its output is seen."""
        return 2 * self.stages

    outputs = property(lambda self: self.channels)
    ports = ()

    # ------------------------------------------------------------------ widths
    @staticmethod
    def needed(limit: int, gain: int, error: int = 0) -> int:
        """Bits of the registers for samples of magnitude up to `limit`, a gain and an error of the result."""
        return Format.for_range(-(limit * gain + error), limit * gain + error, signed=True).width

    @property
    def gain(self) -> int:
        """Gain at DC, (R M)**N."""
        return int(self.decimate * self.delay) ** self.stages

    @property
    def scale(self) -> int:
        """Bits by which values are scaled down: the gain left is above 1/2 and at most 1."""
        return (self.gain - 1).bit_length()

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Bits of each register, integrators first."""
        return tuple(self.width - bits for bits in self.dropped[:-1])

    @property
    def output(self) -> Format:
        """Format of an output; its values are those of the samples times ``gain * 2**-scale``."""
        fraction = self.input.fraction + self.scale - self.dropped[-1]
        return Format(self.width - self.dropped[-1] - fraction, fraction)

    @property
    def responses(self) -> tuple[tuple[int, ...], ...]:
        """Impulse response from the input of each register, and of the output, to the output (Hogenauer, eq. 9)."""
        return _responses(self.stages, self.decimate, self.delay)

    @cached_property
    def error_bound(self) -> int:
        """Largest magnitude of what truncation adds to the result, in units of a sample's lowest bit, output apart."""
        before, total = 0, 0
        for bits, largest in zip(self.dropped[:-1], _magnitudes(self.stages, self.decimate, self.delay), strict=False):
            total += ((1 << bits) - (1 << before)) * largest
            before = bits
        return total

    # ------------------------------------------------------------------- model
    def model(self, x: NDArray[Any]) -> Ints:
        """Bit-true outputs (channels, ceil(n / R)) for samples (channels, n), from reset."""
        rows = [self._filtered(row) for row in np.atleast_2d(np.asarray(x, dtype=np.int64))]
        return np.stack(rows)

    def _filtered(self, x: Ints) -> Ints:
        before, word = 0, x
        for bits in self.dropped[: self.stages]:
            # int64 wraps at a multiple of the register's own modulus.
            word = self._wrapped(np.cumsum(word >> bits - before), bits)
            before = bits
        word = word[:: self.decimate]
        for bits in self.dropped[self.stages : -1]:
            cut = word >> bits - before
            late = np.concatenate([np.zeros(min(self.delay, len(cut)), dtype=np.int64), cut[: -self.delay]])
            word = self._wrapped(cut - late, bits)
            before = bits
        return word >> self.dropped[-1] - before

    def _wrapped(self, word: Ints, bits: int) -> Ints:
        half = 1 << self.width - bits - 1
        return np.asarray(((word + half) & (2 * half - 1)) - half)

    # ---------------------------------------------------------------- hardware
    def component(self) -> "CicComponent":
        """Amaranth component: ``i_valid``, ``i_data`` or ``i_re, i_im``, ``o_valid``, ``o_data`` or ``o_re, o_im``."""
        return CicComponent(self)


@lru_cache(maxsize=64)
def _responses(stages: int, rate: int, delay: int) -> tuple[tuple[int, ...], ...]:
    form = responses.Cic(stages, rate, delay, 1, 1)
    return tuple(tuple(form.impulse_response(stage)) for stage in range(1, 2 * stages + 2))


@lru_cache(maxsize=64)
def _magnitudes(stages: int, rate: int, delay: int) -> tuple[int, ...]:
    return tuple(sum(abs(h) for h in response) for response in _responses(stages, rate, delay))


class CicComponent(wiring.Component):
    """Hardware of `Cic`: a register behind every adder, and a valid bit that goes along."""

    def __init__(self, cic: Cic) -> None:
        self.cic = cic
        self.suffixes = ("_data",) if cic.channels == 1 else ("_re", "_im")
        ports: dict[str, Any] = {"i_valid": In(1), "o_valid": Out(1)}
        for suffix in self.suffixes:
            ports[f"i{suffix}"], ports[f"o{suffix}"] = In(cic.input.as_shape()), Out(cic.output.as_shape())
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, cic = Module(), self.cic
        moves: list[Value] = [self.i_valid]
        for k in range(1, 2 * cic.stages):
            valid = Signal(name=f"valid{k}")
            m.d.sync += valid.eq(self._kept(m, moves[-1]) if k == cic.stages else moves[-1])
            moves.append(valid)
        m.d.sync += self.o_valid.eq(moves[-1])
        for suffix in self.suffixes:
            word: Value = getattr(self, f"i{suffix}")
            end, before = suffix if cic.channels == 2 else "", 0
            for k, bits in enumerate(cic.dropped[:-1]):
                width, word = cic.width - bits, word[bits - before :].as_signed()
                before = bits
                if k < cic.stages:
                    held = Signal(signed(width), name=f"integrator{k}{end}")
                    value: Value = held + word
                else:
                    late = word
                    for turn in range(cic.delay):
                        number = k - cic.stages
                        kept = Signal(
                            signed(width), name=f"late{number}_{turn}{end}" if cic.delay > 1 else f"late{number}{end}"
                        )
                        with m.If(moves[k]):
                            m.d.sync += kept.eq(late)
                        late = kept
                    held = Signal(signed(width), name=f"comb{k - cic.stages}{end}", reset_less=True)
                    value = word - late
                moved = Signal(signed(width), name=f"next_{held.name}")
                m.d.comb += moved.eq(value)
                with m.If(moves[k]):
                    m.d.sync += held.eq(moved)
                word = held
            m.d.comb += getattr(self, f"o{suffix}").eq(word[cic.dropped[-1] - before :].as_signed())
        return m

    def _kept(self, m: Module, valid: Value) -> Value:
        """Whether the sample in the last integrator is one of those that give outputs."""
        count, first = Signal(range(self.cic.decimate), name="count"), Signal(name="is_first")
        m.d.comb += first.eq(~count.any())
        with m.If(valid):
            m.d.sync += count.eq(Mux(count == self.cic.decimate - 1, 0, count + 1))
        return valid & first
