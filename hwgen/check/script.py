"""What goes into a design on each clock: the stimulus script.

Time is counted in clock edges: a word of the script is stable at its edge.

A design that takes a sample every `interval` clocks has a port ``i_ready``, which follows from the script alone: low
for interval - 1 clocks after a sample is taken, until a reset; high otherwise. A script so needs no feedback.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Script:
    """The stimulus of `clocks` clocks: ``rst`` (clocks,), ``valid`` (clocks,), ``data`` (channels, clocks).

    While ``rst`` is high, or the design is not ready, nothing is taken, whatever ``valid`` says. Data of a clock
    without ``valid`` is garbage on purpose, so that a design which ignores its valid is found out. `interval` is that
    of the design. Where outputs can be made to wait, `takes` are the clocks at which they are not, and `readies` those
    at which the design is ready.
    """

    rst: Booleans
    valid: Booleans
    data: Integers
    interval: int = 1
    takes: Booleans | None = None
    readies: Booleans | None = None

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or not self.rst.shape == self.valid.shape == self.data.shape[1:]:
            raise ValueError("a script has rst (clocks,), valid (clocks,) and data (channels, clocks)")

    @property
    def clocks(self) -> int:
        """Length in clocks."""
        return len(self.rst)

    @cached_property
    def taken(self) -> Booleans:
        """Clocks at which the design takes a sample."""
        return self.valid & ~self.rst & self.ready

    @cached_property
    def ready(self) -> Booleans:
        """Clocks at which the design is ready, whether or not there is a sample or a reset."""
        if self.readies is not None:
            return self.readies
        ready = np.ones(self.clocks, dtype=bool)
        if self.interval == 1:
            return ready
        # The first reset and the first offer at or after each clock; past the end: none.
        first_reset, first_offer = (_next(flags) for flags in (self.rst, self.valid & ~self.rst))
        clock = int(first_offer[0])
        while clock < self.clocks:
            free = min(clock + self.interval, int(first_reset[clock]) + 1, self.clocks)
            ready[clock + 1 : free] = False
            clock = int(first_offer[free])
        return ready


def script(
    samples: npt.NDArray[Any],
    rng: np.random.Generator,
    *,
    gap_probability: float = 0.25,
    resets: Sequence[int] = (),
    idle: Sequence[tuple[int, int]] = (),
    drain: int = 64,
    interval: int = 1,
) -> Script:
    """Spread samples over clocks, with seeded gaps, idle stretches and resets in mid-stream.

    Parameters
    ----------
    samples
        Integers (channels, n) for the data inputs, in the order of the ports.
    rng
        Decides gaps, the length of resets (1 to 3 clocks), and the garbage between samples.
    gap_probability
        Probability that a clock at which the design is ready takes nothing, 0 (a sample whenever it can be taken) to
        below 1.
    resets
        Indices of the samples before which ``rst`` is pulsed; 0 resets before the first. Without 0 the script relies
        on the state at power-up, which the interface promises to be the same.
    idle
        Pairs (sample index, clocks): that many clocks more without a sample before that sample.
    drain
        Clocks without a sample at the end; at least the `Top.span` of the design.
    interval
        Clocks from one taken sample to the next that can be taken. Above 1, a sample that is taken as soon as the
        design is ready has been offered, unchanged, for up to interval - 1 clocks before; resets fall on busy
        clocks too, and withdraw what is offered then.

    Raises
    ------
    ValueError
        For a probability outside [0, 1), an index that is no sample's, or a negative number of clocks.
    """
    values = np.atleast_2d(np.asarray(samples)).astype(np.int64)
    count = values.shape[1]
    if not 0 <= gap_probability < 1:
        raise ValueError(f"gap_probability must be at least 0 and below 1, not {gap_probability}")
    if count == 0:
        raise ValueError("a script needs at least one sample")
    for index in (*resets, *(index for index, _ in idle)):
        if not 0 <= index < count:
            raise ValueError(f"resets and idle stretches name samples 0 to {count - 1}, not {index}")
    if drain < 0 or interval < 1 or any(clocks < 0 for _, clocks in idle):
        raise ValueError("drain and idle stretches must be 0 or more clocks, the interval 1 or more")

    # Clocks that take nothing before each sample: those at which the design is ready, and all.
    empty: Integers = np.asarray(rng.geometric(1 - gap_probability, size=count), dtype=np.int64) - 1
    for index, clocks in idle:
        empty[index] += clocks
    between = empty + (interval - 1) * (np.arange(count) > 0)
    pulses = {index: (int(rng.integers(1, 4)), int(rng.integers(0, between[index] + 1))) for index in sorted({*resets})}
    for index, (width, offset) in pulses.items():
        # A reset ends the busy clocks: the sample may come at once.
        between[index] = offset + width + min(empty[index], between[index] - offset)
    position = np.cumsum(between) + np.arange(count)  # the clock of each sample
    clocks = int(position[-1]) + 1 + drain

    rst = np.zeros(clocks, dtype=bool)
    for index, (width, offset) in pulses.items():
        start = int(position[index] - between[index]) + offset
        rst[start : start + width] = True
    # Garbage: the complement of some sample stays inside the port's width whether it is signed or not, once masked.
    data = ~values[:, rng.integers(0, count, size=clocks)]
    valid = np.zeros(clocks, dtype=bool)
    valid[rst] = rng.random(int(np.count_nonzero(rst))) < 0.5
    valid[position] = True
    data[:, position] = values
    if interval > 1:
        held = np.where(empty == 0, rng.integers(0, interval, size=count), 0)
        held[[0, *pulses]] = 0
        _offer(valid, data, position - held, held, values)
        for index, (_, offset) in pulses.items():
            if index > 0 and offset < interval:
                early = rng.integers(0, offset + 1, size=1)
                start = position[index : index + 1] - between[index] + offset
                _offer(valid, data, start - early, early, values[:, index : index + 1])
    return Script(rst, valid, data, interval)


def _offer(valid: Booleans, data: Integers, start: Integers, clocks: Integers, values: Integers) -> None:
    """Offer sample k of `values` for ``clocks[k]`` clocks from ``start[k]`` on, in place."""
    ends = np.cumsum(clocks)
    where = np.arange(int(ends[-1])) + np.repeat(start - (ends - clocks), clocks)
    valid[where] = True
    data[:, where] = np.repeat(values, clocks, axis=1)


def _next(flags: Booleans) -> Integers:
    """For each clock, and the one past the end, the first at or after it that is set; past the end where none is."""
    clocks = len(flags)
    where = np.append(np.where(flags, np.arange(clocks), clocks), clocks)
    return np.minimum.accumulate(where[::-1])[::-1]
