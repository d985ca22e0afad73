"""What a receiver is judged by: the stimulus, what exact arithmetic makes of it, and how far a chain is from that."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.chain import Chain, Stage
from hwgen.blocks.mixer import Mixer
from hwgen.check.vectors import Port
from hwgen.designs.receiver_plan import MixerPlan, Plan
from hwgen.designs.receiver_widths import settled
from hwgen.fixed import Format


@dataclass(frozen=True)
class Goal:
    """Least SQNR, and least spurious-free range of the oscillator (None: any), both in dB."""

    sqnr_db: float
    sfdr_db: float | None = None


@dataclass(frozen=True)
class Measured:
    """Figures of one chain with the bit-true model: SQNR, and EVM against the taps before rounding, in per cent."""

    sqnr_db: float
    evm_percent: float
    sfdr_db: float | None

    def meets(self, goal: Goal) -> bool:
        """Whether the goal is reached."""
        spurs = goal.sfdr_db is None or self.sfdr_db is None or self.sfdr_db >= goal.sfdr_db
        return self.sqnr_db >= goal.sqnr_db and spurs


class Bench:
    """The stimulus and what the ideal chain makes of it: judges chains."""

    def __init__(self, plan: Plan, samples: NDArray[np.int64]) -> None:
        self.plan, self.samples = plan, samples
        values = samples * plan.input.lsb
        self.skip = min(settled(plan), -(-samples.shape[1] // plan.decimate) // 2)
        self.exact, self.wanted = (plan.ideal(values, exact)[self.skip :] for exact in (True, False))
        self.power = float(np.mean(np.abs(self.exact) ** 2))

    def outputs(self, made: Chain) -> NDArray[np.complex128]:
        """Bit-true outputs as numbers, without those that depend on what was before the first sample."""
        return _numbers(made.model(self._given(made.ports)), made.output)[self.skip :]

    def shares(self, stages: Sequence[Stage]) -> list[float]:
        """Power at the output, its mean apart, of what each of the first stages errs by on the words that reach it."""
        found, x, before = [], self._given(stages[0].ports), _numbers(self.samples, self.plan.input)
        for number, (plan, stage) in enumerate(zip(self.plan.stages, stages, strict=False)):
            if isinstance(plan, MixerPlan):
                assert isinstance(stage, Mixer)
                exact = before * stage.nco.ideal(np.arange(len(before)) * plan.step % plan.modulus).conj()
            else:
                exact = self.plan.filtered(before, plan, True)
            x = stage.model(x)
            before = _numbers(x, stage.output)
            left = self.plan.behind(number, before - exact)[self.skip :]
            found.append(float(np.mean(np.abs(left - left.mean()) ** 2)))
        return found

    def mean_power(self, made: Chain) -> float:
        """Power of the mean error at the output: what constants leave of the means of all stages."""
        return float(np.abs(np.mean(self.outputs(made) - amplitude_of(made) * self.exact)) ** 2)

    def _given(self, ports: Sequence[Port]) -> NDArray[np.int64]:
        """The samples, and the phase step where it comes from a port."""
        first = self.plan.stages[0]
        if not ports:
            return self.samples
        assert isinstance(first, MixerPlan)
        return np.concatenate([self.samples, np.full((1, self.samples.shape[1]), first.step)])

    def judge(self, made: Chain) -> Measured:
        """SQNR over the whole output band, against the chain of exact arithmetic with the oscillator's amplitude."""
        y, first, amplitude = self.outputs(made), made.stages[0], amplitude_of(made)
        off = float(np.mean(np.abs(y - amplitude * self.exact) ** 2))
        scale = np.vdot(self.wanted, y) / np.vdot(self.wanted, self.wanted)
        vector = float(np.mean(np.abs(y - scale * self.wanted) ** 2) / np.mean(np.abs(scale * self.wanted) ** 2))
        sfdr = None
        if isinstance(first, Mixer):
            mixer = self.plan.stages[0]
            assert isinstance(mixer, MixerPlan)
            sfdr = first.nco.sfdr_db(mixer.step) if mixer.step else None
        sqnr = float("inf") if off == 0 else 10 * np.log10(amplitude**2 * self.power / off)
        return Measured(float(sqnr), 100 * vector**0.5, sfdr)


def amplitude_of(made: Chain) -> float:
    """That of the oscillator; 1 where there is none."""
    first = made.stages[0]
    return first.nco.amplitude if isinstance(first, Mixer) else 1.0


def _numbers(words: NDArray[np.int64], form: Format) -> NDArray[np.complex128]:
    y = words * form.lsb
    return np.asarray(y[0] + 1j * y[1] if len(y) == 2 else y[0] + 0j)
