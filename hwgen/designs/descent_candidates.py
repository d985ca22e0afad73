"""kind = "descent": word lengths that were proposed, judged and synthesised."""

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.descent import Descent
from hwgen.cost.measure import synthesise_step
from hwgen.cost.resources import Resources
from hwgen.designs.descent_bits import Bits
from hwgen.designs.descent_estimate import DescentEstimate
from hwgen.emit import verilog
from hwgen.finished.descent import thawed

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Candidate:
    """Word lengths (V,) for one set of coefficients, named; `kind` is search or a baseline's."""

    space: Bits
    bits: Ints
    label: str
    kind: str

    @property
    def block(self) -> Descent:
        """The block."""
        return self.space.block(self.bits)

    @property
    def estimate(self) -> float:
        """LUTs from the widths."""
        return float(self.space.luts(self.bits[None])[0])


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate that was judged and synthesised: its error on unseen right-hand sides, and its bit error rate."""

    candidate: Candidate
    error: float
    ber: float | None
    meets: bool
    resources: Resources

    @property
    def lut(self) -> float:
        """LUTs by synthesis."""
        return self.resources.lut


@dataclass(frozen=True, eq=False)
class Outcome:
    """The answer and what it was chosen from."""

    chosen: Tried
    tried: tuple[Tried, ...]
    baselines: dict[str, Tried]
    history: tuple[tuple[int, float, str], ...]
    evaluations: int
    unique: int
    estimate: DescentEstimate


def synthesised(frozen: str, target: str, dsp: bool, tool: str) -> dict[str, float]:
    """Cells of a finished design, given as JSON: writing its Verilog takes as long as synthesis and runs beside it."""
    design = thawed(json.loads(frozen))
    text = design.whole(verilog(design.component(), design.core.module))
    return synthesise_step(text, design.name, target, dsp, tool)
