"""The descent whose matrices are loaded: its model against fractions, its hardware in mid-stream, broken hardware."""

from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import Any

import numpy as np
import pytest
from alternating_descents import MOVING
from descent_cases import GRAM, RESIDUAL, TAKEN, drawn
from mutants import mutated

from hwgen.blocks.descent import Descent, Iteration
from hwgen.blocks.descent_loaded import LoadedDescent
from hwgen.blocks.descent_numbers import integers
from hwgen.blocks.dither import Cut
from hwgen.blocks.loaded_matrix import LoadedMatrix, Place, placed, placed_gram
from hwgen.check import reloads
from hwgen.check.bulk import simulate_bulk
from hwgen.check.script import Script, script
from hwgen.check.simulate import simulate
from hwgen.check.vectors import Expected, Top
from hwgen.emit import companions, verilog
from hwgen.finished.descent import DescentDesign
from hwgen.fixed import Format


def made(d: Descent, *bits: int, **more: Any) -> LoadedDescent:
    """A descent with registers."""
    return LoadedDescent(**{part.name: getattr(d, part.name) for part in fields(d)}, bits=bits, **more)


H = np.array([[0.8 - 0.3j, 0.1 + 0.5j], [-0.4 + 0.2j, 0.6 + 0.1j], [0.3 + 0.7j, -0.5j]])
COMPLEX = np.block([[H.real, -H.imag], [H.imag, H.real]]) / 2
WORDS = Iteration(Format(2, 5), Format(2, 6), Format(2, 5))
PAIRED = made(
    Descent(
        integers(COMPLEX, 5), 5, Format(1, 4), (WORDS, WORDS, replace(WORDS, state=Format(2, 4))), (0,), "gram",
        integers(COMPLEX.T @ COMPLEX, 6), 6, Format(2, 6),
    ),
    6, 8, paired=True,
)  # fmt: skip
SHORT = RESIDUAL.iterations[:3]
CASES = {
    "residual": made(replace(RESIDUAL, iterations=SHORT), 7),
    "residual, stochastic": made(replace(RESIDUAL, iterations=SHORT, rounding=Cut.STOCHASTIC), 7),
    "gram": made(replace(GRAM, iterations=SHORT), 7, 10),
    "gram of fewer bits, floor": made(
        replace(TAKEN, iterations=SHORT, taken=Format(1, 4), added=(3, -2, 0), rounding=Cut.FLOOR), 8, 12
    ),
    "complex gram": PAIRED,
    "complex residual": made(
        replace(
            RESIDUAL, matrix=PAIRED.matrix, fraction=5, iterations=SHORT[:2], steps=(0, 2), input=Format(1, 4)
        ),
        9, paired=True,
    ),
    "DSP blocks": replace(PAIRED, dsp=True),
    "one iteration": replace(PAIRED, iterations=(WORDS,)),
}  # fmt: skip


ALIKE = (WORDS, WORDS, replace(WORDS, state=Format(2, 4)))
STAGES = {  # one stage each
    "complex gram": PAIRED,
    "DSP blocks": CASES["DSP blocks"],
    "residual": made(replace(RESIDUAL, iterations=ALIKE), 7),
    "complex residual": replace(CASES["complex residual"], iterations=ALIKE, rounding=Cut.STOCHASTIC),
} | {
    f"residual, zooming, {rounding}": made(replace(RESIDUAL, iterations=MOVING, rounding=rounding), 7)
    for rounding in Cut
}
STAGES = {name: replace(d, folded=True) for name, d in STAGES.items()}


