"""The response of a filter as its words have it: taps fitted to what it did to a million samples."""

import numpy as np

from hwgen import Design
from hwgen.verify import BULK_SAMPLES

_CHUNK = 1 << 14  # samples that taps are fitted to at a time


def response(design: Design) -> np.ndarray:
    """Taps fitted to a million input and output words of the Verilog, by least squares.

    The words are the model's, which the bulk simulation showed to be the Verilog's. Dropped bits are noise to the fit,
    but for what of them follows the samples: that changes the taps for good, and is in the answer.
    """
    rng, n = np.random.default_rng(1), len(design.coefficients)
    half = design.fir.input.maximum // 2  # the output does not saturate
    x = rng.integers(-half - 1, half, BULK_SAMPLES, endpoint=True)
    u, y = x * design.fir.input.lsb, design.fir.model(x) * design.fir.output.lsb
    gram, cross = np.zeros((n + 1, n + 1)), np.zeros(n + 1)  # the last is the mean's
    for start in range(0, len(x) - n + 1, _CHUNK):
        rows = np.lib.stride_tricks.sliding_window_view(u[start : start + _CHUNK + n - 1], n)[:, ::-1]
        rows = np.column_stack([rows, np.ones(len(rows))])
        gram, cross = gram + rows.T @ rows, cross + rows.T @ y[start + n - 1 : start + n - 1 + len(rows)]
    return np.linalg.solve(gram, cross)[:n]
