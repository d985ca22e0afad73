"""The command line: the only code of hwgen that prints. Progress and messages go to stderr, results to stdout."""

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from hwgen import __version__, cli_pareto, cli_study, flow, verify, workers
from hwgen.check.processes import SimulatorError
from hwgen.cost.resources import TARGETS
from hwgen.cost.yosys import YosysError
from hwgen.design import Design, NotADesign, load
from hwgen.designs.reference import Reference
from hwgen.fields import FieldError
from hwgen.fixed import from_float, to_float
from hwgen.journal import write_beside
from hwgen.keywords import KEYWORDS
from hwgen.spec import DesignFileError, Spec
from hwgen.spec import load as load_spec
from hwgen.tools import TOOLS, ToolMissing, find
from hwgen.tools import version as tool_version

app = typer.Typer(
    help="Design file in, verified fixed-point Verilog out.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
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
_Claimed = tuple[Reference, Path, Executor, Callable[[str, float], None]]

_EXAMPLE = """\
# {name}: a low-pass filter. Every key is explained in hwgen's README.
[design]
name = "{name}"
kind = "fir"

[input]
format = "s1.11"              # 12 bits, sign included
sample_rate = 48e3            # Hz

[output]
format = "s1.15"

[response]
bands = [
  {{ start = 0,      stop = 6e3,  ripple_db = 0.1 }},
  {{ start = 9e3,    stop = 24e3, attenuation_db = 60 }},
]

[goal]
minimise = "luts"
sqnr_db = 60
target = "ice40"
"""


class _Stop(Exception):  # noqa: N818  (ends a command with an exit code)
    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
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


def _folder(spec: Spec, given: Path | None) -> Path:
    return given if given is not None else Path("build") / spec.design.name


def _is_design(path: Path) -> bool:
    return path.is_dir()


@contextmanager
def _claimed(path: Path, given: Path | None, jobs: int, force: bool) -> Iterator[_Claimed]:
    """All that work on a design file needs, its folder claimed once the file is sound and its goal in reach."""
    spec = load_spec(path)
    find("yosys")
    folder = _folder(spec, given)
    with _progress() as tell:
        known = flow.reference(spec)  # before anything is written: a goal out of reach leaves no trace
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        flow.claim(folder, force)
        try:
            with workers.local_pool(jobs) as pool:
                yield known, folder, pool, tell
        except KeyboardInterrupt:
            command = [Path(sys.argv[0]).name, *sys.argv[1:]]
            raise _Stop(INTERRUPTED, f"interrupted; continue where it stopped with: {shlex.join(command)}") from None
        except DesignFileError:  # only the search could tell
            _withdraw(missing)
            raise


@contextmanager
def _run(path: Path, given: Path | None, jobs: int, force: bool) -> Iterator[flow.Run]:
    with _claimed(path, given, jobs, force) as (known, folder, pool, tell):
        run = flow.Run(known.spec, folder, pool, tell)
        run.reference = known
        yield run


def _withdraw(folders: list[Path]) -> None:
    """Remove new folders, innermost first, that hold a checkpoint at most."""
    with suppress(OSError):
        for place in folders:
            (place / "checkpoint").unlink(missing_ok=True)
            place.rmdir()


def _finish(result: dict[str, Any], folder: Path, as_json: bool) -> None:
    if as_json:
        out.out(json.dumps(result, indent=2), highlight=False)
    else:
        _summary(result, folder)
    if not flow.succeeded(result):
        raise _Stop(MISSED)


def _summary(result: dict[str, Any], folder: Path) -> None:
    quality, verification, resources = result["quality"], result["verification"], result["resources"]
    met = "goal met" if result["goal"]["met"] else "goal MISSED: the best design found is written all the same"
    table = Table(title=f"{result['name']}: {met}", show_header=False, title_justify="left")
    synthesis = resources["synthesis"]
    if synthesis is not None:
        saved = []
        for name, label in (("uniform", "uniform widths"), ("common_lsb", "common LSB"), ("greedy", "greedy")):
            baseline = result["baselines"].get(name)
            if baseline and baseline["lut"]:
                saved.append(f"{label} {baseline['lut']}")
        compared = f" ({', '.join(saved)})" if saved else ""
        table.add_row("LUTs", f"{synthesis['lut']} on {resources['target']} by {synthesis['tool']}{compared}")
        table.add_row("flip-flops", f"{synthesis['ff']}")
    table.add_row("taps", f"{len(result['coefficients'])}, {sum(result['bits'].values())} coefficient bits")
    for key, label, unit in (
        ("ripple_db", "ripple", "dB"), ("attenuation_db", "attenuation", "dB"), ("sqnr_db", "SQNR", "dB"),
        ("max_error_ulp", "largest error (bound)", "output LSBs"),
    ):  # fmt: skip
        if quality[key] is not None:
            table.add_row(label, f"{quality[key]:.4g} {unit}")
    table.add_row("latency", f"{result['top']['latency']} clocks")
    for step in ("bit_true", "bulk"):
        check = verification[step]
        if check is not None:
            table.add_row(check["simulator"], f"{check['mismatches']} mismatches in {check['samples']:,} samples")
    table.add_row("written to", str(folder))
    out.print(table, markup=False)


@app.command()
def run(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False,
    waves: Annotated[bool, typer.Option("--waves", help="Keep the simulation's waveforms (FST).")] = False,
) -> None:  # fmt: skip
    """Do everything: search, Verilog, simulation, report."""
    _find_icarus()
    with _run(design, out_dir, jobs, force) as work:
        result = work.everything(waves)
        folder = work.folder
    _finish(result, folder, as_json)


def _find_icarus() -> None:
    """Raise `ToolMissing` before a long search rather than after it."""
    for program in ("iverilog", "vvp"):
        find(program)


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="Design file to write.")], force: Force = False,
) -> None:  # fmt: skip
    """Write a commented design file to start from."""
    fits = path.stem.isidentifier() and path.stem.isascii() and path.stem not in KEYWORDS and len(path.stem) <= 64
    name = path.stem if fits else "my_filter"
    if path.exists() and not force:
        raise _Stop(WRONG_INPUT, f"{path} exists; give another name, or --force to overwrite it")
    try:
        write_beside(path, _EXAMPLE.format(name=name))
    except OSError as error:
        raise _Stop(WRONG_INPUT, f"cannot write {path}: {error.strerror}") from None
    out.print(f"wrote {path}; next: hwgen run {path}", markup=False)


