"""Formats and requantising against fractions.Fraction, and the hardware against the integers."""

import math
import re
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Fragment, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.sim import Simulator
from hypothesis import given, settings
from hypothesis import strategies as st

from hwgen.fixed import Format, Overflow, Rounding, exact_decimal, from_float, quantise, quantise_hw, to_float

MODES = [(rounding, overflow) for rounding in Rounding for overflow in Overflow]
s, u = partial(Format, signed=True), partial(Format, signed=False)


@st.composite
def formats(draw, widest=40, points=40):
    width, fraction = draw(st.integers(1, widest)), draw(st.integers(-points, points))
    return Format(width - fraction, fraction, draw(st.booleans()))


def value(raw, fmt):
    return Fraction(raw) / Fraction(2) ** fmt.fraction


def ends(fmt):
    """Smallest and largest raw integer, from the definition of two's complement."""
    bits = fmt.integer + fmt.fraction
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if fmt.signed else (0, 2**bits - 1)


def expected(exact, target, rounding, overflow):
    """The raw integer of `target` for an exact Fraction, straight from the words of the definition."""
    steps = exact * Fraction(2) ** target.fraction
    half_up, floor = math.floor(steps + Fraction(1, 2)), math.floor(steps)
    raw = {"half_even": round(steps), "half_up": half_up, "floor": floor}[rounding]  # Fraction rounds halves to even
    lo, hi = ends(target)
    if overflow == "saturate":
        return min(max(raw, lo), hi)
    modulo = raw % 2 ** (target.integer + target.fraction)
    return modulo if modulo <= hi else modulo - 2 ** (target.integer + target.fraction)


@pytest.mark.parametrize(
    ("text", "format"), [("s1.11", s(1, 11)), ("u0.8", u(0, 8)), ("s-2.10", s(-2, 10)), ("u12.-4", u(12, -4))]
)  # fmt: skip
def test_parse_and_print_are_inverse(text, format):
    assert Format.parse(text) == format
    assert str(format) == text


@pytest.mark.parametrize(
    "text", ["", "s", "1.15", "s1", "s1.", "s.5", "q1.15", "S1.15", "s1,15", "s1.15 ", " s1.15", "s+1.2", "s1.1.1",
             "s01.2", "s1.1e3", "s1.٣", "s1.15\n", "s1.99999999", "s-0.4", None, 1.15]
)  # fmt: skip
def test_parse_rejects_and_says_how_to_write_it(text):
    message = re.escape(f"{text!r} is not a fixed-point format") + ".*such as s1.11 or u0.8"
    with pytest.raises(ValueError, match=message):
        Format.parse(text)


@pytest.mark.parametrize(
    ("integer", "fraction", "message"),
    [(0, 0, r"s0\.0 has 0 bits: integer \+ fraction must be at least 1"), (1, -2, r"s1\.-2 has -1 bits"),
     (1.0, 8, "must be int, not 1.0 and 8"), (1, "8", "must be int"), (True, 8, "must be int")],
)  # fmt: skip
def test_bits_are_validated(integer, fraction, message):
    with pytest.raises(ValueError, match=message):
        Format(integer, fraction)


def test_limits_by_hand():
    for lo, hi, told in ((1, 0, None), (-1, 3, False)):
        with pytest.raises(ValueError, match=r"no .* format holds"):
            Format.for_range(lo, hi, signed=told)
    assert (s(1, 3).width, s(1, 3).minimum, s(1, 3).maximum, s(1, 3).lsb) == (4, -8, 7, 0.125)
    assert (u(4, -2).width, u(4, -2).minimum, u(4, -2).maximum, u(4, -2).lsb) == (2, 0, 3, 4.0)


