"""Ask and tell: by hand, elsewhere, saved and continued; evaluations that are counted and obeyed."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from instances import attempt, counted, halfway, mixed, noise, rough, three, weighted

from hwgen import Infeasible, Search
from hwgen.allocation import EXACT, solve
from hwgen.allocation.methods import METHODS

SEARCHES = [name for name in METHODS if name not in EXACT]
RANDOM = ("allocate", "gc-pso", "ppso", "iterated", "memetic", "annealing", "genetic", "random")


def spread(**limit):
    """Fifteen variables, separable but for their number too many to try."""
    return weighted(np.exp(np.random.default_rng(4).normal(size=15)), np.arange(1, 16) % 4 + 1, **limit)


def answer_of(search):
    """The result, or the closest point there is."""
    try:
        return search.result()
    except Infeasible as failure:
        return failure.allocation


def driven(search, measure):
    """Ask and tell by hand to the end."""
    while not search.done:
        search.tell(measure(search.ask()))
    return answer_of(search)


@pytest.mark.parametrize("method", SEARCHES)
@pytest.mark.parametrize("limit", [{"budget": 60}, {"goal": 0.1}])
def test_by_hand(method, limit):
    """The same as run(), one point at a time through plain Python; asking twice is asking once."""
    problem = spread(**limit)

    def measure(points):
        return [[float(problem.error(row[None])[0]), float(problem.consumption(row[None])[0])] for row in points]

    search = Search(problem, method, 3, 150)
    assert np.array_equal(search.ask(), search.ask())
    search.ask()[:] = 99  # a copy: nobody's points are spoiled
    assert driven(search, measure) == attempt(problem, method, 3, 150)
    with pytest.raises(ValueError, match="the search is done"):
        search.ask()
    with pytest.raises(ValueError, match="the search is done"):
        search.tell([[0.0, 0.0]])


@pytest.mark.parametrize("method", ["allocate", "gc-pso", "exchange"])
def test_measured_elsewhere(method):
    """Halves of every batch in two threads, finished in any order, constraints too."""
    problem = rough(2, budget=26.0)
    with ThreadPoolExecutor(2) as pool:

        def measure(points):
            return np.concatenate(list(pool.map(problem.measure, np.array_split(points, 2))))

        assert Search(problem, method, 5, 400).run(measure) == solve(problem, 5, 400, method=method)


def saved(problem, method, seed, evaluations, **options):
    """The state after every batch, through JSON, and the answer."""
    search = Search(problem, method, seed, evaluations, **options)
    states = [json.dumps(search.state())]
    while not search.done:
        search.tell(problem.measure(search.ask()))
        states.append(json.dumps(search.state()))
    return states, answer_of(search)


@pytest.mark.parametrize("method", [*RANDOM, "exchange", "min+1"])
@pytest.mark.parametrize("limit", [{"budget": 60}, {"goal": 0.1}])
def test_resumes_exactly_through_json(method, limit):
    """From the first batch to the last: the same answer, and no point is measured twice."""
    states, whole = saved(spread(**limit), method, 3, 300)
    assert len(states) > 5
    for place in (1, len(states) // 3, len(states) - 2, len(states) - 1):
        state = json.loads(states[place])
        seen = []
        problem = spread(**limit)
        object.__setattr__(problem, "error", counted(problem.error, seen))
        search = Search(problem, method, 3, 300)
        search.restore(state)
        assert search.state() == state
        assert not seen
        assert driven(search, problem.measure) == whole
        assert len(seen) == whole.unique_evaluations + whole.start_evaluations - sum(state["batches"])


def test_a_state_with_nothing_told():
    problem = spread(budget=60)
    search = Search(problem, "gc-pso", 3, 100)
    search.restore(json.loads(json.dumps(Search(problem, "gc-pso", 3, 100).state())))
    assert search.run() == solve(problem, 3, 100, method="gc-pso")


@pytest.mark.parametrize("generator", ["PCG64", "PCG64DXSM", "Philox", "SFC64", "MT19937"])
def test_every_generator_can_be_saved(generator):
    """Some of NumPy's keep arrays in their state."""
    problem = spread(budget=60)

    def search(seed=3):
        return Search(problem, "gc-pso", np.random.Generator(getattr(np.random, generator)(seed)), 60)

    first = search()
    first.tell(problem.measure(first.ask()))
    state = json.loads(json.dumps(first.state()))
    second = search()
    second.restore(state)
    assert second.run() == first.run()
    with pytest.raises(ValueError, match="another seed"):
        search(4).restore(state)


def test_states_are_small():
    states, whole = saved(spread(budget=60), "allocate", 3, 1000)
    points = whole.unique_evaluations + whole.start_evaluations
    assert len(states[-1]) < 2000 + 24 * points  # two doubles in base64 each, a batch count for several


def test_restore_refuses_what_is_not_its_own():
    problem = spread(budget=60)
    states, _ = saved(problem, "gc-pso", 3, 300)
    state = json.loads(states[-2])
    others = [
        ("another seed", Search(problem, "gc-pso", 4, 300)),
        ("other arguments", Search(problem, "ppso", 3, 300)),
        ("other arguments", Search(problem, "allocate", 3, 300)),
        ("other arguments", Search(problem, "gc-pso", 3, 400)),
        ("other arguments", Search(problem, "gc-pso", 3, 300, particles=8)),
        ("other arguments", Search(problem, "gc-pso", 3, 300, seeds=[[4] * 15])),
        ("other arguments", Search(spread(budget=59), "gc-pso", 3, 300)),
        ("other arguments", Search(spread(goal=0.1), "gc-pso", 3, 300)),
        ("other arguments", Search(three(), "gc-pso", 3, 300)),
    ]
    for words, search in others:
        with pytest.raises(ValueError, match=words):
            search.restore(state)
    begun = Search(problem, "gc-pso", 3, 300)
    begun.tell(problem.measure(begun.ask()))
    with pytest.raises(ValueError, match="before it is told anything"):
        begun.restore(state)


