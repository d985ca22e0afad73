"""Moments of the swarm's recursion against Monte Carlo, published points and their closed forms."""

import warnings

import numpy as np
import pytest

from hwgen.allocation.stability import (
    ConvergenceWarning,
    Dynamics,
    order1_limit,
    order2_limit,
    region,
    warn_unless_stable,
)


def positions(dynamics, steps, own, leader, position, velocity, particles, seed):
    """The stochastic recursion itself, as a swarm runs it: positions (steps + 1, particles)."""
    rng = np.random.default_rng(seed)
    x, v = np.full(particles, float(position)), np.full(particles, float(velocity))
    path = [x]
    for _ in range(steps):
        first, second = rng.uniform(size=(2, particles))
        v = dynamics.inertia * v + dynamics.cognitive * first * (own - x) + dynamics.social * second * (leader - x)
        x = x + v
        path.append(x)
    return np.array(path)


@pytest.mark.parametrize(
    ("inertia", "attraction", "radius1", "radius2"),
    [(0.7298, 1.49618, 0.854, 0.944), (0.6, 1.7, 0.775, 0.889), (0.5, 2.0, 0.707, 1.0), (0.7, 2.0, 0.837, 1.124)],
)
def test_published_radii(inertia, attraction, radius1, radius2):
    dynamics = Dynamics(inertia, attraction, attraction)
    assert dynamics.radius1 == pytest.approx(radius1, abs=5e-4)
    assert dynamics.radius2 == pytest.approx(radius2, abs=5e-4)
    assert dynamics.stable1
    assert dynamics.stable2 == (radius2 < 1)


@pytest.mark.parametrize(
    ("inertia", "cognitive", "social", "own", "leader", "position", "velocity"),
    [(0.6, 1.2, 1.4, -1.0, 2.0, 5.0, 1.0), (0.4, 0.5, 2.0, 3.0, 1.0, 0.0, -2.0), (-0.3, 1.0, 0.2, 0.0, 1.0, 0.5, 0.3)],
)
def test_monte_carlo(inertia, cognitive, social, own, leader, position, velocity):
    # Well inside the region: nearer to its edge the fourth moment is infinite, and a sampled variance never settles.
    dynamics = Dynamics(inertia, cognitive, social)
    assert dynamics.stable2
    path = positions(dynamics, 60, own, leader, position, velocity, 200_000, seed=1)
    mean, variance = dynamics.trajectory(60, own, leader, position, velocity)
    spread = np.sqrt(variance.max())
    assert path.mean(axis=1) == pytest.approx(mean, abs=0.02 * spread)
    # From the start, where the variance is exactly 0 and then that of one step, to stagnation.
    assert path.var(axis=1) == pytest.approx(variance, rel=0.03, abs=1e-3 * spread**2)
    limit = dynamics.stagnation(own, leader)
    assert mean[-1] == pytest.approx(float(limit.mean), abs=1e-3 * spread)
    assert variance[-1] == pytest.approx(float(limit.variance), rel=0.03)
    assert path[-20:].var() == pytest.approx(float(limit.variance), rel=0.05)


def test_divergence():
    """Outside order 2 the variance grows as predicted though the mean settles; outside order 1 the mean goes too."""
    outside = Dynamics(0.7, 2.0, 2.0)
    path = positions(outside, 12, 0.0, 1.0, 0.0, 0.0, 400_000, seed=2)
    mean, variance = outside.trajectory(400)
    assert path.var(axis=1) == pytest.approx(variance[:13], rel=0.1)
    assert variance[400] / variance[399] == pytest.approx(outside.radius2, rel=1e-6)
    assert mean[400] == pytest.approx(0.5, abs=1e-9)
    assert np.isinf(outside.stagnation().variance)
    assert float(outside.stagnation().mean) == 0.5
    far = Dynamics(0.5, 3.1, 3.1)
    assert not far.stable1
    assert np.abs(far.trajectory(400).mean[-1]) > 1e3
    assert np.isinf(far.stagnation().mean)
    assert np.abs(positions(far, 60, 0.0, 1.0, 0.0, 0.0, 100, seed=3)[-1]).max() > 1e3


def test_poli_variance():
    """Equal attractions c: c (1 + w) (p - l)^2 / (4 (12 (1 - w^2) - c (7 - 5 w)))."""
    for inertia, c in [(0.7298, 1.49618), (0.6, 1.7), (0.0, 1.0), (-0.5, 0.3)]:
        own, leader = np.array([0.0, -2.0]), np.array([1.0, 3.0])
        expected = c * (1 + inertia) * (own - leader) ** 2 / (4 * (12 * (1 - inertia**2) - c * (7 - 5 * inertia)))
        mean, variance = Dynamics(inertia, c, c).stagnation(own, leader)
        assert variance == pytest.approx(expected, rel=1e-12)
        assert mean == pytest.approx([0.5, 0.5])
    assert Dynamics(0.6, 0.0, 2.0).stagnation(0.0, 3.0) == (3.0, 0.0)


def test_boundaries():
    """The closed forms divide the plane exactly where the spectral radii cross 1, for every split of c1 + c2."""
    inertia, order1, order2 = region(41)
    assert order1 == pytest.approx(4 * (1 + inertia))
    assert order2 == pytest.approx(24 * (1 - inertia**2) / (7 - 5 * inertia))
    assert order2_limit(0.5) == pytest.approx(4.0)
    assert order1_limit(0.5) == pytest.approx(6.0)
    for share in (0.0, 0.2, 0.5, 0.9):
        for w in np.linspace(-0.95, 0.95, 39):
            for limit, order in ((order1_limit(w), 1), (order2_limit(w, share), 2)):
                for scale, inside in ((0.02, True), (0.5, True), (0.999, True), (1.001, False), (2.0, False)):
                    total = scale * float(limit)
                    dynamics = Dynamics(w, share * total, (1 - share) * total)
                    where = f"w {w}, c1 + c2 {total}, share {share}"
                    assert (getattr(dynamics, f"radius{order}") < 1) == inside, where
                    assert getattr(dynamics, f"stable{order}") == inside, where
    with pytest.raises(ValueError, match="between 0 and 1"):
        order2_limit(0.5, 1.5)
    with pytest.raises(ValueError, match="at least 2"):
        region(1)


def test_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_unless_stable(0.6, 1.7, 1.7)
    for parameters, words in [
        ((0.7, 2.0, 2.0), "1.124 a step.*below 3.497"),
        ((1.0, 1.0, 1.0), "between -1 and 1"),
        ((0.5, 0.0, 0.0), "without attraction"),
    ]:
        with pytest.warns(ConvergenceWarning, match=words) as caught:
            warn_unless_stable(*parameters)
        assert caught[0].filename == __file__
    with pytest.raises(ValueError, match="cognitive must be finite and at least 0"):
        warn_unless_stable(0.5, -1.0, 1.0)
    with pytest.raises(ValueError, match="inertia must be finite"):
        Dynamics(float("nan"), 1.0, 1.0)
    with pytest.raises(ValueError, match="at least 0"):
        Dynamics(0.5, 1.0, 1.0).trajectory(-1)
