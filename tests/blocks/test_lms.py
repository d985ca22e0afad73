"""The LMS equaliser: its model against fractions, its hardware against the model, broken hardware."""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import floor

import numpy as np
import pytest
from lms_cases import CASES, bench, drawn, equaliser
from mutants import mutated

from hwgen.blocks.dither import Cut, following, seed, states, window
from hwgen.blocks.lms import Lms, Tap
from hwgen.blocks.lms_model import adapted
from hwgen.check.bulk import simulate_bulk
from hwgen.check.simulate import simulate
from hwgen.emit import verilog
from hwgen.fixed import Format


# --------------------------------------------------------------------------------------------------------- model
def floored(value: Fraction, fraction: int) -> Fraction:
    return Fraction(floor(value * 2**fraction), 2**fraction) if fraction >= 0 else Fraction(floor(value))


def limited(value: Fraction, form: Format) -> Fraction:
    lsb = Fraction(2) ** -form.fraction
    return min(max(value, form.minimum * lsb), form.maximum * lsb)


def by_fractions(f: Lms, data: np.ndarray) -> list[tuple[int, ...]]:
    """The equations of the docstrings, one sample after the other, in exact numbers."""
    parts = f.channels
    weights = [[Fraction(v, 2**t.weight.fraction), Fraction(0)][:parts] for v, t in zip(f.initial, f.taps, strict=True)]
    history: list[list[Fraction]] = []
    errors: list[list[Fraction]] = []
    found, state = [], seed(0)

    def at(n: int) -> list[Fraction]:
        return history[n] if n >= 0 else [Fraction(0)] * parts

    for n in range(data.shape[1]):
        finest = Format(f.input.integer, max([t.data for t in f.taps] + [t.correlated for t in f.taps]))
        half = Fraction(1, 2 ** (finest.fraction + 1))
        given = [Fraction(int(v), 2**f.input.fraction) for v in data[:parts, n]]
        history.append([limited(floored(v + half, finest.fraction), finest) for v in given])
        m = n - 1 - f.delay  # whose error is added before this sample
        if m >= 0:
            for k, tap in enumerate(f.taps):
                x, e = [floored(v, tap.correlated) for v in at(m - k)], errors[m]
                # e times the conjugate of x
                gradient = [e[0] * x[0] + e[1] * x[1], e[1] * x[0] - e[0] * x[1]] if parts == 2 else [e[0] * x[0]]
                for part in range(parts):
                    exact = sum(Fraction(1, 2**s) for s in f.steps) * gradient[part]
                    exact -= weights[k][part] / 2**f.leak if f.leak is not None else 0
                    more = Fraction(0)
                    lsb = Fraction(1, 2**tap.weight.fraction)
                    if f.rounding is Cut.HALF_UP:
                        more = lsb / 2
                    if f.rounding is Cut.STOCHASTIC:
                        drop = f.gradient_fraction[k] - tap.weight.fraction
                        bits = window(state, k * parts + part) & ((1 << max(drop, 0)) - 1)
                        more = lsb * Fraction(bits, 2 ** max(drop, 0))
                    moved = weights[k][part] + floored(exact + more, tap.weight.fraction)
                    weights[k][part] = limited(moved, tap.weight)
            state = following(state)
        total = [Fraction(f.constant, 2**f.sum_fraction)] * parts
        for k, tap in enumerate(f.taps):
            x = [floored(v, tap.data) for v in at(n - k)]
            c = [floored(v, tap.used) for v in weights[k]]
            product = [x[0] * c[0] - x[1] * c[1], x[0] * c[1] + x[1] * c[0]] if parts == 2 else [x[0] * c[0]]
            total = [t + floored(p, f.sum_fraction) for t, p in zip(total, product, strict=True)]
        y = [limited(floored(t, f.output.fraction), f.output) for t in total]
        unit = Fraction(f.spacing, 2**f.output.fraction)
        points = [(2 * level + 1 - f.levels) * unit for level in range(f.levels)]
        nearest = [max(range(f.levels), key=lambda k, v=v: (-abs(points[k] - v), k)) for v in y]
        known = [int(data[parts + 1, n]) >> f.symbol_bits * p & (f.levels - 1) for p in range(parts)]
        e = [points[k if data[parts, n] else d] - v for k, d, v in zip(known, nearest, y, strict=True)]
        if f.rule == "sign-error":
            e = [Fraction(-1 if v < 0 else 1) for v in e]
        else:
            half = Fraction(1, 2 ** (f.error.fraction + 1))
            e = [limited(floored(v + half, f.error.fraction), f.error) for v in e]
        errors.append(e)
        symbol = sum(d << f.symbol_bits * p for p, d in enumerate(nearest))
        found.append((*(int(v * 2**f.output.fraction) for v in y), symbol))
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_model_is_what_fractions_say(name: str) -> None:
    f = CASES[name]
    data = drawn(f, 180)
    assert [tuple(int(v) for v in column) for column in f.model(data).T] == by_fractions(f, data)


