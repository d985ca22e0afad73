"""Where the dynamics of a particle swarm settle: stability of mean and variance for given inertia and attractions.

While the own best p and the leader l of a particle stand still, each of its dimensions follows

    x[t+1] = A x[t] - w x[t-1] + c1 r1 p + c2 r2 l,   A = 1 + w - c1 r1 - c2 r2,   r1, r2 uniform in [0, 1],

a linear recursion with random coefficients, so its moments obey linear recursions of their own (Trelea 2003 for the
mean; Poli, IEEE TEC 13(4), 2009, for the variance). Rounding, clipping and repair are not in this theory.
"""

import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class ConvergenceWarning(UserWarning):
    """Swarm parameters for which the spread of the particles grows without end."""


class Moments(NamedTuple):
    """Mean and variance of a particle's position."""

    mean: Floats
    variance: Floats


class Region(NamedTuple):
    """Upper boundaries of c1 + c2 (K,) over the inertia (K,): order 1 (mean) and order 2 (mean and variance)."""

    inertia: Floats
    order1: Floats
    order2: Floats


@dataclass(frozen=True)
class Dynamics:
    """The recursion above with inertia w, cognitive attraction c1 and social attraction c2.

    Members
    -------
    radius1, radius2
        Spectral radii of the recursions of the first and second moments; below 1 they converge, by that factor a step.
    stable1, stable2
        Whether both are below 1. Order 2 implies order 1.

    Raises
    ------
    ValueError
        A parameter is not finite, or an attraction is negative.
    """

    inertia: float
    cognitive: float
    social: float

    def __post_init__(self) -> None:
        for name in ("inertia", "cognitive", "social"):
            value = getattr(self, name)
            if not np.isfinite(value) or (value < 0 and name != "inertia"):
                allowed = "finite" if name == "inertia" else "finite and at least 0"
                raise ValueError(f"{name} must be {allowed}, got {value}")

    @property
    def matrix1(self) -> Floats:
        """Takes (E x[t], E x[t-1]) one step on, apart from the forcing: roots of z^2 - (1 + w - phi) z + w."""
        return np.array([[self._mean_factor, -self.inertia], [1.0, 0.0]])

    @property
    def matrix2(self) -> Floats:
        """Takes (E y[t]^2, E y[t] y[t-1], E y[t-1]^2) one step on, apart from the forcing; y = x - its fixed mean."""
        w, mean = self.inertia, self._mean_factor
        return np.array([[mean**2 + self._spread, -2 * w * mean, w**2], [mean, -w, 0.0], [1.0, 0.0, 0.0]])

    @property
    def _mean_factor(self) -> float:
        """E A."""
        return 1 + self.inertia - (self.cognitive + self.social) / 2

    @property
    def _spread(self) -> float:
        """Variance of A; a uniform variable has 1/12."""
        return (self.cognitive**2 + self.social**2) / 12

    @property
    def radius1(self) -> float:
        return _radius(self.matrix1)

    @property
    def radius2(self) -> float:
        return _radius(self.matrix2)

    @property
    def stable1(self) -> bool:
        """Closed form: |w| < 1 and 0 < c1 + c2 < 4 (1 + w)."""
        return bool(abs(self.inertia) < 1 and 0 < self.cognitive + self.social < order1_limit(self.inertia))

    @property
    def stable2(self) -> bool:
        """Closed form: |w| < 1 and 0 < c1 + c2 < `order2_limit`."""
        total = self.cognitive + self.social
        if not (abs(self.inertia) < 1 and total > 0):
            return False
        return bool(total < order2_limit(self.inertia, self.cognitive / total))

    def stagnation(self, own: ArrayLike = 0.0, leader: ArrayLike = 1.0) -> Moments:
        """What mean and variance tend to while own best p and leader l (any equal shapes) stand still.

        Mean (c1 p + c2 l) / (c1 + c2). With y = x - mean the forcing is c1 c2 / (c1 + c2) (p - l) (r1 - r2), of mean
        0 and variance s = (c1 c2 (p - l) / (c1 + c2))^2 / 6, and the fixed point of the second moments gives
        variance = s / (1 - w^2 - var A - (E A)^2 (1 - w) / (1 + w)).

        For c1 = c2 = c this is c (1 + w) (p - l)^2 / (4 (12 (1 - w^2) - c (7 - 5 w))), as in Poli 2009.
        A mean or variance that does not settle is inf.
        """
        p, leader_at = np.broadcast_arrays(np.asarray(own, dtype=float), np.asarray(leader, dtype=float))
        w, c1, c2 = self.inertia, self.cognitive, self.social
        if not self.stable1:
            return Moments(np.full(p.shape, np.inf), np.full(p.shape, np.inf))
        mean = (c1 * p + c2 * leader_at) / (c1 + c2)
        if not self.stable2:
            return Moments(mean, np.full(p.shape, np.inf))
        forcing = (c1 * c2 * (p - leader_at) / (c1 + c2)) ** 2 / 6
        return Moments(mean, forcing / (1 - w**2 - self._spread - self._mean_factor**2 * (1 - w) / (1 + w)))

    def trajectory(
        self, steps: int, own: float = 0.0, leader: float = 1.0, position: float = 0.0, velocity: float = 0.0
    ) -> Moments:
        """Exact mean and variance (steps + 1,) of a particle that starts at ``position`` with ``velocity``.

        Order 1 and 2 together are one affine recursion of (E x, E x', E x^2, E x x', E x'^2), x' the position a step
        earlier; ``position - velocity`` stands for the one before the start.

        Raises
        ------
        ValueError
            Fewer than 0 steps.
        """
        if steps < 0:
            raise ValueError(f"steps must be at least 0, got {steps}")
        w, c1, c2 = self.inertia, self.cognitive, self.social
        forced = (c1 * own + c2 * leader) / 2
        forced_power = forced**2 + ((c1 * own) ** 2 + (c2 * leader) ** 2) / 12
        # E[A forcing]: both hold the same r1 and r2.
        shared = self._mean_factor * forced - (c1**2 * own + c2**2 * leader) / 12
        matrix = np.zeros((5, 5))
        matrix[:2, :2], matrix[2:, 2:] = self.matrix1, self.matrix2
        matrix[2, :2], matrix[3, 0] = (2 * shared, -2 * w * forced), forced
        offset = np.array([forced, 0, forced_power, 0, 0])
        before = position - velocity
        moments = [np.array([position, before, position**2, position * before, before**2])]
        for _ in range(steps):
            moments.append(matrix @ moments[-1] + offset)
        table = np.array(moments)
        return Moments(table[:, 0], np.maximum(table[:, 2] - table[:, 0] ** 2, 0.0))


