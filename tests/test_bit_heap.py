"""Rows that count: every plan adds up its words exactly, in fewer columns than one adder after the other."""

import random
from collections.abc import Sequence

import pytest

from hwgen.bit_heap import ONE, Bit, Plan, Span, planned


def computed(plan: Plan, spans: Sequence[Span], values: Sequence[int]) -> int:
    """What the rows of a plan give, bit by bit, by the definition of a row."""
    words = [value & ((2 << span.top - span.low) - 1) for value, span in zip(values, spans, strict=True)]

    def bit(b: Bit | None) -> int:
        return 0 if b is None else (1 if b.source == ONE else words[b.source] >> b.place & 1) ^ b.inverted

    for row in plan.rows:
        counts = [sum(map(bit, bits)) for bits in row.counted]
        # A column has one place for what the other operand of its adder is; beyond the last there is none.
        for here, count, after in zip(row.counted, counts, row.counted[1:], strict=False):
            assert count < 4
            assert len(here) < 2 or not after or after is row.counted[-1]
        total = sum(count << place for place, count in enumerate(counts)) & ((1 << len(counts)) - 1)
        words.append(sum(bit(b) << place for place, b in enumerate(row.carried)) + total)
    return sum(bit(b) << place for place, b in enumerate(plan.result))


@pytest.mark.parametrize("seed", range(300))
def test_any_words_are_added_up(seed: int) -> None:
    rng = random.Random(seed)
    spans = []
    for _ in range(rng.randint(1, 9)):
        low = rng.randint(0, 8)
        spans.append(Span(low, low + rng.randint(0, 14), rng.random() < 0.4))
    width = rng.randint(2, 26)
    plan = planned(tuple(spans), width)
    for _ in range(8):
        ends = [1 << span.top - span.low for span in spans]
        values = [rng.choice([-end, end - 1, rng.randint(-end, end - 1)]) for end in ends]
        signed = [-value if span.negative else value for value, span in zip(values, spans, strict=True)]
        wanted = sum(value << span.low for value, span in zip(signed, spans, strict=True))
        assert computed(plan, spans, values) == wanted % (1 << width)


def test_two_rows_add_four_words() -> None:
    """By hand: the first counts in even columns, the second in odd ones; only signs and the top need more."""
    plan = planned((Span(0, 11),) * 4, 14)
    assert len(plan.rows) == 2
    first, second = ([len(bits) for bits in row.counted] for row in plan.rows)
    assert first[:10] == second[:10] == [3, 0] * 5
    assert plan.luts < 3 * 12


@pytest.mark.parametrize("count", [4, 7, 10])
def test_a_quarter_of_the_adders_is_saved(count: int) -> None:
    width = 12 + (count - 1).bit_length()
    assert planned((Span(0, 11),) * count, width).luts < 0.8 * 12 * (count - 1)
