"""The combiner: its model against fractions, its hardware against the model, broken hardware."""

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from math import floor

import numpy as np
import pytest
from combiner_cases import CASES, bench, drawn
from mutants import mutated

from hwgen.blocks.combiner import Combiner
from hwgen.blocks.combiner_tree import Word, complemented, leaf, tree
from hwgen.check.bulk import simulate_bulk
from hwgen.check.simulate import simulate
from hwgen.cost.resources import synthesise
from hwgen.emit import verilog
from hwgen.fixed import Format


# --------------------------------------------------------------------------------------------------------- model
def unpacked(c: Combiner, column: np.ndarray) -> list[tuple[int, int]]:
    """Signed words of the active antennas, from the text of the ports' formats: re low, im high."""
    found = []
    for port, word in zip(c.inputs, column, strict=True):
        bits = port.width // 2
        parts = (int(word) % 2**bits, int(word) >> bits)
        found.append(tuple(p - 2**bits if p >= 2 ** (bits - 1) else p for p in parts))
    return found


def limited(value: Fraction, form: Format) -> int:
    return min(max(floor(value * 2**form.fraction + Fraction(1, 2)), form.minimum), form.maximum)


def by_fractions(c: Combiner, column: np.ndarray) -> list[int]:
    """conj(w) (n + 1/2 + j (n' + 1/2)), summed, rounded half up: without cuts."""
    made = []
    for row, form in zip(c.weights, c.outputs, strict=True):
        re = im = Fraction(0)
        for m, (x, y) in zip(c.active, unpacked(c, column), strict=True):
            a, b = (Fraction(v, 2**c.fraction) for v in row[m])
            p, q = x + Fraction(1, 2), y + Fraction(1, 2)
            re, im = re + a * p + b * q, im + a * q - b * p
        made += [limited(re, form), limited(im, form)]
    return made


