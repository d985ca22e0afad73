"""What goes into a design on each clock, and what must come out: the stimulus script, the expectation, the verdict.

Time is counted in clock edges. A word of the script is stable at its edge; the response of a clock is what a consumer
registers at that same edge, before the design reacts to it. So a sample taken at edge t is expected at t + latency.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

WIDEST_PORT = 62  # bits: values travel as int64


@dataclass(frozen=True)
class Port:
    """A data port: its name, its width in wires, and whether its integers are two's complement."""

    name: str
    width: int
    signed: bool

    def __post_init__(self) -> None:
        if not 1 <= self.width <= WIDEST_PORT:
            raise ValueError(f"port {self.name}: width must be between 1 and {WIDEST_PORT}, not {self.width}")

    @property
    def minimum(self) -> int:
        """Smallest integer the port carries."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest integer the port carries."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def digits(self) -> int:
        """Hexadecimal digits of the port in the vector files."""
        return (self.width + 3) // 4


@dataclass(frozen=True)
class Top:
    """A module with the plain interface: data ports as listed, ``clk``, ``rst``, ``i_valid``, ``o_valid`` implied.

    `latency` is in clocks, from the edge that takes a sample to the edge at which a consumer sees its output.
    """

    module: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    latency: int

    def __post_init__(self) -> None:
        if not self.inputs or not self.outputs:
            raise ValueError(f"module {self.module}: needs at least one data input and one data output")
        if self.latency < 0:
            raise ValueError(f"module {self.module}: latency must be 0 or more clocks, not {self.latency}")


@dataclass(frozen=True, eq=False)
class Script:
    """The stimulus of `clocks` clocks: ``rst`` (clocks,), ``valid`` (clocks,), ``data`` (channels, clocks).

    While ``rst`` is high nothing is taken, whatever ``valid`` says. Data of a clock that takes nothing is garbage on
    purpose, so that a design which ignores its valid is found out.
    """

    rst: Booleans
    valid: Booleans
    data: Integers

    def __post_init__(self) -> None:
        if self.data.ndim != 2 or not self.rst.shape == self.valid.shape == self.data.shape[1:]:
            raise ValueError("a script has rst (clocks,), valid (clocks,) and data (channels, clocks)")

    @property
    def clocks(self) -> int:
        """Length in clocks."""
        return len(self.rst)

    @property
    def taken(self) -> Booleans:
        """Clocks at which the design takes a sample."""
        return self.valid & ~self.rst


@dataclass(frozen=True, eq=False)
class Expected:
    """The response to a script: ``valid`` (clocks,), ``data`` (channels, clocks), ``compare`` (clocks,).

    ``valid`` must match on every clock, ``data`` where ``compare`` is set (a subset of ``valid``).
    """

    valid: Booleans
    data: Integers
    compare: Booleans

    @property
    def samples(self) -> int:
        """Outputs whose data is compared."""
        return int(np.count_nonzero(self.compare))


@dataclass(frozen=True)
class Simulation:
    """The verdict of one simulator.

    Attributes
    ----------
    samples : outputs whose data was compared
    mismatches : clocks on which valid, or the data of a compared output, was wrong
    simulator : name and version
    first : the first mismatches in words, None when there are none
    seconds : wall-clock time, compilation included
    """

    samples: int
    mismatches: int
    simulator: str
    first: str | None
    seconds: float

    @property
    def bit_true(self) -> bool:
        """True when something was compared and nothing differed."""
        return self.samples > 0 and self.mismatches == 0


def script(
    samples: npt.NDArray[Any],
    rng: np.random.Generator,
    *,
    gap_probability: float = 0.25,
    resets: Sequence[int] = (),
    idle: Sequence[tuple[int, int]] = (),
    drain: int = 64,
) -> Script:
    """Spread samples over clocks, with seeded gaps, idle stretches and resets in mid-stream.

    Parameters
    ----------
    samples
        Integers (channels, n) for the data inputs, in the order of the ports.
    rng
        Decides gaps, the length of resets (1 to 3 clocks), and the garbage between samples.
    gap_probability
        Probability that a clock takes nothing, 0 (a sample on every clock) to below 1.
    resets
        Indices of the samples before which ``rst`` is pulsed; 0 resets before the first. Without 0 the script relies
        on the state at power-up, which the interface promises to be the same.
    idle
        Pairs (sample index, clocks): that many clocks more without a sample before that sample.
    drain
        Clocks without a sample at the end; at least the latency of the design.

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
    if drain < 0 or any(clocks < 0 for _, clocks in idle):
        raise ValueError("drain and idle stretches must be 0 or more clocks")

    # Clocks without a sample before each sample.
    empty: Integers = np.asarray(rng.geometric(1 - gap_probability, size=count), dtype=np.int64) - 1
    for index, clocks in idle:
        empty[index] += clocks
    pulses = {index: (int(rng.integers(1, 4)), int(rng.integers(0, empty[index] + 1))) for index in sorted({*resets})}
    for index, (width, _) in pulses.items():
        empty[index] += width
    position = np.cumsum(empty) + np.arange(count)  # the clock of each sample
    clocks = int(position[-1]) + 1 + drain

    rst = np.zeros(clocks, dtype=bool)
    for index, (width, offset) in pulses.items():
        start = int(position[index] - empty[index]) + offset
        rst[start : start + width] = True
    # Garbage: the complement of some sample stays inside the port's width whether it is signed or not, once masked.
    data = ~values[:, rng.integers(0, count, size=clocks)]
    valid = np.zeros(clocks, dtype=bool)
    valid[rst] = rng.random(int(np.count_nonzero(rst))) < 0.5
    valid[position] = True
    data[:, position] = values
    return Script(rst, valid, data)


