"""Named wires: what the emitted Verilog calls a value, so that it can be read."""

from amaranth.hdl import Module, Signal, Value, signed


def wire(m: Module, value: Value, width: int, name: str, keep: bool = False) -> Signal:
    """The signed value as a signal; `keep`: synthesis does not merge what is on its two sides."""
    found = Signal(signed(width), name=name, attrs={"keep": 1} if keep else {})
    m.d.comb += found.eq(value)
    return found
