"""A user's LAMMPS data file and force field give what LAMMPS gives for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_reference
import torch
from numpy.typing import NDArray

from trajcast.config.schema import ReferenceSettings
from trajcast.config.validation import validate
from trajcast.core.errors import UserError
from trajcast.core.geometry import replicate
from trajcast.core.mechanics import thermal_velocities
from trajcast.core.system_spec import SystemSpec
from trajcast.core.units import KCAL_PER_MOL
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory
from trajcast.reference.engines import MdRun, lammps
from trajcast.reference.engines._lammps import start_lammps
from trajcast.reference.engines.lammps import potential_energies, simulate
from trajcast.reference.input_files import file_hashes, input_files
from trajcast.reference.systems import lammps_input, liquid

STYLES = "units real\natom_style full\npair_style lj/cut/coul/cut 4.0\nbond_style harmonic\nangle_style harmonic\n"
WATER = f"{STYLES}read_data water.data\nspecial_bonds lj/coul 0.0 0.0 0.0\n"
COEFFICIENTS = """
Pair Coeffs

1 0.1554253 3.165492
2 0.0 1.0

Bond Coeffs

1 529.581 1.012

Angle Coeffs

1 37.95 113.24
"""
BOX_A = 9.32
PARAMETERS = liquid.Parameters(molecules=27, box_A=BOX_A, cutoff_A=4.0, ewald_accuracy=1e-4)
SKEWED = """an argon crystal

4 atoms
1 atom types
1.0 7.0 xlo xhi
-2.0 4.5 ylo yhi
0.5 7.5 zlo zhi
1.5 -1.0 2.0 xy xz yz

Masses

1 39.948

Atoms # atomic

4 1 4.0 1.1 2.2 0 0 0
2 1 1.5 -1.5 3.9 1 0 -1
3 1 3.5 2.0 5.8 0 0 0
1 1 6.9 1.4 4.9 0 0 0
"""
ARGON = "units metal\natom_style atomic\nread_data skewed.data\npair_style lj/cut 5.7\npair_coeff 1 1 0.0104 3.4\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """27 waters, cut by the faces of a box that does not begin at the origin; four skewed argon atoms."""
    spec, positions = liquid.structure(PARAMETERS, 1)
    shifted = (positions + 1.0) % BOX_A
    text = liquid.lammps_data(PARAMETERS, spec, shifted - 3.0)
    for axis in "xyz":
        assert f"\n0 {BOX_A} {axis}lo" in text
        text = text.replace(f"\n0 {BOX_A} {axis}lo", f"\n-3 {BOX_A - 3} {axis}lo")
    assert np.ptp(shifted.reshape(27, 3, 3), axis=1).max() > 8
    monkeypatch.chdir(tmp_path)
    Path("water.data").write_text(text + COEFFICIENTS, encoding="utf-8")
    Path("water.in").write_text(WATER, encoding="utf-8")
    Path("skewed.data").write_text(SKEWED, encoding="utf-8")
    Path("skewed.in").write_text(ARGON, encoding="utf-8")
    return tmp_path


def reference(**parameters: Any) -> ReferenceSettings:
    values = {"input_file": "water.in", "elements": ["O", "H"]} | parameters
    return tiny_reference.settings(system="lammps_input").model_copy(update={"parameters": values})


def structure(settings: ReferenceSettings) -> tuple[SystemSpec, NDArray]:
    parameters = validate(lammps_input.Parameters, settings.parameters, "reference.parameters")
    return lammps_input.structure(parameters, 1)


def by_lammps(commands: str) -> float:
    """Potential energy, eV, of the user's own input."""
    instance = start_lammps()
    instance.commands_string(commands + "run 0\n")
    energy, units = instance.get_thermo("pe"), instance.extract_global("units")
    instance.close()
    return energy * (KCAL_PER_MOL if units == "real" else 1.0)


def of_liquid(spec: SystemSpec, positions: NDArray) -> float:
    """The same energy from the file that the system liquid writes for these molecules."""
    Path("other.data").write_text(liquid.lammps_data(PARAMETERS, spec, positions) + COEFFICIENTS, encoding="utf-8")
    return by_lammps(WATER.replace("water.data", "other.data"))


def test_structure_is_the_data_files_with_whole_molecules(folder: Path):
    spec, positions = structure(reference())
    assert spec.numbers.tolist() == [8, 1, 1] * 27
    np.testing.assert_allclose(spec.masses[:3], [15.9994, 1.008, 1.008])
    np.testing.assert_allclose(spec.cell, BOX_A * np.eye(3))
    assert spec.molecules is not None
    assert spec.molecules.tolist() == [m for m in range(27) for _ in range(3)]
    water = positions.reshape(27, 3, 3)
    np.testing.assert_allclose(np.linalg.norm(water[:, 1:] - water[:, :1], axis=2), 1.012, rtol=1e-6)


