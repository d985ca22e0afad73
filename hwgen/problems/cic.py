"""Register pruning of a CIC decimator: how many bits each integrator and comb keeps.

Hogenauer, "An economical class of digital filters for decimation and interpolation", IEEE Trans. ASSP 29(2), 1981.
Stages 1 .. N are integrators at the input rate, N + 1 .. 2N combs at the output rate, 2N + 1 is the output. The word
entering stage j is truncated to the register of that stage, whose LSB is 2^B_j times that of the input: B_j bits are
discarded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray

from hwgen.allocation import Problem

Array = NDArray[np.float64]
Bits = NDArray[np.int64]

MODELS = ("exact", "centred", "independent")


@dataclass(frozen=True)
class Cic:
    """A decimator of N ``stages``, rate change R, differential delay M; one variable for each register width.

    Variables are the widths of the 2N registers and of the output, in the order of the data flow. The output
    stays at ``output_bits``; the others have that many bits up to the full width.

    Parameters
    ----------
    stages, rate, delay
        N, R and M.
    input_bits, output_bits
        Word widths, sign included. The output may not be wider than the full width, input_bits + ceil(N log2(R M)).
    model
        What the truncations are taken to add at the output.

        "exact": stage j drops what is below its LSB and was not dropped before. From an LSB 2^a to 2^b that is the
        variance (4^b - 4^a) / 12 and the mean -(2^b - 2^a) / 2; variances add by F_j^2, means by sums of impulse
        responses. Bits a stage has below the coarsest LSB before it are constant: they cost and help nothing. Because
        of those, and of the square of the sum of the means, not separable.

        "centred": the same without the means, as when a constant added at the output removes them. Not separable.

        "independent": Hogenauer's own, without means either. Every stage adds 4^B_j / 12 F_j^2 as if it truncated a
        word of infinite precision, nothing at B_j = 0. Separable, and never below "centred" when B_j does not fall. In
        this model his choice cannot be bettered by an exchange: a stage and a bit more or less are a factor of four
        apart, and the floor leaves all stages within one such factor.
    """

    stages: int
    rate: int
    delay: int
    input_bits: int
    output_bits: int
    model: str = "exact"

    def __post_init__(self) -> None:
        for what, least in (("stages", 1), ("rate", 1), ("delay", 1), ("input_bits", 1), ("output_bits", 1)):
            value = getattr(self, what)
            if not isinstance(value, int | np.integer) or value < least:
                raise ValueError(f"{what} must be a whole number of at least {least}, got {value!r}")
        if self.model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {self.model!r}")
        if self.output_bits > self.width:
            raise ValueError(f"output_bits must be at most {self.width}, the full width, got {self.output_bits}")

    @property
    def gain(self) -> int:
        """(R M)^N, the gain at DC."""
        return int(self.rate * self.delay) ** int(self.stages)

    @property
    def width(self) -> int:
        """Full register width, input_bits + ceil(N log2(R M)), by integers (Hogenauer 1981, eq. 11, plus one)."""
        return int(self.input_bits) + (self.gain - 1).bit_length()

    @property
    def dropped_at_output(self) -> int:
        """B_(2N+1) = width - output_bits."""
        return self.width - int(self.output_bits)

    def impulse_response(self, stage: int) -> list[int]:
        """Exact response from the input of a stage, 1 .. 2N + 1, to the output before decimation (eq. 9b).

        An integrator's is at the input rate. A comb's is at the output rate in steps of M samples.
        """
        N, span = self.stages, self.rate * self.delay
        if not 1 <= stage <= 2 * N + 1:
            raise ValueError(f"stage must be between 1 and {2 * N + 1}, got {stage}")
        if stage > N:
            order = 2 * N + 1 - stage
            return [(-1) ** k * comb(order, k) for k in range(order + 1)]
        return [
            sum((-1) ** i * comb(N, i) * comb(N - stage + k - span * i, k - span * i) for i in range(k // span + 1))
            for k in range((span - 1) * N + stage)
        ]

    @cached_property
    def powers(self) -> tuple[int, ...]:
        """F_j^2, the sum of the squares of each impulse response, j = 1 .. 2N + 1 (eq. 16b)."""
        return tuple(sum(h * h for h in self.impulse_response(j)) for j in range(1, 2 * self.stages + 2))

    @cached_property
    def sums(self) -> tuple[int, ...]:
        """The DC gain from each stage; 0 but for the first, whose is the filter's, and the output."""
        return tuple(sum(self.impulse_response(j)) for j in range(1, 2 * self.stages + 2))

    def hogenauer(self, shift: float = 0.0) -> Bits:
        """Widths (2N + 1,) of Hogenauer's choice, B_j = floor(-log2 F_j + log2 sigma_T + 0.5 log2(6 / N)) (eq. 21).

        sigma_T^2 = 4^B_(2N+1) / 12 is the variance of the truncation at the output; the 2N stages together add as much
        again at most. ``shift`` is added before taking the floor: to spend less or more than that.
        """
        top = self.dropped_at_output
        if top == 0:
            return np.full(2 * self.stages + 1, self.width, dtype=np.int64)
        variance = 4**top / 12
        ideal = 0.5 * np.log2(np.array([variance / power * 6 / self.stages for power in self.powers[:-1]]))
        dropped = np.clip(np.floor(ideal + shift).astype(np.int64), 0, top)
        return np.asarray(self.width - np.append(dropped, top))

    @cached_property
    def _scales(self) -> tuple[Array, Array]:
        """F_j^2 and sums, divided by the squared LSB and by the LSB of the output, (2N + 1,) each."""
        top = self.dropped_at_output
        return np.array([p / 4**top for p in self.powers]), np.array([s / 2**top for s in self.sums])

    def error(self, widths: Bits) -> Array:
        """Mean square of all truncation errors at the output in squared output LSBs, for widths (P, 2N + 1): (P,)."""
        dropped = self.width - np.asarray(widths, dtype=np.int64)
        power, mean = self._scales
        if self.model == "independent":
            return np.asarray((np.where(dropped > 0, 4.0**dropped, 0.0) * power).sum(axis=1) / 12)
        lsb = np.maximum.accumulate(np.insert(dropped, 0, 0, axis=1), axis=1)
        variance = (np.diff(4.0**lsb, axis=1) * power).sum(axis=1) / 12
        if self.model == "centred":
            return np.asarray(variance)
        return np.asarray(variance + ((np.diff(2.0**lsb, axis=1) * mean).sum(axis=1) / 2) ** 2)

    def consumption(self, widths: Bits) -> Array:
        """Sum of the register bits, output included, for widths (P, 2N + 1): (P,)."""
        return np.asarray(widths.sum(axis=1), dtype=float)

    def closed_forms(self, budget: float | None = None, goal: float | None = None) -> dict[str, Bits]:
        """Hogenauer's choice, shifted as far as the budget needs or the goal allows; with neither, as published."""
        if budget is None and goal is None:
            return {"hogenauer": self.hogenauer()}
        reach = self.width + 0.5 * np.log2(float(self.powers[0])) + 4
        shifts = np.arange(-reach, reach, 1 / 64)
        widths = np.array([self.hogenauer(shift) for shift in shifts])
        if budget is not None:
            fits, what = self.consumption(widths) <= budget, f"budget must be at least {widths[-1].sum()}, got {budget}"
            rows = np.flatnonzero(fits)[:1]
        else:
            errors = self.error(widths)
            fits, what = errors <= (goal or 0.0) * (1 + 1e-12), f"goal must be at least {errors[0]}, got {goal}"
            rows = np.flatnonzero(fits)[-1:]
        if not rows.size:
            raise ValueError(f"the {what}")
        return {"hogenauer": widths[rows[0]]}

    def problem(self, budget: float | None = None, goal: float | None = None) -> Problem:
        """The least error within a budget of register bits, or the fewest bits that meet a goal on the error.

        With neither, the fewest bits whose error is no larger than that of Hogenauer's choice. Offsets are log2 F_j:
        with a common LSB at the output, each stage adds the same variance.
        """
        if budget is None and goal is None:
            goal = float(self.error(self.hogenauer()[None])[0])
        names = [f"integrator{k}" for k in range(1, self.stages + 1)] + [f"comb{k}" for k in range(1, self.stages + 1)]
        error: Callable[[Bits], Array] = self.error
        return Problem(
            [*names, "output"], self.output_bits, [self.width] * len(names) + [self.output_bits], error,
            self.consumption, budget=budget, goal=goal, starts=self.closed_forms(budget, goal),
            offsets=[0.5 * np.log2(float(power)) for power in self.powers], separable=self.model == "independent",
        )  # fmt: skip
