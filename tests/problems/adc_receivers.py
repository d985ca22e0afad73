"""Small mixed-resolution receivers, points of their bits, and the optimum by enumeration."""

import itertools

import numpy as np

from hwgen.problems.adc import AdcReceiver
from hwgen.problems.channels import rayleigh


def rng(seed=1):
    return np.random.default_rng(seed)


def receiver(antennas=6, users=3, snr_db=5.0, spread_db=10.0, seed=1, make=rayleigh, **options):
    return AdcReceiver(make(antennas, users, snr_db, rng(seed), spread_db), **options)


def points(problem, count, seed=2):
    return rng(seed).choice(problem.levels, (count, problem.antennas))


def every(problem):
    return np.array(list(itertools.product(problem.levels, repeat=problem.antennas)))


def optimum(problem, budget):
    bits = every(problem)
    return problem.error(bits[problem.consumption(bits) <= budget]).min()
