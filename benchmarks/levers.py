"""What each lever of hwgen brings in LUTs, one after the other, beside da4ml: same mask, formats, SQNR and Yosys.

    python benchmarks/levers.py X1 S2 --target xc7 --json build/levers.json

da4ml, the best of its forms with the coefficients that cost it least; hwgen's adder graphs with these very
coefficients, nothing dropped before the output, as in da4ml; the same with bits dropped node by node, as far as 60 dB
SQNR allow; hwgen's own coefficients in one stage; and what `auto` finds, a cascade where that is smaller. Every design
of hwgen's is proved over 20,000 samples in Icarus Verilog and a million in Verilator.
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import area
import filters
import numpy as np
import structures
from area_rows import NAME, Counted, Entry, luts

from hwgen import emit
from hwgen.cost import yosys
from hwgen.cost.estimate import Estimate
from hwgen.cost.resources import TARGETS
from hwgen.designs.reference import Reference, reference
from hwgen.designs.sizing import Sizing, full_precision
from hwgen.designs.values import Coefficients
from hwgen.finished.fir import Design
from hwgen.workers import local_pool


def rival(ref: Reference, counted: Counted, executor: Executor) -> Entry:
    """The best of da4ml's forms."""
    return min((row for row in area.job(ref, counted, ("da4ml",)).rows(executor) if row.bit_true), key=luts)


def exact(given: Coefficients, ref: Reference, counted: Counted, executor: Executor) -> float:
    """LUTs of hwgen's smallest filter of these coefficients that drops nothing before the output."""
    firs = full_precision(given, ref.spec.input.format, ref.spec.output.format, counted.target)
    (row,) = area.smallest(firs, counted, executor)
    return checked(row.bit_true, luts(row))


def dropped(given: Coefficients, ref: Reference, counted: Counted, evaluations: int) -> float:
    """The same with bits dropped at each node, as the search does it for its own coefficients."""
    sizing = Sizing(ref, Estimate.of(counted.target), thorough=True)
    start, rng = sizing.graded(given, "da4ml's"), np.random.default_rng(ref.spec.search.seed)
    found = None if start is None else sizing.allocated(start, "da4ml's", rng, evaluations)
    if found is None:
        raise SystemExit("no bits meet the SQNR with these coefficients")
    fir = found[0].fir
    text = emit.verilog(fir.component(), NAME)
    return checked(area.proved(Design(NAME, fir, fir.coefficients, verilog=text)), counted.luts(text).lut)


def checked(bit_true: bool, found: float) -> float:
    if not bit_true:
        raise SystemExit("the Verilog differs from its model")
    return found


def rows(name: str, target: str, executor: Executor, pool: Executor) -> Iterator[tuple[str, float]]:
    """Each lever's name and the LUTs with it."""
    spec, counted = filters.specification(name, target), Counted(target)
    ref = reference(spec)
    best = rival(ref, counted, executor)
    assert best.given is not None
    yield best.name, luts(best)
    yield "adder graph", exact(best.given, ref, counted, executor)
    yield "bits dropped", dropped(best.given, ref, counted, spec.search.evaluations)
    for label, made in (("coefficients", filters.specification(name, target, "direct")), ("structure", spec)):
        yield label, structures.built(made, label, pool)["resources"]["synthesis"]["lut"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", nargs="+", choices=filters.specifications())
    parser.add_argument("--target", choices=list(TARGETS), default="ice40")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    print(f"LUTs on {options.target}, {yosys.version()}, and their share of the row before")
    with ThreadPoolExecutor(options.workers) as executor, local_pool(options.workers) as pool:
        for name in options.spec:
            before = None
            for label, count in rows(name, options.target, executor, pool):
                share = "" if before is None else f"  {count / before:.3f}"
                print(f"{name:<4}{label:<16}{count:7.0f}{share}", flush=True)
                found.append({"spec": name, "target": options.target, "lever": label, "lut": count})
                before = count
                if options.json:
                    options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
