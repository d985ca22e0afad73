"""Sums of many words on carry chains whose LUTs count three bits more: a third fewer LUTs than adders of two words.

In a carry chain of 7-series devices each column has a LUT before the carry, of which an adder uses two inputs: one bit
that the carry is taken from, and the other operand's. In place of that other bit the LUT can have a function of several
bits. A column that counts three bits b, c, d gives their parity to its own place and their majority to the next::

    a[i] + b + c + d + 2 a[i + 1]  =  (a[i] + (b ^ c ^ d))  +  2 (a[i + 1] + maj(b, c, d))

Two LUTs take five bits to two, where adders take one bit off a LUT: columns of even place count in one chain, those
of odd place in the next. (Compressors on these carry chains: Kumm and Zipf, "Efficient High Speed Compression Trees on
Xilinx FPGAs", 2014. The bits that wait in columns are a bit heap, a term of de Dinechin's.)

Signs are extended, or turned into constants, ``-s 2**t = (1 - s) 2**t - 2**t``, whichever is smaller.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

ONE = -1  # source of a bit that is always 1
_COUNTED = 3  # bits of a column that a row counts
_LUT = 6  # inputs of a LUT
_EARLY = 40  # columns in which a word must wait more to be preferred to one with a row less before it


@dataclass(frozen=True)
class Bit:
    """Bit `place` of word `source`: an operand, then the rows in their order, or `ONE`; `inverted` where it is."""

    source: int
    place: int = 0
    inverted: bool = False


@dataclass(frozen=True)
class Span:
    """A signed word in two's complement: columns of its lowest bit and of its sign, and whether it is subtracted."""

    low: int
    top: int
    negative: bool = False


@dataclass(frozen=True)
class Row:
    """A carry chain from column `start` on: of `carried`, a bit or none a column, and of what each column counts.

    A column that counts two or three bits gives their majority to the next, which then counts none of its own. The
    last column of the sum has their parity alone, of as many bits as a LUT takes. In the last column of a row nothing
    is carried: of two operands Yosys takes the shorter one to the carry.
    """

    start: int
    carried: tuple[Bit | None, ...]
    counted: tuple[tuple[Bit, ...], ...]

    @property
    def luts(self) -> int:
        """One for each column that adds or counts, and for each inverted bit; a bit alone enters the carry as it is."""
        found, after = 0, False  # whether a majority comes from the column before
        for own, counted in zip(self.carried, self.counted, strict=True):
            alone = not after and len(counted) + (own is not None) < 2
            inverted = any(bit.inverted for bit in counted)
            found += (inverted if alone else 1) + (own is not None and own.inverted)
            after = len(counted) > 1
        return found


@dataclass(frozen=True)
class Plan:
    """Rows in order, and the bits of the sum from the lowest on, each None where it is always 0."""

    rows: tuple[Row, ...]
    result: tuple[Bit | None, ...]

    @property
    def luts(self) -> int:
        """Of all rows."""
        return sum(row.luts for row in self.rows)


@lru_cache(maxsize=4096)
def planned(spans: tuple[Span, ...], width: int) -> Plan:
    """The rows that add up signed words, modulo ``2**width``: the cheapest of a few greedy plans.

    Rows count in columns of one parity, then of the other, until one row can do the rest.
    """
    plans = (_Heap(spans, width, way[0]).reduced(*way[1:]) for way in product((False, True), (0, 1), (False, True)))
    return min(plans, key=lambda plan: (plan.luts, len(plan.rows)))


