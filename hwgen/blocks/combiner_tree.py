"""The sum of one row of a constant matrix as a tree of adders: range, lowest bit and sign of every word, by level.

A word that holds minus its sum is marked negative, so that sums of negative terms take no negation. On an iCE40 words
that are subtracted can be kept as complements: the LUTs of the adder that makes them invert for nothing, those of the
adder that takes them do not (see `hwgen.polarity`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwgen.adders import odd
from hwgen.fixed import Format

Range = tuple[int, int]


@dataclass(frozen=True)
class Word:
    """A word of the tree, ``+-`` the sum of some terms.

    Parameters
    ----------
    sources
        Places in the level before: two for an adder, left and right, one where the word is passed on.
    subtract
        Whether the right one is subtracted.
    lsb
        Weight of its lowest bit, a power of two.
    span
        Smallest and largest value, in that LSB.
    negative
        Whether it holds minus the sum.
    dropped
        How many of the low bits of the sum are cut (floor).
    inverted
        Whether its bits are those of the complement.
    """

    sources: tuple[int, ...]
    subtract: bool
    lsb: int
    span: Range
    negative: bool
    dropped: int = 0
    inverted: bool = False

    @property
    def width(self) -> int:
        """Wires."""
        return Format.for_range(*self.span, signed=True).width

    @property
    def full(self) -> Range:
        """Range before the cut, in its LSB then."""
        return (
            self.span if not self.dropped else (self.span[0] << self.dropped, ((self.span[1] + 1) << self.dropped) - 1)
        )


def leaf(column: int, constant: int, span: Range) -> Word:
    """The product of input `column`, in `span`, by a constant other than 0, its sign apart."""
    size, shift = odd(constant)
    return Word((column,), False, shift, (size * span[0], size * span[1]), constant < 0)


def tree(leaves: Sequence[Word], levels: int, cut: int, level: int) -> tuple[tuple[Word, ...], ...]:
    """Levels 1 to `levels` of the tree over the leaves; words of `level` (0: the leaves) are cut to weight ``2**cut``.

    Words of one sign and a similar size are added first. Gives the leaves as level 0, and one word in the last level.
    """
    found = [tuple(_cut(word, cut) if level == 0 else word for word in leaves)]
    for k in range(1, levels + 1):
        before = found[-1]
        order = sorted(range(len(before)), key=lambda i: (before[i].negative, _top(before[i]), before[i].lsb, i))
        words = [_sum(before, a, b) for a, b in zip(order[::2], order[1::2], strict=False)]
        if len(order) % 2:
            rest = before[order[-1]]
            words.append(Word((order[-1],), False, rest.lsb, rest.span, rest.negative))
        found.append(tuple(_cut(word, cut) if level == k else word for word in words))
    return tuple(found)


def complemented(levels: Sequence[Sequence[Word]]) -> tuple[tuple[Word, ...], ...]:
    """The levels of a tree with every sum that is subtracted, its last word behind the tree, inverted."""
    found = [list(words) for words in levels]

    def ask(depth: int, k: int, inverted: bool) -> bool:
        """Ask for the complement of a word, or not; gives whether it is one."""
        word = found[depth][k]
        if depth == 0:
            return False
        *left, right = word.sources
        if left:
            ask(depth - 1, left[0], False)
            ask(depth - 1, right, word.subtract)
        else:
            inverted = ask(depth - 1, right, inverted)
        found[depth][k] = replace(word, inverted=inverted)
        return inverted

    if found[-1]:
        ask(len(found) - 1, 0, found[-1][0].negative)
    return tuple(map(tuple, found))


def _top(word: Word) -> int:
    return word.lsb + word.width


def _sum(before: Sequence[Word], a: int, b: int) -> Word:
    """Positive minus negative where signs differ; in a difference the low bits of the left alone pass by."""
    left, right = before[a], before[b]
    if left.negative and not right.negative:
        a, b, left, right = b, a, right, left
    subtract = left.negative != right.negative
    lsb = min(left.lsb, right.lsb)
    (p, q), (r, s) = ((word.span[0] << word.lsb - lsb, word.span[1] << word.lsb - lsb) for word in (left, right))
    span = (p - s, q - r) if subtract else (p + r, q + s)
    return Word((a, b), subtract, lsb, span, left.negative)


def _cut(word: Word, cut: int) -> Word:
    drop = max(cut - word.lsb, 0)
    span = (word.span[0] >> drop, word.span[1] >> drop)
    return Word(word.sources, word.subtract, word.lsb + drop, span, word.negative, drop)
