"""CIC register pruning against Hogenauer's published example, polynomial products and a bit-true simulation."""

import itertools

import numpy as np
import pytest

from hwgen.problems.cic import Cic

PAPER = Cic(4, 25, 1, 16, 16)
LYONS = Cic(3, 8, 1, 12, 12)


def rng(seed=1):
    return np.random.default_rng(seed)


def test_published_example():
    # Hogenauer 1981, section V: N = 4, R = 25, M = 1, 16 bits in and out, MSB 34, 19 bits discarded at the output.
    assert PAPER.width == 35
    assert (PAPER.width - PAPER.hogenauer()).tolist() == [1, 6, 9, 13, 14, 15, 16, 17, 19]


def test_three_stages_by_eight():
    assert (LYONS.gain, LYONS.width, LYONS.dropped_at_output) == (512, 21, 9)
    # F_j^2 of the combs by hand: squares of binomials of order 3, 2, 1, then the output.
    assert LYONS.powers[3:] == (20, 6, 2, 1)
    # 0.5 log2(4^9 / 12 / F_j^2 * 2): .63, 3.20, 4.92, 5.55, 6.42, 7.21.
    assert (LYONS.width - LYONS.hogenauer()).tolist() == [0, 3, 4, 5, 6, 7, 9]


@pytest.mark.parametrize(
    "cic", [LYONS, Cic(2, 5, 2, 8, 8), Cic(5, 4, 1, 8, 10), Cic(1, 7, 1, 4, 4), Cic(2, 1, 1, 8, 8)]
)
def test_responses_are_quotients_of_polynomials(cic):
    """From the input of integrator j: (1 - z^RM)^N / (1 - z)^(N - j + 1), divided exactly by running sums."""
    N, span = cic.stages, cic.rate * cic.delay
    comb = np.array([1] + [0] * (span - 1) + [-1], dtype=object)
    for j in range(1, N + 1):
        h = np.array([1], dtype=object)
        for _ in range(N):
            h = np.convolve(h, comb)
        for _ in range(N - j + 1):
            h = np.cumsum(h)
        expected = np.trim_zeros(list(h), "b")
        got = cic.impulse_response(j)
        assert np.trim_zeros(got, "b") == expected, j
        assert cic.powers[j - 1] == sum(v * v for v in expected), j
    assert cic.sums[0] == cic.gain
    assert cic.sums[1:-1] == (0,) * (2 * N - 1)


def simulate(cic, widths, x):
    """Output words of the pruned filter in input LSBs, by integers; every stage truncates what enters it."""
    dropped = cic.width - np.asarray(widths)
    y = x.astype(object)
    for j in range(cic.stages):
        y = np.cumsum((y >> dropped[j]) << dropped[j])
    y = y[cic.rate - 1 :: cic.rate]
    for j in range(cic.stages, 2 * cic.stages):
        y = (y >> dropped[j]) << dropped[j]
        y = y - np.concatenate([np.zeros(cic.delay, dtype=object), y[: -cic.delay]])
    return (y >> dropped[-1]) << dropped[-1]


@pytest.mark.parametrize("cic", [LYONS, Cic(2, 4, 2, 12, 10), Cic(4, 5, 1, 12, 12)])
@pytest.mark.parametrize("pruned", ["hogenauer", "more", "falling"])
def test_error_is_that_of_a_simulation(cic, pruned):
    widths = cic.hogenauer()
    if pruned == "more":
        # The first stage too: the only one whose mean reaches the output.
        widths = np.maximum(widths - 2, cic.output_bits)
    if pruned == "falling":
        # A later stage with a finer LSB gains nothing.
        widths[1], widths[2] = widths[2], widths[1]
    samples = 30_000 * cic.rate
    x = rng().integers(-(2 ** (cic.input_bits - 1)), 2 ** (cic.input_bits - 1), samples)
    full = np.full(widths.size, cic.width)
    difference = (simulate(cic, widths, x) - simulate(cic, full, x))[4 * cic.stages * cic.delay :]
    difference = difference.astype(float) / 2**cic.dropped_at_output
    centred = Cic(cic.stages, cic.rate, cic.delay, cic.input_bits, cic.output_bits, "centred")
    assert np.mean(difference**2) == pytest.approx(cic.error(widths[None])[0], rel=0.05)
    assert np.var(difference) == pytest.approx(centred.error(widths[None])[0], rel=0.05)


