"""Searches that ask for points and are told their values: run here, sent elsewhere, saved and continued."""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.allocation.answer import Allocation
from hwgen.allocation.evaluator import Progress, Steps, demand
from hwgen.allocation.ladders import Ints
from hwgen.allocation.methods import METHODS
from hwgen.allocation.problem import Problem, Seed

Measure = Callable[[Ints], NDArray[np.float64]]


class Search:
    """A search by one method, one batch of points at a time.

    Parameters
    ----------
    problem
        What to solve.
    method
        One of `METHODS`: "allocate" (the cascade), "gc-pso", "ppso", "greedy", ...
    seed
        A number, or a Generator that others draw from too.
    evaluations
        Largest number of different points the swarm and the local moves may have measured.
    seeds
        Known good points in bits (n,), besides `Problem.starts`.
    on_progress
        Called with (points so far, best feasible objective so far or inf) after every batch.
    options
        Of the method: see `repaired_swarm` for GC-PSO.

    Examples
    --------
    >>> search = Search(problem, "gc-pso", seed=1)
    >>> while not search.done:
    ...     search.tell(problem.measure(search.ask()))
    >>> search.result()
    """

    def __init__(
        self, problem: Problem, method: str = "allocate", seed: Seed = 0, evaluations: int = 20000,
        seeds: Sequence[ArrayLike] = (), on_progress: Progress | None = None, **options: Any,
    ) -> None:  # fmt: skip
        if method not in METHODS:
            raise ValueError(f"the method must be one of {', '.join(METHODS)}, got {method!r}")
        self.problem = problem
        self._rng = np.random.default_rng(seed)
        self._steps: Steps[Allocation] = METHODS[method](
            problem, self._rng, evaluations, seeds=seeds, on_progress=on_progress, **options
        )
        self._began = _plain(self._rng.bit_generator.state)
        self._told: list[NDArray[np.float64]] = []
        self._asked = hashlib.blake2b(digest_size=16)
        self._points: Ints | None = None
        self._answer: Allocation | None = None
        self._advance(None)

    @property
    def done(self) -> bool:
        """Whether there is nothing left to ask."""
        return self._answer is not None

    def ask(self) -> Ints:
        """The points to be measured next, bits (P, n); the same until they are told."""
        if self._points is None:
            raise ValueError("the search is done; result() has its answer")
        return self._points.copy()

    def tell(self, values: ArrayLike) -> None:
        """Values of the points asked for, (P, 2 + C): error, consumption and every constraint."""
        points = self.ask()
        columns = self.problem.checked(values, points)
        self._asked.update(points.tobytes())
        self._told.append(columns)
        self._advance(columns)

    def result(self) -> Allocation:
        """The answer. Raises Infeasible when no point met every limit, ValueError before the search is done."""
        if self._answer is None:
            raise ValueError("the search is not done: ask and tell until .done")
        return demand(self.problem, self._answer)

    def run(self, measure: Measure | None = None) -> Allocation:
        """Ask and tell to the end, measuring with ``measure`` (bits (P, n) -> (P, 2 + C)) or the problem itself."""
        while not self.done:
            self.tell((measure or self.problem.measure)(self.ask()))
        return self.result()

    def _advance(self, values: NDArray[np.float64] | None) -> None:
        try:
            self._points = next(self._steps) if values is None else self._steps.send(values)
        except StopIteration as end:
            self._points, self._answer = None, end.value

    def state(self) -> dict[str, Any]:
        """All that was told so far, as plain JSON data; what was asked follows from it."""
        told = np.concatenate(self._told) if self._told else np.zeros((0, 0))
        return {
            "batches": [len(values) for values in self._told],
            "values": base64.b64encode(np.ascontiguousarray(told, dtype="<f8").tobytes()).decode(),
            "asked": self._asked.hexdigest(),
            "generator": self._began,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from the `state` of a search made with the same arguments; this one must be new.

        The search goes through its steps again with the values it was told, which asks nothing of the problem and
        ends at the same state to the bit.
        """
        if self._told:
            raise ValueError("restore a search before it is told anything")
        if state["generator"] != self._began:
            raise ValueError("this is the state of a search with another seed")
        if not state["batches"]:
            return
        values = np.frombuffer(base64.b64decode(state["values"]), dtype="<f8")
        values = values.reshape(sum(state["batches"]), -1)
        for batch in np.split(values, np.cumsum(state["batches"])[:-1]):
            if self._points is None or len(self._points) != len(batch):
                raise ValueError("this is the state of a search with other arguments")
            self.tell(batch)
        if self._asked.hexdigest() != state["asked"]:
            raise ValueError("this is the state of a search with other arguments")


def _plain(state: Any) -> Any:
    """A generator's state with lists for arrays, so that it is JSON and can be compared."""
    if isinstance(state, Mapping):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state


def solve(
    problem: Problem, seed: Seed = 0, evaluations: int = 20000, *, method: str = "allocate", **options: Any
) -> Allocation:
    """Solve a problem by any of `METHODS`; arguments as for `Search`."""
    return Search(problem, method, seed, evaluations, **options).run()
