"""TrajCast's own H5MD trajectories and data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import h5py
import numpy as np
from case import refused, right
from world import World, run, write_h5md

KIND = "H5MD"
ALL = "particles/all"


@right(KIND, "as it is written here")
def _(w: World) -> list[str]:
    return w.dataset(write_h5md(w.path("run.h5md"), run()))


@right(KIND, "called .dat, whose content counts")
def _(w: World) -> list[str]:
    return w.dataset(write_h5md(w.path("run.dat"), run()))


@right(KIND, "times of 10 ns")
def _(w: World) -> list[str]:
    own = run()
    later = replace(own, phase=own.phase - own.omega * 1e7)
    return w.dataset(write_h5md(w.path("run.h5md"), later, start_fs=1e7))


def damaged(what: str, *parts: str, **settings):
    """A good file whose content is changed through HDF5's own library."""

    def make(change: Callable[[h5py.File], object]) -> None:
        @refused(KIND, what, *parts)
        def _(w: World) -> list[str]:
            path = write_h5md(w.path("run.h5md"), run())
            with h5py.File(path, "r+") as file:
                change(file)
            return w.dataset(path, **settings)

    return make


def put(name: str, where, value) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[f"{ALL}/{name}"][where] = value

    return change


def reshaped(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[h5py.File], None]:
    def resized(file: h5py.File) -> None:
        values, attributes = change(file[f"{ALL}/{name}"][()]), dict(file[f"{ALL}/{name}"].attrs)
        del file[f"{ALL}/{name}"]
        file[f"{ALL}/{name}"] = values
        file[f"{ALL}/{name}"].attrs.update(attributes)

    return resized


damaged("a velocity that is nan", "frame 7 has a velocity that is not finite")(put("velocity/value", (7, 2, 1), np.nan))
damaged("a position that is infinite", "frame 7 has a position that is not finite")(
    put("position/value", (7, 2, 1), np.inf)
)
damaged("a position off by 1 Å", "from frame 6 to 7 atom 2", "a damaged number")(put("position/value", (7, 2, 1), 9.0))
damaged("masses of zero", "has mass 0 u", "masses must be above zero")(put("mass", 3, 0.0))
damaged("masses that are nan", "has mass nan u")(put("mass", 3, np.nan))
damaged("negative masses", "has mass -1 u")(put("mass", 3, -1.0))
damaged("an element 0", "atomic number 0, which belongs to no element")(put("species", 3, 0))
damaged("an element 200", "atomic number 200, which belongs to no element")(put("species", 3, 200))
damaged("masses of another element", "which is the mass of N")(reshaped("mass", lambda m: np.where(m > 2, 14.007, m)))
damaged("a cell that changes", "the cell of frame 9 differs")(put("box/edges/value", (9, 0, 0), 8.0))
damaged("a cell that is nan", "must be finite")(put("box/edges/value", slice(None), np.nan))
damaged("a flat cell", "finite and linearly independent")(put("box/edges/value", (slice(None), 2), 0.0))
damaged("times that go back", "frames are unevenly spaced")(put("position/time", 9, 3.0))
damaged("times that are nan", "unevenly spaced")(put("position/time", 9, np.nan))
damaged("the same time twice", "unevenly spaced")(put("position/time", 9, 8.0))
damaged("positions in nm by their unit", "position has unit 'nm', it must be 'Angstrom'")(
    lambda file: file[f"{ALL}/position/value"].attrs.__setitem__("unit", "nm")
)
damaged("no velocities", "it has no velocity", "convert it to extended XYZ")(
    lambda file: file.__delitem__(f"{ALL}/velocity")
)
damaged("no species", "it has no species")(lambda file: file.__delitem__(f"{ALL}/species"))
damaged("written by another program", "it has no trajcast", "convert it to extended XYZ")(
    lambda file: file.__delitem__("trajcast")
)
damaged("fewer masses than atoms", "are inconsistent: 18 atoms, 17 masses")(reshaped("mass", lambda m: m[:-1]))
damaged("fewer velocities than positions", "expected (40, 18, 3)")(reshaped("velocity/value", lambda v: v[:-1]))
damaged("positions in two dimensions", "expected (40, 18, 3)")(reshaped("position/value", lambda x: x[..., :2]))
damaged("one frame", "1 frame(s)")(
    lambda file: [
        reshaped(name, lambda v: v[:1])(file)
        for name in ("position/value", "velocity/value", "box/edges/value", "position/time", "position/step")
    ]
)
damaged("velocities all zero", "all velocities are zero")(put("velocity/value", slice(None), 0.0))
damaged("every frame twice", "20 of 40 frames repeat an earlier one")(
    lambda file: [
        file[f"{ALL}/{name}/value"].__setitem__(slice(None), np.repeat(file[f"{ALL}/{name}/value"][:20], 2, axis=0))
        for name in ("position", "velocity")
    ]
)
damaged("velocities in Å/ps", "velocities seem to be in Å/ps")(
    lambda file: file[f"{ALL}/velocity/value"].__setitem__(slice(None), file[f"{ALL}/velocity/value"][()] * 1e3)
)
damaged("a horizon that is no multiple of the interval", "horizon_fs 2.5 is not a multiple", horizon_fs=2.5)(
    lambda file: None
)
damaged(
    "more samples than frames",
    "100 pairs at 2 fs were requested",
    "lower the number of samples",
    samples={"training": 100, "validation": 10, "test": 10},
)(lambda file: None)


