"""From coefficients to a candidate: adder graph, word lengths that just meet the accuracy goals, checked on the
stimulus.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import AdderGraph, greedy_graph
from hwgen.allocation import ALGORITHMS, Allocation, Infeasible, allocate
from hwgen.cost.estimate import Estimate
from hwgen.designs.candidate import Candidate, judge
from hwgen.designs.reference import Reference
from hwgen.designs.values import Coefficients
from hwgen.designs.word_lengths import WordLengths

_CORRECTIONS = 12  # of a closed form, which costs next to nothing
STARTS = ("uniform", "common-lsb", "greedy")  # beside the closed form; the others cost much here and win nothing
_ATTEMPTS = 3  # corrections of the analytic noise by the bit-true measurement


@dataclass(frozen=True, eq=False)
class Sizing:
    """Sizes any coefficients for one reference; `label` and `kind` go to the candidate."""

    reference: Reference
    estimate: Estimate

    def lengths(self, coefficients: Coefficients, graph: AdderGraph | None = None) -> WordLengths:
        """Word-length model on the greedy adder graph (or the one given); zeros at the end are no taps."""
        values = coefficients.values
        while values and values[-1] == 0:
            values = values[:-1]
        spec = self.reference.spec
        return WordLengths(
            values, coefficients.fraction, graph or greedy_graph(values), spec.input.format, spec.output.format,
            spec.output.rounding, spec.output.overflow,
        )  # fmt: skip

    # Three ways to choose LSBs, each the smallest that meets the goals.
    def common(self, coefficients: Coefficients, label: str, kind: str, equal_widths: bool = False) -> Candidate | None:
        """One LSB for all accumulators, multipliers at full precision; with `equal_widths` one width as well."""
        lengths = self.lengths(coefficients)

        def choices(coarsest: int) -> NDArray[np.int64]:
            natural, count = lengths.natural, len(lengths.graph.adders)
            lsbs = np.concatenate([natural[:count], np.full(len(natural) - count, coarsest)])
            return np.maximum(lsbs, natural)[None, :]

        return self._corrected(coefficients, lengths, choices, label, kind, equal_widths)

    def graded(self, coefficients: Coefficients, label: str, kind: str = "search") -> Candidate | None:
        """Closed form: one LSB for all accumulators, every node that much finer as its errors are multiplied."""
        lengths = self.lengths(coefficients)
        return self._corrected(coefficients, lengths, lambda c: _guarded(lengths, c), label, kind)

    def allocated(
        self,
        coefficients: Coefficients,
        label: str,
        rng: np.random.Generator,
        evaluations: int,
        kind: str = "search",
        algorithm: str = "gc-pso",
    ) -> tuple[Candidate, Allocation] | None:
        """Every LSB its own variable, by the given algorithm, from the closed form; `evaluations` for all attempts.

        The analytic noise steers the search; what the bit-true model then measures corrects the goal it is given.
        """
        lengths = self.lengths(coefficients)
        start = self.graded(coefficients, label)
        if start is None or not self._has_goal:
            return None
        first = self._lsbs(lengths, start)
        coarsest = int(first[len(lengths.graph.adders) :].max()) + 2
        reference = np.maximum(lengths.reference(coarsest), first)
        finest = np.minimum(np.maximum(self._finest(lengths), first - 4), first)
        margin, best, known = self._share(lengths, coefficients, first) * self._slack(start), None, [reference - first]
        for _ in range(_ATTEMPTS):
            problem = lengths.problem(self._excess(lengths, coefficients, margin), self.estimate, reference, finest)
            try:
                share = max(evaluations // _ATTEMPTS, 1)
                if algorithm == "gc-pso":
                    found = allocate(problem, rng, share, seeds=known, starts=STARTS, start_evaluations=0)
                else:
                    found = ALGORITHMS[algorithm](problem, rng, share)
            except Infeasible:
                break
            candidate = self._candidate(coefficients, lengths, reference - np.array(found.bits), label, kind)
            slack = self._slack(candidate)
            if slack >= 1 and (best is None or candidate.estimate < best[0].estimate):
                best = candidate, found
            if 1 <= slack < 1.005:
                break
            margin *= slack * (0.998 if slack < 1 else 0.9995)
            known = [reference - first, np.array(found.bits)]
        return best

    # ------------------------------------------------------------------ parts
    def _share(self, lengths: WordLengths, coefficients: Coefficients, lsbs: NDArray[np.int64]) -> float:
        return float(self._excess(lengths, coefficients, 1.0)(lsbs[None, :])[0])

    @property
    def _has_goal(self) -> bool:
        return self.reference.sqnr_goal_db is not None or self.reference.spec.goal.max_error_ulp is not None

    def _finest(self, lengths: WordLengths) -> NDArray[np.int64]:
        """Finest LSB of each variable: full precision, or what `accumulator_bits` leaves."""
        finest = lengths.natural.copy()
        bits = self.reference.spec.search.accumulator_bits
        if bits is not None:
            count = len(lengths.graph.adders)
            finest[count:] = np.maximum(finest[count:], lengths.tops[1] - bits[1] + 1)
        return finest

    def _excess(self, lengths: WordLengths, coefficients: Coefficients, margin: float):  # type: ignore[no-untyped-def]
        """Function of LSBs: the largest share used of any accuracy goal."""
        goal, budget = self.reference.spec.goal, self.reference.noise_budget
        step = self.reference.spec.output.format.lsb
        fixed = self.coefficient_noise(coefficients)

        def excess(lsbs: NDArray[np.int64]) -> NDArray[np.float64]:
            share = (lengths.noise(lsbs) + fixed) / (budget * margin) if np.isfinite(budget) else np.zeros(len(lsbs))
            if goal.max_error_ulp is not None:
                share = np.maximum(share, lengths.worst(lsbs) / (goal.max_error_ulp * step * margin))
            return share

        return excess

    def coefficient_noise(self, coefficients: Coefficients) -> float:
        """Power the coefficients' own error adds, where no mask judges it: input power times the squared errors."""
        if self.reference.mask is not None:
            return 0.0
        scale = self.reference.spec.input.format.lsb
        power = float(np.mean((self.reference.samples * scale) ** 2))
        return power * float(np.sum((coefficients.floats - self.reference.ideal) ** 2))

    def _slack(self, candidate: Candidate) -> float:
        """Goal over what was measured, the smallest over all accuracy goals; at least 1 where all are met."""
        goal, quality = self.reference.spec.goal, judge(self.reference, candidate.fir, candidate.coefficients)
        slack, sqnr = np.inf, self.reference.sqnr_goal_db
        if sqnr is not None:
            slack = 10 ** ((quality.sqnr_db - sqnr) / 10)
        if goal.max_error_ulp is not None:
            slack = min(slack, goal.max_error_ulp / quality.max_error_ulp)
        return float(slack)

    def _corrected(self, coefficients, lengths, choices, label, kind, equal_widths=False):  # type: ignore[no-untyped-def]
        """The cheapest of `choices(coarsest)` over all coarsest LSBs that meets the goals, bit-true."""
        finest = self._finest(lengths)
        if not self._has_goal:
            return self._candidate(coefficients, lengths, finest, label, kind, equal_widths)
        margin, best = 1.0, None
        top = int(lengths.natural.max()) + 1
        for _ in range(_CORRECTIONS):
            excess = self._excess(lengths, coefficients, margin)
            options = np.concatenate([choices(c) for c in range(max(top, 0), int(finest.min()) - 1, -1)])
            options = np.maximum(options, finest)
            meeting = options[excess(options) <= 1]
            if not len(meeting):
                break
            cost = self.estimate.luts(lengths.work(meeting))
            candidate = self._candidate(coefficients, lengths, meeting[int(np.argmin(cost))], label, kind, equal_widths)
            slack = self._slack(candidate)
            if slack >= 1:
                best = candidate
                break
            margin *= slack * 0.995
        return best

    def _lsbs(self, lengths: WordLengths, candidate: Candidate) -> NDArray[np.int64]:
        nodes = [t + lengths.unit for t in candidate.fir.graph.lsbs[1:]]
        return np.array([*nodes, *candidate.fir.accumulator_lsbs], dtype=np.int64)

    def _candidate(  # type: ignore[no-untyped-def]
        self, coefficients, lengths: WordLengths, lsbs, label: str, kind: str, equal_widths: bool = False
    ) -> Candidate:
        work, spec = lengths.work(np.asarray(lsbs)[None, :]), self.reference.spec
        if equal_widths:
            count, taps = len(lengths.graph.adders), sum(1 for v in lengths.coefficients if v)
            width = int(lengths.tops[1].max() - min(lsbs[count:]) + 1)
            work = replace(work, accumulator_bits=np.array([float(width * (taps - 1))]))
        fir = lengths.fir(lsbs, self.reference.channels, spec.hardware.reset_data, equal_widths)
        estimate = float(self.estimate.luts(work)[0]) * self.reference.channels
        return Candidate(label, kind, coefficients, fir, work, estimate)


def _guarded(lengths: WordLengths, coarsest: int) -> NDArray[np.int64]:
    """LSB choices for one accumulator LSB: nodes with -1 to 4 guard bits, in an array (6, variables)."""
    count, reference = len(lengths.graph.adders), lengths.reference(coarsest)
    rows = []
    for guard in range(-1, 5):
        row = reference.copy()
        row[:count] -= guard
        rows.append(np.maximum(row, lengths.natural))
    return np.stack(rows)
