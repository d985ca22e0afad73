"""What hwgen is compared with: rounded Remez taps, multiplied by `*`, by signed digits or by da4ml's adder networks."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray
from rival_verilog import Dot, Network, Step, Word, pairs, sums, width

from hwgen.adders import csd_adders, digit_graph, odd
from hwgen.designs.tap_bits import rounded, violations
from hwgen.designs.values import Coefficients
from hwgen.fixed import Format
from hwgen.response import Mask, measure, remez

LENGTHS = 7  # that a rival may choose from, from the shortest on


def digits(values: Sequence[int]) -> Network:
    """Canonical signed digits: a chain of adders for each odd constant, equal partial sums once."""
    graph = digit_graph(values)
    steps = tuple(Step(a.left, a.left_shift, a.right, a.right_shift, a.subtract) for a in graph.adders)
    return Network(steps, {v: (*graph.find(v), v < 0) for v in values if v})


def da4ml(values: Sequence[int], form: Format) -> Network:
    """The adder network da4ml finds for the distinct odd constants. Raises ``ImportError`` without da4ml."""
    targets = sorted({odd(v)[0] for v in values} - {0})
    steps, found = _solved(np.array([targets], dtype=np.float32), [(form.minimum, form.maximum, 1.0)])
    nodes = dict(zip(targets, found, strict=True))
    products = {}
    for value in values:
        if value:
            fundamental, shift = odd(value)
            node, exponent, negative = nodes[fundamental]
            products[value] = (node, exponent + shift, negative != (value < 0))
    network = Network(tuple(steps), products)
    for value, (node, shift, negative) in products.items():
        if (network.constants[node] * 2.0**shift) * (-1 if negative else 1) != value:
            raise ValueError(f"da4ml's network does not multiply by {value}")
    return network


def da4ml_dot(values: Sequence[int], form: Format) -> Dot:
    """The adder network da4ml finds for the sum of products of a direct form, pairs added first."""
    inputs = pairs(values, form)
    weights, ends = [weight for _, _, weight, _ in inputs], [ends for _, _, _, ends in inputs]
    kernel = np.array(weights, dtype=np.float32)[:, None]
    steps, found = _solved(kernel, [(low, high, 1.0) for low, high in ends])
    node, shift, negative = found[0]
    basis = [np.eye(len(weights), dtype=object)[k] for k in range(len(weights))]
    for s in steps:
        left, right = basis[s.left] * 2**s.left_shift, basis[s.right] * 2**s.right_shift
        basis.append(left - right if s.subtract else left + right)
    total = basis[node] * Fraction(2) ** shift * (-1 if negative else 1)
    if list(total) != list(weights):
        raise ValueError("da4ml's network does not compute the sum of products")
    return Dot(tuple(steps), found[0])


def _solved(kernel: NDArray[np.float32], ends: list[tuple[float, float, float]]) -> tuple[list[Step], list[Word]]:
    """da4ml's solution for outputs ``x @ kernel``: its adders, and (node, exponent, negated) of each output."""
    from da4ml.cmvm import solve

    pipeline = solve(kernel, qintervals=ends)
    count, steps = len(kernel), []
    words: list[Word] = [(k, 0, False) for k in range(count)]  # the values between stages
    for stage in pipeline.solutions:
        buffer: list[Word] = []
        for op in stage.ops:
            if op.opcode == -1:
                node, exponent, negative = words[op.id0]
                buffer.append((node, exponent + stage.inp_shifts[op.id0], negative))
                continue
            if op.opcode not in (0, 1):
                raise ValueError(f"da4ml used operation {op.opcode}, which is no adder")
            (u, e, minus), (v, f, other) = buffer[op.id0], buffer[op.id1]
            f += op.data
            low, subtract = min(e, f), bool(op.opcode) != (minus != other)
            steps.append(Step(u, e - low, v, f - low, subtract))
            buffer.append((count - 1 + len(steps), low, minus))
        words = [
            (buffer[k][0], buffer[k][1] + shift, buffer[k][2] != bool(negative))
            for k, shift, negative in zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True)
        ]
    return steps, words


def ideals(mask: Mask, shortest: int) -> Iterator[NDArray[np.float64]]:
    """Remez taps of the shortest lengths, one for each; of odd ones alone where a pass band reaches half the rate."""
    high = any(band.passband and band.stop >= 0.5 for band in mask.bands)
    for taps in islice((n for n in count(shortest) if n % 2 or not high), LENGTHS):
        yield remez(mask, taps)


def candidates(mask: Mask, shortest: int) -> list[Coefficients]:
    """Rounded Remez taps that meet the mask: of several lengths, the coarsest LSB that does and the next.

    The gain is swept; every set found is returned.
    """
    span = 0.5 if mask.gain is None else 0.02
    scales = 2.0 ** np.linspace(-span, span, 81)
    found: list[Coefficients] = []
    for ideal in ideals(mask, shortest):
        taps, finest = len(ideal), 24
        for fraction in range(3, 24):
            if fraction > finest:
                break
            options = list(dict.fromkeys(rounded(ideal * scale, fraction) for scale in scales))
            free = np.array([c.free for c in options if c.symmetric], dtype=np.float64) * 2.0**-fraction
            near = (
                np.flatnonzero(violations(free, taps, mask) <= 1) if len(free) == len(options) else range(len(options))
            )
            meeting = [options[k] for k in near if measure(options[k].floats, mask).violation <= 1]
            if meeting:
                finest = min(finest, fraction + 1)
                found += [c.trimmed() for c in meeting]
    return list(dict.fromkeys(found))


def plain(mask: Mask, shortest: int) -> Coefficients | None:
    """Remez taps rounded as they are, at the coarsest LSB that meets the mask: the shortest filter that so does."""
    for ideal in ideals(mask, shortest):
        for fraction in range(3, 24):
            found = rounded(ideal, fraction)
            if measure(found.floats, mask).violation <= 1:
                return found.trimmed()
    return None


def naive_proxy(coefficients: Coefficients, form: Format) -> float:
    """Adder bits of one signed-digit multiplier for each distinct constant, and of the chain."""
    constants = np.array(sorted({abs(v) for v in coefficients.values} - {0}))
    lengths = np.array([odd(int(v))[0].bit_length() for v in constants])
    return float((csd_adders(constants) * (form.width + lengths / 2)).sum()) + _chain_bits(coefficients, form)


def digit_proxy(coefficients: Coefficients, form: Format) -> float:
    """Adder bits of the shared signed-digit chains, and of the chain of accumulators."""
    network = digits(coefficients.values)
    return sum(form.width + abs(c).bit_length() for c in network.constants[1:]) + _chain_bits(coefficients, form)


def _chain_bits(coefficients: Coefficients, form: Format) -> float:
    # A product's zeros at the low end pass its adder by.
    return float(sum(
        (width(low, high) - odd(v)[1]) for v, (low, high) in
        zip(coefficients.values, sums(coefficients.values, form), strict=True) if v
    ))  # fmt: skip
