"""A hand-written FIR, y[n] = 3 x[n] - 5 x[n-1] + 2 x[n-2], its integer model, and ways to break it."""

import numpy as np

from hwgen.check.script import Script, script
from hwgen.check.vectors import Expected, Port, Top, expected

LATENCY = 2
TOP = Top("fir3", (Port("i_data", 8, True),), (Port("o_data", 12, True),), LATENCY)
COMPLEX_TOP = Top(
    "fir3",
    (Port("i_re", 8, True), Port("i_im", 8, True)),
    (Port("o_re", 12, True), Port("o_im", 12, True)),
    LATENCY,
)

_LANE = """
    reg signed [7:0] x1{s} = 0, x2{s} = 0;
    reg signed [11:0] sum{s} = 0;
    always @(posedge clk) begin
        if (i_valid) begin
            sum{s} <= 3 * {i} - 5 * x1{s} + 2 * x2{s};
            x1{s} <= {i};
            x2{s} <= x1{s};
        end
        if (rst) begin x1{s} <= 0; x2{s} <= 0; end
        {o} <= sum{s};
    end
"""


def verilog(top: Top = TOP) -> str:
    ports = [f"input signed [7:0] {port.name}" for port in top.inputs]
    ports += [f"output reg signed [11:0] {port.name} = 0" for port in top.outputs]
    lanes = zip(top.inputs, top.outputs, strict=True)
    return (
        "module fir3(input clk, input rst, input i_valid, output reg o_valid = 0, " + ", ".join(ports) + ");\n"
        "    reg valid = 0;\n"
        "    always @(posedge clk) begin\n"
        "        valid <= i_valid & ~rst;\n"
        "        o_valid <= valid & ~rst;\n"
        "    end\n"
        + "".join(_LANE.format(s=f"_{k}", i=i.name, o=o.name) for k, (i, o) in enumerate(lanes))
        + "endmodule\n"
    )


def model(x: np.ndarray) -> np.ndarray:
    return np.stack([np.convolve(channel, [3, -5, 2])[: len(channel)] for channel in x])


_COUNTED = "reg valid = 0;\n    reg [9:0] n = 0;\n    always @(posedge clk) if ({}) n <= n + 1;"

# What breaks the design: pairs (text, replacement), all applied.
MUTATIONS = {
    "one clock early": [("o_valid <= valid & ~rst", "o_valid <= i_valid & ~rst")],
    "one clock late": [
        ("reg valid = 0;", "reg valid = 0, late = 0;\n    always @(posedge clk) late <= valid & ~rst;"),
        ("o_valid <= valid & ~rst", "o_valid <= late & ~rst"),
    ],
    "wrong sign": [("- 5 *", "+ 5 *")],
    "stuck bit": [("o_data <= sum_0;", "o_data <= sum_0 | 12'd4;")],
    "one spurious valid": [
        ("reg valid = 0;", _COUNTED.format("~valid")),
        ("o_valid <= valid & ~rst", "o_valid <= (valid & ~rst) | (~valid & n == 77)"),
    ],
    "one missing valid": [
        ("reg valid = 0;", _COUNTED.format("valid & ~rst")),
        ("o_valid <= valid & ~rst", "o_valid <= valid & ~rst & n != 77"),
    ],
    "gaps ignored": [("if (i_valid) begin", "begin")],
    "history kept by reset": [("x1_0 <= 0; x2_0 <= 0;", "")],
    "output in flight kept by reset": [("o_valid <= valid & ~rst", "o_valid <= valid")],
    "sample taken during reset": [("valid <= i_valid & ~rst", "valid <= i_valid")],
    "unknown output": [("o_data <= sum_0;", "o_data <= rst ? sum_0 : 12'bx;")],
    "unknown valid": [("o_valid <= valid & ~rst;", "o_valid <= rst ? 1'bx : valid;")],
}


def mutated(name: str, module: str = "fir3") -> str:
    """The design broken in one way, as module `module`."""
    text = verilog()
    for old, new in MUTATIONS[name]:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text.replace("module fir3(", f"module {module}(")


def bench(count: int = 400, channels: int = 1, gap_probability: float = 0.3, seed: int = 1) -> tuple[Script, Expected]:
    rng = np.random.default_rng(seed)
    samples = rng.integers(-128, 128, size=(channels, count))
    resets = [count // 4, count // 2, count // 2 + 1, count - 5]
    stimulus = script(samples, rng, gap_probability=gap_probability, resets=resets, idle=[(count // 3, 20)], drain=8)
    return stimulus, expected(stimulus, model, LATENCY)
