"""A design against its own bit-true model, in simulators: which stimuli, how many, what is compared."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.check import stream
from hwgen.check.bench import bench_files
from hwgen.check.bulk import compiled, simulate_bulk
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.stream import Sides, StreamTop
from hwgen.check.vectors import Expected, Simulation
from hwgen.finished import Finished
from hwgen.spec import Spec

ICARUS_SAMPLES = 20_100  # a few are lost to the resets in mid-stream
BULK_SAMPLES = 1_000_100
_BENCH_SAMPLES = 2_000
_PART_CLOCKS = 500_000  # of a stream, stalls apart
_FEW_PORTS = 8


def scripted(design: Finished, samples: NDArray[np.int64], rng: np.random.Generator) -> tuple[Script, Expected]:
    """Gaps at random and two resets in mid-stream around the samples, and what must come out."""
    top, n = design.top, samples.shape[1]
    resets = (n // 3, n // 3 + 7)
    if isinstance(top, StreamTop):
        sides = Sides.random(top.shell, n, resets, rng)
        return stream.scripted(top, samples, sides, rng, lambda made: design.answered(made, rng))
    made = script(samples, rng, gap_probability=0.25, resets=resets, drain=top.span + 8, interval=top.interval)
    return design.answered(made, rng)


def bit_true(design: Finished, spec: Spec | None, seed: int, waves: Path | None = None) -> Simulation:
    """Run at least 20,000 samples through the Verilog in Icarus and compare every clock with the model."""
    rng = np.random.default_rng(seed)
    made, wanted = scripted(design, design.stimuli(spec, ICARUS_SAMPLES, rng), rng)
    return simulate(design.verilog, design.top, made, wanted, waves=waves)


def bulk(design: Finished, spec: Spec | None, seed: int) -> Simulation:
    """The same in Verilator with a million samples. Raises ``ToolMissing`` without it."""
    rng = np.random.default_rng(seed + 1)
    ports = len(design.core.inputs) + len(design.core.outputs)
    if design.shell is None and ports <= _FEW_PORTS:
        samples = design.stimuli(spec, BULK_SAMPLES, rng)
        return simulate_bulk(design.verilog, design.top, *scripted(design, samples, rng))
    # Clocks of many ports fill the memory, and stalls make them more: in parts, they fit. Each has resets of its own.
    count = max(_PART_CLOCKS // design.top.interval * _FEW_PORTS // max(ports, _FEW_PORTS), _BENCH_SAMPLES)
    lost = (BULK_SAMPLES // count + 2) * (2 * design.top.latency + 2)
    samples = design.stimuli(spec, BULK_SAMPLES + lost, rng)
    parts = np.array_split(samples, -(-samples.shape[1] // count), axis=1)
    with compiled(design.verilog, design.top) as run:
        runs = [run(*scripted(design, part, rng)) for part in parts]
    first = next((run.first for run in runs if run.first is not None), None)
    added = (sum(getattr(run, name) for run in runs) for name in ("samples", "mismatches", "seconds"))
    total, mismatches, seconds = added
    return Simulation(total, mismatches, runs[0].simulator, first, seconds)


def bench(design: Finished, spec: Spec, header: str) -> dict[str, str]:
    """The self-checking bench and its vectors, by file name."""
    rng = np.random.default_rng(spec.search.seed)
    made, wanted = scripted(design, design.stimuli(spec, _BENCH_SAMPLES, rng), rng)
    return bench_files(design.top, made, wanted, header=header)


def filtered(design: Finished, samples: NDArray[np.int64]) -> NDArray[np.int64]:
    """The Verilog's own outputs for the words `samples` (input ports, n), computed in Icarus.

    Further inputs are at rest; a reloadable filter has its power-up coefficients.

    Raises ``ValueError`` where the Verilog and the model differ: an output is returned only if both agree on it.
    """
    rng, top = np.random.default_rng(0), design.top
    if isinstance(top, StreamTop):
        made, wanted = stream.scripted(top, samples, Sides.eager(samples.shape[1]), rng, design.plainly)
    else:
        made = script(samples, rng, gap_probability=0.0, drain=top.span + 8, interval=top.interval)
        made, wanted = design.plainly(made)
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
