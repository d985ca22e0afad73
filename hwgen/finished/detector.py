"""A finished detector: a combiner for the ADCs of its antennas, with weights for good or loaded through a port."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from amaranth.lib import wiring

from hwgen.blocks.combiner import Combiner
from hwgen.blocks.combiner_reloadable import ReloadableCombiner
from hwgen.blocks.combiner_reloadable import thawed as thawed_combiner
from hwgen.check import reloads
from hwgen.check.script import Script
from hwgen.check.vectors import Expected, Top
from hwgen.designs.detector_reference import channel_of
from hwgen.designs.monte_carlo import adc_words, antennas, symbols
from hwgen.designs.uplink import Uplink
from hwgen.finished import Finished, Ints
from hwgen.fixed import exact_decimal
from hwgen.spec import Spec


@dataclass(frozen=True)
class Detector(Finished):
    """W^H y for the words of M antennas; see `Combiner` or `ReloadableCombiner` for its ports. ``combiner.model`` takes
    other weights than those of power-up, too, where they can be loaded.

    `gains` is what each stream makes of a symbol, by the noise model of its ADCs.
    """

    combiner: Combiner | ReloadableCombiner
    gains: tuple[float, ...] = ()

    kind: ClassVar[str] = "detector"

    @property
    def core(self) -> Top:
        """The module with plain ports."""
        c = self.combiner
        loads = c.ports if isinstance(c, ReloadableCombiner) else ()
        return Top(self.core_name, c.inputs + loads, c.output_ports, c.latency, apart=len(loads))

    @property
    def formats(self) -> dict[str, str]:
        """What the words of each port are."""
        return self.combiner.formats

    def component(self) -> wiring.Component:
        """The combiner in Amaranth."""
        return self.combiner.component()

    def words(self, data: Ints) -> Ints:
        """Bit-true words of the streams (2 K, n) for those of the antennas that are on (N, n), with the weights of
        power-up where they can be loaded.
        """
        return self.combiner.model(data)

    @property
    def decimals(self) -> list[str]:
        """Weights by stream and antenna, real part first; those of power-up, of the antennas that are on, where others
        can be loaded.
        """
        c = self.combiner
        if isinstance(c, ReloadableCombiner):
            return [
                exact_decimal(2 * word + 1, form.fraction + 1)
                for word, form in zip(c.power_up, c.registers, strict=True)
            ]
        return [exact_decimal(value, c.fraction) for row in c.weights for pair in row for value in pair]

    @property
    def headroom_db(self) -> float | None:
        """Output full scale over the largest output of any stream; negative where it can saturate."""
        c, found = self.combiner, []
        if isinstance(c, ReloadableCombiner):  # with the weights of power-up
            most = np.abs(c.matrix) @ (np.array(c.spans)[:, 1] + 0.5) * 2.0**-c.fraction
            full = np.array([(form.maximum or 1) * form.lsb for form in c.outputs])
            return round(20 * float(np.log10((full / most.reshape(-1, 2).max(axis=1)).min())), 4)
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
            "loading": c.loading if isinstance(c, ReloadableCombiner) else [],
            "complements": isinstance(c, Combiner) and c.complements,
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
        random = rng.integers(low, high, (len(low), wild), endpoint=True, dtype=np.int64)
        if isinstance(c, ReloadableCombiner):
            # With every set of weights, some time, all real parts at one end and all imaginary ones at one end.
            ends = np.arange(wild) // 2 % 16
            for part in range(2):
                random[part::2] = np.where(ends < 12, random[part::2], np.where(ends >> part & 1, high, low)[part::2])
        parts.append(random)
        if spec is not None and spec.detector is not None:
            h = channel_of(spec)
            link = Uplink(h, c.bits, spec.detector.method)
            sent, _ = symbols(spec.detector.constellation, (h.shape[1], rest - wild), rng)
            parts.append(adc_words(link, antennas(h, sent, rng)))
        return c.packed(np.concatenate(parts, axis=1))

    def answered(self, made: Script, rng: np.random.Generator) -> tuple[Script, Expected]:
        """The script with reloads where weights can be loaded, and what must come out."""
        c = self.combiner
        if isinstance(c, ReloadableCombiner):
            made = reloads.reloading(made, c, rng)
            return made, reloads.expected(self.core, made, c)
        return super().answered(made, rng)

    def plainly(self, made: Script) -> tuple[Script, Expected]:
        """The script without reloads, and what must come out."""
        wanted = self.core.expected(made, self.words)
        return reloads.idle(made) if isinstance(self.combiner, ReloadableCombiner) else made, wanted

    def __repr__(self) -> str:
        c = self.combiner
        return self.described(f"{c.streams} streams from {len(c.active)} of {len(c.bits)} antennas")

    def frozen(self) -> dict[str, Any]:
        """Everything that determines the hardware."""
        own = {"kind": self.kind, "name": self.name, "interface": self.interface}
        return own | {"combiner": self.combiner.frozen(), "gains": list(self.gains)}


def thawed(frozen: dict[str, Any]) -> Detector:
    """The detector that `Detector.frozen` described."""
    return Detector(
        frozen["name"], thawed_combiner(frozen["combiner"]), tuple(frozen["gains"]), interface=frozen["interface"]
    )
