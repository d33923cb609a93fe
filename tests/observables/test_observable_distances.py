"""Distances in molecules whose distances are known."""

import numpy as np
import pytest
from synthetic import context, curve, spec, write

from trajcast.io.trajectory import Trajectory
from trajcast.observables import distances
from trajcast.observables.selection import select
from trajcast.observables.summary import NO, YES, verdict_rows


def measure(path, **settings):
    with Trajectory(path) as trajectory:
        return distances.measure(select(trajectory), context(**settings))


def turned(molecule, frames, seed):
    """The molecule in `frames` orientations and places."""
    rng = np.random.default_rng(seed)
    rotations = np.linalg.qr(rng.normal(size=(frames, 3, 3)))[0]
    return np.einsum("fxy,ay->fax", rotations, molecule) + rng.normal(scale=5, size=(frames, 1, 3))


def test_a_rigid_molecule_has_its_three_distances(tmp_path):
    molecule = np.array([[0, 0, 0], [0.95, 0, 0], [0, 1.25, 0]])
    path = write(tmp_path / "a.h5md", spec([8, 1, 1], None), turned(molecule, 40, 1), None, 50.0)
    result = measure(path)
    assert [c.name for c in result.curves] == ["O–H", "H–H"]
    for name, lengths in {"O–H": [0.95, 1.25], "H–H": [np.hypot(0.95, 1.25)]}.items():
        found = curve(result, name)
        x, y = np.array(found.x), np.array(found.y)
        assert y.sum() * distances.BIN_A == pytest.approx(1)
        np.testing.assert_allclose(x[y > 0], lengths, atol=distances.BIN_A / 2 + 1e-6)
        np.testing.assert_allclose(y[y > 0] * distances.BIN_A, 1 / len(lengths))
        assert found.error is not None
        assert max(found.error) < 1e-12


def test_gaussian_distances_have_their_mean_and_width(tmp_path):
    lengths = np.random.default_rng(2).normal(1.5, 0.1, 20_000)
    positions = np.zeros((len(lengths), 2, 3))
    positions[:, 1, 2] = lengths
    found = curve(measure(write(tmp_path / "a.h5md", spec([6, 8], None), positions, None, 50.0)), "O–C")
    x, weight = np.array(found.x), np.array(found.y) * distances.BIN_A
    mean = weight @ x
    assert mean == pytest.approx(1.5, abs=4 * 0.1 / np.sqrt(len(lengths)))
    assert np.sqrt(weight @ (x - mean) ** 2) == pytest.approx(0.1, rel=4 / np.sqrt(2 * len(lengths)))


def test_a_longer_bond_is_seen_in_the_score(tmp_path):
    results = []
    for name, length in (("md", 1.0), ("second", 1.0), ("same", 1.0), ("long", 1.1)):
        spread = np.random.default_rng(len(results)).normal(length, 0.03, 4000)
        positions = np.zeros((4000, 2, 3))
        positions[:, 1, 0] = spread
        results.append(measure(write(tmp_path / f"{name}.h5md", spec([8, 1], None), positions, None, 50.0)))
    md, second, same, long = ({"distances": result} for result in results)
    (good,) = verdict_rows(md, same, second, 4)
    (bad,) = verdict_rows(md, long, second, 4)
    assert good["score"] > 0.95
    assert bad["score"] < 0.3
    assert (good["within_error"], bad["within_error"]) == (True, False)
    assert (good["within_tolerance"], bad["within_tolerance"]) == (YES, NO)


def test_atoms_that_fly_apart_take_no_memory(tmp_path):
    positions = np.zeros((8, 2, 3))
    positions[4:, 1, 0] = 1e9
    found = curve(measure(write(tmp_path / "a.h5md", spec([8, 1], None), positions, None, 50.0)), "O–H")
    assert len(found.x) < 1.1 * distances.LONGEST_A / distances.BIN_A
    assert sum(found.y) * distances.BIN_A == pytest.approx(1)


def test_periodic_systems_are_left_to_the_radial_distribution_function(tmp_path):
    result = measure(write(tmp_path / "a.h5md", spec([8, 1], 9.0), np.zeros((4, 2, 3)), None, 50.0))
    assert (result.curves, result.note) == ([], "")
