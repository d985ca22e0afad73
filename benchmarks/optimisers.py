"""pyswarms, nevergrad and pymoo on hwgen's problems: the same error function, starts and limit.

Each setting names an algorithm, how allocations are encoded for it, its population and its own options. Swarms in a box
do badly with a penalty and well with the levels relative to a common LSB, so that they get those.
"""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from encoding import Encoding, Levels, Positions
from metering import Bits, Floats, Meter, Spent

from hwgen.allocation import Problem, allocate

_FOREVER = 10**6  # generations; the meter ends a run
_MARGIN = 50  # points a start costs more where the search before it, which has the seed, left fewer in the cache


@dataclass(frozen=True, eq=False)
class Setting:
    """One way to run one tool. A `reach` of None encodes positions and a penalty, else levels within that many bits."""

    tool: str
    algorithm: str
    reach: float | None = None
    population: int = 40
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.tool if self.tool == "hwgen" else f"{self.tool} {self.algorithm}"

    @property
    def label(self) -> str:
        """All of it on a line."""
        if self.tool == "hwgen":
            return "allocate"
        encoding = "positions, penalty" if self.reach is None else f"levels +-{self.reach:g}"
        options = "".join(f", {key} {value}" for key, value in self.options.items())
        return f"{encoding}, {self.population} particles{options}"

    def encoding(self, problem: Problem) -> Encoding:
        return Positions(problem) if self.reach is None else Levels(problem, self.reach)


@dataclass(frozen=True)
class Run:
    """The answer of one run, when it came, and the meter that watched it."""

    bits: Bits
    error: float
    seconds: float
    evaluations: int
    meter: Meter


def run(setting: Setting, problem: Problem, seed: int, evaluations: int) -> Run:
    """One run; the clock starts before the tool is set up and stops when it has answered."""
    if setting.tool == "hwgen":
        return _hwgen(problem, seed, evaluations)
    search = _TOOLS[setting.tool]
    meter = Meter(problem, evaluations)
    with contextlib.suppress(Spent), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search(setting, setting.encoding(problem), meter, np.random.default_rng(seed))
    return Run(meter.bits, meter.error, meter.seconds, meter.evaluations, meter)


@cache
def _starts(problem: Problem, evaluations: int) -> int:
    """What hwgen's starts cost, found by a run nobody times; some seeds take a few more, within `_MARGIN`."""
    return allocate(problem, 0, evaluations).start_evaluations + _MARGIN


def _hwgen(problem: Problem, seed: int, evaluations: int) -> Run:
    """`allocate`, whose starts count too."""
    starts = _starts(problem, evaluations)
    if starts >= evaluations:
        raise ValueError(f"hwgen's starts alone take {starts} evaluations, more than the {evaluations} allowed")
    meter = Meter(problem, evaluations)
    found = allocate(meter.watched(), seed, evaluations - starts)
    return Run(np.array(found.bits), found.error, meter.seconds, meter.evaluations, meter)


def _first(encoding: Encoding, population: int, rng: np.random.Generator) -> Floats:
    """The starts, and points anywhere in the box."""
    box = rng.uniform(encoding.lower, encoding.upper, (population, len(encoding.lower)))
    starts = encoding.starts[:population]
    box[: len(starts)] = starts
    return box


