"""How far a descent's sums reach, and what they must not exceed: 64 bits in the model, and a shift register's bits."""

from typing import TYPE_CHECKING

from hwgen.blocks.constant_matrix import Range
from hwgen.blocks.dither import Cut

if TYPE_CHECKING:
    from hwgen.blocks.descent import Descent


def difference_ranges(d: "Descent", t: int) -> tuple[Range, ...]:
    """Range of each exact ``y - A x`` (or ``A^T y - G x``) of iteration `t`, in its LSBs."""
    own, state, fraction = d.target or d.input, d.before(t), d.difference_fraction(t)
    count = len(d.matrix) if d.form == "residual" else d.unknowns
    up = fraction - own.fraction
    low, high = own.minimum << up, own.maximum << up
    if state is None:
        return ((low, high),) * count
    reach = d.forward(t).reach([(state.minimum, state.maximum)] * d.unknowns)
    up = fraction - d.product_fraction(t)
    return tuple(((lo << up) + low, (hi << up) + high) for lo, hi in reach)


def gradient_ranges(d: "Descent", t: int) -> tuple[Range, ...]:
    """Range of each exact gradient of iteration `t`, before the step size, in its LSBs."""
    if d.form == "gram":
        return difference_ranges(d, t)
    residual, up = d.iterations[t].residual, d.gradient_fraction(t) - d.back_fraction(t)
    reach = d.back(t).reach([(residual.minimum, residual.maximum)] * len(d.matrix))
    return tuple((lo << up, hi << up) for lo, hi in reach)


def widest(d: "Descent") -> int:
    """Bits of the widest word, in the model or in hardware."""
    more = max(d.steps) - min(d.steps) + len(d.steps)
    spans = [span for t in range(len(d.iterations)) for span in gradient_ranges(d, t)]
    if d.form == "residual":  # in the other, a gradient is the difference
        spans += [span for t in range(len(d.iterations)) for span in difference_ranges(d, t)]
    found = [max(-low, high).bit_length() + more + 2 for low, high in spans]
    lift = [max(0, it.update.fraction - d.update_fraction(t)) for t, it in enumerate(d.iterations)]
    return max(found) + max(lift)


def most_random(d: "Descent") -> int:
    """Most bits that a rounding drops where it takes random ones, else 0."""
    if d.rounding is not Cut.STOCHASTIC:
        return 0
    drops = [0 if d.target is None else d.target_fraction - d.target.fraction]
    drops.append(0 if d.taken is None else d.input.fraction - d.taken.fraction)
    for t, it in enumerate(d.iterations):
        if d.form == "residual":
            drops.append(d.difference_fraction(t) - it.residual.fraction)
        drops.append(d.update_fraction(t) - it.update.fraction)
        drops.append(d.state_fraction(t) - it.state.fraction)
    return max(drops)
