"""The cheapest coefficients within a mask: walks of many lengths and word lengths compete, those that lead go on."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from hwgen.designs.adder_count import AdderCount, Cost, adders
from hwgen.designs.joint import BEAM, Variant, Walked, room, walk
from hwgen.designs.values import Coefficients, mirrored
from hwgen.response import Mask, measure

_SPACING = (0.3, 3.0)  # standard deviations of a tap, in LSB, between which filters of few adders were found
_SPRINT = 250  # regrowths of a walk in the first round
_SHARES = (0.35, 0.3, 0.35)  # of the effort, for each round
_SURVIVE = 5  # of as many walks, one goes on
_FINALISTS = 3

Mapped = Callable[[Callable[[Variant], Walked], Iterable[Variant]], Iterable[Walked]]


def improved(
    mask: Mask, coefficients: Coefficients, rng: np.random.Generator, evaluations: int, cost: Cost | None = None
) -> Coefficients:
    """Cheaper coefficients of the same length within the mask, found around given ones; those themselves at worst.

    Walks on the given grid and on one of half its step.

    Parameters
    ----------
    mask, coefficients
        Symmetric coefficients, and the mask that they meet.
    rng
        Seeds the walks.
    evaluations
        Filters that are grown and judged.
    cost
        What filters with the free taps (P, n), as integers, cost (P,); None: adders, then full-adder bits.

    Raises
    ------
    ValueError
        The coefficients are not symmetric or miss the mask.
    """
    if not coefficients.symmetric or not measure(coefficients.floats, mask).violation <= 1:
        raise ValueError("only symmetric coefficients that meet the mask can be improved")
    gain, taps = measure(coefficients.floats, mask).gain, len(coefficients.values)
    pool = [coefficients]
    for finer in (0, 1):
        fraction = coefficients.fraction + finer
        start = tuple(v << finer for v in coefficients.free)
        seed, steps = int(rng.integers(2**31)), evaluations // (2 * BEAM)
        variant = Variant(mask, taps, float(np.ldexp(gain, fraction)), seed, steps, start, 18 + finer, cost)
        pool += [Coefficients(mirrored(free, taps), fraction) for _, free in walk(variant).found]
    return _ranked(mask, pool, cost)[0]


def placements(
    mask: Mask,
    taps_range: Sequence[int],
    rng: np.random.Generator,
    count: int,
    most: int = 18,
    cost: Cost | None = None,
) -> list[Variant]:
    """`count` short walks: each of the lengths that can meet the mask in turn, over the word lengths that pay.

    The step of the grid, in terms of how far a tap may stray, is log-spaced; with a given gain it is a power of two.
    """
    lengths = [taps for taps in taps_range if room(mask, taps) is not None]
    variants: list[Variant] = []
    for number in range(count if lengths else 0):
        taps = lengths[number % len(lengths)]
        shape = room(mask, taps)
        assert shape is not None
        # Geometric mean of the standard deviations of the taps, each given those placed before.
        stray = float(np.exp(-np.linalg.slogdet(shape.shape)[1] / (2 * len(shape.shape))))
        first, last = np.log2(np.array(_SPACING) / stray)
        octave = first + (last - first) * (number // len(lengths) + rng.random()) / -(-count // len(lengths))
        last = np.log2((2 ** (most - 1) - 1) / np.abs(shape.centre).max())
        gain = 2 ** min(octave, last - 0.05)
        if mask.gain is not None:
            gain = float(np.ldexp(mask.gain, int(np.floor(min(octave + 0.5, last) - np.log2(mask.gain)))))
        variants.append(Variant(mask, taps, float(gain), int(rng.integers(2**31)), _SPRINT, None, most, cost))
    return variants


def cheapest(
    mask: Mask,
    taps_range: Sequence[int],
    rng: np.random.Generator,
    effort: int = 16_000,
    cost: Cost | None = None,
    most: int = 18,
    keep: int = 5,
    mapped: Mapped = map,
) -> list[Coefficients]:
    """The cheapest few distinct coefficients found, each within the mask as measured, best first; empty if none.

    Parameters
    ----------
    mask
        What to meet; a free gain gives coefficients of a gain between 0.7 and 1.5.
    taps_range
        Lengths to try.
    rng
        Seeds the walks.
    effort
        Regrowths in all, `BEAM` filters each.
    cost
        As for `improved`.
    most
        Most bits of a coefficient, sign included.
    keep
        Answers wanted.
    mapped
        Runs `walk` over variants; an executor's `map` does it in processes.
    """
    variants = placements(mask, taps_range, rng, max(int(_SHARES[0] * effort) // _SPRINT, 1), most, cost)
    pool: dict[Coefficients, None] = {}
    for leaders, share in ((max(len(variants) // _SURVIVE, 1), _SHARES[1]), (_FINALISTS, _SHARES[2]), (0, 0.0)):
        walks = [(variant, walked) for variant, walked in zip(variants, mapped(walk, variants), strict=True)]
        for variant, walked in walks:
            pool |= {_coefficients(variant, free): None for _, free in walked.found}
        lead = sorted(walks, key=lambda pair: pair[1].energy)[:leaders]
        variants = [following for pair in lead for following in _following(*pair)]
        steps = max(int(share * effort) // max(len(variants), 1), 1)
        variants = [replace(v, seed=int(rng.integers(2**31)), regrowths=steps) for v in variants]
    return _ranked(mask, list(pool), cost)[:keep]


def _following(variant: Variant, walked: Walked) -> list[Variant]:
    """Where a walk goes on: on its grid, and on one of half the step, where the same filter costs the same."""
    start = walked.found[0][1] if walked.found else walked.last
    if start is None:
        return []
    onwards = replace(variant, start=start)
    if 2 * max(map(abs, start)) >= 1 << variant.most - 1:
        return [onwards]
    return [onwards, replace(variant, start=tuple(2 * v for v in start), gain=2 * variant.gain)]


def _coefficients(variant: Variant, free: tuple[int, ...]) -> Coefficients:
    """Integers on the grid that gives the gain of the mask, or one near 1."""
    values = mirrored(free, variant.taps)
    gain = variant.mask.gain
    if gain is None:
        whole = measure(np.array(values, dtype=np.float64), variant.mask).gain
        return Coefficients(values, int(np.floor(np.log2(whole) + 0.5))).trimmed()
    return Coefficients(values, round(float(np.log2(variant.gain / gain)))).trimmed()


def _ranked(mask: Mask, pool: list[Coefficients], cost: Cost | None) -> list[Coefficients]:
    """Those that meet the mask as measured, by cost, then by adders and their bits."""

    def price(c: Coefficients) -> tuple[float, int, float, tuple[int, ...]]:
        free = np.array(c.free, dtype=np.int64)[None]
        pairs = np.where(np.arange(free.shape[1]) >= len(c.values) // 2, 1, 2)
        given = 0.0 if cost is None else float(cost(free)[0])
        return given, sum(adders(c.values)), float(AdderCount(pairs)(free)[0]), c.values

    return sorted((c for c in dict.fromkeys(pool) if measure(c.floats, mask).violation <= 1), key=price)
