"""What the report of a detector draws: figures over SNR with their intervals, ADC bits, formats."""

from typing import Any

import numpy as np

from hwgen.blocks.combiner import Combiner
from hwgen.blocks.combiner_reloadable import ReloadableCombiner
from hwgen.designs.detector_goal import Goal
from hwgen.finished.detector import Detector

NAMES = {
    "ideal": "no quantisation", "allocated": "allocated ADCs, exact weights",
    "uniform": "uniform ADCs, exact weights", "mmsqe-ba": "MMSQE-BA ADCs, exact weights", "built": "as built",
}  # fmt: skip
CHARTS = (
    ("mse", "MSE over SNR", "MSE of the symbols", True),
    ("ber", "Bit error rate over SNR", "bit error rate", True),
    ("rate", "Sum rate over SNR", "sum rate, bit/s/Hz", False),
    ("evm_percent", "EVM over SNR", "EVM, %", True),
)


def drawn(reference: Goal, design: Detector, found: dict[str, Any]) -> dict[str, Any]:
    """The report's evidence behind `found`."""
    own, combiner = found["own"], design.combiner
    apart = 20 * np.log10(own["model_evm_percent"] / own["figures"]["evm_percent"][0])
    cases = own["cases"]
    ours = np.array(combiner.bits)
    charts = [
        {
            "key": key, "title": title, "x_label": "SNR relative to the design's, dB", "y_label": label,
            "log_y": log,
            "caption": f"{title}, by bit-true Monte Carlo, the same symbols and noise for all; ADCs of each allocation "
            "are found anew for every SNR within the same budget, the design as built keeps its bits and weights.",
            "series": [
                {"name": NAMES[name], "marks": name == "built",
                 "points": [[case["offset_db"], case["figures"][name][key][0]] for case in cases]}
                for name in NAMES if name in cases[0]["figures"]
            ],
        }
        for key, title, label, log in CHARTS
    ]  # fmt: skip
    charts.append({
        "key": "adc", "title": "Bits of each antenna's ADC", "x_label": "antenna, strongest first", "y_label": "bits",
        "log_y": False, "caption": "Bits of each antenna's ADC over its received power; 0: off.",
        "series": [{"name": "bits", "marks": True,
                    "points": [[k, int(b)] for k, b in enumerate(ours[np.argsort(-reference.receiver.power)])]}],
    })  # fmt: skip
    return {
        "response": None,
        "taps": [],
        "accumulators": [],
        "charts": charts,
        "tables": [_over_snr(cases), _allocations(cases)],
        "designs": found["tried"],
        "calibration": [
            {"estimate": row["estimate"], "synthesis": row["lut"], "target": reference.target}
            for row in found["tried"] if row["lut"] is not None
        ],
        "history": found["history"],
        "formats": [
            *([name, form] for name, form in design.formats.items() if name != "c_data"),
            *_loaded(combiner),
            ["trees", f"{combiner.levels} levels, a register behind each"],
            ["terms", str(int(np.count_nonzero(combiner.matrix)))],
        ],
        "spec_text": reference.spec.text if reference.spec else "",
        "output_spectrum": None,
        "notes": [
            f"EVM, MSE and bit error rate are measured with the bit-true model over {own['figures']['symbols']:,} "
            "symbols of each user; intervals hold 95 %. EVM is taken after the best complex gain of each stream.",
            f"The noise model (additive quantisation noise) gives an EVM of {own['model_evm_percent']:.4g} %, "
            f"{apart:+.2f} dB from what is measured: it takes what antennas receive for Gaussian, and their "
            "distortions for independent.",
        ],
    }  # fmt: skip


def _loaded(combiner: Combiner | ReloadableCombiner) -> list[list[str]]:
    """What can be loaded, in words."""
    if not isinstance(combiner, ReloadableCombiner):
        return []
    registers = combiner.registers
    return [["loadable weights", f"{len(registers) // 2}, parts in {sum(form.width for form in registers)} bits"]]


def _over_snr(cases: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [
        [f"{case['offset_db']:+g}", NAMES[name].partition(",")[0], *(_interval(figures[key]) for key in ("mse", "ber"))]
        for case in cases
        for name, figures in case["figures"].items()
        if name in NAMES
    ]
    head = ["SNR, dB", "receiver", "MSE", "bit error rate"]
    return {"key": "over_snr", "title": "Over SNR, with 95 % intervals", "head": head, "align": "rlrr", "rows": rows}


def _allocations(cases: list[dict[str, Any]]) -> dict[str, Any]:
    def counted(bits: list[int]) -> str:
        return " ".join(f"{count}x{b}" for b, count in enumerate(np.bincount(bits)) if count)

    rows = [
        [f"{case['offset_db']:+g}", NAMES[name].partition(",")[0], counted(bits), case["model_mse"][name]]
        for case in cases
        for name, bits in case["bits"].items()
        if name in NAMES
    ]
    head = ["SNR, dB", "allocation", "antennas x bits", "MSE by the model"]
    return {"key": "allocations", "title": "ADC bits over SNR", "head": head, "align": "rllr", "rows": rows}


def _interval(figure: list[float]) -> str:
    value, low, high = figure
    return f"{value:.3g} ({low:.3g} to {high:.3g})"
