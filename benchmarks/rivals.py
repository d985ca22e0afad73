"""What is written by hand: transposed FIRs at full precision with `*`, shifts and adds, or da4ml's graphs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from hwgen.adders import csd_adders, digit_graph, odd
from hwgen.check.vectors import Port, Top
from hwgen.designs.tap_bits import rounded, violations
from hwgen.designs.values import Coefficients
from hwgen.fixed import Format, quantise
from hwgen.response import Mask, measure, remez

LATENCY = 3  # input register, accumulator, output register: the same as hwgen's
MORE_TAPS = range(7)


@dataclass(frozen=True)
class Step:
    """One adder: ``(left << left_shift) +- (right << right_shift)``; node 0 is the input."""

    left: int
    left_shift: int
    right: int
    right_shift: int
    subtract: bool


@dataclass(frozen=True)
class Network:
    """Shift-and-add network: its adders, and for each coefficient that is not 0 its (node, shift, negated)."""

    steps: tuple[Step, ...]
    products: dict[int, tuple[int, int, bool]]

    @property
    def constants(self) -> list[int]:
        """What each node multiplies the input by."""
        found = [1]
        for s in self.steps:
            left, right = found[s.left] << s.left_shift, found[s.right] << s.right_shift
            found.append(left - right if s.subtract else left + right)
        return found


def digits(values: Sequence[int]) -> Network:
    """Canonical signed digits: a chain of adders for each odd constant, equal partial sums once."""
    graph = digit_graph(values)
    steps = tuple(Step(a.left, a.left_shift, a.right, a.right_shift, a.subtract) for a in graph.adders)
    return Network(steps, {v: (*graph.find(v), v < 0) for v in values if v})


def da4ml(values: Sequence[int], form: Format) -> Network:
    """The adder network da4ml finds for the distinct odd constants. Raises ``ImportError`` without da4ml."""
    from da4ml.cmvm import solve

    targets = sorted({odd(v)[0] for v in values} - {0})
    pipeline = solve(np.array([targets], dtype=np.float32), qintervals=[(form.minimum, form.maximum, 1.0)])
    steps: list[Step] = []
    words: list[tuple[int, int, bool]] = [(0, 0, False)]  # node, exponent and sign of the values between stages
    for stage in pipeline.solutions:
        buffer: list[tuple[int, int, bool]] = []
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
            buffer.append((len(steps), low, minus))
        words = [
            (buffer[k][0], buffer[k][1] + shift, buffer[k][2] != bool(negative))
            for k, shift, negative in zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True)
        ]
    found = dict(zip(targets, words, strict=True))
    products = {}
    for value in values:
        if value:
            fundamental, shift = odd(value)
            node, exponent, negative = found[fundamental]
            products[value] = (node, exponent + shift, negative != (value < 0))
    network = Network(tuple(steps), products)
    for value, (node, shift, negative) in products.items():
        if (network.constants[node] * 2.0**shift) * (-1 if negative else 1) != value:
            raise ValueError(f"da4ml's network does not multiply by {value}")
    return network


def candidates(mask: Mask, shortest: int) -> list[Coefficients]:
    """Rounded Remez taps that meet the mask: up to 6 more than the shortest, the coarsest LSB that does and the next.

    The gain is swept; every set found is returned.
    """
    span = 0.5 if mask.gain is None else 0.02
    scales = 2.0 ** np.linspace(-span, span, 81)
    found: list[Coefficients] = []
    for taps in (shortest + more for more in MORE_TAPS):
        ideal = remez(mask, taps)
        finest = 24
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
        (_width(low, high) - odd(v)[1]) for v, (low, high) in
        zip(coefficients.values, _sums(coefficients.values, form), strict=True) if v
    ))  # fmt: skip


def _width(low: int, high: int) -> int:
    return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length()) + 1


def _ends(constant: int, form: Format) -> tuple[int, int]:
    ends = (constant * form.minimum, constant * form.maximum)
    return min(ends), max(ends)


def _sums(values: Sequence[int], form: Format) -> list[tuple[int, int]]:
    """Range of every accumulator, the last tap's first in time and last in the list."""
    ends = [_ends(v, form) for v in reversed(values)]
    return list(accumulate(ends, lambda a, b: (a[0] + b[0], a[1] + b[1])))[::-1]


def top(name: str, form: Format, output: Format, channels: int) -> Top:
    """Ports as hwgen's designs have them."""
    names = ("_re", "_im") if channels == 2 else ("_data",)
    return Top(
        name, tuple(Port(f"i{s}", form.width, form.signed) for s in names),
        tuple(Port(f"o{s}", output.width, output.signed) for s in names), LATENCY,
    )  # fmt: skip


