"""The whole way from a design file to verified Verilog, step by step, each step kept in the checkpoint."""

import json
import math
import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hwgen import verify
from hwgen.check.vectors import Simulation
from hwgen.cost import yosys
from hwgen.cost.measure import synthesise_step
from hwgen.emit import companions, verilog
from hwgen.finished import Finished, NotADesign
from hwgen.journal import Journal, Progress, write_beside
from hwgen.kinds import kind_of
from hwgen.ports import packed, ports
from hwgen.report.html import render
from hwgen.spec import Spec
from hwgen.tools import ToolMissing, find

# What the contract has for every kind; None where it does not apply.
_QUALITY = ("ripple_db", "attenuation_db", "sqnr_db", "error", "max_error_ulp")
_BASELINES = ("uniform", "common_lsb", "greedy")


class FolderRefused(ValueError):  # noqa: N818  (names what happened to the folder)
    """The output folder cannot be used; the message says why and what to do."""


def claim(folder: Path, force: bool) -> None:
    """Make `folder` usable for output: it is new, empty, hwgen's own, or `force` is given. Raises `FolderRefused`."""
    try:
        if folder.exists() and not folder.is_dir():
            raise FolderRefused(f"{folder} is a file; give a folder with --out")
        if folder.exists() and any(folder.iterdir()) and not _own(folder) and not force:
            raise FolderRefused(
                f"{folder} holds files that are not hwgen's; give another folder, or --force to write there"
            )
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderRefused(f"cannot write to {folder}: {error.strerror}; give another folder with --out") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FolderRefused(f"cannot write to {folder}: permission denied; give another folder with --out")


def _own(folder: Path) -> bool:
    """Whether hwgen wrote the folder's checkpoint or result; other programs use these names, too."""
    for name, mark in (("checkpoint", "owner"), ("result.json", "hwgen")):
        try:
            if mark in json.loads((folder / name).read_text(encoding="utf-8")):
                return True
        except (OSError, ValueError, TypeError):
            continue
    return False


def owner(spec: Spec) -> dict[str, str]:
    """What determines a checkpoint's steps: the design file's content and the versions that matter."""
    packages = ("hwgen", "amaranth", "numpy", "scipy", "pyosys")
    return {"digest": spec.digest, **{name: version(name) for name in packages}}


