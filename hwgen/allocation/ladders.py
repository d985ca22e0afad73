"""Ladders: the rising levels each free variable may stand on. Searches move on positions, functions see levels."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


class Ladders(NamedTuple):
    """The ladders of G free variables, for n variables some of which are tied.

    ``table`` (G, longest) holds the levels, short ladders repeating their top; ``depth`` (G,) the highest position;
    ``owner`` (n,) the ladder of each variable.
    """

    table: Ints
    depth: Ints
    owner: Ints


def whole(values: ArrayLike, what: str, count: int) -> Ints:
    """``count`` whole numbers, from as many or from one for all."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        array = np.array([np.nan, np.nan])
    if array.ndim == 0:
        array = np.full(count, float(array))
    if array.shape != (count,) or not (array == np.floor(array)).all() or not (np.abs(array) < 2**53).all():
        raise ValueError(f"{what} must be {count} whole numbers, or one for all")
    return array.astype(np.int64)


def build(
    names: tuple[str, ...], lower: Ints, upper: Ints, levels: Sequence[Any] | None, groups: Sequence[Sequence[str]]
) -> Ladders:
    """Ladders of every variable, tied variables sharing the levels they have in common.

    Raises
    ------
    ValueError
        Bounds out of order, levels that do not rise, a name unknown or in two groups, no level in common.
    """
    for name, low, high in zip(names, lower, upper, strict=True):
        if low > high:
            raise ValueError(f"{name}: lower bound {low} is above upper bound {high}")
    shared = _ladders(names, lower, upper, levels)
    owner = _owner(names, groups)
    if groups:
        single, shared = shared, []
        for free in range(int(owner.max()) + 1):
            members = np.flatnonzero(owner == free)
            common = set(single[members[0]]).intersection(*(single[member] for member in members[1:]))
            if not common:
                raise ValueError(f"{', '.join(names[m] for m in members)} are tied but have no level in common")
            shared.append(sorted(common))
    longest = max(len(ladder) for ladder in shared)
    depth = np.array([len(ladder) - 1 for ladder in shared], dtype=np.int64)
    table = np.array([ladder + ladder[-1:] * (longest - len(ladder)) for ladder in shared], dtype=np.int64)
    return Ladders(table, depth, owner)


def _ladders(names: tuple[str, ...], lower: Ints, upper: Ints, levels: Any) -> list[list[int]]:
    """The levels of each variable; Python's own numbers, since short lists of them are faster than arrays."""
    bounds = list(zip(lower.tolist(), upper.tolist(), strict=True))
    if levels is None:
        for name, (low, high) in zip(names, bounds, strict=True):
            _refuse_long(name, high - low)
        return [list(range(low, high + 1)) for low, high in bounds]
    given = [_listed(part) for part in _listed(levels)]
    if given and not any(isinstance(part, list) for part in given):
        given = [given] * len(names)
    if len(given) != len(names):
        raise ValueError(f"levels must be {len(names)} sequences, got {len(given)}")
    ladders = []
    for name, values, (low, high) in zip(names, given, bounds, strict=True):
        try:
            whole_values = [int(value) for value in values]
            sound = whole_values == values and all(a < b for a, b in pairwise(whole_values))
        except (TypeError, ValueError, OverflowError):
            sound = False
        if not sound:
            raise ValueError(f"{name}: levels must be whole numbers that rise strictly, got {values!r}")
        ladder = [level for level in whole_values if low <= level <= high]
        if not ladder:
            raise ValueError(f"{name}: no level lies in [{low}, {high}]")
        _refuse_long(name, len(ladder) - 1)
        ladders.append(ladder)
    return ladders


def _listed(values: Any) -> Any:
    """A set as a rising list, any other collection as a list, a number as it is."""
    if isinstance(values, (set, frozenset)):
        return sorted(values)
    return list(values) if isinstance(values, (Sequence, np.ndarray)) and not isinstance(values, str) else values


def _refuse_long(name: str, depth: int) -> None:
    if depth > np.iinfo(np.int16).max:
        raise ValueError(f"{name}: a variable may have at most {np.iinfo(np.int16).max} levels")


def _owner(names: tuple[str, ...], groups: Sequence[Sequence[str]]) -> Ints:
    """The free variable (G of them, in the order of their first member) of each of the n variables."""
    if not groups:
        return np.arange(len(names))
    place = {name: k for k, name in enumerate(names)}
    first = np.arange(len(names))
    tied: set[str] = set()
    for group in groups:
        for name in group:
            if name not in place:
                raise ValueError(f"a group names {name!r}, which is no variable")
            if name in tied:
                raise ValueError(f"{name} is in two groups")
            tied.add(name)
        members = [place[name] for name in group]
        first[members] = min(members, default=0)
    return np.unique(first, return_inverse=True)[1].astype(np.int64)
