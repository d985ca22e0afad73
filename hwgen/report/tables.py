"""The tables of the report, as text: resources, quality, baselines, verification, ports, formats and latency."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.report.evidence import Margin
from hwgen.report.verdict import at, luts
from hwgen.report.words import ABSENT, DASH, frequency, is_number, measured, number, percent

CELLS = ("lut", "ff", "carry", "dsp", "bram")


@dataclass(frozen=True)
class Table:
    """`align` has a letter a column: l text, r number, c code. A table without rows says that it was not measured."""

    key: str
    title: str
    head: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]


def tables(result: dict, evidence: dict, margins: Sequence[Margin]) -> list[Table]:
    """Return every table in reading order; seconds are left out, since they differ between two equal runs."""
    return [
        _resources(result),
        _baselines(result),
        _quality(result),
        *([_mask(margins)] if margins or result.get("kind", "fir") == "fir" else []),
        *_own(evidence),
        _verification(result),
        _search(result),
        _formats(evidence),
        _latency(result),
        _ports(result),
    ]


def _own(evidence: dict) -> list[Table]:
    """The tables that a kind brings: key, title, head, align, and rows of numbers or words."""
    return [
        Table(
            str(table["key"]), str(table["title"]), tuple(map(str, table["head"])), str(table["align"]),
            tuple(tuple(number(cell, absent=DASH) for cell in row) for row in table["rows"]),
        )
        for table in evidence.get("tables") or []
    ]  # fmt: skip


def details(evidence: dict) -> list[Table]:
    """Return what two of the figures draw as tables, keyed like those figures, from cleaned `evidence`."""
    taps = [
        (str(tap.get("name", tap["index"])), *(number(tap.get(k), absent=DASH) for k in ("value", "bits", "format")))
        for tap in evidence["taps"] or []
    ]
    designs = [
        (
            str(row.get("label") or DASH),
            number(row.get("lut"), absent=DASH),
            number(row.get("estimate"), 0, absent=DASH),
            number(row["sqnr_db"], 2),
            "meets" if row.get("meets") else "misses",
        )
        for row in evidence["designs"] or []
    ]
    head = ("Design", "LUT", "Estimate", "SQNR (dB)", "Goal")
    return [
        Table("bits", "Every tap as a table", ("Tap", "Value", "Bits", "Format"), "rrrc", tuple(taps)),
        Table("designs", "Every design as a table", head, "lrrrl", tuple(designs)),
    ]


def _resources(result: dict) -> Table:
    resources = result.get("resources") or {}
    rows = []
    for source in ("estimate", "synthesis"):
        found = resources.get(source)
        if isinstance(found, dict):
            cells = [number(found.get(cell), absent=DASH) for cell in CELLS]
            tool = str(found.get("tool") or ("from the widths" if source == "estimate" else DASH))
            rows.append((source.capitalize(), *cells, tool))
    place = resources.get("place")
    if isinstance(place, dict):
        figures = [measured(place.get("cells"), "logic cells"), measured(place.get("fmax_mhz"), "MHz", 1)]
        rows.append(("Placed", *[DASH] * len(CELLS), f"{', '.join(figures)} ({place.get('tool') or DASH})"))
    elif rows:
        rows.append(("Placed", *[DASH] * len(CELLS), ABSENT))
    title = f"Resources on {resources['target']}" if resources.get("target") else "Resources"
    return Table("resources", title, ("", "LUT", "FF", "Carry", "DSP", "BRAM", "Tool"), "lrrrrrl", tuple(rows))


def _baselines(result: dict) -> Table:
    area, _ = luts(result)
    rows = []
    for name, found in (result.get("baselines") or {}).items():
        other = at(found, "lut")
        saved = percent(1 - area / other) if is_number(area) and is_number(other) and other else DASH
        figures = [number(at(found, key), absent=DASH) for key in ("bits", "lut", "error")]
        rows.append((name.replace("_", " ").replace("lsb", "LSB"), *figures, saved))
    return Table("baselines", "Baselines", ("Method", "Bits", "LUT", "Error", "LUTs saved"), "lrrrr", tuple(rows))


def _quality(result: dict) -> Table:
    quality = result.get("quality") or {}
    names = {
        "sqnr_db": ("SQNR", "dB", 2),
        "ripple_db": ("Ripple", "dB", 4),
        "attenuation_db": ("Attenuation", "dB", 2),
        "error": ("Weighted error", "", None),
        "max_error_ulp": ("Largest error", "ulp of the output", None),
        "evm_percent": ("EVM", "%", 2),
        "evm_float_percent": ("EVM in floating point", "%", 2),
        "evm_loss_db": ("EVM against floating point", "dB", 3),
        "ber": ("Bit error rate", "", None),
        "ber_float": ("Bit error rate in floating point", "", None),
    }
    rows = []
    for key in [*names, *(key for key in quality if key not in names)]:
        label, unit, decimals = names.get(key, (key.replace("_", " "), "", None))
        if key in quality:
            rows.append((label, measured(quality[key], unit, decimals)))
    return Table("quality", "Quality", ("Figure", "Measured"), "lr", tuple(rows))


def _mask(margins: Sequence[Margin]) -> Table:
    rows = []
    for band in margins:
        lower = "" if band.lower is None else f"{number(band.lower)} to "
        edges = f"{frequency(band.start, band.unit)} to {frequency(band.stop, band.unit)}"
        limit = f"{lower}{measured(band.upper, 'dB')}"
        rows.append((edges, limit, measured(band.margin, "dB", 3), frequency(band.frequency, band.unit)))
    return Table("mask", "Mask margins", ("Band", "Limits", "Margin", "Closest at"), "llrr", tuple(rows))


def _verification(result: dict) -> Table:
    verification = result.get("verification") or {}
    rows = []
    for key, label in (("bit_true", "Bit-true"), ("bulk", "In bulk")):
        run = verification.get(key)
        if isinstance(run, dict):
            figures = [number(run.get(name), absent=DASH) for name in ("samples", "mismatches")]
            rows.append((label, *figures, str(run.get("simulator") or DASH)))
        elif verification:
            rows.append((label, DASH, DASH, "not run"))
    if verification:
        rows.append(("Equivalence", DASH, DASH, str(verification.get("equivalence") or "not run")))
    return Table("verification", "Verification", ("Check", "Samples", "Mismatches", "By"), "lrrl", tuple(rows))


def _search(result: dict) -> Table:
    search = result.get("search") or {}
    names = {"algorithm": "Algorithm", "evaluations": "Evaluations", "unique": "of them different"}
    names |= {"bound": "Lower bound", "gap": "Gap to the bound"}
    rows = [(label, number(search[key], absent=DASH)) for key, label in names.items() if key in search]
    if rows and result.get("seed") is not None:
        rows.append(("Seed", str(result["seed"])))
    return Table("search", "Search", ("Figure", "Value"), "lr", tuple(rows))


def _formats(evidence: dict) -> Table:
    rows = tuple((str(name), str(text)) for name, text in evidence.get("formats") or [])
    return Table("formats", "Formats", ("Where", "Format"), "lc", rows)


def _latency(result: dict) -> Table:
    top = result.get("top") or {}
    names = {
        "latency": ("Latency", "clocks"),
        "group_delay": ("Group delay", "samples"),
        "clocks_per_sample": ("Clocks per sample", ""),
        "gain": ("Gain", ""),
        "headroom_db": ("Headroom", "dB"),
        "module": ("Module", ""),
        "interface": ("Interface", ""),
    }
    rows = tuple((label, measured(top[key], unit)) for key, (label, unit) in names.items() if key in top)
    return Table("latency", "Latency and interface", ("Figure", "Value"), "lr", rows)


def _ports(result: dict) -> Table:
    rows = tuple(
        (
            str(port.get("name")),
            str(port.get("direction") or DASH),
            number(port.get("width")),
            str(port.get("format") or DASH),
        )
        for port in at(result, "top", "ports") or []
    )
    return Table("ports", "Ports", ("Name", "Direction", "Width", "Format"), "clrc", rows)
