"""Widths of a receiver as variables: what each choice adds in noise at the output, what it costs, the chain it makes.

A word cut from step d to step D adds the variance (D**2 - d**2) / 12 and the mean -(D - d) / 2, independently of other
cuts; a decimator keeps the variance of a sample. So the power at the output is the variance times the sum of squares of
the impulse response from there, convolved across decimators at the faster rate, which counts what aliases.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from hwgen.blocks.chain import Chain, Stage
from hwgen.blocks.cic import Cic
from hwgen.blocks.fir import Fir
from hwgen.blocks.mixer import Mixer
from hwgen.blocks.nco import LARGEST_TABLE, Nco
from hwgen.cost import receiver as cost
from hwgen.designs.receiver_filter import Choice, FirLengths, chosen, fits
from hwgen.designs.receiver_mixing import left_out, line_power
from hwgen.designs.receiver_plan import CicPlan, FirPlan, MixerPlan, Plan, spread
from hwgen.fixed import Format, Overflow, Rounding

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_GUARDS = (-1, 4)  # guard bits of a filter's inner words, fewest and most


class Variable(NamedTuple):
    """A width that is free, and the range worth searching."""

    name: str
    low: int
    high: int


class Made(NamedTuple):
    """One stage with its widths.

    Attributes
    ----------
    build
        Gives the block, for the mean at its output that it is to take out.
    output, outputs, limit
        Format and number of the output's parts, and the largest magnitude of a word.
    power, mean
        What the stage adds at the output of the chain: mean square of both parts, and mean of one.
    luts
        By estimate.
    """

    build: Callable[[float], Stage]
    output: Format
    outputs: int
    limit: int
    power: float
    mean: float
    luts: float


class Widths:
    """All choices for one plan; `noise` is the power that the arithmetic may add at the output, both parts together.

    `samples` are raw input words (channels, n): an oscillator's error is what they turn into.
    """

    def __init__(self, plan: Plan, samples: Ints, noise: float, target: str, sfdr_db: float | None = None) -> None:
        self.plan, self.noise, self.target = plan, noise, target
        self.spurred = 0 if sfdr_db is None else int(np.ceil(sfdr_db / 6.02)) + 2  # bits that surely keep spurs down
        self.samples = samples * plan.input.lsb
        self._known: dict[tuple[object, ...], Made] = {}
        self._waves: dict[tuple[int, int], float] = {}
        self._responses: dict[tuple[int, int], Floats] = {}
        self._adder_powers: dict[int, tuple[float, ...]] = {}
        names = [stage.name for stage in plan.stages]
        self.labels = [
            name if names[:number].count(name) == 0 else f"{name}{names[:number].count(name) + 1}"
            for number, name in enumerate(names)
        ]
        self.variables = [v for number in range(len(plan.stages)) for v in self._variables(number)]

    # --------------------------------------------------------------- variables
    def _fraction(self, gain: float) -> int:
        """Fraction bits at which one cut with this power gain would add a sixteenth of all the noise."""
        return int(np.ceil(0.5 * np.log2(gain * self.plan.outputs * 16 / (12 * self.noise))))

    def _variables(self, number: int) -> list[Variable]:
        plan, label = self.plan, self.labels[number]
        stage, onward = plan.stages[number], plan.onward[number]
        power = float(onward @ onward)
        if isinstance(stage, MixerPlan):
            own = self._fraction(power)
            full = plan.input.width
            used = own - plan.input.fraction + full
            found = [
                Variable(f"{label}.used", int(np.clip(used - 4, 2, full)), full),
                Variable(
                    f"{label}.wave", int(np.clip(own - 5, 3, 14)), int(np.clip(max(own + 4, self.spurred), 6, 20))
                ),
                Variable(f"{label}.product", own - 4, own + 3),
                Variable(f"{label}.guard", 0, 4),
            ]
            if self._addressed(stage):
                most = min((stage.modulus - 1).bit_length(), LARGEST_TABLE.bit_length() + 1)
                high = int(np.clip(max(own + 4, self.spurred), 5, most))
                found.append(Variable(f"{label}.address", int(np.clip(own - 5, 4, high)), high))
            return found
        if isinstance(stage, CicPlan):
            found = []
            for k in range(2 * stage.stages):
                own = self._fraction(self._register_gain(number, k))
                part = f"integrator{k}" if k < stage.stages else f"comb{k - stage.stages}"
                found.append(Variable(f"{label}.{part}", own - 3, own + 3))
            own = self._fraction(power)
            return [*found, Variable(f"{label}.output", own - 3, own + 3)]
        own = self._fraction(power)
        found = [Variable(f"{label}.sum", own - 2, own + 6), Variable(f"{label}.guard", *_GUARDS)]
        return found if number == len(plan.stages) - 1 else [*found, Variable(f"{label}.output", own - 3, own + 3)]

    @staticmethod
    def _addressed(stage: MixerPlan) -> bool:
        """Whether the phase can lose bits before it addresses the table."""
        return stage.modulus & (stage.modulus - 1) == 0 and stage.modulus > 16

    def _register_gain(self, number: int, register: int) -> float:
        return float(np.sum(self._response(number, register) ** 2))

    def _response(self, number: int, register: int) -> Floats:
        """Impulse response from what enters a register of a CIC to the output of the chain."""
        stage = self.plan.stages[number]
        assert isinstance(stage, CicPlan)
        key = number, register
        if key not in self._responses:
            onward = self.plan.onward[number]
            rest = spread(onward, stage.decimate) if register < stage.stages else onward
            self._responses[key] = np.convolve(stage.responses[register], rest)
        return self._responses[key]

    # ------------------------------------------------------------------ stages
    def made(self, bits: Sequence[int] | Ints) -> list[Made]:
        """Every stage with the widths `bits`, one number for each variable."""
        choices: dict[str, Choice] = {label: {} for label in self.labels}
        for variable, value in zip(self.variables, bits, strict=True):
            label, name = variable.name.split(".", 1)
            choices[label][name] = int(value)
        return self.built(list(choices.values()))

    def built(self, choices: Sequence[Choice]) -> list[Made]:
        """Every stage with the widths of its own choice."""
        form, channels, limit, found = self.plan.input, self.plan.channels, -self.plan.input.minimum, list[Made]()
        for number, choice in enumerate(choices):
            key = (number, form, limit, tuple(sorted(choice.items(), key=str)))
            if key not in self._known:
                self._known[key] = self._make(number, choice, form, channels, limit)
            made = self._known[key]
            found.append(made)
            form, channels, limit = made.output, made.outputs, made.limit
        return found

    def _make(self, number: int, choice: Choice, form: Format, channels: int, limit: int) -> Made:
        stage = self.plan.stages[number]
        if isinstance(stage, MixerPlan):
            return self._mixer(number, stage, choice)
        if isinstance(stage, CicPlan):
            return self._cic(number, stage, choice, form, channels, limit)
        return self._fir(number, stage, choice, form, channels, limit)

    def _mixer(self, number: int, stage: MixerPlan, choice: Choice) -> Made:
        plan, wave, used = self.plan, choice["wave"], choice["used"]
        dropped = (stage.modulus - 1).bit_length() - choice["address"] if "address" in choice else 0
        dropped = max(dropped, (stage.modulus // 4 // LARGEST_TABLE).bit_length() - 1 if self._addressed(stage) else 0)
        nco = Nco(stage.modulus, None if stage.tunable else stage.step, dropped, wave, stage.dither)
        finest = plan.input.fraction - (plan.input.width - used) + wave
        fraction = int(np.clip(choice["product"], finest - used - wave + 3, finest - 1))
        block = Mixer(plan.input, plan.channels, nco, used, fraction, choice["guard"])
        onward = plan.onward[number]
        products = plan.channels * plan.outputs
        cut = 4.0**-fraction / 12 * products
        cut += left_out(block) * 4.0**-finest * products
        coarse = (4.0 ** -(finest - wave) - 4.0**-plan.input.fraction) / 12 * plan.channels
        power = (cut + coarse) * float(onward @ onward) + self._wave(number, stage, nco)
        power += line_power(block, stage.step, plan)
        mean = -(2.0 ** -(fraction + 1)) * plan.channels * float(onward.sum())
        return Made(lambda _: block, block.output, 2, block.limit, power, mean, cost.mixer(block, self.target))

    def _wave(self, number: int, stage: MixerPlan, nco: Nco) -> float:
        """Power that the oscillator's own error leaves at the output: it is no noise, but a sequence that is known."""
        key = nco.bits, nco.dropped
        if key not in self._waves:
            word = self.samples[0] + 1j * self.samples[1] if self.plan.channels == 2 else self.samples[0]
            phases = np.arange(len(word)) * stage.step % stage.modulus
            cosine, sine = np.ldexp(nco.words(nco.dithered(phases)).astype(np.float64), -nco.bits)
            error = (cosine + 1j * sine - nco.ideal(phases)).conj()
            left = self.plan.behind(number, word * error)
            skip = min(settled(self.plan), len(left) // 2)
            self._waves[key] = float(np.mean(np.abs(left[skip:]) ** 2))
        return self._waves[key]

    def _cic(self, number: int, stage: CicPlan, choice: Choice, form: Format, channels: int, limit: int) -> Made:
        parts = [f"integrator{k}" for k in range(stage.stages)] + [f"comb{k}" for k in range(stage.stages)]
        gain = (stage.decimate * stage.delay) ** stage.stages
        if "width" in choice:
            # One width: what the truncations add to the range depends on it in turn, by a bit at most.
            width = Cic.needed(limit, gain)
            for _ in range(2):
                dropped = [max(width - choice["width"], 0)] * (2 * stage.stages)
                dropped.append(max(width - choice["output_width"], 0))
                block = self._registers(stage, dropped, form, channels, limit)
                width = block.width
        else:
            dropped, before = list(choice.get("dropped", ())), 0
            if not dropped:
                for part in parts:
                    before = max(before, form.fraction - choice[part])
                    # Of a sample, at least its sign comes in.
                    dropped.append(before := before if dropped else min(before, form.width - 1))
                dropped.append(max(before, form.fraction + stage.scale - choice["output"]))
            block = self._registers(stage, dropped, form, channels, limit)
        power, mean, fine, lsb = 0.0, 0.0, 0, form.lsb
        onward = self.plan.onward[number]
        for register, bits in enumerate(block.dropped):
            if bits > fine:
                response = (
                    self._response(number, register) if register < 2 * stage.stages else onward * 2.0**-stage.scale
                )
                power += (4.0**bits - 4.0**fine) / 12 * lsb**2 * float(response @ response)
                mean -= (2.0**bits - 2.0**fine) / 2 * lsb * float(response.sum())
                fine = bits
        luts = cost.cic(block, self.target)
        return Made(lambda _: block, block.output, channels, -block.output.minimum, power * channels, mean, luts)

    @staticmethod
    def _registers(stage: CicPlan, dropped: list[int], form: Format, channels: int, limit: int) -> Cic:
        """A CIC whose registers lack so many low bits, as wide as its result then needs."""
        gain = (stage.decimate * stage.delay) ** stage.stages
        width = Cic.needed(limit, gain)
        dropped = [min(bits, width - 2) for bits in dropped]
        block = Cic(form, channels, stage.stages, stage.decimate, stage.delay, tuple(dropped), width)
        return replace(block, width=Cic.needed(limit, gain, block.error_bound + (1 << dropped[-1])))

    def _fir(self, number: int, stage: FirPlan, choice: Choice, form: Format, channels: int, limit: int) -> Made:
        plan, last = self.plan, number == len(self.plan.stages) - 1
        if last:
            output = plan.output
        else:
            peak = float(np.abs(stage.taps).sum()) * limit * form.lsb
            integer = int(np.ceil(np.log2(peak * (1 + 2.0**-6)))) + 1
            fraction = choice["output"] if "output" in choice else choice["width"] - integer
            output = Format(integer, max(fraction, 2 - integer))
        lengths = self._lengths(number, stage, form, output)
        lsbs, equal = chosen(lengths, choice), "sum" not in choice and not choice.get("exact")
        luts = cost.fir(lengths, lsbs, channels, self.target)

        def build(mean: float) -> Fir:
            block = replace(lengths.fir(lsbs, channels, equal), offset=mean if last else 0.0)
            return block if last or fits(block) else replace(block, overflow=Overflow.SATURATE)

        return Made(build, output, channels, -output.minimum, lengths.power(lsbs) * channels, 0.0, luts)

    def _lengths(self, number: int, stage: FirPlan, form: Format, output: Format) -> FirLengths:
        plan, last = self.plan, number == len(self.plan.stages) - 1
        return FirLengths(
            stage.coefficients, stage.fraction, stage.graph, form, output,
            plan.rounding if last else Rounding.HALF_UP, plan.overflow if last else Overflow.WRAP,
            stage.structure, stage.decimate, reset_data=plan.reset_data,
            powers=self._powers(number), behind=float(np.sum(plan.onward[number] ** 2)),
        )  # fmt: skip

    def _powers(self, number: int) -> tuple[float, ...]:
        """Power gain from each adder of a filter, in units of its graph, to the output of the chain."""
        if number not in self._adder_powers:
            stage = self.plan.stages[number]
            assert isinstance(stage, FirPlan)
            rest = spread(self.plan.onward[number], stage.decimate)
            adjoint = stage.graph.adjoints[0]
            self._adder_powers[number] = tuple(
                float(np.sum(oaconvolve(adjoint[k], rest) ** 2)) for k in stage.graph.sums
            )
        return self._adder_powers[number]

    # -------------------------------------------------------------------- sums
    def power(self, bits: NDArray[np.int64]) -> Floats:
        """Analytic power at the output of everything dropped, for choices (P, variables): (P,)."""
        return np.array([sum(made.power for made in self.made(row)) for row in bits])

    def luts(self, bits: NDArray[np.int64]) -> Floats:
        """Estimated LUTs, (P,)."""
        return np.array([sum(made.luts for made in self.made(row)) for row in bits])


def chain(stages: Sequence[Made]) -> Chain:
    """The blocks as one; the last takes out the mean of what all others drop."""
    mean = sum(made.mean for made in stages)
    return Chain(tuple(made.build(mean) for made in stages))


def expected(made: Chain, stages: Sequence[Made], plan: Plan) -> float:
    """Analytic power at the output of a chain that is built: means as its constants leave them, not as they may be."""
    power = sum(stage.power for stage in stages) + mean_left(made, plan)
    for number, block in enumerate(made.stages):
        if isinstance(block, Fir):
            onward, lsb = plan.onward[number], 2.0 ** block.output_lsbs[0]
            power -= plan.outputs * lsb**2 / 12 * float(onward @ onward)
    return power


def mean_left(made: Chain, plan: Plan) -> float:
    """Power at the output of the mean that the filters of a chain leave together, by analysis."""
    filters = [(n, block) for n, block in enumerate(made.stages) if isinstance(block, Fir)]
    return plan.outputs * sum(block.off_centre() * float(plan.onward[n].sum()) for n, block in filters) ** 2


def settled(plan: Plan) -> int:
    """Outputs that depend on what came before the first sample."""
    total, rate = 1, 1
    for stage in plan.stages:
        if not isinstance(stage, MixerPlan):
            total += (len(stage.taps) - 1) * rate
            rate *= stage.decimate
    return -(-total // plan.decimate)
