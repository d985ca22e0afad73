"""What is asked of a detector, in numbers, and the ADC bits within its budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import ALGORITHMS, Allocation, allocate
from hwgen.designs.monte_carlo import Figures, Receive, exact, measured
from hwgen.designs.uplink import Uplink
from hwgen.fixed import Format
from hwgen.problems.adc import AdcReceiver
from hwgen.spec import Spec

Complex = NDArray[np.complex128]

SYMBOLS = 40_000  # of each user, that decide
NODES = 30  # of branch and bound


Bits = tuple[int, ...]
NEAR = 1.02  # MSEs that the model does not tell apart for sure


def rivals(receiver: AdcReceiver, budget: float) -> dict[str, Bits]:
    """ADC bits that others would choose within the budget: the closed forms, and the most at all antennas alike."""
    found = {name: tuple(int(b) for b in bits) for name, bits in receiver.closed_forms(budget).items()}
    for b in receiver.levels[::-1]:
        everywhere = (b,) * receiver.antennas
        if b and receiver.consumption(np.array([everywhere]))[0] <= budget:
            found["uniform"] = everywhere
            break
    return found


def preferred(
    receiver: AdcReceiver, known: Sequence[Bits], constellation: str, symbols: int, rng: np.random.Generator
) -> Bits:
    """The bits of least MSE: by the model, and by Monte Carlo between those that are near each other by the model."""
    errors = receiver.error(np.array(known))
    near = sorted({bits for bits, error in zip(known, errors, strict=True) if error <= errors.min() * NEAR})
    if len(near) == 1:
        return near[0]
    links = {str(bits): exact(Uplink(receiver.channel, bits, receiver.detector)) for bits in near}
    found = measured(receiver.channel, links, constellation, symbols, rng)
    return min(near, key=lambda bits: found[str(bits)].mse[0])


@dataclass(frozen=True, eq=False)
class Goal:
    """What is asked for, of whatever design file.

    `budget` in power, sum of 2^b, or bits, as the receiver counts; `allocation` are the ADC bits found for it. `spec`
    is the design file, where there is one; `reloadable`: weights are loaded through a port.
    """

    name: str
    interface: str
    receiver: AdcReceiver
    budget: float
    constellation: str
    evm_percent: float
    output: Format
    target: str
    algorithm: str
    seed: int
    evaluations: int
    spec: Spec | None = None
    reloadable: bool = False

    @property
    def channel(self) -> Complex:
        """(M, K)."""
        return self.receiver.channel

    def link(self, bits: Bits) -> Uplink:
        """The uplink with these ADCs."""
        return Uplink(self.channel, bits, self.receiver.detector)

    def generator(self, number: int) -> np.random.Generator:
        """An independent generator for each purpose."""
        return np.random.default_rng([self.seed, number])

    @cached_property
    def allocation(self) -> Allocation:
        """ADC bits of least MSE within the budget."""
        problem = self.receiver.problem(self.budget, NODES, gap=1e-3)
        share = max(self.evaluations // 20, 100)
        if self.algorithm == "gc-pso":
            return allocate(problem, self.generator(0), share)
        return ALGORITHMS[self.algorithm](problem, self.generator(0), share)

    @cached_property
    def bits(self) -> Bits:
        """What the allocation found, or what others would choose where that is measured to be better."""
        known = [self.allocation.bits, *rivals(self.receiver, self.budget).values()]
        return preferred(self.receiver, known, self.constellation, SYMBOLS, self.generator(4))

    def spent(self, bits: Bits) -> float:
        """Power or bits of these ADCs."""
        return float(self.receiver.consumption(np.array([bits]))[0])

    def figures(self, link: Uplink, receive: Receive | None = None) -> Figures:
        """Bit-true Monte Carlo figures of the link's ADCs with their exact weights, or with `receive`."""
        tried = {"it": receive or exact(link)}
        return measured(self.channel, tried, self.constellation, SYMBOLS, self.generator(1))["it"]
