"""LUTs of hwgen's designs beside those of other generators and of hand-written Verilog: same formats, same Yosys.

    python benchmarks/area.py                                  the example lte5_channel: same mask, formats and SQNR
    python benchmarks/area.py --spec S2 --spec Y1 --target xc7    published specifications (--spec all: every one)
    python benchmarks/area.py --set SHI11_S2                   published coefficients as they are, at full precision
    python benchmarks/area.py --set all --cells                the same by logic cells (ice40, ecp5)

Rivals of a mask are full-precision FIRs, transposed (T) and direct with their pairs added first (D), of rounded Remez
taps; length, word length and gain are those that cost each rival least, except for "naive": the shortest filter that
rounding leaves within the mask, as it comes. "kept": ``(* keep *)`` on every adder, which often helps. hwgen's answer
to a mask is what `hwgen run` finds, in a folder of build/area, proved there over 20,000 samples in Icarus Verilog and a
million in Verilator; the mask is judged again by the response of the Verilog. To coefficients it is the smaller of its
structures. Rivals are simulated over 2000 samples.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import filters
import fitted
import numpy as np
import rival_verilog
import rivals

import hwgen
from hwgen import emit
from hwgen.blocks.fir import Fir
from hwgen.check.script import script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Top
from hwgen.cost import place, yosys
from hwgen.cost.measure import packed_step, synthesise_step
from hwgen.cost.resources import TARGETS, Resources
from hwgen.designs.reference import Reference, reference
from hwgen.designs.sizing import full_precision
from hwgen.designs.values import Coefficients
from hwgen.fixed import Format, Overflow, Rounding
from hwgen.flow import Run, claim, succeeded
from hwgen.response import Mask, measure
from hwgen.spec import Spec, load
from hwgen.workers import local_pool

# hwgen's LUTs over the best rival's of a kind, at most: in each mode, of one design and (geometric) of all on a target.
LIMITS = {
    "design": {"tuned": 0.45, "CSD": 0.65},
    "spec": {"naive": 0.25, "da4ml": 0.58},
    "set": {"da4ml": 0.88},
    "cells": {"da4ml": 0.95},
}
WORST = {"spec": {"da4ml": 0.75}}  # of any one design
_SAMPLES = 2000
_MOVED = 0.05  # of the mask, by which dropped bits that follow the samples may move the response beyond it
_NAME = "fir"
_RUNS = Path(__file__).parents[1] / "build" / "area"
_BEST = 3  # coefficient sets by proxy that are synthesised for each rival


@dataclass(frozen=True)
class Entry:
    """One row: what was built and what it takes."""

    name: str
    kind: str
    coefficients: str
    resources: Resources
    bit_true: bool
    cells: int | None = None  # as nextpnr packs them, where asked for


@dataclass(frozen=True)
class Rival:
    """A way to build given coefficients."""

    name: str
    kind: str
    network: Callable[[Coefficients, Format], rival_verilog.Network | rival_verilog.Dot | None]
    keep: bool = False
    direct: bool = False
    tuned: bool = True  # whether it chooses its coefficients


RIVALS = (
    Rival("naive *, T", "naive", lambda c, form: None, tuned=False),
    Rival("naive *, D", "naive", lambda c, form: None, direct=True, tuned=False),
    Rival("tuned *, T", "tuned", lambda c, form: None),
    Rival("tuned *, D", "tuned", lambda c, form: None, direct=True),
    Rival("CSD, T", "CSD", lambda c, form: rivals.digits(c.values)),
    Rival("CSD, T, kept", "CSD", lambda c, form: rivals.digits(c.values), keep=True),
    Rival("da4ml, T", "da4ml", lambda c, form: rivals.da4ml(c.values, form)),
    Rival("da4ml, T, kept", "da4ml", lambda c, form: rivals.da4ml(c.values, form), keep=True),
    Rival("da4ml, D", "da4ml", lambda c, form: rivals.da4ml_dot(c.values, form), direct=True),
    Rival("da4ml, D, kept", "da4ml", lambda c, form: rivals.da4ml_dot(c.values, form), keep=True, direct=True),
)
KINDS = tuple(dict.fromkeys(rival.kind for rival in RIVALS))


def bit_true(text: str, top: Top, model: Callable[[np.ndarray], np.ndarray], seed: int = 1) -> bool:
    """Whether Icarus Verilog agrees with the exact integers on 2000 samples with gaps and a reset."""
    rng = np.random.default_rng(seed)
    port = top.inputs[0]
    samples = rng.integers(port.minimum, port.maximum + 1, (len(top.inputs), _SAMPLES))
    samples[:, _SAMPLES // 4 : _SAMPLES // 2] = rng.choice(
        [port.minimum, port.maximum], (len(top.inputs), _SAMPLES // 4)
    )
    stimulus = script(samples, rng, resets=[_SAMPLES - 300])
    return simulate(text, top, stimulus, top.expected(stimulus, model)).bit_true


@dataclass(frozen=True)
class Job:
    """What is compared: formats, target, and the coefficient sets a rival may choose from, the likeliest first."""

    input: Format
    output: Format
    channels: int
    target: str
    sets: tuple[Coefficients, ...]
    by_product: tuple[Coefficients, ...]  # the order for multipliers
    plain: tuple[Coefficients, ...]  # what rounding gives
    kinds: tuple[str, ...]  # of rivals
    cells: bool = False

    def best(self, rival: Rival, executor: Executor) -> Entry:
        """The smallest design of one rival."""
        sets = (self.by_product if rival.kind == "tuned" else self.sets if rival.tuned else self.plain)[:_BEST]
        texts = [
            rival_verilog.verilog(_NAME, c, self.input, self.output, self.channels, rival.network(c, self.input),
                                  rival.keep, rival.direct) for c in sets
        ]  # fmt: skip
        counts = list(executor.map(lambda text: _synthesised(text, self.target), texts))
        best = min(range(len(sets)), key=lambda k: counts[k].lut)
        top = rival_verilog.top(_NAME, self.input, self.output, self.channels)
        agreed = bit_true(texts[best], top, lambda x: rival_verilog.model(sets[best], self.input, self.output, x))
        cells = _packed(texts[best], self.target) if self.cells else None
        return Entry(rival.name, rival.kind, described(sets[best]), counts[best], agreed, cells)

    def rows(self, executor: Executor) -> Iterator[Entry]:
        """The rivals' rows."""
        for rival in RIVALS:
            if rival.kind not in self.kinds or (not rival.tuned and not self.plain):
                continue
            try:
                yield self.best(rival, executor)
            except ImportError:
                print(f"{rival.name} is left out; pip install 'hwgen[bench]' brings it", file=sys.stderr)