@app.command()
def check(design: DesignPath, as_json: AsJson = False) -> None:
    """Check a design file and say what it asks for; write nothing."""
    if _is_design(design):
        finished = _finished(design)
        out.print(json.dumps(finished.result["goal"], indent=2) if as_json else repr(finished), markup=False)
        return
    spec = load_spec(design)
    found = flow.reference(spec)
    facts = {
        "name": spec.design.name, "digest": spec.digest, "taps": len(found.ideal),
        "input": str(spec.input.format), "output": str(spec.output.format),
        "goal": spec.goal.model_dump(mode="json", exclude_none=True),
    }  # fmt: skip
    if as_json:
        out.out(json.dumps(facts, indent=2), highlight=False)
    else:
        out.print(f"{design}: sound. {facts['name']}: {facts['taps']} taps suffice before quantising.", markup=False)


@app.command()
def search(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False
) -> None:
    """Search for the design; keep it in the folder's checkpoint."""
    if _is_design(design):
        _finish(dict(_finished(design).result), design, as_json)
        return
    with _run(design, out_dir, jobs, force) as work:
        result, folder = work.result(flow.thawed(work.found["design"])), work.folder
    _finish(result, folder, as_json)


@app.command()
def generate(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False
) -> None:
    """Write Verilog, constraints, core file and bench."""
    if _is_design(design):
        _finish(flow.again(design, "files"), design, as_json)
        return
    with _run(design, out_dir, jobs, force) as work:
        work.generate()
        result, folder = work.report(), work.folder
    _finish(result, folder, as_json)


