"""What a descent's words must not exceed: 64 bits in the model, and the random bits that a shift register has."""

from typing import TYPE_CHECKING

from hwgen.blocks.dither import Cut

if TYPE_CHECKING:
    from hwgen.blocks.descent import Descent


def widest(d: "Descent") -> int:
    """Bits of the widest word, in the model or in hardware."""
    more = max(d.steps) - min(d.steps) + len(d.steps)
    spans = [span for t in range(len(d.iterations)) for span in d.gradient_ranges(t)]
    if d.form == "residual":  # in the other, a gradient is the difference
        spans += [span for t in range(len(d.iterations)) for span in d.difference_ranges(t)]
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
