"""kind = "fir"."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwgen.spec import Spec
    from hwgen.tables import DesignFile


def judge(spec: "Spec", tables: "DesignFile") -> None:
    """Raise for a filter that cannot be built: what takes two tables to judge."""
    for key, remedy in (
        ("evm_percent", "give sqnr_db; an EVM of 1 % is an SQNR of 40 dB"), ("sfdr_db", "give sqnr_db in its place"),
        ("evm_loss_db", "give sqnr_db in its place"), ("ber_loss_db", "give sqnr_db in its place"),
        ("ber", "remove it, and give sqnr_db"),
    ):  # fmt: skip
        if getattr(spec.goal, key) is not None:
            whose = "detector" if key.startswith("ber") else "receiver"
            raise spec.blame(f"goal.{key}", f"a goal of a {whose}, and this is a filter", remedy)
    if tables.response is None:
        raise spec.blame("response", "a fir needs a response, and there is none", "add a table [response] with bands")
    half = spec.filter_rate / 2
    for index, band in enumerate(spec.response.bands or ()):
        if band.stop > half and not math.isclose(band.stop, half, rel_tol=1e-12):
            times = f"{spec.response.interpolate} x " if spec.response.interpolate > 1 else ""
            reason = f"above {half:g}, half of {times}input.sample_rate"
            raise spec.blame(f"response.bands[{index}].stop", reason, f"stop the band at or below {half:g}")
    response, rate = spec.response, spec.filter_rate * spec.input.channels
    if response.decimate > 1 and response.interpolate > 1:
        reason = "the filter interpolates, too"
        raise spec.blame("response.decimate", reason, "do one after the other, in two designs")
    _check_channels(spec)
    _check_reloadable(spec)
    if spec.hardware.clock is not None and spec.hardware.clock < rate * (1 - 1e-9):
        factors = [("interpolate", response.interpolate), ("channels", spec.input.channels)]
        name = " x ".join([*(factor for factor, value in factors if value > 1), "input.sample_rate"])
        reason = f"slower than {name}, {rate:g}; a sample takes one clock at least"
        raise spec.blame("hardware.clock", reason, f"give a clock of {rate:g} or more, or leave it out")
    clocks = (spec.hardware.clock or rate) / spec.input.sample_rate * response.decimate / response.interpolate
    if spec.hardware.structure == "folded" and clocks < 2 * (1 - 1e-9):
        reason = f"folding needs two clocks an output at least, and {spec.hardware.clock:g} Hz gives {clocks:.3g}"
        raise spec.blame("hardware.structure", reason, 'raise hardware.clock, or write structure = "auto"')
    if spec.hardware.structure == "cascade":
        _check_cascade(spec)
    if spec.goal.minimise == "error" and spec.response.bands is None:
        reason = "the error of a filter is measured over bands, and there are none"
        raise spec.blame("goal.minimise", reason, 'add response.bands, or write minimise = "luts"')


def _check_cascade(spec: "Spec") -> None:
    """Judge what a cascade, whose factors are searched for bands, can be combined with."""
    response = spec.response
    for key, given, reason, remedy in (
        ("response.bands", response.bands is None, "factors of a cascade are searched for bands, and there are none",
         'add bands, or write structure = "auto"'),
        ("response.coefficients", response.listed is not None, "factors of a cascade are searched for bands",
         'remove them, or write structure = "auto"'),
        ("response.taps", response.taps is not None, "each factor of a cascade has a length of its own",
         'remove taps, or write structure = "auto"'),
        ("response.interpolate", response.interpolate > 1, "a cascade has one input rate",
         'write interpolate = 1, or structure = "auto"'),
        ("hardware.structure", spec.goal.minimise == "error", "a budget is spent on the taps of one filter",
         'write structure = "auto", or minimise = "luts"'),
    ):  # fmt: skip
        if given:
            raise spec.blame(key, reason, remedy)


def _check_channels(spec: "Spec") -> None:
    """Judge what several channels on one filter can be combined with."""
    if spec.input.channels == 1:
        return
    reasons = {
        "a filter that decimates serves one channel": spec.response.decimate > 1,
        "a folded filter serves one channel": spec.hardware.structure == "folded",
    }
    for reason, given in reasons.items():
        if given:
            remedy = 'write channels = 1, or decimate = 1 and structure = "auto"'
            raise spec.blame("input.channels", reason, remedy)


def _check_reloadable(spec: "Spec") -> None:
    """Judge what loaded coefficients can be combined with: one filter in direct form, at one rate."""
    if not spec.response.reloadable:
        return
    reason = "a filter with reloadable coefficients is built in direct form, at one rate"
    if spec.hardware.structure not in ("auto", "direct"):
        raise spec.blame("hardware.structure", reason, 'write structure = "auto"')
    for key in ("decimate", "interpolate"):
        if getattr(spec.response, key) > 1:
            raise spec.blame(f"response.{key}", reason, f"write {key} = 1, or give fixed coefficients")
