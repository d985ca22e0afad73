"""Hand-written modules that take a sample every four clocks: a delay, a decimator by 3, an interpolator by 3."""

from collections.abc import Callable

import numpy as np

from hwgen.check.script import Script, script
from hwgen.check.vectors import Expected, Port, Top

INTERVAL = 4
_PORTS = ((Port("i_data", 8, True),), (Port("o_data", 12, True),))
TOPS = {
    "delay": Top("delay", *_PORTS, latency=2, interval=INTERVAL),
    "decimator": Top("decimator", *_PORTS, latency=6, interval=INTERVAL, decimate=3),
    "interpolator": Top("interpolator", *_PORTS, latency=2, interval=INTERVAL, interpolate=3),
}

_READY = """
    reg [2:0] busy = 0;
    assign i_ready = busy == 0;
    wire take = i_valid & i_ready & ~rst;
    always @(posedge clk) begin
        if (busy != 0) busy <= busy - 1;
        if (take) busy <= 3;
        if (rst) busy <= 0;
    end
"""
_BODIES = {
    "delay": """
    reg valid = 0;
    reg signed [7:0] x = 0;
    always @(posedge clk) begin
        valid <= take;
        o_valid <= valid & ~rst;
        if (take) x <= i_data;
        o_data <= x;
    end
""",
    # y[m] = x[3 m] - 2 x[3 m - 1], six clocks after x[3 m]: the next sample is taken before.
    "decimator": """
    reg [1:0] phase = 0;
    reg signed [7:0] x = 0;
    reg signed [11:0] y = 0;
    reg [3:0] pipe = 0;
    reg last = 0;
    always @(posedge clk) begin
        pipe <= rst ? 4'd0 : {pipe[2:0], take & (phase == 0)};
        last <= pipe[3] & ~rst;
        o_valid <= last & ~rst;
        if (take) begin
            phase <= phase == 2 ? 0 : phase + 1;
            x <= i_data;
            if (phase == 0) y <= i_data - 2 * x;
        end
        if (rst) begin phase <= 0; x <= 0; end
        o_data <= y;
    end
""",
    # Output j of sample n is (j + 1) x[n] - x[n - 1].
    "interpolator": """
    reg signed [7:0] x = 0, old = 0;
    reg [3:0] pipe = 0;
    always @(posedge clk) begin
        pipe <= rst ? 4'd0 : {pipe[2:0], take};
        o_valid <= (pipe[0] | pipe[1] | pipe[2]) & ~rst;
        if (take) begin x <= i_data; old <= x; end
        if (rst) begin x <= 0; old <= 0; end
        if (pipe[0]) o_data <= x - old;
        if (pipe[1]) o_data <= 2 * x - old;
        if (pipe[2]) o_data <= 3 * x - old;
    end
""",
}


def verilog(kind: str) -> str:
    return (
        f"module {kind}(input clk, input rst, input i_valid, output i_ready, input signed [7:0] i_data,\n"
        f"    output reg o_valid = 0, output reg signed [11:0] o_data = 0);{_READY}{_BODIES[kind]}endmodule\n"
    )


def _delayed(x: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((len(x), 1), dtype=np.int64), x], axis=1)[:, :-1]


MODELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "delay": lambda x: x,
    "decimator": lambda x: (x - 2 * _delayed(x))[:, ::3],
    "interpolator": lambda x: np.stack([(j + 1) * x - _delayed(x) for j in range(3)], axis=2).reshape(1, -1),
}

_COUNT = "reg [7:0] n = 0;\n    always @(posedge clk) if ({}) n <= n + 1;\n    reg last"
# What breaks a design: its kind and pairs (text, replacement), all applied.
MUTATIONS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "ready stuck high": ("delay", [("assign i_ready = busy == 0", "assign i_ready = 1")]),
    "ready stuck low": ("delay", [("assign i_ready = busy == 0", "assign i_ready = 0")]),
    "busy a clock short": ("delay", [("busy <= 3", "busy <= 2")]),
    "busy a clock long": ("decimator", [("busy <= 3", "busy <= 4")]),
    "not ready at power-up": ("interpolator", [("busy = 0;", "busy = 1;")]),
    "reset keeps it busy": ("interpolator", [("if (rst) busy <= 0;", "")]),
    "reset waits": ("delay", [("if (rst) busy <= 0;", "if (rst) busy <= 1;")]),
    "takes while busy": ("delay", [("take = i_valid & i_ready & ~rst", "take = i_valid & ~rst")]),
    "takes during reset": ("delay", [("take = i_valid & i_ready & ~rst", "take = i_valid & i_ready")]),
    "takes the data a clock late": ("delay", [("if (take) x", "if (valid) x"), ("o_data <= x", "o_data <= i_data")]),
    "one output lost": ("decimator", [("reg last", _COUNT.format("last")), ("<= last &", "<= last & n != 40 &")]),
    "one output doubled": ("decimator", [
        ("reg last", _COUNT.format("o_valid")), ("<= last", "<= (last | o_valid & n == 40)"),
    ]),
    "output for every sample": ("decimator", [("take & (phase == 0)", "take")]),
    "output late": ("decimator", [("o_valid <= last", "z <= last; o_valid <= z"), ("reg last", "reg z, last")]),
    "wrong phase": ("decimator", [("phase == 0)};", "phase == 1)};"), ("if (phase == 0)", "if (phase == 1)")]),
    "reset keeps the phase": ("decimator", [("begin phase <= 0;", "begin")]),
    "last output of each lost": ("interpolator", [("pipe[1] | pipe[2]) &", "pipe[1]) &")]),
    "one output more": ("interpolator", [("pipe[1] | pipe[2]) &", "pipe[1] | pipe[2] | pipe[3]) &")]),
    "outputs a clock late": ("interpolator", [("pipe[0] | pipe[1] | pipe[2]) &", "pipe[1] | pipe[2] | pipe[3]) &")]),
    "phases swapped": ("interpolator", [("2 * x", "3 * z"), ("3 * x", "2 * x"), ("3 * z", "3 * x")]),
    "outputs survive a reset": ("interpolator", [("rst ? 4'd0 : ", "")]),
    "unknown ready": ("delay", [("assign i_ready = busy == 0", "assign i_ready = rst ? 1'bx : busy == 0")]),
}  # fmt: skip


def mutated(name: str) -> tuple[str, str]:
    """Kind and text of a design broken in one way."""
    kind, changes = MUTATIONS[name]
    text = verilog(kind)
    for old, new in changes:
        assert text.count(old) == 1, (name, old)
        text = text.replace(old, new)
    return kind, text


def bench(kind: str, count: int = 500, seed: int = 2) -> tuple[Script, Expected]:
    rng = np.random.default_rng(seed)
    samples = rng.integers(-128, 128, size=(1, count))
    resets = sorted({count // 4, count // 2, count // 2 + 1, count // 2 + 5, count - 5})
    top = TOPS[kind]
    made = script(samples, rng, resets=resets, idle=[(count // 3, 20)], drain=top.span + 2, interval=INTERVAL)
    return made, top.expected(made, MODELS[kind])
