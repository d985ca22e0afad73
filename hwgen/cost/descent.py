"""LUTs of an unrolled descent from its word lengths alone: adder bits by kind, weighted as Yosys was measured."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.constant_matrix import ConstantMatrix
from hwgen.blocks.dither import Cut
from hwgen.designs.descent_words import Words

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
WIDEST = 40  # words that a product is tabulated for

FEATURES = ("product_bits", "added_bits", "rounded_bits", "saturated_bits", "shift_registers")
WEIGHTS = {target: (1.0, 1.0, 1.0, 1.0, 28.0) for target in ("ice40", "ecp5", "xc7", "gowin")}


@dataclass(frozen=True, eq=False)
class DescentWork:
    """Counts behind the estimate of one descent, for arrays of fractions and tops (P, W) as in `Words`.

    Members
    -------
    products
        Full-adder bits of A^T (first) and of what each state is multiplied by, for inputs of 0 .. `WIDEST` bits.
    """

    words: Words

    @cached_property
    def products(self) -> tuple[Floats, Floats]:
        c = self.words.coefficients
        forward = ConstantMatrix(c.gram_rows if c.gram_rows is not None else c.rows)
        return _table(ConstantMatrix(c.rows).transposed), _table(forward)

    def features(self, fractions: Ints, tops: Ints) -> Floats:
        """Array (P, features) in the order of `FEATURES`."""
        w, c = self.words, self.words.coefficients
        back, forward = self.products
        n, steps, names = c.matrix.shape[1], c.system.steps, w.place
        fraction, top = w._whole(fractions), np.column_stack([tops, np.full(len(tops), w.output.integer)])
        exact, width = w._exact(fractions), fraction + top
        product, added, rounded, saturated = (np.zeros(len(fractions)) for _ in range(4))

        def through(table: Floats, name: str) -> Floats:
            return table[np.clip(width[:, names[name]], 0, WIDEST)]

        def cut(name: str, size: int) -> None:
            nonlocal rounded, saturated
            k = names[name]
            own = size * width[:, k]
            if w.rounding is not Cut.FLOOR:
                more = 0 if w.rounding is Cut.HALF_UP else np.maximum(exact[:, k] - fraction[:, k], 0) * size
                rounded = rounded + np.where(exact[:, k] > fraction[:, k], own + more, 0)
            saturated = saturated + own

        reach = _reach(c.gram if c.form == "gram" else c.matrix)
        if c.form == "gram":
            product = product + through(back, "y")
            cut("y", c.matrix.shape[0])
            cut("z", n)
        for t in range(w.iterations):
            size = n if c.form == "gram" else c.matrix.shape[0]
            aim_top = top[:, names["z"]] if c.form == "gram" else np.full(len(top), w.input.integer)
            aim_fraction = fraction[:, names["z"]] if c.form == "gram" else np.full(len(top), w.input.fraction)
            high = aim_top + 1
            if t:
                state = names[f"x{t}"]
                product = product + through(forward, f"x{t}")
                high = np.maximum(top[:, state] + reach, aim_top) + 1
                added = added + size * np.maximum(high + aim_fraction, 0)
            if c.form == "residual":
                cut(f"r{t}", size)
                product = product + through(back, f"r{t}")
                high = top[:, names[f"r{t}"]] + _reach(c.matrix.T)
            added = added + n * (len(steps) - 1) * np.maximum(high + exact[:, names[f"u{t}"]] - max(steps), 0)
            cut(f"u{t}", n)
            update, after = names[f"u{t}"], names[f"x{t + 1}"]
            before = top[:, update] if t == 0 else np.maximum(top[:, update], top[:, names[f"x{t}"]])
            added = added + n * np.maximum(before + 1 + fraction[:, update], 0)
            cut(f"x{t + 1}", n)
            del after
        registers = np.full(len(fractions), len(w.names) - w.iterations + 1 if w.rounding is Cut.STOCHASTIC else 0)
        return np.stack([product, added, rounded, saturated, registers], axis=-1)


def _reach(matrix: Floats) -> int:
    """Integer bits that a product with the matrix adds at most."""
    return int(np.ceil(np.log2(np.abs(matrix).sum(axis=1).max())))


def _table(matrix: ConstantMatrix) -> Floats:
    columns = len(matrix.rows[0])
    found = [0.0]
    for width in range(1, WIDEST + 1):
        found.append(float(matrix.adder_bits([(-(1 << width - 1), (1 << width - 1) - 1)] * columns)))
    return np.array(found)