def described(c: Coefficients) -> str:
    return f"{len(c.values)} taps, LSB 2^-{c.fraction}"


def _synthesised(text: str, target: str) -> Resources:
    return Resources(target, **synthesise_step(text, _NAME, target, False, yosys.version(), 900), tool=yosys.version())


def _packed(text: str, target: str) -> int:
    return packed_step(text, _NAME, target, False, place.tool(target))


def smallest(firs: Sequence[Fir], target: str, cells: bool, executor: Executor) -> Entry:
    """hwgen's row: the smallest of finished blocks, simulated."""
    texts = [emit.verilog(fir.component(), _NAME) for fir in firs]

    def counted(text: str) -> tuple[Resources, int | None]:
        return _synthesised(text, target), _packed(text, target) if cells else None

    counts = list(executor.map(counted, texts))
    best = min(range(len(firs)), key=lambda k: _size(*counts[k]))
    fir, text, (resources, packed) = firs[best], texts[best], counts[best]
    top = replace(rival_verilog.top(_NAME, fir.input, fir.output, fir.channels), latency=fir.latency)

    def model(x: np.ndarray) -> np.ndarray:
        return fir.model(x if fir.channels == 2 else x[0])

    label = f"{len(fir.coefficients)} taps, {fir.structure}"
    return Entry("hwgen", "hwgen", label, resources, bit_true(text, top, model), packed)


