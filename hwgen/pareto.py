"""From one design file to a front of verified designs, each in a folder of its own.

The coefficient search depends on the mask alone: it is done once for every mask, with all processes, and its walks are
handed to the searches of the points. Each of those is one step in one process, and so is writing and simulating each
answer, which any search may have found.
"""

import json
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hwgen import flow, front
from hwgen.designs.fir import search
from hwgen.designs.reference import Reference, reference
from hwgen.designs.sources import SEARCHES, Effort, Sources
from hwgen.front import Made, Point
from hwgen.journal import Journal, Progress, write_beside
from hwgen.kinds.fir import described, outcome_of, qualities
from hwgen.report.front import render
from hwgen.spec import DesignFileError, Spec, parse

FINDINGS, REPORT, DESIGN = "pareto.json", "report.html", "design.toml"
# What a search finds with its second round and its last candidates, the first of a neighbour mostly find as well.
_EFFORT = Effort(rounds=1, candidates=2, greedy=False, frugal=True)
_ELSEWHERE = 0.5  # of the search for values, within masks other than the design file's
Facts = dict[str, Any]


class _Here(Executor):
    """Runs what it is given at once, in this process."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments, **named))
        except Exception as error:
            done.set_exception(error)
        return done


def refuse(spec: Spec) -> None:
    """Raise ``DesignFileError`` for design files around which no front is built."""
    goal = spec.goal
    if spec.design.kind != "fir":
        raise spec.blame("design.kind", "a front is made of filters alone", "use hwgen run")
    if goal.minimise != "luts":
        reason = f"a front is of LUTs against SQNR and mask; this file minimises {goal.minimise}"
        raise spec.blame("goal.minimise", reason, 'write minimise = "luts" and sqnr_db = 60 for the front')
    if goal.sqnr_db is None:
        raise spec.blame(
            "goal.sqnr_db", "a front varies the SQNR around this goal, and none is given", "add sqnr_db = 60"
        )
    if goal.fmax_mhz is not None:
        remedy = "remove it for the front, then add it to a point's design.toml and use hwgen run on that"
        raise spec.blame("goal.fmax_mhz", "designs on a front are not placed, so that no clock rate is known", remedy)
    if spec.search.algorithm not in SEARCHES:
        reason = "a front is of the smallest designs, and this method is one that it is compared with"
        raise spec.blame("search.algorithm", reason, 'leave it out, or write algorithm = "gc-pso"')


def _effort(tolerance: float) -> Effort:
    return _EFFORT if tolerance == 1 else replace(_EFFORT, values=_ELSEWHERE)


def search_step(spec: Spec, tolerance: float, known: Facts) -> Facts:
    """Search for one point, in this process; `known` are steps of the coefficient search within its mask.

    What `kinds.fir.searched` says, and every design tried; or why the design file was refused.
    """
    journal = Journal(None, {})
    journal.steps = dict(known)
    target = reference(spec)
    try:
        outcome = search(target, _Here(), journal, lambda what, share: None, _effort(tolerance))
    except DesignFileError as error:
        return {"refused": [error.key, error.reason, error.remedy]}
    tried = [
        {"label": t.candidate.label, "kind": t.candidate.kind, "facts": described(target, outcome, t)}
        for t in outcome.tried
    ]
    return {"found": outcome_of(target, outcome), "tried": tried}


def finish_step(spec: Spec, folder: str, found: Facts) -> Facts:
    """Write, simulate and report one point's design; its result.json."""
    run = flow.Run(spec, Path(folder), _Here())
    if run.journal.steps.get("search") != found:  # none yet, or that of another front
        run.journal.steps.clear()
        run.journal.record("search", found)
    return run.everything(bulk=False)


def pareto(
    known: Reference, folder: Path, count: int, executor: Executor, progress: Progress = lambda what, share: None
) -> Facts:
    """The front of `count` points around a design file, written to `folder`; what pareto.json says.

    Raises ``DesignFileError`` where no point can be built.
    """
    spec = known.spec
    journal = Journal(folder / "checkpoint", flow.owner(spec))
    goals: dict[Point, Reference] = {}
    skipped: dict[Point, str] = {}
    refused: list[tuple[str, str, str]] = []
    for point in front.plan(known, count):
        try:
            goals[point] = reference(parse(front.text(spec, point, spec.path.parent), spec.path))
        except DesignFileError as error:
            refused.append((error.key, error.reason, error.remedy))
            skipped[point] = error.reason
    steps = _begun(goals, executor, journal, progress)
    told = _counting(progress, "searching designs", len(steps))
    # Through JSON even when fresh, so that a resumed front sees the same.
    found = json.loads(json.dumps(journal.all(executor, search_step, steps.values(), told)))
    answers = dict(zip(steps, found, strict=True))
    outcomes = {point: answers[point] for point in goals}
    made: list[Made] = []
    for point, outcome in outcomes.items():
        if "refused" in outcome:
            refused.append(tuple(outcome["refused"]))
            skipped[point] = outcome["refused"][1]
        made += [Made(point.number, t["label"], t["kind"], t["facts"], known.mask) for t in outcome.get("tried", ())]
    chosen: dict[Point, Made] = {}
    for point, outcome in outcomes.items():
        if "found" not in outcome:
            continue
        design = front.choice(point, goals[point], made)
        if design is None:
            skipped[point] = _missed(outcome["found"])
        else:
            chosen[point] = design
    if not chosen and len(refused) == count:
        raise spec.blame(*refused[0])
    results = _finished(spec, folder, goals, chosen, outcomes, executor, progress)
    findings = _findings(known, count, chosen, made, results, skipped)
    write_beside(folder / FINDINGS, json.dumps(findings, indent=2) + "\n")
    write_beside(folder / REPORT, render(findings))
    return findings


