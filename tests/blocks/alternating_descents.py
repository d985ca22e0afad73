"""Small descents of the form "residual" on one stage, and what fractions say of them.

Every rounding, and words whose binary points move from iteration to iteration.
"""

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
# Residuals of 7 bits, updates of 7 and states of 8: residual, update and state of each iteration.
POINTS = (((2, 5), (2, 5), (2, 6)), ((1, 6), (1, 6), (3, 5)), ((-1, 8), (-1, 8), (1, 7)), ((0, 7), (-2, 9), (2, 6)),
          ((1, 6), (0, 7), (2, 5)))  # fmt: skip
MOVING = tuple(Iteration(*(Format(*form) for form in forms)) for forms in POINTS)
ZOOMING = replace(CUT, iterations=MOVING)
RESIDUALS = tuple(replace(it, residual=own.residual) for it, own in zip(SAME, MOVING, strict=True))
ALIKE = tuple(replace(it, update=Format(it.residual.integer - 1, it.residual.fraction + 2)) for it in RESIDUALS)
CASES = {
    f"alternating{zooming}, {rounding}": replace(made, rounding=rounding)
    for zooming, made in (("", CUT), (" and zooming", ZOOMING))
    for rounding in Cut
} | {
    "alternating, every bit": PLAIN,
    "alternating, two iterations": replace(PLAIN, iterations=SAME[-2:]),
    "alternating, three iterations": replace(PLAIN, iterations=SAME[-3:], rounding=Cut.STOCHASTIC),
    "alternating, words that saturate": replace(
        PLAIN, iterations=(Iteration(Format(0, 4), Format(-1, 5), Format(0, 6)),) * 4
    ),
    "alternating, words finer than what they hold": replace(
        PLAIN, iterations=(Iteration(Format(2, 14), Format(2, 3), Format(2, 12)),) * 3, rounding=Cut.STOCHASTIC
    ),
    "alternating, residuals zoom": replace(PLAIN, iterations=RESIDUALS, rounding=Cut.STOCHASTIC),
    "alternating, updates zoom as residuals do": replace(CUT, iterations=ALIKE, rounding=Cut.STOCHASTIC),
    "alternating, states zoom": replace(
        CUT, iterations=tuple(replace(it, state=own.state) for it, own in zip(SAME, MOVING, strict=True))
    ),
    "alternating, two iterations zoom": replace(ZOOMING, iterations=MOVING[1:3], drops=(4, 0, 4), steps=(1, 3)),
    "alternating, updates finer than what they hold zoom": replace(
        PLAIN,
        iterations=tuple(replace(it, update=Format(2 - t, 18 + t)) for t, it in enumerate(MOVING)),
        rounding=Cut.STOCHASTIC,
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
    difference = max([d.input.fraction] + [d.fraction + it.state.fraction for it in its[:-1]])
    gradients = [d.fraction + it.residual.fraction - drop for it in its]
    place = max([it.update.fraction for it in its] + [it.state.fraction for it in its[:-1]])
    residual_cut = difference - min(it.residual.fraction for it in its)
    update_cut = max(g - it.update.fraction for g, it in zip(gradients, its, strict=True)) + max(d.steps)
    state_cut = place - min(it.state.fraction for it in its[:-1])
    source = registers(0)

    def back(r: list[Fraction], gradient: int) -> list[Fraction]:
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
        for it, gradient in zip(its, gradients, strict=True):
            wanting = [v - sum(c * w for c, w in zip(row, x, strict=True)) for v, row in zip(y, a, strict=True)]
            r = words(wanting, it.residual, residual_cut, d.rounding, next(source), 0)
            state = next(source)
            u = words([eta * v for v in back(r, gradient)], it.update, update_cut, d.rounding, state, 0)
            moved = [v + w for v, w in zip(x, u, strict=True)]
            cut = place - it.state.fraction if it is its[-1] else state_cut
            x = words(moved, it.state, cut, d.rounding, state, d.unknowns)
        found.append(x)
    return found
