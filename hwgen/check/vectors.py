"""What must come out of a design for a `Script`: its ports and latency, the expectation, the verdict.

Time is counted in clock edges. A word of the script is stable at its edge; the response of a clock is what a consumer
registers at that same edge, before the design reacts to it. So a sample taken at edge t is expected at t + latency.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.check.script import Booleans, Integers, Script

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

    `latency` is in clocks, from the edge that takes a sample to the edge at which a consumer sees its (first) output.
    `interval` is in clocks, from one taken sample to the next that can be taken; above 1 there is an output
    ``i_ready``, and a sample is taken at an edge with ``i_valid & i_ready & ~rst``. Samples 0, `decimate`,
    2 `decimate`, ... since power-up or the last reset give outputs: `interpolate` each, `spacing` clocks apart.
    The last `apart` inputs are no words of a sample, such as those that load coefficients.
    """

    module: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    latency: int
    interval: int = 1
    decimate: int = 1
    interpolate: int = 1
    spacing: int = 1
    apart: int = 0

    def __post_init__(self) -> None:
        if not self.inputs or not self.outputs:
            raise ValueError(f"module {self.module}: needs at least one data input and one data output")
        if not 0 <= self.apart < len(self.inputs):
            raise ValueError(f"module {self.module}: {self.apart} of {len(self.inputs)} inputs cannot be apart")
        if self.latency < 0:
            raise ValueError(f"module {self.module}: latency must be 0 or more clocks, not {self.latency}")
        for name in ("interval", "decimate", "interpolate", "spacing"):
            if getattr(self, name) < 1:
                raise ValueError(f"module {self.module}: {name} must be 1 or more, not {getattr(self, name)}")
        if self.decimate > 1 and self.interpolate > 1:
            raise ValueError(f"module {self.module}: decimates or interpolates, not both")
        if self.span - self.latency >= self.interval:
            raise ValueError(
                f"module {self.module}: {self.interpolate} outputs a sample, {self.spacing} clocks apart, need an "
                f"interval of at least {self.span - self.latency + 1} clocks, not {self.interval}"
            )

    stream = False  # whether the other side of the outputs can make the design wait

    @property
    def has_ready(self) -> bool:
        """Whether the design can make the other side of its inputs wait."""
        return self.interval > 1 or self.stream

    @property
    def span(self) -> int:
        """Clocks from the edge that takes a sample to the edge that sees its last output; the least `drain`."""
        return self.latency + (self.interpolate - 1) * self.spacing

    def expected(self, script: Script, model: Callable[[Integers], npt.NDArray[Any]], *, settle: int = 0) -> "Expected":
        """`expected` for this module's latency, rates and spacing."""
        return expected(
            script, model, self.latency, settle=settle,
            decimate=self.decimate, interpolate=self.interpolate, spacing=self.spacing,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Expected:
    """The response to a script: ``valid`` (clocks,), ``data`` (channels, clocks), ``compare`` (clocks,).

    ``valid`` must match on every clock, ``data`` where ``compare`` is set (a subset of ``valid``). ``ready`` (clocks,)
    must match on every clock; None where the design has no ``i_ready``. Where outputs can be made to wait, they are
    compared on every clock until they are taken, on one of `takes`.
    """

    valid: Booleans
    data: Integers
    compare: Booleans
    ready: Booleans | None = None
    takes: Booleans | None = None

    @property
    def samples(self) -> int:
        """Outputs whose data is compared."""
        return int(np.count_nonzero(self.compare if self.takes is None else self.compare & self.takes))


@dataclass(frozen=True)
class Simulation:
    """The verdict of one simulator.

    Attributes
    ----------
    samples : outputs whose data was compared
    mismatches : clocks on which valid, ready, or the data of a compared output, was wrong
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


def expected(
    script: Script,
    model: Callable[[Integers], npt.NDArray[Any]],
    latency: int,
    *,
    settle: int = 0,
    decimate: int = 1,
    interpolate: int = 1,
    spacing: int = 1,
) -> Expected:
    """Work out what a design must answer to a script.

    Parameters
    ----------
    script
        The stimulus.
    model
        Exact integers (channels, n) in, (output channels, m) out with m = n, ceil(n / decimate) or n * interpolate;
        called once for each stretch between resets that holds a sample, so it starts from a fresh history each time.
    latency
        Clocks from the edge that takes a sample to the edge that sees its first output. A reset at any edge from
        the first up to, not including, that of an output drops it.
    settle
        For a design whose reset keeps the delay lines (``reset_data = false``): the data of the outputs of the
        first `settle` samples after a reset in mid-stream is not compared, as it depends on the samples before.
    decimate, interpolate, spacing
        As in `Top`; `Top.expected` fills them in.

    Raises
    ------
    ValueError
        When the script ends before the last output, or the model returns another number of outputs.
    """
    when = np.flatnonzero(script.taken)
    if len(when) == 0:
        raise ValueError("the script takes no sample, so there is nothing to compare")
    span = latency + (interpolate - 1) * spacing
    if when[-1] + span >= script.clocks:
        raise ValueError(f"the script ends before its last output: drain must be at least the latency, {span}")
    resets = np.concatenate([[0], np.cumsum(script.rst)])  # resets at edges before t
    starts = np.flatnonzero(np.concatenate([[True], np.diff(resets[when]) > 0]))
    answers, owners = [], []  # the outputs of each stretch, and the sample that each belongs to
    compared = np.ones(len(when), dtype=bool)
    for start, stop in zip(starts, [*starts[1:], len(when)], strict=True):
        owner = np.repeat(np.arange(start, stop, decimate), interpolate)
        answer = np.atleast_2d(np.asarray(model(script.data[:, when[start:stop]])))
        if answer.shape[1:] != owner.shape:
            raise ValueError(f"the model returned {answer.shape} for {stop - start} samples, not {len(owner)} outputs")
        answers.append(answer.astype(np.int64))
        owners.append(owner)
        if start > 0:
            compared[start : min(stop, start + settle)] = False
    outputs, sample = np.concatenate(answers, axis=1), np.concatenate(owners)
    edge = when[sample] + latency + spacing * (np.arange(len(sample)) % interpolate)
    seen = resets[edge] == resets[when[sample]]
    valid, compare = np.zeros(script.clocks, dtype=bool), np.zeros(script.clocks, dtype=bool)
    valid[edge[seen]] = True
    compare[edge[seen]] = compared[sample[seen]]
    data = np.zeros((len(outputs), script.clocks), dtype=np.int64)
    data[:, edge[seen]] = outputs[:, seen]
    data[:, ~compare] = 0
    return Expected(valid, data, compare, script.ready if script.interval > 1 else None)
