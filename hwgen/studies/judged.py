"""From the runs of a case to what the tables and figures show: ratios to a reference, medians and spreads."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from hwgen.allocation.answer import gap
from hwgen.studies.case import BOUND, Case

POINTS = 60  # of a convergence curve


def judged(case: Case, outcomes: Sequence[dict[str, Any]], proof: dict[str, Any] | None) -> dict[str, Any]:
    """A case with every method's median and spread, as plain JSON data.

    Parameters
    ----------
    outcomes
        What `trials` returned, each with the "instance" it was for.
    proof
        What `certificate` returned, if it was asked.
    """
    facts = {outcome["instance"]: outcome for outcome in outcomes}
    runs: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for outcome in outcomes:
        for method, _, run in outcome["runs"]:
            runs[method].append((outcome["instance"], run))
    forms: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for seed, fact in facts.items():
        for form, run in fact["forms"].items():
            # A closed form may have the name of a method that does the same by trials.
            forms[f"{form} (closed form)" if form in runs else form].append((seed, run))
    least = {seed: _least(seed, runs, forms) for seed in facts}
    instances = []
    scale: dict[int, tuple[float, float | None]] = {}
    for seed, fact in facts.items():
        bound = proof["bound"] if proof else fact["bound"]
        here = least[seed]
        best = min([v for v in (here, case.known, proof["error"] if proof else None) if v is not None], default=None)
        reference = bound if case.against == BOUND else best
        scale[seed] = (fact["floor"], reference)
        tells = None if bound is None or here is None else gap(here, bound)
        instances.append(
            {"seed": seed, "floor": fact["floor"], "bound": bound, "best": best, "reference": reference, "gap": tells}
        )
    lines = [_line(name, "method", found, scale) for name, found in runs.items()]
    lines += [_line(name, "closed form", found, scale) for name, found in forms.items()]
    return {
        "key": case.key, "group": case.group, "budget": case.budget, "against": case.against, "main": case.main,
        "evaluations": case.evaluations, "instances": instances,
        "proven": proof["proven"] if proof else None, "methods": lines,
        "seconds": {name: float(np.median([run["seconds"] for _, run in found])) for name, found in runs.items()}
        | {"making the instance": float(np.median([fact["seconds"] for fact in facts.values()]))},
    }  # fmt: skip


def _least(seed: int, *sources: dict[str, list[tuple[int, dict[str, Any]]]]) -> float | None:
    runs = [run for source in sources for found in source.values() for at, run in found if at == seed]
    return min((run["objective"] for run in runs if run["objective"] is not None), default=None)


def _ratio(value: float | None, floor: float, reference: float | None) -> float | None:
    if value is None or reference is None:
        return None
    if value <= reference:
        # Exactly 1 where both are the floor; below 1 where the value beats a bound, which would be a fault.
        return 1.0 if reference <= floor else (value - floor) / (reference - floor)
    return (value - floor) / (reference - floor) if reference > floor else None


def _line(
    name: str, kind: str, found: Sequence[tuple[int, dict[str, Any]]], scale: dict[int, tuple[float, float | None]]
) -> dict[str, Any]:
    objectives = [run["objective"] for _, run in found]
    ratios = [_ratio(run["objective"], *scale[seed]) for seed, run in found]
    shown = [run for _, run in found if run["objective"] is not None]
    best = min(shown, key=lambda run: float(run["objective"]), default=None)
    marks = {
        mark: [float(value) for value in np.quantile([run["judged"][mark] for run in shown], (0.5, 0, 1))]
        for mark in (best["judged"] if best else {})
    }
    excess = [None if run["objective"] is None else run["objective"] - scale[seed][0] for seed, run in found]
    return {
        "name": name, "kind": kind, "failed": sum(value is None for value in objectives),
        "objective": spread(objectives), "excess": spread(excess), "ratio": spread(ratios), "ratios": ratios,
        "judged": marks,
        "bits": best["bits"] if best else None,
        "evaluations": float(np.median([run["evaluations"] for _, run in found])),
        "start_evaluations": float(np.median([run["start_evaluations"] for _, run in found])),
        "history": _history([(_to_the_end(run), *scale[seed]) for seed, run in found if run["history"]]),
    }  # fmt: skip


def spread(values: Sequence[float | None]) -> list[float] | None:
    """Median, least and most of those that are known; None when none is."""
    known = [value for value in values if value is not None]
    return [float(value) for value in np.quantile(known, (0.5, 0, 1))] if known else None


def _to_the_end(run: dict[str, Any]) -> list[list[float]]:
    """The history, and that nothing better came until the run ended."""
    last = max(run["history"][-1][0], run["evaluations"] + run["start_evaluations"])
    return [*run["history"], [last, run["history"][-1][1]]]


def _history(runs: Sequence[tuple[list[list[float]], float, float | None]]) -> list[list[float]]:
    """Median over the runs of the best ratio so far, as [points so far, ratio], where more than half have one."""
    if not runs:
        return []
    last = max(history[-1][0] for history, *_ in runs)
    counts = np.unique(np.round(np.geomspace(1, max(last, 1), POINTS)).astype(int))
    curves = np.full((len(runs), counts.size), np.inf)
    for row, (history, floor, reference) in enumerate(runs):
        at = np.searchsorted([count for count, _ in history], counts, side="right") - 1
        values = [np.inf if k < 0 else _ratio(history[k][1], floor, reference) for k in at]
        curves[row] = [np.inf if value is None else value for value in values]
    median = np.median(curves, axis=0)
    return [[int(c), float(v)] for c, v in zip(counts, median, strict=True) if np.isfinite(v)]
