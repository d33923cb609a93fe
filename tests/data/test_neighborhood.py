"""The average number of neighbours within a network's cutoff, and the cutoff that is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trajcast.config.settings import NetworkSettings, TrainingSettings
from trajcast.core.errors import UserError
from trajcast.core.system_spec import SystemSpec
from trajcast.data.dataset import Pairs
from trajcast.data.neighborhood import average_neighbors, check_neighbors
from trajcast.training.loop import train

SIDE_A = 2.0


def cubic(copies: int) -> Pairs:
    """A simple cubic lattice, periodic in all directions."""
    grid = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    positions = (SIDE_A * grid)[None].astype(np.float32)
    spec = SystemSpec(
        numbers=np.full(len(grid), 18),
        masses=np.full(len(grid), 39.948),
        cell=SIDE_A * copies * np.eye(3),
        pbc=np.ones(3, bool),
    )
    zeros = np.zeros_like(positions)
    return Pairs(
        spec=spec,
        positions=positions,
        velocities=zeros,
        displacements=zeros,
        new_velocities=zeros,
        frames=np.zeros(1, int),
        sources=np.zeros(1, int),
    )


@pytest.mark.parametrize("copies", [1, 2, 4])
@pytest.mark.parametrize(("cutoff", "shell"), [(1.9, 0), (2.1, 6), (2.9, 18), (3.5, 26), (4.1, 32)])
def test_the_shells_of_a_simple_cubic_lattice(copies: int, cutoff: float, shell: int) -> None:
    assert average_neighbors(cubic(copies), cutoff) == shell


def test_lone_atoms_are_refused() -> None:
    check_neighbors(1.0, 3.0, "training.network.cutoff_A")
    with pytest.raises(UserError, match=r"training\.network\.cutoff_A 3: .*0\.9 .*at least 1"):
        check_neighbors(0.9, 3.0, "training.network.cutoff_A")


def test_training_refuses_a_cutoff_below_every_distance(tmp_path: Path) -> None:
    from small_dataset import small_dataset

    dataset = small_dataset(tmp_path / "d.h5")
    network = NetworkSettings(cutoff_A=0.2, channels=4, l_max=1, layers=1, radial_mlp=[4], speed_mlp=[4])
    settings = TrainingSettings(network=network, samples=4, seed=1, max_epochs=1)
    with pytest.raises(UserError, match=r"training\.network\.cutoff_A 0\.2"):
        train(settings, dataset, tmp_path / "model")
    assert not (tmp_path / "model" / "model.json").exists()
    larger = replace(network, cutoff_A=3.0)
    train(replace(settings, network=larger), dataset, tmp_path / "model")
    assert (tmp_path / "model" / "model.json").exists()
