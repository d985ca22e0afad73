"""kind = "equalizer": what a search found, as the JSON that the checkpoint keeps and the report draws."""

from concurrent.futures import Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.designs.equalizer import Candidate, Search
from hwgen.designs.equalizer_float import bit_errors, course, evm_percent
from hwgen.designs.equalizer_judge import frozen as frozen_family
from hwgen.designs.equalizer_judge import thawed as thawed_family
from hwgen.designs.equalizer_judge import values
from hwgen.designs.equalizer_noise import NoiseModel
from hwgen.designs.equalizer_reference import SETTLED_DB, Reference, reference
from hwgen.finished.equalizer import Equalizer, thawed
from hwgen.journal import Journal, Progress

__all__ = ["asked", "drawn", "reference", "searched", "thawed"]

_DRAWN = 16  # streams that curves are means over
_BASELINES = ("uniform", "common_lsb", "greedy")
_BLOCK = 50  # samples that a point is the mean over


def asked(reference: Reference) -> dict[str, Any]:
    """The length of the equaliser, and what it achieves in floating point."""
    evm = evm_percent(reference.bench, reference.held_power)
    return {"taps": reference.bench.taps, "% EVM in floating point": round(evm, 2)}


def searched(reference: Reference, executor: Executor, journal: Journal, progress: Progress) -> dict[str, Any]:
    """What the search finds, as the checkpoint keeps it."""
    work = Search(reference, executor, journal, progress)
    outcome = work.run()
    chosen = outcome.chosen
    widths = chosen.family.widths(chosen.row)
    return {
        "design": work.design(chosen).frozen(),
        "meets": chosen.meets,
        "quality": qualities(reference, chosen),
        "gain": None,
        "bits": widths,
        "estimate": {"lut": round(chosen.estimate), "ff": None, "carry": None, "dsp": 0, "bram": 0},
        "synthesis": _synthesis(chosen),
        "place": None,
        "baselines": {kind: _baseline(reference, outcome.baselines.get(kind)) for kind in _BASELINES},
        "search": {
            "algorithm": str(reference.spec.search.algorithm), "evaluations": outcome.evaluations,
            "unique": outcome.unique, "bound": None, "gap": None,
        },
        "own": _own(reference, chosen),
        "tried": [_row(reference, c, c is chosen) for c in outcome.tried],
        "history": outcome.history,
        "model": {
            "family": frozen_family(chosen.family), "row": [int(v) for v in chosen.row], "scales": list(chosen.scales),
        },
    }  # fmt: skip


def qualities(reference: Reference, candidate: Candidate) -> dict[str, Any]:
    """EVM and BER after training, bit-true and in floating point, over the same streams."""
    bench, verdict = reference.bench, candidate.verdict
    wrong, bits = bit_errors(bench, reference.held_outputs, reference.held)
    return {
        "evm_percent": round(evm_percent(bench, verdict.power), 4),
        "evm_float_percent": round(evm_percent(bench, reference.held_power), 4),
        "evm_loss_db": round(_loss(reference, candidate), 4),
        "ber": verdict.wrong / verdict.bits,
        "ber_float": wrong / bits,
    }


def _loss(reference: Reference, candidate: Candidate) -> float:
    return float(10 * np.log10(candidate.verdict.power / reference.held_power))


def _own(reference: Reference, chosen: Candidate) -> dict[str, Any]:
    bench, rule = reference.bench, reference.rule
    return {
        "stalled": list(chosen.verdict.stalled),
        "step": rule.step,
        "decision_delay": bench.wiener[0],
        "evm_wiener_percent": round(evm_percent(bench, bench.wiener[2]), 4),
        "bits_judged": chosen.verdict.bits,
    }


def _synthesis(candidate: Candidate) -> dict[str, Any] | None:
    found = candidate.resources
    return None if found is None else {**found.figures(), "tool": found.tool}


def _baseline(reference: Reference, candidate: Candidate | None) -> dict[str, Any] | None:
    if candidate is None:
        return None
    return {
        "bits": sum(candidate.family.widths(candidate.row).values()),
        "lut": None if candidate.resources is None else candidate.resources.lut,
        "error": round(evm_percent(reference.bench, candidate.verdict.power), 4),
    }


def _row(reference: Reference, candidate: Candidate, chosen: bool) -> dict[str, Any]:
    return {
        "label": candidate.label,
        "kind": "chosen" if chosen else candidate.kind,
        "lut": None if candidate.resources is None else candidate.resources.lut,
        "estimate": round(candidate.estimate),
        "evm_loss_db": round(_loss(reference, candidate), 4),
        "stalled": list(candidate.verdict.stalled),
        "meets": candidate.meets,
    }


