"""Problems whose answers the tests of this folder know, and counters around the functions of a problem."""

import itertools

import numpy as np

from hwgen.allocation import Allocation, Infeasible, Problem, solve
from hwgen.allocation.problem import TOLERANCE

KINDS = ("separable", "minimax", "rough", "power", "filter")


def noise(bits):
    return (4.0**-bits).sum(axis=1)


def total(bits):
    return bits.sum(axis=1)


def three(**changes):
    """Three alike variables of 1 to 8 bits, 12 bits in all: 4 each is best."""
    options = {"names": ["a", "b", "c"], "lower": 1, "upper": 8, "error": noise, "consumption": total, "budget": 12}
    return Problem(**(options | changes))


def weighted(weights, costs=1, **limit):
    """Sum of w 4^-b, 0 to 12 bits: separable and convex."""
    weights, costs = np.asarray(weights), np.asarray(costs)
    names = [f"v{k}" for k in range(weights.size)]
    return Problem(
        names, 0, 12, lambda b: (weights * 4.0**-b).sum(axis=1), lambda b: (costs * b).sum(axis=1), **limit
    )  # fmt: skip


def fox(weights, budget):
    """Marginal allocation, one bit at a time to the largest decrease: exact for convex separable errors (Fox 1966)."""
    bits = np.zeros(len(weights), dtype=int)
    for _ in range(budget):
        bits[np.argmax(0.75 * weights * 4.0**-bits)] += 1
    return float((weights * 4.0**-bits).sum())


def rough(seed, **limit):
    """Five variables, error and consumption with random bumps: neither is monotone."""
    draw = np.random.default_rng(seed)
    harm = np.sort(draw.exponential(size=(5, 5)), axis=1)[:, ::-1] + 0.3 * draw.uniform(size=(5, 5))
    load = np.cumsum(draw.uniform(-0.5, 1.5, (5, 5)), axis=1) + 3
    columns = np.arange(5)
    return Problem(
        list("abcde"), 0, 4, lambda b: harm[columns, b].max(axis=1) + 0.2 * harm[columns, b].sum(axis=1),
        lambda b: load[columns, b].sum(axis=1) + np.maximum(load[0, b[:, 0]], load[1, b[:, 1]]), **limit,
    )  # fmt: skip


def halfway(make, limit, share=0.5):
    """The problem ``make(budget=...)`` or ``make(goal=...)``, the limit a share of the way from all-lower to all-upper.

    Small spaces only: a goal is met by the point in the middle of all errors, so that it is never out of reach.
    """
    free = make(budget=1e9)
    ends = free.measure(free.bits(np.array([0 * free.depth, free.depth])))
    if limit == "budget":
        return make(budget=float(ends[0, 1] + share * (ends[1, 1] - ends[0, 1])))
    return make(goal=float(ends[:, 0].min() + (1 - share) * 0.6 * (ends[:, 0].max() - ends[:, 0].min())))


def everything(problem):
    """Every point of a small space in bits (P, n), and which of them meet every limit (P,)."""
    points = problem.bits(np.array(list(itertools.product(*(range(depth + 1) for depth in problem.depth)))))
    values = problem.measure(points)
    slack = TOLERANCE * np.where(problem.limits == 0, 1, np.abs(problem.limits))
    return points, values, (values <= problem.limits + slack).all(axis=1)


def optimum(problem):
    """The least objective by enumeration."""
    _, values, feasible = everything(problem)
    return values[feasible, 0 if problem.spends else 1].min()


def objective(problem, answer):
    """What the problem minimises, infinite for an answer that violates a limit."""
    return (answer.error if problem.spends else answer.consumption) if answer.feasible else np.inf


def attempt(problem, method, seed=1, evaluations=2000, **options) -> Allocation:
    """The answer, or the closest point there is."""
    try:
        return solve(problem, seed, evaluations, method=method, **options)
    except Infeasible as failure:
        return failure.allocation


def counted(function, rows):
    """The function, adding the points it is given to the list ``rows``."""

    def counting(bits):
        rows.extend(map(tuple, np.atleast_2d(bits).tolist()))
        return function(bits)

    return counting


def mixed(seed):
    """Instance ``seed`` of a mixed family: KINDS in turn, both directions, some with level sets, constraints, starts.

    Spaces of about 1e4 to 1e9 points, so that searches at some hundred evaluations do not see them whole.
    """
    rng = np.random.default_rng([3, seed])
    kind, spends = KINDS[seed % len(KINDS)], seed // len(KINDS) % 2 == 0
    n = int(rng.integers(5, 11))
    top = int(rng.integers(5, 9))
    weights = np.exp(rng.normal(0, 2, n))
    signs = rng.normal(size=(30, n)) * 2.0 ** -rng.integers(0, 3, n)
    harm = np.sort(rng.exponential(size=(n, top + 1)), axis=1)[:, ::-1] + 0.3 * rng.uniform(size=(n, top + 1))
    load = np.cumsum(rng.uniform(-0.3, 1.5, (n, top + 1)), axis=1)
    rounding = rng.uniform(-0.5, 0.5, (n, top + 1)) * 2.0 ** -np.arange(top + 1)
    residual = 0.02 * rng.normal(size=30)
    rows = np.arange(n)
    errors = {
        "separable": lambda b: (weights * 4.0**-b).sum(axis=1),
        "minimax": lambda b: (weights * 2.0**-b).max(axis=1) + 0.01 * (weights * 2.0**-b).sum(axis=1),
        "rough": lambda b: harm[rows, b].max(axis=1) + 0.2 * harm[rows, b].sum(axis=1),
        "power": lambda b: 1 / (0.1 + (weights * (1 - 4.0**-b)).sum(axis=1)),
        "filter": lambda b: np.abs(residual + rounding[rows, b] @ signs.T).max(axis=1),
    }
    costs = {"rough": lambda b: load[rows, b].sum(axis=1), "power": lambda b: np.where(b > 0, 2.0**b, 0.0).sum(axis=1)}
    prices = rng.integers(1, 4, n) if rng.uniform() < 0.5 else np.ones(n)
    error, consumption = errors[kind], costs.get(kind, lambda b: (b * prices).sum(axis=1))

    def linearise(bits, variable, level):
        base = residual + rounding[rows, bits] @ signs.T
        return base, signs[:, variable] * (rounding[variable, level] - rounding[variable, bits[variable]])

    options = {"linearise": linearise} if kind == "filter" else {}
    if rng.uniform() < 0.3:
        options["levels"] = [sorted({0, top, *rng.integers(0, top + 1, top).tolist()}) for _ in range(n)]
    if rng.uniform() < 0.3:
        most = int(rng.integers(top, 2 * top - 1))
        options["constraints"] = [(lambda b: b[:, 0] + b[:, 1], most), (lambda b: -b[:, 2], -2.0)]
    if rng.uniform() < 0.3:
        options["starts"] = {"closed form": np.clip(np.round(np.log(weights) / 1.4 + top / 2), 0, top)}
    some = rng.integers(0, top + 1, (200, n))
    column = consumption(some) if spends else error(some)
    limit = float(np.quantile(column, rng.uniform(0.15, 0.6)))
    return Problem(
        [f"v{k}" for k in rows], 0, top, error, consumption, offsets=np.log2(weights), **options,
        **({"budget": limit} if spends else {"goal": limit}),
    )  # fmt: skip


def fed(problem, steps):
    """Measure what the steps ask for; what they return."""
    values = None
    while True:
        try:
            values = problem.measure(next(steps) if values is None else steps.send(values))
        except StopIteration as end:
            return end.value
