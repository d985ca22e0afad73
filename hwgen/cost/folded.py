"""LUTs, flip-flops, carries, DSP and RAM blocks of a folded filter by its widths alone; logic cells on ice40."""

import numpy as np

from hwgen.blocks.folded import Folded
from hwgen.cost.estimate import CARRY, CELLS
from hwgen.cost.folded_work import FoldedWork
from hwgen.cost.resources import Resources

# LUTs for one of each of `folded_work.FEATURES`. Fitted to Yosys 0.70 over 48 random folded filters, half with DSP
# blocks, by `benchmarks/estimate.py --fit`.
WEIGHTS = {
    "ice40": (
        1.108, 0.984, 1.166, 1.009, 2.186, 0.955, -0.984, 0.354, 0.975, 0.139, 0.343, 1.099, 0.918, 1.046,
        0.851, 1.277, 1.044, -1.013, 1.555, 5.602,
    ),
    "ecp5": (
        1.233, 0.975, 1.037, 0.974, 2.287, 1.023, -0.063, 0.684, 1.085, 0.61, 0.832, 0.963, 0.889, 1.182,
        0.978, 1.31, 1.288, 2.021, 1.0, 1.547,
    ),
    "xc7": (
        0.691, 0.069, 1.018, 1.007, 0.958, 1.038, 0.059, 0.259, 0.799, -0.04, -0.028, 0.962, 0.966, 0.202,
        0.856, 0.147, 0.252, -0.114, 1.0, 9.273,
    ),
    "gowin": (
        1.134, 0.894, 1.012, 0.978, 2.407, 1.066, -0.052, 0.746, 1.109, 0.525, 0.718, 0.914, 0.91, 1.279,
        0.811, 1.192, 1.189, 1.968, 1.0, 2.931,
    ),
}  # fmt: skip


def estimate(folded: Folded, target: str) -> Resources:
    """Estimated resources of a folded filter on `target`."""
    work = FoldedWork(folded, target)
    luts = float(work.features() @ np.array(WEIGHTS[target]))
    carry = float(np.dot(CARRY[target], work.carried))
    dsp = folded.units * folded.channels * folded.dsp
    return Resources(target, luts, work.registers, carry, dsp, work.ram_blocks)


def estimated_cells(folded: Folded, target: str) -> float:
    """Estimated logic cells: on an iCE40 LUTs, flip-flops and carries without one; on others LUTs."""
    luts = estimate(folded, target).lut
    if target != "ice40":
        return luts
    work = FoldedWork(folded, target)
    return luts + work.own_registers + work.unseen_bits + CELLS[1]
