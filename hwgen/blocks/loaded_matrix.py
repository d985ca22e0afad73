"""A matrix whose entries are loaded, times a vector: a real multiplier an entry, a tree of adders for each row.

It stands where a `ConstantMatrix` does. A register can have several places, with either sign: a complex matrix is a
real one of twice the size, ``[[Re, -Im], [Im, Re]]``, and a Hermitian one has every entry above its diagonal twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from amaranth.hdl import Module, Signal, Value, signed
from numpy.typing import NDArray

from hwgen.blocks.adder_tree import Range, Term
from hwgen.blocks.constant_matrix import ConstantMatrix, added_up, adding_up, constant_term
from hwgen.blocks.operand import Operand
from hwgen.blocks.reloadable_hardware import FACTORS, multiplied
from hwgen.fixed import Format

Ints = NDArray[np.int64]
MOST_BITS = 17  # of an entry


class Place(NamedTuple):
    """An entry: the register of that number times `sign`, 1 or -1; 0: the entry is 0 whatever is loaded."""

    register: int
    sign: int = 1


Places = tuple[tuple[Place, ...], ...]


@dataclass(frozen=True)
class LoadedMatrix:
    """Products ``rows @ x`` of integers, exact.

    Parameters
    ----------
    places
        Which register each entry is.
    form
        Format of those registers, signed, 2 to 17 bits; entries are their words, whatever the fraction.
    power_up
        Words of the registers of the block, those of `places` in `form`.
    dsp
        True: one multiplication in one statement, as synthesis maps it to a DSP block; False: rows of adders.
    drop, added
        As in `ConstantMatrix`; no bit of a product is dropped.
    """

    places: Places
    form: Format
    power_up: tuple[int, ...]
    dsp: bool = False
    drop: int = 0
    added: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.form.signed or not 2 <= self.form.width <= MOST_BITS:
            raise ValueError(f"an entry that is loaded has 2 to {MOST_BITS} bits and a sign, not {self.form}")
        if self.drop:
            raise ValueError("products with entries that are loaded keep every bit")
        for word in (self.power_up[r] for r in self.registers):
            if not self.form.minimum <= word <= self.form.maximum:
                raise ValueError(f"an entry of {word} must lie in {self.form.minimum}..{self.form.maximum}")
        if self.added is not None and len(self.added) != len(self.places):
            raise ValueError(f"added must be {len(self.places)} numbers, one a row")

    @cached_property
    def registers(self) -> tuple[int, ...]:
        """Registers that an entry is made of, in order."""
        return tuple(sorted({place.register for row in self.places for place in row if place.sign}))

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The entries at power-up."""
        return tuple(tuple(sign * self.power_up[r] for r, sign in row) for row in self.places)

    @cached_property
    def array(self) -> Ints:
        """The entries at power-up (rows, columns)."""
        return np.array(self.rows, dtype=np.int64)

    @property
    def transposed(self) -> "LoadedMatrix":
        """Rows for columns."""
        return replace(self, places=tuple(zip(*self.places, strict=True)), added=None)

    @property
    def negative(self) -> "LoadedMatrix":
        """Every entry with the other sign."""
        return replace(self, places=tuple(tuple(Place(r, -s) for r, s in row) for row in self.places), added=None)

    def cutting(self, drop: int, added: tuple[int, ...] | None) -> "LoadedMatrix":
        """The same entries with what each row adds; the drop is 0."""
        return replace(self, drop=drop, added=added)

    @property
    def offsets(self) -> tuple[int, ...]:
        """What each row adds."""
        return self.added or (0,) * len(self.places)

    @cached_property
    def _still(self) -> ConstantMatrix:
        """The matrix of power-up."""
        return ConstantMatrix(self.rows, 0, self.offsets)

    # ------------------------------------------------------------------ widths
    def product(self, sign: int, span: Range) -> Range:
        """Range of a place's product for an input in `span`, whatever is loaded."""
        ends = [sign * word * end for word in (self.form.minimum, self.form.maximum) for end in span]
        return min(ends), max(ends)

    def reach(self, ranges: Sequence[Range]) -> tuple[Range, ...]:
        """Range of each row's product for inputs in `ranges`, whatever is loaded."""
        found = []
        for row, more in zip(self.places, self.offsets, strict=True):
            spans = [self.product(place.sign, span) for place, span in zip(row, ranges, strict=True)]
            found.append((sum(low for low, _ in spans) + more, sum(high for _, high in spans) + more))
        return tuple(found)

    def adder_bits(self, ranges: Sequence[Range], complements: bool = False) -> tuple[int, int]:
        """Full-adder bits, and other LUTs: bits of the multiples, and of words that are inverted to be subtracted."""
        bits = other = 0
        for row, more in zip(self.places, self.offsets, strict=True):
            terms = []
            for place, span in zip(row, ranges, strict=True):
                if place.sign:
                    long, short = self._factors(span)
                    if not self.dsp:
                        bits, other = bits + (short - 1) * (long + 1), other + short * long
                    terms.append(self._term(place, span))
            added, taken = adding_up(terms + ([constant_term(more)] if more else []), complements)
            bits, other = bits + added, other + taken
        return bits, other

    def blocks(self, width: int, target: str) -> int:
        """DSP blocks of the products with words of a width."""
        if not self.dsp:
            return 0
        x, y = FACTORS[target]
        long, short = max(width, self.form.width), min(width, self.form.width)
        return -(-long // x) * -(-short // y) * sum(place.sign != 0 for row in self.places for place in row)

    def _factors(self, span: Range) -> tuple[int, int]:
        """Widths of the factor that is added up, and of the one whose bits choose; see `multiplied`."""
        width = Format.for_range(min(span[0], -1), span[1], signed=True).width
        return (self.form.width, width) if 2 <= width < self.form.width else (width, self.form.width)

    def _term(self, place: Place, span: Range) -> Term:
        return Term(self.product(place.sign, span), place.sign < 0)

    # ------------------------------------------------------------------- model
    def model(self, x: Ints, words: Mapping[int, int | Ints] | None = None) -> Ints:
        """Products (rows, n) of the inputs (columns, n).

        Parameters
        ----------
        words
            Word of each of `registers`: an integer, or an array (n,) with the one that each product is made with.
            None: those of power-up.
        """
        if words is None:
            return self._still.model(x)
        found = np.repeat(np.array(self.offsets, dtype=np.int64)[:, None], x.shape[1], axis=1)
        for total, row in zip(found, self.places, strict=True):
            for (register, sign), word in zip(row, x, strict=True):
                if sign:
                    total += sign * np.asarray(words[register], dtype=np.int64) * word
        return found

    # ---------------------------------------------------------------- hardware
    def hardware(
        self, m: Module, x: Sequence[Value], ranges: Sequence[Range], name: str, registers: Sequence[Signal],
        complements: bool = False,
    ) -> list[Value]:  # fmt: skip
        """Combinational products of signed inputs: a signal ``{name}_row<i>`` for each row, as wide as its range.

        Parameters
        ----------
        registers
            Those of the block.
        complements
            See `ConstantMatrix.hardware`.
        """
        inputs: list[Signal] = []
        for j, (word, span) in enumerate(zip(x, ranges, strict=True)):
            held = Signal(signed(Format.for_range(min(span[0], -1), span[1], signed=True).width), name=f"{name}_in{j}")
            m.d.comb += held.eq(word)
            inputs.append(held)
        found: list[Value] = []
        for i, (row, more) in enumerate(zip(self.places, self.offsets, strict=True)):
            words, terms = [], []
            for j, (place, word, span) in enumerate(zip(row, inputs, ranges, strict=True)):
                if place.sign:
                    product = self._product(m, word, registers[place.register], span, f"{name}_{i}_{j}")
                    words.append(Operand(product, 0))
                    terms.append(self._term(place, span))
            found.append(added_up(m, words, terms, more, f"{name}_row{i}", complements))
        return found

    def _product(self, m: Module, word: Signal, register: Signal, span: Range, name: str) -> Signal:
        product = Signal(signed(Format.for_range(*self.product(1, span), signed=True).width), name=f"{name}_product")
        if self.dsp:
            m.d.comb += product.eq(word * register)
            return product
        long, short = (word, register) if len(word) == self._factors(span)[0] else (register, word)
        m.d.comb += product.eq(multiplied(m, long, short, name))
        return product


def words_for(places: Places, form: Format, matrix: NDArray) -> dict[int, int]:
    """Word of each register for the entries of an integer matrix, saturated."""
    found: dict[int, int] = {}
    for row, values in zip(places, matrix, strict=True):
        for (register, sign), value in zip(row, values, strict=True):
            if sign > 0:
                found.setdefault(register, min(max(int(value), form.minimum), form.maximum))
    return found


def placed(rows: int, columns: int, paired: bool, first: int = 0) -> Places:
    """Places of the real matrix A (rows, columns), whose registers are in the order of its columns, from `first` on.

    Where it is `paired`, that of a complex matrix, each complex entry has two registers, its real part first.
    """
    if not paired:
        return tuple(tuple(Place(first + j * rows + i) for j in range(columns)) for i in range(rows))
    m, n = rows // 2, columns // 2
    found = [[Place(0, 0)] * columns for _ in range(rows)]
    for j in range(n):
        for i in range(m):
            re = first + 2 * (j * m + i)
            found[i][j] = found[i + m][j + n] = Place(re)
            found[i + m][j], found[i][j + n] = Place(re + 1), Place(re + 1, -1)
    return tuple(tuple(row) for row in found)


def placed_gram(size: int, paired: bool, first: int = 0) -> Places:
    """Places of the symmetric matrix G (size, size): registers are those on and above its diagonal, row by row.

    Where it is `paired`, that of a Hermitian matrix, entries above the diagonal have two registers, real part first.
    """
    n, register = size // 2 if paired else size, first
    found = [[Place(0, 0)] * size for _ in range(size)]
    for k in range(n):
        for j in range(k, n):
            found[k][j] = found[j][k] = Place(register)
            register += 1
            if paired:
                found[k + n][j + n] = found[j + n][k + n] = found[k][j]
                if j > k:
                    found[k + n][j] = found[j][k + n] = Place(register)
                    found[j + n][k] = found[k][j + n] = Place(register, -1)
                    register += 1
    return tuple(tuple(row) for row in found)
