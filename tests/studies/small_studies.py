"""Studies small enough for a test: a filter of 15 taps, one channel of 8 antennas, four iterations."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any

import pytest

from hwgen.studies import descent, fir, receiver
from hwgen.studies.case import Case


class Inline(Executor):
    """Runs everything at once, in this process."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future:
        future: Future = Future()
        try:
            future.set_result(work(*args, **options))
        except BaseException as error:
            future.set_exception(error)
        return future


class Closed(Executor):
    """Takes no work."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future:
        raise AssertionError(f"asked for {work.__name__}{args}")


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave of every study two small cases."""
    full = {"fir": fir.cases, "receiver": receiver.cases, "descent": descent.cases}

    def filters(quick: bool, seeds: int | None, evaluations: int | None) -> list[Case]:
        first = full["fir"](True, seeds, evaluations)[0]
        finer = replace(first, key="A15 at 5 bits", budget=5, certify=0.0, main=True)
        return [first, replace(finer, parameters=first.parameters | {"bits": 5})]

    monkeypatch.setattr(fir, "cases", filters)
    monkeypatch.setattr(fir, "extras", lambda quick: [])
    monkeypatch.setattr(receiver, "ANTENNAS", 8)
    monkeypatch.setattr(receiver, "USERS", 2)
    monkeypatch.setattr(receiver, "cases", lambda *given: full["receiver"](*given)[-2:])
    monkeypatch.setattr(receiver, "extras", lambda quick: full_extras[:1])
    monkeypatch.setattr(descent, "ITERATIONS", 4)
    monkeypatch.setattr(descent, "cases", lambda *given: [full["descent"](*given)[k] for k in (0, -1)])


full_extras = receiver.extras(True)
