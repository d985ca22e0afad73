"""kind = "detector": what a search found, as the JSON that the checkpoint keeps and the report draws."""

from concurrent.futures import Executor
from typing import Any

import numpy as np

from hwgen.blocks.combiner_reloadable import ReloadableCombiner
from hwgen.cost.shell import estimate as estimate_shell
from hwgen.designs.detector import DetectorSearch, Outcome, Tried, search
from hwgen.designs.detector_cases import OFFSETS_DB, case_step
from hwgen.designs.detector_goal import Goal
from hwgen.designs.detector_reference import reference
from hwgen.designs.detector_reloading import ReloadingSearch
from hwgen.designs.detector_work import loaded
from hwgen.designs.monte_carlo import Figures
from hwgen.designs.uplink import mse
from hwgen.finished.detector import Detector, thawed
from hwgen.journal import Journal, Progress
from hwgen.kinds.detector_drawn import drawn

__all__ = ["asked", "drawn", "reference", "searched", "thawed"]

CASE_SYMBOLS = 20_000  # of each user, at every SNR


def asked(reference: Goal) -> dict[str, Any]:
    """Size of the uplink, and what its ADCs take."""
    antennas, users = reference.channel.shape
    on = sum(1 for b in reference.bits if b)
    return {"antennas": antennas, "users": users, "antennas on": on}


def searched(reference: Goal, executor: Executor, journal: Journal, progress: Progress) -> dict[str, Any]:
    """What the search finds, as the checkpoint keeps it."""
    run = (ReloadingSearch if reference.reloadable else DetectorSearch)(reference, progress)
    outcome = search(run, executor, journal)
    progress("detecting over SNR", 0.9)
    chosen, receiver = outcome.chosen, reference.receiver
    candidate = chosen.candidate
    channel = [[[float(v.real), float(v.imag)] for v in row] for row in receiver.channel]
    steps = [
        (channel, offset, receiver.detector, receiver.cost, reference.budget, list(receiver.levels),
         reference.constellation, CASE_SYMBOLS, reference.seed, candidate.combiner.frozen())
        for offset in OFFSETS_DB
    ]  # fmt: skip
    cases = journal.all(executor, case_step, steps)
    allocation, widths = reference.allocation, outcome.widths
    every = [allocation] if widths is None else [allocation, widths]
    gains = tuple(round(gain, 4) for gain in candidate.gains)
    design = Detector(reference.name, candidate.combiner, gains, interface=reference.interface)
    return {
        "design": design.frozen(),
        "meets": chosen.meets,
        "quality": quality(chosen.figures),
        "gain": 1.0,
        "bits": {f"antenna{m}": b for m, b in enumerate(candidate.combiner.bits)},
        "estimate": _estimated(design, outcome, chosen, reference.target),
        "synthesis": _synthesis(chosen),
        "place": None,
        "baselines": {name: _baseline(reference, tried) for name, tried in outcome.baselines.items()},
        "search": {
            "algorithm": reference.algorithm,
            "evaluations": sum(a.evaluations for a in every),
            "unique": sum(a.unique_evaluations for a in every),
            "bound": allocation.bound,
            "gap": allocation.gap,
        },
        "tried": [_row(reference, t, t is chosen) for t in outcome.tried],
        "own": {
            "method": receiver.detector,
            "constellation": reference.constellation,
            "adc": {
                "cost": receiver.cost, "budget": reference.budget, "spent": reference.spent(candidate.link.bits),
                "bits": list(candidate.combiner.bits), "model_mse": float(mse(candidate.link.ideal).mean()),
            },
            "weight_bits": candidate.weight_bits,
            "gains": list(gains),
            "figures": chosen.figures.plain(),
            "model_evm_percent": candidate.evm_percent,
            "cases": cases,
        },
        "history": [
            {"evaluations": int(n), "best": float(best), "method": allocation.method} for n, best in allocation.history
        ],
    }  # fmt: skip


def quality(figures: Figures) -> dict[str, float | None]:
    """Figures of a design's quality; what is none of a detector's is None."""
    return {
        "ripple_db": None, "attenuation_db": None, "sqnr_db": None, "error": figures.mse[0], "max_error_ulp": None,
        "evm_percent": figures.evm_percent[0], "mse": figures.mse[0], "sum_rate": figures.rate[0],
        "ber": figures.ber[0],
    }  # fmt: skip


def _estimated(design: Detector, outcome: Outcome, chosen: Tried, target: str) -> dict[str, float]:
    combiner, work = chosen.candidate.combiner, chosen.candidate.work
    if isinstance(combiner, ReloadableCombiner):
        figures = loaded(combiner, target).figures()
    else:
        assert work is not None  # of a combiner whose weights are constant
        figures = outcome.estimate.resources(work).figures()
    if design.shell is None:
        return figures
    return {key: figures[key] + more for key, more in estimate_shell(design.shell, target).items()}


def _synthesis(tried: Tried) -> dict[str, Any] | None:
    return None if tried.resources is None else {**tried.resources.figures(), "tool": tried.resources.tool}


def _baseline(goal: Goal, tried: Tried) -> dict[str, Any]:
    return {
        "bits": int(np.sum(tried.candidate.combiner.bits)),
        "lut": None if tried.resources is None else tried.resources.lut,
        "error": tried.figures.mse[0],
        "evm_percent": tried.figures.evm_percent[0],
        "adc_" + goal.receiver.cost: goal.spent(tried.candidate.link.bits),
        "label": tried.candidate.label,
    }


def _row(goal: Goal, tried: Tried, chosen: bool) -> dict[str, Any]:
    return {
        "label": tried.candidate.label,
        "kind": "chosen" if chosen else tried.candidate.kind,
        "lut": None if tried.resources is None else tried.resources.lut,
        "estimate": tried.candidate.estimate,
        "sqnr_db": -20 * float(np.log10(tried.figures.evm_percent[0] / 100)),
        "meets": tried.meets,
    }
