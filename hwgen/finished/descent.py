"""A finished design of kind = "descent"."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.lib import wiring
from numpy.typing import ArrayLike

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.descent_loaded import LoadedDescent
from hwgen.blocks.dither import Cut
from hwgen.check import reloads
from hwgen.check.script import Script
from hwgen.check.vectors import Expected, Top
from hwgen.designs.descent_loading import loaded_words
from hwgen.designs.descent_reference import reference
from hwgen.designs.descent_system import System, real
from hwgen.finished import Finished, Ints
from hwgen.fixed import Format, exact_decimal
from hwgen.spec import Spec


@dataclass(frozen=True, repr=False)
class DescentDesign(Finished):
    """A finished descent; `paired` where unknowns are parts of complex numbers, real parts first."""

    block: Descent
    paired: bool = False

    kind = "descent"

    @property
    def folded(self) -> bool:
        """Whether one stage does all iterations."""
        return self.block.folded

    @property
    def core(self) -> Top:
        """The module with plain ports."""
        block, interval = self.block, self.block.stage.interval if self.folded else 1
        return Top(
            self.core_name, block.inputs + block.ports, block.outputs, block.latency, interval, apart=len(block.ports)
        )  # fmt: skip

    @property
    def formats(self) -> dict[str, str]:
        """Formats of y and x, and of what is loaded."""
        given = {port.name: str(self.block.input) for port in self.block.inputs}
        given |= {port.name: str(self.block.output) for port in self.block.outputs}
        return given | ({"c_data": ", ".join(self.loading)} if self.loading else {})

    @property
    def loading(self) -> list[str]:
        """Name and format of the word of each index that can be loaded."""
        return self.block.loading if isinstance(self.block, LoadedDescent) else []

    def component(self) -> wiring.Component:
        """The descent in Amaranth."""
        return self.block.component()

    def words(self, data: Ints) -> Ints:
        """Bit-true x (n, count) for y (m, count), with the matrices of power-up where they can be loaded."""
        return self.block.model(data)

    def words_of(self, matrix: ArrayLike, ridge: float = 0.0, step: float | None = None) -> list[int]:
        """The word of each index that loads another system; ``block.model`` takes them, too.

        Parameters
        ----------
        matrix
            A (equations, unknowns), complex where the design is.
        ridge
            See the design file.
        step
            Step size; None: the fastest for the matrix, and that of the design in the form "residual".

        Raises ``ValueError`` for a design of constant matrices, another size, and a descent that diverges.
        """
        block = self.block
        if not isinstance(block, LoadedDescent):
            raise ValueError(f'the matrices of {self.name} are constant: write entries = "reloadable"')
        made = real(np.asarray(matrix, dtype=np.complex128 if self.paired else np.float64))
        if made.shape != (len(block.matrix), block.unknowns):
            raise ValueError(f"the matrix must be one of {len(block.matrix)} x {block.unknowns} real numbers")
        if block.form == "residual" and (ridge or step):
            raise ValueError('the form "residual" has no ridge, and its step cannot be loaded')
        eta = block.step if block.form == "residual" else step
        return loaded_words(block, System(made, ridge, len(block.iterations), eta))

    def stimuli(self, spec: Spec | None, count: int, rng: np.random.Generator) -> Ints:
        """Each unknown driven to both ends, full scale, then random words, then the stimulus of the design file."""
        form, signs = self.block.input, np.sign(self.block.a.array)
        ends = [np.where(signs[:, k] < 0, form.minimum, form.maximum) for k in range(signs.shape[1])]
        first = [*ends, *(form.minimum + form.maximum - end for end in ends)]
        first += [np.full(len(signs), v) for v in (form.minimum, form.maximum, 0, -1, 1)]
        directed = np.array(first, dtype=np.int64).T
        rest = max(count - directed.shape[1], 64)
        wild = rest if spec is None else rest // 2
        random = rng.integers(form.minimum, form.maximum, (len(signs), wild), np.int64, endpoint=True)
        if self.loading:  # extremes meet every set of entries, some time: all alike, or by turns
            kinds, odd = np.arange(wild) // 2 % 16, np.arange(len(signs))[:, None] % 2
            high = np.where(kinds < 14, kinds % 2 == 1, odd == kinds % 2)
            random = np.where(kinds < 12, random, np.where(high, form.maximum, form.minimum))
        parts = [directed, random]
        if spec is not None:
            parts.append(np.take(reference(spec).raw, np.arange(rest - wild), axis=1, mode="wrap"))
        return np.concatenate(parts, axis=1)

    def answered(self, made: Script, rng: np.random.Generator) -> tuple[Script, Expected]:
        """The script with reloads where entries can be loaded, and what must come out."""
        if isinstance(self.block, LoadedDescent):
            made = reloads.reloading(made, self.block, rng)
            return made, reloads.expected(self.core, made, self.block)
        return super().answered(made, rng)

    def plainly(self, made: Script) -> tuple[Script, Expected]:
        """The script without reloads, and what must come out."""
        wanted = self.core.expected(made, self.words)
        return reloads.idle(made) if isinstance(self.block, LoadedDescent) else made, wanted

    @property
    def dsp(self) -> bool:
        """Whether its multipliers, which loaded entries have, are for DSP blocks."""
        return isinstance(self.block, LoadedDescent) and self.block.dsp

    @cached_property
    def decimals(self) -> list[str]:
        """Entries of A, and of G in the form "gram", row by row; the step size is part of them there. Where
        others can be loaded, those of power-up.
        """
        block, gram = self.block, self.block.gram or ()
        own = [exact_decimal(v, block.fraction) for row in block.matrix for v in row]
        return own + [exact_decimal(v, block.gram_fraction) for row in gram for v in row]

    @property
    def header(self) -> dict[str, object]:
        """What the header of the Verilog says."""
        block = self.block
        m, n = len(block.matrix), block.unknowns
        how = "Gradient descent on one stage" if self.folded else "Unrolled gradient descent"
        return {
            "description": f"{how}, {m} equations in {n} unknowns", "form": block.form,
            "iterations": len(block.iterations), "input": str(block.input), "output": str(block.output),
            "rounding": str(block.rounding), "paired": self.paired, "m": m, "n": n,
            "step": " + ".join(f"2^{-s}" for s in block.steps), "loading": self.loading,
            "interval": self.core.interval, "complements": block.complements,
        }  # fmt: skip

    def frozen(self) -> dict[str, Any]:
        """Everything that determines the hardware."""
        block = self.block
        found = {key: getattr(block, key) for key in ("fraction", "gram_fraction", "form")}
        found |= {key: list(getattr(block, key)) for key in ("steps", "drops")}
        found["added"] = None if block.added is None else list(block.added)
        found |= {key: _lists(getattr(block, key)) for key in ("matrix", "gram")}
        found |= {key: _text(getattr(block, key)) for key in ("input", "target", "taken")}
        if isinstance(block, LoadedDescent):
            found["loaded"] = {"bits": list(block.bits), "paired": block.paired, "dsp": block.dsp}
        return {
            "kind": self.kind, "name": self.name, "interface": self.interface, "paired": self.paired,
            "folded": self.folded, "complements": block.complements, "rounding": str(block.rounding), **found,
            "iterations": [{k: str(form) for k, form in vars(it).items()} for it in block.iterations],
        }  # fmt: skip

    def __repr__(self) -> str:
        """Kind, sizes and what was measured."""
        block = self.block
        return self.described(
            f"{len(block.iterations)} iterations of descent for {len(block.matrix)} equations in {block.unknowns} "
            f"unknowns, {block.input} in, {block.output} out"
        )


def thawed(frozen: dict[str, Any]) -> DescentDesign:
    """The design that `DescentDesign.frozen` described."""
    made = {key: frozen[key] for key in ("fraction", "gram_fraction", "form")}
    made |= {key: tuple(frozen[key]) for key in ("steps", "drops")}
    made["added"] = None if frozen["added"] is None else tuple(frozen["added"])
    made |= {
        key: None if frozen[key] is None else tuple(tuple(row) for row in frozen[key]) for key in ("matrix", "gram")
    }
    made |= {key: None if frozen[key] is None else Format.parse(frozen[key]) for key in ("input", "target", "taken")}
    iterations = tuple(Iteration(**{k: Format.parse(v) for k, v in it.items()}) for it in frozen["iterations"])
    # Designs finished before there were complements have none.
    made |= {"folded": frozen["folded"], "complements": frozen.get("complements", False)}
    block = Descent(**made, iterations=iterations, rounding=Cut(frozen["rounding"]))
    if (own := frozen.get("loaded")) is not None:
        shared = {part.name: getattr(block, part.name) for part in fields(block)}
        block = LoadedDescent(**shared, bits=tuple(own["bits"]), paired=own["paired"], dsp=own["dsp"])
    return DescentDesign(frozen["name"], block, frozen["paired"], interface=frozen["interface"])


def _lists(rows: tuple[tuple[int, ...], ...] | None) -> list[list[int]] | None:
    return None if rows is None else [list(row) for row in rows]


def _text(form: Format | None) -> str | None:
    return None if form is None else str(form)
