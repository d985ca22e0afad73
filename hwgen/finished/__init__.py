"""A finished design of any kind: hardware with every width fixed, its model, and what was measured of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from amaranth.lib import wiring
from numpy.typing import ArrayLike, NDArray

from hwgen.axi_stream import Shell
from hwgen.check.script import Script
from hwgen.check.stream import StreamTop
from hwgen.check.vectors import Expected, Top

if TYPE_CHECKING:
    from hwgen.spec import Spec

Ints = NDArray[np.int64]


class NotADesign(ValueError):  # noqa: N818  (names the state of a folder)
    """A folder holds no finished design; the message says what is missing."""


@dataclass(frozen=True)
class Finished(ABC):
    """What `hwgen.load` returns. A kind of circuit adds the parts that determine its hardware.

    `interface` is plain, or axi_stream for a shell around the core. `result` is the content of result.json, `verilog`
    the emitted text.
    """

    name: str
    interface: str = field(default="plain", kw_only=True)
    result: dict[str, Any] = field(default_factory=dict, repr=False, compare=False, kw_only=True)
    verilog: str = field(default="", repr=False, compare=False, kw_only=True)

    kind: ClassVar[str]  # as in the design file

    # ----------------------------------------------------------- of each kind
    @property
    @abstractmethod
    def core(self) -> Top:
        """The module with plain ports: the design itself, or what its shell is around; named `core_name`."""

    @property
    @abstractmethod
    def formats(self) -> dict[str, str]:
        """Format of the words of each data port of the core, by its name."""

    @abstractmethod
    def component(self) -> wiring.Component:
        """Amaranth component of the core."""

    @abstractmethod
    def words(self, data: Ints) -> Ints:
        """Bit-true outputs (output ports, m) for the words (input ports, n) of the core, from reset."""

    @abstractmethod
    def stimuli(self, spec: "Spec | None", count: int, rng: np.random.Generator) -> Ints:
        """Words (input ports, n) that prove the design: directed, then random over the whole range, then the stimulus
        of `spec`; at least `count`.
        """

    @property
    @abstractmethod
    def header(self) -> dict[str, object]:
        """Values of ``rtl_templates/header_<kind>.j2``, and ``description``: the design in a few words."""

    @abstractmethod
    def frozen(self) -> dict[str, Any]:
        """Everything that determines the hardware, JSON-able; the kind's ``thawed`` is its inverse."""

    # ------------------------------------------- of each kind, where it has them
    @property
    def decimals(self) -> list[str]:
        """Constants that the hardware multiplies by, as exact decimal strings."""
        return []

    @property
    def group_delay(self) -> float | None:
        """Samples; None where it depends on the frequency, or means nothing."""
        return None

    @property
    def headroom_db(self) -> float | None:
        """Output full scale over the largest output any input can cause; None where nothing bounds it."""
        return None

    @property
    def dsp(self) -> bool:
        """Whether its multipliers are for DSP blocks."""
        return False

    def answered(self, made: Script, rng: np.random.Generator) -> tuple[Script, Expected]:
        """The script of the core, further inputs added, and what it must answer."""
        return made, self.core.expected(made, self.words)

    def plainly(self, made: Script) -> tuple[Script, Expected]:
        """As `answered`, every further input at rest."""
        return made, self.core.expected(made, self.words)

    def model(self, x: ArrayLike, run: Callable[[Ints], Ints] | None = None) -> NDArray[Any]:
        """Bit-true response from reset to the words `x` of the input ports (ports, n), or (n,) of a single one; further
        inputs, such as those that load, are no rows of it.

        Parameters
        ----------
        run
            What takes port words to port words; default the model.
        """
        given = np.asarray(x)
        if not np.issubdtype(given.dtype, np.integer):
            raise ValueError(f"{self.name} takes port words: whole numbers")
        rows, ports = np.atleast_2d(given), len(self.core.inputs) - self.core.apart
        if rows.ndim != 2 or len(rows) != ports:
            raise ValueError(f"{self.name} takes words of shape ({ports}, n), not {given.shape}")
        made = (run or self.words)(rows)
        return made[0] if given.ndim == 1 and len(made) == 1 else made

    # -------------------------------------------------------------- of them all
    @property
    def bits(self) -> dict[str, int]:
        """Bits of each variable that was allocated; of a filter, each coefficient, a symmetric pair once."""
        return dict(self.result.get("bits", {}))

    @property
    def resources(self) -> dict[str, Any]:
        """Estimate, synthesis and placement, each with its target and tool."""
        return dict(self.result.get("resources", {}))

    @property
    def core_name(self) -> str:
        """Name of the core's module."""
        return self.name if self.interface == "plain" else f"{self.name}_core"

    @property
    def shell(self) -> Shell | None:
        """What is around the core; None where the design has plain ports."""
        return None if self.interface == "plain" else Shell(self.name, self.core)

    @property
    def top(self) -> Top:
        """Data ports and latency of the whole, as the benches need them."""
        return self.core if self.shell is None else StreamTop.of(self.shell)

    def whole(self, core: str) -> str:
        """Verilog of the core, with the shell behind it where there is one."""
        return core if self.shell is None else core + self.shell.verilog()

    def described(self, what: str) -> str:
        """What ``repr`` says, `what` being the kind's words."""
        goal = self.result.get("goal", {})
        synthesis = (self.resources.get("synthesis") or {}).get("lut")
        area = "" if synthesis is None else f", {synthesis} LUTs on {self.resources.get('target')}"
        verdict = {True: ", goal met", False: ", goal MISSED"}.get(goal.get("met"), "")
        return f"<hwgen design {self.name}: {what}{area}{verdict}>"

    def __repr__(self) -> str:
        return self.described(self.kind)
