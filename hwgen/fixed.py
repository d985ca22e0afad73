"""Fixed-point formats, and rounding and overflow as integers beside their hardware.

A value is ``raw * 2**-fraction`` with ``raw`` an integer of ``integer + fraction`` bits. Models compute on raw
integers only: NumPy int64, and Python integers (object arrays) where an intermediate needs more than 62 bits.
Requantising always rounds first and saturates or wraps second, so 1.75 in s2.1 never turns into -2.
"""

import math
import operator
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, ShapeCastable, Signal, Value, signed, unsigned

INT64_BITS = 62  # leaves room for a carry and a sign in an int64
_MANTISSA_BITS = 53  # of a float64
_PATTERN = re.compile(r"([su])(0|-?[1-9][0-9]{0,2})\.(0|-?[1-9][0-9]{0,2})")


class _Mode(StrEnum):
    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"{cls.__name__.lower()} must be one of {', '.join(cls)}, not {value!r}")


class Rounding(_Mode):
    """Which neighbour replaces a value between two steps of the target."""

    HALF_UP = "half_up"  # nearest, halves towards plus infinity: floor(x + 1/2)
    HALF_EVEN = "half_even"  # nearest, halves to the even neighbour, so no bias
    FLOOR = "floor"  # towards minus infinity: the low bits are dropped


class Overflow(_Mode):
    """What becomes of a value outside the target's range."""

    SATURATE = "saturate"  # the nearest limit
    WRAP = "wrap"  # modulo 2**width: the high bits are dropped


