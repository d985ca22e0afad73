"""A core behind its AXI4-Stream shell on a clock-by-clock schedule: both sides stall, and every clock is foretold.

What the shell does follows from a few rules, here written down once more as arithmetic on clock edges, and not as the
logic that the template has. A sample is taken when it is offered, the core is ready and the FIFO has room for all that
is on its way. An output leaves the FIFO one edge after it was written at the earliest, when the one before is gone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwgen.axi_stream import Shell, padding
from hwgen.check.script import Booleans, Integers, Script
from hwgen.check.vectors import Expected, Port, Top

_PATTERN = 1 << 15  # clocks after which the sink stalls as it did before
_STRETCH = 96  # clocks, or samples, for which a side keeps its pace
_READY = (1.0, 0.9, 0.5, 0.1, 1.0, 0.0)  # how often the sink is ready in a stretch
_GAPS = (0.0, 0.0, 0.25, 0.8)  # how often the source pauses for a clock
_LAST = (0.0, 0.01, 0.2, 1.0)  # how often a sample is the last of its packet


@dataclass(frozen=True)
class StreamTop(Top):
    """A module with AXI4-Stream ports, its words and their padding as ports of their own.

    `core` is what `shell` is around; `latency` and rates are those of the core as seen through it.
    """

    shell: Shell = field(kw_only=True)
    stream = True

    @classmethod
    def of(cls, shell: Shell) -> "StreamTop":
        """The module that a shell makes of its core."""
        core = shell.core
        inputs = (*_padded(shell.data), Port("i_last", 1, False), *shell.side)
        outputs = (*_padded(core.outputs), Port("o_last", 1, False))
        return cls(
            shell.name, inputs, outputs, shell.latency, core.interval, core.decimate, core.interpolate, core.spacing,
            shell=shell,
        )  # fmt: skip

    @property
    def s_parts(self) -> list[str]:
        """Names of what ``s_axis_tdata`` is joined from, the highest first."""
        return [port.name for port in reversed(_padded(self.shell.data))]

    @property
    def m_parts(self) -> list[str]:
        """Names of what ``m_axis_tdata`` is taken apart to, the highest first."""
        return [port.name for port in reversed(_padded(self.shell.core.outputs))]

    @property
    def side(self) -> tuple[Port, ...]:
        """Inputs that are no part of the stream."""
        return self.shell.side


def _padded(ports: tuple[Port, ...]) -> list[Port]:
    found = []
    for port in ports:
        found += [port, *([Port(f"{port.name}_pad", padding(port), False)] if padding(port) else [])]
    return found


@dataclass(frozen=True)
class Sides:
    """How the two sides behave, clock by clock and sample by sample.

    Attributes
    ----------
    gaps : clocks without an offer before each sample
    takes : whether the sink is ready, on a clock of the pattern that repeats
    resets : samples before which aresetn is pulsed, and how many clocks after the sample before, for how many
    """

    gaps: Integers
    takes: Booleans
    resets: dict[int, tuple[int, int]]

    @classmethod
    def eager(cls, samples: int) -> "Sides":
        """A source that never pauses and a sink that is always ready."""
        return cls(np.zeros(samples, dtype=np.int64), np.ones(1, dtype=bool), {})

    @classmethod
    def random(cls, shell: Shell, samples: int, resets: Sequence[int], rng: np.random.Generator) -> "Sides":
        """Stretches of every pace, independent of each other."""
        pauses = _stretches(_GAPS, samples, rng)
        gaps: Integers = np.where(rng.random(samples) < pauses, rng.geometric(0.5, samples), 0).astype(np.int64)
        takes = rng.random(_PATTERN) < _stretches(_READY, _PATTERN, rng)
        takes[-1] = True  # or it would never be again
        reach = 2 * shell.latency + shell.core.interval
        pulses = {k: (int(rng.integers(1, reach)), int(rng.integers(1, 4))) for k in sorted({*resets} - {0})}
        return cls(gaps, takes, pulses)


def _stretches(levels: Sequence[float], count: int, rng: np.random.Generator) -> np.ndarray:
    # The first stretches have each level once, so that short benches see all.
    number = -(-count // _STRETCH)
    order = np.concatenate([np.arange(len(levels)), rng.integers(0, len(levels), number)])[:number]
    return np.repeat(np.array(levels)[order], _STRETCH)[:count]


@dataclass(frozen=True, eq=False)
class Schedule:
    """The edges at which things happen, of samples, of outputs, and of groups of samples.

    Attributes
    ----------
    offered, taken : first edge with tvalid, and the edge that takes it, for each sample
    closed, owner : the edge at which each group has its tlast, and its first sample
    written, leaves, gone : for each output, the edge that writes it, that takes it out of the FIFO, and the sink's
    until : for each output the next reset edge
    rst : aresetn low
    clocks : all of them
    """

    offered: Integers
    taken: Integers
    closed: Integers
    owner: Integers
    written: Integers
    leaves: Integers
    gone: Integers
    until: Integers
    group_until: Integers
    rst: Booleans
    clocks: int


def schedule(shell: Shell, last: Integers, sides: Sides) -> Schedule:
    """Edges of everything for samples with these tlast flags."""
    core, depth, period = shell.core, shell.depth, len(sides.takes)
    wait, gaps, lasts = _waits(sides.takes), sides.gaps.tolist(), last.tolist()
    offered: list[int] = []
    taken: list[int] = []
    closed: list[int] = []
    owner: list[int] = []
    group_until: list[int] = []
    written: list[int] = []
    leaves: list[int] = []
    gone: list[int] = []
    until: list[int] = []
    resets: list[tuple[int, int]] = []
    start, first, groups, outputs = 1, 0, 0, 0  # edge that may take; sample, group and output at which this began
    begun, is_closed = 0, False  # edge that took the group's first sample

    def end(reset: int) -> None:
        group_until.extend([reset] * (len(closed) - groups))
        until.extend([reset] * (len(leaves) - outputs))

    free = start
    for n, (gap, is_last) in enumerate(zip(gaps, lasts, strict=True)):
        if n in sides.resets:
            after, width = sides.resets[n]
            edge = taken[-1] + after
            end(edge)
            resets.append((edge, width))
            start = free = edge + width + 1
            first, groups, outputs, is_closed = n, len(closed), len(leaves), False
        offer = (taken[-1] + 1 if n > first else start - 1) + gap
        behind = len(closed) - depth
        if behind >= groups:
            free = max(free, leaves[(behind + 1) * core.interpolate - 1] + 1)
        edge = max(offer, free)
        offered.append(offer)
        taken.append(edge)
        free = edge + core.interval
        phase = (n - first) % core.decimate
        if phase == 0:
            begun, is_closed = edge, False
        if is_closed or not (is_last or phase == core.decimate - 1):
            continue
        is_closed = True
        closed.append(edge)
        owner.append(n - phase)
        for turn in range(core.interpolate):
            write = begun + core.latency + turn * core.spacing
            leave = max(write, edge) + 1
            if len(leaves) > outputs:
                leave = max(leave, gone[-1])
            written.append(write)
            leaves.append(leave)
            gone.append(leave + 1 + wait[(leave + 1) % period])
    ends = max(taken[-1], gone[-1] if gone else 0) + core.span + 2
    end(ends)
    rst = np.zeros(ends, dtype=bool)
    for edge, width in resets:
        rst[edge : edge + width] = True
    whole: list[Any] = [offered, taken, closed, owner, written, leaves, gone, until, group_until]
    whole = [np.array(part, dtype=np.int64) for part in whole]
    return Schedule(*[*whole, rst, ends])


def _waits(takes: Booleans) -> list[int]:
    """For each clock of the pattern, those until one that takes."""
    period = len(takes)
    twice = np.concatenate([takes, takes])
    where = np.where(twice, np.arange(2 * period), 2 * period)
    ahead: Integers = np.minimum.accumulate(where[::-1])[::-1][:period] - np.arange(period)
    return ahead.tolist()


def scripted(
    top: StreamTop,
    samples: Integers,
    sides: Sides,
    rng: np.random.Generator,
    answer: Callable[[Script], tuple[Script, Expected]],
) -> tuple[Script, Expected]:
    """What is put into a stream on each clock, and what it must answer.

    Parameters
    ----------
    top
        The module.
    samples
        Words (channels, n).
    sides
        How fast they are offered and taken.
    rng
        Decides tlast, and the garbage in padding and between samples.
    answer
        Completes what the core is given by what its other inputs are, and tells what it answers.
    """
    shell, count = top.shell, samples.shape[1]
    last = (rng.random(count) < _stretches(_LAST, count, rng)).astype(np.int64)
    times = schedule(shell, last, sides)
    clocks = times.clocks
    valid, taken = times.rst & (rng.random(clocks) < 0.5), np.zeros(clocks, dtype=bool)
    held = times.taken - times.offered + 1
    where = np.repeat(times.offered - np.cumsum(held) + held, held) + np.arange(int(held.sum()))
    valid[where] = taken[times.taken] = True
    data = ~samples[:, rng.integers(0, count, clocks)]
    data[:, where] = np.repeat(samples, held, axis=1)
    inner, answered = answer(Script(times.rst, taken, data, shell.core.interval))
    rows, ports = [], iter(top.inputs)
    for row in data:
        rows.append(row)
        if pad := padding(next(ports)):
            next(ports)
            noise = rng.integers(0, 1 << pad, count + clocks)
            rows.append(noise[:clocks])
            rows[-1][where] = np.repeat(noise[clocks:], held)
    marks = rng.integers(0, 2, clocks)
    marks[where] = np.repeat(last, held)
    rows += [marks, *inner.data[len(data) :]]
    takes = np.resize(sides.takes, clocks)
    made = Script(times.rst, valid, np.stack(rows), shell.core.interval, takes, _ready(shell, times))
    return made, _expected(top, times, last, answered, made)


def _ready(shell: Shell, times: Schedule) -> Booleans:
    """Clocks on which s_axis_tready is high."""
    used, busy = np.zeros(times.clocks + 1, dtype=np.int64), np.zeros(times.clocks + 1, dtype=np.int64)
    step = shell.core.interpolate
    np.add.at(used, times.closed + 1, 1)
    np.add.at(used, np.minimum(times.leaves[step - 1 :: step], times.group_until) + 1, -1)
    resets = np.append(np.flatnonzero(times.rst), times.clocks - 1)
    again = np.minimum(times.taken + shell.core.interval - 1, resets[np.searchsorted(resets, times.taken)])
    np.add.at(busy, times.taken + 1, 1)
    np.add.at(busy, again + 1, -1)
    running = np.concatenate([[False], ~times.rst[:-1]])
    return running & (np.cumsum(used)[:-1] < shell.depth) & (np.cumsum(busy)[:-1] == 0)


def _expected(top: StreamTop, times: Schedule, last: Integers, answered: Expected, script: Script) -> Expected:
    core = top.shell.core
    # An output that a reset finds in the FIFO is gone; one that waits behind it is seen for the last time.
    kept = times.leaves < times.until
    first, stop = (times.leaves + 1)[kept], np.minimum(times.gone, times.until)[kept]
    shown = stop - first + 1
    where = np.repeat(first - np.cumsum(shown) + shown, shown) + np.arange(int(shown.sum()))
    written = times.written[kept]
    if not answered.valid[written].all():
        raise ValueError("the core has no output where the shell's schedule has one")
    group, turn = np.divmod(np.flatnonzero(kept), core.interpolate)
    marked = _marked(times, last)[group] & (turn == core.interpolate - 1)
    rows, ports = [], iter(top.outputs)
    for row in answered.data[:, written]:
        rows.append(row)
        if pad := padding(port := next(ports)):
            next(ports)
            rows.append(np.where(row < 0, (1 << pad) - 1, 0) if port.signed else np.zeros_like(row))
    rows.append(marked.astype(np.int64))
    clocks = times.clocks
    valid, compare = np.zeros(clocks, dtype=bool), np.zeros(clocks, dtype=bool)
    data = np.zeros((len(rows), clocks), dtype=np.int64)
    valid[where] = True
    compare[where] = np.repeat(answered.compare[written], shown)
    data[:, where] = np.repeat(np.stack(rows), shown, axis=1)
    data[:, ~compare] = 0
    return Expected(valid, data, compare, script.ready, script.takes)


def _marked(times: Schedule, last: Integers) -> Booleans:
    """Whether any sample of each group had tlast; none that counts comes after the one that closed it."""
    before = np.concatenate([[0], np.cumsum(last)])
    marked: Booleans = before[np.searchsorted(times.taken, times.closed) + 1] > before[times.owner]
    return marked
