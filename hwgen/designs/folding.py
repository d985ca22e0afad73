"""Folded candidates: a filter on few multipliers, where the clock leaves several clocks a sample."""

from collections.abc import Iterable

from hwgen.blocks.folded import Folded
from hwgen.cost.folded import estimate, estimated_cells
from hwgen.designs.candidate import Candidate, coarsest
from hwgen.designs.reference import Reference
from hwgen.designs.values import Coefficients


def interval(reference: Reference) -> int:
    """Clocks there are for an input sample."""
    spec = reference.spec
    return int((spec.hardware.clock or spec.input.sample_rate) / spec.input.sample_rate * (1 + 1e-9))


def folded(reference: Reference, sets: Iterable[Coefficients], label: str, kind: str = "search") -> list[Candidate]:
    """For each set the folded filter of the coarsest accumulator that meets the goals, cheapest estimate first.

    None where the clock is too slow for folding, or the filter serves several channels.
    """
    if reference.spec.input.channels > 1:
        return []
    clocks = interval(reference)
    if clocks * reference.spec.response.decimate < 2 * reference.spec.response.interpolate:
        return []
    found = [_cut(reference, coefficients, clocks, label, kind) for coefficients in sets]
    return sorted((c for c in found if c is not None), key=lambda c: c.size)


def _cut(reference: Reference, coefficients: Coefficients, clocks: int, label: str, kind: str) -> Candidate | None:
    spec = reference.spec
    try:
        whole = Folded(
            coefficients.trimmed_end, coefficients.fraction, spec.input.format, spec.output.format, clocks,
            spec.output.rounding, spec.output.overflow, reference.channels, spec.response.decimate,
            spec.response.interpolate, spec.hardware.reset_data, spec.hardware.dsp,
        )  # fmt: skip
    except ValueError:  # more bits than the block's model has
        return None
    cut = not spec.hardware.dsp and kind != "uniform"  # a DSP block's accumulator costs the same at any width
    block = coarsest(reference, whole, coefficients, lambda block: block.accumulator.width, cut)
    if not isinstance(block, Folded):
        return None
    luts = estimate(block, spec.goal.target).lut
    size = estimated_cells(block, spec.goal.target) if spec.goal.minimise == "cells" else luts
    return Candidate(label, kind, coefficients, block, None, luts, size)