@pytest.mark.parametrize(
    ("lo", "hi", "told", "format"),
    [(-128, 127, None, s(8, 0)), (-129, 0, None, s(9, 0)), (-1, 128, None, s(9, 0)), (0, 0, None, u(1, 0)),
     (0, 255, None, u(8, 0)), (0, 256, None, u(9, 0)), (0, 127, True, s(8, 0)), (5, 128, True, s(9, 0)),
     (-1, 0, None, s(1, 0)), (-8, -5, None, s(4, 0)), (0, 0, True, s(1, 0))],
)  # fmt: skip
def test_for_range_by_hand(lo, hi, told, format):
    assert Format.for_range(lo, hi, signed=told) == format
    assert Format.for_range(lo, hi, 3, signed=told) == format.shift(-3)


@pytest.mark.parametrize(
    ("operation", "a", "b", "result"),
    [("add", s(1, 7), s(1, 7), s(2, 7)), ("add", u(0, 8), u(0, 8), u(1, 8)), ("add", s(1, 3), s(1, 7), s(2, 7)),
     ("add", u(8, 0), s(4, 0), s(10, 0)),  # -8..262
     ("add", s(8, 0), u(4, 0), s(9, 0)),  # -128..142
     ("add", s(8, -4), u(0, 3), s(8, 3)),  # -128..112.875
     ("sub", u(8, 0), u(8, 0), s(9, 0)), ("sub", s(8, 0), s(8, 0), s(9, 0)),
     ("sub", u(8, 0), s(8, 0), s(10, 0)),  # 0 - 127 .. 255 + 128
     ("mul", s(8, 0), s(8, 0), s(16, 0)),  # (-128)**2 = 2**14 needs the 16th bit
     ("mul", u(8, 0), s(8, 0), s(16, 0)),  # -32640..32385
     ("mul", s(1, 0), s(1, 0), s(2, 0)),  # {0, 1}, signed as its operands
     ("mul", s(1, 7), s(1, 15), s(2, 22)), ("mul", u(8, 0), u(8, 0), u(16, 0)), ("mul", u(1, 0), s(8, 0), s(8, 0))],
)  # fmt: skip
def test_growth_by_hand(operation, a, b, result):
    assert getattr(a, operation)(b) == result


def test_neg_and_shift_by_hand():
    assert [f.neg() for f in (s(1, 7), u(1, 7), s(1, 0), u(-3, 9))] == [s(2, 7), s(2, 7), s(2, 0), s(-2, 9)]
    assert [s(1, 7).shift(3), u(1, 7).shift(-3)] == [s(4, 4), u(-2, 10)]


@given(formats(widest=12, points=12), formats(widest=12, points=12), st.data())
@settings(max_examples=200, deadline=None)
def test_growth_is_exact_and_smallest(a, b, data):
    raw_a, raw_b = data.draw(st.integers(*ends(a))), data.draw(st.integers(*ends(b)))
    results = [(a.add(b), lambda x, y: x + y), (a.sub(b), lambda x, y: x - y), (a.mul(b), lambda x, y: x * y)]
    for grown, act in [*results, (a.neg(), lambda x, _: -x), (a.shift(-2), lambda x, _: x / 4)]:
        scale, (lo, hi) = Fraction(2) ** grown.fraction, ends(grown)
        inside = act(value(raw_a, a), value(raw_b, b)) * scale
        assert inside.denominator == 1 and lo <= inside <= hi  # noqa: PT018
        corners = [act(value(x, a), value(y, b)) * scale for x in ends(a) for y in ends(b)]
        if grown.width > 1:
            lo, hi = ends(Format(grown.integer - 1, grown.fraction, grown.signed))
            assert not all(lo <= corner <= hi for corner in corners)


@given(formats(widest=5, points=3), formats(widest=5, points=3))
@settings(deadline=None)
def test_contains_is_inclusion_of_values(a, b):
    sets = [{value(raw, f) for raw in range(ends(f)[0], ends(f)[1] + 1)} for f in (a, b)]
    assert a.contains(b) == (sets[1] <= sets[0])


