"""The bench that goes with a design: it runs with iverilog and vvp alone, and fails when the design is broken."""

import subprocess
from pathlib import Path

import pytest
from three_taps import COMPLEX_TOP, MUTATIONS, TOP, bench, mutated, verilog

from hwgen.check.bench import bench_files, write_bench


def run(folder: Path, design: str, cwd: Path) -> subprocess.CompletedProcess:
    (folder / "fir3.v").write_text(design)
    return subprocess.run(
        [folder / "tb" / "run.sh"], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("a folder with spaces")
    write_bench(made, TOP, *bench())
    return made


def test_pass_from_another_directory(folder: Path, tmp_path: Path) -> None:
    done = run(folder, verilog(), tmp_path)
    samples = bench()[1].samples
    assert done.stdout == f"PASS: {samples} outputs, {bench()[0].clocks} clocks, latency 2, 0 mismatches\n"
    assert (done.stderr, done.returncode) == ("", 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_fail_on_a_broken_design(name: str, folder: Path, tmp_path: Path) -> None:
    done = run(folder, mutated(name), tmp_path)
    assert done.returncode != 0
    assert "FAIL: " in done.stdout
    assert "PASS" not in done.stdout
    assert "clock " in done.stdout


def test_fail_when_vectors_are_missing(tmp_path: Path) -> None:
    write_bench(tmp_path, TOP, *bench(count=40))
    (tmp_path / "tb" / "expected.hex").unlink()
    done = run(tmp_path, verilog(), tmp_path)
    assert done.returncode != 0
    assert "PASS" not in done.stdout


def test_complex(tmp_path: Path) -> None:
    write_bench(tmp_path, COMPLEX_TOP, *bench(count=100, channels=2), header="// SPDX-License-Identifier: Apache-2.0")
    done = run(tmp_path, verilog(COMPLEX_TOP), tmp_path)
    assert done.stdout.startswith("PASS: ")
    assert (tmp_path / "tb" / "fir3_tb.v").read_text().startswith("// SPDX-License-Identifier: Apache-2.0\n")


def test_files_repeat_and_name_no_place(tmp_path: Path) -> None:
    files = write_bench(tmp_path, TOP, *bench(count=40))
    assert list(files) == ["tb/fir3_tb.v", "tb/stimulus.hex", "tb/expected.hex", "tb/run.sh"]
    assert files == bench_files(TOP, *bench(count=40))
    for name, text in files.items():
        assert (tmp_path / name).read_text() == text
        assert str(tmp_path) not in text
