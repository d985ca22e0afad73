"""Equalisers run bit-true through their adaptation: error power, stalled coefficients, bit errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from json import dumps, loads
from typing import Any

import numpy as np

from hwgen.blocks.dither import Cut
from hwgen.blocks.lms import Lms
from hwgen.blocks.lms_model import adapted
from hwgen.designs.equalizer_bench import Bench, Stream
from hwgen.designs.equalizer_float import Rule, bit_errors, error_power
from hwgen.designs.equalizer_widths import Family
from hwgen.fixed import Format


@dataclass(frozen=True)
class Verdict:
    """One equaliser over several streams.

    Attributes
    ----------
    power : mean error power after training
    stalled : parts of coefficients that did not move any more in the second half of what follows training, by name
    wrong, bits : wrong bits after training, and all
    """

    power: float
    stalled: tuple[str, ...]
    wrong: int
    bits: int


def frozen(family: Family) -> dict[str, Any]:
    """A family as JSON has it; `thawed` is the inverse."""
    rule = family.rule
    return {
        "bench": family.bench.frozen(),
        "rule": [list(rule.steps), rule.rule, rule.delay, rule.leak],
        "integers": list(family.integers),
        "error_integer": family.error_integer,
        "rounding": str(family.rounding),
    }


def thawed(given: dict[str, Any]) -> Family:
    """The family that `frozen` described."""
    steps, rule, delay, leak = given["rule"]
    return Family(
        Bench.thawed(given["bench"]), Rule(tuple(steps), rule, delay, leak), tuple(given["integers"]),
        given["error_integer"], Cut(given["rounding"]),
    )  # fmt: skip


@lru_cache(maxsize=4)
def _streams(bench: str, first: int, count: int) -> list[Stream]:
    return Bench.thawed(loads(bench)).streams(first, count)


def judge_step(family: dict[str, Any], rows: list[list[int]], first: int, count: int) -> list[list[Any]]:
    """Verdicts on rows over streams `first` to ``first + count - 1``, with plain arguments and results.

    A row whose words are wider than hwgen builds has infinite power.
    """
    made = thawed(family)
    streams = _streams(dumps(family["bench"], sort_keys=True), first, count)
    built = {k: made.lms(np.array(row)) for k, row in enumerate(rows) if made.builds(np.array(row))}
    found = dict(zip(built, judged(made.bench, list(built.values()), streams) if built else [], strict=True))
    verdicts = (found.get(k, Verdict(np.inf, (), 0, 0)) for k in range(len(rows)))
    return [[v.power, list(v.stalled), v.wrong, v.bits] for v in verdicts]


def judged(bench: Bench, filters: Sequence[Lms], streams: Sequence[Stream]) -> list[Verdict]:
    """Run every equaliser over every stream."""
    pairs = [(f, s) for f in filters for s in streams]
    run = adapted([f for f, _ in pairs], [s.words for _, s in pairs])
    found, samples = [], bench.samples
    for k in range(len(filters)):
        own = slice(k * len(streams), (k + 1) * len(streams))
        outputs = np.stack([values(bench, words) for words in run.outputs[own]])
        still = (run.last_moves[own] < samples - bench.judged // 2).any(axis=0)
        names = [f"tap{tap}{('_re', '_im')[part] if bench.parts == 2 else ''}" for tap, part in np.argwhere(still)]
        wrong, bits = bit_errors(bench, outputs, streams)
        found.append(Verdict(error_power(bench, outputs, streams), tuple(names), wrong, bits))
    return found


def values(bench: Bench, words: np.ndarray) -> np.ndarray:
    """Output words (ports, n) as complex numbers (n,)."""
    scaled = words * Format.parse(bench.output).lsb
    return scaled[0] + 1j * scaled[1] if bench.parts == 2 else scaled[0] + 0j
