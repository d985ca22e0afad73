"""What a folded filter is made of on one target, from its widths and its schedule alone: bits, tables, blocks."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.adders.digits import base4
from hwgen.blocks.folded import Folded
from hwgen.blocks.folded_hardware import partials
from hwgen.blocks.folded_schedule import FoldedSchedule, slope
from hwgen.cost.lookup import compare_luts, table_luts
from hwgen.fixed import Format, Overflow, Rounding

FEATURES = (
    "paired_bits", "partial_bits", "accumulator_bits", "joined_bits", "merged_bits", "multiple_bits", "unseen_bits",
    "table_luts", "address_bits", "offset_bits", "gates", "masked_bits", "started_bits", "rounding_bits",
    "saturated_bits", "counter_bits", "compare_luts", "more_phases", "split_bits", "design",
)  # fmt: skip


@dataclass(frozen=True)
class _Family:
    """Inputs of a LUT; rows and width of a RAM block; of a DSP block the bits of its factors and of the accumulator
    that Yosys puts there (0: none), and whether it is whole: adds the samples of a pair, and loads the accumulator.
    """

    inputs: int
    ram: tuple[int, int]
    factors: tuple[int, int]
    accumulator: int = 0
    whole: bool = False


_FAMILIES = {
    "ice40": _Family(4, (256, 16), (16, 16), 32),
    "ecp5": _Family(4, (512, 36), (18, 18)),
    "xc7": _Family(6, (512, 36), (25, 18), 48, whole=True),
    "gowin": _Family(4, (512, 36), (18, 18)),
}


@dataclass(frozen=True)
class FoldedWork:
    """What a folded filter is made of on one target."""

    folded: Folded
    target: str

    def features(self) -> NDArray[np.float64]:
        """Array in the order of `FEATURES` and of the weights."""
        return np.array([float(getattr(self, name)) for name in FEATURES])

    # ------------------------------------------------------------------ control
    @cached_property
    def _schedule(self) -> FoldedSchedule:
        return FoldedSchedule(self.folded)

    @property
    def _family(self) -> _Family:
        return _FAMILIES[self.target]

    @property
    def _step(self) -> int:
        """Bits of the step counter."""
        return (self._schedule.steps - 1).bit_length()

    @property
    def _row(self) -> int:
        """Bits of a sample's address, those from before a reset apart."""
        return (self.folded.depth - 1).bit_length()

    @property
    def _counters(self) -> list[int]:
        """Bits of each counter that starts again: step, and where the filter decimates pause and phase."""
        f = self.folded
        return [self._step] + ([(f.interval - 1).bit_length(), (f.decimate - 1).bit_length()] * (f.decimate > 1))

    @cached_property
    def _ports(self) -> list[list[int | None]]:
        """How far back each read port of the samples looks, step by step."""
        return [agos for unit in range(self.folded.units) for agos in self._schedule.agos(unit)]

    @cached_property
    def _alone(self) -> list[list[int]]:
        """Steps with a second sample, for each unit that does not always have one."""
        found = (self._schedule.alone(unit) for unit in range(self.folded.units))
        return [steps for steps in found if steps is not None]

    @property
    def address_bits(self) -> int:
        """Bits of the adders that make addresses."""
        return len(self._ports) * (self._row + self.folded.reset_data)

    @property
    def offset_bits(self) -> int:
        """Bits of addresses from which a constant is taken besides."""
        rows = [slope(agos) for agos in self._ports]
        return self._row * sum(row is not None and row[1] != -1 for row in rows)

    @property
    def table_luts(self) -> int:
        """LUTs of tables over the step: addresses that are in no row, samples without a partner."""
        irregular = [[0 if a is None else a + 1 for a in agos] for agos in self._ports if slope(agos) is None]
        return table_luts([*irregular, *self._alone], self._step, self._family.inputs)

    @property
    def gates(self) -> int:
        """Addresses that a reset sends to the half that is all zero."""
        return len(self._ports) * self.folded.reset_data

    @property
    def counter_bits(self) -> int:
        return sum(self._counters) + self._row

    @property
    def compare_luts(self) -> int:
        """LUTs of comparisons: of each counter with 0 and its end, of the step with each load and each end."""
        f, inputs = self.folded, self._family.inputs
        ends = 2 * len(f.phases) - f.pauses
        return (
            sum(2 * compare_luts(bits, inputs) for bits in self._counters)
            + ends * compare_luts(self._step, inputs) + compare_luts(self._row + 1, inputs)
        )  # fmt: skip

    @property
    def more_phases(self) -> int:
        return len(self.folded.phases) - 1

    design = 1

    # ----------------------------------------------------------------- datapath
    @property
    def _dropped(self) -> int:
        """Low bits of the accumulator that rounding takes away."""
        return max(0, self.folded.accumulator.fraction - self.folded.output.fraction)

    @property
    def _wide(self) -> int:
        """Bits of an accumulator that the output depends on."""
        f = self.folded
        wide = f.accumulator.width
        return wide if f.overflow == Overflow.SATURATE else min(wide, f.output.width + self._dropped)

    @cached_property
    def _coefficients(self) -> list[list[int]]:
        """What each unit multiplies by."""
        terms = (self._schedule.terms(unit) for unit in range(self.folded.units))
        return [[0 if term is None else term.coefficient for term in row] for row in terms]

    @cached_property
    def _factors(self) -> list[int]:
        """Bits of each unit's coefficients in a DSP block."""
        return [Format.for_range(min(row), max(row), signed=True).width for row in self._coefficients]

    @cached_property
    def _blocks(self) -> int:
        """Units that have their accumulator in a DSP block."""
        f, family = self.folded, self._family
        fits = f.accumulator.width <= family.accumulator and f.operand.width <= family.factors[0]
        return sum(fits and bits <= family.factors[1] for bits in self._factors) if f.dsp else 0

    @cached_property
    def _digits(self) -> list[list[int]]:
        """Places of the digits that each unit has: the others are 0 in all its coefficients."""
        found = []
        for row in self._coefficients:
            coded = [base4(value) for value in row]
            places = range(max(len(digits) for digits in coded))
            found.append([j for j in places if any(digits[j] for digits in coded if j < len(digits))])
        return found

    @cached_property
    def _partials(self) -> list[int]:
        return [form.width for form in partials(self.folded)]

    @property
    def paired_bits(self) -> int:
        f, wide = self.folded, self.folded.operand.width
        # Yosys gives the wider factor the port that has the adder.
        inside = [f.dsp and self._family.whole and wide >= bits for bits in self._factors]
        return f.channels * wide * sum(len(self._schedule.agos(k)) == 2 and not inside[k] for k in range(f.units))

    @property
    def partial_bits(self) -> int:
        """Bits of the multipliers' adders."""
        f = self.folded
        return 0 if f.dsp else f.channels * sum(self._partials[j] for unit in self._digits for j in unit[1:])

    @property
    def multiple_bits(self) -> int:
        """Bits of multiples of the operands, without those of the lowest that are cut off."""
        f = self.folded
        if f.dsp:
            return 0
        bits = sum(f.operand.width - 1 + f.digits[j] for unit in self._digits for j in unit)
        return f.channels * (bits - sum(min(2, f.cut) for unit in self._digits if unit[:1] == [0]))

    @property
    def unseen_bits(self) -> int:
        """Adder bits of which the carry alone is looked at."""
        f = self.folded
        if f.dsp:
            return self._dropped * f.channels * (f.units > 1 and f.rounding != Rounding.HALF_EVEN)
        last = len(self._partials) - 1
        bits = sum(min(self._partials[j] if j == last else 2, max(0, f.cut - 2 * j))
                   for unit in self._digits for j in unit[1:])  # fmt: skip
        return f.channels * bits

    @property
    def _product(self) -> int:
        """Bits of a product from the multiplier in LUTs."""
        return 2 * (len(self._partials) - 1) + self._partials[-1] - self.folded.cut

    @property
    def accumulator_bits(self) -> int:
        """Bits of the accumulators outside DSP blocks."""
        f = self.folded
        return self._wide * f.channels * (f.units - self._blocks if f.dsp else 1)

    @property
    def joined_bits(self) -> int:
        """Bits of the adder of several accumulators."""
        f = self.folded
        return self._wide * f.channels * (f.dsp and f.units > 1)

    @property
    def merged_bits(self) -> int:
        """Full adders that make two summands of three."""
        f = self.folded
        return f.channels * (
            max(f.units - 2, 0) * self._wide if f.dsp else (f.units - 1) * min(self._product, self._wide)
        )

    @property
    def started_bits(self) -> int:
        """Bits of accumulators that are loaded while they add."""
        f = self.folded
        if f.pauses:
            return 0
        # xc7 chooses in the adder's LUTs, or in the DSP block between the accumulator and one constant.
        inside = self._family.whole and not (f.dsp and len(f.phases) > 1)
        return 0 if inside else self._wide * f.channels * (f.units if f.dsp else 1)

    @property
    def masked_bits(self) -> int:
        return len(self._alone) * self.folded.input.width * self.folded.channels

    @property
    def rounding_bits(self) -> float:
        f = self.folded
        if f.rounding == Rounding.FLOOR or f._half_is_folded or not self._dropped:
            return 0
        ties = self._dropped / (self._family.inputs - 1) if f.rounding == Rounding.HALF_EVEN else 0
        return f.channels * (f.output.width + ties)

    @property
    def saturated_bits(self) -> float:
        f = self.folded
        over = f.accumulator.width - self._dropped - f.output.width
        if f.overflow == Overflow.WRAP or over <= 0:
            return 0
        return f.channels * (f.output.width + over / (self._family.inputs - 1))

    @property
    def split_bits(self) -> int:
        """Bits of products that are too wide for a DSP block, beside it."""
        f, (x, y) = self.folded, self._family.factors
        wide = f.operand.width
        bits = sum(max(0, wide - x) * b + max(0, b - y) * wide for b in self._factors)
        return bits * f.channels * f.dsp

    # ------------------------------------------------------------- other counts
    @property
    def registers(self) -> int:
        """Flip-flops."""
        f = self.folded
        control = self.counter_bits + 3 * len(f.phases) + 5 + len(self._alone) + f.reset_data
        control += (self._schedule.places[0] is not None) + (self._row + f.reset_data) * (f.decimate > 1)
        if f.dsp:
            outside = f.units - self._blocks
            held = 0 if self._family.accumulator else sum(self._factors)
            operands = 0 if self._family.accumulator else f.operand.width * f.units
            products = sum(sorted(self._factors)[f.units - outside :]) + outside * f.operand.width
            return control + held + f.channels * (operands + products + outside * self._wide + f.output.width)
        held = sum(f.digits[j] for unit in self._digits for j in unit)
        words = f.units * (f.operand.width + min(self._product, self._wide)) + self._wide + f.output.width
        return control + held + f.channels * words

    @property
    def own_registers(self) -> int:
        """Flip-flops without a LUT before them, which on an iCE40 take a cell each."""
        f = self.folded
        plain = not (self.rounding_bits or self.saturated_bits)  # the result is the accumulator's, or a DSP block's
        control = 3 * len(f.phases) + 5 + (self._row + f.reset_data) * (f.decimate > 1)
        result = f.output.width * f.channels * (plain and not (f.dsp and f.units > 1))
        if f.dsp:
            return control + result
        single = sum(len(self._schedule.agos(unit)) == 1 for unit in range(f.units))
        held = sum(f.digits[j] for unit in self._digits for j in unit)
        return control + result + held + f.channels * f.operand.width * single

    @property
    def carried(self) -> tuple[int, int]:
        """Bits of adders with a carry, and how many adders they are."""
        f = self.folded
        bits = (
            self.paired_bits + self.partial_bits + self.accumulator_bits + self.joined_bits + self.address_bits
            + self.counter_bits + self.split_bits
        )  # fmt: skip
        adders = len(self._ports) + len(self._counters) + 1
        adders += 0 if f.dsp else f.channels * (1 + sum(len(unit[1:]) for unit in self._digits))
        return bits, adders

    @property
    def ram_blocks(self) -> int:
        """RAM blocks: a copy of the samples for each port that reads them, a table for each unit."""
        f, (rows, width) = self.folded, self._family.ram
        depth = f.depth * (2 if f.reset_data else 1)
        tables = self._factors if f.dsp else [sum(f.digits[j] for j in unit) for unit in self._digits]
        samples = -(-depth // rows) * -(-f.channels * f.input.width // width)
        return len(self._ports) * samples + sum(-(-bits // width) for bits in tables)
