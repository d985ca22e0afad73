"""What a filter's truncations add to its output: mean, variance and the worst case, every dropped bit counted once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hwgen.adders import shifted

if TYPE_CHECKING:
    from hwgen.blocks.fir import Fir, Product


@dataclass(frozen=True)
class Dropped:
    """Everything the chain drops before the final rounding, in output units, for white uniform input words.

    `mean` and `variance` are exact for the products (every input word is enumerated) and the usual uniform model for
    what accumulators drop; `low` and `high` bound the sum over all inputs.
    """

    mean: float
    variance: float
    low: float
    high: float


def dropped(fir: "Fir") -> Dropped:
    mean = variance = low = high = 0.0
    errors: dict[tuple[int, int, int], tuple[float, float, float, float]] = {}
    constants = fir.graph.constants
    for product in fir.products:
        if product is None:
            continue
        lsb = fir.accumulator_lsbs[product.tap]
        key = (product.node, product.shift, lsb)
        if key not in errors:
            # Exact error in units of the full-precision product: kept * 2**(lsb - product_lsb) - constant * x.
            unit = lsb - fir.product_lsb
            scale = _odd_shift(fir.coefficients[product.tap])
            kept = shifted(fir.node_values[product.node], product.shift)
            # A register coarser than the product may have a finer one's unit: keep everything an integer.
            exact = fir.inputs.astype(object) * (constants[product.node] << scale)
            if unit >= 0:
                error = kept.astype(object) * (1 << unit) - exact
                weight = 2.0**fir.product_lsb
            else:
                error = kept.astype(object) - exact * (1 << -unit)
                weight = 2.0**lsb
            if fir.enumerated:
                e = error.astype(np.float64) * weight
                errors[key] = (float(e.mean()), float(e.var()), float(e.min()), float(e.max()))
            else:
                errors[key] = _uniform_error(fir, product)
        m, v, least, most = errors[key]
        sign = -1.0 if product.negative else 1.0
        mean, variance = mean + sign * m, variance + v
        low, high = low + min(sign * least, sign * most), high + max(sign * least, sign * most)
    for finer, coarser in zip(reversed(fir.accumulator_lsbs[1:]), reversed(fir.accumulator_lsbs[:-1]), strict=True):
        if coarser > finer:
            keep = 1.0 - 4.0 ** (finer - coarser)
            step = 2.0**coarser
            mean -= step / 2 * (1.0 - 2.0 ** (finer - coarser))
            variance += step**2 / 12 * keep
            low -= step - 2.0**finer
    return Dropped(mean, variance, low, high)


def _uniform_error(fir: "Fir", product: "Product") -> tuple[float, float, float, float]:
    """Mean, variance and bounds of one product's error by the uniform model, where inputs are too wide to enumerate."""
    gain = np.abs(fir.graph.gains()[product.node])
    lowest, unit = fir.graph.lowest, 2.0 ** (fir.product_lsb + _odd_shift(fir.coefficients[product.tap]))
    signed_gain = fir.graph.gains()[product.node]
    mean = variance = low = high = 0.0
    drops: list[tuple[float, int, int]] = []
    for index, adder in enumerate(fir.graph.adders, start=1):
        if gain[index]:
            left, right = lowest[adder.left] + adder.left_shift, lowest[adder.right] + adder.right_shift
            drops.append((signed_gain[index], left, adder.lsb))
            drops.append((-signed_gain[index] if adder.subtract else signed_gain[index], right, adder.lsb))
    drops.append((1.0, lowest[product.node], fir.accumulator_lsbs[product.tap] - fir.product_lsb
                  - _odd_shift(fir.coefficients[product.tap])))  # fmt: skip
    for factor, fine, coarse in drops:
        if coarse > fine:
            step = factor * unit * 2.0**coarse
            mean -= step / 2 * (1.0 - 2.0 ** (fine - coarse))
            variance += step**2 / 12 * (1.0 - 4.0 ** (fine - coarse))
            low, high = low - max(step, 0.0), high - min(step, 0.0)
    return mean, variance, low, high


def _odd_shift(value: int) -> int:
    """Trailing zero bits of `value`."""
    return (value & -value).bit_length() - 1
