"""The allocators on problems whose optimum is known: by hand, by enumeration, by theorem."""

import itertools
import json

import numpy as np
import pytest

from hwgen.allocation import (
    ALGORITHMS,
    Evaluator,
    GcPso,
    Infeasible,
    Problem,
    allocate,
    exchange,
    gcpso,
    greedy_add,
    greedy_remove,
    ppso,
)


def rng(seed=1):
    return np.random.default_rng(seed)


def separable(weights, costs=1, **limit):
    weights, costs = np.asarray(weights), np.asarray(costs)
    names = [f"v{k}" for k in range(weights.size)]
    error, consumption = (lambda b: (weights * 4.0**-b).sum(axis=1)), (lambda b: (costs * b).sum(axis=1))
    return Problem(names, 0, 12, error, consumption, **limit)


def rough(seed, **limit):
    """Five variables, error and consumption with random bumps: neither is monotone."""
    draw = rng(seed)
    harm = np.sort(draw.exponential(size=(5, 5)), axis=1)[:, ::-1] + 0.3 * draw.uniform(size=(5, 5))
    load = np.cumsum(draw.uniform(-0.5, 1.5, (5, 5)), axis=1) + 3
    columns = np.arange(5)
    return Problem(
        list("abcde"), 0, 4, lambda b: harm[columns, b].max(axis=1) + 0.2 * harm[columns, b].sum(axis=1),
        lambda b: load[columns, b].sum(axis=1) + np.maximum(load[0, b[:, 0]], load[1, b[:, 1]]), **limit,
    )  # fmt: skip


def attempt(allocator, problem, evaluations):
    """The answer, or the closest point there is."""
    try:
        return allocator(problem, rng(), evaluations)
    except Infeasible as failure:
        return failure.allocation


def optimum(problem):
    points = np.array(list(itertools.product(*(range(depth + 1) for depth in problem.depth))))
    found = Evaluator(problem, 1)(points)
    return found.objective[found.violation == 0].min()


def objective(problem, answer):
    return answer.error if problem.spends else answer.consumption


def fox(weights, budget):
    """Marginal allocation, one bit at a time to the largest decrease: exact for convex separable errors (Fox 1966)."""
    bits = np.zeros(len(weights), dtype=int)
    for _ in range(budget):
        bits[np.argmax(0.75 * weights * 4.0**-bits)] += 1
    return float((weights * 4.0**-bits).sum())


def test_by_hand():
    # 16 and 1 with equal marginal gain two bits apart: b = (5, 3) of 8 bits, error 16/1024 + 1/64.
    answer = greedy_add(separable([16.0, 1.0], budget=8), rng(), 1000)
    assert answer.bits == (5, 3)
    assert answer.error == 2 / 64
    assert answer.feasible
    assert answer.history[-1][1] == answer.error
    # The same point is the cheapest that reaches this error.
    assert allocate(separable([16.0, 1.0], goal=2 / 64), rng(), 1000).bits == (5, 3)


def test_uniform_and_common_lsb_by_hand():
    problem = Problem(["a", "b"], 0, [9, 4], lambda b: 2.0 ** -b.min(axis=1), lambda b: b.sum(axis=1), budget=9,
                      offsets=[2, 0])  # fmt: skip
    assert ALGORITHMS["uniform"](problem, rng(), 100).bits == (4, 4)
    # (2 + L, L): L = 3 needs 8 bits; the ninth goes to b, where it helps.
    assert ALGORITHMS["common-lsb"](problem, rng(), 100).bits == (5, 4)


@pytest.mark.parametrize("seed", range(4))
def test_greedy_is_exact_where_fox_says_so(seed):
    weights = np.exp(2 * rng(seed).normal(size=12))
    problem = separable(weights, budget=50)
    expected = pytest.approx(fox(weights, 50), rel=1e-12)
    for allocator in (greedy_add, greedy_remove, exchange, gcpso, allocate):
        assert allocator(problem, rng(seed), 8000).error == expected, (allocator.__name__, seed)
    goal = fox(weights, 50) * (1 + 1e-9)
    for allocator in (greedy_add, greedy_remove, allocate):
        answer = allocator(separable(weights, goal=goal), rng(seed), 8000)
        assert answer.consumption == 50, (allocator.__name__, seed)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("limit", ["budget", "goal"])
def test_cascade_finds_the_enumerated_optimum(seed, limit):
    ends = rough(seed, budget=1.0).measure(np.array([[0] * 5, [4] * 5]))
    value = ends[:, 1].mean() if limit == "budget" else 0.3 * ends[:, 0].max() + 0.7 * ends[:, 0].min()
    problem = rough(seed, **{limit: float(value)})
    best = optimum(problem)
    answer = allocate(problem, rng(seed), 4000)
    assert objective(problem, answer) == pytest.approx(best, rel=1e-12), f"seed {seed}"
    for name, allocator in ALGORITHMS.items():
        if name not in ("uniform", "common-lsb"):
            assert best <= objective(problem, allocator(problem, rng(seed), 2000)) * (1 + 1e-12), (name, seed)


def test_constraints_and_level_sets():
    problem = Problem(
        list("abcd"), 0, 9, lambda b: (np.array([9.0, 5.0, 2.0, 1.0]) * 4.0**-b).sum(axis=1), lambda b: b.sum(axis=1),
        budget=14, levels=[[0, 2, 3, 4, 5], [0, 3, 6], [0, 2, 3, 4, 5, 6], [1, 4]],
        constraints=[(lambda b: b[:, 0] + b[:, 1], 7), (lambda b: -b[:, 2], -2)],
    )  # fmt: skip
    best = optimum(problem)
    answer = allocate(problem, rng(), 3000)
    assert answer.error == best
    assert answer.bits[0] + answer.bits[1] <= 7
    assert answer.bits[2] >= 2
    assert all(bit in problem.table[k] for k, bit in enumerate(answer.bits))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("limit", [{"budget": 75.0}, {"goal": 0.5}])
