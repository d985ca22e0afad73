"""What a receiver's design file asks for: its stages as responses, the stimulus, the goal in numbers."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from hwgen import stimulus
from hwgen.adders import FAST, best_graph
from hwgen.cost.estimate import Estimate
from hwgen.designs.chain_filters import (
    Wanted,
    centred_gain,
    root_raised_cosine,
    rounded_to_mask,
    rounded_to_noise,
)
from hwgen.designs.receiver_bench import Bench, Goal
from hwgen.designs.receiver_plan import CicPlan, FirPlan, MixerPlan, Plan, StagePlan, polynomial
from hwgen.designs.values import Coefficients
from hwgen.designs.word_lengths import WordLengths
from hwgen.fixed import Format
from hwgen.headroom import lost
from hwgen.response import Band, Mask, Measurement
from hwgen.spec import Spec
from hwgen.structures import SMALLEST, STRUCTURES
from hwgen.tables import BandTable
from hwgen.tables.stages import StageTable

Floats = NDArray[np.float64]
_OUTPUTS = 2048  # that the stimulus is to give, and samples that it has at most
_SAMPLES = (1 << 15, 1 << 19)
_LONGEST_PERIOD = 1024  # phases of an oscillator with a table of all of them
_DB_A_BIT, _HEADROOM_DB = 6.02, 12.0  # of an output, and what the stimulus leaves of its full scale
_MARGIN_DB = 10.0  # of rounded coefficients below the goal, where nothing else says how fine they are


@dataclass(frozen=True)
class ReceiverReference:
    """The specification in numbers. `mask` is that of all stages together, None where the file has none."""

    spec: Spec
    plan: Plan
    bench: Bench
    goal: Goal
    mask: Mask | None
    response: Measurement | None


def reference(spec: Spec) -> ReceiverReference:
    """Design the filters, make the stimulus, and judge whether the goal can be reached."""
    goal_db = _wanted_db(spec)
    stages: list[StagePlan] = []
    rate = Fraction(1)
    for index, table in enumerate(spec.stage):
        made = _stage(spec, index, table, stages, float(rate), goal_db)
        stages.append(made)
        rate /= made.decimate
    plan = Plan(
        spec.input.format, 2 if spec.input.complex else 1, spec.output.format, spec.output.rounding,
        spec.output.overflow, tuple(stages),
    )  # fmt: skip
    count = int(np.clip(_OUTPUTS * plan.decimate, *_SAMPLES))
    length = stimulus.length(spec)
    if length is not None:
        count = min(length, max(count, _SAMPLES[1]))
    bench = Bench(plan, stimulus.samples(spec, count, np.random.default_rng(spec.search.seed)))
    if bench.power == 0 or not len(bench.exact):
        key = "stimulus.file" if spec.stimulus.file else "stage"
        raise spec.blame(key, "nothing of the stimulus reaches the output", "mind the frequency, or give more samples")
    mask = None if spec.response.bands is None else _mask(spec.response.bands, spec.input.sample_rate)
    response = None if mask is None else _measured(plan, mask)
    if response is not None and response.violation > 1 + 1e-9:
        reason = f"the stages together miss it: they deviate {response.violation:.4g} times what it allows"
        raise spec.blame("response.bands", reason, "give the stages narrower bands, or relax these")
    return ReceiverReference(spec, plan, bench, _goal(spec, bench), mask, response)


def _wanted_db(spec: Spec) -> float:
    """SQNR that coefficients which the file gives as numbers are rounded for, dB; of a budget, the output's."""
    if spec.goal.minimise == "error":
        return _DB_A_BIT * spec.output.format.width - _HEADROOM_DB
    if spec.goal.evm_percent is not None:
        return -20 * log2(spec.goal.evm_percent / 100) / log2(10)
    return spec.goal.sqnr_db or spec.goal.sfdr_db or 0.0


