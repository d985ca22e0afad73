"""Trees of adders: one subtraction at most, words summed once each, sums as wide as what they hold."""

import numpy as np
import pytest

from hwgen.blocks.adder_tree import Term, summed


@pytest.mark.parametrize("seed", range(8))
def test_a_tree_adds_every_word_and_subtracts_once_at_most(seed: int) -> None:
    rng = np.random.default_rng(seed)
    spans = [sorted(rng.integers(-99, 100, 2).tolist()) for _ in range(int(rng.integers(1, 12)))]
    terms = [Term((low, high), bool(rng.integers(2))) for low, high in spans]
    adders, last = summed(terms)
    assert last.ends == (sum(low for low, _ in spans), sum(high for _, high in spans))
    assert len(adders) == len(terms) - 1
    both = len({term.negative for term in terms}) == 2
    assert sum(adder.taken > 0 for adder in adders) == both
    # Words of the terms' highest values through the adders give the highest sum.
    words = [-high if term.negative else high for (_, high), term in zip(spans, terms, strict=True)]
    for adder in adders:
        left, right = words[adder.left], words[adder.right]
        words.append(left - right if adder.taken else left + right)
        assert -(1 << adder.width - 1) <= words[-1] < 1 << adder.width - 1
    assert (-words[-1] if last.negative else words[-1]) == last.ends[1]


def test_low_bits_that_one_word_alone_has_go_past_the_adder() -> None:
    adders, _ = summed([Term((-8, 7)), Term((-32, 28), zeros=2)])
    assert (adders[0].width, adders[0].past) == (7, 2)