@pytest.mark.parametrize(
    ("rounding", "result"),
    [("half_up", [-2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 2, 2]),
     ("half_even", [-2, -2, -1, -1, 0, 0, 0, 0, 0, 1, 1, 2, 2]),
     ("floor", [-2, -2, -2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1])],
)  # fmt: skip
def test_rounding_by_hand(rounding, result):
    quarters = [-7, -6, -5, -3, -2, -1, 0, 1, 2, 3, 5, 6, 7]  # +-2 and +-6 are ties
    assert quantise(np.array(quarters), s(4, 2), s(4, 0), rounding).tolist() == result


@pytest.mark.parametrize(
    ("source", "raw", "target", "saturated", "wrapped"),
    [(s(3, 2), 7, s(2, 1), 3, -4),  # 1.75 rounds to 2: the case that must not become -2
     (s(8, 0), -1, u(8, 0), 0, 255), (s(8, 0), 127, u(4, 0), 15, 15), (s(8, 0), -128, s(4, 0), -8, 0),
     (u(8, 0), 200, s(8, 0), 127, -56), (u(4, 0), 9, s(4, 2), 31, -28), (s(8, 0), 3, s(8, 60), 3 << 60, 3 << 60),
     (s(2, 6), -128, s(1, 0), -1, 0), (s(1, 3), -8, s(9, -8), 0, 0)],
)  # fmt: skip
def test_overflow_by_hand(source, raw, target, saturated, wrapped):
    assert quantise(raw, source, target, "half_up", "saturate") == saturated
    assert quantise(raw, source, target, "half_up", "wrap") == wrapped


@pytest.mark.parametrize("widest", [40, 130])
@given(st.data(), st.sampled_from(MODES))
@settings(max_examples=400, deadline=None)
def test_quantise_is_the_definition(widest, data, modes):
    source, target = data.draw(formats(widest, widest)), data.draw(formats(widest, widest))
    raws = data.draw(st.lists(st.integers(*ends(source)), max_size=4)) + list(ends(source))
    result = quantise(np.array(raws, dtype=np.int64 if widest < 62 else object), source, target, *modes)
    want = [expected(value(raw, source), target, *modes) for raw in raws]
    assert result.dtype == (np.int64 if target.width <= 62 else object)
    assert result.tolist() == want == [quantise(raw, source, target, *modes) for raw in raws]
    assert all(type(v) is int for v in result.tolist())


@pytest.mark.parametrize("width", range(58, 67))
@pytest.mark.parametrize("modes", MODES)
@pytest.mark.parametrize("signed", [True, False])
def test_no_int64_overflows_near_its_end(width, modes, signed):
    source = Format(width, 0, signed)
    raws = [raw for end in ends(source) for raw in range(end - 2, end + 3) if ends(source)[0] <= raw <= ends(source)[1]]
    array = np.array(raws, dtype=object if width > 62 else np.int64)
    for drop in (-3, 0, 1, 2, width - 1, width, width + 1, width + 5, 3 * width):
        for target in (s(8 + drop, -drop), s(62 + drop, -drop), u(62 + drop, -drop), s(width + drop + 1, -drop)):
            want = [expected(value(raw, source), target, *modes) for raw in raws]
            assert quantise(array, source, target, *modes).tolist() == want, (source, target, modes)


def test_quantise_keeps_shape_and_type():
    assert quantise(np.zeros((2, 0), dtype=np.int64), s(4, 0), s(2, 0)).shape == (2, 0)
    assert quantise(np.zeros((2, 3), dtype=np.int8), s(4, 0), s(2, 0)).shape == (2, 3)
    assert type(quantise(np.int64(3), s(4, 0), s(2, 0))) is int
    assert quantise(np.array([2**64 - 1], dtype=np.uint64), u(64, 0), u(65, 0)).tolist() == [2**64 - 1]
    assert quantise(np.array([np.int64(2**61)], dtype=object), s(63, 0), s(90, 20)).tolist() == [2**81]


