"""What all commands share: the consoles, the options, exit codes, and how far a command is."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hwgen.cost.resources import TARGETS
from hwgen.tools import find

Tell = Callable[[str, float], None]

out = Console(highlight=False, soft_wrap=True)  # a path in a pipe must stay one line
err = Console(stderr=True, highlight=False, soft_wrap=True)

MISSED, WRONG_INPUT, NO_TOOL, INTERRUPTED = 1, 2, 3, 130

DesignPath = Annotated[Path, typer.Argument(help="Design file (.toml), or the folder of a finished design.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write to; build/<name> unless given.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes for costly steps.")]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder that holds other files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Source = Annotated[Path | None, typer.Option("--input", help="Samples (.npy): words, or floats in input units.")]
Response = Annotated[Path | None, typer.Option("--output", help="Where to write the response (.npy).")]
Targets = Annotated[
    list[str] | None, typer.Option("--target", "-t", help=f"One of {', '.join(TARGETS)}; may be repeated.")
]
CORES = os.cpu_count() or 1


class Stop(Exception):  # noqa: N818  (what it does)
    """Ends a command with an exit code and, where there is one, a message."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def progress() -> Iterator[Tell]:
    """A progress bar on stderr; plain lines where stderr is no terminal."""
    if not err.is_terminal:
        last = ""

        def tell(what: str, share: float) -> None:
            nonlocal last
            if what != last:
                err.print(f"hwgen: {what}", markup=False)
                last = what

        yield tell
        return
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


def find_icarus() -> None:
    """Raise `ToolMissing` before a long search rather than after it."""
    for program in ("iverilog", "vvp"):
        find(program)
