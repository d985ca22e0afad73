"""The ports of a design, as result.json and the header of the Verilog describe them."""

from typing import Any

from hwgen.axi_stream import Field
from hwgen.blocks.reloadable import Reloadable
from hwgen.check.vectors import Port
from hwgen.design import Design
from hwgen.designs.candidate import Block
from hwgen.fixed import Format


def loading(fir: Block) -> list[str]:
    """Name and format of each coefficient that can be loaded."""
    return [f"tap{tap} {form}" for tap, form in enumerate(fir.formats)] if isinstance(fir, Reloadable) else []


def ports(design: Design) -> list[dict[str, Any]]:
    """Name, direction, width and format of each port."""
    fir, core, shell = design.fir, design.core, design.shell
    formats: dict[str, str | None] = {"c_data": ", ".join(loading(fir))}
    if shell is not None:
        formats["s_axis_tdata"] = packed(shell.fields, fir.input)
        formats["m_axis_tdata"] = packed(shell.out_fields, fir.output)
        return [_port(*port, formats.get(port[0])) for port in shell.ports]
    count = len(core.outputs)
    formats |= {port.name: str(fir.input) for port in core.inputs[:count]}
    formats |= {port.name: str(fir.output) for port in core.outputs}

    def told(direction: str, *given: Port) -> list[dict[str, Any]]:
        return [_port(port.name, direction, port.width, formats.get(port.name)) for port in given]

    clk, rst, i_valid, i_ready, o_valid = (
        Port(name, 1, False) for name in ("clk", "rst", "i_valid", "i_ready", "o_valid")
    )
    return [
        *told("input", clk, rst, i_valid),
        *(told("output", i_ready) if core.has_ready else []),
        *told("input", *core.inputs),
        *told("output", o_valid, *core.outputs),
    ]


def packed(fields: list[Field], form: Format) -> str:
    """Formats of the words of a bus, and where each lies: ``re s1.11 in 11:0, im s1.11 in 27:16``."""
    if len(fields) == 1:
        return str(form)
    return ", ".join(f"{field.name[2:]} {form} in {field.high}:{field.low}" for field in fields)


def _port(name: str, direction: str, width: int, form: str | None) -> dict[str, Any]:
    return {"name": name, "direction": direction, "width": width, "format": form}
