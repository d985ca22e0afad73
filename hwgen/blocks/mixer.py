"""Mixer: samples times the conjugate of an oscillator, real or complex in, complex out; model beside hardware.

    re = x cos,  im = -x sin;  complex:  re = x_re cos + x_im sin,  im = x_im cos - x_re sin

A product is a row of adders for each bit of the oscillator's magnitude. Bits of the sample that lie below the product's
last one and its guard bits are left out of their rows; the sign of the oscillator inverts what is left. Since
``~floor(p) = ceil(-p) - 1``, an inverted product errs like a truncated one, by half an LSB on average.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from hwgen.blocks.nco import Nco, oscillator
from hwgen.check.vectors import Port
from hwgen.fixed import Format


@dataclass(frozen=True)
class Mixer:
    """Products of samples and an oscillator, one sample a clock. Latency: 2 clocks.

    Parameters
    ----------
    input
        Format of a sample, signed.
    channels
        1 for real samples, 2 for complex ones.
    nco
        The oscillator.
    used
        Bits of a sample that are multiplied, the highest ones.
    fraction
        Fraction bits of a product; values keep their scale.
    guard
        Bits below the product's last one that the rows still have.
    """

    input: Format
    channels: int
    nco: Nco
    used: int
    fraction: int
    guard: int

    def __post_init__(self) -> None:
        if not self.input.signed or self.channels not in (1, 2):
            raise ValueError("a mixer takes signed samples, real or complex")
        if not 2 <= self.used <= self.input.width:
            raise ValueError(f"a mixer uses 2 to {self.input.width} bits of a sample, not {self.used}")
        if self.guard < 0 or not 0 < self.cut < self.used + self.nco.bits:
            raise ValueError(f"a product of {self.fraction} fraction bits has to drop some of {self.finest}, not all")

    latency = 2
    decimate = 1
    outputs = 2

    # ------------------------------------------------------------------ widths
    @property
    def finest(self) -> int:
        """Fraction bits of a product in full."""
        return self.input.fraction - (self.input.width - self.used) + self.nco.bits

    @property
    def cut(self) -> int:
        """Low bits that a product in full loses."""
        return self.finest - self.fraction

    @cached_property
    def lost(self) -> tuple[int, ...]:
        """Low bits of the sample that each row leaves out, the row of the lowest bit first."""
        return tuple(min(max(self.cut - self.guard - row, 0), self.used) for row in range(self.nco.bits))

    @property
    def limit(self) -> int:
        """Largest magnitude of an output word."""
        # One step for the cut, and what the rows leave out of a product.
        top = int(self.nco.table.max())
        missing = sum(((1 << lost) - 1) << row for row, lost in enumerate(self.lost))
        return self.channels * ((((1 << self.used - 1) * top + missing) >> self.cut) + 1)

    @property
    def output(self) -> Format:
        """Format of each part of an output."""
        return Format.for_range(-self.limit, self.limit, self.fraction, True)

    # ------------------------------------------------------------------- model
    def model(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Bit-true outputs (2, n) for samples (channels, n), with a row of steps behind where the NCO has a port."""
        x = np.atleast_2d(np.asarray(x, dtype=np.int64))
        steps = x[self.channels] if self.nco.step is None else None
        magnitudes, negative = self.nco.parts(self.nco.dithered(self.nco.phases(x.shape[1], steps)))
        samples = x[: self.channels] >> self.input.width - self.used
        cosine, sine = zip(magnitudes, negative, strict=True)
        back = sine[0], ~sine[1]
        if self.channels == 1:
            return np.stack([self._product(samples[0], *cosine), self._product(samples[0], *back)])
        re, im = samples
        return np.stack(
            [
                self._product(re, *cosine) + self._product(im, *sine),
                self._product(im, *cosine) + self._product(re, *back),
            ]
        )

    def _product(
        self, x: NDArray[np.int64], magnitude: NDArray[np.int64], negative: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        total = np.zeros_like(x)
        for row, lost in enumerate(self.lost):
            if lost < self.used:
                total += ((x >> lost) << lost + row) * (magnitude >> row & 1)
        total >>= self.cut
        return np.asarray(np.where(negative, ~total, total))

    # ---------------------------------------------------------------- hardware
    @property
    def ports(self) -> tuple[Port, ...]:
        """Ports beside those of the samples."""
        return self.nco.ports

    def component(self) -> "MixerComponent":
        """Amaranth component: ``i_valid``, ``i_data`` or ``i_re, i_im``, ``o_valid``, ``o_re``, ``o_im``."""
        return MixerComponent(self)


class MixerComponent(wiring.Component):
    """Hardware of `Mixer`."""

    def __init__(self, mixer: Mixer) -> None:
        self.mixer = mixer
        self.suffixes = ("_data",) if mixer.channels == 1 else ("_re", "_im")
        ports: dict[str, Any] = {"i_valid": In(1), "o_valid": Out(1)}
        ports |= {f"i{suffix}": In(mixer.input.as_shape()) for suffix in self.suffixes}
        ports |= {port.name: In(port.width) for port in mixer.ports}
        ports |= {f"o{suffix}": Out(mixer.output.as_shape()) for suffix in ("_re", "_im")}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, mixer = Module(), self.mixer
        taken = Signal(name="x_valid")
        m.d.sync += [taken.eq(self.i_valid), self.o_valid.eq(taken)]
        (cosine, below), (sine, under) = oscillator(m, mixer.nco, self.i_valid, getattr(self, "i_step", None))
        samples = []
        for suffix in self.suffixes:
            name = "x" if mixer.channels == 1 else f"x{suffix}"
            x = Signal(signed(mixer.used), name=name, reset_less=True)
            with m.If(self.i_valid):
                m.d.sync += x.eq(getattr(self, f"i{suffix}")[mixer.input.width - mixer.used :].as_signed())
            samples.append(x)
        re, im, over = samples[0], samples[-1], Signal(name="sin_positive")
        m.d.comb += over.eq(~under)
        terms = {"_re": [(re, cosine, below)], "_im": [(re, sine, over)]}
        if mixer.channels == 2:
            terms = {"_re": [*terms["_re"], (im, sine, under)], "_im": [(im, cosine, below), *terms["_im"]]}
        for suffix, factors in terms.items():
            products = [self._product(m, *factor, f"{k}{suffix}") for k, factor in enumerate(factors)]
            mixed = Signal(mixer.output.as_shape(), name=f"mixed{suffix}", reset_less=True)
            with m.If(taken):
                m.d.sync += mixed.eq(products[0] + products[1] if mixer.channels == 2 else products[0])
            m.d.comb += getattr(self, f"o{suffix}").eq(mixed)
        return m

    def _product(self, m: Module, x: Value, magnitude: Value, negative: Value, name: str) -> Value:
        """Rows from the lowest bit up; each adds to what the one before leaves above its own last bit."""
        mixer = self.mixer
        total: Value | None = None  # the sum so far, from bit `base` of the product up
        base = 0
        for row, lost in enumerate(mixer.lost):
            if lost >= mixer.used:
                continue
            multiple = Signal(signed(mixer.used - lost), name=f"multiple{row}_{name}")
            m.d.comb += multiple.eq(Mux(magnitude[row], x[lost:].as_signed(), 0))
            if total is None:
                total, base = multiple, row + lost
                continue
            below = row + lost - base  # bits that pass by this row's adder
            high = total[min(below, len(total) - 1) :].as_signed()
            added = Signal(signed(max(len(high), len(multiple)) + 1), name=f"row{row}_{name}", attrs={"keep": 1})
            m.d.comb += added.eq(high + multiple)
            total = Cat(total[:below], added).as_signed() if below else added
        assert total is not None  # `cut` leaves bits of the last row at least
        kept = Signal(signed(mixer.output.width), name=f"product_{name}")
        m.d.comb += kept.eq(total[min(mixer.cut - base, len(total) - 1) :].as_signed())
        signed_product = Signal(signed(mixer.output.width), name=f"signed_{name}")
        m.d.comb += signed_product.eq(kept ^ negative.replicate(len(kept)))
        return signed_product
