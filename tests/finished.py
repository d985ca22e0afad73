"""A small design file, ways to change it, and the command line in this process, for tests of the whole way."""

import contextlib
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwgen import cli

HWGEN = Path(sys.executable).parent / "hwgen"

DESIGN = """\
[design]
name = "halfband"
kind = "fir"
[input]
format = "s1.7"
sample_rate = 48e3
[output]
format = "s1.9"
[response]
bands = [
  { start = 0, stop = 6e3, ripple_db = 1.0 },
  { start = 16e3, stop = 24e3, attenuation_db = 26 },
]
[goal]
minimise = "luts"
sqnr_db = 40
[search]
evaluations = 500
"""

BANDS = DESIGN[DESIGN.index("bands") : DESIGN.index("[goal]")]
LUTS = 'minimise = "luts"\nsqnr_db = 40'


@dataclass(frozen=True)
class Finished:
    """Folder of `hwgen run`, its result.json, and what the command said."""

    folder: Path
    result: dict[str, Any]
    out: str
    err: str


def changed(*pairs: str) -> str:
    """`DESIGN` with each odd argument, which must occur exactly once, replaced by the one after it."""
    text = DESIGN
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def hwgen(*words: object) -> Ran:
    """Run a command line in this process; only an exit by `SystemExit` counts as one."""
    before, out, err = sys.argv, io.StringIO(), io.StringIO()
    sys.argv = ["hwgen", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
        raise AssertionError("the command line returned without an exit code")
    except SystemExit as stop:
        return Ran(int(stop.code or 0), out.getvalue(), err.getvalue())
    finally:
        sys.argv = before


def refused(ran: Ran) -> str:
    """The one message of a refused command, checked for what holds for all of them."""
    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err
    progress, _, message = ran.err.rpartition("hwgen: ")
    assert re.fullmatch(r"(hwgen: [a-z].*\n)*", progress)
    assert len(message.splitlines()) <= 4
    assert message.endswith("\n")
    return message
