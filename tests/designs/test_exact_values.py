"""Integer programs against enumeration: the same least cost, and bounds that no filter of the box goes below."""

from itertools import product

import numpy as np
import pytest

from hwgen.designs.adder_count import distinct
from hwgen.designs.exact_values import fewest
from hwgen.designs.values import Coefficients, mirrored
from hwgen.response import Band, Mask, measure

FREE = Mask((Band(0, 0.1, 1, 0.9, 1.1, True), Band(0.33, 0.5, 0, 0, 0.05, False)), None)
REACH = 2


def cost(free: tuple[int, ...], taps: int) -> float:
    pairs = np.where(np.arange(len(free)) >= taps // 2, 1, 2)
    return float(distinct(np.array([free]), pairs)[0])


def enumerated(mask: Mask, start: Coefficients) -> dict[tuple[int, ...], float]:
    """Every filter of the box within 0.9995 of the mask, and its cost."""
    taps, found = len(start.values), {}
    for free in product(*(range(v - REACH, v + REACH + 1) for v in start.free)):
        floats = Coefficients(mirrored(free, taps), start.fraction).floats
        if any(free) and measure(floats, mask).violation <= 0.9995:
            found[free] = cost(free, taps)
    return found


@pytest.mark.parametrize("gain", [None, 1.0])
@pytest.mark.parametrize("values", [(-2, 4, 18, 27, 18, 4, -2), (-3, 5, 17, 28, 17, 5, -3), (0, 11, 24, 24, 11, 0)])
def test_the_least_cost_is_that_of_enumeration(values: tuple[int, ...], gain: float | None) -> None:
    mask, start = Mask(FREE.bands, gain), Coefficients(values, 6)
    every = enumerated(mask, start)
    found, bound = fewest(mask, start, REACH, 10_000)
    if not every:
        assert found is None
        return
    assert found is not None
    assert measure(found.floats, mask).violation <= 1
    assert max(abs(a - b) for a, b in zip(found.values, values, strict=True)) <= REACH
    # Between grid points a filter may use a little more of the mask than enumeration allows, and cost less.
    assert cost(found.free, len(values)) <= min(every.values())
    assert bound == pytest.approx(cost(found.free, len(values)), abs=1e-6)
    assert found.free in every or measure(found.floats, mask).violation > 0.9995


def test_enumeration_has_something_to_find() -> None:
    counts = [
        len(enumerated(Mask(FREE.bands, gain), Coefficients((-2, 4, 18, 27, 18, 4, -2), 6))) for gain in (None, 1.0)
    ]
    assert counts[0] > counts[1] > 0


def test_a_box_without_a_filter_gives_none() -> None:
    found, _ = fewest(FREE, Coefficients((50, 4, 18, 27, 18, 4, 50), 6), 1, 1000)
    assert found is None


def test_the_bound_falls_as_the_box_grows() -> None:
    start = Coefficients((-2, 4, 18, 27, 18, 4, -2), 6)
    bounds = [fewest(FREE, start, reach, 10_000)[1] for reach in (1, 2, 4)]
    assert bounds == sorted(bounds, reverse=True)
