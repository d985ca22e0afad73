"""Best linear-phase taps of a given length: Parks-McClellan exchange, or a linear program where that fails.

The exchange of `scipy.signal.remez` takes milliseconds, but it stops, or answers wrongly without saying so, when bands
touch, when there are many of them, or when next to nothing is left to minimise. So its answer is believed only if it
alternates (Chebyshev's theorem); otherwise a linear program over a growing set of frequencies finds the optimum.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal
from scipy.optimize import linprog

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]

_ALTERNATES = 0.99  # share of the largest error that its alternations must reach for an answer to count as optimal
_NEGLIGIBLE = 1e-6  # weighted error (1 is what a mask allows) below which nobody cares whether it is the least
_LONGEST_PROGRAM = 400  # taps; beyond, a linear program takes minutes
_PROGRAM_DENSITY = 32  # points a tap over 0..0.5 on which a program's answer is judged
_ROUNDS = 12


class Target(NamedTuple):
    """What to approximate from `start` to `stop` (fractions of the sample rate): `desired`, errors times `weight`."""

    start: float
    stop: float
    desired: float
    weight: float


def basis(taps: int, frequencies: ArrayLike) -> Floats:
    """Matrix from free taps to zero-phase amplitude, for symmetric filters of type I (odd length) and II (even).

    A(f) = sum_k 2 h[k] cos(2 pi f ((N-1)/2 - k)), k < N/2, the middle tap of an odd length counted once.

    Parameters
    ----------
    taps
        Length N of the filter.
    frequencies
        Shape (G,), fractions of the sample rate.

    Returns
    -------
    Shape (G, ceil(N/2)); column k belongs to h[k], the outermost tap first.
    """
    free = (taps + 1) // 2
    matrix: Floats = 2 * np.cos(2 * np.pi * np.outer(np.asarray(frequencies), (taps - 1) / 2 - np.arange(free)))
    if taps % 2:
        matrix[:, -1] = 1
    return matrix


def transfer(taps: ArrayLike, frequencies: ArrayLike) -> Complexes:
    """H(f) = sum_n h[n] exp(-2 pi j f n), shape of `frequencies` (fractions of the sample rate), for any taps."""
    unit = np.exp(-2j * np.pi * np.asarray(frequencies, dtype=np.float64))
    return np.asarray(np.polyval(np.asarray(taps, dtype=np.float64)[::-1], unit), dtype=np.complex128)


def sampled(taps: Floats, intervals: Sequence[tuple[float, float]], density: int) -> Iterator[tuple[Floats, Complexes]]:
    """Frequencies and H there, an interval at a time: both ends, and density x length points or more to a 0..0.5."""
    size = 1 << int(np.ceil(np.log2(2 * density * len(taps))))
    spectrum = np.fft.rfft(taps, size)
    for start, stop in intervals:
        inner = np.arange(np.floor(start * size) + 1, np.ceil(stop * size), dtype=np.int64)
        if len(inner) < 8:
            frequencies = np.linspace(start, stop, 9)
            yield frequencies, transfer(taps, frequencies)
        else:
            ends = transfer(taps, [start, stop])
            yield (
                np.concatenate([[start], inner / size, [stop]]),
                np.concatenate([ends[:1], spectrum[inner], ends[1:]]),
            )


def minimax(taps: int, targets: Sequence[Target]) -> Floats:
    """Symmetric taps with the least largest weighted error, max W |A - D|, over all targets.

    Parameters
    ----------
    taps
        Length of the filter, at least 1.
    targets
        By rising frequency; weights such that an error of 1 is about what is allowed.

    Returns
    -------
    Shape (taps,). Optimal within a per cent, or with a weighted error below a millionth; filters of more than 400 taps
    on which the exchange fails are shorter optimal ones between zeros.

    Raises
    ------
    ValueError
        Neither method found any taps (tolerances below double precision).
    """
    exchanged = _exchange(taps, targets)
    if exchanged is not None:
        largest, alternating = _alternation(exchanged, targets)
        if alternating >= _ALTERNATES * largest or largest <= _NEGLIGIBLE:
            return exchanged
    other = _program(taps, targets) if taps <= _LONGEST_PROGRAM else _padded(taps, targets)
    found = [answer for answer in (exchanged, other) if answer is not None]
    if not found:
        raise ValueError(f"no best filter of {taps} taps found: the tolerances are too small for double precision")
    return min(found, key=lambda answer: _alternation(answer, targets)[0])


def _exchange(taps: int, targets: Sequence[Target]) -> Floats | None:
    """The answer of SciPy's Parks-McClellan, checked only for being a filter at all; None where it gives none."""
    edges = [edge for target in targets for edge in target[:2]]
    desired = [target.desired for target in targets]
    weights = [target.weight for target in targets]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answer = signal.remez(taps, edges, desired, weight=weights, maxiter=100, grid_density=256, fs=1.0)
    except (ValueError, RuntimeWarning, UserWarning):
        return None
    return (answer + answer[::-1]) / 2 if np.isfinite(answer).all() else None


