"""A finished design in a table, and the exit code that goes with it."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from hwgen import flow
from hwgen.cli.terminal import MISSED, Stop, out


def finish(result: dict[str, Any], folder: Path, as_json: bool) -> None:
    """Print the result; raises `Stop` where the goal is missed or the hardware is wrong."""
    if as_json:
        out.out(json.dumps(result, indent=2), highlight=False)
    else:
        _summary(result, folder)
    if not flow.succeeded(result):
        raise Stop(MISSED)


def _summary(result: dict[str, Any], folder: Path) -> None:
    quality, verification, resources = result["quality"], result["verification"], result["resources"]
    met = "goal met" if result["goal"]["met"] else "goal MISSED: the best design found is written all the same"
    table = Table(title=f"{result['name']}: {met}", show_header=False, title_justify="left")
    synthesis = resources["synthesis"]
    if synthesis is not None:
        saved = []
        for name, label in (
            ("uniform", "uniform widths"),
            ("zoom", "equal widths that zoom"),
            ("common_lsb", "common LSB"),
            ("greedy", "greedy"),
            ("hogenauer", "Hogenauer"),
        ):
            baseline = result["baselines"].get(name)
            if baseline and baseline["lut"]:
                saved.append(f"{label} {baseline['lut']}")
        compared = f" ({', '.join(saved)})" if saved else ""
        table.add_row("LUTs", f"{synthesis['lut']} on {resources['target']} by {synthesis['tool']}{compared}")
        table.add_row("flip-flops", f"{synthesis['ff']}")
    if result["kind"] == "fir":
        table.add_row("taps", f"{len(result['coefficients'])}, {sum(result['bits'].values())} coefficient bits")
    for key, label, unit in (
        ("ripple_db", "ripple", "dB"), ("attenuation_db", "attenuation", "dB"), ("sqnr_db", "SQNR", "dB"),
        ("max_error_ulp", "largest error (bound)", "output LSBs"), ("evm_percent", "EVM", "%"),
        ("evm_loss_db", "EVM against floating point", "dB"), ("ber", "BER", ""),
        ("sfdr_db", "SFDR", "dB"), ("ber_loss_db", "loss at the bit error rate", "dB"),
    ):  # fmt: skip
        if quality.get(key) is not None:
            table.add_row(label, f"{quality[key]:.4g} {unit}")
    table.add_row("latency", f"{result['top']['latency']} clocks")
    for step in ("bit_true", "bulk"):
        check = verification[step]
        if check is not None:
            table.add_row(check["simulator"], f"{check['mismatches']} mismatches in {check['samples']:,} samples")
    table.add_row("written to", str(folder))
    out.print(table, markup=False)
