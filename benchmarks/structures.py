"""LUTs of hwgen's structures for one published specification: one filter, what `auto` finds, and folded ones.

    python benchmarks/structures.py L1 B S2 --target ice40

`single` is the smallest filter in one stage, all taps in parallel; `auto` what hwgen chooses at one clock a sample;
`folded` and `folded dsp` have 32 clocks for each sample, block RAM and DSP blocks being listed. Every design is a
finished run in a folder of build/structures, proved there in Icarus Verilog and Verilator.
"""

import argparse
import json
import sys
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import filters

from hwgen.cost.resources import TARGETS
from hwgen.flow import Run, claim, succeeded
from hwgen.spec import Spec
from hwgen.workers import local_pool

CLOCKS = 32
# LUTs over those of the filter in one stage, at most: narrow transitions in cascade, and folded.
LIMITS = {("L1", "auto"): 0.70, ("B", "auto"): 0.60, ("S2", "folded"): 0.35, ("S2", "folded dsp"): 0.12}
_RUNS = Path(__file__).parents[1] / "build" / "structures"


def variants(name: str, target: str) -> dict[str, Spec]:
    """The designs that are compared."""
    return {
        "single": filters.specification(name, target, "direct"),
        "auto": filters.specification(name, target),
        "folded": filters.specification(name, target, "folded", CLOCKS),
        "folded dsp": filters.specification(name, target, "folded", CLOCKS, dsp=True),
    }


def built(spec: Spec, label: str, pool: Executor) -> dict[str, Any]:
    """The result of a finished run. Raises ``SystemExit`` where it misses its goal or is not bit-true."""
    folder = _RUNS / f"{spec.design.name}-{spec.goal.target}-{label.replace(' ', '-')}"
    claim(folder, force=False)
    result = Run(spec, folder, pool).everything()
    if not succeeded(result):
        raise SystemExit(f"{folder} misses its goal or is not bit-true")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="+", choices=filters.specifications())
    parser.add_argument("--target", choices=list(TARGETS), default="ice40")
    parser.add_argument("--only", action="append", help="these designs beside the single filter")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    good, rows = True, []
    with local_pool(options.workers) as pool:
        for name in options.spec:
            single = None
            for label, spec in variants(name, options.target).items():
                if options.only and label not in ("single", *options.only):
                    continue
                result = built(spec, label, pool)
                made = result["resources"]["synthesis"]
                single = single or made["lut"]
                ratio, limit = made["lut"] / single, LIMITS.get((name, label))
                good &= limit is None or ratio <= limit
                verdict = "" if limit is None else f"limit {limit}  {'PASS' if ratio <= limit else 'FAIL'}"
                counts = "  ".join(f"{key} {made[key]:.0f}" for key in ("lut", "ff", "bram", "dsp"))
                print(f"{name:<4}{label:<12}{counts}  {ratio:.3f} of single  {verdict}", flush=True)
                rows.append({"spec": name, "target": options.target, "design": label, **made, "ratio": ratio})
                if options.json:
                    options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
