"""Stimuli: levels and spectra of the synthetic ones, exact integers from recordings, damaged recordings."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile

from hwgen.spec import DesignFileError, Spec, load, parse
from hwgen.stimulus import length, samples

EXAMPLES = Path(__file__).parent.parent / "examples"
SEED = 7


def design(
    stimulus: str = "",
    form: str = "s1.7",
    iq: bool = False,
    band: tuple[float, float] = (0, 0.1),
    folder: Path = Path(),
) -> Spec:
    text = f"""
        design = {{ name = "lpf", kind = "fir" }}
        input = {{ format = "{form}", sample_rate = 1, complex = {str(iq).lower()} }}
        output = {{ format = "s1.15" }}
        response.bands = [ {{ start = {band[0]}, stop = {band[1]}, ripple = 0.1 }} ]
        goal = {{ minimise = "luts", sqnr_db = 60 }}
        stimulus = {{ {stimulus} }}
    """
    return parse(text, folder / "lpf.toml")


def draw(spec: Spec, count: int) -> np.ndarray[Any, Any]:
    return samples(spec, count, np.random.default_rng(SEED))


@pytest.mark.parametrize(
    ("form", "low", "high"),
    [("s1.7", -64, 64), ("s4.2", -16, 16), ("u0.8", 64, 192), ("s1.0", -1, 0), ("u1.0", 0, 1), ("s2.0", -1, 1)],
)
def test_noise_fills_half_of_full_scale(form: str, low: int, high: int) -> None:
    x = draw(design(form=form), 20000)
    assert x.dtype == np.int64
    assert x.shape == (1, 20000)
    assert set(np.unique(x)) == set(range(low, high + 1)), f"seed {SEED}"
    assert abs(x.mean() - (low + high) / 2) < 0.02 * (high - low)


@pytest.mark.parametrize("form", ["s1.63", "u0.63", "s-20.84", "s80.-16"])
def test_wide_formats_hold_their_noise(form: str) -> None:
    spec = design(form=form)
    x = draw(spec, 1000)[0]
    span = 1 << spec.input.format.width - 1
    assert span * 0.49 < int(x.max()) - int(x.min()) <= 2 * span
    assert spec.input.format.minimum <= int(x.min())
    assert int(x.max()) <= spec.input.format.maximum
    tone = draw(design('kind = "tone"', form=form), 1000)[0]
    assert spec.input.format.minimum <= int(tone.min()) < int(tone.max()) <= spec.input.format.maximum


def test_noise_is_white_and_its_parts_are_independent() -> None:
    x = draw(design(form="s1.11", iq=True), 1 << 16) / 2.0**11
    assert np.allclose(x.var(axis=1), 1 / 12, rtol=0.02)
    assert abs(np.corrcoef(x)[0, 1]) < 0.02
    for part in x:
        assert abs(np.corrcoef(part[1:], part[:-1])[0, 1]) < 0.02


@pytest.mark.parametrize("kind", ["noise", "tone", "qpsk"])
@pytest.mark.parametrize("iq", [False, True])
def test_same_seed_same_samples(kind: str, iq: bool) -> None:
    spec = design(f'kind = "{kind}"', iq=iq)
    x = draw(spec, 999)
    assert x.shape == (2 if iq else 1, 999)
    assert np.array_equal(x, draw(spec, 999))
    assert not np.array_equal(x, samples(spec, 999, np.random.default_rng(SEED + 1)))
    assert draw(spec, 0).shape == (x.shape[0], 0)
    assert draw(spec, 1).shape == (x.shape[0], 1)
    assert length(spec) is None


def test_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        draw(design(), -1)


@pytest.mark.parametrize("kind", ["tone", "qpsk"])
@pytest.mark.parametrize("carrier", [0.0, 0.21, -0.21])
@pytest.mark.parametrize("iq", [False, True])
def test_a_receivers_stimulus_lies_in_its_channel(iq: bool, carrier: float, kind: str) -> None:
    spec = parse(f"""
        design = {{ name = "rx", kind = "receiver" }}
        input = {{ format = "s1.11", sample_rate = 1, complex = {str(iq).lower()} }}
        output = {{ format = "s1.15" }}
        stage = [
            {{ block = "mixer", frequency = {carrier} }},
            {{ block = "fir", bands = [{{ start = 0, stop = 0.05, ripple = 0.1 }}] }},
        ]
        goal = {{ minimise = "luts", sqnr_db = 50 }}
        stimulus = {{ kind = "{kind}" }}
    """, Path("rx.toml"))  # fmt: skip
    x = draw(spec, 4096) * spec.input.format.lsb
    wave = x[0] + 1j * x[1] if iq else x[0].astype(complex)
    power = np.abs(np.fft.fft(wave * np.exp(-2j * np.pi * carrier * np.arange(4096)) * np.hanning(4096))) ** 2
    inside = np.abs(np.fft.fftfreq(4096)) <= 0.055
    # Half of a real signal's power lies at the other sign of the frequency.
    assert power[inside].sum() > (0.99 if iq or carrier == 0 else 0.49) * power.sum()


@pytest.mark.parametrize(("form", "middle", "peak"), [("s1.11", 0, 1024), ("u0.12", 2048, 1024), ("s3.9", 0, 1024)])
def test_tone_lies_in_the_pass_band(form: str, middle: int, peak: int) -> None:
    x = draw(design('kind = "tone"', form=form, band=(0.1, 0.2)), 4096)[0] - middle
    assert np.abs(x).max() == peak
    spectrum = np.abs(np.fft.rfft(x * np.hanning(4096)))
    assert np.argmax(spectrum) / 4096 == pytest.approx(0.1 + 0.618034 * 0.1, abs=1 / 4096)


def test_complex_tone_turns_one_way() -> None:
    i, q = draw(design('kind = "tone"', form="s1.11", iq=True, band=(0.1, 0.2)), 4096)
    spectrum = np.abs(np.fft.fft((i + 1j * q) * np.hanning(4096)))
    assert np.argmax(spectrum) / 4096 == pytest.approx(0.1618034, abs=1 / 4096)


@pytest.mark.parametrize("iq", [False, True])
@pytest.mark.parametrize("band", [(0, 0.1), (0.15, 0.25), (0, 0.5), (0.2, 0.2001)])
def test_qpsk_fills_the_pass_band(iq: bool, band: tuple[float, float]) -> None:
    x = draw(design('kind = "qpsk"', form="s1.15", iq=iq, band=band), 1 << 15)
    assert np.abs(x).max() <= 1 << 14
    assert np.abs(x).max() > 1 << 12
    wave = x[0] + 1j * x[1] if iq else x[0].astype(complex)
    power = np.abs(np.fft.fft(wave * np.blackman(wave.size))) ** 2
    frequency = np.fft.fftfreq(wave.size)
    slack = 0.002
    if iq and band[0] > 0:
        inside = (frequency > band[0] - slack) & (frequency < band[1] + slack)
    else:
        inside = (np.abs(frequency) > band[0] - slack) & (np.abs(frequency) < band[1] + slack)
    assert power[inside].sum() / power.sum() > 0.999


def test_qpsk_is_steady_from_the_first_sample() -> None:
    x = draw(design('kind = "qpsk"', form="s1.15"), 1 << 14)[0].astype(float)
    assert x[:512].std() == pytest.approx(x.std(), rel=0.25)


def test_stimulus_without_bands_uses_a_quarter_of_the_rate() -> None:
    text = design('kind = "tone"').text.replace("response.bands", "response.coefficients = [1]\n#")
    x = draw(parse(text, "lpf.toml"), 4096)[0]
    assert np.argmax(np.abs(np.fft.rfft(x * np.hanning(4096)))) / 4096 == pytest.approx(0.25 * 0.618034, abs=1 / 4096)


def test_cu8_is_exact(tmp_path: Path) -> None:
    (tmp_path / "x.cu8").write_bytes(bytes([0, 255, 128, 127, 129, 192]))
    spec = design('file = "x.cu8"', iq=True, folder=tmp_path)
    assert length(spec) == 3
    assert draw(spec, 3).tolist() == [[-128, 0, 1], [127, -1, 64]]
    assert draw(spec, 2).tolist() == [[-128, 0], [127, -1]]
    assert draw(spec, 7).tolist() == [[-128, 0, 1, -128, 0, 1, -128], [127, -1, 64, 127, -1, 64, 127]]
    assert draw(spec, 0).shape == (2, 0)
    assert draw(design('file = "x.cu8"', folder=tmp_path), 3).tolist() == [[-128, 0, 1]], "a real input takes I"


def test_rounding_is_half_even_and_saturates(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([0.5, 1.5, 2.5, -0.5, -1.5, 200, -200, 127.5, 1e300]) / 128)
    assert draw(design('file = "x.npy"', folder=tmp_path), 9).tolist() == [[0, 2, 2, 0, -2, 127, -128, 127, 127]]
    assert draw(design('file = "x.npy"', "u0.7", folder=tmp_path), 9).tolist() == [[0, 2, 2, 0, 0, 127, 0, 127, 127]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 128, 255, 192], np.uint8), [-128, 0, 127, 64]),
        (np.array([-32768, 0, 16384, 32767], np.int16), [-128, 0, 64, 127]),
        (np.array([-(2**31), 0, 2**30, 2**24], np.int32), [-128, 0, 64, 1]),
        (np.array([-1, 0, 0.5, 2], np.float32), [-128, 0, 64, 127]),
        (np.array([-1, 0, 0.5, 2], np.float64), [-128, 0, 64, 127]),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_wav(tmp_path: Path, values: np.ndarray[Any, Any], expected: list[int]) -> None:
    wavfile.write(tmp_path / "mono.WAV", 48000, values)
    wavfile.write(tmp_path / "iq.wav", 48000, np.stack([values, values[::-1]], axis=1))
    assert draw(design('file = "mono.WAV"', folder=tmp_path), 4).tolist() == [expected]
    assert draw(design('file = "iq.wav"', iq=True, folder=tmp_path), 4).tolist() == [expected, expected[::-1]]
    assert draw(design('file = "iq.wav"', folder=tmp_path), 4).tolist() == [expected]


@pytest.mark.parametrize("kind", ["complex64", "complex128", "pairs", "float16"])
def test_npy(tmp_path: Path, kind: str) -> None:
    i, q = np.array([0.5, -1.0, 0.25]), np.array([0.0, 0.125, -0.5])
    pairs = np.stack([i, q], axis=1)
    np.save(
        tmp_path / "x.npy",
        (i + 1j * q).astype(kind) if kind.startswith("c") else pairs.astype(kind.replace("pairs", "f8")),
    )
    spec = design('file = "x.npy"', iq=True, folder=tmp_path)
    assert draw(spec, 3).tolist() == [[64, -128, 32], [0, 16, -64]]
    assert length(spec) == 3


def write_bad(path: Path, case: str) -> None:
    """One damaged or unfit recording of each kind."""
    good = {"odd.cu8": b"123", "empty.cu8": b"", "text.wav": b"hello", "empty.wav": b"", "text.npy": b"hello"}
    arrays: dict[str, Any] = {
        "integers.npy": np.arange(4),
        "cube.npy": np.zeros((2, 2, 2)),
        "three.npy": np.zeros((5, 3)),
        "complex-pairs.npy": np.zeros((5, 2), complex),
        "scalar.npy": np.float64(1),
        "none.npy": np.zeros(0),
        "nan.npy": np.array([0, 1, np.nan]),
        "infinite.npy": np.array([0, np.inf, 1j]),
        "text-array.npy": np.array(["a", "b"]),
    }
    if case in good:
        path.write_bytes(good[case])
    elif case in arrays:
        np.save(path, arrays[case])
    elif case == "objects.npy":
        np.save(path, np.array([1, "a"], dtype=object), allow_pickle=True)
    elif case == "archive.npy":
        with path.open("wb") as file:
            np.savez(file, a=np.zeros(3), b=np.zeros(3))
    else:
        wavfile.write(path, 48000, np.zeros((10, 3), np.int16))


BAD = {
    "odd.cu8": "3 bytes",
    "empty.cu8": "no samples",
    "text.wav": "cannot use it",
    "empty.wav": "cannot use it",
    "three.wav": "shape is (10, 3)",
    "text.npy": "cannot use it",
    "integers.npy": "int64",
    "cube.npy": "shape is (2, 2, 2)",
    "three.npy": "shape is (5, 3)",
    "complex-pairs.npy": "shape is (5, 2)",
    "scalar.npy": "shape is ()",
    "none.npy": "no samples",
    "nan.npy": "sample 2 is not a finite number",
    "infinite.npy": "sample 1 is not a finite number",
    "text-array.npy": "not floats",
    "objects.npy": "allow_pickle",
    "archive.npy": "archive",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_recording(tmp_path: Path, case: str) -> None:
    write_bad(tmp_path / case, case)
    spec = design(f'file = "{case}"', folder=tmp_path)
    with pytest.raises(DesignFileError) as caught:
        draw(spec, 100)
    error = caught.value
    assert (error.key, error.line, error.value) == ("stimulus.file", 7, case)
    assert BAD[case] in error.reason
    assert error.remedy


@pytest.mark.parametrize("case", ["mono.wav", "real.npy"])
def test_complex_input_needs_a_complex_recording(tmp_path: Path, case: str) -> None:
    if case.endswith("wav"):
        wavfile.write(tmp_path / case, 48000, np.zeros(10, np.int16))
    else:
        np.save(tmp_path / case, np.zeros(10))
    spec = design(f'file = "{case}"', iq=True, folder=tmp_path)
    for act in (lambda: draw(spec, 3), lambda: length(spec)):
        with pytest.raises(DesignFileError, match="needs I and Q"):
            act()


def test_recording_removed_after_loading(tmp_path: Path) -> None:
    (tmp_path / "x.cu8").write_bytes(b"1234")
    spec = design('file = "x.cu8"', folder=tmp_path)
    (tmp_path / "x.cu8").unlink()
    with pytest.raises(DesignFileError, match="No such file"):
        draw(spec, 3)


def test_cut_wav_is_used_or_refused_but_never_crashes(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    wavfile.write(path, 48000, np.arange(40, dtype=np.int16).reshape(20, 2))
    whole = path.read_bytes()
    rng = np.random.default_rng(SEED)
    for trial in range(300):
        damaged = bytearray(whole[: rng.integers(len(whole))] if trial % 2 else whole)
        for place in rng.integers(0, max(len(damaged), 1), 2) if damaged else ():
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        spec = design('file = "x.wav"', folder=tmp_path)
        with contextlib.suppress(DesignFileError):
            assert draw(spec, 30).shape == (1, 30), f"seed {SEED}, trial {trial}"


def test_example_recording() -> None:
    spec = load(EXAMPLES / "adsb_channel.toml")
    assert length(spec) == 356868
    stored = np.fromfile(EXAMPLES / "data" / "adsb_2msps.cu8", np.uint8).reshape(-1, 2).astype(int)
    assert np.array_equal(draw(spec, 356868), (stored - 128).T)
