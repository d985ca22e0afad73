"""The search for a detector: ADC bits within their budget, then the smallest combiner that meets the EVM."""

from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import numpy as np

from hwgen.allocation import Allocation
from hwgen.cost import yosys
from hwgen.cost.estimate import Estimate
from hwgen.cost.measure import synthesise_step
from hwgen.cost.resources import Resources
from hwgen.designs.detector_goal import Goal
from hwgen.designs.detector_sizing import Candidate, Recipe, Sizing
from hwgen.designs.monte_carlo import Figures, received
from hwgen.emit import verilog
from hwgen.finished.detector import Detector
from hwgen.journal import Journal, Progress

_ATTEMPTS = 4  # corrections of the model by what was measured
_SYNTHESISED = 2  # candidates


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate with what was measured of it."""

    candidate: Candidate
    figures: Figures
    meets: bool
    verilog: str = field(repr=False)
    resources: Resources | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """The chosen design, all that were synthesised, and how the search went."""

    chosen: Tried
    tried: list[Tried]
    baselines: dict[str, Tried]
    widths: Allocation | None
    estimate: Estimate


class DetectorSearch:
    """Everything `search` does, for one goal."""

    def __init__(self, goal: Goal, progress: Progress) -> None:
        self.goal, self.progress = goal, progress
        self.estimate = Estimate.of(goal.target)
        self.widths: Allocation | None = None

    def sized(self, bits: tuple[int, ...], label: str, kind: str, plain: bool = False) -> list[Tried]:
        """Combiners for these ADCs that meet the goal as measured, the cheapest by estimate first."""
        goal, link = self.goal, self.goal.link(bits)
        limit = (goal.evm_percent / 100) ** 2
        # What the model says of the exact weights, over what is measured.
        factor = float(link.ideal.mean()) / (goal.figures(link).evm_percent[0] / 100) ** 2
        best: list[Tried] = []
        recipes: list[Recipe] = []
        fraction: int | None = None
        for attempt in range(_ATTEMPTS):
            sizing = Sizing(link, goal.output, self.estimate, limit * factor, fraction)
            if sizing.slack <= 0:
                break
            if plain:
                found = [made for made in [sizing.plain(label, kind)] if made is not None]
            elif attempt:
                found = sizing.traded(label, kind, recipes)
            else:
                found = self._explored(sizing, label, kind)
            if not found:
                break
            found = found[: 1 if plain else _SYNTHESISED]
            recipes = [made.recipe for made in found if made.recipe is not None]
            fraction = sizing.weights.fraction
            tried = [self.measured(made) for made in found]
            best += [t for t in tried if t.meets]
            over = (tried[0].figures.evm_percent[2] / goal.evm_percent) ** 2
            if 0.997 <= over <= 1 or (plain and best):
                break
            factor /= over * 1.001
        # Corrections may lead to the same weights again.
        different = {str(t.candidate.combiner.frozen()): t for t in best}
        return sorted(different.values(), key=lambda t: t.candidate.estimate)

    def _explored(self, sizing: Sizing, label: str, kind: str) -> list[Candidate]:
        """One LSB and, for the design itself, those of the allocator; the better two with cuts, too."""
        recipes = sizing.recipes()
        if kind == "detector":
            evaluations = max(self.goal.evaluations // 20, 100)
            allocated = sizing.allocated(self.goal.generator(2), evaluations, self.goal.algorithm)
            if allocated is not None:
                lsbs, self.widths = allocated
                recipes.append(Recipe("allocated LSBs", lsbs))
        found = sizing.traded(label, kind, recipes)
        cut = [more for made in found[:2] if made.recipe is not None for more in made.recipe.cut()]
        return sorted([*found, *sizing.traded(label, kind, cut)], key=lambda made: made.estimate)

    def finest(self) -> Tried:
        """The allocated ADCs with fine weights, where nothing meets the goal."""
        link = self.goal.link(self.goal.bits)
        return self.measured(Sizing(link, self.goal.output, self.estimate, np.inf).finest("finest weights", "detector"))

    def measured(self, candidate: Candidate) -> Tried:
        """Bit-true figures; the goal is met where the whole interval meets it."""
        figures = self.goal.figures(candidate.link, received(candidate.combiner, candidate.link))
        return Tried(candidate, figures, figures.evm_percent[2] <= self.goal.evm_percent, "")

    def uniform(self, plain: bool) -> list[Tried]:
        """ADCs of the fewest bits, all the same, that can meet the goal."""
        label = "uniform ADCs, one LSB" if plain else "uniform ADCs"
        for b in self.goal.receiver.levels:
            if b:
                found = self.sized(
                    (b,) * self.goal.receiver.antennas, label, "uniform" if plain else "uniform_adc", plain
                )
                if found:
                    return found
        return []

    def rivals(self) -> dict[str, list[Tried]]:
        """The baselines by name: ADCs and widths that others would choose, at the same goal."""
        goal, own = self.goal, self.goal.bits
        found = {
            "uniform": self.uniform(plain=True),
            "uniform_adc": self.uniform(plain=False),
            "common_lsb": self.sized(own, "allocated ADCs, one LSB", "common_lsb", plain=True),
        }
        closed = goal.receiver.closed_forms(goal.budget)["mmsqe-ba"]
        if len(set(closed)) > 1:
            found["mmsqe_ba"] = self.sized(tuple(int(b) for b in closed), "MMSQE-BA", "mmsqe_ba")
        greedy = goal.allocation.baselines.get("greedy")
        if greedy is not None and greedy.feasible and greedy.bits != own:
            found["greedy"] = self.sized(greedy.bits, "greedy ADCs", "greedy")
        return {name: tried for name, tried in found.items() if tried}

    def synthesised(self, tried: list[Tried], executor: Executor, journal: Journal) -> list[Tried]:
        """The same with Verilog and what Yosys makes of it."""
        designs = [Detector(self.goal.name, t.candidate.combiner, interface=self.goal.interface) for t in tried]
        texts = [design.whole(verilog(design.component(), design.core_name)) for design in designs]
        tool = yosys.version()
        steps = [(text, self.goal.name, self.goal.target, False, tool) for text in texts]
        done = journal.all(executor, synthesise_step, steps, lambda: self.progress("synthesising", 0.7))
        return [
            replace(t, verilog=text, resources=Resources(self.goal.target, tool=tool, **figures))
            for t, text, figures in zip(tried, texts, done, strict=True)
        ]


def search(run: DetectorSearch, executor: Executor, journal: Journal) -> Outcome:
    """The smallest synthesised combiner that meets the goal; the most accurate that was found where none does."""
    goal, progress = run.goal, run.progress
    progress("sizing the combiner", 0.1)
    own = run.sized(goal.bits, "allocated ADCs", "detector")[:_SYNTHESISED] or [run.finest()]
    progress("sizing the baselines", 0.4)
    rivals = {name: tried[0] for name, tried in run.rivals().items()}
    progress("synthesising", 0.6)
    done = run.synthesised([*own, *rivals.values()], executor, journal)
    ours, others = done[: len(own)], dict(zip(rivals, done[len(own) :], strict=True))
    # A baseline that is smaller, within the budget of the ADCs, is as good an answer.
    allowed = [
        *ours,
        *(t for t in others.values() if goal.spent(t.candidate.link.bits) <= goal.budget),
    ]
    chosen = min(allowed, key=lambda t: (not t.meets, t.resources.lut if t.resources else np.inf))
    known = [(t.candidate.work, t.resources.lut) for t in done if t.resources and t.candidate.work]
    fitted = run.estimate.fitted([work for work, _ in known], [lut for _, lut in known]) if known else run.estimate
    return Outcome(chosen, done, others, run.widths, fitted)
