"""What the products of a mixer err by when their rows leave low bits of the samples out: variance and mean."""

import numpy as np

from hwgen.blocks.mixer import Mixer
from hwgen.designs.receiver_plan import Plan

_LINES = 48  # of a mean that follows the oscillator


def left_out(block: Mixer) -> float:
    """Variance of what the rows of a product leave out, in units of its lowest bit in full, over all phases.

    Row k leaves out ``u_k = x mod 2**t_k``; of two rows, the covariance is ``(4**t - 1) / 12`` for the smaller t.
    """
    lost = np.array(block.lost)
    rows = np.arange(len(lost))
    ones = (block.nco.table[:, None] >> rows & 1) * 2.0**rows
    covariance = (4.0 ** np.minimum(lost[:, None], lost) - 1) / 12
    return float(np.einsum("pk,kl,pl->p", ones, covariance, ones).mean())


def line_power(block: Mixer, step: int, plan: Plan) -> float:
    """Power at the output of the mean of what rows leave out.

    It follows the oscillator: lines at multiples of its frequency, of which the strongest are weighed by the filters.
    """
    nco, lost = block.nco, np.array(block.lost)
    magnitudes, negative = nco.parts(np.arange(nco.addresses, dtype=np.int64) << nco.dropped)
    weights = np.ldexp((2.0**lost - 1) / 2, np.arange(len(lost)) - block.finest)
    cosine, sine = np.where(negative, 1, -1) * ((magnitudes[:, :, None] >> np.arange(len(lost)) & 1) @ weights)
    mean = cosine - 1j * sine if block.channels == 1 else cosine + sine + 1j * (cosine - sine)
    power = np.abs(np.fft.fft(mean) / len(mean)) ** 2
    strongest, held = np.argsort(-power)[:_LINES], 1 << nco.dropped
    strongest = strongest[power[strongest] > 0]
    found = 0.0
    for image in (0, -1, 1) if held > 1 else (0,):  # a word that is held for many phases
        order = (strongest + nco.addresses // 2) % nco.addresses + (2 * image - 1) * nco.addresses // 2
        kernel = np.sinc(order * held / nco.modulus) / np.sinc(order / nco.modulus)
        turns = order * step % nco.modulus / nco.modulus
        found += float((power[strongest] * kernel ** (2 * nco.smoothings)) @ np.abs(plan.response(turns)) ** 2)
    return found
