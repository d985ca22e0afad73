"""AXI4-Stream filters in every structure before an independent judge, and broken ones that it must see."""

from pathlib import Path

import pytest
from axi_designs import BLOCKS, design
from axi_judge import judged, lengths
from test_stream import broken


@pytest.mark.parametrize("name", BLOCKS)
def test_packets_come_back_whole(name: str, tmp_path: Path) -> None:
    made = design(name)
    answer = judged(tmp_path, made, made.verilog, lengths(made))
    assert answer["packets"] == answer["wanted"]
    assert answer["broken"] == []
    assert answer["paths"] == 0, "s_axis_tready follows m_axis_tready within a clock"


SEEN = [
    "an output lost when the sink stalls", "an output repeated", "valid withdrawn", "a FIFO one entry too shallow",
    "tlast of the sample before", "padding of zeros", "ready that looks through", "a tlast that does not end the group",
]  # fmt: skip


@pytest.mark.parametrize("name", SEEN)
def test_it_sees_broken_hardware(name: str, tmp_path: Path) -> None:
    kind, text = broken(name)
    answer = judged(tmp_path, design(kind), text, lengths(design(kind)))
    assert answer["packets"] != answer["wanted"] or answer["broken"] or answer["paths"]
