"""Symbols through channel, ADCs and combiner, counted: EVM, MSE, sum rate and bit error rate with 95 % intervals."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.combiner import Combiner
from hwgen.blocks.combiner_reloadable import ReloadableCombiner
from hwgen.designs.uplink import Uplink
from hwgen.problems.quantiser import words

Complex = NDArray[np.complex128]
Ints = NDArray[np.int64]
Sums = NDArray[np.float64]  # (batches, 5, K)
Receive = Callable[[Complex], Complex]  # antennas (M, n) to streams (K, n)

BITS = {"qpsk": 1, "16qam": 2}  # of a part of a symbol
_Z = 1.959964  # 95 % of a normal distribution lie within so many deviations
_BATCHES = 20


@dataclass(frozen=True)
class Figures:
    """Means over all streams, each with the lower and upper end of its 95 % interval.

    `evm_percent` after each stream's best complex gain; `mse` with the gain of least mean square error; `rate` the sum
    of log2(1 + SINR), bit/s/Hz; `ber` of slicing to the nearest symbol, Gray-coded (Wilson's interval).
    """

    evm_percent: tuple[float, float, float]
    mse: tuple[float, float, float]
    rate: tuple[float, float, float]
    ber: tuple[float, float, float]
    symbols: int

    def plain(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)


def symbols(constellation: str, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Complex, Ints]:
    """Random symbols of unit power, and the integers (2, ...) 0 to 2^b - 1 of their parts, smallest amplitude first."""
    levels = 1 << BITS[constellation]
    parts = rng.integers(0, levels, (2, *shape))
    values = (2 * parts - (levels - 1)) / np.sqrt(2 * (levels**2 - 1) / 3)
    return values[0] + 1j * values[1], parts


def sliced(received: Complex, constellation: str) -> Ints:
    """The integers of the nearest symbols, as in `symbols`."""
    levels = 1 << BITS[constellation]
    scale = np.sqrt(2 * (levels**2 - 1) / 3)
    parts = np.stack([received.real, received.imag])
    return np.clip(np.floor((parts * scale + levels) / 2), 0, levels - 1).astype(np.int64)


def antennas(channel: Complex, sent: Complex, rng: np.random.Generator) -> Complex:
    """y = H s + n, noise of unit power."""
    noise = rng.normal(size=(2, len(channel), sent.shape[1])) / np.sqrt(2)
    return np.asarray(channel @ sent + noise[0] + 1j * noise[1])


def adc_words(link: Uplink, y: Complex) -> Ints:
    """Words (2 N, n) of the active antennas, real and imaginary parts in turn."""
    own = y[link.active]
    parts = np.stack([own.real, own.imag], axis=1).reshape(-1, y.shape[1])
    bits = np.array(link.bits)[link.active]
    return words(parts, np.repeat(link.steps, 2)[:, None], np.repeat(bits, 2)[:, None])


def exact(link: Uplink) -> Receive:
    """ADCs of the link and its exact weights."""

    def receive(y: Complex) -> Complex:
        n = adc_words(link, y) + 0.5
        return np.asarray(link.weights.conj().T @ (n[0::2] + 1j * n[1::2]))

    return receive


def received(combiner: Combiner | ReloadableCombiner, link: Uplink) -> Receive:
    """The combiner's integer model behind the ADCs of the link, those that it uses: streams as numbers."""
    on = np.repeat(np.array(combiner.bits)[link.active] > 0, 2)
    scale = np.array([form.lsb for form in combiner.outputs])[:, None]

    def receive(y: Complex) -> Complex:
        raw = combiner.model(combiner.packed(adc_words(link, y)[on]))
        return np.asarray((raw[0::2] + 1j * raw[1::2]) * scale)

    return receive


def unquantised(channel: Complex, method: str) -> Receive:
    """No ADCs: the method on y itself."""
    if method == "lmmse":
        w = np.linalg.solve(channel @ channel.conj().T + np.eye(len(channel)), channel)
    else:
        w = channel if method == "mrc" else np.linalg.pinv(channel).conj().T
    return lambda y: np.asarray(w.conj().T @ y)


def measured(
    channel: Complex, receivers: dict[str, Receive], constellation: str, count: int, rng: np.random.Generator
) -> dict[str, Figures]:
    """Figures of every receiver over the same `count` symbols of each user and the same noise."""
    found = counted(channel, receivers, constellation, count, rng)
    return {name: _figures(sums, max(count // _BATCHES, 2), constellation) for name, sums in found.items()}


def mean_square(sums: Sums) -> float:
    """The MSE of `Figures`."""
    return float(_ratios(sums.sum(axis=0))[1])


def difference(one: Sums, other: Sums) -> tuple[float, float, float]:
    """MSE of `other` less that of `one`, over the same symbols and noise, with its 95 % interval.

    What both have in common drops out, so that much smaller differences show than their own intervals would let.
    """
    ours, theirs = one.sum(axis=0), other.sum(axis=0)
    left_out = [_ratios(theirs - b)[1] - _ratios(ours - a)[1] for a, b in zip(one, other, strict=True)]
    here = mean_square(other) - mean_square(one)
    spread = _Z * float(np.std(left_out)) * np.sqrt(len(one) - 1)
    return here, here - spread, here + spread


def counted(
    channel: Complex, receivers: dict[str, Receive], constellation: str, count: int, rng: np.random.Generator
) -> dict[str, Sums]:
    """What figures are made from, of each batch: correlation, energies and bit errors of every stream."""
    size = max(count // _BATCHES, 2)
    sums: dict[str, list[NDArray[Any]]] = {name: [] for name in receivers}
    gray = np.arange(1 << BITS[constellation])
    gray ^= gray >> 1
    for _ in range(_BATCHES):
        sent, parts = symbols(constellation, (channel.shape[1], size), rng)
        y = antennas(channel, sent, rng)
        for name, receive in receivers.items():
            z = receive(y)
            cross = (z * sent.conj()).sum(axis=1)
            energy, power = (np.abs(sent) ** 2).sum(axis=1), (np.abs(z) ** 2).sum(axis=1)
            gain = cross / energy
            live = np.abs(gain) > 0
            shown = np.where(live[:, None], z / np.where(live, gain, 1)[:, None], 0)
            wrong = np.bitwise_count(gray[sliced(shown, constellation)] ^ gray[parts]).sum(axis=(0, 2))
            sums[name].append(np.array([cross.real, cross.imag, energy, power, wrong]))
    return {name: np.array(found) for name, found in sums.items()}


def _figures(sums: Sums, size: int, constellation: str) -> Figures:
    """The intervals of all but the bit error rate are jackknifed over the batches."""
    whole = sums.sum(axis=0)
    left_out = [_ratios(whole - part) for part in sums]
    here, spread = _ratios(whole), np.std(np.array(left_out), axis=0) * np.sqrt(len(sums) - 1)
    evm, mse, rate = ((float(v), float(v - _Z * s), float(v + _Z * s)) for v, s in zip(here, spread, strict=True))
    trials = size * len(sums) * sums.shape[2] * 2 * BITS[constellation]
    return Figures(evm, mse, rate, wilson(int(whole[4].sum()), trials), size * len(sums))


def _ratios(sums: NDArray[Any]) -> NDArray[np.float64]:
    """EVM in percent, MSE and sum rate."""
    cross, energy, power = np.hypot(sums[0], sums[1]), sums[2], sums[3]
    share = np.where(power > 0, cross**2 / np.where(power > 0, power * energy, 1), 0)  # SINR / (1 + SINR)
    mse = np.clip(1 - share, 1e-300, 1)
    evm = mse / np.maximum(share, 1e-300)
    return np.array([100 * np.sqrt(evm.mean()), mse.mean(), -np.log2(mse).sum()])


def wilson(errors: int, trials: int) -> tuple[float, float, float]:
    """A proportion and its 95 % interval (Wilson, JASA 22, 1927)."""
    p, z2 = errors / trials, _Z**2
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z / (1 + z2 / trials) * np.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2))
    return p, max(0.0, float(centre - half)), float(centre + half)
