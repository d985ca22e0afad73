"""A greedy walk in a bit allocation problem from a point that is nearly right, all neighbours at once."""

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Problem

Ints = NDArray[np.int64]

_LEAST = 1e-9  # change of an error or a consumption that counts


def trimmed(problem: Problem, bits: Ints) -> Ints:
    """Bits (n,) of a problem with a goal, from which no single bit can be dropped to advantage.

    As long as the goal is missed, the variable that makes good most of it for what it costs has a bit more; then, as
    long as the goal holds, the one that saves most for what it adds to the error has one less. Each step looks at
    all n neighbours. Where more bits do not help, it ends where it is.
    """
    lower, upper = np.asarray(problem.lower), np.asarray(problem.upper)
    bits, own = np.clip(bits, lower, upper), np.eye(len(lower), dtype=np.int64)

    def moved(step: int) -> tuple[Ints, NDArray[np.float64], NDArray[np.float64], float]:
        """Neighbours that exist, with the errors and consumptions that they add, and the error here."""
        points = (bits + step * own)[(bits + step >= lower) & (bits + step <= upper)]
        rows = np.concatenate([bits[None], bits[None], points])  # twice, as a single row may be measured more finely
        errors, costs = problem.error(rows), problem.consumption(rows)
        return points, errors[2:] - errors[0], costs[2:] - costs[0], float(errors[0])

    while True:
        points, errors, costs, error = moved(1)
        if error <= problem.limit or not len(points) or errors.min() >= -_LEAST:
            break
        # More than enough is worth no more.
        good = np.minimum(-errors, error - problem.limit)
        bits = points[int(np.argmax(good / np.maximum(costs, _LEAST)))]
    while True:
        points, errors, costs, error = moved(-1)
        able = (error + errors <= problem.limit) & (costs < -_LEAST)
        if not able.any():
            return bits
        bits = points[int(np.argmax(np.where(able, -costs / np.maximum(errors, _LEAST), -np.inf)))]