def test_ends_on_a_consumption_without_any_order(seed, limit):
    table = rng(seed).uniform(0, 10, (20, 16))

    def chaos(bits):
        return table[np.arange(20), bits].sum(axis=1) * (1 + 0.3 * np.sin(7.0 * bits.sum(axis=1)))

    weights = np.exp(rng(seed).normal(size=20))
    problem = Problem([f"v{k}" for k in range(20)], 0, 15, lambda b: (weights * 2.0**-b).sum(axis=1), chaos, **limit)
    for name, allocator in {**ALGORITHMS, "add": greedy_add, "cascade": allocate}.items():
        answer = attempt(allocator, problem, 3000)
        assert answer.feasible or name in ("uniform", "common-lsb", "ppso", "add"), (name, seed)
        assert answer.feasible == (answer.violation == 0)
        assert answer.evaluations <= 3000 + 700


@pytest.mark.parametrize("name", [*ALGORITHMS, "cascade"])
@pytest.mark.parametrize("limit", [{"budget": 200}, {"goal": 0.05}])
@pytest.mark.parametrize("evaluations", [1, 37, 1500])
def test_evaluations_are_obeyed(name, limit, evaluations):
    calls = []
    weights = np.exp(rng(2).normal(size=40))

    def error(bits):
        calls.append(len(bits))
        return (weights * 4.0**-bits).sum(axis=1)

    problem = Problem([f"v{k}" for k in range(40)], 1, 10, error, lambda b: b.sum(axis=1), **limit)
    allocator = ALGORITHMS.get(name, allocate)
    answer = attempt(allocator, problem, evaluations)
    assert sum(calls) == answer.unique_evaluations <= answer.evaluations
    # One batch: a look around (2 n), a batch of pairs, or the table of the repair.
    assert answer.evaluations <= evaluations + 40 * 3 + 256
    counts = [count for count, _ in answer.history]
    values = [value for _, value in answer.history]
    assert counts == sorted(counts)
    assert values == sorted(values, reverse=True)
    assert all(count <= answer.evaluations for count in counts)


@pytest.mark.parametrize("name", [*ALGORITHMS, "cascade"])
def test_same_seed_same_answer(name):
    allocator = ALGORITHMS.get(name, allocate)
    problem = rough(1, budget=26.0)
    progress = []
    first = allocator(problem, rng(7), 1500, on_progress=lambda count, best: progress.append((count, best)))
    assert first == allocator(problem, rng(7), 1500)
    assert progress == sorted(progress, key=lambda entry: (entry[0], -entry[1]))


@pytest.mark.parametrize("limit", [{"budget": 60}, {"goal": 0.1}])
def test_resumes_exactly_through_json(limit):
    problem = separable(np.exp(rng(4).normal(size=15)), np.arange(1, 16) % 4 + 1, **limit)
    saved = []
    whole = allocate(problem, rng(3), 5000, on_step=lambda search: saved.append(json.dumps(search.state())))
    assert len(saved) > 10
    for text in (saved[0], saved[len(saved) // 2], saved[-1]):
        assert len(text) < 150_000
        assert allocate(problem, rng(3), 5000, resume=json.loads(text)) == whole


def test_restore_refuses_another_swarm():
    problem = separable([1.0, 2.0, 3.0], budget=9)
    state = GcPso(Evaluator(problem, 500), rng(), particles=6).state()
    with pytest.raises(ValueError, match="shape"):
        GcPso(Evaluator(problem, 500), rng(), particles=8).restore(state)


@pytest.mark.parametrize("allocator", [gcpso, ppso])
def test_options_of_the_swarms(allocator):
    problem = separable([8.0, 4.0, 2.0, 1.0], budget=14)
    best = fox(np.array([8.0, 4.0, 2.0, 1.0]), 14)
    for topology in ("ring", "global"):
        answer = allocator(problem, rng(), 2000, topology=topology, particles=12, inertia=0.7298, cognitive=1.496,
                           social=1.496, seeds=[[4, 4, 3, 3]])  # fmt: skip
        assert answer.error == best
    with pytest.raises(ValueError, match="ring, global"):
        allocator(problem, rng(), 100, topology="star")


def test_criterion_replaces_the_measured_one():
    weights = np.exp(rng(5).normal(size=20))
    calls = []

    def criterion(bits):
        calls.append(bits.shape)
        return 3 * weights * 4.0**-bits

    problem = separable(weights, budget=80)
    hooked = Problem(problem.names, 0, 12, problem.error, problem.consumption, budget=80, criterion=criterion)
    assert gcpso(hooked, rng(), 3000).error <= 1.02 * fox(weights, 80)
    assert calls
    wrong = Problem(problem.names, 0, 12, problem.error, problem.consumption, budget=80, criterion=lambda b: 1.0)
    with pytest.raises(ValueError, match="criterion"):
        gcpso(wrong, rng(), 1000)


def test_greedy_remove_is_economical_with_many_variables():
    weights = np.exp(2 * rng(0).normal(size=150))
    problem = separable(weights, budget=900)
    answer = greedy_remove(problem, rng(), 20000)
    assert answer.evaluations <= 5000
    assert answer.error <= 1.05 * fox(weights, 900)
    goal = greedy_remove(separable(weights, goal=fox(weights, 900)), rng(), 20000)
    assert goal.evaluations <= 5000
    assert goal.consumption <= 910
