"""LUTs of hwgen's designs beside those of other generators and of hand-written Verilog: same formats, same Yosys.

    python benchmarks/area.py                                  the example lte5_channel: same mask, formats and SQNR
    python benchmarks/area.py --spec S2 --spec Y1 --target xc7    published specifications (--spec all: every one)
    python benchmarks/area.py --set SHI11_S2                   published coefficients as they are, at full precision
    python benchmarks/area.py --set all --cells                the same by logic cells as well (ice40, ecp5)
    python benchmarks/area.py --spec all --fmax                with the clock rate that nextpnr reaches (ice40, ecp5)

Rivals of a mask are full-precision FIRs, transposed (T) and direct with their pairs added first (D), of rounded Remez
taps; length, word length and gain are those that cost each rival least, except for "naive": the shortest filter that
rounding leaves within the mask, as it comes. "kept": ``(* keep *)`` on every adder, which often helps. hwgen's answer
to a mask is what `hwgen run` finds, in a folder of build/area, proved there over 20,000 samples in Icarus Verilog and a
million in Verilator; the mask is judged again by the response of the Verilog. To coefficients it is the smaller of its
structures, in LUTs and (with --cells) in cells, proved likewise. Rivals are simulated over 2000 samples.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import area_rows
import filters
import fitted
import numpy as np
import rival_verilog
import rivals
from area_rows import NAME, Counted, Entry

import hwgen
from hwgen import emit, verify
from hwgen.blocks.fir import Fir
from hwgen.check.script import script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Top
from hwgen.cost import yosys
from hwgen.cost.resources import TARGETS, Resources
from hwgen.designs.realised import MOVED
from hwgen.designs.reference import Reference, reference
from hwgen.designs.sizing import full_precision
from hwgen.designs.values import Coefficients
from hwgen.finished.fir import Design
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
_RUNS = Path(__file__).parents[1] / "build" / "area"
_BEST = 3  # coefficient sets by proxy that are synthesised for each rival


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
    counted: Counted
    sets: tuple[Coefficients, ...]
    by_product: tuple[Coefficients, ...]  # the order for multipliers
    plain: tuple[Coefficients, ...]  # what rounding gives
    kinds: tuple[str, ...]  # of rivals

    def best(self, rival: Rival, executor: Executor) -> Entry:
        """The smallest design of one rival."""
        sets = (self.by_product if rival.kind == "tuned" else self.sets if rival.tuned else self.plain)[:_BEST]
        texts = [
            rival_verilog.verilog(NAME, c, self.input, self.output, self.channels, rival.network(c, self.input),
                                  rival.keep, rival.direct) for c in sets
        ]  # fmt: skip
        counts = list(executor.map(self.counted.luts, texts))
        best = min(range(len(sets)), key=lambda k: counts[k].lut)
        top = rival_verilog.top(NAME, self.input, self.output, self.channels)
        agreed = bit_true(texts[best], top, lambda x: rival_verilog.model(sets[best], self.input, self.output, x))
        placed = self.counted.packed(texts[best]), self.counted.routed(texts[best])
        return Entry(rival.name, rival.kind, described(sets[best]), counts[best], agreed, *placed, given=sets[best])

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


def proved(design: Design) -> bool:
    """Whether both simulators agree with the model: 20,000 samples in Icarus Verilog, a million in Verilator."""
    return all(check(design, None, 1).bit_true for check in (verify.bit_true, verify.bulk))


def smallest(firs: Sequence[Fir], counted: Counted, executor: Executor) -> list[Entry]:
    """hwgen's rows: the finished block of fewest LUTs, and where cells are counted that of fewest cells, proved."""
    texts = [emit.verilog(fir.component(), NAME) for fir in firs]
    counts, cells = list(executor.map(counted.luts, texts)), list(executor.map(counted.packed, texts))
    chosen = {min(range(len(firs)), key=lambda k: (counts[k].lut, cells[k] or 0)): "hwgen"}
    if counted.cells:
        chosen.setdefault(min(range(len(firs)), key=lambda k: (cells[k] or 0, counts[k].lut)), "hwgen, cells")
    rows = []
    for k, name in chosen.items():
        design = Design(NAME, firs[k], firs[k].coefficients, verilog=texts[k])
        label = f"{len(design.coefficients)} taps, {design.fir.structure}"
        placed = cells[k], counted.routed(texts[k])
        rows.append(Entry(name, "hwgen", label, counts[k], proved(design), *placed))
    return rows


