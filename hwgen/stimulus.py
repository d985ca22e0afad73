"""The samples a design is judged on: a synthetic signal or a recording, as raw integers of the input format.

Synthetic signals reach half of full scale (-6 dBFS) and no more. Full scale of an unsigned input is half its range,
and the signal sits around the middle of it.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile
from scipy.signal import upfirdn

from hwgen.fixed import Format, from_float
from hwgen.spec import Spec

_SPAN = 8  # symbols to each side of a root-raised-cosine pulse
_ROLL_OFF = 0.22  # as in 3GPP's W-CDMA
_LONGEST = 1024  # samples a symbol; a narrower band is overfilled rather than kept waiting
_GOLDEN = (5**0.5 - 1) / 2  # the number worst approximated by fractions: a tone there does not repeat soon


@dataclass(frozen=True)
class _Recording:
    """`values`, (length, channels), as stored; ``(values - offset) / scale`` are input units."""

    values: NDArray[Any]
    offset: float = 0.0
    scale: float = 1.0


def samples(spec: Spec, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The first `count` samples of the stimulus of `spec`.

    Returns an int64 array (channels, count) of raw integers in ``spec.input.format``: I and Q for a complex input,
    one channel otherwise (of a complex recording its I). A recording is repeated or cut to `count`, rounded half to
    even and saturated. Raises `DesignFileError` for a recording that cannot be used.
    """
    if count < 0:
        raise ValueError(f"a stimulus has 0 or more samples, not {count}")
    target = spec.input.format
    channels = 2 if spec.input.complex else 1
    if spec.stimulus.file is not None:
        recording = _recording(spec, spec.stimulus.file)
        values = recording.values[:count, :channels].astype(np.float64)
        if not np.all(np.isfinite(values)):
            first = int(np.argmin(np.isfinite(values).all(axis=1)))
            raise _unusable(spec, f"sample {first} is not a finite number", "mend the recording")
        raw = from_float((values.T - recording.offset) / recording.scale, target).astype(np.int64)
        return np.take(raw, np.arange(count), axis=1, mode="wrap")
    if spec.stimulus.kind == "noise":
        return _noise(target, (channels, count), rng)
    wave = _tone(spec, count, rng) if spec.stimulus.kind == "tone" else _qpsk(spec, count, rng)
    parts = np.stack([wave.real, wave.imag][:channels])
    centre, swing = (0.0, 0.5) if target.signed else (0.5, 0.25)
    full_scale = target.integer - target.signed  # as a power of two
    return from_float(np.ldexp(centre + swing * parts, full_scale), target).astype(np.int64)


def length(spec: Spec) -> int | None:
    """Samples of the recording of `spec`, or None for a synthetic stimulus. Raises `DesignFileError` as `samples`."""
    return None if spec.stimulus.file is None else len(_recording(spec, spec.stimulus.file).values)


def _noise(target: Format, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.int64]:
    """White noise, uniform over the raw integers of the middle half of the range; a format of 1 bit uses all of it."""
    if target.width == 1:
        return rng.integers(target.minimum, target.maximum, shape, np.int64, endpoint=True)
    middle = 0 if target.signed else 1 << target.width - 1
    half = 1 << target.width - 2
    return rng.integers(middle - half, middle + half, shape, np.int64, endpoint=True)


def _band(spec: Spec) -> tuple[float, float]:
    """First pass band in cycles a sample; of a receiver, about its carrier; without bands, a quarter of the rate."""
    if spec.stage:
        return _channel(spec)
    for band in spec.response.bands or ():
        if band.passband:
            return band.start / spec.input.sample_rate, band.stop / spec.input.sample_rate
    return 0.0, 0.25


def _channel(spec: Spec) -> tuple[float, float]:
    """What a receiver is to receive: the narrowest pass band, or the symbols of its matched filter."""
    rate, carrier, width = 1.0, 0.0, 0.25
    for stage in spec.stage:
        if stage.frequency is not None:
            carrier = stage.frequency / spec.input.sample_rate
        for band in stage.bands or ():
            if band.passband:
                width = min(width, band.stop / spec.input.sample_rate)
        if stage.roll_off is not None and stage.samples is not None:
            width = min(width, (1 + _ROLL_OFF) / 2 * rate / stage.samples)
        rate /= stage.decimate
        width = min(width, rate / 2)
    if carrier == 0:
        return 0.0, width
    if spec.input.complex:
        return max(carrier - width, -0.5), min(carrier + width, 0.5)
    return max(abs(carrier) - width, 0.0), min(abs(carrier) + width, 0.5)  # of a real signal both signs are there


