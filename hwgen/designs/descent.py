"""kind = "descent": which designs are tried, in what order, and which is the answer.

Coefficients of several widths are tried. The noise model proposes word lengths for each, the bit-true run decides, on
right-hand sides that words are not compared on; the promising designs are synthesised and the smallest is the answer.
"""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Allocation, Infeasible, solve
from hwgen.blocks.descent import Descent
from hwgen.cost import yosys
from hwgen.cost.resources import Resources
from hwgen.cost.shell import estimate as estimate_shell
from hwgen.designs.descent_bit_errors import bit_errors
from hwgen.designs.descent_bits import WORST, Bits
from hwgen.designs.descent_candidates import Candidate, Outcome, Tried, synthesised
from hwgen.designs.descent_estimate import DescentEstimate
from hwgen.designs.descent_reference import SEARCHED, Reference
from hwgen.designs.descent_spaces import Spaces
from hwgen.finished.descent import DescentDesign
from hwgen.fixed import to_float
from hwgen.journal import Journal, Progress

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_SETS = 2  # coefficients that word lengths are searched for
_TAKEN = 2  # of those with entries of fewer digits
_FURTHER, _STEPS = 1.06, 8  # by what, and how often, entries are then given more error
_BIT_TRUE = 1 / 5  # of the cheap evaluations, as bit-true runs
_TIGHTER = 0.93  # what the limit is multiplied by when unseen right-hand sides miss it
_WORTH = 1.03  # how much more error must be allowed for another search
_LOOSE, _TRIES = 1.6, 12
_BUDGETS, _SPENT = 5, 0.95  # searches for a budget of LUTs, and the share of it that is enough


