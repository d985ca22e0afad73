"""hwgen: design file in, verified fixed-point Verilog out, every tap and every stage with exactly the bits it needs."""

from importlib.metadata import version

from hwgen import descent
from hwgen.allocation import Allocation, Infeasible, Problem, Search, allocate, gc_pso, ppso
from hwgen.finished.fir import Design
from hwgen.finished.stored import load

__version__ = version("hwgen")
__all__ = [
    "Allocation", "Design", "Infeasible", "Problem", "Search", "__version__", "allocate", "descent", "gc_pso", "load",
    "ppso",
]  # fmt: skip
