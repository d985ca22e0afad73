"""A design against its own bit-true model, in simulators: which stimuli, how many, what is compared."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen import stimulus
from hwgen.blocks.reloadable import Reloadable
from hwgen.check import reloads, stream
from hwgen.check.bench import bench_files
from hwgen.check.bulk import compiled, simulate_bulk
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.stimuli import directed
from hwgen.check.stream import Sides, StreamTop
from hwgen.check.vectors import Expected, Simulation
from hwgen.design import Design
from hwgen.spec import Spec

ICARUS_SAMPLES = 20_100  # a few are lost to the resets in mid-stream
BULK_SAMPLES = 1_000_100
_BENCH_SAMPLES = 2_000
_PART_CLOCKS = 500_000  # of a stream, stalls apart
_MOST_RATE = 16  # a decimation beyond it does not lengthen the simulation any more


def stimuli(design: Design, spec: Spec | None, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Directed, then random over the whole input range, then the stimulus, at least `count` samples, (channels, n)."""
    fir = design.fir
    signs = np.sign(np.array(fir.coefficients, dtype=np.float64))
    first = directed(signs, fir.input, len(fir.coefficients) + 1)
    # Each channel, I and Q as well as those in turn, runs the same cases another phase later, so that a swap shows.
    turns = [[np.roll(first, 3 * c + 5 * turn) for turn in range(fir.interleave)] for c in range(fir.channels)]
    parts = [np.array(turns, dtype=np.int64).transpose(0, 2, 1).reshape(fir.channels, -1)]
    # Outputs are what is compared: where they are fewer than samples, more samples are needed, within reason.
    rest = max(count * min(design.fir.decimate, _MOST_RATE) - parts[0].shape[1], 64)
    wild = rest if spec is None else rest // 2
    random = rng.integers(fir.input.minimum, fir.input.maximum, (fir.channels, wild), endpoint=True, dtype=np.int64)
    parts.append(reloads.full_scale(random, fir) if isinstance(fir, Reloadable) else random)
    if spec is not None:
        parts.append(stimulus.samples(spec, rest - wild, rng))
    return np.concatenate(parts, axis=1)


def scripted(design: Design, samples: NDArray[np.int64], rng: np.random.Generator) -> tuple[Script, Expected]:
    """Gaps at random, two resets in mid-stream and reloads around the samples, and what must come out."""
    top, n = design.top, samples.shape[1]
    resets = (n // 3, n // 3 + 7)
    if isinstance(top, StreamTop):
        sides = Sides.random(top.shell, n, resets, rng)
        return stream.scripted(top, samples, sides, rng, lambda made: answered(design, made, rng))
    made = script(samples, rng, gap_probability=0.25, resets=resets, drain=top.span + 8, interval=top.interval)
    return answered(design, made, rng)


def answered(design: Design, made: Script, rng: np.random.Generator) -> tuple[Script, Expected]:
    """The script of the core with its reloads, and what it must answer."""
    fir = design.fir
    settle = 0 if fir.reset_data else (len(fir.coefficients) - 1) * fir.interleave
    if isinstance(fir, Reloadable):
        made = reloads.reloading(made, fir, rng)
        return made, reloads.expected(design.core, made, fir, settle=settle)
    return made, design.core.expected(made, fir.model, settle=settle)


def bit_true(design: Design, spec: Spec | None, seed: int, waves: Path | None = None) -> Simulation:
    """Run at least 20,000 samples through the Verilog in Icarus and compare every clock with the model."""
    rng = np.random.default_rng(seed)
    made, wanted = scripted(design, stimuli(design, spec, ICARUS_SAMPLES, rng), rng)
    return simulate(design.verilog, design.top, made, wanted, waves=waves)


def bulk(design: Design, spec: Spec | None, seed: int) -> Simulation:
    """The same in Verilator with a million samples. Raises ``ToolMissing`` without it."""
    rng = np.random.default_rng(seed + 1)
    samples = stimuli(design, spec, BULK_SAMPLES, rng)
    if design.shell is None:
        return simulate_bulk(design.verilog, design.top, *scripted(design, samples, rng))
    # A clock of a stream has many ports, and stalls make clocks more: in parts, they fit in memory.
    count = max(_PART_CLOCKS // design.top.interval, _BENCH_SAMPLES)
    parts = [samples[:, start : start + count] for start in range(0, samples.shape[1], count)]
    with compiled(design.verilog, design.top) as run:
        runs = [run(*scripted(design, part, rng)) for part in parts]
    first = next((run.first for run in runs if run.first is not None), None)
    added = (sum(getattr(run, name) for run in runs) for name in ("samples", "mismatches", "seconds"))
    total, mismatches, seconds = added
    return Simulation(total, mismatches, runs[0].simulator, first, seconds)


def bench(design: Design, spec: Spec, header: str) -> dict[str, str]:
    """The self-checking bench and its vectors, by file name."""
    rng = np.random.default_rng(spec.search.seed)
    made, wanted = scripted(design, stimuli(design, spec, _BENCH_SAMPLES, rng), rng)
    return bench_files(design.top, made, wanted, header=header)


def filtered(design: Design, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """The Verilog's own outputs for `samples` (channels, n), computed in Icarus.

    A reloadable filter has its power-up coefficients.

    Raises ``ValueError`` where the Verilog and the model differ: an output is returned only if both agree on it.
    """
    rng, top = np.random.default_rng(0), design.top

    def unloaded(made: Script) -> tuple[Script, Expected]:
        wanted = design.core.expected(made, design.fir.model)
        return reloads.idle(made) if isinstance(design.fir, Reloadable) else made, wanted

    if isinstance(top, StreamTop):
        made, wanted = stream.scripted(top, samples, Sides.eager(samples.shape[1]), rng, unloaded)
    else:
        made, wanted = unloaded(script(samples, rng, gap_probability=0.0, drain=top.span + 8, interval=top.interval))
    verdict = simulate(design.verilog, top, made, wanted)
    if not verdict.bit_true:
        raise ValueError(f"the Verilog differs from the model in {verdict.mismatches} clocks; first: {verdict.first}")
    if isinstance(top, StreamTop):
        rows = [row for row, port in enumerate(top.outputs) if port in top.shell.core.outputs]
        return wanted.data[rows][:, wanted.valid]
    return wanted.data[:, wanted.valid]


def figures(simulation: Simulation | None) -> dict[str, Any] | None:
    """Samples, mismatches and simulator, as result.json has them."""
    if simulation is None:
        return None
    found = asdict(simulation)
    return {key: found[key] for key in ("samples", "mismatches", "simulator")}
