"""Evidence made safe to draw: what is missing, half there or not finite is dropped before a figure sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwgen.report.words import is_number

# A mask met to the last bit of a double is met: limits and responses are both rounded when turned into decibels.
TOLERANCE_DB = 1e-6


@dataclass(frozen=True)
class Margin:
    """How far one band of the response stays from its mask: `margin` dB to spare at `frequency`, negative outside."""

    start: float
    stop: float
    passband: bool
    upper: float | None
    lower: float | None
    margin: float
    frequency: float
    unit: str

    @property
    def met(self) -> bool:
        return self.margin >= -TOLERANCE_DB


def clean(evidence: dict) -> dict:
    """Return the parts of `evidence` that the figures draw, each complete or None.

    Returns
    -------
    dict
        Keys response, taps, accumulators, designs, calibration, history, charts. A list loses the entries that have no
        position on their axes (a design without SQNR, say) and becomes None when nothing is left. Numbers are
        rounded to ten digits, far below any margin, and infinities become None.
    """
    return {
        "response": _response(evidence.get("response")),
        "taps": _rows(evidence, "taps", ("index", "bits")),
        "accumulators": _rows(evidence, "accumulators", ("index", "lsb", "msb")),
        "designs": _designs(evidence),
        "calibration": _rows(evidence, "calibration", ("estimate", "synthesis")),
        "history": _rows(evidence, "history", ("evaluations", "best")),
        "charts": _charts(evidence),
    }


def margins(response: dict | None, quality: dict | None = None) -> list[Margin]:
    """Return the smallest distance to the mask, band by band, in decibels.

    It is taken on the grid of the response. The ripple and attenuation of `quality` know the extrema between two
    points of that grid: where a single band must have given them, a smaller distance of theirs counts. A null of the
    response (None) is below any upper limit; in a passband it counts as the lowest value there is.
    """
    if response is None:
        return []
    found = []
    for band in response["mask"]:
        start, stop, upper, lower = band["start"], band["stop"], band["upper_db"], band["lower_db"]
        slack = 1e-9 * max(abs(stop), 1e-300)  # the last point of a band may be one rounding beyond it
        worst: tuple[float, float] | None = None
        for x, y in zip(response["frequency_hz"], response["magnitude_db"], strict=False):
            if not start - slack <= x <= stop + slack or (y is None and lower is None):
                continue
            level = -400.0 if y is None else y
            room = min(upper - level if upper is not None else 400.0, level - lower if lower is not None else 400.0)
            if worst is None or room < worst[0]:
                worst = (room, x)
        if worst is not None:
            found.append(Margin(start, stop, lower is not None, upper, lower, *worst, response["unit"]))
    return [_refined(band, found, quality or {}) for band in found]


def _refined(band: Margin, bands: Sequence[Margin], quality: dict) -> Margin:
    figure = quality.get("ripple_db" if band.passband else "attenuation_db")
    alone = sum(other.passband == band.passband for other in bands) == 1
    if not alone or not is_number(figure) or band.upper is None:
        return band
    # ripple_db is a distance from 0 dB: it says nothing of limits that lie unevenly around that (a ripple given as a
    # ratio, a band with a gain of its own).
    if band.lower is not None and abs(band.upper + band.lower) > TOLERANCE_DB:
        return band
    exact = band.upper - figure if band.passband else figure + band.upper
    return replace(band, margin=min(band.margin, exact))


def _rows(evidence: dict, key: str, needed: Sequence[str]) -> list[dict] | None:
    rows = [row for row in evidence.get(key) or [] if all(is_number(row.get(name)) for name in needed)]
    return [{name: _finite(value) for name, value in row.items()} for row in rows] or None


def _designs(evidence: dict) -> list[dict] | None:
    rows = _rows(evidence, "designs", ("sqnr_db",)) or []
    return [row for row in rows if is_number(row.get("lut")) or is_number(row.get("estimate"))] or None


def _charts(evidence: dict) -> list[dict]:
    """The charts that a kind brings, each series without the points that are no numbers; empty ones are left out."""
    charts = []
    for chart in evidence.get("charts") or []:
        series = []
        for one in chart.get("series") or []:
            points = [[_finite(x), _finite(y)] for x, y in one.get("points") or [] if is_number(x) and is_number(y)]
            if points:
                series.append({"name": str(one.get("name")), "marks": bool(one.get("marks")), "points": points})
        if series:
            words = {key: str(chart.get(key) or "") for key in ("key", "title", "caption", "x_label", "y_label")}
            charts.append(words | {"series": series, "log_y": bool(chart.get("log_y"))})
    return charts


def _response(response: dict | None) -> dict | None:
    response = response or {}
    frequency, magnitude = response.get("frequency_hz") or [], response.get("magnitude_db") or []
    ideal = response.get("ideal_db") or []
    grid = [
        [_finite(x), _finite(y), _finite(ideal[k]) if k < len(ideal) else None]
        for k, (x, y) in enumerate(zip(frequency, magnitude, strict=False))
        if is_number(x)
    ]
    if len(grid) < 2 or all(y is None for _, y, _ in grid):
        return None
    keys = ("start", "stop", "upper_db", "lower_db")
    mask = [{key: _finite(band.get(key)) for key in keys} for band in response.get("mask") or []]
    return {
        "frequency_hz": [x for x, _, _ in grid],
        "magnitude_db": [y for _, y, _ in grid],
        "ideal_db": [z for _, _, z in grid] if any(z is not None for _, _, z in grid) else None,
        "mask": [band for band in mask if band["start"] is not None and band["stop"] is not None],
        "unit": str(response.get("unit") or "Hz"),
    }


def _finite(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.10g}") if is_number(value) else None
    return value
