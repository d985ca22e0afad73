"""A detector over SNR, and the estimate of a combiner beside its synthesis."""

import json

import numpy as np
import pytest
from uplinks import CHANNEL, LINK

from hwgen.cost.estimate import Estimate
from hwgen.cost.resources import synthesise
from hwgen.designs.detector_cases import allocations, case_step
from hwgen.designs.detector_sizing import Candidate, Sizing
from hwgen.designs.detector_work import work
from hwgen.emit import verilog
from hwgen.fixed import Format
from hwgen.problems.adc import AdcReceiver

PLAIN = [[[float(v.real), float(v.imag)] for v in row] for row in CHANNEL]


def sized(target: str) -> Candidate:
    sizing = Sizing(LINK, Format(2, 6), Estimate.of(target), float(LINK.ideal.mean()) * 1.3)
    found = sizing.plain("one LSB", "uniform")
    assert found is not None
    return found


@pytest.mark.parametrize("method", ["lmmse", "zf", "mrc"])
def test_what_is_allocated_is_never_worse_by_the_model(method: str) -> None:
    receiver = AdcReceiver(CHANNEL, detector=method)
    found = allocations(receiver, 32.0, "16qam", 4_000, np.random.default_rng(0))
    errors = {name: float(receiver.error(np.array([bits]))[0]) for name, bits in found.items()}
    assert errors["allocated"] <= min(errors.values()) * 1.02
    assert found["uniform"] == (2,) * 8
    assert all(receiver.consumption(np.array([bits]))[0] <= 32 for bits in found.values())


def test_a_case_is_json_and_repeats() -> None:
    built = json.loads(json.dumps(sized("ice40").combiner.frozen()))
    arguments = (PLAIN, 5.0, "lmmse", "power", 32.0, list(range(7)), "qpsk", 4_000, 7, built)
    made = case_step(*arguments)
    assert json.loads(json.dumps(made)) == json.loads(json.dumps(case_step(*arguments)))
    mse = {name: figures["mse"][0] for name, figures in made["figures"].items()}
    assert mse["ideal"] < mse["allocated"] < mse["built"]
    # Two users of four symbols each are no Gaussian, which the model takes them for.
    assert mse["allocated"] == pytest.approx(made["model_mse"]["allocated"], rel=0.25)


@pytest.mark.parametrize("target", ["ice40", "ecp5"])
def test_the_estimate_is_near_synthesis(target: str) -> None:
    combiner = sized(target).combiner
    made = synthesise(verilog(combiner.component(), "dut"), "dut", target)
    counted = work(combiner)
    assert float(Estimate.of(target).luts(counted)[0]) == pytest.approx(made.lut, rel=0.15)
    assert float(counted.registers[0]) == pytest.approx(made.ff, rel=0.15)
