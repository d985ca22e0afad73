"""Bit allocation: integer variables, an error, a consumption and a limit on one of them. Knows no hardware."""

from functools import partial
from typing import Any

from hwgen.allocation.answer import Allocation, Allocator, Infeasible
from hwgen.allocation.methods import METHODS
from hwgen.allocation.problem import Problem, Seed
from hwgen.allocation.search import Search, solve


def ppso(problem: Problem, seed: Seed = 0, evaluations: int = 20000, **options: Any) -> Allocation:
    """Penalised particle swarm; see `Search` for the arguments and `penalised_swarm` for its options.

    Raises Infeasible when no point met every limit, ValueError when the problem's functions misbehave.
    """
    return solve(problem, seed, evaluations, method="ppso", **options)


def gc_pso(problem: Problem, seed: Seed = 0, evaluations: int = 20000, **options: Any) -> Allocation:
    """Greedy-criterion particle swarm; see `Search` for the arguments and `repaired_swarm` for its options.

    Raises Infeasible when no point met every limit, ValueError when the problem's functions misbehave.
    """
    return solve(problem, seed, evaluations, method="gc-pso", **options)


def allocate(problem: Problem, seed: Seed = 0, evaluations: int = 20000, **options: Any) -> Allocation:
    """Solve a problem by the whole cascade: closed forms, greedy baselines, exchange, GC-PSO, memetic search.

    Never worse than the baselines it begins with, which are in ``.baselines`` of the answer. Arguments as for `Search`.

    Raises
    ------
    Infeasible
        No point met every limit; its ``.allocation`` is the closest, with ``.baselines``.
    ValueError
        The problem's functions misbehaved.
    """
    return solve(problem, seed, evaluations, method="allocate", **options)


def separable(problem: Problem, seed: Seed = 0, evaluations: int = 20000, **options: Any) -> Allocation:
    """The exact optimum of a problem marked separable; see `find_separable`. ``evaluations`` is no limit to it."""
    return solve(problem, seed, evaluations, method="separable", **options)


def exhaustive(problem: Problem, seed: Seed = 0, evaluations: int = 20000, **options: Any) -> Allocation:
    """The exact optimum by trying every point; see `find_exhaustive`. ``evaluations`` is no limit to it."""
    return solve(problem, seed, evaluations, method="exhaustive", **options)


EXACT = ("separable", "exhaustive")
# Every method that takes any problem, but the cascade that contains them.
ALGORITHMS: dict[str, Allocator] = {
    name: partial(solve, method=name) for name in METHODS if name not in ("allocate", *EXACT)
}

__all__ = [
    "ALGORITHMS",
    "EXACT",
    "Allocation",
    "Allocator",
    "Infeasible",
    "Problem",
    "Search",
    "allocate",
    "exhaustive",
    "gc_pso",
    "ppso",
    "separable",
    "solve",
]
