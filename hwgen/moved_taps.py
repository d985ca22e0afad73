"""What dropped bits do to the response of a signal-flow graph: the part of their error that follows samples.

Where low bits of a word are dropped, a function of samples is lost, and its linear part moves taps: of c x, cut to
multiples of 2**d, ``-cov((c x) mod 2**d, x) / var(x)`` is missing for good. It is the response that least squares find
from what the hardware does with white noise (Bussgang), known here without the noise of a simulation.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.fixed import Format
from hwgen.flowgraph import Delay, FlowGraph, Sum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BITS = 16  # of a sample that are enumerated: those above them do not come near what is dropped
_MOST = 18  # low bits of a word that are enumerated: what is lost counts as noise where more are dropped
_CONSTANT = 1e-9  # of a table's range, that nothing follows


def moved(graph: FlowGraph, input: Format) -> tuple[Floats, ...]:
    """What the bits that each adder drops add to the impulse response of each output, in its units: input LSBs.

    Returns
    -------
    Arrays (adders, taps), adders in the order of ``graph.sums``.

    For uniform white samples of half of full scale, as the default stimulus has them. Words that meet in an adder count
    as independent unless both depend on one sample alone; others that have samples in common are uniform as it is.
    """
    low, found = _LowBits(graph, input), []
    for adjoint in graph.adjoints:
        taps = np.zeros((len(graph.sums), max(graph.memory) + max(map(len, adjoint))))
        for own, k in zip(taps, graph.sums, strict=True):
            node = graph.nodes[k - 1]
            assert isinstance(node, Sum)
            for source, shift, negative in node.operands:
                weight = graph.lsbs[source] + shift
                dropped = graph.lsbs[k] - weight
                if not 0 < dropped <= _MOST:
                    continue
                lost = np.ldexp(np.arange(1 << dropped, dtype=np.float64), weight)
                for delay, share in low.follows(source, lost if negative else -lost):
                    own[delay : delay + len(adjoint[k])] += share * adjoint[k]
        found.append(taps[:, : len(np.trim_zeros(np.abs(taps).sum(axis=0), "b"))])
    return tuple(found)


class _LowBits:
    """Words modulo powers of two, for random samples."""

    def __init__(self, graph: FlowGraph, input: Format) -> None:
        self.graph, self.width = graph, input.width - 1
        bits = min(self.width, _BITS)
        self.samples = np.arange(1 << bits, dtype=np.int64) - ((1 << bits >> 1) if input.signed else 0)
        self.known: dict[tuple[int, int], Floats] = {}

    @cached_property
    def alone(self) -> list[Ints | None]:
        """Words of the nodes that depend on one sample, for each of `samples`; None for the others."""
        found: list[Ints | None] = [self.samples]
        for node in self.graph.nodes:
            if isinstance(node, Delay):
                found.append(found[node.source])
                continue
            (first, up, _), (second, other, _) = self._operands(node)
            left, right = found[first], found[second]
            if self.graph.phases[len(found)] is None or left is None or right is None:
                found.append(None)
            else:
                right = _shifted(right, other)
                found.append(_shifted(left, up) + (-right if node.subtract else right))
        return found

    def _operands(self, node: Sum) -> list[tuple[int, int, bool]]:
        """Source, how far its word is shifted to the left, and whether it is subtracted."""
        lsbs = self.graph.lsbs
        return [(source, lsbs[source] + shift - node.lsb, negative) for source, shift, negative in node.operands]

    def chances(self, k: int, count: int) -> Floats:
        """How likely each value of the word of node `k` modulo ``2**count`` is."""
        if (k, count) not in self.known:
            word, node = self.alone[k], self.graph.nodes[k - 1]
            if word is not None:
                made = np.bincount(word & (1 << count) - 1, minlength=1 << count) / len(word)
            elif isinstance(node, Delay):
                made = self.chances(node.source, count)
            else:
                left, right = self._operands(node)
                made = self._shifted(left, count)
                if not _even(made):  # nothing added to a word of which all values are as likely changes that
                    other = self._shifted(right, count)
                    made = other if _even(other) else np.fft.irfft(np.fft.rfft(made) * np.fft.rfft(other), 1 << count)
            self.known[k, count] = made
        return self.known[k, count]

    def _shifted(self, operand: tuple[int, int, bool], count: int) -> Floats:
        """How likely each value of an operand modulo ``2**count`` is."""
        source, up, negative = operand
        if up >= count:
            return np.eye(1, 1 << count)[0]
        if count - up > _MOST:  # bits above so many others follow none of them
            return np.full(1 << count, 0.5**count)
        values = _values(up, negative, count)
        chances = self.chances(source, count - up)
        return np.bincount(values, weights=chances, minlength=1 << count).astype(np.float64)

    def follows(self, k: int, table: Floats) -> list[tuple[int, float]]:
        """Linear part of a function of the low bits of node `k`, a table: delays of samples, and shares of them."""
        count = len(table).bit_length() - 1
        if count > _MOST or np.ptp(table) == 0:
            return []
        word, node = self.alone[k], self.graph.nodes[k - 1]
        if word is not None:
            lost, x = table[word & (1 << count) - 1], self.samples
            phase = self.graph.phases[k]
            assert phase is not None
            return [(phase, float((lost - lost.mean()) @ x) / len(x) / ((4.0**self.width - 1) / 12))]
        if isinstance(node, Delay):
            return [(delay + node.samples, share) for delay, share in self.follows(node.source, table)]
        found: list[tuple[int, float]] = []
        first, second = self._operands(node)
        for operand, other in ((first, second), (second, first)):
            source, up, negative = operand
            if up >= count or count - up > _MOST:
                continue
            chances = self._shifted(other, count)
            if _even(chances):
                continue
            # The mean over the other operand, for each value of this one.
            mean = np.fft.irfft(np.fft.rfft(table) * np.conj(np.fft.rfft(chances)), 1 << count)
            if np.ptp(mean) > _CONSTANT * np.ptp(table):
                found += self.follows(source, mean[_values(up, negative, count)])
        return found


def _even(chances: Floats) -> bool:
    return bool(np.ptp(chances) <= _CONSTANT * chances[0])


def _shifted(word: Ints, up: int) -> Ints:
    return word << up if up >= 0 else word >> -up


def _values(up: int, negative: bool, count: int) -> Ints:
    """What each value of a word modulo ``2**(count - up)`` is as an operand, modulo ``2**count``."""
    values = _shifted(np.arange(1 << count - up, dtype=np.int64), up)
    return (-values if negative else values) & (1 << count) - 1
