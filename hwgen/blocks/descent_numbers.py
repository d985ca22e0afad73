"""What a descent multiplies by, in few bits: entries of a matrix, and a step size."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def integers(matrix: NDArray[np.float64], fraction: int) -> tuple[tuple[int, ...], ...]:
    """A matrix in units of ``2**-fraction``, to nearest."""
    return tuple(tuple(int(v) for v in row) for row in np.floor(np.ldexp(matrix, fraction) + 0.5))


def powers(eta: float, terms: int = 2) -> tuple[int, ...]:
    """Exponents s of the sum of at most `terms` powers of two ``2**-s`` that is nearest to `eta` and not above it."""
    if not (np.isfinite(eta) and eta > 0) or terms < 1:
        raise ValueError("a step size above 0 is a sum of at least one power of two")
    found: Sequence[int] = ()
    for _ in range(terms):
        rest = eta - sum(2.0**-s for s in found)
        if rest <= eta * 2.0**-20:
            break
        found = (*found, -int(np.floor(np.log2(rest))))
    return tuple(found)
