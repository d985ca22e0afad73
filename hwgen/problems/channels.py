"""Channels of an uplink: K single-antenna users, M receiving antennas, one complex gain for each pair.

Every generator returns a complex array (M, K) whose entry (m, k) has a mean square equal to the SNR of user k at
one antenna, so that noise and symbols both have unit power from here on.
"""

import numpy as np
from numpy.typing import NDArray


def user_powers(users: int, snr_db: float, spread_db: float = 0.0) -> NDArray[np.float64]:
    """SNR of every user at one antenna as a ratio, (K,), falling evenly in dB.

    The nearest user has ``snr_db``, the farthest ``spread_db`` less: the near-far effect without power control.
    """
    if users < 1:
        raise ValueError(f"users must be at least 1, got {users}")
    if not spread_db >= 0:
        raise ValueError(f"spread_db must be at least 0, got {spread_db}")
    return np.asarray(10 ** ((snr_db - np.linspace(0, spread_db, users)) / 10))


def _check(antennas: int, users: int) -> None:
    if antennas < 1 or users < 1:
        raise ValueError(f"antennas and users must be at least 1, got {antennas} and {users}")


def rayleigh(
    antennas: int, users: int, snr_db: float, rng: np.random.Generator, spread_db: float = 0.0
) -> NDArray[np.complex128]:
    """Independent Rayleigh fading: rich scattering, every antenna much like any other. Complex (M, K)."""
    _check(antennas, users)
    parts = rng.normal(size=(2, antennas, users)) / np.sqrt(2)
    return (parts[0] + 1j * parts[1]) * np.sqrt(user_powers(users, snr_db, spread_db))


def beamspace(
    antennas: int, users: int, snr_db: float, rng: np.random.Generator, spread_db: float = 0.0, paths: int = 3
) -> NDArray[np.complex128]:
    """Few paths seen through the unitary DFT of a uniform linear array at half-wavelength spacing. Complex (M, K).

    Each path has a gain CN(0, 1 / paths) and a direction uniform in angle over the half circle; row m is the beam
    m of the DFT. Most of the power falls on few beams, so the rows differ by orders of magnitude (Brady, Behdad and
    Sayeed, IEEE TAP 61(7), 2013).
    """
    _check(antennas, users)
    if paths < 1:
        raise ValueError(f"paths must be at least 1, got {paths}")
    angles = rng.uniform(-np.pi / 2, np.pi / 2, (paths, users))
    parts = rng.normal(size=(2, paths, users)) / np.sqrt(2 * paths)
    steering = np.exp(1j * np.pi * np.arange(antennas)[:, None, None] * np.sin(angles))
    array = (steering * (parts[0] + 1j * parts[1])).sum(axis=1)
    beams = np.fft.fft(array, axis=0) / np.sqrt(antennas)
    return np.asarray(beams * np.sqrt(user_powers(users, snr_db, spread_db)))
