"""Pairs at a horizon: exact where the motion is known, drawn as asked, never shared between splits."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace

import ase.io
import numpy as np
import pytest
import torch
from moving_atoms import images, random_motion, write_h5md

from trajcast.cli import main
from trajcast.config.settings import DatasetSettings, SampleCounts
from trajcast.core.errors import UserError
from trajcast.core.mechanics import momentum
from trajcast.core.state import join
from trajcast.data.dataset import SPLITS, read_dataset, write_dataset
from trajcast.data.neighborhood import average_neighbors
from trajcast.data.pairs import build_dataset
from trajcast.data.sources import Reading

COUNTS = SampleCounts(training=100, validation=20, test=30)


def settings(horizon_fs=3.0, **changes):
    return DatasetSettings(
        **({"horizon_fs": horizon_fs, "samples": COUNTS, "seed": 1, "accept": ["distance"]} | changes)
    )


@pytest.fixture(scope="module")
def motions():
    return [random_motion(seed) for seed in range(5)]


@pytest.fixture(scope="module")
def files(motions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    paths = [write_h5md(folder / f"nve_{i}.h5md", motion) for i, motion in enumerate(motions)]
    return {"training": paths[:3], "validation": paths[3:4], "test": paths[4:]}


@pytest.fixture(scope="module")
def dataset(files):
    return build_dataset(settings(), files, Reading())


def test_pairs_are_the_motion_one_horizon_apart(dataset, motions):
    for split in SPLITS:
        pairs = dataset.split(split)
        for i in range(len(pairs)):
            motion, time = motions[pairs.sources[i]], float(pairs.frames[i])
            displacement = motion.positions(time + 3.0) - motion.positions(time)
            np.testing.assert_allclose(pairs.positions[i], motion.positions(time), atol=2e-6)
            np.testing.assert_allclose(pairs.velocities[i], motion.velocities(time), rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(pairs.new_velocities[i], motion.velocities(time + 3.0), rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(pairs.displacements[i], displacement, atol=2e-6)  # float32 positions


def test_every_source_gives_its_share_and_no_start_comes_twice(dataset):
    for split, shares in (("training", [34, 33, 33]), ("validation", [20]), ("test", [30])):
        pairs = dataset.split(split)
        assert list(np.unique(pairs.sources, return_counts=True)[1]) == shares
        assert len(set(zip(pairs.sources, pairs.frames, strict=True))) == len(pairs)
    first = dataset.split("training").sources[:30]
    assert list(np.unique(first, return_counts=True)[1]) == [10, 10, 10]  # any first part is as even as the whole


def test_starts_are_spread_over_the_whole_trajectory_in_random_order(dataset):
    frames = dataset.split("training").frames
    assert frames.min() < 10
    assert 187 <= frames.max() <= 196  # 200 frames, 3 of them beyond the last start
    assert abs(np.corrcoef(frames, np.arange(len(frames)))[0, 1]) < 0.3


def test_no_frame_of_one_split_lies_in_another(dataset):
    used = {}
    for split in SPLITS:
        pairs = dataset.split(split)
        used[split] = {frame.tobytes() for frame in pairs.velocities} | {v.tobytes() for v in pairs.new_velocities}
    for a, b in itertools.combinations(SPLITS, 2):
        assert used[a]
        assert not used[a] & used[b]


def test_same_seed_same_pairs_other_seed_other_pairs(files, dataset):
    again = build_dataset(settings(), files, Reading())
    np.testing.assert_array_equal(again.split("test").frames, dataset.split("test").frames)
    other = build_dataset(settings(seed=2), files, Reading())
    assert not np.array_equal(other.split("test").frames, dataset.split("test").frames)


def test_a_larger_training_set_leaves_the_test_set_alone(files, dataset):
    more = build_dataset(settings(samples=replace(COUNTS, training=150)), files, Reading())
    np.testing.assert_array_equal(more.split("test").positions, dataset.split("test").positions)


def test_statistics_are_those_of_the_training_split(dataset):
    pairs, statistics = dataset.split("training"), dataset.statistics
    assert statistics.displacement_rms == pytest.approx(np.sqrt(np.mean(pairs.displacements.astype(float) ** 2)))
    assert statistics.velocity_rms == pytest.approx(np.sqrt(np.mean(pairs.new_velocities.astype(float) ** 2)))
    hydrogen = pairs.velocities[:, pairs.spec.numbers == 1].astype(float)
    assert statistics.speed_rms[1] == pytest.approx(np.sqrt((hydrogen**2).sum(-1).mean()))
    assert list(statistics.speed_rms) == [1, 8]
    assert average_neighbors(pairs, 3.5) == pytest.approx(counted_by_hand(pairs, 3.5), rel=1e-12)


def counted_by_hand(pairs, cutoff):
    """In a right-angled cell, whose lengths are zero along axes that are not periodic."""
    lengths = np.diag(pairs.spec.cell)
    shifts = np.unique(np.array(list(itertools.product((-1, 0, 1), repeat=3))) @ pairs.spec.cell, axis=0)
    total = 0
    for positions in pairs.positions.astype(float):
        wrapped = positions - np.floor(positions / np.where(lengths, lengths, np.inf)) * lengths
        vectors = wrapped[:, None, None] - wrapped[None, :, None] + shifts
        total += np.count_nonzero(np.linalg.norm(vectors, axis=-1) < cutoff) - len(positions)
    return total / pairs.positions[:, :, 0].size


def test_a_batch_is_its_samples_joined(dataset):
    pairs = dataset.split("training")
    state, displacement, new_velocity = pairs.batch(np.array([7, 2]), torch.float64)
    single = join([pairs.spec.state(pairs.positions[i], pairs.velocities[i]) for i in (7, 2)])
    for name in state.__slots__:
        torch.testing.assert_close(getattr(state, name), getattr(single, name), rtol=0, atol=0)
    torch.testing.assert_close(displacement, torch.as_tensor(pairs.displacements[[7, 2]].reshape(-1, 3)).double())
    torch.testing.assert_close(new_velocity, torch.as_tensor(pairs.new_velocities[[7, 2]].reshape(-1, 3)).double())
    assert momentum(state).shape == (2, 3)
    assert pairs.batch(np.array([0]), torch.float32)[0].masses.dtype == torch.float32


def test_a_data_set_survives_its_file(dataset, tmp_path):
    write_dataset(tmp_path / "dataset.h5", dataset)
    again = read_dataset(tmp_path / "dataset.h5")
    assert again.horizon_fs == 3.0
    assert again.statistics == dataset.statistics
    assert again.provenance["sources"][4]["split"] == "test"
    assert len(again.provenance["sources"][4]["sha256"]) == 64
    assert again.provenance["settings"]["seed"] == 1
    for split in SPLITS:
        for name in ("positions", "velocities", "displacements", "new_velocities", "frames", "sources"):
            np.testing.assert_array_equal(getattr(again.split(split), name), getattr(dataset.split(split), name))
    np.testing.assert_array_equal(again.spec.cell, dataset.spec.cell)


def test_files_that_are_no_data_sets(files, dataset, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_dataset(tmp_path / "none.h5")
    with pytest.raises(UserError, match="not a TrajCast data set file"):
        read_dataset(files["test"][0])
    write_dataset(tmp_path / "whole.h5", dataset)
    (tmp_path / "half.h5").write_bytes((tmp_path / "whole.h5").read_bytes()[:30000])
    with pytest.raises(UserError, match="truncated"):
        read_dataset(tmp_path / "half.h5")


@pytest.mark.parametrize("horizon_fs", [2.5, 0.5, 1.0000123])
def test_a_horizon_that_is_no_multiple_of_the_interval(files, horizon_fs):
    with pytest.raises(UserError, match=r"not a multiple of the frame interval .*nve_0.h5md"):
        build_dataset(settings(horizon_fs), files, Reading())


def test_a_multiple_is_rounded_never_truncated(tmp_path):
    runs = [write_h5md(tmp_path / f"{i}.h5md", random_motion(i), 60, interval_fs=0.1) for i in range(3)]
    counts = SampleCounts(training=20, validation=5, test=5)
    data = build_dataset(settings(0.3, samples=counts), dict(zip(SPLITS, [[r] for r in runs], strict=True)), Reading())
    pairs, motion = data.split("training"), random_motion(0)
    expected = motion.positions(0.1 * pairs.frames[0] + 0.3) - motion.positions(0.1 * pairs.frames[0])
    np.testing.assert_allclose(pairs.displacements[0], expected, atol=2e-6)  # int(0.3 / 0.1) would be 2


def test_too_few_frames_are_counted_for_the_user(files):
    with pytest.raises(UserError, match=r"334 pairs at 3 fs .* 200 frames give 197; lower the number of samples"):
        build_dataset(settings(samples=replace(COUNTS, training=1000)), files, Reading())
    with pytest.raises(UserError, match="200 frames give 0"):
        build_dataset(settings(500.0), files, Reading())


def test_the_same_file_or_content_twice_is_refused(files, tmp_path):
    with pytest.raises(UserError, match=r"\(test\) has the same content as .*\(training\)"):
        build_dataset(settings(), files | {"test": files["training"][:1]}, Reading())
    copy = shutil.copy(files["validation"][0], tmp_path / "renamed.h5md")
    with pytest.raises(UserError, match=r"renamed.h5md \(test\) has the same content"):
        build_dataset(settings(), files | {"test": [tmp_path / copy]}, Reading())


def test_frames_shared_under_another_name_and_format_are_found(files, motions, tmp_path):
    # The last 40 frames of a training run, wrapped and in text.
    ase.io.write(tmp_path / "overlap.extxyz", images(motions[1])[160:])
    small = settings(1.0, samples=SampleCounts(training=30, validation=10, test=10))
    with pytest.raises(
        UserError, match=r"40 frame\(s\) of .*nve_1.h5md \(training\), the first being 160, also occur in"
    ):
        build_dataset(small, files | {"test": [tmp_path / "overlap.extxyz"]}, Reading(interval_fs=1.0))


def test_another_system_is_refused(files, tmp_path):
    other = write_h5md(tmp_path / "other.h5md", random_motion(9, molecules=5))
    with pytest.raises(UserError, match=r"other.h5md: elements or their order differ from those of .*nve_0.h5md"):
        build_dataset(settings(), files | {"test": [other]}, Reading())
    wider = write_h5md(tmp_path / "wider.h5md", random_motion(9, cell=np.diag([8.0, 9.0, 11.0])))
    with pytest.raises(UserError, match="lattice vectors differ"):
        build_dataset(settings(), files | {"test": [wider]}, Reading())


@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, False), (False, False, False)])
def test_slabs_wires_and_molecules(tmp_path, pbc):
    axes = np.array(pbc)
    runs = []
    for seed in range(3):
        motion = random_motion(seed)
        open_ends = replace(motion.spec, pbc=axes, cell=motion.spec.cell * axes[:, None])
        runs.append(write_h5md(tmp_path / f"{seed}.h5md", replace(motion, spec=open_ends)))
    sparse = settings(accept=["distance", "momentum"])  # a gas of vibrating points, which turn each other
    data = build_dataset(sparse, dict(zip(SPLITS, [[r] for r in runs], strict=True)), Reading())
    np.testing.assert_array_equal(data.spec.pbc, axes)
    training = data.split("training")
    assert average_neighbors(training, 3.5) == pytest.approx(counted_by_hand(training, 3.5), rel=1e-12)


def test_the_command_writes_the_data_set_and_says_what_it_did(files, tmp_path, capsys):
    (tmp_path / "dataset.yaml").write_text(
        "horizon_fs: 3.0\nsamples: {training: 100, validation: 20, test: 30}\nseed: 1\naccept: [distance]\n"
    )
    command = ["dataset", "--settings", str(tmp_path / "dataset.yaml"), "--output", str(tmp_path / "out" / "data.h5")]
    for split, paths in files.items():
        command += [f"--{split}", *map(str, paths)]
    assert main(command) == 0
    assert len(read_dataset(tmp_path / "out" / "data.h5").split("training")) == 100
    assert "closest atoms: 100 of 100 frames" in capsys.readouterr().err
    assert main([*command, "--interval-fs", "2"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "--interval-fs 2 contradicts" in error
    assert "1 fs apart" in error
