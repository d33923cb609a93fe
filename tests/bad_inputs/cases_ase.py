"""Extended XYZ, also as LAMMPS writes it, and ASE's own .traj."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace

import ase
import ase.io
import ase.units
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from case import refused, right
from world import BOX, FRAMES, MASS, TILTED, Run, World, run, with_energy

KIND = "extended XYZ"
INTERVAL = ("--interval-fs", "1")
Images = list[ase.Atoms]


def given(w: World, images: Images, *options: str, name: str = "run.extxyz", **settings) -> list[str]:
    return w.dataset(w.extxyz(name, images), *(options or INTERVAL), **settings)


def with_velocities(images: Images, factor: float, name: str = "velocities") -> Images:
    """Velocities (Å/fs × factor) in an array of that name, in place of momenta."""
    for image in images:
        values = image.get_velocities() * ase.units.fs * factor
        del image.arrays["momenta"]
        image.new_array(name, values)
    return images


@right(KIND, "momenta, as ASE writes them")
def _(w: World) -> list[str]:
    return given(w, run().images())


UNITS = {"A/fs": 1.0, "A/ps": 1e3, "nm/ps": 1e2, "m/s": 1e5, "ase": 1 / ase.units.fs, "bohr/aut": 0.0457102}
for unit, factor in UNITS.items():

    @right(KIND, f"array velocities in {unit}, given with --velocity-unit")
    def _(w: World, unit: str = unit, factor: float = factor) -> list[str]:
        w.tolerance_A = 1e-4 if unit == "bohr/aut" else 2e-5
        return given(w, with_velocities(run().images(), factor), *INTERVAL, "--velocity-unit", unit)


@right(KIND, "array velocities beside momenta that agree")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        image.new_array("velocities", image.get_velocities() * ase.units.fs)
    return given(w, images)


@right(KIND, "masses of deuterium in the file")
def _(w: World) -> list[str]:
    w.truth = run(mass={1: 2.014, 8: 15.999})
    return given(w, w.truth.images(), accept=["temperature"])


@right(KIND, "unwrapped positions")
def _(w: World) -> list[str]:
    return given(w, run().images(wrapped=False))


@right(KIND, "tilted cell")
def _(w: World) -> list[str]:
    w.truth = run(cell=TILTED)
    return given(w, w.truth.images())


@right(KIND, "left-handed cell")
def _(w: World) -> list[str]:
    w.truth = run(cell=BOX[[1, 0, 2]])
    return given(w, w.truth.images())


def bounding(images: Images, axes: list[int]) -> Images:
    """The cell of each frame is a box around its atoms along these axes."""
    for image in images:
        cell = np.array(image.cell)
        for axis in axes:
            cell[axis] = np.eye(3)[axis] * (np.ptp(image.positions[:, axis]) + 1.0)
        image.set_cell(cell)
    return images


@right(KIND, "slab with a bounding box per frame along z")
def _(w: World) -> list[str]:
    w.truth = run(pbc=(True, True, False))
    return given(w, bounding(w.truth.images(), [2]))


@right(KIND, "molecule with a bounding box per frame")
def _(w: World) -> list[str]:
    w.truth = run(pbc=(False, False, False))
    return given(w, bounding(w.truth.images(), [0, 1, 2]), accept=["momentum"])


@right(KIND, "wire")
def _(w: World) -> list[str]:
    w.truth = run(pbc=(False, False, True))
    return given(w, w.truth.images())


@right(KIND, "compressed")
def _(w: World) -> list[str]:
    path = w.extxyz("run.extxyz", run().images())
    w.path("run.extxyz.gz").write_bytes(gzip.compress(path.read_bytes()))
    return w.dataset(w.path("run.extxyz.gz"), *INTERVAL)


@right(KIND, "energies of an NVE run")
def _(w: World) -> list[str]:
    return given(w, with_energy(run().images(), -3.0))


for name in (
    "run@1.extxyz",
    "run 1.extxyz",
    "rün.extxyz",
    'it\'s "run".extxyz',
    "-.extxyz",
    "run*[1].extxyz",
    "{x}.extxyz",
):

    @right("path", f"a trajectory called {name}")
    def _(w: World, name: str = name) -> list[str]:
        return given(w, run().images(), name=name)


@right("path", "nve@: beside nve, whose name another parser would cut")
def _(w: World) -> list[str]:
    w.extxyz("nve", run(9).images())
    return given(w, run().images(), name="nve@:.extxyz")


@right("path", "a trajectory through a symbolic link")
def _(w: World) -> list[str]:
    w.path("link.extxyz").symlink_to(w.extxyz("run.extxyz", run().images()))
    return w.dataset(w.path("link.extxyz"), *INTERVAL)


def lammps(own, unit: float, time: float, mass: bool = True) -> str:
    """What `dump extxyz` of LAMMPS writes with `dump_modify vel yes mass yes`."""
    lines = []
    for frame in range(FRAMES):
        x, v = own.positions(float(frame)), own.velocities(float(frame)) * unit
        cell = " ".join(f"{value:g}" for value in own.cell.ravel())
        columns = "species:S:1:pos:R:3:vel:R:3" + (":mass:R:1" if mass else "")
        lines += [
            str(len(x)),
            f'Timestep={2 * frame} Time={frame * time:.6f} pbc="T T T" Lattice="{cell}" Properties={columns}',
        ]
        for z, m, a, b in zip(own.numbers, own.masses, x, v, strict=True):
            row = [" OH"[1 if z == 8 else 2], *(f"{value:.10g}" for value in (*a, *b))]
            lines.append(" ".join(row + ([f"{m:g}"] if mass else [])))
    return "\n".join(lines) + "\n"


for units, (unit, time) in {"real": (1.0, 1.0), "metal": (1e3, 1e-3)}.items():

    @right(KIND, f"LAMMPS' dump extxyz in {units} units, with its times")
    def _(w: World, units: str = units, unit: float = unit, time: float = time) -> list[str]:
        return w.dataset(w.text("run.extxyz", lammps(run(), unit, time)), "--lammps-units", units)


@right(KIND, "LAMMPS' dump extxyz with repartitioned masses")
def _(w: World) -> list[str]:
    w.truth = run(mass={1: 3.024, 8: 11.967})
    return w.dataset(w.text("run.extxyz", lammps(w.truth, 1.0, 1.0)), "--lammps-units", "real", accept=["temperature"])


@refused(KIND, "LAMMPS' dump extxyz without its units", "unit of its array vel is not stated", "--lammps-units")
def _(w: World) -> list[str]:
    return w.dataset(w.text("run.extxyz", lammps(run(), 1.0, 1.0)), *INTERVAL)


@refused(KIND, "LAMMPS' dump extxyz of a restarted run", "Timestep 38 follows 40 at frame 21", "a restart wrote twice")
def _(w: World) -> list[str]:
    parts = ["18\nTimestep" + part for part in lammps(run(), 1.0, 1.0).split("18\nTimestep")[1:]]
    return w.dataset(w.text("run.extxyz", "".join([*parts[:21], *parts[19:]])), "--lammps-units", "real")


@refused(KIND, "array velocities without a unit", "unit of its array velocities is not stated", "--velocity-unit")
def _(w: World) -> list[str]:
    return given(w, with_velocities(run().images(), 1.0))


for unit, factor, cause in (
    ("A/fs", 1e3, "Å/ps"),
    ("ase", 1.0, "too small by 10.2, ASE's unit of time"),
    ("A/ps", 1.0, "Å/fs, read as Å/ps"),
):

    @refused(KIND, f"velocities that are not in {unit} but so called", cause, "units of positions and velocities")
    def _(w: World, unit: str = unit, factor: float = factor) -> list[str]:
        return given(w, with_velocities(run().images(), factor), *INTERVAL, "--velocity-unit", unit)


@refused(KIND, "momenta in another unit than ASE's", "too large by 10.2, ASE's unit of time", "check the interval")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        image.arrays["momenta"] /= ase.units.fs
    return given(w, images)


@refused(KIND, "momenta and velocities that contradict each other", "contradict each other; remove one")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        image.new_array("velocities", np.roll(image.get_velocities(), 1, axis=0))
    return given(w, images)


@refused(KIND, "no velocities", "frame 0 has no velocities", "write them with Atoms.set_velocities")
def _(w: World) -> list[str]:
    return given(w, with_velocities(run().images(), 1.0, "speed"))


@refused(KIND, "velocities all zero", "all velocities are zero")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        image.arrays["momenta"][:] = 0
    return given(w, images)


@refused(KIND, "velocities of one component only", "must hold three numbers for each atom")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        del image.arrays["momenta"]
        image.new_array("velocities", np.ones(len(image)))
    return given(w, images, *INTERVAL, "--velocity-unit", "A/fs")


@refused(KIND, "no interval", "does not state the time between frames", "--interval-fs")
def _(w: World) -> list[str]:
    return w.dataset(w.extxyz("run.extxyz", run().images()))


for interval in ("0", "-1", "nan", "inf"):

    @refused(KIND, f"an interval of {interval} fs", f"--interval-fs {interval} is wrong", "above zero")
    def _(w: World, interval: str = interval) -> list[str]:
        return w.dataset(w.extxyz("run.extxyz", run().images()), f"--interval-fs={interval}")


def order(what: str, *parts: str):
    """Frames picked from those of one or two runs."""

    def make(pick: Callable[[Images, Images], Images]) -> None:
        @refused(KIND, what, *parts)
        def _(w: World) -> list[str]:
            return given(w, pick(run().images(), run(5).images()))

    return make


order("every frame twice", "40 of 80 frames repeat an earlier one", "write each frame once")(
    lambda one, two: [image for image in one for _ in range(2)]
)
order("one frame twice", "1 of 41 frames repeat an earlier one; the first is frame 8")(
    lambda one, two: [*one[:8], *one[7:]]
)
order(
    "frames of before a restart again",
    "5 of 45 frames",
    "the first is frame 20, a copy of frame 15",
    "what a restart wrote twice",
)(lambda one, two: [*one[:20], *one[15:]])
order("frames in reverse order", "atoms move against their velocities", "in the order of time")(
    lambda one, two: one[::-1]
)
order("a part in reverse order", "from frame 9 to 10 atoms do not follow their velocities", "reversed there")(
    lambda one, two: [*one[:10], *one[15:9:-1], *one[16:]]
)
order("two runs joined", "from frame 19 to 20", "runs joined in one file")(lambda one, two: [*one[:20], *two[20:]])
order("a missing frame", "from frame 9 to 10 atoms do not follow their velocities", "are frames missing")(
    lambda one, two: [*one[:10], *one[11:]]
)
order("every second frame only, in a part of the file", "do not follow their velocities", "are frames missing")(
    lambda one, two: [*one[:25], *one[26::2]]
)
order("one frame only", "1 frame(s); pairs need at least 2")(lambda one, two: one[:1])


def frame(what: str, *parts: str, **settings):
    """One frame of a run changed."""

    def make(change: Callable[[ase.Atoms], object]) -> None:
        @refused(KIND, what, *parts)
        def _(w: World) -> list[str]:
            images = run().images()
            change(images[6])
            return given(w, images, **settings)

    return make


frame("two atoms that changed places", "the atoms of frame 6 differ from those of frame 0")(
    lambda atoms: atoms.set_atomic_numbers(np.roll(atoms.numbers, 1))
)
frame("two atoms of one element that changed places", "moves 0.50 of the cell from frame 5 to 6", "in another order")(
    lambda atoms: atoms.set_positions(atoms.positions[[0, 2, 1, *range(3, 18)]])
)
frame("a position that is off by 0.5 Å", "from frame 5 to 6 atom 4", "a damaged number")(
    lambda atoms: atoms.positions.__setitem__((4, 1), atoms.positions[4, 1] + 0.5)
)
frame("a position that is nan", "frame 6 has a position that is not finite")(
    lambda atoms: atoms.positions.__setitem__((4, 1), np.nan)
)
frame("a velocity that is infinite", "frame 6 has a velocity that is not finite")(
    lambda atoms: atoms.arrays["momenta"].__setitem__((4, 1), np.inf)
)
frame("a cell that changes", "the cell of frame 6 differs")(lambda atoms: atoms.set_cell(atoms.cell * 1.001))
frame("boundaries that change", "frame 6 is periodic along [True, True, False]")(lambda atoms: atoms.set_pbc([1, 1, 0]))
frame("masses that change", "atom 0 has mass 31.998 u in frame 6, 15.999 u in frame 0")(
    lambda atoms: atoms.set_masses(atoms.get_masses() * 2)
)
frame("fixed atoms", "frame 6 has constraints (FixAtoms)", "give runs without them")(
    lambda atoms: atoms.set_constraint(FixAtoms([0, 1]))
)
frame("turned velocities", "from frame 5 to 6 atoms do not follow their velocities")(
    lambda atoms: atoms.set_velocities(-atoms.get_velocities() * 3)
)


@refused(KIND, "one atom of another mass", "H has masses 1.008 to 2.014 u", "accept: [masses]")
def _(w: World) -> list[str]:
    own = run()
    return given(w, replace(own, masses=np.where(np.arange(18) == 1, 2.014, own.masses)).images())


@refused(
    KIND, "N with the mass of argon", "N with mass 39.948 u, which is the mass of Ar", "correct the element or the mass"
)
def _(w: World) -> list[str]:
    own = run()
    oxygen = own.numbers == 8
    w.truth = replace(own, numbers=np.where(oxygen, 7, 1), masses=np.where(oxygen, 39.948, 1.008))
    return given(w, w.truth.images())


@refused(KIND, "masses in kg", "has mass 0 u", "masses must be above zero")
def _(w: World) -> list[str]:
    return given(w, run(mass={z: m * 1.66e-27 for z, m in MASS.items()}).images())


@refused(KIND, "massless particles", "has mass 0 u", "leave virtual sites and massless particles out")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        image.new_array("mass", np.where(np.arange(18) == 2, 0.0, image.get_masses()))
    return given(w, with_velocities(images, 1.0), *INTERVAL, "--velocity-unit", "A/fs")


@refused(KIND, "an atom of no element (X)", "atom 3 is called 'X', which is not an element symbol")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        image.numbers[3] = 0
        image.set_masses(np.where(np.arange(18) == 3, 1.0, run().masses))
    return given(w, images)


@refused(
    KIND,
    "a thermostat's run (energies change)",
    "the change of the total energy is",
    "give NVE runs",
    "accept: [energy]",
)
def _(w: World) -> list[str]:
    return given(w, with_energy(run().images(), np.random.default_rng(1).normal(0, 0.3, FRAMES)))


@right(KIND, "energies beside an array of velocities")
def _(w: World) -> list[str]:
    images = run().images()
    kinetic = [image.get_kinetic_energy() for image in images]
    images = with_velocities(images, 1.0)
    for image, energy in zip(images, kinetic, strict=True):
        image.calc = SinglePointCalculator(image, energy=-3.0 - energy)
    return given(w, images, *INTERVAL, "--velocity-unit", "A/fs")


def at(own: Run, time_fs: float, velocities_at_fs: float, decimals: int = 12) -> ase.Atoms:
    """Positions at one time and velocities at another."""
    atoms = own.images(1)[0]
    atoms.set_positions(np.round(own.positions(time_fs), decimals))
    atoms.set_velocities(own.velocities(velocities_at_fs) / ase.units.fs)
    return atoms


for late in (0.25, -0.5, 1.0):

    @refused(KIND, f"velocities {late:g} fs after the positions (leapfrog)", "are not those at the times", "md-vv")
    def _(w: World, late: float = late) -> list[str]:
        fast = replace(run(), omega=run().omega * 3, amplitude=run().amplitude / 3)
        return given(w, [at(fast, float(t), t + late) for t in range(300)])


@refused(KIND, "positions centred on an atom", "the centre of mass is off by", "positions were centred")
def _(w: World) -> list[str]:
    images = run().images(wrapped=False)
    for image in images:
        image.positions -= image.positions[0]
    return given(w, images, accept=["motion"])


@refused(KIND, "positions rounded to 0.01 Å", "the centre of mass is off by", "with more digits")
def _(w: World) -> list[str]:
    return given(w, [at(run(), float(t), float(t), decimals=2) for t in range(FRAMES)], accept=["motion", "lag"])


@refused(KIND, "an interval of 1.2 fs called 1 fs", "as far as their velocities imply", "check the interval")
def _(w: World) -> list[str]:
    return given(w, run().images(interval_fs=1.2))


@refused(KIND, "rigid molecules", "the relative fluctuation of a bond length", "a flexible force field")
def _(w: World) -> list[str]:
    command = given(w, rigid(0.0), accept=["temperature"])
    for phase, split in ((2.0, "validation"), (4.0, "test")):
        command[command.index(f"--{split}") + 1] = str(w.extxyz(f"{split}.extxyz", rigid(phase)))
    return command


def rigid(phase: float) -> Images:
    """HF molecules that turn, their bonds as long as ever."""
    images, share = [], np.array([-18.998, 1.008]) / 20.006
    centers = np.array([[1, 1, 1], [5, 5, 1], [5, 1, 5], [1, 5, 5]], dtype=float)
    for frame in range(60):
        angle = 0.02 * frame + np.arange(4) + phase
        arm = 0.92 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
        turn = 0.02 * np.stack([-arm[:, 1], arm[:, 0], arm[:, 2]], axis=1)
        atoms = ase.Atoms("HFHFHFHF", pbc=True, cell=[8, 8, 8])
        atoms.set_positions((centers[:, None] + share[:, None] * arm[:, None]).reshape(-1, 3))
        atoms.set_velocities((share[:, None] * turn[:, None]).reshape(-1, 3) / ase.units.fs)
        images.append(atoms)
    return images


@refused(KIND, "positions in nm, velocities in Å/fs", "times as far", "units of positions")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        image.positions /= 10
        image.set_cell(image.cell / 10)
    return given(w, images)


@refused(KIND, "positions four times too close", "of the sum of their covalent radii", "positions in nm")
def _(w: World) -> list[str]:
    close = replace(run(), cell=BOX / 4, start=run().start / 4)
    w.truth = close
    return given(w, close.images(wrapped=False))


def cut(what: str, *parts: str):
    """The text of a run changed."""

    def make(change: Callable[[str], str | bytes]) -> None:
        @refused(KIND, what, *parts)
        def _(w: World) -> list[str]:
            path = w.extxyz("run.extxyz", run().images())
            new = change(path.read_text())
            path.write_bytes(new if isinstance(new, bytes) else new.encode())
            return w.dataset(path, *INTERVAL)

    return make


cut("cut off within a frame", "ASE cannot read it", "is it damaged?")(
    lambda text: "".join(line + "\n" for line in text.splitlines()[:-5])
)
cut("cut off within a number", "digits may be missing")(lambda text: text[:-5])
cut("cut off within a line", "its last line does not end with a line break")(lambda text: text[:-60])
cut("empty", "run.extxyz")(lambda text: "")
cut("a count of atoms that is wrong", "ASE cannot read it")(lambda text: text.replace("18\n", "17\n", 1))
cut("text that is no trajectory", "ASE cannot read it")(lambda text: "Dear diary,\n\ntoday\n")
cut("bytes of something else", "run.extxyz")(lambda text: bytes(range(256)) * 20 + b"\n")
cut("a letter among the numbers", "ASE cannot read it")(lambda text: text.replace("0.", "O.", 1))


@refused(KIND, "every second frame for the test", "% of the frames of", "give each split its own runs")
def _(w: World) -> list[str]:
    images = run().images(80, 0.5)
    command = given(w, images[::2])
    command[command.index("--test") + 1] = str(w.extxyz("test.extxyz", images[1::2]))
    return command


@right(KIND, "one run cut in three")
def _(w: World) -> list[str]:
    images = run().images(400)
    command = given(w, images[:200])
    for split, part in (("validation", images[200:300]), ("test", images[300:])):
        command[command.index(f"--{split}") + 1] = str(w.extxyz(f"{split}.extxyz", part))
    return command


TRAJ = "ASE trajectory"


def traj(w: World, images: Images) -> list[str]:
    ase.io.write(str(w.path("run.traj")), images)
    return w.dataset(w.path("run.traj"), *INTERVAL)


@right(TRAJ, "as ASE writes it")
def _(w: World) -> list[str]:
    return traj(w, run().images())


@refused(TRAJ, "fixed atoms", "frame 0 has constraints (FixAtoms)")
def _(w: World) -> list[str]:
    images = run().images()
    for image in images:
        image.set_constraint(FixAtoms([0]))
    return traj(w, images)


@refused(TRAJ, "no momenta", "frame 0 has no velocities")
def _(w: World) -> list[str]:
    return traj(w, with_velocities(run().images(), 1.0, "speed"))


@refused(TRAJ, "cut off", "ASE cannot read it", "is it damaged?")
def _(w: World) -> list[str]:
    command = traj(w, run().images())
    w.path("run.traj").write_bytes(w.path("run.traj").read_bytes()[:-3000])
    return command
