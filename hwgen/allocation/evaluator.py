"""Evaluate points once, count them, and remember the best.

Every method is a generator: it yields the points it wants measured and is sent their values, so that whoever
drives it decides where they are computed and may stop in between. `Evaluator` stands between the two.
"""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.answer import Allocation, Infeasible
from hwgen.allocation.ladders import Ints
from hwgen.allocation.problem import Problem

T = TypeVar("T")
# Yields bits (P, n), is sent the columns of `Problem.measure` (P, 2 + C), returns T.
Steps = Generator[Ints, NDArray[np.float64], T]
Progress = Callable[[int, float], None]

# Rows handed out at once; an error on a frequency grid needs rows x grid floats.
CHUNK = 512
# A stage ends when it has asked for this many times the rows it may evaluate, or that there are.
PATIENCE = 6


class Spent(Exception):  # noqa: N818 (an ordinary end, not an error)
    """The evaluations are used up, or the search goes round in circles."""


class Evaluation(NamedTuple):
    """P points: the objective, the violation (0 = feasible), the limited quantity, and every raw column (P, 2 + C)."""

    objective: NDArray[np.float64]
    violation: NDArray[np.float64]
    spent: NDArray[np.float64]
    values: NDArray[np.float64]

    def key(self, row: int) -> tuple[float, float, float]:
        """Sorts points: the less infeasible first, then the better, then the one that leaves more slack."""
        return float(self.violation[row]), float(self.objective[row]), float(self.spent[row])

    def order(self) -> NDArray[np.intp]:
        """Rows from best to worst."""
        return np.lexsort((self.spent, self.objective, self.violation))

    def rows(self, rows: Any) -> "Evaluation":
        """Some of the points."""
        return Evaluation(*(column[rows] for column in self))


def judge(problem: Problem, values: NDArray[np.float64]) -> Evaluation:
    """The raw columns (P, 2 + C) of `Problem.measure`, read as that problem's objective and limits."""
    objective, spent = (0, 1) if problem.spends else (1, 0)
    return Evaluation(values[:, objective], problem.excess(values), values[:, spent], values)