def test_a_step_by_hand() -> None:
    # One real tap, w = 1: y = x = 3/4 (and the half bit of rounding), d = 1 trains, e = 1/4, mu e x = 1/4 3/4 / 2.
    f = Lms(
        Format(1, 3), Format(2, 3), (Tap(Format(2, 8), 8, 3, 3),), (256,), 11, Format(1, 4), (1,), 8, complex=False
    )  # fmt: skip
    found = adapted([f], [np.array([[6], [1], [1]])])
    assert found.outputs[0][:, 0].tolist() == [6, 1]
    assert found.weights.ravel().tolist() == [256 + 24]
    assert found.last_moves.ravel().tolist() == [0]


def test_streams_and_equalisers_together_are_what_they_are_alone() -> None:
    f, narrow = equaliser(), equaliser(error=Format(1, 4), sum_fraction=8)
    streams = [drawn(f, 120, seed=3), drawn(f, 90, seed=4)]
    for together, stream in zip(f.model_streams(streams), streams, strict=True):
        assert np.array_equal(together, f.model(stream))
    both = adapted([f, narrow], [streams[0]]).outputs
    assert np.array_equal(both[0], f.model(streams[0]))
    assert np.array_equal(both[1], narrow.model(streams[0]))
    paired = adapted([f, narrow], streams).outputs
    assert np.array_equal(paired[0], f.model(streams[0]))
    assert np.array_equal(paired[1], narrow.model(streams[1]))
    with pytest.raises(ValueError, match="one of either"):
        adapted([f, narrow], [*streams, streams[0]])
    with pytest.raises(ValueError, match="widths and step sizes alone"):
        adapted([f, equaliser(delay=1)], [streams[0]])


def test_an_update_below_half_an_lsb_is_lost_and_stochastic_rounding_lets_it_through() -> None:
    made = {
        cut: Lms(
            Format(1, 7), Format(2, 7), (Tap(Format(2, 6), 6, 7, 7),), (64,), 13, Format(1, 7), (5,), 64,
            complex=False, rounding=cut,
        )
        for cut in (Cut.HALF_UP, Cut.STOCHASTIC)
    }  # fmt: skip
    # x = 1/4, w = 1, d = 1/2: mu e x = 1/4 1/4 / 32 is an eighth of an LSB of w.
    data = np.array([[32], [1], [1]]) * np.ones(400, dtype=np.int64)
    assert adapted([made[Cut.HALF_UP]], [data]).weights.ravel().tolist() == [64]
    assert adapted([made[Cut.STOCHASTIC]], [data]).weights.ravel()[0] > 80


# -------------------------------------------------------------------------------------------------------- dither
def test_the_shift_register_is_prbs31() -> None:
    # ITU-T O.150: b[i] = b[i - 31] ^ b[i - 28], one bit at a time from the bits of the seed.
    bits = [seed(3) >> k & 1 for k in range(31)]
    while len(bits) < 31 + 28 * 40:
        bits.append(bits[-31] ^ bits[-28])
    wanted = [sum(b << k for k, b in enumerate(bits[28 * n : 28 * n + 31])) for n in range(40)]
    assert states(seed(3), 40).tolist() == wanted
    assert len({seed(k) for k in range(1000)}) == 1000


