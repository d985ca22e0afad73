"""What a chain of stages is to compute, before any width is chosen: rates, responses, the ideal outputs."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from hwgen.fixed import Format, Overflow, Rounding
from hwgen.flowgraph import FlowGraph
from hwgen.problems import cic

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True)
class MixerPlan:
    """An oscillator of `step` phase steps a sample of `modulus` a turn.

    `tunable`: the step comes from a port; `dither`: random bits are added to the phase.
    """

    modulus: int
    step: int
    tunable: bool = False
    dither: bool = False

    name = "mixer"
    decimate = 1


@dataclass(frozen=True)
class CicPlan:
    """N stages, rate change R, delay M."""

    stages: int
    decimate: int
    delay: int

    name = "cic"

    @cached_property
    def scale(self) -> int:
        """Bits by which the outputs are scaled down; the gain left is above 1/2 and at most 1."""
        return int(((self.decimate * self.delay) ** self.stages - 1).bit_length())

    @cached_property
    def responses(self) -> tuple[Floats, ...]:
        """Scaled impulse response from each register and from the output; a comb's in outputs."""
        form, found = cic.Cic(self.stages, self.decimate, self.delay, 1, 1), []
        for stage in range(1, 2 * self.stages + 2):
            response = np.array(form.impulse_response(stage), dtype=np.float64) * 2.0**-self.scale
            if stage > self.stages:
                spread = np.zeros((len(response) - 1) * self.delay + 1)
                spread[:: self.delay] = response
                response = spread
            found.append(response)
        return tuple(found)

    @property
    def taps(self) -> Floats:
        """Impulse response of the whole."""
        return self.responses[0]


@dataclass(frozen=True)
class FirPlan:
    """Coefficients in units of ``2**-fraction`` and the signal-flow graph that multiplies by them; `ideal` are the
    taps they stand for, at the same gain.
    """

    coefficients: tuple[int, ...]
    fraction: int
    decimate: int
    structure: str
    graph: FlowGraph
    ideal: tuple[float, ...]

    name = "fir"

    @cached_property
    def taps(self) -> Floats:
        """The coefficients as numbers."""
        return np.ldexp(np.array(self.coefficients, dtype=np.float64), -self.fraction)


StagePlan = MixerPlan | CicPlan | FirPlan


@dataclass(frozen=True)
class Plan:
    """Stages in order, and the formats at both ends."""

    input: Format
    channels: int
    output: Format
    rounding: Rounding
    overflow: Overflow
    stages: tuple[StagePlan, ...]
    reset_data: bool = True

    @property
    def outputs(self) -> int:
        """1 for real outputs, 2 for complex ones."""
        return 2 if any(isinstance(stage, MixerPlan) for stage in self.stages) else self.channels

    @property
    def decimate(self) -> int:
        """Samples for each output."""
        return prod(stage.decimate for stage in self.stages)

    @cached_property
    def onward(self) -> tuple[Floats, ...]:
        """Impulse response from the output of each stage, at its rate, to the output of the chain before decimation."""
        found, after = [np.ones(1)], np.ones(1)
        for stage in self.stages[:0:-1]:
            if not isinstance(stage, MixerPlan):
                after = np.convolve(stage.taps, spread(after, stage.decimate))
            found.append(after)
        return tuple(found[::-1])

    def ideal(self, x: NDArray[Any], exact: bool = True) -> Complexes:
        """Outputs in exact arithmetic for samples (channels, n) in input units; an oscillator has amplitude 1.

        With `exact` the filters have their whole-number coefficients, otherwise the taps these stand for.
        """
        word = x[0] + 1j * x[1] if self.channels == 2 else x[0]
        for stage in self.stages:
            if isinstance(stage, MixerPlan):
                phases = np.arange(word.shape[0]) * stage.step % stage.modulus
                word = word * np.exp(-2j * np.pi * (phases + 0.5) / stage.modulus)
            else:
                word = self.filtered(word, stage, exact)
        return np.asarray(word, dtype=np.complex128)

    def behind(self, number: int, word: Complexes) -> Complexes:
        """What the stages behind stage `number` make of its output."""
        for stage in self.stages[number + 1 :]:
            assert not isinstance(stage, MixerPlan)  # a mixer comes first
            word = self.filtered(word, stage, True)
        return word

    @staticmethod
    def filtered(word: NDArray, stage: CicPlan | FirPlan, exact: bool) -> NDArray:
        """A stage's outputs; sample 0, R, 2R, ... give them."""
        taps = stage.taps if exact or isinstance(stage, CicPlan) else np.array(stage.ideal)
        return np.asarray(oaconvolve(word, taps)[: len(word) : stage.decimate])

    def response(self, frequencies: Floats, exact: bool = True) -> Complexes:
        """Response of the filters, mixers apart, at fractions of the first sample rate."""
        found, rate = np.ones(len(frequencies), dtype=np.complex128), 1
        for stage in self.stages:
            if not isinstance(stage, MixerPlan):
                taps = stage.taps if exact or isinstance(stage, CicPlan) else np.array(stage.ideal)
                found = found * polynomial(taps, frequencies * rate)
            rate *= stage.decimate
        return found


def spread(taps: Floats, factor: int) -> Floats:
    """Taps with ``factor - 1`` zeros between them: a filter behind a decimator, at the rate before it."""
    found = np.zeros((len(taps) - 1) * factor + 1)
    found[::factor] = taps
    return found


def polynomial(taps: Floats, frequencies: Floats) -> Complexes:
    """``sum_n h[n] exp(-2 pi j f n)``, by Horner's rule: no matrix of frequencies and taps is held."""
    z, total = np.exp(-2j * np.pi * frequencies), np.zeros(len(frequencies), dtype=np.complex128)
    for tap in taps[::-1]:
        total = total * z + tap
    return total
