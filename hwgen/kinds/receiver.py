"""kind = "receiver": what a search found, as the JSON that the checkpoint keeps and the report draws."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from hwgen.blocks.chain import Chain
from hwgen.blocks.cic import Cic
from hwgen.blocks.mixer import Mixer
from hwgen.cost import receiver as cost
from hwgen.cost.shell import estimate as estimate_shell
from hwgen.designs.receiver_error import Budgeted, Count, Start
from hwgen.designs.receiver_plan import MixerPlan
from hwgen.designs.receiver_reference import ReceiverReference, reference
from hwgen.designs.receiver_search import Search, Tried, measured
from hwgen.designs.receiver_widths import mean_left
from hwgen.emit import verilog
from hwgen.finished.receiver import Receiver, described, thawed, widths
from hwgen.journal import Journal, Progress

__all__ = ["asked", "drawn", "outcome_of", "reference", "searched", "thawed"]

_POINTS = 2000
_MEASURED = 2  # of the allocator's designs that meet the goal, the cheapest by estimate
_SIMPLE = ("uniform", "greedy")


def asked(reference: ReceiverReference) -> dict[str, Any]:
    """How many stages."""
    return {"stages": len(reference.plan.stages)}


def searched(reference: ReceiverReference, executor: Executor, journal: Journal, progress: Progress) -> dict[str, Any]:
    """What the search finds, as the checkpoint keeps it."""
    spec = reference.spec
    algorithm = str(spec.search.algorithm)

    def start(known: ReceiverReference) -> Search:
        return Search(
            known.bench, known.goal, spec.goal.target, spec.search.seed, spec.search.evaluations, algorithm, progress
        )

    def text(chain: Chain) -> str:
        design = _design(reference, chain)
        return design.whole(verilog(design.component(), design.core.module))

    def count(entries: Sequence[Tried]) -> list[Tried]:
        return measured(entries, text, spec.design.name, spec.goal.target, executor, journal, progress)

    if spec.goal.minimise == "error":
        return _within_budget(reference, start, count)
    search = start(reference)
    baselines: dict[str, Tried | None] = {"uniform": search.uniform(), "hogenauer": search.narrowest_hogenauer()}
    greedy = search.best(search.allocated("greedy", "greedy"))
    baselines["greedy"] = greedy[0] if greedy else None
    own = [] if algorithm in _SIMPLE else search.best(search.allocated(algorithm, "search"))[:_MEASURED]
    entries = [*own, *(entry for entry in baselines.values() if entry is not None)]
    if not entries:
        raise spec.blame("goal", "no widths were found that meet it", "ask for less, or allow more evaluations")

    entries = count(entries)
    found = {entry.kind: entry for entry in entries if entry.kind != "search"}
    pool = [entry for entry in entries if entry.kind == algorithm] if algorithm in _SIMPLE else [
        entry for entry in entries if entry.kind in ("search", "greedy")
    ]  # fmt: skip
    chosen = min(pool or entries, key=lambda entry: (not entry.meets, entry.resources.lut if entry.resources else 0))
    return outcome_of(reference, search, chosen, entries, found)


def _within_budget(reference: ReceiverReference, start: Start, count: Count) -> dict[str, Any]:
    """The most accurate design within the budget of LUTs."""
    spec = reference.spec
    assert spec.goal.budget is not None  # what the rules see to
    luts, algorithm = float(spec.goal.budget.luts or 0), str(spec.search.algorithm)
    work = Budgeted(reference, luts, start, count)
    found = {kind: entry for kind, entry in work.baselines().items() if entry is not None}
    own = found.get(algorithm) if algorithm in _SIMPLE else work.allocated(algorithm, "search")
    pool = [entry for entry in (own, found.get("greedy")) if entry is not None]
    if not pool:
        remedy = f"give a larger budget; the narrowest widths take about {work.least:.0f}"
        raise spec.blame("goal.budget.luts", f"no receiver was found within {luts:g} LUTs", remedy)
    chosen = max(pool, key=lambda entry: entry.measured.sqnr_db)
    return outcome_of(reference, work.search, chosen, work.tried, found)


def outcome_of(
    reference: ReceiverReference, search: Search, chosen: Tried, entries: list[Tried], baselines: dict[str, Tried]
) -> dict[str, Any]:
    """Everything later steps need of a search."""
    design, response = _design(reference, chosen.chain), reference.response
    shell = {} if design.shell is None else estimate_shell(design.shell, reference.spec.goal.target)
    flops = sum(cost.registers(stage) for stage in chosen.chain.stages)
    allocation = search.allocation
    return {
        "design": design.frozen(),
        "meets": chosen.meets and _evm_met(reference, chosen),
        "quality": {
            "ripple_db": None if response is None else response.ripple_db,
            "attenuation_db": None if response is None else response.attenuation_db,
            "sqnr_db": chosen.measured.sqnr_db,
            "error": _error(chosen),
            "max_error_ulp": None,
            "evm_percent": chosen.measured.evm_percent,
            "sfdr_db": _finite(chosen.measured.sfdr_db),
        },
        "gain": _gain(reference, chosen),
        "bits": widths(chosen.chain),
        "estimate": {
            "lut": round(chosen.luts) + shell.get("lut", 0), "ff": flops + shell.get("ff", 0),
            "carry": None, "dsp": 0, "bram": shell.get("bram", 0),
        },
        "synthesis": _synthesis(chosen),
        "place": None,
        "baselines": {kind: _baseline(baselines.get(kind)) for kind in ("uniform", "hogenauer", "greedy")},
        "search": {
            "algorithm": str(reference.spec.search.algorithm), "evaluations": search.spent, "unique": search.unique,
            "bound": None, "gap": None,
        },
        "tried": [_row(entry, entry is chosen) for entry in entries],
        "history": [] if allocation is None else [
            {"evaluations": int(n), "best": float(best), "method": allocation.method} for n, best in allocation.history
        ],
        "own": {
            "analytic_sqnr_db": chosen.analytic_db,
            "mean": {
                "name": "mean error", "noise_power": mean_left(chosen.chain, reference.plan),
                "measured_power": reference.bench.mean_power(chosen.chain),
            },
            "stages": [
                {
                    "name": label, "noise_power": made.power, "measured_power": power,
                    "estimate_lut": round(made.luts), "built": described(stage),
                }
                for label, made, stage, power in zip(
                    search.widths.labels, chosen.stages, chosen.chain.stages,
                    reference.bench.shares(chosen.chain.stages), strict=True,
                )
            ],
        },
    }  # fmt: skip


def _evm_met(reference: ReceiverReference, tried: Tried) -> bool:
    asked = reference.spec.goal.evm_percent
    return asked is None or tried.measured.evm_percent <= asked


def _design(reference: ReceiverReference, chain: Chain) -> Receiver:
    first, spec = reference.plan.stages[0], reference.spec
    step = first.step if isinstance(first, MixerPlan) else 0
    return Receiver(spec.design.name, chain, step, interface=spec.hardware.interface)


def _gain(reference: ReceiverReference, tried: Tried) -> float:
    """Gain of the filters at 0 Hz times the oscillator's amplitude."""
    first = tried.chain.stages[0]
    amplitude = first.nco.amplitude if isinstance(first, Mixer) else 1.0
    return float(np.abs(reference.plan.response(np.zeros(1))[0])) * amplitude