@dataclass(frozen=True)
class Format(ShapeCastable):  # type: ignore[misc, unused-ignore]
    """A fixed-point format, printed ``s1.15``; also the Amaranth shape of its raw integer.

    Parameters
    ----------
    integer : int
        Bits left of the binary point, the sign bit included. Negative: the top bit weighs less than 1/2.
    fraction : int
        Bits right of the binary point. Negative: the lowest bit weighs more than 1.
    signed : bool
        Two's complement, or unsigned.

    Raises
    ------
    ValueError
        When ``integer + fraction`` is below 1, or either is not an integer.
    """

    integer: int
    fraction: int
    signed: bool = True

    def __post_init__(self) -> None:
        if type(self.integer) is not int or type(self.fraction) is not int:
            raise ValueError(f"integer and fraction bits must be int, not {self.integer!r} and {self.fraction!r}")
        if self.width < 1:
            raise ValueError(f"format {self} has {self.width} bits: integer + fraction must be at least 1")

    @classmethod
    def parse(cls, text: str) -> "Format":
        """Read ``s1.11`` or ``u0.8``; raises ValueError that says how a format is written."""
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(
                f"{text!r} is not a fixed-point format: write s (signed) or u (unsigned), integer bits (sign bit "
                f"included), a point and fraction bits, each -999 to 999, such as s1.11 or u0.8"
            )
        return cls(int(match[2]), int(match[3]), match[1] == "s")

    @classmethod
    def for_range(cls, lo: int, hi: int, fraction: int = 0, signed: bool | None = None) -> "Format":
        """The smallest format holding the raw integers lo..hi; signed when lo < 0 unless told."""
        lo, hi = operator.index(lo), operator.index(hi)
        signed = lo < 0 if signed is None else signed
        if lo > hi or (lo < 0 and not signed):
            raise ValueError(f"no {'signed' if signed else 'unsigned'} format holds the range {lo}..{hi}")
        # n signed bits hold -2**(n-1)..2**(n-1)-1, that is every v whose v (or ~v = -v-1) has at most n-1 bits.
        width = 1 + max((v if v >= 0 else ~v).bit_length() for v in (lo, hi)) if signed else max(1, hi.bit_length())
        return cls(width - fraction, fraction, signed)

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.integer}.{self.fraction}"

    @property
    def width(self) -> int:
        """Bits in all."""
        return self.integer + self.fraction

    @property
    def lsb(self) -> float:
        """Weight of the lowest bit, 2**-fraction."""
        return math.ldexp(1.0, -self.fraction)

    @property
    def minimum(self) -> int:
        """Smallest raw integer."""
        return -(1 << self.width - 1) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest raw integer."""
        return (1 << self.width - self.signed) - 1

    def contains(self, other: "Format") -> bool:
        """Whether every value of `other` is a value of this format."""
        finer = self.fraction - other.fraction
        return finer >= 0 and self.minimum <= other.minimum << finer and other.maximum << finer <= self.maximum

    # Exact growth. Sum and difference are monotone in each operand and a product is bilinear, so over the box of
    # all operand pairs the extremes lie on its corners. The corners are values that occur (two full negatives make
    # the largest product), so the smallest format that holds them holds every result, and none smaller does.
    # Steps: a sum is a multiple of the finer lsb, a product of the product of both. The result is signed when an
    # operand is, and always for a difference, whatever the corners: signedness must not depend on the width.

    def add(self, other: "Format") -> "Format":
        """Format of every sum."""
        a, b, fraction = _aligned(self, other)
        return Format.for_range(a[0] + b[0], a[1] + b[1], fraction, self.signed or other.signed)

    def sub(self, other: "Format") -> "Format":
        """Format of every difference; signed."""
        a, b, fraction = _aligned(self, other)
        return Format.for_range(a[0] - b[1], a[1] - b[0], fraction, True)

    def mul(self, other: "Format") -> "Format":
        """Format of every product."""
        corners = [a * b for a in (self.minimum, self.maximum) for b in (other.minimum, other.maximum)]
        fraction = self.fraction + other.fraction
        return Format.for_range(min(corners), max(corners), fraction, self.signed or other.signed)

    def neg(self) -> "Format":
        """Format of every negated value; signed, one bit wider for the full negative."""
        return Format.for_range(-self.maximum, -self.minimum, self.fraction, True)

    def shift(self, k: int) -> "Format":
        """Format of every value times 2**k: the binary point moves, the raw integer stays."""
        return Format(self.integer + k, self.fraction - k, self.signed)

    def as_shape(self) -> Shape:
        """The Amaranth shape of the raw integer."""
        return signed(self.width) if self.signed else unsigned(self.width)

    def const(self, init: Any) -> Const:
        """A raw integer (None is 0) as an Amaranth constant; ValueError when it is outside the format."""
        raw = 0 if init is None else Const.cast(init).value
        if not self.minimum <= raw <= self.maximum:
            raise ValueError(f"{raw} is outside the raw range {self.minimum}..{self.maximum} of {self}")
        return Const(raw, self.as_shape())

    def __call__(self, value: Any) -> Value:
        """A signal of this format is a plain Amaranth value: its arithmetic is that of raw integers."""
        return Value.cast(value)

    def from_bits(self, raw: int) -> int:
        """The raw integer of a bit pattern."""
        return ((raw - self.minimum) & ((1 << self.width) - 1)) + self.minimum


def _aligned(a: Format, b: Format) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Raw ranges of both formats in steps of the finer lsb, and its fraction."""
    fraction = max(a.fraction, b.fraction)
    ends = [(f.minimum << fraction - f.fraction, f.maximum << fraction - f.fraction) for f in (a, b)]
    return ends[0], ends[1], fraction


def _moves(source: Format, target: Format) -> tuple[int, int]:
    """Bits to shift left (a finer target), then low bits to round away (a coarser one); one of them is 0.

    From width + 1 dropped bits on, abs(raw) / 2**drop < 1/2: nearest is 0 and floor the sign, so more change nothing.
    """
    drop = source.fraction - target.fraction
    return max(-drop, 0), max(0, min(drop, source.width + 1))


def _round(raw: Any, drop: Any, rounding: Rounding) -> Any:
    """raw * 2**-drop as an integer, for Python ints and arrays; two bits wider than raw on the way if drop <= width."""
    if rounding is Rounding.FLOOR:
        return raw >> drop
    # A guard bit below raw makes a half, 2**drop, exist even for drop = 0. Half even: a tie lifts odd quotients only.
    half = 1 << drop
    offset = half if rounding is Rounding.HALF_UP else half - 1 + ((raw >> drop) & 1)
    return ((raw << 1) + offset) >> (drop + 1)


