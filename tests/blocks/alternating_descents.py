"""Small descents of the form "residual" on one stage, and what fractions say of them."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
from descent_cases import RESIDUAL
from folded_descents import registers, words

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.dither import Cut
from hwgen.fixed import Format

SHARED = Iteration(Format(2, 5), Format(1, 7), Format(2, 6))
SAME = (*(SHARED,) * 4, replace(SHARED, state=Format(2, 5)))
PLAIN = replace(RESIDUAL, iterations=SAME, folded=True)
CUT = replace(PLAIN, drops=(4, 0, 4, 0, 4, 0, 4, 0, 4))
CASES = {f"alternating, {rounding}": replace(CUT, rounding=rounding) for rounding in Cut} | {
    "alternating, every bit": PLAIN,
    "alternating, two iterations": replace(PLAIN, iterations=SAME[-2:]),
    "alternating, three iterations": replace(PLAIN, iterations=SAME[-3:], rounding=Cut.STOCHASTIC),
    "alternating, words that saturate": replace(
        PLAIN, iterations=(Iteration(Format(0, 4), Format(-1, 5), Format(0, 6)),) * 4
    ),
    "alternating, words finer than what they hold": replace(
        PLAIN, iterations=(Iteration(Format(2, 14), Format(2, 3), Format(2, 12)),) * 3, rounding=Cut.STOCHASTIC
    ),
    "alternating, complements": replace(CUT, complements=True),
    "alternating, more unknowns than equations": replace(
        PLAIN, matrix=((40, -12, 8, 0, 30), (5, 60, 0, -33, 1), (0, 7, 25, 16, -50)), rounding=Cut.STOCHASTIC
    ),
}


def by_fractions(d: Descent, data: np.ndarray) -> list[list[Fraction]]:
    """The descent on one stage in exact numbers, one right-hand side after the other, a random word for each step."""
    its, drop, eta = d.iterations, (d.drops or (0,))[0], sum(Fraction(1, 2**s) for s in d.steps)
    a = [[Fraction(c, 2**d.fraction) for c in row] for row in d.matrix]
    # Low bits that a stage cuts, zeros among them: as many in every iteration.
    difference = max(d.input.fraction, d.fraction + its[0].state.fraction)
    gradient = d.fraction + its[0].residual.fraction - drop
    place = max(its[0].update.fraction, its[0].state.fraction)
    source = registers(0)

    def back(r: list[Fraction]) -> list[Fraction]:
        """A^T r, each product cut, and what that takes off, averaged over the words it can meet."""
        unit, made = Fraction(2) ** -gradient, []
        for column in zip(*d.matrix, strict=True):
            total, lost = 0, Fraction(0)
            for c, v in zip(column, r, strict=True):
                sign = (c > 0) - (c < 0)
                total += sign * floor(Fraction(abs(c), 2**d.fraction) * v / unit)
                lost += sign * Fraction(sum(abs(c) * word % (1 << drop) for word in range(1 << drop)), 4**drop)
            made.append((total + floor(lost + Fraction(1, 2))) * unit)
        return made

    found = []
    for column in data.T:
        y, x = [Fraction(int(v), 2**d.input.fraction) for v in column], [Fraction(0)] * d.unknowns
        for it in its:
            wanting = [v - sum(c * w for c, w in zip(row, x, strict=True)) for v, row in zip(y, a, strict=True)]
            r = words(wanting, it.residual, difference - it.residual.fraction, d.rounding, next(source), 0)
            state = next(source)
            fine = gradient + max(d.steps) - it.update.fraction
            u = words([eta * v for v in back(r)], it.update, fine, d.rounding, state, 0)
            moved = [v + w for v, w in zip(x, u, strict=True)]
            x = words(moved, it.state, place - it.state.fraction, d.rounding, state, d.unknowns)
        found.append(x)
    return found