def _synthesis(tried: Tried) -> dict[str, Any] | None:
    return None if tried.resources is None else {**tried.resources.figures(), "tool": tried.resources.tool}


def _baseline(tried: Tried | None) -> dict[str, Any] | None:
    if tried is None:
        return None
    return {
        "bits": sum(widths(tried.chain).values()),
        "lut": None if tried.resources is None else tried.resources.lut,
        "error": _error(tried),
        "sqnr_db": tried.measured.sqnr_db,
    }


def _error(tried: Tried) -> float:
    """Mean square error at the output, of the power of the exact one."""
    return float(10 ** (-tried.measured.sqnr_db / 10))


def _row(tried: Tried, chosen: bool) -> dict[str, Any]:
    return {
        "label": tried.label,
        "kind": "chosen" if chosen else tried.kind,
        "lut": None if tried.resources is None else tried.resources.lut,
        "estimate": tried.luts,
        "sqnr_db": _finite(tried.measured.sqnr_db),
        "meets": tried.meets,
    }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def drawn(reference: ReceiverReference, design: Receiver, found: dict[str, Any]) -> dict[str, Any]:
    """The report's evidence: the response of all stages, spectra at the output, noise of each stage, designs."""
    spec, plan, bench = reference.spec, reference.plan, reference.bench
    rate, own = spec.input.sample_rate, found["own"]
    y = bench.outputs(design.chain)
    amplitude = found["gain"] / float(np.abs(plan.response(np.zeros(1))[0]))
    signal, noise = (_spectrum(word) for word in (y, y - amplitude * bench.exact))
    axis = np.linspace(-0.5, 0.5, len(signal), endpoint=False) * rate / plan.decimate
    rows = [row for row in found["tried"] if row["lut"] is not None]
    difference = found["quality"]["sqnr_db"] - own["analytic_sqnr_db"]
    return {
        "response": _response(reference),
        "taps": [],
        "accumulators": _registers(design.chain),
        "designs": found["tried"],
        "calibration": [
            {"estimate": row["estimate"], "synthesis": row["lut"], "target": str(spec.goal.target)} for row in rows
        ],
        "history": found["history"],
        "charts": [{
            "key": "spectrum", "title": "Output and what the arithmetic adds", "x_label": "Hz", "y_label": "dB",
            "caption": "Bit-true outputs on the stimulus, and their distance from the exact chain.",
            "log_y": False,
            "series": [
                {"name": "output", "marks": False, "points": np.stack([axis, signal], axis=1).tolist()},
                {"name": "error", "marks": False, "points": np.stack([axis, noise], axis=1).tolist()},
            ],
        }],
        "formats": [
            ["input", str(plan.input)],
            ["output", str(plan.output)],
            *[[stage["name"], stage["built"]] for stage in own["stages"]],
            *[[f"noise of {s['name']}", f"{_level(s['noise_power'])}, {_level(s['measured_power'])} measured"]
              for s in own["stages"]],
        ],
        "spec_text": spec.text,
        "output_spectrum": None,
        "notes": [
            f"SQNR is measured with the bit-true model over {bench.samples.shape[1]:,} samples of the stimulus, "
            f"{len(bench.exact):,} outputs, against exact arithmetic with the same coefficients.",
            f"The analytic noise model gives {own['analytic_sqnr_db']:.2f} dB; {difference:+.2f} dB is measured.",
            *([_where([*own["stages"], *([own["mean"]] if "mean" in own else [])])] if abs(difference) > 0.5 else []),
            "EVM is measured against the coefficients before rounding, one complex gain taken out.",
        ],
    }  # fmt: skip


