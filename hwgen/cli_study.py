"""The command `hwgen study`; with `cli`, which registers it, the only code of hwgen that prints."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from hwgen import flow, workers
from hwgen.journal import Journal
from hwgen.studies import runner
from hwgen.studies.tables import markdown, plain, seconds, tables

Progress = Callable[[], AbstractContextManager[Callable[[str, float], None]]]

_CORES = os.cpu_count() or 1


def command(out: Console, progress: Progress) -> Callable[..., None]:
    """The command, printing to `out` and telling how far it is by `progress`."""

    def study(
        name: Annotated[str, typer.Argument(help=f"One of {', '.join(runner.STUDIES)}.")],
        quick: Annotated[bool, typer.Option("--quick", help="Fewer cases, seeds and evaluations: a minute.")] = False,
        out_dir: Annotated[
            Path | None, typer.Option("--out", "-o", help="Folder to write to; build/study-<name> unless given.")
        ] = None,
        jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = _CORES,
        seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="Seeds of every random method.")] = None,
        evaluations: Annotated[int | None, typer.Option("--evaluations", min=1, help="Of every method.")] = None,
        force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds other files.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
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
            _print(findings, folder, out)

    return study


def _print(findings: dict[str, Any], folder: Path, out: Console) -> None:
    out.print(findings["title"], markup=False)
    for table in (*tables(findings), seconds(findings)):
        out.out("", plain(table), sep="\n", highlight=False)
    out.print(f"\nwritten to {folder / runner.FINDINGS} and {folder / runner.REPORT}", markup=False)
