"""Coefficients of a descent whose matrices are loaded: to nearest, as whoever loads others rounds them, with headroom.

An entry of A reaches `REACH` times the root mean square of all of them, as one part in 370 of a Gaussian channel does
not, and at least the largest one. eta G has eigenvalues below 2 wherever a descent converges, so that its entries fit
into -2 to 2 for every matrix. Others saturate.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.descent_loaded import LoadedDescent
from hwgen.blocks.descent_numbers import integers
from hwgen.blocks.loaded_matrix import LoadedMatrix, placed, placed_gram, words_for
from hwgen.designs.descent_system import Coefficients, System, fraction_of
from hwgen.fixed import Format

Floats = NDArray[np.float64]
REACH = 3.0
_GRAM_TOP = 2  # integer bits of an entry of eta G, sign included


@dataclass(frozen=True, eq=False)
class LoadedCoefficients(Coefficients):
    """`Coefficients` for registers; `paired` and `dsp` as in `LoadedDescent`."""

    paired: bool = False
    dsp: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Bits of an entry of A and, in the form "gram", of G."""
        return (self.bits,) if self.gram_bits is None else (self.bits, self.gram_bits)

    @cached_property
    def fraction(self) -> int:
        """Fraction bits of A."""
        exact = self.exact[0]
        reach = max(float(np.abs(exact).max()), REACH * float(np.sqrt(np.mean(exact**2))))
        return fraction_of(np.array([[reach]]), self.bits)

    @cached_property
    def gram_fraction(self) -> int:
        """Fraction bits of G; 0 in the form "residual"."""
        return 0 if self.gram_bits is None else self.gram_bits - _GRAM_TOP

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """A in units of its last bit."""
        return self.matrices()[0].rows

    @cached_property
    def gram_rows(self) -> tuple[tuple[int, ...], ...] | None:
        """G in units of its last bit."""
        return None if self.gram_bits is None else self.matrices()[1].rows

    def matrices(self) -> list[LoadedMatrix]:
        """A and, in the form "gram", G, each with registers of its own."""
        (m, n), exact = self.system.matrix.shape, self.exact
        places = [placed(m, n, self.paired), placed_gram(n, self.paired)]
        found = []
        for bits, fraction, place, matrix in zip(
            self.widths, (self.fraction, self.gram_fraction), places, exact, strict=False
        ):
            form = Format(bits - fraction, fraction)
            words = words_for(place, form, np.array(integers(matrix, fraction)))
            found.append(LoadedMatrix(place, form, tuple(words[k] for k in range(len(words))), self.dsp))
        return found


def loaded_words(block: LoadedDescent, system: System) -> list[int]:
    """The word of each index for a system, of the sizes that the block has; the step is the system's own in the form
    "gram", and the block's in the form "residual". Raises ``ValueError`` where the descent diverges.
    """
    if system.eta * system.curvature[-1] >= 2:
        raise ValueError(f"the descent diverges: its step must be below {2 / system.curvature[-1]:.4g}")
    scale = system.eta if block.form == "gram" else 1.0
    a = np.array(integers(system.matrix * scale, block.fraction))
    gram = np.array(integers(system.gram * scale, block.gram_fraction)) if block.form == "gram" else None
    return list(block.words_of(a, gram))
