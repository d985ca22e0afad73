"""The LMS equaliser in floating point, for several streams at once; with noise in place of each rounding on request."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwgen.designs.equalizer_bench import Bench, Stream

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True)
class Rule:
    """How coefficients follow the error: the parameters that `Lms` has, too."""

    steps: tuple[int, ...]
    rule: str = "lms"
    delay: int = 0
    leak: int | None = None

    @property
    def step(self) -> float:
        """mu."""
        return float(sum(2.0**-s for s in self.steps))


@dataclass(frozen=True, eq=False)
class Noise:
    """Variance of what rounding adds to each part: of the output, of each coefficient's update (N,), of the error."""

    output: float
    weights: Floats
    error: float


@dataclass(frozen=True, eq=False)
class Course:
    """What came out.

    Attributes
    ----------
    outputs : equalised samples (S, n)
    weights : coefficients at the end (S, N)
    peaks : largest magnitude of any part of each coefficient (N,)
    updates : parts of each update in the last quarter, mu e conj(x), (samples, N)
    trail : coefficients of the first stream at every `every`-th sample
    """

    outputs: Complexes
    weights: Complexes
    peaks: Floats
    updates: Floats
    trail: Complexes = field(repr=False)


_EVERY = 50


def course(bench: Bench, rule: Rule, streams: Sequence[Stream], noise: Noise | None = None, seed: int = 0) -> Course:
    """y = sum w x, e = d - y, w += mu e conj(x), coefficients from 0; equations as in `hwgen.blocks.lms`."""
    size, late, parts = bench.taps, rule.delay, bench.parts
    x = np.stack([s.samples for s in streams])
    wanted = np.stack([s.symbols for s in streams])
    count, samples = x.shape
    line = np.concatenate([np.zeros((count, size + late), dtype=complex), x], axis=1)
    weights = np.zeros((count, size), dtype=complex)
    outputs, peaks = np.zeros((count, samples), dtype=complex), np.zeros(size)
    errors = np.zeros((count, samples), dtype=complex)
    kept, trail = [], []
    leak = 0.0 if rule.leak is None else 2.0**-rule.leak
    rng = np.random.default_rng(seed)

    def rounded(shape: tuple[int, ...], variance: float | Floats) -> Complexes:
        drawn = rng.normal(size=(2, *shape))
        return np.sqrt(variance) * (drawn[0] + 1j * drawn[1] if parts == 2 else drawn[0])

    for n in range(samples):
        if n % _EVERY == 0:
            trail.append(weights[0].copy())
        # The update of sample n - 1 - delay is in before sample n is filtered.
        m = n - 1 - late
        if m >= 0:
            e = errors[:, m, None]
            gradient = rule.step * e * line[:, m + late + 1 : m + late + size + 1][:, ::-1].conj()
            if n >= samples - samples // 4 and n % 4 == 0:
                kept.append(gradient)
            weights = weights + gradient - leak * weights
            if noise is not None:
                weights = weights + rounded(weights.shape, noise.weights)
            peaks = np.maximum(peaks, np.maximum(np.abs(weights.real), np.abs(weights.imag)).max(axis=0))
        y = (weights * line[:, n + late + 1 : n + late + size + 1][:, ::-1]).sum(axis=1)
        if noise is not None:
            y = y + rounded(y.shape, noise.output)
        outputs[:, n] = y
        e = (wanted[:, n] if n < bench.training else nearest(bench, y)) - y
        if noise is not None:
            e = e + rounded(e.shape, noise.error)
        if rule.rule == "sign-error":
            e = signs(e.real) + (1j * signs(e.imag) if parts == 2 else 0)
        errors[:, n] = e
    updates = np.concatenate(kept) if kept else np.zeros((0, size), dtype=complex)
    split = np.concatenate([updates.real, updates.imag]) if parts == 2 else updates.real
    return Course(outputs, weights, peaks, split, np.array(trail))


def signs(value: Floats) -> Floats:
    """-1 below 0, else 1, as hardware reads a sign bit."""
    return np.where(value < 0, -1.0, 1.0)


def nearest(bench: Bench, y: Complexes) -> Complexes:
    """The symbols nearest to y."""

    def axis(value: Floats) -> Floats:
        level = np.clip(np.floor(value / (2 * bench.unit)) + bench.levels // 2, 0, bench.levels - 1)
        return (2 * level + 1 - bench.levels) * bench.unit

    return np.asarray(axis(y.real) + (1j * axis(y.imag) if bench.parts == 2 else 0), dtype=np.complex128)


def error_power(bench: Bench, outputs: Complexes, streams: Sequence[Stream]) -> float:
    """Mean of |y - symbol|**2 after training."""
    wanted = np.stack([s.symbols for s in streams])
    return float(np.mean(np.abs(outputs - wanted)[:, bench.training :] ** 2))


def evm_percent(bench: Bench, power: float) -> float:
    """Root of the error's power over that of the constellation."""
    return float(100 * np.sqrt(power / bench.symbol_power))


def bit_errors(bench: Bench, outputs: Complexes, streams: Sequence[Stream]) -> tuple[int, int]:
    """Wrong bits and all bits after training; levels are Gray-coded."""
    wanted = np.stack([s.symbols for s in streams])[:, bench.training :]
    found = nearest(bench, outputs[:, bench.training :])
    wrong = total = 0
    for pick in (np.real, np.imag)[: bench.parts]:
        codes = [np.round((pick(v) / bench.unit + bench.levels - 1) / 2).astype(np.int64) for v in (wanted, found)]
        gray = [c ^ (c >> 1) for c in codes]
        wrong += int(np.bitwise_count(gray[0] ^ gray[1]).sum())
        total += gray[0].size * (bench.levels.bit_length() - 1)
    return wrong, total
