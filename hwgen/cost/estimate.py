"""LUTs and flip-flops from the widths alone: microseconds a candidate, vectorised, re-fitted to what Yosys measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.cost.resources import Resources

FEATURES = (
    "multiplier_bits", "accumulator_bits", "negated_bits", "rounding_bits", "saturated_bits",
    "multiplier_adders", "accumulator_adders", "inverted_bits", "odd_adders", "chosen_bits", "shift_luts",
)  # fmt: skip

# LUTs for one of each feature. Fitted to Yosys 0.70 over 48 random filters of all structures by
# `benchmarks/estimate.py --fit`; without `--fit` it prints the error over others. Bits cost about one LUT each. An
# iCE40 carry takes both operands as they are, so what adders cannot give inverted is inverted in LUTs; a CCU2C adds two
# bits, so an odd adder wastes one.
_DEFAULTS = {
    "ice40": (0.997, 0.986, 0.906, 1.157, 1.233, -0.137, -0.698, 1.023, 0.0, 0.544, 0.0),
    "ecp5": (0.901, 1.063, 0.666, 0.844, 1.023, 1.502, -0.657, 0.0, 0.145, 0.923, 0.0),
    "xc7": (0.937, 0.949, 0.223, -0.021, 0.727, 0.01, -0.14, 0.0, 0.0, 0.448, 1.003),
    "gowin": (0.978, 1.028, 0.815, 0.987, 1.047, 0.14, -0.703, 0.0, 0.0, 0.689, 0.0),
}

# Logic cells of an iCE40 beside LUTs and the flip-flops that share none: for each adder (a carry without its LUT), and
# for every design. Fitted to nextpnr 0.11 over 20 designs by `benchmarks/estimate.py --cells --fit`.
CELLS = (0.162, 5.2)

# Carry cells for an adder bit and for an adder: SBCARRY and ALU one a bit, CCU2C two bits each, CARRY4 four.
CARRY = {"ice40": (1.0, -1.0), "ecp5": (0.5, 0.25), "xc7": (0.25, 0.375), "gowin": (1.0, 0.0)}


def adder_bits(
    top: ArrayLike, left: ArrayLike, right: ArrayLike, lsb: ArrayLike, subtract: ArrayLike
) -> NDArray[np.float64]:
    """Full-adder bits of one adder; everything broadcasts.

    Low bits that only one operand has pass by the adder: those of the left operand always, those of the right operand
    unless it is subtracted.

    Parameters
    ----------
    top
        Weight (power of two) of the result's sign bit.
    left, right
        Weights of the operands' lowest bits, before truncation to `lsb`.
    lsb
        Weight of the lowest bit the adder computes.
    subtract
        Whether the right operand is subtracted.
    """
    left, right = np.maximum(left, lsb), np.maximum(right, lsb)
    start = np.where(right > lsb, right, np.where(np.asarray(subtract, dtype=bool), lsb, left))
    return np.maximum(np.asarray(top) - start + 1.0, 0.0)


@dataclass(frozen=True)
class Fabric:
    """Traits of a target's carry chains that adders are chosen for.

    Attributes
    ----------
    inverting
        What an inverted bit of a subtracted word costs in adder bits: on an iCE40 a LUT of its own.
    joins
        Whether the LUT before a carry has inputs to spare, so that sums of four words take two LUTs a column in place
        of three (see `hwgen.bit_heap`).
    """

    inverting: float = 0.0
    joins: bool = False


PLAIN = Fabric()  # an adder bit a LUT, and nothing else


@dataclass(frozen=True)
class Work:
    """What an estimate is made from: counts for one candidate, or arrays of shape (P,) for a swarm.

    Attributes
    ----------
    multiplier_bits, accumulator_bits
        Full-adder bits of the multiplier block and of the chain.
    negated_bits
        Bits at the low end of subtractions that are those of the negated operand alone, each operand once.
    inverted_bits
        Bits of operands that are subtracted somewhere, each once.
    rounding_bits
        Bits of the adders behind the chain: the constant, and the step of a half-even rounding.
    saturated_bits
        Output bits if the output can saturate, else 0.
    odd_adders
        Adders of an odd number of bits.
    multiplier_adders, accumulator_adders
        Adders of the multiplier block and of the chain.
    chosen_bits
        Bits that a choice between the phases of an interpolating filter makes, two words at a time.
    registers
        Flip-flops.
    shared_registers
        Those that take what a LUT gives to nothing else: on an iCE40 the two are one cell.
    shifted_registers, shift_luts
        Those that can be shift registers in LUTs, as xc7 has them, and how many LUTs.
    """

    multiplier_bits: NDArray[np.float64]
    accumulator_bits: NDArray[np.float64]
    negated_bits: NDArray[np.float64]
    inverted_bits: NDArray[np.float64]
    rounding_bits: NDArray[np.float64]
    saturated_bits: NDArray[np.float64]
    odd_adders: NDArray[np.float64]
    multiplier_adders: NDArray[np.float64]
    accumulator_adders: NDArray[np.float64]
    chosen_bits: NDArray[np.float64]
    registers: NDArray[np.float64]
    shared_registers: NDArray[np.float64]
    shifted_registers: NDArray[np.float64]
    shift_luts: NDArray[np.float64]

    def features(self) -> NDArray[np.float64]:
        """Array (P, 11) in the order of `FEATURES` and of the model's weights."""
        columns = [np.atleast_1d(getattr(self, name)) for name in FEATURES]
        return np.stack(np.broadcast_arrays(*columns), axis=-1).astype(np.float64)


