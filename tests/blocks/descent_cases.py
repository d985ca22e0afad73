"""Small descents of every form and rounding, and right-hand sides for them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.descent_numbers import integers, powers
from hwgen.blocks.dither import Cut
from hwgen.check.script import Script, script
from hwgen.check.vectors import Expected, Top
from hwgen.fixed import Format

A = np.array([[0.9, -0.3, 0.1], [0.25, 0.6, -0.45], [-0.2, 0.5, 0.7], [0.35, 0.15, 0.4]])
FRACTION = 6
MATRIX = integers(A, FRACTION)
EXACT = np.array(MATRIX) / 2**FRACTION
# Later iterations have finer states, and updates whose range shrinks.
ITERATIONS = tuple(
    Iteration(Format(2 - t // 2, 4 + t), Format(1 - t // 2, 5 + t), Format(2, 5 + t - t % 2)) for t in range(5)
)
RESIDUAL = Descent(MATRIX, FRACTION, Format(1, 7), ITERATIONS, powers(0.7))
GRAM = replace(
    RESIDUAL, form="gram", gram=integers(EXACT.T @ EXACT + 0.05 * np.eye(3), 8), gram_fraction=8, target=Format(2, 8)
)
TAKEN = replace(GRAM, taken=Format(0, 4))
CUT = replace(RESIDUAL, drops=(3, 0, 5, 6, 2, 4, 1, 7, 9))
CASES = {
    f"{name}, {rounding}": replace(made, rounding=rounding)
    for name, made in (("residual", RESIDUAL), ("gram", GRAM), ("gram of fewer bits", TAKEN), ("products cut", CUT))
    for rounding in Cut
} | {
    "gram, one constant": replace(TAKEN, drops=(4, 2, 0, 5, 3), added=(3, -2, 0), rounding=Cut.FLOOR),
    "gram, products cut": replace(TAKEN, drops=(4, 2, 0, 5, 3)),
    "one iteration": replace(RESIDUAL, iterations=ITERATIONS[:1]),
    "words finer than what they hold": replace(
        RESIDUAL, iterations=(Iteration(Format(2, 9), Format(2, 3), Format(2, 12)),) * 3
    ),
    "even rows, every bit kept": replace(
        RESIDUAL,
        matrix=((64, 32, -32), (48, 16, 0), (-64, -8, 8), (8, 0, 16)),
        steps=(0,),
        iterations=(Iteration(Format(3, 13), Format(3, 19), Format(3, 19)),),
    ),
    "one step, coarse": replace(
        RESIDUAL, steps=(1,), iterations=(Iteration(Format(2, 2), Format(2, 1), Format(2, 2)),) * 3
    ),
    "a zero column entry and powers of two": replace(
        RESIDUAL, matrix=((64, 0, -32), (0, 16, 0), (-64, -8, 3), (0, 0, 0))
    ),
}
CASES |= {
    f"{name}, complements": replace(CASES[name], complements=True)
    for name in ("residual, half_up", "gram of fewer bits, stochastic", "gram, products cut", "one step, coarse")
}


def drawn(descent: Descent, count: int, seed: int = 1) -> NDArray[np.int64]:
    """Random right-hand sides, with stretches of extreme values."""
    form = descent.input
    y = np.random.default_rng(seed).integers(
        form.minimum, form.maximum, (len(descent.matrix), count), endpoint=True, dtype=np.int64
    )
    signs = np.sign(descent.a.array)
    for k in range(min(signs.shape[1], count // 8)):
        y[:, 4 * k] = np.where(signs[:, k] < 0, form.minimum, form.maximum)
        y[:, 4 * k + 1] = np.where(signs[:, k] < 0, form.maximum, form.minimum)
    y[:, 4 * signs.shape[1]] = form.minimum
    return y


def bench(descent: Descent, count: int, seed: int = 2) -> tuple[Top, Script, Expected]:
    """A module named dut, a script with gaps and two resets, and what the model expects."""
    top = Top("dut", descent.inputs, descent.outputs, descent.latency)
    stimulus = script(
        drawn(descent, count, seed), np.random.default_rng(seed), resets=[count // 2, count // 2 + 3],
        drain=descent.latency + 4,
    )  # fmt: skip
    return top, stimulus, top.expected(stimulus, descent.model)
