"""What a study is made of: cases, each a problem (or one for every instance) at one budget, and what is known of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Problem

# By what a case's ratios are taken: a certified bound, or the best that any method (or an earlier run) found.
BOUND, BEST = "bound", "best known"


@dataclass(frozen=True)
class Case:
    """Every method on one problem at one budget.

    Parameters
    ----------
    key, group
        Unique name; cases of a group share a figure of the error against the budget.
    budget
        Where that figure has it: bits on average of a variable, or what else `Study.budget_label` says.
    parameters
        Plain JSON data, from which the study's `instance` makes the problem in whatever process it runs.
    instances, seeds
        Random instances (channels) by seed, and seeds of each random method on each of them.
    evaluations
        Of every method.
    sampled
        Random methods other than allocate run on so many of the instances only; 0 for all of them.
    against
        `BOUND` or `BEST`.
    known
        Best objective known from earlier runs, if any.
    certify
        Seconds for a certificate by integer programming once the methods are done; 0 for none.
    main
        Whether its convergence is drawn.
    """

    key: str
    group: str
    budget: float
    parameters: dict[str, Any]
    seeds: tuple[int, ...]
    evaluations: int
    instances: tuple[int, ...] = (0,)
    sampled: int = 0
    against: str = BEST
    known: float | None = None
    certify: float = 0.0
    main: bool = False


@dataclass(frozen=True)
class Instance:
    """A problem to solve, and how its answers are judged.

    Members
    -------
    problem
        What every method gets; its starts are shown as methods of their own.
    floor
        Taken off every error before ratios are formed: what no allocation could be without.
    assisted
        The problem with a start that took a search of its own, for "allocate" alone; without it "allocate" is run
        under the name `ALONE` too.
    judge
        Further figures of an allocation (n,), by name.
    """

    problem: Problem
    floor: float = 0.0
    assisted: Problem | None = None
    judge: Callable[[NDArray[np.int64]], dict[str, float]] = field(default=lambda bits: {})


ALONE = "allocate alone"  # without the assistance


@dataclass(frozen=True)
class Table:
    """A table besides those of the methods; every cell is text."""

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Step = tuple[str, tuple[Any, ...]]  # the name of a function of the study's module, and its plain JSON arguments


class Study(Protocol):
    """What the modules `fir`, `receiver` and `descent` hold."""

    TITLE: str
    ABOUT: str
    ERROR_LABEL: str
    BUDGET_LABEL: str
    SHARED: bool  # whether one process runs all methods of an instance, whose making is costly

    def cases(self, quick: bool, seeds: int | None, evaluations: int | None) -> list[Case]:
        """All of them; ``seeds`` and ``evaluations`` replace the study's own numbers."""

    def instance(self, parameters: dict[str, Any], seed: int) -> Instance:
        """The instance with that seed."""

    def certificate(self, parameters: dict[str, Any], known: float, seconds: float) -> dict[str, Any]:
        """A bound by integer programming, given the best error known: keys bound, error, proven."""

    def extras(self, quick: bool) -> list[Step]:
        """Further steps."""

    def tables(self, results: Sequence[Any], cases: Sequence[dict[str, Any]]) -> list[Table]:
        """Tables from the results of the further steps and from the judged cases."""
