"""The exact integer model of the LMS equaliser, for many equalisers or many streams at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.dither import Cut, cut, seed, states, window
from hwgen.blocks.lms import Lms

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Adapted:
    """What came out.

    Attributes
    ----------
    outputs : for each equaliser (or stream) the words of the output ports, (ports, n)
    weights : coefficients at the end, (B, N, C), as integers of each tap's format
    last_moves : sample at which each part of each coefficient last changed, (B, N, C); -1 where it never did
    trail : coefficients at every `every`-th sample, (n // every, B, N, C); None unless asked for
    """

    outputs: list[Ints]
    weights: Ints
    last_moves: Ints
    trail: Ints | None


class _Words:
    """The parameters of equalisers alike in all but widths, as arrays (B, 1, 1), (B, N, 1) or (B, 1)."""

    def __init__(self, filters: Sequence[Lms]) -> None:
        def each(values: Sequence[Sequence[int]]) -> Ints:
            return np.array(values, dtype=np.int64)[:, :, None]

        one = filters[0]
        self.line = each([[one.input.fraction - f.kept[0]] for f in filters])
        self.most = each([[f.line.maximum] for f in filters])
        self.data = each([[f.kept[0] - t.data for t in f.taps] for f in filters])
        self.correlated = each([[f.kept[0] - t.correlated for t in f.taps] for f in filters])
        self.used = each([[t.weight.fraction - t.used for t in f.taps] for f in filters])
        self.cuts = each([f.cuts for f in filters])
        self.low = each([[t.weight.minimum for t in f.taps] for f in filters])
        self.high = each([[t.weight.maximum for t in f.taps] for f in filters])
        self.initial = np.zeros((len(filters), len(one.taps), one.channels), dtype=np.int64)
        self.initial[:, :, 0] = [f.initial for f in filters]
        fine = each([f.gradient_fraction for f in filters])
        error = [0 if f.rule == "sign-error" else f.error.fraction for f in filters]
        own = [[e + t.correlated for t in f.taps] for e, f in zip(error, filters, strict=True)]
        # How far each term of the step size, and the leak, stand above the LSB of the exact update.
        terms = range(len(one.steps))
        self.steps = [fine - each(own) - each([[f.steps[j]] * len(f.taps) for f in filters]) for j in terms]
        self.drops = fine - each([[t.weight.fraction for t in f.taps] for f in filters])
        self.leak = None if one.leak is None else self.drops - each([[f.leak or 0] * len(f.taps) for f in filters])

        def row(values: Sequence[int]) -> Ints:
            return np.array(values, dtype=np.int64)[:, None]

        self.constant = row([f.constant for f in filters])
        self.finish = row([f.sum_fraction - f.output.fraction for f in filters])
        self.error_drop = row([f.output.fraction - f.error.fraction for f in filters])
        self.error_low, self.error_high = (
            row([f.error.minimum for f in filters]),
            row([f.error.maximum for f in filters]),
        )


def adapted(filters: Sequence[Lms], streams: Sequence[NDArray], trail: int | None = None) -> Adapted:
    """Run equalisers that differ in widths alone, each from reset: one for each stream, or one of either for all.

    Parameters
    ----------
    streams
        Words of the input ports, (ports, n) each; n may differ.
    trail
        Every how many samples the coefficients are kept.

    Raises ``ValueError`` for words outside the input's format.
    """
    one, count = filters[0], max(len(filters), len(streams))
    shared = ("input", "output", "steps", "spacing", "levels", "complex", "rule", "delay", "leak", "rounding")
    if any(len(f.taps) != len(one.taps) or len(f.steps) != len(one.steps) for f in filters) or any(
        getattr(f, name) != getattr(one, name) for f in filters for name in shared if name != "steps"
    ):
        raise ValueError("equalisers that run together may differ in widths and step sizes alone")
    if not (1 in (len(filters), len(streams)) or len(filters) == len(streams)):
        raise ValueError("give as many streams as equalisers, or one of either")
    lengths, parts = [s.shape[1] for s in streams], one.channels
    samples = max(lengths)
    given = np.zeros((len(streams), parts + 2, samples), dtype=np.int64)
    for k, stream in enumerate(streams):
        given[k, :, : lengths[k]] = stream
    x, train, symbol = given[:, :parts], given[:, parts].astype(bool), given[:, parts + 1]
    if x.size and not one.input.minimum <= x.min() <= x.max() <= one.input.maximum:
        raise ValueError(f"samples must lie in {one.input.minimum}..{one.input.maximum} ({one.input})")
    return _run(one, _Words(filters), count, lengths, x, train, symbol, trail)


def _run(
    one: Lms, w: _Words, count: int, lengths: Sequence[int], x: Ints, train: NDArray[np.bool_], symbol: Ints,
    trail: int | None,
) -> Adapted:  # fmt: skip
    size, parts, samples, late = len(one.taps), one.channels, x.shape[2], one.delay
    reach = size + late
    # The delay line at sample n is ``line[:, :, n : n + reach]`` from its end: the newest first after the flip.
    x = np.minimum(cut(x, w.line, Cut.HALF_UP), w.most)
    line = np.concatenate([np.zeros((*x.shape[:2], reach - 1), dtype=np.int64), x], axis=2)
    mask, bits = one.levels - 1, one.symbol_bits
    weights = np.broadcast_to(w.initial, (count, size, parts)).copy()
    last = np.full(weights.shape, -1, dtype=np.int64)
    results = np.zeros((samples, count, parts), dtype=np.int64)
    decided = np.zeros((samples, count, parts), dtype=np.int64)
    errors = np.zeros((late + 1, count, parts), dtype=np.int64)
    kept = []
    random = states(seed(0), samples + late) if one.rounding is Cut.STOCHASTIC else None
    for n in range(samples):
        if late and n > late:
            update(
                one, w, weights, last, n, errors[n % (late + 1)], _taken(line, n + size - 2, size), random, n - 1 - late
            )
        if trail and n % trail == 0:
            kept.append(weights.copy())
        now = _taken(line, n + reach - 1, size)
        y = _filtered(one, w, weights, now)
        level = sum(
            (y >= 2 * one.spacing * edge).astype(np.int64) for edge in range(1 - one.levels // 2, one.levels // 2)
        )
        results[n], decided[n] = y, level
        known = symbol[:, n, None] >> bits * np.arange(parts) & mask
        wanted = np.where(train[:, n, None], known, level)
        e = (2 * wanted - mask) * one.spacing - y
        if one.rule == "sign-error":
            e = np.where(e < 0, -1, 1)
        else:
            e = np.clip(cut(e, w.error_drop, Cut.HALF_UP), w.error_low, w.error_high)
        if late:
            errors[n % (late + 1)] = e
        else:
            update(one, w, weights, last, n + 1, e, now, random, n)
    symbols = (decided << bits * np.arange(parts)).sum(axis=2)
    ports = np.concatenate([results.transpose(1, 2, 0), symbols.T[:, None]], axis=1)
    ends = list(lengths) if len(lengths) == count else list(lengths) * count
    outputs = [ports[k, :, :end] for k, end in enumerate(ends)]
    return Adapted(outputs, weights, last, np.array(kept) if trail else None)


def _taken(line: Ints, end: int, size: int) -> Ints:
    """The samples (S, N, C) up to position `end` of the line, the newest first."""
    start = end - size
    return line[:, :, end : start if start >= 0 else None : -1].transpose(0, 2, 1)


def _filtered(one: Lms, w: _Words, weights: Ints, samples: Ints) -> Ints:
    x, c = samples >> w.data, weights >> w.used
    if one.complex:
        xr, xi, cr, ci = x[..., 0], x[..., 1], c[..., 0], c[..., 1]
        product = np.stack([xr * cr - xi * ci, xr * ci + xi * cr], axis=-1)
    else:
        product = x * c
    total = cut(product, w.cuts, Cut.FLOOR).sum(axis=1) + w.constant
    return np.clip(cut(total, w.finish, Cut.FLOOR), one.output.minimum, one.output.maximum)


def update(
    one: Lms, w: _Words, weights: Ints, last: Ints, n: int, e: Ints, samples: Ints, random: Ints | None, turn: int
) -> None:
    """Add ``mu e conj(x)`` to the weights, in place, before sample `n`; `turn` is the sample that `e` belongs to."""
    x = samples >> w.correlated
    if one.complex:
        xr, xi, er, ei = x[..., 0], x[..., 1], e[:, None, 0], e[:, None, 1]
        gradient = np.stack([er * xr + ei * xi, ei * xr - er * xi], axis=-1)
    else:
        gradient = x * e[:, None, :]
    exact = sum(gradient << step for step in w.steps)
    if w.leak is not None:
        exact = exact - (weights << w.leak)
    dither: Ints | int = 0
    if random is not None:
        points = np.arange(len(one.taps) * one.channels)
        dither = np.array([window(int(random[turn]), int(p)) for p in points]).reshape(len(one.taps), one.channels)
    moved = np.clip(weights + cut(exact, w.drops, one.rounding, dither), w.low, w.high)
    last[moved != weights] = n - 1
    weights[...] = moved
