"""The kinds of circuits: what a design file's ``design.kind`` stands for.

A kind is a module with the functions of `Kind`: from the design file to a `reference`, from there to what a search
found, from that to the finished design, and to what the report draws.
"""

from concurrent.futures import Executor
from typing import Any, Protocol

from hwgen.finished import Finished
from hwgen.journal import Journal, Progress
from hwgen.kinds import descent, detector, equalizer, fir, receiver
from hwgen.spec import Spec


class Kind(Protocol):
    """What each module of this folder has; dicts are JSON-able."""

    def reference(self, spec: Spec) -> Any:
        """The specification in numbers; raises ``DesignFileError`` for goals that nothing can reach."""

    def searched(self, reference: Any, executor: Executor, journal: Journal, progress: Progress) -> dict[str, Any]:
        """What the search found, as the checkpoint keeps it.

        Keys: design (frozen), meets, quality, gain, bits, estimate, synthesis, place, baselines, search, tried; and
        ``own``, a section of result.json named like the kind, where there is one.
        """

    def asked(self, reference: Any) -> dict[str, Any]:
        """What the design file asks for in a few figures, each by the words that follow it: ``{"taps": 31}``."""

    def thawed(self, frozen: dict[str, Any]) -> Finished:
        """The design that `Finished.frozen` described."""

    def drawn(self, reference: Any, design: Any, found: dict[str, Any]) -> dict[str, Any]:
        """The report's evidence."""


_KINDS: dict[str, Kind] = {
    "fir": fir, "receiver": receiver, "detector": detector, "descent": descent, "equalizer": equalizer,
}  # fmt: skip


def kind_of(name: str) -> Kind:
    """The kind of that name."""
    return _KINDS[name]


def thawed(frozen: dict[str, Any]) -> Finished:
    """The design, of whatever kind, that `Finished.frozen` described."""
    return kind_of(frozen["kind"]).thawed(frozen)
