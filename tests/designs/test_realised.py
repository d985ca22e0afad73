"""Masks hold for the response of the hardware: dropped bits move taps, and a search gives them what it needs."""

from pathlib import Path

import numpy as np
import pytest

from hwgen.cost.estimate import Estimate
from hwgen.designs import realised
from hwgen.designs.candidate import Candidate, Quality, judge
from hwgen.designs.realised import moves_out
from hwgen.designs.reference import Reference, reference
from hwgen.designs.sizing import Sizing
from hwgen.designs.values import Coefficients
from hwgen.response import Measurement, measure, remez
from hwgen.spec import parse

# The stop band is 27 dB deeper than the SQNR: noise hides what a fixed share of the samples does to it.
DESIGN = """\
[design]
name = "deep"
kind = "fir"
[input]
format = "s1.9"
sample_rate = 48e3
[output]
format = "s1.13"
[response]
bands = [
  { start = 0,    stop = 5e3,  ripple = 0.002 },
  { start = 12e3, stop = 24e3, attenuation_db = 72 },
]
[hardware]
structure = "STRUCTURE"
[goal]
minimise = "luts"
sqnr_db = 45
target = "ice40"
"""


def deep(structure: str) -> Reference:
    return reference(parse(DESIGN.replace("STRUCTURE", structure), Path("deep.toml")))


def coefficients(given: Reference) -> Coefficients:
    assert given.mask is not None
    return Coefficients(tuple(round(v * 2**17) for v in remez(given.mask, 27)), 17)


def graded(given: Reference) -> Candidate:
    found = Sizing(given, Estimate.of("ice40")).graded(coefficients(given), "taps")
    assert found is not None
    return found


def judged(given: Reference, found: Candidate) -> Quality:
    return judge(given, found.fir, found.coefficients)


@pytest.mark.parametrize("structure", ["transposed", "direct"])
def test_dropped_bits_leave_the_response_within_the_mask(structure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = deep(structure)
    kept = graded(given)
    quality = judged(given, kept)
    assert quality.realised is not None
    assert quality.realised.violation <= 1.01
    assert quality.meets(given)
    # Without that, more bits are dropped, and the stop band is missed by far.
    with monkeypatch.context() as patch:
        patch.setattr(realised, "MOVED", 1e9)
        loose = graded(given)
    missed = judged(given, loose)
    assert loose.estimate < kept.estimate < 1.15 * loose.estimate
    assert missed.sqnr_db > 45
    assert missed.realised is not None
    assert missed.realised.violation > 2
    assert not missed.meets(given)
    # Samples say the same of both: taps fitted to what comes out, their noise far below the stop band.
    assert given.mask is not None
    for found, told in ((kept, quality), (loose, missed)):
        assert told.realised is not None
        fitted = measure(fitted_taps(found), given.mask).violation
        assert fitted == pytest.approx(told.realised.violation, abs=0.25)


def fitted_taps(found: Candidate) -> np.ndarray:
    """Taps by correlation with white samples of half of full scale, the exact filter's part taken off before."""
    fir, n = found.fir, 1 << 20
    half = fir.input.maximum // 2
    x = np.random.default_rng(3).integers(-half - 1, half, n, endpoint=True)
    exact = fir.exact(x[None])[0] * 2.0**fir.product_lsb
    error, u = fir.model(x[None])[0] * fir.output.lsb - exact, x * fir.input.lsb
    count = len(found.coefficients.values)
    rows = np.stack([np.roll(u, k)[count:] for k in range(count)])
    rows, error = rows - rows.mean(axis=1, keepdims=True), error[count:] - error[count:].mean()
    return found.coefficients.floats + np.linalg.solve(rows @ rows.T, rows @ error)


def test_the_allocator_spends_what_the_response_leaves() -> None:
    given = deep("transposed")
    start = graded(given)
    made = Sizing(given, Estimate.of("ice40")).allocated(start, "taps", np.random.default_rng(1), 600)
    assert made is not None
    found, _ = made
    quality = judged(given, found)
    assert quality.meets(given)
    assert quality.moves_out <= 1
    assert found.estimate < start.estimate


def test_a_common_lsb_is_finer_for_it() -> None:
    given = deep("transposed")
    found = Sizing(given, Estimate.of("ice40")).common(coefficients(given), "common", "common_lsb")
    assert found is not None
    assert judged(given, found).meets(given)
    lsbs = {found.fir.graph.lsbs[k] for k in found.fir.graph.sums if found.fir.graph.phases[k] is None}
    assert len(lsbs) == 1


def test_how_much_of_the_room_is_used() -> None:
    def measured(violation: float) -> Measurement:
        return Measurement(1.0, None, None, None, None, 0.0, violation)

    assert moves_out(measured(0.8), measured(0.9)) == 0
    assert moves_out(measured(0.81), measured(1.01)) == 0
    assert moves_out(measured(0.81), measured(1.21)) == pytest.approx(2)
    assert moves_out(measured(1.0), measured(1.02)) == pytest.approx(2)
    assert moves_out(measured(1.3), measured(7.0)) == 0  # the coefficients miss the mask on their own
