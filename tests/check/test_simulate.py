"""The bit-true check under Icarus Verilog: it passes what is right, and sees every way in which it can be wrong."""

import tempfile
from pathlib import Path

import pytest
from three_taps import COMPLEX_TOP, MUTATIONS, TOP, bench, mutated, verilog

from hwgen import tools
from hwgen.check.processes import SimulatorError
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Port, Top


def test_a_right_design_is_bit_true() -> None:
    stimulus, answer = bench()
    result = simulate(verilog(), TOP, stimulus, answer)
    assert (result.samples, result.mismatches, result.first) == (answer.samples, 0, None)
    assert result.bit_true
    assert result.simulator.startswith("Icarus Verilog 1")


def test_complex() -> None:
    stimulus, answer = bench(channels=2)
    assert simulate(verilog(COMPLEX_TOP), COMPLEX_TOP, stimulus, answer).bit_true
    swapped = Top(TOP.module, COMPLEX_TOP.inputs, COMPLEX_TOP.outputs[::-1], COMPLEX_TOP.latency)
    assert not simulate(verilog(COMPLEX_TOP), swapped, stimulus, answer).bit_true


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_design_is_caught(name: str) -> None:
    stimulus, answer = bench()
    result = simulate(mutated(name), TOP, stimulus, answer)
    assert result.mismatches > 0
    assert not result.bit_true
    assert result.first is not None
    assert result.first.startswith("clock ")
    if name.startswith("one "):
        assert "o_valid is" in result.first
    if name in ("one spurious valid", "one missing valid"):
        assert result.mismatches == 1
    if name.startswith("unknown"):
        assert "x" in result.first


def test_waves_are_written_where_asked(tmp_path: Path) -> None:
    stimulus, answer = bench(count=40)
    simulate(verilog(), TOP, stimulus, answer, waves=tmp_path / "made" / "run.fst")
    assert (tmp_path / "made" / "run.fst").stat().st_size > 500


def test_the_surrounding_cocotb_settings_do_not_reach_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCOTB_TEST_FILTER", "nothing")
    monkeypatch.setenv("COCOTB_TEST_MODULES", "elsewhere")
    assert simulate(verilog(), TOP, *bench(count=40)).bit_true


def test_verilog_that_does_not_compile_is_an_error_with_the_compiler_output() -> None:
    broken = verilog().replace("endmodule", "wire ; endmodule")
    with pytest.raises(SimulatorError, match=r"(?s)refused the design.*design\.v:\d+: .*error") as caught:
        simulate(broken, TOP, *bench(count=40))
    assert tempfile.gettempdir() not in str(caught.value)
    with pytest.raises(SimulatorError, match="o_other"):
        simulate(verilog(), Top("fir3", TOP.inputs, (Port("o_other", 12, True),), 2), *bench(count=40))


def test_a_port_of_another_width_is_an_error() -> None:
    narrow = Top("fir3", TOP.inputs, (Port("o_data", 13, True),), 2)
    with pytest.raises(
        SimulatorError, match=r"other widths than declared: Port \d \(o_data\) .* expects 12 bits, got 13"
    ):
        simulate(verilog(), narrow, *bench(count=40))


def test_a_design_that_stops_the_simulation_is_an_error() -> None:
    stopping = verilog().replace("endmodule", "initial #200 $finish; endmodule")
    with pytest.raises(SimulatorError, match=r"stopped before its last clock|failed \(exit status"):
        simulate(stopping, TOP, *bench())


def test_a_design_that_hangs_is_stopped_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    hanging = verilog().replace("endmodule", "reg a = 0; always @(posedge clk) while (i_valid) a = ~a; endmodule")
    with pytest.raises(SimulatorError, match="did not finish within 3 s"):
        simulate(hanging, TOP, *bench(count=40), limit=3)
    assert list(tmp_path.iterdir()) == []


def test_other_simulators_and_missing_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="must be 'icarus', not 'questa'"):
        simulate(verilog(), TOP, *bench(count=40), simulator="questa")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(tools.ToolMissing, match="apt-get install iverilog"):
        simulate(verilog(), TOP, *bench(count=40))
