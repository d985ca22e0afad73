"""The self-checking bench that goes with a design and runs with ``iverilog`` and ``vvp`` alone."""

from pathlib import Path

from hwgen.check import words
from hwgen.check.script import Script
from hwgen.check.templates import render
from hwgen.check.vectors import Expected, Top


def bench_files(top: Top, script: Script, expected: Expected, *, header: str = "") -> dict[str, str]:
    """Render the bench and its vectors.

    Parameters
    ----------
    top
        The module; its Verilog lies in ``<module>.v``, one folder above the bench.
    script, expected
        What is put in, and what must come out.
    header
        Comment lines to put first in the bench, ``//`` included.

    Returns
    -------
    dict
        Name, relative to the design's folder, to text: ``tb/<module>_tb.v``, ``tb/stimulus.hex``,
        ``tb/expected.hex``, ``tb/run.sh``. ``sh tb/run.sh`` prints PASS or FAIL
        and exits with a non-zero status on FAIL.
    """
    if len(expected.valid) != script.clocks:
        raise ValueError(f"expected values for {len(expected.valid)} clocks, a script of {script.clocks}")
    return {
        f"tb/{top.module}_tb.v": render("tb.v.j2", top, clocks=script.clocks, header=header.strip("\n")),
        "tb/stimulus.hex": words.stimulus(script, top).decode("ascii"),
        "tb/expected.hex": words.expected_lines(expected, top).decode("ascii"),
        "tb/run.sh": render("tb_run.sh.j2", top),
    }


def write_bench(folder: Path, top: Top, script: Script, expected: Expected, *, header: str = "") -> dict[str, str]:
    """Write what `bench_files` renders below `folder`, ``run.sh`` executable, and return it."""
    files = bench_files(top, script, expected, header=header)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    (folder / "tb" / "run.sh").chmod(0o755)
    return files
