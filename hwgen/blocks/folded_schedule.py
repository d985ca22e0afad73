"""Steps of a folded filter: which term each unit multiplies, which of its samples come from where."""

from dataclasses import dataclass
from functools import cached_property

from hwgen.blocks.folded import Folded, Term


@dataclass(frozen=True)
class FoldedSchedule:
    """The schedule that one step counter goes through for each output, or each sample that gives several.

    The step is 0 while nothing is to be done, s + 1 in slot s; the last slot may be that of step 0.
    """

    folded: Folded

    @property
    def steps(self) -> int:
        """Steps before the counter is back at 0."""
        f = self.folded
        return f.interval if f.decimate == 1 else f.spacing * f.interpolate

    @cached_property
    def places(self) -> list[tuple[int, int] | None]:
        """Phase and slot within the phase that each step stands for; None where nothing is to be done."""
        f, found = self.folded, list[tuple[int, int] | None]()
        for step in range(self.steps):
            phase, slot = divmod((step - 1) % self.steps, f.spacing)
            found.append((phase, slot) if phase < f.interpolate and slot < f.slots else None)
        return found

    def term(self, unit: int, step: int) -> Term | None:
        """What a unit multiplies in a step."""
        place = self.places[step]
        if place is None:
            return None
        terms = self.folded.phases[place[0]]
        index = unit * self.folded.slots + place[1]
        return terms[index] if index < len(terms) else None

    def terms(self, unit: int) -> list[Term | None]:
        """What a unit multiplies in each step."""
        return [self.term(unit, step) for step in range(self.steps)]

    def agos(self, unit: int) -> list[list[int | None]]:
        """How far back the samples are that a unit reads in each step: one list, or one of each sample of a pair."""
        terms = self.terms(unit)
        found = [[None if t is None else t.ago for t in terms]]
        if any(t is not None and t.mirror is not None for t in terms):
            found.append([None if t is None else t.mirror for t in terms])
        return found

    def alone(self, unit: int) -> list[int] | None:
        """Steps in which the unit's second sample counts (1) or not (0); None where it has none or always does."""
        terms = self.terms(unit)
        mirrors = {t.mirror is None for t in terms if t is not None}
        return [int(t is None or t.mirror is not None) for t in terms] if len(mirrors) == 2 else None


def slope(agos: list[int | None]) -> tuple[int, int] | None:
    """``(s, c)`` where all the samples are ``s * step + c`` back, `s` 1 or -1; None where they are not in a row."""
    known = [(step, ago) for step, ago in enumerate(agos) if ago is not None]
    for sign in (1, -1):
        offsets = {ago - sign * number for number, ago in known}
        if len(offsets) == 1:
            return sign, offsets.pop()
    return None
