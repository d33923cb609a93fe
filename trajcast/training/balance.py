"""Change of the kinetic energy in a single model step.

A network fitted by least squares predicts a conditional mean. If the input does not fully determine the new velocities
v′, the errors e are anticorrelated with them, ⟨e·v′⟩ = −⟨e²⟩, and every step loses the fraction ⟨e²⟩/⟨v′²⟩ of the
kinetic energy. A thermostat restores it, but not to the motion that lost it.
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
    """Kinetic energy balance of one step for each element.

    Args:
        predicted: Predicted new velocities.
        true: New velocities v′ from MD.
        numbers: Atomic numbers.

    Returns:
        For each atomic number, as fractions of ⟨v′²⟩: `error` ⟨e²⟩ with e = predicted − true velocity, `along` ⟨e·v′⟩,
        and `change` ⟨predicted² − true²⟩, the change of the kinetic energy; standard errors over pairs as `…_error`.
    """
    balance = {}
    for number in np.unique(numbers):
        v, p = (values[:, numbers == number].astype(np.float64) for values in (true, predicted))
        square_sums = np.square(v).sum((1, 2))
        terms = {"error": np.square(p - v), "along": (p - v) * v, "change": np.square(p) - np.square(v)}
        fractions: dict[str, float] = {}
        for name, values in terms.items():
            fraction, error = ratio_of_means(values.sum((1, 2)), square_sums)
            fractions |= {name: fraction, f"{name}_error": error}
        balance[str(number)] = fractions
    return balance


def ratio_of_means(numerator: Float[ndarray, " pairs"], denominator: Float[ndarray, " pairs"]) -> tuple[float, float]:
    """Ratio of two means and its standard error, which is NaN for a single pair."""
    ratio = numerator.mean() / denominator.mean()
    residuals = numerator - ratio * denominator
    error = residuals.std(ddof=1) / np.sqrt(len(residuals)) / denominator.mean() if len(residuals) > 1 else np.nan
    return float(ratio), float(error)
