"""How far the estimate of LUTs is from Yosys, and of cells from nextpnr, over random designs it was not fitted on.

    python benchmarks/estimate.py --target ice40 --target ecp5 --out build/estimate.json
    python benchmarks/estimate.py --cells --out build/estimate.json
    python benchmarks/estimate.py --fit

The weights in ``hwgen/cost/estimate.py`` and ``hwgen/cost/folded.py`` come from ``--fit``: 48 random filters of each
kind, numbers below 48. Without it, others are drawn. ``--out`` keeps every measurement, so that a second run costs
seconds.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from samples import UNSEEN, Sample, sample

from hwgen.blocks.folded import Folded
from hwgen.cost import estimate, folded, folded_work, place, yosys
from hwgen.cost.estimate import Estimate
from hwgen.cost.folded_work import FoldedWork
from hwgen.cost.resources import TARGETS, Resources, synthesise
from hwgen.journal import Journal

MEAN_LIMIT, WORST_LIMIT = 0.04, 0.12
FITTED = {"plain": 48, "folded": 24, "folded dsp": 24}  # designs of each kind that weights are fitted to
FITTED_CELLS, UNSEEN_CELLS = 20, 20

# What a feature is worth where the designs do not tell, one LUT unless said otherwise, and how far off its weight may
# be in a fit to relative errors of `error`, 0.3 unless said otherwise.
FILTERS = {
    "error": 0.02,
    "nominal": {"multiplier_adders": 0, "accumulator_adders": 0},
    # A shift register in a LUT is one LUT, whatever else a fit would make of the few designs that have some.
    "tolerance": {"multiplier_adders": 3, "accumulator_adders": 3, "shift_luts": 0.01},
}
ONLY = {"inverted_bits": "ice40", "odd_adders": "ecp5", "shift_luts": "xc7"}  # features of one target alone
FOLDED = {
    "error": 0.04,
    "nominal": {"merged_bits": 2, "unseen_bits": 0, "offset_bits": 0.4, "table_luts": 0.6, "gates": 0.5, "design": 3},
    "tolerance": {
        "design": 3, "gates": 0.5, "more_phases": 2, "partial_bits": 0.15, "multiple_bits": 0.15, "joined_bits": 0.15,
        "accumulator_bits": 0.15, "address_bits": 0.2,
    },
}  # fmt: skip
# An iCE40's carry needs no LUT. Six inputs take a multiple, a gate or a third summand into the adder behind, and a
# CARRY4 counts without LUTs.
OWN_NOMINAL = {
    "ice40": {"unseen_bits": -1},
    "xc7": {
        "partial_bits": 0.2, "merged_bits": 1, "offset_bits": 0, "gates": 0, "rounding_bits": 0.5, "address_bits": 0.85,
        "counter_bits": 0.1, "compare_luts": 0.3, "design": 7,
    },
}  # fmt: skip
OWN_TOLERANCE = {
    "xc7": {"counter_bits": 0.05, "compare_luts": 0.1, "gates": 0.1, "offset_bits": 0.1, "design": 2},
}


def lut_step(text: str, target: str, dsp: bool, tool: str) -> dict[str, float]:
    """Yosys's counts; `tool` is part of the step's key."""
    return synthesise(text, "fir", target, dsp, timeout=600).figures()


def cells_step(text: str, dsp: bool, tool: str) -> int:
    """nextpnr's logic cells on ice40; `tool` is part of the step's key."""
    return place.packed(text, "fir", "ice40", dsp)


def estimated(sample: Sample, target: str) -> Resources:
    """What the weights in the source give."""
    if isinstance(sample.counted, Folded):
        return folded.estimate(sample.counted, target)
    return Estimate.of(target).resources(sample.counted)


def estimated_cells(sample: Sample) -> float:
    if isinstance(sample.counted, Folded):
        return folded.estimated_cells(sample.counted, "ice40")
    return float(Estimate.of("ice40").cells(sample.counted)[0])


# ------------------------------------------------------------------------- fit
def features(sample: Sample, target: str) -> NDArray[np.float64]:
    if isinstance(sample.counted, Folded):
        return FoldedWork(sample.counted, target).features()
    return sample.counted.features()[0]


def refitted(
    target: str, samples: list[Sample], luts: NDArray[np.float64]
) -> tuple[tuple[float, ...], NDArray[np.float64]]:
    """Weights of the least squared relative error, each held near its nominal value; the relative errors left."""
    names, held = (
        (folded_work.FEATURES, FOLDED) if isinstance(samples[0].counted, Folded) else (estimate.FEATURES, FILTERS)
    )
    used = np.array([ONLY.get(name, target) == target for name in names])
    worth, free = held["nominal"] | OWN_NOMINAL.get(target, {}), held["tolerance"] | OWN_TOLERANCE.get(target, {})
    nominal = np.array([worth.get(name, 1.0) for name in names]) * used
    tight = np.where(used, held["error"] / np.array([free.get(name, 0.3) for name in names]), 1e6)
    table = np.array([features(s, target) for s in samples])
    rows = np.vstack([table / luts[:, None], np.diag(tight)])
    found = np.linalg.lstsq(rows, np.concatenate([np.ones(len(luts)), nominal * tight]), rcond=None)[0]
    weights = tuple(round(float(w), 3) + 0.0 for w in found)
    return weights, table @ np.array(weights) / luts - 1


def refitted_cells(samples: list[Sample], cells: NDArray[np.float64]) -> tuple[float, float]:
    """Cells for each adder and for each design beyond LUTs and flip-flops, as ``estimate.CELLS`` has them."""
    adders = np.array([
        0.0 if isinstance(s.counted, Folded) else float((s.counted.multiplier_adders + s.counted.accumulator_adders)[0])
        for s in samples
    ])  # fmt: skip
    known = np.array([estimated_cells(s) for s in samples]) - estimate.CELLS[0] * adders - estimate.CELLS[1]
    rows = np.stack([adders, np.ones(len(adders))], axis=1) / cells[:, None]
    of_adder, of_design = np.linalg.lstsq(rows, (cells - known) / cells, rcond=None)[0]
    return round(float(of_adder), 3), round(float(of_design), 1)


# ---------------------------------------------------------------------- report
def verdict(label: str, error: NDArray[np.float64]) -> str:
    mean, most = np.abs(error).mean(), np.abs(error).max()
    passed = "PASS" if mean <= MEAN_LIMIT and most <= WORST_LIMIT else "FAIL"
    return f"  {label}: mean error {mean:.2%}, worst {most:.2%}, bias {error.mean():+.2%}  {passed}"


def lines(target: str, samples: list[Sample], figures: list[dict[str, float]], worst: int) -> Iterator[str]:
    """The report on one target, of the weights in the source."""
    guesses, luts = [estimated(s, target) for s in samples], np.array([f["lut"] for f in figures])
    error = np.array([g.lut for g in guesses]) / luts - 1
    yield f"{target}: {len(samples)} designs, {luts.min():.0f} to {luts.max():.0f} LUTs"
    yield verdict("LUTs", error)
    for kind in sorted({s.kind for s in samples}):
        own = np.abs(error[[s.kind == kind for s in samples]])
        yield f"    {kind}, {len(own)} designs: mean {own.mean():.2%}, worst {own.max():.2%}"
    for count in ("ff", "carry", "dsp", "bram"):
        measured = np.array([f[count] for f in figures])
        off = np.abs(np.array([getattr(g, count) for g in guesses]) - measured) / np.maximum(measured, 1)
        yield f"  {count}: mean error {off.mean():.2%}, worst {off.max():.2%}"
    for k in np.argsort(-np.abs(error))[:worst]:
        yield f"  {error[k]:+.1%} of {luts[k]:.0f} LUTs: {samples[k].label}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="all unless given")
    parser.add_argument("--designs", type=int, default=50)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--worst", type=int, default=3, help="designs to list, the worst first")
    parser.add_argument("--out", type=Path, help="file that keeps every measurement")
    parser.add_argument("--cells", action="store_true", help="logic cells on ice40 by nextpnr, in place of LUTs")
    parser.add_argument(
        "--fit", action="store_true", help="print weights fitted to the designs that the source's come from"
    )
    options = parser.parse_args()
    journal = Journal(options.out, {"benchmark": "estimate"})

    def counted(samples: list[Sample], target: str) -> list[dict[str, float]]:
        steps = [(s.text, target, s.dsp, yosys.version()) for s in samples]
        with ThreadPoolExecutor(options.workers) as executor:
            return journal.all(executor, lut_step, steps)

    print(yosys.version(), flush=True)
    if options.cells:
        numbers = range(FITTED_CELLS) if options.fit else range(UNSEEN, UNSEEN + UNSEEN_CELLS)
        samples = [sample(number, "ice40") for number in numbers]
        steps = [(s.text, s.dsp, place.tool("ice40")) for s in samples]
        with ThreadPoolExecutor(options.workers) as executor:
            cells = np.array(journal.all(executor, cells_step, steps), dtype=np.float64)
        if options.fit:
            print(f"CELLS = {refitted_cells(samples, cells)}")
            return
        print(f"ice40: {len(samples)} designs, {cells.min():.0f} to {cells.max():.0f} cells")
        error = np.array([estimated_cells(s) for s in samples]) / cells - 1
        print(verdict("cells", error))
        for k in np.argsort(-np.abs(error))[: options.worst]:
            print(f"  {error[k]:+.1%} of {cells[k]:.0f} cells: {samples[k].label}")
        return
    targets = options.target or list(TARGETS)
    if options.fit:
        for name, kinds in (("estimate", ("plain",)), ("folded", ("folded", "folded dsp"))):
            for target in targets:
                samples = [sample(number, target, kind) for kind in kinds for number in range(FITTED[kind])]
                luts = np.array([f["lut"] for f in counted(samples, target)])
                weights, error = refitted(target, samples, luts)
                own = f"mean {np.abs(error).mean():.2%}, worst {np.abs(error).max():.2%} over its own designs"
                print(f'{name}.py    "{target}": {weights},  # {own}', flush=True)
        return
    for target in targets:
        samples = [sample(number, target) for number in range(UNSEEN, UNSEEN + options.designs)]
        for line in lines(target, samples, counted(samples, target), options.worst):
            print(line, flush=True)


if __name__ == "__main__":
    main()
