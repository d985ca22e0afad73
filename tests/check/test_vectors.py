"""The script and the expectation, by hand."""

import numpy as np
import pytest
from three_taps import COMPLEX_TOP, LATENCY, TOP, bench, model

from hwgen.check import words
from hwgen.check.script import Script, script
from hwgen.check.vectors import Expected, Port, Top, expected


def by_hand(rst: str, valid: str, data: list[int]) -> Script:
    bits = [np.array([c == "1" for c in text]) for text in (rst, valid)]
    return Script(bits[0], bits[1], np.array([data]))


def running_sum(x: np.ndarray) -> np.ndarray:
    return np.cumsum(x, axis=1)


def test_each_sample_is_answered_after_the_latency() -> None:
    answer = expected(by_hand("000000", "110100", [1, 2, 9, 3, 9, 9]), running_sum, 2)
    assert answer.valid.tolist() == [False, False, True, True, False, True]
    assert answer.data.tolist() == [[0, 0, 1, 3, 0, 6]]
    assert answer.compare.tolist() == answer.valid.tolist()
    assert answer.samples == 3


def test_a_reset_drops_what_is_in_flight_and_forgets_history() -> None:
    # Samples at 0, 1 and 2; the reset at 3 comes with an i_valid that must be ignored; a sample at 4.
    answer = expected(by_hand("0001000", "1111100", [1, 2, 4, 8, 16, 0, 0]), running_sum, 2)
    # Outputs of 0 and 1 are seen at 2 and 3 (the edge of the reset itself), that of 2 never, that of 4 is fresh.
    assert np.flatnonzero(answer.valid).tolist() == [2, 3, 6]
    assert answer.data[0, [2, 3, 6]].tolist() == [1, 3, 16]


def test_latency_zero_answers_at_once() -> None:
    answer = expected(by_hand("010", "111", [1, 2, 4]), running_sum, 0)
    assert answer.valid.tolist() == [True, False, True]
    assert answer.data.tolist() == [[1, 0, 4]]


def test_settling_outputs_after_a_reset_are_not_compared() -> None:
    answer = expected(by_hand("00100000", "11011110", [1, 2, 0, 4, 8, 16, 32, 0]), running_sum, 1, settle=2)
    assert np.flatnonzero(answer.valid).tolist() == [1, 2, 4, 5, 6, 7]
    assert np.flatnonzero(answer.compare).tolist() == [1, 2, 6, 7]
    assert answer.data.tolist() == [[0, 1, 3, 0, 0, 0, 28, 60]]


def test_expected_refuses_what_it_cannot_answer() -> None:
    with pytest.raises(ValueError, match="drain must be at least the latency, 3"):
        expected(by_hand("0000", "0100", [0, 1, 0, 0]), running_sum, 3)
    with pytest.raises(ValueError, match="takes no sample"):
        expected(by_hand("10", "10", [0, 1]), running_sum, 0)
    with pytest.raises(ValueError, match=r"model returned \(1, 3\) for 2 samples"):
        expected(by_hand("000", "110", [1, 2, 0]), lambda x: np.zeros((1, 3)), 0)


def test_script_keeps_every_sample_in_order_among_gaps_and_resets() -> None:
    rng = np.random.default_rng(5)
    samples = rng.integers(-8, 8, size=(2, 1000))
    resets = [0, 10, 11, 500, 999]
    made = script(samples, rng, gap_probability=0.5, resets=resets, idle=[(300, 40)], drain=7)
    assert np.array_equal(made.data[:, made.taken], samples)
    when = np.flatnonzero(made.taken)
    between = [made.rst[low + 1 : high].sum() for low, high in zip([-1, *when], when, strict=False)]
    assert [index for index, count in enumerate(between) if count] == resets
    assert all(1 <= between[index] <= 3 for index in resets)
    assert (made.valid & made.rst).any()
    assert when[300] - when[299] > 40
    assert made.clocks - when[-1] - 1 == 7
    assert 0.4 < 1 - len(when) / (made.clocks - 7) < 0.6
    assert made.data.min() == -8  # garbage stays inside the range of the samples' format
    assert made.data.max() == 7


