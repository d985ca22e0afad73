"""FIR filters: bits for the taps, on five published specifications, and the values the taps take on their grids."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hwgen.allocation import allocate
from hwgen.problems.fir import FirBits
from hwgen.problems.fir_joint import FirJoint
from hwgen.problems.fir_spec import PUBLISHED
from hwgen.problems.fir_values import FirValues
from hwgen.studies.case import BEST, Case, Instance, Step, Table

TITLE = "FIR filters"
ABOUT = (
    "Every free tap of a linear-phase filter has its own number of bits; the sum of the bits is given. The error is "
    "the largest weighted deviation of the rounded filter's response, or its root mean square. Ratios are to the best "
    "filter known, proven optimal where an integer program says so. A31 means specification A of Brisebarre, Filip and "
    "Hanrot (2018) with 31 taps."
)
ERROR_LABEL = "error of the response (largest weighted, or rms), gain 1 = 1"
BUDGET_LABEL = "bits of a tap, on average"
SHARED = False

SEEDS, EVALUATIONS = 10, 20_000
# The budget of each filter whose optimum, or best filter of long runs, is known, and that error.
KNOWN = {("A31", 5): 0.025548, ("B31", 7): 0.078138, ("A61", 8): 0.001597, ("C61", 9): 0.0001209}
BUDGETS = {"A31": (4, 5, 6, 7, 8, 9), "B31": (6, 7, 8), "A61": (7, 8, 9), "C61": (8, 9, 10)}
PROOF_SECONDS = 300.0

# Bits of every tap, error unquantised, and the optimum of the values by integer programming on a grid of 16 x degree.
WORDLENGTHS = {
    ("A", 35): (8, 0.01595, 0.02983), ("B", 35): (9, 0.05275, 0.07709), ("C", 35): (8, 0.002631, 0.01787),
    ("D", 35): (9, 0.01044, 0.03250), ("E", 35): (8, 0.01762, 0.03299), ("A", 45): (8, 0.00713, 0.02962),
    ("B", 45): (9, 0.02111, 0.05679), ("C", 45): (8, 0.000671, 0.01609), ("E", 45): (8, 0.00654, 0.02887),
}  # fmt: skip


def cases(quick: bool, seeds: int | None, evaluations: int | None) -> list[Case]:
    if quick:
        few, count = range(seeds or 2), evaluations or 1000
        return [
            _case("A15", 4, "minimax", few, count, certify=30.0),
            *(_case("A31", bits, "minimax", few, count, main=bits == 5) for bits in (4, 5, 6)),
            _case("A31", 5, "least-squares", few, count),
        ]
    count = evaluations or EVALUATIONS
    every = range(seeds or SEEDS)
    found = []
    for name, budgets in BUDGETS.items():
        for bits in budgets:
            main = (name, bits) in KNOWN
            proof = PROOF_SECONDS if main and name.endswith("31") else 0.0
            # Around the instances of record a curve needs less.
            found.append(
                _case(name, bits, "minimax", every if main else every[:3], count if main else max(count // 4, 1),
                      main=main, certify=proof)
            )  # fmt: skip
    found += [_case("A31", bits, "least-squares", every[:3], max(count // 4, 1)) for bits in (4, 5, 6, 7, 8)]
    return found


def _case(name: str, bits: int, measure: str, seeds: Sequence[int], evaluations: int, **more: Any) -> Case:
    group = name if measure == "minimax" else f"{name}, least squares"
    parameters = {"spec": name[0], "length": int(name[1:]), "bits": bits, "measure": measure}
    known = KNOWN.get((name, bits)) if measure == "minimax" else None
    return Case(
        f"{group} at {bits} bits", group, bits, parameters, tuple(seeds), evaluations, against=BEST, known=known, **more
    )


def _fir(parameters: dict[str, Any]) -> tuple[FirBits, int]:
    fir = FirBits(PUBLISHED[parameters["spec"]], parameters["length"], parameters["measure"])
    return fir, parameters["bits"] * fir.size


def instance(parameters: dict[str, Any], seed: int) -> Instance:
    fir, budget = _fir(parameters)
    if parameters["measure"] != "minimax":
        return Instance(fir.problem(budget))
    return Instance(fir.problem(budget), judge=lambda bits: {"128 x grid": fir.judge(bits)})


def certificate(parameters: dict[str, Any], known: float, seconds: float) -> dict[str, Any]:
    fir, budget = _fir(parameters)
    found = fir.optimum(budget, seconds, known * (1 + 1e-9))
    return {"bound": found.bound, "error": found.error if found.choice else None, "proven": found.proven}


def extras(quick: bool) -> list[Step]:
    chosen = list(WORDLENGTHS)[:3] if quick else list(WORDLENGTHS)
    effort = (20, 500) if quick else (300, EVALUATIONS)
    return [("wordlength", (spec, length, *effort)) for spec, length in chosen]


def wordlength(spec: str, length: int, searches: int, evaluations: int) -> dict[str, Any]:
    """Values of equal bits: rounded, and found; then bits and values together at the same total."""
    bits, ideal, optimum = WORDLENGTHS[spec, length]
    grid = FirValues.uniform(PUBLISHED[spec], length, bits)
    found = grid.lattice(np.random.default_rng(0))
    rounded, placed = (float(error) for error in grid.error(np.array([grid.rounded, found])))
    joint = FirJoint(FirBits(PUBLISHED[spec], length, density=grid.density))
    problem = joint.problem(bits * joint.fir.size, np.random.default_rng(0), searches)
    both = allocate(problem, 0, evaluations)
    return {
        "name": f"{spec}{length}/{bits}", "ideal": ideal, "rounded": rounded, "placed": placed, "optimum": optimum,
        "judged": grid.judge(found), "both": both.error, "both_judged": joint.judge(both.bits),
    }  # fmt: skip


def tables(results: Sequence[Any], cases: Sequence[dict[str, Any]]) -> list[Table]:
    rows = tuple(
        (r["name"], f"{r['ideal']:.4g}", f"{r['rounded']:.4g}", f"{r['optimum']:.4g}", f"{r['placed']:.4g}",
         f"{r['placed'] / r['optimum']:.3f}", f"{r['judged']:.4g}", f"{r['both']:.4g}",
         f"{r['both'] / r['optimum']:.3f}", f"{r['both_judged']:.4g}")
        for r in results
    )  # fmt: skip
    columns = (
        "filter", "unquantised", "rounded", "optimum of the values", "values found", "over optimum", "128 x grid",
        "bits and values", "over optimum", "128 x grid",
    )  # fmt: skip
    caption = (
        "Largest weighted error on a grid of 16 x degree points, and with peaks between them on 128 x. The optimum is "
        "that of values with equal bits, by integer programming; bits and values together may go below it at the same "
        "total of bits. A35/8: specification A, 35 taps of 8 bits."
    )
    return [Table("Finite word length: which values the taps take", caption, columns, rows)]
