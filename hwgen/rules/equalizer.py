"""kind = "equalizer"."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwgen.spec import Spec
    from hwgen.tables import DesignFile

_REAL = ("bpsk", "4pam")
_GOALS = ("sqnr_db", "max_error_ulp", "sfdr_db", "fmax_mhz")


def judge(spec: "Spec", tables: "DesignFile") -> None:
    """Raise for an equaliser that cannot be built: what takes two tables to judge."""
    table = tables.equalizer
    if table is None:
        reason = "an equalizer needs its table, and there is none"
        raise spec.blame("equalizer", reason, "add a table [equalizer] with taps, constellation, step, channel, snr_db")
    _judge_goal(spec)
    for name in ("input", "output"):
        if not getattr(spec, name).format.signed:
            raise spec.blame(f"{name}.format", "an equaliser's words are signed", "write for example s1.9")
    real = table.constellation in _REAL
    if real == spec.input.complex:
        reason = f"{table.constellation} has {'real' if real else 'complex'} symbols"
        remedy = f"write complex = {'false' if real else 'true'}, or another constellation"
        raise spec.blame(
            "equalizer.constellation", f"{reason}, and input.complex = {str(spec.input.complex).lower()}", remedy
        )
    if real and any(imaginary for _, imaginary in table.channel):
        raise spec.blame("equalizer.channel", "a channel of real symbols is real here", "give one number a tap")
    if not 1e-9 <= max(abs(complex(*tap)) for tap in table.channel) <= 1e9:
        raise spec.blame("equalizer.channel", "no path of a size to work with", "give paths about 1")
    most = 3 + (table.taps - 1).bit_length()
    if table.delay > most:
        reason = f"there are registers for a delay of {most} samples at most with {table.taps} taps"
        raise spec.blame("equalizer.delay", reason, f"write delay = {most} or less")
    if table.cursor is not None and table.cursor > table.taps + len(table.channel) - 2:
        reason = f"no sample in {table.taps} taps knows of that symbol any more"
        raise spec.blame(
            "equalizer.cursor", reason, f"write {table.taps + len(table.channel) - 2} or less, or leave it out"
        )
    form, levels = spec.output.format, 4 if table.constellation in ("4pam", "16qam") else 2
    outermost = table.level or 2.0 ** (form.integer - 2)
    if outermost > form.maximum * form.lsb or outermost / (levels - 1) < 4 * form.lsb:
        reason = f"a constellation out to {outermost:g} does not fit the output {form}"
        key = "output.format" if table.level is None else "equalizer.level"
        raise spec.blame(key, reason, "give the output more bits, or write level = half of full scale")
    _judge_hardware(spec)


def _judge_goal(spec: "Spec") -> None:
    for key in _GOALS:
        if getattr(spec.goal, key) is not None:
            raise spec.blame(f"goal.{key}", "no goal of an equalizer", "give evm_loss_db or evm_percent")
    if spec.goal.minimise != "luts":
        raise spec.blame("goal.minimise", "an equalizer's LUTs are minimised", 'write minimise = "luts"')
    if spec.goal.evm_percent is None and spec.goal.evm_loss_db is None:
        raise spec.blame("goal.minimise", "nothing says how accurate the equalizer must be", "add evm_loss_db = 0.5")


def _judge_hardware(spec: "Spec") -> None:
    hardware = spec.hardware
    fixed = {"structure": "auto", "dsp": False, "reset_data": True}
    for key, value in fixed.items():
        if getattr(hardware, key) != value:
            written = f'"{value}"' if isinstance(value, str) else str(value).lower()
            raise spec.blame(f"hardware.{key}", "an equalizer is built in one way", f"write {key} = {written}")
    if spec.input.channels != 1:
        raise spec.blame("input.channels", "an equalizer serves one channel", "write channels = 1")
    if str(spec.output.rounding) != "half_up" or str(spec.output.overflow) != "saturate":
        key = "rounding" if str(spec.output.rounding) != "half_up" else "overflow"
        raise spec.blame(f"output.{key}", "an equalizer rounds half up and saturates", "leave it out")
    if hardware.clock is not None and hardware.clock < spec.input.sample_rate * (1 - 1e-9):
        reason = "slower than input.sample_rate; a sample takes one clock"
        raise spec.blame("hardware.clock", reason, f"give {spec.input.sample_rate:g} or more, or leave it out")
    if spec.stimulus.model_fields_set:
        raise spec.blame("stimulus", "an equalizer is judged on the channel of [equalizer]", "remove [stimulus]")
