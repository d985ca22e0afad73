"""kind = "receiver": widths by allocation over the analytic noise, the bit-true model as judge, Yosys as measure."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import ALGORITHMS, Allocation, Infeasible, Problem, allocate
from hwgen.blocks.chain import Chain
from hwgen.blocks.mixer import Mixer
from hwgen.cost import yosys
from hwgen.cost.measure import synthesise_step
from hwgen.cost.resources import Resources
from hwgen.designs.receiver_bench import Bench, Goal, Measured, amplitude_of
from hwgen.designs.receiver_filter import Choice
from hwgen.designs.receiver_plan import CicPlan, FirPlan, MixerPlan
from hwgen.designs.receiver_widths import Made, Widths, chain, expected
from hwgen.journal import Journal
from hwgen.problems import cic

Progress = Callable[[str, float], None]
Text = Callable[[Chain], str]  # the Verilog that would be emitted
_ATTEMPTS, _MOST_ATTEMPTS = 4, 10  # corrections of the analytic noise by the measurement; most until one meets the goal
_ROWS = 99  # guard bits that leave every row of a product whole
NARROWEST, WIDEST = 4, 60  # bits of the one width
_WAVE, _WORD = 20, 24  # bits at which words of an oscillator, and all others outside of CICs, end whatever the width


@dataclass(frozen=True, eq=False)
class Tried:
    """A chain, what it reaches by analysis and by the model, and what it takes; `bits` by variable."""

    label: str
    kind: str
    chain: Chain
    stages: tuple[Made, ...]
    analytic_db: float
    measured: Measured
    meets: bool
    luts: float
    bits: dict[str, int]
    resources: Resources | None = None


class Search:
    """Candidates and baselines of one plan; `text` emits a chain, `executor` and `journal` run and keep syntheses."""

    def __init__(
        self, bench: Bench, goal: Goal, target: str, seed: int, evaluations: int, algorithm: str, progress: Progress
    ) -> None:
        self.bench, self.goal, self.target, self.progress = bench, goal, target, progress
        self.plan, self.algorithm, self.evaluations = bench.plan, algorithm, evaluations
        self.rng = np.random.default_rng(seed)
        self.budget = bench.power * 10 ** (-goal.sqnr_db / 10)
        self.widths = Widths(bench.plan, bench.samples, self.budget, target, goal.sfdr_db)
        self.allocation: Allocation | None = None
        self.spent = self.unique = 0

    # --------------------------------------------------------------- candidates
    def tried(self, label: str, kind: str, stages: Sequence[Made], bits: dict[str, int] | None = None) -> Tried:
        """Judge a choice of widths."""
        made = chain(stages)
        measured = self.bench.judge(made)
        power = expected(made, stages, self.plan)
        if isinstance(made.stages[0], Mixer):
            # To search with, its errors are independent of each other; to report, they are the sequence they are.
            power += self.bench.shares(made.stages[:1])[0] - stages[0].power
        analytic = float(10 * np.log10(amplitude_of(made) ** 2 * self.bench.power / power))
        luts = sum(stage.luts for stage in stages)
        return Tried(label, kind, made, tuple(stages), analytic, measured, measured.meets(self.goal), luts, bits or {})

    def allocated(self, algorithm: str, kind: str) -> list[Tried]:
        """Widths by one algorithm; the analytic goal moves by what the bit-true model measures."""
        margin, found, known = 1.0, list[Tried](), list[NDArray[np.int64]]()
        for attempt in range(_MOST_ATTEMPTS):
            if attempt >= _ATTEMPTS and any(entry.meets for entry in found):
                break
            self.progress(f"{algorithm} over widths", attempt / _MOST_ATTEMPTS)
            answer = self._solved(algorithm, known, goal=self.budget * margin)
            if answer is None:
                break
            if kind == "search" and (self.allocation is None or answer.consumption < self.allocation.consumption):
                self.allocation = answer
            entry = self._answered(answer, algorithm, kind)
            found.append(entry)
            known = [np.array(answer.bits)]
            slack = 10 ** ((entry.measured.sqnr_db - self.goal.sqnr_db) / 10)
            if 1 <= slack < 1.01:
                break
            margin *= slack * (0.99 - 0.03 * attempt if slack < 1 else 0.998)
        return found

    def within(self, luts: float, algorithm: str, kind: str) -> Tried | None:
        """Widths of the least analytic noise within so many estimated LUTs; None where none are."""
        answer = self._solved(algorithm, [], budget=luts)
        if answer is None:
            return None
        if kind == "search":
            self.allocation = answer
        return self._answered(answer, algorithm, kind)

    def least_luts(self, algorithm: str) -> float | None:
        """The fewest estimated LUTs at the goal's analytic noise; None where an algorithm finds no widths."""
        answer = self._solved(algorithm, [], goal=self.budget)
        return None if answer is None else answer.consumption

    def _solved(
        self, algorithm: str, seeds: Sequence[NDArray[np.int64]], budget: float | None = None, goal: float | None = None
    ) -> Allocation | None:
        variables = self.widths.variables
        problem = Problem(
            [v.name for v in variables], [v.low for v in variables], [v.high for v in variables],
            self.widths.power, self.widths.luts, budget, goal, constraints=self._constraints(),
        )  # fmt: skip
        share = max(self.evaluations // _ATTEMPTS, 200)
        try:
            if algorithm == "gc-pso":
                answer = allocate(problem, self.rng, share, seeds=seeds)
            else:
                answer = ALGORITHMS[algorithm](problem, self.rng, share)
        except Infeasible:
            return None
        self.spent += answer.evaluations
        self.unique += answer.unique_evaluations
        return answer

    def _answered(self, answer: Allocation, algorithm: str, kind: str) -> Tried:
        bits = np.array(answer.bits)
        named = {v.name: int(b) for v, b in zip(self.widths.variables, bits, strict=True)}
        return self.tried(f"{algorithm} widths", kind, self.widths.made(bits), named)

    def best(self, tried: list[Tried]) -> list[Tried]:
        """Those that meet the goal, the cheapest by estimate first; where none does, the closest."""
        meeting = sorted((entry for entry in tried if entry.meets), key=lambda entry: entry.luts)
        return meeting or sorted(tried, key=lambda entry: -entry.measured.sqnr_db)[:1]

    def _constraints(self) -> list[tuple[Callable[[NDArray[np.int64]], NDArray[np.float64]], float]]:
        """Spurs of the oscillator, where the goal names them: their dB below the carrier, negative."""
        if self.goal.sfdr_db is None or not isinstance(self.plan.stages[0], MixerPlan):
            return []
        step, known = self.plan.stages[0].step, dict[tuple[int, int], float]()

        def spurs(bits: NDArray[np.int64]) -> NDArray[np.float64]:
            found = []
            for row in bits:
                first = self.widths.made(row)[0].build(0.0)
                assert isinstance(first, Mixer)
                key = first.nco.bits, first.nco.dropped
                known.setdefault(key, -min(first.nco.sfdr_db(step), 400.0))
                found.append(known[key])
            return np.array(found)

        return [(spurs, -self.goal.sfdr_db)]

    # ---------------------------------------------------------------- baselines
    def one_width(self, width: int) -> list[Made]:
        """Every word of the chain with at most `width` bits."""
        return self.widths.built([self._words(stage, width, True) for stage in self.plan.stages])

    def hogenauer(self, width: int = 16) -> list[Made]:
        """Hogenauer's registers in the CICs, words of `width` bits between stages, sums of filters in full."""
        return self.widths.built([self._words(stage, width, False) for stage in self.plan.stages])

    def _words(self, stage: MixerPlan | CicPlan | FirPlan, width: int, equal: bool) -> Choice:
        plan = self.plan
        if isinstance(stage, MixerPlan):
            choice: Choice = {
                "used": min(width, plan.input.width),
                "wave": min(width - 1, _WAVE),
                "product": min(width, _WORD) - 1,
                "guard": _ROWS,
            }
            if Widths._addressed(stage):
                choice["address"] = min(width, (stage.modulus - 1).bit_length())
            return choice
        if isinstance(stage, FirPlan):
            return {"width": min(width, _WORD)} if equal else {"width": width, "exact": True}
        # A CIC's input has `width` bits, or the receiver's own.
        given = width if isinstance(plan.stages[0], MixerPlan) or stage is not plan.stages[0] else plan.input.width
        form = cic.Cic(stage.stages, stage.decimate, stage.delay, given, min(width, given + stage.scale))
        if equal:
            return {"width": width, "output_width": min(width, _WORD)}
        return {"dropped": tuple(int(v) for v in np.maximum.accumulate(form.width - form.hogenauer()))}

    def uniform_of(self, width: int) -> Tried:
        """One width throughout; raises ``ValueError`` where a CIC of so few bits has none left."""
        return self.tried(f"{width} bits throughout", "uniform", self.one_width(width), {"width": width})

    def hogenauer_of(self, width: int) -> Tried:
        """Hogenauer's registers, `width` bits elsewhere."""
        return self.tried(f"Hogenauer, {width} bits", "hogenauer", self.hogenauer(width), {"width": width})

    def uniform(self, accepts: Callable[[Tried], bool] | None = None) -> Tried | None:
        """The smallest one width that meets the goal, or that `accepts` takes; sought by halving."""
        least, most, best = NARROWEST, WIDEST, None
        while least <= most:
            width = (least + most) // 2
            try:
                found = self.uniform_of(width)
            except ValueError:  # a CIC of so few bits has none left
                least = width + 1
                continue
            if found.meets if accepts is None else accepts(found):
                best, most = found, width - 1
            else:
                least = width + 1
        return best

    def narrowest_hogenauer(self) -> Tried | None:
        """Hogenauer's registers and 16 bits; more where the goal asks for them, so that it is met."""
        for width in range(16, 31):
            found = self.hogenauer_of(width)
            if found.meets:
                return found
        return None


def measured(
    tried: Sequence[Tried], text: Text, name: str, target: str, executor: Executor, journal: Journal, progress: Progress
) -> list[Tried]:
    """The same with what Yosys counts."""
    tool, done = yosys.version(), 0

    def one_more() -> None:
        nonlocal done
        done += 1
        progress("synthesising", done / len(tried))

    steps = [(text(entry.chain), name, target, False, tool, 600) for entry in tried]
    counts = journal.all(executor, synthesise_step, steps, one_more)
    return [
        replace(entry, resources=Resources(target, **figures, tool=tool))
        for entry, figures in zip(tried, counts, strict=True)
    ]
