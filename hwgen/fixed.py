"""Fixed-point formats, rounding and overflow: the integer form beside its hardware form.

A number is an integer (`raw`) times ``2**-fraction``. Rounding comes first, then overflow.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, ShapeCastable, Signal, Value, signed, unsigned
from numpy.typing import NDArray

_SAFE_BITS = 62  # int64 with a bit to spare for the rounding carry


class Rounding(StrEnum):
    """How bits below the target's LSB are dropped."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    FLOOR = "floor"


class Overflow(StrEnum):
    """What becomes of a value beyond the target's range."""

    SATURATE = "saturate"
    WRAP = "wrap"


@dataclass(frozen=True)
class Format(ShapeCastable):
    """A fixed-point format: `integer` bits (the sign bit counted, as in Amaranth RFC 41) and `fraction` bits.

    Either may be negative as long as one bit is left: ``s-3.10`` is 7 wires that stand for values below 2**-4.
    """

    integer: int
    fraction: int
    signed: bool = True

    def __post_init__(self) -> None:
        if self.integer + self.fraction < 1:
            raise ValueError(f"a format needs at least 1 bit; {self} has {self.integer + self.fraction}")

    @classmethod
    def parse(cls, text: str) -> "Format":
        """Read ``s1.15`` or ``u0.8``; raises ``ValueError`` that says what is allowed."""
        match = re.fullmatch(r"([su])(-?\d{1,4})\.(-?\d{1,4})", text)
        if not match:
            raise ValueError(f"a format is s or u, integer bits, a dot and fraction bits, such as s1.15, not {text!r}")
        return cls(int(match[2]), int(match[3]), match[1] == "s")

    @classmethod
    def for_range(cls, low: int, high: int, fraction: int, signed: bool | None = None) -> "Format":
        """Smallest format with `fraction` bits that holds the raw integers `low` to `high`."""
        signed = low < 0 if signed is None else signed
        if low > high or (low < 0 and not signed):
            raise ValueError(f"no {'signed' if signed else 'unsigned'} format holds {low}..{high}")
        bits = max(high.bit_length() if high >= 0 else 0, (-low - 1).bit_length() if low < 0 else 0)
        return cls(max(bits + signed, 1) - fraction, fraction, signed)

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.integer}.{self.fraction}"

    @property
    def width(self) -> int:
        """Wires."""
        return self.integer + self.fraction

    @property
    def lsb(self) -> float:
        """Weight of the lowest bit."""
        return 2.0**-self.fraction

    @property
    def minimum(self) -> int:
        """Smallest raw integer."""
        return -(1 << self.width - 1) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest raw integer."""
        return (1 << self.width - self.signed) - 1

    def contains(self, other: "Format") -> bool:
        """Whether every value of `other` is one of this format's."""
        if other.fraction > self.fraction:
            return False
        scale = 1 << self.fraction - other.fraction
        return self.minimum <= other.minimum * scale and other.maximum * scale <= self.maximum

    # Growth: the extremes of the operands give the extremes of the result, so the smallest format for them is exact.
    def _aligned(self, other: "Format") -> tuple[int, int, int, int, int]:
        fraction = max(self.fraction, other.fraction)
        a, b = fraction - self.fraction, fraction - other.fraction
        return self.minimum << a, self.maximum << a, other.minimum << b, other.maximum << b, fraction

    def add(self, other: "Format") -> "Format":
        """Format of the exact sum."""
        low_a, high_a, low_b, high_b, fraction = self._aligned(other)
        return Format.for_range(low_a + low_b, high_a + high_b, fraction)

    def sub(self, other: "Format") -> "Format":
        """Format of the exact difference; always signed unless `other` can only be 0."""
        low_a, high_a, low_b, high_b, fraction = self._aligned(other)
        return Format.for_range(low_a - high_b, high_a - low_b, fraction)

    def mul(self, other: "Format") -> "Format":
        """Format of the exact product: both most negative words give the one value that needs the last bit."""
        corners = [a * b for a in (self.minimum, self.maximum) for b in (other.minimum, other.maximum)]
        return Format.for_range(min(corners), max(corners), self.fraction + other.fraction)

    def neg(self) -> "Format":
        """Format of the exact negative."""
        return Format.for_range(-self.maximum, -self.minimum, self.fraction)

    def shift(self, bits: int) -> "Format":
        """Format of the value times ``2**bits``: the same wires, the point moved."""
        return Format(self.integer + bits, self.fraction - bits, self.signed)

    # Amaranth's ShapeCastable protocol.
    def as_shape(self) -> Shape:
        return signed(self.width) if self.signed else unsigned(self.width)

    def const(self, init: Any) -> Const:
        return Const(0 if init is None else init, self.as_shape())

    def __call__(self, target: Any) -> Any:
        return target

    def from_bits(self, raw: int) -> int:
        return raw - (1 << self.width) if self.signed and raw >> self.width - 1 else raw


