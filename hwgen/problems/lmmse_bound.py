"""Certified lower bound on the error of an LMMSE receiver whose antennas share a budget, by convex relaxation.

The error f is a convex, decreasing function of the effective gains g of the antennas, so it can only fall when each
antenna may take any (cost, gain) in the convex hull of its levels. An interior point method minimises the relaxed
problem; at any g of it, f(s) >= f(g) + grad f(g) . (s - g) for all s, and the least right-hand side over the relaxed
set is a fractional knapsack, solved exactly by sorting (the dual gap of Frank and Wolfe 1956; Jaggi, ICML 2013). The
certificate is that number: it holds however well or badly the minimisation went.

Where few antennas are on, the hulls promise more than any choice of levels keeps; `branch` splits the problem by the
levels of one antenna after the other, and the least certificate of the parts is the bound (Land and Doig 1960).
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Levels = NDArray[np.int64]
MERITS = ("mse", "rate")

# Factor between the strengths of the error in successive barriers.
STRONGER = 20.0


@dataclass(frozen=True, eq=False)
class LmmseError:
    """f(g) of S = (I + sum_m g_m h_m h_m^H)^-1, with its derivatives: mean of diag S, or sum of log2 diag S.

    ``vectors`` holds h_m as rows, complex (M, K). Both forms are convex in g: 1 / S_kk is a Schur complement, concave
    in the matrix, and -log2 of a concave function is convex.
    """

    vectors: NDArray[np.complex128]
    merit: str

    def inverse(self, gains: Array) -> NDArray[np.complex128]:
        """S (K, K) at gains (M,)."""
        h = self.vectors
        return np.asarray(np.linalg.inv(np.eye(h.shape[1]) + (h.T * gains) @ h.conj()))

    def of(self, diagonal: Array) -> Array:
        """f of diag S, (..., K) -> (...)."""
        return np.asarray(diagonal.mean(axis=-1) if self.merit == "mse" else np.log2(diagonal).sum(axis=-1))

    def derivatives(self, gains: Array) -> tuple[float, Array, Array]:
        """f, its gradient (M,) and its Hessian (M, M)."""
        h = self.vectors
        S = self.inverse(gains)
        v = S @ h.T  # (K, M): column m is S h_m
        coupling = h.conj() @ v  # (M, M): h_m^H S h_n
        squares = np.abs(v) ** 2
        diagonal = S.diagonal().real
        weight = np.full(len(S), 1 / len(S)) if self.merit == "mse" else 1 / (diagonal * np.log(2))
        gradient = -(weight @ squares)
        # d v_m / d g_n = -v_n h_n^H v_m, so that -|v_km|^2 has the derivative 2 Re(conj(v_km) v_kn h_n^H v_m).
        hessian = 2 * (((v.conj().T * weight) @ v) * coupling.conj()).real
        if self.merit == "rate":
            relative = squares / diagonal[:, None]
            hessian -= relative.T @ relative / np.log(2)
        return float(self.of(diagonal)), gradient, hessian


def upper_hull(cost: Array, gain: Array) -> list[int]:
    """Positions of the levels on the concave upper hull; costs and gains rise strictly."""
    hull: list[int] = []
    for level in range(len(cost)):
        while len(hull) > 1 and (gain[level] - gain[hull[-2]]) * (cost[hull[-1]] - cost[hull[-2]]) >= (
            gain[hull[-1]] - gain[hull[-2]]
        ) * (cost[level] - cost[hull[-2]]):
            hull.pop()
        hull.append(level)
    return hull


class Relaxation(NamedTuple):
    """A relaxed optimum.

    ``bound`` is the certificate, ``gains`` (M,) the relaxed gains. On its hull, antenna m is between the
    positions ``below`` and ``above`` (M,) of its levels, a share ``part`` (M,) of the way up.
    """

    bound: float
    gains: Array
    below: Levels
    above: Levels
    part: Array


class _Edges(NamedTuple):
    """Edges of all hulls, from the bottom up: the antenna, the cost and the gain of each (n,); the gains below (M,)."""

    owner: Levels
    cost: Array
    gain: Array
    base: Array

    def gains(self, part: Array) -> Array:
        """Gains (M,) with these parts (n,) of every edge."""
        return self.base + np.bincount(self.owner, part * self.gain, self.base.size)


def relax(
    function: LmmseError,
    gains: Array,
    cost: Array,
    budget: float,
    low: Levels | None = None,
    high: Levels | None = None,
    tolerance: float = 1e-7,
) -> Relaxation:
    """Bound the error over all choices of one level per antenna whose costs add up to the budget at most.

    Parameters
    ----------
    function
        The error as a function of the gains.
    gains, cost
        What each level of each antenna gives (M, L), and what a level costs (L,); both rise with the level.
    low, high
        Positions (M,) of the first and the last level of every antenna; default all levels.
    tolerance
        How close to the relaxed optimum the certificate should come, relative to what the budget adds to the error.

    Raises
    ------
    ValueError
        The budget does not pay for the lowest levels.
    """
    antennas, count = gains.shape
    low = np.zeros(antennas, dtype=np.int64) if low is None else low
    high = np.full(antennas, count - 1) if high is None else high
    least = float(cost[low].sum())
    room = budget - least
    if room < -1e-9 * abs(budget):
        raise ValueError(f"the budget must be at least {least}, got {budget}")
    hulls = [
        np.array(upper_hull(cost[a : b + 1], row[a : b + 1])) + a for a, b, row in zip(low, high, gains, strict=True)
    ]
    lengths = np.array([hull.size - 1 for hull in hulls])
    edges = _Edges(
        np.repeat(np.arange(antennas), lengths),
        np.concatenate([np.diff(cost[hull]) for hull in hulls]),
        np.concatenate([np.diff(row[hull]) for row, hull in zip(gains, hulls, strict=True)]),
        gains[np.arange(antennas), low],
    )
    if edges.cost.sum() <= room or room <= 0:
        part = np.full(edges.cost.size, float(room > 0))
    else:
        part = _minimise(function, edges, room, tolerance)
    found = edges.gains(part)
    bound = _certificate(function, edges, max(room, 0.0), found)
    spent = cost[low] + np.bincount(edges.owner, part * edges.cost, antennas)
    place = [int(np.searchsorted(cost[hull[1:-1]], s, "right")) for hull, s in zip(hulls, spent, strict=True)]
    below = np.array([hull[k] for hull, k in zip(hulls, place, strict=True)])
    above = np.array([hull[min(k + 1, hull.size - 1)] for hull, k in zip(hulls, place, strict=True)])
    share = np.clip((spent - cost[below]) / np.where(above > below, cost[above] - cost[below], 1.0), 0, 1)
    return Relaxation(bound, found, below, above, share)


def branch(
    function: LmmseError,
    gains: Array,
    cost: Array,
    budget: float,
    nodes: int,
    known: float = np.inf,
    improve: Callable[[Relaxation], float] | None = None,
    gap: float = 0.0,
) -> float:
    """The bound of `relax`, raised by branch and bound over at most this many relaxations; arguments as there.

    The part with the least certificate is split next, at the antenna whose rounding would matter most to first order.
    ``known`` is the error of some allocation: once no part can beat it, it is the optimum and the bound returned.
    ``improve`` is called with every relaxation and may return the error of an allocation it suggested (inf for none).
    It ends early when the bound is within ``gap`` of the best error known, both taken above infinite resolution.
    """
    antennas, count = gains.shape
    root = relax(function, gains, cost, budget)
    first = (np.zeros(antennas, dtype=np.int64), np.full(antennas, count - 1))
    queue: list[tuple[float, int, tuple[Levels, Levels], Relaxation]] = [(root.bound, 0, first, root)]
    made = 1
    floor = float(function.of(function.inverse(np.ones(antennas)).diagonal().real))
    while made < nodes and queue and known - queue[0][0] > gap * (queue[0][0] - floor):
        bound, _, (low, high), found = heapq.heappop(queue)
        _, slope, _ = function.derivatives(found.gains)
        rows = np.arange(antennas)
        doubt = -slope * (gains[rows, found.above] - gains[rows, found.below]) * found.part * (1 - found.part)
        m = int(doubt.argmax())
        if found.above[m] == found.below[m]:
            # Nothing is left to split: the relaxation is one choice of levels, and its certificate stands.
            return min(bound, known)
        for upwards in (False, True):
            a, b = low.copy(), high.copy()
            if upwards:
                a[m] = found.above[m]
            else:
                b[m] = found.above[m] - 1
            if cost[a].sum() <= budget:
                part = relax(function, gains, cost, budget, a, b, tolerance=1e-4)
                heapq.heappush(queue, (max(bound, part.bound), made, (a, b), part))
                if improve is not None and part.bound < known:
                    known = min(known, improve(part))
            made += 1
    return min(queue[0][0], known) if queue else known


def _certificate(function: LmmseError, edges: _Edges, room: float, gains: Array) -> float:
    """min over the relaxed set of f(g) + grad f(g) . (s - g), lowered by more than its rounding errors."""
    value, gradient, _ = function.derivatives(gains)
    saving = -gradient[edges.owner] * edges.gain
    order = np.argsort(-saving / edges.cost, kind="stable")
    before = np.cumsum(edges.cost[order]) - edges.cost[order]
    part = np.clip((room - before) / edges.cost[order], 0, 1)
    linear = value + gradient @ (edges.base - gains) - part @ saving[order]
    return float(linear - 1e-12 * (abs(value) + abs(gradient) @ gains))


def _minimise(function: LmmseError, edges: _Edges, room: float, tolerance: float) -> Array:
    """Parts (n,) of the edges, by Newton steps on f - (sum of logarithms of every slack) / strength."""
    count = edges.cost.size

    def error(part: Array) -> float:
        return float(function.of(function.inverse(edges.gains(part)).diagonal().real))

    def barrier(part: Array, strength: float) -> float:
        slack = room - edges.cost @ part
        if slack <= 0 or part.min() <= 0 or part.max() >= 1:
            return np.inf
        return float(strength * error(part) - np.log(part).sum() - np.log1p(-part).sum() - np.log(slack))

    part = np.full(count, 0.5 * min(1.0, room / float(edges.cost.sum())))
    least = error(np.ones(count))
    strength = count / max(error(part) - least, 1e-300)
    # 2 n + 1 logarithms leave a gap of (2 n + 1) / strength (Boyd and Vandenberghe 2004, 11.2.2).
    while (2 * count + 1) / strength > tolerance * (error(part) - least):
        strength *= STRONGER
        now = barrier(part, strength)
        for _ in range(50):
            step, decrement = _newton(function, edges, room, part, strength)
            # The longest step that stays inside, or the whole one.
            away = np.where(step > 0, 1 - part, part) / np.maximum(np.abs(step), 1e-300)
            spend = float(edges.cost @ step)
            slack = room - float(edges.cost @ part)
            length = min(1.0, 0.99 * float(away.min()), 0.99 * slack / spend if spend > 0 else 1.0)
            while (new := barrier(part + length * step, strength)) > now - 1e-4 * length * decrement and length > 1e-10:
                length /= 2
            if not new < now:
                break
            part, now = part + length * step, new
            if decrement < 0.1:
                break
    return part


def _newton(function: LmmseError, edges: _Edges, room: float, part: Array, strength: float) -> tuple[Array, float]:
    """The Newton step (n,) and how fast the barrier falls along it.

    The Hessian is D + A C A^T, D diagonal, A the gains of the edges by antenna and their costs (n, M + 1), so that
    Woodbury's identity needs one solution of size M + 1.
    """
    slack = room - edges.cost @ part
    _, gradient, hessian = function.derivatives(edges.gains(part))
    slope = strength * gradient[edges.owner] * edges.gain - 1 / part + 1 / (1 - part) + edges.cost / slack
    inverse = 1 / (1 / part**2 + 1 / (1 - part) ** 2)
    antennas, owner = edges.base.size, edges.owner

    def project(values: Array) -> Array:
        """A^T values: by antenna, weighted by the gains, and in all, weighted by the costs, (M + 1,)."""
        return np.append(np.bincount(owner, values * edges.gain, antennas), values @ edges.cost)

    # C A^T D^-1 A with C = blkdiag(strength Hessian of f, 1 / slack^2).
    corner = project(inverse * edges.cost)
    middle = np.eye(antennas + 1)
    middle[:antennas, :antennas] += strength * hessian * np.bincount(owner, inverse * edges.gain**2, antennas)
    middle[:antennas, antennas] = strength * hessian @ corner[:antennas]
    middle[antennas] += corner / slack**2
    right = project(inverse * slope)
    right = np.append(strength * hessian @ right[:antennas], right[antennas] / slack**2)
    found = np.linalg.solve(middle, right)
    step = inverse * (edges.gain * found[owner] + edges.cost * found[antennas] - slope)
    return step, float(-slope @ step)
