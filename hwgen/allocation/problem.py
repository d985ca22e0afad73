"""The bit allocation problem; nothing here knows what a bit costs or does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.allocation.ladders import Ints, build, whole

Function = Callable[[Ints], Any]
# (bits (n,), variables (M,), levels (M,)) -> base (S,), change (S, M)
Linearise = Callable[[Ints, Ints, Ints], tuple[NDArray[np.float64], NDArray[np.float64]]]
# Whatever numpy.random.default_rng takes: a number, or a Generator that others draw from too.
Seed = int | np.random.Generator

# Stands for an infinite error or consumption, so that differences of two of them stay finite.
HUGE = 1e100
# Relative slack on every limit: sums of decimal fractions miss it by a few ulp.
TOLERANCE = 1e-12


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
    linearise
        Function of bits (n,), variables (M,) and levels (M,) that returns base (S,) and change (S, M): the error
        after several of the moves "variable to level" is about the largest magnitude of base_s + the sum of their
        change_s. Exchanges are screened by it, so that few of them need to be evaluated.
    starts
        Known good points in bits (n,) by name, such as a closed form; every search begins from them too.
    bound
        Certified bound on the objective (a lower one), or a function without arguments that computes it.
    separable
        Error and consumption are sums of one function of each variable, plus constants; dynamic programming is exact.
    groups
        Names of variables that are tied to the same level, a sequence for each group.

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
    linearise: Linearise | None = None
    starts: Mapping[str, ArrayLike] = field(default_factory=dict)
    bound: float | Callable[[], float] | None = None
    separable: bool = False
    groups: Sequence[Sequence[str]] = ()
    table: Ints = field(init=False, repr=False)
    depth: Ints = field(init=False, repr=False)
    owner: Ints = field(init=False, repr=False)

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
        lower, upper = (whole(v, what, len(names)) for v, what in ((self.lower, "lower"), (self.upper, "upper")))
        fixed = {"names": names, "lower": lower, "upper": upper, "constraints": tuple(self.constraints)}
        fixed |= build(names, lower, upper, self.levels, self.groups)._asdict()
        if self.offsets is not None:
            offsets = np.asarray(self.offsets, dtype=float)
            if offsets.shape != (len(names),) or not np.isfinite(offsets).all():
                raise ValueError(f"offsets must be {len(names)} finite numbers")
            fixed["offsets"] = offsets
        for key, value in fixed.items():
            object.__setattr__(self, key, value)
        starts = {name: np.asarray(bits, dtype=float) for name, bits in self.starts.items()}
        for name, bits in starts.items():
            if bits.shape != (len(names),) or not np.isfinite(bits).all():
                raise ValueError(f"the start {name!r} must be {len(names)} finite numbers, got shape {bits.shape}")
        object.__setattr__(self, "starts", starts)

    @property
    def size(self) -> int:
        """How many ladders there are: variables that are free to differ."""
        return len(self.depth)

    @property
    def points(self) -> int:
        """How many points the space has."""
        return prod(int(depth) + 1 for depth in self.depth)

    @property
    def limit(self) -> float:
        """The budget or the goal, whichever was given."""
        return float(self.goal if self.budget is None else self.budget)  # type: ignore[arg-type]

    @property
    def spends(self) -> bool:
        """Whether the consumption is limited (a budget) rather than the error (a goal)."""
        return self.budget is not None

    @cached_property
    def limits(self) -> NDArray[np.float64]:
        """The limit of every column of `measure`; infinite for the one that is minimised."""
        pair = [np.inf, self.limit] if self.spends else [self.limit, np.inf]
        return np.array([*pair, *(limit for _, limit in self.constraints)], dtype=float)

    def bits(self, index: NDArray[Any]) -> Ints:
        """Levels (..., n) of all variables at positions (..., size) on the ladders."""
        return self.table[np.arange(self.size), np.asarray(index, dtype=np.int64)][..., self.owner]

    def index(self, bits: ArrayLike) -> Ints:
        """Position (..., size) on the ladders of the level closest to each value (..., n), the lower on a tie."""
        values = np.asarray(bits, dtype=float)
        if values.shape[-1:] != (len(self.names),):
            raise ValueError(f"a point must have {len(self.names)} values, got shape {values.shape}")
        return np.abs(self.pooled(values)[..., None] - self.table).argmin(axis=-1)

    def below(self, bits: ArrayLike) -> Ints:
        """Position (..., size) of the highest level no higher than each value (..., n), else of the lowest."""
        values = self.pooled(np.asarray(bits, dtype=float))[..., None]
        count = (np.arange(self.table.shape[1]) <= self.depth[:, None]) & (self.table <= values)
        return np.maximum(count.sum(axis=-1) - 1, 0)

    def pooled(self, values: NDArray[Any], total: bool = False) -> NDArray[np.float64]:
        """Values (..., n) of all variables as means (or sums) over those tied to each ladder, (..., size)."""
        if self.size == len(self.names):
            return values
        members = np.eye(self.size)[self.owner]
        return values @ (members if total else members / members.sum(axis=0))

    def linearised(self, bits: Ints, ladder: Ints, position: Ints) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Base (S,) and change (S, M) of moving ladders (M,) to positions (M,), tied variables together."""
        if self.linearise is None:
            raise ValueError("this problem has no linearisation")
        levels = self.table[ladder, position]
        move, variable = np.arange(ladder.size), ladder
        if self.size < len(self.names):
            move, variable = np.nonzero(ladder[:, None] == self.owner)
        try:
            pair = self.linearise(bits, variable, levels[move])
            base, change = (np.asarray(part, dtype=float) for part in pair)
        except Exception as problem:
            raise ValueError(f"the linearisation failed on bits {bits.tolist()}: {problem!r}") from problem
        if base.ndim != 1 or change.shape != (base.size, variable.size):
            raise ValueError(f"the linearisation must return base (S,) and change (S, {variable.size}), "
                             f"got shapes {base.shape} and {change.shape}")  # fmt: skip
        if not (np.isfinite(base).all() and np.isfinite(change).all()):
            raise ValueError(f"the linearisation must return finite numbers, not for bits {bits.tolist()}")
        if self.size < len(self.names):
            change = np.add.reduceat(change, np.searchsorted(move, np.arange(ladder.size)), axis=1)
        return base, change

    def excess(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Violation (...,): relative excess over each limit, summed over the columns of values (..., 2 + C).

        Relative to |limit|, or absolute where the limit is 0. Exactly 0 when every limit is met.
        """
        column, bound, scale = self._bounds
        over = (values[..., column] - bound) / scale
        return np.minimum(np.where(over > TOLERANCE, over, 0.0), HUGE).sum(axis=-1)

    @cached_property
    def _bounds(self) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
        """The columns of `measure` that have limits, these, and what their excess is relative to."""
        column = np.flatnonzero(np.isfinite(self.limits))
        bound = self.limits[column]
        return column, bound, np.where(bound == 0, 1.0, np.abs(bound))

    def measure(self, bits: Ints) -> NDArray[np.float64]:
        """Call the user's functions: bits (P, n) -> (P, 2 + C), columns error, consumption, constraints."""
        columns = [self._call(what, function, bits) for what, function in self._functions()]
        return self.checked(np.stack(columns, axis=-1), bits)

    def checked(self, values: ArrayLike, bits: Ints) -> NDArray[np.float64]:
        """The columns (P, 2 + C) of the points ``bits`` (P, n), refused where one is NaN or -inf."""
        array = np.asarray(values, dtype=float)
        if array.shape != (len(bits), 2 + len(self.constraints)):
            raise ValueError(f"{len(bits)} points need values of shape {(len(bits), 2 + len(self.constraints))}, "
                             f"got shape {array.shape}")  # fmt: skip
        wrong = np.isnan(array) | (array == -np.inf)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            what = self._functions()[column][0]
            raise ValueError(f"the {what} function returned {array[row, column]} for bits {bits[row].tolist()}")
        return np.minimum(array, HUGE)

    def _functions(self) -> list[tuple[str, Function]]:
        further = [(f"constraint {k}", function) for k, (function, _) in enumerate(self.constraints)]
        return [("error", self.error), ("consumption", self.consumption), *further]

    def _call(self, what: str, function: Function, bits: Ints) -> NDArray[np.float64]:
        try:
            # A copy, so that a function writing to its argument cannot spoil the next one's.
            result = function(bits.copy()) if self.vectorized else [float(function(row.copy())) for row in bits]
            values = np.asarray(result, dtype=float)
        except Exception as problem:
            raise ValueError(f"the {what} function failed on bits such as {bits[0].tolist()}: {problem!r}") from problem
        if values.shape != (len(bits),):
            raise ValueError(f"the {what} function must return {len(bits)} values for {len(bits)} points, "
                             f"got shape {values.shape}")  # fmt: skip
        return values
