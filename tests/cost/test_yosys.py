"""The process Yosys runs in: text in, text out, and errors that tell what Yosys said."""

import os
import re
import tempfile
from pathlib import Path

import pytest

from hwgen.cost import yosys
from hwgen.cost.yosys import YosysError

AND = "module m(input a, input b, output y);\n    assign y = a & b;\nendmodule\n"
WRITE = ["read_verilog design.v", "write_verilog -noattr out.v"]


def test_passes_run_in_order_on_the_files_given() -> None:
    two = {"design.v": AND, "wide.v": "module wide(input [3:0] a, output [3:0] y); assign y = ~a; endmodule\n"}
    text = yosys.run(two, ["read_verilog design.v wide.v", "rename m renamed", "write_verilog -noattr out.v"], "out.v")
    assert "module renamed(a, b, y);" in text
    assert "module wide(a, y);" in text
    assert "a & b;" in text


def test_each_run_starts_empty_and_repeats() -> None:
    first = yosys.run({"design.v": AND}, WRITE, "out.v")
    assert yosys.run({"design.v": AND}, WRITE, "out.v") == first
    with pytest.raises(YosysError, match="ERROR"):  # nothing is left of the module read before
        yosys.run({}, ["select -assert-count 1 m", "write_verilog out.v"], "out.v")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("module m(; endmodule\n", r"design\.v:1: ERROR: syntax error"),
        ("module m(output y); missing u(y); endmodule\n", r"ERROR: Module .*missing.* is not part of the design"),
    ],
)
def test_bad_verilog_is_an_error_in_yosys_words(text: str, said: str) -> None:
    with pytest.raises(YosysError, match=f"(?s)^Yosys failed:\n.*{said}"):
        yosys.run({"design.v": text}, ["read_verilog design.v", "hierarchy -check -top m", *WRITE[1:]], "out.v")


def test_an_unknown_pass_or_a_file_not_written_is_an_error() -> None:
    with pytest.raises(YosysError, match=r"(?s)Yosys failed.*No such command: polish"):
        yosys.run({"design.v": AND}, ["read_verilog design.v", "polish"], "out.v")
    with pytest.raises(YosysError, match="Yosys failed"):
        yosys.run({"design.v": AND}, WRITE[:1], "out.v")


def test_a_run_past_its_limit_is_stopped_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(YosysError, match="did not finish within 1 s"):
        yosys.run({"design.v": AND}, ["read_verilog design.v", "exec -- sleep 20"], "out.v", timeout=1)
    assert list(tmp_path.iterdir()) == []


def test_the_caller_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    yosys.run({"design.v": AND}, WRITE, "out.v")
    assert Path(os.getcwd()) == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_version_names_yosys() -> None:
    assert re.fullmatch(r"Yosys \d+\.\d+(\.\d+)*", yosys.version())
