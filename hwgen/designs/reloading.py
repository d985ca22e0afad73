"""Reloadable candidates: the allocator gives each tap the bits of its register, the bands the power-up coefficients."""

from collections.abc import Iterable

import numpy as np

from hwgen.allocation import Infeasible
from hwgen.blocks.reloadable import Reloadable
from hwgen.blocks.reloadable_hardware import estimate
from hwgen.designs.candidate import Candidate, coarsest
from hwgen.designs.reference import Reference
from hwgen.designs.sources import Sources
from hwgen.designs.tap_bits import TapBits
from hwgen.designs.values import Loadable
from hwgen.fixed import Format
from hwgen.response import Mask

_GOALS = (0.995, 0.98, 0.95)  # as between the points of the search's grid a response may overshoot by a few per mille


def tap_bits(reference: Reference, ideal: np.ndarray, mask: Mask) -> TapBits:
    """The allocation problem of the registers: every tap keeps the least bits of the file, so that it can be loaded.

    A multiplier costs what its coefficient has bits, so their sum is the consumption. The range of a tap that is nearly
    0 is such that its least bits end at what the mask notices: its tolerance over the root of the taps.
    """
    least, most = reference.spec.search.coefficient_bits
    gain = 1.0 if mask.gain is None else mask.gain
    tolerance = min((b.upper - b.lower) / 2 if b.passband else b.upper for b in mask.bands) * gain
    smallest = tolerance / float(np.sqrt(len(ideal))) * 2.0 ** (least - 1)
    return TapBits(ideal, mask, least, most, smallest=smallest)


def loadable(taps: TapBits, bits: tuple[int, ...]) -> Loadable:
    """The power-up coefficients of an allocation with their formats."""
    rounded, formats = taps.coefficients(np.array(bits)), taps.formats(np.array(bits))
    return fitted(rounded.values, rounded.fraction, formats)


def fitted(values: tuple[int, ...], fraction: int, formats: tuple[Format, ...]) -> Loadable:
    """Coefficients in these formats, in the LSB of the finest."""
    finest = max(form.fraction for form in formats)
    return Loadable(tuple(v << finest - fraction for v in values), finest, formats)


def allocated(sources: Sources, algorithm: str) -> list[Loadable]:
    """Fewest bits of all registers within the mask, for each of the lengths that an allocator gets."""
    found: list[Loadable] = []
    for ideal in sources.for_bits:
        sources.progress(f"{algorithm} over tap bits", len(found) / len(sources.for_bits))
        assert sources.reference.mask is not None  # tables.py requires bands
        taps = tap_bits(sources.reference, ideal, sources.reference.mask)
        for goal in _GOALS:
            try:
                bits = sources.run(taps.problem(goal=goal), algorithm, len(sources.for_bits)).bits
            except Infeasible:
                break
            coefficients = loadable(taps, bits)
            if sources.meets(coefficients):
                found.append(coefficients)
                break
    return found


def reloadable(reference: Reference, sets: Iterable[Loadable], label: str, kind: str = "search") -> list[Candidate]:
    """For each set the filter with the coarsest products that meets the goals, cheapest estimate first."""
    found = [_cut(reference, coefficients, label, kind) for coefficients in sets]
    return sorted((c for c in found if c is not None), key=lambda c: c.estimate)


def _cut(reference: Reference, coefficients: Loadable, label: str, kind: str) -> Candidate | None:
    spec = reference.spec
    try:
        whole = Reloadable(
            coefficients.values, coefficients.fraction, spec.input.format, spec.output.format, coefficients.formats,
            spec.output.rounding, spec.output.overflow, reference.channels, spec.hardware.reset_data,
            spec.hardware.dsp, spec.input.channels,
        )  # fmt: skip
    except ValueError:  # more bits than the block's model has
        return None
    block = coarsest(reference, whole, coefficients, lambda block: block.total.width, kind != "uniform")
    if not isinstance(block, Reloadable):
        return None
    size = float(estimate(block, spec.goal.target)["lut"])
    return Candidate(f"{label}, {len(coefficients.values)} taps", kind, coefficients, block, None, size, size)
