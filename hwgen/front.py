"""The accuracy-area front of a design file: which goals are tried, and which design is the answer to each.

A design has three figures that count: its LUTs, its SQNR, and its share of the mask, which is the largest deviation
over what the design file's bands allow. One design dominates another that is better in none and worse in one.
"""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hwgen.designs.candidate import Quality
from hwgen.designs.reference import Reference
from hwgen.response import Mask, Measurement, measure
from hwgen.spec import Spec
from hwgen.tables.fields import RELOADABLE
from hwgen.tomlmap import as_toml, join

BASELINES = {"uniform": "uniform widths", "common_lsb": "common LSB"}
_BELOW_DB = 30.0  # from where below the design file's SQNR goal the sweep begins
_LEAST_DB = 6.0  # a lower goal is of no use to anyone
_SHORT_DB = 0.5  # of what the output format leaves: beyond it every low bit of every sum would have to be kept
_TOLERANCES = (0.5, 2.0)  # times what the bands allow: one mask tighter, one looser
_SHARE = 4  # one point of so many has another mask
_WIDEST = 1 << 24  # characters of a value in a design file


@dataclass(frozen=True)
class Point:
    """One set of goals: an SQNR, and bands with `tolerance` times the deviation that the design file's allow."""

    number: int
    sqnr_db: float
    tolerance: float = 1.0

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"point{self.number}"

    @property
    def mask(self) -> str:
        """Its mask in words."""
        if self.tolerance == 1:
            return "as asked"
        return f"{self.tolerance:g} x wider" if self.tolerance > 1 else f"{1 / self.tolerance:g} x tighter"


