"""Run a study: every method on every case, through a journal, so that an interrupted run continues where it stopped."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from json import dumps, loads
from pathlib import Path
from typing import Any, cast

import numpy as np

import hwgen
from hwgen.allocation import Allocation, Infeasible, Problem, solve
from hwgen.allocation.methods import METHODS
from hwgen.journal import Journal, write_beside
from hwgen.studies.case import ALONE, Case, Instance, Study
from hwgen.studies.dynamics import dynamics
from hwgen.studies.judged import judged

STUDIES = ("fir", "receiver", "descent")
# These give the same answer for every seed.
DETERMINISTIC = (
    "separable",
    "exhaustive",
    "greedy",
    "greedy-add",
    "exchange",
    "uniform",
    "common-lsb",
    "marginal",
    "min+1",
    "max-1",
)
# They end by themselves, whatever the limit of the others: what a greedy method costs is reported, not cut.
UNLIMITED = 200_000
FINDINGS, REPORT = "study.json", "report.html"

Progress = Callable[[str, float], None]
Pairs = list[tuple[str, int]]


def study(name: str) -> Study:
    """The study of that name, one of `STUDIES`."""
    if name not in STUDIES:
        raise ValueError(f"unknown study {name!r}; give one of {', '.join(STUDIES)}")
    module: Any = import_module(f"hwgen.studies.{name}")
    return cast(Study, module)


@lru_cache(maxsize=8)
def _made(name: str, parameters: str, seed: int) -> tuple[Instance, float]:
    began = time.perf_counter()
    return study(name).instance(loads(parameters), seed), time.perf_counter() - began


def trials(name: str, parameters: dict[str, Any], seed: int, pairs: Pairs, evaluations: int) -> dict[str, Any]:
    """Run pairs (method, seed) on one instance, and judge its closed forms: plain JSON data."""
    instance, seconds = _made(name, dumps(parameters, sort_keys=True), seed)
    problem = instance.assisted or instance.problem
    forms = {}
    for form, point in problem.starts.items():
        bits = problem.bits(problem.below(point))
        values = problem.measure(bits[None])
        fits = bool(problem.excess(values)[0] == 0)
        forms[form] = _run(instance, bits, float(values[0, 0 if problem.spends else 1]) if fits else None)
    bound = problem.bound() if callable(problem.bound) else problem.bound
    return {
        "floor": instance.floor, "bound": bound, "seconds": seconds, "forms": forms,
        "runs": [
            [method, s, _trial(instance, method, s, evaluations)] for method, s in pairs if _suits(problem, method)
        ],
    }  # fmt: skip


def _suits(problem: Problem, method: str) -> bool:
    """Whether an exact method can solve the problem at all; others always can try."""
    if method == "exhaustive":
        return math.prod(int(depth) + 1 for depth in problem.depth) <= UNLIMITED
    return method != "separable" or problem.separable


def _trial(instance: Instance, method: str, seed: int, evaluations: int) -> dict[str, Any]:
    problem: Problem = instance.problem
    if method == "allocate" and instance.assisted is not None:
        problem = instance.assisted
    limit = UNLIMITED if method in DETERMINISTIC else evaluations
    began = time.perf_counter()
    try:
        found: Allocation = solve(problem, seed, limit, method="allocate" if method == ALONE else method)
    except Infeasible as failed:
        found = failed.allocation
    seconds = time.perf_counter() - began
    objective = (found.error if problem.spends else found.consumption) if found.feasible else None
    told = _run(instance, np.array(found.bits), objective)
    told |= {
        "evaluations": found.unique_evaluations, "start_evaluations": found.start_evaluations, "seconds": seconds,
        "history": [[int(count), float(value)] for count, value in found.history],
    }  # fmt: skip
    return told


def _run(instance: Instance, bits: np.ndarray, objective: float | None) -> dict[str, Any]:
    marks = {name: float(value) for name, value in instance.judge(bits).items()}
    return {
        "objective": objective, "bits": [int(b) for b in bits], "judged": marks, "evaluations": 0,
        "start_evaluations": 1, "seconds": 0.0, "history": [],
    }  # fmt: skip


def certificate(name: str, parameters: dict[str, Any], known: float, seconds: float) -> dict[str, Any]:
    """As the study's own."""
    return study(name).certificate(parameters, known, seconds)


def extra(name: str, work: str, arguments: Sequence[Any]) -> Any:
    """One of the study's further steps, a function of its module."""
    return getattr(study(name), work)(*arguments)


