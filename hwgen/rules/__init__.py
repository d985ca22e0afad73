"""What a design file of each kind must and must not have, beyond what its tables judge themselves."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwgen.rules import descent, fir

if TYPE_CHECKING:
    from hwgen.spec import Spec
    from hwgen.tables import DesignFile

# Each raises a `DesignFileError` through `Spec.blame` for what its kind cannot serve.
RULES: dict[str, Callable[["Spec", "DesignFile"], None]] = {"fir": fir.judge, "descent": descent.judge}
# Tables that only some kinds have.
OF_KIND: dict[str, tuple[str, ...]] = {"response": ("fir",), "descent": ("descent",)}
