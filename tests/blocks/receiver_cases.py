"""Running any stage of a receiver in Icarus against its model."""

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.chain import Stage, parts
from hwgen.check.script import script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Port, Simulation, Top
from hwgen.emit import verilog


def words(stage: Stage, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Extremes, then random words, for every port of a stage, (ports, count)."""
    low, high = stage.input.minimum, stage.input.maximum
    x = rng.integers(low, high, (stage.channels, count), endpoint=True)
    x[:, : count // 8], x[:, count // 8 : count // 4] = low, high
    steps = [rng.integers(0, port.maximum, (1, count), endpoint=True) for port in stage.ports]
    return np.concatenate([x, *steps])


def top_of(stage: Stage, name: str) -> Top:
    inputs = [Port(f"i{part}", stage.input.width, True) for part in parts(stage.channels)]
    outputs = tuple(Port(f"o{part}", stage.output.width, True) for part in parts(stage.outputs))
    return Top(name, (*inputs, *stage.ports), outputs, stage.latency, decimate=stage.decimate)


def simulated(stage: Stage, x: NDArray[np.int64], change: tuple[str, str] | None = None) -> Simulation:
    """Icarus on the emitted Verilog, with gaps and a reset; `change` replaces a text that occurs once."""
    text, top = verilog(stage.component(), "stage"), top_of(stage, "stage")
    if change is not None:
        assert text.count(change[0]) == 1, f"the Verilog has changed; choose {change[0]!r} anew"
        text = text.replace(*change)
    made = script(x, np.random.default_rng(5), resets=[x.shape[1] // 3], drain=top.span + 4)
    return simulate(text, top, made, top.expected(made, stage.model))
