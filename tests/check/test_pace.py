"""Designs that are not always ready, decimate or interpolate: the script, the expectation, and all three benches."""

import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from paced import INTERVAL, MODELS, MUTATIONS, TOPS, bench, mutated, verilog

from hwgen.check import words
from hwgen.check.bench import write_bench
from hwgen.check.bulk import compiled, simulate_bulk
from hwgen.check.processes import SimulatorError
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Expected, Port, Top, expected

KINDS = list(TOPS)
# What cocotb sees of them; the emitted bench and Verilator, which shares its comparison, see all.
SLOW = ["ready stuck high", "busy a clock short", "one output lost", "one output doubled", "outputs a clock late",
        "wrong phase", "unknown ready"]  # fmt: skip
# Verilator has two states: an unknown i_ready becomes a random bit. Icarus sees that one.
CAUGHT = [*KINDS, *(name for name in MUTATIONS if not name.startswith("unknown"))]
SELECTED = Top("chosen", (*TOPS["delay"].inputs, Port("i_select", 6, False)), TOPS["delay"].outputs, 2, INTERVAL)


def by_hand(rst: str, valid: str, interval: int) -> Script:
    bits = [np.array([c == "1" for c in text]) for text in (rst, valid)]
    return Script(bits[0], bits[1], np.arange(1, len(rst) + 1)[None], interval)


def clocks(flags: np.ndarray) -> list[int]:
    return np.flatnonzero(flags).tolist()


# ------------------------------------------------------------------------------------------------ script, by hand
def test_ready_is_low_for_interval_less_one_clocks_after_a_sample_is_taken() -> None:
    made = by_hand("000000000000", "010100010001", 3)
    assert clocks(~made.ready) == [2, 3, 8, 9]
    assert clocks(made.taken) == [1, 7, 11]  # the offer at 3 comes too early
    held = by_hand("00000000", "11111111", 3)
    assert clocks(held.taken) == [0, 3, 6]


def test_a_reset_makes_it_ready_from_the_next_clock_on() -> None:
    made = by_hand("0001000000", "0110110000", 4)
    # Taken at 1; the reset at 3 finds it busy; it is ready at 4 and takes at once.
    assert clocks(~made.ready) == [2, 3, 5, 6, 7]
    assert clocks(made.taken) == [1, 4]
    assert clocks(by_hand("1000", "1100", 4).taken) == [1]  # nothing is taken under a reset
    assert clocks(~by_hand("0000", "0000", 4).ready) == []


def test_script_offers_early_holds_and_resets_while_busy() -> None:
    rng = np.random.default_rng(8)
    samples = rng.integers(-100, 100, size=(2, 2000))
    resets = [0, 100, 101, 700, *range(1000, 1900, 20)]
    made = script(samples, rng, gap_probability=0.3, resets=resets, idle=[(300, 40)], drain=9, interval=5)
    taken = np.flatnonzero(made.taken)
    assert np.array_equal(made.data[:, taken], samples)
    assert made.clocks - taken[-1] - 1 == 9
    # The stream rule: an offer that is not taken stays, unchanged, unless a reset comes.
    waits = np.flatnonzero(made.valid & ~made.ready & ~made.rst)
    waits = waits[~made.rst[waits + 1]]
    assert made.valid[waits + 1].all()
    assert np.array_equal(made.data[:, waits], made.data[:, waits + 1])
    assert len(waits) > 1000
    steps = np.diff(taken)
    resetting = np.array([made.rst[low:high].any() for low, high in pairwise(taken)])
    assert clocks(resetting) == [index - 1 for index in resets[1:]]
    assert steps[~resetting].min() == 5
    assert set(steps[~resetting]) >= {5, 6, 7, 8, 9}
    assert steps[resetting].min() < 5
    assert (made.rst & ~made.ready).any()
    assert (made.valid & ~made.ready & ~made.rst & np.append(made.rst[1:], False)).any()  # withdrawn by a reset
    never = script(samples, rng, gap_probability=0, drain=0, interval=5)
    assert never.clocks == 5 * 1999 + 1


def test_a_script_without_interval_is_what_it_was() -> None:
    # By the formula of old: gaps, then resets, then garbage, and nothing else is drawn.
    made = script(np.arange(6), np.random.default_rng(4), gap_probability=0.5, resets=[2], drain=1)
    rng = np.random.default_rng(4)
    empty = rng.geometric(0.5, size=6) - 1
    width, offset = int(rng.integers(1, 4)), int(rng.integers(0, empty[2] + 1))
    empty[2] += width
    position = np.cumsum(empty) + np.arange(6)
    assert clocks(made.taken) == position.tolist()
    assert clocks(made.rst) == list(range(position[2] - empty[2] + offset, position[2] - empty[2] + offset + width))
    garbage = ~rng.integers(0, 6, size=made.clocks)
    assert np.array_equal(made.data[0, ~made.taken], garbage[~made.taken])


