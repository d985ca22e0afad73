"""LUTs of a descent from its word lengths alone: adder bits by kind, weighted as Yosys was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.dither import STATE_BITS, Cut
from hwgen.blocks.loaded_matrix import LoadedMatrix
from hwgen.cost.estimate import CARRY
from hwgen.designs.descent_placing import Placing
from hwgen.designs.descent_words import Ends, Words
from hwgen.fixed import Format

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEATURES = (
    "product_bits", "inverted_bits", "added_bits", "rounded_bits", "saturated_bits", "shift_registers",
    "multiplexed_bits",
)  # fmt: skip

_LOAD = 2  # LUTs of each register that is loaded, which choose it
_CONTROL = 12  # LUTs of the counters of a shared stage

# LUTs for one of each feature, chosen by hand after a few designs on ice40; a search re-fits their scale to what it
# measures. `benchmarks/descent.py --fit` fits them to many designs.
_DEFAULTS = dict.fromkeys(("ice40", "ecp5", "xc7", "gowin"), (1.05, 1.0, 1.0, 1.0, 1.3, 28.0, 1.0))


@dataclass(frozen=True)
class DescentEstimate:
    """Linear model of the LUTs of one target: ``luts = scale * features @ weights``."""

    target: str
    weights: tuple[float, ...]
    scale: float = 1.0

    @classmethod
    def of(cls, target: str) -> "DescentEstimate":
        """The model as fitted beforehand."""
        return cls(target, _DEFAULTS[target])

    def luts(self, features: Floats) -> Floats:
        """Estimated LUTs (P,)."""
        return np.asarray(self.scale * (features @ np.array(self.weights)))

    def fitted(self, features: Floats, luts: Sequence[float]) -> "DescentEstimate":
        """The model with its scale moved to what was measured: the median ratio."""
        raw = replace(self, scale=1.0).luts(features)
        return replace(self, scale=float(np.median(np.asarray(luts) / raw))) if len(raw) else self


@dataclass(frozen=True, eq=False)
class DescentWork:
    """Counts behind the estimate of one descent."""

    words: Words
    known: dict[tuple[Any, int, int], tuple[int, int, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", {})

    @cached_property
    def loaded(self) -> tuple[LoadedMatrix, ...]:
        """What each product multiplies by, where it is loaded; else empty."""
        if self.words.loaded is None:
            return ()
        made, gram = self.words.loaded.matrices(), self.words.coefficients.form == "gram"
        back, later = made[0].transposed, made[-1].negative
        return tuple(later if (k if gram else k % 2) else back for k, _ in enumerate(self.words.products))

    def products(self, k: int, widths: Ints, drops: Ints) -> Floats:
        """Full-adder bits, subtracted bits and bits of the widest row (P, 3) of product `k` for words of `widths`."""
        matrix = self.words.products[k][1]
        pairs, where = np.unique(np.stack([np.maximum(widths, 1), drops]), axis=1, return_inverse=True)
        found = []
        for width, drop in pairs.T:
            key = (k if self.loaded else matrix.rows, int(width), int(drop))
            if key not in self.known:
                ends = [(-(1 << int(width) - 1), (1 << int(width) - 1) - 1)] * len(matrix.rows[0])
                made = self.loaded[k] if self.loaded else matrix.cutting(int(drop), None)
                widest = max(Format.for_range(*span, signed=True).width for span in made.reach(ends))
                self.known[key] = (*made.adder_bits(ends, self.words.complements), widest)
            found.append(self.known[key])
        return np.array(found, dtype=np.float64)[where.ravel()]

    def features(self, ends: Ends) -> Floats:
        """Array (P, features) in the order of `FEATURES`."""
        w, c = self.words, self.words.coefficients
        n, m, steps, names = c.matrix.shape[1], c.matrix.shape[0], c.steps, w.place
        fraction, exact = w.whole(ends.fractions), w.exact(ends)
        top = np.column_stack([ends.tops, np.full(len(ends.tops), w.output.integer)])
        width = fraction + top
        work, placing = {name: np.zeros(len(fraction)) for name in FEATURES}, Placing(w, ends)
        rows: dict[str, Floats] = {}  # bits of the widest row of each product
        high: dict[str, Floats] = {"y": np.full(len(top), float(w.input.integer))}  # top of what a word is cut from
        times = range(w.iterations)
        if w.shared:  # one stage, that of the second iteration, and zeros in place of the first state
            times = range(1, 2)
            stage = ("y", "z", "r1", "u1", "x1", f"x{w.iterations}")
            names = {name: names[name] for name in stage if name in names}
            work["added_bits"] += _CONTROL
            if c.form == "gram":
                work["added_bits"] += n * width[:, names["x1"]]
            fraction, top, exact = placing.spanned(fraction, top, exact)
        for k, (takes, _, makes) in enumerate(w.products):
            if makes not in names:
                continue
            bits, inverted, widest = self.products(k, width[:, names[takes]], ends.drops[:, k]).T
            work["product_bits"] += bits
            work["inverted_bits"] += inverted
            rows[makes] = widest
            high[makes] = widest - self._fractions(ends, k).min(axis=1)
        if w.shared and c.form == "residual":  # what moves as residuals do is not shifted
            gradient = exact[:, names["u1"]] - max(steps)
            high["u1"] = rows["u1"] + placing.shifts["gradients"].max(axis=1) - gradient
        for t in times:
            # The difference from z or y, the step size, the new state.
            makes, size = (f"u{t}", n) if c.form == "gram" else (f"r{t}", m)
            fine, tops = np.full(len(top), w.input.fraction), np.full(len(top), w.input.integer)
            if c.form == "gram":
                fine, tops = fraction[:, names["z"]], top[:, names["z"]]
            if t:
                product = next(k for k, made in enumerate(w.products) if made[2] == makes)
                high[makes] = np.maximum(high[makes], tops) + 1
                common = np.minimum(fine, self._fractions(ends, product).max(axis=1))
                work["added_bits"] += size * np.maximum(high[makes] + common, 0)
            else:
                high[makes] = tops.astype(np.float64)
            own, update = exact[:, names[f"u{t}"]], fraction[:, names[f"u{t}"]]
            work["added_bits"] += n * (len(steps) - 1) * np.maximum(high[f"u{t}"] + own - max(steps), 0)
            high[f"u{t}"] = high[f"u{t}"] - min(steps) + (len(steps) > 1)
            moved = top[:, names[f"u{t}"]].astype(np.float64)
            if t:
                moved = np.maximum(moved, top[:, names[f"x{t}"]]) + 1
                common = np.minimum(update, fraction[:, names[f"x{t}"]])
                work["added_bits"] += n * np.maximum(moved + common, 0)
            high |= {f"x{t + 1}": moved, f"x{w.iterations if w.shared else t + 1}": moved}
        if w.shared:
            high["x1"] = high[f"x{w.iterations}"]
            tall = {name: np.maximum(high[name] + fraction[:, k] + 1, 0) for name, k in names.items() if name in high}
            work["multiplexed_bits"] += self._multiplexed(placing, rows, tall, width)
        for name, k in names.items():
            size, cuts = m if name[0] in "yr" else n, exact[:, k] > fraction[:, k]
            rounds = cuts & (w.rounding is not Cut.FLOOR)
            if name == "z" and w.rounding is Cut.HALF_UP:
                rounds = rounds & False  # part of the constant that is added anyway
            whole = np.maximum(high[name] + fraction[:, k], 0)
            if w.rounding is Cut.STOCHASTIC:
                whole = whole + exact[:, k] - fraction[:, k]
            work["rounded_bits"] += np.where(rounds, size * whole, 0)
            narrow = high[name] + rounds > width[:, k] - fraction[:, k]
            work["saturated_bits"] += np.where(narrow, size * (width[:, k] - 1), 0)
        if w.loaded is not None:
            work["inverted_bits"] += _LOAD * sum(len(made.registers) for made in w.loaded.matrices())
        if w.rounding is Cut.STOCHASTIC:
            work["shift_registers"] += self._sources
        return np.stack([work[name] for name in FEATURES], axis=-1)

    def _multiplexed(self, placing: Placing, rows: dict[str, Floats], sums: dict[str, Floats], width: Ints) -> Floats:
        """Bits (P,) that one stage shifts, each as often as it has multiplexers: of products, what words are cut from,
        and words.
        """
        (m, n), place, first = self.words.coefficients.matrix.shape, self.words.place, f"{placing.first}1"
        size = n if first == "u1" else m
        bits = {
            "products": size * rows[first], "differences": size * sums[first], "gradients": n * sums["u1"],
            "updates": n * width[:, place["u1"]], "states": n * width[:, place["x1"]], "sums": n * sums["x1"],
        }  # fmt: skip
        return np.sum([placing.selects(name) * bits[name] for name in placing.shifts], axis=0)

    @property
    def _sources(self) -> int:
        """Shift registers for stochastic rounding."""
        if self.words.shared:
            return 3 if self.words.coefficients.form == "gram" else 1
        return len(self.words.names) - self.words.iterations + 1

    def _fractions(self, ends: Ends, k: int) -> Ints:
        """Fraction bits (P, iterations) of product `k`; the hardware of one stage makes those of all iterations."""
        if self.words.shared:
            return Placing(self.words, ends).products(self.words.products[k][2][0])
        return self.words.product_fraction(ends, k)[:, None]

    def registers(self, ends: Ends, target: str) -> dict[str, float]:
        """Flip-flops, carry cells and DSP blocks of a batch of 1, other cells 0."""
        made = [] if self.words.loaded is None else self.words.loaded.matrices()
        found = self._registers(ends, target)
        widths = (ends.fractions + ends.tops)[0]
        dsp = sum(
            matrix.blocks(int(widths[self.words.place[takes]]), target)
            for matrix, (takes, _, makes) in zip(self.loaded, self.words.products, strict=False)
            if not self.words.shared or makes in ("z", "r1", "u1")
        )
        return found | {"ff": found["ff"] + sum(len(m.registers) * m.form.width for m in made), "dsp": dsp}

    def _registers(self, ends: Ends, target: str) -> dict[str, float]:
        w, c = self.words, self.words.coefficients
        (m, n), forms, last = c.matrix.shape, w.formats(ends), w.iterations
        if w.shared:
            held = m * w.input.width + n * (forms["x1"].width + forms[f"x{last}"].width)
            held += n * forms["z"].width if c.form == "gram" else m * forms["r1"].width
            control = 3 + 2 * last.bit_length() if c.form == "gram" else 1 + (2 * last).bit_length()
            held += STATE_BITS * self._sources if w.rounding is Cut.STOCHASTIC else 0
            return {**self._cells(ends, target), "ff": held + control}
        kept = last if c.form == "gram" else 2 * last  # valid bits, and clocks that y or z is kept for
        found = kept + 2 + m * w.input.width
        if c.form == "gram":
            found += n * forms["z"].width * last
        else:
            found += m * w.input.width * (last - 1) * 2
            found += sum(m * forms[f"r{t}"].width + n * forms[f"x{t}"].width for t in range(1, last))
        found += n * sum(forms[f"x{t + 1}"].width for t in range(last))
        if w.rounding is Cut.STOCHASTIC:
            found += STATE_BITS * self._sources
        return {**self._cells(ends, target), "ff": found}

    def _cells(self, ends: Ends, target: str) -> dict[str, float]:
        bits = float(self.features(ends)[0, [0, 2, 3]].sum())
        return {"ff": 0, "carry": round(bits * CARRY[target][0]), "dsp": 0, "bram": 0}
