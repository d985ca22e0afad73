"""minimise = "error" of a receiver: the least noise at the output within a budget of LUTs.

The allocator minimises the analytic noise within estimated LUTs; what Yosys measures corrects the estimate, round by
round; of the designs within the budget the bit-true model's SQNR decides. Baselines have the same budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from hwgen.designs.receiver_reference import ReceiverReference, with_goal
from hwgen.designs.receiver_search import NARROWEST, WIDEST, Search, Tried

Count = Callable[[Sequence[Tried]], list[Tried]]  # adds what Yosys counts
Start = Callable[[ReceiverReference], Search]

_ROUNDS = 4  # of correcting the estimate by what was measured
_HALVINGS = 7
_WORST_DB = 3.0  # SQNR from which on a budget is worth anything
_FULL = 0.99  # of a budget


def worth(reference: ReceiverReference, luts: float, start: Start) -> float:
    """SQNR, dB, that greedy widths of so many estimated LUTs have by the analytic noise; up to the output's own."""
    low, high = _WORST_DB, reference.goal.sqnr_db - 0.1
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        least = start(with_goal(reference, middle)).least_luts("greedy")
        low, high = (middle, high) if least is not None and least <= luts else (low, middle)
    return low


class Budgeted:
    """Searches within `luts` as measured; `search` has its widths around what the budget is worth."""

    def __init__(self, reference: ReceiverReference, luts: float, start: Start, count: Count) -> None:
        self.luts, self.count = luts, count
        self.search = start(with_goal(reference, worth(reference, luts, start)))
        self.tried: list[Tried] = []

    @property
    def least(self) -> float:
        """Estimated LUTs of the narrowest widths."""
        return float(self.search.widths.luts(np.array([[v.low for v in self.search.widths.variables]]))[0])

    def judged(self, entry: Tried) -> Tried:
        """The entry with its LUTs measured; it meets the goal where they are within the budget, and its spurs low."""
        made = self.count([entry])[0]
        spurs = replace(self.search.goal, sqnr_db=float("-inf"))
        made = replace(made, meets=_size(made) <= self.luts and made.measured.meets(spurs))
        self.tried.append(made)
        return made

    def allocated(self, algorithm: str, kind: str) -> Tried | None:
        """The most accurate design of one algorithm within the budget; None where there is none."""
        best: Tried | None = None
        share, low, high = self.luts, 0.0, 4 * self.luts
        for _ in range(_ROUNDS):
            entry = self.search.within(share, algorithm, kind)
            if entry is None:  # nothing is so small by estimate
                low = share
            else:
                made = self.judged(entry)
                if made.meets and (best is None or made.measured.sqnr_db > best.measured.sqnr_db):
                    best = made
                low, high = (share, high) if made.meets else (low, share)
                if made.meets and _size(made) >= _FULL * self.luts:
                    break
                # As if the estimate were off by the same factor everywhere.
                guess = share * self.luts / _size(made) * (1 if made.meets else _FULL)
                share = guess if low < guess < high else (low + high) / 2
                continue
            share = (low + high) / 2
        return best

    def widest(self, kind: str, made: Callable[[int], Tried], least: int, most: int) -> Tried | None:
        """The widest of one width for all that is within the budget; None where none is."""
        best: Tried | None = None
        while least <= most:
            width = (least + most) // 2
            try:
                entry = made(width)
            except ValueError:  # a CIC of so few bits has none left
                least = width + 1
                continue
            # Far from the budget the estimate says enough.
            near = 0.7 * self.luts <= entry.luts <= 1.5 * self.luts
            fits = self.judged(entry).meets if near else entry.luts <= self.luts
            if fits:
                best, least = (self.tried[-1] if near else entry), width + 1
            else:
                most = width - 1
        if best is not None and best.resources is None:
            best = self.judged(best)
        return best if best is not None and best.meets else None

    def baselines(self) -> dict[str, Tried | None]:
        """One width throughout, Hogenauer's registers, greedy bits."""
        search = self.search
        return {
            "uniform": self.widest("uniform", search.uniform_of, NARROWEST, WIDEST),
            "hogenauer": self.widest("hogenauer", search.hogenauer_of, 8, 30),
            "greedy": self.allocated("greedy", "greedy"),
        }


def _size(entry: Tried) -> float:
    return entry.resources.lut if entry.resources else float("inf")
