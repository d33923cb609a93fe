"""What holds for every file of trajcast/reference/systems: each shipped configuration that names one is an example."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from trajcast.config.configuration import Config, read_config
from trajcast.config.schema import ReferenceSettings
from trajcast.core.mechanics import angular_momentum, degrees_of_freedom, momentum, temperature, thermal_velocities
from trajcast.core.plugins import named_module
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.reference import systems
from trajcast.reference.engines import MdRun
from trajcast.reference.engines.lammps import potential_energies, simulate

ROOT = Path(__file__).parents[2]
NAMES = [module.name for module in pkgutil.iter_modules(systems.__path__) if not module.name.startswith("_")]


@pytest.fixture(scope="module")
def shipped() -> dict[str, ReferenceSettings]:
    files = [ROOT / "config.yaml", *sorted(ROOT.glob("docs/examples/*/config.yaml"))]
    configs: list[Config] = [read_config(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files]
    references = [system.reference for config in configs for system in config.systems.values()]
    own = [reference for reference in references if reference.potential is None]  # others need libraries of their own
    return {reference.system: reference for reference in own}


@pytest.fixture(params=NAMES)
def reference(request: pytest.FixtureRequest, shipped: dict[str, ReferenceSettings], monkeypatch) -> ReferenceSettings:
    assert request.param in shipped, f"no shipped configuration has system: {request.param}"
    monkeypatch.chdir(ROOT)  # where paths in the configuration start
    return shipped[request.param]


def test_a_structure_is_one_whole_system(reference: ReferenceSettings):
    module = named_module("reference.systems", reference.system)
    spec, positions = module.structure(module.Parameters(**reference.parameters), reference.seed)
    again = module.structure(module.Parameters(**reference.parameters), reference.seed)
    np.testing.assert_array_equal(positions, again[1])
    np.testing.assert_array_equal(spec.numbers, again[0].numbers)
    assert positions.shape == (spec.n_atoms, 3)
    assert np.isfinite(positions).all()
    assert np.all(spec.masses > 1)
    assert np.all(spec.pbc) or not np.any(spec.pbc)
    assert (np.linalg.det(spec.cell) > 1) == spec.pbc.all()
    state = spec.state(positions, 0 * positions)
    expected = 3 * spec.n_atoms - (3 if spec.pbc.all() else 6)
    assert int(degrees_of_freedom(state)[0]) == expected


def test_energy_and_totals_are_conserved_and_recomputed(reference: ReferenceSettings, tmp_path: Path):
    """Twenty steps at constant energy: forces are those of the energy, and frames have the energy that was recorded."""
    module = named_module("reference.systems", reference.system)
    spec, positions = module.structure(module.Parameters(**reference.parameters), reference.seed)
    start = thermal_velocities(
        spec.state(positions, 0 * positions), reference.temperature_K, torch.Generator().manual_seed(1)
    )
    path = tmp_path / "nve.h5md"
    run = MdRun(name="nve", ensemble="NVE", steps=20, every=1, minimise=True)
    recorder = Recorder(path, spec, identity={}, provenance={}, energies=("potential", "total"))
    simulate(reference, run, start, recorder)
    with Trajectory(path) as trajectory:
        total, potential = trajectory.energy("total"), trajectory.energy("potential")
        assert total is not None
        assert potential is not None
        kinetic = total - potential
        assert np.ptp(kinetic) > 20 * np.ptp(total)
        again = potential_energies(reference, trajectory.spec, trajectory.positions[::5])
        np.testing.assert_allclose(again, potential[::5], atol=1e-5 * spec.n_atoms)
        central = (trajectory.positions[2:] - trajectory.positions[:-2]) / (2 * reference.timestep_fs)
        np.testing.assert_allclose(trajectory.velocities[1:-1], central, atol=2e-5)
        first, state = trajectory.state(0), trajectory.state(-1)
    assert float(momentum(state).norm()) < 1e-5 * spec.n_atoms
    if not spec.pbc.any():  # minimisation moved the atoms, but not their velocities
        torch.testing.assert_close(angular_momentum(state), angular_momentum(first), atol=1e-5, rtol=0)
    assert 0.2 * reference.temperature_K < float(temperature(state)[0]) < 1.5 * reference.temperature_K
