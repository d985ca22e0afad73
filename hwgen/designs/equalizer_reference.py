"""The floating-point equaliser that a design file describes, and what its goal allows a design to err."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.dither import Cut
from hwgen.designs.equalizer_bench import Bench, Stream
from hwgen.designs.equalizer_float import Course, Rule, course, error_power, evm_percent
from hwgen.designs.equalizer_judge import judged
from hwgen.designs.equalizer_widths import Family
from hwgen.spec import Spec

SEARCHED = 4  # streams that candidates are compared on
HELD = (1000, 32)  # first and number of the streams that decide, which no search has seen
SETTLED_DB = 0.3  # by how much the first half of what is judged may err more than the second
_ADAPTING_DB = 3.0  # by which it may not: what is judged then is adaptation, and no equaliser
_USELESS = (4.0, 50.0)  # EVM over that of the best linear equaliser, and in percent, that is no equaliser
_HEADROOM = 1.05  # on the largest magnitude of a coefficient
_REACH = {"bpsk": 2, "qpsk": 2, "4pam": 4, "16qam": 4}


@dataclass(frozen=True, eq=False)
class Reference:
    """A design file's channel, equaliser in floating point, and goal.

    `seen` and `held` are streams for the search and for the verdict, with the floating-point course over each.
    """

    spec: Spec
    bench: Bench
    rule: Rule
    rounding: Cut
    seen: list[Stream] = field(repr=False)
    held: list[Stream] = field(repr=False)
    course: Course = field(repr=False)
    power: float
    held_power: float
    held_outputs: NDArray[np.complex128] = field(repr=False)

    @cached_property
    def ratio(self) -> float:
        """Error power that the goals allow, over that of the floating-point equaliser."""
        goal, found = self.spec.goal, np.inf
        if goal.evm_percent is not None:
            found = (goal.evm_percent / evm_percent(self.bench, self.held_power)) ** 2
        if goal.evm_loss_db is not None:
            found = min(found, 10 ** (goal.evm_loss_db / 10))
        return float(found)

    @cached_property
    def unsettled_db(self) -> float:
        """By how much floating point errs more in the first half of what is judged than in the second, dB."""
        wanted = np.stack([s.symbols for s in self.held])
        half = self.bench.training + self.bench.judged // 2
        errors = np.abs(self.held_outputs - wanted) ** 2
        return float(10 * np.log10(errors[:, self.bench.training : half].mean() / errors[:, half:].mean()))

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Ranges of the words: coefficients as far as they went, and an error that saturates late, or later."""
        integers = tuple(int(v) for v in np.ceil(np.log2(np.maximum(self.course.peaks * _HEADROOM, 2.0**-12))) + 1)
        symbols = np.stack([s.symbols for s in self.seen])
        errors = (symbols - self.course.outputs)[:, self.bench.training :]
        axes = np.concatenate([errors.real.ravel(), errors.imag.ravel()])
        least = int(np.ceil(np.log2(np.quantile(np.abs(axes), 0.998)))) + 1
        whole = Family(self.bench, self.rule, integers, least, self.rounding)
        if self.rule.rule == "sign-error":
            return (whole,)
        return (whole, replace(whole, error_integer=least + 1))

    def finest(self, family: Family) -> NDArray[np.int64]:
        """A row that loses next to nothing, of words that hwgen builds."""
        size, form = self.bench.taps, family.input
        update = np.sqrt(np.mean(self.course.updates**2))
        weight, least = int(np.ceil(-np.log2(update))) + 4, 2 - min(family.integers)
        while True:
            words = [weight, max(weight, least), form.fraction, form.fraction]
            own = [family.output.fraction, family.output.fraction + 4]
            row = np.array([w for word in words for w in [word] * size] + own, dtype=np.int64)
            if weight <= least or family.builds(row):
                return row
            weight -= 1


