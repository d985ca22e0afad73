"""kind = "detector"."""

from typing import TYPE_CHECKING

from hwgen.fixed import Overflow, Rounding
from hwgen.tables.detector import MODELS
from hwgen.tomlmap import require_file

if TYPE_CHECKING:
    from hwgen.spec import Spec
    from hwgen.tables import DesignFile

MOST_BITS = 12  # of an ADC: so far distortions are known
MOST_FRACTION = 14  # of the output


def judge(spec: "Spec", tables: "DesignFile") -> None:
    """Raise for a detector that cannot be built."""
    if tables.detector is None:
        raise spec.blame("detector", "a detector needs its table, and there is none", "add a table [detector]")
    if tables.detector.channel not in MODELS:
        try:
            require_file(spec.beside(tables.detector.channel))
        except OSError as error:
            remedy = "give a .npy file of complex numbers (antennas, users), beside the design file"
            raise spec.blame("detector.channel", f"cannot read it: {error}", remedy) from None
    _check_words(spec)
    goal, hardware = spec.goal, spec.hardware
    if goal.minimise != "luts":
        raise spec.blame("goal.minimise", "LUTs are what a detector can minimise", 'write minimise = "luts"')
    for key in ("sqnr_db", "max_error_ulp", "fmax_mhz", "sfdr_db"):
        if getattr(goal, key) is not None:
            raise spec.blame(f"goal.{key}", "no goal of a detector", "give evm_percent in its place")
    if goal.evm_percent is None:
        raise spec.blame("goal", "a detector is judged by its EVM, and none is given", "add evm_percent = 15")
    if hardware.structure != "auto":
        reason = "a detector has one form, trees of adders"
        raise spec.blame("hardware.structure", reason, 'write structure = "auto", or leave it out')
    if hardware.dsp:
        raise spec.blame("hardware.dsp", "words of ADCs are narrow, and need no DSP blocks", "write dsp = false")
    if hardware.clock is not None and hardware.clock < spec.input.sample_rate * (1 - 1e-9):
        reason = f"slower than input.sample_rate, {spec.input.sample_rate:g}; a sample takes one clock"
        raise spec.blame("hardware.clock", reason, f"give {spec.input.sample_rate:g} or more, or leave it out")
    if tables.stimulus.file is not None:
        reason = "a detector is judged on symbols through its channel"
        raise spec.blame("stimulus.file", reason, "remove it, or name a channel in [detector]")


def _check_words(spec: "Spec") -> None:
    """What arrives and what leaves."""
    form = spec.input.format
    if not form.signed or form.integer != 1 or form.width > MOST_BITS:
        reason = f"the widest ADC, whose words are signed and below 1, of at most {MOST_BITS} bits"
        raise spec.blame("input.format", reason, "write for example s1.7: ADCs of up to 8 bits")
    if not spec.input.complex:
        raise spec.blame("input.complex", "every antenna has I and Q", "write complex = true")
    if spec.input.channels != 1:
        raise spec.blame("input.channels", "a detector takes all antennas at once", "write channels = 1")
    if not spec.output.format.signed:
        raise spec.blame("output.format", "parts of symbols have signs", "write for example s2.6")
    if spec.output.format.fraction > MOST_FRACTION:
        reason = f"finer than a detector is built for, {MOST_FRACTION} fraction bits"
        raise spec.blame("output.format", reason, "write for example s2.8")
    for key, only in (("rounding", Rounding.HALF_UP), ("overflow", Overflow.SATURATE)):
        if getattr(spec.output, key) != only:
            raise spec.blame(f"output.{key}", "not built for detectors", f'write {key} = "{only}", or leave it out')
