"""Which goals a front tries, and which design is the answer to each: by hand-made designs."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finished import BANDS, DESIGN, changed

from hwgen import front
from hwgen.designs.reference import Reference, reference
from hwgen.front import Made, Point
from hwgen.response import measure
from hwgen.spec import DesignFileError, Spec, parse


def spec_of(text: str = DESIGN, path: Path = Path("halfband.toml")) -> Spec:
    return parse(text, path)


@pytest.fixture(scope="module")
def known() -> Reference:
    return reference(spec_of())


def made(known: Reference, point: int, lut: int, sqnr_db: float | None, taps: list[int], **more: Any) -> Made:
    facts = {
        "design": {"coefficients": taps, "fraction": 10},
        "realised": more.get("realised", [tap / 1024 for tap in taps]),
        "synthesis": {"lut": lut},
        "quality": {"sqnr_db": sqnr_db, "max_error_ulp": 1.0},
    }
    return Made(point, more.get("label", "made"), more.get("kind", "search"), facts, known.mask)


SHARP, LOOSE = [-41, 48, 309, 468, 309, 48, -41], [0, 0, 1024, 0, 0]


@pytest.mark.parametrize("count", [2, 3, 4, 8, 16])
def test_goals_spread_over_both_axes(known: Reference, count: int) -> None:
    points = front.plan(known, count)
    assert [p.number for p in points] == list(range(1, count + 1))
    assert len(set(points)) == count
    sweep = [p.sqnr_db for p in points if p.tolerance == 1]
    assert sweep == sorted(sweep)
    assert sweep[0] == 10  # 30 dB below 40
    assert known.reachable_sqnr_db - 1 < sweep[-1] < known.reachable_sqnr_db
    assert (40 in sweep) == (count > 2)
    assert {p.tolerance for p in points} == ({1} if count < 4 else {1, 0.5} if count < 8 else {1, 0.5, 2})
    if count == 8:
        assert [(p.sqnr_db, p.tolerance) for p in points[6:]] == [(40, 0.5), (40, 2)]
        assert all(4 < b - a < 13 for a, b in pairwise(sweep))


def test_goals_without_bands_or_of_the_very_last_bit() -> None:
    plain = reference(spec_of(changed(BANDS, "coefficients = [0.25, 0.5, 0.25]\n")))
    assert {p.tolerance for p in front.plan(plain, 8)} == {1}
    most = math.floor(100 * plain.reachable_sqnr_db) / 100
    last = reference(spec_of(changed(BANDS, "coefficients = [0.25, 0.5, 0.25]\n", "= 40", f"= {most}")))
    assert front.plan(last, 4)[-1].sqnr_db == most
    low = reference(spec_of(changed("= 40", "= 2")))
    assert front.plan(low, 5)[0].sqnr_db == 2


def test_the_design_file_of_a_point_is_the_given_one_with_its_goals(tmp_path: Path) -> None:
    np.save(tmp_path / "it's.npy", np.linspace(-0.5, 0.5, 400))
    (tmp_path / "taps.csv").write_text("0.25\n0.5\n0.25\n")
    extra = changed("[search]", '[stimulus]\nfile = "it\'s.npy"\n[search]', 'name = "halfband"', "name = 'halfband'")
    given = spec_of(extra, tmp_path / "halfband.toml")
    (tmp_path / "deep" / "point3").mkdir(parents=True)
    text = front.text(given, Point(3, 31.5, 0.5), tmp_path / "deep" / "point3")
    got = parse(text, tmp_path / "deep" / "point3" / "design.toml")
    assert "../../it's.npy" in text
    assert str(tmp_path) not in text
    assert got.goal.sqnr_db == 31.5
    assert [band.ripple_db for band in got.response.bands or ()] == [0.5, None]
    assert (got.response.bands or ())[1].attenuation_db == pytest.approx(26 + 20 * math.log10(2), abs=1e-4)
    same = parse(front.text(given, Point(1, 40.0), tmp_path), tmp_path / "x.toml")
    assert same.digest == given.digest
    csv = spec_of(changed(BANDS, 'coefficients = "taps.csv"\n'), tmp_path / "halfband.toml")
    again = parse(front.text(csv, Point(1, 40.0), tmp_path / "deep"), tmp_path / "deep" / "x.toml")
    assert again.digest == csv.digest
    loaded = spec_of(changed("bands =", 'coefficients = "reloadable"\nbands ='), tmp_path / "halfband.toml")
    again = parse(front.text(loaded, Point(1, 40.0), tmp_path / "deep"), tmp_path / "deep" / "x.toml")
    assert again.response.reloadable


def test_linear_limits_scale_too_and_what_nothing_can_mean_is_refused() -> None:
    linear = spec_of(changed("ripple_db = 1.0", "ripple = 0.1", "attenuation_db = 26", "attenuation = 0.05"))
    bands = parse(front.text(linear, Point(1, 40.0, 2.0), Path()), "x.toml").response.bands or ()
    assert (bands[0].ripple, bands[1].attenuation) == (0.2, 0.1)
    vast = spec_of(changed("ripple_db = 1.0", "ripple = 0.6"))
    with pytest.raises(DesignFileError, match="below 1"):
        parse(front.text(vast, Point(1, 40.0, 2.0), Path()), "x.toml")


def test_the_answer_is_the_smallest_that_meets_the_goals_wherever_it_was_tried(known: Reference) -> None:
    assert known.mask is not None
    shares = [measure(np.array(taps) / 1024, known.mask).violation for taps in (SHARP, LOOSE)]
    assert shares[0] < 1 < shares[1]
    point = Point(2, 40.0)
    big, small = made(known, 2, 90, 41.0, SHARP), made(known, 1, 80, 40.5, SHARP)
    outside, coarse = made(known, 1, 10, 60.0, LOOSE), made(known, 1, 20, 39.9, SHARP)
    assert front.choice(point, known, [big, outside, small, coarse]) is small
    assert front.choice(point, known, [outside, coarse]) is None
    better, exact = made(known, 3, 80, 43.0, SHARP), made(known, 3, 80, None, SHARP)
    assert front.choice(point, known, [small, better, big]) is better
    assert front.choice(point, known, [small, exact, better]) is exact
    own = made(known, 2, 80, 43.0, SHARP)
    assert front.choice(point, known, [better, own]) is own
    moved = made(known, 2, 10, 60.0, SHARP, realised=[tap / 1024 for tap in LOOSE])  # by the bits that it drops
    assert front.choice(point, known, [moved, small]) is small


def test_dominated_and_repeated_designs_are_off_the_front(known: Reference) -> None:
    low, high = made(known, 1, 50, 40.0, SHARP), made(known, 2, 70, 50.0, [v + 1 for v in SHARP])
    high.facts["design"]["coefficients"] = SHARP
    high.facts["design"]["graph"] = "another"
    rival = made(known, 2, 60, 51.0, SHARP, label="common LSB", kind="common_lsb")
    assert rival.dominates(high)
    assert not rival.dominates(low)
    assert not low.dominates(low)
    chosen = [(Point(1, 30.0), low), (Point(2, 50.0), high), (Point(3, 40.0), low)]
    found = front.verdicts(chosen, [low, high, rival])
    assert found == ["the same design as point 3", "dominated by common LSB, tried for point 2", None]
    assert front.verdicts(chosen[1:], [low, high]) == [None, None]