class Run:
    """One design file on its way into one folder. Each step does what must come before it, once.

    Parameters
    ----------
    spec
        The checked design file.
    folder
        Claimed for it.
    executor
        Runs the costly steps; a `workers.local_pool`, or a cluster's executor.
    progress
        Told (what, share done) now and then.
    """

    def __init__(
        self, spec: Spec, folder: Path, executor: Executor, progress: Progress = lambda what, share: None
    ) -> None:
        self.spec, self.folder, self.executor, self.progress = spec, folder, executor, progress
        self.kind = kind_of(spec.design.kind)
        self.timings: dict[str, float] = {}
        self.journal = Journal(folder / "checkpoint", owner(spec))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings[step] = round(time.perf_counter() - start, 3)

    @cached_property
    def reference(self) -> Any:
        """The goals in numbers, and the stimulus; a goal out of reach ends here."""
        self.progress("working out the ideal", 0.0)
        with self._timed("reference"):
            return self.kind.reference(self.spec)

    @cached_property
    def found(self) -> dict[str, Any]:
        """The search's outcome."""
        if "search" not in self.journal.steps:
            target = self.reference
            with self._timed("search"):
                self.journal.record("search", self.kind.searched(target, self.executor, self.journal, self.progress))
        # Through JSON even when fresh, so that a resumed run sees the same.
        return json.loads(json.dumps(self.journal.steps["search"]))

    @cached_property
    def design(self) -> Finished:
        """The chosen design with its Verilog."""
        bare = self.kind.thawed(self.found["design"])
        with self._timed("generate"):
            self.progress("writing Verilog", 0.0)
            text = bare.whole(verilog(bare.component(), bare.core.module))
        return replace(bare, verilog=self._companions(bare)["header"] + text, result=self.result(bare))

    def _companions(self, design: Finished) -> dict[str, str]:
        spec = self.spec
        return companions(design.name, {
            **design.header, "kind": design.kind, "version": version("hwgen"), "digest": spec.digest,
            "latency": design.top.latency, "clock": spec.hardware.clock, "gain": self.found["gain"], **_bus(design),
        })  # fmt: skip

    def generate(self) -> Finished:
        """Write the Verilog, constraints, core file and bench."""
        design = self.design
        texts = self._companions(design)
        header = texts.pop("header")
        licence = "\n".join(header.splitlines()[:2]) + "\n"
        files = {f"{design.name}.v": design.verilog, **texts, **verify.bench(design, self.spec, licence)}
        if self.journal.steps.get("files") != files:
            self.journal.record("files", files)  # a finished folder can then be written again without its design file
        write_files(self.folder, files)
        return design

    def simulate(self, waves: bool = False, bulk: bool = True) -> dict[str, Any]:
        """Bit-true in Icarus, and in bulk in Verilator where it is installed; figures as in result.json.

        Icarus runs in the executor, beside Verilator.
        """
        design, seed, proof = self.design, self.spec.search.seed, None
        if "bit_true" not in self.journal.steps or waves:
            self.progress("simulating in Icarus Verilog", 0.0)
            trace = self.folder / f"{design.name}.fst" if waves else None
            proof = self.executor.submit(_proved, design, self.spec, seed, trace)
        if bulk and "bulk" not in self.journal.steps and _has("verilator") and _has("c++"):
            self.progress("simulating a million samples in Verilator", 0.5)
            with self._timed("bulk"):
                self._simulated("bulk", verify.bulk(design, self.spec, seed))
        if proof is not None:
            done, self.timings["bit_true"] = proof.result()
            self._simulated("bit_true", done)
        return {step: self.journal.steps.get(step) for step in ("bit_true", "bulk")}

    def _simulated(self, step: str, done: Simulation) -> None:
        self.journal.record(step, {**(verify.figures(done) or {}), "first": done.first})

    def report(self) -> dict[str, Any]:
        """Write result.json and report.html from what is known so far, and return the result."""
        self.progress("writing the report", 0.9)
        design = self.kind.thawed(self.found["design"])
        result = self.result(design)
        evidence = self.kind.drawn(self.reference, design, self.found)
        if self.journal.steps.get("evidence") != evidence:
            self.journal.record("evidence", evidence)
        write_beside(self.folder / "report.html", render(result, evidence))
        write_beside(self.folder / "result.json", json.dumps(result, indent=2, allow_nan=False) + "\n")
        return result

    def everything(self, waves: bool = False, bulk: bool = True) -> dict[str, Any]:
        """`hwgen run`: every step, in order."""
        self.generate()
        self.simulate(waves, bulk)
        return self.report()

    # ------------------------------------------------------------------ result
    def result(self, design: Finished) -> dict[str, Any]:
        """The content of result.json, in the contract's form; what was not measured is None."""
        spec, found = self.spec, self.found
        checks = {
            step: None if (known := self.journal.steps.get(step)) is None
            else {key: known[key] for key in ("samples", "mismatches", "simulator")}
            for step in ("bit_true", "bulk")
        }  # fmt: skip
        goal = spec.goal.model_dump(mode="json", exclude_none=True)
        made: dict[str, Any] = {
            "schema": 1,
            "hwgen": version("hwgen"),
            "name": design.name,
            "kind": spec.design.kind,
            "command": f"hwgen run {spec.path.name}",
            "seed": spec.search.seed,
            "top": {
                "module": design.name,
                "interface": spec.hardware.interface,
                "ports": ports(design),
                "latency": design.top.latency,
                "group_delay": design.group_delay,
                "gain": found["gain"],
                "clocks_per_sample": design.core.interval,
                "headroom_db": design.headroom_db,
            },
            "coefficients": design.decimals,
            "bits": found["bits"],
            "goal": {**goal, "met": found["meets"]},
            "quality": {**dict.fromkeys(_QUALITY), **found["quality"]},
            "resources": {
                "target": spec.goal.target,
                "estimate": found["estimate"],
                "synthesis": found["synthesis"],
                "place": found["place"],
            },
            "baselines": {**dict.fromkeys(_BASELINES), **found["baselines"]},
            "verification": {**checks, "equivalence": "not run"},
            "search": found["search"],
            **({spec.design.kind: found["own"]} if "own" in found else {}),
            "timings": dict(sorted(self.timings.items())),
        }
        return {key: _finite(part) for key, part in made.items()}


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write emitted files by name; the bench's script is made executable."""
    for name, text in files.items():
        write_beside(folder / name, text)
    (folder / "tb" / "run.sh").chmod(0o755)


def again(folder: Path, step: str) -> dict[str, Any]:
    """Write the "files" or the "evidence" (the report) of a finished folder again; returns its result.

    Raises `NotADesign` where the folder does not hold what that takes.
    """
    try:
        kept = json.loads((folder / "checkpoint").read_text(encoding="utf-8"))["steps"][step]
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        raise NotADesign(
            f"{folder} holds no finished design; make one with hwgen run DESIGN.toml --out {folder}"
        ) from None
    if step == "files":
        write_files(folder, kept)
    else:
        write_beside(folder / "report.html", render(result, kept))
    return result


def succeeded(result: dict[str, Any]) -> bool:
    """Whether the goal was met and every simulation that ran was bit-true."""
    checks = [result["verification"][step] for step in ("bit_true", "bulk")]
    return bool(result["goal"]["met"]) and all(c is None or (c["mismatches"] == 0 and c["samples"] > 0) for c in checks)


def _bus(design: Finished) -> dict[str, object]:
    """What the templates say of the interface."""
    shell, formats = design.shell, design.formats
    if shell is None:
        return {"shell": None, "port": "clk"}
    inputs, outputs = packed(shell.fields, formats), packed(shell.out_fields, formats)
    return {"shell": shell, "port": "aclk", "inputs": inputs, "outputs": outputs}


def _proved(design: Finished, spec: Spec, seed: int, waves: Path | None) -> tuple[Simulation, float]:
    """`verify.bit_true`, and the seconds it took."""
    start = time.perf_counter()
    return verify.bit_true(design, spec, seed, waves), round(time.perf_counter() - start, 3)


def _has(tool: str) -> bool:
    try:
        find(tool)
    except ToolMissing:
        return False
    return True


def synthesised(design: Finished, targets: list[str], executor: Executor) -> dict[str, dict[str, Any]]:
    """Resources of a design's Verilog on each target, by Yosys."""
    waiting = {
        t: executor.submit(synthesise_step, design.verilog, design.name, t, design.dsp, yosys.version())
        for t in targets
    }
    return {target: {**future.result(), "tool": yosys.version()} for target, future in waiting.items()}


def _finite(value: Any) -> Any:
    """The value with None for what is not finite, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(own) for own in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
