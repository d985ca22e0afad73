"""kind = "equalizer": which equalisers are tried, and which is the answer.

The noise model and the estimate from widths allocate the bits of every word of every tap; the bit-true model, run
through the whole adaptation, corrects the noise budget, then judges moves of single bits around the best. The promising
candidates are judged on streams that the search has not seen, and synthesised; the smallest that meets is the answer.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.cost import yosys
from hwgen.cost.equalizer import Estimate
from hwgen.cost.measure import synthesise_step
from hwgen.cost.resources import Resources
from hwgen.designs.equalizer_judge import Verdict, frozen, judge_step
from hwgen.designs.equalizer_noise import NoiseModel
from hwgen.designs.equalizer_reference import HELD, SEARCHED, Reference
from hwgen.designs.equalizer_sizing import Found, Sizing, uniform
from hwgen.designs.equalizer_widths import Family
from hwgen.emit import verilog
from hwgen.finished.equalizer import Equalizer
from hwgen.journal import Journal, Progress

Ints = NDArray[np.int64]
_RUNS = 100  # of the bit-true model at once
_CAUTION = 0.985  # of the power the goal allows: streams of the search and of the verdict differ
_SIMPLE = {"uniform": "uniform", "common-lsb": "common_lsb", "greedy": "greedy"}
_KEPT = 3  # rows of a descent that the verdict is asked of


@dataclass(frozen=True, eq=False)
class Candidate:
    """Widths, the verdict over held-out streams and, once synthesised, the resources; `kind` as in the FIR's."""

    label: str
    kind: str
    family: Family
    row: Ints
    verdict: Verdict
    meets: bool
    estimate: float
    scales: tuple[float, ...]
    resources: Resources | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """The answer and everything it was chosen from."""

    chosen: Candidate
    tried: list[Candidate]
    baselines: dict[str, Candidate]
    evaluations: int
    unique: int
    history: list[dict[str, Any]]


