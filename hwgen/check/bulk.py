"""The bit-true check in bulk: the emitted Verilog compiled by Verilator, a million samples in seconds."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np

from hwgen import tools
from hwgen.check import processes, verilator
from hwgen.check.processes import SimulatorError
from hwgen.check.script import Script
from hwgen.check.simulate import LIMIT_SECONDS, write_vectors
from hwgen.check.templates import render
from hwgen.check.vectors import Expected, Port, Simulation, Top
from hwgen.check.words import compare

_VERILATE = [
    "--cc", "-O3", "--no-timing", "--x-assign", "unique", "--x-initial", "unique",
    "-Wno-fatal", "-Wno-lint", "-Wno-style", "--prefix", "Vdut", "--Mdir", "model", "design.v",
]  # fmt: skip
ADAPTER = "hwgen_adapter"  # names the ports of a stream as the plain ones are
_UNIT_BYTES = 1 << 18  # of C++ that are compiled at once: every unit reads the runtime's headers for over a second


def simulate_bulk(
    verilog: str, top: Top, script: Script, expected: Expected, *, limit: float = LIMIT_SECONDS
) -> Simulation:
    """Run a script through the Verilog with Verilator and compare every clock with what is expected.

    Verilator knows no X: an unknown value is a random one here. Parameters and errors as in
    `hwgen.check.simulate.simulate`; `limit` holds for each of its steps.

    Raises
    ------
    SimulatorError
        When the Verilog does not compile, its ports have other widths, or the simulation stops early.
    ToolMissing
        When Verilator or a C++ compiler is not installed.
    """
    started = time.perf_counter()
    with compiled(verilog, top, limit=limit) as run:
        result = run(script, expected)
    return replace(result, seconds=time.perf_counter() - started)


@contextmanager
def compiled(
    verilog: str, top: Top, *, limit: float = LIMIT_SECONDS
) -> Iterator[Callable[[Script, Expected], Simulation]]:
    """Compile a design once, to run many scripts: yields ``run(script, expected) -> Simulation``.

    The model lives in a temporary folder for as long as the context. Errors as in `simulate_bulk`.
    """
    executable, include, environment = verilator.program()
    compiler = str(tools.find("c++"))
    with tempfile.TemporaryDirectory(prefix="hwgen-verilator-") as name:
        folder = Path(name)
        adapter, module = (render("tb_adapter.v.j2", top), ADAPTER) if top.stream else ("", top.module)
        (folder / "design.v").write_text(verilog + adapter, encoding="utf-8")
        (folder / "main.cpp").write_text(render("tb_verilator.cpp.j2", top), encoding="utf-8")
        command = [str(executable), *_VERILATE, "--top-module", module]
        processes.run(command, folder, limit, "Verilator", environment)
        _require_widths((folder / "model" / "Vdut.h").read_text(encoding="utf-8"), top)
        _build(folder, include, compiler, limit)

        def run(script: Script, expected: Expected) -> Simulation:
            started = time.perf_counter()
            write_vectors(folder, top, script, expected)
            processes.run([str(folder / "bench")], folder, limit, "the simulation")
            try:
                response = (folder / "response.hex").read_bytes()
                mismatches, first = compare(response, (folder / "expected.hex").read_bytes(), top.outputs)
            except ValueError as error:
                raise SimulatorError(f"the simulation stopped early: {error}") from None
            return Simulation(expected.samples, mismatches, verilator.name(), first, time.perf_counter() - started)

        yield run


def _build(folder: Path, include: Path, compiler: str, limit: float) -> None:
    """Compile the model and ``main.cpp`` into ``bench``, two units at a time, the runtime beside them."""
    flags = [*verilator.COMPILE, *verilator.includes(include), "-I.", "-Imodel", "-O3"]
    sources = [folder / "main.cpp", *sorted((folder / "model").glob("*.cpp"))]
    ends = np.cumsum([source.stat().st_size for source in sources])
    units = [
        "".join(f'#include "{source.relative_to(folder)}"\n' for source, _ in part)
        for _, part in groupby(zip(sources, ends, strict=True), lambda pair: pair[1] // _UNIT_BYTES)
    ]

    def build(k: int) -> str:
        (folder / f"unit{k}.cpp").write_text(units[k], encoding="utf-8")
        command = [compiler, *flags, "-c", f"unit{k}.cpp", "-o", f"{k}.o"]
        processes.run(command, folder, limit, "the C++ compiler")
        return f"{k}.o"

    with ThreadPoolExecutor(max_workers=2) as pool:
        built = pool.map(build, range(len(units)))
        runtime = verilator.runtime(include, compiler, limit)
        objects = [*built, str(runtime)]
    processes.run([compiler, *objects, "-pthread", "-o", "bench"], folder, limit, "the linker")


def _require_widths(header: str, top: Top) -> None:
    """Compare the ports of the model's C++ class, ``VL_OUT16(&o_data,11,0)``, with the declared ones."""
    found = {name: int(high) + 1 for name, high in re.findall(r"VL_(?:IN|OUT)\w*\(&(\w+),(\d+),0\)", header)}
    ready = (Port("i_ready", 1, signed=False),) if top.has_ready else ()
    for port in (*top.inputs, *ready, *top.outputs):
        if found.get(port.name) != port.width:
            raise SimulatorError(
                f"the module's ports have other widths than declared: {port.name} is "
                f"{found.get(port.name, 'missing')}, declared {port.width}"
            )
