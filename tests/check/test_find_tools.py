"""Tools: found, their versions told, and how to install a missing one."""

import shutil
from pathlib import Path

import pytest

from hwgen import tools


@pytest.mark.parametrize("name", ["iverilog", "vvp", "verilator", "yosys", "c++"])
def test_installed_tools_are_found_and_tell_their_version(name: str) -> None:
    assert tools.find(name).exists()
    assert tools.version(name)[0].isdigit()


@pytest.mark.parametrize("name", tools.TOOLS)
def test_a_missing_tool_says_what_installs_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    with pytest.raises(tools.ToolMissing, match=f"{name.replace('+', '.')} was not found. Install it with: ") as caught:
        tools.find(name)
    assert caught.value.install_command == tools.TOOLS[name].install
    with pytest.raises(tools.ToolMissing):
        tools.version(name)


def test_an_unknown_tool_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="unknown tool 'quartus'"):
        tools.find("quartus")


@pytest.mark.parametrize("name", ["nextpnr-ice40", "nextpnr-ecp5"])
@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("nextpnr-0.7-47-gba293437", "0.7-47-gba293437"),
        ("nextpnr-0.9", "0.9"),
        ("0.4-1build1", "0.4"),
        ("de00c00", "unknown"),
    ],
)
def test_a_program_on_path_serves_where_no_wheel_is(
    name: str, said: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / name
    program.write_text(f"#!/bin/sh\necho '\"{name}\" -- Next Generation Place and Route (Version {said})' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)
    assert tools.find(name) == program
    assert tools.version(name) == version
