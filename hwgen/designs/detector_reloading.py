"""The search for a detector whose weights are loaded: the bits of every weight's register within the EVM.

A weight's range is a power of two that follows its antenna and its stream, so that others of the same size can be
loaded; its LSB is the allocator's. Words are the floor of the weights, as whoever loads others will have them, so that
what they miss is white: D^2 / 12 for either part.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import ALGORITHMS, Infeasible, allocate
from hwgen.blocks.combiner_reloadable import ReloadableCombiner
from hwgen.designs.detector import DetectorSearch, Tried
from hwgen.designs.detector_sizing import FINER, Candidate, Sizing
from hwgen.designs.detector_widths import Widths
from hwgen.designs.detector_work import loaded
from hwgen.designs.uplink import Uplink, rms_percent
from hwgen.fixed import Format

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

REACH = 2.5  # of a Gaussian part, one in 80 is larger than so many times its root mean square
_ROUNDS = 6  # of halving the share of the slack that still meets the goal
_LARGEST = 8.0  # share of the slack, as rounding to few bits is not quite white
_STREAMS = 4  # bits by which streams may differ
_GROWTH = 2.0  # bits by which words grow over a tree, on average of its adders


def tops(link: Uplink) -> Ints:
    """Integer bits, sign apart, of each weight (K, N): for its own value, and for `REACH` times what is usual for its
    antenna and its stream, so that the weights of other channels of the kind fit.
    """
    w = link.weights.T
    power = (w.real**2 + w.imag**2) / 2
    streams = power.mean(axis=1, keepdims=True)
    usual = (power / streams).mean(axis=0) * streams
    reach = np.maximum(np.maximum(np.abs(w.real), np.abs(w.imag)), REACH * np.sqrt(usual))
    return np.asarray(np.floor(np.log2(np.maximum(reach, 2.0**-12 * np.sqrt(streams)))), dtype=np.int64) + 1


@dataclass(frozen=True, eq=False)
class LoadedWidths(Widths):
    """LSBs of weights that are loaded: prices are those of their registers, multiples and trees."""

    stream_depth: int = _STREAMS
    top: Ints = field(kw_only=True)

    def formats(self, lsbs: Ints) -> tuple[tuple[Format, ...], ...]:
        """The format of each weight, of one bit at least."""
        fractions = np.maximum(self.weights.fraction - lsbs, -self.top)
        return tuple(
            tuple(Format(int(t) + 1, int(f)) for t, f in zip(*row, strict=True))
            for row in zip(self.top, fractions, strict=True)
        )

    @cached_property
    def prices(self) -> Array:
        """LUTs of each weight at LSB 0, 1, ... (K, N, LSBs)."""
        bits = np.array(self.weights.link.bits)[self.weights.link.active][:, None]
        widths = np.maximum(self.top[..., None] + 1 + self.weights.fraction - np.arange(self.coarsest + 1), 1)
        tripled = bits > 1
        triples = tripled * (widths + 2.0)
        # Either part is in two sums.
        return np.asarray(2 * (triples + 2 * ((bits + 1) // 2) * (2 * (widths + 2 * tripled) + _GROWTH)))


class ReloadingSearch(DetectorSearch):
    """As for constant weights; only what a candidate is differs."""

    def sized(self, bits: tuple[int, ...], label: str, kind: str, plain: bool = False) -> list[Tried]:
        """Combiners for these ADCs that meet the goal as measured, the cheapest by estimate first."""
        goal, link = self.goal, self.goal.link(bits)
        factor = float(link.ideal.mean()) / (goal.figures(link).evm_percent[0] / 100) ** 2
        sizing = Sizing(link, goal.output, self.estimate, (goal.evm_percent / 100) ** 2 * factor)
        if sizing.slack <= 0:
            return []
        found: dict[str, Tried] = {}
        low, high, share = 0.0, _LARGEST, 1.0
        for _ in range(_ROUNDS):
            made = self._candidate(sizing, share * sizing.slack, label, kind, plain)
            if made is None:
                high = share
            else:
                tried = self.measured(made)
                if tried.meets:
                    found[str(made.combiner.frozen())] = tried
                low, high = (share, high) if tried.meets else (low, share)
            share = (low + high) / 2
        return sorted(found.values(), key=lambda t: t.candidate.estimate)

    def finest(self) -> Tried:
        """The allocated ADCs with fine weights, where nothing meets the goal."""
        sizing = Sizing(self.goal.link(self.goal.bits), self.goal.output, self.estimate, np.inf)
        made = self._candidate(sizing, sizing.slack / 8, "finest weights", "detector", plain=True)
        assert made is not None  # one LSB can be as fine as any
        return self.measured(made)

    def _candidate(self, sizing: Sizing, limit: float, label: str, kind: str, plain: bool) -> Candidate | None:
        """The cheapest registers whose rounding adds at most `limit` to the EVM^2, relative; None where none does."""
        weights, link = sizing.weights, sizing.link
        coarsest = sizing.usual + 4
        widths = LoadedWidths(weights, coarsest, min(coarsest, FINER + 4), top=tops(link))
        if plain:
            common = [lsb for lsb in range(coarsest, -1, -1) if float(widths.noise.sum(1).mean()) * 4.0**lsb <= limit]
            lsbs, label = np.full(widths.noise.shape, max(common, default=0)), f"{label}, LSB {max(common, default=0)}"
        else:
            try:
                rng, evaluations = self.goal.generator(2), max(self.goal.evaluations // 20, 100)
                method = allocate if self.goal.algorithm == "gc-pso" else ALGORITHMS[self.goal.algorithm]
                answer = method(widths.problem(limit), rng, evaluations)
            except Infeasible:
                return None
            lsbs, label = widths.lsbs(np.array(answer.bits)), f"{label}, allocated LSBs"
            if kind == "detector":
                self.widths = answer
        return self._built(link, widths.formats(lsbs), label, kind)

    def _built(self, link: Uplink, formats: tuple[tuple[Format, ...], ...], label: str, kind: str) -> Candidate:
        empty = tuple(((0, 0),) * len(row) for row in formats)
        bare = ReloadableCombiner(link.bits, (self.goal.output,) * link.users, formats, empty)
        combiner = bare.reloaded(bare.words_of(link.all_weights))
        parts = combiner.matrix[0::2].reshape(link.users, -1, 2) * 2.0**-combiner.fraction
        rounding = 2 * 4.0**-self.goal.output.fraction / 12
        evm = link.evm(np.asarray(parts[..., 0] + 1j * parts[..., 1], dtype=np.complex128).T, rounding)
        luts = float(loaded(combiner, self.goal.target).lut)
        return Candidate(label, kind, None, link, combiner, rms_percent(evm), luts, None)
