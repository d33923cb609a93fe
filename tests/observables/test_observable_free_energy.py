"""Free energies of dihedral angles against closed forms."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import vonmises
from synthetic import context, curve, scalar, spec, write

from trajcast.core.errors import UserError
from trajcast.core.units import BOLTZMANN
from trajcast.io.trajectory import Trajectory
from trajcast.observables import free_energy
from trajcast.observables.result import load_result
from trajcast.observables.selection import select

NVT = {"ensemble": "NVT (CSVR)", "settings": {"temperature_K": 300.0}}
THERMAL = 1000 * BOLTZMANN * 300.0
DIHEDRALS = {"ψ1": [0, 1, 2, 3], "ψ2": [1, 2, 3, 4]}
BINS = 24


def chain(angles):
    """Five atoms with right bond angles whose two dihedral angles are given (frames, 2) in degrees, IUPAC's sign."""
    angles = np.radians(np.asarray(angles, dtype=float))
    x = np.zeros((len(angles), 5, 3))
    x[:, 0], x[:, 1], x[:, 2] = [0, 1, 0], [0, 0, 0], [0, 0, 1]
    for place, psi in enumerate(angles.T, 3):
        back, along = (x[:, place - 3] - x[:, place - 2], x[:, place - 1] - x[:, place - 2])
        side = np.cross(along, back)  # of the eclipsed direction `back`, turned by ψ about `along`
        x[:, place] = x[:, place - 1] + np.cos(psi)[:, None] * back + np.sin(psi)[:, None] * side
    return x


def measured(folder, angles, cell=None, provenance=NVT, **settings):
    path = write(folder / "a.h5md", spec([6] * 5, cell), chain(angles), None, 10.0, **provenance)
    values = {"dihedrals": DIHEDRALS, "dihedral_bins": BINS} | settings
    with Trajectory(path) as trajectory:
        return free_energy.measure(select(trajectory), context(**values))


def bin_probability(density):
    """Exact probability of every bin of a density over degrees."""
    edges = free_energy.bin_centres(BINS)[:, None] + [-180 / BINS, 180 / BINS]
    return np.array([quad(density, *edge)[0] for edge in edges])


def von_mises(kappa, centre):
    return lambda degrees: vonmises.pdf(np.radians(degrees - centre), kappa) * np.pi / 180


def exact(density):
    energy = -THERMAL * np.log(bin_probability(density))
    return energy - energy.min()


@pytest.mark.parametrize("cell", [None, 3.0])
def test_angles_have_the_sign_of_iupac_also_across_a_box(tmp_path, cell):
    wanted = np.array([[0.0, 180.0], [90.0, -60.0], [-135.0, 17.0]])
    frames = chain(wanted)
    if cell:
        frames[:, 3] += [cell, -2 * cell, 0.0]  # the same atom in another image
    path = write(tmp_path / "a.h5md", spec([6] * 5, cell), frames, None, 1.0)
    with Trajectory(path) as trajectory:
        found = free_energy.dihedral_angles(select(trajectory), list(DIHEDRALS.values()))
    assert np.abs((found - wanted + 180) % 360 - 180).max() < 1e-3


def test_independent_von_mises_angles_give_cosines_and_their_barriers(tmp_path):
    rng = np.random.default_rng(5)
    kappas, centres = (1.0, 0.7), (0.0, 45.0)
    frames = 120_000
    angles = np.degrees([rng.vonmises(np.radians(c), k, frames) for k, c in zip(kappas, centres, strict=True)]).T
    result = measured(tmp_path, angles, blocks=20)
    for name, kappa, centre in (
        ("ψ1, any ψ2", 1.0, 0.0),
        ("ψ1 at ψ2 = 0°", 1.0, 0.0),  # independent angles: the cut has the shape of the whole
        ("ψ2, any ψ1", 0.7, 45.0),
        ("ψ2 at ψ1 = 0°", 0.7, 45.0),
    ):
        want = exact(von_mises(kappa, centre))
        found = curve(result, name)
        assert found.x == free_energy.bin_centres(BINS).tolist()
        lowest = int(np.argmin(found.y))
        error = np.array(found.error)
        deviation = (np.array(found.y) - (want - want[lowest])) / np.where(error > 0, error, np.inf)
        assert np.abs(deviation).max() < 4.5  # 20 blocks: Student's t, once in a thousand among 24 bins
        assert 0.4 < np.sqrt((deviation**2).mean()) < 1.7  # and the errors are of the right size
        barrier = scalar(result, f"barrier of {name}")
        assert abs(barrier.value - (want.max() - want.min())) < 4 * barrier.error
        assert barrier.error < 0.1 * barrier.value
    assert np.isclose(exact(von_mises(1.0, 0.0)).max(), 2 * THERMAL, rtol=0.01)  # 2 κ k T but for the bins' width


def test_surface_is_the_logarithm_of_the_joint_density(tmp_path):
    rng = np.random.default_rng(6)
    wells = np.array([[0.0, 180.0], [90.0, -90.0]])
    populations = [0.75, 0.25]
    place = rng.choice(2, size=40_000, p=populations)
    result = measured(tmp_path, wells[place] + rng.uniform(-3, 3, (40_000, 2)))  # all of a well in one bin
    centres = result.surface.x
    z = result.surface.z
    found = {
        (centres[i], centres[j]): value for i, row in enumerate(z) for j, value in enumerate(row) if value is not None
    }
    assert set(found) == {(0.0, -180.0), (90.0, -90.0)}  # 180° and −180° are one bin
    assert found[0.0, -180.0] == 0
    error = THERMAL * np.sqrt(1 / (40_000 * 0.75 * 0.25))  # of ln(p₁/p₂), binomial
    assert abs(found[90.0, -90.0] - THERMAL * np.log(3)) < 4 * error
    of_one = curve(result, "ψ1, any ψ2")
    assert of_one.x == [0.0, 90.0]
    assert 0.3 * error < of_one.error[1] < 2.5 * error
    barrier = scalar(result, "barrier of ψ1, any ψ2")
    assert barrier.value is None
    assert "22 of 24 bins were never visited" in barrier.note
    path = tmp_path / "result.json"
    result.save(path)
    assert load_result(path) == result


def test_cut_that_was_never_visited_is_said(tmp_path):
    result = measured(tmp_path, np.full((50, 2), 90.0))
    assert [c.name for c in result.curves] == ["ψ1, any ψ2", "ψ2, any ψ1"]
    assert "never visited" in scalar(result, "barrier of ψ1 at ψ2 = 0°").note


def test_frames_without_a_temperature_give_no_free_energy(tmp_path):
    result = measured(tmp_path, np.zeros((10, 2)), provenance={"ensemble": "NVE"})
    assert result.curves == []
    assert "constant temperature" in result.note


def test_too_few_frames_for_blocks_have_no_errors(tmp_path):
    result = measured(tmp_path, [[0.0, 10.0], [60.0, 10.0]])
    assert all(c.error is None for c in result.curves)
    assert "without errors: 2 frame(s) for 4 blocks" in result.note


def test_atom_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="beyond 4, the last of 5"):
        measured(tmp_path, np.zeros((10, 2)), dihedrals={"ψ1": [0, 1, 2, 3], "ψ2": [1, 2, 3, 5]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"dihedrals": {"ψ1": [0, 1, 2, 3]}}, "names 1; name two"), ({"dihedral_bins": 25}, "25 is odd; make it even")],
)
def test_wrong_dihedrals_are_explained(settings, message):
    with pytest.raises(ValueError, match=message):
        context(**settings)
