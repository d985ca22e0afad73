"""What a report shows of a descent: convergence three ways, stalled unknowns, bit errors over SNR."""

from dataclasses import replace
from typing import Any

import numpy as np

from hwgen.blocks.descent import Descent
from hwgen.designs.descent_bit_errors import bit_errors
from hwgen.designs.descent_reference import SEARCHED, Reference
from hwgen.designs.descent_words import Ends, Words
from hwgen.fixed import to_float

_STALLED = 0.99  # share of right-hand sides for which a stalled unknown no longer moves
_POINTS = np.arange(-4.0, 4.5, 1.0)  # dB around the operating point


def convergence(reference: Reference, words: Words, ends: Ends) -> dict[str, list[float]]:
    """Mean square error of x after each iteration: in floats, by the noise model, and of the bit-true run."""
    block, y = words.block(ends), to_float(reference.raw, words.input)
    traced = [to_float(x, it.state) for x, it in zip(block.trace(reference.raw), block.iterations, strict=True)]
    formats = words.formats(ends)
    model = []
    for t in range(1, words.iterations + 1):
        shorter = replace(words.coefficients, system=replace(words.coefficients.system, iterations=t))
        part = replace(words, coefficients=shorter, output=formats[f"x{t}"])
        size, count = len(part.names), len(part.products)
        own = Ends(ends.fractions[:, :size], ends.tops[:, :size], ends.drops[:, :count])
        model.append(float(part.modelled(own)[0]))
    return {
        "float": [float(np.mean((x - reference.exact) ** 2)) for x in reference.system.descended(y)],
        "noise model": model,
        "bit-true": [float(np.mean((x - reference.exact) ** 2)) for x in traced],
    }


def stalled(reference: Reference, block: Descent) -> dict[str, int]:
    """Unknowns that stop before they arrive, and the iteration after which they no longer move.

    An unknown is stalled where its word stays the same to the end for nearly all right-hand sides, while the descent in
    floats goes on to move it by more than half an LSB of the output (root mean square).
    """
    raw = reference.raw[:, SEARCHED:]
    states = [to_float(x, it.state) for x, it in zip(block.trace(raw), block.iterations, strict=True)]
    exact = replace(reference.system, iterations=len(states)).descended(to_float(raw, block.input))
    found = {}
    for k in range(block.unknowns):
        last = len(states)
        while last > 1 and np.mean(states[last - 2][k] == states[-1][k]) >= _STALLED:
            last -= 1
        missed = np.sqrt(np.mean((exact[-1][k] - exact[last - 1][k]) ** 2))
        if last < len(states) and missed > block.output.lsb / 2:
            found[f"x{k}"] = last
    return found


def waterfall(reference: Reference, block: Descent) -> dict[str, Any] | None:
    """Bit error rates over SNR: the float LMMSE detector, the direct combiner, and the block; None without a goal."""
    link, noise = reference.proof, reference.proven_noise
    if link is None or noise is None:
        return None
    centre = -10 * np.log10(noise)
    found: dict[str, list[float]] = {"float LMMSE": [], "direct W^H y": [], "this design": []}
    for snr in centre + _POINTS:
        power = float(10 ** (-snr / 10))
        y = link.received(power)
        found["float LMMSE"].append(link.errors(link.lmmse(y, power)))
        found["direct W^H y"].append(link.errors(link.combined(y)))
        found["this design"].append(bit_errors(reference, block, power, proof=True))
    return {"snr_db": (centre + _POINTS).tolist(), "bits": int(link.sent.size), "ber": found}