def test_energy_is_that_of_the_users_own_run(folder: Path):
    settings = reference()
    spec, positions = structure(settings)
    theirs = by_lammps(WATER)
    assert abs(theirs) > 0.5
    found = potential_energies(settings, spec, np.stack([positions, positions + np.array([100.0, -3.3, 0.7])]))
    np.testing.assert_allclose(found, theirs, rtol=1e-9)


def test_energy_in_another_cell(folder: Path):
    """As after a run at constant pressure."""
    settings = reference()
    spec, positions = structure(settings)
    wider = replace(spec, cell=1.05 * spec.cell)
    spread = (positions.reshape(27, 3, 3) + 0.05 * positions.reshape(27, 3, 3)[:, :1]).reshape(-1, 3)
    found = potential_energies(settings, wider, spread[None])[0]
    assert found == pytest.approx(of_liquid(wider, spread), rel=1e-9)
    assert abs(found - by_lammps(WATER)) > 0.1


def test_supercell_has_every_copys_bonds(folder: Path):
    """Every atom of every copy is moved on its own, so that bonds between wrong copies would be seen."""
    settings = reference()
    spec, positions = structure(settings)
    bigger, copied = replicate(spec, torch.as_tensor(positions), [2, 1, 3])
    moved = copied.numpy() + np.random.default_rng(1).normal(scale=0.05, size=copied.shape)
    found = potential_energies(settings, bigger, moved[None])[0]
    assert found == pytest.approx(of_liquid(bigger, moved), rel=1e-9)


def test_skewed_cell_with_image_flags_and_unsorted_atoms(folder: Path):
    settings = reference(input_file="skewed.in", elements=["Ar"])
    spec, positions = structure(settings)
    np.testing.assert_allclose(spec.cell, [[6, 0, 0], [1.5, 6.5, 0], [-1, 2, 7]])
    np.testing.assert_allclose(positions[1], np.array([1.5, -1.5, 3.9]) - [1, -2, 0.5] + [6, 0, 0] - [-1, 2, 7])
    assert spec.molecules is None
    found = potential_energies(settings, spec, positions[None])[0]
    assert found == pytest.approx(by_lammps(ARGON), rel=1e-9)
    bigger, copied = replicate(spec, torch.as_tensor(positions), [1, 2, 2])
    assert potential_energies(settings, bigger, copied.numpy()[None])[0] == pytest.approx(4 * found, rel=1e-9)


def test_molecule_in_vacuum(folder: Path):
    text = "".join(f"boundary s s s\n{line}" if line.startswith("atom") else line for line in WATER.splitlines(True))
    Path("water.in").write_text(text, encoding="utf-8")
    spec, positions = structure(reference())
    assert not spec.pbc.any()
    assert not spec.cell.any()
    found = potential_energies(reference(), spec, np.stack([positions, positions + 40.0]))
    np.testing.assert_allclose(found, by_lammps(text), rtol=1e-9)


def test_included_files_and_coefficients_after_the_atoms(folder: Path):
    """As Moltemplate writes them, with a continued line; the data file has no coefficients."""
    data = Path("water.data").read_text(encoding="utf-8").replace(COEFFICIENTS, "")
    Path("water.data").write_text(data, encoding="utf-8")
    Path("styles.in").write_text(STYLES, encoding="utf-8")
    Path("coeffs.in").write_text(
        "pair_coeff 1 1 0.1554253 3.165492 # oxygen\npair_coeff * 2 0.0 &\n  1.0\nbond_coeff 1 529.581 1.012\n"
        "angle_coeff 1 37.95 113.24\nspecial_bonds lj/coul 0.0 0.0 0.0\n",
        encoding="utf-8",
    )
    split = "include styles.in\nread_data water.data\ninclude coeffs.in\n"
    Path("water.in").write_text(split, encoding="utf-8")
    settings = reference()
    spec, positions = structure(settings)
    assert potential_energies(settings, spec, positions[None])[0] == pytest.approx(by_lammps(split), rel=1e-9)
    assert input_files(settings) == ["water.in", "styles.in", "water.data", "coeffs.in"]


