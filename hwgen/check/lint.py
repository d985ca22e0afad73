"""Verilator's opinion of the emitted Verilog."""

import re
import tempfile
from pathlib import Path

from hwgen.check import processes, verilator
from hwgen.check.vectors import Top

LIMIT_SECONDS = 120.0


def lint(verilog: str, top: Top) -> list[str]:
    """Return what ``verilator --lint-only -Wall`` has to say, one string a warning or error, none when it is content.

    Raises
    ------
    ToolMissing
        When Verilator is not installed.
    SimulatorError
        When it does not finish.
    """
    executable, _, environment = verilator.program()
    with tempfile.TemporaryDirectory(prefix="hwgen-lint-") as name:
        folder = Path(name)
        (folder / f"{top.module}.v").write_text(verilog, encoding="utf-8")
        command = [str(executable), "--lint-only", "-Wall", "-Wno-fatal", "--top-module", top.module, f"{top.module}.v"]
        try:
            output = processes.run(command, folder, LIMIT_SECONDS, "Verilator", environment)
        except processes.SimulatorError as error:
            output = str(error)
            if "%Error" not in output:
                raise
    # PROCASSINIT warns of registers with an initial value. Ours have one: power-up equals reset in the plain interface.
    ignored = ("%Error: Exiting due to", "%Warning-PROCASSINIT")
    found = re.findall(r"^%(?:Warning|Error)[^\n]*(?:\n[ ]+[^\n]*)*", output, flags=re.MULTILINE)
    return [_told(item) for item in found if not item.startswith(ignored)]


def _told(item: str) -> str:
    """One finding without Verilator's pointers to its manual."""
    lines = [line for line in item.splitlines() if not re.match(r"\s*\.\.\. (For|Use|See)", line)]
    return "\n".join(lines)
