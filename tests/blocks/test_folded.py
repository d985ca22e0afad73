"""The folded filter: its model against fractions and SciPy, its hardware against the model, and broken hardware."""

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import upfirdn

from hwgen.adders.digits import base4
from hwgen.blocks.folded import Folded, Term
from hwgen.check.bench import write_bench
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Expected
from hwgen.cost.resources import synthesise
from hwgen.emit import verilog
from hwgen.fixed import Format, Overflow, Rounding

INPUT, OUTPUT = Format(1, 7), Format(3, 9)
# SHI11_S2 of the multiplierless FIR literature (Shi and Yu 2011): 60 taps, symmetric.
HALF = (5, 5, 6, 5, 2, -2, -10, -20, -32, -48, -64, -78, -92, -98, -98, -87, -65, -26, 26, 93, 174, 267, 368, 472, 575,
        672, 757, 826, 874, 898)  # fmt: skip
S2 = {
    "coefficients": HALF + HALF[::-1],
    "fraction": 13,
    "input": Format(1, 11),
    "output": Format(1, 15),
    "interval": 32,
}
HALFBAND = (1, 0, -5, 0, 20, 33, 20, 0, -5, 0, 1)


def some(count: int, seed: int = 3) -> tuple[int, ...]:
    return tuple(int(v) for v in np.random.default_rng(seed).integers(-100, 101, count))


def make(coefficients: tuple[int, ...], interval: int, **options: Any) -> Folded:
    own = {"fraction": 7, "input": INPUT, "output": OUTPUT, **options}
    return Folded(coefficients, interval=interval, **own)


