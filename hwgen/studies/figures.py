"""The figures of a study: error against budget, convergence, distance from the reference, the stability region."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from hwgen.studies.plot import WIDE, Axis, Plot, shown, symbol
from hwgen.studies.tables import reference

Found = dict[str, Any]

# The methods an eye can follow, with style and marker; all others are thin and grey, and told apart in the tables.
FOLLOWED = {
    "allocate": ("allocate", "circle"), "gc-pso": ("gc-pso", "diamond"), "ppso": ("ppso", "triangle"),
    "greedy": ("greedy", "square"),
}  # fmt: skip
LEAST = 0.01  # per cent: the lower end of a logarithmic axis of distances
MOST = 300.0


class Figure(NamedTuple):
    """A drawing, its legend as (swatch, words), and what it shows."""

    key: str
    title: str
    drawing: Markup
    legend: list[tuple[Markup, str]]
    caption: str


def figures(study: Found) -> list[Figure]:
    """Those that the cases of a study allow."""
    cases = study["cases"]
    groups: dict[str, list[Found]] = {}
    for case in cases:
        groups.setdefault(case["group"], []).append(case)
    found = [distances(cases)]
    found += [budgets(study, name, members) for name, members in groups.items() if len(members) > 1]
    found += [convergence(case) for case in cases if case["main"]]
    return [*found, stability(study["dynamics"])]


def _lines(case: Found) -> Iterator[tuple[str, Found]]:
    """Those that are followed last, so that they lie on top; allocate last of all."""
    order = list(FOLLOWED)[::-1]
    rank = {name: order.index(name) if name in order else -1 for name in (line["name"] for line in case["methods"])}
    for line in sorted(case["methods"], key=lambda line: rank[line["name"]]):
        yield line["name"], line


def _style(name: str) -> str:
    return f"m-{FOLLOWED[name][0]}" if name in FOLLOWED else "m-other"


def _legend(bound: str | None, marked: bool = True) -> list[tuple[Markup, str]]:
    entries = []
    for name, (style, shape) in FOLLOWED.items():
        point = symbol(shape, 11, 7, 4, f"m-{style}") if marked else Markup("")
        entries.append((_swatch(f"m-{style}", point), name))
    entries.append((_swatch("m-other", Markup("")), "other methods and closed forms (see the tables)"))
    if bound:
        entries.append((_swatch("m-bound", Markup("")), bound))
    return entries


def _swatch(style: str, point: Markup) -> Markup:
    line = Markup('<line class="line {}" x1="1" x2="21" y1="7" y2="7"/>').format(style)
    return Markup('<svg width="22" height="14" aria-hidden="true">') + line + point + Markup("</svg>")


def _percent(ratio: float) -> float:
    return min(max(100 * (ratio - 1), LEAST), MOST)


def budgets(study: Found, name: str, cases: Sequence[Found]) -> Figure:
    """Median error of every method over the budgets of a group."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for case in sorted(cases, key=lambda case: float(case["budget"])):
        for method, line in _lines(case):
            if line["excess"] is not None and line["excess"][0] > 0:
                curves.setdefault(method, []).append((case["budget"], line["excess"][0]))
    bound = [(case["budget"], value) for case in cases if (value := _bound(case)) is not None and value > 0]
    values = [value for points in (*curves.values(), bound) for _, value in points]
    followed = [value for method in FOLLOWED for _, value in curves.get(method, ())]
    # Some baselines fail by orders of magnitude: their lines leave the frame rather than flatten all others.
    low, high = min(values, default=1.0), min(max(values, default=2.0), 2.5 * max(followed, default=1.0))
    steps = sorted({float(case["budget"]) for case in cases})
    y = Axis(low / 1.1, high * 1.1, study["error_label"], log=True)
    plot = Plot(Axis(steps[0] - 0.15, steps[-1] + 0.15, study["budget_label"], ticks=steps), y,
                f"{name}: {study['error_label']} against {study['budget_label']}")  # fmt: skip
    order = [method for method in curves if method not in FOLLOWED] + [m for m in list(FOLLOWED)[::-1] if m in curves]
    if bound:
        plot.line(bound, "m-bound", "certified bound")
        for point in bound:
            plot.mark(point, "m-bound", f"certified bound: {shown(point[1])}", "bar", 3)
    for method in order:
        plot.line(curves[method], _style(method), method)
        for point in curves[method] if method in FOLLOWED else ():
            plot.mark(point, _style(method), f"{method} at {point[0]:g}: {shown(point[1])}", FOLLOWED[method][1])
    kind = "Median over the seeds" if len(cases[0]["instances"]) == 1 else "Median over the channels"
    caption = f"{kind} of what each method reached; lower is better. Lines at the upper border lie above it."
    return Figure(f"budget-{_slug(name)}", f"{name}: error against budget", plot.svg(),
                  _legend("certified bound" if bound else None), caption)  # fmt: skip