def of_mask(ref: Reference, kinds: tuple[str, ...], executor: Executor, pool: Executor) -> list[Entry]:
    """Same mask, input and output formats and SQNR."""
    assert ref.mask is not None
    form = ref.spec.input.format
    sets = rivals.candidates(ref.mask, len(ref.ideal))
    if not sets:
        raise SystemExit("no rounded Remez taps meet the mask: there is nothing to compare with")
    job = Job(
        form, ref.spec.output.format, ref.channels, ref.spec.goal.target,
        tuple(sorted(sets, key=lambda c: rivals.digit_proxy(c, form))),
        tuple(sorted(sets, key=lambda c: rivals.naive_proxy(c, form))),
        tuple(c for c in (rivals.plain(ref.mask, len(ref.ideal)),) if c is not None), kinds,
    )  # fmt: skip
    rows = list(job.rows(executor))
    return [*rows, found(ref.spec, ref.mask, pool)]


def found(spec: Spec, mask: Mask, pool: Executor) -> Entry:
    """hwgen's row for a mask: a finished run, its proof, and its mask judged by what the Verilog does."""
    folder = _RUNS / f"{spec.design.name}-{spec.goal.target}"
    claim(folder, force=False)
    result = Run(spec, folder, pool).everything()
    design = hwgen.load(folder)
    shares = [measure(taps, mask).violation for taps in (design.taps, fitted.response(design))]
    label = f"{len(design.coefficients)} taps, LSB 2^-{design.fir.fraction} ({design.fir.structure}"
    label += f"; {shares[0]:.4f} of the mask, {shares[1]:.4f} by its response)"
    measured = Resources(spec.goal.target, **result["resources"]["synthesis"])
    return Entry("hwgen", "hwgen", label, measured, succeeded(result) and shares[0] <= 1 and shares[1] <= 1 + _MOVED)


def of_set(
    values: tuple[int, ...], target: str, kinds: tuple[str, ...], executor: Executor, cells: bool
) -> list[Entry]:
    """Same coefficients, 12-bit input, full-precision output: nothing is dropped by anybody."""
    total, form = sum(abs(v) for v in values), Format(1, 11)
    fraction = int(np.ceil(np.log2(total)))
    output = Format.for_range(
        total * form.minimum, -total * form.minimum, fraction=fraction + form.fraction, signed=True
    )
    given = Coefficients(values, fraction)
    job = Job(form, output, 1, target, (given,), (given,), (given,), kinds, cells)
    return [*job.rows(executor), smallest(full_precision(given, form, output, target), target, cells, executor)]


def size(entry: Entry) -> float:
    return _size(entry.resources, entry.cells)


def _size(resources: Resources, cells: int | None) -> float:
    """What is compared: cells where they were counted, else LUTs."""
    return resources.lut if cells is None else cells


def requirements(rows: list[Entry], limits: dict[str, float]) -> list[dict[str, object]]:
    """hwgen's LUTs, or cells, over the best of each kind of rival that computes what it should, beside the limit."""
    own = size(next(r for r in rows if r.kind == "hwgen"))
    found = []
    for kind, limit in limits.items():
        best = min((size(r) for r in rows if r.kind == kind and r.bit_true), default=None)
        if best is not None:
            found.append({"rival": kind, "ratio": round(own / best, 4), "limit": limit, "met": own <= limit * best})
    return found


def table(rows: list[Entry]) -> str:
    """The rows as text."""
    own = size(next(r for r in rows if r.kind == "hwgen"))
    packed = f"{'cells':>7}" if any(r.cells is not None for r in rows) else ""
    lines = [f"{'design':<18}{'LUT':>7}{'FF':>7}{'carry':>7}{packed}{'hwgen is':>10}  bit-true  coefficients"]
    for r in rows:
        c, share = r.resources, f"{own / size(r):.3f} x"
        good, cells = "yes" if r.bit_true else "NO", "" if r.cells is None else f"{r.cells:>7}"
        lines.append(
            f"{r.name:<18}{c.lut:>7.0f}{c.ff:>7.0f}{c.carry:>7.0f}{cells}{share:>10}  {good:<8}  {r.coefficients}"
        )
    return "\n".join(lines)


