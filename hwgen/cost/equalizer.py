"""LUTs of an LMS equaliser from its widths, for a swarm at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.dither import Cut

if TYPE_CHECKING:
    from hwgen.designs.equalizer_widths import Family

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEATURES = ("rows", "multiples", "combined", "tree", "accumulated", "rounded", "output", "one")

# LUTs for one of each feature: about one for a bit of an adder or of a multiple, part of which xc7 takes into the
# adder. `benchmarks/estimate_equalizer.py` prints the error over random equalisers, and with --fit the weights that
# suit them best.
_DEFAULTS = {
    "ice40": (1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 3.0, 0.0),
    "ecp5": (1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 3.0, 0.0),
    "xc7": (1.0, 0.67, 1.0, 1.0, 2.0, 1.0, 3.0, 0.0),
    "gowin": (1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 3.0, 0.0),
}


@dataclass(frozen=True)
class Estimate:
    """``luts = features @ weights`` of one target."""

    target: str
    weights: tuple[float, ...]

    @classmethod
    def of(cls, target: str) -> "Estimate":
        """The model as fitted beforehand for `target`."""
        return cls(target, _DEFAULTS[target])

    def luts(self, family: "Family", rows: Ints) -> Floats:
        """Estimated LUTs of rows (P, variables), (P,)."""
        return np.asarray(features(family, rows) @ np.array(self.weights))


def features(family: "Family", rows: Ints) -> Floats:
    """Counts (P, features) in the order of `FEATURES`, from the widths of the hardware's adders."""
    weight, used, data, correlated, error, total = family.split(rows)
    parts, whole, out = family.bench.parts, family.input.integer, family.output.width
    products = parts**2  # real multipliers of a complex one
    integers = np.array(family.integers)
    x, c, g = whole + data, integers + used, whole + correlated
    signed = family.rule.rule == "sign-error"
    e = np.ones_like(error) if signed else error + family.error_integer
    filtering, updating = _multiplied(x, c), _multiplied(g, e)
    if signed:
        updating = np.zeros_like(g), g  # a negation that the adder behind it absorbs in part
    product = np.maximum(whole + integers + (parts == 2), 2 - total) + total
    gradient = e + g + (parts == 2)
    fine = (0 if signed else error) + correlated + max(family.rule.steps)
    if family.rule.leak is not None:
        fine = np.maximum(fine, weight + family.rule.leak)
    left = np.maximum(gradient + (max(family.rule.steps) - min(family.rule.steps)) - (fine - weight), 1)
    rounding = np.zeros_like(left) if family.rounding is Cut.FLOOR else left
    if family.rounding is Cut.STOCHASTIC:
        rounding = rounding + np.maximum(fine - weight, 0)
    more = len(family.rule.steps) - 1 + (family.rule.leak is not None)
    rounding = rounding + more * (left + np.maximum(fine - weight, 0))
    columns = [
        products * (filtering[0] + updating[0]).sum(axis=1),
        products * (filtering[1] + updating[1]).sum(axis=1),
        (parts == 2) * parts * (x + c + 1 + gradient).sum(axis=1),
        parts * _tree(product),
        parts * (weight + integers + 1).sum(axis=1),
        parts * rounding.sum(axis=1),
        np.full(len(weight), parts * out),
        np.ones(len(weight)),
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _multiplied(one: Ints, other: Ints) -> tuple[Ints, Ints]:
    """Adder bits of the rows, and bits of the multiples, of multipliers as `multiplied` builds them."""
    short, long = np.minimum(one, other), np.maximum(one, other)
    return (short - 1) * (long + 1), short * long


def _tree(widths: Ints) -> Floats:
    """Adder bits of the tree over words of `widths` (P, N), and of the constant behind it."""
    spans, bits = 2.0 ** (widths - 1), np.zeros(len(widths))
    while spans.shape[1] > 1:
        odd = spans[:, -1:] if spans.shape[1] % 2 else np.zeros((len(spans), 0))
        spans = spans[:, : spans.shape[1] // 2 * 2].reshape(len(spans), -1, 2).sum(axis=2)
        bits = bits + (np.ceil(np.log2(spans)) + 1).sum(axis=1)
        spans = np.concatenate([spans, odd], axis=1)
    return np.asarray(bits + np.ceil(np.log2(spans[:, 0])) + 1)
