"""Reference MD that is killed, runs out of disk, or flies apart."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import tiny_reference

pytestmark = pytest.mark.slow

DATASETS = ("particles/all/position/value", "particles/all/velocity/value", "observables/total_energy/value")


@pytest.fixture(scope="module")
def settings_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_reference.settings_file(
        tmp_path_factory.mktemp("interrupted"),
        parameters={"molecules": 8, "box_A": 7.0, "cutoff_A": 5.0, "ewald_accuracy": 1e-4},
        equilibration={"duration_ps": 30.0},
        nve={"duration_ps": 5.0, "interval_fs": 1.0, "start_window_K": 60.0},
        nvt={"duration_ps": 5.0},
    )


@pytest.fixture(scope="module")
def uninterrupted(settings_path: Path) -> Path:
    folder = settings_path.parent / "uninterrupted"
    for part in ("equilibration", "nve_2", "nvt"):
        finished = tiny_reference.run(settings_path, folder, "--part", part)
        assert finished.returncode == 0, finished.stderr
    return folder


@pytest.mark.parametrize("part", ["equilibration", "nve_2", "nvt"])
def test_a_killed_run_gives_the_same_frames(part: str, settings_path: Path, uninterrupted: Path, tmp_path: Path):
    """`kill -9` twice: Nosé–Hoover chains, CSVR's random numbers and plain NVE go on bit for bit."""
    if part != "equilibration":
        shutil.copy(uninterrupted / "starts.h5", tmp_path)
    killed = []
    for _ in range(2):
        process = subprocess.Popen(
            tiny_reference.command(settings_path, tmp_path, "--part", part), stderr=subprocess.PIPE, text=True
        )
        segments = len(list(tmp_path.glob(f".{part}.h5md.*/segment-*.h5")))
        while process.poll() is None and len(list(tmp_path.glob(f".{part}.h5md.*/segment-*.h5"))) <= segments:
            time.sleep(0.005)
        time.sleep(0.05)
        process.kill()
        _, stderr = process.communicate()
        assert process.returncode in (-9, 0), stderr
        killed.append(process.returncode == -9)
    assert any(killed)  # on a busy machine the second may come too late
    finished = tiny_reference.run(settings_path, tmp_path, "--part", part)
    assert finished.returncode == 0, finished.stderr
    with h5py.File(tmp_path / f"{part}.h5md") as ours, h5py.File(uninterrupted / f"{part}.h5md") as whole:
        for name in DATASETS:
            np.testing.assert_array_equal(ours[name], whole[name])
        np.testing.assert_array_equal(
            np.diff(ours["particles/all/position/step"]), ours["particles/all/position/step"][0]
        )
    assert not list(tmp_path.glob(".*.h5md.*/"))  # segments are gone


def test_a_file_system_without_room_stops_the_run_in_one_line(settings_path: Path, uninterrupted: Path, tmp_path: Path):
    """A real ENOSPC, on a tmpfs of 1 MB in a mount name space of its own; with room the same command goes on."""
    full = tmp_path / "full"
    full.mkdir()
    command = " ".join(f"'{word}'" for word in tiny_reference.command(settings_path, full, "--part", "nvt"))
    script = f"""
        mount -t tmpfs -o size=1m tmpfs '{full}' || exit 99
        cp '{uninterrupted}/starts.h5' '{full}'
        {command}; echo "first $?"
        ls -A '{full}'/.nvt.h5md.*/ | wc -l
        mount -o remount,size=100m '{full}'
        {command}; echo "second $?"
        cp '{full}/nvt.h5md' '{tmp_path}'
    """
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no mount name spaces here: {done.stderr.splitlines()[-1]}")
    errors = [line for line in done.stderr.splitlines() if not line.startswith("nvt, NVT (CSVR):")]
    assert len(errors) == 1, done.stderr
    assert "No space left on device; make room, then run the same command again: " in errors[0]
    assert done.stdout.split() == ["first", "1", "0", "second", "0"]  # no half segment was left
    with h5py.File(tmp_path / "nvt.h5md") as ours, h5py.File(uninterrupted / "nvt.h5md") as whole:
        np.testing.assert_array_equal(ours[DATASETS[0]], whole[DATASETS[0]])