def _tone(spec: Spec, count: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Unit tone at the golden section of the first pass band, with a random phase."""
    start, stop = _band(spec)
    turns = (start + _GOLDEN * (stop - start)) * np.arange(count) + rng.random()
    return np.exp(2j * np.pi * turns)


def _qpsk(spec: Spec, count: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Random QPSK symbols under root-raised-cosine pulses that fill the first pass band; each part within -1..1.

    A complex low-pass input is filled from -stop to stop, otherwise the band is filled by a carrier at its middle
    with a random phase. A whole number of samples a symbol keeps the occupied band, (1 + roll-off) / period, inside.
    """
    start, stop = _band(spec)
    low = -stop if spec.input.complex and start == 0 else start
    period = int(np.clip(np.ceil((1 + _ROLL_OFF) / (stop - low) - 1e-9), 2, _LONGEST))
    pulse = _root_raised_cosine(period)
    symbols = np.exp(0.5j * np.pi * (rng.integers(0, 4, -(-count // period) + 2 * _SPAN) + 0.5))
    steady = upfirdn(pulse, symbols, up=period)[len(pulse) - 1 :][:count]  # every pulse that reaches here has begun
    folded = np.abs(np.pad(pulse, (0, period - 1)).reshape(-1, period)).sum(axis=0)  # bounds every sample
    turns = (low + stop) / 2 * np.arange(count) + (0 if low == -stop else rng.random())
    return steady / folded.max() * np.exp(2j * np.pi * turns)


def _root_raised_cosine(period: int) -> NDArray[np.float64]:
    """Pulse of `_SPAN` symbols to each side (Proakis and Salehi, Digital Communications, 5th ed., sec. 9.2)."""
    t = np.arange(-_SPAN * period, _SPAN * period + 1) / period
    a = _ROLL_OFF
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.sin(np.pi * t * (1 - a)) + 4 * a * t * np.cos(np.pi * t * (1 + a))
        h = over / (np.pi * t * (1 - (4 * a * t) ** 2))
    h[t == 0] = 1 - a + 4 * a / np.pi
    edge = np.isclose(np.abs(t), 1 / (4 * a))
    h[edge] = a / 2**0.5 * ((1 + 2 / np.pi) * np.sin(np.pi / (4 * a)) + (1 - 2 / np.pi) * np.cos(np.pi / (4 * a)))
    return h


def _recording(spec: Spec, name: str) -> _Recording:
    """Open the recording of `spec`: at least one sample, and I and Q if the input is complex."""
    path = spec.beside(name)
    readers = {".cu8": _read_cu8, ".wav": _read_wav, ".npy": _read_npy}
    try:
        recording = readers[path.suffix.lower()](path)
    except Exception as error:  # a damaged file makes SciPy's and NumPy's readers fail in any way
        reason = f"cannot use it: {getattr(error, 'strerror', None) or error}"
        raise _unusable(spec, reason, "give a .cu8, .wav or .npy recording, or remove it to use noise") from None
    if not len(recording.values):
        raise _unusable(spec, "it holds no samples", "give a longer recording, or remove it to use noise")
    if spec.input.complex and recording.values.shape[1] != 2:
        remedy = "give a recording of I and Q, or write complex = false in [input]"
        raise _unusable(spec, "it is real, and input.complex = true needs I and Q", remedy)
    return recording


def _unusable(spec: Spec, reason: str, remedy: str) -> Exception:
    return spec.blame("stimulus.file", reason, remedy)


def _read_cu8(path: Path) -> _Recording:
    """Unsigned bytes, I then Q."""
    size = path.stat().st_size
    if size % 2:
        raise ValueError(f"{size} bytes do not make pairs of I and Q")
    content = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)  # an empty file cannot be mapped
    return _Recording(content.reshape(-1, 2), offset=128, scale=128)


def _read_wav(path: Path) -> _Recording:
    """Mono, or I and Q as left and right. Integers are scaled to -1..1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks that are not samples
        _, values = wavfile.read(path)
    if values.dtype == np.uint8:
        return _two_columns(values, offset=128, scale=128)
    return _two_columns(values, scale=2.0 ** (8 * values.itemsize - 1) if values.dtype.kind == "i" else 1.0)


def _read_npy(path: Path) -> _Recording:
    """Floats or complex numbers in input units."""
    values = np.load(path, allow_pickle=False)
    if not isinstance(values, np.ndarray):
        raise ValueError("it is an archive of arrays, not one array")
    if values.dtype.kind not in "fc":
        raise ValueError(f"its numbers are {values.dtype}, not floats or complex numbers in input units")
    if values.dtype.kind == "c" and values.ndim == 1:
        values = np.stack([values.real, values.imag], axis=1)
    return _two_columns(values)


def _two_columns(values: NDArray[Any], offset: float = 0.0, scale: float = 1.0) -> _Recording:
    columns = values.reshape(-1, 1) if values.ndim == 1 else values
    if columns.ndim != 2 or columns.shape[1] > 2 or columns.dtype.kind == "c":
        raise ValueError(f"its shape is {values.shape}; one channel, or two for I and Q, are needed")
    return _Recording(columns, offset, scale)