def _response(reference: ReceiverReference) -> dict[str, Any]:
    """The response of all stages beside its mask, at the gain that the mask is judged at; 0 dB at most without one."""
    plan, rate = reference.plan, reference.spec.input.sample_rate
    frequencies = np.linspace(0, min(0.5, 2 / plan.decimate), _POINTS)
    magnitudes, ideal = (np.abs(plan.response(frequencies, exact)) for exact in (True, False))
    gain = float(magnitudes.max()) if reference.response is None else reference.response.gain
    return {
        "frequency_hz": (frequencies * rate).tolist(),
        "magnitude_db": _db(magnitudes / gain),
        "ideal_db": _db(ideal / gain),
        "mask": [] if reference.mask is None else [
            {
                "start": b.start * rate, "stop": b.stop * rate, "upper_db": float(20 * np.log10(b.upper)),
                "lower_db": float(20 * np.log10(b.lower)) if b.passband and b.lower > 0 else None,
            }
            for b in reference.mask.bands
        ],
        "unit": "Hz",
    }  # fmt: skip


def _level(power: float) -> str:
    return f"{10 * np.log10(max(power, 1e-40)):.1f} dB"


def _where(parts: list[dict[str, Any]]) -> str:
    """Where analysis and measurement differ, of the stages and the mean error, and why."""
    most = max(parts, key=lambda part: abs(part["measured_power"] - part["noise_power"]))
    return (
        f"Most of what they differ by is the {most['name']}: {_level(most['noise_power'])} by analysis and "
        f"{_level(most['measured_power'])} measured, at the output. The analysis takes what is cut from words as white "
        "and independent, and the words as spread evenly; those of few bits are not."
    )


def _registers(chain: Chain) -> list[dict[str, int]]:
    """Weights of the lowest and the highest bit of each register of the CICs, in the order of the samples."""
    found: list[dict[str, int]] = []
    for stage in chain.stages:
        if not isinstance(stage, Cic):
            continue
        for dropped in stage.dropped[:-1]:
            lsb, width = dropped - stage.input.fraction, stage.width - dropped
            found.append({"index": len(found), "width": width, "lsb": lsb, "msb": lsb + width - 1})
    return found


def _spectrum(word: np.ndarray, points: int = 256) -> np.ndarray:
    """Power spectrum in dB, Hann windows averaged."""
    points = min(points, max(len(word) // 2, 8))
    frames = np.lib.stride_tricks.sliding_window_view(word, points)[:: points // 2] * np.hanning(points)
    power = np.mean(np.abs(np.fft.fft(frames, axis=1)) ** 2, axis=0) / np.sum(np.hanning(points) ** 2)
    return np.asarray(np.fft.fftshift(10 * np.log10(np.maximum(power, 1e-30))))


def _db(magnitude: np.ndarray) -> list[float | None]:
    with np.errstate(divide="ignore"):
        values = 20 * np.log10(magnitude)
    return [float(v) if np.isfinite(v) else None for v in values]
