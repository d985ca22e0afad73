"""Costly steps of the search for coefficients, with plain arguments and results, for an executor and a journal."""

from typing import Any

import numpy as np

from hwgen.designs.cascade import factored
from hwgen.designs.exact_values import fewest
from hwgen.designs.joint import Variant, walk
from hwgen.designs.values import Coefficients
from hwgen.response import Band, Mask

NEAR, _NODES = 3, 200  # grid points by which a tap may move in an integer program, and nodes of branch and bound

Bands = list[list[float]]


def plain(mask: Mask) -> Bands:
    """Bands of a mask as lists of numbers."""
    return [[b.start, b.stop, b.gain, b.lower, b.upper, float(b.passband)] for b in mask.bands]


def walk_step(
    bands: Bands,
    aim: float | None,
    taps: int,
    gain: float,
    seed: int,
    regrowths: int,
    start: list[int] | None,
    most: int,
) -> list[Any]:
    """`walk` with plain arguments and result."""
    begun = None if start is None else tuple(start)
    done = walk(Variant(_mask(bands, aim), taps, gain, seed, regrowths, begun, most))
    return [[[cost, list(free)] for cost, free in done.found], done.last, done.energy]


def fewest_step(
    bands: Bands, gain: float | None, values: list[int], fraction: int
) -> tuple[list[int] | None, float | None]:
    """`fewest` with plain arguments and result: values on the same grid, and the bound on adders if there is one."""
    found, bound = fewest(_mask(bands, gain), Coefficients(tuple(values), fraction), NEAR, _NODES)
    return (None if found is None else list(found.values)), (bound if np.isfinite(bound) else None)


def factor_step(bands: Bands, gain: float | None, shortest: int) -> list[list[list[Any]]]:
    """`factored` with plain arguments and result: for each answer its parts, ``[values, fraction, spread]`` each."""
    found = factored(_mask(bands, gain), shortest)
    return [[[list(c.values), c.fraction, spread] for c, spread in answer.parts] for answer in found]


def _mask(bands: Bands, gain: float | None) -> Mask:
    return Mask(tuple(Band(b[0], b[1], b[2], b[3], b[4], bool(b[5])) for b in bands), gain)
