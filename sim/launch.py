"""Compile and run a bench through cocotb's runner: ``python -m hwgen.sim.launch``, in the folder of ``job.json``.

A process of its own, because the runner has no time limit, leaves by ``SystemExit`` and logs to the terminal.
"""

import json
from pathlib import Path

from cocotb_tools.runner import get_runner


def main() -> None:
    """Run the job: build ``design.v`` and ``harness.v``, then the test in `hwgen.sim.bench`."""
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    runner = get_runner("icarus")
    runner.build(
        sources=["design.v", "harness.v"],
        hdl_toplevel=job["toplevel"],
        build_dir=".",
        always=True,
        timescale=("1ns", "1ps"),
        waves=job["waves"],
        log_file="build.log",
    )
    runner.test(
        test_module="hwgen.sim.bench",
        hdl_toplevel=job["toplevel"],
        hdl_toplevel_lang="verilog",
        build_dir=".",
        waves=job["waves"],
        log_file="run.log",
    )


if __name__ == "__main__":
    main()
