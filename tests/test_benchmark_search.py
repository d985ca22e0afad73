"""benchmarks/search.py: every peer returns what it claims, within the evaluations; encodings against brute force."""

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hwgen.allocation import Problem
from hwgen.problems.fir import FirBits
from hwgen.problems.fir_spec import A

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from encoding import Levels, Positions  # noqa: E402
from metering import Meter, Spent  # noqa: E402
from optimisers import CHOSEN, TRIED, Setting, run  # noqa: E402
from search import Row, requirements  # noqa: E402


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing pyswarms leaves a report.log in the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return FirBits(A, 15).problem(budget=40)


@pytest.mark.parametrize("setting", CHOSEN, ids=lambda setting: setting.name)
def test_the_answer_is_feasible_and_has_the_error_it_claims(setting: Setting, problem: Problem) -> None:
    pytest.importorskip(setting.tool)
    limit = 2500 if setting.tool == "hwgen" else 300
    found = run(setting, problem, seed=3, evaluations=limit)
    fir = FirBits(A, 15)
    matrix, wanted, _ = fir.samples
    assert found.error == pytest.approx(np.abs(matrix @ fir.taps(found.bits) - wanted).max(), rel=1e-12)
    assert found.bits.sum() <= 40
    assert all(b in ladder for b, ladder in zip(found.bits, fir.useful, strict=True))
    assert 0 < found.evaluations <= limit
    # The closed forms are among the points every tool begins from.
    assert found.error <= min(float(problem.error(start[None].astype(int))[0]) for start in problem.starts.values()) * (
        1 if setting.reach is None else 1.05
    )
    seconds, evaluations, error = zip(*found.meter.trace, strict=True)
    assert list(seconds) == sorted(seconds)
    assert seconds[-1] <= found.seconds
    assert list(evaluations) == sorted(evaluations)
    assert evaluations[-1] <= limit
    assert list(error) == sorted(error, reverse=True)
    assert error[-1] == found.error


@pytest.mark.parametrize("setting", CHOSEN, ids=lambda setting: setting.name)
def test_a_seed_fixes_the_answer(setting: Setting, problem: Problem) -> None:
    pytest.importorskip(setting.tool)
    limit = 2500 if setting.tool == "hwgen" else 200
    one, other = (run(setting, problem, seed=5, evaluations=limit) for _ in range(2))
    assert one.error == other.error
    assert one.bits.tolist() == other.bits.tolist()
    assert one.evaluations == other.evaluations


def test_every_chosen_setting_was_tried() -> None:
    assert set(CHOSEN) <= set(TRIED)
    assert len({setting.name for setting in CHOSEN}) == len(CHOSEN)


def test_levels_use_the_budget_as_brute_force_does(problem: Problem) -> None:
    """The common shift by trying every one: all thresholds in order, then whatever still fits."""
    encoding = Levels(problem, 4)
    rng = np.random.default_rng(1)
    x = rng.uniform(encoding.lower, encoding.upper, (30, problem.size))
    ladders = [problem.table[k, : problem.depth[k] + 1] for k in range(problem.size)]
    for wish, bits in zip(x + problem.offsets, encoding.bits(x), strict=True):
        shifts = sorted(level - w for ladder, w in zip(ladders, wish, strict=True) for level in ladder)
        within = []
        for shift in shifts:
            point = [max([v for v in ladder if v - w <= shift], default=ladder[0])
                     for ladder, w in zip(ladders, wish, strict=True)]  # fmt: skip
            if sum(point) <= 40:
                within = point
        assert bits.sum() <= 40
        assert (bits >= within).all()
        # Nothing more fits.
        room = 40 - bits.sum()
        above = [
            min([v for v in ladder if v > b], default=math.inf) - b for ladder, b in zip(ladders, bits, strict=True)
        ]
        assert min(above) > room