def from_float(x: Any, target: Format, rounding: Rounding = Rounding.HALF_EVEN) -> NDArray[np.int64]:
    """Raw integers of `target` nearest the floats `x`, saturated. Raises ``ValueError`` for NaN and infinities."""
    values = np.asarray(x, dtype=np.float64)
    if not np.all(np.isfinite(values)):
        raise ValueError("NaN and infinite numbers have no fixed-point form")
    scaled = np.clip(np.ldexp(values, target.fraction), float(target.minimum), float(target.maximum))
    match Rounding(rounding):
        case Rounding.HALF_EVEN:
            rounded = np.rint(scaled)
        case Rounding.HALF_UP:
            rounded = np.floor(scaled + 0.5)
        case Rounding.FLOOR:
            rounded = np.floor(scaled)
    return np.clip(rounded, float(target.minimum), float(target.maximum)).astype(np.int64)


def to_float(raw: Any, source: Format) -> NDArray[np.float64]:
    """Values of the raw integers of `source`."""
    return np.ldexp(np.asarray(raw).astype(np.float64), -source.fraction)


def exact_decimal(raw: int, fraction: int) -> str:
    """``raw * 2**-fraction`` in full, without an exponent."""
    if fraction <= 0:
        return str(raw << -fraction)
    digits = str(abs(raw) * 5**fraction).rjust(fraction + 1, "0")
    text = f"{digits[:-fraction]}.{digits[-fraction:]}".rstrip("0").rstrip(".")
    return "-" + text if raw < 0 else text


def quantise(raw: Any, source: Format, target: Format, rounding: Rounding, overflow: Overflow) -> Any:
    """Raw integers of `target` for raw integers of `source`: rounded, then saturated or wrapped.

    Arrays stay int64 where every intermediate fits 62 bits, otherwise they become Python integers (dtype object). A
    Python integer gives a Python integer.
    """
    rounding, overflow = Rounding(rounding), Overflow(overflow)
    scalar = not isinstance(raw, np.ndarray)
    drop = source.fraction - target.fraction
    wide = max(source.width, source.width - drop, target.width, drop + 1) > _SAFE_BITS
    value = np.asarray(raw, dtype=object if wide or scalar else np.int64)
    if drop <= 0:
        value = value << -drop
    elif rounding == Rounding.FLOOR:
        value = value >> drop
    elif rounding == Rounding.HALF_UP:
        value = (value + (1 << drop - 1)) >> drop
    else:
        # Half less one, plus the bit that becomes the LSB: ties go to the even neighbour.
        value = (value + ((1 << drop - 1) - 1) + ((value >> drop) & 1)) >> drop
    if overflow == Overflow.SATURATE:
        value = np.minimum(np.maximum(value, target.minimum), target.maximum)
    else:
        mask = (1 << target.width) - 1
        if target.width >= 63:
            value = np.asarray(value, dtype=object)
        value = ((value - target.minimum) & mask) + target.minimum
    return int(value) if scalar else value


def quantise_hw(
    m: Module, value: Value, source: Format, target: Format, rounding: Rounding, overflow: Overflow, name: str
) -> Value:
    """Hardware of `quantise`: adds combinational signals named after `name` to `m`, returns a value of target's shape.

    Floor is wiring alone; half-up and half-even are one adder; saturation looks at the top bits alone.
    """
    rounding, overflow = Rounding(rounding), Overflow(overflow)
    drop = source.fraction - target.fraction
    bits = value if source.signed else Cat(value, Const(0, 1))
    bits = bits.as_signed()
    width = source.width + (not source.signed)
    if drop <= 0:
        bits, width = Cat(Const(0, -drop), bits).as_signed(), width - drop
    else:
        if width <= drop:
            bits, width = Cat(bits, bits[-1].replicate(drop + 1 - width)).as_signed(), drop + 1
        kept = bits[drop:].as_signed()
        if rounding == Rounding.FLOOR:
            bits, width = kept, width - drop
        else:
            carry: Value = bits[drop - 1]
            if rounding == Rounding.HALF_EVEN:
                below = bits[: drop - 1].any() if drop > 1 else Const(0, 1)
                carry = carry & (below | bits[drop])
            width = width - drop + 1
            total = Signal(signed(width), name=f"{name}_nearest")
            m.d.comb += total.eq(kept + carry)
            bits = total
    result = Signal(target.as_shape(), name=name)
    payload = target.width - target.signed
    if overflow == Overflow.WRAP or (target.signed and width <= target.width):
        m.d.comb += result.eq(bits)
        return result
    negative = bits[width - 1]
    if width <= payload:
        m.d.comb += result.eq(Mux(negative, 0, bits))  # unsigned target that is wide enough
        return result
    fits = Signal(name=f"{name}_fits")
    top = bits[payload:width]
    m.d.comb += fits.eq(~top.any() if not target.signed else (top.all() | ~top.any()))
    limit = Mux(negative, target.minimum, target.maximum)
    m.d.comb += result.eq(Mux(fits, bits[: target.width], limit))
    return result
