"""The tables of a study as text, for a terminal, a page or Markdown."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from hwgen.studies.case import Table

Found = dict[str, Any]


def tables(study: Found) -> list[Table]:
    """One for each group of cases, all methods, then the study's own."""
    groups: dict[str, list[Found]] = {}
    for case in study["cases"]:
        groups.setdefault(case["group"], []).append(case)
    found = [_group(name, cases) for name, cases in groups.items()]
    found += [certificates(study["cases"])]
    found.append(_swarms(study["dynamics"]["points"]))
    return found + [
        Table(t["title"], t["caption"], tuple(t["columns"]), tuple(tuple(row) for row in t["rows"]))
        for t in study["tables"]
    ]


def _group(name: str, cases: Sequence[Found]) -> Table:
    """Median [least..most] of the ratio of every method in every case, and what it spent."""
    lines: dict[tuple[str, str], list[Found | None]] = {}
    for place, case in enumerate(cases):
        for line in case["methods"]:
            lines.setdefault((line["kind"], line["name"]), [None] * len(cases))[place] = line

    def rank(item: tuple[tuple[str, str], list[Found | None]]) -> tuple[bool, float]:
        (_, method), found = item
        ratios = [line["ratio"][0] if line and line["ratio"] else float("inf") for line in found]
        return method != "allocate", median(ratios)

    rows = []
    for (kind, method), found in sorted(lines.items(), key=rank):
        spent = [line for line in found if line]
        asked = median(line["evaluations"] + line["start_evaluations"] for line in spent)
        starts = median(line["start_evaluations"] for line in spent)
        cost = "closed form" if kind == "closed form" else f"{asked:,.0f} ({starts:,.0f})"
        rows.append((method, *(_ratio(line) for line in found), cost))
    references = {reference(case) for case in cases}
    caption = f"Error over {' or '.join(sorted(references))}: median [least..most] of the runs."
    columns = ("method", *(f"{case['budget']:g} bits" for case in cases), "evaluations (starts)")
    return Table(name, caption, columns, tuple(rows))


def reference(case: Found) -> str:
    """What the ratios of a case are to."""
    if case["against"] == "bound":
        return "the certified bound"
    return "the proven optimum" if case["proven"] else "the best known"


def _ratio(line: Found | None) -> str:
    if line is None or line["ratio"] is None:
        return "none found" if line else ""
    middle, least, most = line["ratio"]
    text = _figure(middle) if most - least < 5e-5 else f"{_figure(middle)} [{_figure(least)}..{_figure(most)}]"
    return text + (f", {line['failed']} failed" if line["failed"] else "")


def _figure(ratio: float) -> str:
    return f"{ratio:.4f}" if ratio < 1.1 else f"{ratio:.3f}" if ratio < 10 else f"{ratio:.3g}"


def headline(study: Found) -> str:
    """What came of allocate, in a sentence or two."""
    ours, better = [], 0
    for case in study["cases"]:
        ratios = {line["name"]: line["ratio"][0] for line in case["methods"] if line["ratio"]}
        if "allocate" in ratios:
            ours.append(ratios["allocate"])
            better += ratios["allocate"] > min(ratios.values()) * (1 + 1e-9)
    if not ours:
        return "allocate found nothing within the limits."
    text = f"Over {len(ours)} cases, allocate's median is {_above(median(ours))} the reference in the median case, "
    text += f"{_above(max(ours))} in the worst. "
    if not better:
        return text + "No other method did better in any case."
    return text + f"Another method's median was better in {better} of them."


def _above(ratio: float) -> str:
    percent = 100 * (ratio - 1)
    return "at" if percent < 0.005 else f"{percent:.2f} % above" if percent < 10 else f"{percent:.0f} % above"


def _swarms(points: Sequence[Found]) -> Table:
    """The numbered points of the stability figure."""
    rows = tuple(
        (f"{k}: {p['name']}", f"{p['inertia']:g}", f"{p['cognitive']:g}", f"{p['social']:g}", f"{p['radius1']:.3f}",
         f"{p['radius2']:.3f}", "yes" if p["stable"] else "no", "in use" if p["in_use"] else "published")
        for k, p in enumerate(points, 1)
    )  # fmt: skip
    columns = ("parameters", "w", "c1", "c2", "radius of the mean", "of the variance", "both settle", "")
    caption = "Spectral radii of the recursions of mean and variance: below 1 they settle, by that factor a step."
    return Table("Swarm parameters", caption, columns, rows)


def certificates(cases: Sequence[Found]) -> Table:
    """Best objective, bound and gap of every case; medians over its instances."""
    rows = []
    for case in cases:
        best = median(instance["best"] for instance in case["instances"])
        bounds = [instance["bound"] for instance in case["instances"] if instance["bound"] is not None]
        gaps = [instance["gap"] for instance in case["instances"] if instance["gap"] is not None]
        proven = {None: "", True: "search ended", False: "time ran out"}[case["proven"]]
        rows.append((
            case["key"], f"{best:.6g}", f"{median(bounds):.6g}" if bounds else "none",
            f"{median(gaps):.2%}" if gaps else "", f"{max(gaps):.2%}" if gaps else "", proven,
        ))  # fmt: skip
    columns = ("case", "best objective", "certified bound", "gap", "largest gap", "integer program")
    caption = "The gap is (objective - bound) / bound of the best of all methods, floor included."
    return Table("Certificates", caption, columns, tuple(rows))


def seconds(study: Found) -> Table:
    """Median seconds of every method, case by case."""
    cases = study["timings"]["cases"]
    names = list(dict.fromkeys(name for times in cases.values() for name in times))
    totals = {name: [times[name] for times in cases.values() if name in times] for name in names}
    rows = tuple(
        (name, f"{median(times):.2f}", f"{max(times):.2f}")
        for name, times in sorted(totals.items(), key=lambda item: median(item[1]))
    )
    caption = f"Seconds a run took on one core: median and largest over the cases. All of it: {_minutes(study)}."
    return Table("Time", caption, ("method", "median case", "slowest case"), rows)


def _minutes(study: Found) -> str:
    total = study["timings"]["total"]
    return f"{total:.0f} s" if total < 120 else f"{total / 60:.0f} min"


def plain(table: Table) -> str:
    """A table in columns of characters, as wide as it needs."""
    rows = [table.columns, *table.rows]
    widths = [max(len(row[k]) for row in rows) for k in range(len(table.columns))]
    lines = [
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(
        [f"{table.title}. {table.caption}", lines[0].rstrip(), "-" * sum(widths, 2 * len(widths) - 2), *lines[1:]]
    )


def markdown(found: Sequence[Table]) -> str:
    """The tables in Markdown."""
    parts = []
    for table in found:
        head = f"| {' | '.join(table.columns)} |\n|{'---|' * len(table.columns)}"
        rows = "\n".join(f"| {' | '.join(row)} |" for row in table.rows)
        parts.append(f"### {table.title}\n\n{table.caption}\n\n{head}\n{rows}")
    return "\n\n".join(parts)
