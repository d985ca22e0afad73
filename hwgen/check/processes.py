"""Run a simulator or compiler under a time limit, in its own process group, and keep what it said."""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

SHOWN_CHARACTERS = 4000


class SimulatorError(RuntimeError):
    """A simulator or compiler refused the design, crashed, or ran out of time; the message has its output."""


def run(
    command: list[str], folder: Path, seconds: float, purpose: str, environment: Mapping[str, str] | None = None
) -> str:
    """Run a command in `folder` and return its output, standard error included.

    Parameters
    ----------
    command
        Program and arguments.
    folder
        Working directory; also the place of its temporary files, so that a killed compiler leaves none behind.
    seconds
        Time limit. Past it, or when the caller is interrupted, the whole process group is killed.
    purpose
        Subject of the error message, such as ``"compiling"``.
    environment
        Environment; None for the caller's.

    Raises
    ------
    SimulatorError
        When the exit status is not zero or the limit is passed.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**(os.environ if environment is None else environment), "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        raw, _ = process.communicate(timeout=seconds)
    except BaseException as error:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise SimulatorError(f"{purpose} did not finish within {seconds:g} s") from None
        raise
    output = clean(raw.decode(errors="replace"), folder)
    if process.returncode != 0:
        raise SimulatorError(f"{purpose} failed (exit status {process.returncode}):\n{output[-SHOWN_CHARACTERS:]}")
    return output


def clean(output: str, folder: Path) -> str:
    """Take the name of a temporary folder out of a tool's output."""
    for name in {str(folder), str(folder.resolve())}:
        output = output.replace(name + "/", "").replace(name, ".")
    return output
