"""A design against its own bit-true model, in simulators: which stimuli, how many, what is compared."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen import stimulus
from hwgen.blocks.reloadable import Reloadable
from hwgen.check import reloads
from hwgen.check.bench import bench_files
from hwgen.check.bulk import simulate_bulk
from hwgen.check.simulate import simulate
from hwgen.check.stimuli import directed
from hwgen.check.vectors import Expected, Script, Simulation, script
from hwgen.design import Design
from hwgen.spec import Spec

ICARUS_SAMPLES = 20_100  # a few are lost to the resets in mid-stream
BULK_SAMPLES = 1_000_100
_BENCH_SAMPLES = 2_000
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
    fir, n = design.fir, samples.shape[1]
    drain = design.top.span + 8
    made = script(
        samples, rng, gap_probability=0.25, resets=(n // 3, n // 3 + 7), drain=drain, interval=design.top.interval
    )
    settle = 0 if fir.reset_data else (len(fir.coefficients) - 1) * fir.interleave
    if isinstance(fir, Reloadable):
        made = reloads.reloading(made, fir, rng)
        return made, reloads.expected(design.top, made, fir, settle=settle)
    return made, design.top.expected(made, fir.model, settle=settle)


def bit_true(design: Design, spec: Spec | None, seed: int, waves: Path | None = None) -> Simulation:
    """Run at least 20,000 samples through the Verilog in Icarus and compare every clock with the model."""
    rng = np.random.default_rng(seed)
    made, wanted = scripted(design, stimuli(design, spec, ICARUS_SAMPLES, rng), rng)
    return simulate(design.verilog, design.top, made, wanted, waves=waves)


def bulk(design: Design, spec: Spec | None, seed: int) -> Simulation:
    """The same in Verilator with a million samples. Raises ``ToolMissing`` without it."""
    rng = np.random.default_rng(seed + 1)
    made, wanted = scripted(design, stimuli(design, spec, BULK_SAMPLES, rng), rng)
    return simulate_bulk(design.verilog, design.top, made, wanted)


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
    rng = np.random.default_rng(0)
    made = script(samples, rng, gap_probability=0.0, drain=design.top.span + 8, interval=design.top.interval)
    wanted = design.top.expected(made, design.fir.model)
    if isinstance(design.fir, Reloadable):
        made = reloads.idle(made)
    verdict = simulate(design.verilog, design.top, made, wanted)
    if not verdict.bit_true:
        raise ValueError(f"the Verilog differs from the model in {verdict.mismatches} clocks; first: {verdict.first}")
    return wanted.data[:, wanted.valid]


def figures(simulation: Simulation | None) -> dict[str, Any] | None:
    """Samples, mismatches and simulator, as result.json has them."""
    if simulation is None:
        return None
    found = asdict(simulation)
    return {key: found[key] for key in ("samples", "mismatches", "simulator")}
