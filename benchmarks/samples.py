"""Random designs for `benchmarks/estimate.py`: transposed, direct, phases of interpolation, cascades, folded."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from hwgen.adders import greedy_graph
from hwgen.blocks.folded import Folded
from hwgen.cost.estimate import Estimate, Fabric, Work
from hwgen.designs.word_lengths import WordLengths
from hwgen.emit import verilog
from hwgen.fixed import Format, Overflow, Rounding
from hwgen.flowgraph import FlowGraph
from hwgen.structures import PHASES, SMALLEST, STRUCTURES, cascade

UNSEEN = 1000  # number of the first design that nothing is fitted to
# Kinds of twenty designs in a row: 65 % one filter (or its phases), 15 % cascades, 20 % folded, half of these with DSP.
MIX = [
    "plain", "plain", "cascade", "plain", "folded", "plain", "plain", "folded dsp", "plain", "plain",
    "cascade", "plain", "plain", "folded", "plain", "plain", "cascade", "plain", "folded dsp", "plain",
]  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One random design: its kind, what it is, what its estimate is made from, its Verilog."""

    kind: str
    label: str
    counted: Work | Folded
    text: str

    @property
    def dsp(self) -> bool:
        return self.kind == "folded dsp"


def taps(rng: np.random.Generator, most: int = 80) -> tuple[str, NDArray[np.float64]]:
    """Lowpass, bandpass or random taps, 8 to `most` of them, of a gain between 0.5 and 1."""
    count, kind = (
        int(rng.integers(8, most + 1)),
        str(rng.choice(["lowpass", "bandpass", "random"], p=[0.45, 0.35, 0.2])),
    )
    if kind == "random":
        found = rng.standard_normal(count) * np.hanning(count + 2)[1:-1] ** rng.uniform(0, 1)
        found /= np.abs(found).sum()
    else:
        edges = (
            [rng.uniform(0.05, 0.4)] if kind == "lowpass" else np.sort(rng.uniform(0.05, 0.95, 2)) + np.array([0, 0.04])
        )
        found = signal.firwin(count, edges, pass_zero=kind, window=("kaiser", rng.uniform(2, 9)))
    return f"{kind} {count}", found * rng.uniform(0.5, 1)


def rounded_taps(rng: np.random.Generator, most: int = 80) -> tuple[str, tuple[int, ...], int]:
    """Taps as integers, zeros at the end left out, and their fraction bits."""
    while True:
        label, ideal = taps(rng, most)
        fraction = int(rng.integers(6, 17))
        values = tuple(int(v) for v in np.trim_zeros(np.rint(np.ldexp(ideal, fraction)).astype(int), "b"))
        if len(values) >= 8:
            return label, values, fraction


def formats(rng: np.random.Generator) -> tuple[Format, Format, Rounding, Overflow]:
    """Of the input, of the output, and how it is rounded and limited."""
    wide, out = int(rng.integers(6, 17)), int(rng.integers(8, 19))
    rounding = Rounding(str(rng.choice(["half_up", "half_even", "floor"], p=[0.7, 0.15, 0.15])))
    overflow = Overflow(str(rng.choice(["saturate", "wrap"], p=[0.7, 0.3])))
    return Format(1, wide - 1), Format(1, out - 1), rounding, overflow


def sample(number: int, target: str, kind: str | None = None) -> Sample:
    """Random design `number` for a target: of the given kind, or of the one that the mix has there.

    Where subtracting inverts words in LUTs, half of the designs keep complements.
    """
    rng, kind = np.random.default_rng(number), kind or MIX[number % len(MIX)]
    if kind.startswith("folded"):
        return folded(rng, kind == "folded dsp")
    return (cascaded if kind == "cascade" else plain)(rng, Estimate.of(target).fabric)


def plain(rng: np.random.Generator, fabric: Fabric) -> Sample:
    """One filter, transposed or direct, perhaps the phases of one that interpolates."""
    label, values, fraction = rounded_taps(rng)
    form = formats(rng)
    structure = str(rng.choice(SMALLEST))
    factor = int(rng.choice([1, 1, 1, 1, 1, 2, 4]))
    fabric = replace(fabric, inverting=fabric.inverting * float(rng.random() < 0.5))
    adders = greedy_graph(values)
    graph = (
        STRUCTURES[structure](values, adders, fabric)
        if factor == 1
        else PHASES[structure](values, adders, factor, fabric)
    )
    return sized(rng, "plain", f"{label} taps, {structure}, x {factor}", values, fraction, graph, form, structure)


