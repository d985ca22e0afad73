"""The ADC against Max's table, and against a histogram."""

import numpy as np
import pytest

from hwgen.problems.adc import UNIFORM_DISTORTION
from hwgen.problems.quantiser import best_step, distortion, words

# Max, IRE Trans. IT-6 (1960), table II: step over deviation for 2, 4, 8, ... levels.
MAX = (1.596, 0.9957, 0.5860, 0.3352, 0.1881)


def test_steps_are_those_of_max() -> None:
    assert [best_step(b) for b in range(1, 6)] == pytest.approx(MAX, rel=3e-4)


@pytest.mark.parametrize("bits", range(1, 13))
def test_distortion_is_the_table_s(bits: int) -> None:
    assert distortion(bits) == pytest.approx(UNIFORM_DISTORTION[bits], rel=1e-8)


@pytest.mark.parametrize("bits", [1, 3, 6])
def test_no_other_step_is_better(bits: int) -> None:
    x = np.random.default_rng(0).normal(size=400_000)

    def error(step: float) -> float:
        return float(np.mean((x - (words(x, step, bits) + 0.5) * step) ** 2))

    best = best_step(bits)
    assert error(best) == pytest.approx(distortion(bits), rel=0.02)
    assert error(best) < min(error(best * 0.95), error(best * 1.05))


def test_words_by_hand() -> None:
    assert words([-9.0, -1.01, -1.0, -0.1, 0.0, 0.9, 1.0, 9.0], 1.0, 2).tolist() == [-2, -2, -1, -1, 0, 0, 1, 1]
    assert words([[-3.0, 3.0]], 0.5, [[1], [4]]).tolist() == [[-1, 0], [-6, 6]]


@pytest.mark.parametrize("bits", [0, 17])
def test_other_widths_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match="1 to 16 bits"):
        best_step(bits)
