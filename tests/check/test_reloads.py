"""Coefficients loaded in mid-stream: which are in force when, by hand and stepped; what the script holds."""

from dataclasses import replace
from unittest.mock import Mock

import numpy as np

from hwgen import verify
from hwgen.blocks.reloadable import Reloadable
from hwgen.check import reloads
from hwgen.check.script import Script, script
from hwgen.check.vectors import Port, Top
from hwgen.finished.fir import Design
from hwgen.fixed import Format

# h = (a, b, a), a in s0.3, b in s1.3; at power-up a = 2 / 8, b = -3 / 8.
SMALL = Reloadable((2, -3, 2), 3, Format(1, 3), Format(4, 6), (Format(0, 3), Format(1, 3)))
TOP = Top("small", (Port("i_data", 4, True), *SMALL.ports), (Port("o_data", 10, True),), SMALL.latency)


def by_hand(rst: str, valid: str, loads: dict[int, tuple[int, int]]) -> Script:
    """Samples 1, 2, 3, ... modulo 8; `loads` has index and data by clock."""
    flags = [np.array([c == "1" for c in text]) for text in (rst, valid)]
    rows = np.zeros((4, len(rst)), dtype=np.int64)
    rows[0] = np.arange(1, len(rst) + 1) % 8
    for clock, (index, data) in loads.items():
        rows[1:, clock] = 1, index, data
    return Script(flags[0], flags[1], rows)


def stepped(made: Script) -> dict[int, int]:
    """Outputs by clock, from registers that are stepped clock by clock as the docstring of the filter says."""
    words, history, waiting, found = list(SMALL.power_up), [0, 0], [], {}
    for t in range(made.clocks):
        waiting = [(edge, samples) for edge, samples in waiting if not made.rst[t]]
        for edge, (new, mid, old) in [entry for entry in waiting if entry[0] + SMALL.reads == t]:
            # 2**-6 is the LSB of products and of the output.
            found[edge + SMALL.latency] = words[0] * (new + old) + words[1] * mid
        for clock in [c for c in found if c > t and made.rst[t]]:
            del found[clock]
        if made.rst[t]:
            words, history = list(SMALL.power_up), [0, 0]
        else:
            if made.valid[t]:
                x = int(made.data[0, t])
                waiting.append((t, (x, *history)))
                history = [x, history[0]]
            if made.data[1, t] and made.data[2, t] < 2:
                form = SMALL.formats[made.data[2, t]]
                words[made.data[2, t]] = form.from_bits(int(made.data[3, t]))
    return found


def test_the_last_write_that_counts_comes_at_the_edge_after_the_sample() -> None:
    made = by_hand("000000000000", "100000000000", {1: (0, 3)})
    assert SMALL.latency == 5
    answer = reloads.expected(TOP, made, SMALL)
    assert np.flatnonzero(answer.valid).tolist() == [5]
    assert answer.data[0, 5] == 3 * 1
    late = reloads.expected(TOP, by_hand("000000000000", "100000000000", {2: (0, 3)}), SMALL)
    assert late.data[0, 5] == 2 * 1


def test_a_register_can_be_read_several_times() -> None:
    twice = Mock(spec=reloads.Block, registers=SMALL.registers, power_up=SMALL.power_up, reads=((1,), (2, 4)))
    made = by_hand("0000000000", "1001000000", {0: (0, 3), 1: (1, 5), 3: (1, 6), 4: (0, -1)})
    first, second = reloads.in_force(twice, made)(np.flatnonzero(made.taken))
    assert first.tolist() == [[3, 3]]
    assert second.tolist() == [[5, 6], [6, 6]]


def test_reset_restores_and_beats_a_write() -> None:
    made = by_hand("0000100000000", "0000001000000", {1: (0, -4), 4: (0, 1)})
    assert reloads.expected(TOP, made, SMALL).data[0, 11] == 2 * 7


def test_high_bits_and_other_indices_do_not_count() -> None:
    wide = replace(SMALL, formats=(Format(0, 3), Format(3, 3)), coefficients=(2, -3, 2))
    made = by_hand("000000000000", "100000000000", {0: (0, 0b11011), 1: (1, 31)})
    edges = np.array([0])
    assert [int(w[0]) for w in reloads.in_force(wide, made)(edges)] == [3, 31]  # 6 bits: 31 stays 31


def test_a_random_script_against_registers_stepped_clock_by_clock() -> None:
    rng = np.random.default_rng(4)
    x = rng.integers(-8, 8, (1, 900))
    made = reloads.reloading(script(x, rng, resets=(300, 301, 500), drain=12), SMALL, rng)
    answer, found = reloads.expected(TOP, made, SMALL), stepped(made)
    assert np.flatnonzero(answer.valid).tolist() == sorted(found)
    assert [int(v) for v in answer.data[0, answer.valid]] == [found[clock] for clock in sorted(found)]


def test_what_the_script_holds() -> None:
    filter = Reloadable((1, 2, 4, 2, 1), 4, Format(1, 7), Format(2, 8), (Format(-1, 4), Format(0, 4), Format(2, 4)))
    design = Design("filter", filter, filter.coefficients)
    rng = np.random.default_rng(1)
    made, _ = verify.scripted(design, design.stimuli(None, 6000, rng), rng)
    valid, index, data = made.data[1:]
    ports = design.top.inputs[1:]
    assert [(p.name, p.width, p.signed) for p in ports] == [
        ("c_valid", 1, False), ("c_index", 2, False), ("c_data", 6, True)
    ]  # fmt: skip
    for port, row in zip(ports, made.data[1:], strict=True):
        assert port.minimum <= row.min() <= row.max() <= port.maximum
    writes = (valid == 1) & ~made.rst
    assert set(index[writes]) == {0, 1, 2, 3}  # 3 is beyond the last
    assert (valid[made.rst] == 1).all()
    for tap, form in enumerate(filter.formats):
        own = writes & (index == tap)
        words = form.from_bits(data[own])
        assert {form.minimum, form.maximum} <= set(words.tolist())
        assert (words != data[own]).any() == (form.width < 6)  # bits above a register's own
        assert (made.valid[own]).any()
        assert len(words) > 12
    # Every set of extremes meets a filter full of extremes: the widest sum there is occurs.
    edges = np.flatnonzero(made.taken)
    in_force = np.array(list(reloads.in_force(filter, made)(edges)))
    x = made.data[0, edges]
    for ends in ("minimum", "maximum"):
        full = (in_force == [[getattr(f, ends)] for f in filter.formats]).all(axis=0)
        for end in (filter.input.minimum, filter.input.maximum):
            runs = np.convolve(full & (x == end), np.ones(5, dtype=int))
            assert runs.max() == 5


def test_idle_loads_nothing() -> None:
    made = reloads.idle(script(np.arange(4), np.random.default_rng(0)))
    assert made.data.shape[0] == 4
    assert not made.data[1:].any()
