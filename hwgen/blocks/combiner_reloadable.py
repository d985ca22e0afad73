"""W^H y with weights that are loaded through a port: real multipliers, as wide as each antenna's ADC asks for.

    s[k] = sum_m conj(w[m, k]) y[m]

Words of weights are mid-rise, as those of the ADCs are: c stands for c + 1/2 LSB, so that the word of a weight is its
floor. With u the word of an ADC in offset binary, n + 1/2 = 1/2 sum_i (2 u_i - 1) 2^i: digits of +-1, two of which
make +-1 or +-3. A multiple of c + 1/2 by +-1 or +-3 is (c or 3 c + 1), inverted or not, and half an LSB more: one LUT
a bit, no carry, and the halves are a constant whatever is loaded. A weight's triple serves both parts of the word.
The hardware is in `hwgen.blocks.combiner_reloadable_hardware`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.blocks.combiner import Combiner
from hwgen.blocks.combiner_ports import MOST_BITS, Ports, of_parts
from hwgen.blocks.combiner_tree import Word, tree
from hwgen.blocks.loading import load_ports
from hwgen.check.vectors import Port
from hwgen.fixed import Format

if TYPE_CHECKING:
    from hwgen.blocks.combiner_reloadable_hardware import ReloadableCombinerComponent

Ints = NDArray[np.int64]
WIDEST = 48  # bits of any sum
PARTS = ("re", "im")
# Of conj(a + j b) (x + j y) = (a x + b y) + j (a y - b x): part of the weight, part of the word, whether negative.
TERMS = {"re": ((0, 0, False), (1, 1, False)), "im": ((0, 1, False), (1, 0, True))}


class Multiple(NamedTuple):
    """What one or two digits of an ADC's word make of a weight.

    Attributes
    ----------
    antenna
        Which of the active ones.
    weight, word
        Parts of both, 0 the real one.
    negative
        Whether it is subtracted.
    digit
        The lower digit, a bit of the word.
    """

    antenna: int
    weight: int
    word: int
    negative: bool
    digit: int


@dataclass(frozen=True)
class ReloadableCombiner(Ports):
    """Combines the words of M antennas, N of them on, into K streams. Latency: 3 clocks and one for each level of the
    trees, ``levels = ceil(log2 sum_n 2 ceil(b_n / 2))`` for ADCs of b_n bits; a result a clock.

    A write is an edge with ``c_valid`` and without ``rst``: the weight of ``c_index`` takes the low bits of
    ``c_data``, as many as it has. Index ``2 (k N + n)`` is the real part for stream k and the n-th antenna that is on,
    the next the imaginary one; an index beyond the last is ignored. Reset restores the power-up weights. A sample
    taken at an edge is combined with all writes up to and including that edge, and no later one.

    Parameters
    ----------
    bits
        Width of each antenna's ADC; 0: the antenna is off, and has no port.
    outputs
        Format of both parts of each stream, signed; rounded half up, and saturated.
    weights
        Format of both parts of each weight, K rows of N: a word c of it stands for ``(c + 1/2) lsb`` for a step of the
        antenna's ADC.
    initial
        Words at power-up, K rows of N pairs.
    """

    bits: tuple[int, ...]
    outputs: tuple[Format, ...]
    weights: tuple[tuple[Format, ...], ...]
    initial: tuple[tuple[tuple[int, int], ...], ...]

    reads = 1  # clocks from the edge that takes a sample to the edge that takes its multiples
    length = 1  # samples that an output depends on

    def __post_init__(self) -> None:
        if not all(0 <= b <= MOST_BITS for b in self.bits) or not any(self.bits):
            raise ValueError(f"an ADC has 0 to {MOST_BITS} bits, and one of them at least 1, not {self.bits}")
        if not self.outputs or not all(form.signed for form in self.outputs):
            raise ValueError("there must be a stream, and output formats must be signed")
        for rows in (self.weights, self.initial):
            if len(rows) != self.streams or any(len(row) != len(self.active) for row in rows):
                raise ValueError(f"each of {self.streams} streams needs {len(self.active)} weights")
        for form, word in zip(self.registers, self.power_up, strict=True):
            if not form.signed or not form.minimum <= word <= form.maximum:
                raise ValueError(f"a weight has a signed format, and {word} must lie in {form}")
        widest = max(word.width + word.lsb for row in self.trees for word in row[-1])
        if widest > WIDEST:
            raise ValueError(f"a sum would take {widest} bits, more than {WIDEST}")

    # ------------------------------------------------------------------ shape
    @cached_property
    def registers(self) -> tuple[Format, ...]:
        """Format of the word of each index."""
        return tuple(form for row in self.weights for form in row for _ in PARTS)

    @cached_property
    def power_up(self) -> tuple[int, ...]:
        """Word of each index at power-up."""
        return tuple(word for row in self.initial for pair in row for word in pair)

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports that load weights."""
        return load_ports(self.registers)

    @property
    def formats(self) -> dict[str, str]:
        """What the words of each port are."""
        return super().formats | {"c_data": ", ".join(self.loading)}

    @property
    def loading(self) -> list[str]:
        """Name and format of each weight, those of a stream in the order of antennas."""
        return [
            f"w{k}_{m} {form}" for k, row in enumerate(self.weights) for m, form in zip(self.active, row, strict=True)
        ]

    @cached_property
    def fraction(self) -> int:
        """Unit of all sums, ``2**-fraction``: half the finest LSB of the weights, below that of the outputs."""
        return 1 + max(form.fraction for form in (*self.registers, *self.outputs))

    @cached_property
    def multiples(self) -> dict[str, tuple[Multiple, ...]]:
        """Leaves of the trees of real and imaginary parts, the same for all streams."""
        return {
            part: tuple(
                Multiple(n, weight, word, negative, digit)
                for n, m in enumerate(self.active)
                for weight, word, negative in TERMS[part]
                for digit in range(0, self.bits[m], 2)
            )
            for part in PARTS
        }

    def paired(self, multiple: Multiple) -> bool:
        """Whether it takes two digits, not the last one of an odd number."""
        return multiple.digit + 1 < self.bits[self.active[multiple.antenna]]

    def _leaf(self, stream: int, place: int, multiple: Multiple) -> Word:
        form = self.weights[stream][multiple.antenna]
        low = 3 * form.minimum + 1 if self.paired(multiple) else form.minimum
        return Word((place,), False, self.fraction - 1 - form.fraction + multiple.digit, (low, ~low), False)

    @cached_property
    def levels(self) -> int:
        """Levels of the trees."""
        return (len(self.multiples["re"]) - 1).bit_length()

    @cached_property
    def trees(self) -> tuple[tuple[tuple[Word, ...], ...], ...]:
        """For each part of each stream the words of each level; a leaf stands for half its LSB more."""
        return tuple(
            tree([self._leaf(k, i, leaf) for i, leaf in enumerate(self.multiples[part])], self.levels, 0, 0)
            for k in range(self.streams)
            for part in PARTS
        )

    @cached_property
    def constants(self) -> tuple[int, ...]:
        """What is added to each part's sum before its low bits are dropped: the halves of all leaves, the rounding."""
        found = []
        for r, levels in enumerate(self.trees):
            drop = self.fraction - self.outputs[r // 2].fraction
            low = min(levels[-1][0].lsb, drop)
            found.append((sum(1 << word.lsb for word in levels[0]) // 2 + (1 << drop - 1)) >> low << low)
        return tuple(found)

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge at which its streams are seen."""
        return 3 + self.levels

    # ------------------------------------------------------------------- model
    @cached_property
    def matrix(self) -> Ints:
        """The real matrix (2 K, 2 N) of the power-up weights, in units of ``2**-fraction``: odd multiples of halves."""
        shifts = np.array([[self.fraction - 1 - form.fraction for form in row] for row in self.weights])
        return of_parts((2 * np.array(self.initial, dtype=np.int64) + 1) << shifts[..., None])

    def words_of(self, weights: ArrayLike) -> list[int]:
        """The word of each index for complex weights (M, K), for a step of each antenna's ADC: floor, saturated."""
        w = np.asarray(weights, dtype=np.complex128)[list(self.active)].T
        parts = np.stack([w.real, w.imag], axis=-1).reshape(-1)
        return [
            int(np.clip(np.floor(np.ldexp(v, form.fraction)), form.minimum, form.maximum))
            for v, form in zip(parts, self.registers, strict=True)
        ]

    def reloaded(self, words: Iterable[int]) -> "ReloadableCombiner":
        """The same with other power-up words, one for each index."""
        pairs = np.array(list(words), dtype=np.int64).reshape(self.streams, -1, 2)
        return replace(self, initial=tuple(tuple((int(a), int(b)) for a, b in row) for row in pairs))

    def model(self, data: NDArray, words: Iterable[int | Ints] | None = None) -> Ints:
        """Bit-true streams (2 K, n) for the words of the input ports (N, n).

        Parameters
        ----------
        words
            Word of each index: an integer, or an array (n,) with the one in force for each sample. None: those of
            power-up.

        Raises ``ValueError`` for words outside their ports or formats.
        """
        odd = 2 * self.unpacked(self.checked(data)) + 1
        if words is None:
            # All integers stay below 2**48, so that sums of floats are exact.
            totals = (self.matrix.astype(np.float64) @ odd.astype(np.float64)).astype(np.int64)
        else:
            totals = self._summed(odd, words)
        streams = []
        for r, total in enumerate(totals):
            form = self.outputs[r // 2]
            drop = self.fraction + 1 - form.fraction
            streams.append(np.clip((total + (1 << drop - 1)) >> drop, form.minimum, form.maximum))
        return np.stack(streams)

    def _summed(self, odd: Ints, words: Iterable[int | Ints]) -> Ints:
        """Exact sums in half units for the words 2 n + 1 of both parts of each antenna."""
        totals = np.zeros((2 * self.streams, odd.shape[1]), dtype=np.int64)
        for index, (form, word) in enumerate(zip(self.registers, words, strict=True)):
            if np.min(word, initial=0) < form.minimum or np.max(word, initial=0) > form.maximum:
                raise ValueError(f"word {index} must lie in {form.minimum}..{form.maximum} ({form})")
            weight = (2 * np.asarray(word, dtype=np.int64) + 1) << self.fraction - 1 - form.fraction
            place, part = divmod(index, 2)
            stream, antenna = divmod(place, len(self.active))
            x, y = odd[2 * antenna : 2 * antenna + 2]
            re, im = (weight * y, -weight * x) if part else (weight * x, weight * y)
            totals[2 * stream] += re
            totals[2 * stream + 1] += im
        return totals

    # -------------------------------------------------------------- to and from JSON
    def frozen(self) -> dict[str, Any]:
        """All parameters, JSON-able; `thawed` is the inverse."""
        return {
            "bits": list(self.bits),
            "outputs": [str(form) for form in self.outputs],
            "weights": [[str(form) for form in row] for row in self.weights],
            "initial": [[list(pair) for pair in row] for row in self.initial],
        }

    # ---------------------------------------------------------------- hardware
    def component(self) -> "ReloadableCombinerComponent":
        """Amaranth component with `inputs`, `ports`, `output_ports`, ``i_valid`` and ``o_valid``."""
        from hwgen.blocks.combiner_reloadable_hardware import ReloadableCombinerComponent

        return ReloadableCombinerComponent(self)


def thawed(frozen: dict[str, Any]) -> Combiner | ReloadableCombiner:
    """The combiner of either sort that its ``frozen`` described."""
    if "initial" not in frozen:
        return Combiner.thawed(frozen)
    outputs = tuple(Format.parse(text) for text in frozen["outputs"])
    weights = tuple(tuple(Format.parse(text) for text in row) for row in frozen["weights"])
    initial = tuple(tuple((int(a), int(b)) for a, b in row) for row in frozen["initial"])
    return ReloadableCombiner(tuple(int(b) for b in frozen["bits"]), outputs, weights, initial)
