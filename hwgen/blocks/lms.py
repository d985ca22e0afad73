"""Adaptive FIR equaliser (LMS) with a width for every word of every tap: widths, and the exact integer model.

    y[n] = sum_k w_k[n] x[n - k],   e[n] = d[n] - y[n],   w_k[n + 1 + D] = w_k[n + D] + mu e[n] x*[n - k]

(Widrow and Hoff 1960; with a delay D of the update Long, Ling and Proakis 1989). d is the reference symbol while it
trains and the nearest symbol to y after that. The hardware is in `hwgen.blocks.lms_hardware`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.dither import STATE_BITS, Cut
from hwgen.check.vectors import Port
from hwgen.fixed import INT64_BITS, Format

if TYPE_CHECKING:
    from hwgen.blocks.lms_hardware import LmsComponent

Ints = NDArray[np.int64]
RULES = ("lms", "sign-error")


@dataclass(frozen=True)
class Tap:
    """Widths of one tap.

    Parameters
    ----------
    weight
        Format of the coefficient's accumulator, signed.
    used
        Fraction bits of the coefficient that multiply the data; lower ones only accumulate.
    data
        Fraction bits of the sample that the coefficient multiplies. Samples are rounded once, half-up and saturated,
        to the finest that any tap asks for; what a tap asks for less is cut off (floor).
    correlated
        Fraction bits of the sample that the error multiplies; likewise.
    """

    weight: Format
    used: int
    data: int
    correlated: int


@dataclass(frozen=True)
class Lms:
    """LMS equaliser of N taps, real or complex, one sample a clock.

    Latency: ``max(delay, 1) + 1`` clocks. The coefficients that a sample meets have been updated with the errors of
    all samples but the last `delay`, whether or not there were gaps between them.

    Parameters
    ----------
    input, output
        Formats of samples and results, signed.
    taps
        Widths of each tap.
    initial
        Coefficient of each tap at power-up and reset, the real part, as an integer of its weight's format.
    sum_fraction
        Fraction bits of the sum; each tap's product is cut (floor) to it.
    error
        Format of the error as it is fed back, half-up and saturated; with ``rule = "sign-error"`` only its sign is.
    steps
        The step size mu is the sum of ``2**-s`` over these s.
    spacing
        Half the distance between two levels of the constellation on an axis, in output LSBs.
    levels
        Levels on an axis, 2 (BPSK, QPSK) or 4 (4-PAM, 16-QAM).
    complex
        Whether samples, coefficients and symbols are complex.
    rule
        "lms", or "sign-error": the error is replaced by the sign of its parts, and its multipliers by additions.
    delay
        Samples D by which updates come late; D of 1 or more puts registers between the filter and the update.
    leak
        Each update takes ``2**-leak`` of a coefficient away; None: nothing.
    rounding
        How an update is cut to a coefficient's LSB.
    """

    input: Format
    output: Format
    taps: tuple[Tap, ...]
    initial: tuple[int, ...]
    sum_fraction: int
    error: Format
    steps: tuple[int, ...]
    spacing: int
    levels: int = 2
    complex: bool = True
    rule: str = "lms"
    delay: int = 0
    leak: int | None = None
    rounding: Cut = Cut.HALF_UP

    def __post_init__(self) -> None:
        if not self.taps or len(self.initial) != len(self.taps):
            raise ValueError("an equaliser has at least one tap and as many initial coefficients as taps")
        if not (self.input.signed and self.output.signed and self.error.signed):
            raise ValueError("input, output and error must be signed")
        for k, (tap, value) in enumerate(zip(self.taps, self.initial, strict=True)):
            if not tap.weight.signed or not tap.weight.minimum <= value <= tap.weight.maximum:
                raise ValueError(f"tap {k}: {value} is no word of the signed format {tap.weight}")
            for name, form in (("used", tap.weight), ("data", self.input), ("correlated", self.input)):
                fraction = getattr(tap, name)
                if not 2 - form.integer <= fraction <= form.fraction:
                    raise ValueError(
                        f"tap {k}: {name} must be between {2 - form.integer} and {form.fraction}, got {fraction}"
                    )
        if self.levels not in (2, 4):
            raise ValueError(f"levels must be 2 or 4, got {self.levels}")
        if not 1 <= self.spacing * (self.levels - 1) <= self.output.maximum:
            raise ValueError(f"the constellation does not fit the output {self.output}: spacing {self.spacing}")
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, got {self.rule!r}")
        if not self.steps or len(set(self.steps)) != len(self.steps):
            raise ValueError(f"steps must be one or more different powers of two, got {self.steps}")
        if not 0 <= self.delay <= self.most_delay:
            raise ValueError(f"delay must be between 0 and {self.most_delay}, got {self.delay}")
        if self.leak is not None and self.leak < 1:
            raise ValueError(f"leak must be 1 or more, got {self.leak}")
        drop = max(f - t.weight.fraction for f, t in zip(self.gradient_fraction, self.taps, strict=True))
        if self.rounding is Cut.STOCHASTIC and drop > STATE_BITS:
            raise ValueError(f"stochastic rounding drops up to {STATE_BITS} bits of an update, not {drop}")
        if self.widest > INT64_BITS:
            raise ValueError(f"a word would need {self.widest} bits, more than {INT64_BITS}")

    # ------------------------------------------------------------------ timing
    @property
    def most_delay(self) -> int:
        """The longest delay: registers behind the products, each level of the adder tree, and at the error."""
        return 3 + (len(self.taps) - 1).bit_length()

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge at which its output is seen."""
        return max(self.delay, 1) + 1

    @property
    def channels(self) -> int:
        """Parts of a sample: 2 where it is complex."""
        return 2 if self.complex else 1

    @property
    def symbol_bits(self) -> int:
        """Bits that name a level on one axis, the lowest level 0."""
        return self.levels.bit_length() - 1

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Data ports: the sample, whether it trains, and its symbol, the real part's level in the low bits."""
        names = ("i_re", "i_im") if self.complex else ("i_data",)
        samples = tuple(Port(name, self.input.width, True) for name in names)
        return (*samples, Port("i_train", 1, False), Port("i_symbol", self.symbol_bits * self.channels, False))

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Data ports: the equalised sample, and the symbol nearest to it."""
        names = ("o_re", "o_im") if self.complex else ("o_data",)
        samples = tuple(Port(name, self.output.width, True) for name in names)
        return (*samples, Port("o_symbol", self.symbol_bits * self.channels, False))

    # ------------------------------------------------------------------ widths
    @cached_property
    def kept(self) -> tuple[int, ...]:
        """Fraction bits of the sample in each register of the delay line, delayed ones for the update included."""
        need = [max(tap.data, -99) for tap in self.taps] + [-99] * self.delay
        for k, tap in enumerate(self.taps):
            need[k + self.delay] = max(need[k + self.delay], tap.correlated)
        return tuple(max(need[k:]) for k in range(len(need)))

    @property
    def line(self) -> Format:
        """Format of the newest sample in the delay line."""
        return Format(self.input.integer, self.kept[0])

    @property
    def cuts(self) -> tuple[int, ...]:
        """Low bits of each product that the sum drops; negative: zeros below it."""
        return tuple(tap.data + tap.used - self.sum_fraction for tap in self.taps)

    @cached_property
    def products(self) -> tuple[Format, ...]:
        """Format of each tap's (complex) product as the sum has it."""
        found = []
        for tap in self.taps:
            one = Format(self.input.integer, tap.data).mul(Format(tap.weight.integer, tap.used))
            whole = one.add(one) if self.complex else one
            found.append(Format(max(whole.integer, 2 - self.sum_fraction), self.sum_fraction))
        return tuple(found)

    @property
    def constant(self) -> int:
        """Added to the sum, in its LSBs: half of what the cuts can take, and the half of the output's rounding."""
        mean = sum((1 - 2.0**-cut) / 2 for cut in self.cuts if cut > 0)
        more = self.sum_fraction - self.output.fraction
        return round(mean + (2.0 ** (more - 1) if more > 0 else 0))

    @cached_property
    def total(self) -> Format:
        """Format of the sum with the constant."""
        low, high = sum(p.minimum for p in self.products), sum(p.maximum for p in self.products)
        return Format.for_range(min(low, low + self.constant), high + max(self.constant, 0), self.sum_fraction, True)

    @property
    def difference(self) -> Format:
        """Format of the exact error."""
        return self.output.sub(self.output)

    @property
    def gradient_fraction(self) -> tuple[int, ...]:
        """Fraction bits of each tap's exact update."""
        error = 0 if self.rule == "sign-error" else self.error.fraction
        own = [error + tap.correlated + max(self.steps) for tap in self.taps]
        return tuple(
            fine if self.leak is None else max(fine, tap.weight.fraction + self.leak)
            for fine, tap in zip(own, self.taps, strict=True)
        )

    @property
    def widest(self) -> int:
        """Bits of the widest word that occurs, in the model or in hardware."""
        error = 2 if self.rule == "sign-error" else self.error.width
        updates = [
            error + self.input.integer + tap.correlated + 2 + len(self.steps) + max(self.steps) - min(self.steps)
            + max(0, fine - tap.correlated - error) + tap.weight.width
            for tap, fine in zip(self.taps, self.gradient_fraction, strict=True)
        ]  # fmt: skip
        return max(self.total.width + max(0, self.output.fraction - self.sum_fraction), *updates) + 2

    @property
    def step(self) -> float:
        """mu."""
        return float(sum(2.0**-s for s in self.steps))

    # ------------------------------------------------------------------- model
    def model(self, data: NDArray) -> Ints:
        """Bit-true outputs (ports, n) for the data ports' words (ports, n), in the order of `inputs` and `outputs`."""
        return self.model_streams([np.asarray(data)])[0]

    def model_streams(self, streams: Sequence[NDArray]) -> list[Ints]:
        """The same for several streams, each from reset; at once, which is many times as fast."""
        from hwgen.blocks.lms_model import adapted

        return adapted([self], streams).outputs

    # ---------------------------------------------------------------- hardware
    def component(self) -> "LmsComponent":
        """Amaranth component with `inputs`, `outputs`, ``i_valid`` and ``o_valid``."""
        from hwgen.blocks.lms_hardware import LmsComponent

        return LmsComponent(self)
