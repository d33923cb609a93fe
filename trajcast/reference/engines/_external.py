"""Forces from an ASE calculator for LAMMPS, passed through its `fix external`; LAMMPS integrates."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import ase
import numpy as np
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.reference.engines._weights import weights_sha256

FIX = "calculator"
BATCH_ATOMS = 512  # per batch, over all structures: a network needs a few MB per atom
log = logging.getLogger(__name__)
COMMANDS = f"""\
# forces of an ASE calculator, with which TrajCast answers this fix
comm_modify cutoff 2.0
fix {FIX} all external pf/callback 1 1
fix_modify {FIX} energy yes virial yes
"""


def styles(spec: SystemSpec) -> str:
    """LAMMPS commands before the box is created; metal units are those of ASE except for time."""
    boundary = "p p p" if spec.pbc.all() else "s s s"
    return f"units metal\natom_style atomic\natom_modify map yes\nboundary {boundary}\n"


def data(spec: SystemSpec, positions: NDArray[np.float64]) -> str:
    """LAMMPS data file of point masses, with one atom type per element and isotope."""
    kinds, types = np.unique(np.stack([spec.numbers, spec.masses], axis=1), axis=0, return_inverse=True)
    cell, low = spec.cell, np.zeros(3)
    if not spec.pbc.any():
        low, cell = positions.min(0) - 1, np.diag(np.ptp(positions, axis=0) + 2)  # LAMMPS shrinks the box to the atoms
    sides = zip("xyz", low.tolist(), (low + np.diag(cell)).tolist(), strict=True)
    header = [f"{spec.n_atoms} atoms\n{len(kinds)} atom types", *(f"{a} {b} {x}lo {x}hi" for x, a, b in sides)]
    if np.any(cell != np.diag(np.diag(cell))):
        header.append(f"{float(cell[1, 0])!r} {float(cell[2, 0])!r} {float(cell[2, 1])!r} xy xz yz")
    masses = [f"{kind} {float(mass)!r}" for kind, mass in enumerate(kinds[:, 1], 1)]
    rows = zip(types.ravel().tolist(), positions.tolist(), strict=True)
    atoms = [f"{i} {kind + 1} {x!r} {y!r} {z!r}" for i, (kind, (x, y, z)) in enumerate(rows, 1)]
    sections = [("Masses", masses), ("Atoms # atomic", atoms)]
    body = "".join(f"\n{title}\n\n" + "\n".join(lines) + "\n" for title, lines in sections)
    return "atoms of an ASE calculator\n\n" + "\n".join(header) + "\n" + body


class ExternalForces:
    """The callback from which LAMMPS gets energy, forces and virial at every step.

    Python exceptions do not propagate through LAMMPS: the first one is stored, and `check` raises it once LAMMPS has
    returned. `warnings` lists each distinct warning of the calculator; `weights` is the hash of its network weights.

    Args:
        make: Creates a new calculator.
        stress: Whether the calculator must provide the stress.
        batch: Computes the energies (eV) of many structures at once, if the calculator's library supports it.
    """

    def __init__(
        self,
        make: Callable[[], BaseCalculator],
        spec: SystemSpec,
        stress: bool,
        batch: Callable[[BaseCalculator, list[ase.Atoms]], list[float]] | None = None,
    ):
        self._make, self._stress, self.batch = make, stress, batch
        self._atoms = ase.Atoms(numbers=spec.numbers, masses=spec.masses, pbc=spec.pbc)
        self._error: BaseException | None = None
        self._lammps: Any = None
        self.warnings: list[str] = []
        self.weights: str | None = None

    def attach(self, lammps: Any) -> None:
        """Register the callback with a LAMMPS instance that has just been set up.

        The calculator is created anew: what it caches from earlier positions (neighbour lists, wave functions) must not
        make a resumed run differ from an uninterrupted one.

        Raises:
            UserError: If the calculator provides no forces, or no stress although it is required.
        """
        self._lammps = lammps
        with self._recorded_warnings():
            self._atoms.calc = self._make()
        self.weights = weights_sha256(self._atoms.calc)
        available = self._atoms.calc.implemented_properties
        for name in ("forces", "stress") if self._stress else ("forces",):
            if name not in available:
                raise UserError(
                    f"the calculator {type(self._atoms.calc).__name__} gives no {name}; choose another"
                    + (", or remove equilibration.npt" if name == "stress" else "")
                )
        self._energy = "free_energy" if "free_energy" in available else "energy"  # whichever the forces derive from
        lammps.set_fix_external_callback(FIX, self._callback)

    def energies(
        self, frames: Iterator[NDArray[np.float64]], cell: NDArray[np.float64]
    ) -> Iterator[NDArray[np.float64]]:
        """Potential energies (eV) of frames (positions, Å), one batch at a time, from `batch` without LAMMPS."""
        assert self.batch is not None
        with self._recorded_warnings():
            calculator = self._atoms.calc = self._make()
        self._atoms.set_cell(cell)
        while batch_positions := list(islice(frames, max(1, BATCH_ATOMS // len(self._atoms)))):
            structures = [self._atoms.copy() for _ in batch_positions]
            for atoms, positions in zip(structures, batch_positions, strict=True):
                atoms.set_positions(positions)
            with self._recorded_warnings():
                try:
                    batch_energies = self.batch(calculator, structures)
                except Exception as error:
                    raise self._user_error(error) from None
            yield np.array(batch_energies)

    def check(self) -> None:
        """Raise the stored exception of the calculator, if any; an error becomes a UserError with its message."""
        error, self._error = self._error, None
        if isinstance(error, Exception):
            raise self._user_error(error) from None
        if error is not None:
            raise error

    def _user_error(self, error: Exception) -> UserError:
        return UserError(f"the calculator {type(self._atoms.calc).__name__} stopped: {type(error).__name__}: {error}")

    def _callback(
        self, caller: None, step: int, count: int, ids: NDArray, positions: NDArray[np.float64], forces: NDArray
    ) -> None:
        if self._error is None:
            try:
                with self._recorded_warnings():
                    self._compute(step, ids.ravel() - 1, positions, forces)
                return
            except BaseException as error:  # including KeyboardInterrupt
                self._error = error
        forces[:] = 0

    @contextlib.contextmanager
    def _recorded_warnings(self) -> Iterator[None]:
        """Keep and log each distinct user or runtime warning of the calculator; ignore those meant for developers."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            warnings.simplefilter("always", RuntimeWarning)
            yield
        for warning in caught:
            text = " ".join(str(warning.message).split())
            if text not in self.warnings:
                self.warnings.append(text)
                log.warning("%s warns: %s", type(self._atoms.calc).__name__, text)

    def _compute(self, step: int, order: NDArray, positions: NDArray[np.float64], forces: NDArray) -> None:
        atoms = self._atoms
        low, high, xy, yz, xz, *_ = self._lammps.extract_box()
        if atoms.pbc.any():
            x, y, z = np.subtract(high, low)
            atoms.set_cell([[x, 0, 0], [xy, y, 0], [xz, yz, z]])
            positions = positions - np.array(low)
        by_id = np.empty_like(positions)
        by_id[order] = positions
        atoms.set_positions(by_id)
        computed, energy = atoms.get_forces(), float(atoms.calc.get_property(self._energy, atoms))
        if not (np.isfinite(computed).all() and np.isfinite(energy)):
            raise ArithmeticError(f"forces or energy are not finite at step {step}")
        forces[:] = computed[order]
        self._lammps.fix_external_set_energy_global(FIX, energy)
        if self._stress:
            xx, yy, zz, yz, xz, xy = -atoms.get_stress() * atoms.get_volume()
            self._lammps.fix_external_set_virial_global(FIX, [xx, yy, zz, xy, xz, yz])
