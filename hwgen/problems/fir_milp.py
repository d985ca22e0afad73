"""Certificates for taps that are chosen from lists: a multiple-choice integer program, solved by HiGHS.

Binary z_kl picks entry l of tap k's list: minimise t subject to ``|sum_k C_k(w) sum_l z_kl v_kl - D(w)| <= t`` at every
w of the grid, ``sum_l z_kl = 1`` for every k, and ``sum_kl cost_kl z_kl <= budget``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import Bounds, LinearConstraint, milp

from hwgen.problems.fir_spec import Samples, unquantised

# HiGHS lets rows be missed by 1e-6, and t is scaled to about 1: a bound may be off by as much, a cutoff needs room.
_SLACK = 2e-6


@dataclass(frozen=True)
class Optimum:
    """What the program proved: no choice within the budget has an error below ``bound``.

    ``choice`` (n entries) is the best that the program found, with its ``error`` on the grid; None and inf when it
    found none, be it for lack of time, or because nothing is better than the cutoff or within the budget. ``proven``
    says that the search ended by itself: then the bound is tight to the tolerance.
    """

    bound: float
    error: float
    choice: tuple[int, ...] | None
    proven: bool
    seconds: float


def choose(
    values: Sequence[ArrayLike],
    costs: Sequence[ArrayLike],
    samples: Samples,
    budget: float = np.inf,
    time_limit: float = 60.0,
    cutoff: float | None = None,
    tolerance: float = 1e-3,
) -> Optimum:
    """The choice of one value for each tap with the least largest weighted error, within the budget.

    Parameters
    ----------
    values, costs
        For each of the n taps, the values it may take and what each of them costs.
    samples
        The grid on which the error is taken.
    time_limit
        Seconds.
    cutoff
        Error of a known choice; the program looks for nothing worse, which spares it most of the tree.
    tolerance
        Relative gap between bound and error at which the search ends.

    Raises
    ------
    ValueError
        Lists that do not match, a limit that is not positive.
    """
    lists, prices = ([np.asarray(row, dtype=np.float64) for row in rows] for rows in (values, costs))
    n = samples.matrix.shape[1]
    if not (len(lists) == len(prices) == n) or any(
        a.shape != b.shape or not a.size for a, b in zip(lists, prices, strict=True)
    ):
        raise ValueError(f"give each of the {n} taps at least one value, and as many costs")
    if not (time_limit > 0 and tolerance > 0 and (cutoff is None or cutoff > 0)):
        raise ValueError("time_limit, tolerance and cutoff must be above 0")
    began = monotonic()
    ideal, floor = unquantised(samples)
    tap = np.repeat(np.arange(n), [row.size for row in lists])
    flat, price = np.concatenate(lists), np.concatenate(prices)
    scale = max(cutoff or 0.0, floor, 1e-30)
    # Deviations from the ideal filter, not values: the program then sees numbers of the size of t.
    matrix = samples.matrix[:, tap] * ((flat - ideal[tap]) / scale)
    rest = (samples.matrix @ ideal - samples.wanted) / scale
    column = np.ones((len(matrix), 1))
    one = (tap == np.arange(n)[:, None]).astype(np.float64)
    constraints = [
        LinearConstraint(np.hstack([matrix, -column]), -np.inf, -rest),
        LinearConstraint(np.hstack([-matrix, -column]), -np.inf, rest),
        LinearConstraint(np.hstack([one, np.zeros((n, 1))]), 1, 1),
    ]
    if np.isfinite(budget):
        constraints.append(LinearConstraint(np.append(price, 0.0)[None], -np.inf, budget))
    ceiling = np.inf if cutoff is None else cutoff / scale * (1 + _SLACK)
    result = milp(
        np.append(np.zeros(tap.size), 1.0),
        integrality=np.append(np.ones(tap.size), 0),
        bounds=Bounds(
            np.append(np.zeros(tap.size), floor / scale * (1 - _SLACK)), np.append(np.ones(tap.size), ceiling)
        ),
        constraints=constraints,
        options={"time_limit": time_limit, "mip_rel_gap": tolerance},
    )
    seconds = monotonic() - began
    if result.status == 2:  # infeasible: nothing is better than the cutoff, or nothing is within the budget
        return Optimum(np.inf if cutoff is None else cutoff, np.inf, None, True, seconds)
    dual = result.mip_dual_bound
    bound = max(floor, -np.inf if dual is None else float(dual) * scale) * (1 - _SLACK)
    choice, error = None, np.inf
    if result.x is not None:
        picked = [int(np.argmax(result.x[:-1][tap == k])) for k in range(n)]
        choice = tuple(picked)
        chosen = np.array([row[index] for row, index in zip(lists, picked, strict=True)])
        error = float(np.abs(samples.matrix @ chosen - samples.wanted).max())
    return Optimum(float(min(bound, error)), error, choice, result.status == 0, seconds)