def test_random_bits_are_balanced() -> None:
    found = states(seed(0), 1 << 16)
    for point in range(5):
        share = np.array([(window(found, point) >> k & 1).mean() for k in range(31)])
        assert np.abs(share - 0.5).max() < 5 * 0.5 / 256  # five standard deviations


# ------------------------------------------------------------------------------------------------------ hardware
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("gaps", [0.0, 0.6])
def test_the_hardware_is_bit_true(name: str, gaps: float) -> None:
    f = CASES[name]
    top, stimulus, wanted = bench(f, 240, gaps)
    result = simulate(verilog(f.component(), "dut"), top, stimulus, wanted)
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 210


def test_the_hardware_is_bit_true_in_bulk() -> None:
    f = CASES["three samples late, leaking"]
    top, stimulus, wanted = bench(f, 20_000)
    result = simulate_bulk(verilog(f.component(), "dut"), top, stimulus, wanted)
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 19_000


@lru_cache
def emitted(name: str) -> str:
    return verilog(CASES[name].component(), "dut")


PLAIN, LATE, DITHERED = "complex", "three samples late, leaking", "two steps, leaking, stochastic"
SIGNED = "sign of the error, real, late, leaking"
# Name to (equaliser, text, replacement); the text occurs once.
MUTATIONS = {
    "the sign of an update": (PLAIN, "next_w1_re_exact = $signed(w1_re) + ", "next_w1_re_exact = $signed(w1_re) - "),
    "a coefficient that is not reset": (PLAIN, "if (rst) w0_re <= 12'h000;\n    else if (x_valid)", "if (x_valid)"),
    "a coefficient that moves in gaps": (PLAIN, "else if (x_valid) w0_re <= ", "else w0_re <= "),
    "training that never ends": (PLAIN, "if (i_valid) train <= i_train;", "train <= 1'h1;"),
    "a delay that moves in gaps": (PLAIN, "else if (i_valid) x3_re <= ", "else x3_re <= "),
    "an error in the wrong slot": (LATE, "now2_re = arrives2", "now2_re = arrives1"),
    "updates before there is an error": (SIGNED, "moves = i_valid & begun2", "moves = i_valid"),
    "an update a register early": (LATE, "moves = i_valid & begun3", "moves = valid2 & begun3"),
    "a shift register that runs freely": (DITHERED, "else if (x_valid) lfsr <= ", "else lfsr <= "),
    "a shift register with other taps": (DITHERED, "lfsr[27:0] ^ lfsr[30:3]", "lfsr[27:0] ^ lfsr[29:2]"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    case, text, replacement = MUTATIONS[name]
    result = simulate(mutated(emitted(case), text, replacement), *bench(CASES[case]))
    assert result.mismatches > 0
    assert not result.bit_true


# ---------------------------------------------------------------------------------------------------- parameters
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"levels": 3}, "levels must be 2 or 4"),
        ({"spacing": 512}, "does not fit the output"),
        ({"rule": "rls"}, "rule must be one of"),
        ({"steps": (4, 4)}, "different powers of two"),
        ({"delay": 7}, "delay must be between 0 and 6"),
        ({"leak": 0}, "leak must be 1 or more"),
        ({"rounding": Cut.STOCHASTIC, "steps": (30,)}, "stochastic rounding drops"),
        ({"steps": (60,)}, "more than 62"),
        ({"initial": (0, 0, 5000, 0, 0)}, "is no word of the signed format"),
        ({"taps": (Tap(Format(2, 8), 9, 6, 5),) * 5, "initial": (0,) * 5}, "used must be between"),
    ],
)
def test_wrong_parameters_are_refused(change: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(equaliser(), **change)
    with pytest.raises(ValueError, match="samples must lie"):
        equaliser().model(drawn(equaliser(), 20) * 4)
