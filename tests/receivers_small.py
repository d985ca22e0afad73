"""A small receiver's design file, and its parts."""

from functools import lru_cache

from hwgen.designs.receiver_reference import ReceiverReference, reference
from hwgen.designs.receiver_search import Search
from hwgen.spec import parse

TEXT = """
[design]
name = "rx"
kind = "receiver"
[input]
format = "s1.9"
sample_rate = 8e6
[output]
format = "s1.11"
[[stage]]
block = "mixer"
frequency = 1.9e6
[[stage]]
block = "cic"
order = 3
decimate = 4
[[stage]]
block = "fir"
compensate = true
decimate = 2
bands = [
  { start = 0,     stop = 0.3e6, ripple_db = 0.5 },
  { start = 0.7e6, stop = 1.0e6, attenuation_db = 30 },
]
[goal]
minimise = "luts"
sqnr_db = 40
[search]
evaluations = 400
[stimulus]
kind = "qpsk"
"""


@lru_cache
def small(text: str = TEXT) -> ReceiverReference:
    return reference(parse(text, "rx.toml"))


def search(known: ReceiverReference, evaluations: int = 400, seed: int = 1) -> Search:
    return Search(known.bench, known.goal, "ice40", seed, evaluations, "gc-pso", lambda what, share: None)