class Evaluator:
    """Evaluation of ladder positions (P, size), with a cache shared between the stages of one search.

    Points in ``known`` count as new, but their values are taken from there.

    Members
    -------
    evaluations, unique
        Rows asked for, and those of them that were in no cache.
    limit, left
        Largest number of unique rows, never exceeded, and what is left of it.
    best, best_key
        Best ladder position seen (size,) and its `Evaluation.key`.
    history
        (unique rows, objective) at every improvement of the best feasible point.
    """

    def __init__(
        self, problem: Problem, limit: int, cache: dict[bytes, NDArray[np.float64]] | None = None,
        progress: Progress | None = None, known: dict[bytes, NDArray[np.float64]] | None = None,
    ) -> None:  # fmt: skip
        if limit < 0:
            raise ValueError(f"evaluations must not be negative, got {limit}")
        self.problem, self.limit, self.progress = problem, int(limit), progress
        self.evaluations = self.unique = 0
        self.best = np.zeros(problem.size, dtype=np.int64)
        self.best_key = (np.inf, np.inf, np.inf)
        self.best_values = np.full(2 + len(problem.constraints), np.inf)
        self.history: list[tuple[int, float]] = []
        self.cache = {} if cache is None else cache
        self._known = {} if known is None else known
        self._patience = PATIENCE * (min(self.limit, problem.points) + 200)

    @property
    def left(self) -> int:
        return self.limit - self.unique

    @property
    def feasible(self) -> bool:
        return self.best_key[0] == 0

    def __call__(self, index: NDArray[Any]) -> Steps[Evaluation]:
        """Evaluate ladder positions (P, size); duplicates, in the batch or from earlier, are computed once.

        Raises Spent, once all that could still be afforded is noted, when the batch would exceed the limit; also when
        far more rows were asked for than the limit, so that a search over an exhausted space ends.
        """
        rows = np.ascontiguousarray(index, dtype=np.int16)
        packed, width = rows.tobytes(), rows.itemsize * self.problem.size
        keys = [packed[at : at + width] for at in range(0, len(packed), width)]
        fresh: dict[bytes, int] = {}
        for row, key in enumerate(keys):
            if key not in self.cache:
                fresh.setdefault(key, row)
        missing = list(fresh)[: self.left]
        new = np.zeros(len(keys), dtype=np.int64)
        new[[fresh[key] for key in missing]] = 1
        unknown = missing
        if self._known:
            self.cache |= {key: self._known[key] for key in missing if key in self._known}
            unknown = [key for key in missing if key not in self._known]
        if unknown:
            bits = self.problem.bits(rows[[fresh[key] for key in unknown]])
            for start in range(0, len(unknown), CHUNK):
                values = yield bits[start : start + CHUNK]
                self.cache.update(zip(unknown[start : start + CHUNK], values, strict=True))
        cut = len(missing) < len(fresh)
        if cut:
            known = [row for row, key in enumerate(keys) if key in self.cache]
            rows, keys, new = rows[known], [keys[row] for row in known], new[known]
        if not 0 < len(keys) == len(unknown) <= CHUNK:  # else the values just received are all there is
            values = np.array([self.cache[key] for key in keys]).reshape(len(keys), 2 + len(self.problem.constraints))
        result = judge(self.problem, values)
        self._note(rows, result, np.cumsum(new))
        if cut or self.evaluations > self._patience:
            raise Spent
        return result

    def _note(self, rows: NDArray[np.int16], result: Evaluation, fresh: NDArray[np.int64]) -> None:
        """Remember the best; ``fresh`` (P,) is how many of the rows up to each were new."""
        before = self.unique
        self.evaluations += len(rows)
        self.unique += int(fresh[-1]) if len(fresh) else 0
        # Most rows are no better than the best so far, by the violation, or with the same by the objective.
        violation, objective = result.violation, result.objective
        least = np.minimum(np.minimum.accumulate(violation), self.best_key[0])
        near = violation <= least
        near &= (violation < self.best_key[0]) | (objective <= self.best_key[1])
        for row in np.flatnonzero(near):
            key = result.key(int(row))
            if key < self.best_key:
                if key[0] == 0 and (not self.feasible or key[1] < self.best_key[1]):
                    self.history.append((before + int(fresh[row]), key[1]))
                self.best, self.best_key, self.best_values = rows[row].astype(np.int64), key, result.values[row].copy()
        if self.progress is not None:
            self.progress(self.unique, self.best_key[1] if self.feasible else np.inf)

    def allocation(self, method: str) -> Allocation:
        """The best point seen, feasible or not."""
        problem = self.problem
        return Allocation(
            names=tuple(problem.names),
            bits=tuple(int(b) for b in problem.bits(self.best)),
            error=float(self.best_values[0]),
            consumption=float(self.best_values[1]),
            feasible=self.feasible,
            violation=float(self.best_key[0]),
            evaluations=self.evaluations,
            unique_evaluations=self.unique,
            method=method,
            history=tuple(self.history),
        )


def within(steps: Steps[Any]) -> Steps[None]:
    """Run a method until it ends or the evaluations do."""
    try:
        yield from steps
    except Spent:
        return


def demand(problem: Problem, answer: Allocation) -> Allocation:
    """The answer, certified where the problem can; raises Infeasible when it violates a limit."""
    if answer.feasible:
        return answer.certified(problem)
    what, value = ("budget", answer.consumption) if problem.spends else ("goal", answer.error)
    quantity = "smallest consumption" if problem.spends else "smallest error"
    spent = answer.unique_evaluations + answer.start_evaluations
    text = f"no allocation met every limit in {spent} evaluations: "
    main = np.array([answer.error, answer.consumption, *problem.limits[2:]])
    if problem.excess(main) > 0:
        text += f"the {what} is {problem.limit:g}, the {quantity} found {value:g}"
    else:
        text += "the further constraints cannot be met together with the " + what
    raise Infeasible(text + f" (relative violation {answer.violation:.3g})", answer)