def test_error_by_hand():
    # N = 1, R = M = 2, 2 bits in, full width 4, 3 out. h_1 = 1, 1, 1, 1; h_2 = 1, -1; h_3 = 1. Output LSB 2.
    widths = np.array([[4, 4, 3], [3, 3, 3], [4, 3, 3], [3, 4, 3]])
    # All at the output: variance (4 - 1) / 12, mean 1/2. All at the input: the variance four times, the mean too.
    expected = [(1 / 4 + 1 / 4) / 4, (4 / 4 + (4 / 2) ** 2) / 4, (2 / 4 + 0) / 4, (4 / 4 + (4 / 2) ** 2) / 4]
    assert Cic(1, 2, 2, 2, 3).error(widths) == pytest.approx(expected)
    assert Cic(1, 2, 2, 2, 3, "centred").error(widths) == pytest.approx([1 / 16, 4 / 16, 2 / 16, 4 / 16])
    # 4 / 12 for every stage with a bit dropped, times 4, 2 and 1.
    assert Cic(1, 2, 2, 2, 3, "independent").error(widths) == pytest.approx([1 / 12, 7 / 12, 3 / 12, 5 / 12])


def test_stages_add_no_more_than_the_output_in_the_independent_model():
    for parameters in ((4, 25, 1, 16, 16), (3, 8, 1, 12, 12), (5, 32, 2, 10, 14), (6, 100, 1, 16, 18)):
        cic = Cic(*parameters, "independent")
        assert 1 / 12 < cic.error(cic.hogenauer()[None])[0] <= 2 / 12, parameters


def test_independent_model_is_a_sum_over_the_variables():
    cic = Cic(2, 4, 1, 4, 4, "independent")
    problem = cic.problem()
    assert problem.separable
    bits = np.array(list(itertools.product(*[range(4, 9)] * 4, [4])))
    errors = cic.error(bits).reshape([5] * 4)
    for axis in range(4):
        rise = np.diff(errors, axis=axis)
        first = np.moveaxis(rise, axis, 0).reshape(4, -1)
        assert first == pytest.approx(np.tile(first[:, :1], first.shape[1]), rel=1e-9)
    assert not Cic(2, 4, 1, 4, 4).problem().separable


@pytest.mark.parametrize("model", ["exact", "centred", "independent"])
def test_optimum_of_a_small_filter_by_enumeration(model):
    cic = Cic(2, 4, 1, 6, 6, model)
    start = cic.hogenauer()
    limit = cic.error(start[None])[0]
    bits = np.array(list(itertools.product(*[range(6, 11)] * 4, [6])))
    least = cic.consumption(bits[cic.error(bits) <= limit * (1 + 1e-12)]).min()
    # Hogenauer's floor takes the same from every stage to within a factor of four, which his model cannot better. Under
    # the large mean of the output, the variances may be larger than he lets them be.
    assert (least < start.sum()) == (model == "exact")


def test_closed_form_meets_limits():
    published = PAPER.hogenauer()
    total, error = int(published.sum()), PAPER.error(published[None])[0]
    assert (PAPER.closed_forms()["hogenauer"] == published).all()
    for budget in (total - 9, total, total + 9):
        widths = PAPER.closed_forms(budget=budget)["hogenauer"]
        assert budget - 9 < widths.sum() <= budget
    for goal in (0.6 * error, error, 3 * error):
        widths = PAPER.closed_forms(goal=goal)["hogenauer"]
        assert PAPER.error(widths[None])[0] <= goal * (1 + 1e-9)
    assert PAPER.closed_forms(goal=3 * error)["hogenauer"].sum() < total
    with pytest.raises(ValueError, match="budget must be at least 144"):
        PAPER.closed_forms(budget=100)
    with pytest.raises(ValueError, match="goal must be at least"):
        PAPER.closed_forms(goal=1e-6)


def test_problem_defaults_to_hogenauers_error():
    problem = PAPER.problem()
    assert problem.names[0] == "integrator1"
    assert problem.names[-2:] == ("comb4", "output")
    assert problem.goal == pytest.approx(PAPER.error(PAPER.hogenauer()[None])[0])
    assert problem.starts["hogenauer"].sum() <= PAPER.hogenauer().sum()
    assert PAPER.problem(budget=200).budget == 200


def test_full_output_width_prunes_nothing():
    cic = Cic(2, 4, 1, 8, 12)
    assert cic.hogenauer().tolist() == [12] * 5
    assert cic.error(np.full((1, 5), 12))[0] == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ((0, 8, 1, 12, 12), "stages must be a whole number of at least 1"),
        ((3, 8.5, 1, 12, 12), "rate must be a whole number"),
        ((3, 8, 1, 12, 22), "at most 21"),
        ((3, 8, 1, 12, 12, "white"), "exact, centred, independent"),
    ],
)
def test_mistakes_are_explained(parameters, message):
    with pytest.raises(ValueError, match=message):
        Cic(*parameters)
    with pytest.raises(ValueError, match="between 1 and 7"):
        LYONS.impulse_response(8)
