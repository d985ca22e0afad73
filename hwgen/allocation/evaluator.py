"""Evaluate points once, count them, and remember the best."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation.problem import Allocation, Infeasible, Problem

Progress = Callable[[int, float], None]

# Rows handed to the user's functions at once; an error on a frequency grid needs rows x grid floats.
CHUNK = 512
DIGEST = 6


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


def judge(problem: Problem, values: NDArray[np.float64]) -> Evaluation:
    """The raw columns (P, 2 + C) of `Problem.measure`, read as that problem's objective and limits."""
    objective, spent = (0, 1) if problem.spends else (1, 0)
    return Evaluation(values[:, objective], problem.excess(values), values[:, spent], values)


class Cache:
    """Raw values by point, and digests of the points an interrupted run had seen."""

    def __init__(self) -> None:
        self.values: dict[bytes, NDArray[np.float64]] = {}
        self.known: set[bytes] = set()


class Evaluator:
    """Evaluation of ladder positions (P, n), with a cache shared between the stages of one search.

    Every row asked for counts as an evaluation, cached or not, so that a search over a small space ends too;
    ``unique`` counts the rows the user's functions saw.

    Members
    -------
    evaluations, unique, limit, left
        Counters, the largest number of evaluations, and what is left of it (may fall below 0 by one batch).
    best, best_key
        Best ladder position seen (n,) and its `Evaluation.key`.
    history
        (evaluations, objective) at every improvement of the best feasible point.
    """

    def __init__(
        self, problem: Problem, limit: int, cache: Cache | None = None, progress: Progress | None = None
    ) -> None:
        if limit < 1:
            raise ValueError(f"evaluations must be at least 1, got {limit}")
        self.problem, self.limit, self.progress = problem, int(limit), progress
        self.evaluations = self.unique = 0
        self.best = np.zeros(problem.size, dtype=np.int64)
        self.best_key = (np.inf, np.inf, np.inf)
        self.best_values = np.full(2 + len(problem.constraints), np.inf)
        self.history: list[tuple[int, float]] = []
        self._cache = Cache() if cache is None else cache
        self._seen: dict[bytes, None] = {}

    @property
    def left(self) -> int:
        return self.limit - self.evaluations

    @property
    def feasible(self) -> bool:
        return self.best_key[0] == 0

    def stage(self, limit: int, progress: Progress | None = None) -> "Evaluator":
        """An evaluator with counters of its own that shares the cache."""
        return Evaluator(self.problem, max(1, limit), self._cache, progress)

    def __call__(self, index: NDArray[Any]) -> Evaluation:
        """Evaluate ladder positions (P, n); duplicates, in the batch or from earlier, are computed once."""
        rows = np.ascontiguousarray(index, dtype=np.int16)
        keys = [row.tobytes() for row in rows]
        fresh = {key: row for row, key in enumerate(keys) if key not in self._cache.values}
        if fresh:
            missing, bits = list(fresh), self.problem.bits(rows[list(fresh.values())])
            for start in range(0, len(missing), CHUNK):
                values = self.problem.measure(bits[start : start + CHUNK])
                self._cache.values.update(zip(missing[start : start + CHUNK], values, strict=True))
            for key in missing:
                # After a resume the cache is empty: what the first run computed must not count twice.
                if not self._cache.known or _digest(key) not in self._cache.known:
                    self.unique += 1
                    self._seen[key] = None
        values = np.array([self._cache.values[key] for key in keys])
        values = values.reshape(len(keys), 2 + len(self.problem.constraints))
        result = judge(self.problem, values)
        self._note(rows, result)
        return result

    def _note(self, rows: NDArray[np.int16], result: Evaluation) -> None:
        before = self.evaluations
        self.evaluations += len(rows)
        for row in np.flatnonzero(result.violation <= self.best_key[0]):
            key = result.key(int(row))
            if key < self.best_key:
                if key[0] == 0 and (not self.feasible or key[1] < self.best_key[1]):
                    self.history.append((before + int(row) + 1, key[1]))
                self.best, self.best_key, self.best_values = rows[row].astype(np.int64), key, result.values[row].copy()
        if self.progress is not None:
            self.progress(self.evaluations, self.best_key[1] if self.feasible else np.inf)

    def allocation(self, method: str, strict: bool = True) -> Allocation:
        """The best point seen. Raises Infeasible when it violates a limit, unless ``strict`` is false."""
        problem = self.problem
        answer = Allocation(
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
        if strict and not answer.feasible:
            raise Infeasible(self.complaint(answer), answer)
        return answer

    def complaint(self, answer: Allocation) -> str:
        """Why an infeasible answer is one."""
        what, value = ("budget", answer.consumption) if self.problem.spends else ("goal", answer.error)
        quantity = "smallest consumption" if self.problem.spends else "smallest error"
        text = f"no allocation met every limit in {answer.evaluations} evaluations: "
        if self.problem.excess(np.array([*self.best_values[:2], *self.problem.limits[2:]])) > 0:
            text += f"the {what} is {self.problem.limit:g}, the {quantity} found {value:g}"
        else:
            text += "the further constraints cannot be met together with the " + what
        return text + f" (relative violation {answer.violation:.3g})"

    def state(self) -> dict[str, Any]:
        """Counters, best point and history as plain JSON data; of the cache only digests, to keep ``unique`` exact."""
        digests = b"".join(sorted({*self._cache.known, *map(_digest, self._seen)}))
        return {
            "evaluations": self.evaluations,
            "unique": self.unique,
            "best": self.best.tolist(),
            "history": [list(entry) for entry in self.history],
            "seen": base64.b64encode(digests).decode(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from `state`; the cache is filled again as points come up."""
        digests = base64.b64decode(state["seen"])
        self._cache.known = {digests[k : k + DIGEST] for k in range(0, len(digests), DIGEST)}
        self._seen = {}
        progress, self.progress = self.progress, None
        self.best_key = (np.inf, np.inf, np.inf)
        self(np.array([state["best"]]))
        self.progress = progress
        self.evaluations, self.unique = int(state["evaluations"]), int(state["unique"])
        self.history = [(int(count), float(value)) for count, value in state["history"]]


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=DIGEST).digest()