def plan(reference: Reference, count: int) -> list[Point]:
    """`count` points around the goals of a design file: SQNRs evenly from low to high, then other masks."""
    asked = reference.spec.goal.sqnr_db
    if asked is None:
        raise ValueError("a front is planned around an SQNR goal")
    low = max(asked - _BELOW_DB, min(asked, _LEAST_DB))
    high = max(asked, reference.reachable_sqnr_db - _SHORT_DB)
    masks = 0 if reference.spec.response.bands is None else count // _SHARE
    sweep = np.linspace(low, high, count - masks).tolist()
    levels = [level if level == asked else math.floor(10 * level) / 10 for level in sweep]
    if len(levels) > 2:  # the design file's own goal is one of them
        levels[min(range(1, len(levels) - 1), key=lambda k: abs(levels[k] - asked))] = asked
    nearest = sorted(levels, key=lambda level: (abs(level - asked), level))
    goals = [(level, 1.0) for level in levels]
    goals += [(nearest[k // 2 % len(nearest)], _TOLERANCES[k % 2]) for k in range(masks)]
    return [Point(number, *goal) for number, goal in enumerate(goals, start=1)]


def text(spec: Spec, point: Point, folder: Path) -> str:
    """The design file of a point, to lie in `folder`: that of `spec` with the point's goals."""
    values = {name: dict(table) for name, table in spec.source.values.items()}
    values["goal"]["sqnr_db"] = point.sqnr_db
    if "bands" in values["response"]:
        values["response"]["bands"] = [_band(band, point.tolerance) for band in values["response"]["bands"]]
    for table, key in (("stimulus", "file"), ("response", "coefficients")):
        name = values.get(table, {}).get(key)
        if isinstance(name, str) and name != RELOADABLE and not Path(name).is_absolute():
            values[table][key] = os.path.relpath(spec.beside(name), folder)
    lines = [f"# Point {point.number} of a front around {spec.path.name}: SQNR {point.sqnr_db:g} dB, mask {point.mask}"]
    for name, content in values.items():
        lines += ["", f"[{name}]"]
        for key, value in content.items():
            lines.append(f"{join((key,))} = {_bands(value) if key == 'bands' else as_toml(value, _WIDEST)}")
    return "\n".join(lines) + "\n"


def _band(band: dict[str, Any], tolerance: float) -> dict[str, Any]:
    scaled = dict(band)
    for key, value in band.items():
        if key in ("ripple", "ripple_db", "attenuation"):
            scaled[key] = float(f"{value * tolerance:.6g}")
        elif key == "attenuation_db":
            scaled[key] = float(f"{value - 20 * math.log10(tolerance):.6g}")
    return scaled


def _bands(bands: list[dict[str, Any]]) -> str:
    """A list of bands as TOML, one a line."""
    return "\n".join(["[", *(f"  {as_toml(band, _WIDEST)}," for band in bands), "]"])


@lru_cache(maxsize=4096)
def _measured(taps: tuple[float, ...], fraction: int, mask: Mask) -> Measurement:
    return measure(np.ldexp(np.array(taps, dtype=np.float64), -fraction), mask)


@dataclass(frozen=True, eq=False)
class Made:
    """A design that the search for some point tried, `facts` as `evidence.described` has them.

    `kind` is search, or one of `BASELINES`; `mask` is the design file's.
    """

    point: int
    label: str
    kind: str
    facts: dict[str, Any]
    mask: Mask | None

    @property
    def lut(self) -> int:
        """LUTs that Yosys counted."""
        return int(self.facts["synthesis"]["lut"])

    @property
    def sqnr_db(self) -> float:
        """As measured with the bit-true model; infinite where nothing is dropped."""
        found = self.facts["quality"]["sqnr_db"]
        return math.inf if found is None else float(found)

    @cached_property
    def share(self) -> float:
        """Largest deviation over what the design file's mask allows; 0 without a mask."""
        return 0.0 if self.mask is None else self._response(self.mask).violation

    def quality(self, mask: Mask | None) -> Quality:
        """Its quality with the response judged by another mask."""
        error = self.facts["quality"]["max_error_ulp"]
        if mask is None:
            return Quality(None, self.sqnr_db, error)
        return Quality(self._response(mask), self.sqnr_db, error, _measured(self._realised, 0, mask))

    def dominates(self, other: "Made") -> bool:
        """Whether it is no worse in any figure and better in one."""
        mine, others = (self.lut, -self.sqnr_db, self.share), (other.lut, -other.sqnr_db, other.share)
        return mine != others and all(a <= b for a, b in zip(mine, others, strict=True))

    def same(self, other: "Made") -> bool:
        """Whether both are one circuit."""
        return bool(self.facts["design"] == other.facts["design"])

    @property
    def _realised(self) -> tuple[float, ...]:
        """Taps as dropped bits move them."""
        return tuple(self.facts["realised"])

    def _response(self, mask: Mask) -> Measurement:
        design = self.facts["design"]
        return _measured(tuple(design["coefficients"]), design["fraction"], mask)


def choice(point: Point, reference: Reference, made: Iterable[Made]) -> Made | None:
    """The smallest design that meets a point's goals, wherever it was tried; None where none does.

    Of equally small ones the most accurate, then the deepest within the mask: nothing in `made` dominates it.
    """
    fits = [design for design in made if design.quality(reference.mask).meets(reference)]
    return min(fits, key=lambda d: (d.lut, -d.sqnr_db, d.share, d.point != point.number, d.point), default=None)


def verdicts(chosen: Sequence[tuple[Point, Made]], made: Sequence[Made]) -> list[str | None]:
    """For each point why its design is off the front, None where it is on it: once, for the strictest of its goals."""
    found: list[str | None] = []
    for point, design in chosen:
        twins = [other for other, its in chosen if its.same(design)]
        strictest = max(twins, key=lambda p: (p.sqnr_db, -p.tolerance, -p.number))
        better = next((other for other in made if other.dominates(design)), None)
        if strictest != point:
            found.append(f"the same design as point {strictest.number}")
        elif better is not None:
            found.append(f"dominated by {better.label}, tried for point {better.point}")
        else:
            found.append(None)
    return found
