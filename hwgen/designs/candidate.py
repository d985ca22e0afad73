"""A design worth measuring, and what was measured of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hwgen.blocks.fir import Fir
from hwgen.blocks.folded import Folded
from hwgen.blocks.reloadable import Reloadable
from hwgen.cost.estimate import Work
from hwgen.cost.resources import Resources
from hwgen.designs.cascade import Factors
from hwgen.designs.realised import moves_out
from hwgen.designs.reference import Reference
from hwgen.designs.values import Coefficients
from hwgen.fixed import exact_decimal
from hwgen.response import Measurement, measure

Block = Fir | Folded | Reloadable
_COARSER, _FINER = 9, 12  # than the output's last bit: LSBs of a sum that are tried before it keeps all


@dataclass(frozen=True)
class Candidate:
    """Coefficients with every width fixed; `kind` is search, uniform, common_lsb or greedy."""

    label: str
    kind: str
    coefficients: Coefficients
    fir: Block
    work: Work | None  # None for folded and reloadable filters, which have estimates of their own
    estimate: float  # LUTs
    size: float  # what is made small: LUTs, or cells
    factors: Factors | None = None  # of a cascade, whose product the coefficients are

    @property
    def taps(self) -> list[tuple[str, str, int]]:
        """Name, exact value and bits of each coefficient that is multiplied by, each symmetric pair once."""
        if self.factors is None:
            return _taps("tap", self.coefficients)
        parts = enumerate(c for c, _ in self.factors.parts)
        return [tap for number, part in parts for tap in _taps(f"f{number}_tap", part)]

    @property
    def bits(self) -> int:
        """Sum of coefficient bits, each symmetric pair once."""
        return sum(bits for _, _, bits in self.taps)


def _taps(name: str, c: Coefficients) -> list[tuple[str, str, int]]:
    values = zip(c.free, c.bits, strict=True)
    return [(f"{name}{k}", exact_decimal(value, c.fraction), bits) for k, (value, bits) in enumerate(values)]


@dataclass(frozen=True)
class Quality:
    """What a design achieves on the reference: response against the mask, arithmetic against the exact filter.

    `response` is that of the coefficients; `realised`, where a mask is a goal, that of taps as dropped bits move them.
    """

    response: Measurement | None
    sqnr_db: float
    max_error_ulp: float
    realised: Measurement | None = None

    @property
    def moves_out(self) -> float:
        """Share of its room in the mask by which dropped bits move the response: see `realised.moves_out`."""
        if self.response is None or self.realised is None:
            return 0.0
        return moves_out(self.response, self.realised)

    def meets(self, reference: Reference) -> bool:
        """Whether mask and accuracy goals are all met."""
        goal = reference.spec.goal
        if self.response is not None and goal.minimise != "error" and self.response.violation > 1 + 1e-9:
            return False
        if self.moves_out > 1:
            return False
        if goal.sqnr_db is not None and self.sqnr_db < goal.sqnr_db:
            return False
        return goal.max_error_ulp is None or self.max_error_ulp <= goal.max_error_ulp


@dataclass(frozen=True)
class Tried:
    """A candidate, its quality and, where it was synthesised and placed, its resources."""

    candidate: Candidate
    quality: Quality
    meets: bool
    resources: Resources | None = None
    place: dict[str, Any] | None = None

    @property
    def expected(self) -> float:
        """Size by estimate, with the LUTs that were measured; infinite where they were not."""
        if self.resources is None:
            return np.inf
        return self.candidate.size - self.candidate.estimate + self.resources.lut

    def size(self, minimise: str) -> float:
        """LUTs, or the cells where ``minimise = "cells"``; infinite where they were not measured."""
        if minimise == "cells":
            return np.inf if self.place is None else float(self.place["cells"])
        return np.inf if self.resources is None else self.resources.lut


def coarsest(
    reference: Reference, whole: Folded | Reloadable, coefficients: Coefficients, width: Callable[[Any], int], cut: bool
) -> Folded | Reloadable | None:
    """The block with the coarsest LSB of its sum that meets the goals; where none does, the whole one, if that may be.

    Parameters
    ----------
    whole
        The block with nothing dropped.
    width
        Bits of a block's sum, which `accumulator_bits` bounds: then None where none meets the goals.
    cut
        Whether bits may be dropped, as they are where the file says how accurate the output must be.
    """
    goal, last = reference.spec.goal, -reference.spec.output.format.fraction
    cut = cut and (goal.sqnr_db is not None or goal.max_error_ulp is not None)
    lsbs = [lsb for lsb in range(last + _COARSER, last - _FINER, -1) if lsb > whole.product_lsb] if cut else []
    options = [*(replace(whole, lsb=lsb) for lsb in lsbs), whole]
    bits = reference.spec.search.accumulator_bits
    narrow = (block for block in options if bits is None or width(block) <= bits[1])
    meeting = (block for block in narrow if judge(reference, block, coefficients).meets(reference))
    return next(meeting, whole if bits is None else None)


def judge(reference: Reference, fir: Block, coefficients: Coefficients) -> Quality:
    """What a design achieves; see `accuracy`."""
    response = None if reference.mask is None else measure(coefficients.floats, reference.mask)
    return Quality(response, *accuracy(reference, fir, coefficients), realised(fir, reference))


def realised(fir: Block, reference: Reference) -> Measurement | None:
    """The response with taps as dropped bits move them, where the design file's mask is a goal and they do."""
    if reference.mask is None or reference.spec.goal.minimise == "error" or not isinstance(fir, Fir):
        return None
    return measure(fir.realised, reference.mask)


def accuracy(reference: Reference, fir: Block, coefficients: Coefficients) -> tuple[float, float]:
    """SQNR in decibels, and a bound on the error in output LSBs.

    The bit-true model runs over the stimulus, which is that of each of several channels, beside the exact filter:
    that of the quantised coefficients where there is a mask (the mask judges the coefficients), and of the ideal
    ones where there is none.
    """
    samples = reference.samples
    if not isinstance(fir, Folded) and fir.interleave > 1:
        fir = replace(fir, interleave=1)
    outputs = fir.model(samples).astype(np.float64) * reference.spec.output.format.lsb
    if reference.mask is not None:
        exact = fir.exact(samples).astype(np.float64) * 2.0**fir.product_lsb
    else:
        exact = np.stack([reference.filtered(row) for row in samples])
    noise = float(np.mean((outputs - exact) ** 2))
    sqnr = 10 * np.log10(float(np.mean(exact**2)) / noise) if noise else np.inf
    return float(sqnr), fir.error_bound + reference.coefficient_error(coefficients.floats)
