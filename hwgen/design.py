"""A finished design: a block with every width fixed, where it came from, and what was measured of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen.axi_stream import Shell
from hwgen.blocks.fir import Fir
from hwgen.blocks.folded import Folded
from hwgen.blocks.reloadable import Reloadable
from hwgen.check.stream import StreamTop
from hwgen.check.vectors import Port, Top
from hwgen.fixed import Format, Overflow, Rounding, exact_decimal, from_float, to_float
from hwgen.flowgraph import FlowGraph


@dataclass(frozen=True)
class Design:
    """What `hwgen.load` returns.

    `coefficients` are what the hardware multiplies by, as exact integers in units of ``2**-fir.fraction``, zeros at the
    end of the filter included. `interface` is plain, or axi_stream for a shell around the core. `result` is the content
    of result.json, `verilog` the emitted text.
    """

    name: str
    fir: Fir | Folded | Reloadable
    coefficients: tuple[int, ...]
    interface: str = "plain"
    result: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    verilog: str = field(default="", repr=False, compare=False)

    @property
    def bits(self) -> dict[str, int]:
        """Bits of each coefficient, a symmetric pair once, trailing zeros left out, sign included."""
        return dict(self.result.get("bits", {}))

    @property
    def resources(self) -> dict[str, Any]:
        """Estimate, synthesis and placement, each with its target and tool."""
        return dict(self.result.get("resources", {}))

    @property
    def decimals(self) -> list[str]:
        """The coefficients as exact decimal strings."""
        return [exact_decimal(value, self.fir.fraction) for value in self.coefficients]

    @cached_property
    def taps(self) -> NDArray[np.float64]:
        """The coefficients as numbers."""
        return np.ldexp(np.array(self.coefficients, dtype=np.float64), -self.fir.fraction)

    def model(self, x: ArrayLike) -> NDArray[Any]:
        """Bit-true response from zero history; words in give words out, floats (or complex numbers) in give the
        same out.

        Parameters
        ----------
        x
            Integers: raw input words. Floats: values, rounded half-even to the input format and saturated. Shape (n,),
            or for a complex design complex (n,) or (2, n).
        """
        x = np.asarray(x)
        if np.iscomplexobj(x):
            if self.fir.channels != 2:
                raise ValueError(f"{self.name} filters real samples; give it real ones")
            y = self.model(np.stack([x.real, x.imag]))
            return y[0] + 1j * y[1]
        if self.fir.channels == 2 and (x.ndim != 2 or len(x) != 2):
            raise ValueError(f"{self.name} filters complex samples: give complex numbers or an array of shape (2, n)")
        if self.fir.channels == 1 and x.ndim != 1:
            raise ValueError(f"{self.name} filters real samples: give an array of shape (n,), not {x.shape}")
        if np.issubdtype(x.dtype, np.floating):
            return to_float(self.fir.model(from_float(x, self.fir.input)), self.fir.output)
        return self.fir.model(x)

    def response(self, frequencies: ArrayLike | None = None) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
        """Frequencies (fractions of the sample rate; 2048 of them from 0 to 0.5 unless given) and the complex response
        there.
        """
        f = np.linspace(0, 0.5, 2048) if frequencies is None else np.asarray(frequencies, dtype=np.float64)
        return f, np.exp(-2j * np.pi * np.outer(f, np.arange(len(self.taps)))) @ self.taps

    @property
    def core(self) -> Top:
        """The module with plain ports: the design itself, or what its shell is around."""
        names = ("_re", "_im") if self.fir.channels == 2 else ("_data",)
        inputs = tuple(Port(f"i{s}", self.fir.input.width, self.fir.input.signed) for s in names)
        return Top(
            self.name if self.interface == "plain" else f"{self.name}_core",
            inputs + (self.fir.ports if isinstance(self.fir, Reloadable) else ()),
            tuple(Port(f"o{s}", self.fir.output.width, self.fir.output.signed) for s in names),
            self.fir.latency,
            interval=self.fir.interval,
            decimate=self.fir.decimate,
            interpolate=self.fir.interpolate,
            spacing=self.fir.spacing if self.fir.interpolate > 1 else 1,
        )

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

    def __repr__(self) -> str:
        goal, fir = self.result.get("goal", {}), self.fir
        synthesis = (self.resources.get("synthesis") or {}).get("lut")
        area = "" if synthesis is None else f", {synthesis} LUTs on {self.resources.get('target')}"
        verdict = {True: ", goal met", False: ", goal MISSED"}.get(goal.get("met"), "")
        return (
            f"<hwgen design {self.name}: {len(self.coefficients)}-tap FIR, {fir.input} in, {fir.output} out"
            f"{', complex' if fir.channels == 2 else ''}, {sum(self.bits.values())} coefficient bits{area}{verdict}>"
        )

    # -------------------------------------------------------------- to and from JSON
    def frozen(self) -> dict[str, Any]:
        """Everything that determines the hardware, JSON-able; `thawed` is its inverse."""
        fir = self.fir
        kind: dict[str, Any]
        if isinstance(fir, Folded):
            kind = {"interval": fir.interval, "dsp": fir.dsp, "lsb": fir.lsb}
        elif isinstance(fir, Reloadable):
            formats = [str(form) for form in fir.formats]
            kind = {"formats": formats, "interleave": fir.interleave, "dsp": fir.dsp, "lsb": fir.lsb}
        else:
            kind = {"graph": fir.graph.frozen(), "equal_widths": fir.equal_widths, "depth": fir.depth}
            kind["interleave"] = fir.interleave
        return {
            "name": self.name,
            "interface": self.interface,
            "coefficients": list(self.coefficients),
            "fraction": fir.fraction,
            "taps": len(fir.coefficients),
            "input": str(fir.input),
            "output": str(fir.output),
            "rounding": str(fir.rounding),
            "overflow": str(fir.overflow),
            "channels": fir.channels,
            "reset_data": fir.reset_data,
            "structure": fir.structure,
            "decimate": fir.decimate,
            "interpolate": fir.interpolate,
            **kind,
        }


def thawed(frozen: dict[str, Any]) -> Design:
    """The design that `Design.frozen` described; its graph is proved again."""
    coefficients: Sequence[int] = [int(v) for v in frozen["coefficients"]]
    shared: dict[str, Any] = {
        "coefficients": tuple(coefficients[: frozen["taps"]]),
        "fraction": frozen["fraction"],
        "input": Format.parse(frozen["input"]),
        "output": Format.parse(frozen["output"]),
        "rounding": Rounding(frozen["rounding"]),
        "overflow": Overflow(frozen["overflow"]),
        **{key: frozen[key] for key in ("channels", "reset_data")},
    }
    rates = {key: frozen[key] for key in ("decimate", "interpolate")}
    fir: Fir | Folded | Reloadable
    if "formats" in frozen:
        formats = tuple(Format.parse(text) for text in frozen["formats"])
        own = {key: frozen[key] for key in ("interleave", "dsp", "lsb")}
        fir = Reloadable(**shared, formats=formats, **own)
    elif frozen["structure"] == Folded.structure:
        fir = Folded(**shared, **rates, **{key: frozen[key] for key in ("interval", "dsp", "lsb")})
    else:
        own = {key: frozen[key] for key in ("equal_widths", "structure", "depth", "interleave")}
        fir = Fir(**shared, **rates, **own, graph=FlowGraph.thawed(frozen["graph"]))
    return Design(frozen["name"], fir, tuple(coefficients), frozen["interface"])


class NotADesign(ValueError):  # noqa: N818  (names the state of a folder)
    """A folder holds no finished design; the message says what is missing."""


def load(folder: str | Path) -> Design:
    """Give back the finished design in `folder`, as `hwgen run` or `hwgen search` left it.

    Raises `NotADesign` where the folder has none.
    """
    folder = Path(folder)
    try:
        checkpoint = json.loads((folder / "checkpoint").read_text(encoding="utf-8"))
        digest, found = checkpoint["owner"]["digest"], checkpoint["steps"]["search"]
        frozen, known = found["design"], {"bits": found["bits"], "quality": found["quality"]}
    except OSError:
        raise NotADesign(f"{folder} holds no hwgen design: no file 'checkpoint' can be read there") from None
    except (ValueError, KeyError, TypeError):
        raise NotADesign(
            f"{folder} holds no finished design: its search has not ended; run hwgen search again"
        ) from None
    try:
        bare = thawed(frozen)
    except (ValueError, KeyError, TypeError) as error:
        raise NotADesign(f"{folder} holds a damaged checkpoint ({error}); delete it and run hwgen again") from None
    # Verilog and result may be another design's, which was in this folder before the search.
    verilog = _text(folder / f"{bare.name}.v")
    try:
        result = json.loads(_text(folder / "result.json"))
        current = (result["name"], result["coefficients"]) == (bare.name, bare.decimals)
    except (ValueError, KeyError, TypeError):
        current = False
    return replace(
        bare, result=result if current else known, verilog=verilog if f"Design hash: {digest}" in verilog else ""
    )


def _text(path: Path) -> str:
    """Content of a text file; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
