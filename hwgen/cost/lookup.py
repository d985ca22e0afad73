"""LUTs of constant tables and comparisons: what a multiplexer tree over constants comes to after synthesis."""

from collections.abc import Sequence


def compare_luts(bits: int, inputs: int) -> int:
    """LUTs of `inputs` inputs that tell whether a word of so many bits is a constant."""
    return -(-(bits - 1) // (inputs - 1)) if bits > 1 else 0


def table_luts(tables: Sequence[Sequence[int]], bits: int, inputs: int) -> int:
    """LUTs of `inputs` inputs for tables of whole numbers under one index of `bits` bits.

    Each bit of a table is a function of the index. One of more variables than a LUT has inputs is a choice between two
    of one variable fewer (Shannon); equal functions, and opposite ones, are built once. An upper bound: synthesis
    finds better ones.
    """
    seen: set[tuple[int, ...]] = set()
    return sum(_function_luts(f, inputs, seen) for table in tables for f in _functions(table, bits))


def _functions(table: Sequence[int], bits: int) -> list[tuple[int, ...]]:
    """Truth table of each bit of a table."""
    whole = _spread(list(table), bits)
    return [tuple(value >> number & 1 for value in whole) for number in range(max(whole).bit_length())]


def _spread(table: list[int], bits: int) -> list[int]:
    """What a tree of multiplexers gives for every index, where there are fewer entries, too."""
    if len(table) == 1 or bits == 0:
        return [table[0]] * (1 << bits)
    half = 1 << bits - 1
    low = _spread(table[:half], bits - 1)
    return low + (_spread(table[half:], bits - 1) if len(table) > half else low)


def _function_luts(function: tuple[int, ...], inputs: int, seen: set[tuple[int, ...]]) -> int:
    places = [1 << k for k in range(len(function).bit_length() - 1)]
    used = [p for p in places if any(function[i] != function[i ^ p] for i in range(len(function)))]
    if len(used) < 2 or function in seen:
        return 0
    seen |= {function, tuple(1 - bit for bit in function)}
    if len(used) <= inputs:
        return 1
    halves = (tuple(bit for i, bit in enumerate(function) if bool(i & used[-1]) == side) for side in (False, True))
    return 1 + sum(_function_luts(half, inputs, seen) for half in halves)
