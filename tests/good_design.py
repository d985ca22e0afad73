"""A design file that gives every key, and a way to spoil it."""

GOOD = """\
[design]
name = "lpf"
kind = "fir"
[input]
format = "s1.11"
sample_rate = 1e6
complex = false
[output]
format = "s1.15"
rounding = "half_up"
overflow = "saturate"
[response]
bands = [
  { start = 0, stop = 1e5, ripple_db = 0.1 },
  { start = 2e5, stop = 5e5, attenuation_db = 60 },
]
gain = 1.0
taps = 31
decimate = 1
interpolate = 1
[hardware]
structure = "auto"
interface = "plain"
clock = 4e6
dsp = false
reset_data = true
[goal]
minimise = "luts"
sqnr_db = 60
target = "ice40"
[search]
algorithm = "gc-pso"
seed = 1
evaluations = 20000
coefficient_bits = [2, 18]
accumulator_bits = 24
[stimulus]
kind = "noise"
"""

PASS, STOP = GOOD.split("\n")[13], GOOD.split("\n")[14]
BANDS = f"bands = [\n{PASS}\n{STOP}\n]"
REST = "\n\n\n"  # keeps the lines below where they were when something takes the place of the bands
OUTPUT = GOOD[GOOD.index("[output]") : GOOD.index("[response]")]
RESPONSE = GOOD[GOOD.index("[response]") : GOOD.index("[hardware]")]
STIMULUS = GOOD[GOOD.index("[stimulus]") :]
ERROR = 'minimise = "error"\nbudget = '


def changed(changes: str) -> str:
    """`GOOD` with changes such as "this => that ;; these => those" made; it must hold each old text exactly once."""
    text = GOOD
    for change in changes.split(" ;; "):
        old, new = change.split(" => ")
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
