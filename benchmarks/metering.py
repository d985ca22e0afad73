"""What a search costs and when it gets where: watched from inside the error function, the same way for every tool."""

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Problem

Bits = NDArray[np.int64]
Floats = NDArray[np.float64]

PATIENCE = 2  # a peer ends when it has asked for this many times the points it may evaluate


class Spent(Exception):  # noqa: N818 (an ordinary end)
    """All evaluations are used up."""


class Meter:
    """Counts and times the evaluations of one run of a problem with a budget; the clock starts here.

    It is that of the processor, which other programs on the machine do not disturb: every tool here is one thread, and
    on an idle machine the time on the wall is the same.

    Members
    -------
    evaluations
        Points that reached the problem's error function.
    bits, error
        The best feasible point among them (n,) and its error.
    trace
        (seconds, evaluations, error) whenever a batch held a new best feasible point.
    """

    def __init__(self, problem: Problem, limit: int) -> None:
        self.problem, self.limit = problem, limit
        self.evaluations = self.asked = 0
        self.bits: Bits = np.zeros(len(problem.names), dtype=np.int64)
        self.error = np.inf
        self.trace: list[tuple[float, int, float]] = []
        self._cache: dict[bytes, float] = {}
        self._start = time.process_time()

    @property
    def seconds(self) -> float:
        """Processor time since the start of the run."""
        return time.process_time() - self._start

    def watched(self) -> Problem:
        """The problem, with this meter in front of its error function."""
        return replace(self.problem, error=self.errors)

    def errors(self, bits: Bits) -> Floats:
        """The problem's errors (P,) of points (P, n), noted."""
        errors = np.asarray(self.problem.error(bits), dtype=float)
        self.evaluations += len(bits)
        if errors.min() < self.error:
            feasible = np.asarray(self.problem.consumption(bits)) <= self.problem.limit
            best = int(np.where(feasible, errors, np.inf).argmin())
            if feasible[best] and errors[best] < self.error:
                self.error, self.bits = float(errors[best]), bits[best].copy()
                self.trace.append((self.seconds, self.evaluations, self.error))
        return errors

    def distinct(self, bits: Bits) -> Floats:
        """As `errors`, but points seen before are free, as they are in hwgen.

        Raises
        ------
        Spent
            The batch would exceed the limit (what it still allows is evaluated), or the search goes round in circles.
        """
        keys = [row.tobytes() for row in np.ascontiguousarray(bits, dtype=np.int8)]
        fresh = {key: row for row, key in enumerate(keys) if key not in self._cache}
        allowed = list(fresh.items())[: self.limit - self.evaluations]
        if allowed:
            errors = self.errors(bits[[row for _, row in allowed]])
            self._cache.update(zip([key for key, _ in allowed], errors.tolist(), strict=True))
        self.asked += len(bits)
        if len(allowed) < len(fresh) or self.evaluations == self.limit or self.asked > PATIENCE * self.limit:
            raise Spent
        return np.array([self._cache[key] for key in keys])

    def reached(self, error: float) -> float:
        """Seconds until a feasible point had at most this error; infinite if none had."""
        return next((seconds for seconds, _, found in self.trace if found <= error), np.inf)
