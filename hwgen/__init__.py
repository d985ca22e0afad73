"""hwgen: design file in, verified fixed-point Verilog out, every tap and every stage with exactly the bits it needs."""

from importlib.metadata import version

from hwgen.allocation import Allocation, Problem, allocate
from hwgen.design import Design, load

__version__ = version("hwgen")
__all__ = ["Allocation", "Design", "Problem", "__version__", "allocate", "load"]
