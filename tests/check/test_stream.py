"""Designs with AXI4-Stream ports: every structure against its model under stalls and resets, and broken hardware."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from axi_designs import BLOCKS, design
from mutants import mutated

from hwgen import verify
from hwgen.axi_stream import Shell
from hwgen.check.lint import lint
from hwgen.check.script import Script
from hwgen.check.simulate import simulate
from hwgen.check.stream import Sides, StreamTop, schedule, scripted
from hwgen.check.vectors import Expected, Port, Top
from hwgen.cost.resources import synthesise
from hwgen.cost.shell import estimate
from hwgen.finished.fir import Design, thawed

WORD = (Port("i_data", 8, True),), (Port("o_data", 12, True),)
EAGER = Sides.eager


def top(name: str) -> StreamTop:
    made = design(name).top
    assert isinstance(made, StreamTop)
    return made


def bench(name: str, count: int = 1200, seed: int = 4) -> tuple[StreamTop, Script, Expected]:
    """A random bench as `hwgen run` has it, shorter, with more resets."""
    made, rng = design(name), np.random.default_rng(seed)
    module = top(name)
    samples = made.stimuli(None, count, rng)
    n = samples.shape[1]
    sides = Sides.random(module.shell, n, [n // 4, n // 2, n // 2 + 1, n // 2 + 9, n - 5], rng)
    return module, *scripted(module, samples, sides, rng, lambda script: made.answered(script, rng))


def eager(name: str, count: int = 300) -> tuple[StreamTop, Script, Expected]:
    """As fast as can be."""
    made, rng = design(name), np.random.default_rng(1)
    samples = made.stimuli(None, count, rng)
    side = EAGER(samples.shape[1])
    return top(name), *scripted(top(name), samples, side, rng, lambda script: made.answered(script, rng))


# ------------------------------------------------------------------------------------------------ schedule, by hand
def edges(shell: Shell, last: str, sides: Sides) -> dict[str, list[int]]:
    times = schedule(shell, np.array([c == "1" for c in last]).astype(np.int64), sides)
    return {name: getattr(times, name).tolist() for name in ("taken", "closed", "written", "leaves", "gone")}


def test_one_sample_a_clock_by_hand() -> None:
    shell = Shell("s", Top("s_core", *WORD, latency=3))
    assert (shell.depth, shell.latency, shell.address_bits) == (5, 5, 3)
    free = edges(shell, "000", EAGER(3))
    assert (free["taken"], free["written"], free["leaves"], free["gone"]) == (
        [1, 2, 3], [4, 5, 6], [5, 6, 7], [6, 7, 8],
    )  # fmt: skip
    # A sink that takes on every tenth clock alone: five samples on their way at most, the sixth waits for an output.
    takes = np.arange(10) == 9
    slow = edges(shell, "00000000", Sides(np.zeros(8, dtype=np.int64), takes, {}))
    assert slow["taken"][:8] == [1, 2, 3, 4, 5, 6, 10, 20]
    assert slow["leaves"][:4] == [5, 9, 19, 29]
    assert slow["gone"][:4] == [9, 19, 29, 39]


def test_decimating_and_interpolating_by_hand() -> None:
    shell = Shell("s", Top("s_core", *WORD, latency=3, decimate=4))
    assert (shell.depth, shell.latency) == (2, 5)
    # The group of four closes with its last sample, or early with a tlast; a second tlast in it changes nothing.
    found = edges(shell, "00000110" + "0001", EAGER(12))
    assert found["closed"] == [4, 6, 12]
    assert found["leaves"] == [5, 9, 13]
    late = Shell("s", Top("s_core", *WORD, latency=3, decimate=9))
    assert late.latency == 10
    assert edges(late, "0" * 9, EAGER(9))["gone"] == [11]
    shell = Shell("s", Top("s_core", *WORD, latency=3, interval=3, interpolate=3))
    assert (shell.depth, shell.latency, shell.address_bits) == (3, 5, 4)
    found = edges(shell, "01", EAGER(2))
    assert (found["taken"], found["gone"]) == ([1, 4], [6, 7, 8, 9, 10, 11])


@pytest.mark.parametrize("name", BLOCKS)
def test_latency_and_full_rate(name: str) -> None:
    _, script, wanted = eager(name)
    shell = top(name).shell
    taken, came = np.flatnonzero(script.taken), np.flatnonzero(wanted.valid)
    assert came[0] - taken[0] == shell.latency
    assert (np.diff(taken) == shell.core.interval).all()
    made = simulate(design(name).verilog, top(name), script, wanted)
    assert (made.mismatches, made.first) == (0, None)
    assert made.samples > 250 // shell.core.decimate


@pytest.mark.parametrize("name", BLOCKS)
def test_one_sample_less_in_the_fifo_is_too_slow(name: str) -> None:
    shell = top(name).shell

    class Shallow(Shell):
        @property
        def depth(self) -> int:
            return shell.depth - 1

    count = 60 * shell.core.decimate
    slow = edges(Shallow("s", shell.core), "1" * count, EAGER(count))["taken"]
    assert np.diff(slow).max() > shell.core.interval


# ------------------------------------------------------------------------------------------------------- bit-true
@pytest.mark.parametrize("name", BLOCKS)
def test_bit_true_under_stalls_and_resets(name: str) -> None:
    module, script, wanted = bench(name)
    stalled = wanted.valid & ~script.takes
    refused = script.valid & ~script.ready & ~script.rst
    assert min(np.count_nonzero(stalled), np.count_nonzero(refused), np.count_nonzero(script.rst)) > 3
    result = simulate(design(name).verilog, module, script, wanted)
    assert (result.mismatches, result.first) == (0, None), "seed 4"
    assert result.samples > 1000


def test_bit_true_in_bulk_and_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "BULK_SAMPLES", 50_000)
    monkeypatch.setattr(verify, "_PART_CLOCKS", 20_000)
    result = verify.bulk(design("transposed"), None, 1)
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 49_900
    broken = replace(design("transposed"), verilog=design("transposed").verilog.replace("(used != 3'd5)", "1'b1"))
    assert verify.bulk(broken, None, 1).mismatches > 0


def test_what_is_not_handed_over_is_not_counted() -> None:
    _, script, wanted = bench("transposed")
    handed = np.count_nonzero(wanted.valid & script.takes)
    assert wanted.samples == handed < np.count_nonzero(wanted.valid)


def test_bits_beyond_the_sign_and_padding() -> None:
    module, script, wanted = bench("transposed")
    names = [port.name for port in module.outputs]
    assert [port.name for port in module.inputs] == ["i_data", "i_data_pad", "i_last"]
    word, pad = (wanted.data[names.index(name)] for name in ("o_data", "o_data_pad"))
    assert set(pad[wanted.compare & (word < 0)]) == {1}
    assert set(pad[wanted.compare & (word >= 0)]) == {0}
    assert np.count_nonzero(script.data[1][script.valid]) > 100  # garbage that the design must ignore
    assert [port.name for port in top("whole bytes").inputs] == ["i_data", "i_last"]


# --------------------------------------------------------------------------------------------------------- broken
# Name to (design, text, replacement); the text occurs once.
MUTATIONS = {
    "room for one sample less": ("transposed", "(used != 3'd5)", "(used != 3'd4)"),
    "room for one sample more": ("transposed", "(used != 3'd5)", "(used != 3'd6)"),
    "no back-pressure": ("transposed", "(used != 3'd5)", "1'b1"),
    "a FIFO one entry too shallow": ("transposed", "fifo[write] <=", "fifo[{1'b0, write[1:0]}] <="),
    "an output lost when the sink stalls": ("transposed", "& (m_axis_tready | ~m_axis_tvalid)", ""),
    "an output repeated": ("transposed", "leaves | (m_axis_tvalid & ~m_axis_tready)", "leaves | m_axis_tvalid"),
    "valid withdrawn": ("transposed", "leaves | (m_axis_tvalid & ~m_axis_tready)", "leaves"),
    "payload that moves while it waits": ("transposed", "if (leaves) result <=", "if (1'b1) result <="),
    "a sample taken though not ready": ("transposed", "taken = s_axis_tvalid & s_axis_tready", "taken = s_axis_tvalid"),
    "ready that looks through": ("transposed", "running & (used", "m_axis_tready & running & (used"),
    "ready in reset": ("transposed", "tready = running &", "tready ="),
    "an output that survives reset": ("transposed", "            m_axis_tvalid <= 1'b0;\n", ""),
    "a FIFO that survives reset": ("transposed", "            read <= 3'd0;\n", ""),
    "credit that survives reset": ("transposed", "            used <= 3'd0;\n", ""),
    "a core that is not reset": ("transposed", ".rst(~aresetn)", ".rst(1'b0)"),
    "tlast of the sample before": ("transposed", "marks[used]", "marks[used + 3'd1]"),
    "tlast of the sample behind": ("transposed", "marks[used]", "marks[used - 3'd1]"),
    "tlast with the wrong clock": ("transposed", "if (enters) lasts", "if (s_axis_tvalid) lasts"),
    "tlast on every output": ("interpolating", "marks[used] & ends", "marks[used]"),
    "padding of zeros": ("transposed", "{1{result[6]}}", "1'b0"),
    "padding of the wrong bit": ("complex, unsigned, data kept", "{ {7{1'b0}}", "{ {7{1'b1}}"),
    "padding that is read": ("transposed", "s_axis_tdata[6:0]", "s_axis_tdata[7:1]"),
    "real and imaginary swapped": (
        "complex, unsigned, data kept", "{ {7{1'b0}}, result[17:9], {7{1'b0}}, result[8:0] }",
        "{ {7{1'b0}}, result[8:0], {7{1'b0}}, result[17:9] }",
    ),
    "a group that ends late": ("decimating", "member == 2'd3", "member == 2'd2"),
    "a tlast that does not end the group": ("decimating", "(s_axis_tlast | group_ends)", "group_ends"),
    "a group that is closed twice": ("decimating", "taken & ~closed &", "taken &"),
    "a group that survives reset": ("decimating", "            member <= 2'd0;\n", ""),
    "an output before its group is closed": ("decimating more than it is late", "& (used != 2'd0) ", ""),
    "a core that is not asked": ("folded", " & core_ready", ""),
    "a turn that survives reset": ("interpolating", "            turn <= 2'd0;\n", ""),
}  # fmt: skip


def broken(name: str) -> tuple[str, str]:
    """Kind of design and its text, broken in one way."""
    kind, text, replacement = MUTATIONS[name]
    return kind, mutated(design(kind).verilog, text, replacement)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    kind, text = broken(name)
    assert not simulate(text, *bench(kind, 600)).bit_true


def test_the_emitted_bench_passes_alone_and_fails_when_broken(tmp_path: Path) -> None:
    from hwgen.check.bench import write_bench

    for kind in ("transposed", "decimating", "reloadable", "complex beyond 64 bits"):
        folder = tmp_path / kind
        module, script, wanted = bench(kind, 400)
        write_bench(folder, module, script, wanted)
        (folder / "stream.v").write_text(design(kind).verilog)
        done = ran(folder)
        assert done.stdout.startswith(f"PASS: {wanted.samples} outputs, "), done.stdout + done.stderr
        assert (done.stderr, done.returncode) == ("", 0)
        (folder / "stream.v").write_text(design(kind).verilog.replace("~m_axis_tready)", "m_axis_tready)"))
        done = ran(folder)
        assert done.returncode != 0
        assert "FAIL: " in done.stdout


def ran(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["sh", str(folder / "tb" / "run.sh")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


# ----------------------------------------------------------------------------------------------------- text, sizes
@pytest.mark.parametrize("name", BLOCKS)
def test_lint_finds_nothing_but_what_is_waived(name: str) -> None:
    waived = "// verilator lint_off WIDTHEXPAND\n// verilator lint_off UNUSEDSIGNAL\n"
    found = lint(waived + design(name).verilog, top(name))
    assert [item for item in found if "DECLFILENAME" not in item] == []  # two modules in a file


@pytest.mark.parametrize("name", BLOCKS)
def test_a_design_comes_back_from_json_with_its_ports(name: str) -> None:
    made = design(name)
    again = thawed(made.frozen())
    assert (again, again.top) == (made, made.top)
    assert again.whole("") == made.verilog[made.verilog.index("\n// AXI4-Stream around") :]
    assert Design(made.name, made.fir, made.coefficients).shell is None


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("transposed", "ice40"), ("transposed", "ecp5"), ("transposed", "xc7"), ("transposed", "gowin"),
        ("decimating", "ice40"), ("interpolating", "ecp5"), ("direct, pipelined", "gowin"), ("folded", "xc7"),
        ("complex beyond 64 bits", "xc7"),
    ],
)  # fmt: skip
def test_what_the_shell_adds(name: str, target: str) -> None:
    made = design(name)
    core, _, _ = made.verilog.partition("\n// AXI4-Stream around")
    before, after = synthesise(core, "stream_core", target), synthesise(made.verilog, "stream", target)
    told = estimate(top(name).shell, target)
    assert after.lut - before.lut == pytest.approx(told["lut"], abs=15)
    assert after.ff - before.ff == pytest.approx(told["ff"], abs=6)
    assert after.bram - before.bram == told["bram"]
