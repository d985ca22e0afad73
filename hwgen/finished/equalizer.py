"""A finished equaliser."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth.lib import wiring
from numpy.typing import NDArray

from hwgen.blocks.dither import Cut
from hwgen.blocks.lms import Lms, Tap
from hwgen.check.script import Script
from hwgen.check.vectors import Expected, Top
from hwgen.designs.equalizer_reference import bench_of
from hwgen.finished import Finished
from hwgen.fixed import Format
from hwgen.spec import Spec

Ints = NDArray[np.int64]
_STRETCH = 8000  # samples from one reset to the next, about


@dataclass(frozen=True)
class Equalizer(Finished):
    """An LMS equaliser with every width fixed: `lms` is its model and its hardware."""

    lms: Lms

    kind: ClassVar[str] = "equalizer"

    def component(self) -> wiring.Component:
        """Amaranth component."""
        return self.lms.component()

    @property
    def core(self) -> Top:
        """The module with plain ports."""
        return Top(self.core_name, self.lms.inputs, self.lms.outputs, self.lms.latency)

    @property
    def formats(self) -> dict[str, str]:
        """Format of the words of each data port."""
        data = {port.name: str(self.lms.input) for port in self.lms.inputs if port.signed}
        data |= {port.name: str(self.lms.output) for port in self.lms.outputs if port.signed}
        plain = [port for port in (*self.lms.inputs, *self.lms.outputs) if not port.signed]
        return data | {port.name: f"u{port.width}.0" for port in plain}

    def words(self, data: Ints) -> Ints:
        """Bit-true outputs of one stretch from reset."""
        return self.lms.model(data)

    def stimuli(self, spec: Spec | None, count: int, rng: np.random.Generator) -> Ints:
        """Extremes in step and against each other, then words at random, then the channel's, training now and then."""
        f = self.lms
        low, high = f.input.minimum, f.input.maximum
        beats = np.array([[low, high], [high, high], [low, low], [0, high], [low, 1]])
        x = np.repeat(beats, 2 * len(f.taps), axis=0)[: 10 * len(f.taps)]
        x[1::2] = x[1::2, ::-1]
        directed = [self._labelled(x.T[: f.channels], rng)]
        rest = max(count + count // 1000 - directed[0].shape[1], 64)  # resets drop a few
        wild = rest if spec is None else rest // 4
        words = rng.integers(low, high, (f.channels, wild), endpoint=True, dtype=np.int64)
        parts = [*directed, self._labelled(words, rng)]
        if spec is not None:
            bench = bench_of(spec)
            received = bench.streams(int(rng.integers(1 << 31)), 1, rest - wild)[0].words
            # Each stretch from reset to reset trains, then decides by itself.
            received[f.channels] = np.arange(received.shape[1]) % _STRETCH < min(bench.training, _STRETCH // 2)
            parts.append(received)
        return np.concatenate(parts, axis=1)

    def _labelled(self, x: Ints, rng: np.random.Generator) -> Ints:
        """Samples with training and symbols at random, both in runs."""
        n, bits = x.shape[1], self.lms.symbol_bits * self.lms.channels
        train = np.repeat(rng.integers(0, 2, n // 40 + 1), 40)[:n]
        return np.vstack([x, train, rng.integers(0, 1 << bits, n)])

    def answered(self, made: Script, rng: np.random.Generator) -> tuple[Script, Expected]:
        """The script, in a long one with further resets, and what it must answer, all stretches at once."""
        if self.interface == "plain" and made.clocks > 3 * _STRETCH:
            rst = made.rst.copy()
            rst[_STRETCH :: int(_STRETCH * 1.3)] = True  # off beat with the training
            made = Script(rst, made.valid, made.data, made.interval)
        stretches: list[Ints] = []

        def noted(data: Ints) -> Ints:
            stretches.append(data)
            return np.zeros((len(self.core.outputs), data.shape[1]), dtype=np.int64)

        self.core.expected(made, noted)
        found: Iterator[Ints] = iter(self.lms.model_streams(stretches))
        return made, self.core.expected(made, lambda _: next(found))

    @property
    def header(self) -> dict[str, object]:
        """Values of ``rtl_templates/header_equalizer.j2``."""
        f = self.lms
        kind = {(2, False): "BPSK", (4, False): "4-PAM", (2, True): "QPSK", (4, True): "16-QAM"}[f.levels, f.complex]
        words = [
            f"tap{k} {tap.weight} ({tap.used} used), data {tap.data}, correlated {tap.correlated}"
            for k, tap in enumerate(f.taps)
        ]
        return {
            "description": f"{len(f.taps)}-tap LMS equaliser for {kind}",
            "constellation": kind, "taps": len(f.taps), "input": f.input, "output": f.output, "complex": f.complex,
            "spacing": f.spacing, "levels": f.levels, "symbol_bits": f.symbol_bits, "rule": f.rule,
            "step": " + ".join(f"2**-{s}" for s in f.steps), "delay": f.delay, "leak": f.leak,
            "dithered": f.rounding is Cut.STOCHASTIC, "error": f.error, "words": words,
        }  # fmt: skip

    def frozen(self) -> dict[str, Any]:
        """Everything that determines the hardware, JSON-able; `thawed` is its inverse."""
        f = self.lms
        return {
            "kind": self.kind, "name": self.name, "interface": self.interface,
            "input": str(f.input), "output": str(f.output), "error": str(f.error),
            "taps": [[str(tap.weight), tap.used, tap.data, tap.correlated] for tap in f.taps],
            "initial": list(f.initial), "sum_fraction": f.sum_fraction, "steps": list(f.steps),
            "rounding": str(f.rounding),
            **{name: getattr(f, name) for name in ("spacing", "levels", "complex", "rule", "delay", "leak")},
        }  # fmt: skip

    def __repr__(self) -> str:
        return self.described(str(self.header["description"]))


def thawed(frozen: dict[str, Any]) -> Equalizer:
    """The design that `Equalizer.frozen` described."""
    taps = tuple(Tap(Format.parse(form), used, data, correlated) for form, used, data, correlated in frozen["taps"])
    lms = Lms(
        Format.parse(frozen["input"]), Format.parse(frozen["output"]), taps, tuple(frozen["initial"]),
        frozen["sum_fraction"], Format.parse(frozen["error"]), tuple(frozen["steps"]), frozen["spacing"],
        frozen["levels"], frozen["complex"], frozen["rule"], frozen["delay"], frozen["leak"], Cut(frozen["rounding"]),
    )  # fmt: skip
    return Equalizer(frozen["name"], lms, interface=frozen["interface"])
