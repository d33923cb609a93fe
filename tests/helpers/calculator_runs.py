"""Runs of small structures with forces of ASE calculators, and a model of one's own to take them from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import tiny_reference
import torch
from ase.build import bulk

from trajcast.config.schema import ReferenceSettings
from trajcast.config.validation import validate
from trajcast.core.mechanics import thermal_velocities
from trajcast.core.state import State
from trajcast.core.system_spec import SystemSpec
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.reference import potentials
from trajcast.reference.engines import MdRun
from trajcast.reference.engines._lammps import Instance
from trajcast.reference.engines._potential import potential_of
from trajcast.reference.engines.lammps import simulate
from trajcast.reference.systems import structure_file


def reference(
    structure: Path, timestep_fs: float = 1.0, changes: dict[str, Any] | None = None, **parameters: Any
) -> ReferenceSettings:
    """Settings of a system from a structure file; `changes` of the section, `parameters` of the system."""
    return tiny_reference.settings(
        system="structure_file",
        timestep_fs=timestep_fs,
        nve={"interval_fs": timestep_fs},
        nvt={"interval_fs": timestep_fs},
        **(changes or {}),
    ).model_copy(update={"parameters": {"structure_file": str(structure), **parameters}})


def begin(settings: ReferenceSettings, temperature_K: float = 300.0) -> tuple[SystemSpec, State]:
    parameters = validate(structure_file.Parameters, settings.parameters, "reference.parameters")
    spec, positions = structure_file.structure(parameters, 1)
    at_rest = spec.state(positions, 0 * positions)
    return spec, thermal_velocities(at_rest, temperature_K, torch.Generator().manual_seed(1))


def record(path: Path, settings: ReferenceSettings, run: MdRun) -> Trajectory:
    spec, start = begin(settings)
    recorder = Recorder(path, spec, identity={}, provenance={}, energies=("potential", "total"))
    simulate(settings, run, start, recorder)
    return Trajectory(path)


def evaluated(settings: ReferenceSettings, folder: Path) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy (eV), forces (eV/Å) and pressure tensor (bar: xx, yy, zz, yz, xz, xy) as LAMMPS has them."""
    spec, start = begin(settings)
    potential = potential_of(settings, spec, stress=bool(spec.pbc.all()))
    with Instance(None, potential.styles, potential.external) as instance:
        data = folder / "atoms.data"
        data.write_text(potential.data(spec, start.positions.numpy()), encoding="utf-8")
        columns = "thermo_style custom step pe pxx pyy pzz pxy pxz pyz\n"
        instance.read_data(data, potential.interactions + columns)
        instance.commands("run 0")
        pressure = [instance.thermo(f"p{k}") for k in ("xx", "yy", "zz", "yz", "xz", "xy")]
        return instance.thermo("pe"), instance.gather("f", 1).copy(), np.array(pressure)


def direct(settings: ReferenceSettings) -> ase.Atoms:
    """The same atoms with a calculator of their own."""
    spec, start = begin(settings)
    atoms = ase.Atoms(spec.numbers, start.positions.numpy(), cell=spec.cell, pbc=spec.pbc)
    atoms.calc = potentials.calculator(str(settings.potential), "cpu")
    return atoms


def argon(path: Path) -> Path:
    """Sixteen atoms off their sites, written to `path`."""
    atoms = bulk("Ar", "fcc", a=5.3, cubic=True).repeat((2, 2, 1))
    atoms.rattle(0.1, seed=1)
    ase.io.write(path, atoms)
    return path


class CutPairs(torch.nn.Module):
    """Lennard-Jones argon, shifted at the cutoff, as ASE's calculator has it."""

    def forward(
        self, numbers: torch.Tensor, centers: torch.Tensor, neighbors: torch.Tensor, vectors: torch.Tensor
    ) -> torch.Tensor:
        sixth = (3.4**2 / vectors.square().sum(1)) ** 3
        shift = (3.4 / 5.0) ** 6
        return (2 * 0.0104 * (sixth.square() - sixth - shift**2 + shift)).sum()


def exported_argon(path: Path) -> Path:
    """The model for it, as a user saves one's own."""
    index = torch.arange(4) % 3
    example = (torch.full((3,), 18), index, (index + 1) % 3, torch.randn(4, 3, dtype=torch.float64))
    atoms, pairs = torch.export.Dim("atoms"), torch.export.Dim("pairs")
    program = torch.export.export(
        CutPairs(), example, dynamic_shapes=({0: atoms}, {0: pairs}, {0: pairs}, {0: pairs}), strict=True
    )
    torch.export.save(program, path, extra_files={"cutoff_A": "5.0"})
    return path
