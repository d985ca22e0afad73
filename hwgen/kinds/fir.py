"""kind = "fir": what a search found, as the JSON that the checkpoint keeps and the report draws."""

from concurrent.futures import Executor
from typing import Any

import numpy as np

from hwgen.blocks.fir import Fir
from hwgen.blocks.folded import Folded
from hwgen.blocks.reloadable import Reloadable
from hwgen.blocks.reloadable_hardware import estimate as estimate_reloadable
from hwgen.cost.folded import estimate
from hwgen.cost.shell import estimate as estimate_shell
from hwgen.designs.candidate import Block, Candidate, Quality, Tried
from hwgen.designs.fir import Outcome, search
from hwgen.designs.reference import Reference, reference
from hwgen.finished.fir import Design, thawed
from hwgen.journal import Journal, Progress
from hwgen.response import measure

__all__ = ["asked", "described", "drawn", "outcome_of", "qualities", "reference", "searched", "thawed"]

_POINTS = 2000


def asked(reference: Reference) -> dict[str, Any]:
    """The length of the filter before anything is quantised."""
    return {"taps": len(reference.ideal)}


def searched(reference: Reference, executor: Executor, journal: Journal, progress: Progress) -> dict[str, Any]:
    """What the search finds, as the checkpoint keeps it."""
    return outcome_of(reference, search(reference, executor, journal, progress))


def outcome_of(reference: Reference, outcome: Outcome) -> dict[str, Any]:
    """Everything later steps need of a search."""
    channels, allocation = reference.channels, outcome.allocation
    return {
        **described(reference, outcome, outcome.chosen),
        "baselines": {kind: _baseline(outcome.baselines.get(kind)) for kind in ("uniform", "common_lsb", "greedy")},
        "search": {
            "algorithm": str(reference.spec.search.algorithm),
            "evaluations": outcome.evaluations,
            "unique": outcome.unique,
            "bound": None,
            "gap": None,
        },
        "fewest_adders": list(outcome.proofs),
        "tried": [_row(t, t is outcome.chosen) for t in outcome.tried],
        "history": []
        if allocation is None
        else [
            {"evaluations": int(n), "best": float(best) * channels, "method": allocation.method}
            for n, best in allocation.history
        ],
    }


def described(reference: Reference, outcome: Outcome, tried: Tried) -> dict[str, Any]:
    """One of the designs that were tried: what it is and what was measured of it."""
    candidate = tried.candidate
    design = _design(reference, candidate)
    return {
        "design": design.frozen(),
        "realised": design.realised.tolist(),
        "meets": tried.meets,
        "quality": qualities(tried.quality),
        "gain": _gain(tried),
        "bits": {name: bits for name, _, bits in candidate.taps},
        "taps": [[name, value, bits] for name, value, bits in candidate.taps],
        "estimate": _estimated(design, candidate, outcome, reference.channels),
        "synthesis": _synthesis(tried),
        "place": _place(tried),
    }


def _design(reference: Reference, candidate: Candidate) -> Design:
    shift = candidate.fir.fraction - candidate.coefficients.fraction
    values = tuple(v << shift for v in candidate.coefficients.values)
    return Design(reference.spec.design.name, candidate.fir, values, interface=reference.spec.hardware.interface)


def qualities(quality: Quality) -> dict[str, float | None]:
    """The figures of a design's quality, as result.json has them."""
    response, sqnr = quality.response, quality.sqnr_db
    return {
        "ripple_db": None if response is None else response.ripple_db,
        "attenuation_db": None if response is None else response.attenuation_db,
        "sqnr_db": float(sqnr) if np.isfinite(sqnr) else None,
        "error": None if response is None else response.error,
        "max_error_ulp": quality.max_error_ulp,
    }


def _gain(tried: Tried) -> float:
    return 1.0 if tried.quality.response is None else float(tried.quality.response.gain)


def _estimated(design: Design, candidate: Candidate, outcome: Outcome, channels: int) -> dict[str, float]:
    core, shell, target = _estimated_core(candidate, outcome, channels), design.shell, outcome.estimate.target
    return core if shell is None else {key: core[key] + more for key, more in estimate_shell(shell, target).items()}


def _estimated_core(candidate: Candidate, outcome: Outcome, channels: int) -> dict[str, float]:
    if isinstance(candidate.fir, Folded):
        return estimate(candidate.fir, outcome.estimate.target).figures()
    if isinstance(candidate.fir, Reloadable):
        return dict(estimate_reloadable(candidate.fir, outcome.estimate.target))
    assert candidate.work is not None  # only folded filters have none
    figures = outcome.estimate.resources(candidate.work, channels).figures()
    return {**figures, "lut": round(candidate.estimate)}


def _place(tried: Tried) -> dict[str, Any] | None:
    if tried.place is None:
        return None
    return {key: tried.place[key] for key in ("cells", "fmax_mhz", "tool")}


def _synthesis(tried: Tried) -> dict[str, Any] | None:
    return None if tried.resources is None else {**tried.resources.figures(), "tool": tried.resources.tool}


def _baseline(tried: Tried | None) -> dict[str, Any] | None:
    if tried is None:
        return None
    response = tried.quality.response
    return {
        "bits": tried.candidate.bits,
        "lut": None if tried.resources is None else tried.resources.lut,
        "error": None if response is None else response.error,
    }


