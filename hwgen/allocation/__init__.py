"""Bit allocation: integer variables, an error, a consumption and a limit on one of them. Knows no hardware."""

from hwgen.allocation.baselines import common_lsb, greedy_add, greedy_remove, uniform
from hwgen.allocation.cascade import allocate
from hwgen.allocation.evaluator import Evaluation, Evaluator
from hwgen.allocation.exchange import exchange
from hwgen.allocation.gcpso import GcPso, gcpso
from hwgen.allocation.ppso import ppso
from hwgen.allocation.problem import Allocation, Allocator, Infeasible, Problem

ALGORITHMS: dict[str, Allocator] = {
    "gc-pso": gcpso,
    "ppso": ppso,
    "greedy": greedy_remove,
    "uniform": uniform,
    "common-lsb": common_lsb,
    "exchange": exchange,
}

__all__ = [
    "ALGORITHMS",
    "Allocation",
    "Allocator",
    "Evaluation",
    "Evaluator",
    "GcPso",
    "Infeasible",
    "Problem",
    "allocate",
    "common_lsb",
    "exchange",
    "gcpso",
    "greedy_add",
    "greedy_remove",
    "ppso",
    "uniform",
]
