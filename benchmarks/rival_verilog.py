"""Verilog of the rivals: transposed or direct, at full precision, rounded half up to the output's format."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from hwgen.check.vectors import Port, Top
from hwgen.designs.values import Coefficients
from hwgen.fixed import Format, quantise

LATENCY = 3  # input register, accumulator, output register: the same as hwgen's
Word = tuple[int, int, bool]  # node, exponent, negated


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


@dataclass(frozen=True)
class Dot:
    """One sum of products of the pairs of a direct form: adders over the pairs, and the output's node."""

    steps: tuple[Step, ...]
    output: Word


def pairs(values: Sequence[int], form: Format) -> list[tuple[int, int | None, int, tuple[int, int]]]:
    """Inputs of a direct form's sum: ``(tap, mirrored tap or None, weight, range)``."""
    last, low, high = len(values) - 1, form.minimum, form.maximum
    mirror = 1 if list(values) == list(values)[::-1] else -1 if list(values) == [-v for v in values[::-1]] else 0
    found: list[tuple[int, int | None, int, tuple[int, int]]] = []
    for k, value in enumerate(values):
        if not value or (mirror and k > last - k):
            continue
        if mirror and k < last - k:
            ends = (2 * low, 2 * high) if mirror > 0 else (low - high, high - low)
            found.append((k, last - k, value, ends))
        else:
            found.append((k, None, value, (low, high)))
    return found


def width(low: int, high: int) -> int:
    """Wires of a signed word that takes values from `low` to `high`."""
    return max((-low - 1).bit_length() if low < 0 else 0, high.bit_length()) + 1


def _ends(constant: int, form: Format) -> tuple[int, int]:
    ends = (constant * form.minimum, constant * form.maximum)
    return min(ends), max(ends)


