"""Cascades for narrow transitions: a few cheap factors beside one whose delays are stretched (interpolated FIR).

F(z**M) has transitions M times as narrow as F(z) for the same taps, and images that the other factors must suppress.
At an image f of a pass-band frequency f', F has the same amplitude at both, so |H(f)| / |H(f')| is what the others give
alone: sum_j n_j log |A_j(f') / A_j(f)| >= log(1 / stop-band limit) for factors j taken n_j times. That is linear in the
counts: a covering problem over small factors such as (1 + z**-1)**2, an integer program for the fewest adders. They
need not be flat: F makes up for their droop. Its shortest length follows from linear programs, its values are
placed one by one (`factors`). Structure: Neuvo, Dong and Mitra (IEEE TASSP 32, 1984), cheap prefilters after Adams and
Willson (IEEE TCAS 30, 1983); choosing them by a covering program is our own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product as combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from hwgen.adders import csd_adders, greedy_graph
from hwgen.designs.factors import Floats, Part, Placing, aliases, folded, place, remaining, response, tightest
from hwgen.designs.values import Coefficients
from hwgen.response import Band, Mask, limits, measure

EFFORT = 64  # placements of a whole filter that `factored` may try

_SPREADS = range(2, 9)
_GUARDS = (0.4, 0.2, 0.6)  # share of a transition in which images are suppressed like those of the pass band
_DROOP = 0.1  # adders that a decibel of droop in a pass band counts for: it decides between equals
_FARTHEST = 0.5  # adders above the relaxed program's that one factor may force, to be in the integer program
_MARGIN = 0.97  # share of a stop band that images may fill
_ATOM_DROOP = 1.5  # nepers over the pass bands beyond which a small factor is not considered
_MOST = 12  # times that a small factor may be taken
_NODES = 40  # of the integer program's tree
_ALIASES = 241  # frequencies at which images are looked at
_A_TAP = 1.3  # adders of a placed tap, about: its structural one and its share of the multiplier block
_ROOM = 0.93  # share of the mask that real taps may use before values are placed
_LENGTHS = 4  # lengths of the stretched factor from the shortest on
_BRANCHES = 4  # suppressors whose stretched factors are placed
_PROMISING = 1.1  # x the best estimate, up to which they are
_KEPT = 5  # answers


@dataclass(frozen=True)
class Factors:
    """Filters in series, each with its spread M: H(z) = prod F(z**M). Every one is symmetric."""

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("a cascade needs at least one factor")
        for coefficients, spread in self.parts:
            if spread < 1 or not any(coefficients.values):
                raise ValueError("a factor needs a spread of at least 1 and a value other than 0")

    @cached_property
    def product(self) -> Coefficients:
        """The impulse response, exact: the convolution of the spread factors in integers."""
        total, fraction = [1], 0
        for coefficients, spread in self.parts:
            result = [0] * (len(total) + spread * (len(coefficients.values) - 1))
            for k, value in enumerate(coefficients.values):
                for n, sofar in enumerate(total):
                    result[n + k * spread] += value * sofar
            total, fraction = result, fraction + coefficients.fraction
        return Coefficients(tuple(total), fraction)

    @cached_property
    def part_adders(self) -> tuple[tuple[int, int], ...]:
        """Adders of each factor: multiplier block, and those that sum the taps."""
        return tuple(_adders(coefficients) for coefficients, _ in self.parts)

    @property
    def adders(self) -> int:
        """All adders, of multiplier blocks and between taps."""
        return sum(map(sum, self.part_adders))

    @property
    def delays(self) -> int:
        """Registers of all delay chains, in samples."""
        return sum(spread * (len(coefficients.values) - 1) for coefficients, spread in self.parts)


def factored(mask: Mask, shortest_taps: int, effort: int = EFFORT) -> list[Factors]:
    """Cascades of small factors and one stretched filter that meet the mask, the fewest adders first.

    Parameters
    ----------
    mask
        Bands; with a free gain, the gain is searched too.
    shortest_taps
        Length of the shortest single filter that meets the mask: what a cascade has to beat.
    effort
        Placements of a whole filter that may be tried, at least 1. Same effort, same answer.

    Returns
    -------
    The best few. Empty where no spread promises fewer adders than the single filter, or no placement succeeds.

    Raises
    ------
    ValueError
        The length or the effort is below 1.
    """
    if shortest_taps < 1 or effort < 1:
        raise ValueError(f"the length and the effort must be at least 1, not {shortest_taps} and {effort}")
    plans = _plans(mask, shortest_taps)
    found: dict[tuple[Part, ...], Factors] = {}
    for plan, how, phase in _schedule(plans, mask, effort):
        values = _placed(mask, plan, how, phase)
        if values is None:
            continue
        answer = Factors((*plan.others, (values, plan.spread)))
        if measure(answer.product.floats, mask).violation <= 1:
            found[answer.parts] = answer
    return sorted(found.values(), key=lambda f: (f.adders, f.delays, len(f.parts)))[:_KEPT]


@dataclass(frozen=True)
class _Plan:
    """Suppressing factors, the spread and length of the stretched one, and the adders this might take."""

    others: tuple[Part, ...]
    spread: int
    taps: int
    estimate: float


def _plans(mask: Mask, shortest_taps: int) -> list[list[_Plan]]:
    """Plans that promise fewer adders than the single filter; those of one suppressor together, the best first."""
    found: dict[tuple[int, tuple[Part, ...]], list[_Plan]] = {}
    best = _A_TAP * shortest_taps
    for spread in _SPREADS:
        before = best
        for guard in _GUARDS:
            others = _suppressors(mask, spread, guard, best - _A_TAP * shortest_taps / spread)
            if others is None or (spread, others) in found:
                continue
            cost = sum(sum(_adders(coefficients)) for coefficients, _ in others)
            most = int((best * 1.1 - cost) / _A_TAP)
            plans = [
                _Plan(others, spread, taps, cost + _A_TAP * taps)
                for taps in _lengths(mask, others, spread, shortest_taps, most)
            ]
            found[spread, others] = plans
            best = min([best, *(plan.estimate for plan in plans)])
            if not plans:
                break  # with other guards the images are hardly better suppressed, and finding that out takes longest
        # The stretched factor shortens like 1 / M and the others grow ever faster: past the best M it gets worse.
        if best == before and any(found.values()):
            break
    promising = [plans for plans in found.values() if plans and plans[0].estimate <= _PROMISING * best]
    return sorted(promising, key=lambda plans: (plans[0].estimate, plans[0].spread))[:_BRANCHES]


def _lengths(mask: Mask, others: Sequence[Part], spread: int, shortest_taps: int, most: int) -> list[int]:
    """The shortest lengths of the stretched factor, up to `most`, that leave room for placing values.

    Two more taps are never worse, so the odd threshold is bisected and the lengths around it are tried.
    """

    def fits(taps: int) -> bool:
        return tightest(remaining(mask, others, spread, taps, 6))[0] <= _ROOM

    fails, meets = -1, (most - 1) | 1
    if meets < 1 or not fits(meets):
        return []
    guess = (round(shortest_taps / spread) + 2) | 1
    while meets - fails > 2:
        guess = min(max(guess, fails + 2), meets - 2)
        if fits(guess):
            meets = guess
        else:
            fails = guess
        guess = fails + 2 * max(1, (meets - fails) // 4)
    return [
        taps
        for taps in range(max(2, meets - 3), meets + 2 * _LENGTHS)
        if taps == meets or (taps % 2 and taps > meets) or (taps % 2 == 0 and fits(taps))
    ][:_LENGTHS]


def _schedule(plans: list[list[_Plan]], mask: Mask, effort: int) -> Iterator[tuple[_Plan, Placing, float]]:
    """Which placements are tried: plans in turn, each with its next word length, order, opening and gain."""
    queues = [plan for rank in range(_LENGTHS) for family in plans for plan in family[rank : rank + 1]]
    # Half a stop band's limit decides how fine the taps must be; openings and gains are plain variety.
    finest = max([6, *(round(-np.log2(band.upper)) + 1 for band in mask.bands if not band.passband)])
    turn = 0
    while turn < effort and queues:
        lap, number = divmod(turn, len(queues))
        bits = min(finest, 12) - (0, 2, 1)[lap % 3]
        phase = lap * 0.6180339887498949 % 1 if mask.gain is None else 0.0
        yield queues[number], Placing(bits, (0.5, 0.8, 0.3)[lap // 2 % 3], lap % 2 == 0), phase
        turn += 1


def _placed(mask: Mask, plan: _Plan, how: Placing, phase: float) -> Coefficients | None:
    """Values of the stretched factor; under a free gain its largest real tap is 2**phase."""
    coarse = remaining(mask, plan.others, plan.spread, plan.taps)
    fine = remaining(mask, plan.others, plan.spread, plan.taps, 20)
    least, ideal = tightest(coarse)
    if least >= 1 or fine.empty:
        return None
    peak = float(np.abs(ideal).max())
    if mask.gain is None:
        return place(coarse.scaled(2**phase / peak), fine.scaled(2**phase / peak), least, how)
    # The scale is given: the grid has to be as fine beside the largest tap.
    return place(coarse, fine, least, Placing(how.bits - round(np.log2(peak)), how.opening, how.outwards))


def _suppressors(mask: Mask, spread: int, guard: float, most: float) -> tuple[Part, ...] | None:
    """Small factors that suppress all images of a spread, for about the fewest adders; None where above `most`."""
    wide = _widened(mask, guard)
    images, passed, ratios = _images(wide, spread)
    if not len(images):
        return None
    inside = np.concatenate([np.linspace(band.start, band.stop, 15) for band in mask.bands if band.passband])
    candidates = [
        (part, np.log(np.maximum(np.abs(response([part], inside)), 1e-9)))
        for s in range(1, spread + 2)
        if s % spread
        for part in _atoms(s)
    ]
    small = [(part, float(np.ptp(levels))) for part, levels in candidates if np.ptp(levels) <= _ATOM_DROOP]
    if not small:
        return None
    # Zeros are not counted as more than 100 dB: beside them, a response still is what it is.
    gains = np.array([
        np.log(np.maximum(np.abs(response([part], passed)), 1e-9))
        - np.log(np.maximum(np.abs(response([part], images)), 1e-5))
        for part, _ in small
    ])  # fmt: skip
    cost = np.array([sum(_adders(part[0])) + 8.69 * _DROOP * level + 1e-3 for part, level in small])
    needed = -np.log(_MARGIN * ratios)
    relaxed = linprog(cost, A_ub=-gains.T, b_ub=-needed, bounds=(0, _MOST), method="highs")
    if relaxed.status or relaxed.fun > most:
        return None
    near = np.flatnonzero(relaxed.lower.marginals + np.abs(relaxed.upper.marginals) <= _FARTHEST)
    solved = milp(
        cost[near], integrality=np.ones(len(near)), bounds=Bounds(0, _MOST),
        constraints=LinearConstraint(gains[near].T, needed, np.inf),
        options={"node_limit": _NODES, "mip_rel_gap": 0.01},
    )  # fmt: skip
    if solved.x is None:
        return None
    counts = np.round(solved.x).astype(int)
    return tuple(small[k][0] for k, count in zip(near, counts, strict=True) for _ in range(count)) or None


def _images(mask: Mask, spread: int) -> tuple[Floats, Floats, Floats]:
    """Stop-band frequencies at which a spread images pass-band ones, those, and how large their ratio may be."""
    shown = [points for points, _ in aliases(folded(mask, spread, _ALIASES), spread)]
    bounds = [limits(mask, points) for points in shown]
    images, passed, ratios = [], [], []
    for (f, (low, high)), (g, (low_g, high_g)) in combinations(zip(shown, bounds, strict=True), repeat=2):
        both = (low < 0) & np.isfinite(high) & (low_g > 0)
        images.append(f[both])
        passed.append(g[both])
        ratios.append(2 * high[both] / (low_g[both] + high_g[both]))
    return np.concatenate(images), np.concatenate(passed), np.concatenate(ratios)


def _widened(mask: Mask, guard: float) -> Mask:
    """Pass bands wider by a share of each transition: there the stretched factor cannot be small yet."""
    bands = list(mask.bands)
    for k, band in enumerate(bands):
        if band.passband:
            before = mask.bands[k - 1].stop if k else band.start
            after = mask.bands[k + 1].start if k + 1 < len(bands) else band.stop
            start, stop = band.start - guard * (band.start - before), band.stop + guard * (after - band.stop)
            bands[k] = Band(start, stop, band.gain, band.lower, band.upper, True)
    return Mask(tuple(bands), mask.gain)


def _atoms(spread: int) -> list[Part]:
    """Factors with a zero or two on the unit circle, at most three adders each: 1 + z**-1, and 1 + c z**-1 + z**-2.

    c is a multiple of 1/16 of at most two signed digits; the zeros are where cos w = -c/2. Gains are at most 1.
    """
    found = [Coefficients((1, 1), 1)]
    for sixteenths in range(-32, 33):
        if sixteenths and csd_adders(np.array([sixteenths]))[0] <= 1:
            short = Coefficients((16, sixteenths, 16), 0).trimmed().values
            found.append(Coefficients(short, (sum(map(abs, short)) - 1).bit_length()))
    return [(coefficients, spread) for coefficients in found]


def _adders(coefficients: Coefficients) -> tuple[int, int]:
    """Adders of one factor: its multiplier block, and those that sum its taps."""
    taps = sum(value != 0 for value in coefficients.values)
    return len(greedy_graph(coefficients.values).adders), taps - 1
