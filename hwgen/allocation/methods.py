"""Every method by name, as steps that a `Search` drives."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from hwgen.allocation.annealing import anneal
from hwgen.allocation.answer import Allocation
from hwgen.allocation.cascade import CHEAP, STARTS, begin, cascade
from hwgen.allocation.evaluator import Evaluator, Progress, Steps
from hwgen.allocation.exact import find_exhaustive, find_separable
from hwgen.allocation.exchange import find_exchange
from hwgen.allocation.gcpso import repaired_swarm
from hwgen.allocation.genetic import breed, scatter
from hwgen.allocation.iterated import kick_and_descend
from hwgen.allocation.memetic import recombine
from hwgen.allocation.ppso import penalised_swarm
from hwgen.allocation.problem import Problem
from hwgen.allocation.stages import Find, Stages, sorted_starts


class Method(Protocol):
    """Steps towards an answer; the options are the method's own."""

    def __call__(
        self, problem: Problem, rng: np.random.Generator, evaluations: int, *, seeds: Sequence[ArrayLike] = (),
        on_progress: Progress | None = None, **options: Any,
    ) -> Steps[Allocation]: ...  # fmt: skip


def _deterministic(name: str, find: Find) -> Method:
    """A baseline: neither random nor in need of starts, and without options (it ignores those of the others)."""

    def steps(
        problem: Problem, rng: np.random.Generator, evaluations: int, *, seeds: Sequence[ArrayLike] = (),
        on_progress: Progress | None = None, **options: Any,
    ) -> Steps[Allocation]:  # fmt: skip
        stages = Stages(problem, evaluations, on_progress)
        yield from stages.spend(find)
        return (yield from stages.answer(name))

    return steps


def _seeded(name: str, search: Callable[..., Steps[None]], screens: bool = False) -> Method:
    """A random search from the closed forms, the seeds, the best uniform point and the best common LSB.

    One that ``screens`` moves where the problem can has the screened descent as well.
    """

    def steps(
        problem: Problem, rng: np.random.Generator, evaluations: int, *, seeds: Sequence[ArrayLike] = (),
        on_progress: Progress | None = None, **options: Any,
    ) -> Steps[Allocation]:  # fmt: skip
        stages = Stages(problem, evaluations, on_progress)
        yield from begin(stages, CHEAP, seeds, screens and problem.linearise is not None)
        starts = sorted_starts(stages)
        yield from stages.spend(lambda evaluator: search(evaluator, rng, starts, **options))
        return (yield from stages.answer(name))

    return steps


def _exact(name: str, find: Callable[..., Steps[bool]], most: int) -> Method:
    """An exact method: it takes what it needs, up to ``most`` of its own unit, and is no search that could be cut."""

    def steps(
        problem: Problem, rng: np.random.Generator, evaluations: int, *, seeds: Sequence[ArrayLike] = (),
        on_progress: Progress | None = None, most: int = most, **options: Any,
    ) -> Steps[Allocation]:  # fmt: skip
        stages = Stages(problem, 10**9, on_progress)

        def whole(evaluator: Evaluator) -> Steps[None]:
            stages.proven = yield from find(evaluator, most)

        yield from stages.spend(whole)
        return (yield from stages.answer(name))

    return steps


METHODS: dict[str, Method] = {
    "allocate": cascade,
    "gc-pso": _seeded("gc-pso", repaired_swarm),
    "ppso": _seeded("ppso", penalised_swarm),
    **{name: _deterministic(name, find) for name, find in STARTS.items()},
    "exchange": _deterministic("exchange", find_exchange),
    "iterated": _seeded("iterated", kick_and_descend),
    "memetic": _seeded("memetic", recombine, screens=True),
    "annealing": _seeded("annealing", anneal),
    "genetic": _seeded("genetic", breed),
    "random": _seeded("random", scatter),
    "separable": _exact("separable", find_separable, 5_000_000),
    "exhaustive": _exact("exhaustive", find_exhaustive, 2_000_000),
}
