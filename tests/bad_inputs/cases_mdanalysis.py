"""Trajectories that MDAnalysis reads beside a topology."""

from __future__ import annotations

import warnings
from dataclasses import replace

import MDAnalysis as mda
import numpy as np
from case import refused, right
from dumps import dump
from world import FRAMES, Run, World, run

KIND = "read with MDAnalysis"


def universe(own: Run, **attributes) -> mda.Universe:
    made = mda.Universe.empty(len(own.numbers), n_residues=1, atom_resindex=[0] * len(own.numbers), trajectory=True)
    for name, values in attributes.items():
        made.add_TopologyAttr(name, values)
    return made


def pdb(w: World, own: Run, names: list[str] | None = None, elements: list[str] | None = None, name: str = "top.pdb"):
    """A PDB by its columns (wwpdb.org, version 3.3)."""
    symbols = ["O" if z == 8 else "H" for z in own.numbers]
    a, b, c = np.diag(own.cell)
    lines = [f"CRYST1{a:9.3f}{b:9.3f}{c:9.3f}  90.00  90.00  90.00 P 1"]
    for i, x in enumerate(own.start):
        label, element = (names or symbols)[i], (elements or symbols)[i]
        coordinates = "".join(f"{value:8.3f}" for value in x)
        lines.append(f"ATOM  {i + 1:5d} {label:<4s} SOL A   1    {coordinates}  1.00  0.00          {element:>2s}")
    return w.text(name, "\n".join([*lines, "END"]) + "\n")


def trajectory(
    w: World, own: Run, name: str, first_ps: float = 0.0, interval_fs: float = 1.0, velocities: bool = True
) -> str:
    """Written by MDAnalysis, Å/ps and ps, in single precision."""
    made = universe(own)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mda.Writer(str(w.path(name)), n_atoms=len(own.numbers), velocities=True) as writer:
            step = made.trajectory.ts
            step.dimensions = [*np.diag(own.cell).tolist(), 90, 90, 90]
            for frame in range(FRAMES):
                step.frame, step.data["time"] = frame, first_ps + frame * interval_fs * 1e-3
                step.positions = wrapped(own, frame * interval_fs)
                if velocities:
                    step.velocities = own.velocities(frame * interval_fs) * 1e3
                writer.write(made.atoms)
    return str(w.path(name))


def wrapped(own: Run, time_fs: float) -> np.ndarray:
    inside = own.positions(time_fs) @ np.linalg.inv(own.cell)
    return (inside - np.floor(inside)) @ own.cell


def given(w: World, name: str, top, *options: str, own: Run | None = None, seeds=(1, 2), **settings) -> list[str]:
    """The three splits in the same format, as they share one topology."""
    own = own or run()
    command = w.dataset(w.path(name), *options, **settings)
    for seed, split in zip(seeds, ("validation", "test"), strict=True):
        other = replace(run(seed, own.cell), numbers=own.numbers, masses=own.masses)
        command[command.index(f"--{split}") + 1] = trajectory(w, other, f"{split}-{name}")
    return [*command, "--topology", str(top)]


for ending, tolerance in (("trr", 2e-5), ("ncdf", 2e-5)):

    @right(KIND, f"{ending} with a PDB that has elements")
    def _(w: World, ending: str = ending, tolerance: float = tolerance) -> list[str]:
        w.tolerance_A = tolerance
        trajectory(w, run(), f"run.{ending}")
        return given(w, f"run.{ending}", pdb(w, run()))


@right(KIND, "names CA and HO beside elements O and H")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr")
    return given(w, "run.trr", pdb(w, run(), ["CA" if z == 8 else "HO" for z in run().numbers]))


@right(KIND, "times of 10 ns in single precision, frames 10 fs apart")
def _(w: World) -> list[str]:
    w.interval_fs = 10.0
    trajectory(w, run(), "run.trr", first_ps=1e4, interval_fs=10.0)
    command = given(w, "run.trr", pdb(w, run()), horizon_fs=20.0, samples={"training": 30, "validation": 1, "test": 1})
    for seed, split in ((1, "validation"), (2, "test")):
        trajectory(w, run(seed), f"{split}-run.trr", interval_fs=10.0)
    return command


