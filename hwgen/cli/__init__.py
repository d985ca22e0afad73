"""The command line: the only code of hwgen that prints. Progress and messages go to stderr, results to stdout."""

import json
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from hwgen import __version__, flow, verify, workers
from hwgen.check.processes import SimulatorError
from hwgen.cli.folders import finished, is_design, prepared
from hwgen.cli.pareto import pareto
from hwgen.cli.samples import filtered
from hwgen.cli.study import study
from hwgen.cli.summary import finish
from hwgen.cli.terminal import (
    CORES,
    INTERRUPTED,
    MISSED,
    NO_TOOL,
    WRONG_INPUT,
    AsJson,
    DesignPath,
    Force,
    Jobs,
    Out,
    Response,
    Source,
    Stop,
    Targets,
    err,
    find_icarus,
    out,
    progress,
)
from hwgen.cost.place import PlaceError
from hwgen.cost.resources import TARGETS
from hwgen.cost.yosys import YosysError
from hwgen.finished import NotADesign
from hwgen.journal import write_beside
from hwgen.keywords import KEYWORDS
from hwgen.kinds import kind_of
from hwgen.spec import DesignFileError
from hwgen.spec import load as load_spec
from hwgen.tables.fields import FieldError
from hwgen.tools import TOOLS, ToolMissing, find
from hwgen.tools import version as tool_version

app = typer.Typer(
    help="Design file in, verified fixed-point Verilog out.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
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

[hardware]
interface = "plain"           # or "axi_stream", with back-pressure

[goal]
minimise = "luts"
sqnr_db = 60
target = "ice40"
"""


@app.command()
def run(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False,
    waves: Annotated[bool, typer.Option("--waves", help="Keep the simulation's waveforms (FST).")] = False,
) -> None:  # fmt: skip
    """Do everything: search, Verilog, simulation, report."""
    find_icarus()
    with prepared(design, out_dir, jobs, force) as work:
        result = work.everything(waves)
        folder = work.folder
    finish(result, folder, as_json)


@app.command()
def new(
    path: Annotated[Path, typer.Argument(help="Design file to write.")], force: Force = False,
) -> None:  # fmt: skip
    """Write a commented design file to start from."""
    fits = path.stem.isidentifier() and path.stem.isascii() and path.stem not in KEYWORDS and len(path.stem) <= 64
    name = path.stem if fits else "my_filter"
    if path.exists() and not force:
        raise Stop(WRONG_INPUT, f"{path} exists; give another name, or --force to overwrite it")
    try:
        write_beside(path, _EXAMPLE.format(name=name))
    except OSError as error:
        raise Stop(WRONG_INPUT, f"cannot write {path}: {error.strerror}") from None
    out.print(f"wrote {path}; next: hwgen run {path}", markup=False)


@app.command()
def check(design: DesignPath, as_json: AsJson = False) -> None:
    """Check a design file and say what it asks for; write nothing."""
    if is_design(design):
        known = finished(design)
        out.print(json.dumps(known.result["goal"], indent=2) if as_json else repr(known), markup=False)
        return
    spec = load_spec(design)
    kind = kind_of(spec.design.kind)
    asked = kind.asked(kind.reference(spec))
    facts = {
        "name": spec.design.name, "digest": spec.digest, **asked,
        "input": str(spec.input.format), "output": str(spec.output.format),
        "goal": spec.goal.model_dump(mode="json", exclude_none=True),
    }  # fmt: skip
    if as_json:
        out.out(json.dumps(facts, indent=2), highlight=False)
    else:
        told = ", ".join(f"{value} {key}" for key, value in asked.items())
        out.print(f"{design}: sound. {facts['name']}: {told}.", markup=False)


@app.command()
def search(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False
) -> None:
    """Search for the design; keep it in the folder's checkpoint."""
    if is_design(design):
        finish(dict(finished(design).result), design, as_json)
        return
    with prepared(design, out_dir, jobs, force) as work:
        result, folder = work.result(work.kind.thawed(work.found["design"])), work.folder
    finish(result, folder, as_json)


@app.command()
def generate(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False
) -> None:
    """Write Verilog, constraints, core file and bench."""
    if is_design(design):
        finish(flow.again(design, "files"), design, as_json)
        return
    with prepared(design, out_dir, jobs, force) as work:
        work.generate()
        result, folder = work.report(), work.folder
    finish(result, folder, as_json)


@app.command()
def simulate(
    design: DesignPath, out_dir: Out = None, jobs: Jobs = CORES, force: Force = False, as_json: AsJson = False,
    source: Source = None, output: Response = None,
    rtl: Annotated[bool, typer.Option("--rtl", help="Through the Verilog in Icarus, not the model.")] = False,
    waves: Annotated[bool, typer.Option("--waves", help="Keep the simulation's waveforms (FST).")] = False,
) -> None:  # fmt: skip
    """Prove a design bit-true, or run samples of your own through it (--input, --output)."""
    if (source is None) != (output is None):
        raise Stop(WRONG_INPUT, "--input and --output go together: samples in, response out")
    if source is not None and output is not None:
        filtered(design, source, output, rtl)
        return
    find_icarus()
    if is_design(design):
        known = finished(design)
        with progress() as tell:
            tell("simulating in Icarus Verilog", 0.0)
            done = verify.bit_true(known, None, 1, design / f"{known.name}.fst" if waves else None)
        figures = verify.figures(done) or {}
        out.print(
            json.dumps(figures, indent=2) if as_json else f"{figures['simulator']}: {figures['mismatches']} mismatches "
            f"in {figures['samples']:,} samples", markup=False,
        )  # fmt: skip
        if not done.bit_true:
            raise Stop(MISSED, done.first or "nothing was compared")
        return
    with prepared(design, out_dir, jobs, force) as work:
        work.generate()
        work.simulate(waves)
        result, folder = work.report(), work.folder
    finish(result, folder, as_json)


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
            raise Stop(WRONG_INPUT, f"unknown target {name!r}; give one of {', '.join(TARGETS)}")
    if is_design(design):
        known = finished(design)
        with progress() as tell, workers.local_pool(jobs) as pool:
            tell("synthesising", 0.0)
            counts = flow.synthesised(known, targets, pool)
    else:
        with prepared(design, out_dir, jobs, force) as work:
            counts = flow.synthesised(work.generate(), targets, work.executor)
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
    if is_design(design):
        finish(flow.again(design, "evidence"), design, as_json)
        return
    with prepared(design, out_dir, jobs, force) as work:
        result, folder = work.report(), work.folder
    finish(result, folder, as_json)


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
        raise Stop(NO_TOOL)


app.command()(study)
app.command()(pareto)


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
    except Stop as stop:
        code, message = stop.code, str(stop)
    except (DesignFileError, FieldError, NotADesign, flow.FolderRefused) as error:
        code, message = WRONG_INPUT, str(error)
    except ToolMissing as error:
        code, message = NO_TOOL, str(error)
    except (YosysError, PlaceError, SimulatorError) as error:
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
