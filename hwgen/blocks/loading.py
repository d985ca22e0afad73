"""Registers that are loaded through a port: ``c_valid``, ``c_index``, ``c_data``, the same for blocks of every kind."""

from collections.abc import Sequence

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring

from hwgen.check.vectors import Port
from hwgen.fixed import Format


def load_ports(registers: Sequence[Format]) -> tuple[Port, ...]:
    """The ports that load words of these formats: a write takes the low bits of ``c_data``, as many as it needs."""
    index = max(1, (len(registers) - 1).bit_length())
    widest = max(form.width for form in registers)
    return Port("c_valid", 1, False), Port("c_index", index, False), Port("c_data", widest, True)


def loaded(m: Module, component: wiring.Component, index: int, form: Format, init: int, name: str) -> Signal:
    """The register of one index; reset gives it its power-up value `init`."""
    register = Signal(signed(form.width), name=name, init=init)
    load = Signal(name=f"load{index}")
    c_index = component.c_index
    chosen = c_index == index if index else ~c_index.any()  # Yosys writes == 0 as a ! that lint dislikes
    m.d.comb += load.eq(component.c_valid & chosen)
    with m.If(load):
        m.d.sync += register.eq(component.c_data)
    return register