def test_quantise_refuses_what_it_cannot_mean():
    with pytest.raises(ValueError, match="rounding must be one of half_up, half_even, floor, not 'nearest'"):
        quantise(1, s(4, 0), s(2, 0), "nearest")
    with pytest.raises(ValueError, match="overflow must be one of saturate, wrap, not 'clip'"):
        quantise(1, s(4, 0), s(2, 0), "floor", "clip")
    with pytest.raises(ValueError, match=r"outside s4.0: -8\.\.7"):
        quantise(np.array([1, 8]), s(4, 0), s(2, 0))
    for kind in (float, object, bool):
        with pytest.raises(TypeError):
            quantise(np.array([0.5]).astype(kind), s(4, 0), s(2, 0))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), formats(80, 80), st.sampled_from(MODES))
@settings(max_examples=200, deadline=None)
def test_from_float_is_the_definition(xs, fmt, modes):
    want = [expected(Fraction(x), fmt, *modes) for x in xs]
    assert from_float(np.array(xs), fmt, *modes).tolist() == want
    assert from_float(xs[0], fmt, *modes) == want[0]


def test_from_float_by_hand():
    assert from_float([0.5, 1.5, 2.5, -0.5], s(8, 0)).tolist() == [0, 2, 2, 0]
    assert from_float(0.49999999999999994, s(8, 0), "half_up") == 0  # x + 0.5 is 1.0 in floats
    assert from_float(-5e-324, s(8, 0), "floor") == -1
    assert from_float(1.0, s(1, 7)) == 127
    wide = [(2**53 - 1) << k for k in range(20)]
    assert [from_float(float(x), s(62, 0), "half_up") for x in wide] == [min(x, 2**61 - 1) for x in wide]
    assert from_float(np.zeros((0, 2)), s(1, 7)).shape == (0, 2)
    for x in (math.nan, math.inf, -math.inf, [0.0, math.nan]):
        with pytest.raises(ValueError, match=r"NaN and infinity have no value in s1\.7"):
            from_float(x, s(1, 7))


@given(formats(53, 100), st.data())
@settings(deadline=None)
def test_float_round_trip_is_exact(fmt, data):
    raw = data.draw(st.integers(*ends(fmt)))
    assert Fraction(to_float(raw, fmt)) == value(raw, fmt)
    assert from_float(to_float(np.array([raw]), fmt), fmt).tolist() == [raw]


@pytest.mark.parametrize(
    ("raw", "fraction", "text"),
    [(0, 0, "0"), (0, 9, "0"), (-3, 3, "-0.375"), (1, 1, "0.5"), (-8, 3, "-1"), (10, 0, "10"), (20, 1, "10"),
     (5, -2, "20"), (-1, -70, "-1180591620717411303424"), (1, 20, "0.00000095367431640625"), (np.int64(7), 2, "1.75"),
     (-2049, 11, "-1.00048828125")],
)  # fmt: skip
def test_exact_decimal_by_hand(raw, fraction, text):
    assert exact_decimal(raw, fraction) == text


@given(st.integers(-(2**200), 2**200), st.integers(-100, 200))
def test_exact_decimal_is_exact(raw, fraction):
    text = exact_decimal(raw, fraction)
    assert re.fullmatch(r"-?(0|[1-9]\d*)(\.\d*[1-9])?", text)
    assert Fraction(text) == Fraction(raw) / Fraction(2) ** fraction


def simulate(m, i, raws, outs):
    """Row of outs for every raw input, from Amaranth's simulator."""
    rows = []

    async def bench(ctx):
        for raw in raws:
            ctx.set(i, raw)
            await ctx.delay(1e-9)
            rows.append([ctx.get(out) for out in outs])

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return rows


def mismatches(cases, source, raws, model=quantise):
    """The (target, rounding, overflow) cases in which the hardware is not the model."""
    m, i, array = Module(), Signal(source), np.array(raws, dtype=object)
    outs = [quantise_hw(m, i, source, *case, name=f"o{k}") for k, case in enumerate(cases)]
    columns = zip(cases, zip(*simulate(m, i, raws, outs), strict=True), strict=True)
    return [(source, *case) for case, column in columns if list(column) != model(array, source, *case).tolist()]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_hardware_is_the_model_for_every_input(width, signed):
    source = Format(width, 0, signed)
    drops = (*range(-2, width + 3), 3 * width + 4)
    targets = [f(bits + drop, -drop) for f, bits, drop in product((s, u), (1, 2, 3, 4, 6), drops)]
    cases = [(target, *modes) for target, modes in product(targets, MODES)]
    assert mismatches(cases, source, range(ends(source)[0], ends(source)[1] + 1)) == []


