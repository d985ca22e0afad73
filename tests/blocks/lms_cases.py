"""Small equalisers of every kind, and words to feed them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.dither import Cut
from hwgen.blocks.lms import Lms, Tap
from hwgen.check.script import Script, script
from hwgen.check.vectors import Expected, Top
from hwgen.fixed import Format


def equaliser(taps: int = 5, **options: Any) -> Lms:
    """Taps of different widths, in the middle a coefficient of 1 at power-up."""
    made = tuple(Tap(Format(2, 10 - k % 3), 7 - k % 2, 6 - (k % 3 == 1), 5 - k % 2) for k in range(taps))
    initial = [0] * taps
    initial[taps // 2] = 1 << made[taps // 2].weight.fraction
    given: dict[str, Any] = {
        "input": Format(1, 9), "output": Format(2, 8), "taps": made, "initial": tuple(initial), "sum_fraction": 10,
        "error": Format(1, 6), "steps": (4,), "spacing": 128, **options,
    }  # fmt: skip
    return Lms(**given)


CASES = {
    "complex": equaliser(),
    "real": equaliser(complex=False),
    "one tap": equaliser(1, complex=False),
    "sign of the error": equaliser(rule="sign-error", steps=(7,)),
    "one sample late": equaliser(delay=1),
    "three samples late, leaking": equaliser(delay=3, leak=9),
    "every register there is, stochastic": equaliser(delay=6, rounding=Cut.STOCHASTIC),
    "two steps, leaking, stochastic": equaliser(rounding=Cut.STOCHASTIC, leak=8, steps=(4, 6)),
    "four levels, floor": equaliser(rounding=Cut.FLOOR, levels=4, spacing=60),
    "sign of the error, real, late, leaking": equaliser(rule="sign-error", steps=(7,), delay=2, complex=False, leak=7),
    "exact products": equaliser(sum_fraction=13, complex=False),
    "a sum finer than its products, late": equaliser(sum_fraction=16, delay=4),
}  # fmt: skip


def drawn(filter: Lms, count: int, seed: int = 1) -> NDArray[np.int64]:
    """Random words for every data port, stretches of extreme samples among them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(filter.input.minimum, filter.input.maximum, (filter.channels, count), endpoint=True)
    x[:, 30:50], x[:, 50:70] = filter.input.minimum, filter.input.maximum
    train = rng.integers(0, 2, (1, count))
    train[:, 90:130], train[:, 130:170] = 1, 0
    return np.vstack([x, train, rng.integers(0, 1 << filter.symbol_bits * filter.channels, (1, count))])


def bench(filter: Lms, count: int = 400, gaps: float = 0.25) -> tuple[Top, Script, Expected]:
    """A module named dut, a script with gaps and resets, and what the model expects."""
    rng = np.random.default_rng(2)
    top = Top("dut", filter.inputs, filter.outputs, filter.latency)
    resets = [count // 2, count // 2 + 3]
    stimulus = script(drawn(filter, count), rng, gap_probability=gaps, resets=resets, drain=filter.latency + 8)
    return top, stimulus, top.expected(stimulus, filter.model)
