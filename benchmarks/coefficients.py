"""Adders of hwgen's coefficients beside the fewest published, on specifications of the multiplierless-FIR literature.

    python benchmarks/coefficients.py --effort 16000 --only S2

One process, one thread, the processor's time. Multiplier-block adders are those of `greedy_graph` over the values,
structural ones the nonzero taps less one. The published totals are those of Shi and Yu (IEEE TCAS-I 58, 2011) and, for
L1, of the set known as LIMAKT08_121. All coefficients are measured against the mask with extrema refined.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

# Before NumPy is imported: small products are slower on many threads.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np  # noqa: E402

from hwgen.designs.adder_count import adders  # noqa: E402
from hwgen.designs.cheapest import cheapest  # noqa: E402
from hwgen.response import Band, Mask, measure  # noqa: E402


@dataclass(frozen=True)
class Specification:
    """Edges as fractions of half the sample rate, linear ripples; the gain is free."""

    name: str
    passed: float
    stopped: float
    ripple: float
    leak: float
    published: int | None
    lengths: tuple[int, ...]  # tried; the published one among them

    @property
    def mask(self) -> Mask:
        """Low pass, or high pass where the pass band lies above."""
        low = self.passed < self.stopped
        passes = (0.0, self.passed / 2) if low else (self.passed / 2, 0.5)
        stops = (self.stopped / 2, 0.5) if low else (0.0, self.stopped / 2)
        through = Band(*passes, 1.0, 1 - self.ripple, 1 + self.ripple, True)
        shut = Band(*stops, 0.0, 0.0, self.leak, False)
        return Mask((through, shut) if low else (shut, through), None)


SPECIFICATIONS = (
    Specification("X1", 0.2, 0.8, 0.0001, 0.0001, 13, (15, 16, 17)),
    Specification("G1", 0.2, 0.5, 0.01, 0.01, 15, (15, 16, 17, 18)),
    Specification("Y1", 0.3, 0.5, 0.00316, 0.00316, 29, (28, 29, 30, 31, 32)),
    Specification("S2", 0.042, 0.14, 0.012, 0.001, 76, (60, 61, 62, 63)),
    Specification("B", 0.2, 0.24, 0.01, 0.01, None, (103, 105, 107, 109)),
    Specification("L1", 0.8, 0.74, 0.0057, 0.0001, 162, (119, 121, 123)),
)


@dataclass(frozen=True)
class Row:
    """What was found for one specification; `bits` has the sign."""

    name: str
    published: int | None
    block: int
    structural: int
    taps: int
    bits: int
    gain: float
    violation: float
    seconds: float
    free: tuple[int, ...]

    @property
    def total(self) -> int:
        """Adders in all."""
        return self.block + self.structural


def compare(specification: Specification, effort: int, seed: int) -> Row:
    """Search one specification. Raises ``ValueError`` when nothing is found."""
    began = time.process_time()
    found = cheapest(specification.mask, specification.lengths, np.random.default_rng(seed), effort)
    seconds = time.process_time() - began
    if not found:
        raise ValueError(f"{specification.name}: nothing found with an effort of {effort}; try more")
    best = found[0]
    block, structural = adders(best.values)
    result = measure(best.floats, specification.mask)
    bits = max(abs(v) for v in best.values).bit_length() + 1
    return Row(
        specification.name, specification.published, block, structural, len(best.values), bits,
        result.gain, result.violation, seconds, best.free,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each specification."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--effort", type=int, default=16_000, help="regrowths for each specification")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=[s.name for s in SPECIFICATIONS], help="these specifications")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with the free taps")
    options = parser.parse_args(arguments)
    if not options.json:
        print("spec published ours (block + structural) taps bits   gain violation seconds")
    for specification in SPECIFICATIONS:
        if options.only and specification.name not in options.only:
            continue
        row = compare(specification, options.effort, options.seed)
        if options.json:
            print(json.dumps(asdict(row)), flush=True)
            continue
        known = "-" if row.published is None else str(row.published)
        parts = f"({row.block} + {row.structural})"
        print(
            f"{row.name:4} {known:>9} {row.total:>4} {parts:>20} {row.taps:>4} {row.bits:>4} {row.gain:6.4f} "
            f"{row.violation:>9.5f} {row.seconds:>7.1f}", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