def _alternation(answer: Floats, targets: Sequence[Target]) -> tuple[float, float]:
    """Largest weighted error, and a lower bound of the least possible one.

    The bound (de la Vallee Poussin): where the error reaches a level with alternating signs at one more frequency than
    there are free taps, no filter of this length stays below that level. Only 99 % of the largest is tried as a level;
    the bound is that or 0.
    """
    errors = []
    for target, (frequencies, response) in zip(
        targets, sampled(answer, [target[:2] for target in targets], _PROGRAM_DENSITY), strict=True
    ):
        turned = np.exp(1j * np.pi * (len(answer) - 1) * frequencies)  # takes the delay out
        errors.append(((response * turned).real - target.desired) * target.weight)
    error = np.concatenate(errors)
    size = np.abs(error)
    largest = float(size.max())
    level = _ALTERNATES * largest
    signs = np.sign(error[size >= level])
    alternations = 1 + np.count_nonzero(signs[1:] != signs[:-1])
    return largest, level if alternations > (len(answer) + 1) // 2 else 0.0


def _program(taps: int, targets: Sequence[Target]) -> Floats | None:
    """The linear program min t, -t <= W (A - D) <= t, by HiGHS; None where it fails.

    A coarse grid first, then the peaks of the error between its points join, until none exceeds t by more than 0.02 %.
    """
    grids, coarse = [], []
    for target in targets:
        count = int(np.ceil(2 * _PROGRAM_DENSITY * taps * (target.stop - target.start))) + 3
        grids.append(np.linspace(target.start, target.stop, count))
        coarse.append((np.arange(count) % (_PROGRAM_DENSITY // 2) == 0) | (np.arange(count) == count - 1))
    counts = [len(grid) for grid in grids]
    weight = np.repeat([target.weight for target in targets], counts)
    matrix = basis(taps, np.concatenate(grids)) * weight[:, None]
    wanted = np.repeat([target.desired for target in targets], counts) * weight
    active = np.concatenate(coarse)
    free = matrix.shape[1]
    best, least = None, np.inf
    for _ in range(_ROUNDS):
        rows, slack = matrix[active], np.ones((np.count_nonzero(active), 1))
        solved = linprog(
            np.append(np.zeros(free), 1.0),
            np.block([[rows, -slack], [-rows, -slack]]),
            np.concatenate([wanted[active], -wanted[active]]),
            bounds=[(None, None)] * free + [(0, None)],
            method="highs-ds",
        )
        if solved.x is None:
            break
        size = np.abs(matrix @ solved.x[:free] - wanted)
        if size.max() < least:
            best, least = solved.x[:free], size.max()
        if size.max() <= solved.x[free] * 1.0002 + _NEGLIGIBLE:
            break
        peaks = np.append(True, size[1:] >= size[:-1]) & np.append(size[:-1] >= size[1:], True)
        active |= peaks & (size > solved.x[free])
    return None if best is None else np.concatenate([best, best[: taps // 2][::-1]])


def _padded(taps: int, targets: Sequence[Target]) -> Floats | None:
    """The best filter a fifth shorter, of the same parity, between zeros."""
    fewer = taps - 2 * (taps // 10)
    try:
        return np.pad(minimax(fewer, targets), (taps - fewer) // 2)
    except ValueError:
        return None
