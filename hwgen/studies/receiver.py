"""Receivers: ADC bits for 64 antennas that serve 8 users, and register widths of a CIC decimator."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

import numpy as np

from hwgen.allocation import allocate
from hwgen.problems.adc import AdcReceiver
from hwgen.problems.channels import beamspace, rayleigh
from hwgen.problems.cic import Cic
from hwgen.studies.case import BOUND, Case, Instance, Step, Table

TITLE = "Mixed-resolution receivers"
ABOUT = (
    "64 antennas, 8 users, an LMMSE detector on the additive quantisation noise model of uniform quantisers. The error "
    "is the mean square error of the users' symbols (unit power). Near-far: the nearest user has the SNR given, the "
    "farthest 20 dB less, the others evenly in dB between. Under a power budget of b bits on average an ADC of b bits "
    "takes 2^b and none when off; otherwise the bits are summed. Ratios are (MSE - MSE at infinite resolution) over "
    "the same of a certified lower bound, medians and spreads over channels (random methods: the "
    "first three). “relaxation” rounds the relaxed "
    "optimum during branch and bound: its work is not counted in evaluations, and “allocate” starts from it; "
    "“allocate alone” and all others do not."
)
ERROR_LABEL = "MSE above that of infinite resolution (symbol power 1)"
BUDGET_LABEL = "bits of an antenna, on average"
SHARED = True

ANTENNAS, USERS = 64, 8
CHANNELS = {"rayleigh": rayleigh, "beamspace": beamspace}
EVALUATIONS = 2000
SAMPLED = 3  # channels for the random methods
NODES = 1500
SPREAD_DB = 20.0
# Gaps at which branch and bound ends. Flat 15 dB is hardest: power budgets close slowly, and under a sum of bits
# another method may land within 1 % of the bound by luck.
CLOSE, NEAR, FAR = 0.0019, 0.0099, 0.0999


def cases(quick: bool, seeds: int | None, evaluations: int | None) -> list[Case]:
    """``seeds`` is the number of channels; every random method has one seed on each."""
    count = evaluations or (300 if quick else EVALUATIONS)
    channels = tuple(range(100, 100 + (seeds or (1 if quick else 10))))
    found = []
    for channel in CHANNELS:
        for snr in (0, 15):
            for spread in (0.0, SPREAD_DB):
                for cost in ("power", "bits"):
                    if quick and (cost == "bits" or (snr == 15) == (spread == 0)):
                        continue
                    group = f"{channel}, {snr} dB{', near-far' * (spread > 0)}, {_limit(cost)}"
                    gap = NEAR if snr == 0 or spread else FAR if cost == "power" else CLOSE
                    for bits in (2, 3):
                        parameters = {
                            "channel": channel, "snr": snr, "spread": spread, "cost": cost, "bits": bits, "gap": gap,
                            "nodes": 60 if quick else NODES,
                        }  # fmt: skip
                        main = bits == 2 and cost == "power" and not spread
                        found.append(Case(
                            f"{group} at {bits} bits", group, bits, parameters, (0,), count, channels, SAMPLED, BOUND,
                            main=main,
                        ))  # fmt: skip
    return found


def _limit(cost: str) -> str:
    return "power budget" if cost == "power" else "sum of bits"


def _receiver(parameters: dict[str, Any], seed: int) -> tuple[AdcReceiver, float]:
    make = CHANNELS[parameters["channel"]]
    channel = make(ANTENNAS, USERS, parameters["snr"], np.random.default_rng(seed), parameters["spread"])
    bits, power = parameters["bits"], parameters["cost"] == "power"
    return AdcReceiver(channel, cost=parameters["cost"]), float(ANTENNAS * (2**bits if power else bits))


def instance(parameters: dict[str, Any], seed: int) -> Instance:
    receiver, budget = _receiver(parameters, seed)
    assisted = receiver.problem(budget, parameters["nodes"], parameters["gap"])
    published = {name: bits for name, bits in assisted.starts.items() if name != "relaxation"}
    plain = replace(assisted, starts=published)
    floor, root = receiver.mse_infinite, receiver.relaxation(budget).bound
    return Instance(plain, floor, assisted, lambda bits: {"bound without branching": root})


def certificate(parameters: dict[str, Any], known: float, seconds: float) -> dict[str, Any]:
    raise ValueError("the receiver's bound comes with its instances")


CICS = {"3 stages, R = 8, 12 to 12 bits": (3, 8, 1, 12, 12), "4 stages, R = 25, 16 to 16 bits": (4, 25, 1, 16, 16)}


def extras(quick: bool) -> list[Step]:
    return [("pruning", (name, model, 500 if quick else 5000)) for name in CICS for model in ("exact", "centred")]


def pruning(name: str, model: str, evaluations: int) -> dict[str, Any]:
    """Hogenauer's widths of a CIC decimator, the fewest bits as good, and the least error of as many bits."""
    cic = Cic(*CICS[name], model=model)
    hogenauer = cic.hogenauer()[None]
    total, error = float(cic.consumption(hogenauer)[0]), float(cic.error(hogenauer)[0])
    fewest = allocate(cic.problem(goal=error), 0, evaluations)
    least = allocate(cic.problem(budget=total), 0, evaluations)
    return {
        "name": name, "model": model, "bits": total, "error": error, "fewest": fewest.consumption,
        "fewest_error": fewest.error, "least": least.error, "widths": list(fewest.bits),
    }  # fmt: skip


