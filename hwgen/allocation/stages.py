"""One search made of stages that share a cache: starts, which are counted apart, and the stages that spend."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hwgen.allocation.answer import Allocation
from hwgen.allocation.evaluator import Evaluator, Progress, Spent, Steps, within
from hwgen.allocation.knapsack import TooLarge
from hwgen.allocation.ladders import Ints
from hwgen.allocation.problem import Problem

# Evaluations a start may use at least: a greedy walk that is cut short is no baseline.
START = 30_000
Find = Callable[[Evaluator], Steps[Any]]


class Stages:
    """Runs stages on one cache and adds up what they did.

    Members
    -------
    left
        Evaluations not yet spent.
    best, best_key
        Best ladder position seen by any stage (size,), and its `Evaluation.key`.
    starts
        What each start ended at, ladder positions, the latest first.
    baselines
        The answer of each named start or stage.
    proven
        Whether an exact method came to its end, so that the best point is the optimum.
    """

    def __init__(
        self, problem: Problem, evaluations: int, on_progress: Progress | None, start_evaluations: int = START
    ) -> None:
        if evaluations < 1:
            raise ValueError(f"evaluations must be at least 1, got {evaluations}")
        self.problem, self.evaluations, self.on_progress = problem, int(evaluations), on_progress
        self._most_start = max(self.evaluations, start_evaluations)
        self.cache: dict[bytes, Any] = {}
        self.asked = self.unique = self.start_evaluations = 0
        self.best = np.zeros(problem.size, dtype=np.int64)
        self.best_key = (np.inf, np.inf, np.inf)
        self.starts: list[Ints] = []
        self.baselines: dict[str, Allocation] = {}
        self.history: list[tuple[int, float]] = []
        self.proven = False

    @property
    def left(self) -> int:
        return self.evaluations - self.unique

    def given(self, seeds: Sequence[ArrayLike]) -> Steps[None]:
        """Evaluate the problem's own starts, each a baseline, and ``seeds`` in bits (n,)."""
        for name, bits in self.problem.starts.items():
            yield from self.start(name, _at(self.problem.index(bits)))
        for bits in seeds:
            yield from self.start(None, _at(self.problem.index(bits)))

    def proving(self, find: Callable[[Evaluator], Steps[bool]]) -> Find:
        """The exact method ``find``, noting when it came to its end; it counts for nothing where it is too large."""

        def steps(evaluator: Evaluator) -> Steps[None]:
            try:
                self.proven |= yield from find(evaluator)
            except TooLarge:
                return

        return steps

    def start(self, name: str | None, find: Find) -> Steps[None]:
        """Run a start to its own end: it has evaluations of its own, and they are counted apart."""
        evaluator = self.evaluator(self._most_start)
        yield from within(find(evaluator))
        self._note(name, evaluator, evaluator.unique)
        self.starts.insert(0, evaluator.best)
        self.start_evaluations += evaluator.unique

    def spend(self, find: Find, share: float = 1.0, name: str | None = None, alone: bool = False) -> Steps[None]:
        """Run a stage with a share of what is left; ``alone``, counting as if no point were known yet."""
        limit = int(np.ceil(share * self.left))
        if limit <= 0:
            return
        if not alone:
            evaluator = self.evaluator(limit)
            yield from self.run(evaluator, within(find(evaluator)), name)
            return
        known = len(self.cache)
        evaluator = Evaluator(self.problem, limit, known=self.cache)
        yield from within(find(evaluator))
        self.cache |= evaluator.cache
        new = len(self.cache) - known
        self._note(name, evaluator, new)
        self.asked += evaluator.evaluations
        self.unique += new
        self._progress(0, np.inf)

    def evaluator(self, limit: int) -> Evaluator:
        """For a stage that may spend ``limit`` evaluations, with the cache of all."""
        return Evaluator(self.problem, limit, self.cache, self._progress)

    def run(self, evaluator: Evaluator, steps: Steps[None], name: str | None = None) -> Steps[None]:
        """Run steps that spend through a stage's evaluator, all of them or the next part."""
        asked, unique = evaluator.evaluations, evaluator.unique
        yield from steps
        self._note(name, evaluator, evaluator.unique, unique)
        self.asked += evaluator.evaluations - asked
        self.unique += evaluator.unique - unique

    def _note(self, name: str | None, evaluator: Evaluator, new: int, noted: int = 0) -> None:
        """Keep what a stage found; ``noted`` of its evaluations are in ``unique`` already."""
        before = self.start_evaluations + self.unique - noted
        for count, value in evaluator.history:
            if not self.history or value < self.history[-1][1]:
                self.history.append((before + min(count, new), value))
        if evaluator.best_key < self.best_key:
            self.best, self.best_key = evaluator.best, evaluator.best_key
        if name is not None:
            self.baselines[name] = evaluator.allocation(name)

    def _progress(self, evaluations: int, objective: float) -> None:
        if self.on_progress is not None:
            known = self.history[-1][1] if self.history else np.inf
            self.on_progress(self.start_evaluations + self.unique + evaluations, min(objective, known))

    def answer(self, method: str) -> Steps[Allocation]:
        """The best of all stages."""
        final = Evaluator(self.problem, 1, self.cache)
        yield from within(final(self.best[None]))
        answer = final.allocation(method)
        certain = self.proven and answer.feasible
        objective = answer.error if self.problem.spends else answer.consumption
        return replace(
            answer,
            bound=objective if certain else None,
            gap=0.0 if certain else None,
            evaluations=self.asked,
            unique_evaluations=self.unique,
            start_evaluations=self.start_evaluations,
            history=tuple(self.history),
            baselines=self.baselines,
        )


class Pausing:
    """Steps of a stage that can be stopped in between and continued, other stages running meanwhile."""

    def __init__(self, evaluator: Evaluator, steps: Steps[Any]) -> None:
        self._evaluator, self._steps = evaluator, steps
        self._points: Ints | None = None
        self.done = False

    def until(self, unique: int) -> Steps[None]:
        """Go on until at least so many evaluations are spent, or to the end."""
        try:
            if self._points is None:
                self._points = next(self._steps)
            while self._evaluator.unique < unique:
                self._points = self._steps.send((yield self._points))
        except (Spent, StopIteration):
            self.done = True


def _at(point: Ints) -> Find:
    return lambda evaluator: evaluator(point[None])


def sorted_starts(stages: Stages) -> list[Ints]:
    """The starts, the best first."""
    first = [stages.best]
    return first + [start for start in stages.starts if not np.array_equal(start, stages.best)]
