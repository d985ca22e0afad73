"""The ports of a design, as result.json and the header of the Verilog describe them."""

from typing import Any

from hwgen.axi_stream import Field
from hwgen.check.vectors import Port
from hwgen.finished import Finished


def ports(design: Finished) -> list[dict[str, Any]]:
    """Name, direction, width and format of each port."""
    core, shell, formats = design.core, design.shell, design.formats
    if shell is not None:
        given = {**formats, "s_axis_tdata": packed(shell.fields, formats)}
        given["m_axis_tdata"] = packed(shell.out_fields, formats)
        return [_port(*port, given.get(port[0])) for port in shell.ports]

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


def packed(fields: list[Field], formats: dict[str, str]) -> str:
    """Formats of the words of a bus, and where each lies: ``re s1.11 in 11:0, im s1.11 in 27:16``."""
    if len(fields) == 1:
        return formats[fields[0].name]
    return ", ".join(f"{field.name[2:]} {formats[field.name]} in {field.high}:{field.low}" for field in fields)


def _port(name: str, direction: str, width: int, form: str | None) -> dict[str, Any]:
    return {"name": name, "direction": direction, "width": width, "format": form}
