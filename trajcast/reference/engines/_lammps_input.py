"""LAMMPS commands for each kind of run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.core.mechanics import degrees_of_freedom, isolated
from trajcast.core.state import State
from trajcast.core.units import KCAL_PER_MOL
from trajcast.reference.engines import MdRun
from trajcast.reference.engines._lammps import Units

REMOVE_COM_MOTION_EVERY = 1000  # steps; thermostats can amplify the residual P and L from rounding
BAR_PER_GPA = 1e4


def integration(settings: ReferenceSettings, run: MdRun, start: State, units: Units) -> str:
    """Timestep, integrator and thermostat, with the temperature over the correct degrees of freedom."""
    extra = 3 * start.n_atoms - int(degrees_of_freedom(start)[0])
    lines = [f"timestep {settings.timestep_fs / units.time_fs!r}", f"compute_modify thermo_temp extra/dof {extra}"]
    if run.ensemble != "NVT (Nosé–Hoover)":
        lines.append("fix integrate all nve")
    if run.ensemble != "NVE":
        assert run.relaxation_fs is not None
        last_K = settings.temperature_K if run.final_temperature_K is None else run.final_temperature_K
        target = f"{settings.temperature_K!r} {last_K!r} {run.relaxation_fs / units.time_fs!r}"
        name, style = {
            "NVT (Nosé–Hoover)": ("integrate", f"nvt temp {target} tchain {run.chain_length}"),
            "NVT (CSVR)": ("thermostat", f"temp/csvr {target} {settings.seed}"),
            "NpT (Berendsen)": ("thermostat", f"temp/berendsen {target}"),
        }[run.ensemble]
        angular = " angular" if isolated(start)[0] else ""
        lines += [
            f"fix {name} all {style}",
            f"fix_modify {name} temp thermo_temp",
            f"fix still all momentum {REMOVE_COM_MOTION_EVERY} linear 1 1 1{angular}",
        ]
    pressures = " pxx pyy pzz" if run.pressure else ""
    lines += [f"thermo_style custom step temp pe ke etotal{pressures}", "thermo_modify format float %.10g"]
    return "\n".join([*lines, *_stretches(settings, run, start.cell[0].numpy(), units), ""])


def _stretches(settings: ReferenceSettings, run: MdRun, cell: NDArray[np.float64], units: Units) -> list[str]:
    """Berendsen scaling factors of the three lattice vectors over `run.every` steps; vectors of equal length share one.

    Berendsen et al. 1984, doi:10.1063/1.448118.
    """
    if run.pressure is None:
        return []
    modulus, target = run.pressure.bulk_modulus_GPa * BAR_PER_GPA, run.pressure.pressure_bar
    fraction = run.every * settings.timestep_fs / run.pressure.damping_fs
    lengths = np.linalg.norm(cell, axis=1)
    lines = []
    for axis, length in zip("xyz", lengths, strict=True):
        alike = [f"p{a}{a}" for a, other in zip("xyz", lengths, strict=True) if np.isclose(length, other)]
        pressure_bar = f"({'+'.join(alike)})/{len(alike)}*{units.pressure_bar!r}"
        lines.append(
            f"variable stretch_{axis} equal (1.0-{fraction!r}*({target!r}-{pressure_bar})/{modulus!r})^(1.0/3.0)"
        )
    return lines


def rescaling(run: MdRun, cell: NDArray[np.float64]) -> str:
    """Command that rescales the cell after every `run.every` steps at constant pressure; empty for other runs.

    It replaces LAMMPS' Berendsen barostat, which does not support triclinic cells. Lattice vectors keep their
    directions.
    """
    if run.pressure is None:
        return ""
    lengths = " ".join(f"{axis} scale ${{stretch_{axis}}}" for axis in "xyz")
    triclinic = bool(np.any(cell != np.diag(np.diag(cell))))
    tilts = "".join(f" {a}{b} final $({a}{b}*v_stretch_{b})" for a, b in ("xy", "xz", "yz")) if triclinic else ""
    return f"change_box all {lengths}{tilts} remap units box"


def minimisation(run: MdRun, units: Units) -> str:
    """Minimisation to forces of 1 kcal/mol/Å; empty for runs without it."""
    force = KCAL_PER_MOL / units.energy_eV
    return f"minimize 0.0 {force!r} 1000 10000\nreset_timestep 0\n" if run.minimise else ""


def velocities(start: State, units: Units) -> str:
    """The `Velocities` section of a data file."""
    rows = (start.velocities * units.time_fs).tolist()
    return "\nVelocities\n\n" + "".join(f"{i} {x!r} {y!r} {z!r}\n" for i, (x, y, z) in enumerate(rows, 1))


def input_file(styles: str, data: str, setup: str, run: MdRun, segment: int, units: Units, rescale: str) -> str:
    """The whole run as a standalone LAMMPS input."""
    between = f' every {run.every} "{rescale}"' if rescale else ""
    return (
        f"# {run.name}: {run.ensemble}. TrajCast runs this in segments of {segment} steps, each from the restart\n"
        "# of the one before, which changes the order of summation: equal to this input up to rounding.\n"
        f"{styles}read_data {data}\n{setup}{minimisation(run, units)}thermo {segment}\nrun {run.steps}{between}\n"
    )
