"""kind = "fir": which designs are tried, in what order, and which is the answer.

Coefficients come from the strong baselines (one word length, one common LSB, greedy bits), from the swarm over bits
of each tap, and from placing values one by one (`values`). Cheap estimates rank them; the promising ones get a word
length of their own at every node (`sizing`) and are synthesised; what Yosys measured re-fits the estimate, and the
search goes on around the best.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from hwgen.allocation import ALGORITHMS, Allocation, Infeasible, Problem, allocate
from hwgen.cost import yosys
from hwgen.cost.estimate import Estimate
from hwgen.cost.resources import Resources, synthesise
from hwgen.designs.candidate import Candidate, Tried, judge
from hwgen.designs.reference import Reference
from hwgen.designs.sizing import STARTS, Sizing
from hwgen.designs.tap_bits import TapBits, rounded, violations
from hwgen.designs.values import Coefficients, near, place
from hwgen.emit import verilog
from hwgen.journal import Journal
from hwgen.response import Band, Mask, measure, remez

# Algorithms that search values too; the others show what rounding gives.
_SEARCHES = ("gc-pso", "ppso", "memetic", "iterated", "annealing", "genetic")
_TOP = 3  # candidates that are synthesised in each round
_PLACED = 400  # taps beyond which values are not placed one by one
_LENGTHS = (0, 1, 2, 3, 4, 6)  # taps beyond the shortest filter that are tried


@dataclass(frozen=True)
class Outcome:
    """The answer and everything it was chosen from."""

    chosen: Tried
    tried: tuple[Tried, ...]
    baselines: dict[str, Tried]
    allocation: Allocation | None
    evaluations: int
    unique: int
    estimate: Estimate


Progress = Callable[[str, float], None]


def place_step(
    bands: list[list[float]], gain: float, taps: int, fraction: int, opening: float, outwards: bool, most: int
) -> list[Any] | None:
    """`place` with plain arguments and result, for an executor and a journal."""
    mask = Mask(tuple(Band(b[0], b[1], b[2], b[3], b[4], bool(b[5])) for b in bands), gain)
    found = place(mask, taps, gain, fraction, opening, outwards, most)
    return None if found is None else [list(found.values), found.fraction]


def synthesise_step(text: str, top: str, target: str, dsp: bool, tool: str) -> dict[str, float]:
    """`synthesise` with a plain result; `tool` is part of the step's key."""
    return synthesise(text, top, target, dsp).figures()


