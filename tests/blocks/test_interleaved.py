"""Several channels on one filter, their samples in turn: against each channel on its own, in integers alone."""

from dataclasses import replace

import numpy as np
import pytest
from filter_cases import filter_of
from numpy.typing import NDArray
from rational import TWO, outputs, stepped

from hwgen import verify
from hwgen.blocks.fir import Fir
from hwgen.check.bulk import simulate_bulk
from hwgen.check.simulate import simulate
from hwgen.emit import verilog
from hwgen.finished.fir import Design, thawed
from hwgen.fixed import Rounding

TAPS = (-7, 3, 45, 93, 45, 3, -7)
CASES = {
    "transposed, 3 channels": filter_of(TAPS, (1, 0, 2), interleave=3),
    "direct, 2 channels of I and Q": filter_of(TAPS, (1, 2), structure="direct", channels=2, interleave=2),
    "cascade, 5 channels": filter_of((3, 11, -2), (1, 0, 2), structure="cascade", interleave=5),
    "pipelined, 4 channels": filter_of(TAPS, (1, 2), structure="direct", depth=1, interleave=4),
    "interpolating, 3 channels": filter_of(TAPS, (1, 0, 2), interpolate=2, interleave=3),
    "reset keeps the samples": filter_of(TAPS, (0, 1), structure="direct", reset_data=False, interleave=3),
}


def drawn(fir: Fir, count: int, seed: int = 3) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    return rng.integers(fir.input.minimum, fir.input.maximum, (fir.channels, count), endpoint=True)


def convolved(taps: tuple[int, ...], samples: list[int], phases: int) -> list[list[int]]:
    """Outputs of each sample: the filter of one channel as the sum it is."""
    return [
        [sum(h * samples[n - k] for k, h in enumerate(taps[p::phases]) if n >= k) for p in range(phases)]
        for n in range(len(samples))
    ]


@pytest.mark.parametrize("name", CASES)
def test_exact_is_each_channel_alone(name: str) -> None:
    fir = CASES[name]
    x = drawn(fir, 101)  # no whole number of frames
    for row, got in zip(x, fir.exact(x), strict=True):
        streams = [[int(v) for v in row[c :: fir.interleave]] for c in range(fir.interleave)]
        alone = [convolved(fir.coefficients, s, fir.interpolate) for s in streams]
        want = [alone[n % fir.interleave][n // fir.interleave] for n in range(len(row))]
        assert got.reshape(-1, fir.interpolate).tolist() == want


@pytest.mark.parametrize("name", CASES)
def test_model_is_each_channel_alone_through_the_graph_in_fractions(name: str) -> None:
    fir = CASES[name]
    assert fir.rounding == Rounding.HALF_UP
    x = drawn(fir, 101)
    for row, got in zip(x, fir.model(x), strict=True):
        alone = []
        for channel in range(fir.interleave):
            found = []
            for values in stepped(fir.graph, row[channel :: fir.interleave]):
                words = []
                for phase, value in enumerate(outputs(fir.graph, values)):
                    # The constant holds the half of the rounding, as these sums are all finer than the output.
                    total = value * TWO**fir.product_lsb + fir.constant(phase) * TWO ** fir.output_lsbs[phase]
                    word = int(total * 2**fir.output.fraction // 1)
                    words.append(min(max(word, fir.output.minimum), fir.output.maximum))
                found.append(words)
            alone.append(found)
        want = [alone[n % fir.interleave][n // fir.interleave] for n in range(len(row))]
        assert got.reshape(-1, fir.interpolate).tolist() == want


@pytest.mark.parametrize("name", CASES)
def test_widths_adders_and_latency_are_those_of_one_channel(name: str) -> None:
    fir = CASES[name]
    one = replace(fir, interleave=1)
    assert (fir.words.widths, fir.latency, fir.adders, fir.error_bound) == (
        one.words.widths, one.latency, one.adders, one.error_bound
    )  # fmt: skip
    delays = sum(n.samples for n in one.graph.nodes if not hasattr(n, "left"))
    longer = sum(n.samples for n in fir.schedule.graph.nodes if not hasattr(n, "left"))
    assert longer == delays * fir.interleave
    assert fir.registers > one.registers


def design(name: str) -> Design:
    return Design("filter", CASES[name], CASES[name].coefficients)


@pytest.mark.parametrize("name", CASES)
def test_the_design_comes_back_from_json(name: str) -> None:
    assert thawed(design(name).frozen()) == design(name)


@pytest.mark.parametrize("name", CASES)
def test_hardware_is_bit_true(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 1500)
    made = replace(design(name), verilog=verilog(CASES[name].component(), "filter"))
    result = verify.bit_true(made, None, 1)
    assert (result.first, result.mismatches) == (None, 0)
    assert result.samples > 1400


MUTATIONS = {
    "a sample of the channel before": ("acc3_2 <= acc3_1;", "acc3_2 <= acc3_0;"),
    "a delay of one channel fewer": ("acc1_2);", "acc1_1);"),
    "a register that moves in gaps": ("else if (x_valid) acc2_1 <= acc2_0;", "else acc2_1 <= acc2_0;"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_broken_hardware_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "ICARUS_SAMPLES", 300)
    old, new = MUTATIONS[name]
    text = verilog(CASES["transposed, 3 channels"].component(), "filter")
    assert text.count(old) == 1
    made = replace(design("transposed, 3 channels"), verilog=text.replace(old, new))
    assert not verify.bit_true(made, None, 1).bit_true


@pytest.mark.xdist_group("verilator")
def test_verilator_agrees_and_catches() -> None:
    made, rng = design("transposed, 3 channels"), np.random.default_rng(2)
    text = verilog(made.fir.component(), "filter")
    stimulus, wanted = verify.scripted(made, drawn(made.fir, 5000), rng)
    assert simulate_bulk(text, made.top, stimulus, wanted).bit_true
    old, new = MUTATIONS["a sample of the channel before"]
    assert not simulate_bulk(text.replace(old, new), made.top, stimulus, wanted).bit_true


def test_the_stimuli_tell_channels_apart() -> None:
    made = design("transposed, 3 channels")
    x = made.stimuli(None, 500, np.random.default_rng(1))
    assert not np.array_equal(x[0, 0:300:3], x[0, 1:301:3])
    rolled = Design("filter", replace(made.fir, interleave=1), made.coefficients)
    stimulus, wanted = verify.scripted(made, x, np.random.default_rng(1))
    alone = rolled.top.expected(stimulus, rolled.fir.model)
    assert not simulate(verilog(made.fir.component(), "filter"), made.top, stimulus, alone).bit_true
    assert wanted.samples == alone.samples


def test_refuses() -> None:
    for options in ({"interleave": 0}, {"interleave": 2, "decimate": 2}):
        with pytest.raises(ValueError, match="1 where it decimates"):
            filter_of(TAPS, (1,), **options)
