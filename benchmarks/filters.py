"""Published filters and specifications (``data/fir.json``) as coefficients and as design files."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hwgen.spec import Spec, parse

DATA = Path(__file__).parent / "data" / "fir.json"
RATE = 2.0e6  # Hz; edges are fractions of its half

_DESIGN = """\
[design]
name = "{name}"
kind = "fir"
[input]
format = "s1.11"
sample_rate = {rate:g}
[output]
format = "s1.15"
[response]
bands = [
  {{ start = {pass_start:.12g}, stop = {pass_stop:.12g}, ripple = {ripple:g} }},
  {{ start = {stop_start:.12g}, stop = {stop_stop:.12g}, attenuation = {attenuation:g} }},
]
gain = "free"
[hardware]
structure = "{structure}"
clock = {clock:g}
dsp = {dsp}
[goal]
minimise = "luts"
sqnr_db = 60
target = "{target}"
"""


@dataclass(frozen=True)
class Published:
    """A coefficient set of the literature, and the fewest multiplier-block adders known for it."""

    name: str
    coefficients: tuple[int, ...]
    best_block_adders: int


@cache
def _data() -> dict[str, Any]:
    return dict(json.loads(DATA.read_text(encoding="utf-8")))


def published(names: list[str] | None = None, shortest: int = 11) -> list[Published]:
    """The sets of that name, or all that are filters of at least `shortest` taps."""
    found = [
        Published(s["name"], tuple(s["coefficients"]), s["best_block_adders"])
        for s in _data()["sets"]
        if (s["name"] in names if names else len(s["coefficients"]) >= shortest)
    ]
    if not found:
        raise SystemExit(f"no such set in {DATA.name}: {names}")
    return found


def specifications() -> list[str]:
    """Names of the published specifications."""
    return [str(s["name"]) for s in _data()["specs"]]


def specification(name: str, target: str, structure: str = "auto", clocks: int = 1, dsp: bool = False) -> Spec:
    """A published specification as a design: 12-bit input, 16-bit output, 60 dB SQNR, gain free, `clocks` a sample."""
    spec = next((s for s in _data()["specs"] if s["name"] == name), None)
    if spec is None:
        raise SystemExit(f"no such specification: {name}; there are {', '.join(specifications())}")
    half, passes, stops = RATE / 2, float(spec["passband_edge_pi"]), float(spec["stopband_edge_pi"])
    low = passes < stops
    text = _DESIGN.format(
        name=name.lower(), rate=RATE, structure=structure, target=target, clock=clocks * RATE,
        dsp=str(dsp).lower(),
        pass_start=0 if low else passes * half, pass_stop=passes * half if low else half,
        stop_start=stops * half if low else 0, stop_stop=half if low else stops * half,
        ripple=spec["delta_p"], attenuation=spec["delta_s"],
    )  # fmt: skip
    lines = text.splitlines(keepends=True)
    if not low:  # bands rise in frequency
        first = next(k for k, line in enumerate(lines) if "ripple" in line)
        lines[first : first + 2] = lines[first + 1], lines[first]
    return parse("".join(lines), Path(f"{name}.toml"))
