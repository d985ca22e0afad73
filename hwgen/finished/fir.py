"""A finished FIR filter: a block with every width fixed, and where it came from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.lib import wiring
from numpy.typing import ArrayLike, NDArray

from hwgen import stimulus
from hwgen.blocks.fir import Fir
from hwgen.blocks.folded import Folded
from hwgen.blocks.reloadable import Reloadable
from hwgen.check import reloads
from hwgen.check.script import Script
from hwgen.check.stimuli import directed
from hwgen.check.vectors import Expected, Port, Top
from hwgen.finished import Finished, Ints
from hwgen.fixed import Format, Overflow, Rounding, exact_decimal, from_float, to_float
from hwgen.flowgraph import FlowGraph
from hwgen.spec import Spec

_MOST_RATE = 16  # a decimation beyond it does not lengthen the simulation any more


@dataclass(frozen=True, repr=False)
class Design(Finished):
    """A finished filter.

    `coefficients` are what the hardware multiplies by, as exact integers in units of ``2**-fir.fraction``, zeros at the
    end of the filter included.
    """

    fir: Fir | Folded | Reloadable
    coefficients: tuple[int, ...]

    kind = "fir"

    @property
    def dsp(self) -> bool:
        """Whether its multipliers are for DSP blocks; adders and shifts alone need none."""
        return not isinstance(self.fir, Fir) and self.fir.dsp

    @property
    def decimals(self) -> list[str]:
        """The coefficients as exact decimal strings."""
        return [exact_decimal(value, self.fir.fraction) for value in self.coefficients]

    @cached_property
    def taps(self) -> NDArray[np.float64]:
        """The coefficients as numbers."""
        return np.ldexp(np.array(self.coefficients, dtype=np.float64), -self.fir.fraction)

    @cached_property
    def realised(self) -> NDArray[np.float64]:
        """The taps that the hardware has on average, for white noise of half of full scale: the coefficients, and what
        dropped bits add to them (`hwgen.moved_taps`); of folded and reloadable filters the coefficients alone.
        """
        if not isinstance(self.fir, Fir):
            return self.taps
        found = self.fir.realised
        return np.pad(found, (0, max(len(self.taps) - len(found), 0)))

    def words(self, data: Ints) -> Ints:
        """Bit-true outputs (channels, m) for input words (channels, n), from zero history, of a reloadable filter with
        its power-up coefficients.
        """
        return np.asarray(self.fir.model(data))

    def model(self, x: ArrayLike, run: Callable[[Ints], Ints] | None = None) -> NDArray[Any]:
        """Bit-true response from zero history; words in give words out, floats (or complex numbers) in give the
        same out.

        Parameters
        ----------
        x
            Integers: raw input words. Floats: values, rounded half-even to the input format and saturated. Shape (n,),
            or for a complex design complex (n,) or (2, n).
        run
            What takes port words (channels, n) to port words; default the model.
        """
        x = np.asarray(x)
        if np.iscomplexobj(x):
            if self.fir.channels != 2:
                raise ValueError(f"{self.name} filters real samples; give it real ones")
            y = self.model(np.stack([x.real, x.imag]), run)
            return y[0] + 1j * y[1]
        if self.fir.channels == 2 and (x.ndim != 2 or len(x) != 2):
            raise ValueError(f"{self.name} filters complex samples: give complex numbers or an array of shape (2, n)")
        if self.fir.channels == 1 and x.ndim != 1:
            raise ValueError(f"{self.name} filters real samples: give an array of shape (n,), not {x.shape}")
        if np.issubdtype(x.dtype, np.floating):
            return to_float(self.model(from_float(x, self.fir.input), run), self.fir.output)
        made = (run or self.words)(np.atleast_2d(x))
        return made if self.fir.channels == 2 else made[0]

    def response(self, frequencies: ArrayLike | None = None) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
        """Frequencies (fractions of the sample rate; 2048 of them from 0 to 0.5 unless given) and the complex response
        there.
        """
        f = np.linspace(0, 0.5, 2048) if frequencies is None else np.asarray(frequencies, dtype=np.float64)
        return f, np.exp(-2j * np.pi * np.outer(f, np.arange(len(self.taps)))) @ self.taps

    @property
    def core(self) -> Top:
        """The module with plain ports."""
        names = ("_re", "_im") if self.fir.channels == 2 else ("_data",)
        inputs = tuple(Port(f"i{s}", self.fir.input.width, self.fir.input.signed) for s in names)
        loads = self.fir.ports if isinstance(self.fir, Reloadable) else ()
        return Top(
            self.core_name,
            inputs + loads,
            tuple(Port(f"o{s}", self.fir.output.width, self.fir.output.signed) for s in names),
            self.fir.latency,
            interval=self.fir.interval,
            decimate=self.fir.decimate,
            interpolate=self.fir.interpolate,
            spacing=self.fir.spacing if self.fir.interpolate > 1 else 1,
            apart=len(loads),
        )

    @property
    def formats(self) -> dict[str, str]:
        """Formats of samples, and of each coefficient that can be loaded."""
        given = {port.name: str(self.fir.input) for port in self.core.inputs[: self.fir.channels]}
        given |= {port.name: str(self.fir.output) for port in self.core.outputs}
        return given | ({"c_data": ", ".join(self.loading)} if self.loading else {})

    @property
    def loading(self) -> list[str]:
        """Name and format of each coefficient that can be loaded."""
        fir = self.fir
        return [f"tap{tap} {form}" for tap, form in enumerate(fir.formats)] if isinstance(fir, Reloadable) else []

    def component(self) -> wiring.Component:
        """The filter in Amaranth."""
        return self.fir.component()

    @property
    def group_delay(self) -> float | None:
        """Samples; None where the filter has no linear phase."""
        values = self.coefficients
        mirrored = values == values[::-1] or values == tuple(-v for v in values[::-1])
        return (len(values) - 1) / 2 if mirrored else None

    @property
    def headroom_db(self) -> float:
        """Output full scale over the largest output any input can cause; negative where the filter can saturate or
        wrap.
        """
        fir = self.fir
        peak = max(-fir.input.minimum, fir.input.maximum) * fir.input.lsb * float(sum(abs(v) for v in self.taps))
        full_scale = (fir.output.maximum or 1) * fir.output.lsb  # a single sign bit has no positive value
        return round(20 * math.log10(full_scale / peak), 4)

    @property
    def header(self) -> dict[str, object]:
        """What the header of the Verilog says of the filter."""
        fir = self.fir
        return {
            "description": f"{len(self.coefficients)}-tap FIR filter", "taps": len(self.coefficients),
            "structure": fir.structure, "built": self._built(), "complex": fir.channels == 2,
            "input": fir.input, "output": fir.output, "rounding": fir.rounding, "overflow": fir.overflow,
            "group_delay": self.group_delay, "rate": self._rate(), "loading": self.loading,
            "complements": fir.graph.complemented if isinstance(fir, Fir) else [],
            "joined": fir.joined if isinstance(fir, Fir) else [],
        }  # fmt: skip

    def _built(self) -> str:
        """What the filter is made of, in words."""
        fir = self.fir
        if isinstance(fir, Fir):
            return f"{fir.adders} adders"
        return f"{(fir.units if isinstance(fir, Folded) else len(fir.formats)) * fir.channels} multipliers"

    def _rate(self) -> str:
        """Throughput in words."""
        fir = self.fir
        taken = "one sample a clock" if fir.interval == 1 else f"one sample in {fir.interval} clocks"
        if fir.interleave > 1:
            taken += f", of {fir.interleave} channels in turn"
        if fir.decimate > 1:
            return f"{taken}, one output for {fir.decimate} samples"
        return taken if fir.interpolate == 1 else f"{taken}, {fir.interpolate} outputs each"

    # ---------------------------------------------------------------- verification
    def stimuli(self, spec: Spec | None, count: int, rng: np.random.Generator) -> Ints:
        """Words (channels, n) to prove the filter by; where outputs are fewer than samples, more of them."""
        fir = self.fir
        first = directed(np.sign(np.array(fir.coefficients, dtype=np.float64)), fir.input, len(fir.coefficients) + 1)
        # Each channel, I and Q as well as those in turn, runs the same cases another phase later: a swap shows.
        turns = [[np.roll(first, 3 * c + 5 * turn) for turn in range(fir.interleave)] for c in range(fir.channels)]
        parts = [np.array(turns, dtype=np.int64).transpose(0, 2, 1).reshape(fir.channels, -1)]
        # Outputs are what is compared: where they are fewer than samples, more samples are needed, within reason.
        rest = max(count * min(fir.decimate, _MOST_RATE) - parts[0].shape[1], 64)
        wild = rest if spec is None else rest // 2
        random = rng.integers(fir.input.minimum, fir.input.maximum, (fir.channels, wild), endpoint=True, dtype=np.int64)
        parts.append(_full_scale(random, fir) if isinstance(fir, Reloadable) else random)
        if spec is not None:
            parts.append(stimulus.samples(spec, rest - wild, rng))
        return np.concatenate(parts, axis=1)

    def answered(self, made: Script, rng: np.random.Generator) -> tuple[Script, Expected]:
        """The script with reloads where the filter takes them, and what it must answer."""
        fir = self.fir
        settle = 0 if fir.reset_data else (len(fir.coefficients) - 1) * fir.interleave
        if isinstance(fir, Reloadable):
            made = reloads.reloading(made, fir, rng)
            return made, reloads.expected(self.core, made, fir, settle=settle)
        return made, self.core.expected(made, self.words, settle=settle)

    def plainly(self, made: Script) -> tuple[Script, Expected]:
        """The script without reloads, and what the filter must answer."""
        wanted = self.core.expected(made, self.words)
        return reloads.idle(made) if isinstance(self.fir, Reloadable) else made, wanted

    def __repr__(self) -> str:
        fir = self.fir
        return self.described(
            f"{len(self.coefficients)}-tap FIR, {fir.input} in, {fir.output} out"
            f"{', complex' if fir.channels == 2 else ''}, {sum(self.bits.values())} coefficient bits"
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
            "kind": self.kind,
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


def _full_scale(samples: Ints, fir: Reloadable) -> Ints:
    """The samples, of four stretches as long as the filter the third at the least value, the fourth at the most."""
    stretch = np.arange(samples.shape[1]) // fir.length % 4
    ends = np.where(stretch == 2, fir.input.minimum, fir.input.maximum)
    return np.where(stretch < 2, samples, ends).astype(np.int64)


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
    return Design(frozen["name"], fir, tuple(coefficients), interface=frozen["interface"])
