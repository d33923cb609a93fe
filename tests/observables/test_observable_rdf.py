"""g(r) of an ideal gas, of lattices and of molecules."""

import numpy as np
import pytest
from scipy.stats import chi2
from synthetic import context, curve, spec, write

from trajcast.io.trajectory import Trajectory
from trajcast.observables import rdf
from trajcast.observables.selection import select

CELLS = {
    "cubic": np.eye(3) * 9.0,
    "triclinic": np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [1.0, -2.0, 10.0]]),
}


def measure(path, **settings):
    with Trajectory(path) as trajectory:
        return rdf.measure(select(trajectory), context(**settings))


def a_rotation(seed):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_ideal_gas_is_one_in_every_bin(tmp_path, cell):
    """Pair counts are Poisson: Σ (g − 1)² × expected pairs follows χ² with one degree of freedom per bin."""
    rng = np.random.default_rng(1)
    n_o, n_h, frames, bins = 30, 20, 400, 40
    inside = rng.random((frames, n_o + n_h, 3)) @ cell
    unwrapped = inside + rng.integers(-3, 4, size=inside.shape) @ cell
    path = write(tmp_path / "gas.h5md", spec([8] * n_o + [1] * n_h, cell), unwrapped, None, 50.0)
    result = measure(path, rdf_bins=bins)
    pairs = {"O–O": n_o * (n_o - 1) / 2, "O–H": n_o * n_h, "H–H": n_h * (n_h - 1) / 2}
    assert [c.name for c in result.curves] == list(pairs)
    heights = abs(np.linalg.det(cell)) / np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
    edges = np.linspace(0, heights.min() / 2, bins + 1)
    for name, n_pairs in pairs.items():
        found = curve(result, name)
        np.testing.assert_allclose(found.x, (edges[1:] + edges[:-1]) / 2, rtol=1e-6)
        expected = frames * n_pairs * 4 / 3 * np.pi * np.diff(edges**3) / abs(np.linalg.det(cell))
        wide = expected > 5
        statistic = ((np.array(found.y) - 1) ** 2 * expected)[wide].sum()
        assert 0.001 < chi2.cdf(statistic, wide.sum()) < 0.999


def test_block_error_of_the_ideal_gas_is_that_of_poisson_counts(tmp_path):
    rng = np.random.default_rng(2)
    n, frames, bins, box, blocks = 40, 600, 40, 9.0, 6
    path = write(tmp_path / "gas.h5md", spec([8] * n, box), rng.random((frames, n, 3)) * box, None, 50.0)
    found = curve(measure(path, rdf_bins=bins, blocks=blocks), "O–O")
    shells = 4 / 3 * np.pi * np.diff(np.linspace(0, box / 2, bins + 1) ** 3)
    expected = frames * n * (n - 1) / 2 * shells / box**3
    ratio = (np.array(found.error) ** 2 * expected)[expected > 5]  # each (blocks − 1) × ratio is χ²(blocks − 1)
    tolerance = 4 * np.sqrt(2 / (blocks - 1) / len(ratio))
    assert ratio.mean() == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize("turn", [np.eye(3), a_rotation(3)], ids=["along x", "turned"])
def test_simple_cubic_lattice_has_its_shells(tmp_path, turn):
    """6, 12 and 8 neighbours at a, √2 a and √3 a, however the box is turned."""
    a, cells = 2.5, 4
    sites = np.stack(np.meshgrid(*[np.arange(cells)] * 3), axis=-1).reshape(-1, 3) * a
    cell = np.eye(3) * a * cells @ turn
    path = write(tmp_path / "sc.h5md", spec([8] * len(sites), cell), [sites @ turn] * 4, None, 50.0)
    result = measure(path, rdf_bins=151)
    found = curve(result, "O–O")
    r, g = np.array(found.x), np.array(found.y)
    edges = np.linspace(0, a * cells / 2, 152)
    neighbours = g * 4 / 3 * np.pi * np.diff(edges**3) * (len(sites) - 1) / (a * cells) ** 3
    for distance, number in ((a, 6), (np.sqrt(2) * a, 12), (np.sqrt(3) * a, 8)):
        near = np.abs(r - distance) < 0.1
        assert neighbours[near].sum() == pytest.approx(number, rel=1e-4)
    assert neighbours[r < 0.9 * a].sum() == 0
    assert neighbours[(r < 1.98 * a)].sum() == pytest.approx(26, rel=1e-4)
    np.testing.assert_allclose(found.error, 0, atol=1e-10)


def test_bonded_pairs_are_counted(tmp_path):
    """One bonded neighbour each: the peak at the bond length integrates to one."""
    rng = np.random.default_rng(4)
    n, frames, box, bond = 12, 40, 12.0, 1.01
    oxygen = rng.random((frames, n, 3)) * box
    along = rng.normal(size=(frames, n, 3))
    hydrogen = oxygen + bond * along / np.linalg.norm(along, axis=2, keepdims=True)
    both = np.concatenate([oxygen, hydrogen], axis=1)
    path = write(tmp_path / "oh.h5md", spec([8] * n + [1] * n, box), both, None, 50.0)
    found = curve(measure(path), "O–H")
    r, g = np.array(found.x), np.array(found.y)
    assert abs(r[g.argmax()] - bond) < box / 2 / 150
    edges = np.linspace(0, box / 2, 151)
    number = g.max() * 4 / 3 * np.pi * np.diff(edges**3)[g.argmax()] * n / box**3
    assert 1 <= number < 1 + 8 * n / box**3 * 4 * np.pi * bond**2 * 0.04


def test_vacuum_has_none(tmp_path):
    path = write(tmp_path / "vacuum.h5md", spec([8, 1], None), np.random.default_rng(5).random((9, 2, 3)), None, 50.0)
    result = measure(path)
    assert result.curves == []
    assert "periodic" in result.note


def test_frames_are_thinned_to_the_interval(tmp_path):
    path = write(tmp_path / "gas.h5md", spec([8, 8], 5.0), np.random.default_rng(6).random((41, 2, 3)), None, 30.0)
    assert "21 frames, 60 fs apart" in measure(path, structure_interval_fs=50.0).caption
