"""Masks for tests of responses, and what a linear program proves of them."""

import numpy as np
from scipy.optimize import linprog

from hwgen.response import Band, Mask, basis, grid, limits


def passing(start, stop, ripple, gain=1.0):
    return Band(start, stop, gain, gain * (1 - ripple), gain * (1 + ripple), True)


def passing_db(start, stop, ripple_db, gain=1.0):
    return Band(start, stop, gain, gain * 10 ** (-ripple_db / 20), gain * 10 ** (ripple_db / 20), True)


def stopping(start, stop, most):
    return Band(start, stop, 0.0, 0.0, most, False)


LTE = Mask((passing_db(0, 2.25 / 30.72, 0.1), stopping(3.0 / 30.72, 0.5, 1e-3)))
LOWPASS = Mask((passing(0, 0.2, 0.01), stopping(0.25, 0.5, 0.01)))
MANY = Mask(
    (
        stopping(0, 0.05, 1e-2),
        passing(0.08, 0.12, 0.01),
        stopping(0.15, 0.2, 1e-3),
        passing(0.23, 0.3, 0.02, gain=2.0),
        stopping(0.33, 0.4, 1e-3),
        passing(0.43, 0.5, 0.01, gain=0.5),
    )
)


def least_violation(mask, taps, density=32):
    """Independent of hwgen.remez: what a linear program on a grid proves that no filter of this length gets below."""
    f = grid(mask, taps, density)
    lower, upper = limits(mask, f)
    half = (upper - lower) / 2
    rows, wanted = basis(taps, f) / half[:, None], (upper + lower) / 2 / half
    ones, n = np.ones((len(f), 1)), basis(taps, f).shape[1]
    solved = linprog(
        np.append(np.zeros(n), 1),
        np.block([[rows, -ones], [-rows, -ones]]),
        np.concatenate([wanted, -wanted]),
        bounds=[(None, None)] * n + [(0, None)],
    )
    return solved.fun
