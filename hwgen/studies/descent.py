"""Gradient descent: bits for every iteration, by the noise model and in the words of hardware."""

from collections.abc import Callable, Sequence
from typing import Any

from hwgen.problems.descent import Descent
from hwgen.problems.objectives import LeastSquares, Logistic, Objective
from hwgen.studies.case import BEST, BOUND, Case, Instance, Step, Table

TITLE = "Gradient descent"
ABOUT = (
    "Each of 20 iterations rounds its gradient to its own number of bits; their sum is given. In the noise model "
    "rounding adds white noise, and the error that exact gradients would leave is taken off before ratios are formed; "
    "its optimum is known by dynamic programming. The bit-true model runs the words of hardware, where small "
    "gradients vanish (the dead zone): ratios are to the best known. “0 or 2 bits and up” may skip an update."
)
ERROR_LABEL = "mean squared distance from the optimum"
BUDGET_LABEL = "bits of an iteration, on average"
SHARED = False

SEEDS, EVALUATIONS = 3, 10_000  # the exchange alone takes up to 5000
ITERATIONS = 20
OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "least squares": LeastSquares.random,
    "logistic regression": Logistic.random,
}
# Name of the group: objective, model, zooming range, fewest bits, bits for each coordinate.
GROUPS = {
    "noise model, fixed range": ("least squares", "noise", False, 2, False),
    "noise model, zooming range": ("least squares", "noise", True, 2, False),
    "noise model, every coordinate": ("least squares", "noise", False, 2, True),
    "bit-true, least squares, 2 bits and up": ("least squares", "bit-true", False, 2, False),
    "bit-true, least squares, 0 or 2 bits and up": ("least squares", "bit-true", False, 0, False),
    "bit-true, least squares, zooming range": ("least squares", "bit-true", True, 2, False),
    "bit-true, logistic regression": ("logistic regression", "bit-true", False, 2, False),
}
QUICK = tuple(GROUPS)[:2] + tuple(GROUPS)[3:5]


def cases(quick: bool, seeds: int | None, evaluations: int | None) -> list[Case]:
    count = evaluations or (500 if quick else EVALUATIONS)
    every = tuple(range(seeds or (2 if quick else SEEDS)))
    found = []
    for group in QUICK if quick else GROUPS:
        objective, model, zoom, lower, coordinates = GROUPS[group]
        for bits in ((4, 6) if model == "noise" else (4,)) if quick else (3, 4, 5, 6, 8):
            parameters = {
                "objective": objective, "model": model, "zoom": zoom, "lower": lower, "coordinates": coordinates,
                "bits": bits,
            }  # fmt: skip
            against = BOUND if model == "noise" else BEST
            main = bits == 4 and model == "bit-true" and not zoom
            found.append(
                Case(f"{group} at {bits} bits", group, bits, parameters, every, count, against=against, main=main)
            )
    return found


def _descent(parameters: dict[str, Any]) -> tuple[Descent, int]:
    objective = OBJECTIVES[parameters["objective"]]()
    descent = Descent(
        objective, ITERATIONS, zoom=parameters["zoom"], lower=parameters["lower"], coordinates=parameters["coordinates"]
    )
    return descent, parameters["bits"] * descent.size


def instance(parameters: dict[str, Any], seed: int) -> Instance:
    descent, budget = _descent(parameters)
    problem = descent.problem(budget, parameters["model"])

    def judge(bits: Any) -> dict[str, float]:
        return {
            "bit-true": float(descent.bit_true(bits[None])[0]),
            "held out": float(descent.bit_true(bits[None], held_out=True)[0]),
        }

    return Instance(problem, descent.floor if parameters["model"] == "noise" else 0.0, judge=judge)


def certificate(parameters: dict[str, Any], known: float, seconds: float) -> dict[str, Any]:
    raise ValueError("the bounds of gradient descent come with its problems")


def extras(quick: bool) -> list[Step]:
    return []


def tables(results: Sequence[Any], cases: Sequence[dict[str, Any]]) -> list[Table]:
    rows = []
    for case in cases:
        lines = {line["name"]: line for line in case["methods"]}
        if "noise-model" not in lines:
            continue
        model, ours = lines["noise-model"]["judged"], lines["allocate"]["judged"]
        trained, held = (model[mark][0] / ours[mark][0] for mark in ("bit-true", "held out"))
        rows.append((
            case["key"], f"{model['bit-true'][0]:.4g}", f"{ours['bit-true'][0]:.4g}", f"{trained:.2f}",
            f"{model['held out'][0]:.4g}", f"{ours['held out'][0]:.4g}", f"{held:.2f}",
        ))  # fmt: skip
    columns = (
        "case", "noise-model optimum", "allocate", "factor", "noise-model optimum, held out", "allocate, held out",
        "factor, held out",
    )  # fmt: skip
    caption = (
        "Bit-true error of the allocation that is optimal by the noise model, and of allocate's (median over seeds), "
        "on the 128 starting points it was searched on and on 512 others. Where the held-out factor is smaller, the "
        "rest was fitted to the starting points."
    )
    return [Table("What the dead zone costs", caption, columns, tuple(rows))]
