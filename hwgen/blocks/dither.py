"""Dropping low bits inside a loop: floor, half up, or stochastic rounding with a shift register's bits.

Deterministic rounding has a dead zone: a change below half an LSB is lost each time. Stochastic rounding adds a random
number below one LSB before it cuts, so that small changes come through on average. The random bits are those of a
linear-feedback shift register; model and hardware have the same one.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value
from numpy.typing import NDArray

Ints = NDArray[np.int64]

STATE_BITS = 31
STEPS = 28  # bits that are new in each state: b[i] = b[i - 31] ^ b[i - 28] gives that many from the ones before
_FEW = 10_000  # states that are remembered
TURN = 7  # bits by which the window of one rounding is turned against the next one's


class Cut(StrEnum):
    """How low bits are dropped."""

    FLOOR = "floor"
    HALF_UP = "half_up"
    STOCHASTIC = "stochastic"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise ValueError(f"rounding must be one of {', '.join(cls)}, not {value!r}")


def seed(number: int) -> int:
    """The first state of shift register `number`; registers of different numbers start far apart."""
    # Weyl's sequence with the golden ratio; no register may start at 0, where it would stay.
    return (number * 0x4F1BBCDC + 0x2545F491) % ((1 << STATE_BITS) - 1) + 1


def following(state: Any) -> Any:
    """The state `STEPS` bits later (x^31 + x^28 + 1, ITU-T O.150): ints and arrays.

    Bit 0 is the oldest. Of the new bits, the k-th is bit k ^ bit k + 3 of the state before.
    """
    new = (state ^ (state >> 3)) & ((1 << STEPS) - 1)
    return (state >> STEPS) | (new << (STATE_BITS - STEPS))


def after(state: Any, steps: int) -> Any:
    """The state so many steps later: ints and arrays."""
    for _ in range(steps):
        state = following(state)
    return state


def states(first: int, count: int, apart: int = 1) -> Ints:
    """`count` states (count,) from `first` on, each `apart` steps after the one before; not to be written to."""
    return _few(first, count, apart) if count <= _FEW else _states(first, count, apart)


@lru_cache(maxsize=256)
def _few(first: int, count: int, apart: int) -> Ints:
    """Searches take the same states for every candidate."""
    found = _states(first, count, apart)
    found.flags.writeable = False
    return found


def _states(first: int, count: int, apart: int) -> Ints:
    found = np.empty(max(count, 1), dtype=np.int64)
    found[0], known = first, 1
    # The step is linear over GF(2): the columns of its power move all known states that many steps on at once.
    columns = after(1 << np.arange(STATE_BITS, dtype=np.int64), apart)
    while known < count:
        more = min(known, count - known)
        found[known : known + more] = _applied(columns, found[:more])
        known += more
        columns = _applied(columns, columns)
    return found[:count]


def _applied(columns: Ints, vectors: Ints) -> Ints:
    total = np.zeros_like(vectors)
    for bit in range(STATE_BITS):
        total ^= columns[bit] & -(vectors >> bit & 1)
    return total


def window(state: Any, point: int) -> Any:
    """The state turned for rounding `point`: what it takes its random bits from, the lowest first."""
    turn = TURN * point % STATE_BITS
    return (state >> turn | state << STATE_BITS - turn) & ((1 << STATE_BITS) - 1)


def cut(raw: Any, drop: Any, rounding: Cut, random: Any = 0) -> Any:
    """``raw * 2**-drop`` as integers; everything broadcasts.

    Parameters
    ----------
    drop
        Low bits to drop, up to `STATE_BITS`; below 0, zeros are put in their place.
    random
        Non-negative integers of at least `drop` random bits (`window`), for stochastic rounding.
    """
    raw = np.asarray(raw) << np.maximum(-np.asarray(drop), 0)
    drop = np.maximum(drop, 0)
    if rounding is Cut.FLOOR:
        return raw >> drop
    if rounding is Cut.HALF_UP:
        return (raw + ((np.int64(1) << drop) >> 1)) >> drop
    return (raw + (random & ((np.int64(1) << drop) - 1))) >> drop


def cut_hw(value: Value, drop: int, rounding: Cut, random: Value | None = None) -> Value:
    """The hardware of `cut`: an expression of a signed value, one adder at most."""
    if drop <= 0:
        return value.as_signed() if drop == 0 else Cat(Const(0, -drop), value).as_signed()
    high = value[min(drop, len(value) - 1) :].as_signed()
    if rounding is Cut.FLOOR:
        return high
    if rounding is Cut.HALF_UP:
        # Half an LSB carries into what is kept exactly where the top bit of what is dropped is set.
        return high + (value[drop - 1] if drop <= len(value) else value[-1])
    assert random is not None, "stochastic rounding needs random bits"
    return (value + Cat(random[:drop], Const(0, 1)).as_signed())[drop:].as_signed()


def window_hw(state: Value, point: int) -> Value:
    """The hardware of `window`: wires."""
    return state.rotate_right(TURN * point % STATE_BITS)


def register(m: Module, number: int, moves: Value, name: str) -> Signal:
    """A shift register that goes on to its `following` state on every clock with `moves`; reset takes it to `seed`."""
    state = Signal(STATE_BITS, name=name, init=seed(number))
    new = state[:STEPS] ^ state[3:]
    with m.If(moves):
        m.d.sync += state.eq(Cat(state[STEPS:], new))
    return state
