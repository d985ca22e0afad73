"""What a linear receiver makes of a channel and of its ADCs: weights for their words, and the error of any weights.

Model and symbols are those of `hwgen.problems.adc`: y_q = A y + q. The ADC of antenna m has its best step for the power
it receives, so y_q[m] is (n + 1/2) step[m] for a word n. Weights here are for words: w[m] step[m].
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.problems.adc import DETECTORS, UNIFORM_DISTORTION
from hwgen.problems.quantiser import best_step

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class Uplink:
    """A channel (M, K) with ADCs of `bits`, and a method: "lmmse", "zf" or "mrc".

    Only antennas that are on, `active` of them (N,), have weights. All errors are relative to a stream's symbol, after
    the best complex gain: EVM^2 = 1 / SINR, MSE = 1 / (1 + SINR).
    """

    channel: Complex
    bits: tuple[int, ...]
    method: str = "lmmse"

    def __post_init__(self) -> None:
        if self.method not in DETECTORS:
            raise ValueError(f"method must be one of {', '.join(DETECTORS)}, not {self.method!r}")
        if len(self.bits) != len(self.channel) or not any(self.bits):
            raise ValueError("every antenna needs its ADC bits, and one of them at least 1")

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """Antennas that are on."""
        return np.flatnonzero(self.bits)

    @property
    def users(self) -> int:
        """K."""
        return self.channel.shape[1]

    @cached_property
    def steps(self) -> Array:
        """Step of both parts of each active antenna's ADC (N,): each has half of the received power."""
        power = (np.abs(self.channel[self.active]) ** 2).sum(axis=1) + 1
        steps = np.array([best_step(self.bits[m]) for m in self.active])
        return np.asarray(steps * np.sqrt(power / 2))

    @cached_property
    def rho(self) -> Array:
        """Distortion of the active ADCs (N,)."""
        return np.array(UNIFORM_DISTORTION)[np.array(self.bits)[self.active]]

    @cached_property
    def signature(self) -> Complex:
        """What a unit symbol of each user is in words (N, K): A H / step."""
        kept = (1 - self.rho) / self.steps
        return np.asarray(kept[:, None] * self.channel[self.active])

    @cached_property
    def noise(self) -> Array:
        """Variance of received and quantisation noise in words (N,)."""
        power = (np.abs(self.channel[self.active]) ** 2).sum(axis=1) + 1
        kept = 1 - self.rho
        return np.asarray((kept**2 + kept * self.rho * power) / self.steps**2)

    @cached_property
    def covariance(self) -> Complex:
        """E[n n^H] of the words (N, N)."""
        return np.asarray(self.signature @ self.signature.conj().T + np.diag(self.noise))

    @cached_property
    def weights(self) -> Complex:
        """The method's weights (N, K) for words, each column scaled so that its own user's gain is 1.

        Zero forcing with fewer active antennas than users takes the pseudo-inverse.
        """
        g = self.signature
        if self.method == "lmmse":
            w = np.linalg.solve(self.covariance, g)
        else:
            # As AdcReceiver: the detector of A H on y_q, whose noise it takes for white.
            scaled = self.steps[:, None] * g
            w = scaled if self.method == "mrc" else np.linalg.pinv(scaled).conj().T
            w = self.steps[:, None] * w
        gain = np.einsum("nk,nk->k", w.conj(), g).conj()
        return np.asarray(w / np.where(gain == 0, 1, gain))

    @property
    def all_weights(self) -> Complex:
        """The same for all antennas (M, K), 0 for those that are off."""
        found = np.zeros(self.channel.shape, dtype=np.complex128)
        found[self.active] = self.weights
        return found

    def power(self, weights: Complex) -> tuple[Complex, Array]:
        """Gain w^H g and output power w^H R w of each stream for weights (N, K)."""
        gain = np.einsum("nk,nk->k", weights.conj(), self.signature)
        power = np.einsum("nk,nk->k", weights.conj(), self.covariance @ weights).real
        return gain, power

    def evm(self, weights: Complex, more: Array | float = 0.0) -> Array:
        """EVM^2 of each stream (K,), with `more` noise power at the output."""
        gain, power = self.power(weights)
        size = np.abs(gain) ** 2
        lost = size < 1e-300  # a user that no antenna hears
        return np.where(lost, np.inf, np.maximum((power + more) / np.where(lost, 1, size) - 1, 0.0))

    @cached_property
    def ideal(self) -> Array:
        """EVM^2 of each stream with the method's exact weights (K,)."""
        return self.evm(self.weights)


def mse(evm: Array) -> Array:
    """1 / (1 + SINR) of EVM^2 = 1 / SINR."""
    return np.where(np.isinf(evm), 1.0, evm / (1 + np.where(np.isinf(evm), 0, evm)))


def rms_percent(evm: Array) -> float:
    """EVM in percent over all streams, for EVM^2 of each."""
    return float(100 * np.sqrt(np.mean(evm)))
