"""One sentence a figure: what a reader should take from it, with the numbers, for those who cannot see it too."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from hwgen.report.evidence import Margin
from hwgen.report.verdict import luts
from hwgen.report.words import count, frequency, is_number, listed, measured, number, percent


@dataclass(frozen=True)
class Figure:
    """A figure of the report; without `caption` there is nothing to draw, and `absent` says what would be there."""

    key: str
    title: str
    caption: str
    absent: str


def figures(result: dict, evidence: dict, margins: Sequence[Margin]) -> list[Figure]:
    """Return the figures in reading order, captions written from cleaned `evidence`: those of a filter where it is
    one, those that the kind brings, those of the search.
    """
    of_filter = [
        ("response", "Response against its mask", _response(evidence, margins), "the frequency response"),
        ("bits", "Bits per tap", _bits(evidence), "the bits of each tap"),
        ("accumulators", "Bits of each accumulator", _accumulators(evidence), "the widths of the accumulators"),
    ]
    own = [(chart["key"], chart["title"], chart["caption"], "") for chart in evidence["charts"]]
    of_search = [
        ("designs", "LUTs against SQNR", _designs(result, evidence), "the designs tried on the way"),
        ("calibration", "Estimate against synthesis", _calibration(evidence), "estimates beside synthesis"),
        ("convergence", "Convergence", _convergence(evidence), "the progress of the search"),
    ]
    if result.get("kind", "fir") != "fir":
        of_filter = [figure for figure in of_filter if figure[2]]
    return [Figure(*figure) for figure in (*of_filter, *own, *of_search)]


def _response(evidence: dict, margins: Sequence[Margin]) -> str:
    response = evidence["response"]
    if response is None:
        return ""
    if not margins:
        return "The response of the quantised filter; there is no mask to compare it with."
    rooms = [
        f"{measured(abs(band.margin), 'dB', 3)} {'from its limit' if band.met else 'beyond its limit'} at "
        f"{frequency(band.frequency, band.unit)} ({'pass' if band.passband else 'stop'} band)"
        for band in margins
    ]
    inside = "stays inside" if all(band.met for band in margins) else "leaves"
    return f"The response of the quantised filter {inside} its mask. It comes closest, band by band: {listed(rooms)}."


def _bits(evidence: dict) -> str:
    if evidence["taps"] is None:
        return ""
    bits = [tap["bits"] for tap in evidence["taps"]]
    kept = [width for width in bits if width > 0]
    if not kept:
        return f"All {count(len(bits), 'tap')} are zero."
    zeros = (
        f" {count(len(bits) - len(kept), 'tap is', 'taps are')} zero and cost nothing." if len(kept) < len(bits) else ""
    )
    spread = (
        f"from {number(min(kept))} to {count(max(kept), 'bit')} each, {number(sum(bits) / len(bits), 1)} on average"
    )
    return f"{count(len(bits), 'tap')}, {spread}: {number(sum(bits))} bits in all, sign included.{zeros}"


def _accumulators(evidence: dict) -> str:
    if evidence["accumulators"] is None:
        return ""
    widths = [row["msb"] - row["lsb"] + 1 for row in evidence["accumulators"]]
    same = f"{count(len(widths), 'accumulator')} of {count(max(widths), 'bit')}"
    spread = f"{count(len(widths), 'accumulator')}, from {number(min(widths))} to {count(max(widths), 'bit')} wide"
    full = sum(max(widths) - width for width in widths)
    saved = f" At the widest everywhere they would take {count(full, 'bit')} more." if full else ""
    return f"{same if min(widths) == max(widths) else spread}: {count(sum(widths), 'bit')} in all.{saved}"


def _designs(result: dict, evidence: dict) -> str:
    designs = evidence["designs"]
    if designs is None:
        return ""
    meeting = [row for row in designs if row.get("meets")]
    text = f"{count(len(designs), 'design')} tried, {number(len(meeting))} of them meet the goal."
    area, _ = luts(result)
    rivals = [
        row["lut"] for row in meeting if row.get("kind") not in ("search", "chosen") and is_number(row.get("lut"))
    ]
    if not is_number(area) or not rivals:
        return text
    saved = 1 - area / min(rivals)
    word = "fewer" if saved >= 0 else "more"
    return f"{text} The chosen one needs {percent(abs(saved))} {word} LUTs than the smallest baseline that meets it."


def _calibration(evidence: dict) -> str:
    pairs = [row for row in evidence["calibration"] or [] if row["synthesis"] > 0]
    if not pairs:
        return ""
    errors = [abs(row["estimate"] / row["synthesis"] - 1) for row in pairs]
    return (
        f"Over {count(len(pairs), 'synthesised design')} the estimate is {percent(median(errors))} off in the median "
        f"and {percent(max(errors))} at worst."
    )


def _convergence(evidence: dict) -> str:
    if evidence["history"] is None:
        return ""
    words = []
    for method in dict.fromkeys(str(row.get("method") or "search") for row in evidence["history"]):
        rows = [row for row in evidence["history"] if str(row.get("method") or "search") == method]
        rows.sort(key=lambda row: row["evaluations"])
        end = f"{number(rows[-1]['best'])} after {count(rows[-1]['evaluations'], 'evaluation')}"
        words.append(f"{method} went from {number(rows[0]['best'])} to {end}")
    return f"Best so far: {listed(words)}."
