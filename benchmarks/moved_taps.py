"""What it costs to keep to a mask for the taps that dropped bits leave: LUTs by estimate, no synthesis.

    python benchmarks/moved_taps.py     # about ten seconds

Low-pass filters, 12 bits in, 16 out, of rounded Remez taps, each adder with bits of its own (closed form): for the SQNR
alone, and with the response as hwgen keeps it. Shares are of what the mask allows.
"""

from pathlib import Path

import numpy as np

from hwgen.cost.estimate import Estimate
from hwgen.designs import realised
from hwgen.designs.candidate import judge
from hwgen.designs.reference import Reference, reference
from hwgen.designs.sizing import Sizing
from hwgen.designs.values import Coefficients
from hwgen.response import remez
from hwgen.spec import parse

DESIGN = """\
[design]
name = "lowpass"
kind = "fir"
[input]
format = "s1.11"
sample_rate = 48e3
[output]
format = "s1.15"
[response]
bands = [
  {{ start = 0, stop = 5e3, ripple = {ripple} }},
  {{ start = {edge}, stop = 24e3, attenuation_db = {attenuation} }},
]
[hardware]
structure = "{structure}"
[goal]
minimise = "luts"
sqnr_db = {sqnr}
target = "ice40"
"""
FRACTION = 17  # of the coefficients
FILTERS = (  # taps, edge of the stop band in hertz, ripple, attenuation and SQNR in decibels
    (27, 12e3, 0.002, 72, 60), (27, 12e3, 0.002, 72, 45), (75, 7e3, 0.01, 70, 45),
)  # fmt: skip


def sized(given: Reference, taps: int) -> str:
    """LUTs by estimate, and the share of the mask that coefficients and realised taps use."""
    assert given.mask is not None
    values = Coefficients(tuple(int(v) for v in np.round(remez(given.mask, taps) * 2**FRACTION)), FRACTION)
    found = Sizing(given, Estimate.of("ice40")).graded(values, "taps")
    if found is None:
        return "none"
    quality = judge(given, found.fir, found.coefficients)
    assert quality.response is not None
    assert quality.realised is not None
    return f"{found.estimate:6.0f} {quality.response.violation:6.3f} {quality.realised.violation:7.3f}"


def main() -> None:
    kept = realised.MOVED
    print(f"{'':40}{'for SQNR alone':>24}{'within the mask':>24}\n{'':40}" + f"{'LUTs   exact realised':>24}" * 2)
    for taps, edge, ripple, attenuation, sqnr in FILTERS:
        for structure in ("transposed", "direct"):
            text = DESIGN.format(ripple=ripple, edge=edge, attenuation=attenuation, structure=structure, sqnr=sqnr)
            given, cells = reference(parse(text, Path("lowpass.toml"))), []
            for room in (np.inf, kept):
                realised.MOVED = room
                cells.append(sized(given, taps))
            print(
                f"{f'{taps} taps, -{attenuation} dB, SQNR {sqnr}, {structure}':40}" + "".join(f"{c:>24}" for c in cells)
            )


if __name__ == "__main__":
    main()
