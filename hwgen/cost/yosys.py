"""The process Yosys runs in: a script of passes in, a file's text out. A Yosys abort kills only this process."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT_LIMIT_SECONDS = 600


class YosysError(RuntimeError):
    """Yosys refused a script, crashed or ran out of time; the message has its last words."""


def run(files: dict[str, str], passes: list[str], read: str, timeout: float = SCRIPT_LIMIT_SECONDS) -> str:
    """Run Yosys `passes` in a fresh process and folder and return the text of the file `read` that they wrote.

    Parameters
    ----------
    files
        Name and text of every input file, put into the folder the passes run in.
    passes
        Yosys commands, one a string.
    read
        Name of the file to return.
    timeout
        Seconds; the process is killed after them.

    Raises
    ------
    YosysError
        With the end of Yosys's log.
    """
    with tempfile.TemporaryDirectory(prefix="hwgen-yosys-") as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        try:
            done = subprocess.run(
                [sys.executable, "-m", "hwgen.cost.yosys"],
                input=json.dumps(passes), capture_output=True, text=True, timeout=timeout, cwd=folder, check=False,
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise YosysError(f"Yosys did not finish within {timeout:.0f} s") from None
        target = Path(folder, read)
        if done.returncode or not target.exists():
            raise YosysError("Yosys failed:\n" + (done.stdout + done.stderr)[-2000:])
        return target.read_text(encoding="utf-8")


def version() -> str:
    """Yosys's name and version, such as ``Yosys 0.70``."""
    from importlib.metadata import version as package_version

    return "Yosys " + package_version("pyosys")


def _main() -> None:
    from pyosys import libyosys

    design = libyosys.Design()
    for command in json.load(sys.stdin):
        libyosys.run_pass(command, design)


if __name__ == "__main__":
    _main()
