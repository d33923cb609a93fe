"""LAMMPS text dumps."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from dataclasses import replace

import numpy as np
from case import refused, right
from dumps import dump, frames_of, write
from world import BOX, TILTED, World, run

KIND = "LAMMPS dump"


def plain(w: World, text: str, *options: str, name: str = "run.dump", **settings) -> list[str]:
    return w.dataset(write(w.path(name), text), *options, **settings)


# ---- what LAMMPS writes, and must be read as it stands

for units in ("real", "metal"):
    for columns in ("x y z", "xs ys zs", "xu yu zu", "xsu ysu zsu", "x y z ix iy iz", "xs ys zs ix iy iz"):

        @right(KIND, f"{units} units, positions as {columns}")
        def _(w: World, units: str = units, columns: str = columns) -> list[str]:
            return plain(w, dump(run(), f"id element {columns} vx vy vz", units=units))


for name, columns in (("restricted", "xs ys zs"), ("restricted", "x y z ix iy iz"), ("restricted", "xsu ysu zsu")):

    @right(KIND, f"{name} triclinic box, positions as {columns}")
    def _(w: World, columns: str = columns) -> list[str]:
        w.truth = run(cell=TILTED)
        return plain(w, dump(w.truth, f"id element {columns} vx vy vz"))


def general_box(cell, origin=(0.0, 0.0, 0.0)):
    rows = [" ".join(f"{x:.16e}" for x in (*row, low)) for row, low in zip(cell, origin, strict=True)]
    return lambda x: ["ITEM: BOX BOUNDS abc origin pp pp pp", *rows]


@right(KIND, "general triclinic box (abc origin)")
def _(w: World) -> list[str]:
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
    w.truth = run(cell=TILTED @ turn * np.sign(np.linalg.det(turn)))
    return plain(w, dump(w.truth, box=general_box(w.truth.cell)))


@right(KIND, "left-handed general triclinic box")
def _(w: World) -> list[str]:
    w.truth = run(cell=BOX[[1, 0, 2]])
    return plain(w, dump(w.truth, box=general_box(w.truth.cell)))


@right(KIND, "strongly tilted box")
def _(w: World) -> list[str]:
    w.truth = run(cell=np.array([[7.8, 0, 0], [23.4, 7.8, 0], [-15.6, 15.6, 5.2]]))
    return plain(w, dump(w.truth, "id element xs ys zs vx vy vz"))


@right(KIND, "box whose corner is not the origin")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id element xs ys zs vx vy vz", origin=(-3.9, 2.0, 100.0)))


@right(KIND, "slab: shrink-wrapped bounds of z follow the atoms (p p s)")
def _(w: World) -> list[str]:
    w.truth = run(pbc=(True, True, False))
    return plain(w, dump(w.truth, boundary="pp pp ss"))


@right(KIND, "slab with scaled coordinates of a box that changes")
def _(w: World) -> list[str]:
    w.truth = run(pbc=(True, True, False))
    return plain(w, dump(w.truth, "id element xs ys zs vx vy vz", boundary="pp pp mm"))


@right(KIND, "wire (f p f)")
def _(w: World) -> list[str]:
    w.truth = run(pbc=(False, True, False))
    return plain(w, dump(w.truth, boundary="ff pp ff"))


@right(KIND, "cluster in a shrink-wrapped box (s s s)")
def _(w: World) -> list[str]:
    w.truth = run(pbc=(False, False, False))
    return plain(w, dump(w.truth, boundary="ss ss ss"), accept=["momentum"])  # its sites turn it


@right(KIND, "boundaries not stated, given with --boundary")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), boundary=""), "--boundary", "ppp")


@right(KIND, "columns of text that are not needed")
def _(w: World) -> list[str]:
    columns = "typelabel id element x y z vx vy vz note"
    return plain(w, dump(run(), columns, more=lambda atom: {"typelabel": "O-w", "note": "H#1"}))


@right(KIND, "columns in another order")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "vz z element vx y id vy x mass"))


@right(KIND, "ids with gaps")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), ids=lambda atom: 10 * atom + 7))


@right(KIND, "units given with --lammps-units")
def _(w: World) -> list[str]:
    text = dump(run(), units=None, times=False, in_units="metal")
    return plain(w, text, "--lammps-units", "metal", "--interval-fs", "1")


@right(KIND, "timesteps beyond 2³¹")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), first_step=5_000_000_000))


@right(KIND, "lines that end in CR LF")
def _(w: World) -> list[str]:
    w.path("run.dump").write_bytes(dump(run()).replace("\n", "\r\n").encode())
    return w.dataset(w.path("run.dump"))


for ending, module in (("gz", gzip), ("bz2", bz2), ("xz", lzma)):

    @right(KIND, f"compressed: {ending}")
    def _(w: World, ending: str = ending, module=module) -> list[str]:
        w.path(f"run.dump.{ending}").write_bytes(module.compress(dump(run()).encode()))
        return w.dataset(w.path(f"run.dump.{ending}"))


@right(KIND, "masses alone, which are standard ones")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id mass x y z vx vy vz"))


@right(KIND, "types alone, with --elements")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id type x y z vx vy vz"), "--elements", "O,H")


@refused(KIND, "types, of which --elements names too few", "has types 1 to 2, --elements O names 1")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id type x y z vx vy vz"), "--elements", "O")


@refused(KIND, "--elements that contradict the file", "--elements H,O contradicts the column element", "leave it out")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id type element x y z vx vy vz"), "--elements", "H,O")


@right(KIND, "element H with mass 2.014: deuterium is kept")
def _(w: World) -> list[str]:
    w.truth = run(mass={1: 2.014, 8: 15.999})
    return plain(w, dump(w.truth, "id element mass x y z vx vy vz"), accept=["temperature"])


@right(KIND, "repartitioned masses (H 3.024, O 11.967) are kept")
def _(w: World) -> list[str]:
    w.truth = run(mass={1: 3.024, 8: 11.967})
    return plain(w, dump(w.truth, "id element mass x y z vx vy vz"), accept=["temperature"])


# ---- what a dump leaves open or contradicts


@refused(KIND, "units not stated", "does not say its units", "--lammps-units")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), units=None, times=False))


@refused(KIND, "lj units", "is in lj units", "real, metal")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), units="lj"))


@refused(KIND, "units that contradict the option", "--lammps-units metal contradicts", "leave it out")
def _(w: World) -> list[str]:
    return plain(w, dump(run()), "--lammps-units", "metal")


@refused(KIND, "metal numbers called real", "velocities seem to be in Å/ps", "check the interval")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), units="real", in_units="metal", times=False), "--interval-fs", "1")


@refused(KIND, "boundaries not stated", "does not say which directions are periodic", "--boundary")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), boundary=""))


@refused(KIND, "boundaries of a triclinic box not stated", "does not say which directions are periodic", "--boundary")
def _(w: World) -> list[str]:
    return plain(w, dump(run(cell=TILTED), boundary=""))


@refused(KIND, "boundaries that contradict the option", "--boundary ppf contradicts", "leave it out")
def _(w: World) -> list[str]:
    return plain(w, dump(run()), "--boundary", "ppf")


@refused(KIND, "no element, and mass 3.024", "mass 3.024 u is not the standard mass of an element", "dump `element`")
def _(w: World) -> list[str]:
    return plain(w, dump(run(mass={1: 3.024, 8: 15.999}), "id mass x y z vx vy vz"))


@refused(KIND, "neither element nor mass", "no column says which element an atom is", "dump_modify")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id type x y z vx vy vz"))


@refused(KIND, "elements left at LAMMPS' default, C", "C has masses 1.008 to 15.999 u", "mass")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id element mass x y z vx vy vz", more=lambda atom: {"element": "C"}))


@refused(
    KIND,
    "elements left at the default, without masses",
    "C is at",
    "at most 1.6 allowed",
    "dump_modify ID element",
    "accept: [temperature]",
)
def _(w: World) -> list[str]:
    w.truth = replace(
        run(), numbers=np.where(run().numbers == 8, 8, 6), masses=np.where(run().numbers == 8, 15.999, 12.011)
    )
    return plain(
        w, dump(run(), more=lambda atom: {"element": "C"} if run().numbers[atom] == 1 else {}), accept=["momentum"]
    )


@refused(KIND, "atoms called OW and HW", "'HW', which is not an element symbol", "dump_modify ID element O H")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), more=lambda atom: {"element": "OW" if run().numbers[atom] == 8 else "HW"}))


@refused(KIND, "a run with repartitioned masses, read with standard ones", "O is at", "give the masses of the run")
def _(w: World) -> list[str]:
    slow = replace(run(), amplitude=run().amplitude * np.where(run().numbers == 1, 1 / 3, 2.0)[:, None] ** 0.5)
    return plain(w, dump(slow, frames=400, interval_fs=25.0), accept=["momentum"], horizon_fs=25.0)


@refused(KIND, "no ids", "id missing", "dump `id element mass")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "element x y z vx vy vz"))


@refused(KIND, "no velocities", "vx vy vz missing")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id element x y z"))


@refused(KIND, "no positions", "x y z missing")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id element vx vy vz"))


@refused(KIND, "two atoms with one id", "frame 0: two atoms have id 3")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), ids=lambda atom: 3 if atom == 5 else atom + 1))


def changed(w: World, change, frame: int = 5, **options) -> list[str]:
    """A dump in which one frame is changed."""
    parts = frames_of(dump(run(), **options))
    parts[frame] = change(parts[frame])
    return plain(w, "".join(parts))


@refused(KIND, "a lost atom", "the column id of frame 5", "all frames must have the same atoms")
def _(w: World) -> list[str]:
    return changed(w, lambda part: re.sub(r"\n7 [^\n]*", "", part).replace("ATOMS\n18", "ATOMS\n17"))


@refused(KIND, "another atom in one frame", "the column id of frame 5")
def _(w: World) -> list[str]:
    return changed(w, lambda part: part.replace("\n7 H", "\n70 H").replace("\n7 O", "\n70 O"))


@refused(KIND, "an atom that changes its element", "the column element of frame 5")
def _(w: World) -> list[str]:
    return changed(w, lambda part: part.replace("\n2 H", "\n2 O"))


@refused(KIND, "a column missing in one frame", "frame 5: column(s) vz missing")
def _(w: World) -> list[str]:
    return changed(w, lambda part: part.replace("vx vy vz", "vx vy"))


@refused(KIND, "a number that is none", "frame 5: ITEM: ATOMS", "could not convert")
def _(w: World) -> list[str]:
    return changed(w, lambda part: re.sub(r"(\n4 \w+ )\S+", r"\g<1>1.2.3", part))


@refused(KIND, "a velocity that is nan", "frame 5 has a velocity that is not finite")
def _(w: World) -> list[str]:
    return changed(w, lambda part: re.sub(r"(\n4 \w+ \S+ \S+ \S+ )\S+", r"\g<1>nan", part))


@refused(KIND, "a damaged digit of a position", "from frame 4 to 5 atom 3", "a damaged number")
def _(w: World) -> list[str]:
    return changed(w, lambda part: re.sub(r"(\n4 \w+ )(\S+)", lambda m: f"{m[1]}{float(m[2]) + 0.9:.10f}", part))


@refused(KIND, "a damaged digit of a velocity", "from frame 4 to 5 atom 3", "a damaged number")
def _(w: World) -> list[str]:
    return changed(w, lambda part: re.sub(r"(\n4 \w+ \S+ \S+ \S+ )-?", r"\g<1>1", part))


@refused(KIND, "a box that changes", "the cell of frame 5 differs", "run NVE")
def _(w: World) -> list[str]:
    return changed(w, lambda part: re.sub(r"7\.[78]\d+e", "7.9e", part))


@refused(KIND, "a frame that stands there twice", "frames are unevenly spaced", "frames that a restart wrote twice")
def _(w: World) -> list[str]:
    parts = frames_of(dump(run()))
    return plain(w, "".join([*parts[:10], *parts[9:]]))


@refused(
    KIND, "a time step that varies (fix dt/reset)", "frames are unevenly spaced (1 to 1.5 fs; first between frames"
)
def _(w: World) -> list[str]:
    parts = frames_of(dump(run()))
    late = [re.sub(r"(ITEM: TIME\n)(\S+)", lambda m: f"{m[1]}{float(m[2]) + 0.5:g}", part) for part in parts[30:]]
    return plain(w, "".join([*parts[:30], *late]))


@refused(KIND, "a missing frame", "unevenly spaced (2 to 4 steps; timestep 20 follows 16 at frame 9)")
def _(w: World) -> list[str]:
    parts = frames_of(dump(run()))
    return plain(w, "".join([*parts[:9], *parts[10:]]))


@refused(KIND, "frames in reverse order", "timesteps decrease (76 follows 78)", "sort the frames by time")
def _(w: World) -> list[str]:
    units, *_ = (text := dump(run())).split("ITEM: TIME\n")
    return plain(w, units + "".join(reversed(["ITEM: TIME\n" + part for part in text.split("ITEM: TIME\n")[1:]])))


@refused(KIND, "two runs in one file", "unevenly spaced", "timestep 0 follows 78", "joined runs separately")
def _(w: World) -> list[str]:
    return plain(w, dump(run()) + dump(run(5)))


@refused(KIND, "two runs in one file whose timesteps go on", "from frame 39 to 40", "runs joined")
def _(w: World) -> list[str]:
    parts = dump(run(), times=False) + dump(run(5), times=False, first_step=80)
    return plain(w, parts, "--interval-fs", "1")


@refused(KIND, "an interval twice as long", "0.5 times as far", "the interval may be half as long")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), times=False), "--interval-fs", "2", horizon_fs=4.0)


@refused(KIND, "an interval that contradicts the file", "--interval-fs 2 contradicts", "leave it out")
def _(w: World) -> list[str]:
    return plain(w, dump(run()), "--interval-fs", "2")


@refused(KIND, "cut off within a line", "its last line does not end with a line break")
def _(w: World) -> list[str]:
    return plain(w, dump(run())[:-100])


@refused(KIND, "cut off within a number", "digits may be missing", "add a line break if the file is complete")
def _(w: World) -> list[str]:
    return plain(w, dump(run())[:-4])


@refused(KIND, "cut off between lines of a frame", "a line has 0 columns", "cut off within this frame")
def _(w: World) -> list[str]:
    return plain(w, "".join(line + "\n" for line in dump(run()).splitlines()[:-3]))


@refused(KIND, "cut off after a frame's head", "frame 3", "cut off")
def _(w: World) -> list[str]:
    parts = frames_of(dump(run()))
    return plain(w, "".join(parts[:3]) + parts[3].split("ITEM: ATOMS")[0])


@refused(KIND, "a gzip file that is cut off", "cannot be read to its end", "cut off")
def _(w: World) -> list[str]:
    w.path("run.dump.gz").write_bytes(gzip.compress(dump(run()).encode())[:-2000])
    return w.dataset(w.path("run.dump.gz"))


@refused(KIND, "one frame", "1 frame(s); pairs need at least 2")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), frames=1))


@refused(KIND, "a head without atoms", "ITEM: NUMBER OF ATOMS", "cannot be read")
def _(w: World) -> list[str]:
    return changed(w, lambda part: part.replace("ATOMS\n18", "ATOMS\nmany"))


@refused(KIND, "a box that is not finite", "the lattice vectors of frame 0 are not finite")
def _(w: World) -> list[str]:
    return plain(w, re.sub(r"7\.[78]\d+e\+00", "nan", dump(run())))


@refused(KIND, "a box without volume", "lattice vectors along periodic directions", "linearly independent")
def _(w: World) -> list[str]:
    return plain(w, re.sub(r"0\.0000000000000000e\+00 5\.2\d*e\+00", "0.0 0.0", dump(run())))


@refused(KIND, "positions in nm", "times as far", "units of positions and velocities")
def _(w: World) -> list[str]:
    small = replace(run(), cell=BOX / 10, start=run().start / 10, amplitude=run().amplitude / 10)
    fast = dump(replace(small), times=False)
    slow = dump(run(), times=False)
    keep = [
        a.split()[:5] + b.split()[5:] if a[:1].isdigit() and len(a.split()) == 8 else a.split()
        for a, b in pairs(fast, slow)
    ]
    return plain(w, "".join(" ".join(words) + "\n" for words in keep), "--interval-fs", "1")


def pairs(first: str, second: str) -> list[tuple[str, str]]:
    return list(zip(first.splitlines(), second.splitlines(), strict=True))


@refused(KIND, "positions and velocities in nm", "Å apart in frame", "positions in nm")
def _(w: World) -> list[str]:
    w.truth = replace(run(), cell=BOX / 10, start=run().start / 10, amplitude=run().amplitude / 10)
    return plain(w, dump(w.truth))


@refused(KIND, "positions and velocities in pm", "elements are at", "check the units of time and velocities")
def _(w: World) -> list[str]:
    w.truth = replace(run(), cell=BOX * 100, start=run().start * 100, amplitude=run().amplitude * 100)
    return plain(w, dump(w.truth))


@refused(KIND, "zero masses (virtual sites)", "has mass 0 u", "leave virtual sites and massless particles out")
def _(w: World) -> list[str]:
    return plain(w, dump(run(), "id element mass x y z vx vy vz", more=lambda atom: {"mass": 0.0} if atom == 3 else {}))


@refused(KIND, "negative masses", "has mass -1.008 u", "above zero")
def _(w: World) -> list[str]:
    return plain(
        w, dump(run(), "id element mass x y z vx vy vz", more=lambda atom: {"mass": -1.008} if atom == 4 else {})
    )


@refused(KIND, "two masses of one element", "H has masses 1.008 to 2.014 u", "give all its atoms the same mass")
def _(w: World) -> list[str]:
    return plain(
        w, dump(run(), "id element mass x y z vx vy vz", more=lambda atom: {"mass": 2.014} if atom == 4 else {})
    )


@refused(KIND, "united atoms (C of 15.035 u)", "C with mass 15.035 u", "accept: [masses]")
def _(w: World) -> list[str]:
    united = lambda atom: {"element": "C", "mass": 15.035} if run().numbers[atom] == 8 else {}  # noqa: E731
    return plain(w, dump(run(), "id element mass x y z vx vy vz", more=united))


@refused(KIND, "a frozen element (fix setforce 0 0 0)", "6 atom(s) never move", "(O)", "without constraints")
def _(w: World) -> list[str]:
    still = replace(
        run(),
        amplitude=run().amplitude * (run().numbers == 1)[:, None],
        masses=np.where(run().numbers == 8, 1e12, 1.008),
    )
    text = dump(still)
    return plain(w, re.sub(r"( O \S+ \S+ \S+) \S+ \S+ \S+", r"\1 0 0 0", text))


@refused(
    KIND, "friction and noise (fix langevin)", "the total momentum changes by", "conservation that the network imposes"
)
def _(w: World) -> list[str]:
    free = run()
    heavy = replace(free, masses=np.where(np.arange(18) == 0, 1e9, free.masses))  # every atom by itself
    return plain(w, dump(heavy), accept=["masses"])


@refused(KIND, "a box that atoms cross by a quarter between frames", "moves 0.", "save frames more often")
def _(w: World) -> list[str]:
    wild = replace(run(), amplitude=run().amplitude * 8, omega=run().omega * 2)
    return plain(w, dump(wild, interval_fs=20.0), horizon_fs=20.0)


@refused(KIND, "runs of another system for the test", "elements or their order differ", "a data set holds one system")
def _(w: World) -> list[str]:
    first = replace(run(2), numbers=np.where(np.arange(18) == 0, 1, run().numbers))
    return [
        *plain(w, dump(run()))[:-4],
        "--test",
        str(write(w.path("other.dump"), dump(first))),
        *plain(w, dump(run()))[-2:],
    ]


@refused(KIND, "the same run twice, in two formats", "also occur in", "give each split its own trajectories")
def _(w: World) -> list[str]:
    return plain(w, dump(run(1)))
