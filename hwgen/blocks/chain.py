"""Stages one behind the other: mixers, decimators and filters as one block with one pair of valid bits."""

from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from hwgen.check.vectors import Port
from hwgen.fixed import Format


class Stage(Protocol):
    """What a chain asks of a block: samples (channels, n) in, (outputs, ceil(n / decimate)) out, at a fixed latency."""

    @property
    def input(self) -> Format: ...
    @property
    def channels(self) -> int: ...
    @property
    def output(self) -> Format: ...
    @property
    def outputs(self) -> int: ...
    @property
    def decimate(self) -> int: ...
    @property
    def latency(self) -> int: ...
    @property
    def ports(self) -> tuple[Port, ...]: ...

    def model(self, x: NDArray[Any]) -> NDArray[Any]: ...
    def component(self) -> wiring.Component: ...


@dataclass(frozen=True)
class Chain:
    """Blocks, each of which takes what the one before gives. Latency: the sum of theirs. One sample a clock.

    Each `decimate`-th sample, from the first, gives an output. Ports beside those of samples are those of the first
    block.
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a chain has one stage or more")
        for number, (before, after) in enumerate(zip(self.stages, self.stages[1:], strict=False), start=1):
            if (before.output, before.outputs) != (after.input, after.channels) or after.ports:
                raise ValueError(
                    f"stage {number} takes {after.channels} x {after.input}, and the one before gives "
                    f"{before.outputs} x {before.output}"
                )

    @property
    def input(self) -> Format:
        """Format of a sample."""
        return self.stages[0].input

    @property
    def output(self) -> Format:
        """Format of an output."""
        return self.stages[-1].output

    @property
    def channels(self) -> int:
        """1 for real samples, 2 for complex ones."""
        return self.stages[0].channels

    @property
    def outputs(self) -> int:
        """1 for real outputs, 2 for complex ones."""
        return self.stages[-1].outputs

    @property
    def decimate(self) -> int:
        """Samples for each output."""
        return prod(stage.decimate for stage in self.stages)

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge at which its output is seen."""
        return sum(stage.latency for stage in self.stages)

    @property
    def ports(self) -> tuple[Port, ...]:
        """Ports beside those of the samples."""
        return self.stages[0].ports

    def model(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Bit-true outputs for samples (channels, n), rows of further ports behind them, from reset."""
        for stage in self.stages:
            x = stage.model(x)
        return np.asarray(x, dtype=np.int64)

    def component(self) -> "ChainComponent":
        """Amaranth component: ``i_valid``, ``i_data`` or ``i_re, i_im``, ``o_valid``, ``o_data`` or ``o_re, o_im``."""
        return ChainComponent(self)


def parts(channels: int) -> tuple[str, ...]:
    """Ends of the names of the ports of real or complex samples."""
    return ("_data",) if channels == 1 else ("_re", "_im")


class ChainComponent(wiring.Component):
    """Hardware of `Chain`: its stages as submodules ``mixer``, ``cic``, ``fir``, numbered where there are more."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        ports: dict[str, Any] = {"i_valid": In(1), "o_valid": Out(1)}
        ports |= {f"i{part}": In(chain.input.as_shape()) for part in parts(chain.channels)}
        ports |= {port.name: In(port.width) for port in chain.ports}
        ports |= {f"o{part}": Out(chain.output.as_shape()) for part in parts(chain.outputs)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m, valid = Module(), self.i_valid
        data = [getattr(self, f"i{part}") for part in parts(self.chain.channels)]
        names = [type(stage).__name__.lower() for stage in self.chain.stages]
        for number, (name, stage) in enumerate(zip(names, self.chain.stages, strict=True)):
            own = stage.component()
            setattr(m.submodules, name if names.count(name) == 1 else f"{name}{names[:number].count(name)}", own)
            m.d.comb += own.i_valid.eq(valid)
            m.d.comb += [
                getattr(own, f"i{part}").eq(word) for part, word in zip(parts(stage.channels), data, strict=True)
            ]
            m.d.comb += [getattr(own, port.name).eq(getattr(self, port.name)) for port in stage.ports]
            valid, data = own.o_valid, [getattr(own, f"o{part}") for part in parts(stage.outputs)]
        m.d.comb += self.o_valid.eq(valid)
        m.d.comb += [
            getattr(self, f"o{part}").eq(word) for part, word in zip(parts(self.chain.outputs), data, strict=True)
        ]
        return m
