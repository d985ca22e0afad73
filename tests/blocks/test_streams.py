"""Every kind of circuit behind its AXI4-Stream shell, both sides stalling at random."""

import combiner_cases
import descent_cases
import lms_cases
import numpy as np
import pytest

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


def receiver() -> Chain:
    """A tunable mixer and a decimator: one word and a step in, two words out for four samples."""
    mixer = Mixer(Format(1, 7), 1, Nco(64, None, 0, 6), 7, 8, 2)
    cic = Cic(mixer.output, 2, 2, 4, 1, (0, 1, 2, 2, 3), mixer.output.width + 4)
    return Chain((mixer, cic))


DESIGNS: dict[str, Finished] = {
    "receiver": Receiver(NAME, receiver(), interface="axi_stream"),
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
