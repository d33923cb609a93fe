"""Files of pairs for `trajcast evaluate --data`: the same checks as those of data sets."""

from __future__ import annotations

from collections.abc import Callable

import ase
import numpy as np
from case import refused, right
from world import BOX, World, run

KIND = "pairs (extended XYZ)"
HORIZON_FS = 5.0


def frames(count: int = 8) -> list[ase.Atoms]:
    """States of a run with what follows 5 fs later, as in the data sets of IBM's trajcast 1.x."""
    own, images = run(), run().images(count, 3.0)
    for number, atoms in enumerate(images):
        time = 3.0 * number
        del atoms.arrays["momenta"]
        atoms.new_array("velocities", own.velocities(time))
        atoms.new_array("displacements", own.positions(time + HORIZON_FS) - own.positions(time))
        atoms.new_array("update_velocities", own.velocities(time + HORIZON_FS))
        atoms.info["timestep"] = HORIZON_FS
    return images


def evaluate(w: World, images: list[ase.Atoms], *options: str) -> list[str]:
    path = w.extxyz("pairs.extxyz", images)
    return ["evaluate", "--model", "water-5fs", "--data", str(path), *options]


@right(KIND, "as IBM's data sets have them")
def _(w: World) -> list[str]:
    return evaluate(w, frames())


@right(KIND, "another cell in every frame")
def _(w: World) -> list[str]:
    images = frames()
    for number, atoms in enumerate(images):
        atoms.set_cell(atoms.cell * (1 + 0.001 * number))
    return evaluate(w, images)


def changed(what: str, *parts: str, options: tuple[str, ...] = ()):
    def make(change: Callable[[ase.Atoms], object]) -> None:
        @refused(KIND, what, *parts)
        def _(w: World) -> list[str]:
            images = frames()
            for atoms in images:
                change(atoms)
            return evaluate(w, images, *options)

    return make


def one(what: str, *parts: str):
    """The same of a single frame."""

    def make(change: Callable[[ase.Atoms], object]) -> None:
        @refused(KIND, what, *parts)
        def _(w: World) -> list[str]:
            images = frames()
            change(images[3])
            return evaluate(w, images)

    return make


def scaled(factor: float, *names: str) -> Callable[[ase.Atoms], None]:
    def change(atoms: ase.Atoms) -> None:
        for name in names:
            atoms.arrays[name] = atoms.arrays[name] * factor

    return change


changed("velocities in Å/ps", "velocities seem to be in Å/ps", "check the interval")(
    scaled(1e3, "velocities", "update_velocities")
)
changed("displacements in nm", "0.1 times as far", "units of positions and velocities")(scaled(0.1, "displacements"))
changed("velocities in ASE's unit", "too large by 10.2, ASE's unit of time")(
    scaled(10.180505672822556, "velocities", "update_velocities")
)
changed("new velocities turned round", "atoms move against their velocities", "frames 0 to 7")(
    scaled(-1.0, "displacements")
)
changed("new velocities that are the old ones", "equal velocities", "one horizon later")(
    lambda atoms: atoms.arrays.__setitem__("update_velocities", atoms.arrays["velocities"].copy())
)
changed("the horizon of another model", "spans 10 fs (timestep), but the model's horizon is 5 fs")(
    lambda atoms: atoms.info.update(timestep=10.0)
)
changed("displacements of another horizon", "the interval may be twice as long")(scaled(2.0, "displacements"))
changed("a horizon that is text", "timestep 'long' is not a time")(lambda atoms: atoms.info.update(timestep="long"))
changed("a negative horizon", "timestep '-5.0' is not a time", "above zero")(
    lambda atoms: atoms.info.update(timestep=-5.0)
)
changed("no displacements", "has no array displacements", "found:")(
    lambda atoms: atoms.arrays.__delitem__("displacements")
)
changed(
    "an element that the model does not know",
    "the model knows",
    "not C",
    options=("--accept", "momentum", "temperature"),
)(lambda atoms: (atoms.set_atomic_numbers(np.where(atoms.numbers == 1, 6, 8)), atoms.set_masses(None)))
changed("one mass twice as large", "H with mass 5 u", "correct the element or the mass")(
    lambda atoms: atoms.set_masses(np.where(atoms.numbers == 1, 5.0, 15.999))
)
changed("massless atoms", "has mass 0 u")(lambda atoms: atoms.set_masses(np.where(atoms.numbers == 1, 0.0, 15.999)))
changed("a total momentum that changes", "the total momentum changes by")(
    lambda atoms: atoms.arrays["update_velocities"].__iadd__(0.004)
)
changed("positions in nm", "of the sum of their covalent radii", "positions in nm")(
    lambda atoms: (atoms.set_cell(BOX / 10), atoms.set_positions(atoms.positions / 10))
)
one("displacements of wrapped positions", "frame 3: atom 5", "must be those of unwrapped positions")(
    lambda atoms: atoms.arrays["displacements"].__setitem__((5, 0), atoms.arrays["displacements"][5, 0] - 7.8)
)
one("a displacement that is nan", "frame 3: displacements must hold three finite numbers")(
    lambda atoms: atoms.arrays["displacements"].__setitem__((5, 0), np.nan)
)
one("a position that is infinite", "frame 3 has no atoms, or a position that is not finite")(
    lambda atoms: atoms.positions.__setitem__((5, 0), np.inf)
)
one("two horizons in one file", "spans 7 fs (timestep), but the model's horizon is 5 fs")(
    lambda atoms: atoms.info.update(timestep=7.0)
)


@refused(KIND, "a file that is cut off", "digits may be missing")
def _(w: World) -> list[str]:
    command = evaluate(w, frames())
    w.text("pairs.extxyz", w.path("pairs.extxyz").read_text()[:-7])
    return command


@refused(KIND, "frames that stand there twice", "50 % of the pairs occur more than once", "--accept repeats")
def _(w: World) -> list[str]:
    return evaluate(w, [*frames(), *frames()])


@refused(KIND, "no frames", "pairs.extxyz")
def _(w: World) -> list[str]:
    command = evaluate(w, frames())
    w.text("pairs.extxyz", "")
    return command


@refused(KIND, "a data set's file in its place", "pairs.extxyz")
def _(w: World) -> list[str]:
    command = evaluate(w, frames())
    w.path("pairs.extxyz").write_bytes(w.good(1).read_bytes())
    return command
