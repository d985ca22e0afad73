"""MSE of a 64 x 8 uplink at equal ADC power, by bit-true Monte Carlo: allocated bits beside uniform ones and MMSQE-BA.

    python benchmarks/detector.py [--symbols 60000] [--bits 2]

Every case is one channel, SNR and near-far spread; all allocations meet the same symbols and noise, and have exact
weights. Symbols are doubled until the 95 % interval of each difference from the allocated bits has one sign, or the
bits are the same. It ends with status 1 where a rival is better, or where that stays open.
"""

import argparse
import sys

import numpy as np

from hwgen.designs.detector_cases import allocations
from hwgen.designs.monte_carlo import Sums, counted, difference, exact, mean_square
from hwgen.designs.uplink import Uplink
from hwgen.problems.adc import AdcReceiver
from hwgen.problems.channels import beamspace, rayleigh

MODELS = {"rayleigh": rayleigh, "beamspace": beamspace}
RIVALS = ("uniform", "mmsqe-ba", "mmsqe-ba-revised")
MOST = 4_000_000  # symbols of each user


def decided(channel: np.ndarray, budget: float, symbols: int) -> tuple[int, dict[str, float], dict[str, str]]:
    """Symbols that were needed, the MSE of each allocation, and for each rival how it stands to ours."""
    receiver = AdcReceiver(channel, tuple(range(9)), "lmmse", cost="power")
    bits = allocations(receiver, budget, "16qam", symbols, np.random.default_rng([1, 5]))
    links = {name: exact(Uplink(channel, bits[name], "lmmse")) for name in ("allocated", *RIVALS)}
    rng, count, sums = np.random.default_rng([1, 3]), 0, dict[str, Sums]()
    while True:
        more = max(count, symbols)
        fresh = counted(channel, links, "16qam", more, rng)
        # Batches stay as they are, twice as long: each takes another of the fresh ones.
        sums = {name: sums[name] + fresh[name] if sums else fresh[name] for name in links}
        count += more
        verdicts = {name: _verdict(bits, sums, name) for name in RIVALS}
        if "open" not in verdicts.values() or count >= MOST:
            return count, {name: mean_square(part) for name, part in sums.items()}, verdicts


def _verdict(bits: dict[str, tuple[int, ...]], sums: dict[str, Sums], rival: str) -> str:
    if bits[rival] == bits["allocated"]:
        return "same"
    _, low, high = difference(sums["allocated"], sums[rival])
    return "worse" if low > 0 else "better" if high < 0 else "open"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=60_000, help="of each user, to begin with")
    parser.add_argument("--bits", type=int, default=2, help="of the uniform ADCs, whose power is the budget")
    given = parser.parse_args()
    lost = 0
    print(
        f"{'channel':10} {'SNR':>4} {'spread':>6} {'symbols':>9} | {'allocated':>9} "
        + " ".join(f"{name:>24}" for name in RIVALS)
    )
    for name, make in MODELS.items():
        for snr in (-10.0, -5.0, 0.0, 5.0, 10.0, 15.0):
            for spread in (0.0, 20.0):
                h = make(64, 8, snr, np.random.default_rng(1), spread)
                count, mse, verdicts = decided(h, 64.0 * 2**given.bits, given.symbols)
                own = mse["allocated"]
                shown = (f"{mse[r]:9.5f} ({mse[r] / own:6.4f}) {verdicts[r]:>5}" for r in RIVALS)
                print(f"{name:10} {snr:4.0f} {spread:6.0f} {count:9} | {own:9.5f} " + " ".join(shown), flush=True)
                lost += any(verdict in ("better", "open") for verdict in verdicts.values())
    print(f"{24 - lost} of 24 cases: no rival is better")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
