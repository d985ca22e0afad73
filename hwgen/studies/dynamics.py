"""The swarms' parameters in use, and published ones, against the stability region of a particle swarm."""

from inspect import signature
from typing import Any

from hwgen.allocation.gcpso import repaired_swarm
from hwgen.allocation.ppso import penalised_swarm
from hwgen.allocation.stability import Dynamics, region
from hwgen.allocation.swarm import Swarm

# Inertia and attractions (c1 = c2): the constriction factor of Clerc and Kennedy, and two in wide use.
PUBLISHED = {"Clerc and Kennedy 2002": (0.7298, 1.49618), "w = 0.5, c = 2": (0.5, 2.0), "w = 0.7, c = 2": (0.7, 2.0)}


def dynamics() -> dict[str, Any]:
    """Boundaries of the region and the points in it, with their spectral radii, as plain JSON data."""
    edges = region(81)
    used: dict[tuple[float, ...], list[str]] = {}
    for name, method in (("GC-PSO", repaired_swarm), ("PPSO", penalised_swarm)):
        used.setdefault(_defaults(method), []).append(name)
    points = [_point(" and ".join(names), values, True) for values, names in used.items()]
    points += [_point(name, (w, c, c), False) for name, (w, c) in PUBLISHED.items()]
    boundaries = {"inertia": edges.inertia, "order1": edges.order1, "order2": edges.order2}
    return {"region": {name: values.tolist() for name, values in boundaries.items()}, "points": points}


def _defaults(method: Any) -> tuple[float, ...]:
    """w, c1, c2 that the method has unless told otherwise: its own, or those of the swarm."""
    own, shared = signature(method).parameters, signature(Swarm).parameters
    names = ("inertia", "cognitive", "social")
    return tuple(float((own if name in own else shared)[name].default) for name in names)


def _point(name: str, values: tuple[float, ...], used: bool) -> dict[str, Any]:
    w, c1, c2 = values
    found = Dynamics(w, c1, c2)
    return {
        "name": name, "inertia": w, "cognitive": c1, "social": c2, "in_use": used, "radius1": found.radius1,
        "radius2": found.radius2, "stable": found.stable2,
    }  # fmt: skip
