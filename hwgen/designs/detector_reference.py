"""What a design file asks of a detector: the channel, the ADCs' budget, the EVM."""

import numpy as np
from numpy.typing import NDArray

from hwgen.designs.detector_goal import Goal
from hwgen.problems.adc import AdcReceiver
from hwgen.problems.channels import beamspace, rayleigh
from hwgen.spec import Spec
from hwgen.tables.detector import MODELS
from hwgen.tables.fields import RELOADABLE

MOST = {"antennas": 256, "users": 32}
MOST_LOADED = 1024  # weights


def channel_of(spec: Spec) -> NDArray[np.complex128]:
    """The channel (M, K), noise of unit power: every entry squared is an SNR."""
    table = spec.detector
    assert table is not None  # what the rules see to
    if table.channel in MODELS:
        make = {"rayleigh": rayleigh, "beamspace": beamspace}[table.channel]
        rng = np.random.default_rng(table.channel_seed)
        return make(table.antennas or 1, table.users or 1, table.snr_db, rng, table.spread_db)
    remedy = "give a .npy file of complex numbers (antennas, users), beside the design file"
    try:
        found = np.load(spec.beside(table.channel), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise spec.blame("detector.channel", f"cannot read it: {error}", remedy) from None
    if found.ndim != 2 or not found.size or found.dtype.kind not in "iufc" or not np.isfinite(found).all():
        raise spec.blame("detector.channel", "it holds no finite numbers of shape (antennas, users)", remedy)
    for (name, most), size in zip(MOST.items(), found.shape, strict=True):
        if size > most:
            raise spec.blame("detector.channel", f"{size} {name}; at most {most} are built", remedy)
    if found.shape[1] > found.shape[0]:
        raise spec.blame("detector.channel", "more users than antennas", remedy)
    if not found.any(axis=0).all():
        raise spec.blame("detector.channel", "a user reaches no antenna: a column is all zero", remedy)
    return np.asarray(found * 10 ** (table.snr_db / 20), dtype=np.complex128)


def reference(spec: Spec) -> Goal:
    """The goal in numbers, ADC bits allocated; a budget or an EVM out of reach is an error of the design file."""
    table, goal = spec.detector, spec.goal
    assert table is not None  # what the rules see to
    evm = goal.evm_percent or 100.0
    power = table.budget.power
    receiver = AdcReceiver(
        channel_of(spec), tuple(range(spec.input.format.width + 1)), table.method,
        cost="bits" if power is None else "power",
    )  # fmt: skip
    made = Goal(
        spec.design.name, spec.hardware.interface, receiver, float(power or table.budget.bits or 0),
        table.constellation, evm, spec.output.format, str(goal.target), str(spec.search.algorithm),
        spec.search.seed, spec.search.evaluations, spec, table.weights == RELOADABLE,
    )  # fmt: skip
    if made.reloadable and made.channel.size > MOST_LOADED:
        reason = f"{made.channel.size} weights would have registers and multipliers; at most {MOST_LOADED} are built"
        raise spec.blame("detector.weights", reason, 'write weights = "constant", or give fewer antennas or users')
    least = made.receiver.costs[1]
    if made.budget < least:
        raise spec.blame("detector.budget", f"the smallest ADC takes {least:g}", "allow more power or bits")
    reached = made.figures(made.link(made.bits)).evm_percent[0]
    if reached >= evm:
        reason = f"ADCs within this budget leave an EVM of {reached:.4g} % before anything else is rounded"
        remedy = f"allow more than {reached:.4g} %, or raise detector.budget"
        raise spec.blame("goal.evm_percent", reason, remedy)
    rounding = 100 * np.sqrt(2 * 4.0**-spec.output.format.fraction / 12)
    if np.hypot(reached, rounding) >= evm:
        reason = f"rounded to it, streams have an EVM of {np.hypot(reached, rounding):.4g} %"
        raise spec.blame("output.format", reason, "give the output more fraction bits")
    return made
