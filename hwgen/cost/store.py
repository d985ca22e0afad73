"""Measured results by content: what was synthesised or placed once is not measured again, in any run on the machine.

One SQLite file. A key is the hash of everything that determines a result, so that a row is never out of date, only old.
The store may always be lost: whatever is wrong with its file, results are measured again.
"""

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Value = TypeVar("Value")

BUSY_SECONDS = 10.0  # another process's transaction takes milliseconds
_RETRY_SECONDS = 0.02
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

# A new row gets the largest id and one more: the oldest have the smallest, and removing those leaves no gaps.
_TABLE = "CREATE TABLE IF NOT EXISTS measured (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT NOT NULL)"
_PUT = "INSERT INTO measured (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_PRUNE = "DELETE FROM measured WHERE id <= (SELECT max(id) FROM measured) - ?"


@dataclass(frozen=True)
class Store:
    """Results in the SQLite file `path`, at most `rows` of them; the oldest go first. Without a path, nothing is kept.

    Every call opens the file anew: a store can be sent to other processes and shared by threads, and a process killed
    at any moment leaves at most its own last row unwritten.
    """

    path: Path | None
    rows: int = 50_000

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise ValueError(f"rows must be at least 1, not {self.rows}")

    @classmethod
    def default(cls) -> "Store":
        """The user's store: the file ``$HWGEN_CACHE``, else ``hwgen/measured.sqlite`` in the user's cache folder.

        ``HWGEN_CACHE=off`` keeps nothing. When it names a folder, the file is ``measured.sqlite`` in it. The cache
        folder is ``$XDG_CACHE_HOME`` or ``~/.cache``.
        """
        chosen = os.environ.get("HWGEN_CACHE", "")
        if chosen.lower() == "off":
            return cls(None)
        if chosen:
            path = Path(chosen).expanduser()
            return cls(path / "measured.sqlite" if path.is_dir() else path)
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return cls(Path(cache, "hwgen", "measured.sqlite"))

    def get(self, kind: str, content: dict[str, Any], tool: str) -> dict[str, Any] | None:
        """Return what was put under the same `kind`, `content` and `tool`; None when there is nothing to be had."""
        key = content_key(kind, content, tool)
        row = self._with_file(lambda file: file.execute("SELECT value FROM measured WHERE key = ?", (key,)).fetchone())
        try:
            value = json.loads(row[0]) if row else None
        except (TypeError, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def put(self, kind: str, content: dict[str, Any], tool: str, value: dict[str, Any]) -> None:
        """Keep `value`, in one transaction; a file that cannot be written is no error.

        Raises
        ------
        TypeError, ValueError
            When `content` or `value` cannot be written as JSON (ValueError: infinite or not a number).
        """
        key, text = content_key(kind, content, tool), json.dumps(value, allow_nan=False)

        def write(file: sqlite3.Connection) -> None:
            file.execute("BEGIN IMMEDIATE")  # at once for writing: a lock taken later could not wait for another's
            file.execute(_PUT, (key, text))
            file.execute(_PRUNE, (self.rows,))
            file.execute("COMMIT")

        self._with_file(write)

    def _with_file(self, work: Callable[[sqlite3.Connection], Value]) -> Value | None:
        """Do `work` on the open file; None when the file cannot be used."""
        if self.path is None:
            return None
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            identity = _identity(self.path)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as file:
                    file.execute("PRAGMA journal_mode = WAL")
                    file.execute("PRAGMA synchronous = NORMAL")  # with WAL, even a power cut costs only the last rows
                    file.execute(_TABLE)
                    return work(file)
            except sqlite3.Error as error:
                # Python's own errors (a closed file, say) carry no code.
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if code in _CORRUPT:
                    _move_aside(self.path, identity)
                    return None
                # SQLite waits for a lock by itself, but not where it turns a new file to WAL.
                if code not in _BUSY or time.monotonic() > deadline:
                    return None
                time.sleep(_RETRY_SECONDS)
            except OSError:
                return None


def content_key(kind: str, content: dict[str, Any], tool: str) -> str:
    """SHA-256, in hexadecimal, of the three as JSON with sorted keys: equal for equal values only."""
    text = json.dumps([kind, content, tool], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def remembered(
    store: Store, kind: str, inputs: dict[str, Any], tool: str, measure: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return the stored result, or measure it and store it.

    Parameters
    ----------
    store
        Where to look and keep.
    kind
        What is measured, such as ``"synthesis"`` or ``"place"``.
    inputs
        Everything that determines the result but the tool: Verilog, top, target, options, seed, commands.
    tool
        Name and version of what measures.
    measure
        Does the measurement; what it raises is not stored.

    Returns
    -------
    dict
        The result as JSON gives it back (lists, not tuples), whether it was stored or not.
    """
    found = store.get(kind, inputs, tool)
    if found is not None:
        return found
    value: dict[str, Any] = json.loads(json.dumps(measure(), allow_nan=False))
    store.put(kind, inputs, tool, value)
    return value


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _move_aside(path: Path, identity: tuple[int, int] | None) -> None:
    """Rename a corrupt file to ``<name>.corrupt``, unless another process has put a new one in its place."""
    if identity is None or _identity(path) != identity:
        return
    try:
        # The log goes first: SQLite would replay it into the next file of this name.
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        os.replace(path, f"{path}.corrupt")
    except OSError:
        return
