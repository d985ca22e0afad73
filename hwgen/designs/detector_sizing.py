"""A combiner for given ADCs that just meets an EVM: LSBs, weights and cuts, cheapest by estimate."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import ALGORITHMS, Allocation, Infeasible, allocate
from hwgen.blocks.combiner import Combiner, pairs
from hwgen.blocks.combiner_reloadable import ReloadableCombiner
from hwgen.cost.estimate import Estimate, Work
from hwgen.designs.detector_weights import Weights, unpaired
from hwgen.designs.detector_widths import Widths
from hwgen.designs.detector_work import work
from hwgen.designs.uplink import Uplink, rms_percent
from hwgen.fixed import Format

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

FINER = 3  # bits of the finest LSB below that of white rounding noise
TRADES = (1e-6, 0.1)  # EVM^2, relative, for an adder bit: the range that is searched
HALVINGS = 10
SHARES = (0.1, 0.25)  # of the slack that cuts may use
LEVELS = (2, 3)  # at which words are cut


@dataclass(frozen=True, eq=False)
class Candidate:
    """A combiner for the ADCs of `link`: its EVM by the model, and its LUTs by the estimate."""

    label: str
    kind: str
    recipe: "Recipe | None"
    link: Uplink
    combiner: Combiner | ReloadableCombiner
    evm_percent: float
    estimate: float
    work: Work | None = field(repr=False)  # None where weights are loaded, which has an estimate of its own

    @property
    def weight_bits(self) -> dict[str, int]:
        """Bits of the widest part of each active antenna's weights, in the LSB of that antenna, sign included."""
        c, found = self.combiner, {}
        if isinstance(c, ReloadableCombiner):
            return {f"antenna{m}": max(row[n].width for row in c.weights) for n, m in enumerate(c.active)}
        for m in c.active:
            parts = [abs(v) for row in c.weights for v in row[m] if v]
            low = min(((v & -v).bit_length() - 1 for v in parts), default=0)
            found[f"antenna{m}"] = max((v >> low).bit_length() for v in parts) + 1 if parts else 0
        return found

    @property
    def gains(self) -> list[float]:
        """Magnitude of what each stream makes of a symbol, by the model; near 1."""
        parts = np.zeros((self.link.users, len(self.link.active), 2))
        used = np.isin(self.link.active, self.combiner.active)
        parts[:, used] = self.combiner.matrix[0::2].reshape(self.link.users, -1, 2) * 2.0**-self.combiner.fraction
        gain, _ = self.link.power(np.asarray(parts[..., 0] + 1j * parts[..., 1], dtype=np.complex128).T)
        return [float(v) for v in np.abs(gain)]


@dataclass(frozen=True, eq=False)
class Recipe:
    """How to find weights: their LSBs (K, N), and words cut at a level for a share of the slack."""

    name: str
    lsbs: Ints
    share: float = 0.0
    level: int = 0

    def cut(self) -> list["Recipe"]:
        """The same with cuts."""
        return [
            Recipe(f"{self.name}, cut at level {level}", self.lsbs, share, level)
            for share, level in product(SHARES, LEVELS)
        ]


