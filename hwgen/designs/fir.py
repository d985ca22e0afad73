"""kind = "fir": which designs are tried, in what order, and which is the answer.

Coefficients come from several `sources`. Cheap estimates rank them; the promising ones get a word length of their own
at every node (`sizing`) in the structure that suits them and are synthesised; what Yosys measured re-fits the estimate,
and the search goes on around the best.
"""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hwgen.allocation import Allocation
from hwgen.blocks.fir import Fir
from hwgen.cost import yosys
from hwgen.cost.estimate import Estimate
from hwgen.cost.measure import place_step, synthesise_step
from hwgen.cost.place import PlaceError
from hwgen.cost.place import tool as place_tool
from hwgen.cost.resources import Resources
from hwgen.cost.shell import estimate as estimate_shell
from hwgen.designs.candidate import Block, Candidate, Tried, judge
from hwgen.designs.folding import folded
from hwgen.designs.reference import Reference
from hwgen.designs.reloading import allocated, reloadable
from hwgen.designs.sizing import Sizing
from hwgen.designs.sources import FULL, Effort, Source, Sources
from hwgen.designs.values import Coefficients
from hwgen.emit import verilog
from hwgen.finished.fir import Design
from hwgen.journal import Journal, Progress

_NEAR = 1.03  # of the estimate of another: what synthesis may reverse
_PLACED = 4  # smallest designs that are placed where cells or a clock rate count
_DEPTHS = (4, 3, 2, 1)  # adders between registers that are tried for a clock rate, the most first


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
    proofs: tuple[dict[str, Any], ...] = ()


