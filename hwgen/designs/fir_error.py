"""minimise = "error": the least response error of a FIR within a budget of coefficient bits or of LUTs.

The paper's own direction: error under one consumption budget. Within bits, the budget is met by construction;
within LUTs, the bits are searched under a budget of estimated LUTs that what Yosys measures corrects until the
synthesised design fits.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hwgen.allocation import ALGORITHMS, Allocation, Infeasible, allocate
from hwgen.designs.candidate import Candidate, Tried
from hwgen.designs.folding import folded
from hwgen.designs.reloading import fitted, reloadable, tap_bits
from hwgen.designs.sizing import Sizing
from hwgen.designs.tap_bits import TapBits, violations
from hwgen.designs.values import Coefficients, mirrored
from hwgen.response import measure

if TYPE_CHECKING:
    from hwgen.designs.fir import Outcome, Search

_ROUNDS = 6
_METHODS = {"uniform": "uniform", "common_lsb": "common-lsb", "greedy": "greedy"}


def least_error(search: "Search") -> "Outcome":
    """The design of least error within the budget; its baselines use the same budget."""
    budget = search.spec.goal.budget
    if budget is None:
        raise ValueError("minimising the error needs a budget")  # spec.py requires one
    if budget.bits is not None:
        return _within_bits(search, budget.bits)
    return _within_luts(search, float(budget.luts or 0))


def _taps(search: "Search", weighted: bool) -> TapBits:
    reference, spec = search.reference, search.spec
    assert reference.mask is not None  # spec.py requires bands with minimise = "error"
    if spec.response.reloadable:
        return tap_bits(reference, reference.ideal, reference.mask)
    width = spec.input.format.width + 4.0
    least, most = spec.search.coefficient_bits
    return TapBits(reference.ideal, reference.mask, least if least == most else 0, most, width if weighted else None)


def _allocated(search: "Search", taps: TapBits, budget: float, method: str, evaluations: int) -> Allocation | None:
    problem = taps.problem(budget=budget)
    try:
        if method == "gc-pso":
            return allocate(problem, search.rng, evaluations)
        return ALGORITHMS[method](problem, search.rng, evaluations)
    except Infeasible:
        return None


def improved(search: "Search", taps: TapBits, bits: tuple[int, ...]) -> Coefficients:
    """The rounded taps moved one grid point at a time, no tap to more bits than it has, while the error falls."""
    start = taps.coefficients(np.array(bits))
    mask, count = taps.mask, len(start.values)
    values = np.array(start.free, dtype=np.int64)
    allowed = np.array(bits)
    lsb = taps.exponents - (allowed - 1) + start.fraction
    step = np.where(allowed > 1, 1 << np.maximum(lsb, 0), 0)
    top = np.where(allowed > 1, 1 << np.maximum(taps.exponents + start.fraction, 0), 0)
    moves = np.concatenate([np.diag(step), -np.diag(step)])[np.tile(step > 0, 2)]
    best = float(violations(np.ldexp(values[None, :].astype(float), -start.fraction), count, mask)[0])
    while len(moves):
        tried = values + moves
        tried = tried[((tried >= -top) & (tried <= np.maximum(top - step, 0))).all(axis=1)]
        if not len(tried):
            break
        errors = violations(np.ldexp(tried.astype(float), -start.fraction), count, mask)
        if errors.min() >= best * (1 - 1e-9):
            break
        best, values = float(errors.min()), tried[int(errors.argmin())]
    return Coefficients(mirrored([int(v) for v in values], count), start.fraction)


def _sized(
    search: "Search", taps: TapBits, bits: tuple[int, ...], coefficients: Coefficients, label: str, kind: str
) -> Candidate | None:
    if not any(coefficients.values):
        return None
    if search.spec.response.reloadable:
        formats = taps.formats(np.array(bits))
        made = reloadable(search.reference, [fitted(coefficients.values, coefficients.fraction, formats)], label, kind)
        return next(iter(made), None)
    if search.spec.hardware.structure == "folded":
        return next(iter(folded(search.reference, [coefficients], label, kind)), None)
    return Sizing(search.reference, search.estimate).graded(coefficients, label, kind)


def _answer(search: "Search", pool: list[Tried], baselines: dict[str, Tried]) -> "Outcome":
    """The design of least error that meets every goal, the smallest of equal ones; pipelined where that takes LUTs."""
    pool = search.placed(pool)
    budget = search.spec.goal.budget
    assert budget is not None
    luts = np.inf if budget.luts is None else budget.luts
    pool = [t for t in pool if t.size("luts") <= luts] or pool
    chosen = min(pool, key=lambda t: (not t.meets, _error(search, t.candidate.coefficients), t.size("luts")))
    return search.outcome(chosen, baselines)


def _error(search: "Search", coefficients: Coefficients) -> float:
    assert search.reference.mask is not None
    return measure(coefficients.floats, search.reference.mask).error


def _within_bits(search: "Search", budget: int) -> "Outcome":
    taps, algorithm = _taps(search, weighted=False), search.spec.search.algorithm
    search.progress(f"{algorithm} over tap bits", 0.0)
    found = _allocated(search, taps, budget, algorithm, search.spec.search.evaluations)
    if found is None:
        least = int(taps.problem(budget=float(budget)).table[:, 0].sum())
        raise search.spec.blame("goal.budget.bits", f"the taps need at least {least} bits", f"give {least} or more")
    search.sources.count(found)
    search.allocation = found
    options = [taps.coefficients(np.array(found.bits)), improved(search, taps, found.bits)]
    best = min((c for c in options if any(c.values)), key=lambda c: _error(search, c), default=None)
    if best is None:
        raise search.spec.blame("goal.budget.bits", "no tap keeps a bit", "give a larger budget")
    candidate = _sized(search, taps, found.bits, best, f"{algorithm} bits", "search")
    if candidate is None:
        raise search.nothing()
    baselines = {}
    for kind, method in _METHODS.items():
        simple = _allocated(search, taps, budget, method, max(search.spec.search.evaluations // 4, 100))
        if simple is None:
            continue
        rounded = taps.coefficients(np.array(simple.bits))
        made = _sized(search, taps, simple.bits, rounded, f"{kind} bits", kind)
        if made is not None:
            baselines[kind] = made
    measured = search.measured([candidate, *baselines.values()])
    return _answer(search, measured, dict(zip(baselines, measured[1:], strict=True)))


def _within_luts(search: "Search", budget: float) -> "Outcome":
    taps, algorithm = _taps(search, weighted=True), search.spec.search.algorithm
    evaluations = max(search.spec.search.evaluations // _ROUNDS, 100)
    fitting = _fitted(search, taps, budget, algorithm, evaluations, "search")
    baselines = {}
    for kind, method in _METHODS.items():
        tried = _fitted(search, taps, budget, method, max(evaluations // 2, 100), kind)
        if tried is not None:
            baselines[kind] = tried
    pool = [t for t in (fitting, *baselines.values()) if t is not None]
    if not pool:
        smallest = min((t.resources.lut for t in search.tried if t.resources), default=None)
        reason = f"no filter was found within {budget:g} LUTs"
        remedy = "give a larger budget" + (f"; the smallest one tried takes {smallest:g}" if smallest else "")
        raise search.spec.blame("goal.budget.luts", reason, remedy)
    return _answer(search, pool, baselines)


def _fitted(search: "Search", taps: TapBits, budget: float, method: str, evaluations: int, kind: str) -> Tried | None:
    """Best design of one method that Yosys finds within `budget` LUTs: the share given to the taps is corrected each
    round.
    """
    best: Tried | None = None
    everything = taps.consumption(np.full((1, len(taps.exponents)), taps.most))[0]
    low, high, share = 0.0, everything, min(budget / search.reference.channels, everything)
    error: Callable[[Tried], float] = lambda t: _error(search, t.candidate.coefficients)  # noqa: E731
    for number in range(_ROUNDS if kind == "search" else 4):
        search.progress(f"{method} within the LUT budget", number / _ROUNDS)
        found = _allocated(search, taps, share, method, evaluations)
        candidate = None
        if found is not None:
            rounded, label = taps.coefficients(np.array(found.bits)), f"{method}, round {number + 1}"
            candidate = _sized(search, taps, found.bits, rounded, label, kind)
        if found is None or candidate is None:
            low = share
        else:
            if kind == "search":
                search.sources.count(found)
                search.allocation = found
            tried = search.measured([candidate])[0]
            if tried.resources is not None and tried.resources.lut <= budget:
                low = share
                if best is None or error(tried) < error(best):
                    best = tried
            else:
                high = share
        if high - low < 0.01 * high or low >= everything:
            break
        share = (low + high) / 2
    return best