def cascaded(rng: np.random.Generator, fabric: Fabric) -> Sample:
    """A filter whose delays are stretched, behind or before one or two small ones."""
    label, values, fraction = rounded_taps(rng, 40)
    spread = int(rng.integers(2, 5))
    parts = [(values, spread)]
    for _ in range(int(rng.integers(1, 3))):
        small = [(1, 1), (1, 2, 1), (1, 3, 3, 1), (1,) * spread, (-1, 0, 9, 16, 9, 0, -1)]
        chosen = small[int(rng.integers(len(small)))]
        fraction += int(np.ceil(np.log2(sum(chosen))))
        parts.insert(int(rng.integers(len(parts) + 1)), (chosen, int(rng.integers(1, spread + 1))))
    form = formats(rng)
    structure = str(rng.choice(SMALLEST))
    fabric = replace(fabric, inverting=fabric.inverting * float(rng.random() < 0.5))
    graph = cascade([(v, s, greedy_graph(v), structure) for v, s in parts], fabric)
    whole = tuple(graph.responses()[0])
    spreads = " ".join(f"{len(v)}:{s}" for v, s in parts)
    return sized(
        rng, "cascade", f"{label} taps, cascaded {structure} {spreads}", whole, fraction, graph, form, structure
    )


def sized(
    rng: np.random.Generator,
    kind: str,
    label: str,
    values: tuple[int, ...],
    fraction: int,
    graph: FlowGraph,
    form: tuple[Format, Format, Rounding, Overflow],
    structure: str,
) -> Sample:
    """The graph with LSBs within what a search would try."""
    input, output, rounding, overflow = form
    lengths = WordLengths(values, fraction, graph, input, output, rounding, overflow, structure)
    lsbs = lengths.reference(-output.fraction - int(rng.integers(-1, 6)))
    lsbs = lsbs - rng.integers(-1, 5) * ~lengths.accumulators
    if rng.random() < 0.5:  # as a swarm leaves them
        lsbs -= rng.integers(0, 3, len(lsbs))
    lsbs = np.maximum(lsbs, lengths.natural)
    reset_data = bool(rng.random() < 0.7)
    decimate = int(rng.choice([1, 1, 1, 1, 1, 2, 4])) if len(graph.outputs) == 1 else 1
    lengths = replace(lengths, decimate=decimate, reset_data=reset_data)
    text = verilog(lengths.fir(lsbs).component(), "fir")
    return Sample(kind, f"{label}, / {decimate}, {described(fraction, form)}", lengths.work(lsbs[None, :]), text)


def folded(rng: np.random.Generator, dsp: bool) -> Sample:
    """A folded filter of one to four multipliers; some decimate or interpolate, some are complex."""
    while True:
        label, values, fraction = rounded_taps(rng)
        form = formats(rng)
        decimate, interpolate = (int(v) for v in [(1, 1), (1, 1), (1, 1), (2, 1), (4, 1), (1, 2)][rng.integers(6)])
        products = (len(values) + 1) // 2 if values in (values[::-1], tuple(-v for v in values[::-1])) else len(values)
        clocks = -(-products // int(rng.choice([1, 1, 2, 3, 4]))) + int(rng.choice([0, 1, 1, 3]))
        interval = max(-(-clocks * interpolate // decimate), 2)
        channels = int(rng.choice([1, 1, 1, 1, 2]))
        coarser = None if dsp or rng.random() < 0.2 else -form[1].fraction - int(rng.integers(1, 9))
        options = {
            "channels": channels, "decimate": decimate, "interpolate": interpolate,
            "reset_data": bool(rng.random() < 0.7), "dsp": dsp,
        }  # fmt: skip
        try:
            block = Folded(values, fraction, form[0], form[1], interval, form[2], form[3], lsb=coarser, **options)
        except ValueError:  # the cut lies below the product
            continue
        name = f"folded{' with DSP' * dsp}, {block.units} x {channels} multipliers, {interval} clocks"
        rates = f"/ {decimate} x {interpolate}, cut {block.cut}"
        text = verilog(block.component(), "fir")
        kind = "folded dsp" if dsp else "folded"
        return Sample(kind, f"{label} taps, {name}, {rates}, {described(fraction, form)}", block, text)


def described(fraction: int, form: tuple[Format, Format, Rounding, Overflow]) -> str:
    input, output, rounding, overflow = form
    return f"fraction {fraction}, {input.width} in, {output.width} out, {rounding}, {overflow}"