def order1_limit(inertia: ArrayLike) -> Floats:
    """Least c1 + c2 at which the mean no longer converges, 4 (1 + w), in the shape of ``inertia``; |w| < 1."""
    return 4 * (1 + np.asarray(inertia, dtype=float))


def order2_limit(inertia: ArrayLike, share: float = 0.5) -> Floats:
    """Least c1 + c2 at which the variance no longer converges, in the shape of ``inertia``; |w| < 1.

    12 (1 - w^2) / (3 (1 - w) + (share^2 + (1 - share)^2) (1 + w)), where the fixed point of `Dynamics.stagnation`
    ceases to be finite; for c1 = c2 Poli's 24 (1 - w^2) / (7 - 5 w).

    Parameters
    ----------
    share
        c1 / (c1 + c2), 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    w = np.asarray(inertia, dtype=float)
    return 12 * (1 - w**2) / (3 * (1 - w) + (share**2 + (1 - share) ** 2) * (1 + w))


def region(points: int = 201, share: float = 0.5) -> Region:
    """Both boundaries over ``points`` values of the inertia from -1 to 1, to draw; ``share`` as in `order2_limit`."""
    if points < 2:
        raise ValueError(f"points must be at least 2, got {points}")
    inertia = np.linspace(-1, 1, points)
    return Region(inertia, order1_limit(inertia), order2_limit(inertia, share))


def warn_unless_stable(inertia: float, cognitive: float, social: float, stacklevel: int = 2) -> None:
    """A `ConvergenceWarning` when the parameters are outside the order-2 region; ValueError as in `Dynamics`."""
    dynamics = Dynamics(inertia, cognitive, social)
    if dynamics.stable2:
        return
    total, text = cognitive + social, f"inertia {inertia:g} with attractions {cognitive:g} and {social:g}: "
    if abs(inertia) >= 1:
        text += "the inertia must lie between -1 and 1 for the swarm to settle"
    elif total <= 0:
        text += "without attraction the particles never settle near a best point"
    else:
        limit = order2_limit(inertia, cognitive / total)
        text += f"the variance of the particles grows (by {dynamics.radius2:.3f} a step); "
        text += f"keep c1 + c2 below {limit:.3f}, or lower the inertia"
    warnings.warn(text, ConvergenceWarning, stacklevel=stacklevel)


def _radius(matrix: Floats) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max())
