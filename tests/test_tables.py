"""Good design files: every value arrives, the defaults are those of the contract, the digest is of the content."""

import json
import pickle
import re
from pathlib import Path

import pytest
from good_design import BANDS, ERROR, GOOD, changed

from hwgen.allocation import ALGORITHMS
from hwgen.fixed import Format, Overflow, Rounding
from hwgen.keywords import KEYWORDS
from hwgen.spec import DesignFileError, json_schema, load, parse

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_every_value_arrives() -> None:
    spec = parse(GOOD, "good.toml")
    assert (spec.design.name, spec.design.kind) == ("lpf", "fir")
    assert (spec.input.format, spec.input.sample_rate, spec.input.complex) == (Format(1, 11), 1e6, False)
    assert spec.output.format == Format(1, 15)
    assert spec.output.rounding is Rounding.HALF_UP
    assert spec.output.overflow is Overflow.SATURATE
    assert spec.response.bands is not None
    first, second = spec.response.bands
    assert (first.start, first.stop, first.gain, first.ripple_db, first.passband) == (0, 1e5, 1, 0.1, True)
    assert (second.start, second.stop, second.attenuation_db, second.passband) == (2e5, 5e5, 60, False)
    assert (spec.response.gain, spec.response.taps, spec.response.coefficients) == (1.0, 31, None)
    assert (spec.response.decimate, spec.response.interpolate) == (1, 1)
    assert (spec.hardware.structure, spec.hardware.interface, spec.hardware.clock) == ("auto", "plain", 4e6)
    assert (spec.hardware.dsp, spec.hardware.reset_data) == (False, True)
    assert (spec.goal.minimise, spec.goal.sqnr_db, spec.goal.target, spec.goal.budget) == ("luts", 60, "ice40", None)
    assert (spec.search.algorithm, spec.search.seed, spec.search.evaluations) == ("gc-pso", 1, 20000)
    assert (spec.search.coefficient_bits, spec.search.accumulator_bits) == ((2, 18), (24, 24))
    assert (spec.stimulus.file, spec.stimulus.kind) == (None, "noise")
    assert (spec.text, spec.path) == (GOOD, Path("good.toml"))


def test_other_values_arrive(tmp_path: Path) -> None:
    changes = [
        "complex = false => complex = true",
        'rounding = "half_up" => rounding = "floor"',
        'overflow = "saturate" => overflow = "wrap"',
        "ripple_db = 0.1 => ripple = 0.01, gain = 2",
        "stop = 5e5, attenuation_db = 60 => stop = 3e5, attenuation = 0.001",
        "\n] => \n{ start = 3e5, stop = 5e5, attenuation = 0.01 }]",
        'gain = 1.0 => gain = "free"\ncoefficients = "good.csv"',
        "taps = 31 => taps = 3",
        'structure = "auto" => structure = "transposed"',
        f'minimise = "luts"\nsqnr_db = 60 => {ERROR}{{ luts = 400 }}',
        'kind = "noise" => file = "good.cu8"',
    ]
    text = changed(" ;; ".join(changes))
    (tmp_path / "good.csv").write_text("# a comment\n0.25\n\n0.5, 2.5e-1,\n")
    (tmp_path / "good.cu8").write_bytes(b"1234")
    spec = parse(text, tmp_path / "good.toml")
    assert spec.input.complex
    assert (spec.output.rounding, spec.output.overflow) == (Rounding.FLOOR, Overflow.WRAP)
    assert spec.response.bands is not None
    assert [band.gain for band in spec.response.bands] == [2, 1, 1]
    assert [band.attenuation for band in spec.response.bands] == [None, 0.001, 0.01]
    assert (spec.response.gain, spec.response.coefficients) == ("free", (0.25, 0.5, 0.25))
    assert spec.goal.budget is not None
    assert (spec.goal.budget.luts, spec.goal.budget.bits) == (400, None)
    assert spec.beside("good.cu8") == tmp_path / "good.cu8"


def test_defaults_are_those_of_the_contract() -> None:
    short = """
        input = { format = "s1.11", sample_rate = 1 }
        output.format = "s1.15"
        goal = { minimise = "luts", max_error_ulp = 2 }
        design = { name = "lpf", kind = "fir" }
        [[response.bands]]
        stop = 0.1
        start = 0
        ripple = 0.1
    """
    spec = parse(short, "short.toml")
    full = parse(GOOD, "good.toml")
    assert spec.response.gain == 1
    assert spec.response.taps is None
    assert spec.hardware == full.hardware.model_copy(update={"clock": 1.0})
    assert spec.search == full.search.model_copy(update={"accumulator_bits": None})
    assert (spec.output.rounding, spec.output.overflow) == ("half_up", "saturate")
    assert (spec.goal.target, spec.goal.sqnr_db, spec.stimulus.kind, spec.input.complex) == (
        "ice40",
        None,
        "noise",
        False,
    )
    assert spec.blame("response.bands[0].stop", "x", "y").line == 7
    with pytest.raises(DesignFileError) as caught:
        parse(short.replace("stop = 0.1", "stop = 0.6"), "short.toml")
    assert (caught.value.key, caught.value.line) == ("response.bands[0].stop", 7)


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    same = "# new comment\n" + GOOD.replace(" = ", "=").replace("1e6", "1_000_000.0")
    digest = parse(GOOD, "good.toml").digest
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert parse(same, tmp_path / "other.toml").digest == digest
    assert parse(changed("accumulator_bits = 24 => accumulator_bits = [24, 24]"), "x").digest == digest
    assert parse(changed("dsp = false => "), "x").digest == digest, "a default written out is the same design"
    assert parse(changed("seed = 1 => seed = 2"), "x").digest != digest


