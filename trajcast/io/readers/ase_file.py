"""Reader for all formats with velocities that ASE supports: extended XYZ (also LAMMPS' `dump extxyz`), .traj, …"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.units
import numpy as np
from numpy.typing import NDArray

from trajcast.core.errors import UserError, said
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import KINETIC
from trajcast.io.frames import Frames, Reading, even_interval
from trajcast.io.readers import VELOCITY_UNITS
from trajcast.io.readers.assembly import assembled
from trajcast.io.readers.lammps_dump import TIME_UNITS_FS
from trajcast.io.readers.text import COMPRESSED, check_ended, check_species

A_PER_FS = dict(
    zip(VELOCITY_UNITS, (1.0, 1e-3, 1e-2, 1e-5, ase.units.fs, ase.units.Bohr / (ase.units._aut * 1e15)), strict=True)
)
NAMES = ("velocities", "vel", "velo")  # of arrays in extended XYZ, whose unit is not defined
MASSES = ("mass", "masses")


def read_images(path: Path, **options: Any) -> list[Any]:
    """Read all images of a file; `@` and `-` in its name have no special meaning.

    Raises:
        UserError: If ASE cannot read the file.
    """
    import ase.io

    try:
        return list(ase.io.iread(str(path.absolute()), index=":", do_not_split_by_at_sign=True, **options))
    except Exception as error:  # ASE's parsers raise all kinds of exceptions
        raise UserError(f"{path}: ASE cannot read it ({said(error)}); is it damaged?") from None


def read(path: Path, reading: Reading) -> Frames:
    """Read all frames.

    Raises:
        UserError: If the file is damaged, the system changes, constraints are present, or velocities or their unit are
            unknown.
    """
    plain = path.with_suffix("") if path.suffix in COMPRESSED else path
    if plain.suffix.endswith("xyz"):
        check_ended(path)
        check_species(path)
    images = read_images(path)
    if len(images) < 2:
        raise UserError(f"{path}: {len(images)} frame(s); pairs need at least 2: give a longer run")
    first = images[0]
    for frame, image in enumerate(images):
        if not np.array_equal(image.numbers, first.numbers):
            raise UserError(
                f"{path}: the atoms of frame {frame} differ from those of frame 0 "
                f"({_first_difference(image, first)}); write atoms in the same order, remove broken frames, and give "
                "runs of different systems separately"
            )
        if not np.array_equal(image.pbc, first.pbc):
            raise UserError(
                f"{path}: frame {frame} is periodic along {image.pbc.tolist()}, frame 0 along {first.pbc.tolist()}; "
                "correct it, or give runs separately"
            )
        if image.constraints:
            raise UserError(
                f"{path}: frame {frame} has constraints ({type(image.constraints[0]).__name__}); fixed atoms break the "
                "conservation of momentum that the network imposes: give runs without them"
            )
    masses = np.stack([masses_of(path, image) for image in images])
    if len(changed := np.flatnonzero(np.any(masses != masses[0], axis=1))):
        atom = int(np.flatnonzero(masses[changed[0]] != masses[0])[0])
        raise UserError(
            f"{path}: atom {atom} has mass {masses[changed[0]][atom]:g} u in frame {changed[0]}, {masses[0][atom]:g} u "
            "in frame 0; correct it, or give runs separately"
        )
    pbc = np.array(first.pbc)
    velocities = np.stack([_velocities(path, n, image, masses[0], reading) for n, image in enumerate(images)])
    return assembled(
        path,
        SystemSpec(
            numbers=first.numbers.astype(np.int64),
            masses=masses[0],
            cell=np.array(first.cell) * pbc[:, None],
            pbc=pbc,
        ),
        positions=np.stack([image.positions for image in images]),
        velocities=velocities,
        cells=np.stack([np.array(image.cell) for image in images]),
        interval_fs=_interval(path, images, reading),
        energies=_energies(images, masses[0], velocities),
        reading=reading,
    )


def _first_difference(image: Any, first: Any) -> str:
    if len(image) != len(first):
        return f"{len(image)} and {len(first)}"
    atom = int(np.flatnonzero(image.numbers != first.numbers)[0])
    return f"atom {atom}: {image.symbols[atom]} and {first.symbols[atom]}"


def masses_of(path: Path, image: Any) -> NDArray[np.float64]:
    """Masses in the file, else standard masses, u."""
    for name in MASSES:
        if name in image.arrays:
            values = np.asarray(image.arrays[name], dtype=np.float64)
            if values.shape != (len(image),):
                raise UserError(f"{path}: array {name} must hold one mass (u) for each atom; correct or rename it")
            return values
    return image.get_masses()


def _velocities(
    path: Path, frame: int, image: Any, masses: NDArray[np.float64], reading: Reading
) -> NDArray[np.float64]:
    """Velocities in Å/fs, from ASE's momenta or from an array whose unit the user gives."""
    name = next((name for name in NAMES if name in image.arrays), None)
    if image.has("momenta"):
        from_momenta = image.get_momenta() / masses[:, None] * ase.units.fs
        if name is None:
            return from_momenta
    if name is None:
        raise UserError(
            f"{path}: frame {frame} has no velocities (ASE's array `momenta`, or {', '.join(NAMES)} with their unit; "
            f"found: {', '.join(image.arrays)}); write them with Atoms.set_velocities"
        )
    values = np.asarray(image.arrays[name], dtype=np.float64)
    if values.shape != (len(image), 3):
        raise UserError(f"{path}: frame {frame}: array {name} must hold three numbers for each atom; correct the file")
    unit = reading.velocity_unit
    if unit is None and reading.lammps_units is not None:
        unit = {"real": "A/fs", "metal": "A/ps"}[reading.lammps_units]
    if image.has("momenta"):
        if not any(np.allclose(values * factor, from_momenta, rtol=1e-3, atol=1e-9) for factor in A_PER_FS.values()):
            raise UserError(f"{path}: frame {frame}: its arrays momenta and {name} contradict each other; remove one")
        return from_momenta
    if unit is None:
        raise UserError(
            f"{path}: the unit of its array {name} is not stated; give it with --velocity-unit "
            f"({', '.join(VELOCITY_UNITS)}), or with --lammps-units for LAMMPS' dump extxyz"
        )
    return values * A_PER_FS[unit]


def _interval(path: Path, images: Sequence[Any], reading: Reading) -> float | None:
    """Time between frames, fs, if stated by LAMMPS' dump extxyz; UserError if its timesteps are unevenly spaced."""
    steps = [image.info.get("Timestep") for image in images]
    if None in steps:
        return None
    increments = np.diff(np.array(steps, dtype=np.float64))
    if len(uneven := np.flatnonzero((increments != increments[0]) | (increments <= 0))):
        raise UserError(
            f"{path}: frames are unevenly spaced (Timestep {steps[uneven[0] + 1]} follows {steps[uneven[0]]} at frame "
            f"{uneven[0] + 1}); save every n-th step, each once: remove frames that a restart wrote twice, and give "
            "joined runs separately"
        )
    times = [image.info.get("Time") for image in images]
    if None in times or reading.lammps_units is None:
        return None
    return even_interval(path, np.array(times, dtype=np.float64) * TIME_UNITS_FS[reading.lammps_units])


def _energies(
    images: Sequence[Any], masses: NDArray[np.float64], velocities: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Total energies, eV; None unless every image has a potential energy."""
    potential = [image.calc.results.get("energy") if image.calc else None for image in images]
    if None in potential:
        return None
    return np.array(potential, dtype=np.float64) + 0.5 * KINETIC * np.einsum("a,nax,nax->n", masses, *[velocities] * 2)