def _begun(
    goals: dict[Point, Reference], executor: Executor, journal: Journal, progress: Progress
) -> dict[Point, tuple[Spec, float, Facts]]:
    """What `search_step` is given for each point; points are begun as soon as coefficients within their mask are known.

    Of each mask the largest designs come first, which take longest.
    """
    sources: dict[float, Sources] = {}
    for point, target in goals.items():
        if point.tolerance not in sources:
            chapter = journal.chapter(f"coefficients within {point.tolerance:g} x the mask")
            sources[point.tolerance] = Sources(target, executor, chapter, progress, _effort(point.tolerance))
    for source in sources.values():
        source.begin()
    steps: dict[Point, tuple[Spec, float, Facts]] = {}
    for tolerance, source in sources.items():
        fixed = source.reference.mask is None or source.spec.response.reloadable
        if not fixed:  # without a mask, values depend on the SQNR goal and take no time
            source.everything()
        own = sorted((p for p in goals if p.tolerance == tolerance), key=lambda p: -p.sqnr_db)
        found = {point: (goals[point].spec, tolerance, source.journal.steps) for point in own}
        journal.begin(executor, search_step, found.values())
        steps |= found
    return steps


def _counting(progress: Progress, what: str, count: int) -> Callable[[], None]:
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        progress(what, done / count)

    progress(what, 0.0)
    return one_more


def _missed(found: Facts) -> str:
    sqnr = found["quality"]["sqnr_db"]
    return f"no design was found that meets its goals; the best reaches {sqnr:.1f} dB of SQNR"


def _finished(
    spec: Spec, folder: Path, goals: dict[Point, Reference], chosen: dict[Point, Made], outcomes: dict[Point, Facts],
    executor: Executor, progress: Progress,
) -> dict[Point, Facts]:  # fmt: skip
    """Result of every point's finished folder."""
    steps = []
    for point, design in chosen.items():
        place = folder / point.folder
        text = front.text(spec, point, place)
        write_beside(place / DESIGN, text)
        found = _adopted(outcomes[point]["found"], point, design, goals[point])
        steps.append((parse(text, place / DESIGN), str(place), found))
    told = _counting(progress, "writing and simulating designs", len(steps))
    return dict(zip(chosen, Journal(None, {}).all(executor, finish_step, steps, told), strict=True))


def _adopted(found: Facts, point: Point, design: Made, target: Reference) -> Facts:
    """What the search for a point found, with `design` as its answer."""
    quality = qualities(design.quality(target.mask))
    rows = [{**row, "kind": "search" if row["kind"] == "chosen" else row["kind"]} for row in found["tried"]]
    own = design.point == point.number
    row = {
        "label": design.label if own else f"{design.label}, found for point {design.point}", "kind": "chosen",
        "lut": design.lut, "estimate": design.facts["estimate"]["lut"], "sqnr_db": quality["sqnr_db"], "meets": True,
    }  # fmt: skip
    others = [old for old in rows if any(old[key] != row[key] for key in ("label", "lut", "sqnr_db"))]
    return {**found, **design.facts, "quality": quality, "meets": True, "tried": [*others, row]}


def _findings(
    known: Reference, count: int, chosen: dict[Point, Made], made: list[Made], results: dict[Point, Facts],
    skipped: dict[Point, str],
) -> Facts:  # fmt: skip
    spec = known.spec
    verdicts = front.verdicts(list(chosen.items()), made)
    rows = [
        {
            **_goals(point), "folder": point.folder, "on_front": why is None, "off_front": why,
            "label": design.label, "found_for": design.point, **_figures(design, known),
            "ff": results[point]["resources"]["synthesis"]["ff"], "structure": design.facts["design"]["structure"],
            "taps": len(design.facts["design"]["coefficients"]), "bit_true": results[point]["verification"]["bit_true"],
            "met": flow.succeeded(results[point]),
            "baselines": {
                other.kind: _figures(other, known)
                for other in made if other.point == point.number and other.kind in front.BASELINES
            },
        }
        for (point, design), why in zip(chosen.items(), verdicts, strict=True)
    ]  # fmt: skip
    return {
        "schema": 1, "hwgen": version("hwgen"), "name": spec.design.name, "kind": spec.design.kind,
        "command": f"hwgen pareto {spec.path.name} --points {count}", "seed": spec.search.seed,
        "target": str(spec.goal.target), "asked": spec.goal.model_dump(mode="json", exclude_none=True),
        "reachable_sqnr_db": round(known.reachable_sqnr_db, 3),
        "front": [row["point"] for row in rows if row["on_front"]],
        "points": rows,
        "skipped": [{**_goals(point), "reason": reason} for point, reason in skipped.items()],
    }  # fmt: skip


def _goals(point: Point) -> Facts:
    return {"point": point.number, "goal": {"sqnr_db": point.sqnr_db, "tolerance": point.tolerance, "mask": point.mask}}


def _figures(design: Made, known: Reference) -> Facts:
    """What a design costs and achieves; `mask_share` is of what the design file's own bands allow."""
    quality = qualities(design.quality(known.mask))
    return {
        "lut": design.lut, **{key: quality[key] for key in ("sqnr_db", "ripple_db", "attenuation_db", "max_error_ulp")},
        "mask_share": None if known.mask is None else design.share,
    }  # fmt: skip
