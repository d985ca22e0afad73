"""MSE of a 64 x 8 uplink at equal ADC power, by bit-true Monte Carlo: allocated bits beside uniform ones and MMSQE-BA.

    python benchmarks/detector.py [--symbols 60000] [--bits 2]

Every case is one channel, SNR and near-far spread; all allocations meet the same symbols and noise, and have exact
weights. It ends with status 1 where the allocated bits are worse than another allocation by more than both intervals.
"""

import argparse
import sys

import numpy as np

from hwgen.designs.detector_cases import case_step
from hwgen.problems.channels import beamspace, rayleigh

MODELS = {"rayleigh": rayleigh, "beamspace": beamspace}
RIVALS = ("uniform", "mmsqe-ba", "mmsqe-ba-revised")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=60_000)
    parser.add_argument("--bits", type=int, default=2, help="of the uniform ADCs, whose power is the budget")
    given = parser.parse_args()
    worse = 0
    print(
        f"{'channel':10} {'SNR':>4} {'spread':>6} | {'ideal':>9} {'allocated':>9} "
        + " ".join(f"{n:>16}" for n in RIVALS)
    )
    for name, make in MODELS.items():
        for snr in (-10.0, -5.0, 0.0, 5.0, 10.0, 15.0):
            for spread in (0.0, 20.0):
                h = make(64, 8, snr, np.random.default_rng(1), spread)
                plain = [[[float(v.real), float(v.imag)] for v in row] for row in h]
                budget = 64.0 * 2**given.bits
                made = case_step(plain, 0.0, "lmmse", "power", budget, list(range(9)), "16qam", given.symbols, 1, None)
                mse = {key: figures["mse"] for key, figures in made["figures"].items()}
                own = mse["allocated"]
                line = f"{name:10} {snr:4.0f} {spread:6.0f} | {mse['ideal'][0]:9.5f} {own[0]:9.5f} "
                line += " ".join(f"{mse[r][0]:9.5f} ({mse[r][0] / own[0]:.2f})" for r in RIVALS)
                lost = [r for r in RIVALS if own[1] > mse[r][2]]
                worse += bool(lost)
                print(line + (f"  WORSE than {lost}" if lost else ""), flush=True)
    return int(worse > 0)


if __name__ == "__main__":
    sys.exit(main())
