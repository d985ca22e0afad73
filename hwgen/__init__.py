"""hwgen: design file in, verified fixed-point Verilog out, every tap and every stage with exactly the bits it needs."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwgen import descent
    from hwgen.allocation import Allocation, Infeasible, Problem, Search, allocate, gc_pso, ppso
    from hwgen.finished.fir import Design
    from hwgen.finished.stored import load

__version__ = version("hwgen")
__all__ = [
    "Allocation", "Design", "Infeasible", "Problem", "Search", "__version__", "allocate", "descent", "gc_pso", "load",
    "ppso",
]  # fmt: skip

# Looked up when they are used: simulators and Yosys run in processes of their own, which import this package and need
# none of it.
_HOMES = {
    **dict.fromkeys(("Allocation", "Infeasible", "Problem", "Search", "allocate", "gc_pso", "ppso"), "allocation"),
    "Design": "finished.fir",
    "load": "finished.stored",
}


def __getattr__(name: str) -> Any:
    if name == "descent":
        return import_module("hwgen.descent")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"hwgen.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
