"""Force fields of `system: lammps_input`: a LAMMPS input and its data file, read by `trajcast reference`."""

from __future__ import annotations

from typing import Any

import numpy as np
from case import refused, right
from cases_structures import SETTINGS
from world import World

from trajcast.io.trajectory import Trajectory

KIND = "LAMMPS input"
SIDE, COUNT = 5.4, 64


def sites() -> np.ndarray:
    base = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    cells = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return ((cells[:, None] + base).reshape(-1, 3)) * SIDE


def data(
    title: str = "argon", masses: str = "1 39.948", atoms: str | None = None, more: str = "", count: int = 108
) -> str:
    rows = (
        "\n".join(f"{i} 1 {x:.6f} {y:.6f} {z:.6f}" for i, (x, y, z) in enumerate(sites(), 1))
        if atoms is None
        else atoms
    )
    sides = "\n".join(f"0.0 {3 * SIDE} {axis}lo {axis}hi" for axis in "xyz")
    return (
        f"{title}\n\n{count} atoms\n1 atom types\n\n{sides}\n\nMasses\n\n{masses}\n\nAtoms # atomic\n\n{rows}\n{more}"
    )


BEFORE = "units real\natom_style atomic\nboundary p p p\n"
AFTER = "pair_style lj/cut 7.5\npair_coeff 1 1 0.238 3.4\npair_modify shift yes\n"


def reference(
    w: World, text: str, before: str = BEFORE, after: str = AFTER, elements=("Ar",), **changes: Any
) -> list[str]:
    """An equilibration with this data file and force field; its potential energy at the start is then checked."""
    w.text("argon.data", text)
    w.text("argon.in", f"{before}read_data argon.data\n{after}")
    parameters = {"input_file": "argon.in", "elements": list(elements)}
    settings = SETTINGS | {"system": "lammps_input", "temperature_K": 60.0, "parameters": parameters} | changes

    def check() -> None:
        with Trajectory(w.path("out/starts.h5")) as starts:
            assert (starts.spec.numbers == 18).all()
            np.testing.assert_allclose(starts.spec.masses, 39.948)
            np.testing.assert_allclose(np.diag(starts.spec.cell), 3 * SIDE)

    w.check = check
    path = w.yaml("reference.yaml", settings)
    return ["reference", "--settings", str(path), "--output", str(w.path("out")), "--part", "equilibration"]


@right(KIND, "as the LAMMPS manual has it")
def _(w: World) -> list[str]:
    return reference(w, data())


for title in ("Pair Coeffs", "Atoms", "Masses", "Velocities", "Bond Coeffs", "# Atoms", "", "108 atoms"):

    @right(KIND, f"a title line {title!r}")
    def _(w: World, title: str = title) -> list[str]:
        return reference(w, data(title))


@right(KIND, "coefficients in the data file")
def _(w: World) -> list[str]:
    return reference(
        w, data(more="\nPair Coeffs # lj/cut\n\n1 0.238 3.4\n"), after="", before=BEFORE + "pair_style lj/cut 7.5\n"
    )


@right(KIND, "coefficients in a data file whose title is their heading")
def _(w: World) -> list[str]:
    text = data("Pair Coeffs", more="\nPair Coeffs\n\n1 0.238 3.4\n")
    return reference(w, text, after="", before=BEFORE + "pair_style lj/cut 7.5\n")


@right(KIND, "comments, also after headings, in Latin-1")
def _(w: World) -> list[str]:
    command = reference(w, data())
    text = data("für Argon").replace("Masses", "Masses # wägbar").encode("latin-1")
    w.path("argon.data").write_bytes(text)
    return command


@right(KIND, "a comment with & at its end, which LAMMPS goes on with")
def _(w: World) -> list[str]:
    return reference(w, data(), after="# the next line belongs to this comment &\npair_coeff 1 1 9.9 9.9\n" + AFTER)


@right(KIND, "a command in two lines")
def _(w: World) -> list[str]:
    return reference(w, data(), after=AFTER.replace("pair_coeff 1 1", "pair_coeff 1 &\n   1"))


@right(KIND, "a # within quotes")
def _(w: World) -> list[str]:
    return reference(w, data(), after='variable label string "a # b"\n' + AFTER)