class _Heap:
    """The bits that wait in each column, those that came first before the others."""

    def __init__(self, spans: Sequence[Span], width: int, extended: bool) -> None:
        self.columns: list[list[Bit]] = [[] for _ in range(width)]
        self.rows: list[Row] = []
        self.levels = [0] * len(spans)  # rows before each word
        constant = 0
        for source, span in enumerate(spans):
            sign = span.top - span.low
            for column in range(span.low, width if extended else span.top + 1):
                place = min(column - span.low, sign)
                self._wait(column, Bit(source, place, span.negative != (place == sign and not extended)))
            # -x = ~x + 1. A sign that is not extended counts for less than nothing: its complement waits.
            constant += (1 << span.low) * span.negative - (0 if extended else 1 << span.top)
        for column in range(width):
            if constant >> column & 1:
                self._wait(column, Bit(ONE))

    def _wait(self, column: int, bit: Bit) -> None:
        if column < len(self.columns):  # beyond, it does not count
            self.columns[column].append(bit)

    def reduced(self, parity: int, patch: bool) -> Plan:
        """Rows until one is left to do, which may count wherever its next column is free.

        With `patch` they begin where that row would not do, else where two bits wait.
        """
        counting, stuck = self._left()
        while stuck is not None:
            first = max(stuck - 1, 0) if patch else 0
            runs, parity = next((found, p) for p in (parity, parity ^ 1) if (found := self._runs(p, first)))
            for start, end in runs:
                self._row(start, end, set(range(start, end, 2)))
            parity ^= 1
            counting, stuck = self._left()
        start = next((c for c, waiting in enumerate(self.columns) if len(waiting) > 1), len(self.columns))
        if start < len(self.columns):
            self._row(start, len(self.columns), counting)
        return Plan(tuple(self.rows), tuple(waiting[0] if waiting else None for waiting in self.columns))

    def _left(self) -> tuple[set[int], int | None]:
        """In which columns the last row counts, and the first column where one row is not enough."""
        counting: set[int] = set()
        for column, waiting in enumerate(self.columns):
            after, is_top = column - 1 in counting, column == len(self.columns) - 1
            if len(waiting) > ((_LUT if is_top else 1 + _COUNTED) - (_COUNTED if after else 0)):
                return counting, column
            if len(waiting) > 2 and not is_top:
                counting.add(column)
        return counting, None

    def _runs(self, parity: int, first: int) -> list[tuple[int, int]]:
        """Ranges of columns from `first` on, each for a row that counts where two bits wait or more."""
        runs: list[tuple[int, int]] = []
        for column in range(first + (first + parity) % 2, len(self.columns), 2):
            if len(self.columns[column]) > 1:
                start = runs.pop()[0] if runs and column <= runs[-1][1] + 1 else column
                runs.append((start, min(column + 2, len(self.columns))))
        return runs

    def _row(self, start: int, end: int, counting: set[int]) -> None:
        """Take the bits of a row from their columns, and let those of its word wait there.

        Bits of one word stay together as far as they go: in hardware that is a slice.
        """
        carried: list[Bit | None] = []
        counted: list[tuple[Bit, ...]] = []
        lanes: list[int | None] = [None] * _COUNTED
        kept: int | None = None  # words that the carry and each counted place take their bits from
        for column in range(start, end):
            waiting, after = self.columns[column], bool(counted) and len(counted[-1]) > 1
            most = 0 if after else _COUNTED if column in counting else 1
            own = None
            if column == len(self.columns) - 1:
                most = _LUT - (_COUNTED if after else 0)
            elif column < end - 1:
                plain = [bit for bit in waiting if not bit.inverted]
                own = self._longest(plain or (waiting if len(waiting) > most else []), kept, column, 1)
                kept = None if own is None else own.source
            if own is not None:
                waiting.remove(own)
            places: list[Bit] = []
            for place in range(min(most, len(waiting))):
                last = lanes[place] if place < _COUNTED else None
                bit = self._longest(waiting, last, column, 1 + (column in counting))
                assert bit is not None  # of at least one that waits
                waiting.remove(bit)
                places.append(bit)
            lanes = [*(bit.source for bit in places[:_COUNTED]), *lanes[len(places) :]]
            carried.append(own)
            counted.append(tuple(places))
        self.rows.append(Row(start, tuple(carried), tuple(counted)))
        taken = [bit for bit in (*carried, *(bit for bits in counted for bit in bits)) if bit and bit.source != ONE]
        self.levels.append(1 + max(self.levels[bit.source] for bit in taken))
        for place in range(end - start + 1):
            self._wait(start + place, Bit(len(self.levels) - 1, place))

    def _longest(self, bits: Sequence[Bit], last: int | None, column: int, step: int) -> Bit | None:
        """Of the bits, that of the word before, else that of a word which waits in many columns to come, and is there
        early.
        """

        def worth(bit: Bit) -> int:
            place = column
            while place < len(self.columns) and any(b.source == bit.source for b in self.columns[place]):
                place += step
            return (place - column) // step - _EARLY * self.levels[bit.source] * (bit.source != ONE)

        return next((bit for bit in bits if bit.source == last), None) or max(bits, key=worth, default=None)
