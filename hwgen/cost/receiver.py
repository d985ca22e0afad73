"""LUTs of a receiver's stages from their widths alone; what ranks choices before any is synthesised."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.cic import Cic
from hwgen.blocks.dither import STATE_BITS, STEPS
from hwgen.blocks.fir import Fir
from hwgen.blocks.mixer import Mixer
from hwgen.cost.estimate import Estimate

if TYPE_CHECKING:
    from hwgen.blocks.chain import Stage
    from hwgen.designs.word_lengths import WordLengths

# LUTs for a bit of a multiple that is added (an iCE40's carry takes it from a LUT of its own), for a bit of a word that
# is subtracted, and addresses that one LUT holds of a table.
_MULTIPLE = {"ice40": 1.0, "ecp5": 0.5, "xc7": 0.1, "gowin": 1.0}
_SUBTRACTED = {"ice40": 1.0, "ecp5": 0.0, "xc7": 0.0, "gowin": 0.0}
_ADDRESSES = {"ice40": 10.0, "ecp5": 12.0, "xc7": 40.0, "gowin": 12.0}


def mixer(block: Mixer, target: str) -> float:
    """Products, signs, tables and phase."""
    used, nco = block.used, block.nco
    held = [used - lost for lost in block.lost if lost < used]
    adders, length = 0, held[0]
    for width in held[1:]:
        length = max(length, width) + 1
        adders += length
        length = min(length, used + 1)
    product = adders + _MULTIPLE[target] * sum(held) + block.output.width
    sums = block.output.width * block.channels * (block.channels - 1)
    table = max(nco.quarter / _ADDRESSES[target], 0.5 if nco.quarter > 1 else 0.0)
    phase = (nco.modulus - 1).bit_length() * (1 if nco.binary else 3)
    if nco.random_bits:
        phase += STEPS + nco.random_bits + (nco.modulus - 1).bit_length() - nco.dropped
    return product * 2 * block.channels + sums + 2 * nco.bits * (table + 1) + phase


def cic(block: Cic, target: str) -> float:
    """An adder for each register; combs subtract."""
    integrators, combs = block.widths[: block.stages], block.widths[block.stages :]
    return (
        block.channels * (sum(integrators) + (1 + _SUBTRACTED[target]) * sum(combs))
        + 2 * (block.decimate - 1).bit_length()
    )


def fir(lengths: "WordLengths", lsbs: NDArray[np.int64], channels: int, target: str) -> float:
    """The estimate of a FIR, for each part."""
    work: Any = lengths.work(lsbs[None, :])
    luts = float(Estimate.of(target).luts(work)[0])
    return luts * channels


def registers(stage: "Stage") -> int:
    """Flip-flops of a stage, its valid bits and counters apart."""
    if isinstance(stage, Mixer):
        held = stage.used * stage.channels + stage.output.width * 2 + 2 * stage.nco.bits
        return held + (stage.nco.modulus - 1).bit_length() + 4 + STATE_BITS * bool(stage.nco.random_bits)
    if isinstance(stage, Cic):
        combs = sum(stage.widths[stage.stages :])
        return stage.channels * (sum(stage.widths) + combs * stage.delay) + 2 * stage.stages
    assert isinstance(stage, Fir)  # there is no other
    return stage.registers * stage.channels + 3
