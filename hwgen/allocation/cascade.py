"""The allocator hwgen uses: cheap methods first, each the start of the next, and the best of all is the answer.

Closed form (the caller's seeds), uniform, common LSB -> greedy remove -> exchange -> seeded ring GC-PSO -> exchange.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hwgen.allocation.baselines import find_common_lsb, find_remove, find_uniform
from hwgen.allocation.evaluator import Evaluator, Progress
from hwgen.allocation.exchange import REACHES, descend
from hwgen.allocation.gcpso import GcPso
from hwgen.allocation.problem import Allocation, Infeasible, Problem


class _Stages:
    """Runs stages on one cache and one budget of evaluations, and adds up what they did."""

    def __init__(self, problem: Problem, evaluations: int, on_progress: Progress | None) -> None:
        self.root = Evaluator(problem, evaluations)
        self.spent = self.unique = 0
        self.best = np.zeros(problem.size, dtype=np.int64)
        self.best_key = (np.inf, np.inf, np.inf)
        self.history: list[tuple[int, float]] = []
        self.on_progress = on_progress

    @property
    def left(self) -> int:
        return self.root.limit - self.spent

    def run(self, share: float, method: Callable[[Evaluator], None]) -> Evaluator | None:
        """Give a method a share of all evaluations, at most what is left; None when nothing is left."""
        if self.left <= 0:
            return None
        evaluator = self.root.stage(min(self.left, int(np.ceil(share * self.root.limit))), self._progress)
        method(evaluator)
        for count, value in evaluator.history:
            if not self.history or value < self.history[-1][1]:
                self.history.append((self.spent + count, value))
        if evaluator.best_key < self.best_key:
            self.best, self.best_key = evaluator.best, evaluator.best_key
        self.spent += evaluator.evaluations
        self.unique += evaluator.unique
        return evaluator

    def _progress(self, evaluations: int, objective: float) -> None:
        if self.on_progress is not None:
            known = self.history[-1][1] if self.history else np.inf
            self.on_progress(self.spent + evaluations, min(objective, known))


def allocate(
    problem: Problem,
    rng: np.random.Generator,
    evaluations: int,
    seeds: Sequence[ArrayLike] = (),
    on_progress: Progress | None = None,
    on_step: Callable[[GcPso], None] | None = None,
    resume: dict[str, Any] | None = None,
    **options: Any,
) -> Allocation:
    """Solve the problem; ``.baselines`` of the answer has "uniform", "common-lsb", "greedy" and "exchange".

    Parameters
    ----------
    evaluations
        For all stages together; may be exceeded by one batch.
    seeds
        Known good points in bits (n,), such as a closed form.
    on_progress
        Called with (evaluations so far, best feasible objective so far or inf) after every batch.
    on_step
        Called with the `GcPso` after each of its steps; its ``state()``, passed as ``resume`` to a call with
        otherwise equal arguments, continues from there to the same answer.
    options
        For `GcPso`.

    Raises
    ------
    Infeasible
        No stage met every limit; its ``.allocation`` is the closest, with ``.baselines``.
    ValueError
        The user's functions misbehaved.
    """
    stages = _Stages(problem, evaluations, on_progress)
    baselines: dict[str, Allocation] = {}
    starts: list[Any] = []

    def baseline(name: str, share: float, method: Callable[[Evaluator], None]) -> None:
        evaluator = stages.run(share, method)
        if evaluator is not None:
            baselines[name] = evaluator.allocation(name, strict=False)
            starts.insert(0, evaluator.best)

    given = [problem.index(seed) for seed in seeds]
    if given:
        stages.run(0.1, lambda evaluator: _evaluate(evaluator, given))
    baseline("uniform", 0.05, find_uniform)
    baseline("common-lsb", 0.1, find_common_lsb)
    baseline("greedy", 0.3, find_remove)
    baseline("exchange", 0.25, lambda evaluator: _exchange(evaluator, [stages.best, *starts[:2]]))

    def search(evaluator: Evaluator) -> None:
        swarm = GcPso(evaluator, rng, [*starts, *given], **options)
        if resume is not None:
            swarm.restore(resume)
        while not swarm.finished:
            swarm.step()
            if on_step is not None:
                on_step(swarm)

    # What the swarm may not use is for the last exchange, which ends early when there is nothing to gain.
    stages.run(max(0.0, 0.85 * stages.left / evaluations), search)
    stages.run(1.0, lambda evaluator: _exchange(evaluator, [stages.best]))
    final = stages.root.stage(1)
    final(stages.best[None])
    answer = replace(
        final.allocation("cascade", strict=False),
        evaluations=stages.spent,
        unique_evaluations=stages.unique,
        history=tuple(stages.history),
        baselines=baselines,
    )
    if not answer.feasible:
        raise Infeasible(final.complaint(answer), answer)
    return answer


def _evaluate(evaluator: Evaluator, points: Sequence[Any]) -> None:
    evaluator(np.array(points))


def _exchange(evaluator: Evaluator, points: Sequence[Any]) -> None:
    """Descend from each point by short exchanges, since the best start need not lead furthest; then fully."""
    tried: list[list[int]] = []
    for point in points:
        if point.tolist() not in tried:
            tried.append(point.tolist())
            descend(evaluator, point, REACHES[:1])
    descend(evaluator, evaluator.best)
