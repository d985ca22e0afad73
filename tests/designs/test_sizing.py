"""Word lengths of given coefficients: the search ends where the goal does, and sums of four words stay together."""

from pathlib import Path

import numpy as np
import pytest
from filter_cases import JOINING, filter_of

from hwgen.cost.estimate import Estimate
from hwgen.designs.candidate import accuracy
from hwgen.designs.reference import reference
from hwgen.designs.sizing import Sizing
from hwgen.designs.values import Coefficients
from hwgen.designs.word_lengths import WordLengths
from hwgen.fixed import Format
from hwgen.joined import groups
from hwgen.response import remez
from hwgen.spec import parse

DESIGN = """\
[design]
name = "lowpass"
kind = "fir"
[input]
format = "s1.11"
sample_rate = 1e6
[output]
format = "s1.15"
[response]
bands = [{ start = 0, stop = 60e3, ripple_db = 0.2 }, { start = 100e3, stop = 500e3, attenuation_db = 40 }]
[hardware]
structure = "direct"
[goal]
minimise = "luts"
sqnr_db = 58
target = "TARGET"
"""


@pytest.mark.parametrize("target", ["ice40", "xc7"])
def test_a_search_uses_up_what_the_goal_allows(target: str) -> None:
    given = reference(parse(DESIGN.replace("TARGET", target), Path("lowpass.toml")))
    assert given.mask is not None
    taps = Coefficients(tuple(round(v * 2**13) for v in remez(given.mask, 55)), 13)
    sizing = Sizing(given, Estimate.of(target), thorough=True)
    start = sizing.graded(taps, "start")
    assert start is not None
    found = sizing.allocated(start, "found", np.random.default_rng(1), 300)
    assert found is not None
    reached, _ = accuracy(given, found[0].fir, taps)
    assert 58 <= reached < 58.3
    assert found[0].size < 0.97 * start.size


def joining() -> WordLengths:
    values = (4, -2, -6, 5, 12, -19, -21, 77, 150, 77, -21, -19, 12, 5, -6, -2, 4)
    fir = filter_of(values, (), structure="direct", fabric=JOINING, input=Format(1, 11))
    return WordLengths(values, fir.fraction, fir.graph, fir.input, fir.output, structure="direct")


def test_no_bit_inside_a_sum_of_four_words_is_kept_for_nothing() -> None:
    lengths, rng = joining(), np.random.default_rng(2)
    position = {k: v for v, k in enumerate(lengths.graph.sums)}
    drawn = lengths.natural + rng.integers(0, 4, (50, len(lengths.natural)))
    settled = lengths.settled(drawn)
    inside = [position[k] for g in groups(lengths.graph) for k, _ in g.members[1:]]
    assert inside
    for group in groups(lengths.graph):
        for k, rest in group.members[1:]:
            assert (settled[:, position[k]] + rest >= settled[:, position[group.root]]).all()
    assert (lengths.settled(settled) == settled).all()
    assert (settled >= drawn).all()
    assert (np.delete(settled, inside, axis=1) == np.delete(drawn, inside, axis=1)).all()
    assert (lengths.work(settled).multiplier_bits <= lengths.work(drawn).multiplier_bits).all()


def test_what_follows_its_sum_settles_where_it_was() -> None:
    lengths, rng = joining(), np.random.default_rng(5)
    freed = 0
    for lsbs in lengths.settled(lengths.natural + rng.integers(0, 4, (20, len(lengths.natural)))):
        loose = lengths.loosened(lsbs, lengths.natural)
        assert (lengths.settled(loose[None])[0] == lsbs).all()
        assert (loose <= lsbs).all()
        freed += int((loose < lsbs).any())
    assert freed > 10
