"""Processes for costly steps do not outlive the one that asked for them, nor does what they run."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PARENT = """\
import sys
from pathlib import Path
from hwgen import workers
from hwgen.check import processes

if __name__ == "__main__":
    with workers.local_pool(1) as pool:
        pool.submit(processes.run, ["sleep", "300"], Path(sys.argv[1]), 250.0, "sleeping").result()
"""

DEAF = """\
import signal
import time
from hwgen import workers

def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(300)

if __name__ == "__main__":
    with workers.local_pool(1) as pool:
        pool.submit(deaf).result(timeout=15)
"""


def running_in(folder: Path) -> list[str]:
    """Processes whose working directory that is."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve(strict=True) == folder:
                found.append(process.name)
        except OSError:  # it has ended, or is not ours
            continue
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="tells processes by /proc")
def test_what_a_worker_runs_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script, folder = tmp_path / "parent.py", tmp_path / "work"
    script.write_text(PARENT)
    folder.mkdir()
    parent = subprocess.Popen([sys.executable, str(script), str(folder)], cwd=tmp_path)
    try:
        assert within(60, lambda: bool(running_in(folder)))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert within(30, lambda: not running_in(folder))


def test_a_worker_that_does_not_end_when_it_is_told_to_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(DEAF)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=90)
    assert done.stdout == "deaf\n"
    assert done.returncode == 1
    assert "TimeoutError" in done.stderr


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.1)
    return holds()
