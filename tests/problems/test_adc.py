"""The mixed-resolution receiver against dense matrix formulas, Monte Carlo, finite differences and enumeration."""

import itertools

import numpy as np
import pytest
from adc_receivers import points, receiver, rng
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from hwgen.problems.adc import UNIFORM_DISTORTION, AdcReceiver
from hwgen.problems.channels import beamspace, rayleigh, user_powers


def distortion(step, bits):
    """Mean square error of a uniform mid-rise quantiser of a unit Gaussian, cell by cell from its moments."""
    edges = np.append(np.arange(2 ** (bits - 1)) * step, np.inf)
    outputs = edges[:-1] + step / 2
    inside = np.diff(norm.cdf(edges))
    first = -np.diff(norm.pdf(edges))
    second = inside - np.diff(np.append(edges[:-1], 0.0) * norm.pdf(edges))
    return 2 * float((second - 2 * outputs * first + outputs**2 * inside).sum())


@pytest.mark.parametrize("bits", range(1, 13))
def test_table_is_the_best_uniform_quantiser(bits):
    best = minimize_scalar(
        lambda octaves: distortion(2.0**octaves, bits), bounds=(-bits, 3 - 0.7 * bits), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    assert best.fun == pytest.approx(UNIFORM_DISTORTION[bits], rel=1e-6)


# Max 1960, table II, prints these to four digits.
@pytest.mark.parametrize(("bits", "published"), [(1, 0.3634), (2, 0.1188), (3, 0.03744), (4, 0.01154), (5, 0.003495)])
def test_table_is_the_published_one(bits, published):
    assert UNIFORM_DISTORTION[bits] == pytest.approx(published, rel=5e-4)


def dense(problem, bits, combiner):
    """MSE of every user from the covariances of y_q = A y + q, for a combiner that sees A H and the covariance."""
    H = problem.channel
    A = np.diag(1 - np.array(UNIFORM_DISTORTION)[bits])
    Cy = H @ H.conj().T + np.eye(len(H))
    Rq = A @ (np.eye(len(H)) - A) @ np.diag(np.diag(Cy))
    C = A @ Cy @ A + Rq
    on = bits > 0
    G, C = (A @ H)[on], C[np.ix_(on, on)]
    W = combiner(G, C)
    # Each output scaled by what makes its own mean square error least.
    scale = np.diag(W @ G).conj() / np.diag(W @ C @ W.conj().T).real
    W = scale[:, None] * W
    E = np.eye(H.shape[1]) - W @ G - G.conj().T @ W.conj().T + W @ C @ W.conj().T
    return np.diag(E).real


COMBINERS = {
    "lmmse": lambda G, C: G.conj().T @ np.linalg.inv(C),
    "zf": lambda G, C: np.linalg.pinv(G),
    "mrc": lambda G, C: G.conj().T,
}


@pytest.mark.parametrize("detector", COMBINERS)
def test_error_is_that_of_the_dense_matrices(detector):
    problem = receiver(detector=detector)
    for bits in [*points(problem, 20), np.full(6, 8), np.array([0, 1, 2, 3, 0, 0]), np.array([4, 0, 4, 0, 4, 1])]:
        if np.count_nonzero(bits) >= 3:
            expected = dense(problem, bits, COMBINERS[detector])
            assert problem.user_mse(bits[None])[0] == pytest.approx(expected, rel=1e-9), bits
            assert problem.error(bits[None])[0] == pytest.approx(expected.mean(), rel=1e-9), bits


def test_single_antenna_by_hand():
    # SNR 3, 1 bit: C_y = 4, a = 1 - rho; MSE = 1 - a^2 3 / (a^2 4 + a rho 4) = 1 - 3 a / 4.
    problem = AdcReceiver(np.array([[np.sqrt(3)]]))
    a = 1 - 0.3633802276
    assert problem.error(np.array([[1], [0]])) == pytest.approx([1 - 0.75 * a, 1.0])
    assert problem.mse_infinite == pytest.approx(0.25)


def test_model_predicts_a_monte_carlo_of_real_quantisers():
    # With many weak users the distortions are nearly uncorrelated and the inputs Gaussian, as the model assumes.
    problem = receiver(antennas=12, users=6, snr_db=-6, spread_db=0, make=rayleigh)
    bits = np.array([1, 2, 3, 4, 2, 3, 0, 5, 3, 2, 4, 1])
    draw, T, (M, K) = rng(7), 200_000, problem.channel.shape
    x, n = ((draw.normal(size=(size, T)) + 1j * draw.normal(size=(size, T))) / np.sqrt(2) for size in (K, M))
    y = problem.channel @ x + n
    steps = [0, 1.5957691, 0.9956867, 0.5860194, 0.3352006, 0.1881388]
    sigma = np.sqrt(problem.power / 2)

    def quantise(part, m):
        if not bits[m]:
            return np.zeros(T)
        step = steps[bits[m]] * sigma[m]
        top = 2 ** (bits[m] - 1) - 1
        return (np.clip(np.floor(part / step), -top - 1, top) + 0.5) * step

    yq = np.array([quantise(y[m].real, m) + 1j * quantise(y[m].imag, m) for m in range(M)])
    A = np.diag(1 - np.array(UNIFORM_DISTORTION)[bits])
    H, Cy = problem.channel, np.diag(problem.power)
    C = A @ (H @ H.conj().T + np.eye(M)) @ A + A @ (np.eye(M) - A) @ Cy
    W = (A @ H).conj().T @ np.linalg.pinv(C)
    measured = (np.abs(x - W @ yq) ** 2).mean()
    assert measured == pytest.approx(problem.error(bits[None])[0], rel=0.01)


@pytest.mark.parametrize("detector", COMBINERS)
def test_rate_is_lost_by_quantisation_alone(detector):
    problem = receiver(detector=detector, merit="rate")
    bits = np.array([[8] * 6, [3] * 6])
    sinr = 1 / problem.user_mse(bits) - 1
    assert problem.error(bits) == pytest.approx(problem.rate_infinite - np.log2(1 + sinr).sum(axis=1))
    fine = AdcReceiver(problem.channel, (0, 12), detector, "rate").error(np.full((1, 6), 12))[0]
    assert 0 < fine < 1e-3
    # A linear detector cannot exceed the capacity of the channel, log2 det (I + H^H H).
    assert (
        problem.rate_infinite
        <= np.log2(np.linalg.eigvalsh(np.eye(3) + problem.channel.conj().T @ problem.channel)).sum()
    )


def test_zero_forcing_without_enough_antennas_detects_nothing():
    problem = receiver(detector="zf")
    assert problem.user_mse(np.array([[0, 0, 0, 0, 5, 5], [0] * 6])) == pytest.approx(np.ones((2, 3)))


@pytest.mark.parametrize("merit", ["mse", "rate"])
@pytest.mark.parametrize("make", [rayleigh, beamspace])
def test_trials_and_criterion_are_full_evaluations(merit, make):
    problem = receiver(merit=merit, make=make, levels=(0, 2, 3, 5, 8))
    bits = points(problem, 5)
    tried, rise = problem.trials(bits), problem.criterion(bits)
    for row, m, k in itertools.product(range(5), range(6), range(5)):
        moved = bits[row].copy()
        moved[m] = problem.levels[k]
        assert tried[row, m, k] == pytest.approx(problem.error(moved[None])[0], rel=1e-9)
    for row, m in itertools.product(range(5), range(6)):
        moved = bits[row].copy()
        moved[m] = problem.levels[max(problem.levels.index(moved[m]) - 1, 0)]
        expected = problem.error(moved[None])[0] - problem.error(bits[row : row + 1])[0]
        assert rise[row, m] == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("merit", ["mse", "rate"])
def test_exchanges_are_full_evaluations(merit):
    problem = receiver(merit=merit)
    bits = np.array([1, 0, 3, 2, 8, 4])
    up, down = np.minimum(bits + 2, 8), np.maximum(bits - 1, 0)
    table = problem.exchanges(bits, up, down)
    for i, j in itertools.permutations(range(6), 2):
        moved = bits.copy()
        moved[i], moved[j] = up[i], down[j]
        assert table[i, j] == pytest.approx(problem.error(moved[None])[0], rel=1e-9)


@pytest.mark.parametrize("merit", ["mse", "rate"])
def test_derivatives_are_differences(merit):
    function = receiver(merit=merit).function
    gains, e = rng().uniform(0.1, 0.9, 6), 1e-5
    _, gradient, hessian = function.derivatives(gains)
    for m in range(6):
        unit = e * np.eye(6)[m]
        after, before = function.derivatives(gains + unit), function.derivatives(gains - unit)
        assert (after[0] - before[0]) / (2 * e) == pytest.approx(gradient[m], rel=1e-6)
        assert (after[1] - before[1]) / (2 * e) == pytest.approx(hessian[m], rel=1e-5, abs=1e-7)
    assert np.linalg.eigvalsh(hessian).min() > -1e-9 * np.linalg.eigvalsh(hessian).max(), "the bound needs convexity"


def test_closed_forms_by_hand():
    # s = 64, 8, 1: b = c + 2, c + 1, c. At a budget 2^4 + 2^3 + 2^2 the constant is 2.
    problem = AdcReceiver(np.sqrt(np.array([[63.0], [7.0], [0.0]])))
    assert problem.closed_forms(28)["mmsqe-ba"].tolist() == [4, 3, 2]
    # At 24 the constant is just below 1.5, which rounds to 3, 2, 1 (14); the first gets 8 of the 10 left, the last 2.
    assert problem.closed_forms(24)["mmsqe-ba"].tolist() == [4, 2, 2]
    # The revised form gives an antenna that receives nothing nothing.
    assert problem.closed_forms(24)["mmsqe-ba-revised"].tolist() == [4, 3, 0]


@pytest.mark.parametrize("cost", ["power", "bits"])
def test_closed_forms_minimise_the_quantisation_error_before_rounding(cost):
    problem = receiver(8, 2, 10, 0, cost=cost, levels=tuple(range(13)))
    form = problem.closed_forms(8 * 16 if cost == "power" else 32)["mmsqe-ba"]
    ideal = np.log2(problem.power) / 3
    shift = form - ideal
    assert shift.max() - shift.min() <= 2, "rounding and filling move each by a level at most"


def test_power_of_the_channels():
    assert user_powers(3, 10, 20) == pytest.approx([10, 1, 0.1])
    for make in (rayleigh, beamspace):
        H = make(64, 400, 3, rng(), 0)
        assert (np.abs(H) ** 2).mean() == pytest.approx(10**0.3, rel=0.1)
        near = make(64, 2, 0, rng(), 20)
        ratio = (np.abs(make(64, 2, 0, rng(), 0)) ** 2 / np.abs(near) ** 2).mean(axis=0)
        assert ratio == pytest.approx([1, 100])
    # Few paths fill few beams: most of the power of a user is on a tenth of them. Not so with rich scattering.
    share = [(np.sort(np.abs(make(64, 400, 0, rng())) ** 2, axis=0)[-6:].sum(axis=0) /
              (np.abs(make(64, 400, 0, rng())) ** 2).sum(axis=0)).mean() for make in (beamspace, rayleigh)]  # fmt: skip
    assert share[0] > 0.8
    assert share[1] < 0.45


def test_one_path_on_the_grid_is_one_beam(monkeypatch):
    # sin(angle) = 2 * 8 / 64 is the direction of beam 8 of 64.
    class Fixed:
        def uniform(self, low, high, shape):
            return np.full(shape, np.arcsin(0.25))

        def normal(self, size):
            return np.ones(size)

    H = beamspace(64, 1, 0, Fixed(), paths=1)
    assert np.abs(H[8, 0]) ** 2 == pytest.approx(64)
    assert np.abs(np.delete(H, 8)).max() < 1e-12


def test_problem_carries_its_starts_criterion_and_bound():
    problem = receiver(levels=(0, 1, 2, 4)).problem(30)
    assert set(problem.starts) == {"mmsqe-ba", "mmsqe-ba-revised", "relaxation"}
    found = problem.error(np.array([problem.starts["relaxation"]], dtype=int))[0]
    assert problem.bound <= found
    assert receiver(detector="mrc").problem(30).criterion is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"detector": "ml"}, "lmmse, zf, mrc"),
        ({"merit": "ber"}, "mse, rate"),
        ({"cost": "area"}, "power, bits"),
        ({"levels": (0, 13)}, "at most 12"),
        ({"levels": (2, 1)}, "rise strictly"),
        ({"levels": ()}, "rise strictly"),
        ({"distortion": (0.9, 0.3)}, "from 1"),
        ({"channel": np.ones(3)}, "antennas, users"),
        ({"channel": np.array([[1.0, 0.0], [1.0, 0.0]])}, "all zero"),
        ({"channel": np.array([[np.nan]])}, "finite"),
    ],
)
def test_mistakes_are_explained(change, message):
    with pytest.raises(ValueError, match=message):
        AdcReceiver(**{"channel": np.ones((2, 1)), **change})


def test_more_mistakes_are_explained():
    problem = receiver(levels=(2, 4))
    with pytest.raises(ValueError, match="at least 24"):
        problem.closed_forms(20)
    with pytest.raises(ValueError, match="at least 24"):
        problem.bound(20)
    with pytest.raises(ValueError, match="nodes"):
        problem.bound(30, nodes=0)
    with pytest.raises(ValueError, match="not for zf"):
        receiver(detector="zf").bound(30)
    with pytest.raises(ValueError, match="spread_db"):
        user_powers(2, 0, -1)
    with pytest.raises(ValueError, match="antennas and users"):
        rayleigh(0, 1, 0, rng())
    with pytest.raises(ValueError, match="paths"):
        beamspace(4, 1, 0, rng(), paths=0)
