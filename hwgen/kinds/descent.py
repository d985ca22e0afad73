"""kind = "descent": what a search found, as the JSON that the checkpoint keeps and the report draws."""

from concurrent.futures import Executor
from typing import Any

import numpy as np

from hwgen.cost.shell import estimate as estimate_shell
from hwgen.designs.descent import Search, search
from hwgen.designs.descent_bit_errors import loss_db
from hwgen.designs.descent_candidates import Tried
from hwgen.designs.descent_reference import SEARCHED, Reference, reference
from hwgen.designs.descent_report import convergence, stalled, waterfall
from hwgen.finished.descent import DescentDesign, thawed
from hwgen.journal import Journal, Progress

__all__ = ["asked", "drawn", "reference", "searched", "thawed"]


def asked(reference: Reference) -> dict[str, Any]:
    """Sizes, and what the float descent reaches."""
    m, n = reference.system.matrix.shape
    return {"equations": m, "unknowns": n, "iterations": reference.system.iterations}


def searched(reference: Reference, executor: Executor, journal: Journal, progress: Progress) -> dict[str, Any]:
    """What the search finds, as the checkpoint keeps it."""
    outcome = search(reference, executor, journal, progress)
    progress("judging the answer", 0.9)
    chosen = outcome.chosen
    space, block = chosen.candidate.space, chosen.candidate.block
    design = Search(reference, executor, journal, progress).design(block)
    ends = space.ends(chosen.candidate.bits[None])
    formats = space.words.formats(ends)
    work = space.work.features(ends)
    lut = float(outcome.estimate.luts(work)[0])
    figures = {"lut": round(lut), **space.work.registers(ends, outcome.estimate.target)}
    if design.shell is not None:
        shell = estimate_shell(design.shell, outcome.estimate.target)
        figures = {key: value + shell[key] for key, value in figures.items()}
    sqnr = reference.sqnr_db(chosen.error)
    return {
        "design": design.frozen(),
        "meets": chosen.meets,
        "quality": {
            "ripple_db": None, "attenuation_db": None, "sqnr_db": sqnr if np.isfinite(sqnr) else None,
            "error": chosen.error, "max_error_ulp": None, "ber": chosen.ber, "ber_loss_db": loss_db(reference, block),
        },
        "gain": 1.0,
        "bits": {name: form.width for name, form in formats.items()},
        "estimate": figures,
        "synthesis": {**chosen.resources.figures(), "tool": chosen.resources.tool},
        "place": None,
        "baselines": {name: _baseline(outcome.baselines.get(name)) for name in ("uniform", "zoom", "greedy")},
        "search": {
            "algorithm": str(reference.spec.search.algorithm), "evaluations": outcome.evaluations,
            "unique": outcome.unique, "bound": None, "gap": None,
        },
        "tried": [_row(reference, t, t is chosen) for t in outcome.tried],
        "history": [{"evaluations": n, "best": best, "method": method} for n, best, method in outcome.history],
        "own": {
            "form": block.form, "step": reference.system.eta, "ridge": reference.system.ridge,
            "formats": {name: str(form) for name, form in formats.items()},
            "product_bits_left_out": {
                f"{takes} to {makes}": int(drop)
                for (takes, _, makes), drop in zip(space.words.products, ends.drops[0], strict=True)
            },
            "stalled": stalled(reference, block),
            "convergence": convergence(reference, space.words, ends),
            "detection": waterfall(reference, block),
        },
    }  # fmt: skip


def _baseline(tried: Tried | None) -> dict[str, Any] | None:
    if tried is None:
        return None
    words = tried.candidate.space.words.formats(tried.candidate.space.ends(tried.candidate.bits[None]))
    return {
        "bits": sum(form.width for form in words.values()), "lut": tried.resources.lut, "error": tried.error,
        "meets": tried.meets,
    }  # fmt: skip


def _row(reference: Reference, tried: Tried, chosen: bool) -> dict[str, Any]:
    sqnr = reference.sqnr_db(tried.error)
    return {
        "label": tried.candidate.label, "kind": "chosen" if chosen else tried.candidate.kind,
        "lut": tried.resources.lut, "estimate": tried.candidate.estimate,
        "sqnr_db": sqnr if np.isfinite(sqnr) else None, "meets": tried.meets,
    }  # fmt: skip


def drawn(reference: Reference, design: DescentDesign, found: dict[str, Any]) -> dict[str, Any]:
    """The report's evidence: convergence, bit error rates, widths and what was tried."""
    own, target = found["own"], str(reference.spec.goal.target)
    charts = [{
        "key": "descent", "title": "Convergence", "x_label": "iteration", "y_label": "mean square error of x",
        "log_y": True, "caption": _told(own),
        "series": [
            {"name": name, "marks": name == "bit-true", "points": [[t + 1, v] for t, v in enumerate(values)]}
            for name, values in own["convergence"].items()
        ],
    }]  # fmt: skip
    if own["detection"] is not None:
        snr = own["detection"]["snr_db"]
        charts.append({
            "key": "ber", "title": "Bit error rate", "x_label": "SNR of a symbol, dB", "y_label": "bit error rate",
            "log_y": True, "caption": f"Over {own['detection']['bits']:,} bits, the same symbols and noise for all.",
            "series": [
                {"name": name, "marks": name == "this design", "points": _positive(snr, values)}
                for name, values in own["detection"]["ber"].items()
            ],
        })  # fmt: skip
    widths = found["bits"]
    rows = [[name, form, widths[name]] for name, form in own["formats"].items()]
    words = {"key": "words", "title": "Words", "head": ["word", "format", "bits"], "align": "llr", "rows": rows}
    return {
        "charts": charts,
        "tables": [words],
        "designs": found["tried"],
        "calibration": [
            {"estimate": row["estimate"], "synthesis": row["lut"], "target": target} for row in found["tried"]
        ],
        "history": _last(found["history"]),
        "formats": [
            ["input", str(design.block.input)], ["output", str(design.block.output)],
            ["rounding", str(design.block.rounding)], ["form", design.block.form],
        ],
        "spec_text": reference.spec.text,
        "notes": [
            f"Errors are measured with the bit-true model over {reference.raw.shape[1] - SEARCHED:,} right-hand sides "
            f"kept apart: words are compared on {SEARCHED:,} others, whose limit is tightened where these miss it.",
            "Baselines: one format for all words (uniform); equal widths, every word its own range (zoom); greedy by "
            "the noise model. Each has the coefficient widths that suit it best, values fitted as this design's are.",
        ],
    }  # fmt: skip


def _last(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last two searches, each counted from its own beginning; there may be dozens."""
    names = list(dict.fromkeys(row["method"] for row in history))[-2:]
    begun = {name: min(row["evaluations"] for row in history if row["method"] == name) for name in names}
    return [
        {**row, "evaluations": row["evaluations"] - begun[row["method"]] + 1}
        for row in history
        if row["method"] in names
    ]


def _positive(x: list[float], y: list[float]) -> list[list[float]]:
    """Points that a logarithmic axis has."""
    return [[a, b] for a, b in zip(x, y, strict=True) if b > 0]


def _told(own: dict[str, Any]) -> str:
    names = own["stalled"]
    stuck = ", ".join(f"{name} from iteration {t}" for name, t in names.items())
    return f"Stalled before the end: {stuck}." if names else "No unknown stalls."
