"""LUTs of hwgen's design beside what is written by hand, for one design file: same formats, same Yosys.

    python benchmarks/area.py --target ice40

Every rival is a transposed FIR at full precision whose coefficients are rounded Remez taps; its length, word length and
gain are those that cost it least. hwgen's answer is what its search finds for the same file. Every design is simulated.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import rivals

from hwgen import emit
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Top, expected, script
from hwgen.cost import yosys
from hwgen.cost.resources import TARGETS, Resources, synthesise
from hwgen.designs.fir import search
from hwgen.designs.reference import Reference, reference
from hwgen.designs.values import Coefficients
from hwgen.fixed import Overflow, Rounding
from hwgen.flow import local_pool
from hwgen.journal import Journal
from hwgen.spec import load

LIMITS = {"naive": 0.45, "CSD": 0.65}  # hwgen's LUTs over the rival's, at most
_SAMPLES = 2000
_NAME = "fir"
_BEST = 3  # coefficient sets by proxy that are synthesised for each rival


@dataclass(frozen=True)
class Entry:
    """One row: what was built and what it takes."""

    name: str
    kind: str
    coefficients: str
    resources: Resources
    bit_true: bool


def bit_true(text: str, top: Top, model: Callable[[np.ndarray], np.ndarray], seed: int = 1) -> bool:
    """Whether Icarus Verilog agrees with the exact integers on 2000 samples with gaps and a reset."""
    rng = np.random.default_rng(seed)
    port = top.inputs[0]
    samples = rng.integers(port.minimum, port.maximum + 1, (len(top.inputs), _SAMPLES))
    samples[:, _SAMPLES // 4 : _SAMPLES // 2] = rng.choice(
        [port.minimum, port.maximum], (len(top.inputs), _SAMPLES // 4)
    )
    stimulus = script(samples, rng, resets=[_SAMPLES - 300])
    return simulate(text, top, stimulus, expected(stimulus, model, top.latency)).bit_true


def best_rival(ref: Reference, name: str, kind: str, sets: list[Coefficients], executor: Executor, keep: bool) -> Entry:
    """The smallest of one kind of rival over the coefficient sets."""
    form, output, target = ref.spec.input.format, ref.spec.output.format, ref.spec.goal.target

    def network(c: Coefficients) -> rivals.Network | None:
        return {
            "naive": lambda: None,
            "CSD": lambda: rivals.digits(c.values),
            "da4ml": lambda: rivals.da4ml(c.values, form),
        }[kind]()

    texts = [rivals.verilog(_NAME, c, form, output, ref.channels, network(c), keep) for c in sets]
    counts = list(executor.map(lambda text: synthesise(text, _NAME, target, timeout=900), texts))
    best = min(range(len(sets)), key=lambda k: counts[k].lut)
    chosen = sets[best]
    agreed = bit_true(
        texts[best], rivals.top(_NAME, form, output, ref.channels), lambda x: rivals.model(chosen, form, output, x)
    )
    return Entry(name, kind, _described(chosen), counts[best], agreed)


def _described(c: Coefficients) -> str:
    return f"{len(c.values)} taps, LSB 2^-{c.fraction}"


def entries(ref: Reference, executor: Executor, pool: Executor) -> Iterator[Entry]:
    """Every row of the table, hwgen's last."""
    assert ref.mask is not None
    form = ref.spec.input.format
    sets = rivals.candidates(ref.mask, len(ref.ideal))
    if not sets:
        raise SystemExit("no rounded Remez taps meet the mask: there is nothing to compare with")
    plain = sorted(sets, key=lambda c: rivals.naive_proxy(c, form))[:_BEST]
    by_digits = sorted(sets, key=lambda c: rivals.digit_proxy(c, form))[:_BEST]
    yield best_rival(ref, "naive: * by constants", "naive", plain, executor, False)
    yield best_rival(ref, "CSD shifts and adds", "CSD", by_digits, executor, False)
    yield best_rival(ref, "CSD, adders kept", "CSD", by_digits, executor, True)
    try:
        yield best_rival(ref, "da4ml", "da4ml", by_digits, executor, False)
        yield best_rival(ref, "da4ml, adders kept", "da4ml", by_digits, executor, True)
    except ImportError:
        print("da4ml is not installed and left out; pip install 'hwgen[bench]' brings it", file=sys.stderr)
    yield hwgen_entry(ref, pool)


