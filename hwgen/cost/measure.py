"""Synthesis and placement as steps with plain arguments and results, remembered from one run to the next."""

from dataclasses import asdict
from typing import Any

from hwgen.cost.place import PlaceError, packed, place
from hwgen.cost.resources import synthesis_command, synthesise
from hwgen.cost.store import Store, remembered


def synthesise_step(text: str, top: str, target: str, dsp: bool, tool: str, timeout: float = 1200) -> dict[str, float]:
    """`synthesise`; `tool`, Yosys's name and version, is part of the step's key."""
    inputs = {"verilog": text, "command": synthesis_command(top, target, dsp)}
    return remembered(
        Store.default(), "synthesis", inputs, tool, lambda: synthesise(text, top, target, dsp, timeout).figures()
    )


def place_step(text: str, top: str, target: str, dsp: bool, clock_mhz: float | None, tool: str) -> dict[str, Any]:
    """`place`; `tool`, the names and versions of Yosys and nextpnr, is part of the step's key.

    Where it fails, the key ``failed`` alone, with the reason: another candidate may fit.
    """
    inputs = {"verilog": text, "command": synthesis_command(top, target, dsp), "clock_mhz": clock_mhz}
    try:
        return remembered(
            Store.default(), "place", inputs, tool, lambda: asdict(place(text, top, target, dsp, clock_mhz))
        )
    except PlaceError as error:
        return {"failed": str(error)}


def packed_step(text: str, top: str, target: str, dsp: bool, tool: str) -> int:
    """`packed`; `tool` as in `place_step`."""
    inputs = {"verilog": text, "command": synthesis_command(top, target, dsp)}
    found = remembered(Store.default(), "packed", inputs, tool, lambda: {"cells": packed(text, top, target, dsp)})
    return int(found["cells"])
