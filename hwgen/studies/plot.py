"""A chart as one inline SVG: a frame with axes, lines, marks and names of regions."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup, escape

WIDTH, WIDE, HEIGHT = 460, 940, 300  # drawn at about this many pixels, so that words keep their size
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 28, 46

Point = tuple[float, float]


class Axis:
    """A range with ticks, linear or logarithmic."""

    def __init__(self, low: float, high: float, label: str, log: bool = False, ticks: Sequence[float] = ()) -> None:
        self.label, self.log = label, log
        if log:
            self.low, self.high = low, max(high, low * 1.01)
        else:
            self.low, self.high = low, high if high != low else low + 1
        self.ticks = list(ticks) or (self._decades() if log else self._steps())

    def share(self, value: float) -> float:
        """Where a value lies, 0 to 1 within the range."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def _decades(self) -> list[float]:
        powers = range(math.floor(math.log10(self.low)) - 1, math.ceil(math.log10(self.high)) + 1)
        for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7), tuple(np.arange(1, 10, 0.25))):
            found = [f * 10.0**p for p in powers for f in factors]
            found = [tick for tick in found if self.low * 0.999 <= tick <= self.high * 1.001]
            if len(found) >= 3:
                break
        return found[:: max(1, math.ceil(len(found) / 9))]

    def _steps(self) -> list[float]:
        if self.high < self.low:  # downwards: rows, which have names
            return []
        rough = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def shown(value: float) -> str:
    """A tick or figure in few signs."""
    if value == 0:
        return "0"
    if abs(value) >= 1e6 or abs(value) < 1e-3:
        mantissa, exponent = f"{value:.3g}".split("e") if "e" in f"{value:.3g}" else f"{value:.2e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"10{raised}" if mantissa == "1" else f"{mantissa}·10{raised}"
    return f"{value:,.4g}".replace("-", "−") if abs(value) < 1e4 else f"{value:,.0f}"


class Plot:
    """Collects the parts of a chart; `svg` puts them together. Values outside the axes are cut off at the frame."""

    def __init__(
        self, x: Axis, y: Axis, describe: str, width: int = WIDTH, height: int = HEIGHT, left: int = LEFT
    ) -> None:
        self.x, self.y, self.describe = x, y, describe
        self.width, self.height, self.left = width, height, left
        self.parts: list[str] = []

    def at(self, x: float, y: float) -> Point:
        """Pixels of a point, within the frame."""
        px = self.left + min(max(self.x.share(x), 0.0), 1.0) * (self.width - RIGHT - self.left)
        py = self.height - BOTTOM - min(max(self.y.share(y), 0.0), 1.0) * (self.height - BOTTOM - TOP)
        return px, py

    def line(self, points: Iterable[Point], style: str, title: str, stepped: bool = False) -> None:
        """A line, in steps where the value holds until the next point."""
        places = [self.at(*point) for point in points]
        if not places:
            return
        path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
        for px, py in places[1:]:
            path += f"H{px:.1f}V{py:.1f}" if stepped else f"L{px:.1f} {py:.1f}"
        self.parts.append(f'<path class="line {style}" d="{path}"><title>{escape(title)}</title></path>')

    def area(self, points: Iterable[Point], style: str) -> None:
        """A filled polygon."""
        path = "L".join(f"{px:.1f} {py:.1f}" for px, py in (self.at(*point) for point in points))
        self.parts.append(f'<path class="{style}" d="M{path}Z"/>')

    def mark(self, point: Point, style: str, title: str, shape: str = "circle", size: float = 4.0) -> None:
        """A marker that says `title` when pointed at."""
        px, py = self.at(*point)
        self.parts.append(f"{symbol(shape, px, py, size, style, title)}")

    def text(
        self, point: Point, words: str, style: str = "", anchor: str = "start", dx: float = 0, dy: float = 0
    ) -> None:
        """Words beside a point."""
        px, py = self.at(*point)
        self.parts.append(
            f'<text class="{style}" x="{px + dx:.1f}" y="{py + dy:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def svg(self, rows: Sequence[str] = ()) -> Markup:
        """The chart; `rows` name integers 0, 1, ... on the y axis in place of ticks."""
        right, bottom = self.width - RIGHT, self.height - BOTTOM
        frame = []
        ticks = [(float(k), name) for k, name in enumerate(rows)] or [(tick, shown(tick)) for tick in self.y.ticks]
        for tick, name in ticks:
            _, py = self.at(self.x.low, tick)
            frame.append(f'<line x1="{self.left}" x2="{right}" y1="{py:.1f}" y2="{py:.1f}"/>')
            frame.append(f'<text x="{self.left - 8}" y="{py + 4:.1f}" text-anchor="end">{escape(name)}</text>')
        for tick in self.x.ticks:
            px, _ = self.at(tick, self.y.low)
            frame.append(f'<line class="stub" x1="{px:.1f}" x2="{px:.1f}" y1="{bottom}" y2="{bottom + 5}"/>')
            frame.append(f'<text x="{px:.1f}" y="{bottom + 19}" text-anchor="middle">{escape(shown(tick))}</text>')
        frame.append(f'<line class="base" x1="{self.left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
        frame.append(
            f'<text class="name" x="{right}" y="{self.height - 6}" text-anchor="end">{escape(self.x.label)}</text>'
        )
        frame.append(f'<text class="name" x="2" y="14">{escape(self.y.label)}</text>')
        return Markup(
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(self.describe)}">'
            f'<g class="axis">{"".join(frame)}</g><g class="marks">{"".join(self.parts)}</g></svg>'
        )


def symbol(shape: str, px: float, py: float, size: float, style: str, title: str = "") -> Markup:
    """A marker at pixels."""
    paths = {
        "square": f"M{-size} {-size}H{size}V{size}H{-size}Z",
        "diamond": f"M0 {-1.4 * size}L{1.4 * size} 0L0 {1.4 * size}L{-1.4 * size} 0Z",
        "triangle": f"M0 {-1.3 * size}L{1.25 * size} {size}H{-1.25 * size}Z",
        "bar": f"M-1.5 {-2 * size}H1.5V{2 * size}H-1.5Z",
    }
    told = f"<title>{escape(title)}</title>" if title else ""
    if shape == "circle":
        return Markup(f'<circle class="mark {style}" cx="{px:.1f}" cy="{py:.1f}" r="{size}">{told}</circle>')
    return Markup(
        f'<path class="mark {style}" transform="translate({px:.1f} {py:.1f})" d="{paths[shape]}">{told}</path>'
    )
