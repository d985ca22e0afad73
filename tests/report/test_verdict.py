"""What the report says of a result: verdict, margins and numbers in words."""

import copy

import pytest

from hwgen.report.evidence import clean, margins
from hwgen.report.verdict import verdict
from hwgen.report.words import count, frequency, listed, measured, number, percent


def judged(result: dict, evidence: dict):
    return verdict(result, margins(clean(evidence)["response"], result["quality"]))


def test_the_verdict_in_words(result, evidence):
    good = judged(result, evidence)
    words = {point.label: point.text.replace("\u00a0", " ") for point in good.points}
    assert (good.state, good.headline) == ("good", "Goal met, bit-true")
    # By hand: 0.1 - 0.0903, 60.134 - 60, 60.31 - 60, 1 - 1163 / (1418, 1312, 1230).
    assert words["Mask"].startswith("Met: 0.010 dB to spare in the pass band")
    assert "0.134 dB to spare in the stop band" in words["Mask"]
    assert words["SQNR"] == "60.31 dB, where 60 dB was asked for: 0.31 dB to spare."
    assert words["Area"] == (
        "1,163 LUTs by synthesis: 18 % fewer than one uniform width (1,418), 11 % fewer than a common LSB (1,312) "
        "and 5.4 % fewer than the greedy allocation (1,230)."
    )
    assert words["Bit-true"] == "No mismatch in 20,000 samples (Icarus Verilog)."
    assert words["In bulk"] == "No mismatch in 1,000,000 samples (Verilator)."
    assert words["Equivalence"] == "Not run."


def test_within_a_budget_errors_are_compared_and_not_areas(result, evidence):
    result = copy.deepcopy(result)
    result["goal"] = {"minimise": "error", "budget": {"luts": 1200}, "met": True}
    result["quality"]["error"] = 0.002
    for baseline, error in zip(result["baselines"].values(), (0.008, 0.004, 0.0025), strict=True):
        baseline["error"] = error
    words = {point.label: (point.state, point.text.replace("\u00a0", " ")) for point in judged(result, evidence).points}
    assert "Area" not in words
    assert words["Budget"][1] == "1,163 LUTs (synthesis) of the 1,200 allowed."
    told = (
        "0.002: 0.25 times that of one uniform width, 0.5 times that of a common LSB and 0.8 times that of the greedy "
    )
    assert words["Error"] == ("good", told + "allocation.")
    result["baselines"]["greedy"]["error"] = 0.001
    assert {p.label: p.state for p in judged(result, evidence).points}["Error"] == "bad"


@pytest.mark.parametrize(
    ("path", "value", "headline"),
    [
        (("goal", "met"), False, "Goal missed, bit-true"),
        (("verification", "bit_true", "mismatches"), 3, "Goal met, not bit-true"),
        (("verification", "bulk", "mismatches"), 1, "Goal met, not bit-true"),
        (("quality", "attenuation_db"), 59.9, "Goal met, but outside the mask, bit-true"),
        (("quality", "ripple_db"), 0.11, "Goal met, but outside the mask, bit-true"),
    ],
)
def test_any_failure_turns_the_verdict(result, evidence, path, value, headline):
    *outer, key = path
    node = result
    for name in outer:
        node = node[name]
    node[key] = value
    assert (judged(result, evidence).state, judged(result, evidence).headline) == ("bad", headline)


def test_what_was_not_simulated_is_not_called_good(result, evidence):
    result["verification"] = {"bit_true": None, "bulk": None, "equivalence": "not run"}
    assert (judged(result, evidence).state, judged(result, evidence).headline) == ("open", "Goal met, not simulated")


def test_margins_by_hand():
    response = {"frequency_hz": [0, 1, 2, 3], "magnitude_db": [0.05, -0.08, -58.0, None], "unit": "Hz"}
    response["mask"] = [
        {"start": 0, "stop": 1, "upper_db": 0.1, "lower_db": -0.1},
        {"start": 2, "stop": 3, "upper_db": -60, "lower_db": None},
    ]
    passband, stopband = margins(clean({"response": response})["response"])
    assert (passband.frequency, round(passband.margin, 12), passband.met) == (1, 0.02, True)
    assert (stopband.frequency, stopband.margin, stopband.met) == (2, -2.0, False)


def test_numbers_as_words():
    table = {
        number(1234567): "1,234,567",
        number(-0.5): "−0.5",
        number(0.000012345): "1.234e−05",
        number(float("inf")): "not measured",
        number(True): "yes",
        measured(None, "dB"): "not measured",
        measured(60.314, "dB", 2): "60.31\u00a0dB",
        frequency(2.25e6): "2.25\u00a0MHz",
        frequency(0.25, "of fs"): "0.25\u00a0of fs",
        percent(0.0544): "5.4\u00a0%",
        percent(0.1798): "18\u00a0%",
        count(1, "tap"): "1 tap",
        count(0, "mismatch", "mismatches"): "0 mismatches",
        listed(["a", "b", "c"]): "a, b and c",
    }
    assert list(table) == list(table.values())