# ------------------------------------------------------------------------------------------- expectation, by hand
def test_a_decimator_answers_samples_0_r_2r_since_the_reset() -> None:
    made = by_hand("0000001000000", "1111100111100", 1)
    answer = expected(made, lambda x: x[:, ::2], 2, decimate=2)
    # Samples at 0 1 2 3 4 | 7 8 9 10; kept: 0 2 4 | 7 9. That of 4 is seen at 6, the edge of the reset.
    assert clocks(answer.valid) == [2, 4, 6, 9, 11]
    assert answer.data[0, answer.valid].tolist() == [1, 3, 5, 8, 10]
    assert answer.ready is None
    with pytest.raises(ValueError, match=r"returned \(1, 5\) for 5 samples, not 3 outputs"):
        expected(made, lambda x: x, 2, decimate=2)


def test_an_interpolator_answers_spaced_outputs_and_a_reset_drops_the_rest() -> None:
    made = by_hand("00000000100000000", "10000011011000000", 5)
    answer = expected(made, lambda x: np.kron(x, [1, 10, 100]), 1, interpolate=3, spacing=2)
    # Taken at 0, 6 and, after the reset at 8, at 9. Outputs at 1 3 5, 7 (9 and 11 dropped), 10 12 14.
    assert clocks(made.taken) == [0, 6, 9]
    assert clocks(answer.valid) == [1, 3, 5, 7, 10, 12, 14]
    assert answer.data[0, answer.valid].tolist() == [1, 10, 100, 7, 10, 100, 1000]
    assert answer.ready is not None
    assert clocks(~answer.ready) == [1, 2, 3, 4, 7, 8, 10, 11, 12, 13]
    with pytest.raises(ValueError, match="drain must be at least the latency, 9"):
        expected(made, lambda x: x, 1, interpolate=3, spacing=4)


def test_settling_counts_samples() -> None:
    made = by_hand("0010000000", "1101111110", 1)
    answer = expected(made, lambda x: x[:, ::2], 1, decimate=2, settle=3)
    assert clocks(answer.valid) == [1, 4, 6, 8]
    assert clocks(answer.compare) == [1, 8]  # samples 0 and 2 after the reset are among the first three


def test_tops_say_what_is_allowed() -> None:
    ports = TOPS["delay"].inputs, TOPS["delay"].outputs
    for wrong, message in (
        ({"interval": 0}, "interval must be 1 or more"),
        ({"decimate": 2, "interpolate": 2, "interval": 9}, "not both"),
        ({"interpolate": 3, "spacing": 2, "interval": 4}, "interval of at least 5 clocks, not 4"),
    ):
        with pytest.raises(ValueError, match=message):
            Top("m", *ports, 1, **wrong)
    assert Top("m", *ports, 7, interpolate=3, spacing=2, interval=5).span == 11
    made, answer = bench("delay", count=20)
    with pytest.raises(ValueError, match="a script for an interval of 4, m has 1"):
        words.stimulus(made, Top("m", *ports, 2))
    with pytest.raises(ValueError, match="i_ready must be expected"):
        words.expected_lines(answer, Top("m", *ports, 2))
    with pytest.raises(ValueError, match="the interval 1 or more"):
        script(np.arange(3), np.random.default_rng(0), interval=0)


def test_the_flag_of_ready_in_the_lines() -> None:
    ports = (Port("o_data", 4, True),)
    flags = [np.array([c == "1" for c in text]) for text in ("0110", "0100", "1001")]
    answer = Expected(flags[0], np.array([[0, 5, 0, 0]]), flags[1], flags[2])
    want = words.expected_lines(answer, Top("m", ports, ports, 1, interval=3))
    assert want == b"40\n35\n10\n40\n"
    assert words.compare(b"2x\n15\n1x\n2x\n", want, ports) == (0, None)
    assert words.compare(b"0x\n35\n1x\n2x\n", want, ports) == (
        2,
        "clock 0: i_ready is 0, expected 1; clock 1: i_ready is 1, expected 0",
    )
    assert words.compare(b"3x\n15\n1x\n2x\n", want, ports) == (1, "clock 0: o_valid is 1, expected 0")
    assert words.compare(b"Xx\n15\n1x\n2x\n", want, ports)[0] == 1


# ------------------------------------------------------------------------------------------------------- benches
@pytest.mark.parametrize("kind", KINDS)
def test_icarus_passes_what_is_right(kind: str) -> None:
    made, answer = bench(kind)
    result = simulate(verilog(kind), TOPS[kind], made, answer)
    assert (result.samples, result.first) == (answer.samples, None)
    assert answer.samples > 140


@pytest.mark.parametrize("name", SLOW)
def test_icarus_catches_what_is_wrong(name: str) -> None:
    kind, text = mutated(name)
    result = simulate(text, TOPS[kind], *bench(kind))
    assert not result.bit_true
    assert result.first is not None
    if name in ("ready stuck high", "busy a clock short"):
        assert "i_ready is" in result.first
    if name.startswith("one "):
        assert result.mismatches == 1
        assert "o_valid is" in result.first


