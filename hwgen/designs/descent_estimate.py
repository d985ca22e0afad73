"""LUTs of an unrolled descent from its word lengths alone: adder bits by kind, weighted as Yosys was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.constant_matrix import ConstantMatrix
from hwgen.blocks.dither import STATE_BITS, Cut
from hwgen.cost.estimate import CARRY
from hwgen.designs.descent_system import Coefficients
from hwgen.designs.descent_words import Ends, Words

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEATURES = ("product_bits", "added_bits", "rounded_bits", "saturated_bits", "shift_registers")

# LUTs for one of each feature, chosen by hand after a few designs on ice40; a search re-fits their scale to what it
# measures. `benchmarks/descent.py --fit` fits them to many designs.
_DEFAULTS = dict.fromkeys(("ice40", "ecp5", "xc7", "gowin"), (1.05, 1.0, 1.0, 1.3, 28.0))


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
    known: dict[tuple[Any, int, int], float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", {})

    def product_bits(self, k: int, widths: Ints, drops: Ints) -> Floats:
        """Full-adder bits (P,) of product `k` of words of `widths` bits (P,), its low bits left out."""
        rows = self.words.products[k][1].rows
        pairs, where = np.unique(np.stack([np.maximum(widths, 1), drops]), axis=1, return_inverse=True)
        found = []
        for width, drop in pairs.T:
            key = (rows, int(width), int(drop))
            if key not in self.known:
                span = (-(1 << int(width) - 1), (1 << int(width) - 1) - 1)
                self.known[key] = float(ConstantMatrix(rows, int(drop)).adder_bits([span] * len(rows[0])))
            found.append(self.known[key])
        return np.array(found)[where.ravel()]

    def features(self, ends: Ends) -> Floats:
        """Array (P, features) in the order of `FEATURES`."""
        w, c = self.words, self.words.coefficients
        n, m, steps, names = c.matrix.shape[1], c.matrix.shape[0], c.steps, w.place
        fraction, exact = w.whole(ends.fractions), w.exact(ends)
        top = np.column_stack([ends.tops, np.full(len(ends.tops), w.output.integer)])
        width = fraction + top
        product, added, rounded, saturated = (np.zeros(len(fraction)) for _ in range(4))
        high: dict[str, Ints] = {}  # top of what each word is cut from
        for k, (takes, matrix, makes) in enumerate(w.products):
            product = product + self.product_bits(k, width[:, names[takes]], ends.drops[:, k])
            high[makes] = top[:, names[takes]] + _reach(c, matrix, takes)
        gram = c.form == "gram"
        for t in range(w.iterations):
            makes, size = (f"u{t}", n) if gram else (f"r{t}", m)
            aim = names["z"] if gram else None
            tops = np.full(len(top), w.input.integer) if aim is None else top[:, aim]
            if t:
                fine = np.full(len(top), w.input.fraction) if aim is None else fraction[:, aim]
                high[makes] = np.maximum(high[makes], tops) + 1
                added = added + size * np.maximum(high[makes] + fine, 0)
            elif gram:
                high[makes] = tops
            update = names[f"u{t}"]
            added = added + n * (len(steps) - 1) * np.maximum(high[f"u{t}"] + exact[:, update] - max(steps), 0)
            before = np.maximum(top[:, update], top[:, names[f"x{t}"]]) if t else top[:, update]
            added = added + n * np.maximum(before + 1 + fraction[:, update], 0)
        for name, k in names.items():
            size = m if name[0] in "yr" else n
            cuts = exact[:, k] > fraction[:, k]
            if w.rounding is Cut.HALF_UP:
                rounded = rounded + np.where(cuts, size * width[:, k], 0)
            elif w.rounding is Cut.STOCHASTIC:
                rounded = rounded + np.where(cuts, size * (width[:, k] + exact[:, k] - fraction[:, k]), 0)
            saturated = saturated + size * width[:, k]
        registers = np.full(len(fraction), len(w.names) - w.iterations + 1 if w.rounding is Cut.STOCHASTIC else 0)
        return np.stack([product, added, rounded, saturated, registers], axis=-1)

    def registers(self, ends: Ends, target: str) -> dict[str, float]:
        """Flip-flops and carry cells of a batch of 1, other cells 0."""
        w, c = self.words, self.words.coefficients
        (m, n), forms, last = c.matrix.shape, w.formats(ends), w.iterations
        kept = last if c.form == "gram" else 2 * last  # valid bits, and clocks that y or z is kept for
        found = kept + 2 + m * w.input.width
        if c.form == "gram":
            found += n * forms["z"].width * last
        else:
            found += m * w.input.width * (last - 1) * 2
            found += sum(m * forms[f"r{t}"].width + n * forms[f"x{t}"].width for t in range(1, last))
        found += n * sum(forms[f"x{t + 1}"].width for t in range(last))
        if w.rounding is Cut.STOCHASTIC:
            found += STATE_BITS * (len(w.names) - last + 1)
        bits = float(self.features(ends)[0, :3].sum())
        return {"ff": found, "carry": round(bits * CARRY[target][0]), "dsp": 0, "bram": 0}


def _reach(c: Coefficients, matrix: ConstantMatrix, takes: str) -> int:
    """Integer bits that a product adds at most."""
    fraction = c.gram_fraction if c.form == "gram" and takes != "y" else c.fraction
    return int(np.ceil(np.log2(np.abs(matrix.array).sum(axis=1).max()))) - fraction