def job(ref: Reference, counted: Counted, kinds: tuple[str, ...]) -> Job:
    """What rivals may choose from for a mask."""
    assert ref.mask is not None
    form = ref.spec.input.format
    sets = rivals.candidates(ref.mask, len(ref.ideal))
    if not sets:
        raise SystemExit("no rounded Remez taps meet the mask: there is nothing to compare with")
    return Job(
        form, ref.spec.output.format, ref.channels, counted,
        tuple(sorted(sets, key=lambda c: rivals.digit_proxy(c, form))),
        tuple(sorted(sets, key=lambda c: rivals.naive_proxy(c, form))),
        tuple(c for c in (rivals.plain(ref.mask, len(ref.ideal)),) if c is not None), kinds,
    )  # fmt: skip


def of_mask(
    ref: Reference, counted: Counted, kinds: tuple[str, ...], executor: Executor, pool: Executor
) -> list[Entry]:
    """Same mask, input and output formats and SQNR."""
    assert ref.mask is not None
    rows = list(job(ref, counted, kinds).rows(executor))
    return [*rows, found(ref.spec, ref.mask, counted, pool)]


def found(spec: Spec, mask: Mask, counted: Counted, pool: Executor) -> Entry:
    """hwgen's row for a mask: a finished run, its proof, and its mask judged by what the Verilog does."""
    folder = _RUNS / f"{spec.design.name}-{spec.goal.target}"
    claim(folder, force=False)
    result = Run(spec, folder, pool).everything()
    design = hwgen.load(folder)
    shares = [measure(taps, mask).violation for taps in (design.taps, fitted.response(design))]
    label = f"{len(design.coefficients)} taps, LSB 2^-{design.fir.fraction} ({design.fir.structure}"
    label += f"; {shares[0]:.4f} of the mask, {shares[1]:.4f} by its response)"
    measured = Resources(spec.goal.target, **result["resources"]["synthesis"])
    good = succeeded(result) and shares[0] <= 1 and shares[1] <= 1 + MOVED
    return Entry("hwgen", "hwgen", label, measured, good, None, counted.routed(design.verilog, design.name))


def of_set(values: tuple[int, ...], counted: Counted, kinds: tuple[str, ...], executor: Executor) -> list[Entry]:
    """Same coefficients, 12-bit input, full-precision output: nothing is dropped by anybody."""
    total, form = sum(abs(v) for v in values), Format(1, 11)
    fraction = int(np.ceil(np.log2(total)))
    output = Format.for_range(
        total * form.minimum, -total * form.minimum, fraction=fraction + form.fraction, signed=True
    )
    given = Coefficients(values, fraction)
    rows = Job(form, output, 1, counted, (given,), (given,), (given,), kinds).rows(executor)
    return [*rows, *smallest(full_precision(given, form, output, counted.target), counted, executor)]


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
    parser.add_argument("--cells", action="store_true", help="compare a set by logic cells as nextpnr packs them, too")
    parser.add_argument("--fmax", action="store_true", help="place and route as well (ice40, ecp5), where it fits")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the tables there, too")
    options = parser.parse_args()
    mode = "cells" if options.set and options.cells else "set" if options.set else "spec" if options.spec else "design"
    kinds, size = tuple(options.rival or KINDS), area_rows.cells if mode == "cells" else area_rows.luts
    results, good = [], True

    def told(name: str, target: str, rows: list[Entry], start: float) -> None:
        nonlocal good
        met = area_rows.requirements(rows, LIMITS[mode], size)
        if mode == "cells":
            met += area_rows.requirements(rows, LIMITS["set"], area_rows.luts)
        good = good and all(r.bit_true for r in rows)
        print(f"{name} on {target}, {yosys.version()}\n{area_rows.table(rows, size)}")
        print(
            ", ".join(f"{m['ratio']} of {m['rival']} in {m['of']}" for m in met)
            + f"; {time.perf_counter() - start:.0f} s\n",
            flush=True,
        )
        results.append({"design": name, "target": target, "tool": yosys.version(), "rows": [asdict(r) for r in rows],
                        "requirements": met})  # fmt: skip
        if options.json:
            options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")

    with ThreadPoolExecutor(options.workers) as executor, local_pool(options.workers) as pool:
        for target in options.target or ([None] if mode == "design" else ["ice40"]):
            if options.set:
                counted = Counted(target, options.cells, options.fmax)
                for chosen in filters.published(None if options.set == ["all"] else options.set):
                    start = time.perf_counter()
                    told(chosen.name, target, of_set(chosen.coefficients, counted, kinds, executor), start)
                continue
            for spec in specs(options, target):
                start, counted = time.perf_counter(), Counted(spec.goal.target, fmax=options.fmax)
                rows = of_mask(reference(spec), counted, kinds, executor, pool)
                told(spec.path.name, spec.goal.target, rows, start)
    lines, met = area_rows.summary(results, WORST.get(mode, {}))
    print("\n".join(lines))
    sys.exit(0 if good and met else 1)


if __name__ == "__main__":
    main()