@app.command()
def simulate(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False,
    source: Source = None, output: Response = None,
    rtl: Annotated[bool, typer.Option("--rtl", help="Through the Verilog in Icarus, not the model.")] = False,
    waves: Annotated[bool, typer.Option("--waves", help="Keep the simulation's waveforms (FST).")] = False,
) -> None:  # fmt: skip
    """Prove a design bit-true, or run samples of your own through it (--input, --output)."""
    if (source is None) != (output is None):
        raise _Stop(WRONG_INPUT, "--input and --output go together: samples in, response out")
    if source is not None and output is not None:
        _filter(design, source, output, rtl)
        return
    _find_icarus()
    if _is_design(design):
        finished = _finished(design)
        with _progress() as tell:
            tell("simulating in Icarus Verilog", 0.0)
            done = verify.bit_true(finished, None, 1, design / f"{finished.name}.fst" if waves else None)
        figures = verify.figures(done) or {}
        out.print(
            json.dumps(figures, indent=2) if as_json else f"{figures['simulator']}: {figures['mismatches']} mismatches "
            f"in {figures['samples']:,} samples", markup=False,
        )  # fmt: skip
        if not done.bit_true:
            raise _Stop(MISSED, done.first or "nothing was compared")
        return
    with _run(design, out_dir, jobs, force) as work:
        work.generate()
        work.simulate(waves)
        result, folder = work.report(), work.folder
    _finish(result, folder, as_json)


def _finished(folder: Path) -> Design:
    design = load(folder)
    if not design.verilog:
        raise NotADesign(f"{folder} has no Verilog yet; run hwgen generate or hwgen run first")
    if "goal" not in design.result:
        raise NotADesign(f"{folder} has no result.json of this design; run hwgen report or hwgen run first")
    return design


def _filter(folder: Path, source: Path, output: Path, rtl: bool) -> None:
    if not _is_design(folder):
        raise _Stop(WRONG_INPUT, f"{folder} is no folder: --input needs a finished design, as hwgen run leaves it")
    design, samples = _finished(folder), _samples(source)
    try:
        response = design.model(samples)
    except ValueError as error:
        raise _Stop(WRONG_INPUT, f"cannot filter {source}: {error}") from None
    if rtl:
        _find_icarus()
        try:
            response = _through_rtl(design, samples)
        except ValueError as error:
            raise _Stop(MISSED, str(error)) from None
    try:
        with output.open("wb") as file:
            np.save(file, response)
    except OSError as error:
        raise _Stop(WRONG_INPUT, f"cannot write {output}: {error.strerror}") from None
    out.print(f"{response.shape[-1]} samples to {output}", markup=False)


def _samples(source: Path) -> np.ndarray:
    """At least one finite number, from a .npy file."""
    try:
        with source.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise ValueError("it is no .npy file")
        samples = np.load(source, allow_pickle=False)
        if samples.dtype.kind not in "iufc" or not samples.size or not np.isfinite(samples).all():
            raise ValueError("it must hold one finite number or more, and nothing else")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _Stop(WRONG_INPUT, f"cannot read samples from {source}: {reason}; give a .npy file of numbers") from None
    return samples


def _through_rtl(design: Design, samples: np.ndarray) -> np.ndarray:
    """As `Design.model`, which has judged the samples, by the Verilog."""
    fir = design.fir
    stacked = np.stack([samples.real, samples.imag]) if np.iscomplexobj(samples) else np.atleast_2d(samples)
    floats = np.issubdtype(stacked.dtype, np.floating)
    words = from_float(stacked, fir.input) if floats else stacked.astype(np.int64)
    response = verify.filtered(design, words)
    values = to_float(response, fir.output) if floats else response
    if np.iscomplexobj(samples):
        return values[0] + 1j * values[1]
    return values[0] if samples.ndim == 1 else values


