"""Word lengths of a receiver's filter: LSBs that a choice stands for, and their noise at the output of the chain."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.fir import Fir
from hwgen.designs.word_lengths import WordLengths

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Choice = dict[str, Any]  # widths of a stage by the names of its variables, or those of a baseline


@dataclass(frozen=True, eq=False)
class FirLengths(WordLengths):
    """Word lengths of a filter with others behind it.

    `powers` are the power gains from each adder to the output of the chain in units of the graph, `behind` the one
    from the filter's output.
    """

    powers: tuple[float, ...] = ()
    behind: float = 1.0

    @cached_property
    def gains(self) -> Floats:
        """Power gain from a white error at each adder to the output of the chain."""
        return np.array(self.powers) * 4.0**self.unit

    def power(self, lsbs: Ints) -> float:
        """Mean square of one part of everything dropped, at the output of the chain."""
        return float((self.inner_noise(lsbs[None, :]) + self.end_noise(lsbs[None, :]) * self.behind)[0])


def chosen(lengths: FirLengths, choice: Choice) -> Ints:
    """LSB of each adder of a filter."""
    if "sum" in choice:
        lsbs = lengths.reference(-choice["sum"]) - choice["guard"] * ~lengths.accumulators
        return np.asarray(np.maximum(lsbs, lengths.natural))
    return lengths.natural if choice.get("exact") else uniform(lengths, choice["width"])


def uniform(lengths: WordLengths, width: int) -> Ints:
    """LSBs of a filter none of whose words has more bits than `width`, accumulators with one LSB."""
    tops = lengths.tops[list(lengths.graph.sums)]
    lsbs = tops - width + 1
    if lengths.accumulators.any():
        lsbs = np.where(lengths.accumulators, tops[lengths.accumulators].max() - width + 1, lsbs)
    return np.asarray(np.maximum(lsbs, lengths.natural))


def fits(block: Fir) -> bool:
    """Whether the rounded sum never leaves the output's range."""
    centred, drop = block.centred(), block.centred().fraction - block.output.fraction
    low, high = (end >> drop if drop > 0 else end << -drop for end in (centred.minimum, centred.maximum))
    return block.output.minimum <= low and high + 1 <= block.output.maximum
