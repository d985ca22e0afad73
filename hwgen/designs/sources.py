"""Where a FIR's coefficients come from: rounding, bits of each tap, values searched together, factors in cascade."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hwgen.allocation import ALGORITHMS, Allocation, Infeasible, Problem, allocate
from hwgen.designs.adder_count import adders
from hwgen.designs.cascade import Factors
from hwgen.designs.cheapest import cheapest
from hwgen.designs.exact_values import MOST
from hwgen.designs.joint import Variant, Walked
from hwgen.designs.reference import Reference
from hwgen.designs.source_steps import NEAR, Bands, factor_step, fewest_step, plain, walk_step
from hwgen.designs.tap_bits import TapBits, rounded, violations
from hwgen.designs.values import Coefficients, near
from hwgen.journal import Journal, Progress
from hwgen.response import measure, remez

# Algorithms that search values too; the others show what rounding gives.
SEARCHES = ("gc-pso", "ppso", "memetic", "iterated", "annealing", "genetic")
STARTS = ("uniform", "common-lsb", "greedy")  # beside the closed form; the others cost much here and win nothing
_LONGEST = 400  # taps beyond which values are not searched
_EFFORT, _LEAST = 0.6, 2000  # steps of the search for values: a share of the evaluations, and no fewer
_KEPT = 6  # sets of values that are sized
_LENGTHS = (0, 1, 2, 3, 4, 6)  # taps beyond the shortest filter that are tried
_WIDEST = 25  # bits of a given coefficient
_PROVED = 2  # sets of values around which the fewest adders are proved
_NARROW = 20  # taps from which on a cascade may pay
_OUTDONE = 1.5  # times the adders of a cascade that the taps of a single filter may be, to be searched

Source = Coefficients | Factors


@dataclass(frozen=True)
class Effort:
    """What a search spends: rounds of syntheses, candidates in each, a share of the usual search for values, a greedy
    baseline or none. A `frugal` one synthesises only what comes near the smallest by estimate.
    """

    rounds: int = 2
    candidates: int = 3
    values: float = 1.0
    greedy: bool = True
    frugal: bool = False


FULL = Effort()


class Sources:
    """Coefficients for one reference. `executor` runs costly steps, `journal` keeps them, `progress` hears of them.

    `evaluations` and `unique` count what the design file's own algorithm has spent so far; `proofs` are bounds on the
    adders of single filters.
    """

    def __init__(
        self,
        reference: Reference,
        executor: Executor,
        journal: Journal,
        progress: Progress,
        effort: Effort = FULL,
    ) -> None:
        self.reference, self.executor, self.journal, self.progress = reference, executor, journal, progress
        self.effort = effort
        self.spec = reference.spec
        self.rng = np.random.default_rng(self.spec.search.seed)
        self.evaluations = self.unique = 0
        self.proofs: list[dict[str, Any]] = []

    # ------------------------------------------------------------------- ideals
    @cached_property
    def ideals(self) -> list[np.ndarray]:
        """Unquantised taps of every length worth trying, the given one first."""
        reference, ideals = self.reference, [self.reference.ideal]
        if reference.mask is None or self.spec.response.taps or self.spec.response.listed:
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
    def for_bits(self) -> list[np.ndarray]:
        """Ideals that an allocator gets: all of a short filter's, the two with the most room of a long one's."""
        return self.ideals if len(self.ideals[0]) < 64 else self.ideals[-2:]

    @property
    def most(self) -> int:
        """Most bits of a coefficient: the file's; where it names none, given coefficients take what the goal needs."""
        search = self.spec.search
        if self.reference.mask is None and "coefficient_bits" not in search.model_fields_set:
            return _WIDEST
        return search.coefficient_bits[1]

    @property
    def symmetric(self) -> bool:
        """Whether the ideal filter has linear phase."""
        return bool(np.allclose(self.reference.ideal, self.reference.ideal[::-1]))

    def meets(self, coefficients: Coefficients) -> bool:
        """Whether coefficients meet the mask; without one, whether they leave half of what the goals allow."""
        factor, mask = self.spec.response.interpolate, self.reference.mask
        if not all(any(coefficients.values[phase::factor]) for phase in range(factor)):
            return False
        if mask is None:
            return (
                self.reference.coefficient_noise(coefficients.floats) <= self.reference.noise_budget / 2
                and self.reference.coefficient_error(coefficients.floats) <= self._error_room / 2
            )
        return measure(coefficients.floats, mask).violation <= 1

    @property
    def _error_room(self) -> float:
        """Output LSBs that an error goal leaves to coefficients and dropped bits; infinite without one."""
        goal = self.spec.goal.max_error_ulp
        return np.inf if goal is None else goal - self.reference.least_error_ulp

    def _at_length(self, coefficients: Coefficients) -> Coefficients:
        """Without zero ends where hwgen chose the length; with as many taps as asked for where the file fixes it."""
        response = self.spec.response
        if response.taps is None and response.listed is None:
            return coefficients.trimmed()
        missing = len(self.reference.ideal) - len(coefficients.values)
        ends = (0,) * (missing // 2)
        return Coefficients((*ends, *coefficients.values, *ends), coefficients.fraction)

    # ----------------------------------------------------------------- rounding
    @cached_property
    def rounded(self) -> list[Coefficients]:
        """Rounded taps of every length."""
        return [c for c in (self._rounded(ideal) for ideal in self.ideals) if c is not None]

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
                if width <= self.most and self.meets(coefficients):
                    return self._at_length(coefficients)
        return None

    # --------------------------------------------------------------- allocation
    def by_bits(self, algorithm: str) -> list[Coefficients]:
        """Bits of each tap by an allocator, for the fewest adder bits within the mask, for each of `for_bits`."""
        found: list[Coefficients | None] = []
        for ideal in self.for_bits:
            self.progress(f"{algorithm} over tap bits", len(found) / len(self.for_bits))
            found.append(self._by_bits(ideal, algorithm))
        return [c for c in found if c is not None]

    def _by_bits(self, ideal: np.ndarray, algorithm: str) -> Coefficients | None:
        mask = self.reference.mask
        if mask is None or not np.allclose(ideal, ideal[::-1]):
            return None
        width = self.spec.input.format.width + 4.0
        taps = TapBits(ideal, mask, self.spec.search.coefficient_bits[0], self.most, width)
        # Between the points of the search's grid a response may overshoot by a few per mille: ask for a little more.
        for goal in (0.995, 0.98, 0.95):
            try:
                found = self.run(taps.problem(goal=goal), algorithm, 4 * len(self.for_bits))
            except Infeasible:
                return None
            coefficients = taps.coefficients(np.array(found.bits))
            if self.meets(coefficients):
                return self._at_length(coefficients)
        return None

    def run(self, problem: Problem, algorithm: str, divisor: int) -> Allocation:
        """Allocate by the named algorithm, within the file's evaluations over `divisor`."""
        budget = max(self.spec.search.evaluations // divisor, 100)
        found = (
            allocate(problem, self.rng, budget, starts=STARTS, start_evaluations=0)
            if algorithm == "gc-pso"
            else ALGORITHMS[algorithm](problem, self.rng, budget)
        )
        if algorithm == self.spec.search.algorithm:  # what the baselines cost is not the search's
            self.count(found)
        return found

    def count(self, found: Allocation) -> None:
        """Add what an allocation spent."""
        self.evaluations += found.evaluations
        self.unique += found.unique_evaluations

    # ------------------------------------------------------------------- values
    def cheapest(self) -> list[Coefficients]:
        """Coefficients of the fewest adders that were found within the mask, of every length."""
        mask, lengths = self.reference.mask, [len(ideal) for ideal in self.ideals]
        if mask is None or lengths[0] > _LONGEST:
            return []

        def mapped(work: Callable[[Variant], Walked], variants: Iterable[Variant]) -> list[Walked]:
            steps = [
                (self._bands, mask.gain, v.taps, v.gain, v.seed, v.regrowths, v.start and list(v.start), v.most)
                for v in variants
            ]
            if not steps:
                return []
            return [
                Walked(tuple((cost, tuple(free)) for cost, free in found), last and tuple(last), energy)
                for found, last, energy in self._all("searching coefficients", walk_step, steps)
            ]

        effort = round(max(self.spec.search.evaluations * _EFFORT, _LEAST) * self.effort.values)
        found = cheapest(mask, lengths, self.rng, effort, most=self.most, keep=_KEPT, mapped=mapped)
        found = [*self._fewest(found[:_PROVED]), *found]
        return list(dict.fromkeys(self._at_length(c) for c in found if self.meets(c)))

    def _fewest(self, found: list[Coefficients]) -> list[Coefficients]:
        """Filters of fewer adders near short ones, by integer programs; what those prove is kept in `proofs`."""
        mask, short = self.reference.mask, [c for c in found if len(c.free) <= MOST]
        assert mask is not None
        steps = [(self._bands, mask.gain, list(c.values), c.fraction) for c in short]
        better = []
        for c, (values, bound) in zip(short, self._all("proving coefficients", fewest_step, steps), strict=True):
            if bound is not None:
                self.proofs.append({
                    "taps": len(c.values), "adders": sum(adders(c.values)), "at_least": int(np.ceil(bound - 1e-6)),
                    "within": NEAR, "lsb": f"2^-{c.fraction}",
                })  # fmt: skip
            if values is not None and sum(adders(tuple(values))) < sum(adders(c.values)):
                better.append(Coefficients(tuple(values), c.fraction).trimmed())
        return better

    def _all(self, what: str, work: Callable[..., Any], steps: list[tuple[Any, ...]]) -> list[Any]:
        done = 0

        def one_more() -> None:
            nonlocal done
            done += 1
            self.progress(what, done / len(steps))

        return self.journal.all(self.executor, work, steps, one_more)

    @property
    def _bands(self) -> Bands:
        mask = self.reference.mask
        assert mask is not None  # callers have a mask
        return plain(mask)

    def nearby(self) -> list[Coefficients]:
        """For coefficients without a mask: the cheapest values within what share of the noise budget they may take."""
        reference, ideal = self.reference, self.reference.ideal
        scale = self.spec.input.format.lsb
        power = float(np.mean((reference.samples * scale) ** 2))
        budget = reference.noise_budget if np.isfinite(reference.noise_budget) else reference.rounding_noise / 16
        found = []
        for share in (0.05, 0.1, 0.2, 0.3, 0.5):
            reach = float(np.sqrt(3 * share * budget / (power * len(ideal))))
            if np.isfinite(self._error_room):  # a step away from every tap is the most that rounding moves it
                reach = min(reach, share * self._error_room / reference.coefficient_error(ideal + 1.0))
            if not reach:
                break
            values = near(ideal, reach, int(np.ceil(-np.log2(reach))) + 1, self.most)
            if values is not None and self.meets(values):
                found.append(values)
        return found

    def cascades(self) -> list[Factors]:
        """Factors whose cascade meets the mask, where the design file leaves room for them and its transition is narrow
        enough for them to pay.
        """
        return [
            Factors(tuple((Coefficients(tuple(v), fraction), spread) for v, fraction, spread in parts))
            for answers in self._all("factoring into a cascade", factor_step, self._factorings)
            for parts in answers
        ]

    @property
    def _factorings(self) -> list[tuple[Any, ...]]:
        """What `cascades` asks the executor, a step or none."""
        mask, spec = self.reference.mask, self.spec
        fixed = spec.response.taps or spec.response.listed or spec.response.interpolate > 1
        free = spec.hardware.structure in ("auto", "cascade") and not fixed
        if mask is None or not free or not self.symmetric or len(self.reference.ideal) < _NARROW:
            return []
        return [(self._bands, mask.gain, len(self.reference.ideal))]

    def _outdone(self, cascades: list[Factors]) -> bool:
        """Whether no search for values need be made, as a filter of one stage has about an adder a tap at least.

        Delays, which cascades have more of, take cells, and narrow sums suit some filters only: then both are tried.
        """
        if self.spec.goal.minimise != "luts" or self.spec.search.accumulator_bits is not None:
            return False
        taps = min((sum(v != 0 for v in c.values) for c in self.rounded), default=0)
        return any(_OUTDONE * f.adders < taps for f in cascades)

    # --------------------------------------------------------------------- sets
    def begin(self) -> None:
        """Send to the executor what `everything` will ask for first and has to wait for."""
        if self._searches:
            self.journal.begin(self.executor, factor_step, self._factorings)

    @property
    def _searches(self) -> bool:
        """Whether the design file leaves values, beside bits, to a search; those that are loaded are the user's."""
        least, most = self.spec.search.coefficient_bits
        fixed = least == most or self.spec.response.reloadable
        return self.spec.search.algorithm in SEARCHES and not fixed

    def everything(self) -> list[tuple[str, Source]]:
        """What the design file's algorithm gives, a label with each."""
        algorithm, structure = self.spec.search.algorithm, self.spec.hardware.structure
        if structure == "cascade":
            return [(f"cascade of {len(f.parts)}", f) for f in self.cascades()]
        self.begin()
        found: list[tuple[str, Source]] = []
        found += [(f"{algorithm} bits, {len(c.values)} taps", c) for c in self.by_bits(algorithm)]
        if self._searches and self.reference.mask is None:
            found += [("near values", c) for c in self.nearby()]
        elif self._searches and self.symmetric:
            cascades = self.cascades()
            if not self._outdone(cascades):
                found += [(f"searched values, {len(c.values)} taps", c) for c in self.cheapest()]
            found += [(f"cascade of {len(f.parts)}", f) for f in cascades]
        if not found or not self._searches:
            found += [("rounded", c) for c in self.rounded]
        return found