class Search:
    """The search for one reference."""

    def __init__(self, reference: Reference, executor: Executor, journal: Journal, progress: Progress) -> None:
        self.reference, self.executor, self.journal, self.progress = reference, executor, journal, progress
        self.spec, self.rng = reference.spec, np.random.default_rng(reference.spec.search.seed)
        self.estimate = DescentEstimate.of(self.spec.goal.target)
        self.spaces = Spaces(reference, self.estimate)
        self.evaluations = self.unique = self.searches = 0
        self.history: list[tuple[int, float, str]] = []

    @property
    def limit(self) -> float:
        """Mean square error allowed."""
        return self.spaces.limit

    @property
    def loose(self) -> float:
        """Where searches begin: bit errors may allow more than white errors of the limit do."""
        return self.limit * (_LOOSE if self.reference.noise is not None else 1.0)

    @property
    def zooms(self) -> bool:
        """Whether words of one stage may have binary points that move."""
        return self.reference.folded and self.spec.descent is not None and self.spec.descent.zoom

    # -------------------------------------------------------------- candidates
    def uniform(self, spaces: list[Bits], fixed: bool) -> Candidate | None:
        """The cheapest equal widths that meet the goal on right-hand sides that were not searched on."""
        label = "one format for all words" if fixed else "equal widths, every word its own range"
        kind, limit = ("uniform" if fixed else "zoom"), self.loose
        for _ in range(_TRIES):
            found = [(space, space.uniform(limit, fixed)) for space in spaces]
            made = [Candidate(space, bits, label, kind) for space, bits in found if bits is not None]
            if not made:
                return None
            best = min(made, key=lambda c: c.estimate)
            if self.holds(best):
                return best
            limit *= _TIGHTER
        return None

    def proposed(self, spaces: list[Bits], algorithm: str, kind: str, seeds: Sequence[Ints] = ()) -> list[Candidate]:
        """Word lengths by the noise model for each space, cheapest first; none where it finds none."""
        found = []
        for number, space in enumerate(spaces):
            self.progress(f"word lengths by the noise model, {algorithm}", number / len(spaces))
            holds = partial(self._holds, space)
            made = space.proposed(self.loose, algorithm, self.rng, self.spec.search.evaluations, holds, seeds)
            self._count(made.tried, f"{algorithm}, noise model")
            if made.bits is not None:
                found.append(Candidate(space, made.bits, f"{algorithm}, noise model", kind))
        return sorted(found, key=lambda c: c.estimate)

    def decided(self, start: Candidate, seeds: Sequence[Ints] = ()) -> Candidate:
        """Fewer LUTs from a candidate on, by bit-true runs; `seeds` are tried beside it."""
        algorithm, count = self.spec.search.algorithm, max(int(self.spec.search.evaluations * _BIT_TRUE), 100)
        limit, space, best = self.allowed(start), start.space, start
        for _ in range(_TRIES):
            self.progress("word lengths by bit-true runs", 0.5)
            try:
                found = space.decided([best.bits, *seeds], limit, algorithm, self.rng, count)
            except Infeasible:
                break
            self._count((found,), f"{algorithm}, bit-true")
            made = Candidate(space, np.array(found.bits, dtype=np.int64), f"{algorithm}, bit-true", "search")
            if self.holds(made):
                # Its errors may weigh less than those of the start did: more of them may be allowed.
                best, before, limit = made, limit, self.allowed(made)
                if limit < before * _WORTH:
                    break
            elif best is not start:
                break
            else:
                limit *= _TIGHTER
        return best

    def zooming(self, common: Candidate) -> list[Candidate]:
        """One stage with binary points that move, where the estimate has fewer LUTs than without; else none."""
        space = self.spaces.zooming(common.space)
        still, *moved = space.zoomed(common.space.ends(common.bits[None]))
        start = Candidate(space, still, common.label, "search")
        found = self.proposed([space], self.spec.search.algorithm, "search", [still, *moved])
        found.append(self.decided(start, [*moved, *(candidate.bits for candidate in found)]))
        best = min(found, key=lambda c: c.estimate)
        return [best] if best.estimate < start.estimate else []

    def trimmed(self, start: Candidate) -> Candidate:
        """Entries of fewer digits for a candidate, its words as they are, as long as the goal is met."""
        best, error = start, start.space.words.floor
        fewer = start.space.words.coefficients.form == "gram" and not self.reference.reloadable
        for _ in range(_STEPS if fewer else 0):
            error *= _FURTHER
            space = self.spaces.fewer(best.space, error)
            bits = space.variables(best.space.ends(best.bits[None]))[0]
            made = Candidate(space, bits, f"{start.label}, fewer digits", start.kind)
            if not self.holds(made):
                break
            best = min(best, made, key=lambda c: c.estimate)
        return best

    def allowed(self, start: Candidate) -> float:
        """Error on searched right-hand sides at which a candidate would just meet the goal, were it like `start`."""
        ber = self.judged(start.block)[1]
        if ber is None or self.reference.link is None or self.reference.noise is None:
            return self.limit
        link, noise = self.reference.link, self.reference.noise / 10 ** (self.reference.loss_db / 10)
        exact = link.errors(self.reference.system.solution(link.received(noise)))
        share = (self.spec.goal.error_rate - exact) / max(ber - exact, 1e-12)
        return float(np.clip(start.space.bit_true(start.bits[None])[0] * share, self.limit / 2, self.limit * 2))

    def _count(self, tried: tuple[Allocation, ...], label: str) -> None:
        """Each search is a line of its own: their limits and coefficients differ."""
        for allocation in tried:
            self.searches += 1
            name = f"{self.searches}: {label}"
            self.history += [(self.evaluations + int(n), float(best), name) for n, best in allocation.history]
            self.evaluations += allocation.evaluations
            self.unique += allocation.unique_evaluations

    # ------------------------------------------------------------------- judge
    def holds(self, candidate: Candidate) -> bool:
        """Whether the goal is met on right-hand sides that were not searched on."""
        error, ber = self.judged(candidate.block)
        return self.meets(error, ber)

    def _holds(self, space: Bits, row: Ints) -> bool:
        return self.holds(Candidate(space, row, "", ""))

    def judged(self, block: Descent) -> tuple[float, float | None]:
        """Mean square error on unseen right-hand sides, and the bit error rate where one is asked for."""
        found, reference = to_float(block.model(self.reference.raw[:, SEARCHED:]), block.output), self.reference
        error = float(np.mean((found - reference.exact[:, SEARCHED:]) ** 2))
        if reference.link is None or reference.noise is None:
            return error, None
        return error, bit_errors(reference, block, reference.noise / 10 ** (reference.loss_db / 10))

    def meets(self, error: float, ber: float | None) -> bool:
        """Whether figures meet the goal."""
        if ber is not None:
            return ber <= self.spec.goal.error_rate
        return self.reference.limit is None or error <= self.reference.limit

    def measured(self, candidates: list[Candidate]) -> list[Tried]:
        """Candidates judged and synthesised."""
        spec, target = self.spec, self.spec.goal.target
        self.progress("synthesising candidates", 0.0)
        counts = self.journal.all(self.executor, synthesised, self.syntheses(candidates))
        found = []
        for candidate, figures in zip(candidates, counts, strict=True):
            error, ber = self.judged(candidate.block)
            if ber is not None and self.reference.proven_noise is not None:
                allowed = 10 ** ((spec.goal.ber_loss_db or 0.0) / 10)
                ber = bit_errors(self.reference, candidate.block, self.reference.proven_noise / allowed, proof=True)
            found.append(
                Tried(candidate, error, ber, self.meets(error, ber), Resources(target, **figures, tool=yosys.version()))
            )
        return found

    def syntheses(self, candidates: Iterable[Candidate]) -> list[tuple[str, str, bool, str]]:
        """The steps of `synthesised` for candidates."""
        target, dsp, tool = self.spec.goal.target, self.spec.hardware.dsp, yosys.version()
        return [(json.dumps(self.design(c.block).frozen()), target, dsp, tool) for c in candidates]

    def design(self, block: Descent) -> DescentDesign:
        """The finished design around a block."""
        spec = self.spec
        return DescentDesign(spec.design.name, block, spec.input.complex, interface=spec.hardware.interface)

    # ------------------------------------------------------------------ answer
    def minimise_area(self) -> Outcome:
        """The smallest design by synthesised LUTs among those that meet the goal."""
        self.progress("equal widths", 0.0)
        spaces = self.spaces.equal()
        given = {"uniform": self.uniform(spaces, True), "zoom": self.uniform(spaces, False)}
        greedy = self.proposed(spaces, "greedy", "greedy")
        given["greedy"] = greedy[0] if greedy else None
        simple = {name: c for name, c in given.items() if c is not None}
        if not simple:
            assert self.spec.descent is not None
            reason = f"no words of up to {self.spec.descent.word_bits[1]} bits meet the goal"
            raise self.spec.blame("descent.word_bits", reason, "allow more bits, more iterations, or another step")
        self.journal.begin(self.executor, synthesised, self.syntheses(simple.values()))  # beside the search
        ours: list[Candidate] = []
        if self.spec.search.algorithm not in ("uniform", "greedy"):
            more = [space for c in greedy[:_SETS] for space in self.spaces.sparser(c.space)]
            known = (self.proposed(more, "greedy", "search") or greedy)[:_TAKEN]
            if not known:  # of words too narrow for the noise model: bit-true runs begin at equal widths
                known = [replace(min(simple.values(), key=lambda c: c.estimate), kind="search")]
            best = [c.space for c in known]
            starts = self.proposed(best, self.spec.search.algorithm, "search") + known
            for space in best:
                own = [c for c in starts if c.space is space]
                ours.append(self.trimmed(self.decided(min(own, key=lambda c: c.estimate))))
        return self._answer(simple, self._zoomed(ours))

    def _zoomed(self, ours: list[Candidate]) -> list[Candidate]:
        """The best candidates and, of one stage, the best with binary points that move beside them: they cost
        multiplexers, so that synthesis decides.
        """
        best = sorted(ours, key=lambda c: c.estimate)[:_SETS]
        return [*best, *self.zooming(best[0])] if best and self.zooms else best

    def _answer(self, simple: dict[str, Candidate], ours: list[Candidate]) -> Outcome:
        tried = self.measured([*simple.values(), *ours])
        baselines = dict(zip(simple, tried, strict=False))
        algorithm = self.spec.search.algorithm
        pool = [baselines[algorithm]] if algorithm in baselines else tried
        least = self.spec.goal.minimise == "error"
        budget = self.spec.goal.budget
        if least and budget is not None and budget.luts is not None:
            tried = [replace(t, meets=t.lut <= budget.luts) for t in tried]
            baselines, pool = dict(zip(simple, tried, strict=False)), tried
        chosen = min(pool, key=lambda t: (not t.meets, t.error if least else t.lut))
        work = [t.candidate.space.work.features(t.candidate.space.ends(t.candidate.bits[None])) for t in tried]
        shells = [self._shell_luts(t.candidate.block) for t in tried]
        cores = [t.lut - shell for t, shell in zip(tried, shells, strict=True)]
        estimate = self.estimate.fitted(np.concatenate(work), cores)
        return Outcome(chosen, tuple(tried), baselines, tuple(self.history), self.evaluations, self.unique, estimate)

    def _shell_luts(self, block: Descent) -> int:
        shell = self.design(block).shell
        return 0 if shell is None else estimate_shell(shell, self.spec.goal.target)["lut"]

    def minimise_error(self) -> Outcome:
        """The least bit-true error within a budget of bits, over all words, or of LUTs."""
        budget = self.spec.goal.budget
        assert budget is not None
        found = self._least(float(budget.bits)) if budget.bits is not None else self._fitting(float(budget.luts or 0))
        return replace(found, history=tuple(self.history), evaluations=self.evaluations, unique=self.unique)

    def _fitting(self, budget: float) -> Outcome:
        """The least error within LUTs as measured: what is allowed of estimated ones follows from answer to answer."""
        limit, under, over = budget, 0.0, np.inf
        found: list[Outcome] = []
        for _ in range(_BUDGETS):
            found.append(self._least(limit))
            most = max([t.lut for t in found[-1].tried if t.candidate.kind == "search"] or [found[-1].chosen.lut])
            if _SPENT * budget < most <= budget:
                break
            under, over = (limit, over) if most <= budget else (under, limit)
            limit = float(np.sqrt(under * over)) if under and np.isfinite(over) else limit * budget / max(most, 1)
        return min(found, key=lambda outcome: (not outcome.chosen.meets, outcome.chosen.error))

    def _least(self, budget: float) -> Outcome:
        found = []
        for space in self.spaces.equal()[:_SETS]:
            for label, kind, algorithm in (
                ("equal widths", "zoom", "uniform"), ("greedy", "greedy", "greedy"), ("search", "search", ""),
            ):  # fmt: skip
                found += self._within(space, budget, label, kind, algorithm)
        if not found:
            raise self.spec.blame("goal.budget", "no words are so few", "allow more, or fewer iterations")
        chosen: dict[str, Candidate] = {}
        for kind in ("zoom", "greedy", "search"):
            own = [c for c in found if c.kind == kind]
            if own:
                chosen[kind] = min(own, key=lambda c: c.space.bit_true(c.bits[None])[0])
        ours = [chosen.pop("search")] if "search" in chosen else []
        if ours and self.zooms:
            space = self.spaces.zooming(ours[0].space)
            seeds = space.zoomed(ours[0].space.ends(ours[0].bits[None]))
            ours += self._within(space, budget, "search, zooming", "search", "", seeds)
        return self._answer(chosen, ours)

    def _within(
        self, space: Bits, limit: float, label: str, kind: str, algorithm: str, seeds: Sequence[Ints] = ()
    ) -> list[Candidate]:
        """The least error within a budget; none where no words are so few."""
        budget, count = self.spec.goal.budget, self.spec.search.evaluations
        spend = space.total if budget is not None and budget.bits is not None else space.luts
        try:
            made = solve(
                space.problem(space.noise, spend, budget=limit), self.rng, count,
                method=algorithm or self.spec.search.algorithm, seeds=seeds,
            )  # fmt: skip
            self._count((made,), f"{label}, noise model")
            bits = np.array(made.bits, dtype=np.int64)
            if not algorithm:
                problem = space.problem(space.bit_true, spend, budget=limit)
                fewer, method = max(int(count * _BIT_TRUE), 100), self.spec.search.algorithm
                made = solve(problem, self.rng, fewer, method=method, seeds=[bits, *seeds])
                self._count((made,), f"{label}, bit-true")
                bits = np.array(made.bits, dtype=np.int64)
        except Infeasible:
            return []
        built = space.bit_true(bits[None])[0] < WORST
        return [Candidate(space, bits, label, kind)] if built else []


def search(reference: Reference, executor: Executor, journal: Journal, progress: Progress) -> Outcome:
    """Search for the design that the file asks for."""
    work = Search(reference, executor, journal, progress)
    return work.minimise_error() if reference.spec.goal.minimise == "error" else work.minimise_area()