class Search:
    """The search for one reference. `executor` runs costly steps, `journal` keeps them, `progress` hears of them."""

    def __init__(self, reference: Reference, executor: Executor, journal: Journal, progress: Progress) -> None:
        self.reference, self.executor, self.journal, self.progress = reference, executor, journal, progress
        self.spec = reference.spec
        self.rng = np.random.default_rng(self.spec.search.seed)
        self.estimate = Estimate.of(self.spec.goal.target)
        self.evaluations = self.unique = 0
        self.history: list[dict[str, Any]] = []

    # ------------------------------------------------------------------- judge
    def judge(self, family: Family, rows: Sequence[Ints], first: int = 0, count: int = SEARCHED) -> list[Verdict]:
        """Verdicts of the bit-true model, on the executor."""
        given, most = frozen(family), max(_RUNS // count, 1)
        plain = [[int(v) for v in row] for row in rows]
        steps = [(given, plain[k : k + most], first, count) for k in range(0, len(plain), most)]
        found = self.journal.all(self.executor, judge_step, steps)
        return [Verdict(p, tuple(s), w, b) for part in found for p, s, w, b in part]

    def held(self, label: str, kind: str, sizing: Sizing, rows: Sequence[Ints]) -> list[Candidate]:
        """Candidates of rows, judged on streams that no search has seen."""
        allowed = self.reference.ratio * self.reference.held_power
        return [
            Candidate(
                label, kind, sizing.family, row, verdict, verdict.power <= allowed and not verdict.stalled,
                sizing.cost(row), sizing.model.scales,
            )
            for row, verdict in zip(rows, self.judge(sizing.family, rows, *HELD), strict=True)
        ]  # fmt: skip

    def sizing(self, family: Family) -> Sizing:
        """A sizing of a family, its noise model not yet calibrated."""
        reference = self.reference
        return Sizing(
            family, NoiseModel(family, reference.course, reference.power), self.estimate, reference.finest(family),
            reference.power, reference.ratio * reference.power * _CAUTION, self.judge,
        )  # fmt: skip

    # -------------------------------------------------------------- candidates
    def uniform(self, sizing: Sizing) -> Candidate | None:
        """The narrowest uniform width that meets the goal."""
        family, rows = uniform(sizing.family)
        wide = self.sizing(family)
        verdicts = self.judge(family, rows)
        good = [
            row for row, v in zip(rows, verdicts, strict=True) if v.power <= sizing.allowed / _CAUTION and not v.stalled
        ]
        return next((c for c in self.held("uniform widths", "uniform", wide, good[:2]) if c.meets), None)

    def common(self, sizing: Sizing) -> Candidate | None:
        """One LSB for all words of a kind, searched and polished as ours."""
        found = sizing.allocated("gc-pso", self.rng, 2000, tied=True)
        if found is None:
            return None
        return self._best("common LSBs", "common_lsb", sizing, sizing.polished(found.row, tied=True))

    def allocated(self, sizing: Sizing, method: str, start: Found | None) -> Candidate | None:
        """Every word of every tap by itself, as the method of the design file says; then moves of single bits."""
        found = sizing.allocated(method, self.rng, self.spec.search.evaluations, start=start)
        if found is None or (start is not None and sizing.cost(start.row) < sizing.cost(found.row)):
            found = start
        if found is None:
            return None
        allocation = found.allocation
        self.evaluations += allocation.evaluations
        self.unique += allocation.unique_evaluations
        self.history += [
            {"evaluations": int(n), "best": float(best), "method": allocation.method} for n, best in allocation.history
        ]
        return self._best(f"{method} bits", "search", sizing, sizing.polished(found.row))

    def _best(self, label: str, kind: str, sizing: Sizing, trail: list[Ints]) -> Candidate | None:
        """The cheapest of a trail that holds on other streams; where none does, the first."""
        found = self.held(label, kind, sizing, trail[: -_KEPT - 1 : -1] + trail[:1])
        return next((c for c in found if c.meets), found[-1] if found else None)

    def measured(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates with what Yosys counts."""
        target, tool, name = self.spec.goal.target, yosys.version(), self.spec.design.name
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            self.progress("synthesising candidates", done / len(candidates))

        steps = [(self._text(c), name, target, False, tool) for c in candidates]
        found = self.journal.all(self.executor, synthesise_step, steps, one_more)
        return [
            replace(c, resources=Resources(target, **figures, tool=tool))
            for c, figures in zip(candidates, found, strict=True)
        ]

    def _text(self, candidate: Candidate) -> str:
        design = self.design(candidate)
        return design.whole(verilog(design.component(), design.core.module))

    def design(self, candidate: Candidate) -> Equalizer:
        """The finished design of a candidate."""
        lms = candidate.family.lms(candidate.row)
        return Equalizer(self.spec.design.name, lms, interface=self.spec.hardware.interface)

    # ---------------------------------------------------------------- the whole
    def run(self) -> Outcome:
        """Baselines, then the allocation; the smallest that meets is the answer."""
        algorithm = self.spec.search.algorithm
        self.progress("calibrating the noise model", 0.0)
        sizings = [self.sizing(family).calibrated() for family in self.reference.families]
        self.progress("baselines", 0.0)
        greedy = [s.allocated("greedy", self.rng, self.spec.search.evaluations) for s in sizings]
        # The range of the error that suits greedy bits is that of all but uniform widths, which have their own.
        ranked = sorted(
            range(len(sizings)), key=lambda k: np.inf if (g := greedy[k]) is None else sizings[k].cost(g.row)
        )
        sizing, start = sizings[ranked[0]], greedy[ranked[0]]
        uniforms = [c for s in sizings if (c := self.uniform(s)) is not None]
        found = {
            "uniform": min(uniforms, key=lambda c: c.estimate, default=None),
            "common_lsb": self.common(sizing),
            "greedy": None if start is None else self._best("greedy bits", "greedy", sizing, [start.row]),
        }
        if algorithm not in _SIMPLE:
            self.progress(f"{algorithm} over the bits of {len(sizing.finest)} words", 0.0)
            found["search"] = self.allocated(sizing, algorithm, start)
        known = [c for c in found.values() if c is not None]
        if not known:
            reason = "no widths were found that meet it without stalled coefficients"
            raise self.spec.blame("goal", reason, 'relax the goal, or write rounding = "stochastic" in [equalizer]')
        tried = self.measured(known)
        by_kind = {c.kind: c for c in tried}
        wanted = _SIMPLE.get(algorithm)
        pool = [by_kind[wanted]] if wanted in by_kind else tried
        chosen = min(pool, key=lambda c: (not c.meets, c.resources.lut if c.resources else np.inf))
        baselines = {kind: c for kind, c in by_kind.items() if kind != "search"}
        return Outcome(chosen, tried, baselines, self.evaluations, self.unique, self.history)
