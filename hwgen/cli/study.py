"""The command `hwgen study`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from hwgen import flow, workers
from hwgen.cli.terminal import CORES, AsJson, Force, Jobs, out, progress
from hwgen.journal import Journal
from hwgen.studies import runner
from hwgen.studies.tables import markdown, plain, seconds, tables


def study(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(runner.STUDIES)}.")],
    quick: Annotated[bool, typer.Option("--quick", help="Fewer cases, seeds and evaluations: a minute.")] = False,
    out_dir: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write to; build/study-<name> unless given.")
    ] = None,
    jobs: Jobs = CORES,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Seeds of every random method.")] = None,
    evaluations: Annotated[int | None, typer.Option("--evaluations", min=1, help="Of every method.")] = None,
    force: Force = False,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")] = False,
) -> None:
    """Run the allocator and every other method on an application: table, study.json, report.html."""
    if name not in runner.STUDIES:
        raise typer.BadParameter(f"unknown study {name!r}; give one of {', '.join(runner.STUDIES)}")
    folder = out_dir if out_dir is not None else Path("build") / f"study-{name}"
    flow.claim(folder, force)
    with progress() as tell, workers.local_pool(jobs) as pool:
        journal = Journal(folder / "checkpoint", runner.owner(name))
        findings = runner.run(name, pool, journal, quick, seeds, evaluations, tell)
        runner.write(findings, folder)
    if as_json:
        out.out(json.dumps(findings, indent=2), highlight=False)
    elif as_markdown:
        out.out(markdown(tables(findings)), highlight=False)
    else:
        _print(findings, folder)


def _print(findings: dict[str, Any], folder: Path) -> None:
    out.print(findings["title"], markup=False)
    for table in (*tables(findings), seconds(findings)):
        out.out("", plain(table), sep="\n", highlight=False)
    out.print(f"\nwritten to {folder / runner.FINDINGS} and {folder / runner.REPORT}", markup=False)
