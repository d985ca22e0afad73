"""A descent whose matrices are loaded through a port: which register each entry is, when it is read, other matrices."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwgen.blocks.descent import Descent, Ints, Matrix
from hwgen.blocks.loaded_matrix import LoadedMatrix, Places, placed, placed_gram, words_for
from hwgen.blocks.loading import load_ports
from hwgen.check.vectors import Port
from hwgen.fixed import Format


@dataclass(frozen=True)
class LoadedDescent(Descent):
    """A `Descent` with a register for each entry of its matrices, which are those of power-up.

    Registers are in the order of A^T row by row and, in the form "gram", G on and above its diagonal, row by row; of a
    complex number the real part, then the imaginary one, which entries on the diagonal of G do not have. The form
    "residual" has A alone, for both of its multiplications.

    A write is an edge with ``c_valid`` and without ``rst``: the entry of ``c_index`` takes the low bits of ``c_data``,
    as many as it has. An index beyond the last is ignored. Reset restores the power-up entries. Each multiplication of
    a right-hand side reads the registers at the edge that takes what it makes: see `reads`. So a write in mid-stream
    counts for the later multiplications of the right-hand sides that are on their way.

    Parameters
    ----------
    bits
        Of an entry of A, and of G in the form "gram", sign included.
    paired
        Whether the system is complex, a real one of twice the size: ``[[Re, -Im], [Im, Re]]``.
    dsp
        True: multiplications are left to DSP blocks; False: rows of adders.
    """

    bits: tuple[int, ...] = field(kw_only=True)
    paired: bool = field(default=False, kw_only=True)
    dsp: bool = field(default=False, kw_only=True)

    length = 1  # right-hand sides that an output depends on

    def __post_init__(self) -> None:
        if len(self.bits) != (2 if self.form == "gram" else 1):
            raise ValueError("bits must be those of an entry of A and, in the form gram alone, of G")
        if any(self.drops):
            raise ValueError("products with entries that are loaded keep every bit: drops must be 0")
        if self.paired and (len(self.matrix) % 2 or self.unknowns % 2):
            raise ValueError("a complex system has twice as many rows and columns")
        if self.gram is not None and len(self.gram) != self.unknowns:
            raise ValueError(f"gram must have {self.unknowns} rows and columns")
        for name, given, bits, kind in zip(
            ("matrix", "gram"), (self.matrix, self.gram or ()), self.bits,
            ("[[Re, -Im], [Im, Re]]" if self.paired else "rows", "Hermitian" if self.paired else "symmetric"),
            strict=False,
        ):  # fmt: skip
            made = self.a if name == "matrix" else self.products
            if made.rows != given:
                raise ValueError(f"{name} must be {kind}, of entries of {bits} bits")
        super().__post_init__()

    # ------------------------------------------------------------------ shape
    @cached_property
    def _places(self) -> tuple[Places, Places]:
        """Which register each entry of A is, and of G."""
        a = placed(len(self.matrix), self.unknowns, self.paired)
        if self.form != "gram":
            return a, ()
        return a, placed_gram(self.unknowns, self.paired, 1 + max(place.register for row in a for place in row))

    @cached_property
    def _forms(self) -> tuple[Format, ...]:
        """Format of an entry of A, and of G."""
        fractions = (self.fraction, self.gram_fraction)
        return tuple(Format(bits - f, f) for bits, f in zip(self.bits, fractions, strict=False))

    @cached_property
    def registers(self) -> tuple[Format, ...]:
        """Format of the word of each index."""
        counts = [len({p.register for row in places for p in row if p.sign}) for places in self._places]
        return tuple(form for form, count in zip(self._forms, counts, strict=False) for _ in range(count))

    @cached_property
    def power_up(self) -> tuple[int, ...]:
        """Word of each index at power-up."""
        return self.words_of(np.array(self.matrix), None if self.gram is None else np.array(self.gram))

    @cached_property
    def a(self) -> LoadedMatrix:
        """A."""
        return LoadedMatrix(self._places[0], self._forms[0], self.power_up, self.dsp)

    @cached_property
    def products(self) -> LoadedMatrix:
        """G; only in the form "gram"."""
        return LoadedMatrix(self._places[1], self._forms[1], self.power_up, self.dsp)

    @property
    def ports(self) -> tuple[Port, ...]:
        """The ports that load entries."""
        return load_ports(self.registers)

    @property
    def reads(self) -> tuple[tuple[int, ...], ...]:
        """Clocks from the edge that takes y to each edge that takes a product of the register, for each index: those
        of the multiplications that it is part of, in the order of the data.
        """
        first, every = len(self.a.registers), range(1, self.multiplications + 1)
        if self.form == "residual":
            # Folded, the first residual takes a clock: y - A 0.
            return (tuple(k + self.folded for k in every),) * first
        # The first state is eta A^T y, which takes no product with G but a clock.
        return ((1,),) * first + (tuple(k + 1 for k in every if k > 1),) * (len(self.registers) - first)

    @property
    def loading(self) -> list[str]:
        """Name and format of the word of each index; a<row>_<column> and g<row>_<column>, the parts of complex ones."""
        m, n = (size // 2 if self.paired else size for size in (len(self.matrix), self.unknowns))
        names = [f"a{i}_{j}{part}" for j in range(n) for i in range(m) for part in self._parts]
        if self.form == "gram":
            names += [
                f"g{k}_{j}{part}" for k in range(n) for j in range(k, n)
                for part in (self._parts if j > k else self._parts[:1])
            ]  # fmt: skip
        return [f"{name} {form}" for name, form in zip(names, self.registers, strict=True)]

    @property
    def _parts(self) -> tuple[str, ...]:
        return ("_re", "_im") if self.paired else ("",)

    # ------------------------------------------------------------------- words
    def words_of(self, a: NDArray, gram: NDArray | None = None) -> tuple[int, ...]:
        """The word of each index for integer matrices A (m, n) and G (n, n), real as the block's are; saturated."""
        found: dict[int, int] = {}
        for places, form, matrix in zip(self._places, self._forms, (a, gram), strict=False):
            if matrix is None or matrix.shape != (len(places), self.unknowns):
                raise ValueError(f"matrices must have {len(self.matrix)} rows and {self.unknowns} columns, and G")
            found |= words_for(places, form, matrix)
        return tuple(found[k] for k in range(len(found)))

    def reloaded(self, words: Sequence[int]) -> "LoadedDescent":
        """The same with other power-up words, one for each index."""
        given = tuple(int(word) for word in words)
        if len(given) != len(self.registers):
            raise ValueError(f"there are {len(self.registers)} registers, not {len(given)}")
        rows = [LoadedMatrix(places, form, given).rows for places, form in zip(self._places, self._forms, strict=False)]
        return replace(self, matrix=rows[0], gram=rows[1] if len(rows) > 1 else None)

    # ------------------------------------------------------------------- model
    def model(self, data: NDArray, words: Sequence[int | Ints] | None = None) -> Ints:
        """Bit-true x (n, count) for the words y (m, count), from reset.

        Parameters
        ----------
        words
            Word of each index: an integer, or an array (reads, count) with the one in force at each of its `reads` for
            each right-hand side, or (count,) for all of them. None: those of power-up.

        Raises ``ValueError`` for words outside their formats.
        """
        if words is None:
            return self.trace(data)[-1]
        given = [np.asarray(word) for word in words]
        for index, (word, form) in enumerate(zip(given, self.registers, strict=True)):
            if word.size and not form.minimum <= word.min() <= word.max() <= form.maximum:
                raise ValueError(f"word {index} must lie in {form.minimum}..{form.maximum} ({form})")

        def times(place: int, matrix: Matrix, x: Ints) -> Ints:
            assert isinstance(matrix, LoadedMatrix)
            read = place if self.form == "residual" else max(place - 1, 0)
            return matrix.model(x, {r: given[r][read] if given[r].ndim == 2 else given[r] for r in matrix.registers})

        return self.trace(data, times=times)[-1]
