"""What a range takes away, by hand and against the integers of `hwgen.fixed`."""

import numpy as np
import pytest

from hwgen.fixed import Format, Overflow, from_float
from hwgen.headroom import lost


def test_by_hand() -> None:
    form = Format.parse("s1.2")  # -1 to 0.75
    values = np.array([0.5, 0.8, 1.75, -1.5])  # 0.8 is rounded; 1.75 and -1.5 lose 1 and 0.5, or 2 and 2 by wrapping
    assert lost(values, form, Overflow.SATURATE) == pytest.approx((1.0**2 + 0.5**2) / 4)
    assert lost(values, form, Overflow.WRAP) == pytest.approx((2.0**2 + 2.0**2) / 4)
    assert lost(values[:2], form, Overflow.SATURATE) == 0


@pytest.mark.parametrize("text", ["s1.6", "u1.6", "s0.5"])
@pytest.mark.parametrize("overflow", Overflow)
def test_words_of_the_format_lose_as_much(text: str, overflow: Overflow) -> None:
    form = Format.parse(text)
    values = np.random.default_rng(1).integers(-400, 400, 5000) * form.lsb  # of its grid, so that nothing is rounded
    found = from_float(values, form, overflow=overflow) * form.lsb
    assert lost(values, form, overflow) == pytest.approx(np.mean((found - values) ** 2))
