"""kind = "detector": what its design file may say, the finished design, and the whole way."""

import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from hwgen import flow, verify
from hwgen.blocks.combiner import Combiner
from hwgen.blocks.combiner_reloadable import ReloadableCombiner
from hwgen.check.script import script
from hwgen.check.simulate import simulate
from hwgen.designs import detector_goal
from hwgen.designs.detector_reference import channel_of, reference
from hwgen.designs.detector_reloading import ReloadingSearch, tops
from hwgen.designs.uplink import Uplink
from hwgen.emit import verilog
from hwgen.finished.detector import Detector, thawed
from hwgen.finished.stored import load
from hwgen.fixed import Format
from hwgen.kinds import detector
from hwgen.problems.channels import rayleigh
from hwgen.spec import DesignFileError, parse

DESIGN = """\
[design]
name = "few"
kind = "detector"
[input]
format = "s1.5"
sample_rate = 1e6
complex = true
[output]
format = "s2.6"
[detector]
channel = "rayleigh"
antennas = 8
users = 2
snr_db = 5.0
budget = { power = 32 }
[goal]
minimise = "luts"
evm_percent = 33
target = "ice40"
[search]
evaluations = 2000
"""
COMBINER = Combiner(
    (((3, 0), (-1, 5), (0, 0)), ((0, 2), (4, -3), (0, 0))), 4, (2, 3, 0), (Format(3, 3), Format(3, 2)), (0, 2), 1
)
# Change to (key, part of the reason, part of the remedy).
WRONG = {
    "users = 2 => users = 9": ("detector.users", "more users than antennas", "one user an antenna"),
    "users = 2\n => ": ("detector.users", "a rayleigh channel has a number", "add users"),
    '"rayleigh" => "rician"': ("detector.channel", "neither rayleigh nor beamspace", ".npy"),
    '"rayleigh"\nantennas = 8\nusers = 2 => "none.npy"': ("detector.channel", "no such file", ".npy file"),
    '"rayleigh" => "none.npy"': ("detector.antennas", "the file says", "remove it"),
    "{ power = 32 } => { power = 32, bits = 9 }": ("detector.budget", "both of power and bits", "write"),
    "{ power = 32 } => { power = 1 }": ("detector.budget", "the smallest ADC takes 2", "allow more"),
    'snr_db = 5.0 => snr_db = 5.0\nweights = "programmable"': ("detector.weights", "'constant' or", "reloadable"),
    'antennas = 8\nusers = 2 => antennas = 64\nusers = 17\nweights = "reloadable"': (
        "detector.weights",
        "at most 1024 are built",
        "fewer antennas",
    ),
    "s1.5 => s2.5": ("input.format", "the widest ADC", "s1.7"),
    "s1.5 => s1.12": ("input.format", "at most 12 bits", "s1.7"),
    "complex = true => complex = false": ("input.complex", "I and Q", "complex = true"),
    "s2.6 => u2.6": ("output.format", "have signs", "s2.6"),
    'format = "s2.6" => format = "s2.6"\nrounding = "floor"': ("output.rounding", "not built", "half_up"),
    "evm_percent = 33 => sqnr_db = 33": ("goal.sqnr_db", "no goal of a detector", "evm_percent"),
    '"luts" => "cells"': ("goal.minimise", "LUTs are what", "luts"),
    "[goal] => [hardware]\ndsp = true\n[goal]": ("hardware.dsp", "no DSP blocks", "dsp = false"),
    '[goal] => [hardware]\nstructure = "direct"\n[goal]': ("hardware.structure", "one form", "auto"),
    '[search] => [stimulus]\nfile = "x.npy"\n[search]': ("stimulus.file", "symbols through its channel", "remove"),
    "evm_percent = 33 => evm_percent = 20": ("goal.evm_percent", "leave an EVM of", "detector.budget"),
    "s2.6 => s2.15": ("output.format", "finer than", "s2.8"),
    "s2.6 => s2.1": ("output.format", "rounded to it", "fraction bits"),
    'kind = "detector" => kind = "fir"': ("detector", 'a table of kind = "detector"', "remove the table"),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as found:
        yield found


@pytest.mark.parametrize("change", WRONG)
def test_mistakes_are_named(change: str, tmp_path: Path) -> None:
    key, reason, remedy = WRONG[change]
    old, new = change.split(" => ")
    assert DESIGN.count(old) == 1
    with pytest.raises(DesignFileError) as caught:
        reference(parse(DESIGN.replace(old, new), tmp_path / "few.toml"))
    told = str(caught.value)
    assert key in told
    assert reason in told
    assert remedy in told


# ------------------------------------------------------------------------------------------------------- channel
def from_file(folder: Path, channel: np.ndarray) -> str:
    np.save(folder / "h.npy", channel)
    return DESIGN.replace('"rayleigh"\nantennas = 8\nusers = 2', '"h.npy"')


def test_a_channel_comes_from_a_file(tmp_path: Path) -> None:
    h = np.random.default_rng(0).normal(size=(4, 2)) + 0.5j
    spec = parse(from_file(tmp_path, h), tmp_path / "few.toml")
    assert channel_of(spec) == pytest.approx(h * 10**0.25)
    again = parse(from_file(tmp_path, 2 * h), tmp_path / "few.toml")
    assert again.digest != spec.digest


@pytest.mark.parametrize(
    ("channel", "told"),
    [
        (np.zeros((4, 2)), "reaches no antenna"),
        (np.ones((2, 4)), "more users than antennas"),
        (np.ones(4), "no finite numbers"),
        (np.full((4, 2), np.nan), "no finite numbers"),
        (np.ones((300, 2)), "300 antennas"),
        (np.array([["a", "b"]]), "no finite numbers"),
    ],
)
def test_channels_that_are_none(channel: np.ndarray, told: str, tmp_path: Path) -> None:
    with pytest.raises(DesignFileError, match=told):
        channel_of(parse(from_file(tmp_path, channel), tmp_path / "few.toml"))


def test_other_seeds_are_other_channels(tmp_path: Path) -> None:
    one = parse(DESIGN, tmp_path / "few.toml")
    two = parse(DESIGN.replace("snr_db", "channel_seed = 2\nsnr_db"), tmp_path / "few.toml")
    assert channel_of(one).shape == (8, 2)
    assert not np.allclose(channel_of(one), channel_of(two))
    assert one.digest != two.digest


# ------------------------------------------------------------------------------------------------------ finished
def test_a_detector_is_given_back() -> None:
    design = Detector("few", COMBINER, (0.98, 1.0))
    assert design.header["streams"] == ["s0 s3.3 gain 0.98", "s1 s3.2 gain 1"]
    assert thawed(json.loads(json.dumps(design.frozen()))) == design
    assert design.decimals[:6] == ["0.1875", "0", "-0.0625", "0.3125", "0", "0"]
    assert "2 streams from 2 of 3 antennas" in repr(design)


def test_stimuli_fill_the_ports() -> None:
    design = Detector("few", COMBINER)
    data = design.stimuli(None, 1000, np.random.default_rng(0))
    assert data.shape == (2, 1000)
    for port, row in zip(design.core.inputs, data, strict=True):
        assert set(row.tolist()) == set(range(port.maximum + 1))


def test_headroom_is_the_largest_word() -> None:
    design = Detector("few", Combiner((((4, 0),),), 3, (2,), (Format(1, 2),)))
    # 1/2 times a word of -2 to 1: 1 at most, full scale 3/4.
    assert design.headroom_db == pytest.approx(20 * np.log10(0.75), abs=1e-4)


def test_behind_a_stream_it_is_bit_true() -> None:
    design = Detector("few", COMBINER, interface="axi_stream")
    text = design.whole(verilog(design.component(), design.core_name))
    rng = np.random.default_rng(1)
    from hwgen.verify import scripted

    made, wanted = scripted(design, design.stimuli(None, 300, rng), rng)
    result = simulate(text, design.top, made, wanted)
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 250


# ------------------------------------------------------------------------------------------------ loaded weights
LOADED = (
    DESIGN.replace("antennas = 8\nusers = 2", 'antennas = 4\nusers = 1\nweights = "reloadable"')
    .replace("power = 32", "power = 12")
    .replace("evm_percent = 33", "evm_percent = 48")
    .replace("evaluations = 2000", "evaluations = 400")
)


def test_weights_are_loaded_on_the_whole_way(tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 1500)
    monkeypatch.setattr(detector, "CASE_SYMBOLS", 2000)
    monkeypatch.setattr(detector, "OFFSETS_DB", (5.0,))
    monkeypatch.setattr(detector_goal, "SYMBOLS", 8000)
    monkeypatch.setattr(ReloadingSearch, "rivals", lambda self: {"uniform": self.uniform(plain=True)})
    text = LOADED.replace("[goal]", '[hardware]\ninterface = "axi_stream"\n[goal]')
    spec = parse(text, tmp_path / "few.toml")
    result = flow.Run(spec, tmp_path / "out", pool).everything(bulk=False)
    assert flow.succeeded(result)
    assert result["quality"]["evm_percent"] < 48
    assert result["verification"]["bit_true"]["samples"] > 1400
    ports = {port["name"]: port for port in result["top"]["ports"]}
    assert {"c_valid", "c_index", "c_data"} <= set(ports)
    design = load(tmp_path / "out")
    assert isinstance(design, Detector)
    c = design.combiner
    assert isinstance(c, ReloadableCombiner)
    text = (tmp_path / "out" / "few.v").read_text()
    for name in c.loading:
        assert name in text
        assert name in ports["c_data"]["format"]
    # Another channel's weights, loaded into the model: as W^H y with exact weights, but for their LSBs.
    link = Uplink(channel_of(parse(text_of(2), tmp_path / "few.toml")), c.bits)
    words = c.words_of(link.all_weights)
    assert words != list(c.power_up)
    data = design.stimuli(None, 100, np.random.default_rng(0))
    n = c.unpacked(data) + 0.5
    exact = link.weights.conj().T @ (n[0::2] + 1j * n[1::2])
    raw = c.model(data, words) * c.outputs[0].lsb
    off = sum(form.lsb for form in c.registers) / 4 * np.abs(n).max() + c.outputs[0].lsb
    assert np.abs(raw[0] - exact[0].real).max() <= off
    assert not np.array_equal(c.model(data, words), design.model(data))
    assert np.array_equal(c.model(data, c.power_up), design.model(data))


def text_of(seed: int) -> str:
    return LOADED.replace("snr_db", f"channel_seed = {seed}\nsnr_db")


def test_a_goal_within_no_reach_of_loaded_weights_leaves_the_finest(tmp_path: Path) -> None:
    spec = parse(LOADED, tmp_path / "few.toml")
    run = ReloadingSearch(replace(reference(spec), evm_percent=1.0), lambda what, share: None)
    assert run.sized(run.goal.bits, "none", "detector") == []
    finest = run.finest()
    assert not finest.meets
    assert finest.figures.evm_percent[0] < 48


def test_ranges_hold_the_weights_of_their_own_channel(tmp_path: Path) -> None:
    goal = reference(parse(LOADED, tmp_path / "few.toml"))
    link = goal.link((3, 2, 1, 4))
    w = link.weights.T
    size = np.maximum(np.abs(w.real), np.abs(w.imag))
    assert (size < 2.0 ** tops(link)).all()
    assert (size.max(axis=1) >= 2.0 ** (tops(link).max(axis=1) - 3)).all()


def test_weights_of_other_channels_of_the_kind_fit() -> None:
    links = [Uplink(rayleigh(12, 3, 5.0, np.random.default_rng(seed)), (3,) * 12) for seed in range(6)]
    top = tops(links[0])
    beyond = [np.maximum(np.abs(link.weights.T.real), np.abs(link.weights.T.imag)) >= 2.0**top for link in links]
    assert not beyond[0].any()
    assert np.mean(beyond[1:]) < 0.12


# ------------------------------------------------------------------------------------------------- the whole way
@dataclass(frozen=True)
class Made:
    """A folder and its result."""

    folder: Path
    result: dict


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, pool: Executor) -> Made:
    folder = tmp_path_factory.mktemp("few")
    spec = parse(DESIGN, folder / "few.toml")
    return Made(folder / "out", flow.Run(spec, folder / "out", pool).everything())