def _pyswarms(setting: Setting, encoding: Encoding, meter: Meter, rng: np.random.Generator) -> None:
    # It writes report.log into the working directory, already when it is imported.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        import pyswarms

        logging.disable(logging.INFO)
        kinds = {"global-best PSO": pyswarms.single.GlobalBestPSO, "local-best PSO": pyswarms.single.LocalBestPSO}
        options = {"w": 0.7298, "c1": 1.49618, "c2": 1.49618, **setting.options}
        extra = {key: options.pop(key) for key in ("velocity_clamp", "oh_strategy", "bh_strategy") if key in options}
        np.random.seed(int(rng.integers(2**31)))  # the only generator it knows
        swarm = kinds[setting.algorithm](
            setting.population, len(encoding.lower), options, bounds=(encoding.lower, encoding.upper),
            init_pos=_first(encoding, setting.population, rng), **extra,
        )  # fmt: skip
    # Bounded: its schedules run over the number of iterations.
    iterations = -(-meter.limit // setting.population) if "oh_strategy" in extra else _FOREVER
    swarm.optimize(lambda x: encoding.values(x, meter), iterations, verbose=False)


def _nevergrad(setting: Setting, encoding: Encoding, meter: Meter, rng: np.random.Generator) -> None:
    import nevergrad

    parameter = _array(nevergrad, setting, encoding)
    parameter.random_state.seed(int(rng.integers(2**31)))
    options = {key: value for key, value in setting.options.items() if key != "variables"}
    if setting.algorithm == "PSO":
        algorithm = nevergrad.families.ConfPSO(popsize=setting.population, **options)
    else:
        algorithm = nevergrad.optimizers.registry[setting.algorithm]
    search = algorithm(parameter, budget=meter.limit, num_workers=setting.population)
    for start in encoding.starts:
        search.suggest(_spelt(start, setting))
    while True:
        batch = [search.ask() for _ in range(setting.population)]
        x = np.array([candidate.value for candidate in batch], dtype=float)
        if setting.options.get("variables") == "choices":
            x = x + encoding.lower
        for candidate, value in zip(batch, encoding.values(x, meter), strict=True):
            search.tell(candidate, float(value))


def _array(nevergrad: Any, setting: Setting, encoding: Encoding) -> Any:
    """Reals, integers or ordered choices, as the setting says."""
    kind = setting.options.get("variables", "reals")
    if kind == "choices":
        return nevergrad.p.TransitionChoice(
            int((encoding.upper - encoding.lower).max()) + 1, repetitions=len(encoding.lower)
        )
    array = nevergrad.p.Array(init=encoding.starts[-1], lower=encoding.lower, upper=encoding.upper)
    return array.set_integer_casting() if kind == "integers" else array


def _spelt(start: Floats, setting: Setting) -> Any:
    kind = setting.options.get("variables", "reals")
    if kind == "choices":
        return tuple(int(v) for v in np.rint(start + (setting.reach or 0)))
    return np.rint(start) if kind == "integers" else start


def _pymoo(setting: Setting, encoding: Encoding, meter: Meter, rng: np.random.Generator) -> None:
    from pymoo.algorithms.soo.nonconvex.pso import PSO
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.core.population import Population
    from pymoo.core.problem import Problem as Vectors
    from pymoo.core.variable import Integer
    from pymoo.optimize import minimize

    mixed = setting.algorithm != "PSO"
    names = list(meter.problem.names)
    lower, upper = encoding.lower, encoding.upper

    class Task(Vectors):  # type: ignore[misc]
        def _evaluate(self, x: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            points = np.array([[row[name] for name in names] for row in x], dtype=float) if mixed else x
            out["F"] = encoding.values(points, meter)[:, None]

    first = _first(encoding, setting.population, rng)
    if mixed:
        kinds = {n: Integer(bounds=(int(a), int(b))) for n, a, b in zip(names, lower, upper, strict=True)}
        task = Task(vars=kinds, n_obj=1)
        rows = np.array(
            [dict(zip(names, row, strict=True)) for row in np.rint(first).astype(int).tolist()], dtype=object
        )
        algorithm = MixedVariableGA(pop_size=setting.population, sampling=Population.new(X=rows), **setting.options)
    else:
        task = Task(n_var=len(names), n_obj=1, xl=lower, xu=upper)
        algorithm = PSO(pop_size=setting.population, sampling=first, **setting.options)
    minimize(task, algorithm, ("n_gen", _FOREVER), seed=int(rng.integers(2**31)))


_TOOLS: dict[str, Callable[[Setting, Encoding, Meter, np.random.Generator], None]] = {
    "pyswarms": _pyswarms, "nevergrad": _nevergrad, "pymoo": _pymoo,
}  # fmt: skip

_INTEGERS = {"variables": "integers"}
_RING = {"k": 3, "p": 2}
_CLERC = {"omega": 0.7298, "phip": 1.49618, "phig": 1.49618}
# For each algorithm the setting with the best errors on A31/5 and C61/9 together, of those in TRIED.
CHOSEN = (
    Setting("hwgen", "allocate"),
    Setting("pyswarms", "global-best PSO", 4, 100),
    Setting("pyswarms", "local-best PSO", 2, 100, _RING),
    Setting("pymoo", "PSO", None, 40),
    Setting("pymoo", "mixed-variable GA", None, 50),
    Setting("nevergrad", "PSO", 4, 100, _CLERC),
    Setting("nevergrad", "DiscreteLenglerOnePlusOne", 4, 1, _INTEGERS),
)
TRIED = (
    *CHOSEN,
    *(Setting("pyswarms", "global-best PSO", reach, 40) for reach in (None, 2, 4, 6)),
    *(Setting("pyswarms", "global-best PSO", reach, 100) for reach in (2, 6)),
    *(Setting("pyswarms", "local-best PSO", reach, 40, _RING) for reach in (None, 2, 4, 6)),
    *(Setting("pyswarms", "local-best PSO", reach, 100, _RING) for reach in (4, 6)),
    Setting("pyswarms", "global-best PSO", 4, 40, {"w": 0.6}),
    Setting("pyswarms", "global-best PSO", 4, 40, {"w": 0.8}),
    Setting("pyswarms", "global-best PSO", 4, 40, {"w": 0.6, "c1": 1.7, "c2": 1.7}),
    Setting("pyswarms", "global-best PSO", 4, 40, {"w": 0.9, "oh_strategy": {"w": "lin_variation"}}),
    Setting("pyswarms", "global-best PSO", 4, 40, {"velocity_clamp": (-1, 1)}),
    Setting("pyswarms", "global-best PSO", 4, 100, {"bh_strategy": "nearest"}),
    *(Setting("pymoo", "PSO", reach, 100) for reach in (None, 4)),
    *(
        Setting("pymoo", "PSO", reach, size, {"adaptive": False, "w": 0.7298, "c1": 1.49618, "c2": 1.49618})
        for reach, size in ((None, 40), (None, 100), (4, 100))
    ),
    *(Setting("pymoo", "mixed-variable GA", reach, 100) for reach in (None, 4)),
    Setting("nevergrad", "PSO", 4, 40),
    Setting("nevergrad", "PSO", None, 100, _CLERC),
    *(Setting("nevergrad", "DiscreteDE", reach, 30, _INTEGERS) for reach in (None, 4)),
    *(
        Setting("nevergrad", name, reach, 1, _INTEGERS)
        for name, reach in (
            ("DiscreteLenglerOnePlusOne", None),
            ("DiscreteOnePlusOne", 4),
            ("DoubleFastGADiscreteOnePlusOne", 4),
            ("DoubleFastGADiscreteOnePlusOne", None),
            ("PortfolioDiscreteOnePlusOne", 4),
            ("RecombiningPortfolioDiscreteOnePlusOne", 4),
            ("RecombiningPortfolioDiscreteOnePlusOne", None),
            ("AdaptiveDiscreteOnePlusOne", 4),
            ("HugeLognormalDiscreteOnePlusOne", 4),
            ("NGOpt", 4),
        )
    ),
    Setting("nevergrad", "DiscreteLenglerOnePlusOne", 4, 1, {"variables": "choices"}),
)
