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
_MOST = 12  # bits of a word that are enumerated: the highest of those dropped, lower ones being lost in their noise
_EVEN = 1e-9  # of a chance, by which others may differ from it where all are alike
_SMALL = 1e-4  # of what is lost at an adder, that nothing follows


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
                if dropped <= 0:
                    continue
                count = min(dropped, _MOST)
                lost = np.ldexp(np.arange(1 << count, dtype=np.float64), weight + dropped - count)
                for delay, share in low.follows(source, lost if negative else -lost, dropped - count):
                    own[delay : delay + len(adjoint[k])] += share * adjoint[k]
        found.append(taps[:, : len(np.trim_zeros(np.abs(taps).sum(axis=0), "b"))])
    return tuple(found)


class _LowBits:
    """Words modulo powers of two, for random samples."""

    def __init__(self, graph: FlowGraph, input: Format) -> None:
        self.graph, self.width = graph, input.width - 1
        bits = min(self.width, _BITS)
        self.samples = np.arange(1 << bits, dtype=np.int64) - ((1 << bits >> 1) if input.signed else 0)

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

    @cached_property
    def chances(self) -> list[Floats]:
        """How likely each value of every word modulo ``2**_MOST`` is; empty for words of one sample."""
        found: list[Floats] = []
        for k, word in enumerate(self.alone):
            node = self.graph.nodes[k - 1]
            if word is not None:
                found.append(np.empty(0))
            elif isinstance(node, Delay):
                found.append(found[node.source])
            else:
                left, right = (self._operand(found, operand, _MOST) for operand in self._operands(node))
                if _even(left) or _even(right):  # what is added to a word of alike chances leaves them alike
                    found.append(np.full(1 << _MOST, 0.5**_MOST))
                else:
                    found.append(np.fft.irfft(np.fft.rfft(left) * np.fft.rfft(right), 1 << _MOST))
        return found

    def _operand(self, chances: list[Floats], operand: tuple[int, int, bool], count: int) -> Floats:
        """How likely each value of an operand modulo ``2**count`` is; bits that are not known have either value."""
        source, up, negative = operand
        word, size = self.alone[source], 1 << count
        if up >= count:
            return np.eye(1, size)[0]
        if word is not None:
            values = _shifted(word, up) & size - 1
            made = np.bincount(-values & size - 1 if negative else values, minlength=size) / len(word)
            return np.asarray(made)
        low = max(-up, 0)  # bits below those asked for
        known = min(count - max(up, 0), max(_MOST - low, 0))
        part = chances[source].reshape(-1, 1 << known, 1 << min(low, _MOST)).sum(axis=(0, 2))
        times = (size >> max(up, 0)) // len(part)
        made = np.zeros(size)
        made[:: 1 << max(up, 0)] = np.tile(part, times) / times
        return np.roll(made[::-1], 1) if negative else made

    def follows(self, k: int, table: Floats, below: int) -> list[tuple[int, float]]:
        """Linear part of a function of bits of node `k`, a table, the lowest `below` left out: delays of samples, and
        shares of them.
        """
        found: list[tuple[int, float]] = []
        waiting, small = [(k, table, below, 0)], _SMALL * np.ptp(table)
        while waiting:
            k, table, below, delay = waiting.pop()
            count = len(table).bit_length() - 1
            word, node, phase = self.alone[k], self.graph.nodes[k - 1], self.graph.phases[k]
            if word is not None:
                lost, x = table[word >> below & len(table) - 1], self.samples
                assert phase is not None
                share = float((lost - lost.mean()) @ x) / len(x) / ((4.0**self.width - 1) / 12)
                found.append((delay + phase, share))
            elif isinstance(node, Delay):
                waiting.append((node.source, table, below, delay + node.samples))
            else:
                first, second = ((source, up - below, negative) for source, up, negative in self._operands(node))
                for (source, up, negative), other in ((first, second), (second, first)):
                    chances = self._operand(self.chances, other, count)
                    if up >= count or _even(chances):
                        continue
                    # The mean over the other operand, for each value of this one.
                    mean = np.fft.irfft(np.fft.rfft(table) * np.conj(np.fft.rfft(chances)), len(table))
                    if np.ptp(mean) > small:
                        values = np.arange(1 << count - max(up, 0)) << max(up, 0)
                        mean = mean[-values & len(table) - 1 if negative else values]
                        waiting.append((source, mean, max(-up, 0), delay))
        return found


def _even(chances: Floats) -> bool:
    return bool(np.ptp(chances) <= _EVEN * chances[0])


def _shifted(word: Ints, up: int) -> Ints:
    return word << up if up >= 0 else word >> -up
