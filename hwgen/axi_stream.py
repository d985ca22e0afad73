"""The AXI4-Stream shell around a core with plain ports: its sizes, its latency, its Verilog."""

from dataclasses import dataclass

from hwgen.check.templates import environment
from hwgen.check.vectors import Port, Top

_ROWS = 16  # at least: distributed RAM has as many, and Yosys would build less of them from an iCE40's registers


@dataclass(frozen=True)
class Field:
    """A word within a bus: bits `high` to `low`."""

    name: str
    high: int
    low: int


@dataclass(frozen=True)
class Shell:
    """Ports ``aclk``, ``aresetn``, ``s_axis_*`` and ``m_axis_*`` for any core with the plain interface.

    No sample is lost or repeated, whatever the other sides do; with a sink that is always ready, samples are taken as
    fast as the core takes them. Words are padded to whole bytes and lie in ``tdata`` in the order of the core's ports,
    the first lowest.

    Parameters
    ----------
    name
        Of the module.
    core
        What is inside. Its inputs `apart` from the stream are passed on as they are.
    """

    name: str
    core: Top

    @property
    def data(self) -> tuple[Port, ...]:
        """The core's inputs that are words of ``s_axis_tdata``."""
        return self.core.inputs[: len(self.core.inputs) - self.core.apart]

    @property
    def side(self) -> tuple[Port, ...]:
        """Inputs that are no part of the stream."""
        return self.core.inputs[len(self.core.inputs) - self.core.apart :]

    @property
    def fields(self) -> list[Field]:
        """Where each word lies in ``s_axis_tdata``."""
        return _placed(self.data)

    @property
    def out_fields(self) -> list[Field]:
        """Where each word lies in ``m_axis_tdata``."""
        return _placed(self.core.outputs)

    @property
    def group(self) -> int:
        """Clocks from the first sample of an output to the last, taken as fast as can be."""
        return (self.core.decimate - 1) * self.core.interval

    @property
    def latency(self) -> int:
        """Clocks from the edge that takes a sample to the edge at which its (first) output can be taken.

        With a sink that is always ready, and where the core decimates with samples taken as fast as can be: into the
        core and out of it, into the FIFO, out of it.
        """
        return max(self.core.latency, self.group) + 2

    @property
    def depth(self) -> int:
        """Samples (groups of them where the core decimates) that may be between entry and the end of the FIFO.

        One more than there are when a sample comes, as fast as can be and with a sink that is always ready: each stays
        for ``core.span + 1`` clocks at most.
        """
        interval, decimate = self.core.interval, self.core.decimate
        return (self.core.span + 1 - interval) // (interval * decimate) + 2

    @property
    def address_bits(self) -> int:
        """Bits of an address of the FIFO, which is never full: equal addresses mean that it is empty."""
        return (self.depth * self.core.interpolate).bit_length()

    @property
    def rows(self) -> int:
        """Words of the FIFO's memory."""
        return max(_ROWS, 1 << self.address_bits)

    @property
    def ports(self) -> tuple[tuple[str, str, int], ...]:
        """Name, direction and width of every port, in the order of the module."""
        return (
            *((name, "input", 1) for name in ("aclk", "aresetn", "s_axis_tvalid")),
            ("s_axis_tready", "output", 1),
            ("s_axis_tdata", "input", _bits(self.data)),
            ("s_axis_tlast", "input", 1),
            *((port.name, "input", port.width) for port in self.side),
            ("m_axis_tvalid", "output", 1),
            ("m_axis_tready", "input", 1),
            ("m_axis_tdata", "output", _bits(self.core.outputs)),
            ("m_axis_tlast", "output", 1),
        )

    def verilog(self) -> str:
        """Text of the module; the core's is not in it."""
        core, words, low = self.core, [], 0
        for port in core.outputs:
            words.append(Field(port.name, low + port.width - 1, low))
            low += port.width
        parts = [_extended(port, word) for port, word in zip(core.outputs, words, strict=True)]
        rate = max(core.decimate, core.interpolate)
        return environment().get_template("axi_stream.v.j2").render(
            name=self.name, core=core, side=self.side, depth=self.depth, used_bits=self.depth.bit_length(),
            address_bits=self.address_bits, rows=self.rows, group_bits=(rate - 1).bit_length(),
            inputs=self.fields, input_bits=_bits(self.data),
            words=words, word_bits=low, output_bits=_bits(core.outputs),
            result="{ " + ", ".join(part for pair in reversed(parts) for part in pair) + " }",
        )  # fmt: skip


def padding(port: Port) -> int:
    """Bits that fill a word up to whole bytes."""
    return -port.width % 8


def _bits(ports: tuple[Port, ...]) -> int:
    return sum(port.width + padding(port) for port in ports)


def _placed(ports: tuple[Port, ...]) -> list[Field]:
    placed, low = [], 0
    for port in ports:
        placed.append(Field(port.name, low + port.width - 1, low))
        low += port.width + padding(port)
    return placed


def _extended(port: Port, word: Field) -> list[str]:
    """Verilog of an output in its bytes, the padding first."""
    fill = f"result[{word.high}]" if port.signed else "1'b0"
    return [*([f"{{{padding(port)}{{{fill}}}}}"] if padding(port) else []), f"result[{word.high}:{word.low}]"]
