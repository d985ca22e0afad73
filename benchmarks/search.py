"""hwgen's allocator beside pyswarms, nevergrad and pymoo on FIR problems: quality, speed, time to 1.01 x the best.

    python benchmarks/search.py --seeds 5

Every run may evaluate the same number of different points, hwgen's starts included; a peer may ask for points it has
seen again at no cost. All see the same error function, which takes batches, and begin from the same closed forms.
Times are the processor's from the call to the answer, one thread, imports left out; the tools take turns.
hwgen also screens moves on the linear form of the error at its peaks: no evaluation, but in its time.
"""

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

# Before NumPy is imported: small products are slower on many threads, and peers would differ by luck.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from optimisers import CHOSEN, TRIED, Run, Setting, run  # noqa: E402

from hwgen.allocation import Problem  # noqa: E402
from hwgen.problems.fir import FirBits  # noqa: E402
from hwgen.problems.fir_spec import PUBLISHED  # noqa: E402

NEAR = 1.01  # x the best known: when the clock stops
SHARES = {"pyswarms": 1 / 3, "pymoo": 1 / 3, "nevergrad": 1 / 10}  # hwgen's time over the tool's best, at most


@dataclass(frozen=True)
class Instance:
    """A specification, its number of taps, bits a tap on average, and the least error known."""

    spec: str
    length: int
    average: int
    best: float
    proven: bool

    @property
    def name(self) -> str:
        return f"{self.spec}{self.length}/{self.average}"

    def problem(self) -> Problem:
        fir = FirBits(PUBLISHED[self.spec], self.length)
        return fir.problem(budget=self.average * fir.size)


# A31 and B31: the optimum, by integer programming. The others: the best that any run of any tool has found.
INSTANCES = (
    Instance("A", 31, 5, 0.025548, True),
    Instance("B", 31, 7, 0.078138, True),
    Instance("A", 61, 8, 0.0015507, False),
    Instance("C", 61, 9, 0.00012026, False),
)


@dataclass(frozen=True)
class Row:
    """One tool on one instance, medians over the seeds; the ratios are to the best known."""

    instance: str
    name: str
    tool: str
    setting: str
    ratio: float
    least: float
    most: float
    evaluations: float
    seconds: float
    rate: float
    reached: float
    runs: int

    @property
    def arrived(self) -> str:
        """Time to `NEAR`, or how far it came."""
        return f"{self.reached:.3f} s" if math.isfinite(self.reached) else f"never ({self.ratio:.3f})"


def checked(problem: Problem, outcome: Run) -> Run:
    """The run, after the problem itself confirmed its answer."""
    error, spent = float(problem.error(outcome.bits[None])[0]), float(problem.consumption(outcome.bits[None])[0])  # type: ignore[index]
    if spent > problem.limit or not math.isclose(error, outcome.error, rel_tol=1e-9):
        raise RuntimeError(f"a run claims error {outcome.error} within {problem.limit}, but it is {error} at {spent}")
    return outcome


def rows(instance: Instance, settings: list[Setting], seeds: int, evaluations: int) -> Iterator[Row]:
    """Every tool on an instance."""
    problem = instance.problem()
    runs: dict[Setting, list[Run]] = {setting: [] for setting in settings}
    for seed in range(seeds):
        for setting in settings:
            runs[setting].append(checked(problem, run(setting, problem, seed, evaluations)))
            done = runs[setting][-1]
            print(f"  {instance.name} seed {seed} {setting.name}: {done.error / instance.best:.4f} x, "
                  f"{done.seconds:.1f} s", file=sys.stderr, flush=True)  # fmt: skip
    for setting, found in runs.items():
        ratios = [r.error / instance.best for r in found]
        yield Row(
            instance.name, setting.name, setting.tool, setting.label, median(ratios), min(ratios), max(ratios),
            median(r.evaluations for r in found), median(r.seconds for r in found),
            median(r.evaluations / r.seconds for r in found),
            median(r.meter.reached(NEAR * instance.best) for r in found), len(found),
        )  # fmt: skip