def sums(values: Sequence[int], form: Format) -> list[tuple[int, int]]:
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
    network: Network | Dot | None = None,
    keep: bool = False,
    direct: bool = False,
) -> str:
    """FIR at full precision, every sum as wide as its worst case: transposed, or `direct` with its pairs added first.

    Without a `network` (a `Dot` for the direct form) each distinct magnitude is multiplied, with `*`. `keep` marks
    every adder of the network so that synthesis leaves it alone.
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
        lane = _direct if direct else _lane
        lines += lane(coefficients, form, output, network, keep, source.name, sink.name)
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
            wide = width(*_ends(value, form))
            lines.append(f"  wire signed [{wide - 1}:0] p{value}{s} = x0{s} * {value.bit_length() + 1}'sd{value};")
    else:
        for k, (step, constant) in enumerate(zip(network.steps, network.constants[1:], strict=True), start=1):
            left, right = f"(x{step.left}{s} <<< {step.left_shift})", f"(x{step.right}{s} <<< {step.right_shift})"
            wide, mark = width(*_ends(constant, form)), "(* keep *) " if keep else ""
            lines.append(
                f"  {mark}wire signed [{wide - 1}:0] x{k}{s} = {left} {'-' if step.subtract else '+'} {right};"
            )
    ranges = sums(values, form)
    for k in reversed(range(len(values))):
        low, high = ranges[k]
        before = f"acc{k + 1}{s}" if k + 1 < len(values) else ""
        lines.append(f"  reg signed [{width(low, high) - 1}:0] acc{k}{s} = 0;")
        lines.append(
            f"  always @(posedge clk) if (rst) acc{k}{s} <= 0; else if (x_valid) "
            f"acc{k}{s} <= {_sum(before, values[k], network, s)};"
        )
    return lines + _output(ranges[0], coefficients.fraction + form.fraction, output, s, sink)


def _direct(
    coefficients: Coefficients,
    form: Format,
    output: Format,
    network: Dot | None,
    keep: bool,
    source: str,
    sink: str,
) -> list[str]:
    s, values, mark = source[1:], list(coefficients.values), "(* keep *) " if keep else ""
    antisymmetric = values == [-v for v in values[::-1]]
    lines = []
    for k in range(len(values)):
        before, enable = (f"x{k - 1}{s}", "x_valid") if k else (source, "i_valid")
        lines.append(f"  reg signed [{form.width - 1}:0] x{k}{s} = 0;")
        lines.append(f"  always @(posedge clk) if (rst) x{k}{s} <= 0; else if ({enable}) x{k}{s} <= {before};")
    inputs = pairs(values, form)
    for number, (tap, other, _, ends) in enumerate(inputs):
        right = "" if other is None else f" {'-' if antisymmetric else '+'} x{other}{s}"
        lines.append(f"  {mark}wire signed [{width(*ends) - 1}:0] u{number}{s} = x{tap}{s}{right};")
    low, high = (sum(v) for v in zip(*(_scaled(weight, ends) for _, _, weight, ends in inputs), strict=True))
    lines.append(f"  reg signed [{width(low, high) - 1}:0] acc0{s} = 0;")
    if network is None:
        for number, (_, _, weight, ends) in enumerate(inputs):
            wide, literal = width(*_scaled(weight, ends)), f"{weight.bit_length() + 1}'sd{abs(weight)}"
            product = f"{'-' if weight < 0 else ''}{literal} * u{number}{s}"
            lines.append(f"  wire signed [{wide - 1}:0] p{number}{s} = {product};")
        total = " + ".join(f"p{number}{s}" for number in range(len(inputs)))
    else:
        ranges = [ends for _, _, _, ends in inputs]
        for k, step in enumerate(network.steps, start=len(inputs)):
            left, right = (
                (ranges[n][0] << shift, ranges[n][1] << shift)
                for n, shift in ((step.left, step.left_shift), (step.right, step.right_shift))
            )
            ranges.append(
                (left[0] - right[1], left[1] - right[0]) if step.subtract else (left[0] + right[0], left[1] + right[1])
            )
            first, second = f"(u{step.left}{s} <<< {step.left_shift})", f"(u{step.right}{s} <<< {step.right_shift})"
            text = f"{first} {'-' if step.subtract else '+'} {second}"
            lines.append(f"  {mark}wire signed [{width(*ranges[-1]) - 1}:0] u{k}{s} = {text};")
        node, shift, negative = network.output
        move = f"<<< {shift}" if shift >= 0 else f">>> {-shift}"
        total = f"{'-' if negative else ''}(u{node}{s} {move})"
    lines.append(f"  always @(posedge clk) if (x_valid) acc0{s} <= {total};")
    return lines + _output((low, high), coefficients.fraction + form.fraction, output, s, sink)


def _scaled(weight: int, ends: tuple[int, int]) -> tuple[int, int]:
    products = (weight * ends[0], weight * ends[1])
    return min(products), max(products)


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
    lines, wide = [], width(low, high)
    lines.append(
        f"  wire signed [{wide - 1}:0] lifted{s} = acc0{s}{f' + {wide + 1}' + chr(39) + f'sd{half}' if half else ''};"
    )
    low, high = (low >> drop, high >> drop) if drop > 0 else (low << -drop, high << -drop)
    kept, move = width(low, high), f">>> {drop}" if drop > 0 else f"<<< {-drop}"
    lines.append(f"  wire signed [{kept - 1}:0] kept{s} = lifted{s} {move};")
    result = f"kept{s}"
    if kept > output.width:
        n = output.width - 1
        lines.append(f"  wire over{s} = kept{s}[{kept - 1}:{n}] != {{{kept - n}{{kept{s}[{kept - 1}]}}}};")
        result = f"over{s} ? {{kept{s}[{kept - 1}], {{{n}{{~kept{s}[{kept - 1}]}}}}}} : kept{s}[{n}:0]"
    return [*lines, f"  always @(posedge clk) if (acc_valid) {sink} <= {result};"]
