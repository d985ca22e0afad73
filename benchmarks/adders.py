"""Adder graphs of published coefficient sets beside the best known and da4ml: `python benchmarks/adders.py`.

Prints adders, full-adder bits and seconds of processor time for each set. Ends with code 1 if the searched graph takes
more adders than da4ml's, more than one over the best known, more than the best known in over three sets, or more than
5 s; or if the greedy graphs take more than 597 adders together.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from hwgen.adders import THOROUGH, find_graph, full_adder_bits, greedy_graph, realised

SETS = Path(__file__).parent / "data" / "fir.json"
GREEDY = 597  # adders of all greedy graphs together
OVER = 3  # sets that may miss the best known by one adder
SECONDS = 5.0

COLUMNS = ("best", "da4ml", "greedy", "search", "bound", "greedy", "again", "search", "greedy", "search")
FIGURES = len(COLUMNS)


def measured(case: dict, effort: int, width: int) -> tuple[list[int], list[int], float, float]:
    """Adders, full-adder bits, depths (greedy, searched) and seconds of one set."""
    start = time.process_time()
    greedy = greedy_graph(case["coefficients"])
    middle = time.process_time()
    found = find_graph(case["coefficients"], effort, width)
    end = time.process_time()
    again = realised(greedy.constants, width)
    graphs = [g.proved() for g in (greedy, again, found.graph)]
    adders = [case["best_block_adders"], case["da4ml_block_adders"], len(greedy.adders), len(found.graph.adders)]
    figures = [*adders, found.fewest, *(full_adder_bits(g, width) for g in graphs)]
    depths = [max(greedy.depths), max(found.graph.depths)]
    return figures, depths, middle - start, end - middle


def failures(name: str, best: int, da4ml: int, searched: int, seconds: float) -> list[str]:
    """Bars that one set misses."""
    bars = {
        f"{searched} adders, da4ml {da4ml}": searched > da4ml,
        f"{searched} adders, {best} are known": searched > best + 1,
        f"{seconds:.1f} s": seconds >= SECONDS,
    }
    return [f"{name}: {text}" for text, missed in bars.items() if missed]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--effort", type=int, default=THOROUGH, help="pairs of constants a search may combine")
    parser.add_argument("--width", type=int, default=12, help="bits of the input")
    options = parser.parse_args()

    heads = f"{'':<18}{'adders':^35}{'full-adder bits':^21}{'depth':^14}{'ms':>7}{'s':>7}"
    print(heads)
    print(f"{'set':<18}" + "".join(f"{c:>7}" for c in COLUMNS) + f"{'greedy':>7}{'search':>7}")
    missed, over, total, clock = [], [], [0] * FIGURES, [0.0, 0.0]
    for case in json.loads(SETS.read_text(encoding="utf-8"))["sets"]:
        figures, depths, quick, slow = measured(case, options.effort, options.width)
        best, da4ml, _, searched = figures[:4]
        missed += failures(case["name"], best, da4ml, searched, slow)
        over += [case["name"]] if searched > best else []
        row = [*figures, *depths]
        total = [a + b for a, b in zip(total, row, strict=True)]
        clock = [clock[0] + quick, clock[1] + slow]
        print(f"{case['name']:<18}" + "".join(f"{v:>7}" for v in row) + f"{1e3 * quick:>7.1f}{slow:>7.2f}")
    print(f"{'together':<18}" + "".join(f"{v:>7}" for v in total) + f"{1e3 * clock[0]:>7.1f}{clock[1]:>7.2f}")

    if len(over) > OVER:
        missed.append(f"{len(over)} sets over the best known: {', '.join(over)}")
    if total[2] > GREEDY:
        missed.append(f"greedy graphs take {total[2]} adders, {GREEDY} before")
    for text in missed:
        print(f"MISSED {text}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
