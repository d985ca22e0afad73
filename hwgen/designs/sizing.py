"""From coefficients to a candidate: adder graph, word lengths that just meet the accuracy goals, checked on the
stimulus.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import FAST, AdderGraph, best_graph, greedy_graph
from hwgen.allocation import ALGORITHMS, Allocation, Infeasible, allocate
from hwgen.blocks.fir import Fir
from hwgen.cost.estimate import Estimate, Fabric
from hwgen.designs.candidate import Candidate, accuracy
from hwgen.designs.cascade import Factors
from hwgen.designs.realised import Room, Share
from hwgen.designs.reference import Reference
from hwgen.designs.sources import STARTS, Source
from hwgen.designs.trimming import trimmed
from hwgen.designs.values import Coefficients
from hwgen.designs.word_lengths import WordLengths
from hwgen.fixed import Format
from hwgen.flowgraph import FlowGraph
from hwgen.structures import PHASES, SMALLEST, STRUCTURES, cascade, for_direct

Ints = NDArray[np.int64]

_CORRECTIONS = 12  # of a closed form, which costs next to nothing
_ATTEMPTS, _TRIMS = 3, 6  # corrections of the analytic noise by the bit-true measurement: searches, then walks
_EXCHANGES = 100  # adder graphs that are judged for the direct form of a candidate
_ALL_EXCHANGES, _TAPS = 1000, 40_000  # of the one filter with given coefficients; graphs times taps, at most
_BUILT, _LONG = 2, 64  # of its graphs from each start, the best; one alone from so many taps on: they take minutes


@dataclass(frozen=True, eq=False)
class Sizing:
    """Sizes any coefficients for one reference; `label` and `kind` go to the candidate.

    With `thorough` the adders of direct forms are chosen for that form, which takes a second or so.
    """

    reference: Reference
    estimate: Estimate
    thorough: bool = False

    def lengths(self, source: Source) -> tuple[WordLengths, ...]:
        """Word-length model in each structure that the design file allows; zeros at the end are no taps."""
        spec, coefficients = self.reference.spec, _product(source)
        values, cascaded = coefficients.trimmed_end, isinstance(source, Factors)
        parts = tuple((c.values, m) for c, m in source.parts) if isinstance(source, Factors) else ((values, 1),)
        return tuple(
            WordLengths(
                values, coefficients.fraction,
                _graph(
                    name, parts, cascaded, spec.input.format.width, self.estimate.fabric, self.thorough,
                    spec.response.interpolate,
                ),
                spec.input.format, spec.output.format, spec.output.rounding, spec.output.overflow,
                f"cascaded {name}" if cascaded else name, spec.response.decimate, spec.input.channels,
                spec.hardware.reset_data,
            )
            for name in self.structures
        )  # fmt: skip

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the structures that may be used."""
        wanted = self.reference.spec.hardware.structure
        return (wanted,) if wanted in STRUCTURES else SMALLEST

    # Three ways to choose LSBs, each the smallest that meets the goals.
    def common(self, source: Source, label: str, kind: str, equal_widths: bool = False) -> Candidate | None:
        """One LSB for all accumulators, multipliers at full precision; with `equal_widths` one width as well."""

        def choices(lengths: WordLengths, coarsest: int) -> Ints:
            lsbs = np.where(lengths.accumulators, coarsest - lengths.unit, lengths.natural)
            return np.maximum(lsbs, lengths.natural)[None, :]

        return self._cheapest(source, choices, label, kind, equal_widths)

    def graded(self, source: Source, label: str, kind: str = "search") -> Candidate | None:
        """Closed form: one LSB for all accumulators, every node that much finer as its errors are multiplied."""
        return self._cheapest(source, _guarded, label, kind)

    def _cheapest(  # type: ignore[no-untyped-def]
        self, source: Source, choices, label: str, kind: str, equal_widths: bool = False
    ) -> Candidate | None:
        """The structure that is cheapest by estimate, with the cheapest of the choices."""
        found = [
            self._corrected(_product(source), lengths, choices, label, kind, equal_widths)
            for lengths in self.lengths(source)
        ]
        best = min((c for c in found if c is not None), key=lambda c: c.size, default=None)
        return best if best is None or isinstance(source, Coefficients) else replace(best, factors=source)

    def allocated(
        self,
        start: Candidate,
        label: str,
        rng: np.random.Generator,
        evaluations: int,
        kind: str = "search",
        algorithm: str = "gc-pso",
    ) -> tuple[Candidate, Allocation] | None:
        """Every LSB its own variable, by the given algorithm, from a closed form; `evaluations` for all attempts.

        The analytic noise steers the search; what the bit-true model then measures corrects the goal it is given. The
        search of hwgen's own begins with greedy walks, and in the end these alone follow such corrections.
        """
        if not self._has_goal or not isinstance(start.fir, Fir) or not start.fir.graph.sums:
            return None
        source, coefficients = start.factors or start.coefficients, start.coefficients
        lengths = next(c for c in self.lengths(source) if c.structure == start.fir.structure)
        first = self._lsbs(lengths, start)
        # In units of the output, the coarsest LSB of any node now, and two bits more.
        coarsest = int((first + np.round(np.log2(np.sqrt(lengths.gains))).astype(np.int64)).max()) + 2
        reference = np.maximum(lengths.reference(coarsest), first)
        finest = np.minimum(np.maximum(self._finest(lengths), first - 4), first)
        margin, best, known = self._share(lengths, coefficients, first) * self._slack(start), None, [first]
        room, share = self._room(lengths), max(evaluations // _ATTEMPTS, 1)
        found: Allocation | None = None
        own = algorithm == "gc-pso"
        for attempt in range(_ATTEMPTS + _TRIMS * own):
            excess = self._excess(lengths, coefficients, margin, room.share(known[-1], reference))
            problem = lengths.problem(excess, self.estimate, reference, finest)
            starts = [trimmed(problem, reference - lengths.loosened(lsbs, finest)) for lsbs in known if own]
            if attempt < _ATTEMPTS:
                try:
                    if own:
                        found = allocate(problem, rng, share, seeds=starts, starts=STARTS, start_evaluations=0)
                    else:
                        found = ALGORITHMS[algorithm](problem, rng, share)
                except Infeasible:
                    break
            assert found is not None  # of the first attempt
            bits = np.array(found.bits) if attempt < _ATTEMPTS else starts[-1]
            kept = room.kept(lengths.settled(reference - bits[None])[0])
            if kept is None:
                break
            candidate = replace(self._candidate(coefficients, lengths, kept, label, kind), factors=start.factors)
            slack = self._slack(candidate)
            if slack >= 1 and (best is None or candidate.size < best[0].size):
                best = candidate, found
            if 1 <= slack < 1.005:
                break
            margin *= slack * (0.998 if slack < 1 else 0.9995)
            known = [first, kept]
        return best

    # ------------------------------------------------------------------ parts
    def _share(self, lengths: WordLengths, coefficients: Coefficients, lsbs: Ints) -> float:
        return float(self._excess(lengths, coefficients, 1.0)(lsbs[None, :])[0])

    @property
    def _has_goal(self) -> bool:
        return self.reference.sqnr_goal_db is not None or self.reference.spec.goal.max_error_ulp is not None

    def _finest(self, lengths: WordLengths) -> Ints:
        """Finest LSB of each variable: full precision, or what `accumulator_bits` leaves."""
        finest = lengths.natural.copy()
        bits = self.reference.spec.search.accumulator_bits
        if bits is not None:
            tops = lengths.tops[list(lengths.graph.sums)]
            finest = np.where(lengths.accumulators, np.maximum(finest, tops - bits[1] + 1), finest)
        return finest

    def _excess(
        self, lengths: WordLengths, coefficients: Coefficients, margin: float, moves: Share | None = None
    ) -> Share:
        """Function of LSBs: the largest share used of any accuracy goal, and of what the response may move by."""
        goal, budget = self.reference.spec.goal, self.reference.noise_budget
        step = self.reference.spec.output.format.lsb
        fixed = self.reference.coefficient_noise(coefficients.floats)
        off = self.reference.coefficient_error(coefficients.floats) * step

        def excess(lsbs: Ints) -> NDArray[np.float64]:
            share = (lengths.noise(lsbs) + fixed) / (budget * margin) if np.isfinite(budget) else np.zeros(len(lsbs))
            if moves is not None:
                share = np.maximum(share, moves(lsbs))
            if goal.max_error_ulp is not None:
                share = np.maximum(share, (lengths.worst(lsbs) + off) / (goal.max_error_ulp * step * margin))
            return share

        return excess

    def _slack(self, candidate: Candidate) -> float:
        """Goal over what was measured, the smallest over all accuracy goals; at least 1 where all are met."""
        goal, sqnr, slack = self.reference.spec.goal, self.reference.sqnr_goal_db, np.inf
        measured, error = accuracy(self.reference, candidate.fir, candidate.coefficients)
        if sqnr is not None:
            slack = 10 ** ((measured - sqnr) / 10)
        if goal.max_error_ulp is not None:
            slack = min(slack, goal.max_error_ulp / error)
        return float(slack)

    def _room(self, lengths: WordLengths) -> Room:
        """What dropped bits may move the response by: anything where a mask is no goal."""
        least = self.reference.spec.goal.minimise == "error"
        return Room(None if least else self.reference.mask, lengths, self._finest(lengths))

    def _corrected(self, coefficients, lengths, choices, label, kind, equal_widths=False):  # type: ignore[no-untyped-def]
        """The cheapest of `choices(coarsest)` over all coarsest LSBs that meets the goals, bit-true."""
        finest = self._finest(lengths)
        if not self._has_goal or not lengths.graph.sums:  # a filter of one tap may have no adder
            return self._candidate(coefficients, lengths, finest, label, kind, equal_widths)
        margin, room = 1.0, self._room(lengths)
        top = max(int(lengths.natural.max()) + lengths.unit + 1, 0)
        for _ in range(_CORRECTIONS):
            excess = self._excess(lengths, coefficients, margin)
            coarsest = range(top, int(finest.min()) + lengths.unit - 1, -1)
            made = [choices(lengths, c) for c in coarsest]
            options = np.maximum(np.concatenate(made), finest)
            meeting = np.flatnonzero(excess(options) <= 1)
            if not len(meeting):
                break
            chosen = int(meeting[np.argmin(self.estimate.size(lengths.work(options[meeting])))])
            candidate = self._candidate(coefficients, lengths, options[chosen], label, kind, equal_widths)
            slack = self._slack(candidate)
            if slack < 1:
                margin *= slack * 0.995
                continue
            kept = room.kept(options[chosen])
            if kept is None or (kept == options[chosen]).all():
                return None if kept is None else candidate
            if choices is _guarded:
                return self._candidate(coefficients, lengths, kept, label, kind)
            top = coarsest[chosen // len(made[0])] - 1  # all have what the worst of them needs
        return None

    def _lsbs(self, lengths: WordLengths, candidate: Candidate) -> Ints:
        assert isinstance(candidate.fir, Fir)  # `_candidate` makes no other
        return np.array([candidate.fir.graph.lsbs[k] for k in lengths.graph.sums], dtype=np.int64)

    def _candidate(  # type: ignore[no-untyped-def]
        self, coefficients, lengths: WordLengths, lsbs, label: str, kind: str, equal_widths: bool = False
    ) -> Candidate:
        work = lengths.work(np.asarray(lsbs)[None, :])
        if equal_widths:
            sums, tops = lengths.accumulators, lengths.tops[list(lengths.graph.sums)]
            width = int(tops[sums].max() - min(np.asarray(lsbs)[sums]) + 1) if sums.any() else 0
            bits = "accumulator_bits" if lengths.structure.endswith("transposed") else "multiplier_bits"
            work = replace(work, **{bits: np.array([float(width * sums.sum())])})
        fir = lengths.fir(lsbs, self.reference.channels, equal_widths)
        luts, size = (
            float(count(work)[0]) * self.reference.channels for count in (self.estimate.luts, self.estimate.size)
        )
        return Candidate(label, kind, coefficients, fir, work, luts, size)


@lru_cache(maxsize=256)
def _adders(values: tuple[int, ...], width: int) -> AdderGraph:
    return best_graph(values, FAST, width)


@lru_cache(maxsize=256)
def _graph(
    structure: str,
    parts: tuple[tuple[tuple[int, ...], int], ...],
    cascaded: bool,
    width: int,
    fabric: Fabric,
    thorough: bool,
    phases: int,
) -> FlowGraph:
    """Signal-flow graph of filters in series, values and spread of each; remembered: each is sized several times."""

    def adders(values: tuple[int, ...]) -> AdderGraph:
        graph = _adders(values, width)
        if structure != "direct" or not thorough:
            return graph
        return for_direct(values, graph, fabric, width, _EXCHANGES)[-1]

    if cascaded:
        return cascade([(values, spread, adders(values), structure) for values, spread in parts], fabric)
    [(values, _)] = parts
    if phases > 1:
        return PHASES[structure](values, _adders(values, width), phases, fabric)
    return STRUCTURES[structure](values, adders(values), fabric)


def full_precision(coefficients: Coefficients, input: Format, output: Format, target: str) -> tuple[Fir, ...]:
    """The filter in each structure with nothing dropped before the output, built for `target`.

    In direct form also with adders exchanged for that form, whose LUTs synthesis alone can tell.
    """
    values = coefficients.trimmed_end
    adders, fabric = best_graph(values, width=input.width), Estimate.of(target).fabric
    suited, kept = [adders], _BUILT if len(values) < _LONG else 1
    count = min(_ALL_EXCHANGES, _TAPS // len(values))
    # The best graph of a multiplier block need not lie near the best of the direct form: exchanges begin at two.
    for start, own in product((adders, greedy_graph(values)), dict.fromkeys((replace(fabric, inverting=0.0), fabric))):
        suited += for_direct(values, start, own, input.width, count, exact=True)[-kept:]
    graphs = [("transposed", adders), *(("direct", graph) for graph in dict.fromkeys(suited))]
    return tuple(
        Fir(
            values, coefficients.fraction, input, output, STRUCTURES[name](values, graph, fabric, exact=True),
            structure=name,
        )
        for name, graph in graphs
    )  # fmt: skip


def _product(source: Source) -> Coefficients:
    """The coefficients themselves; of factors, their product."""
    return source.product if isinstance(source, Factors) else source


def _guarded(lengths: WordLengths, coarsest: int) -> Ints:
    """LSB choices for one accumulator LSB: nodes with -1 to 4 guard bits, in an array (6, variables)."""
    reference = lengths.reference(coarsest)
    inner = ~lengths.accumulators
    return lengths.settled(np.stack([np.maximum(reference - guard * inner, lengths.natural) for guard in range(-1, 5)]))