def hwgen_entry(ref: Reference, pool: Executor) -> Entry:
    """What hwgen's search finds."""
    chosen = search(ref, pool, Journal(None, {}), lambda what, share: None).chosen
    fir = chosen.candidate.fir
    text = emit.verilog(fir.component(), _NAME)
    top = replace(rivals.top(_NAME, fir.input, fir.output, fir.channels), latency=fir.latency)

    def model(x: np.ndarray) -> np.ndarray:
        return fir.model(x if fir.channels == 2 else x[0])

    agreed = bit_true(text, top, model) and chosen.meets
    target = ref.spec.goal.target
    label = f"{_described(chosen.candidate.coefficients)} ({chosen.candidate.label})"
    return Entry("hwgen", "hwgen", label, synthesise(text, _NAME, target, ref.spec.hardware.dsp), agreed)


def requirements(rows: list[Entry]) -> list[dict[str, object]]:
    """hwgen's LUTs over the best of each kind of rival, beside the limit."""
    own = next(r for r in rows if r.kind == "hwgen").resources.lut
    found = []
    for kind, limit in LIMITS.items():
        best = min(r.resources.lut for r in rows if r.kind == kind)
        found.append({"rival": kind, "ratio": round(own / best, 4), "limit": limit, "met": own <= limit * best})
    return found


def table(rows: list[Entry]) -> str:
    """The rows as text."""
    own = next(r for r in rows if r.kind == "hwgen").resources.lut
    lines = [f"{'design':<24}{'LUT':>7}{'FF':>7}{'carry':>7}{'hwgen is':>10}  bit-true  coefficients"]
    for r in rows:
        c, share = r.resources, f"{own / r.resources.lut:.3f} x"
        good = "yes" if r.bit_true else "NO"
        lines.append(f"{r.name:<24}{c.lut:>7.0f}{c.ff:>7.0f}{c.carry:>7.0f}{share:>10}  {good:<8}  {r.coefficients}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "design", nargs="?", type=Path, default=Path(__file__).parents[1] / "examples/lte5_channel.toml"
    )
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="that of the design file unless given")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, too")
    options = parser.parse_args()
    spec = load(options.design)
    if (spec.output.rounding, spec.output.overflow) != (
        Rounding.HALF_UP,
        Overflow.SATURATE,
    ) or spec.response.bands is None:
        parser.error("the rivals round half up, saturate, and need bands")
    results, good = [], True
    for target in options.target or [spec.goal.target]:
        start = time.perf_counter()
        ref = reference(replace(spec, goal=spec.goal.model_copy(update={"target": target})))
        with ThreadPoolExecutor(options.workers) as executor, local_pool(options.workers) as pool:
            rows = list(entries(ref, executor, pool))
        met = requirements(rows)
        good = good and all(r.bit_true for r in rows) and all(m["met"] for m in met)
        print(f"{options.design.name} on {target}, {yosys.version()}, {spec.input.format} in, {spec.output.format} out")
        print(table(rows))
        for m in met:
            print(f"hwgen <= {m['limit']} x {m['rival']}: {m['ratio']}  {'PASS' if m['met'] else 'FAIL'}")
        print(f"{time.perf_counter() - start:.0f} s\n", flush=True)
        results.append({"design": options.design.name, "target": target, "tool": yosys.version(),
                        "rows": [asdict(r) for r in rows], "requirements": met})  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
