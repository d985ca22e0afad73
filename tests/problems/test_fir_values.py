"""Values on a grid: lattice reduction by its definition, brute force, and the optima of integer programs of hours."""

from itertools import product

import numpy as np
import pytest

from hwgen.allocation import allocate
from hwgen.problems.fir import FirBits
from hwgen.problems.fir_milp import choose
from hwgen.problems.fir_spec import PUBLISHED, A, B
from hwgen.problems.fir_values import FirValues
from hwgen.problems.lattice import draw, reduce, short


def test_reduction():
    """A unimodular U whose columns are size-reduced and meet Lovasz' condition; the determinant stays."""
    rng = np.random.default_rng(5)
    good = rng.normal(size=(12, 8))
    lower, upper = (np.tril(rng.integers(-3, 4, (8, 8)), -1) + np.eye(8) for _ in range(2))
    basis = good @ lower @ upper.T
    U = reduce(basis)
    assert abs(round(np.linalg.det(U.astype(float)))) == 1
    r = np.linalg.qr(basis @ U, mode="r")
    diagonal = np.abs(np.diagonal(r))
    assert (np.abs(np.triu(r, 1)) <= (0.5 + 1e-9) * diagonal[:, None]).all()
    assert (diagonal[1:] ** 2 + np.diagonal(r, 1) ** 2 >= 0.998 * diagonal[:-1] ** 2).all()
    assert np.linalg.norm(basis @ U, axis=0).max() <= 1.5 * np.linalg.norm(good, axis=0).max()
    assert np.linalg.norm(basis, axis=0).max() > 10 * np.linalg.norm(good, axis=0).max()


def test_drawn_vectors_contain_the_closest():
    rng = np.random.default_rng(6)
    basis = np.array([[1, 0.9, 0.3], [0, 0.1, 0.5], [0, 0, 0.2]])
    target = rng.normal(size=3) * 5
    around = np.array(list(product(range(-40, 41), range(-40, 41), range(-15, 16))))
    exact = around[np.linalg.norm((around - target) @ basis.T, axis=1).argmin()]
    drawn = draw(basis, reduce(basis), target, np.full(300, 0.3), rng)
    assert (drawn == exact).all(axis=1).any()
    again = draw(basis, reduce(basis), target, np.zeros(2), rng)
    assert (again[0] == again[1]).all()


def test_short_vectors_come_both_ways():
    vectors = {tuple(v) for v in short(np.array([[1, 0], [2, 1]])).tolist()}
    assert vectors == {(1, 2), (0, 1), (1, 3), (1, 1), (-1, -2), (0, -1), (-1, -3), (-1, -1)}


@pytest.mark.parametrize(("name", "length", "bits", "rounded", "optimum"), [
    ("A", 35, 8, 0.03267, 0.02983), ("B", 35, 9, 0.1590, 0.07709), ("C", 35, 8, 0.04688, 0.01787),
    ("D", 35, 9, 0.1221, 0.03250), ("E", 35, 8, 0.04696, 0.03299), ("A", 45, 8, 0.03706, 0.02962),
    ("B", 45, 9, 0.1172, 0.05679), ("C", 45, 8, 0.03047, 0.01609), ("E", 45, 8, 0.03578, 0.02887),
])  # fmt: skip
def test_published_filters(name, length, bits, rounded, optimum):
    """Optima of the integer program on the same grid, 16 x degree; a quick search reaches them within 2 %."""
    grid = FirValues.uniform(PUBLISHED[name], length, bits)
    assert grid.judge(grid.rounded) == pytest.approx(rounded, rel=2e-3)
    found = grid.lattice(np.random.default_rng(7), rounds=8)
    error = grid.error(found[None])[0]
    assert 0.997 * optimum < error <= 1.02 * optimum
    assert error <= grid.judge(found) < 1.06 * error
    response = grid.samples.matrix @ (found / 2.0 ** (bits - 1)) - grid.samples.wanted
    assert error == pytest.approx(np.abs(response).max(), rel=1e-12)


def test_same_generator_same_values():
    grid = FirValues.uniform(B, 35, 9)
    first, second = (grid.lattice(np.random.default_rng(3), rounds=2) for _ in range(2))
    assert (first == second).all()


def test_optimal_by_brute_force_and_by_program():
    grid = FirValues.uniform(B, 9, 6)
    offsets = np.array(list(product(range(-3, 4), repeat=5)))
    least = grid.error(grid.rounded + offsets).min()
    found = grid.lattice(np.random.default_rng(1), rounds=3)
    assert grid.error(found[None])[0] == pytest.approx(least, rel=1e-12)
    lists = [grid.lsbs[0] * np.arange(m - 3, m + 4) for m in grid.rounded]
    assert choose(lists, [np.zeros(7)] * 5, grid.samples, tolerance=1e-6).error == pytest.approx(least, rel=1e-5)


def test_grids_of_an_allocation():
    fir = FirBits(A, 31)
    bits = fir.closed_forms(80)["equal-lsb"]
    bits[-1] = 0
    grid = FirValues.of(fir, bits, density=12)
    np.testing.assert_array_equal(grid.taps(grid.rounded), fir.taps(bits))
    found = grid.lattice(np.random.default_rng(2), rounds=2)
    assert ((found >= grid.low) & (found <= grid.high)).all()
    assert found[-1] == 0
    assert grid.error(found[None])[0] <= fir.error(bits[None])[0]
    assert grid.error((grid.high + 1)[None])[0] == np.inf


def test_offsets_as_a_problem():
    grid = FirValues.uniform(A, 15, 6)
    lattice = grid.lattice(np.random.default_rng(2), rounds=2)
    problem = grid.problem(reach=1, starts={"lattice": lattice})
    offsets = np.array([lattice - grid.rounded, np.zeros(8, dtype=np.int64)])
    np.testing.assert_allclose(problem.measure(offsets)[:, 0], grid.error(grid.rounded + offsets), rtol=1e-12)
    answer = allocate(problem, np.random.default_rng(0), 1000)
    assert answer.error <= grid.error(lattice[None])[0] * (1 + 1e-12)


def test_refuses():
    with pytest.raises(ValueError, match="bits must lie in"):
        FirValues.uniform(A, 35, 1)
    with pytest.raises(ValueError, match="lsbs must have 8 entries"):
        FirValues(A, 15, np.ones(7), np.zeros(8), np.ones(8))
    with pytest.raises(ValueError, match="low must not exceed high"):
        FirValues(A, 15, np.ones(8), np.ones(8), np.zeros(8))
    with pytest.raises(ValueError, match="reach"):
        FirValues.uniform(A, 15, 6).problem(reach=0)