def tables(results: Sequence[Any], cases: Sequence[dict[str, Any]]) -> list[Table]:
    model = {"exact": "with means", "centred": "means removed"}
    rows = tuple(
        (r["name"], model[r["model"]], f"{r['bits']:g}", f"{r['error']:.4g}", f"{r['fewest']:g}",
         f"{1 - r['fewest'] / r['bits']:.1%}", f"{r['least']:.4g}", f"{r['error'] / r['least']:.2f}")
        for r in results
    )  # fmt: skip
    columns = (
        "CIC decimator", "truncation", "Hogenauer's bits", "noise", "bits for that noise", "saved",
        "noise of those bits", "factor",
    )  # fmt: skip
    caption = (
        "Register bits in all, and mean square truncation error at the output in squared output LSBs. Most of the gain "
        "comes from the means of truncation, which Hogenauer's rule does not model: once a constant removes them, "
        "little is left to find."
    )
    return [_certified(cases), Table("CIC register pruning against Hogenauer (1981)", caption, columns, rows)]


def _certified(cases: Sequence[dict[str, Any]]) -> Table:
    """How far allocate is from both bounds, and the best of all others."""
    rows = []
    for case in cases:
        lines = {line["name"]: line for line in case["methods"]}
        best = np.array([instance["bound"] - instance["floor"] for instance in case["instances"]])
        others = [line["ratios"] for line in case["methods"] if line["name"] not in ("allocate", "relaxation")]
        rival = [min(v for v in values if v is not None) for values in zip_longest(*others)]
        ours = np.array(lines["allocate"]["ratios"], dtype=float)
        root = lines["allocate"]["judged"]["bound without branching"][0]
        rows.append((
            case["key"], f"{np.median(ours):.4f}", f"{ours.max():.4f}", f"{max(rival):.4f}",
            f"{np.nanmax(lines['mmsqe-ba']['ratios']):.3f}", f"{np.nanmax(lines['mmsqe-ba-revised']['ratios']):.3f}",
            f"{np.median(ours * best) / max(root - np.median([i['floor'] for i in case['instances']]), 1e-300):.3f}",
        ))  # fmt: skip
    columns = (
        "case", "allocate, median", "allocate, worst", "best of the others, worst", "MMSQE-BA, worst",
        "revised, worst", "allocate over the plain relaxation",
    )  # fmt: skip
    caption = (
        "Ratios of the excess MSE to that of the certified bound, over the channels; the last column to the bound "
        "without branching (medians)."
    )
    return Table("Certified distance from the optimum", caption, columns, tuple(rows))
