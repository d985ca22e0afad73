"""What a search answers, and the errors it ends with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from hwgen.allocation.problem import Problem, Seed


@dataclass(frozen=True)
class Allocation:
    """The level of every variable, what it achieves and how it was found.

    Members
    -------
    names, bits
        The variables, in the problem's order, and their levels, Python ints.
    error, consumption, feasible, violation
        At ``bits``; the violation is the relative excess over all limits, 0 when feasible.
    evaluations, unique_evaluations
        Points that the swarm and the local moves asked for, and those of them that no earlier point was equal to: only
        these reach the problem's functions, and only these count towards the limit.
    start_evaluations
        Points the closed forms, the greedy starts and other baselines cost before that.
    history
        (points evaluated so far, best feasible objective) at every improvement, starts included.
    bound, gap
        A certified bound on the objective and (objective - bound) / |bound|; None when nothing certifies one.
    baselines
        Answers of the simpler methods that ran on the way, by name.
    """

    names: tuple[str, ...]
    bits: tuple[int, ...]
    error: float
    consumption: float
    feasible: bool
    violation: float
    evaluations: int
    unique_evaluations: int
    method: str
    start_evaluations: int = 0
    history: tuple[tuple[int, float], ...] = ()
    bound: float | None = None
    gap: float | None = None
    baselines: "Mapping[str, Allocation]" = field(default_factory=dict)

    def certified(self, problem: Problem) -> "Allocation":
        """With the problem's own bound, if it has one and this answer is feasible and not yet certified."""
        if problem.bound is None or not self.feasible or self.bound is not None:
            return self
        bound = float(problem.bound() if callable(problem.bound) else problem.bound)
        objective = self.error if problem.spends else self.consumption
        return replace(self, bound=bound, gap=gap(objective, bound))


def gap(objective: float, bound: float) -> float | None:
    """How far the objective may lie above the optimum, relative to the bound; None for a bound of 0 that is missed."""
    if objective <= bound:
        return 0.0
    return (objective - bound) / abs(bound) if bound else None


class Allocator(Protocol):
    """Anything that solves a problem: PPSO, GC-PSO, the cascade, every baseline and exact method."""

    def __call__(self, problem: Problem, seed: Seed = 0, evaluations: int = 20000, **options: Any) -> Allocation: ...


class Infeasible(ValueError):  # noqa: N818 (a fact about the problem, and the name users see)
    """No point met every limit. ``allocation`` is the point closest to it, ``violation`` its relative excess."""

    def __init__(self, message: str, allocation: Allocation) -> None:
        super().__init__(message)
        self.allocation = allocation
        self.violation = allocation.violation
