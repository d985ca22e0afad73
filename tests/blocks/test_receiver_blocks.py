"""Mixer, CIC decimator and chain: models against rational arithmetic, hardware against models, and broken hardware."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from receiver_cases import simulated, words

from hwgen.blocks.chain import Chain
from hwgen.blocks.cic import Cic
from hwgen.blocks.mixer import Mixer
from hwgen.blocks.nco import Nco
from hwgen.fixed import Format

RNG = np.random.default_rng(11)


def mixer(channels: int = 1, guard: int = 20, used: int = 10, fraction: int = 9, nco: Nco | None = None) -> Mixer:
    return Mixer(Format(1, 11), channels, nco or Nco(160, 41, 0, 7), used, fraction, guard)


# ------------------------------------------------------------------------------------------------------------- mixer
@pytest.mark.parametrize("channels", [1, 2])
def test_a_mixer_with_all_rows_truncates_the_product_and_inverts_it(channels: int) -> None:
    block = mixer(channels)
    x = words(block, 400, RNG)
    magnitudes, negative = block.nco.parts(block.nco.phases(400))

    def product(n: int, part: int, wave: int, minus: bool) -> int:
        exact = Fraction(int(x[part, n]) >> 2, 2**9) * Fraction(int(magnitudes[wave, n]), 2**7)
        kept = floor(exact * 2**9)
        return -kept - 1 if bool(negative[wave, n]) != minus else kept

    re, im = block.model(x)
    for n in range(400):
        if channels == 1:
            assert (re[n], im[n]) == (product(n, 0, 0, False), product(n, 0, 1, True))
        else:
            assert re[n] == product(n, 0, 0, False) + product(n, 1, 1, False)
            assert im[n] == product(n, 1, 0, False) + product(n, 0, 1, True)


@pytest.mark.parametrize("guard", [0, 1, 3, 20])
def test_rows_without_their_low_bits_err_by_no_more_than_those(guard: int) -> None:
    block = mixer(guard=guard)
    x = words(block, 3000, RNG)
    wave = np.ldexp(block.nco.words(block.nco.phases(3000)).astype(float), -7)
    exact = np.stack([1, -1])[:, None] * wave * (x[0] >> 2) / 2**9
    off = np.abs(block.model(x) - exact * 2**9)
    assert off.max() <= 1 + sum(((1 << lost) - 1) * 2.0 ** (row - block.cut) for row, lost in enumerate(block.lost))
    assert np.abs(block.model(x)).max() <= block.limit


NCOS = [
    Nco(160, 41, 0, 7),
    Nco(1 << 12, 555, 4, 5),
    Nco(4, 1, 0, 8),
    Nco(1 << 10, 3, 8, 7),
    Nco(1 << 16, None, 8, 6),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("nco", NCOS, ids=str)
def test_the_verilog_of_a_mixer_is_bit_true(nco: Nco, channels: int) -> None:
    block = mixer(channels, 2, nco=nco)
    assert simulated(block, words(block, 1500, RNG)).bit_true


# --------------------------------------------------------------------------------------------------------------- CIC
def counted(block: Cic, x: list[int]) -> list[int]:
    """One sample at a time, in Python integers, every register wrapped."""

    def wrapped(value: int, bits: int) -> int:
        half = 1 << block.width - bits - 1
        return (value + half) % (2 * half) - half

    n, dropped = block.stages, block.dropped
    registers, late = [0] * n, [[0] * block.delay for _ in range(n)]
    found = []
    for number, sample in enumerate(x):
        word, before = sample, 0
        for k in range(n):
            registers[k] = wrapped(registers[k] + (word >> dropped[k] - before), dropped[k])
            word, before = registers[k], dropped[k]
        if number % block.decimate:
            continue
        for k in range(n):
            cut = word >> dropped[n + k] - before
            late[k].append(cut)
            word, before = wrapped(cut - late[k].pop(0), dropped[n + k]), dropped[n + k]
        found.append(word >> dropped[-1] - before)
    return found


CICS = [
    Cic(Format(1, 7), 1, 3, 8, 1, (0, 0, 0, 0, 0, 0, 0), 8 + 9),
    Cic(Format(1, 11), 2, 3, 8, 1, (0, 0, 1, 3, 4, 5, 6), 12 + 9),
    Cic(Format(1, 11), 1, 4, 5, 2, (0, 1, 1, 3, 4, 5, 6, 7, 8), 12 + 14),
    Cic(Format(2, 6), 2, 1, 2, 3, (1, 1, 2), 8 + 3),
]


@pytest.mark.parametrize("block", CICS, ids=str)
def test_a_cic_is_its_registers_and_its_verilog_its_model(block: Cic) -> None:
    x = words(block, 1200, RNG)
    assert [row.tolist() for row in block.model(x)] == [counted(block, row.tolist()) for row in x]
    assert simulated(block, x).bit_true


def test_a_cic_that_drops_nothing_is_the_convolution_of_boxes() -> None:
    block = CICS[0]
    x = RNG.integers(-127, 128, 500)
    response = np.ones(1, dtype=np.int64)
    for _ in range(block.stages):
        response = np.convolve(response, np.ones(8, dtype=np.int64))
    assert list(block.responses[0]) == response.tolist()
    assert block.model(x)[0].tolist() == np.convolve(x, response)[:500:8].tolist()


def test_what_truncation_adds_stays_within_its_bound() -> None:
    block, exact = CICS[1], Cic(Format(1, 11), 2, 3, 8, 1, (0,) * 7, 12 + 9)
    x = RNG.integers(-1024, 1024, (2, 8000))
    off = block.model(x) * 2.0 ** block.dropped[-1] - exact.model(x)
    assert -block.error_bound - 2 ** block.dropped[-1] < off.min()
    assert off.max() <= block.error_bound


# ------------------------------------------------------------------------------------------------------------- chain
def chained() -> Chain:
    first = mixer(guard=2)
    return Chain((first, Cic(first.output, 2, 3, 4, 1, (0, 0, 1, 1, 2, 3, 4), Cic.needed(first.limit, 64, 40))))


def test_a_chain_is_its_stages_one_after_another() -> None:
    chain = chained()
    x = words(chain, 2000, RNG)
    assert chain.model(x).tolist() == chain.stages[1].model(chain.stages[0].model(x)).tolist()
    assert (chain.latency, chain.decimate, chain.outputs) == (8, 4, 2)
    assert simulated(chain, x).bit_true


# The text occurs once.
BROKEN = {
    "a row of a product subtracted": ("= $signed(mixer_row1_0_re) + ", "= $signed(mixer_row1_0_re) - "),
    "the wrong sign": ("^ { mixer_cos_negative, mixer_cos_negative,", "^ { mixer_sin_negative, mixer_cos_negative,"),
    "an integrator not reset": ("if (rst) cic_integrator1_re <= 16'h0000;\n    else if", "if"),
    "a comb's delay that moves in gaps": ("else if (cic_valid4) cic_late1_im", "else cic_late1_im"),
    "a word of the table": ("mixer_falling[3] = 7'h7a", "mixer_falling[3] = 7'h7f"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_chain_is_found_out(name: str) -> None:
    chain = chained()
    assert simulated(chain, words(chain, 2000, RNG), BROKEN[name]).mismatches > 0


def test_stages_that_do_not_fit_are_refused() -> None:
    first = mixer()
    with pytest.raises(ValueError, match=r"stage 1 takes 2 x s1\.5"):
        Chain((first, Cic(Format(1, 5), 2, 2, 4, 1, (0,) * 5, 12)))
    with pytest.raises(ValueError, match="wider than 62"):
        Cic(Format(1, 11), 1, 6, 1024, 1, (0,) * 13, 72)
    with pytest.raises(ValueError, match="drops 5 bits of samples of 5"):
        Cic(Format(1, 4), 1, 2, 4, 1, (5,) * 5, 9)
    with pytest.raises(ValueError, match="rising numbers"):
        Cic(Format(1, 11), 1, 2, 8, 1, (0, 1, 0, 1, 1), 20)