@right(KIND, "lines that end in CR LF")
def _(w: World) -> list[str]:
    command = reference(w, data())
    for name in ("argon.data", "argon.in"):
        w.path(name).write_bytes(w.path(name).read_text().replace("\n", "\r\n").encode())
    return command


@right(KIND, "velocities in the data file are passed over")
def _(w: World) -> list[str]:
    return reference(w, data(more="\nVelocities\n\n" + "".join(f"{i} 0 0 0.001\n" for i in range(1, 109))))


def bad(what: str, *parts: str, data_text: str | None = None, **options: Any) -> None:
    @refused(KIND, what, *parts)
    def _(w: World) -> list[str]:
        return reference(w, data() if data_text is None else data_text, **options)


bad(
    "N with the mass of argon",
    "N with mass 39.948 u, which is the mass of Ar",
    "correct the element or the mass",
    elements=("N",),
)
bad("an element that is none", "'A' is not an element", "write a symbol such as Ar", elements=("A",))
bad("too many elements", "2 elements (Ar, Kr) for the 1 atom types", elements=("Ar", "Kr"))
bad("lj units", "LAMMPS units are lj", "real or metal", before="units lj\natom_style atomic\n")
bad("no units command", "LAMMPS units are lj", "real or metal", before="atom_style atomic\n")
bad("electron units", "LAMMPS units are electron", before="units electron\natom_style atomic\n")
bad("atoms that are spheres", "atom_style sphere has state other than", before="units real\natom_style sphere\n")
bad(
    "periodic along two directions",
    "periodic in 2 directions of 3",
    "boundary p p p",
    before=BEFORE.replace("p p p", "p p f"),
)
bad("a run command", "'run 1000' does not define a force field", after=AFTER + "run 1000\n")
bad("a thermostat", "'fix 1 all nvt", "does not define a force field", after=AFTER + "fix 1 all nvt temp 300 300 100\n")
bad("SHAKE", "constrains bonds", "a flexible force field", after=AFTER + "fix 1 all shake 0.001 20 0 b 1\n")
bad("no coefficients", "All pair coeffs are not set", after="pair_style lj/cut 7.5\n")
bad("a pair style that is none", "Unrecognized pair style", after="pair_style ljx/cut 7.5\n")
bad("an atom missing", "LAMMPS stopped", data_text=data(count=109))
bad(
    "atoms outside the box",
    "LAMMPS stopped",
    before=BEFORE.replace("p p p", "f f f"),
    data_text=data().replace("0.0 16.2", "0.0 10.0"),
)
bad(
    "two atoms at one place",
    "0 Å apart",
    "Correct the structure",
    data_text=data(atoms="1 1 0 0 0\n2 1 0 0 0\n3 1 5 5 5\n", count=3),
)
bad(
    "one atom",
    "1 atom(s) with conserved total momentum have no degree of freedom",
    data_text=data(atoms="1 1 1 1 1\n", count=1),
)
bad("a data file that is cut off", "LAMMPS stopped", data_text=data()[:-300])
bad("an empty data file", "LAMMPS stopped", data_text="")
bad("masses of zero", "LAMMPS stopped", "mass", data_text=data(masses="1 0.0"))
bad("no masses", "atom 0 has mass 0 u", "above zero", data_text=data().replace("Masses\n\n1 39.948\n\n", ""))
bad("triple quotes", "triple quotes are not supported", after='variable a string """\nx\n"""\n' + AFTER)
bad("nan among the positions", "LAMMPS stopped", data_text=data().replace("\n5 1 ", "\n5 1 nan", 1))


@refused(KIND, "two lines with read_data", "2 lines with read_data; exactly one is required")
def _(w: World) -> list[str]:
    return reference(w, data(), after="read_data argon.data add append\n" + AFTER)


@refused(KIND, "a data file that is not there", "none.data: no such file", "relative to the working directory")
def _(w: World) -> list[str]:
    command = reference(w, data())
    w.text("argon.in", BEFORE + "read_data none.data\n" + AFTER)
    return command


@refused(KIND, "an input that includes itself", "includes itself; remove the line")
def _(w: World) -> list[str]:
    return reference(w, data(), after="include argon.in\n")


@refused(KIND, "an input in UTF-16", "not a readable LAMMPS input")
def _(w: World) -> list[str]:
    command = reference(w, data())
    w.path("argon.in").write_bytes(w.path("argon.in").read_text().encode("utf-16"))
    return command
