"""Small combiners of every shape, and words for them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.combiner import Combiner, pairs
from hwgen.check.script import Script, script
from hwgen.check.vectors import Expected, Top
from hwgen.fixed import Format

_RNG = np.random.default_rng(3)


def _weights(streams: int, bits: tuple[int, ...], size: int, step: int = 1) -> NDArray[np.int64]:
    found = _RNG.integers(-size, size, (streams, len(bits), 2), endpoint=True) * step
    found[:, np.array(bits) == 0] = 0
    return found


_MIXED = (3, 0, 1, 4, 2, 1)
_PLAIN = _weights(2, _MIXED, 11)
_SPARSE = _weights(3, _MIXED, 6, 4)
_SPARSE[0, :, 0], _SPARSE[1, 1:4] = 0, 0
_SPARSE[2] = 0
CASES = {
    "mixed widths": Combiner(pairs(_PLAIN), 7, _MIXED, (Format(3, 4), Format(2, 5))),
    "cut products": Combiner(pairs(_PLAIN), 7, _MIXED, (Format(3, 4), Format(3, 3)), (3, 1), 0),
    "cut sums": Combiner(pairs(_PLAIN), 7, _MIXED, (Format(3, 4), Format(3, 3)), (3, 2), 2),
    "sparse, a stream of nothing": Combiner(pairs(_SPARSE), 6, _MIXED, (Format(3, 5),) * 3, (0, 3, 0), 1),
    "powers of two": Combiner(
        pairs(np.array([[[4, -8], [0, 16]], [[-2, 1], [32, 0]]])), 5, (2, 3), (Format(2, 2), Format(3, 3))
    ),
    "coarser than its output": Combiner(pairs(np.array([[[16, -48]], [[32, 0]]])), 6, (3,), (Format(1, 5),) * 2),
    "saturating": Combiner(pairs(_PLAIN[:1]), 7, _MIXED, (Format(1, 4),), (1,), 1),
    "all negative": Combiner(pairs(np.array([[[-3, -5], [-7, -1], [-6, -4]]])), 4, (2, 2, 2), (Format(5, 2),)),
}
CASES |= {
    f"{name}, complements": replace(CASES[name], complements=True)
    for name in (
        "mixed widths",
        "cut sums",
        "sparse, a stream of nothing",
        "powers of two",
        "saturating",
        "all negative",
    )
}


def drawn(combiner: Combiner, count: int, seed: int = 1) -> NDArray[np.int64]:
    """Random words, every other stretch at the extremes that make sums large."""
    rng = np.random.default_rng(seed)
    low, high = np.array(combiner.spans).T[..., None]
    words = rng.integers(low, high, (len(low), count), endpoint=True, dtype=np.int64)
    for row, signs in enumerate(np.sign(combiner.matrix)):
        for k, sign in enumerate((1, -1)):
            if 2 * row + k < count:
                words[:, 2 * row + k] = np.where(sign * signs > 0, high[:, 0], low[:, 0])
    return combiner.packed(words)


def bench(combiner: Combiner, count: int, seed: int = 2) -> tuple[Top, Script, Expected]:
    """A module named dut, a script with gaps and two resets, and what the model expects."""
    top = Top("dut", combiner.inputs, combiner.output_ports, combiner.latency)
    stimulus = script(
        drawn(combiner, count, seed), np.random.default_rng(seed), resets=[count // 2, count // 2 + 3],
        drain=combiner.latency + 4,
    )  # fmt: skip
    return top, stimulus, top.expected(stimulus, combiner.model)