def mirrored(count: int, sign: int = 1) -> tuple[int, ...]:
    half = some(count // 2)
    return half + tuple(sign * v for v in half[::-1])


def drawn(folded: Folded, count: int, seed: int = 1) -> np.ndarray:
    x = np.random.default_rng(seed).integers(
        folded.input.minimum, folded.input.maximum, size=(folded.channels, count), endpoint=True
    )
    x[:, : folded.history + 2] = folded.input.minimum
    x[0, folded.history + 2 : 2 * folded.history + 4] = folded.input.maximum
    return x


CASES = {
    "S2": Folded(**S2),
    "one multiplier, no clock to spare, DSP": make(some(8), 8, dsp=True),
    "three multipliers with DSP": make(some(8), 3, dsp=True),
    "complex, two multipliers, symmetric": make(mirrored(12), 3, channels=2),
    "antisymmetric": make(mirrored(12, -1), 7),
    "no low bits": make((16, 0, -48, 80), 5),
    "odd length, zeros left out": make(HALFBAND, 4),
    "truncated, half even": make(HALFBAND, 7, lsb=-10, rounding=Rounding.HALF_EVEN),
    "decimator, always ready": make(some(13), 1, decimate=4),
    "decimator, symmetric, truncated": make(mirrored(16), 2, decimate=4, lsb=-11),
    "decimator of three, outputs apart": make(some(9), 5, decimate=3),
    "interpolator": make(some(13), 16, interpolate=3),
    "interpolator with pauses": make(some(13), 20, interpolate=3),
    "complex interpolator, DSP, truncated": make(some(13), 8, interpolate=4, lsb=-11, channels=2, dsp=True),
    "reset keeps the samples": make(some(7), 8, reset_data=False),
    "unsigned, wrapping, floor": make(some(5), 5, input=Format(0, 8, False), output=Format(1, 8),
                                      overflow=Overflow.WRAP, rounding=Rounding.FLOOR),
}  # fmt: skip


# --------------------------------------------------------------------------------------------------------- model
def test_base_four_by_hand() -> None:
    assert base4(0) == ()
    assert base4(898) == (2, 0, 0, 2, -1, 1)  # 2 + 2 * 64 - 256 + 1024
    assert base4(-1) == (-1,)
    assert base4(-2) == (2, -1)
    for value in range(-600, 600):
        assert sum(d * 4**j for j, d in enumerate(base4(value))) == value
        assert set(base4(value)) <= {-1, 0, 1, 2}


def test_schedule_by_hand() -> None:
    s2 = CASES["S2"]
    assert (s2.units, s2.slots, s2.latency, s2.depth) == (1, 30, 35, 64)
    assert s2.phases[0][0] == Term(5, 0, 59, 1)
    # 11 taps in 4 clocks: 3 multipliers; as pairs 2; without the zeros, of which 4 pairs and the middle leave 4, one.
    assert (CASES["odd length, zeros left out"].units, CASES["odd length, zeros left out"].slots) == (1, 4)
    assert CASES["odd length, zeros left out"].phases[0][-1] == Term(33, 5)
    # With clocks to spare there is nothing to gain: no pre-adder, zeros stay.
    assert make(HALFBAND, 11).phases[0] == tuple(Term(c, k) for k, c in enumerate(HALFBAND))
    assert make(some(13), 20, interpolate=3).spacing == 6
    assert make(some(13), 16, interpolate=3).spacing == 5
    assert [t.coefficient for t in make((1, 2, 3, 4, 5), 9, interpolate=3).phases[1]] == [2, 5]
    assert CASES["S2"].top("m").outputs[0].width == 16
    assert [p.name for p in CASES["complex, two multipliers, symmetric"].top("m").inputs] == ["i_re", "i_im"]


@pytest.mark.parametrize("name", CASES)
def test_exact_is_upfirdn(name: str) -> None:
    f = CASES[name]
    x = drawn(f, 61)
    length = {True: -(-61 // f.decimate), False: 61 * f.interpolate}[f.decimate > 1]
    for row, got in zip(x, f.exact(x), strict=True):
        full = upfirdn(np.array(f.coefficients, dtype=float), row.astype(float), f.interpolate, f.decimate)
        want = np.concatenate([full, np.zeros(length)])[:length]
        assert np.array_equal(got, want)
    assert np.array_equal(f.exact(x[0]), f.exact(x)[0])
    assert np.array_equal(f.model(x[0]), f.model(x)[0])


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("dsp", [False, True])
def test_model_rounds_the_exact_sum(rounding: Rounding, overflow: Overflow, dsp: bool) -> None:
    f = make(mirrored(12), 7, output=Format(1, 8), rounding=rounding, overflow=overflow, dsp=dsp)
    x = drawn(f, 300)
    saturated = 0
    for got, exact in zip(f.model(x[0]), f.exact(x[0]), strict=True):
        scaled = Fraction(int(exact), 1 << 14 - 8)
        nearest = scaled + Fraction(1, 2)
        want = {"floor": scaled.__floor__, "half_up": nearest.__floor__, "half_even": scaled.__round__}[rounding]()
        saturated += not -256 <= want < 256
        want = (want + 256) % 512 - 256 if overflow == Overflow.WRAP else min(max(want, -256), 255)
        assert got == want
    assert saturated > 10


def test_truncation_by_fractions() -> None:
    f = make((5, -77, 77, -5), 5, lsb=-9, rounding=Rounding.FLOOR)
    x = drawn(f, 200)
    # The LUT multiplier inverts instead of negating: each digit -1 takes its weight off the product.
    short = {c: sum(4**j for j, d in enumerate(base4(c)) if d == -1) for c in f.coefficients}
    history = np.concatenate([np.zeros(3, dtype=int), x[0]])
    for n, got in enumerate(f.model(x[0])):
        total = sum((c * int(history[n + 3 - k]) - short[c]) // 32 for k, c in enumerate(f.coefficients))
        assert got == total + f.loads[0]


@pytest.mark.parametrize("name", CASES)
def test_error_bound_holds(name: str) -> None:
    f = replace(CASES[name], output=Format(9, CASES[name].output.fraction))  # nothing saturates or wraps
    x = drawn(f, 4000)
    error = np.ldexp(f.model(x).astype(float), -f.output.fraction) - np.ldexp(f.exact(x).astype(float), f.product_lsb)
    assert np.abs(error).max() <= f.error_bound * f.output.lsb
    assert np.abs(error).max() >= 0.4 * f.error_bound * f.output.lsb


def test_dropped_is_what_the_truncated_products_lose() -> None:
    f = make(mirrored(20), 12, lsb=-9, output=Format(6, 20))
    assert make(mirrored(20), 12).dropped.variance == 0
    x = drawn(f, 200_000)[:, 1000:]
    error = np.ldexp(f.model(x[0]).astype(float), 7 - 20) - np.ldexp(f.exact(x[0]).astype(float), 7 - 14)
    assert abs(error.mean()) < 2.0 ** -(9 - 7)  # centred to half a step of the accumulator, and the noise of the mean
    assert f.dropped.variance == pytest.approx(error.var(), rel=0.1)
    assert f.dropped.low <= f.dropped.mean <= f.dropped.high


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coefficients": (0, 0)}, "not 0"),
        ({"interval": 1}, "at least 2 clocks"),
        ({"interval": 3, "interpolate": 2}, "at least 2 clocks"),
        ({"decimate": 2, "interpolate": 2}, "not both"),
        ({"channels": 3}, "1 or 2"),
        ({"decimate": 0}, "1 or more"),
        ({"lsb": -15}, "-14"),
        ({"input": Format(1, 60)}, "more than 62"),
    ],
)
def test_refuses(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Folded(**{"coefficients": (1, 2), "fraction": 7, "input": INPUT, "output": OUTPUT, "interval": 4, **options})
    with pytest.raises(ValueError, match=r"-128\.\.127"):
        make((1, 2), 4).model(np.array([128]))


# ------------------------------------------------------------------------------------------------------ hardware
def bench(folded: Folded, count: int, gap_probability: float = 0.15) -> tuple[Script, Expected]:
    top, rng = folded.top("filter"), np.random.default_rng(7)
    # Resets before the memory has filled, after, and so many that each clock of an output is hit.
    resets = sorted(
        {count // 3, count // 3 + 1, count // 3 + folded.history // 2, *range(count // 2, count // 2 + 80, 2)}
    )
    made = script(drawn(folded, count), rng, gap_probability=gap_probability, resets=resets, drain=top.span,
                  interval=folded.interval)  # fmt: skip
    settle = 0 if folded.reset_data else len(folded.coefficients) - 1
    return made, top.expected(made, folded.model, settle=settle)


@pytest.mark.parametrize("name", CASES)
def test_hardware_is_bit_true(name: str, tmp_path: Path) -> None:
    f = CASES[name]
    text = verilog(f.component(), "filter")
    for k, gaps in enumerate((0.0, 0.4)):
        done = run_bench(tmp_path / str(k), f, text, *bench(f, 420, gaps))
        assert (done.returncode, done.stdout[:6]) == (0, "PASS: ")


@pytest.mark.parametrize("name", ["S2", "complex interpolator, DSP, truncated"])
def test_hardware_is_bit_true_in_cocotb(name: str) -> None:
    f = CASES[name]
    made, answer = bench(f, 400)
    result = simulate(verilog(f.component(), "filter"), f.top("filter"), made, answer)
    assert (result.mismatches, result.first, result.samples) == (0, None, answer.samples)


def run_bench(folder: Path, folded: Folded, text: str, made: Script, answer: Expected) -> subprocess.CompletedProcess:
    write_bench(folder, folded.top("filter"), made, answer)
    (folder / "filter.v").write_text(text)
    return subprocess.run([folder / "tb" / "run.sh"], capture_output=True, text=True, check=False, timeout=120)


BROKEN = make(some(6), 8)
# Pairs (text, replacement) for the Verilog of `BROKEN`.
MUTATIONS = {
    "ready at once": ("assign i_ready = ~ \\$1 ;", "assign i_ready = 1'h1;"),
    "busy a clock short": ("step == 3'h7;", "step == 3'h6;"),
    "one bit of a coefficient": ("table0[3] = 8'hc0;", "table0[3] = 8'hc1;"),
    "one tap on": ("address0_0 = write_address - step;", "address0_0 = write_address - step + 1'h1;"),
    "reset keeps the samples": ("read__addr[3] = address0_0[3] & ", "read__addr[3] = 1'h0 & "),
    "never full": ("full <= filled;", "full <= 1'h0;"),
    "always full": ("if (rst) full <= 1'h0;\n    else if", "if"),
    "reset keeps the pointer": ("if (rst) write_address <= 3'h0;\n    else if", "if"),
    "reset keeps what is in flight": ("if (rst) last_2 <= 1'h0;\n    else last_2", "last_2"),
    "reset keeps it busy": ("if (rst) step <= 3'h0;\n    else if", "if"),
    "output a clock early": ("else o_valid <= last_4;", "else o_valid <= last_3;"),
    "result a clock early": ("if (last_4) o_data", "if (last_3) o_data"),
    "never loaded": ("if (load0_3) sum0_data", "if (1'h0) sum0_data"),
    "loads another constant": ("17'h0012e", "17'h0013e"),
    "negates in full": ("= ~ operand0_data", "= - operand0_data"),
    "point moved": ("sum0_data[16:5]", "sum0_data[15:4]"),
    "step lost under a gap": ("port__en | \\$1 ;", "port__en | (\\$1 & i_valid);"),
}


@pytest.fixture(scope="module")
def right() -> str:
    return verilog(BROKEN.component(), "filter")


@pytest.mark.parametrize("name", MUTATIONS)
def test_broken_hardware_is_caught(name: str, right: str, tmp_path: Path) -> None:
    old, new = MUTATIONS[name]
    assert right.count(old) == 1
    done = run_bench(tmp_path, BROKEN, right.replace(old, new), *bench(BROKEN, 300))
    assert done.returncode != 0
    assert "FAIL: " in done.stdout


def test_cocotb_catches_broken_hardware(right: str) -> None:
    old, new = MUTATIONS["never full"]
    result = simulate(right.replace(old, new), BROKEN.top("filter"), *bench(BROKEN, 300))
    assert not result.bit_true


def test_a_long_filter_is_small() -> None:
    found = synthesise(verilog(CASES["S2"].component(), "filter"), "filter", "ice40")
    assert found.lut <= 330
    assert (found.dsp, found.bram) == (0, 3)