@refused(KIND, "times of 10 ns in single precision, frames 1 fs apart", "too coarsely", "--interval-fs")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr", first_ps=1e4)
    return given(w, "run.trr", pdb(w, run()))


@right(KIND, "times of 10 ns in single precision, with --interval-fs")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr", first_ps=1e4)
    return given(w, "run.trr", pdb(w, run()), "--interval-fs", "1")


@refused(KIND, "a LAMMPS dump, whose units MDAnalysis does not know", "is a LAMMPS dump", "leave --topology out")
def _(w: World) -> list[str]:
    w.text("run.lammpsdump", dump(run()))
    trajectory(w, run(), "run.trr")
    command = given(w, "run.trr", pdb(w, run()))
    command[command.index("--training") + 1] = str(w.path("run.lammpsdump"))
    return command


@refused(
    KIND, "a GRO topology, whose names are no elements", "contains neither elements nor masses", "CA may be carbon"
)
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr")
    rows = [f"{1:5d}SOL  {'OW' if z == 8 else 'HW':>5s}{i + 1:5d}" for i, z in enumerate(run().numbers)]
    rows = [row + "".join(f"{x:8.3f}" for x in r / 10) for row, r in zip(rows, run().start, strict=True)]
    box = "".join(f"{x:10.5f}" for x in np.diag(run().cell) / 10)
    return given(w, "run.trr", w.text("top.gro", "\n".join(["water", "18", *rows, box]) + "\n"))


@refused(KIND, "a PDB without its columns 77 and 78", "contains neither elements nor masses", "columns 77–78")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr")
    return given(w, "run.trr", pdb(w, run(), ["CA"] * 18, ["  "] * 18))


@refused(KIND, "an element that is none", "contains neither elements nor masses")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr")
    return given(w, "run.trr", pdb(w, run(), None, ["XX"] * 18))


@refused(KIND, "a trajectory without velocities", "frame 0 has no velocities; save them")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.xtc", velocities=False)
    return given(w, "run.xtc", pdb(w, run()))


@refused(KIND, "a topology of other atoms", "MDAnalysis cannot read them", "do they belong together")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr")
    own = run()
    fewer = replace(own, numbers=own.numbers[:-1], start=own.start[:-1])
    return given(w, "run.trr", pdb(w, fewer))


@refused(KIND, "a topology that is not there", "--topology", "no such file")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr")
    return given(w, "run.trr", w.path("none.pdb"))


@refused(KIND, "a trajectory that is cut off", "run.trr")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr")
    command = given(w, "run.trr", pdb(w, run()))
    w.path("run.trr").write_bytes(w.path("run.trr").read_bytes()[:5000])
    return command


@refused(KIND, "a PSF with a massless virtual site", "has mass 0 u", "leave virtual sites and massless particles out")
def _(w: World) -> list[str]:
    trajectory(w, run(), "run.trr")
    rows = []
    for i, (z, m) in enumerate(zip(run().numbers, run().masses, strict=True)):
        label, mass = ("MW", 0.0) if i == 4 else ("OH"[int(z == 1)], m)
        rows.append(f"{i + 1:8d} W    1    SOL  {label:<4s} {label:<4s} {0.0:14.6f}{mass:14.4f}{0:8d}")
    head = "PSF\n\n       1 !NTITLE\n REMARKS water\n\n"
    empty = ("NBOND: bonds", "NTHETA: angles", "NPHI: dihedrals", "NIMPHI: impropers")
    tail = "\n\n" + "".join(f"       0 !{section}\n\n\n" for section in empty)
    return given(w, "run.trr", w.text("top.psf", head + f"{18:8d} !NATOM\n" + "\n".join(rows) + tail))