def test_the_whole_way(made: Made) -> None:
    result = made.result
    assert result["goal"]["met"]
    assert result["quality"]["evm_percent"] < 33
    assert result["verification"]["bit_true"]["samples"] >= 20_000
    assert result["verification"]["bit_true"]["mismatches"] == 0
    assert result["verification"]["bulk"]["samples"] >= 1_000_000
    assert result["verification"]["bulk"]["mismatches"] == 0
    assert result["resources"]["synthesis"]["lut"] < 0.8 * result["baselines"]["uniform"]["lut"]
    text = (made.folder / "report.html").read_text()
    assert "Bit error rate over SNR" in text
    assert flow.succeeded(result)


def test_the_header_tells_every_port(made: Made) -> None:
    text = (made.folder / "few.v").read_text()
    for antenna, bits in result_bits(made.result).items():
        assert (f"y{antenna} {bits}" in text) == (bits > 0)
    design = load(made.folder)
    assert isinstance(design, Detector)
    assert isinstance(design.combiner, Combiner)
    assert ("hold the complement" in text) == design.combiner.complements


def result_bits(result: dict) -> dict[int, int]:
    return {int(name.removeprefix("antenna")): bits for name, bits in result["bits"].items()}


def test_the_verilog_alone_is_what_the_model_is(made: Made) -> None:
    design = load(made.folder)
    assert isinstance(design, Detector)
    data = design.stimuli(None, 200, np.random.default_rng(4))
    stimulus = script(data, np.random.default_rng(5), drain=design.core.span + 4)
    result = simulate(design.verilog, design.core, stimulus, design.core.expected(stimulus, design.words))
    assert result.mismatches == 0
