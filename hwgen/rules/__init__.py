"""What a design file of each kind must and must not have, beyond what its tables judge themselves."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwgen.rules import descent, detector, equalizer, fir, receiver

if TYPE_CHECKING:
    from hwgen.spec import Spec
    from hwgen.tables import DesignFile

# Each raises a `DesignFileError` through `Spec.blame` for what its kind cannot serve.
RULES: dict[str, Callable[["Spec", "DesignFile"], None]] = {
    "fir": fir.judge,
    "receiver": receiver.judge,
    "detector": detector.judge,
    "descent": descent.judge,
    "equalizer": equalizer.judge,
}
# Tables that only some kinds have.
OF_KIND: dict[str, tuple[str, ...]] = {
    "response": ("fir", "receiver"),
    "stage": ("receiver",),
    "detector": ("detector",),
    "descent": ("descent",),
    "equalizer": ("equalizer",),
}