@app.command()
def synthesise(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False,
    target: Targets = None,
) -> None:  # fmt: skip
    """Count the LUTs of a design with Yosys, on every target unless some are given."""
    find("yosys")
    targets = target or list(TARGETS)
    for name in targets:
        if name not in TARGETS:
            raise _Stop(WRONG_INPUT, f"unknown target {name!r}; give one of {', '.join(TARGETS)}")
    if _is_design(design):
        finished = _finished(design)
        with _progress() as tell, workers.local_pool(jobs) as pool:
            tell("synthesising", 0.0)
            counts = flow.synthesised(finished, targets, False, pool)
    else:
        with _run(design, out_dir, jobs, force) as work:
            counts = flow.synthesised(work.generate(), targets, work.spec.hardware.dsp, work.executor)
            work.report()
    if as_json:
        out.out(json.dumps(counts, indent=2), highlight=False)
        return
    table = Table("target", "LUT", "FF", "carry", "DSP", "BRAM", "tool")
    for name, figures in counts.items():
        table.add_row(name, *(str(figures[k]) for k in ("lut", "ff", "carry", "dsp", "bram")), figures["tool"])
    out.print(table)


@app.command()
def report(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False
) -> None:
    """Write result.json and report.html again from what the folder holds, or for a design file do what is missing
    first.
    """
    if _is_design(design):
        _finish(flow.again(design, "evidence"), design, as_json)
        return
    with _run(design, out_dir, jobs, force) as work:
        result, folder = work.report(), work.folder
    _finish(result, folder, as_json)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """List the tools hwgen uses, what was found, and how to install what is missing."""
    rows, missing = {}, False
    for name, tool in TOOLS.items():
        try:
            found: str | None = tool_version(name)
        except ToolMissing:
            found = None
            missing = missing or tool.required
        rows[name] = {"found": found, "purpose": tool.purpose, "required": tool.required, "install": tool.install}
    if as_json:
        out.out(json.dumps(rows, indent=2), highlight=False)
    else:
        table = Table("tool", "found", "what for", "how to install")
        for name, row in rows.items():
            needed = "" if row["found"] else f"{row['install']}{'' if row['required'] else '  (optional)'}"
            table.add_row(name, str(row["found"] or "missing"), str(row["purpose"]), needed)
        out.print(table, markup=False)
    if missing:
        raise _Stop(NO_TOOL)


app.command(name="study")(cli_study.command(out, _progress))
app.command(name="pareto")(cli_pareto.command(out, _claimed))


def _version(asked: bool) -> None:
    if asked:
        out.print(f"hwgen {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: turn every expected failure into one message and its exit code."""
    try:
        app(standalone_mode=False)
        code, message = 0, ""
    except _Stop as stop:
        code, message = stop.code, str(stop)
    except (DesignFileError, FieldError, NotADesign, flow.FolderRefused) as error:
        code, message = WRONG_INPUT, str(error)
    except ToolMissing as error:
        code, message = NO_TOOL, str(error)
    except (YosysError, SimulatorError) as error:
        code, message = MISSED, str(error)
    except BrokenProcessPool:
        code, message = MISSED, "a worker process was killed, perhaps for want of memory; give --jobs 1 and run again"
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        code, message = WRONG_INPUT, f"{where}{error.strerror or error}; give another folder with --out, or make room"
    except (typer.Abort, KeyboardInterrupt):
        code, message = INTERRUPTED, "interrupted; the same command continues where it stopped"
    except typer.Exit as stop:
        code, message = stop.exit_code, ""
    except Exception as error:
        shown = getattr(error, "format_message", None)  # a mistake on the command line, as typer reports it
        if shown is None:
            raise
        told = shown().rstrip(".")  # nothing where the help was shown instead
        code, message = WRONG_INPUT, f"{told}; see hwgen --help" if told else ""
    if message:
        err.print(f"hwgen: {message}", markup=False, soft_wrap=True)
    sys.exit(code)
