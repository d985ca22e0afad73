"""Bits for the gradients of any descent: which iteration deserves how many, for users without hardware.

    x[t+1] = x[t] - step Q_t(gradient(x[t])),   t = 0 .. T-1

Q_t rounds every coordinate to b_t bits over the range r_t, as it would be sent to another machine. `schedule` divides
a budget of bits among the iterations: closed form by the noise model, refined on the rounded descent itself where
asked to. The noise model is that of `hwgen.problems.descent`, its weights measured on the given function.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.allocation import Problem, allocate
from hwgen.problems.schedule import geometric, octaves

Floats = NDArray[np.float64]
Gradient = Callable[[Floats], ArrayLike]

MOST_BITS = 24
ROUNDINGS = ("nearest", "stochastic")
_SETTLE = 4  # times the ranges are measured again, on the descent as it is then rounded
_PROBES = 8  # of each iteration's noise
_DRAWS = 8  # seeds that the error of a stochastic schedule is the mean over


@dataclass(frozen=True)
class Schedule:
    """Bits and range of every iteration.

    Parameters
    ----------
    bits
        b_t (T,) of a coordinate; 0 bits skip the update.
    ranges
        r_t (T,): words reach from -r_t to r_t - 2 r_t 2**-b_t.
    rounding
        "nearest" (half up) or "stochastic" (unbiased: up with the probability of the remainder).
    coordinates
        How many numbers a gradient has.
    error
        Mean squared distance from the end of the descent without rounding, measured.
    baselines
        The same error by name: "uniform" bits, and the "closed form" where it was refined.
    """

    bits: tuple[int, ...]
    ranges: tuple[float, ...]
    rounding: str
    coordinates: int
    error: float = field(compare=False)
    baselines: dict[str, float] = field(compare=False, default_factory=dict)

    @property
    def total(self) -> int:
        """Bits sent in all."""
        return sum(self.bits) * self.coordinates

    def words(self, t: int, gradient: ArrayLike, rng: np.random.Generator | None = None) -> NDArray[np.int64]:
        """Integers of b_t bits that stand for a gradient at iteration `t`; `rng` for stochastic rounding."""
        given = np.asarray(gradient, dtype=float)
        bits = self.bits[t]
        if bits == 0:
            return np.zeros(given.shape, dtype=np.int64)
        if self.rounding == "stochastic" and rng is None:
            raise ValueError("stochastic rounding needs a generator")
        up = 0.5 if rng is None or self.rounding == "nearest" else rng.random(given.shape)
        half = 2 ** (bits - 1)
        return np.clip(np.floor(given / self.lsb(t) + up), -half, half - 1).astype(np.int64)

    def lsb(self, t: int) -> float:
        """What one step of a word at iteration `t` weighs; infinite for 0 bits."""
        return 2 * self.ranges[t] * 2.0 ** -self.bits[t] if self.bits[t] else float("inf")

    def descend(self, gradient: Gradient, start: ArrayLike, step: float, seed: int = 0) -> Floats:
        """Iterates (T + 1, ...) of the rounded descent from `start`."""
        points, rng = [np.array(start, dtype=float)], np.random.default_rng(seed)
        for t, bits in enumerate(self.bits):
            x = points[-1]
            if bits:
                x = x - step * self.lsb(t) * self.words(t, gradient(x), rng)
            points.append(x)
        return np.array(points)


def schedule(
    gradient: Gradient, start: ArrayLike, step: float, iterations: int, budget: int, *, zoom: bool = True,
    rounding: str = "nearest", headroom: float = 1.5, upper: int = 16, evaluations: int = 0, seed: int = 0,
) -> Schedule:  # fmt: skip
    """Divide `budget` bits among the iterations of a descent.

    Parameters
    ----------
    gradient
        Gradient (of any shape) at a point of the same shape.
    start, step, iterations
        Starting point, step size and T.
    budget
        Bits in all: the sum over iterations of b_t times the number of coordinates.
    zoom
        Whether each iteration has a range of its own, a power of two times `headroom` that its gradients and all later
        ones fit; otherwise all have that of the largest gradient.
    rounding
        "nearest" or "stochastic".
    headroom
        Factor on the ranges.
    upper
        Most bits of an iteration.
    evaluations
        Rounded descents, each of T gradients, that a search may run on top of the closed form and of the greedy
        schedules that it starts from, which take some T**2; 0: none. It sees what the noise model misses, gradients
        that vanish below half an LSB. Stochastic rounding takes eight for one.
    seed
        Of the search, of probes and of stochastic rounding.

    Raises
    ------
    ValueError
        A parameter is out of its range, or the descent does not stay finite.
    """
    x0 = np.array(start, dtype=float)
    for name, fits, wanted in (
        ("iterations", 1 <= iterations <= 10_000, "between 1 and 10000"),
        ("upper", 2 <= upper <= MOST_BITS, f"between 2 and {MOST_BITS}"),
        ("step", np.isfinite(step) and step > 0, "above 0"),
        ("headroom", np.isfinite(headroom) and headroom >= 1, "1 or more"),
        ("rounding", rounding in ROUNDINGS, f"one of {', '.join(ROUNDINGS)}"),
        ("start", x0.size > 0 and bool(np.isfinite(x0).all()), "one or more finite numbers"),
        ("evaluations", evaluations >= 0, "0 or more"),
    ):
        if not fits:
            raise ValueError(f"{name} must be {wanted}")
    share = budget // x0.size
    levels = np.array([0, *range(2, upper + 1)])
    exact = _exact(gradient, x0, step, iterations)
    final = exact[-1]
    gains = _gains(gradient, exact, step, np.random.default_rng([seed, 1]))
    measured = np.array([np.abs(np.asarray(gradient(x))).max() for x in exact[:-1]])
    ranges = _reaching(measured, zoom, headroom)

    def errors(bits: NDArray[np.int64]) -> Floats:
        return np.array([_error(Schedule(tuple(map(int, row)), tuple(ranges), rounding, x0.size, 0.0),
                                gradient, x0, step, final, seed) for row in bits])  # fmt: skip

    for _ in range(_SETTLE):
        weights = step**2 * ranges**2 / 3 * gains
        bits = geometric(weights, levels, share)
        now = Schedule(tuple(int(b) for b in bits), tuple(ranges), rounding, x0.size, 0.0)
        points = now.descend(gradient, x0, step, seed)
        # Rounding errors keep gradients from shrinking as they do without.
        seen = np.array([np.abs(np.asarray(gradient(x))).max() for x in points[:-1]])
        wider = np.maximum(ranges, _reaching(np.maximum(seen, measured), zoom, headroom))
        if np.array_equal(wider, ranges):
            break
        ranges = wider
    uniform = np.full(iterations, levels[levels <= max(share // iterations, 0)][-1])
    own, even = errors(np.stack([bits, uniform]))
    baselines = {"uniform": float(even)}
    if evaluations:
        problem = Problem(
            [f"g{t}" for t in range(iterations)], 0, upper, errors, lambda b: b.sum(axis=1), budget=share,
            levels=[levels.tolist()] * iterations, offsets=octaves(weights),
            starts={"closed form": bits, "uniform": uniform},
        )  # fmt: skip
        found = allocate(problem, seed=seed, evaluations=evaluations)
        baselines["closed form"] = float(own)
        bits, own = np.array(found.bits), found.error
    return Schedule(tuple(int(b) for b in bits), tuple(map(float, ranges)), rounding, x0.size, float(own), baselines)


def _exact(gradient: Gradient, start: Floats, step: float, iterations: int) -> Floats:
    points = [start]
    for _ in range(iterations):
        slope = np.asarray(gradient(points[-1]), dtype=float)
        if slope.shape != start.shape:
            raise ValueError(f"the gradient must have the shape of the point, {start.shape}, not {slope.shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            points.append(points[-1] - step * slope)
        if not np.isfinite(points[-1]).all():
            raise ValueError("the descent does not stay finite: give a smaller step")
    return np.array(points)


def _gains(gradient: Gradient, exact: Floats, step: float, rng: np.random.Generator) -> Floats:
    """Squared length (T,) that noise of variance 1 in each coordinate of gradient t has at the end.

    Probes of random signs, small against the path, are carried to the end beside it (Hutchinson's estimate of a trace).
    """
    count, shape = len(exact) - 1, exact[0].shape
    scale = 1e-4 * max(float(np.abs(exact[-1] - exact[0]).max()), 1e-9)
    moved = np.zeros((0, *shape))
    for t in range(count):
        moved = moved - step * np.array([np.asarray(gradient(x), dtype=float) for x in moved]).reshape(moved.shape)
        moved = np.concatenate([moved, exact[t + 1] + scale * rng.choice([-1.0, 1.0], (_PROBES, *shape))])
    away = ((moved - exact[-1]) / scale) ** 2
    found = away.reshape(count, -1).sum(axis=1) / _PROBES
    # A mode of the probes that happens to vanish must not pass for an iteration that does not matter.
    return np.maximum(found, 1e-12 * found.max())


def _reaching(gradients: Floats, zoom: bool, headroom: float) -> Floats:
    """Ranges (T,), powers of two, for largest gradients (T,): none shorter than a later one needs."""
    later = np.maximum.accumulate(gradients[::-1])[::-1]
    reach = later if zoom else np.full(len(gradients), later[0])
    return np.asarray(2.0 ** np.ceil(np.log2(np.maximum(reach * headroom, 1e-300))))


def _error(plan: Schedule, gradient: Gradient, start: Floats, step: float, final: Floats, seed: int) -> float:
    draws = _DRAWS if plan.rounding == "stochastic" else 1
    ends = [plan.descend(gradient, start, step, seed + k)[-1] for k in range(draws)]
    return float(np.mean([((end - final) ** 2).sum() for end in ends]))