def _limit(raw: np.ndarray, target: Format, overflow: Overflow) -> np.ndarray:
    """Saturate or wrap into target; int64 when the target fits, Python integers otherwise."""
    if overflow is Overflow.SATURATE:
        inside = np.minimum(np.maximum(raw, target.minimum), target.maximum)
    else:
        inside = ((raw - target.minimum) & ((1 << target.width) - 1)) + target.minimum
    return np.asarray(inside).astype(np.int64 if target.width <= INT64_BITS else object)


def quantise(
    raw: Any, source: Format, target: Format, rounding: str = Rounding.HALF_UP, overflow: str = Overflow.SATURATE
) -> Any:
    """Requantise raw integers: round, then saturate or wrap.

    Parameters
    ----------
    raw : int or integer array of any shape
        Raw integers of `source`.
    rounding, overflow : Rounding, Overflow or their names

    Returns
    -------
    Raw integers of `target`: int for int, else an array of the same shape, int64 when `target` has at most 62 bits
    and Python integers (dtype object) above.

    Raises ValueError for an unknown mode or a raw integer outside `source`, TypeError for raw values not integer.
    """
    rounding, overflow = Rounding(rounding), Overflow(overflow)
    if isinstance(raw, int | np.integer):
        return int(quantise(np.array([raw], dtype=object), source, target, rounding, overflow)[0])
    raw = np.asarray(raw)
    if raw.dtype.kind not in "iuO" and raw.size:
        raise TypeError(f"raw values must be integers, not {raw.dtype}")
    if raw.dtype.kind == "O":  # a NumPy integer among the objects would overflow in silence
        raw = np.array([operator.index(v) for v in raw.flat], dtype=object).reshape(raw.shape)
    if raw.size and not (source.minimum <= raw.min() and raw.max() <= source.maximum):
        raise ValueError(f"raw {raw.min()}..{raw.max()} is outside {source}: {source.minimum}..{source.maximum}")
    left, drop = _moves(source, target)
    bits = max(source.width + left + 2, target.width)
    raw = raw.astype(np.int64 if bits <= INT64_BITS else object) << left
    return _limit(_round(raw, drop, rounding), target, overflow)