def test_digest_covers_the_files_named(tmp_path: Path) -> None:
    text = changed(f'{BANDS} => coefficients = "taps.csv" ;; taps = 31 =>  ;; kind = "noise" => file = "in.cu8"')
    (tmp_path / "taps.csv").write_text("0.25 0.5 0.25")
    (tmp_path / "in.cu8").write_bytes(b"1234")
    first = parse(text, tmp_path / "a.toml").digest
    (tmp_path / "in.cu8").write_bytes(b"1235")
    second = parse(text, tmp_path / "a.toml").digest
    (tmp_path / "taps.csv").write_text("0.25 0.5 0.26")
    third = parse(text, tmp_path / "a.toml").digest
    assert len({first, second, third}) == 3
    (tmp_path / "in").mkdir()
    (tmp_path / "taps.csv").write_text("0.25 0.5 0.25")
    (tmp_path / "in" / "moved.cu8").write_bytes(b"1234")
    assert parse(text.replace("in.cu8", "in/moved.cu8"), tmp_path / "a.toml").digest == first


def test_csv_separators(tmp_path: Path) -> None:
    (tmp_path / "same.csv").write_text("0.25;0.5 .25")
    text = changed(f'{BANDS} => coefficients = "same.csv" ;; taps = 31 => ')
    assert parse(text, tmp_path / "a.toml").response.coefficients == (0.25, 0.5, 0.25)


@pytest.mark.parametrize(
    ("key", "line", "value", "shown"),
    [
        ("goal.sqnr_db", 29, 60, "goal.sqnr_db = 60\n"),
        ("response.bands[1]", 15, {"start": 2e5, "stop": 5e5, "attenuation_db": 60}, "{ start = 200000.0"),
        ("response.coefficients", 12, None, "response.coefficients\n"),
        ("goal.max_error_ulp", 27, None, "goal.max_error_ulp\n"),
        ("", None, None, "good.toml: a reason\n"),
    ],
)
def test_blame(key: str, line: int | None, value: object, shown: str) -> None:
    error = parse(GOOD, "good.toml").blame(key, "a reason", "a remedy")
    assert (error.file, error.line, error.key, error.value) == ("good.toml", line, key, value)
    assert shown in str(error)
    assert str(error).endswith("a reason\n  Try: a remedy")


def test_blame_shows_a_default() -> None:
    error = parse(changed('clock = 4e6 =>  ;; target = "ice40" => '), "good.toml").blame("goal.target", "r", "t")
    assert error.value == "ice40"
    assert 'goal.target = "ice40"' in str(error)


def test_spec_and_error_cross_processes() -> None:
    spec = parse(GOOD, "good.toml")
    again = pickle.loads(pickle.dumps(spec))
    assert again == spec
    assert hash(again) == hash(spec)
    error = spec.blame("goal.sqnr_db", "a reason", "a remedy")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_spec_is_frozen() -> None:
    spec = parse(GOOD, "good.toml")
    with pytest.raises(ValueError, match="frozen"):
        spec.goal.sqnr_db = 1
    with pytest.raises(AttributeError):
        spec.goal = None


def test_schema_describes_every_key() -> None:
    schema = json.loads(json.dumps(json_schema()))
    objects = [schema, *schema["$defs"].values()]
    fields = [(name, field) for entry in objects for name, field in entry.get("properties", {}).items()]
    assert {"name", "sample_rate", "bands", "ripple_db", "budget", "coefficient_bits"} <= {name for name, _ in fields}
    for name, entry in fields:  # a description equal to that of the table referred to is told there alone
        table = schema["$defs"].get(entry.get("$ref", "").rpartition("/")[2], {})
        assert entry.get("description") or table.get("description"), name
    assert all(entry.get("additionalProperties") is False for entry in objects if "properties" in entry)


def test_algorithms_are_those_there_are() -> None:
    known = json_schema()["$defs"]["SearchTable"]["properties"]["algorithm"]["enum"]
    assert set(known) == set(ALGORITHMS)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_examples_load(path: Path) -> None:
    if path.stem == "adsb_receiver" and not (EXAMPLES / "data" / "adsb_if.npy").exists():
        pytest.skip("its samples are made by adsb_receiver.py; tests/test_adsb_receiver.py makes them")
    assert load(path).design.name == path.stem


def test_keywords_are_those_of_the_standard() -> None:
    assert len(KEYWORDS) == 248  # IEEE 1800-2017, Annex B
    assert {"module", "reg", "wire", "logic", "uwire", "checker", "soft", "s_until_with"} <= KEYWORDS
    assert not {"filter", "clk", "tb", "lpf"} & KEYWORDS
