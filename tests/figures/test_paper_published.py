"""The published errors against physics: absolute and relative ones belong to velocities and displacements of MD."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

from trajcast.figures.published import published_errors

ATOMS = {  # masses (u) and numbers of atoms of each element, and the degrees of freedom
    "molecule": ({12.011: 8, 1.008: 9, 14.007: 1, 15.999: 2}, 54),
    "crystal": ({28.085: 54, 15.999: 108}, 483),
    "liquid": ({15.999: 64, 1.008: 128}, 573),
}
KELVIN = 300.0
WINDOW_K = 20.0  # the largest one that runs at constant energy start within
ROUNDING = 0.005  # two decimals


def thermal_speed(kind: str) -> float:
    """Mean absolute velocity component at 300 K, Å/fs: of Maxwell and Boltzmann, √(2kT/πm), less conserved momenta."""
    counts, degrees_of_freedom = ATOMS[kind]
    masses = np.repeat(list(counts), list(counts.values())) * constants.atomic_mass
    free = degrees_of_freedom / (3 * len(masses))
    return float(np.sqrt(2 * free * constants.k * KELVIN / (np.pi * masses)).mean()) * 1e-5


def sizes(kind: str, output: str, unit: str) -> dict[float, tuple[float, float]]:
    """Mean absolute value of an output at each horizon, lowest and highest that rounding allows."""
    found = {}
    for horizon, row in published_errors(kind).items():
        absolute, percent = float(row[f"{output}_mae_1e-5_{unit}"]), float(row[f"{output}_mae_percent"])
        found[horizon] = (
            1e-3 * (absolute - ROUNDING) / (percent + ROUNDING),
            1e-3 * (absolute + ROUNDING) / (percent - ROUNDING),
        )
    return found


@pytest.mark.parametrize("kind", ATOMS)
def test_published_velocity_errors_are_parts_of_thermal_velocities(kind: str) -> None:
    found = sizes(kind, "velocity", "A_per_fs")
    thermal = thermal_speed(kind)
    spread = WINDOW_K / KELVIN / 2  # velocities go with the root of the temperature
    for low, high in found.values():
        assert low < thermal * (1 + spread)
        assert high > thermal * (1 - spread)
    lowest, highest = max(low for low, _ in found.values()), min(high for _, high in found.values())
    assert lowest < highest * 1.01  # the same data at every horizon: one value


@pytest.mark.parametrize("kind", ATOMS)
def test_published_displacement_errors_are_parts_of_what_atoms_move(kind: str) -> None:
    found = sizes(kind, "displacement", "A")
    fastest = thermal_speed(kind) * (1 + WINDOW_K / KELVIN / 2)
    slower = fastest  # than straight ahead: forces turn atoms back, the more the longer they act
    for horizon, (low, high) in sorted(found.items()):
        assert low / horizon <= slower
        slower = min(slower, high / horizon)
    assert slower > 0.3 * fastest


@pytest.mark.parametrize("kind", ATOMS)
def test_published_errors_grow_with_the_horizon(kind: str) -> None:
    rows = [row for _, row in sorted(published_errors(kind).items())]
    for column in (name for name in rows[0] if "_mae_" in name):
        values = [float(row[column]) for row in rows]
        assert values == sorted(set(values)), column
