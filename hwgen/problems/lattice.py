"""Integer vectors whose image is close to a target: lattice reduction, then nearest planes at random.

The columns of a basis B span a lattice; the closest B m to B t is hard to find where columns are nearly dependent, as
the cosines of a filter with wide transition bands are. A reduced basis B U (U unimodular) spans the same lattice with
short and nearly orthogonal columns. Babai's nearest planes then come close, and repeated with random rounding
(Klein, SODA 2000) they reach most of the close vectors.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_SHORTER = 0.999  # delta of the reduction: how much shorter a column must get to move forward


def reduce(basis: Floats) -> Integers:
    """Unimodular U (n, n) such that the columns of ``basis @ U`` are short, for a basis (rows, n) of full rank.

    Lenstra, Lenstra and Lovasz (Mathematische Annalen 261, 1982) with the deep insertions of Schnorr and Euchner
    (Mathematical Programming 66, 1994), in floating point.
    """
    columns = triangle(basis)
    n = columns.shape[1]
    U = np.eye(n, dtype=np.int64)
    r = columns.copy()
    k = 1
    while k < n:
        for j in range(k - 1, -1, -1):
            times = int(np.rint(r[j, k] / r[j, j]))
            if times:
                for matrix in (columns, U, r):
                    matrix[:, k] -= times * matrix[:, j]
        # Squared length of column k beside the span of the first i columns, for i = 0 .. k - 1.
        beside = np.cumsum(r[k::-1, k] ** 2)[::-1][:k]
        earlier = np.flatnonzero(beside < _SHORTER * np.diagonal(r)[:k] ** 2)
        if not earlier.size:
            k += 1
            continue
        place = int(earlier[0])
        order = [*range(place), k, *range(place, k), *range(k + 1, n)]
        columns, U = columns[:, order], U[:, order]
        r = triangle(columns)
        k = max(place, 1)
    return U


def triangle(basis: Floats) -> Floats:
    """Upper triangular R (n, n) with the same scalar products as `basis` (rows, n)."""
    return np.asarray(np.linalg.qr(basis, mode="r"), dtype=np.float64)


def draw(basis: Floats, U: Integers, target: Floats, spread: Floats, rng: np.random.Generator) -> Integers:
    """Integer vectors (P, n) whose images under `basis` lie close to that of `target` (n,), one for each spread (P,).

    Nearest planes in the reduced basis U; what is rounded gets normal noise of standard deviation `spread` first.
    """
    q, r = np.linalg.qr(basis @ U)
    wanted = q.T @ (basis @ target)
    steps = np.zeros((len(wanted), spread.size))
    for i in range(len(wanted) - 1, -1, -1):
        centre = (wanted[i] - r[i, i + 1 :] @ steps[i + 1 :]) / r[i, i]
        steps[i] = np.rint(centre + spread * rng.normal(size=spread.size))
    return (U @ steps.astype(np.int64)).T


def short(U: Integers) -> Integers:
    """Differences (K, n) between neighbours in the lattice: the columns of U, their sums and differences, both ways."""
    first, second = np.triu_indices(U.shape[1], 1)
    vectors = np.vstack([U.T, U.T[first] + U.T[second], U.T[first] - U.T[second]])
    return np.vstack([vectors, -vectors])