def quantise_hw(
    m: Module,
    value: Any,
    source: Format,
    target: Format,
    rounding: str = Rounding.HALF_UP,
    overflow: str = Overflow.SATURATE,
    name: str = "quantised",
) -> Signal:
    """The hardware of `quantise`: combinational, at most one adder and one multiplexer.

    Parameters
    ----------
    m : Module
        Receives the logic in its comb domain.
    value : Amaranth value
        Raw integer of `source`; a narrower one is extended.
    name : str
        Name of the result; the signals on the way are ``{name}_exact``, ``_kept``, ``_up``, ``_rounded``,
        ``_over``, ``_positive``.

    Returns the signal `name` of shape `target`.
    Raises ValueError for an unknown mode or a value with bits that `source` lacks.
    """
    rounding, overflow = Rounding(rounding), Overflow(overflow)
    value, shape = Value.cast(value), source.as_shape()
    if not Format(source.width, 0, source.signed).contains(Format(max(len(value), 1), 0, value.shape().signed)):
        raise ValueError(f"{name}: a value of shape {value.shape()} does not fit in {source}")
    if not isinstance(value, Signal) or value.shape() != shape:
        exact = Signal(shape, name=f"{name}_exact")
        m.d.comb += exact.eq(value)
        value = exact
    out = Signal(target, name=name)

    # Rounding is monotone, so the integer form run on the two ends gives the exact range after rounding.
    left, drop = _moves(source, target)
    lo, hi = (_round(end << left, drop, rounding) for end in (source.minimum, source.maximum))
    result: Value
    if lo == hi:
        result = Const(lo, shape)  # every bit is dropped and none decides: 0
    elif drop == 0:
        result = value.shift_left(left)
    elif rounding is Rounding.FLOOR:
        result = value.shift_right(drop)
    else:
        # What is dropped is at least a half when its top bit is set, and exactly a half when no other is.
        kept_format = Format.for_range(source.minimum >> drop, source.maximum >> drop, signed=source.signed)
        kept, up = Signal(kept_format, name=f"{name}_kept"), Signal(name=f"{name}_up")
        lift: Value = value[drop - 1]
        if rounding is Rounding.HALF_EVEN:
            lift &= Cat(value[: drop - 1], kept[0]).any()
        m.d.comb += [kept.eq(value.shift_right(drop)), up.eq(lift)]
        result = kept + up
    rounded = Signal(Format.for_range(lo, hi, target.fraction, source.signed), name=f"{name}_rounded")
    m.d.comb += rounded.eq(result)
    if overflow is Overflow.WRAP or (target.minimum <= lo and hi <= target.maximum):
        m.d.comb += out.eq(rounded)  # assignment drops high bits or extends
        return out

    # It fits when all bits above the target's value bits repeat the sign, which is 0 for an unsigned target.
    over, positive = Signal(name=f"{name}_over"), Signal(name=f"{name}_positive")
    high = target.width - target.signed
    above = rounded[min(high, len(rounded) - 1) :]
    both_signed = source.signed and target.signed
    m.d.comb += over.eq(above != rounded[-1].replicate(len(above)) if both_signed else above.any())
    m.d.comb += positive.eq(~rounded[-1] if source.signed else 1)
    limit = Cat(positive.replicate(high), (~positive).replicate(int(target.signed)))  # 01..1, 10..0, 1..1 or 0..0
    m.d.comb += out.eq(Mux(over, limit, rounded[: target.width]))
    return out


def from_float(x: Any, fmt: Format, rounding: str = Rounding.HALF_EVEN, overflow: str = Overflow.SATURATE) -> Any:
    """Raw integers of floats, exactly rounded: int for a number, for an array one like `quantise` returns.

    Raises ValueError for NaN, infinity or an unknown mode.
    """
    rounding, overflow = Rounding(rounding), Overflow(overflow)
    values = np.atleast_1d(np.asarray(x, dtype=np.float64))
    if not np.isfinite(values).all():
        raise ValueError(f"NaN and infinity have no value in {fmt}")
    # x = mantissa * 2**(exponent - 53) with integer mantissa: only integers are rounded, as in quantise.
    part, exponent = np.frexp(values)
    mantissa = np.ldexp(part, _MANTISSA_BITS).astype(np.int64)
    shift = np.where(mantissa == 0, 0, exponent.astype(np.int64) - _MANTISSA_BITS + fmt.fraction)
    left, drop = np.maximum(shift, 0), np.minimum(np.maximum(-shift, 0), _MANTISSA_BITS + 1)
    bits = max(_MANTISSA_BITS + 3 + int(left.max(initial=0)), fmt.width)  # 53, the sign, and two in _round
    scaled = mantissa.astype(np.int64 if bits <= INT64_BITS else object) << left
    raw = _limit(_round(scaled, drop, rounding), fmt, overflow)
    return int(raw[0]) if np.ndim(x) == 0 else raw


def to_float(raw: Any, fmt: Format) -> Any:
    """Value of raw integers as float64: exact up to 53 significant bits, to nearest above."""
    value = np.ldexp(np.asarray(raw).astype(np.float64), -fmt.fraction)
    return float(value) if np.ndim(raw) == 0 else value


def exact_decimal(raw: int | np.integer, fraction: int) -> str:
    """raw * 2**-fraction in decimal, every digit, no exponent: exact_decimal(-3, 3) is "-0.375"."""
    number = operator.index(raw)
    if fraction <= 0:
        return str(number << -fraction)
    digits = str(abs(number) * 5**fraction).zfill(fraction + 1)  # 2**-n = 5**n * 10**-n
    text = f"{digits[:-fraction]}.{digits[-fraction:]}".rstrip("0").rstrip(".")
    return f"-{text}" if number < 0 else text
