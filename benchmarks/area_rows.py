"""The rows of an area comparison: what each design takes, hwgen's share of it, and whether the limits hold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hwgen.cost import place, yosys
from hwgen.cost.measure import packed_step, place_step, synthesise_step
from hwgen.cost.place import PlaceError
from hwgen.cost.resources import Resources
from hwgen.designs.values import Coefficients

NAME = "fir"  # of every module that is counted


@dataclass(frozen=True)
class Entry:
    """One row: what was built and what it takes."""

    name: str
    kind: str
    coefficients: str
    resources: Resources
    bit_true: bool
    cells: int | None = None  # as nextpnr packs them, where asked for
    fmax_mhz: float | None = None  # as nextpnr routes it, where asked for and where it fits
    given: Coefficients | None = None  # of a rival


Size = Callable[[Entry], float]
"""What is compared."""


def luts(entry: Entry) -> float:
    return entry.resources.lut


def cells(entry: Entry) -> float:
    assert entry.cells is not None  # counted where they are compared
    return entry.cells


@dataclass(frozen=True)
class Counted:
    """How Verilog is counted on a target: by Yosys always, by nextpnr where asked for."""

    target: str
    cells: bool = False
    fmax: bool = False

    def luts(self, text: str) -> Resources:
        tool = yosys.version()
        return Resources(self.target, **synthesise_step(text, NAME, self.target, False, tool, 900), tool=tool)

    def packed(self, text: str) -> int | None:
        return packed_step(text, NAME, self.target, False, place.tool(self.target)) if self.cells else None

    def routed(self, text: str, name: str = NAME) -> float | None:
        """The clock rate that nextpnr's timing allows, MHz; None where not asked for or where no device holds it."""
        if not self.fmax:
            return None
        try:
            return place_step(text, name, self.target, False, None, place.tool(self.target))["fmax_mhz"]
        except PlaceError:
            return None


def requirements(rows: Sequence[Entry], limits: dict[str, float], size: Size) -> list[dict[str, Any]]:
    """hwgen's LUTs, or cells, over the best of each kind of rival that computes what it should, beside the limit."""
    own = min(size(r) for r in rows if r.kind == "hwgen")
    found = []
    for kind, limit in limits.items():
        best = min((size(r) for r in rows if r.kind == kind and r.bit_true), default=None)
        if best is not None:
            ratio = round(own / best, 4)
            found.append(
                {"rival": kind, "of": size.__name__, "ratio": ratio, "limit": limit, "met": own <= limit * best}
            )
    return found


def table(rows: Sequence[Entry], size: Size) -> str:
    """The rows as text."""
    own = min(size(r) for r in rows if r.kind == "hwgen")
    columns: list[tuple[str, int, Callable[[Entry], str]]] = [
        ("LUT", 7, lambda r: f"{r.resources.lut:.0f}"),
        ("FF", 7, lambda r: f"{r.resources.ff:.0f}"),
        ("carry", 7, lambda r: f"{r.resources.carry:.0f}"),
        ("cells", 7, lambda r: "" if r.cells is None else str(r.cells)),
        ("MHz", 7, lambda r: "" if r.fmax_mhz is None else f"{r.fmax_mhz:.0f}"),
        ("hwgen is", 10, lambda r: f"{own / size(r):.3f} x"),
    ]
    shown = [c for c in columns if any(c[2](r) for r in rows)]
    lines = [f"{'design':<18}" + "".join(f"{head:>{width}}" for head, width, _ in shown) + "  bit-true  coefficients"]
    for r in rows:
        good = "yes" if r.bit_true else "NO"
        figures = "".join(f"{text(r):>{width}}" for _, width, text in shown)
        lines.append(f"{r.name:<18}{figures}  {good:<8}  {r.coefficients}")
    return "\n".join(lines)


def summary(results: list[dict], worst: dict[str, float]) -> tuple[list[str], bool]:
    """Geometric means of the ratios on each target, and whether all limits hold."""
    groups: dict[tuple[str, str, str, float], list[float]] = {}
    for r in results:
        for m in r["requirements"]:
            groups.setdefault((r["target"], m["rival"], m["of"], m["limit"]), []).append(m["ratio"])
    lines, good = [], True
    for (target, kind, of, limit), ratios in groups.items():
        mean = float(np.exp(np.mean(np.log(ratios))))
        met = mean <= limit and max(ratios) <= worst.get(kind, np.inf)
        good &= met
        bound = f" (limit {worst[kind]})" if kind in worst else ""
        verdict = f"limit {limit}, worst {max(ratios):.3f}{bound}  {'PASS' if met else 'FAIL'}"
        lines.append(f"{target}, {of}: hwgen over {kind}: geometric mean {mean:.3f} of {len(ratios)}, {verdict}")
    return lines, good
