"""The verdict in words: what was asked, what was measured, and whether one meets the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwgen.report.evidence import Margin
from hwgen.report.words import (
    ABSENT,
    capital,
    count,
    frequency,
    is_number,
    listed,
    measured,
    number,
    percent,
)

BASELINES = {
    "uniform": "one uniform width",
    "zoom": "equal widths of a range each",
    "common_lsb": "a common LSB",
    "greedy": "the greedy allocation",
    "hogenauer": "Hogenauer's registers with one width elsewhere",
}
EQUIVALENCE = {"proved": "good", "failed": "bad", "disproved": "bad"}
# goal key -> (words, unit, where it is measured, +1 when more is better)
ASKED = {
    "sqnr_db": ("SQNR", "dB", ("quality", "sqnr_db"), 1),
    "max_error_ulp": ("Largest error", "ulp", ("quality", "max_error_ulp"), -1),
    "fmax_mhz": ("Clock", "MHz", ("resources", "place", "fmax_mhz"), 1),
    "evm_percent": ("EVM", "%", ("quality", "evm_percent"), -1),
    "evm_loss_db": ("EVM against floating point", "dB", ("quality", "evm_loss_db"), -1),
    "sfdr_db": ("SFDR", "dB", ("quality", "sfdr_db"), 1),
    "ber_loss_db": ("Loss at the bit error rate", "dB", ("quality", "ber_loss_db"), -1),
}


@dataclass(frozen=True)
class Point:
    """One line of the verdict; `state` is good, bad or open (not asked for, or not measured)."""

    state: str
    label: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """The whole verdict: a headline, one sentence that leads, and the points behind it."""

    state: str
    headline: str
    lead: str
    points: tuple[Point, ...]


def at(tree: dict | None, *path: str) -> Any:
    """Follow `path` into nested dicts; None as soon as a step is missing."""
    node: Any = tree
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def luts(result: dict) -> tuple[Any, str]:
    """Return the LUTs of the design and where they come from: synthesis when there was one, else the estimate."""
    for source in ("synthesis", "estimate"):
        value = at(result, "resources", source, "lut")
        if is_number(value):
            return value, source
    return None, ""


def verdict(result: dict, margins: Sequence[Margin]) -> Verdict:
    """Judge a result: the goal as the search left it, and every figure that can contradict it."""
    masked = bool(margins) or result.get("kind", "fir") == "fir"
    points = [
        *([_mask(result, margins)] if masked else []),
        *_goals(result),
        _error(result) if at(result, "goal", "minimise") == "error" else _area(result),
        *_bit_true(result),
        _equivalence(result),
    ]
    met = at(result, "goal", "met")
    first = "Goal not judged" if met is None else "Goal met" if met else "Goal missed"
    samples, mismatches = (at(result, "verification", "bit_true", key) for key in ("samples", "mismatches"))
    broken = [key for key in ("bit_true", "bulk") if at(result, "verification", key, "mismatches")]
    bits = "not bit-true" if broken else "bit-true" if samples and mismatches == 0 else "not simulated"
    outside = any(not margin.met for margin in margins)
    failed = met is False or broken or outside
    state = "bad" if failed else "good" if met and bits == "bit-true" else "open"
    headline = f"{first}, {bits}" if not outside or met is False else f"{first}, but outside the mask, {bits}"
    return Verdict(state, headline, _lead(result), tuple(points))


def _lead(result: dict) -> str:
    area, source = luts(result)
    target = at(result, "resources", "target") or at(result, "goal", "target")
    where = f" on {target}" if target else ""
    parts = [f"{count(area, 'LUT')}{where}{'' if source == 'synthesis' else ' (estimated)'}"] if is_number(area) else []
    sqnr = at(result, "quality", "sqnr_db")
    if is_number(sqnr):
        parts.append(f"{measured(sqnr, 'dB', 1)} SQNR")
    latency = at(result, "top", "latency")
    if is_number(latency):
        parts.append(f"{count(latency, 'clock')} of latency")
    return f"{capital(listed(parts))}." if parts else "Nothing was measured."


def _mask(result: dict, margins: Sequence[Margin]) -> Point:
    if not margins:
        ripple, attenuation = at(result, "quality", "ripple_db"), at(result, "quality", "attenuation_db")
        known = [f"ripple {number(ripple, 3)} dB"] if is_number(ripple) else []
        known += [f"attenuation {number(attenuation, 2)} dB"] if is_number(attenuation) else []
        return Point(
            "open", "Mask", f"{capital(listed(known))}; no mask to compare with." if known else "Not measured."
        )
    words = [
        f"{'to spare' if band.met else 'outside'} in the {'pass' if band.passband else 'stop'} band"
        f" ({'closest' if band.met else 'worst'} at {frequency(band.frequency, band.unit)})"
        for band in margins
    ]
    rooms = [measured(abs(band.margin), "dB", 3) for band in margins]
    met = all(band.met for band in margins)
    text = listed([f"{room} {word}" for room, word in zip(rooms, words, strict=True)])
    return Point("good" if met else "bad", "Mask", f"{'Met' if met else 'Missed'}: {text}.")


def _goals(result: dict) -> list[Point]:
    points = []
    for key, (label, unit, path, sign) in ASKED.items():
        wanted, got = at(result, "goal", key), at(result, *path)
        if not is_number(wanted) and (key != "sqnr_db" or not is_number(got)):
            continue
        if not is_number(wanted):
            points.append(Point("open", label, f"{measured(got, unit, 2)}; none was asked for."))
        elif not is_number(got):
            points.append(Point("open", label, f"{capital(ABSENT)}; {measured(wanted, unit)} asked for."))
        else:
            good = sign * (got - wanted) >= 0
            room = measured(abs(got - wanted), unit, 2)
            text = f"{measured(got, unit, 2)}, where {measured(wanted, unit)} was asked for"
            points.append(Point("good" if good else "bad", label, f"{text}: {room} {'to spare' if good else 'short'}."))
    budget = at(result, "goal", "budget", "luts")
    area, source = luts(result)
    if is_number(budget) and is_number(area):
        text = f"{count(area, 'LUT')} ({source}) of the {number(budget)} allowed."
        points.append(Point("good" if area <= budget else "bad", "Budget", text))
    return points


def _error(result: dict) -> Point:
    """What was made small within a budget, against what the baselines make of the same budget."""
    error, words, state = at(result, "quality", "error"), [], "open"
    if not is_number(error):
        return Point("open", "Error", "Not measured.")
    for name, baseline in (result.get("baselines") or {}).items():
        other = at(baseline, "error")
        if is_number(other) and other > 0:
            words.append(f"{error / other:.3g} times that of {BASELINES.get(name, name.replace('_', ' '))}")
            state = "bad" if error > other or state == "bad" else "good"
    return Point(state, "Error", f"{error:.3g}{': ' + listed(words) if words else '; no baseline was measured'}.")


def _area(result: dict) -> Point:
    area, source = luts(result)
    if not is_number(area):
        return Point("open", "Area", "Not measured.")
    words, state = [], "open"
    for name, baseline in (result.get("baselines") or {}).items():
        other = at(baseline, "lut")
        if is_number(other) and other > 0:
            saved = 1 - area / other
            comparison = f"{percent(abs(saved))} {'fewer' if saved >= 0 else 'more'} than"
            words.append(f"{comparison} {BASELINES.get(name, name.replace('_', ' '))} ({number(other)})")
            state = "bad" if saved < 0 or state == "bad" else "good"
    text = f"{count(area, 'LUT')} by {source}"
    return Point(state, "Area", f"{text}: {listed(words)}." if words else f"{text}; no baseline was measured.")


def _bit_true(result: dict) -> list[Point]:
    points = []
    for key, label in (("bit_true", "Bit-true"), ("bulk", "In bulk")):
        run = at(result, "verification", key)
        samples, mismatches = at(run, "samples"), at(run, "mismatches")
        if not is_number(samples) or not is_number(mismatches):
            points += [Point("open", label, "Not run.")] if key == "bit_true" else []
            continue
        by = at(run, "simulator")
        text = f"{count(mismatches, 'mismatch', 'mismatches')} in {count(samples, 'sample')}{f' ({by})' if by else ''}."
        state = "bad" if mismatches else "good" if samples else "open"
        points.append(Point(state, label, text.replace("0 mismatches", "No mismatch", 1) if not mismatches else text))
    return points


def _equivalence(result: dict) -> Point:
    found = at(result, "verification", "equivalence") or "not run"
    return Point(EQUIVALENCE.get(str(found), "open"), "Equivalence", f"{capital(str(found))}.")
