"""What an equaliser is judged on: symbols through a multipath channel with noise, as words of its ports."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.fixed import Format, from_float

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True)
class Stream:
    """One stretch from reset: words of the input ports (ports, n), samples and wanted symbols as numbers (n,)."""

    words: NDArray[np.int64]
    samples: Complexes
    symbols: Complexes


@dataclass(frozen=True)
class Bench:
    """The channel, the constellation and how long an equaliser trains and is judged.

    Parameters
    ----------
    input, output
        Formats, as text.
    taps
        Length of the equaliser.
    parts
        2 for complex symbols, 1 for real ones.
    levels, spacing
        Levels of the constellation on an axis; half the distance between two, in output LSBs.
    channel
        Real and imaginary part of each of the channel's taps, a symbol apart.
    snr_db
        Power of the received signal over that of the noise.
    level_dbfs
        Effective value of each part of a sample, relative to the input's full scale.
    training, judged
        Samples with known symbols, and samples after them, over which EVM and BER are measured.
    seed
        Of symbols and noise.
    cursor
        Samples from a symbol's first arrival to its decision; None: where the best linear equaliser errs least.
    """

    input: str
    output: str
    taps: int
    parts: int
    levels: int
    spacing: int
    channel: tuple[tuple[float, float], ...]
    snr_db: float
    level_dbfs: float
    training: int
    judged: int
    seed: int
    cursor: int | None = None

    def frozen(self) -> dict[str, Any]:
        """As JSON has it; `thawed` is the inverse."""
        return {**asdict(self), "channel": [list(pair) for pair in self.channel]}

    @classmethod
    def thawed(cls, frozen: dict[str, Any]) -> "Bench":
        """The bench that `frozen` described."""
        return cls(**{**frozen, "channel": tuple((float(a), float(b)) for a, b in frozen["channel"])})

    @property
    def samples(self) -> int:
        """Length of a stream."""
        return self.training + self.judged

    @property
    def unit(self) -> float:
        """Half the distance between two levels, in output units."""
        return self.spacing * Format.parse(self.output).lsb

    @property
    def symbol_power(self) -> float:
        """Mean power of a symbol: each axis has (L**2 - 1) / 3 in units of half a distance."""
        return self.parts * (self.levels**2 - 1) / 3 * self.unit**2

    @cached_property
    def response(self) -> Complexes:
        """The channel with the gain before the converter: output units in, input units out."""
        taps = np.array([complex(*pair) for pair in self.channel])
        full = 2.0 ** (Format.parse(self.input).integer - 1)
        wanted = self.parts * (full * 10 ** (self.level_dbfs / 20)) ** 2 / (1 + 10 ** (-self.snr_db / 10))
        gain = np.sqrt(wanted / (self.symbol_power * float(np.sum(np.abs(taps) ** 2))))
        return taps * gain

    @property
    def noise_power(self) -> float:
        """Power of the noise at the input."""
        return float(np.sum(np.abs(self.response) ** 2)) * self.symbol_power * 10 ** (-self.snr_db / 10)

    @property
    def input_power(self) -> float:
        """Power of a sample, signal and noise."""
        return float(np.sum(np.abs(self.response) ** 2)) * self.symbol_power + self.noise_power

    @cached_property
    def wiener(self) -> tuple[int, Complexes, float]:
        """Decision delay, coefficients and error power of the best linear equaliser (Wiener filter) of this length.

        R = Ps H^H H + Pn I over the taps, p = Ps conj(h) for the symbol decided on; error Ps - p^H R^-1 p.
        """
        h, size = self.response, self.taps
        spread = np.zeros((size + len(h) - 1, size), dtype=complex)  # symbol age against tap
        for tap in range(size):
            spread[tap : tap + len(h), tap] = h
        covariance = self.symbol_power * spread.conj().T @ spread + self.noise_power * np.eye(size)
        best: tuple[int, Complexes, float] | None = None
        ages = range(len(spread)) if self.cursor is None else (self.cursor,)
        for age in ages:
            cross = self.symbol_power * spread[age].conj()
            weights = np.linalg.solve(covariance, cross)
            error = float(self.symbol_power - (cross.conj() @ weights).real)
            if best is None or error < best[2] * (1 - 1e-9):
                best = age, weights, error
        assert best is not None
        return best

    def streams(self, first: int, count: int, samples: int | None = None) -> list[Stream]:
        """Streams number `first` to ``first + count - 1``, each with symbols and noise of its own."""
        return [
            self._stream(np.random.default_rng([self.seed, k]), samples or self.samples)
            for k in range(first, first + count)
        ]

    def _stream(self, rng: np.random.Generator, samples: int) -> Stream:
        cursor, h = self.wiener[0], self.response
        before = max(cursor, len(h) - 1)
        levels = rng.integers(0, self.levels, (self.parts, samples + before))
        axes = (2 * levels + 1 - self.levels) * self.unit
        symbols = axes[0] + 1j * axes[1] if self.parts == 2 else axes[0] + 0j
        received = np.convolve(symbols, h)[before : before + samples]
        noise = rng.normal(size=(2, samples)) * np.sqrt(self.noise_power / self.parts)
        received = received + (noise[0] + 1j * noise[1] if self.parts == 2 else noise[0])
        form = Format.parse(self.input)
        parts = np.stack([received.real, received.imag][: self.parts])
        words = from_float(parts, form).astype(np.int64)
        known = levels[:, before - cursor : before - cursor + samples]
        bits = self.levels.bit_length() - 1
        symbol = sum(known[p] << bits * p for p in range(self.parts))
        train = (np.arange(samples) < self.training).astype(np.int64)
        values = words * form.lsb
        return Stream(
            np.vstack([words, train, symbol]),
            values[0] + 1j * values[1] if self.parts == 2 else values[0] + 0j,
            symbols[before - cursor : before - cursor + samples],
        )
