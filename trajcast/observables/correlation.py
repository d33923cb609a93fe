"""Velocity autocorrelation of each element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from trajcast.observables.selection import Selection

ATOMS_AT_ONCE = 16  # bounds the memory of the transforms


def velocity_autocorrelations(selections: list[Selection], lags: int) -> dict[str, NDArray[np.float64]]:
    """⟨v(t₀)·v(t₀+t)⟩ of each element, (selections, lags + 1), in Å²/fs².

    Averaged over the element's atoms and all time origins t₀ (the sum is divided by their number, so no lag is damped),
    by FFT with padding against wrap-around.

    Args:
        selections: Each must have more than `lags` frames.
    """
    elements: dict[str, list[NDArray[np.float64]]] = {}
    for selection in selections:
        velocities = selection.velocities
        for symbol, atoms in selection.atoms_of.items():
            elements.setdefault(symbol, []).append(_autocorrelation(velocities[:, atoms], lags))
    return {symbol: np.array(values) for symbol, values in elements.items()}


def _autocorrelation(v_FNX: NDArray[np.float32], lags: int) -> NDArray[np.float64]:
    frames, atoms = v_FNX.shape[:2]
    padded = next_fast_len(frames + lags, real=True)
    power = np.zeros(padded // 2 + 1)
    for start in range(0, atoms, ATOMS_AT_ONCE):
        v = v_FNX[:, start : start + ATOMS_AT_ONCE].reshape(frames, -1).T.astype(np.float64)
        power += (np.abs(rfft(v, padded, axis=1)) ** 2).sum(axis=0)
    return irfft(power, padded)[: lags + 1] / (frames - np.arange(lags + 1)) / atoms
