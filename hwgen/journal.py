"""The checkpoint of a run: every costly step's result under a key of everything that determines it.

A run that was cut off and is started again finds the finished steps here and repeats nothing; as each step is
determined by its key, the outcome is the same to the bit.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, as_completed
from pathlib import Path
from typing import Any, TypeVar

Progress = Callable[[str, float], None]  # told what is done, and the share of it
Step = TypeVar("Step")


def write_beside(path: Path, text: str) -> None:
    """Write `path` in one move: beside it first, then renamed over it, so that it is never half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def content_key(*parts: object) -> str:
    """SHA-256 of the parts' canonical JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Journal:
    """Finished steps by key, kept in memory and, with a `path`, on disk after each step.

    Parameters
    ----------
    path
        The checkpoint file, or None to keep nothing.
    owner
        What the steps belong to (the design's digest, versions); a checkpoint of another owner is started afresh.
    """

    def __init__(self, path: Path | None, owner: dict[str, str]) -> None:
        self.path, self.owner = path, owner
        self.steps: dict[str, Any] = {}
        self.begun: dict[str, Future[Any]] = {}
        if path is not None and path.exists():
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                found = {}
            if isinstance(found, dict) and found.get("owner") == owner and isinstance(found.get("steps"), dict):
                self.steps = found["steps"]

    def record(self, key: str, value: Any) -> None:
        """Keep a step's JSON-able result."""
        self.steps[key] = value
        if self.path is not None:
            write_beside(self.path, json.dumps({"owner": self.owner, "steps": self.steps}) + "\n")

    def chapter(self, key: str) -> "Journal":
        """A journal of its own for some steps, kept in this one under `key`."""
        return _Chapter(self, key)

    def begin(self, executor: Executor, work: Callable[..., Any], steps: Iterable[tuple[Any, ...]]) -> None:
        """Send to the `executor` those steps that are not known: `all` will ask for their results."""
        for step in steps:
            key = content_key(work.__name__, *step)
            if key not in self.steps and key not in self.begun:
                self.begun[key] = executor.submit(work, *step)

    def all(
        self,
        executor: Executor,
        work: Callable[..., Any],
        steps: Iterable[tuple[Any, ...]],
        progress: Callable[[], None] = lambda: None,
    ) -> list[Any]:
        """Results of ``work(*step)`` for every step, in order, those not known sent to the `executor`.

        `work` returns something JSON-able; the first error is raised after the others were cancelled.
        """
        steps = list(steps)
        keys = [content_key(work.__name__, *step) for step in steps]
        self.begin(executor, work, steps)
        waiting = {self.begun.pop(key): key for key in dict.fromkeys(keys) if key not in self.steps}
        try:
            for done in as_completed(waiting):
                self.record(waiting[done], done.result())
                progress()
        except BaseException:
            for future in waiting:
                future.cancel()
            raise
        return [self.steps[key] for key in keys]


class _Chapter(Journal):
    def __init__(self, whole: Journal, key: str) -> None:
        super().__init__(None, whole.owner)
        self.whole, self.key = whole, key
        self.steps = dict(whole.steps.get(key, {}))

    def record(self, key: str, value: Any) -> None:
        super().record(key, value)
        self.whole.record(self.key, self.steps)
