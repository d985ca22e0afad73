"""Vectors as text: one line a clock, one group of hexadecimal digits a port, the same files for every simulator.

A line starts with a digit of flags, then has the ports in order, each padded with zeros to whole digits, so that an
unknown bit of one port cannot hide another port. Stimulus: flags = {take, rst, valid}; take is 0 where outputs cannot
be made to wait. Response: {ready, valid}. Expected: {ready, compare, valid}; ready is 0 where the design has no
``i_ready``. An unknown bit of a response reads ``x``, ``X``, ``z`` or ``Z`` and is no expected digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hwgen.check.script import Integers, Script
from hwgen.check.vectors import Expected, Port, Top

SHOWN = 3  # mismatches told in words
_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


@dataclass(frozen=True)
class Field:
    """Where a port sits: bits `high` to `low` of the word that a line is, characters `start` to `stop` of the line."""

    port: Port
    high: int
    low: int
    start: int
    stop: int


def fields(ports: tuple[Port, ...]) -> tuple[Field, ...]:
    """Place the ports of one side in its line, after the digit of flags."""
    placed = []
    start, total = 1, sum(port.digits for port in ports)
    for port in ports:
        stop = start + port.digits
        low = 4 * (total + 1 - stop)
        placed.append(Field(port, low + port.width - 1, low, start, stop))
        start = stop
    return tuple(placed)


def width(ports: tuple[Port, ...]) -> int:
    """Bits of the word that a line is, the four of the flags included."""
    return 4 * (1 + sum(port.digits for port in ports))


def stimulus(script: Script, top: Top) -> bytes:
    """Text of a script; raises ``ValueError`` when a sample does not fit its port, or for another interval."""
    _require_channels(script.data, top.inputs, "input")
    if script.interval != top.interval:
        raise ValueError(f"a script for an interval of {script.interval}, {top.module} has {top.interval}")
    for port, values in zip(top.inputs, script.data[:, script.taken], strict=True):
        if values.size and not port.minimum <= values.min() <= values.max() <= port.maximum:
            raise ValueError(
                f"samples of {port.name} span {values.min()}..{values.max()}, beyond its {port.minimum}..{port.maximum}"
            )
    if (script.takes is not None) != top.stream:
        has = "has" if top.stream else "has no"
        raise ValueError(f"a script makes outputs wait where they can: {top.module} {has} ready")
    flags = script.valid + 2 * script.rst.astype(np.uint8)
    if script.takes is not None:
        flags = flags + 4 * script.takes.astype(np.uint8)
    return _lines(flags, script.data, top.inputs)


def expected_lines(expected: Expected, top: Top) -> bytes:
    """Text of an expectation; raises ``ValueError`` for a value its port cannot carry, as a cut one might pass."""
    _require_channels(expected.data, top.outputs, "output")
    for port, values in zip(top.outputs, expected.data, strict=True):
        if values.size and not port.minimum <= values.min() <= values.max() <= port.maximum:
            raise ValueError(f"the model gives {values.min()}..{values.max()}, which {port.name} cannot carry")
    flags = expected.valid + 2 * expected.compare.astype(np.uint8)
    if (expected.ready is None) == top.has_ready:
        raise ValueError(f"i_ready must be expected where the interval is above 1, {top.module} has {top.interval}")
    if expected.ready is not None:
        flags = flags + 4 * expected.ready.astype(np.uint8)
    return _lines(flags, expected.data, top.outputs)


def compare(response: bytes, expected: bytes, outputs: tuple[Port, ...]) -> tuple[int, str | None]:
    """Compare a response with what is expected, exactly, clock by clock.

    Parameters
    ----------
    response, expected
        Text with one line a clock.
    outputs
        The ports in the lines.

    Returns
    -------
    count, first
        Clocks that differ, and the first of them in words (None when none does).

    Raises
    ------
    ValueError
        When the two differ in length: the simulation did not run to its end.
    """
    length = 2 + sum(port.digits for port in outputs)
    if len(response) != len(expected) or len(expected) % length:
        raise ValueError(f"the response has {len(response) // length} clocks, {len(expected) // length} were expected")
    got = np.frombuffer(response, dtype=np.uint8).reshape(-1, length)
    want = np.frombuffer(expected, dtype=np.uint8).reshape(-1, length)
    flags = want[:, 0] - ord("0")
    differs = got[:, 0] != ord("0") + (flags & 1) + (flags >> 1 & 2)
    differs |= (flags & 2).astype(bool) & (got[:, 1:] != want[:, 1:]).any(axis=1)
    clocks = np.flatnonzero(differs)
    if len(clocks) == 0:
        return 0, None
    return len(clocks), "; ".join(
        _describe(int(t), got[t].tobytes(), want[t].tobytes(), outputs) for t in clocks[:SHOWN]
    )


def _describe(clock: int, got: bytes, want: bytes, outputs: tuple[Port, ...]) -> str:
    flags = int(want[:1])
    found = []
    for name, bit, wanted in (("o_valid", 0, flags & 1), ("i_ready", 1, flags >> 2)):
        if not got[:1].isdigit():
            # One digit has both flags: the other one may be the unknown one.
            found += [f"{name} is {got[:1].decode().lower()}, expected {wanted}"] if bit == 0 or wanted else []
        elif int(got[:1]) >> bit & 1 != wanted:
            found.append(f"{name} is {int(got[:1]) >> bit & 1}, expected {wanted}")
    for field in fields(outputs) if flags & 2 else ():
        mine, theirs = got[field.start : field.stop], want[field.start : field.stop]
        if mine != theirs:
            found.append(f"{field.port.name} is {_value(mine, field.port)}, expected {_value(theirs, field.port)}")
    return f"clock {clock}: " + ", ".join(found)


def _value(digits: bytes, port: Port) -> str:
    """Decimal value of a port, or its hexadecimal digits when some bits are unknown."""
    try:
        raw = int(digits, 16)
    except ValueError:
        return "0x" + digits.decode()
    return str(raw - (1 << port.width) if port.signed and raw >> (port.width - 1) else raw)


def _lines(flags: npt.NDArray[Any], data: Integers, ports: Sequence[Port]) -> bytes:
    columns = [flags.astype(np.uint8)]
    for port, values in zip(ports, data, strict=True):
        masked = values & np.int64((1 << port.width) - 1)
        columns += [((masked >> 4 * k) & 15).astype(np.uint8) for k in reversed(range(port.digits))]
    text = _DIGITS[np.stack(columns, axis=1)]
    newline = np.full((len(text), 1), ord("\n"), dtype=np.uint8)
    return np.concatenate([text, newline], axis=1).tobytes()


def _require_channels(data: Integers, ports: tuple[Port, ...], side: str) -> None:
    if len(data) != len(ports):
        raise ValueError(f"{len(data)} channels of {side} data for {len(ports)} {side} ports")