def drawn(reference: Reference, design: Equalizer, found: dict[str, Any]) -> dict[str, Any]:
    """The report's evidence: convergence three times over, widths, and what was tried."""
    bench, f = reference.bench, design.lms
    return {
        "charts": [_convergence(reference, design, found)],
        "tables": [_widths(design, found), _tried(found)],
        "calibration": [
            {"estimate": row["estimate"], "synthesis": row["lut"], "target": str(reference.spec.goal.target)}
            for row in found["tried"] if row["lut"] is not None
        ],
        "history": found["history"],
        "formats": [
            ["input", str(f.input)], ["output", str(f.output)], ["error", str(f.error)], ["sum", str(f.total)],
            ["step", " + ".join(f"2**-{s}" for s in f.steps)], ["rule", f.rule],
            ["delay of updates", f"{f.delay} samples"],
        ],
        "spec_text": reference.spec.text,
        "notes": [
            f"EVM and BER are measured over {found['own']['bits_judged']:,} bits in {len(reference.held)} streams that "
            f"the search has not seen, each from reset, after {bench.training:,} samples of training.",
            f"Stalled coefficients: {', '.join(found['own']['stalled']) or 'none'}; a coefficient is stalled when it "
            "does not move in the second half of what follows training.",
            *([] if reference.unsettled_db <= SETTLED_DB else [
                f"Training ends before the equaliser has settled: floating point errs {reference.unsettled_db:.2f} dB "
                "less in the second half of what follows. Longer training, or a larger step, ends that.",
            ]),
        ],
    }  # fmt: skip


def _convergence(reference: Reference, design: Equalizer, found: dict[str, Any]) -> dict[str, Any]:
    bench, streams = reference.bench, reference.held[:_DRAWN]
    family = thawed_family(found["model"]["family"])
    model = NoiseModel(family, reference.course, reference.power, tuple(found["model"]["scales"]))
    noisy = course(bench, reference.rule, streams, model.noise(np.array(found["model"]["row"])), seed=1)
    true = np.stack([values(bench, words) for words in design.lms.model_streams([s.words for s in streams])])
    wanted = np.stack([s.symbols for s in streams])

    def curve(outputs: NDArray[np.complex128]) -> list[list[float]]:
        power = (np.abs(outputs - wanted) ** 2).mean(axis=0)
        whole = len(power) // _BLOCK * _BLOCK
        means = power[:whole].reshape(-1, _BLOCK).mean(axis=1)
        return [
            [_BLOCK * k + _BLOCK / 2, round(float(10 * np.log10(v / bench.symbol_power)), 4)]
            for k, v in enumerate(means)
        ]

    quality = found["quality"]
    caption = (
        f"Error power over symbol power, mean of {_DRAWN} streams; training ends at sample {bench.training:,}. After "
        f"it the bit-true equaliser has an EVM of {quality['evm_percent']:.2f} %, floating point "
        f"{quality['evm_float_percent']:.2f} %: a loss of {quality['evm_loss_db']:.2f} dB."
    )
    series = [
        {"name": "floating point", "points": curve(reference.held_outputs[:_DRAWN])},
        {"name": "noise model", "points": curve(noisy.outputs)},
        {"name": "bit-true", "points": curve(true)},
    ]
    return {
        "key": "adaptation", "title": "Convergence of the equaliser", "caption": caption, "x_label": "sample",
        "y_label": "EVM (dB)", "series": series,
    }  # fmt: skip


def _widths(design: Equalizer, found: dict[str, Any]) -> dict[str, Any]:
    bits, stalled = found["bits"], {name.split("_")[0] for name in found["own"]["stalled"]}
    rows = [
        [f"{k}", str(tap.weight), *(bits[f"tap{k}_{word}"] for word in ("weight", "used", "data", "correlated")),
         "stalled" if f"tap{k}" in stalled else "alive"]
        for k, tap in enumerate(design.lms.taps)
    ]  # fmt: skip
    head = ["Tap", "Coefficient", "Bits", "that multiply", "of the sample", "in the update", "State"]
    return {"key": "widths", "title": "Widths of each tap", "head": head, "align": "rcrrrrl", "rows": rows}


def _tried(found: dict[str, Any]) -> dict[str, Any]:
    rows = [
        [row["label"], row["lut"], row["estimate"], f"{row['evm_loss_db']:.3f}", ", ".join(row["stalled"]) or "none",
         "meets" if row["meets"] else "misses"]
        for row in found["tried"]
    ]  # fmt: skip
    head = ["Design", "LUT", "Estimate", "EVM loss (dB)", "Stalled", "Goal"]
    return {"key": "tried", "title": "Designs tried", "head": head, "align": "lrrrll", "rows": rows}
