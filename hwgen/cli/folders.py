"""Where a command works: a design file and a folder claimed for it, or the folder of a finished design."""

import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hwgen import flow, workers
from hwgen.cli.terminal import INTERRUPTED, Stop, Tell, progress
from hwgen.finished import Finished, NotADesign
from hwgen.finished.stored import load
from hwgen.kinds import kind_of
from hwgen.spec import DesignFileError, Spec
from hwgen.spec import load as load_spec
from hwgen.tools import find

# The goals in numbers, the folder, what runs costly steps, and whom to tell how far they are.
Claimed = tuple[Any, Path, Executor, Tell]


def _folder(spec: Spec, given: Path | None) -> Path:
    return given if given is not None else Path("build") / spec.design.name


def is_design(path: Path) -> bool:
    """Whether a folder was given in place of a design file."""
    return path.is_dir()


@contextmanager
def claimed(path: Path, given: Path | None, jobs: int, force: bool) -> Iterator[Claimed]:
    """All that work on a design file needs, its folder claimed once the file is sound and its goal in reach."""
    spec = load_spec(path)
    find("yosys")
    folder = _folder(spec, given)
    with progress() as tell:
        known = kind_of(spec.design.kind).reference(
            spec
        )  # before anything is written: a goal out of reach leaves no trace
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        flow.claim(folder, force)
        try:
            with workers.local_pool(jobs) as pool:
                yield known, folder, pool, tell
        except KeyboardInterrupt:
            name = Path(sys.argv[0]).name
            command = [*(["python", "-m", "hwgen"] if name == "__main__.py" else [name]), *sys.argv[1:]]
            raise Stop(INTERRUPTED, f"interrupted; continue where it stopped with: {shlex.join(command)}") from None
        except DesignFileError:  # only the search could tell
            _withdraw(missing)
            raise


@contextmanager
def prepared(path: Path, given: Path | None, jobs: int, force: bool) -> Iterator[flow.Run]:
    """A run of the design file, from wherever its folder's checkpoint stands."""
    with claimed(path, given, jobs, force) as (known, folder, pool, tell):
        run = flow.Run(known.spec, folder, pool, tell)
        run.reference = known
        yield run


def _withdraw(folders: list[Path]) -> None:
    """Remove new folders, innermost first, that hold a checkpoint at most."""
    with suppress(OSError):
        for place in folders:
            (place / "checkpoint").unlink(missing_ok=True)
            place.rmdir()


def finished(folder: Path) -> Finished:
    """The design that the folder holds, with its Verilog and its result. Raises `NotADesign`."""
    design = load(folder)
    if not design.verilog:
        raise NotADesign(f"{folder} has no Verilog yet; run hwgen generate or hwgen run first")
    if "goal" not in design.result:
        raise NotADesign(f"{folder} has no result.json of this design; run hwgen report or hwgen run first")
    return design
