"""The ports of a combiner: a word from each antenna that is on, real and imaginary part of each stream."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.check.vectors import Port
from hwgen.fixed import Format

Ints = NDArray[np.int64]
MOST_BITS = 16  # of an ADC


class Ports:
    """What combiners of any weights share: `bits` of each antenna's ADC (0: off) and the format of each stream."""

    bits: tuple[int, ...]
    outputs: tuple[Format, ...]

    @property
    def streams(self) -> int:
        """K."""
        return len(self.outputs)

    @cached_property
    def active(self) -> tuple[int, ...]:
        """Antennas that are on."""
        return tuple(m for m, b in enumerate(self.bits) if b)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """A port for each antenna that is on: the real part's word in its low half, the imaginary part's above."""
        return tuple(Port(f"i_y{m}", 2 * self.bits[m], False) for m in self.active)

    @property
    def output_ports(self) -> tuple[Port, ...]:
        """Real and imaginary part of each stream."""
        return tuple(
            Port(f"o_s{k}_{part}", form.width, True) for k, form in enumerate(self.outputs) for part in ("re", "im")
        )

    @property
    def formats(self) -> dict[str, str]:
        """What the words of each port are; an ADC's full scale is -1 to 1."""
        found = {
            f"i_y{m}": f"s1.{b - 1} + 1/2 LSB: re in {b - 1}:0, im in {2 * b - 1}:{b}"
            for m, b in enumerate(self.bits) if b
        }  # fmt: skip
        ports = (form for form in self.outputs for _ in range(2))
        return found | {port.name: str(form) for port, form in zip(self.output_ports, ports, strict=True)}

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Range of the word of each part of each active antenna, real and imaginary in turn."""
        return tuple((-(1 << self.bits[m] - 1), (1 << self.bits[m] - 1) - 1) for m in self.active for _ in range(2))

    def unpacked(self, data: NDArray) -> Ints:
        """The signed words (2 active antennas, n) of the input ports' (active antennas, n)."""
        words = np.empty((2 * len(data), data.shape[1]), dtype=np.int64)
        for k, (m, port) in enumerate(zip(self.active, data, strict=True)):
            half = 1 << self.bits[m] - 1
            for part in range(2):
                own = (port >> part * self.bits[m]) & (2 * half - 1)
                words[2 * k + part] = (own ^ half) - half
        return words

    def packed(self, words: NDArray) -> Ints:
        """The inverse of `unpacked`."""
        masks = np.array([(1 << self.bits[m]) - 1 for m in self.active])[:, None]
        shifts = np.array([self.bits[m] for m in self.active])[:, None]
        return (words[0::2] & masks) | ((words[1::2] & masks) << shifts)

    def checked(self, data: NDArray) -> Ints:
        """Words of the input ports as integers; raises ``ValueError`` for words outside the ports."""
        data = np.asarray(data).astype(np.int64)
        for port, row in zip(self.inputs, data, strict=True):
            if row.size and not port.minimum <= row.min() <= row.max() <= port.maximum:
                raise ValueError(f"words of {port.name} must lie in {port.minimum}..{port.maximum}")
        return data


def of_parts(weights: Ints) -> Ints:
    """The real matrix (2 K, 2 N) of conjugated weights (K, N, 2): parts in turn on both sides."""
    a, b = weights[..., 0], weights[..., 1]
    # conj(a + j b) (x + j y) = (a x + b y) + j (a y - b x)
    return np.stack([np.stack([a, b], -1), np.stack([-b, a], -1)], 1).reshape(2 * len(weights), -1)
