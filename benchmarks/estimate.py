"""How far the estimate of LUTs is from Yosys, over random filters it was not fitted on.

    python benchmarks/estimate.py --target ice40 --target ecp5 --out build/estimate.json
    python benchmarks/estimate.py --fit

The weights in ``hwgen/cost/estimate.py`` come from ``--fit``: 48 random filters, numbers 0 to 47. Without
it, others are drawn. ``--out`` keeps every synthesis, so that a second run costs seconds.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from hwgen.adders import greedy_graph
from hwgen.cost import yosys
from hwgen.cost.estimate import FEATURES, Estimate, Work
from hwgen.cost.resources import TARGETS, synthesise
from hwgen.designs.word_lengths import WordLengths
from hwgen.emit import verilog
from hwgen.fixed import Format, Overflow, Rounding
from hwgen.journal import Journal
from hwgen.structures import PHASES, STRUCTURES

MEAN_LIMIT, WORST_LIMIT = 0.04, 0.12
ERROR = 0.02  # relative error the fit expects; a bit is then held within 0.3 of one LUT, an adder within 3 of none
ONLY = {"inverted_bits": "ice40", "odd_adders": "ecp5"}  # features that cost LUTs on one target alone


@dataclass(frozen=True)
class Sample:
    """One random filter: what it is, its work and its Verilog."""

    label: str
    work: Work
    text: str


def taps(rng: np.random.Generator) -> tuple[str, NDArray[np.float64]]:
    """Lowpass, bandpass or random taps, 8 to 80 of them, of a gain between 0.5 and 1."""
    count, kind = int(rng.integers(8, 81)), str(rng.choice(["lowpass", "bandpass", "random"], p=[0.45, 0.35, 0.2]))
    if kind == "random":
        found = rng.standard_normal(count) * np.hanning(count + 2)[1:-1] ** rng.uniform(0, 1)
        found /= np.abs(found).sum()
    else:
        edges = (
            [rng.uniform(0.05, 0.4)] if kind == "lowpass" else np.sort(rng.uniform(0.05, 0.95, 2)) + np.array([0, 0.04])
        )
        found = signal.firwin(count, edges, pass_zero=kind, window=("kaiser", rng.uniform(2, 9)))
    return f"{kind} {count}", found * rng.uniform(0.5, 1)


def sample(seed: int) -> Sample:
    """Random filter number `seed`: coefficients, formats and LSBs within what a search would try."""
    rng = np.random.default_rng(seed)
    while True:
        label, ideal = taps(rng)
        fraction = int(rng.integers(6, 17))
        values = tuple(int(v) for v in np.trim_zeros(np.rint(np.ldexp(ideal, fraction)).astype(int), "b"))
        if len(values) >= 8:
            break
    wide, out = int(rng.integers(6, 17)), int(rng.integers(8, 19))
    rounding = Rounding(str(rng.choice(["half_up", "half_even", "floor"], p=[0.7, 0.15, 0.15])))
    overflow = Overflow(str(rng.choice(["saturate", "wrap"], p=[0.7, 0.3])))
    structure = str(rng.choice(list(STRUCTURES)))
    factor = int(rng.choice([1, 1, 1, 1, 1, 2, 4]))
    inverting = Estimate.of("ice40").inverting * float(rng.random() < 0.5)
    adders = greedy_graph(values)
    graph = (
        STRUCTURES[structure](values, adders, inverting)
        if factor == 1
        else PHASES[structure](values, adders, factor, inverting)
    )
    lengths = WordLengths(
        values, fraction, graph, Format(1, wide - 1), Format(1, out - 1), rounding, overflow, structure
    )
    lsbs = lengths.reference(-(out - 1) - int(rng.integers(-1, 6)))
    lsbs = lsbs - rng.integers(-1, 5) * ~lengths.accumulators
    if rng.random() < 0.5:  # as a swarm leaves them
        lsbs -= rng.integers(0, 3, len(lsbs))
    lsbs = np.maximum(lsbs, lengths.natural)
    block = lengths.fir(lsbs, reset_data=bool(rng.random() < 0.7))
    text = verilog(block.component(), "fir")
    return Sample(
        f"{label} taps, {structure}, x {factor}, fraction {fraction}, {wide} in, {out} out, {rounding}, {overflow}",
        lengths.work(lsbs[None, :]), text,
    )  # fmt: skip


def lut_step(text: str, target: str, tool: str) -> dict[str, float]:
    """Yosys's counts; `tool` is part of the step's key."""
    return synthesise(text, "fir", target, timeout=600).figures()


def errors(estimate: Estimate, works: list[Work], luts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Relative error of every estimate, signed."""
    return np.array([float(estimate.luts(w)[0]) for w in works]) / luts - 1


