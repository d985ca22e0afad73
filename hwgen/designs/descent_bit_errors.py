"""Bit errors of a descent that detects symbols, and what it loses against floating point."""

import numpy as np

from hwgen.blocks.descent import Descent
from hwgen.designs.descent_reference import Reference
from hwgen.designs.descent_system import words_of
from hwgen.designs.detection import crossing
from hwgen.fixed import to_float


def bit_errors(reference: Reference, block: Descent, noise: float, proof: bool = False) -> float:
    """Bit error rate of a block at a noise power, on symbols of the search or those kept for the proof."""
    link = reference.proof if proof else reference.link
    assert link is not None
    x = block.model(words_of(link.received(noise), block.input))
    return link.errors(to_float(x, block.output))


def loss_db(reference: Reference, block: Descent) -> float | None:
    """Loss in SNR against the float detector at the bit error rate asked for; None beyond 20 dB."""
    if reference.proven_noise is None:
        return None
    noise, goal = reference.proven_noise, reference.spec.goal

    def holds(loss: float) -> bool:
        return bit_errors(reference, block, noise / 10 ** (loss / 10), proof=True) <= goal.error_rate

    if not holds(20.0):
        return None
    asked = goal.ber_loss_db or 0.0
    low, high = (-0.5, asked) if holds(asked) else (asked, 20.0)
    worst = crossing(lambda db: not holds(db), low, high, halvings=12)
    return float(10 * np.log10(worst))
