"""The engine serves other systems through one new file each: other units, isolated molecules."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_reference
import torch

import trajcast.reference.systems
from trajcast.config.schema import ReferenceSettings
from trajcast.core.mechanics import degrees_of_freedom, thermal_velocities
from trajcast.core.plugins import named_module
from trajcast.core.units import KCAL_PER_MOL
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.observables.blocks import correlated_mean_error
from trajcast.observables.temperature_series import ALL_ATOMS, temperature_series
from trajcast.reference.engines import MdRun
from trajcast.reference.engines.lammps import potential_energies, simulate

ARGON = """
import numpy as np
from trajcast.config.schema import Section
from trajcast.core.system_spec import SystemSpec

class Parameters(Section):
    pass

def structure(parameters, seed):
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3)
    noise = np.random.default_rng(seed).normal(scale=0.05, size=(64, 3))
    spec = SystemSpec(
        numbers=np.full(64, 18), masses=np.full(64, 39.948), cell=15.2 * np.eye(3), pbc=np.ones(3, dtype=bool)
    )
    return spec, 3.8 * grid + noise

def lammps_styles(parameters):
    return "units UNITS\\natom_style atomic\\natom_modify map yes\\n"

def lammps_data(parameters, spec, positions):
    rows = "".join(f"{i + 1} 1 {float(x)!r} {float(y)!r} {float(z)!r}\\n" for i, (x, y, z) in enumerate(positions))
    box = "".join(f"0 15.2 {a}lo {a}hi\\n" for a in "xyz")
    return f"argon\\n\\n64 atoms\\n1 atom types\\n{box}\\nMasses\\n\\n1 39.948\\n\\nAtoms # atomic\\n\\n{rows}"

def lammps_interactions(parameters):
    return "pair_style lj/cut 7.0\\npair_coeff 1 1 EPSILON 3.4\\npair_modify shift yes\\n"
"""

WATER_IN_VACUUM = """
import numpy as np
from trajcast.config.schema import Section
from trajcast.reference.systems import liquid
from trajcast.core.system_spec import SystemSpec

class Parameters(Section):
    pass

def structure(parameters, seed):
    water = liquid.Parameters(molecules=1, box_A=20.0, cutoff_A=4.0, ewald_accuracy=1e-4)
    spec, positions = liquid.structure(water, seed)
    return SystemSpec(
        numbers=spec.numbers, masses=spec.masses, cell=np.zeros((3, 3)), pbc=np.zeros(3, dtype=bool)
    ), positions

def lammps_styles(parameters):
    return "units real\\nboundary s s s\\natom_style full\\n"

def lammps_data(parameters, spec, positions):
    boxed = SystemSpec(
        numbers=spec.numbers, masses=spec.masses, cell=20.0 * np.eye(3), pbc=spec.pbc
    )
    return liquid.lammps_data(parameters, boxed, positions)

def lammps_interactions(parameters):
    return \"\"\"pair_style lj/cut 8.0
pair_coeff * * 0.0 1.0
bond_style harmonic
bond_coeff 1 529.581 1.012
angle_style harmonic
angle_coeff 1 37.95 113.24
neighbor 2.0 nsq
\"\"\"
"""


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("systems")
    for units, epsilon in (("metal", 0.0104), ("real", 0.0104 / KCAL_PER_MOL)):
        text = ARGON.replace("UNITS", units).replace("EPSILON", repr(epsilon))
        (folder / f"argon_{units}.py").write_text(text, encoding="utf-8")
    (folder / "water_in_vacuum.py").write_text(WATER_IN_VACUUM, encoding="utf-8")
    trajcast.reference.systems.__path__.append(str(folder))
    yield
    trajcast.reference.systems.__path__.remove(str(folder))
    shutil.rmtree(folder)


def recorded(path: Path, system: str, run: MdRun, temperature_K: float, timestep_fs: float = 0.5) -> Trajectory:
    settings = reference(system, temperature_K, timestep_fs)
    module = named_module("reference.systems", system)
    spec, positions = module.structure(module.Parameters(), 1)
    start = thermal_velocities(spec.state(positions, 0 * positions), temperature_K, torch.Generator().manual_seed(1))
    simulate(settings, run, start, Recorder(path, spec, identity={}, provenance={}, energies=("potential", "total")))
    return Trajectory(path)


def reference(system: str, temperature_K: float, timestep_fs: float) -> ReferenceSettings:
    return tiny_reference.settings(
        system=system,
        temperature_K=temperature_K,
        timestep_fs=timestep_fs,
        nve={"interval_fs": timestep_fs},
        nvt={"interval_fs": timestep_fs},
    ).model_copy(update={"parameters": {}})


@pytest.mark.parametrize("ensemble", ["NVE", "NVT (Nosé–Hoover)", "NVT (CSVR)"])
def test_metal_and_real_units_give_the_same_trajectory(ensemble, systems, tmp_path: Path):
    run = MdRun(name="argon", ensemble=ensemble, steps=200, every=10, relaxation_fs=40.0)
    with (
        recorded(tmp_path / "metal.h5md", "argon_metal", run, 90.0, 2.0) as metal,
        recorded(tmp_path / "real.h5md", "argon_real", run, 90.0, 2.0) as real,
    ):
        np.testing.assert_array_equal(metal.times, real.times)
        assert metal.times[-1] == 400.0
        np.testing.assert_allclose(metal.positions, real.positions, atol=2e-5)
        np.testing.assert_allclose(metal.velocities, real.velocities, atol=1e-7)
        assert np.abs(metal.velocities[()]).mean() > 1e-4
        for name in ("potential", "total"):
            np.testing.assert_allclose(metal.energy(name), real.energy(name), atol=1e-4)
        again = potential_energies(reference("argon_metal", 90.0, 2.0), metal.spec, metal.positions)
        np.testing.assert_allclose(again, metal.energy("potential"), atol=1e-4)


def test_total_energy_fluctuates_with_the_square_of_the_time_step(systems, tmp_path: Path):
    """Velocity Verlet is of second order: half the step, a quarter of the fluctuation."""
    spread = []
    for timestep_fs, steps in ((0.5, 2000), (0.25, 4000)):
        run = MdRun(name="water", ensemble="NVE", steps=steps, every=1)
        with recorded(tmp_path / f"{timestep_fs}.h5md", "water_in_vacuum", run, 300.0, timestep_fs) as trajectory:
            spread.append(trajectory.energy("total").std())
    assert spread[0] / spread[1] == pytest.approx(4.0, rel=0.1)


def test_a_molecule_in_vacuum_has_3n_minus_6_degrees_of_freedom(systems, tmp_path: Path):
    """The thermostat must count them as `mechanics` does: with 3N − 3 this molecule would be at 600 K."""
    run = MdRun(name="water", ensemble="NVT (CSVR)", steps=100_000, every=20, relaxation_fs=20.0)
    with recorded(tmp_path / "water.h5md", "water_in_vacuum", run, 300.0) as trajectory:
        assert int(degrees_of_freedom(trajectory.state(-1))[0]) == 3
        kinetic_K = temperature_series(trajectory)[ALL_ATOMS]
    error = correlated_mean_error(kinetic_K)
    assert error < 15
    assert abs(kinetic_K.mean() - 300) < 4 * error