def test_segments_keep_coefficients_of_the_data_file(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Every segment begins with a restart: the same trajectory in one and in five."""
    settings = reference()
    spec, positions = structure(settings)
    start = thermal_velocities(spec.state(positions, 0 * positions), 300.0, torch.Generator().manual_seed(1))
    run = MdRun(name="run", ensemble="NVE", steps=100, every=1)
    found = []
    for frames in (100, 20):
        monkeypatch.setattr(lammps, "SEGMENT_FRAMES", frames)
        path = Path(f"{frames}.h5md")
        simulate(settings, run, start, Recorder(path, spec, identity={}, provenance={}, energies=("total",)))
        with Trajectory(path) as trajectory:
            total = trajectory.energy("total")
            assert total is not None
            found.append((trajectory.positions[()], total))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-6)


def test_changed_files_change_the_identity_of_a_run(folder: Path):
    before = file_hashes(reference())
    assert list(before) == ["water.in", "water.data"]
    with open("water.data", "a", encoding="utf-8") as file:
        file.write("\n")
    after = file_hashes(reference())
    assert after["water.in"] == before["water.in"]
    assert after["water.data"] != before["water.data"]


def changed(old: str, new: str, name: str = "water.in") -> None:
    path = Path(name)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


MISTAKES: dict[str, tuple[tuple[str, str], str]] = {
    "units lj": (("units real", "units lj"), "units are lj .* must be physical"),
    "units electron": (("units real", "units electron"), "units are electron .* in units real or metal"),
    "no units": (("units real\n", ""), r"units are lj \(the default is lj\)"),
    "half periodic": (("atom_style full", "atom_style full\nboundary p p f"), "periodic in 2 directions of 3"),
    "no atoms": (("read_data water.data\n", ""), "water.in: 0 lines with read_data"),
    "no data file": (("water.data", "watr.data"), "water.in, line 6: watr.data: no such file"),
    "more than a file": (
        ("water.data", "water.data add append"),
        "line 6: .* write read_data and the name of one file",
    ),
    "a run": (("special_bonds", "run 100\nspecial_bonds"), "water.in, line 7: 'run 100' does not define a force field"),
    "constraints": (
        ("special_bonds", "fix 1 all shake 1e-4 9 0 b 1\nspecial_bonds"),
        "'fix 1 all shake .* constrains bonds",
    ),
    "include": (("special_bonds", "include no.in\nspecial_bonds"), "no.in: no such file"),
    "circle": (("special_bonds", "include water.in\nspecial_bonds"), "water.in, line 7: water.in includes itself"),
    "style": (("lj/cut/coul/cut", "lj/kut"), "LAMMPS stopped: ERROR.*lj/kut"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_input_is_named(mistake: str, folder: Path):
    (old, new), message = MISTAKES[mistake]
    changed(old, new)
    with pytest.raises(UserError, match=message) as raised:
        structure(reference())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"input_file": "nowhere.in"}, "nowhere.in: no such file"),
        ({"elements": ["O"]}, "1 elements .* for the 2 atom types of water.in"),
        ({"elements": ["H", "O"]}, "type 1 is H, but its mass 15.9994 u is that of O"),
        ({"elements": ["O", "Hy"]}, "'Hy' is not an element"),
        ({"element": ["O", "H"]}, "element: unknown key"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, Any], message: str, folder: Path):
    with pytest.raises(UserError, match=message):
        structure(reference(**parameters))


def test_atoms_that_are_not_points_are_refused(folder: Path):
    changed("atom_style atomic", "atom_style sphere", "skewed.in")
    with pytest.raises(UserError, match=r"atom_style sphere has state other than .*; use one of: atomic, charge"):
        structure(reference(input_file="skewed.in", elements=["Ar"]))


def test_heavy_hydrogen_is_hydrogen(folder: Path):
    changed("2 1.008", "2 3.024", "water.data")
    spec, _ = structure(reference())
    assert spec.numbers.tolist() == [8, 1, 1] * 27
    assert spec.masses[1] == 3.024


def test_atom_ids_with_gaps_are_refused(folder: Path):
    changed("\n4 1 4.0", "\n7 1 4.0", "skewed.data")
    with pytest.raises(UserError, match="number the atoms from 1 to 4"):
        structure(reference(input_file="skewed.in", elements=["Ar"]))


def test_atoms_in_another_order_are_refused(folder: Path):
    spec, positions = structure(reference())
    mixed = replace(spec, numbers=spec.numbers[::-1])
    with pytest.raises(UserError, match=r"81 atoms are not those of water\.in in order"):
        potential_energies(reference(), mixed, positions[None])


def test_a_bonded_network_is_not_repeated(folder: Path):
    """A chain of atoms through the periodic box has no copies of its own."""
    atoms = "".join(f"{i + 1} 1 1 {2.0 * i} 1 1\n" for i in range(4))
    bonds = "".join(f"{i + 1} 1 {i + 1} {(i + 1) % 4 + 1}\n" for i in range(4))
    box = "0 8 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n"
    Path("chain.data").write_text(
        f"a chain\n\n4 atoms\n4 bonds\n1 atom types\n1 bond types\n{box}\nMasses\n\n1 12.011\n\n"
        f"Atoms # molecular\n\n{atoms}\nBonds\n\n{bonds}",
        encoding="utf-8",
    )
    Path("chain.in").write_text(
        "units metal\natom_style molecular\nread_data chain.data\npair_style zero 3.0\npair_coeff * *\n"
        "bond_style harmonic\nbond_coeff 1 1.0 2.1\n",
        encoding="utf-8",
    )
    settings = reference(input_file="chain.in", elements=["C"])
    spec, positions = structure(settings)
    assert potential_energies(settings, spec, positions[None])[0] == pytest.approx(4 * 0.1**2)
    bigger, copied = replicate(spec, torch.as_tensor(positions), [2, 1, 1])
    with pytest.raises(UserError, match="bonds run through the whole cell"):
        potential_energies(settings, bigger, copied.numpy()[None])
