"""The LUT estimate of equalisers against Yosys over random ones: its error, or, with --fit, its weights."""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.optimize import lsq_linear

from hwgen.blocks.dither import Cut
from hwgen.cost.equalizer import FEATURES, Estimate, features
from hwgen.cost.resources import synthesise
from hwgen.designs.equalizer_bench import Bench
from hwgen.designs.equalizer_float import Rule
from hwgen.designs.equalizer_widths import Family
from hwgen.emit import verilog


def drawn(rng: np.random.Generator, taps: int) -> tuple[Family, np.ndarray]:
    """A random equaliser: mostly complex, rules and delays of every kind."""
    parts = 2 if rng.random() < 0.75 else 1
    levels = int(rng.choice([2, 4]))
    channel = ((1.0, 0.0), (0.2, 0.1 * (parts - 1)))
    bench = Bench("s1.9", f"s2.{rng.integers(6, 11)}", taps, parts, levels, 20, channel, 20, -12, 100, 100, 1)
    steps = (int(rng.integers(4, 8)),) if rng.random() < 0.8 else (5, 7)
    leak = None if rng.random() < 0.8 else 9
    rule = Rule(steps, "sign-error" if rng.random() < 0.15 else "lms", int(rng.integers(0, 5)), leak)
    rounding = Cut(rng.choice(["half_up", "half_up", "half_up", "floor", "stochastic"]))
    integers = tuple(int(v) for v in rng.integers(-3, 3, taps))
    family = Family(bench, rule, integers, int(rng.integers(-1, 2)), rounding)
    weight = rng.integers(7, 14, taps)
    words = [weight, rng.integers(3, 8, taps), rng.integers(2, 9, taps), rng.integers(1, 6, taps)]
    row = np.concatenate([*words, [rng.integers(1, 7)], [rng.integers(5, 12)]])
    return family, row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--targets", default="ice40,ecp5,xc7,gowin")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rng = np.random.default_rng(1 if chosen.fit else 2)
    designs = [drawn(rng, int(rng.integers(3, 7))) for _ in range(chosen.count)]
    texts = [verilog(family.lms(row).component(), "dut") for family, row in designs]
    found = {}
    for target in chosen.targets.split(","):
        measured = np.array([synthesise(text, "dut", target).lut for text in texts])
        known = np.concatenate([features(family, row) for family, row in designs])
        if chosen.fit:
            # Rows and multiples rise together: within bounds, neither takes the other's share.
            bounds = ([0.4] * (known.shape[1] - 1) + [0.0], [1.6, 1.6, *[3.0] * (known.shape[1] - 3), 60.0])
            weights = lsq_linear(known / measured[:, None], np.ones(len(measured)), bounds).x
            print(target, tuple(round(float(w), 3) for w in weights))
            estimate = Estimate(target, tuple(weights))
        else:
            estimate = Estimate.of(target)
        off = known @ np.array(estimate.weights) / measured - 1
        found[target] = {
            "mean_percent": 100 * float(np.abs(off).mean()),
            "worst_percent": 100 * float(np.abs(off).max()),
        }
        print(target, found[target], dict(zip(FEATURES, known.mean(axis=0).round(1), strict=True)), flush=True)
    if chosen.out:
        chosen.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
