"""SPC/Fw water against closed forms and sums by hand."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_reference
from scipy import constants

from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.reference.engines.lammps import potential_energies
from trajcast.reference.systems import liquid

COULOMB = constants.e / (4 * np.pi * constants.epsilon_0) / constants.angstrom  # eV Å per e²
KCAL = constants.calorie * 1000 / constants.N_A / constants.e
CHARGES = np.array(liquid.CHARGES)


def box(molecules: int, length: float) -> SystemSpec:
    return liquid.structure(
        liquid.Parameters(molecules=molecules, box_A=length, cutoff_A=9.0, ewald_accuracy=1e-6), seed=1
    )[0]


def energies(spec: SystemSpec, positions: np.ndarray, accuracy: float = 1e-9, cutoff: float = 9.0) -> np.ndarray:
    settings = tiny_reference.settings(parameters={"ewald_accuracy": accuracy, "cutoff_A": cutoff})
    return potential_energies(settings, spec, positions)


def molecule(bonds: tuple[float, float], angle_deg: float) -> np.ndarray:
    """O at the origin, the molecule in a plane that is not a coordinate plane."""
    angle = np.deg2rad(angle_deg)
    flat = np.array([[0, 0, 0], [bonds[0], 0, 0], [bonds[1] * np.cos(angle), bonds[1] * np.sin(angle), 0]])
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    return flat @ rotation.T


def image_energy(dipole: np.ndarray, length: float) -> float:
    """Energy of a dipole in its own periodic images (cubic, conducting surroundings), leading order."""
    return -2 * np.pi / 3 * COULOMB * float(dipole @ dipole) / length**3


def test_structure_has_the_molecules_geometry_and_depends_on_the_seed_alone():
    parameters = liquid.Parameters(molecules=20, box_A=10.0, cutoff_A=4.0, ewald_accuracy=1e-4)
    spec, positions = liquid.structure(parameters, 5)
    water = positions.reshape(20, 3, 3)
    bonds = water[:, 1:] - water[:, :1]
    lengths = np.linalg.norm(bonds, axis=2)
    np.testing.assert_allclose(lengths, 1.012, rtol=1e-12)
    np.testing.assert_allclose(np.einsum("mx,mx->m", bonds[:, 0], bonds[:, 1]) / 1.012**2, np.cos(np.deg2rad(113.24)))
    assert len(np.unique(bonds.round(6).reshape(20, -1), axis=0)) == 20  # each turned its own way
    assert spec.numbers.tolist() == [8, 1, 1] * 20
    assert spec.molecules is not None
    assert spec.molecules.tolist() == [m for m in range(20) for _ in range(3)]
    np.testing.assert_array_equal(positions, liquid.structure(parameters, 5)[1])
    assert not np.allclose(positions, liquid.structure(parameters, 6)[1])


@pytest.mark.parametrize(
    ("bonds", "angle"), [((1.012, 1.012), 113.24), ((1.10, 0.95), 113.24), ((1.012, 1.012), 100.0)]
)
def test_one_molecule_has_harmonic_bonds_and_angle(bonds: tuple[float, float], angle: float):
    length = 30.0
    positions = molecule(bonds, angle)
    stretch = sum((b - 1.012) ** 2 for b in bonds)
    bend = np.deg2rad(angle - 113.24) ** 2
    expected = KCAL * (0.5 * 1059.162 * stretch + 0.5 * 75.90 * bend) + image_energy(CHARGES @ positions, length)
    assert energies(box(1, length), positions[None])[0] == pytest.approx(expected, abs=5e-6)


def test_a_dimer_has_lennard_jones_between_oxygens_and_all_nine_coulomb_pairs():
    length = 30.0
    first = molecule((1.012, 1.012), 113.24)
    second = first[:, [1, 2, 0]] + 2.8 * first[1] / 1.012  # near contact, the second molecule turned
    pairs = np.linalg.norm(first[:, None] - second, axis=2)
    x6 = (3.165492 / pairs[0, 0]) ** 6
    direct = COULOMB * (CHARGES[:, None] * CHARGES / pairs).sum() + KCAL * 4 * 0.1554253 * (x6**2 - x6)
    positions = np.concatenate([first, second])
    expected = direct + image_energy(np.tile(CHARGES, 2) @ positions, length)
    assert abs(direct) > 0.05
    assert energies(box(2, length), positions[None])[0] == pytest.approx(expected, abs=2e-5)


def test_a_supercell_has_the_energy_of_its_copies():
    parameters = liquid.Parameters(molecules=8, box_A=7.0, cutoff_A=5.0, ewald_accuracy=1e-7)
    spec, positions = liquid.structure(parameters, 2)
    shift = np.array([7.0, 0, 0])
    double = SystemSpec(
        numbers=np.tile(spec.numbers, 2),
        masses=np.tile(spec.masses, 2),
        cell=np.diag([14.0, 7.0, 7.0]),
        pbc=spec.pbc,
    )
    once = energies(spec, positions[None], cutoff=5.0)
    twice = energies(double, np.concatenate([positions, positions + shift])[None], cutoff=5.0)
    assert twice[0] == pytest.approx(2 * once[0], abs=2e-5)


def test_energy_knows_nothing_of_origin_and_lattice_vectors():
    spec, positions = liquid.structure(liquid.Parameters(molecules=8, box_A=7.0, cutoff_A=5.0, ewald_accuracy=1e-6), 2)
    whole_boxes = 7.0 * np.random.default_rng(0).integers(-3, 4, size=(24, 3))
    frames = np.stack([positions, positions + np.array([1.3, -40.2, 7.7]), positions + whole_boxes])
    np.testing.assert_allclose(np.diff(energies(spec, frames, cutoff=5.0)), 0, atol=1e-6)


def test_no_frames_no_energies():
    assert energies(box(1, 20.0), np.empty((0, 3, 3))).shape == (0,)


def test_atoms_in_another_order_or_a_skewed_cell_are_refused():
    spec = box(2, 12.0)
    mixed = replace(spec, numbers=np.array([1, 8, 1, 8, 1, 1]))
    with pytest.raises(UserError, match="O, H, H of each molecule in turn"):
        energies(mixed, np.zeros((1, 6, 3)))
    skewed = replace(spec, cell=np.array([[12.0, 0, 0], [1, 12, 0], [0, 0, 12]]))
    with pytest.raises(UserError, match="right-angled"):
        energies(skewed, np.zeros((1, 6, 3)))
