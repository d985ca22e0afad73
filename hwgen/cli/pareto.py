"""The command `hwgen pareto`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from hwgen import pareto as work
from hwgen.cli.folders import claimed
from hwgen.cli.terminal import CORES, MISSED, AsJson, Force, Jobs, Stop, find_icarus, out
from hwgen.front import BASELINES
from hwgen.report.front import headroom_db
from hwgen.report.words import DASH
from hwgen.spec import load
from hwgen.studies.case import Table
from hwgen.studies.tables import plain


def pareto(
    design: Annotated[Path, typer.Argument(help="Design file (.toml) with goals to vary.")],
    points: Annotated[int, typer.Option("--points", "-n", min=2, help="Designs to make.")] = 8,
    out_dir: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write to; build/<name>-pareto unless given.")
    ] = None,
    jobs: Jobs = CORES,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make designs of many accuracies, each verified: LUTs against SQNR and mask, beside the baselines."""
    find_icarus()
    spec = load(design)
    work.refuse(spec)
    folder = out_dir if out_dir is not None else Path("build") / f"{spec.design.name}-pareto"
    with claimed(design, folder, jobs, force) as (known, place, pool, tell):
        findings = work.pareto(known, place, points, pool, tell)
    if as_json:
        out.out(json.dumps(findings, indent=2), highlight=False)
    else:
        _print(findings, folder)
    if not findings["front"] or not all(row["met"] for row in findings["points"]):
        raise Stop(MISSED)


def _print(findings: dict[str, Any], folder: Path) -> None:
    columns = ("point", "asked", "mask", "LUT", *BASELINES.values(), "SQNR", "ripple", "attenuation", "mask to spare")
    caption = "LUTs beside those of the baselines at the same goals; the rest in dB."
    rows = tuple(
        (
            f"{row['point']}{'' if row['on_front'] else ' *'}", f"{row['goal']['sqnr_db']:.1f}", row["goal"]["mask"],
            *(str(found["lut"]) if found else DASH for found in (row, *map(row["baselines"].get, BASELINES))),
            _figure(row["sqnr_db"], 1), _figure(row["ripple_db"], 4), _figure(row["attenuation_db"], 1),
            _figure(headroom_db(row["mask_share"]), 2),
        )
        for row in findings["points"]
    )  # fmt: skip
    table = Table(f"{findings['name']} on {findings['target']}", caption, columns, rows)
    out.out(plain(table), highlight=False)
    for row in findings["points"]:
        if not row["on_front"]:
            out.print(f"* point {row['point']}: {row['off_front']}", markup=False)
        if not row["met"]:
            out.print(f"point {row['point']}: the Verilog differs from the model", markup=False)
    for row in findings["skipped"]:
        goal = row["goal"]
        out.print(f"no point {row['point']} (SQNR {goal['sqnr_db']:.1f} dB, mask {goal['mask']}): {row['reason']}",
                  markup=False)  # fmt: skip
    checked = sum(row["bit_true"]["samples"] for row in findings["points"] if row["bit_true"])
    wrong = sum(row["bit_true"]["mismatches"] for row in findings["points"] if row["bit_true"])
    out.print(f"{wrong} mismatches in {checked:,} samples simulated", markup=False)
    out.print(f"written to {folder / work.FINDINGS}, {folder / work.REPORT} and {folder / 'point*'}", markup=False)


def _figure(value: float | None, decimals: int) -> str:
    return DASH if value is None else f"{value:.{decimals}f}"
