"""`hwgen simulate DIR --input --output`: samples of the user's own through the model or the Verilog."""

from functools import partial
from pathlib import Path

import numpy as np

from hwgen import verify
from hwgen.cli.folders import finished, is_design
from hwgen.cli.terminal import MISSED, WRONG_INPUT, Stop, find_icarus, out


def filtered(folder: Path, source: Path, output: Path, rtl: bool) -> None:
    """Filter the samples of one .npy file into another, through the Verilog where `rtl` is given."""
    if not is_design(folder):
        raise Stop(WRONG_INPUT, f"{folder} is no folder: --input needs a finished design, as hwgen run leaves it")
    design, samples = finished(folder), _samples(source)
    try:
        response = design.model(samples)
    except ValueError as error:
        raise Stop(WRONG_INPUT, f"cannot filter {source}: {error}") from None
    if rtl:
        find_icarus()
        try:
            response = design.model(samples, partial(verify.filtered, design))
        except ValueError as error:
            raise Stop(MISSED, str(error)) from None
    try:
        with output.open("wb") as file:
            np.save(file, response)
    except OSError as error:
        raise Stop(WRONG_INPUT, f"cannot write {output}: {error.strerror}") from None
    out.print(f"{response.shape[-1]} samples to {output}", markup=False)


def _samples(source: Path) -> np.ndarray:
    """At least one finite number, from a .npy file."""
    try:
        with source.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise ValueError("it is no .npy file")
        samples = np.load(source, allow_pickle=False)
        if samples.dtype.kind not in "iufc" or not samples.size or not np.isfinite(samples).all():
            raise ValueError("it must hold one finite number or more, and nothing else")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Stop(WRONG_INPUT, f"cannot read samples from {source}: {reason}; give a .npy file of numbers") from None
    return samples
