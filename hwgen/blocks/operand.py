"""Operands of adders: signed words with known zeros below, so that an adder is no wider than its work."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Value, signed

from hwgen.adders import odd


@dataclass(frozen=True)
class Operand:
    """A signed word times ``2**zeros``; the zeros are known, so that an adder is no wider than its work."""

    word: Value
    zeros: int

    @classmethod
    def of(cls, word: Value, shift: int) -> "Operand":
        """`word` times ``2**shift``, floor: bits dropped on the right, the sign bit at least left."""
        return cls(word, shift) if shift >= 0 else cls(word[min(-shift, len(word) - 1) :].as_signed(), 0)

    @classmethod
    def constant(cls, value: int) -> "Operand":
        """``|value|`` as an odd word and its zeros."""
        fundamental, shift = odd(value)
        return cls(Const(fundamental, signed(fundamental.bit_length() + 1)), shift)

    @property
    def value(self) -> Value:
        return Cat(Const(0, self.zeros), self.word).as_signed() if self.zeros else self.word

    @property
    def complement(self) -> "Operand":
        """``~v``: ones for the zeros."""
        return Operand((~self.value).as_signed(), 0)

    def combined(self, other: "Operand", subtract: bool) -> Value:
        """``self +- other``; low bits that only one operand has go past the adder."""
        zeros = other.zeros
        if 0 < zeros < len(self.value):
            low, high = self.value[:zeros], self.value[zeros:].as_signed()
            return Cat(low, high - other.word if subtract else high + other.word).as_signed()
        if not subtract and 0 < self.zeros < len(other.value):
            return other.combined(self, False)
        return self.value - other.value if subtract else self.value + other.value
