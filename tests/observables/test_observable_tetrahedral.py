"""Tetrahedral order: perfect lattices, the ideal gas, and what cannot be measured."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic import context, scalar, spec, write

from trajcast.io.trajectory import Trajectory
from trajcast.observables.result import Result
from trajcast.observables.selection import select
from trajcast.observables.tetrahedral import measure, tetrahedral_order

DIAMOND = np.array(
    [[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]], dtype=float
)
SKEWED = np.array([[9.0, 0.0, 0.0], [3.0, 8.0, 0.0], [-2.0, 2.5, 7.0]])


def supercell(basis: NDArray, edge: float, copies: int) -> tuple[NDArray, float]:
    """Positions of a cubic lattice and the edge of their box; the basis is in units of a quarter of `edge`."""
    shifts = edge * np.stack(np.meshgrid(*[np.arange(copies)] * 3), axis=-1).reshape(-1, 1, 3)
    return (edge * basis / 4 + shifts).reshape(-1, 3), edge * copies


def measured(path: Path, positions: NDArray, cell: NDArray | float | None, numbers: list[int]) -> Result:
    write(path, spec(numbers, cell), positions, None, 50.0)
    with Trajectory(path) as trajectory:
        return measure(select(trajectory), context(blocks=4))


@pytest.mark.parametrize(
    ("basis", "order"),
    [
        (DIAMOND, 1.0),
        (DIAMOND @ np.diag([1, 1, -1]), 1.0),
        # neighbours at ±x, ±y: two cosines of −1, four of 0
        (np.array([[0, 0, 0]]), 1 - 3 / 8 * (2 * (2 / 3) ** 2 + 4 / 9)),
    ],
    ids=["diamond", "its mirror image", "square sheets"],
)
def test_lattices(basis: NDArray, order: float, tmp_path: Path) -> None:
    """Turned by any rotation together with the box, moved, and unwrapped by whole cells: always the same."""
    positions, edge = supercell(basis, 3.2, 3)
    cell = edge * np.eye(3)
    if len(basis) == 1:
        positions[:, 2] *= 1.5
        cell[2, 2] *= 1.5
    rng = np.random.default_rng(1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    images = rng.integers(-3, 4, size=positions.shape) @ cell
    frames = np.array([positions, positions + np.array([0.7, -0.2, 0.4]), positions + images]) @ turn
    write(tmp_path / "a.h5md", spec([8] * len(positions), cell @ turn), frames, None, 50.0)
    with Trajectory(tmp_path / "a.h5md") as trajectory:
        values = tetrahedral_order(select(trajectory))
    np.testing.assert_allclose(values, order, atol=2e-5)  # single precision
    assert values.shape == frames.shape[:2]


@pytest.mark.parametrize("cell", [9.0 * np.eye(3), SKEWED], ids=["cubic", "triclinic"])
def test_an_ideal_gas_has_no_order(cell: NDArray, tmp_path: Path) -> None:
    """⟨cos ψ⟩ = 0 and ⟨cos² ψ⟩ = 1/3 give ⟨q⟩ = 0; the six angles are independent in pairs, so that the variance of q
    is 6 × (3/8)² × var((cos ψ + 1/3)²) = 6 × (3/8)² × 32/135 = 0.2."""
    rng, n, frames = np.random.default_rng(2), 60, 200
    positions = rng.uniform(size=(frames, n, 3)) @ cell
    result = measured(tmp_path / "a.h5md", positions, cell, [8] * n)
    found = scalar(result, "q of O")
    assert found.value is not None
    assert found.error is not None
    assert abs(found.value) < 4 * found.error
    assert 0.001 < found.error < 0.02
    (curve,) = result.curves
    x, y, width = np.array(curve.x), np.array(curve.y), curve.x[1] - curve.x[0]
    assert y.sum() * width == pytest.approx(1)
    assert (x * y).sum() * width == pytest.approx(found.value, abs=width / 2)
    spread = ((x - found.value) ** 2 * y).sum() * width
    assert spread == pytest.approx(0.2, rel=0.03)


def test_only_the_heaviest_element_counts(tmp_path: Path) -> None:
    positions, edge = supercell(DIAMOND, 3.2, 2)
    hydrogens = positions + 0.3
    frames = np.concatenate([positions, hydrogens])[None].repeat(2, axis=0)
    result = measured(tmp_path / "a.h5md", frames, edge, [8] * 64 + [1] * 64)
    assert scalar(result, "q of O").value == pytest.approx(1, abs=1e-5)
    assert result.curves[0].y[-1] == pytest.approx(50, abs=1e-3)  # all in the last bin of width 0.02
    assert result.note.startswith("without errors: 2 frame(s)")


@pytest.mark.parametrize(
    ("cell", "atoms", "why"), [(None, 8, "needs a system that is periodic"), (9.0, 4, "4 atom(s) of O, at least 5")]
)
def test_what_has_no_four_neighbours_is_left_out(cell: float | None, atoms: int, why: str, tmp_path: Path) -> None:
    positions = np.random.default_rng(3).uniform(0, 9, size=(10, atoms, 3))
    result = measured(tmp_path / "a.h5md", positions, cell, [8] * atoms)
    assert result.curves == []
    assert why in result.note
    assert result.scalars == []