@pytest.mark.parametrize("name", MUTATIONS)
def test_the_emitted_bench_catches_what_is_wrong(name: str, tmp_path: Path) -> None:
    done = run_bench(tmp_path, *mutated(name))
    assert done.returncode != 0
    assert "FAIL: " in done.stdout
    assert "PASS" not in done.stdout
    if name in ("one output lost", "one output doubled"):
        assert " 1 mismatches" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_the_emitted_bench_passes_what_is_right(kind: str, tmp_path: Path) -> None:
    done = run_bench(tmp_path, kind, verilog(kind))
    assert done.stdout.startswith(f"PASS: {bench(kind)[1].samples} outputs")
    assert done.returncode == 0


def run_bench(folder: Path, kind: str, text: str) -> subprocess.CompletedProcess:
    write_bench(folder, TOPS[kind], *bench(kind))
    (folder / f"{kind}.v").write_text(text)
    return subprocess.run([folder / "tb" / "run.sh"], capture_output=True, text=True, check=False, timeout=60)


def test_a_decimator_that_is_always_ready_and_spaced_outputs() -> None:
    always = (
        verilog("decimator").replace("o_valid <= last", "o_valid <= pipe[0]").replace("output i_ready", "output other")
    )
    always = always.replace("assign i_ready = busy == 0;", "wire i_ready = 1;")
    top = Top("decimator", TOPS["decimator"].inputs, TOPS["decimator"].outputs, 2, decimate=3)
    rng = np.random.default_rng(1)
    made = script(rng.integers(-128, 128, size=(1, 300)), rng, resets=[50, 100], drain=6)
    assert simulate(always, top, made, top.expected(made, MODELS["decimator"])).bit_true
    spaced = verilog("interpolator").replace("busy <= 3", "busy <= 6").replace("pipe[2]", "pipe[4]")
    for old, new in (
        ("pipe[1]", "pipe[2]"),
        ("[3:0] pipe", "[4:0] pipe"),
        ("pipe[2:0]", "pipe[3:0]"),
        ("4'd0", "5'd0"),
    ):
        spaced = spaced.replace(old, new)
    top = Top("interpolator", top.inputs, top.outputs, 2, interval=7, interpolate=3, spacing=2)
    made = script(rng.integers(-128, 128, size=(1, 300)), rng, resets=[50, 100], drain=6, interval=7)
    assert simulate(spaced, top, made, top.expected(made, MODELS["interpolator"])).bit_true


def every_design() -> str:
    """One module with the right designs and every broken one; an input chooses whose outputs are seen."""
    modules, wires, instances = [], [], []
    for k, name in enumerate(CAUGHT):
        kind, text = (name, verilog(name)) if name in KINDS else mutated(name)
        modules.append(text.replace(f"module {kind}(", f"module m{k}("))
        wires.append(f"    wire r{k}, v{k}; wire [11:0] d{k};")
        instances.append(f"    m{k} u{k}(clk, rst, i_valid, r{k}, i_data, v{k}, d{k});")
    flags = [", ".join(f"{letter}{k}" for k in reversed(range(len(CAUGHT)))) for letter in "rvd"]
    return "".join(modules) + (
        "module chosen(input clk, input rst, input i_valid, output i_ready, input [7:0] i_data,\n"
        "    input [5:0] i_select, output o_valid, output [11:0] o_data);\n"
        + "\n".join(wires + instances)
        + f"\n    wire [{len(CAUGHT) - 1}:0] readies = {{{flags[0]}}}, valids = {{{flags[1]}}};\n"
        + f"    wire [{12 * len(CAUGHT) - 1}:0] datas = {{{flags[2]}}};\n"
        + "    assign i_ready = readies[i_select];\n    assign o_valid = valids[i_select];\n"
        + "    assign o_data = datas[12 * i_select +: 12];\nendmodule\n"
    )


@pytest.fixture(scope="module")
def run() -> Iterator:
    with compiled(every_design(), SELECTED) as run:
        yield run


@pytest.mark.xdist_group("verilator")
@pytest.mark.parametrize("name", CAUGHT)
def test_verilator_agrees(name: str, run) -> None:  # type: ignore[no-untyped-def]
    made, answer = bench(name if name in KINDS else MUTATIONS[name][0])
    selected = Script(made.rst, made.valid, np.vstack([made.data, np.full(made.clocks, CAUGHT.index(name))]), INTERVAL)
    result = run(selected, answer)
    assert result.samples == answer.samples
    assert result.bit_true == (name in KINDS)


@pytest.mark.xdist_group("verilator")
def test_verilator_misses_a_ready_that_is_not_there() -> None:
    missing = verilog("delay").replace("output i_ready", "output other").replace("assign i_ready", "wire i_ready")
    with pytest.raises(SimulatorError, match="i_ready is missing, declared 1"):
        simulate_bulk(missing, TOPS["delay"], *bench("delay", count=40))
    with pytest.raises(SimulatorError, match="i_ready"):
        simulate(missing, TOPS["delay"], *bench("delay", count=40))
