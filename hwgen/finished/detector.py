"""A finished detector: a combiner for the ADCs of its antennas."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth.lib import wiring

from hwgen.blocks.combiner import Combiner
from hwgen.check.vectors import Top
from hwgen.designs.detector_reference import channel_of
from hwgen.designs.monte_carlo import adc_words, antennas, symbols
from hwgen.designs.uplink import Uplink
from hwgen.finished import Finished, Ints
from hwgen.fixed import exact_decimal
from hwgen.spec import Spec


@dataclass(frozen=True)
class Detector(Finished):
    """W^H y for the words of M antennas; see `Combiner` for its ports.

    `gains` is what each stream makes of a symbol, by the noise model of its ADCs.
    """

    combiner: Combiner
    gains: tuple[float, ...] = ()

    kind: ClassVar[str] = "detector"

    @property
    def core(self) -> Top:
        """The module with plain ports."""
        return Top(self.core_name, self.combiner.inputs, self.combiner.output_ports, self.combiner.latency)

    @property
    def formats(self) -> dict[str, str]:
        """What the words of each port are."""
        return self.combiner.formats

    def component(self) -> wiring.Component:
        """The combiner in Amaranth."""
        return self.combiner.component()

    def words(self, data: Ints) -> Ints:
        """Bit-true words of the streams (2 K, n) for those of the antennas that are on (N, n)."""
        return self.combiner.model(data)

    @property
    def decimals(self) -> list[str]:
        """Weights by stream and antenna, real part first."""
        values = (v for row in self.combiner.weights for pair in row for v in pair)
        return [exact_decimal(value, self.combiner.fraction) for value in values]

    @property
    def headroom_db(self) -> float | None:
        """Output full scale over the largest output of any stream; negative where it can saturate."""
        c, found = self.combiner, []
        for row, levels in enumerate(c.trees):
            form = c.outputs[row // 2]
            for word in levels[-1]:
                peak = max(-word.span[0], word.span[1]) * 2.0 ** (word.lsb - c.fraction)
                found.append((form.maximum or 1) * form.lsb / peak)
        return round(20 * float(np.log10(min(found))), 4) if found else None

    @property
    def header(self) -> dict[str, object]:
        """What the header of the Verilog says of the detector."""
        c = self.combiner
        return {
            "description": f"MIMO detector of {c.streams} streams from {len(c.active)} of {len(c.bits)} antennas",
            "antennas": [f"y{m} {c.bits[m]}" for m in c.active],
            "streams": [
                f"s{k} {form}" + (f" gain {self.gains[k]:g}" if self.gains else "") for k, form in enumerate(c.outputs)
            ],
            "terms": int(np.count_nonzero(c.matrix)),
            "levels": c.levels,
        }

    def stimuli(self, spec: Spec | None, count: int, rng: np.random.Generator) -> Ints:
        """Extremes of every stream's sums, then random words, then symbols through the channel."""
        c = self.combiner
        low, high = np.array(c.spans).T[..., None]
        signs = np.sign(c.matrix).T
        matched = np.where(signs > 0, high, low)
        opposite = np.where(signs > 0, low, high)
        one = np.where(np.eye(len(low), dtype=bool), high, 0)
        least = np.where(np.eye(len(low), dtype=bool), low, 0)
        parts = [high, low, -np.ones_like(low), 0 * low, matched, opposite, one, least]
        rest = max(count - sum(part.shape[1] for part in parts), 64)
        wild = rest if spec is None else rest // 2
        parts.append(rng.integers(low, high, (len(low), wild), endpoint=True, dtype=np.int64))
        if spec is not None and spec.detector is not None:
            h = channel_of(spec)
            link = Uplink(h, c.bits, spec.detector.method)
            sent, _ = symbols(spec.detector.constellation, (h.shape[1], rest - wild), rng)
            parts.append(adc_words(link, antennas(h, sent, rng)))
        return c.packed(np.concatenate(parts, axis=1))

    def __repr__(self) -> str:
        c = self.combiner
        return self.described(f"{c.streams} streams from {len(c.active)} of {len(c.bits)} antennas")

    def frozen(self) -> dict[str, Any]:
        """Everything that determines the hardware."""
        own = {"kind": self.kind, "name": self.name, "interface": self.interface}
        return own | {"combiner": self.combiner.frozen(), "gains": list(self.gains)}


def thawed(frozen: dict[str, Any]) -> Detector:
    """The detector that `Detector.frozen` described."""
    combiner = Combiner.thawed(frozen["combiner"])
    return Detector(frozen["name"], combiner, tuple(frozen["gains"]), interface=frozen["interface"])