def _bound(case: Found) -> float | None:
    values = sorted(i["bound"] - i["floor"] for i in case["instances"] if i["bound"] is not None)
    return values[len(values) // 2] if values else None


def convergence(case: Found) -> Figure:
    """Distance of the best point so far from the reference, against the points evaluated."""
    against = reference(case)
    last = max((line["history"][-1][0] for line in case["methods"] if line["history"]), default=10)
    plot = Plot(
        Axis(1, last, "points evaluated, starts included", True),
        Axis(LEAST, MOST, f"above {against}, %", True),
        f"{case['key']}: distance above {against} against points evaluated",
    )
    for method, line in _lines(case):
        points = [(count, _percent(ratio)) for count, ratio in line["history"]]
        plot.line(points, _style(method), method, stepped=True)
        if points and method in FOLLOWED:
            title = f"{method}: {shown(points[-1][1])} % above after {points[-1][0]:,} points"
            plot.mark(points[-1], _style(method), title, FOLLOWED[method][1])
    caption = (
        f"Best objective so far above {against}, median over the runs, cut at {LEAST:g} % and {MOST:g} %. "
        "The starts, which the limit on evaluations does not count, come first on every line."
    )
    return Figure(
        f"convergence-{_slug(case['key'])}", f"{case['key']}: convergence", plot.svg(), _legend(None), caption
    )


def distances(cases: Sequence[Found]) -> Figure:
    """Every case a row: how far the methods' medians are above the reference."""
    height = 74 + 22 * len(cases)
    left = 14 + round(6.3 * max(len(case["key"]) for case in cases))
    rows = [case["key"] for case in cases]
    plot = Plot(
        Axis(LEAST, MOST, "median above the reference, %", True), Axis(len(cases) - 0.5, -0.5, ""),
        "Distance of every method from the reference, case by case", WIDE, height, left,
    )  # fmt: skip
    for row, case in enumerate(cases):
        for method, line in _lines(case):
            if line["ratio"] is None:
                continue
            title = f"{method}, {case['key']}: {100 * (line['ratio'][0] - 1):.3g} % above {reference(case)}"
            shape = FOLLOWED[method][1] if method in FOLLOWED else "bar"
            plot.mark((_percent(line["ratio"][0]), row), _style(method), title, shape, 4 if method in FOLLOWED else 2.5)
    caption = (
        f"Distance above the certified bound or the best known, cut at {LEAST:g} % (there or closer) and {MOST:g} %. "
        "A method that found nothing within the limits has no mark. Point at a mark for its name."
    )
    return Figure("distances", "How far from the reference", plot.svg(rows), _legend(None), caption)


def stability(dynamics: Found) -> Figure:
    """The order-1 and order-2 regions of a particle swarm, with the parameters in use and published ones."""
    edges = dynamics["region"]
    plot = Plot(
        Axis(-1, 1, "inertia w"),
        Axis(0, 8, "c1 + c2"),
        "Stability region of the particle swarm, with parameters marked",
    )
    for name, style in (("order1", "region-1"), ("order2", "region-2")):
        edge = list(zip(edges["inertia"], edges[name], strict=True))
        plot.area([(-1, 0), *edge, (1, 0)], style)
        plot.line(edge, style, {"order1": "mean settles below", "order2": "variance settles below"}[name])
    for k, point in enumerate(dynamics["points"]):
        place = (point["inertia"], point["cognitive"] + point["social"])
        told = f"{point['name']}: radii {point['radius1']:.3f} (mean) and {point['radius2']:.3f} (variance)"
        style = "m-allocate" if point["in_use"] else "m-ppso" if not point["stable"] else "m-greedy"
        plot.mark(place, style, told, "circle" if point["in_use"] else "diamond", 5)
        plot.text(place, str(k + 1), "name", "middle", dx=-11 if point["in_use"] else 9, dy=-6)
    legend = [
        (_swatch("region-1", Markup("")), "the mean settles (order 1)"),
        (_swatch("region-2", Markup("")), "the variance settles too (order 2, c1 = c2)"),
        (_swatch("none", symbol("circle", 11, 7, 4, "m-allocate")), "in use"),
        (_swatch("none", symbol("diamond", 11, 7, 4, "m-greedy")), "published, stable"),
        (_swatch("none", symbol("diamond", 11, 7, 4, "m-ppso")), "published, at or outside the border"),
    ]
    caption = (
        "Where a particle settles while the best points stand still; the table of swarm parameters below has names and "
        "radii of the numbered points. Rounding, clipping and repair are not in this theory, and stability alone does "
        "not make a swarm good on integers."
    )
    return Figure("stability", "Stability of the swarms", plot.svg(), legend, caption)


def _slug(text: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in text.lower()).strip("-")
