"""A small linear system and the design file that solves it, for tests of kind = "descent"."""

from pathlib import Path

import numpy as np

SMALL = """
[design]
name = "solver"
kind = "descent"

[input]
format = "s1.7"
sample_rate = 1e6

[output]
format = "s2.9"

[descent]
matrix = "a.csv"
iterations = 4

[goal]
minimise = "luts"
sqnr_db = 28

[search]
evaluations = 300
coefficient_bits = [5, 8]
"""
A = np.array([[0.9, -0.3], [0.25, 0.6], [-0.2, 0.5], [0.35, 0.15]])


def write_matrix(folder: Path) -> None:
    (folder / "a.csv").write_text("# A\n" + "\n".join(", ".join(map(str, row)) for row in A) + "\n")