class Search:
    """The search for one reference. `executor` runs costly steps, `journal` keeps them, `progress` hears of them."""

    def __init__(self, reference: Reference, executor: Executor, journal: Journal, progress: Progress) -> None:
        self.reference, self.executor, self.journal, self.progress = reference, executor, journal, progress
        self.spec = reference.spec
        self.rng = np.random.default_rng(self.spec.search.seed)
        self.estimate = Estimate.of(self.spec.goal.target)
        self.tried: list[Tried] = []
        self.evaluations = self.unique = 0
        self.allocation: Allocation | None = None

    # ------------------------------------------------------------- coefficients
    @cached_property
    def _ideals(self) -> list[np.ndarray]:
        """Unquantised taps of every length worth trying, the given one first."""
        reference, ideals = self.reference, [self.reference.ideal]
        if reference.mask is None or self.spec.response.taps or self.spec.response.coefficients:
            return ideals
        for more in _LENGTHS[1:]:
            try:
                ideal = remez(reference.mask, len(reference.ideal) + more)
            except ValueError:
                continue
            if measure(ideal, reference.mask).violation < 1:
                ideals.append(ideal)
        return ideals

    @property
    def _for_bits(self) -> list[np.ndarray]:
        """Ideals that an allocator gets: all of a short filter's, the two with the most room of a long one's."""
        return self._ideals if len(self._ideals[0]) < 64 else self._ideals[-2:]

    def _meets_mask(self, coefficients: Coefficients) -> bool:
        if not any(coefficients.values):
            return False
        mask = self.reference.mask
        if mask is None:
            budget = self.reference.noise_budget
            return bool(Sizing(self.reference, self.estimate).coefficient_noise(coefficients) <= budget / 2)
        return measure(coefficients.floats, mask).violation <= 1

    def _rounded(self, ideal: np.ndarray) -> Coefficients | None:
        """Smallest common LSB at which rounding meets the goal; the gain is swept, within the mask or freely."""
        mask = self.reference.mask
        span = 0.5 if mask is not None and mask.gain is None else 0.01
        scales = [1.0] if mask is None else [1.0, *(2.0 ** np.linspace(-span, span, 40))]
        for fraction in range(3, 25):
            found = [rounded(ideal * scale, fraction) for scale in scales]
            if mask is not None and np.allclose(ideal, ideal[::-1]):
                free = np.array([c.free for c in found], dtype=np.float64) * 2.0**-fraction
                found = [found[k] for k in np.flatnonzero(violations(free, len(ideal), mask) <= 1)]
            for coefficients in found:
                width = max(abs(v).bit_length() + 1 for v in coefficients.values)
                if width <= self._most and self._meets_mask(coefficients):
                    return self._at_length(coefficients)
        return None

    @property
    def _most(self) -> int:
        return self.spec.search.coefficient_bits[1]

    def _by_bits(self, ideal: np.ndarray, algorithm: str) -> Coefficients | None:
        """Bits of each tap by an allocator, for the fewest adder bits within the mask."""
        mask = self.reference.mask
        if mask is None or not np.allclose(ideal, ideal[::-1]):
            return None
        width = self.spec.input.format.width + 4.0
        taps = TapBits(ideal, mask, self.spec.search.coefficient_bits[0], self._most, width)
        # Between the points of the search's grid a response may overshoot by a few per mille: ask for a little more.
        for goal in (0.995, 0.98, 0.95):
            try:
                found = self._run(taps.problem(goal=goal), algorithm, 4 * len(self._for_bits))
            except Infeasible:
                return None
            coefficients = taps.coefficients(np.array(found.bits))
            if self._meets_mask(coefficients):
                return self._at_length(coefficients)
        return None

    def _at_length(self, coefficients: Coefficients) -> Coefficients:
        """Without zero ends where hwgen chose the length; with as many taps as asked for where the file fixes it."""
        response = self.spec.response
        if response.taps is None and response.coefficients is None:
            return coefficients.trimmed()
        missing = len(self.reference.ideal) - len(coefficients.values)
        ends = (0,) * (missing // 2)
        return Coefficients((*ends, *coefficients.values, *ends), coefficients.fraction)

    def _run(self, problem: Problem, algorithm: str, divisor: int) -> Allocation:
        budget = max(self.spec.search.evaluations // divisor, 100)
        found = (
            allocate(problem, self.rng, budget, starts=STARTS, start_evaluations=0)
            if algorithm == "gc-pso"
            else ALGORITHMS[algorithm](problem, self.rng, budget)
        )
        if algorithm == self.spec.search.algorithm:  # what the baselines cost is not the search's
            self._count(found)
        return found

    def _count(self, found: Allocation) -> None:
        self.evaluations += found.evaluations
        self.unique += found.unique_evaluations

    def _placed(self, variants: list[tuple[float, int, int, float, bool]]) -> list[Coefficients]:
        """Coefficients placed value by value, for each (gain, taps, fraction, opening, outwards)."""
        mask = self.reference.mask
        assert mask is not None  # callers have a mask
        bands = [[b.start, b.stop, b.gain, b.lower, b.upper, float(b.passband)] for b in mask.bands]
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            self.progress("placing coefficients", done / len(variants))

        steps = [(bands, gain, taps, f, opening, out, self._most) for gain, taps, f, opening, out in variants]
        found = self.journal.all(self.executor, place_step, steps, one_more)
        placed = [Coefficients(tuple(values), fraction) for values, fraction in (f for f in found if f is not None)]
        return list(dict.fromkeys(self._at_length(c) for c in placed if self._meets_mask(c)))

    def _variants(self) -> list[tuple[float, int, int, float, bool]]:
        mask, ideals = self.reference.mask, self._ideals
        assert mask is not None
        gains = [mask.gain] if mask.gain is not None else [float(2.0**e) for e in np.linspace(-0.5, 0.5, 5)[:-1]]
        smallest = min(band.upper for band in mask.bands if not band.passband) if len(mask.bands) > 1 else 0.01
        fraction = int(np.ceil(-np.log2(smallest))) + 6
        shapes = ((0.5, True), (1.0, True), (0.35, True), (0.5, False))
        # A tap costs two linear programs, and those grow with the square of the length: long filters get fewer tries.
        size = len(ideals[0])
        tries, lengths = (4, 6) if size < 64 else (2, 6) if size < 160 else (1, 2) if size <= _PLACED else (0, 0)
        if len(gains) > 1:
            lengths = min(lengths, 3)
        return [
            (gain, len(ideal), fraction, opening, outwards)
            for gain in gains
            for ideal in ideals[:lengths]
            for opening, outwards in shapes[:tries]
        ]

    # --------------------------------------------------------------- candidates
    def baselines(self) -> dict[str, Candidate]:
        """Uniform widths, common LSB and greedy bits, each over every length tried, the cheapest estimate of each."""
        sizing, found = Sizing(self.reference, self.estimate), {}
        rounding = [c for c in (self._rounded(ideal) for ideal in self._ideals) if c is not None]
        greedy = [self._by_bits(ideal, "greedy") for ideal in self._for_bits]
        makers = {
            "uniform": [sizing.common(c, "uniform widths", "uniform", equal_widths=True) for c in rounding],
            "common_lsb": [sizing.common(c, "common LSB", "common_lsb") for c in rounding],
            "greedy": [sizing.graded(c, "greedy bits", "greedy") for c in greedy if c is not None],
        }
        for kind, candidates in makers.items():
            built = [c for c in candidates if c is not None]
            if built:
                found[kind] = min(built, key=lambda c: c.estimate)
        return found

    def _coefficient_sets(self) -> list[tuple[str, Coefficients]]:
        """Coefficients to size, with a label each."""
        algorithm, reference = self.spec.search.algorithm, self.reference
        found: list[tuple[str, Coefficients]] = []
        for ideal in self._for_bits:
            self.progress(f"{algorithm} over tap bits", 0.0)
            bits = self._by_bits(ideal, algorithm)
            if bits is not None:
                found.append((f"{algorithm} bits, {len(ideal)} taps", bits))
        least, most = self.spec.search.coefficient_bits
        if algorithm not in _SEARCHES or least == most:
            found += [("rounded", c) for c in (self._rounded(i) for i in self._ideals) if c is not None]
        elif reference.mask is None:
            found += self._nearby()
        elif np.allclose(reference.ideal, reference.ideal[::-1]):
            found += [(f"placed values, {len(c.values)} taps", c) for c in self._placed(self._variants())]
        if not found:
            found += [("rounded", c) for c in (self._rounded(i) for i in self._ideals) if c is not None]
        return found

    def _nearby(self) -> list[tuple[str, Coefficients]]:
        """For coefficients without a mask: the cheapest values within what share of the noise budget they may take."""
        reference, ideal = self.reference, self.reference.ideal
        scale = self.spec.input.format.lsb
        power = float(np.mean((reference.samples * scale) ** 2))
        budget = reference.noise_budget if np.isfinite(reference.noise_budget) else reference.rounding_noise / 16
        found = []
        for share in (0.05, 0.1, 0.2, 0.3, 0.5):
            reach = float(np.sqrt(3 * share * budget / (power * len(ideal))))
            values = near(ideal, reach, int(np.ceil(-np.log2(reach))) + 1, self._most)
            if values is not None and self._meets_mask(values):
                found.append((f"near values, share {share}", values))
        return found

    # ----------------------------------------------------------------- measure
    def measured(self, candidates: list[Candidate]) -> list[Tried]:
        """Judge and synthesise candidates, on the executor, and keep them among the tried."""
        texts = [verilog(c.fir.component(), self.spec.design.name) for c in candidates]
        target, dsp, tool = self.spec.goal.target, self.spec.hardware.dsp, yosys.version()
        steps = [(text, self.spec.design.name, target, dsp, tool) for text in texts]
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            self.progress("synthesising candidates", done / len(steps))

        counts = self.journal.all(self.executor, synthesise_step, steps, one_more)
        found = []
        for candidate, figures in zip(candidates, counts, strict=True):
            quality = judge(self.reference, candidate.fir, candidate.coefficients)
            resources = Resources(target, **figures, tool=tool)
            found.append(Tried(candidate, quality, quality.meets(self.reference), resources))
        self.tried += found
        luts = [t.resources.lut for t in self.tried if t.resources is not None and t.candidate.kind != "uniform"]
        works = [t.candidate.work for t in self.tried if t.resources is not None and t.candidate.kind != "uniform"]
        channels = self.reference.channels
        self.estimate = Estimate.of(target).fitted(works, [lut / channels for lut in luts])
        return found

    def minimise_luts(self) -> Outcome:
        """The smallest design by synthesised LUTs among those that meet every goal."""
        self.progress("baselines", 0.0)
        baselines = self.baselines()
        simple = {"uniform": "uniform", "common-lsb": "common_lsb", "greedy": "greedy"}.get(self.spec.search.algorithm)
        measured = dict(zip(baselines, self.measured(list(baselines.values())), strict=True))
        if simple is None:
            self._rounds()
        elif simple not in measured:
            self.measured([c for c in [self._sized(*s) for s in self._coefficient_sets()[:1]] if c is not None])
        pool = [measured[simple]] if simple in measured else self.tried
        if not pool:
            reason = "no coefficients within coefficient_bits meet the goal"
            raise self.spec.blame("search.coefficient_bits", reason, "allow more bits, or relax the bands")
        chosen = min(pool, key=lambda t: (not t.meets, t.resources.lut if t.resources else np.inf))
        return self._outcome(chosen, measured)

    def _sized(self, label: str, coefficients: Coefficients) -> Candidate | None:
        return Sizing(self.reference, self.estimate).graded(coefficients, label)

    def _rounds(self) -> None:
        sets = self._coefficient_sets()
        sized = [(label, c, self._sized(label, c)) for label, c in sets]
        ranked = sorted(((name, c, g) for name, c, g in sized if g is not None), key=lambda s: s[2].estimate)
        swarm = [s for s in ranked if "bits" in s[0]][:1]
        share = max(self.spec.search.evaluations // (_TOP + 1), 100)
        for number, group in enumerate((ranked[:_TOP], ranked[_TOP : 2 * _TOP] + swarm)):
            candidates: list[Candidate] = []
            for label, coefficients, graded in group:
                self.progress("word lengths", len(candidates) / max(len(group), 1))
                found = Sizing(self.reference, self.estimate).allocated(
                    coefficients, f"{label}, {self.spec.search.algorithm} widths", self.rng, share,
                    algorithm=self.spec.search.algorithm,
                ) if number == 0 else None  # fmt: skip
                if found is not None:
                    self._count(found[1])
                candidates.append(found[0] if found is not None and found[0].estimate <= graded.estimate else graded)
                if found and (self.allocation is None or found[1].consumption < self.allocation.consumption):
                    self.allocation = found[1]
            self.measured(candidates)

    def _outcome(self, chosen: Tried, baselines: dict[str, Tried]) -> Outcome:
        # The estimate beside the answer is the one fitted to everything but its own synthesis.
        return Outcome(
            chosen, tuple(self.tried), baselines, self.allocation, self.evaluations, self.unique, self.estimate
        )

    def minimise_error(self) -> Outcome:
        """The least response error within the budget of bits or LUTs."""
        from hwgen.designs.fir_error import least_error

        return least_error(self)


def search(reference: Reference, executor: Executor, journal: Journal, progress: Progress) -> Outcome:
    """Search for the design that the file asks for."""
    work = Search(reference, executor, journal, progress)
    return work.minimise_error() if reference.spec.goal.minimise == "error" else work.minimise_luts()


def at_estimate(candidate: Candidate, estimate: Estimate, channels: int) -> Candidate:
    """The candidate with its figure by another estimate."""
    return replace(candidate, estimate=float(estimate.luts(candidate.work)[0]) * channels)