def noise(combiner: Combiner) -> Array:
    """Noise power that cuts and the output's rounding add to each stream (K,): D^2 / 12 (1 - 4^-k) for every word."""
    found = np.zeros(combiner.streams)
    for row, levels in enumerate(combiner.trees):
        variance = sum(4.0**w.lsb - 4.0 ** (w.lsb - w.dropped) for words in levels for w in words if w.dropped)
        drop = combiner.fraction - combiner.outputs[row // 2].fraction
        for word in levels[-1]:
            variance += max(4.0**drop - 4.0**word.lsb, 0.0)
        found[row // 2] += variance / 12 * 4.0**-combiner.fraction
    return found


@dataclass(frozen=True, eq=False)
class Sizing:
    """Sizes combiners for `link` within `limit`, the mean EVM^2 of the streams by the model.

    `fraction` of the weights: as the slack asks for, unless given.
    """

    link: Uplink
    output: Format
    estimate: Estimate
    limit: float
    fraction: int | None = None

    @cached_property
    def slack(self) -> float:
        """Relative EVM^2 that weights and words may add."""
        rounding = 2 * 4.0**-self.output.fraction / 12
        if np.isinf(self.limit):
            return 0.01
        return self.limit / float(self.link.evm(self.link.weights, rounding).mean()) - 1

    @cached_property
    def _wanted(self) -> int:
        """Fraction bits with which white rounding noise uses all the slack at an LSB of `FINER`, or just above."""
        white = float(np.einsum("kii->", Weights(self.link, 0).metric)) / 12 / self.link.users
        return ceil(log2(white / self.slack) / 2) + FINER

    @cached_property
    def weights(self) -> Weights:
        """In units as wanted, below the output's LSB at least."""
        own = max(self._wanted, self.output.fraction + 1) if self.fraction is None else self.fraction
        return Weights(self.link, own)

    @property
    def usual(self) -> int:
        """LSB of weights at which white rounding noise uses all the slack."""
        return max(FINER + self.weights.fraction - self._wanted, 0)

    def _common(self, lsb: int) -> Ints:
        return np.full((self.link.users, len(self.link.active)), lsb)

    def plain(self, label: str, kind: str) -> Candidate | None:
        """One LSB for all weights, the coarsest that meets the limit, nothing cut; None where none does."""
        for lsb in range(self.usual + 4, -1, -1):
            values = self.weights.rounded(self._common(lsb))
            if self._evm(values) <= self.limit:
                return self._built(label, kind, values)
        return None

    def finest(self, label: str, kind: str) -> Candidate:
        """One LSB for all weights, the finest."""
        return self._built(label, kind, self.weights.rounded(self._common(max(self.usual - FINER, 0))))

    def allocated(self, rng: np.random.Generator, evaluations: int, algorithm: str) -> tuple[Ints, Allocation] | None:
        """LSBs by the allocator, for a half of the slack: the other half is for the weights that are moved."""
        coarsest = self.usual + 4
        rounded = self.weights.rounded(self._common(self.usual)) - self.weights.exact
        widths = Widths(self.weights, coarsest, min(coarsest, FINER + 4))
        white = float(widths.noise.sum(axis=1).mean()) * 4.0**self.usual
        actual = float(np.einsum("ki,kij,kj->", rounded, self.weights.metric, rounded)) / self.link.users
        problem = replace(widths, shaping=actual / white).problem(self.slack / 2)
        try:
            if algorithm == "gc-pso":
                found = allocate(problem, rng, evaluations)
            else:
                found = ALGORITHMS[algorithm](problem, rng, evaluations)
        except Infeasible:
            return None
        return widths.lsbs(np.array(found.bits)), found

    def recipes(self) -> list[Recipe]:
        """One LSB for all weights."""
        first = max(self.usual - 2, 0)
        return [Recipe(f"LSB {lsb}", self._common(lsb)) for lsb in range(first, self.usual + 2)]

    def traded(self, label: str, kind: str, recipes: Sequence[Recipe]) -> list[Candidate]:
        """What each recipe gives with weights moved as far as the limit allows, the smallest by estimate first."""
        made = [self._within(label, kind, recipe) for recipe in recipes]
        return sorted((m for m in made if m is not None), key=lambda m: m.estimate)

    # ------------------------------------------------------------------ parts
    def _within(self, label: str, kind: str, recipe: Recipe) -> Candidate | None:
        """Weights traded for adder bits as far as the limit allows."""
        start = self.weights.rounded(recipe.lsbs)
        cuts = self._cuts(start, recipe.share, recipe.level) if recipe.share else None
        if cuts is not None and not cuts.any():
            return None
        low, high = (log2(end) for end in TRADES)
        best: Ints | None = None
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            values = self.weights.traded(start, recipe.lsbs, 2.0**middle)
            if self._evm(values, cuts, recipe.level) <= self.limit:
                low, best = middle, values
            else:
                high = middle
        return None if best is None else self._built(f"{label}, {recipe.name}", kind, best, cuts, recipe)

    def _cuts(self, values: Ints, share: float, level: int) -> Ints:
        """The coarsest cut of each stream whose noise is at most that share of the slack (K,)."""
        room = share * self.slack * self.link.ideal * 12 * 4.0**self.weights.fraction / self._words(values, level)
        return np.asarray(np.maximum(np.floor(np.log2(room) / 2), 0), dtype=np.int64)

    @staticmethod
    def _words(values: Ints, level: int) -> Array:
        """Words at a level of both trees of each stream (K,)."""
        return 2 * np.ceil(np.maximum(np.count_nonzero(values, axis=1), 1) / 2**level)

    def _evm(self, values: Ints, cuts: Ints | None = None, level: int = 0) -> float:
        """Mean EVM^2 by the model, the cut words counted roughly."""
        more = np.full(self.link.users, 2 * 4.0**-self.output.fraction / 12)
        if cuts is not None:
            more += self._words(values, level) * (4.0**cuts - 1) / 12 * 4.0**-self.weights.fraction
        return float(self.weights.evm(values, more).mean())

    def _built(
        self, label: str, kind: str, values: Ints, cuts: Ints | None = None, recipe: Recipe | None = None
    ) -> Candidate:
        antennas = unpaired(values, self.link.active, len(self.link.bits))
        combiner = Combiner(
            pairs(antennas), self.weights.fraction, self._on(antennas), (self.output,) * self.link.users,
            () if cuts is None else tuple(int(c) for c in cuts), recipe.level if recipe and recipe.share else 0,
            complements=self.estimate.fabric.inverting > 0,
        )  # fmt: skip
        made = work(combiner)
        evm = self.weights.evm(values, noise(combiner))
        luts = float(self.estimate.luts(made)[0])
        return Candidate(label, kind, recipe, self.link, combiner, rms_percent(evm), luts, made)

    def _on(self, antennas: Ints) -> tuple[int, ...]:
        """Bits of the antennas that any weight uses."""
        used = np.any(antennas, axis=(0, 2)).tolist()
        return tuple(b if u else 0 for b, u in zip(self.link.bits, used, strict=True))
