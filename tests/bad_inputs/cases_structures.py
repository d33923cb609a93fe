"""Structure files of `system: structure_file`, read by `trajcast reference`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import ase
import ase.build
import ase.io
import numpy as np
from ase.constraints import FixAtoms
from case import refused, right
from world import World

from trajcast.io.trajectory import Trajectory

KIND = "structure"
SETTINGS: dict[str, Any] = {
    "system": "structure_file",
    "engine": "lammps",
    "temperature_K": 100.0,
    "timestep_fs": 2.0,
    "seed": 1,
    "equilibration": {"duration_ps": 0.2, "damping_fs": 50.0},
    "nve": {"runs": 5, "duration_ps": 0.1, "interval_fs": 2.0, "start_window_K": 1000.0, "start_spacing_ps": 0.01},
    "nvt": {"duration_ps": 0.1, "interval_fs": 2.0, "tau_fs": 50.0},
}


def copper(size: int = 2) -> ase.Atoms:
    return ase.build.bulk("Cu", cubic=True) * (size, size, size)


def reference(w: World, path: Any, expected: ase.Atoms | None = None, **changes: Any) -> list[str]:
    """An equilibration that starts from the file; its atoms must then be the `expected` ones."""
    parameters = {"structure_file": str(path), "calculator": "emt"} | changes.pop("parameters", {})
    settings = w.yaml("reference.yaml", SETTINGS | {"parameters": parameters} | changes)

    def check() -> None:
        assert expected is not None
        with Trajectory(w.path("out/starts.h5")) as starts:
            found = starts.spec
            np.testing.assert_array_equal(found.numbers, expected.numbers)
            np.testing.assert_allclose(found.masses, expected.get_masses(), rtol=1e-6)
            np.testing.assert_array_equal(found.pbc, expected.pbc)
            np.testing.assert_allclose(
                abs(np.linalg.det(found.cell)), abs(expected.cell.volume * expected.pbc.all()), rtol=1e-4
            )

    w.check = check if expected is not None else w.check
    return ["reference", "--settings", str(settings), "--output", str(w.path("out")), "--part", "equilibration"]


FORMATS = ("extxyz", "vasp", "proteindatabank", "cif", "xsf", "json", "traj", "aims", "espresso-in", "res")
for form in FORMATS:

    @right(KIND, f"copper as {form}")
    def _(w: World, form: str = form) -> list[str]:
        path, options = w.path("POSCAR" if form == "vasp" else f"cu.{form}"), {}
        if form == "espresso-in":
            options = {"pseudopotentials": {"Cu": "Cu.upf"}}
        name = {"proteindatabank": "cu.pdb", "espresso-in": "cu.pwi", "aims": "geometry.in"}.get(form)
        path = w.path(name) if name else path
        ase.io.write(str(path), copper(), format=form, **options)
        return reference(w, path, copper())


@right(KIND, "masses in the file are kept")
def _(w: World) -> list[str]:
    atoms = copper()
    atoms.set_masses([62.93] * len(atoms))
    return reference(w, w.extxyz("cu.extxyz", [atoms]), atoms)


@right(KIND, "deuterium in a CIF (D)")
def _(w: World) -> list[str]:
    crystal = ase.Atoms("CuHCuH", [[0, 0, 0], [2, 2, 0], [2, 0, 2], [0, 2, 2]], cell=[4, 4, 4], pbc=True)
    ase.io.write(str(w.path("h.cif")), crystal)
    path = w.text("d.cif", w.path("h.cif").read_text().replace("  H  ", "  D  "))
    crystal.set_masses([63.546, 2.01355, 63.546, 2.01355])  # ASE's mass of D
    return reference(w, path, crystal)


@right(KIND, "CRYST1 with edges of 1 Å: no cell")
def _(w: World) -> list[str]:
    molecule = ase.build.molecule("C6H6")
    ase.io.write(str(w.path("cell.pdb")), molecule)
    lines = [x for x in w.path("cell.pdb").read_text().splitlines() if not x.startswith("CRYST1")]
    first = "CRYST1    1.000    1.000    1.000  90.00  90.00  90.00 P 1"
    return reference(w, w.text("benzene.pdb", "\n".join([first, *lines]) + "\n"), molecule)


@right(KIND, "selective dynamics with all atoms free")
def _(w: World) -> list[str]:
    ase.io.write(str(w.path("POSCAR")), copper(), format="vasp")
    lines = w.path("POSCAR").read_text().splitlines()
    rows = [f"{line}  T  T  T" for line in lines[8:] if line.strip()]
    return reference(
        w, w.text("POSCAR", "\n".join([*lines[:7], "Selective dynamics", lines[7], *rows]) + "\n"), copper()
    )


@right(KIND, "a PDB without elements whose names leave no doubt")
def _(w: World) -> list[str]:
    molecule = ase.build.molecule("CH3OH")
    ase.io.write(str(w.path("a.pdb")), molecule)
    lines = [line[:76] if line.startswith("ATOM") else line for line in w.path("a.pdb").read_text().splitlines()]
    return reference(w, w.text("methanol.pdb", "\n".join(lines) + "\n"), molecule)


@right(KIND, "several frames: the last one")
def _(w: World) -> list[str]:
    return reference(w, w.extxyz("cu.extxyz", [copper(3), copper()]), copper())


@right("path", "a structure called cu@1.extxyz")
def _(w: World) -> list[str]:
    return reference(w, w.extxyz("cu@1.extxyz", [copper()]), copper())


@right("path", "a structure in a folder with blanks, quotes and umlauts")
def _(w: World) -> list[str]:
    w.path("my 'dätä' {1}").mkdir()
    return reference(w, w.extxyz("my 'dätä' {1}/cu.extxyz", [copper()]), copper())


def changed(what: str, *parts: str, **changes: Any):
    """A good structure changed."""

    def make(change: Callable[[ase.Atoms], object]) -> None:
        @refused(KIND, what, *parts)
        def _(w: World) -> list[str]:
            atoms = copper()
            change(atoms)
            return reference(w, w.extxyz("cu.extxyz", [atoms]), **changes)

    return make


changed("fixed atoms", "has constraints or selective dynamics (FixAtoms)", "remove them from the file")(
    lambda atoms: atoms.set_constraint(FixAtoms([0, 1]))
)
changed("periodic along two directions", "is periodic along 2 directions", "with a layer of vacuum")(
    lambda atoms: atoms.set_pbc([1, 1, 0])
)
changed("two atoms at one place", "atoms 0 (Cu) and 1 (Cu) are 0 Å apart", "Correct the structure")(
    lambda atoms: atoms.positions.__setitem__(1, atoms.positions[0])
)
changed("positions in nm", "of the sum of their covalent radii", "are positions in Å")(
    lambda atoms: atoms.set_positions(atoms.positions / 10)
)
changed("a cell in nm", "Å³ per atom", "is the cell a placeholder")(lambda atoms: atoms.set_cell(atoms.cell / 10))
changed("a position that is nan", "the position of atom 3 is [nan, nan, nan]; it must be finite")(
    lambda atoms: atoms.positions.__setitem__((3, 1), np.nan)
)
changed("an atom of no element", "atom 3 is called 'X', which is not an element symbol")(
    lambda atoms: atoms.numbers.__setitem__(3, 0)
)
changed("masses of zero", "has mass 0 u", "above zero")(lambda atoms: atoms.set_masses([0.0] * len(atoms)))
changed("negative masses", "has mass -1 u", "above zero")(lambda atoms: atoms.set_masses([-1.0] * len(atoms)))
changed("two masses of one element", "Cu has masses 63.546 to 65 u", "accept: [masses] into the section reference")(
    lambda atoms: atoms.set_masses([65.0] + [63.546] * (len(atoms) - 1))
)
changed("the mass of another element", "Cu with mass 107.868 u, which is the mass of Ag")(
    lambda atoms: atoms.set_masses([107.868] * len(atoms))
)
changed("one atom", "1 atom(s) with conserved total momentum have no degree of freedom", "give at least two")(
    lambda atoms: atoms.__delitem__(slice(1, None))
)
changed("no atoms", "cu.extxyz")(lambda atoms: atoms.__delitem__(slice(None)))
changed("a flat cell", "lattice vectors")(lambda atoms: atoms.set_cell([7.2, 7.2, 0.0]))
changed("a supercell of what has no cell", "has no cell that could be repeated", parameters={"supercell": [2, 1, 1]})(
    lambda atoms: (atoms.set_pbc(False), atoms.set_cell(None))
)


def as_text(what: str, name: str, *parts: str):
    def make(text: Callable[[World], str]) -> None:
        @refused(KIND, what, *parts)
        def _(w: World) -> list[str]:
            return reference(w, w.text(name, text(w)))

    return make


def written(w: World, name: str, atoms: ase.Atoms, form: str) -> str:
    ase.io.write(str(w.path(name)), atoms, format=form)
    return w.path(name).read_text()


def selective(w: World) -> str:
    lines = written(w, "POSCAR", copper(), "vasp").splitlines()
    flags = ["F  F  F", *["T  T  T"] * 31]
    rows = [f"{line}  {flag}" for line, flag in zip([x for x in lines[8:] if x.strip()], flags, strict=True)]
    return "\n".join([*lines[:7], "Selective dynamics", lines[7], *rows]) + "\n"


as_text("selective dynamics that fixes an atom", "POSCAR", "has constraints or selective dynamics")(selective)
as_text("partly occupied sites of a CIF", "alloy.cif", "has partially occupied sites", "choose one configuration")(
    lambda w: written(w, "cu.cif", copper(), "cif").replace("1.0000\n", "0.5000\n")
)
as_text("alternate locations of a PDB", "alt.pdb", "has partially occupied sites")(
    lambda w: written(w, "cu.pdb", copper(), "proteindatabank").replace("  1.00  0.00", "  0.60  0.00", 1)
)
as_text("a PDB whose names could be two elements", "ca.pdb", "states no elements, and atom 0 is called 'CA'")(
    lambda w: (
        "ATOM      1  CA  ALA A   1       0.000   0.000   0.000  1.00  0.00\n"
        "ATOM      2  HO  ALA A   1       0.000   0.000   1.200  1.00  0.00\nEND\n"
    )
)
as_text("a PDB of an asymmetric unit", "p21.pdb", "has space group P 21 21 21", "write the full cell")(
    lambda w: written(w, "cu.pdb", copper(), "proteindatabank").replace(" P 1", " P 21 21 21")
)
as_text("a POSCAR of VASP 4, whose title would name elements", "POSCAR", "line 6 names no elements")(
    lambda w: (
        "Au like Cu\n"
        + "\n".join(written(w, "POSCAR", copper(), "vasp").splitlines()[1:5])
        + "\n"
        + "\n".join(written(w, "POSCAR", copper(), "vasp").splitlines()[6:])
        + "\n"
    )
)
as_text("a CIF with two structures", "two.cif", "has 2 data blocks")(lambda w: written(w, "a.cif", copper(), "cif") * 2)
as_text("a CIF with a Hall symbol alone", "hall.cif", "as a Hall symbol only")(
    lambda w: (
        re.sub(
            r"_space_group_name_H-M.*|_space_group_IT.*|loop_\n  _space_group_symop[^_]*?\n\n",
            "",
            written(w, "a.cif", copper(), "cif"),
        )
        .replace("loop_", "_space_group_name_Hall '-F 4 2 3'\nloop_", 1)
        .replace("symop", "x")
    )
)
GRO = (
    "water\n    2\n    1SOL{:>5s}    1   0.000   0.000   0.000\n    1SOL    HW    2   0.100   0.000   0.000\n   2 2 2\n"
)
as_text("a GRO file with a virtual site", "w.gro", "is called 'MW'")(lambda w: GRO.format("MW"))
as_text("a GRO file with CL, chlorine or carbon", "w.gro", "is called 'CL'")(lambda w: GRO.format("CL"))
as_text("a LAMMPS data file", "cu.data", "is a LAMMPS file", "use system lammps_input")(
    lambda w: written(w, "cu.data", copper(), "lammps-data")
)
as_text("text that is no structure", "notes.txt", "ASE does not know this kind of file")(lambda w: "some notes\n")
as_text("an empty file", "cu.extxyz", "cu.extxyz")(lambda w: "")
as_text("a POSCAR that is cut off", "POSCAR", "ASE cannot read it")(
    lambda w: "\n".join(written(w, "POSCAR", copper(), "vasp").splitlines()[:20]) + "\n"
)
as_text("species CU, which ASE takes for Cu", "cu.extxyz", "atom 0 is called 'CU', which is not an element symbol")(
    lambda w: written(w, "a.extxyz", copper(), "extxyz").replace("Cu ", "CU ")
)
as_text("a count of atoms that is wrong", "cu.extxyz", "ASE cannot read it")(
    lambda w: written(w, "a.extxyz", copper(), "extxyz").replace("32\n", "33\n", 1)
)


@refused(KIND, "no such file", "structure_file", "no such file")
def _(w: World) -> list[str]:
    return reference(w, w.path("none.extxyz"))


@refused(KIND, "a folder in place of a file", "is a folder; name a structure file")
def _(w: World) -> list[str]:
    w.path("folder").mkdir()
    return reference(w, w.path("folder"))
