"""A constant matrix times a vector: an adder graph for each column, a tree of adders for each row.

Where a result is rounded later anyway, the low bits of the products need not be added up: each product is cut (floor)
first, and a constant makes up for what that takes off on average.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from amaranth.hdl import Const, Module, Signal, Value, signed
from numpy.typing import NDArray

from hwgen.adders import AdderGraph, find_graph, odd
from hwgen.blocks.adder_tree import Range, Term, summed
from hwgen.blocks.operand import Operand
from hwgen.blocks.wires import wire
from hwgen.fixed import Format

MOST_DROPPED = 40
_LARGE = 1 << 40  # inputs from which on ranges do not fit in int64
EFFORT = 20_000  # of the search for each column's graph


@lru_cache(maxsize=16384)
def _graph(constants: tuple[int, ...]) -> AdderGraph:
    return find_graph(constants, EFFORT).graph


def adders(column: NDArray[np.int64]) -> int:
    """Adders that the entries of a column bring: those of its graph, and one a product in the sums of the rows."""
    sizes = np.abs(column)
    return len(_graph(tuple(sorted(set(sizes.tolist()) - {0}))).adders) + int(np.count_nonzero(sizes))


@dataclass(frozen=True)
class ConstantMatrix:
    """Products ``rows @ x`` of integers, in units of ``2**drop``; exact with a `drop` of 0.

    Parameters
    ----------
    rows
        Entries, at most 17 bits.
    drop
        Low bits that are cut from the magnitude of each entry times its input before they are added.
    added
        What each row adds, in units of ``2**drop``; None: what makes up for the cut.
    """

    rows: tuple[tuple[int, ...], ...]
    drop: int = 0
    added: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.rows or not self.rows[0] or len({len(row) for row in self.rows}) != 1:
            raise ValueError("a matrix has rows of the same length, 1 or more")
        if max(abs(v) for row in self.rows for v in row) >= 1 << 17:
            raise ValueError("an entry of a constant matrix has at most 17 bits")
        self._check()

    def _check(self) -> None:
        """Raise for a drop or constants that do not fit the entries."""
        if not 0 <= self.drop <= MOST_DROPPED:
            raise ValueError(f"drop must be between 0 and {MOST_DROPPED} bits, not {self.drop}")
        if self.added is not None and len(self.added) != len(self.rows):
            raise ValueError(f"added must be {len(self.rows)} numbers, one a row")

    @cached_property
    def array(self) -> NDArray[np.int64]:
        """The entries (rows, columns)."""
        return np.array(self.rows, dtype=np.int64)

    @property
    def transposed(self) -> "ConstantMatrix":
        """Rows for columns."""
        return ConstantMatrix(tuple(zip(*self.rows, strict=True)))

    @property
    def negative(self) -> "ConstantMatrix":
        """Every entry with the other sign."""
        return ConstantMatrix(tuple(tuple(-v for v in row) for row in self.rows))

    @cached_property
    def graphs(self) -> tuple[AdderGraph, ...]:
        """Graph of each column, whose nodes are the odd parts of its entries."""
        return tuple(_graph(tuple(sorted({abs(v) for v in column} - {0}))) for column in zip(*self.rows, strict=True))

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """What each row adds: a floor to D of words with the lowest bit L takes off (D - L) / 2 on average."""
        if self.added is not None:
            return self.added
        lost = np.where(self.losses > 0, np.sign(self.array) * (1 - 2.0**-self.losses) / 2, 0.0).sum(axis=1)
        return tuple(int(v) for v in np.floor(lost + 0.5))

    @cached_property
    def losses(self) -> NDArray[np.int64]:
        """Bits (rows, columns) that cutting takes off each product, those that are always zero left out."""
        lowest = np.bitwise_count((self.array & -self.array) - 1).astype(np.int64)
        return np.where(self.array == 0, 0, np.maximum(self.drop - lowest, 0))

    def cut(self, entry: int, span: Range) -> Range:
        """Range of an entry's product, cut, for an input in `span`."""
        low, high = (abs(entry) * end >> self.drop for end in span)
        return (low, high) if entry >= 0 else (-high, -low)

    def reach(self, ranges: Sequence[Range]) -> tuple[Range, ...]:
        """Range of each row's product for inputs in `ranges`."""
        kind = np.int64 if max(max(-low, high) for low, high in ranges) < _LARGE else object
        sizes, signs, more = np.abs(self.array).astype(kind), self.array < 0, np.array(self.offsets, dtype=kind)
        lows, highs = (sizes * np.array(ends, dtype=kind) >> self.drop for ends in zip(*ranges, strict=True))
        low = np.where(signs, -highs, lows).sum(axis=1) + more
        high = np.where(signs, -lows, highs).sum(axis=1) + more
        return tuple(zip(low.tolist(), high.tolist(), strict=True))

    def model(self, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Products (rows, n) of the inputs (columns, n)."""
        peak = max(-int(x.min(initial=0)), int(x.max(initial=0)))
        most = self._most * peak + max(map(abs, self.offsets))  # of any sum
        offsets = np.array(self.offsets, dtype=np.int64)[:, None]
        if self.drop == 0:
            if most < 1 << 53:  # as floats they are exact, and many times faster
                return (self.array.astype(np.float64) @ x.astype(np.float64)).astype(np.int64) + offsets
            return self.array @ x + offsets
        kind = np.int32 if most < 1 << 31 else np.int64
        entries, words = self.array.astype(kind), x.astype(kind)
        total = np.repeat(offsets.astype(kind), x.shape[1], axis=1)
        for column, word in zip(entries.T, words, strict=True):
            total += np.sign(column)[:, None] * (np.abs(column)[:, None] * word >> kind(self.drop))
        return total.astype(np.int64)

    @cached_property
    def _most(self) -> int:
        """Largest sum of the magnitudes of a row's entries."""
        return int(np.abs(self.array).sum(axis=1).max())

    def cutting(self, drop: int, added: tuple[int, ...] | None) -> "ConstantMatrix":
        """The same entries with another drop; what is known of them is not worked out again."""
        made = ConstantMatrix.__new__(ConstantMatrix)
        known = {key: value for key, value in self.__dict__.items() if key not in ("offsets", "losses")}
        made.__dict__.update(known | {"drop": drop, "added": added})
        made._check()
        return made

    def adder_bits(self, ranges: Sequence[Range], complements: bool = False) -> tuple[int, int]:
        """Full-adder bits, near enough to compare candidates by, and bits that are inverted to be subtracted."""
        bits = inverted = 0
        for graph, (lo, hi) in zip(self.graphs, ranges, strict=True):
            width = Format.for_range(min(lo, -1), hi, signed=True).width
            for adder in graph.adders:
                own = width + adder.constant.bit_length() - max(adder.left_shift, adder.right_shift, 0)
                bits, inverted = bits + own, inverted + own * adder.subtract
        for row, more in zip(self.rows, self.offsets, strict=True):
            terms = [self._term(c, span) for c, span in zip(row, ranges, strict=True) if c]
            added, taken = adding_up(terms + ([constant_term(more)] if more else []), complements)
            bits, inverted = bits + added, inverted + taken
        return bits, inverted

    def _term(self, entry: int, span: Range) -> Term:
        """What an entry adds to the sum of its row."""
        return Term(self.cut(entry, span), entry < 0, max(odd(entry)[1] - self.drop, 0))

    def hardware(
        self, m: Module, x: Sequence[Value], ranges: Sequence[Range], name: str, complements: bool = False
    ) -> list[Value]:
        """Combinational products of signed inputs: a signal ``{name}_row<i>`` for each row, as wide as its range.

        Parameters
        ----------
        complements
            Whether sums that are subtracted are kept as complements: see `hwgen.polarity`.
        """
        words: list[list[Operand]] = [[] for _ in self.rows]
        terms: list[list[Term]] = [[] for _ in self.rows]
        for j, (graph, word, span) in enumerate(zip(self.graphs, x, ranges, strict=True)):
            nodes: list[Value] = [word]
            for adder in graph.adders:
                down = -min(adder.left_shift, adder.right_shift, 0)
                left, right = (
                    Operand(nodes[k], shift + down)
                    for k, shift in ((adder.left, adder.left_shift), (adder.right, adder.right_shift))
                )
                low, high = _times(adder.constant, span)
                node = Signal(
                    signed(Format.for_range(low, high, signed=True).width),
                    name=f"{name}_c{j}_x{adder.constant}", attrs={"keep": 1},
                )  # fmt: skip
                total = left.combined(right, adder.subtract)
                m.d.comb += node.eq(total[down:].as_signed() if down else total)
                nodes.append(node)
            for i, row in enumerate(self.rows):
                if row[j]:
                    k, shift = graph.find(row[j])
                    words[i].append(Operand.of(nodes[k], shift - self.drop))
                    terms[i].append(self._term(row[j], span))
        return [
            added_up(m, words[i], terms[i], more, f"{name}_row{i}", complements) for i, more in enumerate(self.offsets)
        ]


def adding_up(terms: Sequence[Term], complements: bool) -> tuple[int, int]:
    """Full-adder bits of a row's sum, and bits that are inverted to be subtracted."""
    adders = summed(terms)[0] if terms else ()
    taken = sum(made.taken for made in adders if made.right < len(terms) or not complements)
    return sum(made.width - made.past for made in adders), taken


def added_up(
    m: Module, words: list[Operand], terms: list[Term], more: int, name: str, complements: bool = False
) -> Value:
    """The sum of a row's words and `more` as signal `name`; `terms`: what is known of each word."""
    if more:
        words, terms = [*words, Operand.constant(more)], [*terms, constant_term(more)]
    if not terms:
        return Const(0, signed(1))
    adders, last = summed(terms)
    subtracted = {adder.right for adder in adders if adder.taken}
    if last.negative:
        subtracted.add(len(terms) + len(adders) - 1)
    for k, adder in enumerate(adders, start=len(terms)):
        total = words[adder.left].combined(words[adder.right], adder.taken > 0)
        words = [*words, _sum(m, total, adder.width, f"{name}_{k - len(terms)}", complements and k in subtracted)]
    result = Signal(signed(Format.for_range(*last.ends, signed=True).width), name=name)
    m.d.comb += result.eq(-words[-1].value if last.negative else words[-1].value)
    return result


def _sum(m: Module, total: Value, width: int, name: str, inverted: bool) -> Operand:
    """A sum as a signal; by way of its complement where that is what adders take and give."""
    if not inverted:  # Yosys would merge adders that are not kept
        return Operand(wire(m, total, width, name, keep=True), 0)
    # It does not across an inversion, which becomes part of an adder that is not kept.
    complement = wire(m, ~wire(m, total, width, f"{name}_sum"), width, f"{name}_complement")
    return Operand(wire(m, ~complement, width, name), 0)


def constant_term(value: int) -> Term:
    """A constant as a term of a sum."""
    return Term((value, value), value < 0, odd(value)[1])


def _times(constant: int, span: Range) -> Range:
    ends = (constant * span[0], constant * span[1])
    return min(ends), max(ends)
