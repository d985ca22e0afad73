"""Bad design files: a good one with one thing changed. The error must point at that line and say what to do."""

from pathlib import Path

import pytest
from good_design import BANDS, ERROR, OUTPUT, PASS, RESPONSE, REST, STIMULUS, STOP, changed

from hwgen.spec import DesignFileError, parse
from hwgen.tomlmap import as_toml

# changes: (key, line, a part of the message, a part of the remedy)
BAD = {
    # [design]
    "dsp = false => dps = false": ("hardware.dps", 25, "unknown key", "did you mean dsp?"),
    "sample_rate = 1e6 => samplerate = 1e6": ("input.samplerate", 6, "1000000.0", "sample_rate"),
    "complex = false => rounding = 1": ("input.rounding", 7, "unknown key", "belongs in [output]"),
    "complex = false => qqqq = 1": ("input.qqqq", 7, "unknown", "format, sample_rate, complex"),
    "[design] => [desing]": ("desing", 1, "unknown key", "did you mean design?"),
    'name = "lpf" => ': ("design.name", 1, "required", 'name = "channel_lpf"'),
    f"{OUTPUT} => ": ("output", None, "required", "a table [output] with format"),
    f"{STIMULUS} =>  ;; [design] => stimulus = 3\n[design]": ("stimulus", 1, "must be a table", "[stimulus]"),
    'name = "lpf" => name = "5 lpf"': ("design.name", 2, '"5 lpf"', '"fir_5_lpf"'),
    'name = "lpf" => name = ""': ("design.name", 2, '""', "write"),
    'name = "lpf" => name = "always_ff"': ("design.name", 2, "keyword", "always_ff_filter"),
    f'name = "lpf" => name = "{"x" * 65}"': ("design.name", 2, "65 characters", "64"),
    'name = "lpf" => name = 5': ("design.name", 2, "must be text", 'name = "'),
    'kind = "fir" => kind = "iir"': ("design.kind", 3, '"iir"', '"fir"'),
    'kind = "fir" => kind = "receiver"': ("stage", None, "needs stages", "[[stage]]"),
    # formats
    'format = "s1.11" => format = "q1.11"': ("input.format", 5, '"q1.11"', "s1.11"),
    'format = "s1.15" => format = 1.15': ("output.format", 9, "must be text", "s1.11"),
    'format = "s1.15" => format = "s0.0"': ("output.format", 9, '"s0.0"', "s1.11"),
    'format = "s1.11" => format = "s1.64"': ("input.format", 5, "65 bits", "s1.11"),
    'format = "s1.11" => format = "u0.64"': ("input.format", 5, "at most 63", "s1.11"),
    'format = "s1.15" => format = "s-990.999"': ("output.format", 9, "999", "s1.15"),
    # [input], [output]
    'sample_rate = 1e6 => sample_rate = "1e6"': ("input.sample_rate", 6, '"1e6"', "sample_rate = "),
    "sample_rate = 1e6 => sample_rate = 0": ("input.sample_rate", 6, "= 0", "sample_rate = "),
    "sample_rate = 1e6 => sample_rate = -5": ("input.sample_rate", 6, "-5", "sample_rate = "),
    "sample_rate = 1e6 => sample_rate = nan": ("input.sample_rate", 6, "finite", "sample_rate = "),
    "sample_rate = 1e6 => sample_rate = inf": ("input.sample_rate", 6, "inf", "sample_rate = "),
    f"sample_rate = 1e6 => sample_rate = 0x{'f' * 400}": ("input.sample_rate", 6, "0xfff", "sample_rate = "),
    "sample_rate = 1e6 => sample_rate = true": ("input.sample_rate", 6, "must be a number", "="),
    "complex = false => complex = 0": ("input.complex", 7, "true or false", "complex = false"),
    'rounding = "half_up" => rounding = "halfup"': ("output.rounding", 10, '"halfup"', 'did you mean "half_up"'),
    'overflow = "saturate" => overflow = "clip"': ("output.overflow", 11, '"clip"', "saturate"),
    # [response]
    f"{RESPONSE} => ": ("response", None, "needs a response", "[response]"),
    f"{BANDS} => ": ("response", 12, "neither bands nor coefficients", "add bands"),
    f"{BANDS} => bands = []": ("response.bands", 13, "empty", "add a band"),
    f"{BANDS} => bands = {{ start = 0 }}": ("response.bands", 13, "list", "bands = ["),
    f"{PASS} => ": ("response.bands", 13, "no band passes", "ripple_db"),
    "stop = 5e5 => end = 5e5": ("response.bands[1].end", 15, "unknown key", "start, stop"),
    "start = 2e5 => start = 0.9e5": ("response.bands[1].start", 15, "90000.0", "transition"),
    "start = 2e5 => start = 1e5": ("response.bands[1].start", 15, "100000.0", "transition"),
    f"{PASS}\n{STOP} => {STOP}\n{PASS}": ("response.bands[1].start", 15, "= 0", "rising"),
    "stop = 5e5 => stop = 1e5": ("response.bands[1].stop", 15, "100000.0", "above"),
    "stop = 5e5 => stop = 2e5": ("response.bands[1].stop", 15, "200000.0", "above"),
    "stop = 5e5 => stop = 5.1e5": ("response.bands[1].stop", 15, "510000.0", "500000"),
    "start = 0 => start = -1": ("response.bands[0].start", 14, "-1", "start = 0"),
    "ripple_db = 0.1 => ripple = 0.01, ripple_db = 0.1": ("response.bands[0].ripple", 14, "0.01", "keep only one"),
    "ripple_db = 0.1 => attenuation_db = 3, ripple_db = 0.1": (
        "response.bands[0].attenuation_db",
        14,
        "= 3",
        "keep only one",
    ),
    "stop = 1e5, ripple_db = 0.1 => stop = 1e5": ("response.bands[0]", 14, "neither ripple", "ripple_db = 0.1"),
    "ripple_db = 0.1 => ripple_db = 0": ("response.bands[0].ripple_db", 14, "= 0", "ripple_db = 0.1"),
    "ripple_db = 0.1 => ripple = 1.0": ("response.bands[0].ripple", 14, "below 1", "0.01"),
    "attenuation_db = 60 => attenuation_db = -60": ("response.bands[1].attenuation_db", 15, "-60", "60"),
    "attenuation_db = 60 => gain = 0.5, attenuation_db = 60": ("response.bands[1].gain", 15, "0.5", "remove gain"),
    'gain = 1.0 => gain = "unity"': ("response.gain", 17, '"unity"', "free"),
    "gain = 1.0 => gain = 0.0": ("response.gain", 17, "0.0", "gain = 1.0"),
    "gain = 1.0 => gain = nan": ("response.gain", 17, "nan", "gain = 1.0"),
    "taps = 31 => taps = 0": ("response.taps", 18, "at least 1", "taps = 31"),
    "taps = 31 => taps = 4097": ("response.taps", 18, "4096", "taps = 31"),
    "taps = 31 => taps = 31.0": ("response.taps", 18, "31.0", "taps = 31"),
    f"{BANDS} => coefficients = [0.5, 0.5]{REST}": ("response.taps", 18, "2 coefficients", "taps = 2"),
    f"{BANDS} => coefficients = [0, 0.0] ;; taps = 31 => ": (
        "response.coefficients",
        13,
        "every coefficient is 0",
        "passes",
    ),
    f"{BANDS} => coefficients = []": ("response.coefficients", 13, "empty", "at least one"),
    f'{BANDS} => coefficients = [\n  0.5,\n  "0.5",\n]': ("response.coefficients[1]", 15, '"0.5"', "coefficients = "),
    f"{BANDS} => coefficients = [0.5, nan]": ("response.coefficients[1]", 13, "nan", "coefficients = "),
    f"{BANDS} => coefficients = [true]": ("response.coefficients[0]", 13, "true", "coefficients = "),
    f"{BANDS} => coefficients = 3": ("response.coefficients", 13, "= 3", "file name"),
    f"{BANDS} => coefficients = {[1] * 4097}": ("response.coefficients", 13, "4097", "4096"),
    f'{BANDS} => coefficients = [1]{REST} ;; gain = 1.0 => gain = "free" ;; taps = 31 => ': (
        "response.gain",
        17,
        "none",
        "gain = 1.0",
    ),
    f'{BANDS} => coefficients = "none.csv"': ("response.coefficients", 13, "no such file", "CSV"),
    f'{BANDS} => coefficients = "."': ("response.coefficients", 13, "folder", "CSV"),
    f'{BANDS} => coefficients = "a\\u0000b"': ("response.coefficients", 13, "null", "CSV"),
    f'{BANDS} => coefficients = "{"a" * 5000}"': ("response.coefficients", 13, "too long", "CSV"),
    f'{BANDS} => coefficients = "bad.csv"': ("response.coefficients", 13, "bad.csv, line 3: '0.2x'", "mend"),
    f'{BANDS} => coefficients = "nan.csv"': ("response.coefficients", 13, "nan.csv, line 2: 'nan'", "mend"),
    f'{BANDS} => coefficients = "large.csv"': ("response.coefficients", 13, "line 1: 1e999", "mend"),
    f'{BANDS} => coefficients = "gap.csv"': ("response.coefficients", 13, "line 1: ''", "mend"),
    f'{BANDS} => coefficients = "empty.csv"': ("response.coefficients", 13, "no numbers", "one number a line"),
    f'{BANDS} => coefficients = "binary.csv"': ("response.coefficients", 13, "not a text file", "CSV"),
    f'{BANDS} => coefficients = "reloadable"{REST}': ("response.coefficients", 13, "follow from bands", "add bands"),
    f'{BANDS} => {BANDS} coefficients = "reloadabel"'.replace("] coef", "]\ncoef"): (
        "response.coefficients",
        17,
        "no such file",
        "reloadable",
    ),
    f'{PASS} => {PASS} ;; gain = 1.0 => coefficients = "reloadable" ;; decimate = 1 => decimate = 2': (
        "response.decimate",
        19,
        "direct form, at one rate",
        "decimate = 1",
    ),
    'gain = 1.0 => coefficients = "reloadable" ;; interpolate = 1 => interpolate = 2': (
        "response.interpolate",
        20,
        "direct form, at one rate",
        "interpolate = 1",
    ),
    'gain = 1.0 => coefficients = "reloadable" ;; structure = "auto" => structure = "transposed"': (
        "hardware.structure",
        22,
        "direct form",
        'structure = "auto"',
    ),
    'gain = 1.0 => coefficients = "reloadable" ;; structure = "auto" => structure = "folded"': (
        "hardware.structure",
        22,
        "direct form",
        'structure = "auto"',
    ),
    "interpolate = 1 => interpolate = 8": ("hardware.clock", 24, "interpolate x", "8e+06"),
    "decimate = 1 => decimate = 0": ("response.decimate", 19, "at least 1", "decimate = 1"),
    # [hardware]
    'structure = "auto" => structure = "transpose"': (
        "hardware.structure",
        22,
        '"transpose"',
        'did you mean "transposed"',
    ),
    "decimate = 1\ninterpolate = 1 => decimate = 2\ninterpolate = 2": (
        "response.decimate",
        19,
        "interpolates, too",
        "two designs",
    ),
    'structure = "auto" => structure = "folded" ;; clock = 4e6 => clock = 1e6': (
        "hardware.structure",
        22,
        "two clocks",
        "hardware.clock",
    ),
    'structure = "auto" => structure = "cascade"': ("response.taps", 18, "length of its own", "auto"),
    "complex = false => complex = false\nchannels = 0": ("input.channels", 8, "at least 1", "channels = 4"),
    "complex = false => complex = false\nchannels = 65": ("input.channels", 8, "at most 64", "channels = 4"),
    "complex = false => complex = false\nchannels = 2.0": ("input.channels", 8, "whole number", "channels = 4"),
    "complex = false => complex = false\nchannels = 8": ("hardware.clock", 25, "channels x", "8e+06"),
    "complex = false => complex = false\nchannels = 2 ;; interpolate = 1 => interpolate = 4": (
        "hardware.clock",
        25,
        "interpolate x channels x",
        "8e+06",
    ),
    "complex = false => complex = false\nchannels = 2 ;; decimate = 1 => decimate = 2": (
        "input.channels",
        8,
        "decimates",
        "decimate = 1",
    ),
    'complex = false => complex = false\nchannels = 2 ;; structure = "auto" => structure = "folded"': (
        "input.channels",
        8,
        "folded",
        'structure = "auto"',
    ),
    'interface = "plain" => interface = "axi"': ("hardware.interface", 23, '"axi"', '"plain"'),
    "clock = 4e6 => clock = 9e5": ("hardware.clock", 24, "900000.0", "leave it out"),
    # [goal]
    'target = "ice40" => target = "ice-40"': ("goal.target", 30, '"ice-40"', 'did you mean "ice40"'),
    'minimise = "luts" => minimise = "cells" ;; target = "ice40" => target = "xc7"': (
        "goal.minimise",
        28,
        "nextpnr",
        "ice40",
    ),
    'sqnr_db = 60 => fmax_mhz = 50\nsqnr_db = 60 ;; target = "ice40" => target = "gowin"': (
        "goal.fmax_mhz",
        29,
        "nextpnr",
        "without fmax_mhz",
    ),
    'minimise = "luts" => minimise = "power"': ("goal.minimise", 28, '"power"', '"luts"'),
    'minimise = "luts" => minimise = "error"': ("goal.minimise", 28, '"error"', "budget = "),
    "sqnr_db = 60 => sqnr_db = 60\nbudget = { bits = 160 }": ("goal.budget", 30, "160", "remove budget"),
    'minimise = "luts" => minimise = "error"\nbudget = {}': ("goal.budget", 29, "neither", "bits = 160"),
    'minimise = "luts" => minimise = "error"\nbudget = { bits = 1, luts = 2 }': (
        "goal.budget",
        29,
        "both",
        "bits = 160",
    ),
    'minimise = "luts" => minimise = "error"\nbudget = { bits = 0 }': ("goal.budget.bits", 29, "= 0", "bits = 160"),
    f'minimise = "luts" => {ERROR}{{ bits = 9 }} ;; {BANDS} => coefficients = [1]{REST} ;; taps = 31 => ': (
        "goal.minimise",
        28,
        "bands",
        "luts",
    ),
    "sqnr_db = 60 => ": ("goal.minimise", 28, "how accurate", "sqnr_db = 60"),
    "sqnr_db = 60 => sqnr_db = -3": ("goal.sqnr_db", 29, "-3", "sqnr_db = 60"),
    "sqnr_db = 60 => sqnr_db = 0": ("goal.sqnr_db", 29, "above 0", "sqnr_db = 60"),
    "sqnr_db = 60 => sqnr_db = 401": ("goal.sqnr_db", 29, "400", "sqnr_db = 60"),
    "sqnr_db = 60 => sqnr_db = inf": ("goal.sqnr_db", 29, "finite", "sqnr_db = 60"),
    "sqnr_db = 60 => max_error_ulp = -1": ("goal.max_error_ulp", 29, "-1", "max_error_ulp = 1.0"),
    "sqnr_db = 60 => sqnr_db = 60\nevm_percent = 1": ("goal.evm_percent", 30, "a goal of a receiver", "sqnr_db"),
    "sqnr_db = 60 => ber_loss_db = 0.2": ("goal.ber_loss_db", 29, "a goal of a detector", "sqnr_db"),
    "sqnr_db = 60 => sqnr_db = 60\nber = 0.01": ("goal.ber", 30, "a goal of a detector", "sqnr_db"),
    "sqnr_db = 60 => sqnr_db = 60\nsfdr_db = 70": ("goal.sfdr_db", 30, "a goal of a receiver", "sqnr_db"),
    # [search]
    'algorithm = "gc-pso" => algorithm = "gcpso"': ("search.algorithm", 32, '"gcpso"', 'did you mean "gc-pso"'),
    "seed = 1 => seed = -1": ("search.seed", 33, "-1", "seed = 1"),
    "seed = 1 => seed = 1.5": ("search.seed", 33, "1.5", "seed = 1"),
    "evaluations = 20000 => evaluations = 0": ("search.evaluations", 34, "at least 1", "20000"),
    "evaluations = 20000 => evaluations = 100000001": ("search.evaluations", 34, "100000000", "20000"),
    "coefficient_bits = [2, 18] => coefficient_bits = [18, 2]": (
        "search.coefficient_bits",
        35,
        "[18, 2]",
        "write [2, 18]",
    ),
    "coefficient_bits = [2, 18] => coefficient_bits = [1, 18]": ("search.coefficient_bits", 35, "[1, 18]", "[2, 18]"),
    "coefficient_bits = [2, 18] => coefficient_bits = 65": ("search.coefficient_bits", 35, "65", "[2, 18]"),
    "coefficient_bits = [2, 18] => coefficient_bits = [2, 3, 4]": ("search.coefficient_bits", 35, "pair", "[2, 18]"),
    "accumulator_bits = 24 => accumulator_bits = true": ("search.accumulator_bits", 36, "true", "12"),
    # [stimulus]
    'kind = "noise" => kind = "chirp"': ("stimulus.kind", 38, '"chirp"', '"noise"'),
    'kind = "noise" => kind = "noise"\nfile = "good.cu8"': ("stimulus.kind", 38, '"noise"', "keep only one"),
    'kind = "noise" => file = "none.cu8"': ("stimulus.file", 38, "no such file", "noise"),
    'kind = "noise" => file = "bad.csv"': ("stimulus.file", 38, ".csv", ".npy"),
    'kind = "noise" => file = "folder.cu8"': ("stimulus.file", 38, "folder", "noise"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("designs")
    (path / "bad.csv").write_text("0.1\n# 0.2x\n0.2x\n")
    (path / "nan.csv").write_text("0.1\nnan\n")
    (path / "large.csv").write_text("1e999\n")
    (path / "gap.csv").write_text("0.1,,0.2\n")
    (path / "empty.csv").write_text("# nothing\n")
    (path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (path / "good.cu8").write_bytes(bytes(range(64)))
    (path / "folder.cu8").mkdir()
    return path


@pytest.mark.parametrize("case", BAD, ids=lambda case: case[:60])
def test_bad_file(case: str, folder: Path) -> None:
    key, line, reason, remedy = BAD[case]
    with pytest.raises(DesignFileError) as caught:
        parse(changed(case), folder / "bad.toml")
    error = caught.value
    assert error.file == str(folder / "bad.toml")
    assert error.key == key
    assert error.line == line
    message = str(error)
    assert message.startswith(f"{error.file}:{line}: {key}" if line else f"{error.file}: {key}")
    if error.value is not None:
        assert f"{key} = {as_toml(error.value)}\n" in message
    assert reason in message.split("\n  Try: ")[0]
    assert remedy in error.remedy
    assert 2 <= len(message.split("\n")) <= 4


def test_first_of_two_mistakes_is_told() -> None:
    with pytest.raises(DesignFileError) as caught:
        parse(changed("seed = 1 => seed = -1 ;; taps = 31 => taps = -1"), "bad.toml")
    assert caught.value.key == "response.taps"
