"""Which ways to coefficients are gone: a search for values only where a cascade does not outdo any single filter."""

from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from hwgen.designs import sources
from hwgen.designs.cascade import Factors
from hwgen.designs.reference import reference
from hwgen.designs.sources import Sources
from hwgen.designs.values import Coefficients
from hwgen.journal import Journal
from hwgen.spec import parse

DESIGN = """
[design]
name = "narrow"
kind = "fir"
[input]
format = "s1.11"
sample_rate = 1e6
[output]
format = "s1.15"
[response]
bands = [{ start = 0, stop = 20e3, ripple_db = 0.5 }, { start = 70e3, stop = 500e3, attenuation_db = 40 }]
[search]
evaluations = 2000
[goal]
minimise = "luts"
sqnr_db = 50
target = "ice40"
"""


class Here(Executor):
    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **named))
        return done


def labels(cascade: Coefficients, monkeypatch: pytest.MonkeyPatch, *changes: str) -> list[str]:
    """What is made from where the only cascade is made of twice the given factor, and values take no time."""
    parts = [[list(cascade.values), cascade.fraction, spread] for spread in (1, 2)]
    monkeypatch.setattr(sources, "factor_step", lambda bands, gain, shortest: [parts])
    monkeypatch.setattr(sources, "cheapest", lambda mask, lengths, *rest, **named: [searched])
    searched = Sources(given(*changes), Here(), Journal(None, {}), lambda what, share: None).rounded[0]
    found = Sources(given(*changes), Here(), Journal(None, {}), lambda what, share: None).everything()
    assert sum(isinstance(source, Factors) for _, source in found) == ('"direct"' not in "".join(changes))
    return [label.split(",")[0] for label, _ in found]


def given(old: str = "", new: str = "") -> Any:
    assert old in DESIGN
    return reference(parse(DESIGN.replace(old, new) if old else DESIGN, Path("narrow.toml")))


def test_values_are_not_searched_where_a_cascade_has_far_fewer_adders(monkeypatch: pytest.MonkeyPatch) -> None:
    taps = len(given().ideal)
    assert taps >= 20
    # Adders of ones alone: one less than they are, twice.
    few = Coefficients((1,) * (taps // 3), 0)
    many = Coefficients((1,) * (taps // 3 + 2), 0)
    assert 1.5 * 2 * (taps // 3 - 1) < taps <= 1.5 * 2 * (taps // 3 + 1)
    assert "searched values" not in labels(few, monkeypatch)
    assert "searched values" in labels(many, monkeypatch)
    assert "searched values" in labels(few, monkeypatch, "[goal]", '[hardware]\nstructure = "direct"\n[goal]')
    # Flip-flops take cells, and a cascade's words may not fit.
    assert "searched values" in labels(few, monkeypatch, '"luts"', '"cells"')
    assert "searched values" in labels(few, monkeypatch, "[search]", "[search]\naccumulator_bits = [4, 24]")
