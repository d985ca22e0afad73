"""cocotbext-axi on both sides of a design in Icarus, knowing nothing of hwgen: packets in, packets out, rules watched.

Runs in the folder of ``job.json``: ``python axi_stream_bench.py`` compiles ``design.v`` and comes back to it as a
cocotb module. What came out goes to ``packets.json``.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge, Timer, with_timeout
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource


def stalls(seed: int) -> Iterator[int]:
    """Whether a side pauses, for ever: paces change."""
    draw = random.Random(seed)
    while True:
        pause = draw.choice((0.0, 0.2, 0.5, 0.9, 1.0))
        for _ in range(draw.randrange(5, 60)):
            yield int(draw.random() < pause)


async def watched(dut: Any, broken: list[str]) -> None:
    """The rule of a stream: once valid is up, it and what it carries stay until ready."""
    waiting = None
    while True:
        await RisingEdge(dut.aclk)
        await ReadOnly()
        seen = (int(dut.m_axis_tdata.value), int(dut.m_axis_tlast.value)) if int(dut.m_axis_tvalid.value) else None
        if waiting is not None and seen != waiting:
            broken.append(f"{waiting} became {seen} before it was taken")
        await FallingEdge(dut.aclk)
        ready = int(dut.m_axis_tready.value)
        waiting = None if ready else seen


@cocotb.test()
async def packets(dut: Any) -> None:
    """Ready does not follow ready; then every packet through, with pauses on both sides; then as fast as can be."""
    job = json.loads(Path("job.json").read_text(encoding="utf-8"))
    for name in job["side"]:
        getattr(dut, name).value = 0
    dut.aresetn.value = 0
    dut.s_axis_tvalid.value = dut.s_axis_tlast.value = dut.s_axis_tdata.value = dut.m_axis_tready.value = 0
    cocotb.start_soon(Clock(dut.aclk, 10, "ns").start())
    for _ in range(3):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    dut.s_axis_tvalid.value = 1
    paths, draw = 0, random.Random(1)
    for _ in range(200):
        await FallingEdge(dut.aclk)
        before = int(dut.s_axis_tready.value)
        dut.m_axis_tready.value = 1 - int(dut.m_axis_tready.value)
        await Timer(1, "ns")
        paths += int(dut.s_axis_tready.value) != before
        dut.m_axis_tready.value = draw.randrange(2)
    dut.s_axis_tvalid.value = 0
    dut.aresetn.value = 0
    await RisingEdge(dut.aclk)
    await RisingEdge(dut.aclk)
    whole = {"reset_active_level": False, "byte_lanes": 1}  # a beat is one number, not its bytes
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, **whole)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, **whole)
    await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    source.set_pause_generator(stalls(2))
    sink.set_pause_generator(stalls(3))
    broken: list[str] = []
    cocotb.start_soon(watched(dut, broken))
    for packet in job["packets"]:
        source.send_nowait(AxiStreamFrame(packet))
    found = []
    for _ in range(job["outputs"]):
        frame = await with_timeout(sink.recv(compact=False), 200, "us")
        found.append([int(word) for word in frame.tdata])
    answer = {"packets": found, "broken": broken, "paths": paths}
    Path("packets.json").write_text(json.dumps(answer), encoding="utf-8")


def main() -> None:
    """Compile and run."""
    from cocotb_tools.runner import get_runner

    runner = get_runner("icarus")
    top = json.loads(Path("job.json").read_text(encoding="utf-8"))["top"]
    runner.build(sources=["design.v"], hdl_toplevel=top, build_dir=".", always=True, timescale=("1ns", "1ps"))
    runner.test(test_module="axi_stream_bench", hdl_toplevel=top, hdl_toplevel_lang="verilog", build_dir=".")


if __name__ == "__main__":
    main()
