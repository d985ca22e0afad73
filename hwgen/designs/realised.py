"""A mask holds for the response of the hardware: bits are given back where dropping them moves taps out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.designs.word_lengths import WordLengths
from hwgen.remez import transfer
from hwgen.response import Mask, Measurement, grid, measure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Share = Callable[[Ints], Floats]

MOVED = 0.01  # of the mask, by which dropped bits may move a response that has used it up
_FINE, _COARSE = 16, 4  # grid points a tap: for one choice of LSBs, and to judge many
_PROBE = 3  # bits more that adders drop, to see what those that drop nothing would do


def moves_out(exact: Measurement, realised: Measurement) -> float:
    """Share of the way from a response to `MOVED` beyond the mask that dropped bits move it: above 1, it is missed.

    0 where the realised response ends within, or the coefficients miss the mask on their own.
    """
    if exact.violation > 1 + 1e-9 or realised.violation <= 1 + MOVED:
        return 0.0
    return (realised.violation - exact.violation) / (1 + MOVED - exact.violation)


@dataclass(frozen=True, eq=False)
class Room:
    """What a mask leaves for dropped bits to move the taps of one filter; None: anything.

    LSBs are those of `WordLengths`; no adder goes below its `finest`.
    """

    mask: Mask | None
    lengths: WordLengths
    finest: Ints

    @cached_property
    def taps(self) -> Floats:
        """The coefficients as numbers."""
        return np.ldexp(np.array(self.lengths.coefficients, dtype=np.float64), -self.lengths.fraction)

    def kept(self, lsbs: Ints) -> Ints | None:
        """LSBs (adders,) with which the realised response keeps to the mask; None where even the finest do not.

        As long as it does not, the adder whose dropped bits share most in where the response is farthest off, to
        first order, keeps a bit more; the farther off, the more others that share less do, too.
        """
        if self.mask is None:
            return lsbs
        lsbs, exact, (frequencies, middle, half) = lsbs.copy(), measure(self.taps, self.mask), self._grid(_FINE)
        while True:
            fir = self.lengths.fir(lsbs)
            realised = measure(fir.realised, self.mask)
            out = moves_out(exact, realised)
            if out <= 1:
                return lsbs
            response = transfer(fir.realised, frequencies)
            off = (np.abs(response) / realised.gain - middle) / half
            worst = int(np.argmax(np.abs(off)))
            parts = self._transfers(fir.moved_by, frequencies[worst : worst + 1])[:, 0]
            share = np.sign(off[worst]) * (np.conj(response[worst]) * parts).real
            share = np.where(lsbs > self.finest, share, -np.inf)
            if share.max() <= 0:
                return None
            lsbs[share >= share.max() / out] -= 1

    def share(self, lsbs: Ints, coarsest: Ints) -> Share | None:
        """Function of LSBs (P, adders): about how much of the room they use, 1 being all of it; None where the
        `coarsest` do not use it up.

        To search with: what each adder's bits do is worked out at `lsbs` and goes with the square of its own LSB, as
        it does where all of them are dropped at one adder. Others that change what it drops are left out.
        """
        if self.mask is None or not len(lsbs):
            return None
        exact = measure(self.taps, self.mask)
        if exact.violation > 1:
            return None
        frequencies, middle, half = self._grid(_COARSE)
        probed = np.minimum(lsbs + _PROBE, coarsest)
        here, above = (self.lengths.fir(at).moved_by for at in (lsbs, probed))
        still, gain = ~here.any(axis=1), exact.gain
        own, parts = transfer(self.taps, frequencies), self._transfers(here, frequencies)
        parts[still] = self._transfers(above[still], frequencies) / 4.0 ** (probed - lsbs)[still, None]

        def used(rows: Ints) -> Floats:
            response = own + 4.0 ** (rows - lsbs) @ parts
            violation = np.abs((np.abs(response) / gain - middle) / half).max(axis=1)
            return np.asarray((violation - exact.violation) / (1 + MOVED - exact.violation))

        return used if used(coarsest[None])[0] > 1 else None

    def _grid(self, density: int) -> tuple[Floats, Floats, Floats]:
        """Frequencies over all bands, and the middle and the half of what is allowed at each."""
        assert self.mask is not None
        bands = self.mask.bands
        counts = [len(grid(Mask((band,), 1.0), len(self.taps), density)) for band in bands]
        middle, half = (np.repeat([getattr(b, what) for b in bands], counts) for what in ("centre", "tolerance"))
        return grid(self.mask, len(self.taps), density), middle, half

    def _transfers(self, taps: Floats, frequencies: Floats) -> NDArray[np.complex128]:
        """Responses (adders, frequencies) of what adders add to taps, (adders, n) in units of the coefficients."""
        delays = np.exp(-2j * np.pi * np.outer(np.arange(taps.shape[1]), frequencies))
        return np.asarray(np.ldexp(taps, -self.lengths.fraction) @ delays)
