"""Every kind of circuit behind its AXI4-Stream shell, both sides stalling at random; also before another's bench."""

from dataclasses import replace
from pathlib import Path

import combiner_cases
import descent_cases
import lms_cases
import numpy as np
import pytest
from axi_judge import judged, lengths

from hwgen import verify
from hwgen.blocks.chain import Chain
from hwgen.blocks.cic import Cic
from hwgen.blocks.mixer import Mixer
from hwgen.blocks.nco import Nco
from hwgen.check.simulate import simulate
from hwgen.emit import verilog
from hwgen.finished import Finished
from hwgen.finished.descent import DescentDesign
from hwgen.finished.detector import Detector
from hwgen.finished.equalizer import Equalizer
from hwgen.finished.receiver import Receiver
from hwgen.fixed import Format

NAME = "stream"


def receiver(step: int | None) -> Chain:
    """A mixer, tunable without a step, and a decimator: one word and a step in, two words out for four samples."""
    mixer = Mixer(Format(1, 7), 1, Nco(64, step, 0, 6), 7, 8, 2)
    cic = Cic(mixer.output, 2, 2, 4, 1, (0, 1, 2, 2, 3), mixer.output.width + 4)
    return Chain((mixer, cic))


DESIGNS: dict[str, Finished] = {
    "receiver": Receiver(NAME, receiver(None), interface="axi_stream"),
    "detector": Detector(NAME, combiner_cases.CASES["mixed widths"], interface="axi_stream"),
    "descent": DescentDesign(NAME, descent_cases.CASES["gram, half_up"], interface="axi_stream"),
    "equalizer": Equalizer(NAME, lms_cases.CASES["complex"], interface="axi_stream"),
}


@pytest.mark.parametrize("kind", DESIGNS)
def test_no_sample_is_lost_or_repeated(kind: str) -> None:
    design = DESIGNS[kind]
    text = design.whole(verilog(design.component(), design.core_name))
    rng = np.random.default_rng(2)
    samples = design.stimuli(None, 500, rng)[:, :800]
    found = simulate(text, design.top, *verify.scripted(design, samples, rng))
    assert found.bit_true, found.first
    assert found.samples > len(samples[0]) // design.core.decimate - 100

    broken = text.replace("m_axis_tlast <= marks", "m_axis_tlast <= ~marks")
    assert broken != text
    assert not simulate(broken, design.top, *verify.scripted(design, samples[:, :200], rng)).bit_true


@pytest.mark.parametrize("kind", DESIGNS)
def test_an_independent_bench_agrees(kind: str, tmp_path: Path) -> None:
    design = DESIGNS[kind]
    if isinstance(design, Receiver):
        design = replace(design, chain=receiver(11))
    text = design.whole(verilog(design.component(), design.core_name))
    answer = judged(tmp_path, design, text, lengths(design))
    assert answer["packets"] == answer["wanted"]
    assert answer["broken"] == []
    assert answer["paths"] == 0, "s_axis_tready follows m_axis_tready within a clock"

    spoilt = text.replace("m_axis_tlast <= marks", "m_axis_tlast <= ~marks")
    (tmp_path / "spoilt").mkdir()
    answer = judged(tmp_path / "spoilt", design, spoilt, lengths(design)[:3])
    assert answer["packets"] != answer["wanted"]
