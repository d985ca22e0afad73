"""Gradient descent: what allocating bits brings, PASS or FAIL against what hwgen promises.

    python benchmarks/descent.py                 # allocation on random systems, about a minute
    python benchmarks/descent.py --mimo          # and examples/mimo_descent.toml in full
    python benchmarks/descent.py --estimate      # LUT estimates against Yosys; --fit prints new weights

Systems: least squares with 8 unknowns, condition number 43, 40 iterations, 6 bits of a gradient on average, 20 random
instances, gradients rounded for real. The excess is the squared distance from where the descent without rounding ends.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from hwgen.blocks.dither import Cut
from hwgen.cost import yosys
from hwgen.cost.measure import synthesise_step
from hwgen.descent import schedule
from hwgen.designs.descent_estimate import FEATURES, DescentEstimate, DescentWork
from hwgen.designs.descent_loading import LoadedCoefficients
from hwgen.designs.descent_system import Coefficients, System
from hwgen.designs.descent_words import Ends, Words
from hwgen.emit import verilog
from hwgen.fixed import Format
from hwgen.problems.objectives import LeastSquares

UNKNOWNS, CONDITION, ITERATIONS, BITS, INSTANCES = 8, 43, 40, 6, 20
EXAMPLE = Path(__file__).parents[1] / "examples" / "mimo_descent.toml"


class Verdicts:
    """Prints each figure with what was promised, and remembers failures."""

    def __init__(self) -> None:
        self.failed = False

    def tell(self, what: str, value: float, limit: float, most: bool) -> None:
        good = value <= limit if most else value >= limit
        self.failed |= not good
        print(f"{'PASS' if good else 'FAIL'}  {what}: {value:.3g} ({'at most' if most else 'at least'} {limit:g})")


def mean(values: list[float]) -> float:
    """Geometric mean."""
    return float(np.exp(np.log(values).mean()))


def allocation(verdicts: Verdicts) -> None:
    """Fixed and zooming ranges, and the dead zone."""
    budget, fixed, zoomed = BITS * ITERATIONS * UNKNOWNS, [], []
    for seed in range(INSTANCES):
        o = LeastSquares.random(UNKNOWNS, CONDITION, seed=seed)
        still, zooms = (
            schedule(o.gradient, np.zeros(UNKNOWNS), 1.0, ITERATIONS, budget, zoom=zoom) for zoom in (False, True)
        )
        fixed.append(still.error / still.baselines["uniform"])
        zoomed.append(still.error / zooms.error)
    verdicts.tell("fixed range, allocated over uniform, excess error", mean(fixed), 0.45, True)
    verdicts.tell("zooming range, times lower than a fixed one, both allocated", mean(zoomed), 100, False)
    gains = []
    for seed in range(5):
        o = LeastSquares.random(UNKNOWNS, CONDITION, seed=seed)
        plan = schedule(
            o.gradient, np.zeros(UNKNOWNS), 1.0, 20, 4 * 20 * UNKNOWNS, zoom=False, evaluations=400, upper=10
        )
        gains.append(plan.baselines["closed form"] / plan.error)
    verdicts.tell(
        "dead zone, 4 bits: noise-model optimum over bit-true allocation, excess error", mean(gains), 1.5, False
    )


def mimo(verdicts: Verdicts) -> None:
    """The example, from design file to verified Verilog."""
    from hwgen.flow import Run
    from hwgen.spec import load
    from hwgen.workers import local_pool

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, local_pool(2) as pool:
        result = Run(load(EXAMPLE), Path(folder), pool).everything()
    seconds, ours = time.perf_counter() - started, result["resources"]["synthesis"]["lut"]
    ber, bases = result["descent"]["detection"], result["baselines"]
    print(json.dumps({"lut": ours, "latency": result["top"]["latency"], "baselines": bases, "ber": ber}, indent=1))
    verdicts.tell("loss against float LMMSE at BER 1e-3, dB", result["quality"]["ber_loss_db"], 0.2, True)
    verdicts.tell("LUTs over one format for all words", ours / bases["uniform"]["lut"], 0.60, True)
    verdicts.tell("LUTs over equal widths that zoom", ours / bases["zoom"]["lut"], 0.90, True)
    for step, least in (("bit_true", 10_000), ("bulk", 1_000_000)):
        run = result["verification"][step]
        verdicts.tell(f"right-hand sides in {run['simulator']}", run["samples"], least, False)
        verdicts.tell(f"mismatches in {run['simulator']}", run["mismatches"], 0, True)
    verdicts.tell("seconds", seconds, 180, True)


def random_words(rng: np.random.Generator, loaded: bool) -> tuple[Words, Ends]:
    """A random small descent of any form and rounding; `loaded`: with matrices that are loaded."""
    m, n = int(rng.integers(4, 10)), int(rng.integers(2, 5))
    gram = bool(rng.integers(2))
    system = System(rng.normal(size=(m, n)), 0.1 if gram else 0.0, int(rng.integers(2, 5)))
    bits = int(rng.integers(4, 9))
    y = rng.normal(size=(m, 500)) / 3
    rounding = list(Cut)[int(rng.integers(3))]
    made = LoadedCoefficients if loaded else Coefficients
    words = Words(
        made(system, bits, bits + 1 if gram else None), y, Format(1, 9), Format(3, int(rng.integers(4, 9))),
        rounding,
    )  # fmt: skip
    size, count = len(words.names), len(words.products)
    width = rng.integers(4, 11, (1, size))
    tops = words.peaks[None] - rng.integers(0, 2, (1, size))
    return words, Ends(width - tops, tops, rng.integers(0, 1 if loaded else 4, (1, count)))


def estimate(fit: bool, targets: list[str], count: int, loaded: bool) -> None:
    """Estimated LUTs against synthesised ones, over descents that were not fitted on."""
    for target in targets:
        rng, rows, luts = np.random.default_rng(7 if fit else 8), [], []
        for _ in range(count):
            words, ends = random_words(rng, loaded)
            text = verilog(words.block(ends).component(), "dut")
            luts.append(synthesise_step(text, "dut", target, False, yosys.version())["lut"])
            rows.append(DescentWork(words).features(ends)[0])
        features, measured = np.array(rows), np.array(luts)
        if fit:
            weights, _ = nnls(features / measured[:, None], np.ones(len(measured)))
            print(target, dict(zip(FEATURES, np.round(weights, 3).tolist(), strict=True)))
            error = np.abs(features @ weights / measured - 1)
        else:
            error = np.abs(DescentEstimate.of(target).luts(features) / measured - 1)
        print(f"{target}: mean {100 * error.mean():.1f} %, worst {100 * error.max():.1f} % over {count} descents")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mimo", action="store_true")
    parser.add_argument("--estimate", action="store_true")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--loaded", action="store_true", help="of matrices that are loaded, with --estimate or --fit")
    parser.add_argument("--targets", nargs="*", default=["ice40", "ecp5", "xc7", "gowin"])
    parser.add_argument("--count", type=int, default=20)
    given = parser.parse_args()
    if given.estimate or given.fit:
        estimate(given.fit, given.targets, given.count, given.loaded)
        return
    verdicts = Verdicts()
    allocation(verdicts)
    if given.mimo:
        mimo(verdicts)
    sys.exit(verdicts.failed)


if __name__ == "__main__":
    main()
