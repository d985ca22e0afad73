"""kind = "descent": coefficients that words are searched for: of equal widths, or with fewer digits."""

from dataclasses import dataclass, replace

from hwgen.cost.estimate import Estimate
from hwgen.designs.descent_bits import Bits
from hwgen.designs.descent_entries import Entries
from hwgen.designs.descent_estimate import DescentEstimate
from hwgen.designs.descent_loading import LoadedCoefficients
from hwgen.designs.descent_reference import SEARCHED, Reference
from hwgen.designs.descent_system import Coefficients
from hwgen.designs.descent_words import Words
from hwgen.fixed import to_float

_LOOKED_AT = 6  # coefficients that are compared by equal widths first
_SHARE = 0.85  # of the error allowed, that coefficients and iterations may leave
_SPARSER = (0.45, 0.6, 0.75)  # of the error allowed, that entries of fewer digits may leave


@dataclass(frozen=True, eq=False)
class Spaces:
    """Coefficients for one reference, each as the allocation problem of its words."""

    reference: Reference
    estimate: DescentEstimate

    @property
    def limit(self) -> float:
        """Mean square error allowed; where it is minimised, what the output's rounding leaves."""
        return self.reference.limit or self.reference.spec.output.format.lsb**2

    @property
    def reloadable(self) -> bool:
        """Whether matrices are loaded: other entries than the nearest would suit those of the file alone."""
        return self.reference.reloadable

    def equal(self) -> list[Bits]:
        """Word lengths of the coefficients that leave room for them, those with the smallest equal widths first."""
        low, high = self.reference.spec.search.coefficient_bits
        widths = range(max(low, 3), min(high, 16) + 1)
        descent = self.reference.spec.descent
        assert descent is not None
        pairs: list[tuple[int, int | None]] = []
        if descent.form in ("auto", "gram"):
            pairs += [(a, g) for a in widths for g in widths]
        timely = not self.reference.folded or self.reference.folds("residual")
        if descent.form in ("auto", "residual") and self.reference.system.ridge == 0 and timely:
            pairs += [(a, None) for a in widths]
        room = self.limit * _SHARE - self.reference.spec.output.format.lsb**2 / 12
        kept: dict[tuple[int, int | None], Bits] = {}
        for a, g in sorted(pairs, key=lambda pair: (pair[0] + (pair[1] or pair[0]), pair[0])):
            fewer = [(b, h) for b, h in kept if (h is None) == (g is None) and b <= a and (h or 0) <= (g or 0)]
            # One that leaves room already is beaten only by those with a bit more: they leave more of it.
            if fewer and min(a - b + (g or 0) - (h or 0) for b, h in fewer) > 1:
                continue
            space = self._space(a, g)
            if space.words.floor <= room:
                kept[a, g] = space
            if len(kept) == _LOOKED_AT:
                break
        most = widths[-1]
        return list(kept.values()) or [self._space(most, None if descent.form == "residual" else most)]

    def _space(self, bits: int, gram_bits: int | None) -> Bits:
        """Word lengths for coefficients of that width, of the values that suit the solution best."""
        coefficients, spec = Coefficients(self.reference.system, bits, gram_bits), self.reference.spec
        if self.reloadable:
            made = LoadedCoefficients(
                self.reference.system, bits, gram_bits, paired=spec.input.complex, dsp=spec.hardware.dsp
            )
            return self._of(made)
        return self._of(coefficients if gram_bits is None else self._entries(coefficients).fitted())

    def fewer(self, space: Bits, error: float) -> Bits:
        """The same with entries of fewer digits, which leave up to that mean square error."""
        return self._of(self._entries(space.words.coefficients).sparser(error))

    def _entries(self, coefficients: Coefficients) -> Entries:
        y = to_float(self.reference.raw[:, :SEARCHED], self.reference.spec.input.format)
        return Entries(coefficients, y, self.reference.weights)

    def sparser(self, space: Bits) -> list[Bits]:
        """Word lengths of coefficients whose entries have fewer digits each, as the error allows."""
        own, found = space.words.coefficients, list[Bits]()
        for share in _SPARSER if own.form == "gram" and not self.reloadable else ():
            if space.words.floor < share * self.limit:
                found.append(self.fewer(space, share * self.limit))
        return found

    def zooming(self, space: Bits) -> Bits:
        """The same on one stage, with binary points that move: worth their multiplexers, or not."""
        return replace(space, words=replace(space.words, zoom=True))

    def _of(self, coefficients: Coefficients) -> Bits:
        spec, raw = self.reference.spec, self.reference.raw[:, :SEARCHED]
        assert spec.descent is not None
        words = Words(
            coefficients, to_float(raw, spec.input.format), spec.input.format, spec.output.format,
            spec.descent.rounding, spec.descent.zoom and not self.reference.folded, self.reference.weights,
            self.reference.folded, Estimate.of(spec.goal.target).fabric.inverting > 0,
        )  # fmt: skip
        return Bits(words, raw, self.reference.exact[:, :SEARCHED], self.estimate, spec.descent.word_bits)