def expected(
    script: Script, model: Callable[[Integers], npt.NDArray[Any]], latency: int, *, settle: int = 0
) -> Expected:
    """Work out what a design must answer to a script.

    Parameters
    ----------
    script
        The stimulus.
    model
        Exact integers (channels, n) in, (output channels, n) out; called once for each stretch between resets that
        holds a sample, so it starts from a fresh history each time.
    latency
        Clocks from the edge that takes a sample to the edge that sees its output. A reset at any edge from the
        first up to, not including, the second drops the output.
    settle
        For a design whose reset keeps the delay lines (``reset_data = false``): the data of the first `settle`
        outputs after a reset in mid-stream is not compared, as it depends on the samples before. 0 otherwise.

    Raises
    ------
    ValueError
        When the script ends before the last output, or the model returns another number of samples.
    """
    when = np.flatnonzero(script.taken)
    if len(when) == 0:
        raise ValueError("the script takes no sample, so there is nothing to compare")
    if when[-1] + latency >= script.clocks:
        raise ValueError(f"the script ends before its last output: drain must be at least the latency, {latency}")
    resets = np.concatenate([[0], np.cumsum(script.rst)])  # resets at edges before t
    segment = resets[when]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(segment) > 0]))
    outputs = []
    compared = np.ones(len(when), dtype=bool)
    for start, stop in zip(starts, [*starts[1:], len(when)], strict=True):
        answer = np.atleast_2d(np.asarray(model(script.data[:, when[start:stop]])))
        if answer.shape[1:] != (stop - start,):
            raise ValueError(f"the model returned {answer.shape} for {stop - start} samples")
        outputs.append(answer.astype(np.int64))
        if start > 0:
            compared[start : min(stop, start + settle)] = False
    seen = resets[when + latency] == segment
    valid, compare = np.zeros(script.clocks, dtype=bool), np.zeros(script.clocks, dtype=bool)
    valid[when[seen] + latency] = True
    compare[when[seen] + latency] = compared[seen]
    data = np.zeros((len(outputs[0]), script.clocks), dtype=np.int64)
    data[:, when[seen] + latency] = np.concatenate(outputs, axis=1)[:, seen]
    data[:, ~compare] = 0
    return Expected(valid, data, compare)
