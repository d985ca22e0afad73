"""The sum of signed words as a tree of adders: how it is best built, from their ranges alone.

Words of like sign are added first, small ones before large ones: one subtraction is left, and sums stay narrow. On an
iCE40 every bit that is subtracted takes a LUT of its own, since a carry takes the bit as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.fixed import Format

Range = tuple[int, int]


@dataclass(frozen=True)
class Term:
    """What a word adds to a sum: values within `ends`, the lowest `zeros` bits always 0; the word itself is minus that
    where it is `negative`.
    """

    ends: Range
    negative: bool = False
    zeros: int = 0

    @property
    def width(self) -> int:
        """Wires of the word, its zeros included."""
        low, high = self.ends
        return Format.for_range(*((-high, -low) if self.negative else (low, high)), signed=True).width


@dataclass(frozen=True)
class Adder:
    """Words `left` and `right`, by number: those given, then one of each adder. `width` is the sum's, and its lowest
    `past` bits are those of one word alone; `taken` is the width of a right word that is subtracted, else 0.
    """

    left: int
    right: int
    taken: int
    width: int
    past: int


def summed(terms: Sequence[Term]) -> tuple[list[Adder], Term]:
    """The adders of a sum of one word or more, in order, and the sum as a term."""
    known, adders = list(terms), list[Adder]()

    def added(left: int, right: int) -> int:
        a, b = known[left], known[right]
        known.append(Term((a.ends[0] + b.ends[0], a.ends[1] + b.ends[1]), a.negative))
        taken = b.width - b.zeros if a.negative != b.negative else 0
        past = b.zeros if taken else max(a.zeros, b.zeros)
        adders.append(Adder(left, right, taken, known[-1].width, past))
        return len(known) - 1

    signs = [[k for k, term in enumerate(known) if term.negative is sign] for sign in (False, True)]
    while max(map(len, signs)) > 1:
        for sign, words in enumerate(signs):
            words = sorted(words, key=lambda k: known[k].width)
            pairs = [added(a, b) for a, b in zip(words[::2], words[1::2], strict=False)]
            signs[sign] = pairs + words[len(pairs) * 2 :]
    left = [words[0] for words in signs if words]
    return adders, known[added(*left) if len(left) == 2 else left[0]]
