"""Temperatures of Maxwell–Boltzmann velocities against theory."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2, kstest
from synthetic import context, scalar, spec, write

from trajcast.core.mechanics import degrees_of_freedom, thermal_velocities
from trajcast.core.state import join
from trajcast.io.trajectory import Trajectory
from trajcast.observables import temperature
from trajcast.observables.selection import select
from trajcast.observables.temperature_series import atom_degrees_of_freedom, kinetic_temperatures

TARGET = 300.0
BENT = np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
LINEAR = np.array([[0.0, 0, 0], [1.2, 0, 0], [-1.1, 0, 0]])
SYSTEMS = {
    "box": ([8, 1, 1, 8], 9.0, np.random.default_rng(1).random((4, 3)) * 9),
    "bent molecule": ([8, 1, 1], None, BENT),
    "linear molecule": ([6, 8, 8], None, LINEAR),
}


def thermal_trajectory(path, numbers, cell, positions, frames, **provenance):
    """Independent frames; the molecule is also turned and stretched a little from frame to frame."""
    rng = np.random.default_rng(2)
    generator = torch.Generator().manual_seed(3)
    top = spec(numbers, cell)
    all_positions = positions * rng.uniform(0.9, 1.1, size=(frames, 1, 1))
    batch = thermal_velocities(join([top.state(p, 0 * p) for p in all_positions]), TARGET, generator)
    velocities = batch.velocities.numpy().reshape(frames, -1, 3)
    return write(path, top, all_positions, velocities, 10.0, **provenance)


@pytest.mark.parametrize(("numbers", "cell", "positions"), SYSTEMS.values(), ids=SYSTEMS)
def test_every_element_and_the_total_follow_theory(tmp_path, numbers, cell, positions):
    """The total is T χ²(dof)/dof (Kolmogorov–Smirnov); each element's mean is T although its dof are not whole."""
    frames = 4000
    provenance = {"ensemble": "NVT (CSVR)", "settings": {"temperature_K": TARGET}}
    path = thermal_trajectory(tmp_path / "a.h5md", numbers, cell, positions, frames, **provenance)
    with Trajectory(path) as trajectory:
        selection = select(trajectory)
        series = kinetic_temperatures(selection.spec, selection.positions, selection.velocities)
        result = temperature.measure(selection, context())
        dof = float(degrees_of_freedom(trajectory.state(0))[0])
    assert kstest(series["all atoms"], chi2(dof, scale=TARGET / dof).cdf).pvalue > 0.01
    for name, values in series.items():
        standard_error = values.std(ddof=1) / np.sqrt(frames)
        assert abs(values.mean() - TARGET) < 4 * standard_error
        found = scalar(result, f"T of {name}")
        assert found.value == pytest.approx(values.mean())
        assert 0.2 < found.error / standard_error < 2.5
        assert found.theory == TARGET
    width = scalar(result, "width of T")
    assert width.theory == pytest.approx(TARGET * np.sqrt(2 / dof))
    assert abs(width.value - width.theory) < 4 * width.theory * np.sqrt((2 + 12 / dof) / frames / 4)
    (theory,) = result.theory
    assert theory.name == result.curves[0].name
    assert np.trapezoid(theory.y, theory.x) == pytest.approx(1, abs=5e-3)  # √x onset at 3 dof


@pytest.mark.parametrize(("numbers", "cell", "positions"), SYSTEMS.values(), ids=SYSTEMS)
def test_degrees_of_freedom_of_atoms_add_up(numbers, cell, positions):
    state = spec(numbers, cell).state(positions, 0 * positions)
    of_atoms = atom_degrees_of_freedom(state)
    assert of_atoms.sum() == pytest.approx(float(degrees_of_freedom(state)[0]))
    if cell is not None:
        masses = state.masses.numpy()
        np.testing.assert_allclose(of_atoms, 3 * (1 - masses / masses.sum()))


def test_unequal_temperatures_of_elements_show(tmp_path):
    numbers, cell, positions = SYSTEMS["box"]
    path = thermal_trajectory(tmp_path / "a.h5md", numbers, cell, positions, 2000)
    with Trajectory(path) as trajectory:
        cold_hydrogen = trajectory.velocities[()] * np.where(np.array(numbers) == 1, 0.5, 1.0)[:, None]
        write(tmp_path / "b.h5md", trajectory.spec, trajectory.positions[()], cold_hydrogen, 10.0)
    with Trajectory(tmp_path / "b.h5md") as trajectory:
        result = temperature.measure(select(trajectory), context())
    found = scalar(result, "T of H")
    assert abs(found.value - TARGET / 4) < 5 * found.error


@pytest.mark.parametrize("ensemble", ["NVE", None])
def test_without_a_thermostat_there_is_no_theory(tmp_path, ensemble):
    provenance = {"settings": {"temperature_K": TARGET}} | ({"ensemble": ensemble} if ensemble else {})
    path = thermal_trajectory(tmp_path / "a.h5md", *SYSTEMS["box"], 100, **provenance)
    with Trajectory(path) as trajectory:
        result = temperature.measure(select(trajectory), context())
    assert result.theory == []
    assert result.marks == {}
    assert all(s.theory is None for s in result.scalars)
