"""A finished receiver: a chain of stages with every width fixed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from amaranth.lib import wiring
from numpy.typing import ArrayLike, NDArray

from hwgen import stimulus
from hwgen.blocks.chain import Chain, Stage, parts
from hwgen.blocks.cic import Cic
from hwgen.blocks.fir import Fir
from hwgen.blocks.mixer import Mixer
from hwgen.blocks.nco import Nco
from hwgen.check.vectors import Port, Top
from hwgen.finished import Finished, Ints
from hwgen.fixed import Format, Overflow, Rounding, exact_decimal, from_float, to_float
from hwgen.flowgraph import FlowGraph

if TYPE_CHECKING:
    from hwgen.spec import Spec

_BLOCKS: dict[str, type] = {"mixer": Mixer, "cic": Cic, "fir": Fir}
_TUNED = 500  # samples after which a step given at a port changes


@dataclass(frozen=True, repr=False)
class Receiver(Finished):
    """A finished receiver. A phase step that comes from a port is the last of the input words; `step` is its usual
    value.
    """

    chain: Chain
    step: int = 0

    kind = "receiver"

    @property
    def core(self) -> Top:
        """The chain's ports."""
        chain = self.chain
        inputs = tuple(Port(f"i{part}", chain.input.width, True) for part in parts(chain.channels))
        outputs = tuple(Port(f"o{part}", chain.output.width, True) for part in parts(chain.outputs))
        return Top(self.core_name, inputs + chain.ports, outputs, chain.latency, decimate=chain.decimate)

    @property
    def formats(self) -> dict[str, str]:
        """Formats of samples; a phase step is a fraction of a turn."""
        chain = self.chain
        given = {f"i{part}": str(chain.input) for part in parts(chain.channels)}
        given |= {port.name: f"u0.{port.width}" for port in chain.ports}
        return given | {f"o{part}": str(chain.output) for part in parts(chain.outputs)}

    @property
    def decimals(self) -> list[str]:
        """Coefficients of the filters, in the order of the stages."""
        firs = [stage for stage in self.chain.stages if isinstance(stage, Fir)]
        return [exact_decimal(value, fir.fraction) for fir in firs for value in fir.coefficients]

    def component(self) -> wiring.Component:
        """The chain in Amaranth."""
        return self.chain.component()

    def words(self, data: Ints) -> Ints:
        """Bit-true outputs (outputs, m) for words (input ports, n)."""
        return self.chain.model(data)

    def model(self, x: ArrayLike, run: Callable[[Ints], Ints] | None = None) -> NDArray[Any]:
        """Bit-true outputs from reset: port words (ports, n) in, words out; numbers (n,) in, real or complex as the
        receiver takes them, numbers out, a mixer at its usual frequency.
        """
        given, chain = np.asarray(x), self.chain
        if np.issubdtype(given.dtype, np.integer):
            return super().model(given, run)
        if given.ndim != 1 or np.iscomplexobj(given) != (chain.channels == 2):
            kind = "complex" if chain.channels == 2 else "real"
            raise ValueError(f"{self.name} receives {kind} samples: give {kind} numbers of shape (n,)")
        rows = [given.real, given.imag] if chain.channels == 2 else [given]
        words = [from_float(row, chain.input) for row in rows]
        words += [np.full(len(given), self.step) for _ in chain.ports]
        y = to_float((run or self.words)(np.stack(words).astype(np.int64)), chain.output)
        return np.asarray(y[0] + 1j * y[1] if chain.outputs == 2 else y[0])

    def stimuli(self, spec: "Spec | None", count: int, rng: np.random.Generator) -> Ints:
        """Impulses, steps and full-scale alternation, random words, then the stimulus; steps of the phase at random."""
        chain, share = self.chain, max(count // 8, 64)
        low, high = chain.input.minimum, chain.input.maximum
        flush = np.zeros(share // 8, dtype=np.int64)
        turns = np.arange(share) // 3 % 2
        first = np.concatenate(
            [[high], flush, [low], flush, np.full(share, high), np.full(share, low), np.where(turns, low, high), flush]
        )
        directed = np.stack([np.roll(first, 5 * channel) for channel in range(chain.channels)])
        rest = max(count - directed.shape[1], share)
        wild = rest if spec is None else rest // 2
        found = [directed, rng.integers(low, high, (chain.channels, wild), endpoint=True, dtype=np.int64)]
        if spec is not None:
            found.append(stimulus.samples(spec, rest - wild, rng))
        data = np.concatenate(found, axis=1)
        for port in chain.ports:
            steps = rng.integers(0, port.maximum, -(-data.shape[1] // _TUNED), endpoint=True, dtype=np.int64)
            steps[::2] = self.step
            data = np.concatenate([data, np.repeat(steps, _TUNED)[None, : data.shape[1]]])
        return data

    @property
    def header(self) -> dict[str, object]:
        """What the header of the Verilog says."""
        chain = self.chain
        return {
            "description": f"Receiver of {len(chain.stages)} stages, {chain.decimate} samples an output",
            "input": chain.input, "output": chain.output, "complex": chain.channels == 2,
            "complex_output": chain.outputs == 2, "decimate": chain.decimate, "tunable": bool(chain.ports),
            "stages": [described(stage) for stage in chain.stages],
            "complements": any(stage.graph.complemented for stage in chain.stages if isinstance(stage, Fir)),
        }  # fmt: skip

    def __repr__(self) -> str:
        chain = self.chain
        return self.described(f"receiver of {len(chain.stages)} stages, {chain.input} in, {chain.output} out")

    def frozen(self) -> dict[str, Any]:
        """Everything that determines the hardware, JSON-able; `thawed` is its inverse."""
        return {
            "kind": self.kind, "name": self.name, "interface": self.interface, "step": self.step,
            "stages": [_frozen(stage) for stage in self.chain.stages],
        }  # fmt: skip


def thawed(frozen: dict[str, Any]) -> Receiver:
    """The receiver that `Receiver.frozen` described; its filters are proved again."""
    chain = Chain(tuple(_thawed(dict(stage)) for stage in frozen["stages"]))
    return Receiver(frozen["name"], chain, frozen["step"], interface=frozen["interface"])


def _frozen(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = {"block": type(stage).__name__.lower()}
    for field in fields(stage):  # type: ignore[arg-type]
        value = getattr(stage, field.name)
        if isinstance(value, Format):
            value = str(value)
        elif isinstance(value, FlowGraph):
            value = value.frozen()
        elif isinstance(value, Nco):
            value = asdict(value)
        elif isinstance(value, tuple):
            value = list(value)
        found[field.name] = value
    return found


def _thawed(frozen: dict[str, Any]) -> Stage:
    block = _BLOCKS[frozen.pop("block")]
    made: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else Format.parse(value) if name in ("input", "output") else value
        for name, value in frozen.items()
    }
    for name, build in (("graph", FlowGraph.thawed), ("rounding", Rounding), ("overflow", Overflow)):
        if name in made:
            made[name] = build(made[name])
    if "nco" in made:
        made["nco"] = Nco(**made["nco"])
    stage: Stage = block(**made)
    return stage


def described(stage: Stage) -> str:
    """A stage in a line of words."""
    if isinstance(stage, Mixer):
        nco = stage.nco
        step = "a step from i_step" if nco.step is None else f"step {nco.step}"
        table = f"table of {nco.quarter} words of {nco.bits} bits"
        step += f", {nco.random_bits} bits of dither" if nco.random_bits else ""
        return f"mixer: phase modulo {nco.modulus}, {step}, {table}, products {stage.output}"
    if isinstance(stage, Cic):
        widths = ", ".join(map(str, stage.widths))
        return (
            f"cic: {stage.stages} stages, decimate {stage.decimate}, registers of {widths} bits, output {stage.output}"
        )
    assert isinstance(stage, Fir)  # there is no other
    widest = max(stage.words.widths)
    rate = f", decimate {stage.decimate}" if stage.decimate > 1 else ""
    taps = f"{len(stage.coefficients)} taps{rate}, {stage.structure} form, {stage.adders} adders"
    return f"fir: {taps}, words of up to {widest} bits, output {stage.output}"


def widths(chain: Chain) -> dict[str, int]:
    """Bits of the words of each stage, sign included."""
    found: dict[str, int] = {}
    for number, stage in enumerate(chain.stages):
        own = f"stage{number}_{type(stage).__name__.lower()}"
        if isinstance(stage, Mixer):
            found |= {
                f"{own}_sample": stage.used,
                f"{own}_wave": stage.nco.bits + 1,
                f"{own}_product": stage.output.width,
            }
        elif isinstance(stage, Cic):
            found |= {f"{own}_integrator{k}": w for k, w in enumerate(stage.widths[: stage.stages])}
            found |= {f"{own}_comb{k}": w for k, w in enumerate(stage.widths[stage.stages :])}
            found[f"{own}_output"] = stage.output.width
        elif isinstance(stage, Fir):
            sums = [stage.words.widths[k] for k in stage.words.accumulators]
            found |= {f"{own}_sum": max(sums, default=stage.output.width), f"{own}_output": stage.output.width}
    return found
