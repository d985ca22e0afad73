"""One finished design for the tests of the whole way, and what makes runs short in the others."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from finished import DESIGN, HWGEN

from hwgen import flow, verify, workers
from hwgen.blocks.fir_hardware import FirComponent
from hwgen.designs import fir


@dataclass(frozen=True)
class Finished:
    """Folder of `hwgen run`, its result.json, and what the command said."""

    folder: Path
    result: dict[str, Any]
    out: str
    err: str


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """`DESIGN` on its whole way through the installed command, with two processes. Leave its folder as it is."""
    place = tmp_path_factory.mktemp("finished")
    (place / "halfband.toml").write_text(DESIGN)
    command = [HWGEN, "run", "halfband.toml", "--out", "made", "--jobs", "2"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads((place / "made" / "result.json").read_text())
    return Finished(place / "made", result, done.stdout, done.stderr)


@pytest.fixture(autouse=True, scope="session")
def nothing_remembered() -> Iterator[None]:
    """Every test measures anew, and leaves no results in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HWGEN_CACHE", "off")
        yield


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


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """`threaded` for one test."""
    threaded(monkeypatch)


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """`hastened` for one test."""
    hastened(monkeypatch)
