"""Writes to what a block has loaded, in mid-stream, and what its outputs must then be.

A script for such a block, a filter or a combiner, has behind its samples a row for each port that loads, as the inputs
of its `Top` have. These are seen on every clock, so that what is in force when follows from the script alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hwgen.check.script import Integers, Script
from hwgen.check.vectors import Expected, Port, Top
from hwgen.fixed import Format

_SPACING = 400  # clocks between sets, at least
_SINGLE = 1 / 300  # probability of a write to any index on a clock


class Block(Protocol):
    """A block whose `registers` are loaded by ``c_valid, c_index, c_data``; see `hwgen.blocks.loading`.

    `length` samples are what an output depends on, at most; `reads` as in `Reloadable`: one number where every
    register is read once for a sample, else those of each register.
    """

    @property
    def registers(self) -> tuple[Format, ...]: ...
    @property
    def power_up(self) -> tuple[int, ...]: ...
    @property
    def ports(self) -> tuple[Port, ...]: ...
    @property
    def reads(self) -> int | tuple[tuple[int, ...], ...]: ...
    @property
    def length(self) -> int: ...
    def model(self, x: npt.NDArray[Any], words: Any = None, /) -> npt.NDArray[Any]: ...


def idle(script: Script) -> Script:
    """The script with nothing loaded."""
    rows = np.zeros((3, script.clocks), dtype=np.int64)
    return replace(script, data=np.vstack([script.data, rows]))


def reloading(script: Script, block: Block, rng: np.random.Generator) -> Script:
    """The script with coefficients written while samples flow: whole sets, in any order, and single ones.

    Sets of the least, the largest and alternating values come first, then random ones with many extremes. Bits above a
    register's own are random; indices beyond the last tap and writes during reset occur, and count for nothing; index
    and data are garbage on clocks without ``c_valid``.
    """
    taps, clocks = len(block.registers), script.clocks
    _, index_port, data_port = block.ports
    valid = script.rst | (rng.random(clocks) < _SINGLE)
    index: Integers = rng.integers(0, np.where(script.rst, taps - 1, index_port.maximum), endpoint=True)
    data: Integers = rng.integers(data_port.minimum, data_port.maximum, clocks, endpoint=True, dtype=np.int64)
    spacing = max(min(max(_SPACING, 8 * block.length), clocks // 8), 2 * taps)
    for words, start in zip(_sets(block, rng), range(spacing, clocks - taps, spacing), strict=False):
        order = rng.permutation(taps)
        valid[start : start + taps] = True
        index[start : start + taps] = order
        data[start : start + taps] = words[order]
    for tap, form in enumerate(block.registers):
        where = np.flatnonzero(index == tap)
        bits = 1 << form.width
        room = (1 << data_port.width) // bits
        raw = (data[where] & (bits - 1)) + bits * rng.integers(0, room, len(where))
        data[where] = ((raw - data_port.minimum) & ((1 << data_port.width) - 1)) + data_port.minimum
    return replace(script, data=np.vstack([script.data, valid.astype(np.int64), index, data]))


def _sets(block: Block, rng: np.random.Generator) -> Iterator[Integers]:
    """Coefficient sets without end, a word for each free tap."""
    low, high = (np.array([getattr(f, end) for f in block.registers], dtype=np.int64) for end in ("minimum", "maximum"))
    odd = np.arange(len(low)) % 2 == 1
    yield from (low, high, np.where(odd, low, high), np.where(odd, high, low))
    while True:
        kind, wild = rng.random(len(low)), rng.integers(low, high, endpoint=True)
        yield np.where(kind < 0.25, low, np.where(kind < 0.5, high, wild))


def in_force(block: Block, script: Script) -> Callable[[Integers], Iterator[Integers]]:
    """Function from edges that take samples to the word of each register that the output of each is computed with:
    (samples,), or (reads, samples) where registers are read at several edges.
    """
    valid, index, data = script.data[-3:]
    resets, reads = np.flatnonzero(script.rst), block.reads

    def words(edges: Integers) -> Iterator[Integers]:
        for tap, (form, power_up) in enumerate(zip(block.registers, block.power_up, strict=True)):
            writes = np.flatnonzero((valid != 0) & ~script.rst & (index == tap))
            when = np.concatenate([resets, writes])
            loaded = form.from_bits(data[writes])
            values: Integers = np.concatenate([np.full(len(resets), power_up), loaded])
            order = np.argsort(when, kind="stable")
            read = edges + (reads if isinstance(reads, int) else np.array(reads[tap], dtype=np.int64)[:, None])
            before = np.searchsorted(when[order], read, side="left")
            yield np.concatenate([[power_up], values[order]])[before]

    return words


def expected(top: Top, script: Script, block: Block, *, settle: int = 0) -> Expected:
    """What the filter must answer to a script with its rows of writes."""
    words = in_force(block, script)
    timed = replace(script, data=np.vstack([script.data[:-3], np.arange(script.clocks)]))

    def model(rows: Integers) -> npt.NDArray[np.int64]:
        return block.model(rows[:-1], words(rows[-1]))

    return top.expected(timed, model, settle=settle)