def test_script_without_gaps_takes_a_sample_on_every_clock() -> None:
    made = script(np.arange(20), np.random.default_rng(0), gap_probability=0, drain=3)
    assert made.valid.tolist() == [True] * 20 + [False] * 3


def test_script_repeats_with_the_seed() -> None:
    one, two = (script(np.arange(99), np.random.default_rng(3), resets=[50]) for _ in range(2))
    assert all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("rst", "valid", "data"))


@pytest.mark.parametrize(
    "options", [{"gap_probability": 1.0}, {"resets": [4]}, {"idle": [(-1, 3)]}, {"drain": -1}, {"idle": [(0, -2)]}]
)
def test_script_refuses(options: dict) -> None:
    with pytest.raises(ValueError, match=r"must be|name samples"):
        script(np.arange(4), np.random.default_rng(0), **options)


def test_ports_and_tops_say_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="between 1 and 62, not 63"):
        Port("i_data", 63, True)
    with pytest.raises(ValueError, match="latency must be 0 or more"):
        Top("m", TOP.inputs, TOP.outputs, -1)
    with pytest.raises(ValueError, match="at least one data input"):
        Top("m", (), TOP.outputs, 1)
    assert (Port("x", 8, True).minimum, Port("x", 8, True).maximum) == (-128, 127)
    assert (Port("x", 8, False).minimum, Port("x", 8, False).maximum) == (0, 255)


def test_lines_by_hand() -> None:
    top = Top("m", (Port("i_data", 5, True),), (Port("o_re", 4, True), Port("o_im", 9, False)), 1)
    stimulus = by_hand("010", "110", [-1, -16, 15])
    assert words.stimulus(stimulus, top) == b"11f\n310\n00f\n"
    flags = [np.array([False, True, True]), np.array([False, True, False])]
    answer = Expected(flags[0], np.array([[0, -8, 0], [0, 511, 0]]), flags[1])
    assert words.expected_lines(answer, top) == b"00000\n381ff\n10000\n"


def test_values_beyond_a_port_are_refused() -> None:
    with pytest.raises(ValueError, match=r"samples of i_data span 1\.\.128, beyond its -128\.\.127"):
        words.stimulus(by_hand("00", "11", [1, 128]), TOP)
    late = Expected(np.array([True]), np.array([[2048]]), np.array([True]))
    with pytest.raises(ValueError, match="which o_data cannot carry"):
        words.expected_lines(late, TOP)
    with pytest.raises(ValueError, match="1 channels of input data for 2 input ports"):
        words.stimulus(by_hand("00", "11", [1, 2]), COMPLEX_TOP)


def test_compare_tells_every_kind_of_mismatch() -> None:
    ports = (Port("o_re", 4, True), Port("o_im", 8, False))
    want = b"0000\n38ff\n1000\n"
    assert words.compare(b"0xzX\n18ff\n1zzz\n", want, ports) == (0, None)  # data that is not compared may be anything
    assert words.compare(b"1000\n18ff\n1000\n", want, ports) == (1, "clock 0: o_valid is 1, expected 0")
    assert words.compare(b"x000\n18ff\n1000\n", want, ports) == (1, "clock 0: o_valid is x, expected 0")
    assert words.compare(b"0000\n17ff\n1000\n", want, ports) == (1, "clock 1: o_re is 7, expected -8")
    assert words.compare(b"0000\n18fX\n1000\n", want, ports) == (1, "clock 1: o_im is 0xfX, expected 255")
    assert words.compare(b"0000\n08f0\n0000\n", want, ports) == (
        2,
        "clock 1: o_valid is 0, expected 1, o_im is 240, expected 255; clock 2: o_valid is 0, expected 1",
    )
    with pytest.raises(ValueError, match="2 clocks, 3 were expected"):
        words.compare(b"0000\n18ff\n", want, ports)


def test_the_bench_of_the_other_tests_holds_what_they_need() -> None:
    stimulus, answer = bench()
    assert stimulus.rst.sum() >= 4
    assert (stimulus.valid & stimulus.rst).any()
    assert (~stimulus.valid).sum() > 100
    assert answer.samples < stimulus.taken.sum()  # some output in flight is dropped by a reset
    assert np.array_equal(model(np.array([[1, 0, 0, 0]])), [[3, -5, 2, 0]])
    assert TOP.latency == LATENCY