@given(formats(70, 20), st.lists(st.tuples(formats(70, 90), st.sampled_from(MODES)), min_size=1, max_size=6), st.data())
@settings(max_examples=40, deadline=None)
def test_hardware_is_the_model_at_any_width(source, targets, data):
    lo, hi = ends(source)
    raws = [lo, hi, min(lo + 1, hi), hi // 2, (lo + hi) // 2]
    raws += data.draw(st.lists(st.integers(lo, hi), min_size=5, max_size=10))
    assert mismatches([(target, *modes) for target, modes in targets], source, raws) == []


@pytest.mark.parametrize(("wrong", "right"), [("half_even", "half_up"), ("floor", "half_up"), ("half_up", "half_even")])
def test_the_comparison_sees_a_wrong_rounding(wrong, right):
    cases = [(s(3, 0), wrong, "saturate")]
    assert mismatches(cases, s(3, 2), range(-16, 16)) == []
    other = lambda raw, source, target, _, overflow: quantise(raw, source, target, right, overflow)  # noqa: E731
    assert len(mismatches(cases, s(3, 2), range(-16, 16), other)) == 1


def test_a_narrower_value_is_extended():
    m, a = Module(), Signal(3)
    assert simulate(m, a, range(8), [quantise_hw(m, a - 8, s(8, 0), s(6, -2), "floor")]) == [[-2]] * 4 + [[-1]] * 4


def test_hardware_refuses_what_it_cannot_mean():
    m, i = Module(), Signal(3)
    with pytest.raises(ValueError, match=r"x: a value of shape .* does not fit in s3\.0"):
        quantise_hw(m, i, s(3, 0), s(8, 0), name="x")
    with pytest.raises(ValueError, match="rounding must be one of half_up, half_even, floor, not 'up'"):
        quantise_hw(m, i, u(3, 0), s(8, 0), "up")
    Fragment.get(m, None)  # Amaranth warns of a module that nothing uses


@pytest.mark.parametrize(("modes", "adders"), [((r, o), 0 if r == "floor" else 1) for r, o in MODES])
def test_hardware_is_lean_and_named(modes, adders):
    m, i = Module(), Signal(s(4, 11), name="i")
    out = quantise_hw(m, i, s(4, 11), s(1, 7), *modes, name="y")
    text = rtlil.convert(m, ports=[i, out])
    cells = re.findall(r"cell \$(\w+)", text)
    assert cells.count("add") == adders
    assert not {"mul", "sub", "lt", "le", "gt", "ge", "neg"} & set(cells)
    assert cells.count("mux") <= 1
    names = set(re.findall(r"wire .*\\(\w+)", text))
    assert {"i", "y", "y_rounded"} <= names <= {"i", "y", "y_kept", "y_up", "y_rounded", "y_over", "y_positive"}


def test_format_shapes_signals_and_streams():
    assert Signal(s(1, 7)).shape() == s(1, 7).as_shape()
    assert (Signal(u(1, 7), init=255).init, Signal(s(1, 7), init=-128).init) == (255, -128)
    assert stream.Signature(s(1, 7)).create().payload.shape() == s(1, 7).as_shape()
    assert len(wiring.Signature({"x": wiring.In(u(4, -2))}).create().x) == 2
    with pytest.raises(ValueError, match=r"outside the raw range 0\.\.3"):
        u(4, -2).const(4)


@given(formats(), st.data())
@settings(deadline=None)
def test_from_bits_inverts_const(fmt, data):
    raw = data.draw(st.integers(*ends(fmt)))
    assert (fmt.const(raw).value, fmt.const(raw).shape()) == (raw, fmt.as_shape())
    assert fmt.from_bits(raw % 2**fmt.width) == raw == fmt.from_bits(raw)
