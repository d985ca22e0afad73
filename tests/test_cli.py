"""The command line: exit codes, what goes where, and what it refuses, each with one message that says what to do."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from finished import BANDS, DESIGN, HWGEN, Finished, Ran, changed, hwgen, refused

import hwgen as package
from hwgen import cli, flow, spec
from hwgen.blocks.folded import Folded
from hwgen.cost.place import PlaceError
from hwgen.designs.candidate import Quality
from hwgen.fixed import Format

pytestmark = pytest.mark.xdist_group("finished")


def test_folders_that_cannot_be_written_to(tmp_path: Path) -> None:
    design, foreign = tmp_path / "halfband.toml", tmp_path / "foreign"
    design.write_text(DESIGN)
    foreign.mkdir()
    for out, said in (
        (design, "is a file"),
        (design / "below", "Not a directory"),
        (Path("/proc/none/such"), "cannot write"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        message = refused(hwgen("run", design, "--out", out))
        assert str(out) in message
        assert said in message
        assert "--out" in message
    # Other programs call their files so, too: these do not make the folder hwgen's.
    for name, content in (("notes.txt", "mine"), ("checkpoint", "model_checkpoint_path"), ("result.json", "{}")):
        (foreign / name).write_text(content)
        assert "--force" in refused(hwgen("run", design, "--out", foreign))
        assert [(path.name, path.read_text()) for path in foreign.iterdir()] == [(name, content)]
        (foreign / name).unlink()


@pytest.mark.usefixtures("swift")
def test_force_writes_beside_other_files(tmp_path: Path) -> None:
    design, foreign = tmp_path / "halfband.toml", tmp_path / "foreign"
    design.write_text(changed(BANDS, "coefficients = [0.25, 0.6]\n") + 'algorithm = "uniform"\n')
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    assert hwgen("search", design, "--out", foreign, "--force").code == 0
    assert (foreign / "notes.txt").read_text() == "mine"
    assert hwgen("search", design, "--out", foreign).code == 0  # hwgen's own by now
    # A folder where a file of the design should go is told like any other that cannot be written.
    (foreign / "halfband.v").mkdir()
    assert "halfband.v" in refused(hwgen("generate", design, "--out", foreign))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], "'frobnicate'"),
        (["run"], "design"),
        (["run", "x.toml", "--frob"], "--frob"),
        (["run", "x.toml", "--jobs", "0"], "--jobs"),
        (["run", "x.toml", "--jobs", "two"], "--jobs"),
        (["run", "x.toml", "y.toml"], "y.toml"),
        (["run", "x.toml", "--out"], "--out"),
        (["study", "coffee"], "'coffee'"),
        (["synthesise", ".", "--target", "virtex"], "'virtex'"),
        (["simulate", ".", "--input", "x.npy"], "--output"),
        (["simulate", "x.toml", "--input", "x.npy", "--output", "y.npy"], "finished design"),
    ],
)
def test_wrong_command_line(words: list[str], said: str) -> None:
    message = refused(hwgen(*words))
    assert said in message
    assert re.search("--|hwgen run|give one of", message)


# ------------------------------------------------------------------- exit codes 0, 1, 3 (130 is in test_flow)
def test_success_has_results_on_stdout_and_progress_on_stderr(finished: Finished) -> None:
    assert "halfband: goal met" in finished.out
    assert str(finished.result["resources"]["synthesis"]["lut"]) in finished.out
    assert "0 mismatches" in finished.out
    assert "hwgen:" not in finished.out
    assert re.fullmatch(r"(hwgen: [a-z][^\n]*\n)+", finished.err)
    assert "goal met" not in finished.err


@pytest.mark.usefixtures("swift")
def test_a_missed_goal_ends_with_1_and_the_design_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quality, "meets", lambda self, reference: False)
    (tmp_path / "halfband.toml").write_text(changed(BANDS, "coefficients = [0.25, 0.6]\n"))
    missed = hwgen("run", tmp_path / "halfband.toml", "--out", tmp_path / "made")
    assert missed.code == 1
    assert "goal MISSED" in missed.out
    assert json.loads((tmp_path / "made" / "result.json").read_text())["goal"]["met"] is False
    assert "module halfband(" in (tmp_path / "made" / "halfband.v").read_text()
    assert "goal MISSED" in repr(package.load(tmp_path / "made"))


def test_hardware_that_differs_ends_with_1(finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.folder, tmp_path / "made")
    verilog = tmp_path / "made" / "halfband.v"
    text = verilog.read_text()
    np.save(tmp_path / "x.npy", np.arange(-100, 100))
    words = ["--input", tmp_path / "x.npy", "--output", tmp_path / "y.npy", "--rtl"]
    for broken, said in (
        (text.replace("o_data <= rounded", "o_data <= ~rounded"), "o_data is"),
        (text.replace("endmodule", ""), "Icarus Verilog refused"),
        (text.replace("[9:0] o_data", "[8:0] o_data"), "other widths"),
    ):
        assert broken != text
        verilog.write_text(broken)
        done = hwgen("simulate", tmp_path / "made", *words)
        assert done.code == 1
        assert done.out == ""
        assert said in done.err
        assert "Traceback" not in done.err
        assert not (tmp_path / "y.npy").exists()


def test_a_missing_tool_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halfband.toml").write_text(DESIGN)
    bare = tmp_path / "bin"
    bare.mkdir()
    command = [HWGEN, "run", "halfband.toml", "--out", "made"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PATH": str(bare)}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr == "hwgen: iverilog was not found. Install it with: apt-get install iverilog\n"
    (bare / "iverilog").symlink_to(str(shutil.which("iverilog")))
    monkeypatch.setenv("PATH", str(bare))
    for words in (["run"], ["simulate"]):
        halfway = hwgen(*words, tmp_path / "halfband.toml", "--out", tmp_path / "made")
        assert (halfway.code, halfway.out) == (3, "")
        assert "vvp was not found" in halfway.err
    monkeypatch.setattr("hwgen.tools._module_folder", lambda package: None)
    for words in (["search"], ["generate"], ["synthesise"]):
        blind = hwgen(*words, tmp_path / "halfband.toml", "--out", tmp_path / "made")
        assert blind.code == 3
        assert "pip install pyosys" in blind.err
    assert not (tmp_path / "made").exists()
    missing = hwgen("doctor")
    assert missing.code == 3
    assert "missing" in missing.out


# --------------------------------------------------------------------------------------------- the other commands
@pytest.mark.parametrize("name", ["fresh.toml", "module.toml", "5 taps.toml", f"{'x' * 70}.toml"])
def test_new_writes_a_sound_design_file_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / "below" / name
    made = hwgen("new", path)
    assert (made.code, made.err) == (0, "")
    tables = tomllib.loads(path.read_text())
    assert tables["design"]["name"] == ("fresh" if name == "fresh.toml" else "my_filter")
    spec.load(path)
    path.write_text("mine")
    assert "--force" in refused(hwgen("new", path))
    assert path.read_text() == "mine"
    assert hwgen("new", path, "--force").code == 0
    assert tomllib.loads(path.read_text()) == tables


def test_new_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot write" in refused(hwgen("new", tmp_path / "file" / "x.toml"))


def test_check_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "halfband.toml").write_text(DESIGN)
    done = hwgen("check", "halfband.toml")
    assert (done.code, done.err) == (0, "")
    assert "halfband.toml: sound." in done.out
    facts = json.loads(hwgen("check", "halfband.toml", "--json").out)
    assert facts["digest"] == spec.load("halfband.toml").digest
    assert facts["goal"] == {"minimise": "luts", "sqnr_db": 40.0, "target": "ice40"}
    assert [path.name for path in tmp_path.iterdir()] == ["halfband.toml"]


def test_version_help_and_doctor() -> None:
    version = hwgen("--version")
    assert version == Ran(0, f"hwgen {package.__version__}\n", "")
    for words in (["--help"], ["run", "--help"]):
        shown = hwgen(*words)
        assert (shown.code, shown.err) == (0, "")
        assert "Usage" in shown.out
    alone = hwgen()
    assert (alone.code, alone.err) == (2, "")
    assert "synthesise" in alone.out
    assert hwgen("doctor").code == 0
    tools = json.loads(hwgen("doctor", "--json").out)
    assert {"iverilog", "vvp", "yosys", "verilator"} <= set(tools)
    assert all(tool["install"] and tool["purpose"] for tool in tools.values())
    assert tools["yosys"]["found"]


def test_commands_on_a_finished_folder(finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    shutil.copytree(finished.folder, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for words, told in (
        (["check"], "<hwgen design halfband"), (["search"], "goal met"), (["generate"], "goal met"),
        (["report"], "goal met"),
    ):  # fmt: skip
        done = hwgen(*words, folder)
        assert (done.code, done.err) == (0, "")
        assert told in done.out
    for words in (["search"], ["generate"], ["report"]):
        assert json.loads(hwgen(*words, folder, "--json").out) == finished.result
    simulated = hwgen("simulate", folder, "--json")
    assert simulated.code == 0
    assert json.loads(simulated.out)["mismatches"] == 0
    assert json.loads(simulated.out)["samples"] >= 20_000
    counts = hwgen("synthesise", folder, "--target", "ice40", "--json", "--jobs", "1")
    assert json.loads(counts.out) == {"ice40": finished.result["resources"]["synthesis"]}
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    (folder / "result.json").unlink()
    for command in ("check", "search", "generate", "report", "simulate"):
        assert "hwgen r" in refused(hwgen(command, folder))


def test_generate_and_report_mend_a_folder(finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    shutil.copytree(finished.folder, folder)
    for command, name in (("generate", "tb/halfband_tb.v"), ("generate", "halfband.core"), ("report", "report.html")):
        (folder / name).unlink()
        assert hwgen(command, folder).code == 0
        assert (folder / name).read_bytes() == (finished.folder / name).read_bytes()


def test_samples_through_model_and_verilog(finished: Finished, tmp_path: Path) -> None:
    design, source, made = package.load(finished.folder), tmp_path / "x.npy", tmp_path / "y"
    rng = np.random.default_rng(1)
    for samples in (rng.integers(-128, 128, 400), rng.uniform(-1.5, 1.5, 300), np.array([5], dtype=np.int16)):
        np.save(source, samples)
        for rtl in ([], ["--rtl"]):
            done = hwgen("simulate", finished.folder, "--input", source, "--output", made, *rtl)
            assert (done.code, done.out) == (0, f"{len(samples)} samples to {made}\n")
            response = np.load(made)
            assert response.tolist() == design.model(samples).tolist()
            assert response.dtype.kind == samples.dtype.kind


def test_samples_that_cannot_be_filtered(finished: Finished, tmp_path: Path) -> None:
    source, made = tmp_path / "x.npy", tmp_path / "y.npy"
    np.savez(tmp_path / "many.npz", a=np.zeros(3))
    for content, said in (
        (None, "No such file"), (b"", "no .npy file"), (b"junk", "no .npy file"), (np.array([200]), "-128..127"),
        (np.zeros((2, 5)), "shape"), (np.array([1j]), "real"), (np.array([np.nan]), "finite"), (np.zeros(0), "one"),
        (np.array(["a"]), "number"), (np.array([None]), "Object arrays"), (np.array(True), "number"),
        ((tmp_path / "many.npz").read_bytes(), "no .npy file"), (np.array(3), "shape"),
    ):  # fmt: skip
        if isinstance(content, np.ndarray):
            np.save(source, content, allow_pickle=True)
        elif content is not None:
            source.write_bytes(content)
        for rtl in ([], ["--rtl"]):
            message = refused(hwgen("simulate", finished.folder, "--input", source, "--output", made, *rtl))
            assert said in message, message
            assert str(source) in message
        assert not made.exists()
    np.save(source, np.array([1]))
    assert "cannot write" in refused(hwgen("simulate", finished.folder, "--input", source, "--output", tmp_path))


@pytest.mark.usefixtures("swift")
def test_json_is_the_result_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "halfband.toml").write_text(changed(BANDS, "coefficients = [0.25, 0.6]\n") + 'algorithm = "uniform"\n')
    for command in ("search", "generate", "run", "report"):
        done = hwgen(command, tmp_path / "halfband.toml", "--out", tmp_path / "made", "--json")
        assert done.code == 0
        result = json.loads(done.out)
        assert result["name"] == "halfband"
        assert flow.succeeded(result)
    counts = hwgen("synthesise", tmp_path / "halfband.toml", "--out", tmp_path / "made", "--json", "--target", "xc7")
    assert list(json.loads(counts.out)) == ["xc7"]
    assert hwgen("simulate", tmp_path / "halfband.toml", "--out", tmp_path / "made", "--waves").code == 0
    assert (tmp_path / "made" / "halfband.fst").stat().st_size > 1000


@pytest.mark.usefixtures("threads")
def test_the_folder_is_named_after_the_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text(changed("[search]", "[search]\ncoefficient_bits = 2"))
    refused(hwgen("search", "bad.toml"))
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]  # nothing is left of build/halfband
    monkeypatch.setattr(flow.Run, "found", property(lambda self: (_ for _ in ()).throw(KeyboardInterrupt)))
    cut = hwgen("search", "bad.toml", "--jobs", 3)
    assert cut.code == 130
    assert cut.err.endswith("with: hwgen search bad.toml --jobs 3\n")
    assert (tmp_path / "build" / "halfband").is_dir()


def test_multipliers_in_dsp_blocks_are_counted_as_such(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def count(text: str, top: str, target: str, dsp: bool, tool: str) -> dict[str, int]:
        asked.append(dsp)
        return dict.fromkeys(("lut", "ff", "carry", "dsp", "bram"), 1)

    monkeypatch.setattr(flow, "synthesise_step", count)
    design = package.load(finished.folder)
    folded = replace(design, fir=Folded(design.coefficients, 9, Format(1, 7), Format(1, 9), 8, dsp=True))
    with ThreadPoolExecutor(1) as executor:
        for each in (design, folded, replace(folded, fir=replace(folded.fir, dsp=False))):
            flow.synthesised(each, ["ice40"], executor)
    assert asked == [False, True, False]


def test_a_failed_placement_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise PlaceError("it fits no device")

    monkeypatch.setattr(cli, "load_spec", fail)
    ran = hwgen("check", tmp_path / "some.toml")
    assert (ran.code, ran.out, ran.err) == (1, "", "hwgen: it fits no device\n")
