"""W^H y in fixed point: a complex constant matrix times the words of many ADCs, each of its own width.

    s[k] = sum_m conj(w[m, k]) y[m]

The ADCs are uniform mid-rise quantisers: the word n of b bits, two's complement, stands for n + 1/2 steps, so that
one bit is +-1/2. Every antenna has the integer products of its word from an adder graph, every stream two trees of
adders, for real and imaginary part. One constant at the end has the halves of all steps, the mean of all that was cut
and the rounding. The hardware is in `hwgen.blocks.combiner_hardware`.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import AdderGraph, find_graph, odd
from hwgen.blocks.combiner_ports import MOST_BITS, Ports, of_parts
from hwgen.blocks.combiner_tree import Word, complemented, leaf, tree
from hwgen.fixed import Format

if TYPE_CHECKING:
    from hwgen.blocks.combiner_hardware import CombinerComponent

Ints = NDArray[np.int64]
EFFORT = 20_000  # of the search for each antenna's graph
WIDEST = 48  # bits of any word


@lru_cache(maxsize=8192)
def _graph(constants: tuple[int, ...]) -> AdderGraph:
    return find_graph(constants, EFFORT).graph


@dataclass(frozen=True)
class Combiner(Ports):
    """Combines the words of M antennas into K streams. Latency: 2 clocks and one for each level of the trees, one more
    where antennas have multipliers; a result a clock.

    Parameters
    ----------
    weights
        Real and imaginary parts of the weights of each stream, K rows of M pairs: integers in units of
        ``2**-fraction`` for a step of the antenna's ADC. Trailing zeros cost nothing: an antenna's or a stream's LSB
        is what its weights are multiples of.
    fraction
        See `weights`.
    bits
        Width of each antenna's ADC; 0: the antenna is off, and has no port.
    outputs
        Format of both parts of each stream, signed, with fewer fraction bits than `fraction`; rounded half up, and
        saturated.
    cuts
        For each stream the weight (power of two, in units of `weights`) of the lowest bit that words of `level` keep.
    level
        Level of the trees behind which words are cut; 0: the products themselves.
    complements
        Whether sums that are subtracted are kept as complements, which saves LUTs on an iCE40 and nowhere else.
    """

    weights: tuple[tuple[tuple[int, int], ...], ...]
    fraction: int
    bits: tuple[int, ...]
    outputs: tuple[Format, ...]
    cuts: tuple[int, ...] = ()
    level: int = 3
    complements: bool = False

    def __post_init__(self) -> None:
        if not self.cuts:
            object.__setattr__(self, "cuts", (0,) * len(self.weights))
        if not self.weights or any(len(row) != len(self.bits) for row in self.weights):
            raise ValueError(f"each stream needs a weight for each of the {len(self.bits)} antennas")
        if not all(0 <= b <= MOST_BITS for b in self.bits) or not any(self.bits):
            raise ValueError(f"an ADC has 0 to {MOST_BITS} bits, and one of them at least 1, not {self.bits}")
        if any(odd(v)[0] >= 1 << 17 for row in self.weights for pair in row for v in pair):
            raise ValueError("a weight has at most 17 bits, trailing zeros apart")
        if any(pair != (0, 0) and not b for row in self.weights for pair, b in zip(row, self.bits, strict=True)):
            raise ValueError("the weights of an antenna that is off must be 0")
        if len(self.outputs) != len(self.weights) or len(self.cuts) != len(self.weights):
            raise ValueError(f"{len(self.weights)} streams need as many output formats and cuts")
        if any(not form.signed or form.fraction >= self.fraction for form in self.outputs):
            raise ValueError(f"output formats must be signed, with fewer than {self.fraction} fraction bits")
        if self.level < 0 or min(self.cuts) < 0:
            raise ValueError(f"level and cuts must be at least 0, not {self.level} and {self.cuts}")
        widest = max(word.width + word.lsb for row in self.trees for level in row for word in level)
        if widest > WIDEST:
            raise ValueError(f"a word would take {widest} bits, more than {WIDEST}")

    # ------------------------------------------------------------------ shape
    @cached_property
    def matrix(self) -> Ints:
        """The real matrix (2 K, 2 active antennas): real and imaginary parts in turn on both sides."""
        return of_parts(np.array(self.weights, dtype=np.int64).reshape(self.streams, -1, 2)[:, list(self.active)])

    @cached_property
    def graphs(self) -> tuple[AdderGraph, ...]:
        """Multiples of each active antenna's words, real and imaginary part alike; those of one bit take no adders."""
        return tuple(
            _graph(constants if self.bits[m] > 1 else ())
            for m, constants in zip(self.active, self.multiples, strict=True)
        )

    @cached_property
    def multiples(self) -> tuple[tuple[int, ...], ...]:
        """Odd constants above 1 that each active antenna's words are multiplied by."""
        columns = self.matrix.reshape(2 * self.streams, -1, 2)
        sets = ({odd(int(v))[0] for v in columns[:, m].ravel()} - {0, 1} for m in range(len(self.active)))
        return tuple(tuple(sorted(constants)) for constants in sets)

    @cached_property
    def levels(self) -> int:
        """Levels of the trees."""
        most = max(int(np.count_nonzero(row)) for row in self.matrix)
        return max(most - 1, 0).bit_length()

    @cached_property
    def trees(self) -> tuple[tuple[tuple[Word, ...], ...], ...]:
        """For each row of `matrix` the words of each level; none where all weights are 0."""
        made = (
            tree(
                [leaf(j, int(v), self.spans[j]) for j, v in enumerate(row) if v], self.levels,
                self.cuts[r // 2], min(self.level, self.levels),
            )
            for r, row in enumerate(self.matrix)
        )  # fmt: skip
        return tuple(complemented(levels) if self.complements else levels for levels in made)

    @cached_property
    def multiplies(self) -> bool:
        """Whether there is an adder before the trees."""
        return any(graph.adders for graph in self.graphs)

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge at which its streams are seen."""
        return 2 + self.multiplies + self.levels

    # -------------------------------------------------------------- exact values
    def _cut_words(self, row: int) -> list[tuple[Word, list[int]]]:
        """The words of the level that is cut, each with the columns of its terms."""
        levels = self.trees[row]
        terms = [[word.sources[0]] for word in levels[0]]
        for words in levels[1 : min(self.level, self.levels) + 1]:
            terms = [[j for source in word.sources for j in terms[source]] for word in words]
        return list(zip(levels[min(self.level, self.levels)], terms, strict=True))

    @cached_property
    def constants(self) -> tuple[int, ...]:
        """What is added to each row's sum before its low bits are dropped, in units of ``2**-fraction``.

        A sum has no bits below the lowest bit of its words, and neither has the constant: floor makes up for it.
        """
        found = []
        for r, row in enumerate(self.matrix):
            mean = Fraction(int(row.sum()), 2)
            for word, _ in self._cut_words(r):
                lost = Fraction((1 << word.lsb) - (1 << word.lsb - word.dropped), 2)
                mean += -lost if word.negative else lost
            drop = self.fraction - self.outputs[r // 2].fraction
            exact = mean + (1 << drop - 1)
            low = self.trees[r][-1][0].lsb if self.trees[r][-1] else 0
            low = min(low, drop)
            found.append(floor(exact / (1 << low)) << low)
        return tuple(found)

    # ------------------------------------------------------------------- model
    def model(self, data: NDArray) -> Ints:
        """Bit-true streams (2 K, n) for the words of the input ports (active antennas, n).

        Raises ``ValueError`` for words outside the ports.
        """
        data = self.checked(data)
        found = np.empty((2 * self.streams, data.shape[1]), dtype=np.int64)
        for start in range(0, data.shape[1], 1 << 16):
            part = slice(start, start + (1 << 16))
            found[:, part] = self._model(self.unpacked(data[:, part]))
        return found

    def _model(self, words: Ints) -> Ints:
        # All integers stay below 2**48, so that sums of floats are exact.
        x = words.astype(np.float64)
        sums = self.matrix.astype(np.float64) @ x
        streams = []
        for r, row in enumerate(self.matrix):
            total = sums[r].astype(np.int64)
            cut = [(word, terms) for word, terms in self._cut_words(r) if word.dropped]
            if cut:
                parts = np.zeros((len(cut), len(x)))
                for k, (word, terms) in enumerate(cut):
                    parts[k, terms] = row[terms] * (-1 if word.negative else 1)
                values = (parts @ x).astype(np.int64)
                for (word, _), value in zip(cut, values, strict=True):
                    lost = value & ((1 << word.lsb) - 1)
                    total += lost if word.negative else -lost
            form = self.outputs[r // 2]
            raw = (total + self.constants[r]) >> self.fraction - form.fraction
            streams.append(np.clip(raw, form.minimum, form.maximum))
        return np.stack(streams)

    # -------------------------------------------------------------- to and from JSON
    def frozen(self) -> dict[str, Any]:
        """All parameters, JSON-able; `thawed` is the inverse."""
        return {
            "weights": [[list(pair) for pair in row] for row in self.weights],
            "fraction": self.fraction,
            "bits": list(self.bits),
            "outputs": [str(form) for form in self.outputs],
            "cuts": list(self.cuts),
            "level": self.level,
            "complements": self.complements,
        }

    @classmethod
    def thawed(cls, frozen: dict[str, Any]) -> "Combiner":
        """The combiner that `frozen` described."""
        weights = np.array(frozen["weights"], dtype=np.int64)
        outputs = tuple(Format.parse(text) for text in frozen["outputs"])
        own = {key: tuple(int(v) for v in frozen[key]) for key in ("bits", "cuts")}
        # Detectors finished before there were complements have none.
        more = frozen["level"], frozen.get("complements", False)
        return cls(pairs(weights), frozen["fraction"], own["bits"], outputs, own["cuts"], *more)

    # ---------------------------------------------------------------- hardware
    def component(self) -> "CombinerComponent":
        """Amaranth component with `inputs`, `output_ports`, ``i_valid`` and ``o_valid``."""
        from hwgen.blocks.combiner_hardware import CombinerComponent

        return CombinerComponent(self)


def pairs(weights: NDArray) -> tuple[tuple[tuple[int, int], ...], ...]:
    """`Combiner.weights` of integers (K, M, 2)."""
    return tuple(tuple((int(a), int(b)) for a, b in row) for row in np.asarray(weights))