@refused(KIND, "one atom", "1 atom, which never changes its velocity", "at least two")
def _(w: World) -> list[str]:
    own = run()
    parts = ("numbers", "masses", "start", "amplitude", "omega", "phase")
    return w.dataset(write_h5md(w.path("run.h5md"), replace(own, **{name: getattr(own, name)[:1] for name in parts})))


@refused(KIND, "cut off", "not a readable H5MD file (truncated or damaged?)")
def _(w: World) -> list[str]:
    path = write_h5md(w.path("run.h5md"), run())
    path.write_bytes(path.read_bytes()[:-4000])
    return w.dataset(path)


for name, place, bit, message in (
    ("position/value", 403, 0x40, "frames cannot be read (truncated or damaged?)"),
    ("mass", 6, 0x01, "truncated or damaged"),
):

    @refused(KIND, f"a byte of {name} that flipped", message)
    def _(w: World, name: str = name, place: int = place, bit: int = bit) -> list[str]:
        path = write_h5md(w.path("run.h5md"), run())
        with h5py.File(path) as file:
            begin = file[f"{ALL}/{name}"].id.get_chunk_info(0).byte_offset
        data = bytearray(path.read_bytes())
        data[begin + place] ^= bit
        path.write_bytes(bytes(data))
        return w.dataset(path)


@refused(KIND, "the length of a string that flipped, on which HDF5 would read without end", "string heap")
def _(w: World) -> list[str]:
    path = write_h5md(w.path("run.h5md"), run())
    data = bytearray(path.read_bytes())
    length = data.index(b"{}", data.index(b"GCOL")) - 8  # of the provenance
    data[length] ^= 0x10
    path.write_bytes(bytes(data))
    return w.dataset(path)


@refused(KIND, "empty", "not a readable H5MD file")
def _(w: World) -> list[str]:
    w.path("run.h5md").touch()
    return w.dataset(w.path("run.h5md"))


@refused(KIND, "text", "not a readable H5MD file")
def _(w: World) -> list[str]:
    return w.dataset(w.text("run.h5md", "not HDF5\n"))


@refused(KIND, "a data set in place of a trajectory", "not a TrajCast H5MD trajectory")
def _(w: World) -> list[str]:
    with h5py.File(w.path("run.h5"), "w") as file:
        file.attrs["format"] = "TrajCast data set 1"
    return w.dataset(w.path("run.h5"))
