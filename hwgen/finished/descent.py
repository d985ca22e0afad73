"""A finished design of kind = "descent"."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.lib import wiring

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.descent_folded import FoldedDescentComponent
from hwgen.blocks.dither import Cut
from hwgen.check.vectors import Top
from hwgen.designs.descent_reference import reference
from hwgen.finished import Finished, Ints
from hwgen.fixed import Format, exact_decimal
from hwgen.spec import Spec


@dataclass(frozen=True, repr=False)
class DescentDesign(Finished):
    """A finished descent; `paired` where unknowns are parts of complex numbers, real parts first; `folded` where one
    stage does all iterations.
    """

    block: Descent
    paired: bool = False
    folded: bool = False

    kind = "descent"

    @property
    def core(self) -> Top:
        """The module with plain ports."""
        block, interval = self.block, len(self.block.iterations) if self.folded else 1
        return Top(self.core_name, block.inputs, block.outputs, block.latency, interval)

    @property
    def formats(self) -> dict[str, str]:
        """Formats of y and x."""
        given = {port.name: str(self.block.input) for port in self.block.inputs}
        return given | {port.name: str(self.block.output) for port in self.block.outputs}

    def component(self) -> wiring.Component:
        """The descent in Amaranth."""
        return FoldedDescentComponent(self.block) if self.folded else self.block.component()

    def words(self, data: Ints) -> Ints:
        """Bit-true x (n, count) for y (m, count)."""
        return self.block.model(data)

    def stimuli(self, spec: Spec | None, count: int, rng: np.random.Generator) -> Ints:
        """Each unknown driven to both ends, full scale, then random words, then the stimulus of the design file."""
        form, signs = self.block.input, np.sign(self.block.a.array)
        ends = [np.where(signs[:, k] < 0, form.minimum, form.maximum) for k in range(signs.shape[1])]
        first = [*ends, *(form.minimum + form.maximum - end for end in ends)]
        first += [np.full(len(signs), v) for v in (form.minimum, form.maximum, 0, -1, 1)]
        directed = np.array(first, dtype=np.int64).T
        rest = max(count - directed.shape[1], 64)
        wild = rest if spec is None else rest // 2
        parts = [directed, rng.integers(form.minimum, form.maximum, (len(signs), wild), np.int64, endpoint=True)]
        if spec is not None:
            parts.append(np.take(reference(spec).raw, np.arange(rest - wild), axis=1, mode="wrap"))
        return np.concatenate(parts, axis=1)

    @cached_property
    def decimals(self) -> list[str]:
        """Entries of A, and of G in the form "gram", row by row; the step size is part of them there."""
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
            "step": " + ".join(f"2^{-s}" for s in block.steps),
        }  # fmt: skip

    def frozen(self) -> dict[str, Any]:
        """Everything that determines the hardware."""
        block = self.block
        found = {key: getattr(block, key) for key in ("fraction", "gram_fraction", "form")}
        found |= {key: list(getattr(block, key)) for key in ("steps", "drops")}
        found["added"] = None if block.added is None else list(block.added)
        found |= {key: _lists(getattr(block, key)) for key in ("matrix", "gram")}
        found |= {key: _text(getattr(block, key)) for key in ("input", "target", "taken")}
        return {
            "kind": self.kind, "name": self.name, "interface": self.interface, "paired": self.paired,
            "folded": self.folded, "rounding": str(block.rounding), **found,
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
    block = Descent(**made, iterations=iterations, rounding=Cut(frozen["rounding"]))
    return DescentDesign(
        frozen["name"], block, frozen["paired"], frozen["folded"], interface=frozen["interface"]
    )  # fmt: skip


def _lists(rows: tuple[tuple[int, ...], ...] | None) -> list[list[int]] | None:
    return None if rows is None else [list(row) for row in rows]


def _text(form: Format | None) -> str | None:
    return None if form is None else str(form)