class Search:
    """The search for one reference. `executor` runs costly steps, `journal` keeps them, `progress` hears of them."""

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
        self.sources = Sources(reference, executor, journal, progress, effort)
        self.rng = self.sources.rng
        self.estimate = Estimate.of(self.spec.goal.target, self.spec.goal.minimise)
        self.tried: list[Tried] = []
        self.allocation: Allocation | None = None

    # --------------------------------------------------------------- candidates
    def baselines(self) -> dict[str, Candidate]:
        """Uniform widths, common LSB and greedy bits, each over every length tried, the cheapest estimate of each."""
        if self.spec.response.reloadable:
            names = {"uniform": "uniform", "common_lsb": "common-lsb", "greedy": "greedy"}
            return {kind: made[0] for kind, name in names.items() if (made := self._reloadable(name, kind))}
        sizing, found = Sizing(self.reference, self.estimate), {}
        whole = self.spec.hardware.structure != "cascade"  # a cascade is compared with cascades of simpler word lengths
        rounding = self.sources.rounded if whole else []
        greedy = self.sources.by_bits("greedy") if whole and self.effort.greedy else []
        if self.spec.hardware.structure == "folded":
            makers = {
                "uniform": folded(self.reference, rounding, "uniform widths", "uniform"),
                "common_lsb": folded(self.reference, rounding, "common LSB", "common_lsb"),
                "greedy": folded(self.reference, greedy, "greedy bits", "greedy"),
            }
        else:
            factors = [] if whole else self.sources.cascades()
            simple: list[Source] = [*rounding, *factors]
            better: list[Source] = [*greedy, *factors]
            makers = {
                "uniform": _built(sizing.common(c, "uniform widths", "uniform", equal_widths=True) for c in simple),
                "common_lsb": _built(sizing.common(c, "common LSB", "common_lsb") for c in simple),
                "greedy": _built(sizing.graded(c, "greedy bits", "greedy") for c in better),
            }
        for kind, built in makers.items():
            if built:
                found[kind] = min(built, key=lambda c: c.size)
        return found

    # ----------------------------------------------------------------- measure
    def measured(self, candidates: list[Candidate]) -> list[Tried]:
        """Judge and synthesise candidates, on the executor, and keep them among the tried."""
        name, target, dsp, tool = self.spec.design.name, self.spec.goal.target, self.spec.hardware.dsp, yosys.version()
        texts = [self._text(c.fir) for c in candidates]
        steps = [(text, name, target, dsp, tool) for text in texts]
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
        told = [
            (t.candidate.work, (t.resources.lut - self._shell_luts(t.candidate.fir)) / self.reference.channels)
            for t in self.tried
            if t.resources is not None and t.candidate.work is not None and t.candidate.kind != "uniform"
        ]
        self.estimate = Estimate.of(target, self.spec.goal.minimise).fitted(
            [work for work, _ in told], [lut for _, lut in told]
        )
        return found

    def _design(self, fir: Block) -> Design:
        return Design(self.spec.design.name, fir, (), interface=self.spec.hardware.interface)

    def _text(self, fir: Block) -> str:
        """Everything that would be emitted, so that what is measured is what the user gets."""
        design = self._design(fir)
        return design.whole(verilog(fir.component(), design.core.module))

    def _shell_luts(self, fir: Block) -> int:
        shell = self._design(fir).shell
        return 0 if shell is None else estimate_shell(shell, self.spec.goal.target)["lut"]

    def minimise_area(self) -> Outcome:
        """The smallest design by synthesised LUTs (or placed cells) among those that meet every goal."""
        self.progress("baselines", 0.0)
        baselines = self.baselines()
        simple = {"uniform": "uniform", "common-lsb": "common_lsb", "greedy": "greedy"}.get(self.spec.search.algorithm)
        measured = dict(zip(baselines, self.measured(list(baselines.values())), strict=True))
        if simple is None:
            self._rounds()
        elif simple not in measured and not self.spec.response.reloadable:
            self.measured(_built(self._sized(*s) for s in self.sources.everything()[:1]))
        pool = [measured[simple]] if simple in measured else self.tried
        if not pool:
            raise self.nothing()
        pool = self.placed(pool)
        chosen = min(pool, key=lambda t: (not t.meets, t.size(self.spec.goal.minimise)))
        return self.outcome(chosen, measured)

    def nothing(self) -> Exception:
        """Why no filter was found, as a mistake in the design file."""
        structure = self.spec.hardware.structure
        if structure == "cascade":
            reason = "no cascade of factors was found that meets the bands with fewer adders than a single filter"
            return self.spec.blame("hardware.structure", reason, 'write structure = "auto"')
        bits = self.spec.search.accumulator_bits
        if bits is not None:
            reason = f"no filter whose sums have {bits[1]} bits at most meets the goal"
            return self.spec.blame("search.accumulator_bits", reason, "allow more, or leave it out")
        reason = "no coefficients within coefficient_bits meet the goal"
        return self.spec.blame("search.coefficient_bits", reason, "allow more bits, or relax the bands")

    def _sized(self, label: str, source: Source) -> Candidate | None:
        return Sizing(self.reference, self.estimate).graded(source, label)

    def _reloadable(self, algorithm: str, kind: str = "search") -> list[Candidate]:
        return reloadable(self.reference, allocated(self.sources, algorithm), f"{algorithm} bits", kind)

    def _rounds(self) -> None:
        top = self.effort.candidates
        if self.spec.response.reloadable:
            self.measured(self._reloadable(self.spec.search.algorithm)[:top])
            return
        sets = self.sources.everything()
        structure = self.spec.hardware.structure
        if structure in ("auto", "folded"):
            plain = [*self.sources.rounded, *(c for _, c in sets if isinstance(c, Coefficients))]
            self.measured(folded(self.reference, plain, "folded")[:top])
        if structure == "folded":
            return
        sized = [(label, c, self._sized(label, c)) for label, c in sets]
        ranked = sorted(((name, c, g) for name, c, g in sized if g is not None), key=lambda s: s[2].size)
        swarm = [s for s in ranked if "bits" in s[0]][:1]
        share = max(self.spec.search.evaluations // (top + 1), 100)
        groups = (ranked[:top], ranked[top : 2 * top] + swarm)
        for number, group in enumerate(groups[: self.effort.rounds]):
            candidates: list[Candidate] = []
            for label, source, graded in group:
                self.progress("word lengths", len(candidates) / max(len(group), 1))
                sizing = Sizing(self.reference, self.estimate, thorough=True)
                start = sizing.graded(source, label)
                found = None if start is None else sizing.allocated(
                    start, f"{label}, {self.spec.search.algorithm} widths", self.rng, share,
                    algorithm=self.spec.search.algorithm,
                )  # fmt: skip
                if found:
                    self.sources.count(found[1])
                known = [*_built([start]), *([found[0]] if found else [])]
                candidates.append(min([*reversed(known), graded], key=lambda c: c.size))
                near = candidates[-1].size < graded.size < _NEAR * candidates[-1].size
                if number == 0 and near and not self.effort.frugal:
                    candidates.append(graded)  # other adders, as a rule: synthesis decides
                if found and (self.allocation is None or found[1].consumption < self.allocation.consumption):
                    self.allocation = found[1]
            most = _NEAR * min((c.size for c in candidates), default=0.0) if self.effort.frugal else np.inf
            self.measured([c for c in candidates if c.size <= most])

    # ------------------------------------------------------------------- placed
    @property
    def places(self) -> bool:
        """Whether nextpnr decides: where cells are minimised or a clock rate is asked for."""
        goal = self.spec.goal
        return goal.minimise == "cells" or goal.fmax_mhz is not None

    def placed(self, pool: list[Tried]) -> list[Tried]:
        """The smallest of the pool, placed by nextpnr where it decides; parallel filters pipelined where all miss the
        clock rate. Designs that were not placed are not known to reach one.

        Raises
        ------
        PlaceError
            When none of them can be placed.
        """
        if not self.places:
            return pool
        ranked = sorted(pool, key=lambda t: (not t.meets, t.expected))
        placed: list[Tried] = []
        for first in range(0, len(ranked), _PLACED):
            placed, failure = self._place(ranked[first : first + _PLACED])
            if placed:
                break
        else:
            raise PlaceError(failure)
        goal = self.spec.goal.fmax_mhz
        if goal is None:
            return placed
        parallel = [(t, t.candidate.fir) for t in ranked if isinstance(t.candidate.fir, Fir)][:_PLACED]
        for depth in _DEPTHS:
            if any(t.meets for t in placed):
                break
            deeper = [
                replace(t.candidate, fir=replace(fir, depth=depth), label=f"{t.candidate.label}, pipelined")
                for t, fir in parallel
            ]
            placed += self._place(self.measured(deeper))[0]
        self.tried = [t if t.place else replace(t, meets=False) for t in self.tried]
        return placed

    def _place(self, tried: list[Tried]) -> tuple[list[Tried], str]:
        """Those that can be placed, placed, and why the last of the others cannot."""
        name, target, dsp = self.spec.design.name, self.spec.goal.target, self.spec.hardware.dsp
        goal, tool = self.spec.goal.fmax_mhz, place_tool(target)
        steps = [(self._text(t.candidate.fir), name, target, dsp, goal, tool) for t in tried]
        self.progress("placing and routing", 0.0)
        found, failure = [], ""
        for entry, place in zip(tried, self.journal.all(self.executor, place_step, steps), strict=True):
            if "failed" in place:
                failure = place["failed"]
                continue
            fast = goal is None or (place["fmax_mhz"] or 0.0) >= goal
            found.append(replace(entry, place=place, meets=entry.meets and fast))
            self.tried[self.tried.index(entry)] = found[-1]
        return found, failure

    def outcome(self, chosen: Tried, baselines: dict[str, Tried]) -> Outcome:
        """The answer, with what it was chosen from."""
        # The estimate beside the answer is the one fitted to everything but its own synthesis.
        return Outcome(
            chosen, tuple(self.tried), baselines, self.allocation, self.sources.evaluations, self.sources.unique,
            self.estimate, tuple(self.sources.proofs),
        )  # fmt: skip

    def minimise_error(self) -> Outcome:
        """The least response error within the budget of bits or LUTs."""
        from hwgen.designs.fir_error import least_error

        return least_error(self)


def _built(candidates: Iterable[Candidate | None]) -> list[Candidate]:
    return [c for c in candidates if c is not None]


def search(
    reference: Reference,
    executor: Executor,
    journal: Journal,
    progress: Progress,
    effort: Effort = FULL,
) -> Outcome:
    """Search for the design that the file asks for."""
    work = Search(reference, executor, journal, progress, effort)
    if work.places:
        place_tool(reference.spec.goal.target)  # a missing one is told before all the work
    return work.minimise_error() if reference.spec.goal.minimise == "error" else work.minimise_area()
