"""kind = "receiver"."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwgen.spec import Spec
    from hwgen.tables import DesignFile

_MOST_RATE = 1 << 14  # of all stages together: outputs have to be counted


def judge(spec: "Spec", tables: "DesignFile") -> None:
    """Raise for a receiver that cannot be built: what takes two tables, or two stages, to judge."""
    if not spec.stage:
        reason = "a receiver needs stages, and there are none"
        raise spec.blame("stage", reason, 'add a table [[stage]] with block = "mixer"')
    _check_goal(spec)
    if not spec.input.format.signed or not spec.output.format.signed:
        name = "output" if spec.input.format.signed else "input"
        raise spec.blame(f"{name}.format", "samples of a receiver are signed", "write for example s1.11")
    if spec.input.format.width < 3:
        raise spec.blame("input.format", "a receiver takes samples of 3 bits or more", "write for example s1.11")
    rate, total = spec.input.sample_rate, 1
    for index, stage in enumerate(spec.stage):
        key = f"stage[{index}]"
        if stage.block == "mixer":
            if index:
                raise spec.blame(f"{key}.block", "a mixer comes first, at the full rate", "move it to the top")
            if stage.frequency is not None and abs(stage.frequency) > rate / 2:
                raise spec.blame(
                    f"{key}.frequency", f"above {rate / 2:g}, half of input.sample_rate", "give it as sampled"
                )
        for number, band in enumerate(stage.bands or ()):
            if band.stop > rate / 2 and not math.isclose(band.stop, rate / 2, rel_tol=1e-9):
                reason = f"above {rate / 2:g}, half the rate at which samples reach this filter"
                raise spec.blame(f"{key}.bands[{number}].stop", reason, f"stop the band at or below {rate / 2:g}")
        if stage.compensate and not any(before.block == "cic" for before in spec.stage[:index]):
            raise spec.blame(f"{key}.compensate", "no CIC comes before this filter", "remove compensate")
        rate, total = rate / stage.decimate, total * stage.decimate
    if spec.stage[-1].block in ("mixer", "cic"):
        reason = f"a {spec.stage[-1].block} comes last, and cannot round to the output's format"
        raise spec.blame(f"stage[{len(spec.stage) - 1}].block", reason, 'add a fir, or a stage with block = "gain"')
    if total > _MOST_RATE:
        raise spec.blame("stage", f"the stages decimate by {total}, more than {_MOST_RATE}", "decimate by less")
    _check_rest(spec)


def _check_goal(spec: "Spec") -> None:
    goal = spec.goal
    if goal.minimise == "cells":
        raise spec.blame("goal.minimise", "a receiver is not placed", 'write minimise = "luts"')
    for key in ("max_error_ulp", "fmax_mhz"):
        if getattr(goal, key) is not None:
            raise spec.blame(f"goal.{key}", "no goal of a receiver", "give sqnr_db, evm_percent or sfdr_db")
    if goal.minimise == "error":
        _check_budget(spec)
    elif goal.sqnr_db is not None and goal.evm_percent is not None:
        reason = "both sqnr_db and evm_percent given; one says how accurate the receiver must be"
        raise spec.blame("goal.minimise", reason, "write sqnr_db = 60, or evm_percent = 1.0")
    elif goal.sqnr_db is None and goal.evm_percent is None and goal.sfdr_db is None:
        reason = "none of sqnr_db, evm_percent and sfdr_db given; one says how accurate the receiver must be"
        raise spec.blame("goal.minimise", reason, "write sqnr_db = 60, or evm_percent = 1.0")
    if goal.sfdr_db is not None and (not spec.stage or spec.stage[0].block != "mixer"):
        raise spec.blame("goal.sfdr_db", "it is that of an oscillator, and there is none", "remove it")


def _check_budget(spec: "Spec") -> None:
    goal = spec.goal
    if goal.budget is None or goal.budget.luts is None:
        raise spec.blame("goal.budget", "a receiver spends LUTs", "write budget = { luts = 2000 }")
    for key in ("sqnr_db", "evm_percent"):
        if getattr(goal, key) is not None:
            reason = "the error is made as small as the budget allows, whatever is asked for"
            raise spec.blame(f"goal.{key}", reason, 'remove it, or write minimise = "luts" without budget')


def _check_rest(spec: "Spec") -> None:
    """Judge keys that other kinds have."""
    reasons = (
        ("input.channels", spec.input.channels > 1, "write channels = 1"),
        ("hardware.dsp", spec.hardware.dsp, "write dsp = false"),
        ("hardware.reset_data", not spec.hardware.reset_data, "write reset_data = true"),
        ("hardware.structure", spec.hardware.structure in ("folded", "cascade"), 'write structure = "auto"'),
        (
            "response.coefficients",
            spec.response.coefficients is not None,
            "give bands: the mask of all stages together",
        ),
        ("response.taps", spec.response.taps is not None, "remove it: stages have lengths of their own"),
        ("response.decimate", spec.response.decimate > 1, "decimate in the stages"),
        ("response.interpolate", spec.response.interpolate > 1, "remove it"),
        ("search.accumulator_bits", spec.search.accumulator_bits is not None, "remove it"),
    )
    for key, given, remedy in reasons:
        if given:
            raise spec.blame(key, "not for a receiver", remedy)
    if spec.hardware.clock is not None and spec.hardware.clock < spec.input.sample_rate * (1 - 1e-9):
        reason = f"slower than input.sample_rate, {spec.input.sample_rate:g}; a sample takes one clock"
        raise spec.blame("hardware.clock", reason, f"give {spec.input.sample_rate:g} or more, or leave it out")
    half = spec.input.sample_rate / 2
    for index, band in enumerate(spec.response.bands or ()):
        if band.stop > half and not math.isclose(band.stop, half, rel_tol=1e-12):
            reason = f"above {half:g}, half of input.sample_rate"
            raise spec.blame(f"response.bands[{index}].stop", reason, f"stop the band at or below {half:g}")