def by_words(c: Combiner, column: np.ndarray) -> list[int]:
    """The trees word by word, cuts included, and their mean by enumeration of what each cut may drop."""
    x = [part for pair in unpacked(c, column) for part in pair]
    made = []
    for r, levels in enumerate(c.trees):
        form = c.outputs[r // 2]
        mean, values = Fraction(int(c.matrix[r].sum()), 2), list[int]()
        for depth, words in enumerate(levels):
            following = []
            for word in words:
                value = exact(word, depth, values, x, c.matrix[r])
                following.append(value - value % 2**word.lsb)
                if word.dropped:
                    fine = 2 ** (word.lsb - word.dropped)
                    lost = [Fraction(v) for v in range(0, 2**word.lsb, fine)]
                    mean += (-1 if word.negative else 1) * sum(lost, Fraction(0)) / len(lost)
            values = following
        total = sum(-v if w.negative else v for v, w in zip(values, levels[-1], strict=True))
        made.append(limited((total + mean) / 2**c.fraction, form))
    return made


def exact(word: Word, depth: int, values: list[int], x: list[int], row: np.ndarray) -> int:
    if depth == 0:
        return abs(int(row[word.sources[0]])) * x[word.sources[0]]
    found = [values[k] for k in word.sources]
    return found[0] if len(found) == 1 else found[0] - found[1] if word.subtract else found[0] + found[1]


@pytest.mark.parametrize("name", CASES)
def test_the_model_is_what_fractions_say(name: str) -> None:
    c = CASES[name]
    data = drawn(c, 80)
    wanted = by_words if any(c.cuts) else by_fractions
    assert c.model(data).T.tolist() == [wanted(c, column) for column in data.T]


def test_cuts_of_nothing_change_nothing() -> None:
    c = CASES["mixed widths"]
    data = drawn(c, 200)
    assert (replace(c, level=1).model(data) == c.model(data)).all()
    assert c.model(data).T.tolist() == [by_words(c, column) for column in data.T]


def test_a_sample_by_hand() -> None:
    # One antenna of 1 bit, word 0 - j: 1/2 - j / 2. The weight (3 + 2j) / 8: (3 - 2j)(1 - j) / 16 = (1 - 5j) / 16.
    c = Combiner((((3, 2),),), 3, (1,), (Format(1, 2),))
    assert c.model(np.array([[0b10]])).tolist() == [[0], [-1]]
    assert c.formats == {"i_y0": "s1.0 + 1/2 LSB: re in 0:0, im in 1:1", "o_s0_re": "s1.2", "o_s0_im": "s1.2"}


def test_packing_is_undone() -> None:
    c = CASES["mixed widths"]
    data = drawn(c, 50)
    assert (c.packed(c.unpacked(data)) == data).all()
    assert [port.name for port in c.inputs] == ["i_y0", "i_y2", "i_y3", "i_y4", "i_y5"]


def test_sums_that_are_subtracted_are_kept_as_complements() -> None:
    # x0 + x1 - x2 - x3 - x4: x4 is narrow and comes off first.
    levels = complemented(tree([leaf(k, c, (-4, 3)) for k, c in enumerate((1, 1, -1, -1, -1))], 3, 0, 0))
    assert [[(word.sources, word.subtract, word.inverted) for word in level] for level in levels[1:]] == [
        [((0, 1), False, False), ((2, 3), False, True), ((4,), False, False)],
        [((0, 2), True, False), ((1,), False, True)],
        [((0, 1), True, False)],
    ]
    # Where all is negative the last word itself is subtracted from the constant behind it.
    assert complemented(tree([leaf(k, -1, (-4, 3)) for k in range(2)], 1, 0, 0))[-1][0].inverted


def test_complements_save_inverters_and_change_nothing_else() -> None:
    made = [CASES[name].component() for name in ("mixed widths", "mixed widths, complements")]
    without, there = (synthesise(verilog(component, "dut"), "dut", "ice40").lut for component in made)
    assert there < without


def test_words_stay_in_their_spans_and_reach_them() -> None:
    c = CASES["mixed widths"]
    for r, levels in enumerate(c.trees):
        (word,) = levels[-1]
        row = -c.matrix[r] if word.negative else c.matrix[r]
        low, high = np.array(c.spans).T
        ends = (np.minimum(row * low, row * high).sum(), np.maximum(row * low, row * high).sum())
        assert tuple(v << word.lsb for v in word.span) == ends


# ------------------------------------------------------------------------------------------------------ hardware
@lru_cache
def emitted(name: str) -> str:
    return verilog(CASES[name].component(), "dut")


@pytest.mark.parametrize("name", CASES)
def test_the_hardware_is_bit_true(name: str) -> None:
    result = simulate(emitted(name), *bench(CASES[name], 400))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 370


def test_twenty_thousand_samples_in_icarus() -> None:
    result = simulate(emitted("cut sums"), *bench(CASES["cut sums"], 20_100))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples >= 20_000


@pytest.mark.parametrize("name", ["mixed widths", "cut products"])
def test_a_million_samples_in_verilator(name: str) -> None:
    result = simulate_bulk(emitted(name), *bench(CASES[name], 1_000_100))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples >= 1_000_000


# Name to (case, text, replacement); the text occurs once.
MUTATIONS = {
    "a sum for a difference": ("cut sums", "_2_0) - $signed(s0_re_2_1)", "_2_0) + $signed(s0_re_2_1)"),
    "a constant": ("cut sums", "$signed(s1_im_4_0) + $signed(4'h4)", "$signed(s1_im_4_0) + $signed(4'h3)"),
    "a node of a graph": ("cut sums", "y3_im[2:1] }) + $signed(y3_im)", "y3_im[2:1] }) - $signed(y3_im)"),
    "a cut a bit higher": ("cut sums", "s0_re_2_1 <= s0_re_2_1_sum[6:3];", "s0_re_2_1 <= s0_re_2_1_sum[6:4];"),
    "a word of another antenna": ("mixed widths", "y2_im <= i_y2[1];", "y2_im <= i_y5[1];"),
    "parts exchanged": ("mixed widths", "y0_re <= i_y0[2:0];", "y0_re <= i_y0[5:3];"),
    "a word that skips a register": ("mixed widths", "s1_im_4_0 <= s1_im_3_0;", "s1_im_4_0 <= s1_im_3_0_sum;"),
    "no saturation": ("saturating", "s0_re_out = s0_re_out_over ?", "s0_re_out = 1'h0 ?"),
    "valid a clock early": ("mixed widths", "else o_valid <= valid5;", "else o_valid <= valid4;"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    case, text, replacement = MUTATIONS[name]
    result = simulate(mutated(emitted(case), text, replacement), *bench(CASES[case], 120))
    assert result.mismatches > 0
    assert not result.bit_true


# ---------------------------------------------------------------------------------------------------- parameters
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weights": (((1, 0),),) * 2}, "a weight for each of the 6 antennas"),
        ({"bits": (3, 0, 1, 4, 2, 17)}, "an ADC has 0 to 16 bits"),
        ({"bits": (0,) * 6}, "at least 1"),
        ({"bits": (3, 0, 0, 4, 2, 1)}, "an antenna that is off must be 0"),
        ({"weights": (((131073, 0),) + ((0, 0),) * 5,) * 2}, "at most 17 bits"),
        ({"weights": (((1 << 50, 0),) + ((0, 0),) * 5,) * 2}, "a word would take"),
        ({"outputs": (Format(3, 4),)}, "as many output formats"),
        ({"outputs": (Format(3, 7), Format(3, 4))}, "fewer than 7 fraction bits"),
        ({"outputs": (Format(3, 4, False), Format(3, 4))}, "must be signed"),
        ({"cuts": (0, -1)}, "at least 0"),
    ],
)
def test_wrong_parameters_are_refused(change: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(CASES["mixed widths"], **change)


def test_words_outside_their_ports_are_refused() -> None:
    c = CASES["mixed widths"]
    with pytest.raises(ValueError, match=r"words of i_y0 must lie in 0\.\.63"):
        c.model(drawn(c, 5) + 64)