def _goal(spec: Spec, bench: Bench) -> Goal:
    """The SQNR that is needed; of an EVM, what rounded coefficients leave of it; of a budget, what no width has.

    With a spurious-free range alone, all errors together stay that far below the signal: so does each spur, then.
    """
    parts = bench.plan.outputs
    least = float(10 * np.log10(bench.power / (parts * spec.output.format.lsb**2 / 12)))
    if spec.goal.minimise == "error":
        return Goal(least, spec.goal.sfdr_db)
    if spec.goal.sqnr_db is not None:
        needed, key = spec.goal.sqnr_db, "goal.sqnr_db"
    elif spec.goal.evm_percent is None:
        assert spec.goal.sfdr_db is not None  # what the rules see to
        needed, key = spec.goal.sfdr_db, "goal.sfdr_db"
    else:
        asked = spec.goal.evm_percent / 100
        scale = np.vdot(bench.wanted, bench.exact) / np.vdot(bench.wanted, bench.wanted)
        own = float(np.mean(np.abs(bench.exact - scale * bench.wanted) ** 2) / bench.power)
        key = "goal.evm_percent"
        if own >= asked**2:
            reason = f"the rounded coefficients alone have {100 * own**0.5:.3g} %"
            raise spec.blame(key, reason, "give finer coefficients, or a larger evm_percent")
        needed = float(-10 * np.log10(asked**2 - own))
    if needed > least:
        reason = f"the output format {spec.output.format} alone leaves {least:.1f} dB of SQNR on the stimulus"
        raise spec.blame(key, reason, "give output.format more fraction bits, or ask for less")
    if needed > (inside := _within(spec, bench)):
        peak = float(np.abs(np.stack([bench.exact.real, bench.exact.imag])).max())
        reason = f"{spec.output.format} overflows: outputs reach {peak:.3g}, which leaves {inside:.1f} dB of SQNR"
        raise spec.blame("output.format", reason, "give it more integer bits, or a smaller gain before it")
    return Goal(needed, spec.goal.sfdr_db)


def _within(spec: Spec, bench: Bench) -> float:
    """SQNR of exact outputs that are saturated, or wrap, as the output format has it, dB; infinite where none is."""
    parts = np.stack([bench.exact.real, bench.exact.imag])
    off = 2 * lost(parts, spec.output.format, spec.output.overflow)
    return float(10 * np.log10(bench.power / off)) if off else float("inf")


def _stage(
    spec: Spec, index: int, table: StageTable, before: list[StagePlan], rate: float, goal_db: float
) -> StagePlan:
    """The stage of a table, behind the stages before it, at `rate` of the first sample rate."""
    if table.block == "mixer":
        return _mixer(spec, table)
    if table.block == "cic":
        plan = CicPlan(table.order or 1, table.decimate, table.delay)
        if plan.scale + spec.input.format.width > 56:
            reason = f"its registers would grow by {plan.scale} bits, and hwgen builds words of 62"
            raise spec.blame(f"stage[{index}].order", reason, "decimate by less, or in two stages")
        return plan
    if table.block == "gain":
        coefficients, ideal = _listed(spec, (table.gain or 1.0,), goal_db)
    elif table.block == "matched":
        taps = root_raised_cosine(table.roll_off or 1.0, table.samples or 1.0, table.span)
        coefficients, ideal = _rounded(taps, goal_db)
    elif table.coefficients is not None:
        coefficients, ideal = _listed(spec, table.coefficients, goal_db)
    else:
        coefficients, ideal = _banded(spec, index, table, before, rate)
    return _fir(spec, coefficients, ideal, table.decimate)


