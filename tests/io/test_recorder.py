"""A recorded run may be killed at any moment and goes on to the same trajectory."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from trajcast.core.system_spec import SystemSpec
from trajcast.io.recorder import Recorder
from trajcast.io.trajectory import Trajectory

SPEC = SystemSpec(
    numbers=np.array([8, 1, 1]),
    masses=np.array([15.999, 1.008, 1.008]),
    cell=np.diag([5.0, 6.0, 7.0]),
    pbc=np.array([True, True, False]),
    molecules=np.array([0, 0, 0]),
)
STEPS, SEGMENT = 40, 7


def run(path: Path, kill_at: str = "", seed: int = 1) -> None:
    """A chaotic map recorded every other step; `kill_at` names the step and the moment of a kill -9."""
    recorder = Recorder(path, SPEC, identity={"seed": seed}, provenance={"seed": seed}, energies=("total",))
    restart = recorder.restart()
    step = 0 if restart is None else int(restart["step"])
    x = np.random.default_rng(seed).uniform(0.2, 0.8, (3, 3)) if restart is None else restart["x"]

    def kill(moment: str) -> None:
        if kill_at == f"{moment} {step}":
            os.kill(os.getpid(), signal.SIGKILL)

    while step < STEPS:
        x = 3.9 * x * (1 - x)
        step += 1
        kill("after step")
        if step % 2 == 0:
            recorder.add(step, 0.5 * step, x, -x, {"total": x.sum()})
        if step % SEGMENT == 0 or step == STEPS:
            kill("before commit")
            if kill_at == f"in commit {step}":
                os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # the part is written, not yet renamed
            recorder.commit({"step": step, "x": x})
            kill("after commit")
    if kill_at == "in finish":
        os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    if kill_at == "in removal":
        unlink, removed = os.unlink, []

        def unlink_two(name: str, **options: int) -> None:
            if Path(name).name.startswith("segment-"):
                removed.append(name)
            if len(removed) > 2:
                os.kill(os.getpid(), signal.SIGKILL)
            unlink(name, **options)

        os.unlink = unlink_two
    recorder.finish(ended=True)


def frames(path: Path):
    with Trajectory(path) as trajectory:
        return (
            trajectory.steps,
            trajectory.times,
            trajectory.positions[()],
            trajectory.velocities[()],
            trajectory.energy("total"),
        )


def killed_run(path: Path, kill_at: str) -> int:
    """The exit status of `run` in a process of its own."""
    here = "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import test_recorder as t; "
    code = here + "t.run(Path(sys.argv[2]), sys.argv[3])"
    return subprocess.run([sys.executable, "-c", code, Path(__file__).parent, path, kill_at]).returncode


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.h5md"
    run(path)
    return frames(path)


def test_segments_join_to_the_frames_that_were_added(uninterrupted, tmp_path):
    steps, times, positions, velocities, energies = uninterrupted
    assert steps.tolist() == list(range(2, STEPS + 1, 2))
    np.testing.assert_array_equal(times, 0.5 * steps)
    x = np.random.default_rng(1).uniform(0.2, 0.8, (3, 3))
    for step in range(1, STEPS + 1):
        x = 3.9 * x * (1 - x)
        if step % 2 == 0:
            np.testing.assert_array_equal(positions[step // 2 - 1], x.astype(np.float32))
            assert energies[step // 2 - 1] == x.sum()
    np.testing.assert_array_equal(velocities, -positions)


@pytest.mark.parametrize(
    "kill_at",
    [
        "after step 3",
        "before commit 7",
        "in commit 14",
        "after commit 14",
        "after step 30",
        "after commit 40",
        "in finish",
    ],
)
def test_kill_9_and_again_gives_the_same_frames(tmp_path, uninterrupted, kill_at):
    path = tmp_path / "run.h5md"
    assert killed_run(path, kill_at) == -signal.SIGKILL
    assert not path.exists()
    run(path)
    for again, expected in zip(frames(path), uninterrupted, strict=True):
        np.testing.assert_array_equal(again, expected)
    left = {name for name in os.listdir(tmp_path) if not name.endswith(".part")}
    assert left == {"run.h5md"}


def test_segments_that_a_kill_in_their_removal_leaves_are_the_beginning(tmp_path, uninterrupted):
    path = tmp_path / "run.h5md"
    assert killed_run(path, "in removal") == -signal.SIGKILL
    path.unlink()  # as the workflow does with what an unfinished job wrote
    left = Recorder(path, SPEC, identity={"seed": 1}, provenance={}, energies=("total",)).segments
    assert 0 < len(left) < STEPS / SEGMENT
    assert [segment.name for segment in left] == [f"segment-{i:06d}.h5" for i in range(len(left))]
    run(path)
    for again, expected in zip(frames(path), uninterrupted, strict=True):
        np.testing.assert_array_equal(again, expected)


def test_segments_of_other_settings_are_not_continued(tmp_path):
    path = tmp_path / "run.h5md"
    started = Recorder(path, SPEC, identity={"seed": 1}, provenance={})
    started.add(2, 1.0, np.ones((3, 3)), np.ones((3, 3)))
    started.commit({"step": 7, "x": np.full((3, 3), 0.5)})
    assert Recorder(path, SPEC, identity={"seed": 1}, provenance={}).restart() is not None
    assert Recorder(path, SPEC, identity={"seed": 2}, provenance={}).restart() is None
    run(path, seed=2)
    run(tmp_path / "alone.h5md", seed=2)
    for mixed, alone in zip(frames(path), frames(tmp_path / "alone.h5md"), strict=True):
        np.testing.assert_array_equal(mixed, alone)
    assert sorted(os.listdir(tmp_path)) == ["alone.h5md", "run.h5md"]  # the abandoned segments are gone


def test_a_kept_frame_does_not_change_with_the_array(tmp_path):
    recorder = Recorder(tmp_path / "run.h5md", SPEC, identity={}, provenance={})
    x = np.zeros((3, 3), dtype=np.float32)
    recorder.add(0, 0.0, x, x)
    x += 1
    recorder.commit({})
    recorder.finish()
    with Trajectory(tmp_path / "run.h5md") as trajectory:
        assert not trajectory.positions[0].any()


def test_provenance_is_that_of_the_start_and_the_end(tmp_path):
    run(tmp_path / "run.h5md")
    with Trajectory(tmp_path / "run.h5md") as trajectory:
        assert trajectory.provenance == {"seed": 1, "ended": True}


def test_mdanalysis_reads_angstrom_and_picoseconds(uninterrupted, tmp_path):
    import MDAnalysis as mda

    run(tmp_path / "run.h5md")
    steps, times, positions, velocities, _ = uninterrupted
    universe = mda.Universe.empty(3, trajectory=False)
    universe.load_new(str(tmp_path / "run.h5md"))
    assert len(universe.trajectory) == len(steps)
    for i, step in enumerate(universe.trajectory):
        assert step.time == pytest.approx(times[i] / 1000)  # ps
        np.testing.assert_allclose(step.positions, positions[i], rtol=1e-6)  # Å
        np.testing.assert_allclose(step.velocities, 1000 * velocities[i], rtol=1e-6)  # Å/ps
        np.testing.assert_allclose(step.dimensions, [5, 6, 7, 90, 90, 90], rtol=1e-6)


def test_the_file_follows_h5md(tmp_path):
    run(tmp_path / "run.h5md")
    with h5py.File(tmp_path / "run.h5md") as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        group = file["particles/all"]
        assert list(group["box"].attrs["boundary"]) == ["periodic", "periodic", "none"]
        assert group["box"].attrs["dimension"] == 3
        assert group["position/step"] == group["velocity/step"]  # one data set, two names
        assert file["observables/total_energy/value"].attrs["unit"] == "eV"
        assert group["mass"].attrs["unit"] == "u"
        json.loads(file["trajcast"].attrs["provenance"])
