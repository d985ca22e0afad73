"""kind = "descent"."""

from typing import TYPE_CHECKING

from hwgen.blocks.descent_stage import clocks
from hwgen.fixed import Overflow
from hwgen.tables.descent import DescentTable
from hwgen.tables.fields import RELOADABLE
from hwgen.tables.matrices import Drawn

if TYPE_CHECKING:
    from hwgen.spec import Spec
    from hwgen.tables import DesignFile

MOST_LOADED = 1024  # registers of entries


def judge(spec: "Spec", tables: "DesignFile") -> None:
    """Raise for a descent that cannot be built: what takes two tables to judge."""
    descent, goal = spec.descent, spec.goal
    if descent is None:
        reason = "a descent needs the system that it solves, and there is none"
        raise spec.blame("descent", reason, "add a table [descent] with matrix and iterations")
    for key in ("max_error_ulp", "fmax_mhz", "evm_percent", "sfdr_db"):
        if getattr(goal, key) is not None:
            raise spec.blame(f"goal.{key}", "not a goal of a descent", "give sqnr_db, or ber_loss_db, in its place")
    if goal.minimise == "cells":
        raise spec.blame("goal.minimise", "a descent is not placed", 'write minimise = "luts"')
    if goal.sqnr_db is not None and goal.ber_loss_db is not None:
        raise spec.blame("goal.ber_loss_db", "sqnr_db is given as well", "keep one of them")
    symbols = spec.stimulus.kind == "qpsk" and spec.stimulus.file is None
    if goal.ber_loss_db is not None and not symbols:
        reason = "bits are in error where symbols are sent, and the stimulus has none"
        raise spec.blame("goal.ber_loss_db", reason, 'add [stimulus] kind = "qpsk", or give sqnr_db')
    if descent.ridge == "auto" and goal.ber_loss_db is None:
        reason = "the noise follows from a bit error rate, and none is asked for"
        raise spec.blame("descent.ridge", reason, "give a number, or goal.ber_loss_db")
    if spec.stimulus.kind == "tone" or (spec.stimulus.file or "").lower().endswith((".wav", ".cu8")):
        key = "stimulus.kind" if spec.stimulus.file is None else "stimulus.file"
        raise spec.blame(key, "not a right-hand side", 'write kind = "noise" or "qpsk", or give a .npy file')
    complex_ = not isinstance(descent.matrix, Drawn) and any(v.imag for row in descent.matrix for v in row)
    if complex_ and not spec.input.complex:
        raise spec.blame("input.complex", "the matrix is complex", "write complex = true in [input]")
    if descent.form == "residual" and descent.ridge != 0:
        reason = "the form x + eta A^H (y - A x) has no ridge"
        raise spec.blame("descent.form", reason, 'write form = "gram", or ridge = 0')
    if not (spec.input.format.signed and spec.output.format.signed):
        key = "input" if not spec.input.format.signed else "output"
        raise spec.blame(f"{key}.format", "the words of a descent are signed", "write for example s1.11")
    given = spec.output.rounding if "rounding" in spec.output.model_fields_set else None
    if given is not None and str(given) != str(descent.rounding):
        reason = f"every word is rounded alike, the output too, and descent.rounding is {descent.rounding}"
        raise spec.blame("output.rounding", reason, "give descent.rounding alone")
    if spec.output.overflow is not Overflow.SATURATE:
        raise spec.blame("output.overflow", "the words of a descent saturate", 'write overflow = "saturate"')
    if spec.input.channels > 1:
        raise spec.blame("input.channels", "a descent takes one right-hand side a clock", "write channels = 1")
    hardware = spec.hardware
    for key, wrong, remedy in (
        ("structure", hardware.structure not in ("auto", "folded"), 'write structure = "auto", or "folded"'),
        (
            "dsp",
            hardware.dsp and descent.entries != RELOADABLE,
            'write dsp = false: a constant matrix is adders; or descent.entries = "reloadable"',
        ),
        ("reset_data", not hardware.reset_data, "leave it out: a right-hand side meets nothing of those before"),
    ):
        if wrong:
            raise spec.blame(f"hardware.{key}", "not built for a descent", remedy)
    if hardware.clock is not None and hardware.clock < spec.input.sample_rate * (1 - 1e-9):
        reason = f"slower than input.sample_rate, {spec.input.sample_rate:g}; a right-hand side takes one clock"
        raise spec.blame("hardware.clock", reason, "give at least that clock, or leave it out")
    if descent.entries == RELOADABLE:
        _loadable(spec, descent)
    if hardware.structure == "folded":
        _foldable(spec, descent)


def _loadable(spec: "Spec", descent: DescentTable) -> None:
    """Raise for matrices with more entries than registers are built for."""
    matrix = descent.matrix
    m, n = (matrix.rows, matrix.columns) if isinstance(matrix, Drawn) else (len(matrix), len(matrix[0]))
    entries = m * n if descent.form == "residual" else m * n + n * (n + 1) // 2
    if spec.input.complex:
        entries = 2 * m * n + (0 if descent.form == "residual" else n * n)
    if entries > MOST_LOADED:
        reason = f"{entries} numbers to load, and registers are built for {MOST_LOADED}"
        raise spec.blame("descent.entries", reason, 'write entries = "constant", or give a smaller matrix')


def _foldable(spec: "Spec", descent: DescentTable) -> None:
    """Raise where one stage cannot do all iterations."""
    given = (spec.hardware.clock or 0.0) / spec.input.sample_rate * (1 + 1e-9)
    needed = clocks("residual" if descent.form == "residual" else "gram", descent.iterations)
    if given < needed:
        many = f"{needed}" if needed > descent.iterations else "as many"
        reason = f"{descent.iterations} iterations on one stage take {many} clocks, and there are {max(given, 1):.3g}"
        least = f"{needed * spec.input.sample_rate:g}"
        raise spec.blame("hardware.structure", reason, f'write clock = {least}, or structure = "auto"')
    if descent.iterations < 2:
        reason = "not built folded: one iteration has nothing to share"
        raise spec.blame("descent.iterations", reason, "give 2 or more")