def test_restore_refuses_spoiled_states():
    problem = spread(budget=60)
    states, whole = saved(problem, "gc-pso", 3, 100)
    state = json.loads(states[-1])
    for spoiled in (
        state | {"batches": state["batches"][:-1]},
        state | {"batches": [*state["batches"], 7]},
        state | {"asked": "0" * 32},
        state | {"values": base64.b64encode(base64.b64decode(state["values"])[:-8]).decode()},
    ):
        with pytest.raises(ValueError, match=r"other arguments|reshape|shape|state"):
            Search(problem, "gc-pso", 3, 100).restore(spoiled)
    search = Search(problem, "gc-pso", 3, 100)
    search.restore(state)
    assert search.result() == whole


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda values: values[:-1], "need values of shape"),
        (lambda values: values[:, :2], "need values of shape"),
        (lambda values: values.ravel(), "need values of shape"),
        (lambda values: values[:, [0, 0, 1, 1]], "need values of shape"),
        (lambda values: np.where(np.arange(3) == 0, np.nan, values), "error function returned nan for bits"),
        (lambda values: np.where(np.arange(3) == 1, -np.inf, values), "consumption function returned -inf"),
        (lambda values: np.where(np.arange(3) == 2, np.nan, values), "constraint 0 function returned nan"),
    ],
)
def test_tell_refuses(spoil, words):
    """And nothing is lost: the right values may still be told."""
    problem = three(constraints=[(lambda b: b[:, 0], 5)], upper=20)
    search = Search(problem, "exchange", 3, 200)
    for _ in range(3):
        values = problem.measure(search.ask())
        with pytest.raises(ValueError, match=words):
            search.tell(spoil(values))
        search.tell(values)
    assert search.run() == solve(problem, 3, 200, method="exchange")


def test_no_result_before_the_end():
    with pytest.raises(ValueError, match="not done"):
        Search(three(), "gc-pso").result()


@pytest.mark.parametrize("method", SEARCHES)
@pytest.mark.parametrize("limit", [{"budget": 200}, {"goal": 0.05}])
@pytest.mark.parametrize("evaluations", [1, 37, 1500])
def test_evaluations_are_obeyed(method, limit, evaluations):
    """The functions see what is reported, each point once, and never more than the limit beyond the starts."""
    seen = []
    weights = np.exp(np.random.default_rng(2).normal(size=40))
    problem = weighted(weights, **limit)
    object.__setattr__(problem, "error", counted(problem.error, seen))
    answer = attempt(problem, method, 1, evaluations)
    assert len(seen) == len(set(seen)) == answer.unique_evaluations + answer.start_evaluations
    assert answer.unique_evaluations <= min(evaluations, answer.evaluations)
    if method not in RANDOM:
        assert answer.start_evaluations == 0
    counts, values = zip(*answer.history, strict=True) if answer.history else ((), ())
    assert list(counts) == sorted(set(counts))
    assert list(values) == sorted(set(values), reverse=True)
    bits = np.array(seen)
    error, consumption = (weights * 4.0**-bits).sum(axis=1), bits.sum(axis=1)
    reached = (
        np.where(consumption <= 200, error, np.inf) if problem.spends else np.where(error <= 0.05, consumption, np.inf)
    )
    assert answer.feasible == (reached.min() < np.inf)
    # History is exactly the steps of the best of the first so many points.
    best = np.minimum.accumulate(reached)
    steps = np.flatnonzero(best < np.append(np.inf, best[:-1]))
    assert counts == tuple((steps + 1).tolist())
    assert values == tuple(best[steps].tolist())


@pytest.mark.parametrize("method", SEARCHES)
def test_progress(method):
    """Points so far rise, the best objective falls; the last call knows the answer."""
    problem = halfway(lambda **limit: rough(1, **limit), "budget")
    progress = []
    answer = attempt(problem, method, 7, 200, on_progress=lambda count, best: progress.append((count, best)))
    assert progress == sorted(progress, key=lambda entry: (entry[0], -entry[1]))
    assert progress[-1][0] == answer.unique_evaluations + answer.start_evaluations
    assert progress[-1][1] == (answer.error if answer.feasible else np.inf)


def test_evaluations_below_one_are_refused():
    for method in SEARCHES:
        for evaluations in (0, -5):
            with pytest.raises(ValueError, match="evaluations must be at least 1"):
                solve(three(), 1, evaluations, method=method)


def test_evaluations_with_constraints_and_level_sets():
    """The mixed family: no function sees a point twice, nor a point off the ladders."""
    for seed in range(5):
        problem = mixed(seed)
        seen = []
        object.__setattr__(problem, "consumption", counted(problem.consumption, seen))
        answer = attempt(problem, "allocate", seed, 100)
        assert len(seen) == len(set(seen)) == answer.unique_evaluations + answer.start_evaluations, f"instance {seed}"
        assert answer.unique_evaluations <= 100
        ladders = [set(problem.table[k].tolist()) for k in range(problem.size)]
        assert all(bit in ladder for row in seen for bit, ladder in zip(row, ladders, strict=True))


def test_infinite_values_may_be_told():
    """+inf is as bad as can be, here and through ask and tell."""
    problem = three(error=lambda b: np.where((b < 3).any(axis=1), np.inf, noise(b)))
    assert driven(Search(problem, "gc-pso", 1, 300), problem.measure).bits == (4, 4, 4)