def _row(tried: Tried, chosen: bool) -> dict[str, Any]:
    sqnr = tried.quality.sqnr_db
    return {
        "label": tried.candidate.label,
        "kind": "chosen" if chosen else tried.candidate.kind,
        "lut": None if tried.resources is None else tried.resources.lut,
        "estimate": tried.candidate.estimate,
        "sqnr_db": float(sqnr) if np.isfinite(sqnr) else None,
        "meets": tried.meets,
    }


def drawn(reference: Reference, design: Design, found: dict[str, Any]) -> dict[str, Any]:
    """The report's evidence: curves, formats and tables behind `found`."""
    spec, fir = reference.spec, design.fir
    rate, gain = spec.filter_rate, found["gain"]
    frequencies, response = design.response(np.linspace(0, 0.5, _POINTS))
    ideal = np.exp(-2j * np.pi * np.outer(frequencies, np.arange(len(reference.ideal)))) @ reference.ideal
    rows = [row for row in found["tried"] if row["lut"] is not None]
    return {
        "response": {
            "frequency_hz": (frequencies * rate).tolist(),
            "magnitude_db": _db(np.abs(response) / gain),
            "ideal_db": _db(np.abs(ideal)),
            "mask": [] if reference.mask is None else [
                {
                    "start": b.start * rate,
                    "stop": b.stop * rate,
                    "upper_db": float(20 * np.log10(b.upper)),
                    "lower_db": float(20 * np.log10(b.lower)) if b.passband and b.lower > 0 else None,
                }
                for b in reference.mask.bands
            ],
            "unit": "Hz",
        },
        "taps": [
            {"index": k, "name": name, "value": value, "bits": bits, "format": f"{bits} bits"}
            for k, (name, value, bits) in enumerate(found["taps"])
        ],
        "accumulators": [
            {"index": index, "width": width, "lsb": lsb, "msb": lsb + width - 1}
            for index, (width, lsb) in enumerate(_accumulators(fir))
        ],
        "designs": found["tried"],
        "calibration": [
            {"estimate": row["estimate"], "synthesis": row["lut"], "target": str(spec.goal.target)} for row in rows
        ],
        "history": found["history"],
        "tables": _proofs(found["fewest_adders"]),
        "formats": [
            ["input", str(fir.input)],
            ["output", str(fir.output)],
            ["rounding", str(fir.rounding)],
            ["overflow", str(fir.overflow)],
            ["structure", fir.structure],
            *([["channels in turn", str(fir.interleave)]] if fir.interleave > 1 else []),
            *_built(fir),
        ],
        "spec_text": spec.text,
        "output_spectrum": None,
        "notes": [
            f"SQNR is measured with the bit-true model over {reference.samples.shape[1]:,} samples of the stimulus.",
            "max_error_ulp is a proved bound on the distance to the exact filter, saturation apart.",
            *_moved(reference, design),
        ],
    }  # fmt: skip


def _moved(reference: Reference, design: Design) -> list[str]:
    """What dropped bits do to the response, in words."""
    if reference.mask is None or not isinstance(design.fir, Fir) or not design.fir.moved.any():
        return []
    own, realised = (measure(taps, reference.mask).violation for taps in (design.taps, design.realised))
    return [
        f"The coefficients use {own:.3f} of what the bands allow. Dropped bits follow the samples in part, which moves "
        f"taps: with what that does to white noise of half of full scale, it is {realised:.3f}."
    ]


def _proofs(proofs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What integer programs proved of single filters, as a table."""
    if not proofs:
        return []
    head = ["Taps", "LSB", "Adders found", "Proved: no fewer than", "with every tap within"]
    rows = [[p["taps"], p["lsb"], p["adders"], p["at_least"], f"{p['within']} LSB"] for p in proofs]
    title = "Adders of the cheapest single filters"
    return [{"key": "adders", "title": title, "head": head, "align": "rlrrr", "rows": rows}]


def _built(fir: Block) -> list[list[str]]:
    """What the filter is made of, in words."""
    if isinstance(fir, Reloadable):
        registers = f"{len(fir.formats)} in {sum(form.width for form in fir.formats)} bits"
        return [["multipliers", f"{len(fir.formats) * fir.channels}"], ["loadable coefficients", registers]]
    if isinstance(fir, Folded):
        return [["multipliers", f"{fir.units * fir.channels}"], ["accumulator", str(fir.accumulator)]]
    depth = max(fir.graph.depths) if fir.depth is None else min(fir.depth, max(fir.graph.depths))
    widest = f"{max(fir.words.widths)} bits"
    return [["widest word", widest], ["adders", f"{fir.adders}, at most {depth} between registers"]]


def _accumulators(fir: Block) -> list[tuple[int, int]]:
    """Width and weight of the lowest bit of each adder's word that depends on several samples, the last first."""
    if isinstance(fir, Reloadable):
        return [(span.width, -span.fraction) for level in fir.tree[:0:-1] for span in level]
    if isinstance(fir, Folded):
        return [(fir.accumulator.width, -fir.accumulator.fraction)]
    found = [(fir.words.widths[k], fir.graph.lsbs[k] + fir.product_lsb) for k in fir.words.accumulators]
    return found[::-1]


def _db(magnitude: np.ndarray) -> list[float | None]:
    with np.errstate(divide="ignore"):
        values = 20 * np.log10(magnitude)
    return [float(v) if np.isfinite(v) else None for v in values]
