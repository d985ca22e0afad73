"""`hwgen.load`: a finished design as a Python object, and folders that hold none."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from finished import Finished, changed, hwgen

import hwgen as package
from hwgen.finished import NotADesign
from hwgen.finished.fir import thawed

pytestmark = pytest.mark.xdist_group("finished")


@pytest.fixture(scope="module")
def design(finished: Finished) -> package.Design:
    return package.load(finished.folder)


@pytest.fixture(scope="module")
def spoilt(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished folder to spoil; every test puts back what it took."""
    folder = tmp_path_factory.mktemp("spoilt") / "made"
    shutil.copytree(finished.folder, folder)
    return folder


def test_words_in_give_words_out(design: package.Design) -> None:
    x = np.random.default_rng(1).integers(-128, 128, 300)
    y = design.model(x)
    assert y.shape == (300,)
    assert np.issubdtype(y.dtype, np.integer)
    assert (y >= -512).all()
    assert (y <= 511).all()
    assert design.model(x.tolist()).tolist() == y.tolist()
    assert design.model(x[:1]).tolist() == y[:1].tolist()
    assert design.model(np.zeros(0, dtype=int)).shape == (0,)
    exact = np.convolve(x / 128, design.taps)[:300]
    clipped = np.clip(exact, -1, 511 / 512)
    assert np.abs(y / 512 - clipped).max() * 512 <= design.result["quality"]["max_error_ulp"]


def test_floats_in_give_floats_out_rounded_to_even_and_saturated(design: package.Design) -> None:
    words = np.array([0, 1, -1, 2, -2, 2, 127, -128, 127])
    floats = np.array([0.5, 1.0, -1.0, 1.5, -1.5, 2.5, 500.0, -500.0, 127.5]) / 128
    assert (design.model(floats) == design.model(words) / 512).all()
    assert design.model(floats).dtype == np.float64


def test_wrong_samples_are_refused(design: package.Design) -> None:
    for x, reason in (
        ([128], "-128..127"), ([-129], "-128..127"), (np.zeros((2, 4), dtype=int), "shape"), ([1j], "real"),
        (5, "shape"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=reason):
            design.model(x)


def test_response_is_that_of_the_coefficients(design: package.Design) -> None:
    f, h = design.response()
    assert (len(f), f[0], f[-1]) == (2048, 0, 0.5)
    assert h[0] == pytest.approx(design.taps.sum())
    assert h[-1] == pytest.approx((design.taps * (-1.0) ** np.arange(len(design.taps))).sum(), abs=1e-12)
    f, h = design.response([0.25])
    assert h[0] == pytest.approx((design.taps * (-1j) ** np.arange(len(design.taps))).sum())


def test_what_was_found_is_at_hand(design: package.Design, finished: Finished) -> None:
    result = finished.result
    assert design.name == "halfband"
    assert design.result == result
    assert design.bits == result["bits"]
    assert design.resources == result["resources"]
    assert design.decimals == result["coefficients"]
    assert design.taps.tolist() == [float(text) for text in result["coefficients"]]
    assert design.verilog == (finished.folder / "halfband.v").read_text()
    lut, bits = result["resources"]["synthesis"]["lut"], sum(result["bits"].values())
    assert repr(design) == (
        f"<hwgen design halfband: {len(design.coefficients)}-tap FIR, s1.7 in, s1.9 out, {bits} coefficient bits, "
        f"{lut} LUTs on ice40, goal met>"
    )


def test_freezing_is_exact(design: package.Design) -> None:
    frozen = json.loads(json.dumps(design.frozen()))
    again = thawed(frozen)
    assert again.fir == design.fir
    assert again.frozen() == frozen


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no file 'checkpoint'"),
        ("", "has not ended"),
        ("not JSON", "has not ended"),
        ("[]", "has not ended"),
        ('{"owner": {"digest": "x"}, "steps": {}}', "has not ended"),
        (b"\xff\x00", "has not ended"),
    ],
)
def test_folders_without_a_design(content: str | bytes | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "checkpoint").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(NotADesign, match=reason):
        package.load(tmp_path)
    refused = hwgen("simulate", tmp_path)
    assert refused.code == 2
    assert reason in refused.err


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(NotADesign, match="no file 'checkpoint'"):
        package.load(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(NotADesign, match="no file 'checkpoint'"):
        package.load(tmp_path / "file")


def test_a_checkpoint_that_was_tampered_with(spoilt: Path) -> None:
    text = (spoilt / "checkpoint").read_text()
    checkpoint = json.loads(text)
    checkpoint["steps"]["search"]["design"]["graph"]["nodes"][-1][2] += 2
    try:
        (spoilt / "checkpoint").write_text(json.dumps(checkpoint))
        with pytest.raises(NotADesign, match="damaged"):
            package.load(spoilt)
        assert hwgen("simulate", spoilt).code == 2
    finally:
        (spoilt / "checkpoint").write_text(text)


def test_results_and_verilog_of_another_design_are_not_taken(spoilt: Path) -> None:
    for name, spoil in (
        ("result.json", lambda text: text.replace('"halfband"', '"other"')),
        ("result.json", lambda text: text[: len(text) // 2]),
        ("halfband.v", lambda text: text.replace("Design hash: ", "Design hash: 0")),
    ):
        text = (spoilt / name).read_text()
        try:
            (spoilt / name).write_text(spoil(text))
            design = package.load(spoilt)
        finally:
            (spoilt / name).write_text(text)
        assert set(design.bits) == {f"tap{k}" for k in range((len(design.coefficients) + 1) // 2)}
        if name == "halfband.v":
            assert design.verilog == ""
        else:
            assert "goal" not in design.result
            assert "LUTs" not in repr(design)


@pytest.mark.usefixtures("swift")
def test_complex_design_after_a_search_alone(tmp_path: Path) -> None:
    text = changed("sample_rate = 48e3", "sample_rate = 48e3\ncomplex = true") + 'algorithm = "uniform"\n'
    (tmp_path / "iq.toml").write_text(text)
    assert hwgen("search", tmp_path / "iq.toml", "--out", tmp_path / "iq").code == 0
    design = package.load(tmp_path / "iq")
    assert design.verilog == ""
    assert design.bits
    assert ", complex, " in repr(design)
    x = np.random.default_rng(2).integers(-128, 128, (2, 50))
    y = design.model(x)
    assert y.shape == (2, 50)
    # I and Q pass the same real filter and never meet.
    assert (design.model(np.stack([x[0], 0 * x[1]]))[0] == y[0]).all()
    assert (design.model(x[::-1]) == y[::-1]).all()
    z = design.model((x[0] + 1j * x[1]) / 128)
    assert (z == (y[0] + 1j * y[1]) / 512).all()
    with pytest.raises(ValueError, match="complex"):
        design.model(x[0])
    refused = hwgen("simulate", tmp_path / "iq")
    assert refused.code == 2
    assert "no Verilog yet" in refused.err
