"""The cascade against every method it contains, on a mixed family: it must never be worse than any of them."""

import numpy as np
import pytest
from instances import KINDS, attempt, mixed, objective, optimum

INSTANCES = 200
CHUNKS = 8
DETERMINISTIC = ("uniform", "common-lsb", "marginal", "min+1", "max-1", "greedy-add", "greedy", "exchange")


def losses(seeds, evaluations):
    """(Instance, kind, rival, factor) wherever a rival is better than allocate at the same evaluations."""
    found = []
    for seed in seeds:
        problem = mixed(seed)
        answer = attempt(problem, "allocate", seed, evaluations)
        rivals = {method: attempt(problem, method, seed, evaluations) for method in DETERMINISTIC}
        rivals |= {f"its own {name}": baseline for name, baseline in answer.baselines.items()}
        for name, bits in problem.starts.items():
            values = problem.measure(problem.bits(problem.index(bits))[None])
            own = objective(problem, answer.baselines[name])
            expected = values[0, 0 if problem.spends else 1] if problem.excess(values)[0] == 0 else np.inf
            assert own == expected, (seed, name)
        mine = (answer.violation, objective(problem, answer))
        for name, rival in rivals.items():
            theirs = (rival.violation, objective(problem, rival))
            # Feasible before infeasible, then the better; equal to rounding is equal.
            if theirs[0] < mine[0] - 1e-12 or (theirs[0] == mine[0] == 0 and theirs[1] < mine[1] * (1 - 1e-12)):
                found.append((seed, KINDS[seed % len(KINDS)], name, mine[1] / theirs[1]))
    return found


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_never_worse_on_two_hundred_instances(chunk):
    assert losses(range(chunk, INSTANCES, CHUNKS), 150) == []


def test_never_worse_with_hardly_any_evaluations():
    """Where the greedy walks have to take many moves at a time."""
    assert losses(range(INSTANCES), 40) == []


def test_enumerated_optimum_of_the_smaller_instances():
    """Spaces of more points than evaluations, which are searched and then enumerated."""
    small = [seed for seed in range(INSTANCES) if 1000 < mixed(seed).points <= 20_000]
    assert len(small) >= 20
    for seed in small[::3]:
        problem = mixed(seed)
        answer = attempt(problem, "allocate", seed, 1000)
        assert answer.bound is None
        assert objective(problem, answer) == pytest.approx(optimum(problem), rel=1e-12), f"instance {seed}"


def test_the_family_is_mixed():
    """Both directions, every kind, level sets, constraints and starts; none so small that it would be enumerated."""
    problems = [mixed(seed) for seed in range(INSTANCES)]
    assert {(seed % len(KINDS), problem.spends) for seed, problem in enumerate(problems)} == {
        (kind, spends) for kind in range(len(KINDS)) for spends in (True, False)
    }
    for feature in ("constraints", "starts"):
        assert 30 <= sum(bool(getattr(problem, feature)) for problem in problems) <= 100
    assert 30 <= sum(len(set(problem.depth.tolist())) > 1 for problem in problems) <= 100
    assert np.median([problem.points for problem in problems]) > 1e5
    assert min(problem.points for problem in problems) > 150