@dataclass(frozen=True)
class Estimate:
    """Linear model of the LUTs of one target: ``luts = scale * features @ weights + offset``.

    With ``minimise = "cells"`` the size of a candidate is that in logic cells (of an iCE40), else in LUTs.
    """

    target: str
    weights: tuple[float, ...]
    scale: float = 1.0
    offset: float = 0.0
    minimise: str = "luts"

    @classmethod
    def of(cls, target: str, minimise: str = "luts") -> "Estimate":
        """The model as fitted beforehand for `target`."""
        return cls(target, _DEFAULTS[target], minimise=minimise)

    @property
    def fabric(self) -> Fabric:
        """What adders are chosen for."""
        return Fabric(self.weights[FEATURES.index("inverted_bits")], self.target == "xc7")

    def luts(self, work: Work) -> NDArray[np.float64]:
        """Estimated LUTs, shape (P,)."""
        return self.scale * (work.features() @ np.array(self.weights)) + self.offset

    def cells(self, work: Work) -> NDArray[np.float64]:
        """Estimated logic cells, shape (P,): on an iCE40 LUTs, flip-flops and carries without one; on others LUTs."""
        if self.target != "ice40":
            return self.luts(work)
        adders = work.multiplier_adders + work.accumulator_adders
        return self.luts(work) + work.registers - work.shared_registers + CELLS[0] * adders + CELLS[1]

    def size(self, work: Work) -> NDArray[np.float64]:
        """What a search makes small, shape (P,)."""
        return self.cells(work) if self.minimise == "cells" else self.luts(work)

    def fitted(self, works: Sequence[Work], luts: Sequence[float]) -> "Estimate":
        """The model with its scale moved to what was measured: the median ratio, robust to one odd synthesis."""
        raw = np.array([float(replace(self, scale=1.0, offset=0.0).luts(w)[0]) for w in works])
        measured = np.asarray(luts, dtype=np.float64)
        usable = (raw > 0) & (measured > 0)  # a filter of wires alone says nothing about adders
        if not usable.any():
            return self
        return replace(self, scale=float(np.median(measured[usable] / raw[usable])), offset=0.0)

    def resources(self, work: Work, channels: int = 1) -> Resources:
        """Estimated resources of one candidate with `channels` copies of the datapath."""
        bits = work.multiplier_bits + work.accumulator_bits + work.negated_bits + work.rounding_bits
        adders = work.multiplier_adders + work.accumulator_adders
        of_bit, of_adder = CARRY[self.target]
        registers = work.registers - (work.shifted_registers if self.target == "xc7" else 0)
        carry, ff = (float(np.atleast_1d(v)[0]) for v in (of_bit * bits + of_adder * adders, registers))
        return Resources(self.target, float(self.luts(work)[0]) * channels, ff * channels, carry * channels)
