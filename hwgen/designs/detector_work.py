"""Adder bits, registers and choices of a combiner, for the LUT estimate."""

from collections import Counter
from dataclasses import fields, replace

import numpy as np

from hwgen.blocks.combiner import Combiner
from hwgen.blocks.combiner_reloadable import ReloadableCombiner
from hwgen.blocks.combiner_tree import Word
from hwgen.cost.estimate import Estimate, Work, adder_bits
from hwgen.cost.resources import Resources
from hwgen.fixed import Format


def work(c: Combiner) -> Work:
    """What `hwgen.cost.estimate` needs of the trees, the graphs and the adders behind them."""
    found = _trees(c)
    for n in range(len(c.graphs)):
        found.update(_multiplied(c, n))
    taken = 2 * sum(c.bits)
    found["shared_registers"] = found["registers"] - found["passed"]
    found["registers"] += taken * (1 + c.multiplies)
    return _work(found)


def loaded(c: ReloadableCombiner, target: str) -> Resources:
    """The estimate of a combiner whose weights are loaded.

    Beside its adders each bit of a multiple takes a LUT, and a register one for its index, on an iCE40 one more for
    its reset.
    """
    found = _trees(c)
    for row in c.weights:
        for m, form in zip(c.active, row, strict=True):
            if c.bits[m] > 1:
                found.update({"multiplier_bits": 2 * (form.width + 2), "multiplier_adders": 2})
    leaves = sum(word.width for levels in c.trees for word in levels[0])
    found["registers"] += leaves + 2 * sum(c.bits) + sum(form.width for form in c.registers) + c.latency
    made = Estimate.of(target).resources(_work(found))
    return replace(made, lut=made.lut + leaves + len(c.registers) * (2 if target == "ice40" else 1))


def _work(found: Counter[str]) -> Work:
    return Work(**{field.name: np.array([float(found[field.name])]) for field in fields(Work)})


def _trees(c: Combiner | ReloadableCombiner) -> Counter[str]:
    """The trees, their roundings and the registers of the streams."""
    found: Counter[str] = Counter()
    for row, levels in enumerate(c.trees):
        for depth, words in enumerate(levels[1:], start=1):
            for word in words:
                found.update(_added(word, levels[depth - 1]))
        form = c.outputs[row // 2]
        found["registers"] += form.width
        for word in levels[-1]:
            found["rounding_bits"] += word.width
            if word.width + word.lsb - (c.fraction - form.fraction) > form.width:
                found["saturated_bits"] += form.width
    return found


def _added(word: Word, before: tuple[Word, ...]) -> dict[str, int]:
    """One word of a tree and its register."""
    if len(word.sources) == 1:
        return {"registers": word.width, "passed": word.width}
    left, right = (before[k] for k in word.sources)
    lsb = word.lsb - word.dropped
    bits = int(adder_bits(word.lsb + word.width - 1, left.lsb, right.lsb, lsb, word.subtract))
    found = {"registers": word.width, "accumulator_bits": bits, "accumulator_adders": 1, "odd_adders": bits % 2}
    if word.subtract:
        found |= {
            "negated_bits": min(max(left.lsb - right.lsb, 0), right.width),
            "inverted_bits": 0 if right.inverted else right.width,
        }
    return found


def _multiplied(c: Combiner, n: int) -> dict[str, int]:
    """The multiples of both parts of the n-th active antenna's words, and their registers."""
    found: Counter[str] = Counter()
    graph, (low, high) = c.graphs[n], c.spans[2 * n]
    for adder in graph.adders:
        width = Format.for_range(adder.constant * low, adder.constant * high, signed=True).width
        # Odd constants: the lowest bit of every node is that of the word.
        bits = int(adder_bits(width - 1, adder.left_shift, adder.right_shift, adder.lsb, adder.subtract))
        found.update({"multiplier_bits": bits, "multiplier_adders": 1, "odd_adders": bits % 2, "registers": width})
        if adder.subtract:
            subtracted = c.bits[c.active[n]] + graph.constants[adder.right].bit_length() - 1
            found.update({"negated_bits": max(adder.left_shift - adder.right_shift, 0), "inverted_bits": subtracted})
    return {key: 2 * value for key, value in found.items()}
