"""Adder graphs against brute force, the literature's counts, and exact rational arithmetic."""

import math
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from hwgen.adders import Adder, AdderGraph, csd, csd_adders, digit_graph, greedy_graph, odd

# Coefficient sets and the fewest multiplier-block adders known: FIRsuite / jMCM data.
LITERATURE = {
    "CHANG06_3": ([1132, 815, 556], 6),
    "DEMPSTER04_B3": ([52, 172, 215], 4),
    "GAUSSIAN_5": ([1, 23, 343, 1267], 5),
    "GOODMAN77_F11": ([9, 0, -44, 0, 208, 346, 208, 0, -44, 0, 9], 5),
    "JOHANSSON08_B5": ([155, 756, 862, 611, 912], 7),
    "LOWPASS_9": ([1, 5, 7, 25, 31, 63, 65, 67, 73, 97, 117, 165, 303], 12),
    "MARTINEZ02_4": ([105, 621, 815, 831], 6),
    "SHI11_X1": ([-4, 0, 28, 0, -113, 0, 509, 840, 509, 0, -113, 0, 28, 0, -4], 5),
}

# Right shifts: 19 = (5 + 33) / 2, and one that passes eight bits, 3 = (1023 + 513) / 512.
HALVED = AdderGraph(
    (
        Adder(5, 0, 2, 0, 0, False),
        Adder(33, 0, 5, 0, 0, False),
        Adder(19, 1, -1, 2, -1, False, -1),
        Adder(37, 3, 1, 0, 0, True),
        Adder(1023, 0, 10, 0, 0, True),
        Adder(513, 0, 9, 0, 0, False),
        Adder(3, 5, -9, 6, -9, False, -9),
    )
)


def random_sets(seed: int, count: int = 25) -> list[list[int]]:
    """Signed constants of 3 to 17 bits, one to nine in a set."""
    rng = np.random.default_rng(seed)
    sets = []
    for _ in range(count):
        top = 1 << int(rng.integers(3, 18))
        sets.append([int(v) for v in rng.integers(-top, top + 1, size=int(rng.integers(1, 10)))])
    return sets


def values(graph: AdderGraph, x: int) -> list[Fraction]:
    """Every node's value by the documented rule: both operands floored to the node's LSB, then added."""
    found = [Fraction(x)]
    for adder in graph.adders:
        step = Fraction(2) ** adder.lsb
        left, right = (
            math.floor(found[node] * Fraction(2) ** shift / step) * step
            for node, shift in ((adder.left, adder.left_shift), (adder.right, adder.right_shift))
        )
        found.append(left - right if adder.subtract else left + right)
    return found


