"""Mixed-resolution ADCs: how many bits each antenna of a multi-user receiver gets.

Additive quantisation noise model (Fletcher, Rangan, Goyal and Ramchandran, IEEE JSTSP 1(4), 2007): y = H x + n is
quantised to y_q = A y + q, A = diag(1 - rho_m), R_q = A (I - A) diag(C_y), rho_m the normalised
distortion of a quantiser with b_m bits. Symbols and noise have unit power; the powers of the users are in H. The model
neglects that the distortions of the antennas are correlated.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Problem
from hwgen.problems.adc_rounding import certified
from hwgen.problems.lmmse_bound import MERITS, LmmseError, Relaxation, branch, relax

Array = NDArray[np.float64]
Bits = NDArray[np.int64]

DETECTORS = ("lmmse", "zf", "mrc")
COSTS = ("power", "bits")
# Mean square error of a uniform mid-rise quantiser of 0, 1, ... bits at its best step, for a Gaussian of unit power
# (Max, IRE Trans. IT-6, 1960, table II). At the best step E[y Q(y)] = E[Q(y)^2], which the model needs.
UNIFORM_DISTORTION = (
    1.0, 0.3633802276, 0.1188460504, 0.03743965939, 0.01154288443, 0.003495211362, 0.001040045409, 3.043327708e-4,
    8.768618578e-5, 2.491902965e-5, 6.997005197e-6, 1.944413128e-6, 5.355365363e-7,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class AdcReceiver:
    """A linear receiver of K users on M antennas, one variable an antenna: the bits of its ADC.

    Parameters
    ----------
    channel
        Complex (M, K): entry (m, k) squared is the SNR of user k at antenna m.
    levels
        Bits an ADC may have, 0 meaning that the antenna is off. Default 0 to 8.
    detector
        "lmmse"; "zf" or "mrc", the pseudo-inverse or the conjugate of the effective channel A H. The output for each
        user is scaled to least mean square error, so that its MSE is 1 / (1 + SINR) for all three. With fewer antennas
        on than users zero forcing has no solution: the MSE is 1.
    merit
        What the error is. "mse": the mean of the users' MSE, in (0, 1]. "rate": the sum rate lost to quantisation,
        sum_k log2(1 + SINR_k) at infinite resolution minus the same here, in bit/s/Hz; to minimise it is to maximise
        the sum rate.
    cost
        Consumption: "power", an ADC of b > 0 bits takes 2^b (Walden's figure of merit), none when off; or "bits".
    distortion
        rho for 0, 1, ... bits, falling from 1; default the uniform quantiser, which is what hardware has.
    """

    channel: NDArray[np.complex128]
    levels: tuple[int, ...] = tuple(range(9))
    detector: str = "lmmse"
    merit: str = "mse"
    cost: str = "power"
    distortion: tuple[float, ...] = field(default=UNIFORM_DISTORTION, repr=False)

    def __post_init__(self) -> None:
        channel = np.array(self.channel, dtype=np.complex128)
        if channel.ndim != 2 or not channel.size or not np.isfinite(channel).all():
            raise ValueError("channel must be a finite array of shape (antennas, users)")
        if not channel.any(axis=0).all():
            raise ValueError("every user must reach at least one antenna: a column of the channel is all zero")
        for what, allowed in (("detector", DETECTORS), ("merit", MERITS), ("cost", COSTS)):
            if getattr(self, what) not in allowed:
                raise ValueError(f"{what} must be one of {', '.join(allowed)}, got {getattr(self, what)!r}")
        rho = np.array(self.distortion, dtype=float)
        if rho.ndim != 1 or not rho.size or rho[0] != 1 or (rho <= 0).any() or (np.diff(rho) >= 0).any():
            raise ValueError("distortion must fall strictly from 1 at 0 bits and stay above 0")
        levels = tuple(int(level) for level in self.levels)
        if not levels or levels[0] < 0 or levels[-1] >= rho.size or any(np.diff(levels) <= 0):
            raise ValueError(f"levels must rise strictly from at least 0 to at most {rho.size - 1}, got {levels}")
        channel.setflags(write=False)
        object.__setattr__(self, "channel", channel)
        object.__setattr__(self, "levels", levels)

    @property
    def antennas(self) -> int:
        return len(self.channel)

    @property
    def users(self) -> int:
        return self.channel.shape[1]

    @cached_property
    def power(self) -> Array:
        """Received power of every antenna, noise included, (M,)."""
        return np.asarray((np.abs(self.channel) ** 2).sum(axis=1) + 1)

    @cached_property
    def gains(self) -> Array:
        """g_m(b) = 1 / (1 + rho / (1 - rho) (|h_m|^2 + 1)), 0 when off, (M, levels of the distortion table)."""
        rho = np.array(self.distortion)
        kept = 1 - rho
        return np.asarray(kept / (kept + rho * self.power[:, None]))

    @cached_property
    def costs(self) -> Array:
        """Consumption of one ADC by its bits."""
        bits = np.arange(len(self.distortion), dtype=float)
        return bits if self.cost == "bits" else np.where(bits > 0, 2**bits, 0.0)

    @cached_property
    def ladder(self) -> tuple[Bits, Array, Array]:
        """The levels (L,), the gains (M, L) at them and their costs (L,)."""
        levels = np.array(self.levels)
        return levels, self.gains[:, levels], self.costs[levels]

    @cached_property
    def function(self) -> LmmseError:
        """The LMMSE error as a function of the gains; column h_m is the conjugate of row m of the channel."""
        return LmmseError(self.channel.conj(), self.merit)

    @cached_property
    def _outer(self) -> Array:
        """h_m h_m^H as reals, (M, 2 K^2), so that a swarm's Gram matrices are one matrix product."""
        h = self.function.vectors
        products = h[:, :, None] * h[:, None, :].conj()
        return np.ascontiguousarray(products).reshape(self.antennas, -1).view(float)

    def _grams(self, weights: Array) -> NDArray[np.complex128]:
        """sum_m weights_m h_m h_m^H for weights (P, M): (P, K, K)."""
        K = self.users
        return np.asarray((weights @ self._outer).view(complex).reshape(-1, K, K))

    def _at(self, bits: Bits) -> Array:
        return np.asarray(self.gains[np.arange(self.antennas), bits])

    def _user_mse(self, gains: Array, kept: Array) -> Array:
        """MSE of every user (P, K) at gains (P, M) and 1 - rho (P, M)."""
        eye = np.eye(self.users)
        if self.detector == "lmmse":
            return np.asarray(np.linalg.inv(eye + self._grams(gains)).diagonal(axis1=1, axis2=2).real)
        # The noise on A H x has the variance (1 - rho)^2 / g: received noise and quantisation.
        signal = self._grams(kept**2)
        noise = self._grams(np.where(gains > 0, kept**4 / np.where(gains > 0, gains, 1.0), 0.0))
        if self.detector == "mrc":
            wanted = signal.diagonal(axis1=1, axis2=2).real ** 2
            total = (np.abs(signal) ** 2).sum(axis=2) + noise.diagonal(axis1=1, axis2=2).real
            return np.where(total > 0, 1 - wanted / np.where(total > 0, total, 1.0), 1.0)
        solvable = np.linalg.cond(signal) < 1e12
        inverse = np.linalg.inv(np.where(solvable[:, None, None], signal, eye))
        variance = (inverse @ noise @ inverse).diagonal(axis1=1, axis2=2).real
        return np.where(solvable[:, None], variance / (1 + variance), 1.0)

    def user_mse(self, bits: Bits) -> Array:
        """MSE of every user for bits (P, M): (P, K); the rate of a user is -log2 of it."""
        return self._user_mse(self._at(bits), 1 - np.array(self.distortion)[bits])

    @cached_property
    def _infinite(self) -> Array:
        ones = np.ones((1, self.antennas))
        return self._user_mse(ones, ones)[0]

    @property
    def mse_infinite(self) -> float:
        """Mean MSE at infinite resolution: what no number of bits can go below (LMMSE)."""
        return float(self._infinite.mean())

    @property
    def rate_infinite(self) -> float:
        """Sum rate at infinite resolution, bit/s/Hz."""
        return float(-np.log2(self._infinite).sum())

    @property
    def offset(self) -> float:
        """What the error is above that of `function`, which has no reference."""
        return self.rate_infinite if self.merit == "rate" else 0.0

    def error(self, bits: Bits) -> Array:
        """The merit for bits (P, M): (P,)."""
        return self.function.of(self.user_mse(bits)) + self.offset

    def consumption(self, bits: Bits) -> Array:
        """Power or bits of all ADCs for bits (P, M): (P,)."""
        return np.asarray(self.costs[bits].sum(axis=1))

    def trials(self, bits: Bits) -> Array:
        """LMMSE error when one antenna alone moves to any level: bits (P, M) -> (P, M, levels).

        By Sherman and Morrison diag S falls by d |S h_m|^2 / (1 + d h_m^H S h_m) when g_m rises by d: O(K) a trial.
        """
        self._only_lmmse()
        gains = self._at(bits)
        S = np.linalg.inv(np.eye(self.users) + self._grams(gains))
        h = self.function.vectors
        v = h @ S.transpose(0, 2, 1)  # (P, M, K): row m is S h_m
        p = (h.conj() * v).sum(axis=2).real
        change = self.gains[:, list(self.levels)] - gains[..., None]
        factor = change / (1 + change * p[..., None])
        squares = np.abs(v) ** 2
        diagonal = S.diagonal(axis1=1, axis2=2).real
        if self.merit == "mse":
            total = diagonal.sum(axis=1)[:, None, None] - factor * squares.sum(axis=2)[..., None]
            return np.asarray(total / self.users)
        return self.function.of(diagonal[:, None, None] - factor[..., None] * squares[:, :, None]) + self.offset

    def criterion(self, bits: Bits) -> Array:
        """Rise of the LMMSE error when each antenna alone drops one level, 0 at the lowest: (P, M) -> (P, M)."""
        tried = self.trials(bits)
        here = np.searchsorted(self.levels, bits)
        below = np.take_along_axis(tried, np.maximum(here - 1, 0)[..., None], axis=2)[..., 0]
        now = np.take_along_axis(tried, here[..., None], axis=2)[..., 0]
        return np.asarray(below - now)

    def linearise(self, bits: Bits, antenna: Bits, level: Bits) -> tuple[Array, Array]:
        """The LMMSE error (1,) of bits (M,), and what each move (Q,) of one antenna to a level adds to it, (1, Q)."""
        tried = self.trials(bits[None])[0]
        now = tried[0, np.searchsorted(self.levels, bits[0])]
        return np.array([now]), (tried[antenna, np.searchsorted(self.levels, level)] - now)[None, :]

    def exchanges(self, bits: Bits, up: Bits, down: Bits) -> Array:
        """LMMSE error when antenna i has up[i] bits and antenna j has down[j], one point: (M,) each -> (M, M).

        Rank-2 form of `trials`; the diagonal means nothing.
        """
        self._only_lmmse()
        gains = self._at(bits)
        S = self.function.inverse(gains)
        h = self.function.vectors
        v = h @ S.T
        P = h.conj() @ v.T  # h_i^H S h_j
        p = P.diagonal().real
        rise, fall = (self._at(to) - gains for to in (up, down))
        a, b = rise[:, None], fall[None, :]
        determinant = (1 + a * p[:, None]) * (1 + b * p[None, :]) - a * b * np.abs(P) ** 2
        squares = np.abs(v) ** 2  # (M, K)
        change = (a * (1 + b * p[None, :]))[..., None] * squares[:, None]
        change += (b * (1 + a * p[:, None]))[..., None] * squares[None, :]
        cross = v[:, None].conj() * v[None, :] * P.conj()[..., None]
        change -= (2 * a * b)[..., None] * cross.real
        return self.function.of(S.diagonal().real - change / determinant[..., None]) + self.offset

    def _only_lmmse(self) -> None:
        if self.detector != "lmmse":
            raise ValueError(f"rank-1 evaluation and bounds exist for the lmmse detector, not for {self.detector}")

    def relaxation(self, budget: float) -> Relaxation:
        """The relaxed LMMSE problem of this budget, see `lmmse_bound.relax`; its bound is on the error."""
        self._only_lmmse()
        _, gains, costs = self.ladder
        found = relax(self.function, gains, costs, budget)
        return found._replace(bound=found.bound + self.offset)

    def bound(self, budget: float, nodes: int = 1, known: float = np.inf) -> float:
        """Certified lower bound on the LMMSE error of every allocation within the budget.

        More ``nodes`` raise it by branch and bound, some 30 ms each for 64 antennas; with ``known``, the error of an
        allocation, it ends early when that is the optimum. Half the distance is often gone after 100 nodes.
        """
        self._only_lmmse()
        if nodes < 1:
            raise ValueError(f"nodes must be at least 1, got {nodes}")
        _, gains, costs = self.ladder
        return branch(self.function, gains, costs, budget, nodes, known - self.offset) + self.offset

    def closed_forms(self, budget: float) -> dict[str, Bits]:
        """MMSQE-BA and its revised form (Choi, Evans and Gatherer, IEEE TSP 65(23), 2017), within the budget.

        b_m = c + log2(s_m^(1/3)), s_m = 1 + SNR_m, or SNR_m in the revised form, SNR_m = |h_m|^2: minimises
        sum s_m 4^-b_m under a sum of 2^b_m. The constant c is the largest whose bits, rounded to the nearest levels,
        fit the budget; what is left goes to the antennas that rounding hurt most.
        """
        snr = self.power - 1
        shapes = {"mmsqe-ba": self.power, "mmsqe-ba-revised": np.maximum(snr, 1e-12 * snr.max())}
        return {name: self._fitted(np.log2(s) / 3, budget) for name, s in shapes.items()}

    def _fitted(self, shape: Array, budget: float) -> Bits:
        levels = np.array(self.levels)
        shifts = np.arange(levels[0] - shape.max() - 1, levels[-1] - shape.min() + 1, 1 / 64)
        wanted = shape + shifts[:, None]
        rounded = levels[np.abs(wanted[..., None] - levels).argmin(axis=2)]
        fits = np.flatnonzero(self.consumption(rounded) <= budget)
        if not fits.size:
            raise ValueError(f"the budget must be at least {self.antennas * self.costs[levels[0]]}, got {budget}")
        bits, ideal = rounded[fits[-1]], wanted[fits[-1]]
        left = budget - float(self.consumption(bits[None])[0])
        while True:
            above = levels[np.minimum(np.searchsorted(levels, bits) + 1, levels.size - 1)]
            price = self.costs[above] - self.costs[bits]
            able = np.flatnonzero((above > bits) & (price <= left))
            if not able.size:
                return np.asarray(bits, dtype=np.int64)
            chosen = able[(ideal - bits)[able].argmax()]
            left -= price[chosen]
            bits[chosen] = above[chosen]

    def problem(self, budget: float, nodes: int = 1, gap: float = 0.0) -> Problem:
        """The least error within the budget, starting from the closed forms.

        For LMMSE with the exact criterion and, by `adc_rounding.certified` with these ``nodes`` and ``gap``, the start
        "relaxation" and the certified bound.
        """
        names = [f"antenna{m}" for m in range(self.antennas)]
        low, high = self.levels[0], self.levels[-1]
        starts, offsets = self.closed_forms(budget), np.log2(self.power) / 2
        criterion: Callable[[Bits], Array] | None = None
        bound: float | None = None
        linearise = None
        if self.detector == "lmmse":
            criterion, linearise = self.criterion, self.linearise
            starts["relaxation"], bound = certified(self, budget, nodes, gap)
        return Problem(
            names, low, high, self.error, self.consumption, budget=budget, levels=self.levels, offsets=offsets,
            criterion=criterion, linearise=linearise, starts=starts, bound=bound,
        )  # fmt: skip