def refitted(target: str, works: list[Work], luts: NDArray[np.float64]) -> Estimate:
    """Weights of the least squared relative error, held near one LUT a bit where the designs do not tell."""
    features = np.concatenate([w.features() for w in works])
    adders = np.array([name.endswith("_adders") and name != "odd_adders" for name in FEATURES])
    used = np.array([not (name in ONLY and ONLY[name] != target) for name in FEATURES])
    nominal = np.where(used & ~adders, 1.0, 0.0)
    tight = np.where(used, ERROR / np.where(adders, 3.0, 0.3), 1e6)
    rows = np.vstack([features / luts[:, None], np.diag(tight)])
    weights = np.linalg.lstsq(rows, np.concatenate([np.ones(len(luts)), nominal * tight]), rcond=None)[0]
    return Estimate(target, tuple(round(float(w), 3) for w in weights))


def lines(target: str, samples: list[Sample], figures: list[dict[str, float]], worst: int) -> Iterator[str]:
    """The report on one target, of the weights in the source."""
    works, luts = [s.work for s in samples], np.array([f["lut"] for f in figures])
    error = errors(Estimate.of(target), works, luts)
    mean, most = np.abs(error).mean(), np.abs(error).max()
    verdict = "PASS" if mean <= MEAN_LIMIT and most <= WORST_LIMIT else "FAIL"
    yield f"{target}: {len(samples)} designs, {luts.min():.0f} to {luts.max():.0f} LUTs"
    yield f"  LUTs: mean error {mean:.2%}, worst {most:.2%}, bias {error.mean():+.2%}  {verdict}"
    for count in ("ff", "carry"):
        estimated = np.array([getattr(Estimate.of(target).resources(w), count) for w in works])
        off = np.abs(estimated / np.array([f[count] for f in figures]) - 1)
        yield f"  {count}: mean error {off.mean():.2%}, worst {off.max():.2%}"
    for k in np.argsort(-np.abs(error))[:worst]:
        yield f"  {error[k]:+.1%} of {luts[k]:.0f} LUTs: {samples[k].label}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="ice40 and ecp5 unless given")
    parser.add_argument("--designs", type=int, help="50 unless given, 48 with --fit")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--worst", type=int, default=3, help="designs to list, the worst first")
    parser.add_argument("--out", type=Path, help="file that keeps every synthesis")
    parser.add_argument(
        "--fit", action="store_true", help="print weights fitted to the designs that the source's come from"
    )
    options = parser.parse_args()
    count = options.designs or (48 if options.fit else 50)
    samples = [sample(seed) for seed in range(*((0, count) if options.fit else (1000, 1000 + count)))]
    journal = Journal(options.out, {"benchmark": "estimate"})
    print(f"{yosys.version()}, {len(samples)} random filters")
    for target in options.target or ["ice40", "ecp5"]:
        steps = [(s.text, target, yosys.version()) for s in samples]
        with ThreadPoolExecutor(options.workers) as executor:
            figures = journal.all(executor, lut_step, steps)
        if options.fit:
            works, luts = [s.work for s in samples], np.array([f["lut"] for f in figures])
            estimate = refitted(target, works, luts)
            error = np.abs(errors(estimate, works, luts))
            own = f"mean {error.mean():.2%}, worst {error.max():.2%} over its own designs"
            print(f'    "{target}": {estimate.weights},  # {own}', flush=True)
        else:
            for line in lines(target, samples, figures, options.worst):
                print(line, flush=True)


if __name__ == "__main__":
    main()
