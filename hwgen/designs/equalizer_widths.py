"""The widths of an equaliser as variables: fraction bits of four words of each tap, of the error and of the sum."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.dither import Cut
from hwgen.blocks.lms import Lms, Tap
from hwgen.designs.equalizer_bench import Bench
from hwgen.designs.equalizer_float import Rule
from hwgen.fixed import Format

Ints = NDArray[np.int64]
WORDS = ("weight", "used", "data", "correlated")  # of each tap, as in `hwgen.blocks.lms.Tap`
SHARED = ("error", "sum")


@dataclass(frozen=True)
class Family:
    """Equalisers that differ in fraction bits alone.

    A row has the fraction bits of every tap's `WORDS`, word by word, then those of the error and of the sum:
    ``4 N + 2`` integers.

    Parameters
    ----------
    integers
        Integer bits of each coefficient, sign included.
    error_integer
        Integer bits of the error.
    """

    bench: Bench
    rule: Rule
    integers: tuple[int, ...]
    error_integer: int
    rounding: Cut = Cut.HALF_UP

    @property
    def names(self) -> list[str]:
        """A name for each variable."""
        return [f"tap{k}_{word}" for word in WORDS for k in range(self.bench.taps)] + list(SHARED)

    @cached_property
    def classes(self) -> list[list[int]]:
        """Positions in a row of the words of one kind."""
        size = self.bench.taps
        return [list(range(word * size, (word + 1) * size)) for word in range(4)] + [[4 * size], [4 * size + 1]]

    @cached_property
    def input(self) -> Format:
        """Format of a sample."""
        return Format.parse(self.bench.input)

    @cached_property
    def output(self) -> Format:
        """Format of a result."""
        return Format.parse(self.bench.output)

    def split(self, rows: Ints) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
        """Weight, used, data, correlated, (P, N) each, error and sum, (P, 1) each, made consistent."""
        rows = np.atleast_2d(rows)
        weight, used, data, correlated, error, total = (rows[:, members] for members in self.classes)
        integers = np.array(self.integers)
        least = 2 - integers
        weight = np.maximum(weight, least)
        used = np.clip(used, least, weight)
        data, correlated = (np.clip(v, 2 - self.input.integer, self.input.fraction) for v in (data, correlated))
        error = np.clip(error, 2 - self.error_integer, self.output.fraction)
        return weight, used, data, correlated, error, total

    def builds(self, row: Ints) -> bool:
        """Whether the equaliser of a row has words that hwgen's integers hold."""
        try:
            self.lms(row)
        except ValueError:
            return False
        return True

    def widths(self, row: Ints) -> dict[str, int]:
        """Bits of every word, sign included, by name."""
        weight, used, data, correlated, error, _ = (v[0] for v in self.split(row))
        integers, whole = np.array(self.integers), self.input.integer
        found = [weight + integers, used + integers, data + whole, correlated + whole]
        bits = [int(v) for v in np.concatenate(found)]
        own = [self.error_integer + int(error[0]), self.lms(row).total.width]
        return dict(zip(self.names, bits + own, strict=True))

    def lms(self, row: Ints) -> Lms:
        """The block of a row (4 N + 2,)."""
        weight, used, data, correlated, error, total = (v[0] for v in self.split(row))
        taps = tuple(
            Tap(Format(integer, int(w)), int(u), int(d), int(c))
            for integer, w, u, d, c in zip(self.integers, weight, used, data, correlated, strict=True)
        )
        return Lms(
            self.input, self.output, taps, (0,) * len(taps), int(total[0]),
            Format(self.error_integer, int(error[0])), self.rule.steps, self.bench.spacing, self.bench.levels,
            self.bench.parts == 2, self.rule.rule, self.rule.delay, self.rule.leak, self.rounding,
        )  # fmt: skip
