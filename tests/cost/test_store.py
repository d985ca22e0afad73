"""Measured results: found again, shared by processes, complete after a kill, and never in the way."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from hwgen.cost.store import Store, content_key, remembered

INPUTS = {"verilog": "module m; endmodule\n", "top": "m", "target": "ice40", "dsp": False}
TOOL = "Yosys 0.70"

# Puts rows of its own and rows that every writer shares, and says each after it is in.
WRITER = """
import sys
from pathlib import Path
from hwgen.cost.store import Store
store, name, count = Store(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for k in range(count):
    store.put("own", {"name": name, "k": k}, "tool 1", {"k": k})
    store.put("shared", {"k": k}, "tool 1", {"square": k * k})
    print(k, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)], stdout=subprocess.PIPE, text=True
    )


def test_what_was_put_is_found_by_another_store(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "measured.sqlite"
    store = Store(path)
    assert store.get("synthesis", INPUTS, TOOL) is None
    store.put("synthesis", INPUTS, TOOL, {"lut": 12, "note": "β", "parts": [1, None]})
    assert Store(path).get("synthesis", dict(reversed(INPUTS.items())), TOOL) == {
        "lut": 12, "note": "β", "parts": [1, None],
    }  # fmt: skip
    store.put("synthesis", INPUTS, TOOL, {"lut": 13})
    assert store.get("synthesis", INPUTS, TOOL) == {"lut": 13}


def test_every_part_of_the_key_counts(tmp_path: Path) -> None:
    store = Store(tmp_path / "measured.sqlite")
    store.put("synthesis", INPUTS, TOOL, {"lut": 12})
    assert store.get("place", INPUTS, TOOL) is None
    assert store.get("synthesis", INPUTS, "Yosys 0.71") is None
    for name, value in {"verilog": "module m; endmodule", "top": "n", "target": "ecp5", "dsp": True}.items():
        assert store.get("synthesis", INPUTS | {name: value}, TOOL) is None, name
    assert store.get("synthesis", INPUTS | {"seed": 1}, TOOL) is None


def test_the_key_is_the_hash_of_sorted_json() -> None:
    by_hand = '["place", {"a": 1, "b": [true, null, "\\u03b2"]}, "tool 1"]'
    assert (
        content_key("place", {"b": (True, None, "β"), "a": 1}, "tool 1") == hashlib.sha256(by_hand.encode()).hexdigest()
    )


def test_a_result_is_measured_once(tmp_path: Path) -> None:
    store, calls = Store(tmp_path / "measured.sqlite"), []

    def measure() -> dict[str, object]:
        calls.append(1)
        return {"cells": 7, "corners": (1, 2)}

    for _ in range(3):  # as JSON from the first time on
        assert remembered(store, "place", INPUTS, TOOL, measure) == {"cells": 7, "corners": [1, 2]}
    assert len(calls) == 1
    remembered(store, "place", INPUTS, "Yosys 0.71", measure)
    assert len(calls) == 2


def test_a_failed_measurement_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "measured.sqlite")
    with pytest.raises(ZeroDivisionError):
        remembered(store, "place", INPUTS, TOOL, lambda: {"cells": 1 // 0})
    assert remembered(store, "place", INPUTS, TOOL, lambda: {"cells": 1}) == {"cells": 1}


def test_what_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "measured.sqlite")
    with pytest.raises(TypeError):
        store.put("place", {"taps": {1, 2}}, TOOL, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.put("place", INPUTS, TOOL, {"fmax": float("nan")})


def test_the_oldest_rows_go(tmp_path: Path) -> None:
    store = Store(tmp_path / "measured.sqlite", rows=5)
    for k in range(12):
        store.put("place", {"k": k}, TOOL, {"k": k})
        store.put("place", {"k": k}, TOOL, {"k": k, "again": True})  # a second time takes no second row
    assert [k for k in range(12) if store.get("place", {"k": k}, TOOL)] == [7, 8, 9, 10, 11]
    with pytest.raises(ValueError, match="rows must be at least 1, not 0"):
        Store(tmp_path / "measured.sqlite", rows=0)


def test_processes_write_different_and_the_same_rows_at_once(tmp_path: Path) -> None:
    path, count = tmp_path / "measured.sqlite", 60
    writers = {name: writer(path, name, count) for name in ("a", "b")}
    for process in writers.values():
        process.communicate(timeout=60)
        assert process.returncode == 0
    store = Store(path)
    for k in range(count):
        assert store.get("shared", {"k": k}, "tool 1") == {"square": k * k}
        for name in writers:
            assert store.get("own", {"name": name, "k": k}, "tool 1") == {"k": k}, f"{name} {k}"
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT count(*) FROM measured").fetchone() == (3 * count,)
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("said", [1, 10, 37])
def test_a_killed_process_loses_nothing_it_had_committed(said: int, tmp_path: Path) -> None:
    path = tmp_path / "measured.sqlite"
    process = writer(path, "victim", 1_000_000)
    assert process.stdout is not None
    done = [int(process.stdout.readline()) for _ in range(said)]
    process.send_signal(signal.SIGKILL)
    done += [int(line) for line in process.stdout if line.endswith("\n")]
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    store = Store(path)
    for k in done:
        assert store.get("own", {"name": "victim", "k": k}, "tool 1") == {"k": k}
        assert store.get("shared", {"k": k}, "tool 1") == {"square": k * k}
    store.put("own", {"name": "next"}, "tool 1", {"k": -1})
    assert store.get("own", {"name": "next"}, "tool 1") == {"k": -1}
    with sqlite3.connect(path) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_writer_waits_for_another_s_transaction(tmp_path: Path) -> None:
    path = tmp_path / "measured.sqlite"
    Store(path).put("own", {"k": 0}, TOOL, {})
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    process = writer(path, "waiting", 1)
    assert Store(path).get("own", {"k": 0}, TOOL) == {}  # readers need not wait
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    holder.execute("COMMIT")
    holder.close()
    process.communicate(timeout=60)
    assert Store(path).get("own", {"name": "waiting", "k": 0}, "tool 1") == {"k": 0}


@pytest.mark.parametrize("how", ["text", "malformed"])
def test_a_corrupt_file_is_moved_aside(how: str, tmp_path: Path) -> None:
    path = tmp_path / "measured.sqlite"
    store = Store(path)
    if how == "text":
        path.write_bytes(b"not a database, whatever its name says\n" * 100)
    else:
        for k in range(20):
            store.put("place", {"k": k}, TOOL, {"k": k, "filler": "x" * 5000})
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))  # the header stays, the pages are noise
    damaged = path.read_bytes()
    calls = []
    for _ in range(3):
        assert remembered(store, "place", INPUTS, TOOL, lambda: calls.append(1) or {"cells": 5}) == {"cells": 5}
    assert len(calls) == 1
    assert Path(f"{path}.corrupt").read_bytes() == damaged
    assert store.get("place", INPUTS, TOOL) == {"cells": 5}