def _mixer(spec: Spec, table: StageTable) -> MixerPlan:
    """The phase accumulator: modulo the period where that is short, else modulo a power of two that is fine enough."""
    turns = Fraction(str(table.frequency)) / Fraction(str(spec.input.sample_rate))
    close = Fraction(str(table.resolution)) / Fraction(str(spec.input.sample_rate))
    if not table.tunable and not table.dither:
        near = turns.limit_denominator(_LONGEST_PERIOD // 4)
        if abs(near - turns) <= close:
            modulus = near.denominator * 4 // _common(near.denominator)
            return MixerPlan(modulus, int(near * modulus) % modulus)
    bits = max(ceil(log2(1 / (2 * close))), 6)
    step = round(turns * (1 << bits)) % (1 << bits)
    return MixerPlan(1 << bits, step, table.tunable, table.dither)


def _common(denominator: int) -> int:
    """Greatest common divisor with 4."""
    return 4 if denominator % 4 == 0 else 2 if denominator % 2 == 0 else 1


def _rounded(taps: Floats, goal_db: float) -> tuple[Coefficients, Floats]:
    coefficients = rounded_to_noise(taps, goal_db + _MARGIN_DB)
    floats = coefficients.floats
    return coefficients, taps * float(floats @ taps / (taps @ taps))


def _listed(spec: Spec, given: tuple[float, ...], goal_db: float) -> tuple[Coefficients, Floats]:
    """Coefficients that the file gives: as they are where they are short, else rounded."""
    taps = np.array(given)
    for fraction in range(19):
        whole = np.ldexp(taps, fraction)
        if (whole == np.round(whole)).all():
            return Coefficients(tuple(int(v) for v in whole), fraction), taps
    return _rounded(taps, goal_db)


def _banded(
    spec: Spec, index: int, table: StageTable, before: list[StagePlan], rate: float
) -> tuple[Coefficients, Floats]:
    own = spec.input.sample_rate * rate

    def droop(frequencies: Floats) -> Floats:
        found, faster = np.ones(len(frequencies)), rate
        for stage in reversed(before):
            faster *= stage.decimate
            if table.compensate and isinstance(stage, CicPlan):
                found = found * np.abs(polynomial(stage.taps, frequencies * rate / faster))
        return np.asarray(found)

    assert table.bands is not None  # what the table requires
    wanted = Wanted(_mask(table.bands, own), droop)
    try:
        found = rounded_to_mask(wanted, table.taps)
    except ValueError as error:
        raise spec.blame(f"stage[{index}].bands", str(error), "widen the transition, or relax the bands") from None
    if found is None:
        raise spec.blame(f"stage[{index}].bands", "no whole numbers keep to them", "relax the bands")
    coefficients, taps = found
    return coefficients, taps * centred_gain(wanted, coefficients.floats) / centred_gain(wanted, taps)


def _fir(spec: Spec, coefficients: Coefficients, ideal: Floats, decimate: int) -> FirPlan:
    """The filter in the structure that takes fewer LUTs by estimate, at full precision."""
    values, wanted = coefficients.trimmed_end, spec.hardware.structure
    adders = best_graph(values, FAST, spec.input.format.width)
    estimate = Estimate.of(spec.goal.target)
    form = Format(1, 15)
    options = []
    for name in SMALLEST if wanted == "auto" else (wanted,):
        graph = STRUCTURES[name](values, adders, estimate.fabric)
        lengths = WordLengths(values, coefficients.fraction, graph, form, form)
        luts = float(estimate.luts(lengths.work(lengths.reference(17)[None, :]))[0]) if graph.sums else 0.0
        options.append((luts, name, graph))
    _, name, graph = min(options, key=lambda option: option[:2])
    return FirPlan(values, coefficients.fraction, decimate, name, graph, tuple(float(v) for v in ideal))


def _mask(bands: tuple[BandTable, ...], rate: float) -> Mask:
    return Mask(tuple(_band(band, rate) for band in bands), 1.0)


def _band(table: BandTable, rate: float) -> Band:
    start, stop = table.start / rate, min(table.stop / rate, 0.5)
    if not table.passband:
        upper = table.attenuation if table.attenuation is not None else 10 ** (-(table.attenuation_db or 0) / 20)
        return Band(start, stop, 0.0, 0.0, upper, False)
    if table.ripple is not None:
        return Band(start, stop, table.gain, table.gain * (1 - table.ripple), table.gain * (1 + table.ripple), True)
    ratio = 10 ** ((table.ripple_db or 0) / 20)
    return Band(start, stop, table.gain, table.gain / ratio, table.gain * ratio, True)


def _measured(plan: Plan, mask: Mask) -> Measurement:
    """Ripple and attenuation of all stages together over a dense grid of each band, at their own gain."""
    length = len(plan.onward[0]) if isinstance(plan.stages[0], MixerPlan) else sum(
        (len(stage.taps) - 1) * plan.decimate for stage in plan.stages if not isinstance(stage, MixerPlan)
    )  # fmt: skip
    spans = []
    for band in mask.bands:
        points = int(np.clip(16 * length * (band.stop - band.start), 256, 1 << 17))
        spans.append(np.abs(plan.response(np.linspace(band.start, band.stop, points))))
    passed = [(span / band.gain) for span, band in zip(spans, mask.bands, strict=True) if band.passband]
    gain = (max(float(s.max()) for s in passed) + min(float(s.min()) for s in passed)) / 2
    ends = [
        (band, float(end))
        for band, s in zip(mask.bands, spans, strict=True)
        for end in (s.min() / gain, s.max() / gain)
    ]
    ripple = max(abs(end / band.gain - 1) for band, end in ends if band.passband)
    stopped = max((end for band, end in ends if not band.passband), default=None)
    return Measurement(
        gain, ripple, max(abs(20 * float(np.log10(end / band.gain))) for band, end in ends if band.passband), stopped,
        None if stopped is None else float(-20 * np.log10(max(stopped, 1e-20))), 0.0,
        max(abs(end - band.centre) / band.tolerance for band, end in ends if band.passband or end > 0),
    )  # fmt: skip


def with_goal(known: ReceiverReference, sqnr_db: float) -> ReceiverReference:
    """The same receiver with another SQNR to reach."""
    return replace(known, goal=replace(known.goal, sqnr_db=sqnr_db))
