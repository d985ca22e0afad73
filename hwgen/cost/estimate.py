"""LUTs and flip-flops from the widths alone: microseconds a candidate, vectorised, re-fitted to what Yosys measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.cost.resources import Resources

# LUTs a full-adder bit takes in a multiplier adder, in an accumulator, and for each adder and output bit besides.
# Fitted to Yosys 0.70 over random filters by `benchmarks/estimate.py`; the search re-fits the scale to its own
# syntheses.
_DEFAULTS = {
    "ice40": (1.0, 1.0, 0.0, 1.0),
    "ecp5": (1.0, 1.0, 1.0, 1.0),
    "xc7": (1.0, 1.0, 0.0, 1.0),
    "gowin": (1.0, 1.0, 0.0, 1.0),
}


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
class Work:
    """What an estimate is made from: counts for one candidate, or arrays of shape (P,) for a swarm."""

    multiplier_bits: NDArray[np.float64]
    accumulator_bits: NDArray[np.float64]
    adders: NDArray[np.float64]
    output_bits: NDArray[np.float64]
    registers: NDArray[np.float64]

    def features(self) -> NDArray[np.float64]:
        """Array (P, 4) in the order of the model's weights."""
        columns = (self.multiplier_bits, self.accumulator_bits, self.adders, self.output_bits)
        return np.stack(np.broadcast_arrays(*(np.atleast_1d(c) for c in columns)), axis=-1).astype(np.float64)


@dataclass(frozen=True)
class Estimate:
    """Linear model of the LUTs of one target: ``luts = scale * features @ weights + offset``."""

    target: str
    weights: tuple[float, ...]
    scale: float = 1.0
    offset: float = 0.0

    @classmethod
    def of(cls, target: str) -> "Estimate":
        """The model as fitted beforehand for `target`."""
        return cls(target, _DEFAULTS[target])

    def luts(self, work: Work) -> NDArray[np.float64]:
        """Estimated LUTs, shape (P,)."""
        return self.scale * (work.features() @ np.array(self.weights)) + self.offset

    def fitted(self, works: Sequence[Work], luts: Sequence[float]) -> "Estimate":
        """The model with its scale moved to what was measured: the median ratio, robust to one odd synthesis."""
        if not works:
            return self
        raw = np.array([float(replace(self, scale=1.0, offset=0.0).luts(w)[0]) for w in works])
        return replace(self, scale=float(np.median(np.asarray(luts, dtype=np.float64) / raw)), offset=0.0)

    def resources(self, work: Work, channels: int = 1) -> Resources:
        """Estimated resources of one candidate with `channels` copies of the datapath."""
        carry = float(np.atleast_1d(work.multiplier_bits + work.accumulator_bits)[0]) * channels
        ff = float(np.atleast_1d(work.registers)[0]) * channels
        return Resources(self.target, float(self.luts(work)[0]) * channels, ff, carry)
