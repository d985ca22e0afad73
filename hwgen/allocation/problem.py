"""The bit allocation problem and its answer; nothing here knows what a bit costs or does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Function = Callable[[NDArray[np.int64]], Any]

# Stands for an infinite error or consumption, so that differences of two of them stay finite.
HUGE = 1e100
# Relative slack on every limit: sums of decimal fractions miss it by a few ulp.
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Allocation:
    """An answer: the level of every variable, what it achieves and how it was found.

    ``history`` holds (evaluations, best feasible objective) at every improvement. ``bound`` and ``gap`` are a
    certified bound on the objective and the relative distance to it, None when nothing certifies one.
    ``baselines`` holds the answers of the simpler methods that ran on the way, by name.
    """

    names: tuple[str, ...]
    bits: tuple[int, ...]
    error: float
    consumption: float
    feasible: bool
    violation: float
    evaluations: int
    unique_evaluations: int
    method: str
    history: tuple[tuple[int, float], ...] = ()
    bound: float | None = None
    gap: float | None = None
    baselines: "dict[str, Allocation]" = field(default_factory=dict)


class Allocator(Protocol):
    """Anything that solves a problem: PPSO, GC-PSO and every baseline share this signature."""

    def __call__(
        self, problem: "Problem", rng: np.random.Generator, evaluations: int, **options: Any
    ) -> Allocation: ...


class Infeasible(ValueError):  # noqa: N818 (a fact about the problem, and the name users see)
    """No point met every limit. ``allocation`` is the point closest to it, ``violation`` its relative excess."""

    def __init__(self, message: str, allocation: Allocation) -> None:
        super().__init__(message)
        self.allocation = allocation
        self.violation = allocation.violation


@dataclass(frozen=True, eq=False)
class Problem:
    """Integer variables, an error and a consumption; exactly one of them has a limit and the other is minimised.

    Parameters
    ----------
    names
        One name for each of the n variables.
    lower, upper
        Bounds, n integers each (or one integer for all).
    error, consumption
        Functions of an int array (P, n) that return P floats (of one int array (n,), returning a float, when
        ``vectorized`` is false). More bits normally mean less error and more consumption; nothing relies on it.
        +inf is allowed and means "as bad as can be"; NaN is an error.
    budget, goal
        Largest consumption (then error is minimised), or largest error (then consumption is minimised).
    levels
        The values each variable may take, n sorted sequences (or one for all), cut to [lower, upper].
        Default: every integer. A move is always to a neighbouring level.
    constraints
        Further pairs (function, limit), the function of the same form: every value must be <= its limit.
    offsets
        Where the variables lie on a common scale; "common LSB" gives variable k the bits offsets[k] + L.
    criterion
        Cheap estimate for the repair of GC-PSO: bits (P, n) -> (P, n), the rise of the error when each variable
        alone drops one level. Default: measured one variable at a time.
    starts
        Known good points in bits (n,) by name, such as a closed form; every search begins from them too.
    bound
        Certified bound on the objective (a lower one), or a function without arguments that computes it.
    separable
        Error and consumption are sums of one function of each variable, plus constants; dynamic programming is exact.

    Raises
    ------
    ValueError
        Wrong shapes, bounds out of order, both or neither of budget and goal; later, functions that misbehave.
    """

    names: Sequence[str]
    lower: ArrayLike
    upper: ArrayLike
    error: Function
    consumption: Function
    budget: float | None = None
    goal: float | None = None
    levels: Sequence[Any] | None = None
    constraints: Sequence[tuple[Function, float]] = ()
    vectorized: bool = True
    offsets: ArrayLike | None = None
    criterion: Function | None = None
    starts: Mapping[str, ArrayLike] = field(default_factory=dict)
    bound: float | Callable[[], float] | None = None
    separable: bool = False
    table: NDArray[np.int64] = field(init=False, repr=False)
    depth: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = tuple(self.names)
        if not names:
            raise ValueError("a problem needs at least one variable")
        if len(set(names)) != len(names):
            raise ValueError("variable names must differ from each other")
        if (self.budget is None) == (self.goal is None):
            raise ValueError("give either a budget (minimise error) or a goal (minimise consumption), not both")
        for what, limit in [("limit", self.limit), *(("constraint limit", c[1]) for c in self.constraints)]:
            if not np.isfinite(limit):
                raise ValueError(f"every {what} must be a finite number, got {limit}")
        lower, upper = (self._whole(v, what, len(names)) for v, what in ((self.lower, "lower"), (self.upper, "upper")))
        for name, low, high in zip(names, lower, upper, strict=True):
            if low > high:
                raise ValueError(f"{name}: lower bound {low} is above upper bound {high}")
        ladders = self._ladders(names, lower, upper)
        depth = np.array([ladder.size - 1 for ladder in ladders], dtype=np.int64)
        if depth.max() > np.iinfo(np.int16).max:
            raise ValueError(f"a variable may have at most {np.iinfo(np.int16).max} levels")
        # Short ladders repeat their top level, so that the table is rectangular.
        table = np.array([np.pad(ladder, (0, int(depth.max()) + 1 - ladder.size), "edge") for ladder in ladders])
        if self.offsets is not None:
            offsets = np.asarray(self.offsets, dtype=float)
            if offsets.shape != (len(names),) or not np.isfinite(offsets).all():
                raise ValueError(f"offsets must be {len(names)} finite numbers")
            object.__setattr__(self, "offsets", offsets)
        for key, value in (("names", names), ("lower", lower), ("upper", upper), ("table", table), ("depth", depth)):
            object.__setattr__(self, key, value)
        object.__setattr__(self, "constraints", tuple(self.constraints))

    @staticmethod
    def _whole(values: ArrayLike, what: str, count: int) -> NDArray[np.int64]:
        array = np.asarray(values, dtype=float)
        if array.ndim == 0:
            array = np.full(count, float(array))
        if array.shape != (count,) or not (array == np.floor(array)).all():
            raise ValueError(f"{what} must be {count} whole numbers, or one for all")
        return array.astype(np.int64)

    def _ladders(
        self, names: tuple[str, ...], lower: NDArray[np.int64], upper: NDArray[np.int64]
    ) -> list[NDArray[np.int64]]:
        if self.levels is None:
            return [np.arange(low, high + 1) for low, high in zip(lower, upper, strict=True)]
        shared = len(self.levels) > 0 and np.ndim(self.levels[0]) == 0
        given = [self.levels] * len(names) if shared else list(self.levels)
        if len(given) != len(names):
            raise ValueError(f"levels must be {len(names)} sequences, got {len(given)}")
        ladders = []
        for name, values, low, high in zip(names, given, lower, upper, strict=True):
            ladder = np.asarray(values, dtype=np.int64)
            if ladder.ndim != 1 or (np.diff(ladder) <= 0).any():
                raise ValueError(f"{name}: levels must rise strictly")
            ladder = ladder[(ladder >= low) & (ladder <= high)]
            if not ladder.size:
                raise ValueError(f"{name}: no level lies in [{low}, {high}]")
            ladders.append(ladder)
        return ladders

    @property
    def size(self) -> int:
        """How many variables there are."""
        return len(self.names)

    @property
    def limit(self) -> float:
        """The budget or the goal, whichever was given."""
        return float(self.goal if self.budget is None else self.budget)  # type: ignore[arg-type]

    @property
    def spends(self) -> bool:
        """Whether the consumption is limited (a budget) rather than the error (a goal)."""
        return self.budget is not None

    @property
    def limits(self) -> NDArray[np.float64]:
        """The limit of every column of `measure`; infinite for the one that is minimised."""
        pair = [np.inf, self.limit] if self.spends else [self.limit, np.inf]
        return np.array([*pair, *(limit for _, limit in self.constraints)], dtype=float)

    def bits(self, index: NDArray[Any]) -> NDArray[np.int64]:
        """Levels at positions (..., n) on the ladders."""
        return self.table[np.arange(self.size), np.asarray(index, dtype=np.int64)]

    def index(self, bits: ArrayLike) -> NDArray[np.int64]:
        """Position (..., n) on the ladders of the level closest to each value (..., n), the lower on a tie."""
        values = np.asarray(bits, dtype=float)
        if values.shape[-1:] != (self.size,):
            raise ValueError(f"a point must have {self.size} values, got shape {values.shape}")
        return np.abs(values[..., None] - self.table).argmin(axis=-1)

    def excess(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Violation (...,): relative excess over each limit, summed over the columns of values (..., 2 + C).

        Relative to |limit|, or absolute where the limit is 0. Exactly 0 when every limit is met.
        """
        limits = self.limits
        finite = np.isfinite(limits)
        bound = limits[finite]
        scale = np.where(bound == 0, 1.0, np.abs(bound))
        over = (values[..., finite] - bound) / scale
        return np.minimum(np.where(over > TOLERANCE, over, 0.0), HUGE).sum(axis=-1)

    def measure(self, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        """Call the user's functions: bits (P, n) -> (P, 2 + C), columns error, consumption, constraints."""
        functions = [("error", self.error), ("consumption", self.consumption)]
        functions += [(f"constraint {k}", function) for k, (function, _) in enumerate(self.constraints)]
        return np.stack([self._call(what, function, bits) for what, function in functions], axis=-1)

    def _call(self, what: str, function: Function, bits: NDArray[np.int64]) -> NDArray[np.float64]:
        try:
            # A copy, so that a function writing to its argument cannot spoil the next one's.
            result = function(bits.copy()) if self.vectorized else [float(function(row.copy())) for row in bits]
            values = np.asarray(result, dtype=float)
        except Exception as problem:
            raise ValueError(f"the {what} function failed on bits such as {bits[0].tolist()}: {problem!r}") from problem
        if values.shape != (len(bits),):
            raise ValueError(f"the {what} function must return {len(bits)} values for {len(bits)} points, "
                             f"got shape {values.shape}")  # fmt: skip
        wrong = np.isnan(values) | (values == -np.inf)
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(f"the {what} function returned {values[row]} for bits {bits[row].tolist()}")
        return np.minimum(values, HUGE)
