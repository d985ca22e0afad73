"""Small descents of the form "residual" on one stage, and what fractions say of them."""

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
from descent_cases import RESIDUAL, drawn
from folded_descents import registers

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.dither import Cut
from hwgen.check.script import Script, script
from hwgen.check.vectors import Expected, Top
from hwgen.fixed import Format

SHARED = Iteration(Format(2, 5), Format(1, 7), Format(2, 6))
SAME = (*(SHARED,) * 4, replace(SHARED, state=Format(2, 5)))
PLAIN = replace(RESIDUAL, iterations=SAME, folded=True)
CUT = replace(PLAIN, drops=(4, 0, 4, 0, 4, 0, 4, 0, 4))
CASES = {f"alternating, {rounding}": replace(CUT, rounding=rounding) for rounding in Cut} | {
    "every bit": PLAIN,
    "two iterations": replace(PLAIN, iterations=SAME[-2:]),
    "three iterations": replace(PLAIN, iterations=SAME[-3:], rounding=Cut.STOCHASTIC),
    "words that saturate": replace(PLAIN, iterations=(Iteration(Format(0, 4), Format(-1, 5), Format(0, 6)),) * 4),
    "words finer than what they hold": replace(
        PLAIN, iterations=(Iteration(Format(2, 14), Format(2, 3), Format(2, 12)),) * 3, rounding=Cut.STOCHASTIC
    ),
    "complements": replace(CUT, complements=True),
    "more unknowns than equations": replace(
        PLAIN, matrix=((40, -12, 8, 0, 30), (5, 60, 0, -33, 1), (0, 7, 25, 16, -50)), rounding=Cut.STOCHASTIC
    ),
}


def bench(d: Descent, count: int) -> tuple[Top, Script, Expected]:
    """A module named dut, a script with gaps and two resets, and what the model expects."""
    clocks = 2 * len(d.iterations)
    top = Top("dut", d.inputs, d.outputs, clocks + 1, clocks)
    stimulus = script(
        drawn(d, count), np.random.default_rng(2), gap_probability=0.25, resets=[count // 2, count // 2 + 3],
        drain=clocks + 5, interval=clocks,
    )  # fmt: skip
    return top, stimulus, top.expected(stimulus, d.model)


def by_fractions(d: Descent, data: np.ndarray) -> list[list[Fraction]]:
    """The descent on one stage in exact numbers, one right-hand side after the other, a random word for each step."""
    its, drop, eta = d.iterations, (d.drops or (0,))[0], sum(Fraction(1, 2**s) for s in d.steps)
    a = [[Fraction(c, 2**d.fraction) for c in row] for row in d.matrix]
    # Low bits that a stage cuts, zeros among them: as many in every iteration.
    difference = max(d.input.fraction, d.fraction + its[0].state.fraction)
    gradient = d.fraction + its[0].residual.fraction - drop
    place = max(its[0].update.fraction, its[0].state.fraction)
    source = registers(0)

    def words(values: list[Fraction], form: Format, fine: int, state: int, first: int) -> list[Fraction]:
        lsb, cut, made = Fraction(2) ** -form.fraction, max(fine - form.fraction, 0), []
        for k, v in enumerate(values):
            turn = 7 * (first + k) % 31
            random = (state >> turn | state << 31 - turn) & (1 << 31) - 1
            more = {
                Cut.FLOOR: Fraction(0), Cut.HALF_UP: Fraction(1, 2),
                Cut.STOCHASTIC: Fraction(random % 2**cut, 2**cut),
            }  # fmt: skip
            made.append(min(max(floor(v / lsb + more[d.rounding]), form.minimum), form.maximum) * lsb)
        return made

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
            r = words(wanting, it.residual, difference, next(source), 0)
            state = next(source)
            u = words([eta * v for v in back(r)], it.update, gradient + max(d.steps), state, 0)
            x = words([v + w for v, w in zip(x, u, strict=True)], it.state, place, state, d.unknowns)
        found.append(x)
    return found