def summary(results: list[dict], limits: dict[str, float], worst: dict[str, float]) -> tuple[list[str], bool]:
    """Geometric means of the ratios on each target, and whether all limits hold."""
    lines, good = [], True
    for target in dict.fromkeys(r["target"] for r in results):
        for kind, limit in limits.items():
            ratios = [
                m["ratio"] for r in results if r["target"] == target for m in r["requirements"] if m["rival"] == kind
            ]
            if ratios:
                mean = float(np.exp(np.mean(np.log(ratios))))
                met = mean <= limit and max(ratios) <= worst.get(kind, np.inf)
                good &= met
                bound = f" (limit {worst[kind]})" if kind in worst else ""
                verdict = f"limit {limit}, worst {max(ratios):.3f}{bound}  {'PASS' if met else 'FAIL'}"
                lines.append(f"{target}: hwgen over {kind}: geometric mean {mean:.3f} of {len(ratios)}, {verdict}")
    return lines, good


def specs(options: argparse.Namespace, target: str | None) -> Iterator[Spec]:
    """The design files asked for, on a target."""
    names = filters.specifications() if options.spec == ["all"] else options.spec or []
    if names:
        yield from (filters.specification(name, target or "ice40") for name in names)
        return
    for path in options.design or [Path(__file__).parents[1] / "examples/lte5_channel.toml"]:
        spec = load(path)
        if (spec.output.rounding, spec.output.overflow) != (Rounding.HALF_UP, Overflow.SATURATE):
            raise SystemExit("the rivals round half up and saturate")
        if spec.response.bands is None:
            raise SystemExit("the rivals need bands")
        yield spec if target is None else replace(spec, goal=spec.goal.model_copy(update={"target": target}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("design", nargs="*", type=Path)
    parser.add_argument("--spec", action="append", help="a published specification, or all")
    parser.add_argument("--set", action="append", help="a published coefficient set, or all")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="that of the design file unless given")
    parser.add_argument("--rival", action="append", choices=list(KINDS), help="this kind alone")
    parser.add_argument("--cells", action="store_true", help="compare a set by logic cells as nextpnr packs them")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tables there, too")
    options = parser.parse_args()
    mode = "cells" if options.set and options.cells else "set" if options.set else "spec" if options.spec else "design"
    kinds = tuple(options.rival or KINDS)
    results, good = [], True

    def told(name: str, target: str, rows: list[Entry], start: float) -> None:
        nonlocal good
        met = requirements(rows, LIMITS[mode])
        good = good and all(r.bit_true for r in rows)
        print(f"{name} on {target}, {yosys.version()}\n{table(rows)}")
        print(
            ", ".join(f"{m['ratio']} of {m['rival']}" for m in met) + f"; {time.perf_counter() - start:.0f} s\n",
            flush=True,
        )
        results.append({"design": name, "target": target, "tool": yosys.version(), "rows": [asdict(r) for r in rows],
                        "requirements": met})  # fmt: skip
        if options.json:
            options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")

    with ThreadPoolExecutor(options.workers) as executor, local_pool(options.workers) as pool:
        for target in options.target or ([None] if mode == "design" else ["ice40"]):
            if options.set:
                for chosen in filters.published(None if options.set == ["all"] else options.set):
                    start = time.perf_counter()
                    told(
                        chosen.name, target, of_set(chosen.coefficients, target, kinds, executor, options.cells), start
                    )
                continue
            for spec in specs(options, target):
                start = time.perf_counter()
                told(spec.path.name, spec.goal.target, of_mask(reference(spec), kinds, executor, pool), start)
    lines, met = summary(results, LIMITS[mode], WORST.get(mode, {}))
    print("\n".join(lines))
    sys.exit(0 if good and met else 1)


if __name__ == "__main__":
    main()