def pairs(case: Case, assisted: bool, place: int = 0) -> Pairs:
    """Every method that runs on the instance at that place, with every seed that could make a difference."""
    names = [*METHODS, ALONE] if assisted else list(METHODS)
    if case.sampled and place >= case.sampled:
        names = [name for name in names if name in (*DETERMINISTIC, "allocate", ALONE)]
    return [(name, seed) for name in names for seed in (case.seeds[:1] if name in DETERMINISTIC else case.seeds)]


def owner(name: str) -> dict[str, str]:
    """What a journal belongs to: versions, and the sources that the results come from."""
    root = Path(hwgen.__file__).parent
    files = [*sorted(root.glob("allocation/*.py")), *sorted(root.glob("problems/*.py"))]
    files += [root / "studies" / f"{part}.py" for part in ("case", "runner", name)]
    sources = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    return {"study": name, "sources": sources, **{package: version(package) for package in ("hwgen", "numpy", "scipy")}}


def run(
    name: str, executor: Executor, journal: Journal, quick: bool = False, seeds: int | None = None,
    evaluations: int | None = None, tell: Progress = lambda what, share: None,
) -> dict[str, Any]:  # fmt: skip
    """All findings of a study as plain JSON data; only its "timings" differ between two runs.

    Raises
    ------
    ValueError
        No such study, or fewer than one seed or evaluation.
    """
    for what, count in (("seeds", seeds), ("evaluations", evaluations)):
        if count is not None and count < 1:
            raise ValueError(f"{what} must be at least 1, got {count}")
    module = study(name)
    cases = module.cases(quick, seeds, evaluations)
    extras = module.extras(quick)
    began = time.perf_counter()

    def stage(what: str, work: Callable[..., Any], steps: Sequence[tuple[Any, ...]]) -> list[Any]:
        count = 0

        def one() -> None:
            nonlocal count
            count += 1
            tell(what, count / max(len(steps), 1))

        tell(what, 0.0)
        return journal.all(executor, work, steps, one)

    steps, owners = _steps(name, cases, module.SHARED)
    outcomes: dict[str, list[dict[str, Any]]] = {case.key: [] for case in cases}
    for (key, seed), outcome in zip(owners, stage("running every method", trials, steps), strict=True):
        outcomes[key].append({"instance": seed, **outcome})
    certified = [case for case in cases if case.certify]
    asked = [(name, case.parameters, best(case, outcomes[case.key]), case.certify) for case in certified]
    proofs = dict(zip([case.key for case in certified], stage("certifying", certificate, asked), strict=True))
    results = stage("further tables", extra, [(name, work, arguments) for work, arguments in extras])
    told = [judged(case, outcomes[case.key], proofs.get(case.key)) for case in cases]
    timings = {case["key"]: case.pop("seconds") for case in told}
    return {
        "hwgen": hwgen.__version__, "study": name, "quick": quick, "command": _command(name, quick, seeds, evaluations),
        "title": module.TITLE, "about": module.ABOUT,
        "error_label": module.ERROR_LABEL, "budget_label": module.BUDGET_LABEL, "cases": told,
        "tables": [asdict(table) for table in module.tables(results, told)], "dynamics": dynamics(),
        "timings": {"cases": timings, "total": time.perf_counter() - began},
    }  # fmt: skip


def _steps(name: str, cases: Sequence[Case], shared: bool) -> tuple[list[tuple[Any, ...]], list[tuple[str, int]]]:
    """Arguments of `trials`, and the case and instance that each of them is for."""
    steps, owners = [], []
    for case in cases:
        for place, seed in enumerate(case.instances):
            every = pairs(case, shared, place)
            for part in [every] if shared else [[pair] for pair in every]:
                steps.append((name, case.parameters, seed, part, case.evaluations))
                owners.append((case.key, seed))
    return steps, owners


def best(case: Case, outcomes: Sequence[dict[str, Any]]) -> float:
    """Least objective that anything reached, or that was known before."""
    values = [run["objective"] for outcome in outcomes for *_, run in outcome["runs"]]
    values += [run["objective"] for outcome in outcomes for run in outcome["forms"].values()]
    return min([value for value in (*values, case.known) if value is not None], default=math.inf)


def _command(name: str, quick: bool, seeds: int | None, evaluations: int | None) -> str:
    words = ["hwgen", "study", name] + ["--quick"] * quick
    for option, value in (("--seeds", seeds), ("--evaluations", evaluations)):
        words += [option, str(value)] if value is not None else []
    return " ".join(words)


def write(findings: dict[str, Any], folder: Path) -> None:
    """study.json and report.html of `run`'s findings."""
    from hwgen.studies.report import render

    write_beside(folder / FINDINGS, dumps(findings, indent=1, allow_nan=False) + "\n")
    write_beside(folder / REPORT, render(findings))
