"""Interpolated FIR cascades on narrow-transition specifications of the literature: adders of each factor, and seconds.

    python benchmarks/cascade.py --effort 64

`single` is the fewest adders known for one filter: the best published set for L1, for B the greedy graph of its
rounded Parks-McClellan taps (no set is published). Seconds are the processor's.
"""

import argparse
import time

from hwgen.designs.cascade import EFFORT, factored
from hwgen.response import Band, Mask, measure, shortest

# Edges as fractions of the sample rate, linear ripples, free gain (specifications as quoted by Shi and Yu, 2011).
SPECS = {
    "L1": (Mask((Band(0, 0.37, 0, 0, 1e-4, False), Band(0.4, 0.5, 1, 1 - 0.0057, 1 + 0.0057, True)), None), 162),
    "B": (Mask((Band(0, 0.1, 1, 0.99, 1.01, True), Band(0.12, 0.5, 0, 0, 0.01, False)), None), 126),
}


def main() -> None:
    """Print a line for each answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--effort", type=int, default=EFFORT, help="placements of a whole filter")
    parser.add_argument("--show", type=int, default=3, help="answers of each specification")
    parser.add_argument("--spec", choices=SPECS, help="only this one")
    options = parser.parse_args()
    print("spec  single  total  delays  violation  seconds  M: taps (block+structural) of each factor")
    for name, (mask, single) in SPECS.items():
        if options.spec not in (None, name):
            continue
        taps = len(shortest(mask))
        start = time.process_time()
        found = factored(mask, taps, options.effort)
        seconds = time.process_time() - start
        for answer in found[: options.show]:
            violation = measure(answer.product.floats, mask).violation
            factors = ", ".join(
                f"{spread}: {len(coefficients.values)} ({block}+{structural})"
                for (coefficients, spread), (block, structural) in zip(answer.parts, answer.part_adders, strict=True)
            )
            print(
                f"{name:<5} {single:>6} {answer.adders:>6} {answer.delays:>7} {violation:>10.4f} {seconds:>8.1f}  "
                f"{factors}"
            )
        if not found:
            print(f"{name:<5} {single:>6}   none")


if __name__ == "__main__":
    main()