def requirements(found: list[Row]) -> list[dict[str, Any]]:
    """On one instance: hwgen's quality against everybody's, its time against the best of each tool."""
    peers = [r for r in found if r.tool != "hwgen"]
    own = next((r for r in found if r.tool == "hwgen"), None)
    if own is None or not peers:
        return []
    best = min(peers, key=lambda r: r.ratio)
    results = [{
        "instance": own.instance, "what": f"no worse than {best.name}", "own": own.ratio, "other": best.ratio,
        "met": own.ratio <= best.ratio * (1 + 1e-9),
    }]  # fmt: skip
    for tool, share in SHARES.items():
        theirs = [r for r in peers if r.tool == tool]
        if not theirs:
            continue
        fastest = min(theirs, key=lambda r: (r.reached, r.ratio))
        met = math.isfinite(own.reached) and own.reached <= share * fastest.reached
        what = f"time at most {share:.2g} x {fastest.name}"
        results.append(
            {"instance": own.instance, "what": what, "own": own.reached, "other": fastest.reached, "met": met}
        )
    return results


def table(found: list[Row]) -> str:
    """The rows of one instance as text."""
    heads = f"{'error':>8}{'least':>8}{'most':>8}{'points':>8}{'time':>9}{'points/s':>10}{'to 1.01':>16}"
    lines = [f"{'method':<38}{heads}  setting"]
    for r in found:
        lines.append(
            f"{r.name:<38}{r.ratio:>8.4f}{r.least:>8.4f}{r.most:>8.4f}{r.evaluations:>8.0f}{r.seconds:>7.2f} s"
            f"{r.rate:>10.0f}{r.arrived:>16}  {r.setting}"
        )
    return "\n".join(lines)


def installed() -> tuple[dict[str, str], list[str]]:
    """Versions of the tools that are there, and the names of those that are not."""
    found, missing = {}, []
    for tool in ("hwgen", "numpy", *SHARES):
        try:
            found[tool] = version(tool)
        except ImportError:
            missing.append(tool)
    return found, missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=20000)
    parser.add_argument("--quick", action="store_true", help="the two small instances with one seed")
    parser.add_argument("--tried", action="store_true", help="every setting of every peer that was tried, too")
    parser.add_argument("--only", action="append", choices=[i.name for i in INSTANCES], help="one instance")
    parser.add_argument("--tool", action="append", choices=["hwgen", *SHARES], help="one tool")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    seeds, instances = options.seeds, [i for i in INSTANCES if options.only is None or i.name in options.only]
    if options.quick:
        seeds, instances = 1, instances[:2]
    tools, missing = installed()
    if missing:
        print(f"{', '.join(missing)} left out; pip install 'hwgen[bench]' brings them", file=sys.stderr)
    settings = [s for s in (TRIED if options.tried else CHOSEN) if s.tool in (options.tool or tools)]
    print(", ".join(f"{tool} {number}" for tool, number in tools.items()))
    print(f"{options.evaluations} evaluations, median of {seeds} seeds, errors over the best known\n", flush=True)
    for setting in settings:
        if setting.tool != "hwgen":
            run(setting, instances[0].problem(), 0, 50)  # so that nobody's imports are timed
    results: list[Row] = []
    goals: list[dict[str, Any]] = []
    for instance in instances:
        start = time.perf_counter()
        try:
            found = list(rows(instance, settings, seeds, options.evaluations))
        except ValueError as problem:
            sys.exit(f"{instance.name}: {problem}")
        note = "optimum, proven" if instance.proven else "best known"
        print(f"{instance.name}, {note} {instance.best:.5g}, {time.perf_counter() - start:.0f} s")
        print(table(found))
        for goal in requirements(found):
            print(f"{goal['what']}: {goal['own']:.4g} against {goal['other']:.4g}  {'PASS' if goal['met'] else 'FAIL'}")
            goals.append(goal)
        print(flush=True)
        results += found
    if options.json:
        options.json.write_text(
            json.dumps(_plain(tools, options.evaluations, results, goals), indent=2) + "\n", "utf-8"
        )
    sys.exit(0 if all(goal["met"] for goal in goals) else 1)


def _plain(tools: dict[str, str], evaluations: int, found: list[Row], goals: list[dict[str, Any]]) -> dict[str, Any]:
    """As JSON, in which nothing is infinite."""

    def finite(record: dict[str, Any]) -> dict[str, Any]:
        return {key: None if value == math.inf else value for key, value in record.items()}

    return {"tools": tools, "evaluations": evaluations, "near": NEAR, "rows": [finite(vars(r)) for r in found],
            "requirements": [finite(goal) for goal in goals]}  # fmt: skip


if __name__ == "__main__":
    main()
