"""Receivers against what is usual: CIC registers after Hogenauer, one width throughout, 16 bits between stages.

    python benchmarks/receivers.py cic
    python benchmarks/receivers.py adsb
    python benchmarks/receivers.py gsm --target xc7

``cic``: register bits and output noise of Hogenauer's choice and of the allocator's, over orders and rates. ``adsb``:
LUTs of the example, and of the smallest chain of one width that decodes 99 % of a float receiver's frames. ``gsm``:
LUTs of the example and of Hogenauer's registers with 16 bits elsewhere (for coefficients too, and with the example's),
at the SQNR that these reach.
"""

import argparse
import runpy
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from hwgen.adders import FAST, best_graph
from hwgen.allocation import allocate
from hwgen.blocks.chain import Chain
from hwgen.cost.estimate import Estimate
from hwgen.cost.resources import synthesise
from hwgen.designs.receiver_bench import Bench
from hwgen.designs.receiver_plan import FirPlan, Plan, StagePlan
from hwgen.designs.receiver_reference import ReceiverReference, reference, with_goal
from hwgen.designs.receiver_search import Search, Tried
from hwgen.emit import verilog
from hwgen.problems.cic import Cic
from hwgen.spec import parse
from hwgen.structures import STRUCTURES

EXAMPLES = Path(__file__).parents[1] / "examples"
ORDERS, RATES = range(3, 7), (8, 16, 25, 32, 64, 100, 128, 256, 512, 1000, 1024)
SAMPLE, WORD = 16, 16  # bits in and out


def cic() -> bool:
    """Print each case; whether none is worse than Hogenauer's."""
    good = True
    print("order rate  bits of registers        output noise, LSB^2")
    print("            Hogenauer  hwgen         Hogenauer   hwgen")
    for order in ORDERS:
        for rate in RATES:
            form = Cic(order, rate, 1, SAMPLE, WORD)
            usual, own = form.hogenauer(), np.array(allocate(form.problem(), 1, 2000).bits)
            errors = form.error(np.stack([usual, own]))
            met = own[:-1].sum() <= usual[:-1].sum() and errors[1] <= errors[0] * (1 + 1e-9)
            good = good and bool(met)
            print(f"{order:5} {rate:4} {usual[:-1].sum():10} {own[:-1].sum():6} {errors[0]:16.4f} {errors[1]:8.4f}"
                  f"{'' if met else '  WORSE'}")  # fmt: skip
    return good


def _reference(name: str, target: str) -> ReceiverReference:
    path = EXAMPLES / f"{name}.toml"
    text = path.read_text(encoding="utf-8").replace('target = "ice40"', f'target = "{target}"')
    return reference(parse(text, path))


def _search(known: ReceiverReference) -> Search:
    spec = known.spec
    return Search(
        known.bench, known.goal, spec.goal.target, spec.search.seed, spec.search.evaluations,
        str(spec.search.algorithm), lambda what, share: None,
    )  # fmt: skip


@cache
def _luts(chain: Chain, target: str) -> int:
    return round(synthesise(verilog(chain.component(), "rx"), "rx", target, timeout=900).lut)


def _compared(own: Tried, usual: Tried, target: str, most: float) -> bool:
    counts = [_luts(entry.chain, target) for entry in (own, usual)]
    for entry, count in zip((own, usual), counts, strict=True):
        print(f"{entry.label:38} {entry.measured.sqnr_db:7.2f} dB (analytic {entry.analytic_db:6.2f})  {count} LUTs")
    print(f"ratio {counts[0] / counts[1]:.3f} on {target}")
    return counts[0] <= most * counts[1]


def adsb(target: str) -> bool:
    """The example against the smallest one width that decodes as many frames."""
    if not (EXAMPLES / "data" / "adsb_if.npy").exists():
        raise SystemExit("the samples are missing: python examples/adsb_receiver.py make")
    tools = runpy.run_path(str(EXAMPLES / "adsb_receiver.py"))
    samples, frames = tools["intermediate"](), tools["frames"]
    words = np.floor(samples * 2048 + 0.5).astype(np.int64)[None]
    wanted = len(frames(tools["received"](samples)))

    def decoded(entry: Tried) -> bool:
        y = entry.chain.model(words)
        count = len(frames(y[0] + 1j * y[1]))
        print(f"{entry.label:24} {count} frames of {wanted}")
        return bool(count >= 0.99 * wanted)

    search = _search(_reference("adsb_receiver", target))
    own = search.best(search.allocated(search.algorithm, "search"))[0]
    usual = search.uniform(decoded)
    assert usual is not None  # 60 bits decode
    return decoded(own) and _compared(own, usual, target, 0.75)


def sixteen(plan: Plan, target: str) -> Plan:
    """The same stages with coefficients of 16 bits, the largest as large as they hold."""
    fabric = Estimate.of(target).fabric
    stages: list[StagePlan] = []
    for stage in plan.stages:
        if isinstance(stage, FirPlan):
            ideal = np.array(stage.ideal)
            fraction = WORD - 1 - int(np.ceil(np.log2(np.abs(ideal).max() * (1 + 2.0**-WORD))))
            values = tuple(int(v) for v in np.floor(np.ldexp(ideal, fraction) + 0.5))
            graph = STRUCTURES[stage.structure](values, best_graph(values, FAST, WORD), fabric)
            stage = replace(stage, coefficients=values, fraction=fraction, graph=graph)
        stages.append(stage)
    return replace(plan, stages=tuple(stages))


def gsm(target: str) -> bool:
    """The example against Hogenauer's registers and 16 bits elsewhere, those of coefficients too; and with its own."""
    known = _reference("gsm_ddc", target)
    wide = _search(replace(known, bench=Bench(sixteen(known.plan, target), known.bench.samples)))
    usual = [
        wide.tried("Hogenauer, 16 bits, coefficients too", "", wide.hogenauer(16)),
        _search(known).tried("Hogenauer, 16 bits, same graphs", "", _search(known).hogenauer(16)),
    ]
    search = _search(with_goal(known, max(entry.measured.sqnr_db for entry in usual)))
    own = search.best(search.allocated(search.algorithm, "search"))[0]
    met = [_compared(own, entry, target, 0.75) for entry in usual]
    return all(met)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["cic", "adsb", "gsm"])
    parser.add_argument("--target", default="ice40")
    given = parser.parse_args()
    done = {"cic": lambda target: cic(), "adsb": adsb, "gsm": gsm}[given.what](given.target)
    sys.exit(0 if done else 1)