def test_two_processes_do_not_write_one_part(settings_path: Path, uninterrupted: Path, tmp_path: Path):
    """The second waits for the first and leaves alone what that one has written."""
    from trajcast.io.locks import exclusive_lock

    shutil.copy(uninterrupted / "starts.h5", tmp_path)
    with exclusive_lock(tmp_path / "nvt.h5md"):
        second = subprocess.Popen(
            tiny_reference.command(settings_path, tmp_path, "--part", "nvt"), stderr=subprocess.PIPE, text=True
        )
        assert "is being written by another process; waiting" in second.stderr.readline()
        shutil.copy(uninterrupted / "nvt.h5md", tmp_path)
    _, stderr = second.communicate(timeout=60)
    assert second.returncode == 0
    assert stderr == ""  # it did not run anew


def test_sigterm_leaves_in_time_and_the_same_command_goes_on(settings_path: Path, uninterrupted: Path, tmp_path: Path):
    shutil.copy(uninterrupted / "starts.h5", tmp_path)
    command = tiny_reference.command(settings_path, tmp_path, "--part", "nvt")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(tmp_path.glob(".nvt.h5md.*/segment-*.h5")):
        time.sleep(0.005)
    process.terminate()
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == os.EX_TEMPFAIL, stderr
    last = stderr.splitlines()[-1]
    assert last.startswith("trajcast reference: SIGTERM received; nvt is saved up to step ")
    assert last.endswith("; run the same command again to resume")
    assert tiny_reference.run(settings_path, tmp_path, "--part", "nvt").returncode == 0
    with h5py.File(tmp_path / "nvt.h5md") as ours, h5py.File(uninterrupted / "nvt.h5md") as whole:
        for name in DATASETS:
            np.testing.assert_array_equal(ours[name], whole[name])


def test_what_cannot_save_itself_ends_at_sigterm_under_a_shell_that_ignores_it(settings_path: Path, tmp_path: Path):
    """Rules run under `trap '' TERM`, which programs inherit."""
    from trajcast.io.locks import exclusive_lock

    command = " ".join(tiny_reference.command(settings_path, tmp_path, "--part", "equilibration"))
    with exclusive_lock(tmp_path / "starts.h5"):
        waiting = subprocess.Popen(["sh", "-c", f"trap '' TERM; exec {command}"], stderr=subprocess.PIPE, text=True)
        assert "waiting until it ends" in waiting.stderr.readline()
        waiting.terminate()
        waiting.communicate(timeout=10)
    assert waiting.returncode == -signal.SIGTERM


def test_a_time_step_of_4_fs_fails(tmp_path: Path):
    """Four steps per O–H vibration cannot be integrated."""
    path = tiny_reference.settings_file(
        tmp_path, timestep_fs=4.0, nve={"interval_fs": 4.0}, nvt={"interval_fs": 4.0, "duration_ps": 1.0}
    )
    finished = tiny_reference.run(path, tmp_path)
    assert finished.returncode == 2
    last = finished.stderr.splitlines()[-1]
    assert "timestep_fs" in last
    assert "Traceback" not in finished.stderr


def test_a_time_step_that_runs_but_drifts_fails_in_the_table(tmp_path: Path):
    path = tiny_reference.settings_file(
        tmp_path,
        parameters={"molecules": 8, "box_A": 7.0, "cutoff_A": 3.2},
        timestep_fs=1.0,
        equilibration={"duration_ps": 3.0},
        nve={"interval_fs": 1.0, "duration_ps": 0.5, "start_window_K": 90.0},
        nvt={"duration_ps": 1.0},
    )
    finished = tiny_reference.run(path, tmp_path)
    assert finished.returncode == 2
    last = finished.stderr.splitlines()[-1]
    assert "nve_" in last
    assert "its energy drifts by" in last
    assert "(limit 0.05): reduce timestep_fs" in last
    assert "false" in (tmp_path / "health.json").read_text(encoding="utf-8")
