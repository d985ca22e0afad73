"""Small descents of the form "gram" on one stage, and what the tests of both forms share.

Every rounding, and words whose binary points move from iteration to iteration.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
from descent_cases import GRAM, TAKEN, drawn

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.dither import Cut, seed
from hwgen.check.script import Script, script
from hwgen.check.vectors import Expected, Top
from hwgen.fixed import Format

SHARED = Iteration(Format(1, 0), Format(2, 7), Format(2, 6))
SAME = (*(SHARED,) * 4, replace(SHARED, state=Format(2, 5)))
FOLDED = replace(TAKEN, iterations=SAME, drops=(4, 3, 3, 3, 3), added=(3, -2, 1), folded=True)
# Words of 7 bits, and of 8: update and state of each iteration.
POINTS = (((2, 5), (2, 6)), ((1, 6), (2, 6)), ((-1, 8), (1, 7)), ((0, 7), (3, 5)), ((-2, 9), (2, 5)))
MOVING = tuple(Iteration(Format(1, 0), Format(*update), Format(*state)) for update, state in POINTS)
ZOOMING = replace(FOLDED, iterations=MOVING)
UPDATES = tuple(replace(it, state=state.state) for it, state in zip(MOVING, SAME, strict=True))
STATES = tuple(replace(it, update=Format(2, 7)) for it in MOVING)
CASES = {
    f"{name}, {rounding}": replace(made, rounding=rounding)
    for name, made in (("one range", FOLDED), ("zooming", ZOOMING))
    for rounding in Cut
} | {
    "every bit": replace(GRAM, iterations=SAME, folded=True),
    "two iterations": replace(GRAM, iterations=SAME[-2:], folded=True),
    "updates zoom": replace(FOLDED, iterations=UPDATES),
    "updates zoom, stochastic": replace(GRAM, iterations=UPDATES, folded=True, rounding=Cut.STOCHASTIC),
    "states zoom": replace(GRAM, iterations=STATES, folded=True),
    "states zoom, stochastic": replace(FOLDED, iterations=STATES, rounding=Cut.STOCHASTIC),
    "two iterations zoom": replace(FOLDED, iterations=MOVING[1:3], drops=(4, 3), rounding=Cut.STOCHASTIC),
    "updates finer than what they hold": replace(
        GRAM, iterations=tuple(replace(it, update=Format(2 - t, 18 + t)) for t, it in enumerate(MOVING)), folded=True
    ),
    "two terms of a step": replace(ZOOMING, steps=(1, 3), rounding=Cut.STOCHASTIC),
}


def bench(d: Descent, count: int) -> tuple[Top, Script, Expected]:
    """A module named dut, a script with gaps and two resets, and what the model expects."""
    interval = len(d.iterations) * (2 if d.form == "residual" else 1)
    latency = interval + (1 if d.form == "residual" else 2)
    top = Top("dut", d.inputs, d.outputs, latency, interval)
    stimulus = script(
        drawn(d, count), np.random.default_rng(2), gap_probability=0.25, resets=[count // 2, count // 2 + 3],
        drain=latency + 4, interval=interval,
    )  # fmt: skip
    return top, stimulus, top.expected(stimulus, d.model)


def registers(number: int) -> Iterator[int]:
    """States of a shift register: x^31 + x^28 + 1, bit by bit, 28 bits a step; bit 0 of a state is the oldest."""
    bits = [seed(number) >> k & 1 for k in range(31)]
    while True:
        yield sum(bit << k for k, bit in enumerate(bits))
        for _ in range(28):
            bits = [*bits[1:], bits[0] ^ bits[3]]


def words(
    values: list[Fraction], form: Format, cut: int, rounding: Cut, state: int, first: int
) -> list[Fraction]:  # fmt: skip
    """Values rounded to a format, `cut` low bits of them in hardware, from rounding point `first` of a state on."""
    lsb, made = Fraction(2) ** -form.fraction, []
    for k, v in enumerate(values):
        turn, cut = 7 * (first + k) % 31, max(cut, 0)
        random = (state >> turn | state << 31 - turn) & (1 << 31) - 1
        more = {
            Cut.FLOOR: Fraction(0), Cut.HALF_UP: Fraction(1, 2), Cut.STOCHASTIC: Fraction(random % 2**cut, 2**cut),
        }  # fmt: skip
        made.append(min(max(floor(v / lsb + more[rounding]), form.minimum), form.maximum) * lsb)
    return made


def by_fractions(d: Descent, data: np.ndarray) -> list[list[Fraction]]:
    """The descent on one stage in exact numbers: one right-hand side, one iteration after the other."""
    drops, eta = d.drops or (0,) * 9, sum(Fraction(1, 2**s) for s in d.steps)
    n, its = d.unknowns, d.iterations
    taken = d.taken or d.input
    sums = d.fraction + taken.fraction - drops[0]
    # Low bits that a stage cuts, zeros among them: as many in every iteration.
    difference = max([d.target.fraction] + [d.gram_fraction + it.state.fraction - drops[1] for it in its[:-1]])
    place = max([it.update.fraction for it in its] + [it.state.fraction for it in its[:-1]])
    update_cut = difference + max(d.steps) - min(it.update.fraction for it in its)
    state_cut = place - min(it.state.fraction for it in its[:-1])
    sources = [registers(k) for k in range(3)]
    own = 0 if d.taken is None else 1  # the register of the target; that of the stage follows

    def times(
        matrix: np.ndarray, fraction: int, x: list[Fraction], form: Format, drop: int, added: tuple
    ) -> list[Fraction]:
        last = Fraction(2) ** (drop - fraction - form.fraction)
        rows = []
        for row, more in zip(matrix.tolist(), added, strict=True):
            parts = [
                floor(abs(c) * Fraction(2) ** -fraction * v / last) * (1 if c > 0 else -1)
                for c, v in zip(row, x, strict=True)
                if c
            ]
            rows.append((sum(parts) + more) * last)
        return rows

    found, fresh = [], [next(source) for source in sources]
    for column in data.T:
        y = [Fraction(int(v)) * Fraction(2) ** -d.input.fraction for v in column]
        if d.taken is not None:
            y = words(y, d.taken, d.input.fraction - d.taken.fraction, d.rounding, fresh[0], 0)
        z = times(np.array(d.matrix).T, d.fraction, y, taken, drops[0], d.added or (0,) * n)
        z = words(z, d.target, sums - d.target.fraction, d.rounding, fresh[own], 0)
        fresh[: own + 1] = [next(source) for source in sources[: own + 1]]
        x = [Fraction(0)] * n
        for t, it in enumerate(its):
            product = [Fraction(0)] * n
            if t:
                product = times(-np.array(d.gram), d.gram_fraction, x, its[t - 1].state, drops[t], (0,) * n)
            wanted = [eta * (a + b) for a, b in zip(z, product, strict=True)]
            u = words(wanted, it.update, update_cut, d.rounding, fresh[own + 1], 0)
            moved = [a + b for a, b in zip(x, u, strict=True)]
            cut = place - it.state.fraction if it is its[-1] else state_cut
            x = words(moved, it.state, cut, d.rounding, fresh[own + 1], n)
            fresh[own + 1] = next(sources[own + 1])
        found.append(x)
    return found
