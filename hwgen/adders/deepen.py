"""Smallest sets of constants by exhaustive search: one extra constant at a time, in reach of those before it."""

from collections.abc import Iterator
from dataclasses import dataclass

from hwgen.adders.reach import Front

_BATCH = 64  # candidates combined at once


@dataclass
class Effort:
    """Pairs of constants that a search may still combine; about 5 to 10 microseconds each."""

    left: int

    def spend(self, pairs: int) -> bool:
        """Take off `pairs`; false when nothing is left."""
        self.left -= pairs
        return self.left >= 0


def completions(front: Front, extra: int, effort: Effort, banned: frozenset[int] = frozenset()) -> Iterator[Front]:
    """All fronts without targets left that `extra` further constants, none of them in `banned`, lead to.

    Each set of constants is given at most once. Ends early, with a negative ``effort.left``, when the effort is spent.
    """
    if not front.left:
        yield front
        return
    if extra == 0:
        return
    pairs = len(front.nodes) + len(front.left)
    if extra == 1:
        if not effort.spend(pairs):
            return
        for value in front.last():
            if value in banned:
                continue
            if not effort.spend(pairs):
                return
            made = front.copy()
            made.add(value)
            if not made.left:
                yield made
        return
    values = [v for v in front.reached() if v not in banned]
    done = set(banned)
    others = [*front.nodes, *front.left]
    for start in range(0, len(values), _BATCH):
        batch = values[start : start + _BATCH]
        found, own = front.odds.combined(batch, others), front.odds.squared(batch)
        for value, *rows in zip(batch, found, own, strict=True):
            if not effort.spend(pairs):
                return
            made = front.copy()
            made.add(value, (rows[0], rows[1][None]))
            yield from completions(made, extra - 1, effort, frozenset(done))
            if effort.left < 0:
                return
            done.add(value)
