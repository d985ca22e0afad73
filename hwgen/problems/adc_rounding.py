"""An allocation of ADC bits from the relaxed optimum: random roundings, repaired and improved by exact trials.

Every move is judged by the error it really leads to (`AdcReceiver.trials`, all levels of all antennas at once) and may
go to any level: at high SNR an antenna goes from off to four or five bits, and the levels between are worth less than
they cost, so that moves of one level lead nowhere.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwgen.problems.lmmse_bound import Relaxation, branch

if TYPE_CHECKING:
    from hwgen.problems.adc import AdcReceiver

Bits = NDArray[np.int64]


def complete(receiver: "AdcReceiver", bits: Bits, budget: float, kept: Bits | None = None) -> Bits:
    """Make points (P, M) fit the budget, then use what is left; the antenna ``kept`` (P,) of each is not lowered.

    Down by the least rise of the error per consumption saved, then up by the largest fall per consumption, until no
    move fits or helps. Every move changes the consumption one way, so it ends. Points that cannot be made to fit stay
    above the budget.
    """
    bits = np.array(bits)
    levels = np.array(receiver.levels)
    for upwards in (False, True):
        rows = np.arange(len(bits))
        while rows.size:
            here = bits[rows]
            spent = receiver.consumption(here)
            fits = spent <= budget * (1 + 1e-12)
            rows, here, spent = (values[fits == upwards] for values in (rows, here, spent))
            if not rows.size:
                break
            rise = receiver.trials(here) - receiver.error(here)[:, None, None]
            price = receiver.costs[levels] - receiver.costs[here][..., None]
            able = (price > 0) & (price <= (budget - spent)[:, None, None]) if upwards else price < 0
            if upwards:
                able &= rise < 0
            elif kept is not None:
                able[np.arange(rows.size), kept[rows]] = False
            score = np.where(able, rise / np.where(able, np.abs(price), 1.0), np.inf).reshape(rows.size, -1)
            best = score.argmin(axis=1)
            found = np.isfinite(score[np.arange(rows.size), best])
            rows, best = rows[found], best[found]
            bits[rows, best // levels.size] = levels[best % levels.size]
    return bits


def descend(receiver: "AdcReceiver", bits: Bits, budget: float) -> Bits:
    """From a feasible point (M,): set one antenna to another level and `complete` the rest, for as long as that helps.

    Of all antennas and levels, the move with the least error is taken.
    """
    levels = np.array(receiver.levels)
    M = receiver.antennas
    owner = np.repeat(np.arange(M), levels.size)
    level = np.tile(levels, M)
    error = float(receiver.error(bits[None])[0])
    while True:
        moved = level != bits[owner]
        points = np.tile(bits, (int(moved.sum()), 1))
        points[np.arange(len(points)), owner[moved]] = level[moved]
        points = np.unique(complete(receiver, points, budget, owner[moved]), axis=0)
        points = points[receiver.consumption(points) <= budget * (1 + 1e-12)]
        if not len(points):
            return bits
        errors = receiver.error(points)
        best = int(errors.argmin())
        if errors[best] >= error * (1 - 1e-12):
            return bits
        bits, error = points[best], float(errors[best])


def certified(
    receiver: "AdcReceiver", budget: float, nodes: int = 1, gap: float = 0.0, draws: int = 200
) -> tuple[Bits, float]:
    """Bits (M,) near the relaxed optimum of the budget, and a certified lower bound on the error of all others.

    Each antenna goes to one of the two levels it lies between, up with the probability of its share of the way; the
    best of the draws, completed, is improved by `descend`. With more than one node the same is done, with a tenth of
    the draws, at every relaxation that branch and bound makes; when the error equals the bound, the bits are an
    optimum. It ends early when they are within ``gap`` of each other, both taken above infinite resolution. The draws
    are the same at every call.
    """
    rng = np.random.default_rng(0)
    levels, gains, costs = receiver.ladder
    best, least = np.full(receiver.antennas, levels[0]), np.inf

    def draw(found: Relaxation, count: int) -> Bits:
        up = rng.random((count, receiver.antennas)) < found.part
        # The likeliest rounding is one of them.
        up[0] = found.part > 0.5
        points = complete(receiver, levels[np.where(up, found.above, found.below)], budget)
        points = points[receiver.consumption(points) <= budget * (1 + 1e-12)]
        return np.asarray(points[receiver.error(points).argmin()]) if len(points) else best

    def consider(bits: Bits) -> float:
        nonlocal best, least
        error = float(receiver.error(bits[None])[0])
        if error < least:
            best, least = bits, error
        return error

    consider(descend(receiver, draw(receiver.relaxation(budget), draws), budget))

    def improve(found: Relaxation) -> float:
        bits = draw(found, max(1, draws // 10))
        if consider(bits) <= least:
            consider(descend(receiver, bits, budget))
        return least - receiver.offset

    bound = branch(receiver.function, gains, costs, budget, nodes, least - receiver.offset, improve, gap)
    return best, bound + receiver.offset