def model(coefficients: Coefficients, form: Format, output: Format, x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Exact convolution, rounded half up and saturated: what every rival computes."""
    y = np.stack([np.convolve(row, coefficients.values)[: len(row)] for row in np.atleast_2d(x)])
    exact = Format.for_range(int(y.min()), int(y.max()), fraction=coefficients.fraction + form.fraction, signed=True)
    return quantise(y, exact, output)


def verilog(
    name: str,
    coefficients: Coefficients,
    form: Format,
    output: Format,
    channels: int = 1,
    network: Network | None = None,
    keep: bool = False,
) -> str:
    """Transposed FIR at full precision, every accumulator as wide as its worst case.

    Without a `network` each distinct magnitude is multiplied once, with `*`.
    """
    ports = top(name, form, output, channels)
    lines = [
        f"module {name} (input clk, input rst, input i_valid, output reg o_valid = 0,",
        *(f"  input signed [{p.width - 1}:0] {p.name}," for p in ports.inputs),
        ",\n".join(f"  output reg signed [{p.width - 1}:0] {p.name} = 0" for p in ports.outputs) + ");",
        "  reg x_valid = 0, acc_valid = 0;",
        "  always @(posedge clk)",
        "    if (rst) {o_valid, acc_valid, x_valid} <= 0;",
        "    else {o_valid, acc_valid, x_valid} <= {acc_valid, x_valid, i_valid};",
    ]
    for source, sink in zip(ports.inputs, ports.outputs, strict=True):
        lines += _lane(coefficients, form, output, network, keep, source.name, sink.name)
    return "\n".join([*lines, "endmodule", ""])


def _lane(
    coefficients: Coefficients,
    form: Format,
    output: Format,
    network: Network | None,
    keep: bool,
    source: str,
    sink: str,
) -> list[str]:
    s, values = source[1:], coefficients.values
    while values[-1] == 0:
        values = values[:-1]
    lines = [
        f"  reg signed [{form.width - 1}:0] x0{s} = 0;",
        f"  always @(posedge clk) if (i_valid) x0{s} <= {source};",
    ]
    if network is None:
        for value in sorted({abs(v) for v in values} - {0}):
            wide = _width(*_ends(value, form))
            lines.append(f"  wire signed [{wide - 1}:0] p{value}{s} = x0{s} * {value.bit_length() + 1}'sd{value};")
    else:
        for k, (step, constant) in enumerate(zip(network.steps, network.constants[1:], strict=True), start=1):
            left, right = f"(x{step.left}{s} <<< {step.left_shift})", f"(x{step.right}{s} <<< {step.right_shift})"
            wide, mark = _width(*_ends(constant, form)), "(* keep *) " if keep else ""
            lines.append(
                f"  {mark}wire signed [{wide - 1}:0] x{k}{s} = {left} {'-' if step.subtract else '+'} {right};"
            )
    sums = _sums(values, form)
    for k in reversed(range(len(values))):
        low, high = sums[k]
        before = f"acc{k + 1}{s}" if k + 1 < len(values) else ""
        lines.append(f"  reg signed [{_width(low, high) - 1}:0] acc{k}{s} = 0;")
        lines.append(
            f"  always @(posedge clk) if (rst) acc{k}{s} <= 0; else if (x_valid) "
            f"acc{k}{s} <= {_sum(before, values[k], network, s)};"
        )
    return lines + _output(sums[0], coefficients.fraction + form.fraction, output, s, sink)


def _sum(before: str, value: int, network: Network | None, s: str) -> str:
    if value == 0:
        return before
    if network is None:
        product, negative = f"p{abs(value)}{s}", value < 0
    else:
        node, shift, negative = network.products[value]
        product = f"(x{node}{s} <<< {shift})" if shift >= 0 else f"(x{node}{s} >>> {-shift})"
    return f"{before} {'-' if negative else '+'} {product}" if before or negative else product


def _output(ends: tuple[int, int], fraction: int, output: Format, s: str, sink: str) -> list[str]:
    """Rounded half up, saturated where the sum can overflow."""
    drop = fraction - output.fraction
    half = 1 << drop - 1 if drop > 0 else 0
    low, high = ends[0] + half, ends[1] + half
    lines, wide = [], _width(low, high)
    lines.append(
        f"  wire signed [{wide - 1}:0] lifted{s} = acc0{s}{f' + {wide + 1}' + chr(39) + f'sd{half}' if half else ''};"
    )
    low, high = (low >> drop, high >> drop) if drop > 0 else (low << -drop, high << -drop)
    kept, move = _width(low, high), f">>> {drop}" if drop > 0 else f"<<< {-drop}"
    lines.append(f"  wire signed [{kept - 1}:0] kept{s} = lifted{s} {move};")
    result = f"kept{s}"
    if kept > output.width:
        n = output.width - 1
        lines.append(f"  wire over{s} = kept{s}[{kept - 1}:{n}] != {{{kept - n}{{kept{s}[{kept - 1}]}}}};")
        result = f"over{s} ? {{kept{s}[{kept - 1}], {{{n}{{~kept{s}[{kept - 1}]}}}}}} : kept{s}[{n}:0]"
    return [*lines, f"  always @(posedge clk) if (acc_valid) {sink} <= {result};"]