def test_levels_in_powers_of_two() -> None:
    """Another consumption than the sum of bits: 2^b, off is free; every allocation fits and cannot grow."""
    problem = Problem(
        list("abcd"), 0, 6, lambda b: (4.0**-b).sum(axis=1), lambda b: np.where(b > 0, 2.0**b, 0.0).sum(axis=1),
        budget=40, starts={"equal": [3, 3, 3, 3]},
    )  # fmt: skip
    encoding = Levels(problem, 3)
    assert encoding.bits(np.zeros((1, 4))).tolist() == [[4, 3, 3, 3]]
    for bits in encoding.bits(np.random.default_rng(0).uniform(-3, 3, (50, 4))):
        spent = problem.consumption(bits[None])[0]
        assert spent <= 40
        for k in range(4):
            more = bits.copy()
            more[k] += 1
            assert more[k] > 6 or problem.consumption(more[None])[0] > 40


def test_positions_reach_every_allocation_and_penalise_by_bits() -> None:
    problem = Problem(
        ["a", "b"], 0, 5, lambda b: (4.0**-b).sum(axis=1), lambda b: b.sum(axis=1), budget=4, levels=[[0, 2, 3], [0, 5]]
    )
    encoding = Positions(problem)
    points = np.array(list(itertools.product([0.4, 1.2, 7.0], [-3.0, 0.9])))
    assert encoding.bits(points).tolist() == [[0, 0], [0, 5], [2, 0], [2, 5], [3, 0], [3, 5]]
    values = encoding.values(points, Meter(problem, 100))
    # The error at all-lowest is 2, so that a bit too many costs 0.2.
    errors = [2, 1 + 4**-5, 1 + 4**-2, 4**-2 + 4**-5, 1 + 4**-3, 4**-3 + 4**-5]
    assert values == pytest.approx(np.array(errors) + 0.2 * np.array([0, 1, 0, 3, 0, 4]))


def test_the_meter_stops_at_the_limit_and_takes_points_once(problem: Problem) -> None:
    meter = Meter(problem, 5)
    rows = problem.bits(np.minimum(np.arange(8)[:, None], problem.depth))
    assert meter.distinct(rows[[0, 1, 1, 0]]) == pytest.approx(problem.error(rows[[0, 1, 1, 0]]))
    assert meter.evaluations == 2
    with pytest.raises(Spent):
        meter.distinct(rows)
    assert meter.evaluations == 5
    # Of the five, only some are within the budget; the best of those is the answer.
    fits = [row for row in rows[:5] if row.sum() <= 40]
    assert 0 < len(fits) < 5
    assert meter.error == min(problem.error(np.array(fits)))
    assert meter.reached(meter.error) == meter.trace[-1][0]
    assert meter.reached(meter.error / 2) == math.inf


def _row(tool: str, ratio: float, reached: float) -> Row:
    return Row("A31/5", tool, tool, "", ratio, ratio, ratio, 20000, 5.0, 4000.0, reached, 3)


@pytest.mark.parametrize(
    ("own", "peers", "met"),
    [
        ((1.0, 1.0), [("pyswarms", 1.002, 3.0), ("nevergrad", 1.1, math.inf)], [True, True, True]),
        ((1.0, 1.1), [("pyswarms", 1.002, 3.0), ("nevergrad", 1.1, 11.1)], [True, False, True]),
        ((1.01, 1.0), [("pymoo", 1.002, 4.0), ("pymoo", 1.2, 2.0), ("nevergrad", 1.003, 9.0)], [False, False, False]),
        ((1.02, math.inf), [("pymoo", 1.03, math.inf)], [True, False]),
    ],
)
def test_what_is_required(own: tuple[float, float], peers: list[tuple[str, float, float]], met: list[bool]) -> None:
    """A third of the time of the others' fastest, a tenth of nevergrad's; a run that never arrives is no success."""
    goals = requirements([_row("hwgen", *own), *(_row(*peer) for peer in peers)])
    assert [goal["met"] for goal in goals] == met


def test_the_command(tmp_path: Path) -> None:
    pytest.importorskip("pyswarms")
    command = [sys.executable, str(BENCHMARKS / "search.py"), "--seeds", "1", "--only", "A31/5", "--tool", "pyswarms",
               "--evaluations", "500", "--json", "found.json"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]  # no report.log
    found = json.loads((tmp_path / "found.json").read_text())
    assert {row["tool"] for row in found["rows"]} == {"pyswarms"}
    for row in found["rows"]:
        assert row["ratio"] >= 0.999
        assert row["evaluations"] <= 500
        assert row["name"] in done.stdout
