"""What one step of a model does to kinetic energy.

A network fitted to squares predicts a mean: where what follows is not determined by what it sees, its velocities are
too small by their errors' share, ⟨e·v′⟩ = −⟨e²⟩, and every step takes that share of the kinetic energy. A thermostat
gives it back, though not to the motion that lost it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from numpy import ndarray


def kinetic_balance(
    predicted: Float[ndarray, "pairs atoms 3"], true: Float[ndarray, "pairs atoms 3"], numbers: Int[ndarray, " atoms"]
) -> dict[str, dict[str, float]]:
    """For each element, by atomic number, in shares of its ⟨v′²⟩ and with standard errors over pairs: `error` ⟨e²⟩ with
    e = predicted less true velocity, `along` ⟨e·v′⟩, and `change` of the kinetic energy a step, ⟨predicted² − true²⟩.
    """
    found = {}
    for number in np.unique(numbers):
        v, p = (values[:, numbers == number].astype(np.float64) for values in (true, predicted))
        whole = np.square(v).sum((1, 2))
        parts = {"error": np.square(p - v), "along": (p - v) * v, "change": np.square(p) - np.square(v)}
        shares: dict[str, float] = {}
        for name, values in parts.items():
            share, error = ratio_of_means(values.sum((1, 2)), whole)
            shares |= {name: share, f"{name}_error": error}
        found[str(number)] = shares
    return found


def ratio_of_means(above: Float[ndarray, " pairs"], below: Float[ndarray, " pairs"]) -> tuple[float, float]:
    """Ratio of means with its standard error; NaN of one pair."""
    ratio = above.mean() / below.mean()
    left = above - ratio * below
    error = left.std(ddof=1) / np.sqrt(len(left)) / below.mean() if len(left) > 1 else np.nan
    return float(ratio), float(error)