def test_a_row_that_is_no_object_is_measured_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "measured.sqlite")
    store.put("place", INPUTS, TOOL, {"cells": 5})
    for text in ("{", "[1]", "null", "7"):
        with sqlite3.connect(tmp_path / "measured.sqlite") as file:
            file.execute("UPDATE measured SET value = ?", (text,))
        assert store.get("place", INPUTS, TOOL) is None


@pytest.mark.parametrize("obstacle", ["a file for a folder", "a folder for a file", "no permission"])
def test_a_place_that_cannot_be_written_is_no_error(obstacle: str, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    path = folder / "measured.sqlite"
    if obstacle == "a file for a folder":
        folder.write_text("in the way")
    elif obstacle == "a folder for a file":
        path.mkdir(parents=True)
    else:
        folder.mkdir()
        folder.chmod(0o500)
        if os.access(folder, os.W_OK):  # root may write anywhere but into the kernel's own folders
            path = Path("/proc/hwgen/measured.sqlite")
    calls = []
    for _ in range(2):
        assert remembered(Store(path), "place", INPUTS, TOOL, lambda: calls.append(1) or {"cells": 5}) == {"cells": 5}
    assert len(calls) == 2
    folder.chmod(0o700)


def test_where_the_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HWGEN_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert Store.default().path == tmp_path / "home" / ".cache" / "hwgen" / "measured.sqlite"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Store.default().path == tmp_path / "xdg" / "hwgen" / "measured.sqlite"
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path / "mine.sqlite"))
    assert Store.default().path == tmp_path / "mine.sqlite"
    monkeypatch.setenv("HWGEN_CACHE", str(tmp_path))
    assert Store.default().path == tmp_path / "measured.sqlite"
    assert not list(tmp_path.iterdir())  # to ask writes nothing


def test_off_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWGEN_CACHE", "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    store, calls = Store.default(), []
    for _ in range(2):
        remembered(store, "place", INPUTS, TOOL, lambda: calls.append(1) or {"cells": 5})
    assert len(calls) == 2
    assert store.get("place", INPUTS, TOOL) is None
    assert not list(tmp_path.iterdir())


def test_the_file_holds_no_inputs(tmp_path: Path) -> None:
    Store(tmp_path / "measured.sqlite").put("place", INPUTS, TOOL, {"cells": 5})
    with sqlite3.connect(tmp_path / "measured.sqlite") as file:
        rows = file.execute("SELECT key, value FROM measured").fetchall()
    assert rows == [(content_key("place", INPUTS, TOOL), json.dumps({"cells": 5}))]