@cache
def fewest_digits(value: int) -> int:
    """Fewest nonzero digits of a non-negative value in any signed binary representation, by trying both digits."""
    if value < 2:
        return value
    if value % 2 == 0:
        return fewest_digits(value // 2)
    return 1 + min(fewest_digits((value - 1) // 2), fewest_digits((value + 1) // 2))


# ------------------------------------------------------------------------------------------------------ digits
def test_odd_by_hand() -> None:
    assert [odd(v) for v in (0, 1, -1, 12, -12, 1 << 40)] == [(0, 0), (1, 0), (1, 0), (3, 2), (3, 2), (1, 40)]


def test_csd_is_the_value_with_the_fewest_digits_and_none_adjacent() -> None:
    assert csd(7) == [(0, -1), (3, 1)]
    assert csd(0) == []
    for value in range(-1200, 1201):
        digits = csd(value)
        shifts = [shift for shift, _ in digits]
        assert sum(sign << shift for shift, sign in digits) == value
        assert all(sign in (-1, 1) for _, sign in digits)
        assert all(b - a >= 2 for a, b in pairwise(shifts))
        assert len(digits) == fewest_digits(abs(value))


def test_csd_adders_counts_the_digits() -> None:
    every = np.arange(-5000, 5001)
    assert csd_adders(every).tolist() == [max(fewest_digits(abs(int(v))) - 1, 0) for v in every]
    assert csd_adders(np.array([(1 << 50) - 1, 1 << 50])).tolist() == [1, 0]


# ------------------------------------------------------------------------------------------------------ graphs
@pytest.mark.parametrize("build", [greedy_graph, digit_graph])
@pytest.mark.parametrize("seed", range(3))
def test_every_node_is_its_constant_times_the_input(build, seed: int) -> None:  # type: ignore[no-untyped-def]
    for constants in random_sets(seed):
        graph = build(constants)
        assert graph.proved() is graph
        words = np.array([-(1 << 15), -1001, -1, 0, 1, 997, (1 << 15) - 1])
        for constant, lsb, node in zip(graph.constants, graph.lsbs, graph.evaluate(words), strict=True):
            assert [Fraction(int(v)) * Fraction(2) ** lsb for v in node] == [constant * int(x) for x in words]
        for value in constants:
            if value:
                node, shift = graph.find(value)
                assert graph.constants[node] << shift == abs(value)
        assert len(set(graph.constants)) == len(graph)


@pytest.mark.parametrize("build", [greedy_graph, digit_graph])
def test_constants_that_need_no_adder(build) -> None:  # type: ignore[no-untyped-def]
    for constants in ([], [0], [1], [-4, 0, 1024]):
        assert build(constants) == AdderGraph(())
    assert AdderGraph(()).find(-64) == (0, 6)
    with pytest.raises(KeyError, match="does not compute 3"):
        AdderGraph(()).find(3)


def test_graphs_repeat() -> None:
    for constants in random_sets(5):
        assert greedy_graph(constants) == greedy_graph(reversed(constants))


@pytest.mark.parametrize("seed", range(2))
def test_greedy_is_never_worse_than_digits(seed: int) -> None:
    for constants in random_sets(seed):
        assert len(greedy_graph(constants)) <= len(digit_graph(constants))


@pytest.mark.parametrize(("constant", "adders"), [(3, 1), (255, 1), (11, 2), (45, 2), (-45, 2), (360, 2), (43, 3)])
def test_known_minima(constant: int, adders: int) -> None:
    assert len(greedy_graph([constant]).adders) == adders


@pytest.mark.parametrize("name", LITERATURE)
def test_literature_sets_are_within_one_adder_of_the_best_known(name: str) -> None:
    constants, best = LITERATURE[name]
    assert best <= len(greedy_graph(constants).adders) <= best + 1


def test_depths_by_hand() -> None:
    assert HALVED.depths == (0, 1, 1, 2, 3, 1, 1, 2)


# ------------------------------------------------------------------------------------------- right shifts, dropped bits
def test_a_right_shifted_node_is_exact() -> None:
    assert HALVED.proved() is HALVED
    words = np.arange(-700, 701)
    for constant, lsb, node in zip(HALVED.constants, HALVED.lsbs, HALVED.evaluate(words), strict=True):
        assert [Fraction(int(v)) * Fraction(2) ** lsb for v in node] == [constant * int(x) for x in words]


def test_python_integers_pass_through() -> None:
    wide = np.array([-(1 << 80), (1 << 80) - 1], dtype=object)
    for constant, node in zip(greedy_graph([181, 45]).constants, greedy_graph([181, 45]).evaluate(wide), strict=True):
        assert node.tolist() == [constant * int(x) for x in wide]


@pytest.mark.parametrize("seed", range(6))
def test_dropped_bits_follow_the_rule_and_stay_within_their_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = HALVED if seed == 0 else greedy_graph(random_sets(seed + 10, 1)[0] + [819, 45])
    lsbs = [int(rng.integers(min(a.left_shift, a.right_shift, 0), 6)) for a in graph.adders]
    graph = graph.with_lsbs(lsbs)
    assert graph.lsbs == (0, *lsbs)
    # Each operand loses less than 2**lsb, and what an operand lost comes along by its shift.
    bound = [Fraction(0)]
    for adder in graph.adders:
        carried = sum(
            bound[node] * Fraction(2) ** shift
            for node, shift in ((adder.left, adder.left_shift), (adder.right, adder.right_shift))
        )
        bound.append(carried + 2 * Fraction(2) ** adder.lsb)
    words = rng.integers(-(1 << 11), 1 << 11, size=80)
    nodes = graph.evaluate(words)
    for position, x in enumerate(words):
        for k, exact in enumerate(values(graph, int(x))):
            assert int(nodes[k][position]) * Fraction(2) ** graph.lsbs[k] == exact, f"seed {seed}, node {k}"
            assert abs(exact - graph.constants[k] * int(x)) <= bound[k]
            assert exact % Fraction(2) ** graph.lowest[k] == 0


def test_lowest_bits_by_hand() -> None:
    assert HALVED.lowest == (0,) * 8
    # 5 x without its two low bits; 33 x whole; their half then really has a bit of weight 1/2.
    assert HALVED.with_lsbs([2, 0, -1, 0, 0, 0, -9]).lowest == (0, 2, 0, -1, 0, 0, 0, 0)


@pytest.mark.parametrize("source", range(len(HALVED)))
def test_gains_are_what_a_perturbation_does(source: int) -> None:
    def linear(error: Fraction) -> list[Fraction]:
        found = [Fraction(7) + (error if source == 0 else 0)]
        for k, a in enumerate(HALVED.adders, start=1):
            left, right = found[a.left] * Fraction(2) ** a.left_shift, found[a.right] * Fraction(2) ** a.right_shift
            found.append((left - right if a.subtract else left + right) + (error if source == k else 0))
        return found

    error = Fraction(1, 8)
    moved = [(b - a) / error for a, b in zip(linear(Fraction(0)), linear(error), strict=True)]
    assert [Fraction(float(g)) for g in HALVED.gains()[:, source]] == moved
    if source == 0:
        assert tuple(moved) == HALVED.constants


# ------------------------------------------------------------------------------------------------------ broken ones
@pytest.mark.parametrize(
    ("node", "change"),
    [
        (1, {"subtract": True}),
        (2, {"left_shift": 4}),
        (3, {"right": 0}),
        (3, {"right_shift": -2, "lsb": -2}),
        (4, {"constant": 39}),
        (4, {"left": 4}),
        (4, {"left": 99}),
        (1, {"left": -1}),
        (7, {"left_shift": -10, "lsb": -10}),
    ],
)
def test_proved_catches_a_broken_graph(node: int, change: dict) -> None:
    adders = list(HALVED.adders)
    adders[node - 1] = replace(adders[node - 1], **change)
    with pytest.raises(ValueError, match=f"node {node} is not {adders[node - 1].constant} times the input"):
        AdderGraph(tuple(adders)).proved()


def test_an_adder_needs_a_positive_constant_and_bits_for_its_lsb() -> None:
    for wrong in ({"constant": 0}, {"constant": -3}, {"lsb": -1}):
        with pytest.raises(ValueError, match="needs a positive constant and an LSB it has bits for"):
            replace(Adder(3, 0, 1, 0, 0, False), **wrong)
    with pytest.raises(ValueError, match="zip"):
        HALVED.with_lsbs([0])