def bench(d: LoadedDescent, count: int) -> tuple[Top, Script, Expected]:
    """A module named dut, a script with gaps, resets and loads in mid-stream, and what the model expects."""
    interval, rng = d.stage.interval if d.folded else 1, np.random.default_rng(3)
    top = Top("dut", d.inputs + d.ports, d.outputs, d.latency, interval, apart=3)
    resets = [count // 2, count // 2 + 3]
    stimulus = script(drawn(d, count), rng, resets=resets, drain=d.latency + 4, interval=interval)
    stimulus = reloads.reloading(stimulus, d, rng)
    return top, stimulus, reloads.expected(top, stimulus, d)


def loads(d: LoadedDescent, count: int) -> list[np.ndarray]:
    """A word of each index for each of its reads and right-hand sides, extremes included."""
    rng, found = np.random.default_rng(4), []
    for form, reads in zip(d.registers, d.reads, strict=True):
        words = rng.integers(form.minimum, form.maximum, (len(reads), count), endpoint=True)
        words[:, : count // 4], words[:, count // 4 : count // 2] = form.minimum, form.maximum
        found.append(words)
    return found


# --------------------------------------------------------------------------------------------------------- model
def entries(d: LoadedDescent, words: Sequence[int]) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
    """A and G in real numbers, from the order that the docstring tells."""
    m, n = len(d.matrix), d.unknowns
    given = iter(
        Fraction(int(word)) / Fraction(2) ** form.fraction for word, form in zip(words, d.registers, strict=True)
    )
    a, g = ([[Fraction(0)] * n for _ in range(size)] for size in (m, n))
    rows, columns = (m // 2, n // 2) if d.paired else (m, n)
    for j in range(columns):
        for i in range(rows):
            a[i][j] = next(given)
            if d.paired:
                a[i + rows][j + columns], im = a[i][j], next(given)
                a[i + rows][j], a[i][j + columns] = im, -im
    for k in range(columns if d.form == "gram" else 0):
        for j in range(k, columns):
            g[k][j] = g[j][k] = next(given)
            if d.paired:
                g[k + columns][j + columns] = g[j + columns][k + columns] = g[k][j]
                if j > k:
                    im = next(given)
                    g[k + columns][j], g[k][j + columns] = im, -im
                    g[j + columns][k], g[j][k + columns] = -im, im
    assert next(given, None) is None
    return a, g


def by_fractions(d: LoadedDescent, y: Sequence[int], words: Sequence[np.ndarray]) -> list[Fraction]:
    """The equations of `Descent` for one right-hand side, half up; `words` (reads,) of each index."""

    def rounded(values: list[Fraction], form: Format) -> list[Fraction]:
        lsb, half = Fraction(2) ** -form.fraction, Fraction(1, 2)
        return [min(max(floor(v / lsb + half), form.minimum), form.maximum) * lsb for v in values]

    def times(matrix: list[list[Fraction]], x: list[Fraction]) -> list[Fraction]:
        return [sum((c * v for c, v in zip(row, x, strict=True)), Fraction(0)) for row in matrix]

    def now(read: int) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
        return entries(d, [word[min(read, len(word) - 1)] if len(word) else 0 for word in words])

    b = [Fraction(int(v)) / 2**d.input.fraction for v in y]
    eta = sum(Fraction(2) ** -s for s in d.steps)
    x, read = [Fraction(0)] * d.unknowns, 0
    if d.form == "gram":
        assert d.target is not None
        b = rounded(times(list(zip(*now(0)[0], strict=True)), b), d.target)
    for t, it in enumerate(d.iterations):
        slope = b
        if t:
            a, g = now(read)
            slope, read = [v - p for v, p in zip(b, times(g if d.form == "gram" else a, x), strict=True)], read + 1
        if d.form == "residual":
            slope, read = times(list(zip(*now(read)[0], strict=True)), rounded(slope, it.residual)), read + 1
        x = rounded([v + u for v, u in zip(x, rounded([eta * v for v in slope], it.update), strict=True)], it.state)
    return x


@pytest.mark.parametrize("name", [name for name, d in CASES.items() if d.rounding is Cut.HALF_UP])
def test_the_model_is_what_fractions_say(name: str) -> None:
    d = CASES[name]
    data, words = drawn(d, 40), loads(d, 40)
    lsb = Fraction(2) ** -d.output.fraction
    found = [[int(v) * lsb for v in column] for column in d.model(data, words).T]
    assert found == [by_fractions(d, y, [w[:, k] for w in words]) for k, y in enumerate(data.T)]
    still = [np.array([word]) for word in d.power_up]
    found = [[int(v) * lsb for v in column] for column in d.model(data).T]
    assert found == [by_fractions(d, y, still) for y in data.T]


@pytest.mark.parametrize("name", CASES)
def test_loading_at_power_up_is_loading_before(name: str) -> None:
    d, rng = CASES[name], np.random.default_rng(5)
    words = [int(rng.integers(form.minimum, form.maximum, endpoint=True)) for form in d.registers]
    other = d.reloaded(words)
    assert other.power_up == tuple(words)
    data = drawn(d, 60)
    assert np.array_equal(other.model(data), d.model(data, words))
    assert np.array_equal(d.model(data), d.model(data, d.power_up))
    constant = Descent(**{part.name: getattr(other, part.name) for part in fields(Descent)})
    assert np.array_equal(other.model(data), constant.model(data))


def test_a_matrix_knows_what_its_rows_reach() -> None:
    places = ((Place(0), Place(1, -1)), (Place(1), Place(0, 0)))
    matrix = LoadedMatrix(places, Format(3, 0), (3, -4), added=(0, 5))
    assert matrix.rows == ((3, 4), (-4, 0))
    assert matrix.reach([(-2, 1), (-8, 7)]) == ((-6 - 32, 8 + 28), (5 - 6, 5 + 8))


def test_registers_are_free_numbers() -> None:
    assert placed(2, 2, False) == ((Place(0), Place(2)), (Place(1), Place(3)))
    assert placed(2, 2, True, 5) == ((Place(5), Place(6, -1)), (Place(6), Place(5)))
    assert placed_gram(2, False) == ((Place(0), Place(1)), (Place(1), Place(2)))
    hermitian = placed_gram(4, True)
    assert len({place.register for row in hermitian for place in row if place.sign}) == 4
    assert hermitian[0] == (Place(0), Place(1), Place(0, 0), Place(2, -1))
    assert PAIRED.loading[:2] == ["a0_0_re s1.5", "a0_0_im s1.5"]
    assert [text.split()[0] for text in PAIRED.loading[12:]] == ["g0_0_re", "g0_1_re", "g0_1_im", "g1_1_re"]
    assert PAIRED.reads == ((1,),) * 12 + ((3, 4),) * 4
    assert CASES["complex residual"].reads == ((1, 2, 3),) * 12


# ------------------------------------------------------------------------------------------------------ hardware
@lru_cache
def emitted(name: str) -> str:
    return verilog(CASES[name].component(), "dut")


@pytest.mark.parametrize("name", CASES)
def test_loads_in_mid_stream_are_bit_true(name: str) -> None:
    result = simulate(emitted(name), *bench(CASES[name], 1_200))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 1_180


@pytest.mark.parametrize("name", STAGES)
def test_loads_of_a_shared_stage_are_bit_true(name: str) -> None:
    result = simulate(verilog(STAGES[name].component(), "dut"), *bench(STAGES[name], 800))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples > 780


@pytest.mark.parametrize("name", ["residual, stochastic", "complex gram"])
def test_a_million_right_hand_sides_in_verilator(name: str) -> None:
    result = simulate_bulk(emitted(name), *bench(CASES[name], 1_000_040))
    assert (result.mismatches, result.first) == (0, None)
    assert result.samples >= 1_000_000


# Name to (text, replacement); the text occurs once.
MUTATIONS = {
    "a write with rst": ("if (rst) c12 <= 8'h18;", "if (rst & ~c_valid) c12 <= 8'h18;"),
    "a register that reset leaves": ("if (rst) c3 <= 6'h", "if (0) c3 <= 6'h"),
    "a write of another index": ("else if (load3) c3 <=", "else if (load2) c3 <="),
    "an imaginary part's sign": ("- $signed(p1_row0_0);", "+ $signed(p1_row0_0);"),
}


@pytest.mark.parametrize(
    ("d", "rate", "moment", "reads"),
    [
        (PAIRED, "a clock", "t + k, those with G one later:", [(1,), (3, 4)]),
        (STAGES["complex gram"], "in 3 clocks", "t + k, those with G one later:", [(1,), (3, 4)]),
        (CASES["complex residual"], "a clock", "t + k:", [(1, 2, 3)]),
        (STAGES["residual"], "in 6 clocks", "t + k + 1:", [(2, 3, 4, 5, 6)]),
    ],
)
def test_the_header_says_when_writes_count(
    d: LoadedDescent, rate: str, moment: str, reads: list[tuple[int, ...]]
) -> None:
    facts = {"version": "", "digest": "", "kind": "descent", "shell": None, "latency": d.latency}
    facts |= {"port": "clk", "clock": 1e6, "group_delay": None, "gain": "1", **DescentDesign("dut", d, d.paired).header}
    text = companions("dut", facts)["header"]
    assert f"one right-hand side {rate}, latency {d.latency} clocks" in text
    assert f"written before edge {moment}" in text
    assert ("z is A^T y" in text) == (d.form == "gram")
    assert ("One stage does all iterations" in text) == d.folded
    assert all(line.startswith("//") and len(line) < 160 for line in text.splitlines())
    assert sorted(set(d.reads)) == reads


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_caught(name: str) -> None:
    text, replacement = MUTATIONS[name]
    result = simulate(mutated(emitted("complex gram"), text, replacement), *bench(PAIRED, 1_200))
    assert result.mismatches > 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bits": (6,)}, "bits must be those"),
        ({"bits": (4, 8)}, "of entries of 4 bits"),
        ({"bits": (6, 18)}, "2 to 17 bits"),
        ({"drops": (0, 1, 1)}, "drops must be 0"),
        ({"matrix": ((1, 2, 3, 4),) * 6}, "matrix must be"),
        ({"gram": ((1, 2, 3, 4),) * 4}, "Hermitian"),
        ({"matrix": ((1, 2, 3),) * 6}, "twice as many"),
    ],
)
def test_wrong_parameters_are_refused(change: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        replace(PAIRED, **change)


def test_wrong_words_are_refused() -> None:
    data = drawn(PAIRED, 40)
    with pytest.raises(ValueError, match="word 15 must lie"):
        PAIRED.model(data, [*PAIRED.power_up[:-1], 128])
    with pytest.raises(ValueError, match="16 registers"):
        PAIRED.reloaded([0])
