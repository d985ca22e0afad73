"""kind = "descent": the specification in numbers: the system, right-hand sides to judge on, and the error allowed."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.descent_stage import clocks
from hwgen.designs.descent_system import System, parts, real, words_of
from hwgen.designs.descent_words import mean_square
from hwgen.designs.detection import Link, crossing
from hwgen.fixed import to_float
from hwgen.spec import Spec
from hwgen.tables.fields import RELOADABLE
from hwgen.tables.matrices import array_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEARCHED, HELD_OUT = 2048, 8192  # right-hand sides that the search sees, and others that decide
VECTORS, PROOF = 60_000, 200_000  # that bit errors are counted over, in the search and of its answer
CAREFUL = 0.9  # share of the loss that a search allows: it fits its answer to the symbols that it sees

_FOLDED_FROM = 3  # iterations: two have one product with the Gram matrix between them, and nothing to share


@dataclass(frozen=True, eq=False)
class Reference:
    """What a design file asks for.

    Attributes
    ----------
    system
        Matrix, ridge, iterations and step.
    raw, exact
        Right-hand sides (m, count) as words of the input, the first `SEARCHED` for the search, and exact x for them.
    limit
        Largest mean square error of a coordinate of x; None where the error is minimised.
    link, noise
        For a bit error rate: the symbols, and the noise power at which the float detector has it.
    proof
        Other symbols, which no search has seen: the answer is judged on them.
    weights
        Of the square errors of the unknowns (n,) in `limit`: how much each raises the bit error rate.
    """

    spec: Spec
    system: System
    raw: Ints
    exact: Floats
    limit: float | None
    link: Link | None = None
    noise: float | None = None
    weights: Floats | None = None
    proof: Link | None = None

    @property
    def folded(self) -> bool:
        """Whether one stage does all iterations: where it is asked for, or where the clock allows it."""
        descent = self.spec.descent
        assert descent is not None
        able = self.folds("residual" if descent.form == "residual" else "gram")
        return self.spec.hardware.structure == "folded" or (able and descent.iterations >= _FOLDED_FROM)

    def folds(self, form: str) -> bool:
        """Whether the clock leaves one stage of a form the time for all iterations."""
        spec = self.spec
        assert spec.descent is not None
        given = (spec.hardware.clock or 0.0) / spec.input.sample_rate * (1 + 1e-9)
        return given >= clocks(form, spec.descent.iterations)

    @property
    def reloadable(self) -> bool:
        """Whether matrices are loaded through a port."""
        return self.spec.descent is not None and self.spec.descent.entries == RELOADABLE

    @property
    def power(self) -> float:
        """Mean square of a coordinate of the exact x."""
        return float(np.mean(self.exact**2))

    def sqnr_db(self, error: float) -> float:
        """Power of the exact x over an error, dB."""
        return float(10 * np.log10(self.power / error)) if error > 0 else float("inf")

    @property
    def loss_db(self) -> float:
        """Loss in SNR that a search allows; 0 where none is asked for."""
        return CAREFUL * (self.spec.goal.ber_loss_db or 0.0)

    @cached_property
    def proven_noise(self) -> float | None:
        """Noise power at which the float detector has the bit error rate on the symbols of `proof`."""
        return None if self.proof is None else self.proof.noise_at(self.spec.goal.error_rate, self.proof.lmmse)


def reference(spec: Spec) -> Reference:
    """The reference of a design file; raises ``DesignFileError`` for goals that no bits reach."""
    descent = spec.descent
    assert descent is not None  # `rules.descent` has seen to it
    rng = np.random.default_rng(spec.search.seed)
    matrix = real(array_of(descent.matrix, spec.input.complex))
    ridge = 0.0 if descent.ridge == "auto" else descent.ridge
    step = None if descent.step == "auto" else descent.step
    _solvable(spec, matrix, ridge)
    link, proof, noise, operating = None, None, None, ridge
    if spec.stimulus.kind == "qpsk" and spec.stimulus.file is None:
        link = Link(matrix, spec.input.complex, max(VECTORS, SEARCHED + HELD_OUT), rng)
    if link is not None and spec.goal.ber_loss_db is not None:
        noise = link.noise_at(spec.goal.error_rate, link.lmmse)
        if noise is None:
            reason = f"the float detector itself never has so few errors as {spec.goal.error_rate:g}"
            raise spec.blame("goal.ber", reason, "raise ber, or give a matrix of full rank")
        operating = noise / 10 ** (CAREFUL * spec.goal.ber_loss_db / 10)
        proof = Link(matrix, spec.input.complex, PROOF, np.random.default_rng([spec.search.seed, 1]))
        ridge = noise if descent.ridge == "auto" else ridge
    system = System(matrix, ridge, descent.iterations, step)
    if system.eta * system.curvature[-1] >= 2:
        reason = f"the descent diverges from {2 / system.curvature[-1]:.4g} on"
        raise spec.blame("descent.step", reason, 'write step = "auto"')
    values = _right_hand_sides(spec, system, link, operating, rng)
    raw = words_of(values, spec.input.format)
    exact = system.solution(to_float(raw, spec.input.format))
    found = Reference(spec, system, raw, exact, None, link, noise)
    limit, weights = _limit(found, operating)
    if limit is not None:
        _reachable(found, limit, weights)
    return Reference(spec, system, raw, exact, limit, link, noise, weights, proof)


def _solvable(spec: Spec, matrix: Floats, ridge: float) -> None:
    m, n = matrix.shape
    size = float(np.abs(matrix).max())
    if not 1e-9 <= size <= 1e9:
        raise spec.blame("descent.matrix", f"its largest entry is {size:g}", "scale it to entries about 1")
    auto = spec.descent is not None and spec.descent.ridge == "auto"
    if ridge == 0 and not auto and (m < n or np.linalg.matrix_rank(matrix) < n):
        raise spec.blame("descent.matrix", "its columns depend on each other", "give a ridge, or fewer columns")


def _right_hand_sides(spec: Spec, system: System, link: Link | None, noise: float, rng: np.random.Generator) -> Floats:
    """Values (m, count) of y."""
    count, rows = SEARCHED + HELD_OUT, len(system.matrix)
    if link is not None:
        return link.received(noise)[:, :count]
    if spec.stimulus.file is not None:
        return _recorded(spec, rows, count)
    full = 2.0 ** (spec.input.format.integer - 1)
    return rng.uniform(-full / 2, full / 2, (rows, count))


def _recorded(spec: Spec, rows: int, count: int) -> Floats:
    """Right-hand sides of a recording, one a row, repeated or cut."""
    assert spec.stimulus.file is not None
    remedy = f"give an array of right-hand sides, one a row, of {rows // (1 + spec.input.complex)} numbers"
    try:
        values: Any = np.load(spec.beside(spec.stimulus.file), allow_pickle=False)
    except (OSError, ValueError) as error:
        raise spec.blame("stimulus.file", f"cannot use it: {error}", remedy) from None
    values = np.asarray(values)
    if values.ndim != 2 or values.dtype.kind not in "fciu" or not len(values) or not np.isfinite(values).all():
        raise spec.blame("stimulus.file", "it holds no rows of finite numbers", remedy)
    if np.iscomplexobj(values) and not spec.input.complex:
        raise spec.blame("stimulus.file", "its numbers are complex", "write complex = true in [input]")
    stacked = parts(values.T.astype(np.complex128) if spec.input.complex else values.T.astype(np.float64))
    if len(stacked) != rows:
        raise spec.blame("stimulus.file", f"its rows have {values.shape[1]} numbers", remedy)
    return np.take(stacked, np.arange(count), axis=1, mode="wrap")


def _limit(found: Reference, noise: float) -> tuple[float | None, Floats | None]:
    """Mean square error that the goal allows, and the weights of the unknowns in it."""
    goal = found.spec.goal
    if goal.sqnr_db is not None:
        return found.power / 10 ** (goal.sqnr_db / 10), None
    if goal.ber_loss_db is None or found.link is None:
        return None, None
    link = found.link
    x = found.system.solution(link.received(noise))
    white = np.random.default_rng(found.spec.search.seed).normal(size=x.shape)
    if link.errors(x) > goal.error_rate:
        reason = f"the exact solution itself misses the bit error rate with a ridge of {found.system.ridge:.4g}"
        raise found.spec.blame("descent.ridge", reason, 'write ridge = "auto"')
    # White errors stand for those of the words: how many of them keep the bit error rate?
    power = crossing(lambda db: link.errors(x + 10 ** (db / 20) * white) <= goal.error_rate, -80.0, 20.0)
    more = np.maximum(link.each(x + np.sqrt(4 * power) * white) - link.each(x), 0.0)
    if link.paired:  # both parts of a symbol alike, but for chance
        more = np.tile(more.reshape(2, -1).mean(axis=0), 2)
    return power, more / more.mean() if more.any() else None


def _reachable(found: Reference, limit: float, weights: Floats | None) -> None:
    """Raise for a goal that more bits inside would not reach."""
    spec, form = found.spec, found.spec.output.format
    y = to_float(found.raw, spec.input.format)
    left = mean_square(found.system.descended(y)[-1] - found.exact, weights)
    asked = "goal.sqnr_db" if spec.goal.sqnr_db is not None else "goal.ber_loss_db"
    fine = np.clip(np.floor(np.ldexp(found.exact, form.fraction) + 0.5), form.minimum, form.maximum) * form.lsb
    rounded = mean_square(fine - found.exact, weights)
    if left + rounded < limit:
        return
    if left > rounded:
        reason = f"{found.system.iterations} iterations of the float descent itself leave {found.sqnr_db(left):.1f} dB"
        remedy = f"give more of them: {found.sqnr_db(limit):.1f} dB are needed"
        raise spec.blame("descent.iterations", reason, remedy)
    reason = f"the exact solution in that format has {found.sqnr_db(rounded):.1f} dB"
    raise spec.blame("output.format", reason, f"give more bits: {asked} needs {found.sqnr_db(limit):.1f} dB")
