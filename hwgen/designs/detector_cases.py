"""A detector over SNR: what is built beside ideal, uniform and closed-form ADCs, by bit-true Monte Carlo.

At every SNR the ADCs of each allocation are found anew within the same budget, and have exact weights for that SNR; the
detector that was built keeps its bits and weights, or loads those for that SNR where they can be loaded, while the gain
control before its ADCs follows the power.
"""

from typing import Any

import numpy as np

from hwgen.blocks.combiner_reloadable import ReloadableCombiner, thawed
from hwgen.designs.detector_goal import preferred, rivals
from hwgen.designs.monte_carlo import Receive, exact, measured, received, unquantised
from hwgen.designs.uplink import Uplink, mse
from hwgen.problems.adc import AdcReceiver
from hwgen.problems.adc_rounding import certified

OFFSETS_DB = (-10.0, -5.0, 0.0, 5.0, 10.0)


def allocations(
    receiver: AdcReceiver, budget: float, constellation: str, symbols: int, rng: np.random.Generator
) -> dict[str, tuple[int, ...]]:
    """ADC bits by method; "allocated" is the best of all, see `preferred`."""
    found = rivals(receiver, budget)
    known = list(found.values())
    if receiver.detector == "lmmse":
        known.append(tuple(int(b) for b in certified(receiver, budget)[0]))
    return found | {"allocated": preferred(receiver, known, constellation, symbols, rng)}


def case_step(
    channel: list[list[list[float]]], offset_db: float, method: str, cost: str, budget: float, levels: list[int],
    constellation: str, symbols: int, seed: int, built: dict[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    """Figures of all receivers at one SNR, JSON in and out; `built` is a frozen combiner."""
    parts = np.array(channel) * 10 ** (offset_db / 20)
    h = np.asarray(parts[..., 0] + 1j * parts[..., 1], dtype=np.complex128)
    receiver = AdcReceiver(h, tuple(levels), method, cost=cost)
    found = allocations(receiver, budget, constellation, symbols, np.random.default_rng([seed, 5]))
    receivers: dict[str, Receive] = {"ideal": unquantised(h, method)}
    links = {name: Uplink(h, bits, method) for name, bits in found.items()}
    receivers |= {name: exact(link) for name, link in links.items()}
    if built is not None:
        receivers["built"] = _as_built(h, method, built)
    rng = np.random.default_rng([seed, 3])
    figures = measured(h, receivers, constellation, symbols, rng)
    return {
        "offset_db": offset_db,
        "bits": {name: list(bits) for name, bits in found.items()},
        "model_mse": {name: float(mse(link.ideal).mean()) for name, link in links.items()},
        "figures": {name: made.plain() for name, made in figures.items()},
    }


def _as_built(channel: np.ndarray, method: str, built: dict[str, Any]) -> Receive:
    combiner = thawed(built)
    link = Uplink(channel, combiner.bits, method)
    if isinstance(combiner, ReloadableCombiner):
        combiner = combiner.reloaded(combiner.words_of(link.all_weights))
    return received(combiner, link)
