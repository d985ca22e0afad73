"""What makes runs in tests short: steps in threads, LUTs that are guessed, little to simulate."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from hwgen import flow, verify, workers
from hwgen.blocks.fir_hardware import FirComponent
from hwgen.designs import fir


def threaded(patch: pytest.MonkeyPatch) -> None:
    """Steps in threads rather than in processes, which take a second to start."""

    @contextmanager
    def pool(jobs: int | None = None) -> Iterator[Executor]:
        with ThreadPoolExecutor(2) as executor:
            yield executor

    patch.setattr(workers, "local_pool", pool)


def hastened(patch: pytest.MonkeyPatch) -> None:
    """As `threaded`; LUTs of candidates are guessed, and the bit-true check is short and in Icarus alone."""

    def width(component: FirComponent, name: str) -> str:
        component._MustUse__silence = True  # type: ignore[attr-defined]  # Amaranth warns of hardware that nobody builds
        fir = component.fir
        return str(sum(fir.words.widths[k] for k in fir.graph.sums) * fir.channels + fir.latency)

    def synthesise_step(text: str, top: str, target: str, dsp: bool, tool: str) -> dict[str, int]:
        return {"lut": int(text) if text.isdigit() else 1, "ff": 1, "carry": 1, "dsp": 0, "bram": 0}

    threaded(patch)
    patch.setattr(fir, "verilog", width)
    patch.setattr(fir, "synthesise_step", synthesise_step)
    patch.setattr(verify, "ICARUS_SAMPLES", 1_000)
    patch.setattr(flow, "_has", lambda tool: False)