def bench_of(spec: Spec) -> Bench:
    """The channel and constellation of a design file."""
    table, form = spec.equalizer, spec.output.format
    assert table is not None  # the rules require it
    levels = _REACH[table.constellation]
    outermost = table.level or 2.0 ** (form.integer - 2)
    return Bench(
        str(spec.input.format), str(form), table.taps, 2 if spec.input.complex else 1, levels,
        round(outermost / (levels - 1) / form.lsb), table.channel, table.snr_db, table.input_dbfs, table.training,
        table.judged, spec.search.seed, table.cursor,
    )  # fmt: skip


def powers(step: float, terms: int) -> tuple[int, ...]:
    """Exponents s of the sum of at most `terms` different powers ``2**-s`` that is nearest to `step`."""
    found: list[int] = []
    rest = step
    for _ in range(terms):
        if rest <= 0:
            break
        s = int(np.ceil(-np.log2(rest)))
        # For the last term the nearest power counts, for the others the largest that is not above.
        if len(found) == terms - 1 and abs(2.0 ** (1 - s) - rest) < abs(2.0**-s - rest):
            s -= 1
        if found and (s <= found[-1] or 2.0**-s < step / 64):
            break
        found.append(s)
        rest -= 2.0**-s
    return tuple(found)


def reference(spec: Spec) -> Reference:
    """Adapt in floating point; raises ``DesignFileError`` for a goal that nothing can reach."""
    table = spec.equalizer
    assert table is not None
    bench = bench_of(spec)
    rule = Rule(powers(table.step, table.terms), table.rule, table.delay, table.leak)
    seen, held = bench.streams(0, SEARCHED), bench.streams(*HELD)
    with np.errstate(over="ignore", invalid="ignore"):
        ran = course(bench, rule, [*seen, *held])
    if not np.isfinite(ran.outputs).all() or np.abs(ran.weights).max() > 1e6:
        most = 2 / (bench.taps * bench.input_power)
        raise spec.blame(
            "equalizer.step", f"the equaliser diverges; its stability ends at {most:.3g} or below",
            f"write step = {most / 16:.3g}",
        )  # fmt: skip
    split = [
        Course(ran.outputs[part], ran.weights[part], ran.peaks, ran.updates, ran.trail)
        for part in (slice(None, SEARCHED), slice(SEARCHED, None))
    ]
    powers_found = [error_power(bench, c.outputs, s) for c, s in zip(split, (seen, held), strict=True)]
    found = Reference(
        spec, bench, rule, Cut(table.rounding), seen, held, split[0], powers_found[0], powers_found[1], split[1].outputs
    )
    _require_reachable(found)
    return found


def _require_reachable(found: Reference) -> None:
    spec, bench = found.spec, found.bench
    if found.unsettled_db > _ADAPTING_DB:
        raise spec.blame(
            "equalizer.training",
            f"the floating-point equaliser still improves by {found.unsettled_db:.2f} dB afterwards",
            f"train longer, such as {2 * bench.training}, or raise equalizer.step",
        )
    achieved, ideal = evm_percent(bench, found.held_power), evm_percent(bench, bench.wiener[2])
    if achieved > _USELESS[0] * ideal and achieved > _USELESS[1]:
        raise spec.blame(
            "equalizer.step",
            f"in floating point this equaliser ends at an EVM of {achieved:.1f} % (the best linear one {ideal:.1f} %)",
            "give another step, more training, less delay, or a leak that forgets more slowly",
        )
    if found.ratio <= 1:
        raise spec.blame(
            "goal.evm_percent",
            f"in floating point this equaliser has an EVM of {achieved:.2f} % (the best linear one {ideal:.2f} %)",
            f"ask for more than {achieved:.2f}, or give more taps or another step",
        )
    family = found.families[-1]
    best = judged(bench, [family.lms(found.finest(family))], found.seen)[0]
    if best.power > found.ratio * found.power:
        loss = 10 * np.log10(best.power / found.power)
        key = "goal.evm_loss_db" if spec.goal.evm_loss_db is not None else "goal.evm_percent"
        raise spec.blame(
            key, f"with every word at its finest the output format {spec.output.format} leaves a loss of {loss:.2f} dB",
            "give output.format more bits"
            + (', or write rounding = "half_up" in [equalizer]' if found.rounding is Cut.FLOOR else ""),
        )  # fmt: skip
