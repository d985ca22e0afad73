"""The checkpoint: finished steps are never repeated, and nothing foreign or damaged is taken for one."""

import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from hwgen.journal import Journal, content_key, write_beside

OWNER = {"digest": "abc", "hwgen": "0.1.0"}
done: list[int] = []  # what the worker was asked for


def square(n: int) -> dict[str, int]:
    done.append(n)
    return {"square": n * n}


def square_but_not_of_three(n: int) -> dict[str, int]:
    if n == 3:
        raise ArithmeticError("three")
    return square(n)


square_but_not_of_three.__name__ = "square"  # the same step as far as its key goes


@pytest.fixture
def pool() -> Iterator[Executor]:
    done.clear()
    with ThreadPoolExecutor(1) as executor:
        yield executor


def steps(*numbers: int) -> list[tuple[int]]:
    return [(n,) for n in numbers]


def squares(*numbers: int) -> list[dict[str, int]]:
    return [{"square": n * n} for n in numbers]


def test_results_come_in_the_order_of_the_steps_and_each_once(pool: Executor, tmp_path: Path) -> None:
    told: list[None] = []
    journal = Journal(tmp_path / "checkpoint", OWNER)
    assert journal.all(pool, square, steps(5, 2, 5, 9, 2), lambda: told.append(None)) == squares(5, 2, 5, 9, 2)
    assert sorted(done) == [2, 5, 9]
    assert len(told) == 3
    assert journal.all(pool, square, []) == []


def test_steps_that_were_begun_are_not_sent_again(pool: Executor) -> None:
    journal = Journal(None, OWNER)
    journal.begin(pool, square, steps(2, 3))
    journal.begin(pool, square, steps(3))
    assert journal.all(pool, square, steps(3, 4)) == squares(3, 4)
    assert journal.all(pool, square, steps(2)) == squares(2)
    assert sorted(done) == [2, 3, 4]


def test_order_does_not_depend_on_which_step_ends_first() -> None:
    last = threading.Event()

    def slow_first(n: int) -> int:
        if n == 0:
            assert last.wait(10)
        else:
            last.set()
        return n

    with ThreadPoolExecutor(2) as executor:
        assert Journal(None, OWNER).all(executor, slow_first, steps(0, 1)) == [0, 1]


def test_a_second_run_finds_the_steps_of_the_first(pool: Executor, tmp_path: Path) -> None:
    path = tmp_path / "made" / "checkpoint"
    Journal(path, OWNER).all(pool, square, steps(1, 2, 3))
    done.clear()
    again = Journal(path, dict(OWNER))
    assert again.all(pool, square, steps(3, 4, 1)) == squares(3, 4, 1)
    assert done == [4]


def test_a_run_resumes_after_a_failure_without_repeating(pool: Executor, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    Journal(path, OWNER).all(pool, square, steps(1, 2))
    with pytest.raises(ArithmeticError, match="three"):
        Journal(path, OWNER).all(pool, square_but_not_of_three, steps(1, 2, 3))
    assert done == [1, 2]
    assert Journal(path, OWNER).all(pool, square, steps(1, 2, 3, 4)) == squares(1, 2, 3, 4)
    assert done == [1, 2, 3, 4]


def test_steps_recorded_before_a_failure_are_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    journal = Journal(path, OWNER)
    journal.record("reference", {"taps": [1, 2.5]})
    assert Journal(path, OWNER).steps == {"reference": {"taps": [1, 2.5]}}
    journal.record("search", "found")
    assert list(Journal(path, OWNER).steps) == ["reference", "search"]


def test_a_failure_cancels_what_waits(pool: Executor) -> None:
    failed = threading.Event()

    def fail_first(n: int) -> int:
        if n == 0:
            raise ArithmeticError("zero")
        assert failed.wait(10)
        done.append(n)
        return n

    with pytest.raises(ArithmeticError, match="zero"):
        Journal(None, OWNER).all(pool, fail_first, steps(*range(50)))
    failed.set()
    pool.shutdown()
    assert set(done) <= {1, 2}  # under way, or next in line, when the first one failed


def test_other_steps_of_another_function_or_argument_are_not_taken(pool: Executor) -> None:
    def cube(n: int) -> int:
        return n**3

    journal = Journal(None, OWNER)
    assert journal.all(pool, square, steps(2)) == squares(2)
    assert journal.all(pool, cube, steps(2)) == [8]


@pytest.mark.parametrize(
    "owner", [{}, {**OWNER, "hwgen": "0.1.1"}, {**OWNER, "digest": "abd"}, {**OWNER, "numpy": "2"}]
)
def test_a_checkpoint_of_another_owner_is_started_afresh(owner: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    Journal(path, OWNER).record("search", 1)
    other = Journal(path, owner)
    assert other.steps == {}
    other.record("search", 2)
    assert Journal(path, OWNER).steps == {}
    assert Journal(path, owner).steps == {"search": 2}


def test_a_damaged_checkpoint_is_started_afresh(pool: Executor, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    Journal(path, OWNER).record("search", {"bits": list(range(100))})
    whole = path.read_bytes()
    owned = json.dumps({"owner": OWNER}).encode()
    damaged = [b"", whole[: len(whole) // 2], b"\xff\xfe" + whole, b"[1, 2]", b"null", b"7", owned]
    damaged += [json.dumps({"owner": OWNER, "steps": steps}).encode() for steps in (None, 7, "x", [1])]
    for content in damaged:
        path.write_bytes(content)
        journal = Journal(path, OWNER)
        assert journal.steps == {}, content
        assert journal.all(pool, square, steps(6)) == squares(6)
        assert len(Journal(path, OWNER).steps) == 1


def test_no_path_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Journal(None, OWNER).record("search", 1)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------------- keys, files
def test_keys_depend_on_content_alone() -> None:
    assert content_key("square", 1, {"a": 1, "b": [2]}) == content_key("square", 1, {"b": [2], "a": 1})
    keys = [content_key(*parts) for parts in [(), (1,), ("1",), (1, 2), ([1, 2],), (1.5,), (None,), ({"a": 1},)]]
    assert len(set(keys)) == len(keys)
    # A checkpoint outlives the process and its hash seed.
    assert content_key("square", 3) == hashlib.sha256(b'["square", 3]').hexdigest()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep" / "result.json"
    write_beside(path, "one\ntwo µ\n")
    assert path.read_bytes() == "one\ntwo µ\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644

    def refuse(source: object, target: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_beside(path, "three\n")
    assert path.read_text() == "one\ntwo µ\n"
    assert [file.name for file in path.parent.iterdir()] == ["result.json"]
