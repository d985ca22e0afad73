"""Numerically controlled oscillator: a phase accumulator and a quarter-wave table; model, hardware and exact spectrum.

Phase p of M stands for the angle ``2 pi (p + 1/2) / M``. The half lets every quadrant have the same table, and lets a
phase whose low bits are dropped stand for the middle of those that share a word: no offset comes of it.
"""

from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from hwgen.blocks import dither
from hwgen.check.vectors import Port

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LARGEST_TABLE = 1 << 16  # words of a quarter wave
Wave = tuple[Signal, Signal]  # magnitude, and whether it is negative


@dataclass(frozen=True)
class Nco:
    """Cosine and sine words of a phase that moves on by a step with each sample.

    The first sample after reset has phase 0. Latency of the component: 1 clock, one sample a clock.

    Parameters
    ----------
    modulus
        Phase steps M of a turn, a multiple of ``4 * 2**dropped``. Any: the table then has every phase of a period, and
        the frequency ``step / M`` is exact. A power of two where `dropped` is not 0 or the step is a port's.
    step
        Phase steps a sample, 0 to M - 1; None: a port `i_step` gives it, the phase of the next sample is moved by the
        step that comes with this one, and never jumps.
    dropped
        Low bits of the phase that do not address the table.
    bits
        Bits of a magnitude in the table, in units of ``2**-bits``. From 5 bits on the amplitude stays 3 % below 1, so
        that what stages behind a mixer add to a full-scale signal does not need a further bit in all their words.
    dither
        Whether random bits are added to the phase before its low bits are dropped: on average over them words are
        interpolated, so that spurs of phase truncation fall by 12 dB a bit instead of 6 (Flanagan and Zimmerman 1995);
        what is left of the truncation is noise. The bits come from a shift register, the same in the model.
    """

    modulus: int
    step: int | None
    dropped: int
    bits: int
    dither: bool = False

    def __post_init__(self) -> None:
        if self.dropped < 0 or self.modulus < 4 or self.modulus % (4 << self.dropped):
            raise ValueError(f"the modulus must be a multiple of {4 << max(self.dropped, 0)}, not {self.modulus}")
        if (self.dropped or self.step is None) and not self.binary:
            raise ValueError(f"a modulus of {self.modulus} takes a fixed step and drops no bits; a power of two may")
        if self.step is not None and not 0 <= self.step < self.modulus:
            raise ValueError(f"the step must be between 0 and {self.modulus - 1}, not {self.step}")
        if not 1 <= self.bits <= 30:
            raise ValueError(f"a table has words of 1 to 30 bits, not {self.bits}")
        if self.quarter > LARGEST_TABLE:
            raise ValueError(f"a table has at most {LARGEST_TABLE} words, not {self.quarter}")

    @property
    def binary(self) -> bool:
        """Whether a turn is a power of two of phase steps."""
        return self.modulus & (self.modulus - 1) == 0

    @property
    def addresses(self) -> int:
        """Different words of a turn."""
        return self.modulus >> self.dropped

    @property
    def quarter(self) -> int:
        """Words of a quarter wave."""
        return self.addresses // 4

    @cached_property
    def amplitude(self) -> float:
        """Amplitude of the carrier line of ``cos + j sin``: what rounding left of that which the table is made for."""
        phases = np.arange(self.addresses, dtype=np.int64) << self.dropped
        cosine, sine = np.ldexp(self.words(phases).astype(np.float64), -self.bits)
        turned = (cosine + 1j * sine) * np.exp(-2j * np.pi * (np.arange(self.addresses) + 0.5) / self.addresses)
        held = float(np.sinc((1 << self.dropped) / self.modulus) / np.sinc(1 / self.modulus))
        return float(turned.real.mean()) * held**self.smoothings

    @property
    def smoothings(self) -> int:
        """How often the words are smoothed over the phases that share one: held, and on average dithered."""
        return 1 + self.dither

    @property
    def random_bits(self) -> int:
        """Random bits of a sample, the highest ones of those that are dropped."""
        return min(self.dropped, dither.STEPS) if self.dither else 0

    latency = 1

    # ------------------------------------------------------------------- model
    @cached_property
    def table(self) -> Ints:
        """Magnitudes of the sine over the first quarter, in units of ``2**-bits``; the cosine's are these reversed."""
        angles = 2 * np.pi * (np.arange(self.quarter) + 0.5) / self.addresses
        scale = 1 - 2.0 ** -(self.bits + 1) - (1 << self.bits >> 5) * 2.0**-self.bits
        return np.floor(np.ldexp(scale * np.sin(angles), self.bits) + 0.5).astype(np.int64)

    def phases(self, count: int, steps: NDArray[Any] | None = None) -> Ints:
        """Phase of each of `count` samples since reset; `steps` are those of a port."""
        if self.step is not None:
            # The product of large moduli and counts would leave int64.
            period = self.modulus // gcd(self.step, self.modulus) if self.step else 1
            turns = np.arange(min(count, period), dtype=object) * self.step % self.modulus
            return np.resize(turns.astype(np.int64), count)
        if steps is None or len(steps) != count:
            raise ValueError(f"an oscillator with a port needs a step for each of {count} samples")
        moved = np.cumsum(np.asarray(steps, dtype=np.uint64)) - np.asarray(steps, dtype=np.uint64)
        return (moved & np.uint64(self.modulus - 1)).astype(np.int64)

    def dithered(self, phases: Ints) -> Ints:
        """The phases, those of the first samples since reset, as they address the table."""
        if not self.random_bits:
            return phases
        random = dither.states(dither.seed(0), len(phases)) & (1 << self.random_bits) - 1
        signed = random - ((random >> self.random_bits - 1) << self.random_bits)
        return np.asarray((phases + (signed << self.dropped - self.random_bits)) & self.modulus - 1)

    def parts(self, phases: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """Magnitudes (2, n) of cosine and sine of phases, and whether each is negative; a magnitude of 0 has a sign."""
        quadrant, rest = np.divmod(phases >> self.dropped, self.quarter)
        rising, falling = self.table[rest], self.table[self.quarter - 1 - rest]
        swapped = quadrant % 2 == 1
        magnitudes = np.stack([np.where(swapped, rising, falling), np.where(swapped, falling, rising)])
        return magnitudes, np.stack([(quadrant == 1) | (quadrant == 2), quadrant > 1])

    def words(self, phases: Ints) -> Ints:
        """Cosine and sine words (2, n) of phases."""
        magnitudes, negative = self.parts(phases)
        return np.where(negative, -magnitudes, magnitudes)

    def ideal(self, phases: Ints) -> NDArray[np.complex128]:
        """What the words of the phases stand for, ``cos + j sin`` times the amplitude; dithered, on average."""
        middle = 0.0 if self.random_bits else 0.5  # random bits are signed: their mean is -1/2
        return np.asarray(self.amplitude * np.exp(2j * np.pi * (phases + middle) / self.modulus))

    def model(self, steps: NDArray[Any]) -> Ints:
        """Cosine and sine words (2, n) for the steps (1, n) or (n,) of a port, from reset."""
        steps = np.asarray(steps).reshape(-1)
        return self.words(self.dithered(self.phases(len(steps), steps)))

    # ---------------------------------------------------------------- spectrum
    def spurs(self, step: int | None = None) -> tuple[Floats, Floats]:
        """Frequencies (cycles a sample, -0.5 to 0.5) and powers of the lines of ``cos + j sin``, carrier first.

        Exact, whatever the length of the period: steps with the same divisor of M permute one spectrum, and a phase
        whose low d bits are dropped holds each of its A words for 2**d phases, which multiplies line k of the words'
        discrete Fourier transform by a Dirichlet kernel (Nicholas and Samueli 1987), with dither twice, beside which
        there is noise. Of the lines that share a factor,
        the two strongest are given, so that the largest spur is among them.
        """
        step = self.step if step is None else step
        if not step:
            raise ValueError("an oscillator that stands still has no spurs; give a step")
        divisor = gcd(step, self.modulus)
        period = self.modulus // divisor
        held = max((1 << self.dropped) // divisor, 1)
        phases = np.arange(0, self.modulus, max(divisor, 1 << self.dropped))
        cosine, sine = np.ldexp(self.words(phases).astype(np.float64), -self.bits)
        lines = np.fft.fft(cosine + 1j * sine) / len(phases)
        count = len(phases)
        order = np.concatenate([np.arange(count), np.arange(count) - count, np.arange(count) + count])
        if held == 1:
            order = order[:count]
        with np.errstate(invalid="ignore", divide="ignore"):
            kernel = np.sin(np.pi * order * held / period) / (held * np.sin(np.pi * order / period))
        kernel = np.where(order % period == 0, 1.0, kernel)
        if held == 1 and self.random_bits:  # each phase lies on the border of two words
            kernel = np.sqrt(np.abs(np.cos(np.pi * order / period)))
        power = np.abs(lines[order % count]) ** 2 * kernel ** (2 * self.smoothings)
        first = np.argsort(order != 1, kind="stable")
        turns = (order * (step // divisor) % period) / period
        return np.where(turns > 0.5, turns - 1, turns)[first], power[first]

    def sfdr_db(self, step: int | None = None) -> float:
        """Power of the carrier over that of the strongest other line, dB."""
        _, power = self.spurs(step)
        largest = float(power[1:].max(initial=0.0))
        return float("inf") if largest < 1e-28 else float(10 * np.log10(power[0] / largest))

    # ---------------------------------------------------------------- hardware
    @property
    def ports(self) -> tuple[Port, ...]:
        """The port of a step that is not fixed."""
        width = (self.modulus - 1).bit_length()
        return () if self.step is not None else (Port("i_step", width, False),)

    def component(self) -> "NcoComponent":
        """Amaranth component: ports ``i_valid``, ``i_step`` where not fixed, ``o_valid``, ``o_re``, ``o_im``."""
        return NcoComponent(self)


class NcoComponent(wiring.Component):
    """Hardware of `Nco`: cosine on ``o_re``, sine on ``o_im``, two's complement."""

    def __init__(self, nco: Nco) -> None:
        self.nco = nco
        width = nco.bits + 1
        ports = {port.name: In(port.width) for port in nco.ports}
        super().__init__(
            {"i_valid": In(1), **ports, "o_valid": Out(1), "o_re": Out(signed(width)), "o_im": Out(signed(width))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.o_valid.eq(self.i_valid)
        wave = oscillator(m, self.nco, self.i_valid, getattr(self, "i_step", None))
        for out, (magnitude, negative) in ((self.o_re, wave[0]), (self.o_im, wave[1])):
            m.d.comb += out.eq(Mux(negative, -magnitude, magnitude))
        return m


def oscillator(m: Module, nco: Nco, advance: Value, step: Value | None) -> tuple[Wave, Wave]:
    """Magnitude and sign of cosine and sine, in registers that take those of the present phase at `advance`."""
    quadrant, rest = _phase(m, nco, advance, step)
    rising, falling = (_looked_up(m, nco, table, rest, name) for table, name in
                       ((nco.table, "rising"), (nco.table[::-1], "falling")))  # fmt: skip
    found = []
    for name, even, odd, negative in (
        ("cos", falling, rising, quadrant[0] ^ quadrant[1]),
        ("sin", rising, falling, quadrant[1]),
    ):
        magnitude = Signal(nco.bits, name=name, reset_less=True)
        sign = Signal(name=f"{name}_negative", reset_less=True)
        with m.If(advance):
            m.d.sync += [magnitude.eq(Mux(quadrant[0], odd, even)), sign.eq(negative)]
        found.append((magnitude, sign))
    return found[0], found[1]


def _phase(m: Module, nco: Nco, advance: Value, step: Value | None) -> tuple[Value, Value]:
    """Quadrant, and the table's address in it."""
    if nco.binary:
        width = (nco.modulus - 1).bit_length()
        phase = Signal(width, name="phase")
        with m.If(advance):
            m.d.sync += phase.eq(phase + (step if step is not None else Const(nco.step or 0, width)))
        if not nco.random_bits:
            return phase[-2:], phase[nco.dropped : -2]
        random = dither.register(m, 0, advance, "dither")[: nco.random_bits].as_signed()
        dithered, above = Signal(width, name="dithered"), nco.dropped - nco.random_bits
        m.d.comb += dithered.eq(Cat(phase[:above], phase[above:] + random))
        return dithered[-2:], dithered[nco.dropped : -2]
    turns, more = divmod(nco.step or 0, nco.quarter)
    width = (nco.quarter - 1).bit_length()
    quadrant, rest = Signal(2, name="quadrant"), Signal(width, name="rest")
    # Past the end of the quadrant or not, both sums are there, and the sign of one chooses.
    plain, wrapped = Signal(width + 1, name="rest_plain"), Signal(signed(width + 2), name="rest_wrapped")
    within = Signal(name="within")
    m.d.comb += [plain.eq(rest + more), wrapped.eq(rest + Const(more - nco.quarter, signed(width + 2)))]
    m.d.comb += within.eq(wrapped[-1])
    with m.If(advance):
        m.d.sync += [rest.eq(Mux(within, plain, wrapped)), quadrant.eq(quadrant + turns + ~within)]
    return quadrant, rest


def _looked_up(m: Module, nco: Nco, table: Ints, address: Value, name: str) -> Value:
    """A word of a constant table, in logic: with a choice between tables behind it, it is no RAM with a register."""
    if len(address) == 0:
        return Const(int(table[0]), nco.bits)
    rows = Memory(shape=nco.bits, depth=len(table), init=[int(value) for value in table])
    setattr(m.submodules, name, rows)
    port = rows.read_port(domain="comb")
    m.d.comb += port.addr.eq(address)
    return port.data
