"""Every case gives the right numbers, or one message that says what to do, and nothing else on the disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from case import CASES, Case
from world import World, run

from trajcast.cli import main
from trajcast.data.dataset import read_dataset

HARMLESS = (".lock", ".running.json", ".log")
"""Who writes, who failed and why, and what LAMMPS said, which the message names."""


def contents(folder: Path) -> dict[str, str]:
    """What is in a folder: names and hashes, or where links point to."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.is_dir():
            found[str(path.relative_to(folder))] = str(path.readlink()) if path.is_symlink() else "folder"
        else:
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def outcome(command: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit status and what is said on the standard error."""
    try:
        code = main(command)
    except SystemExit as stop:  # of argparse
        code = int(stop.code or 0)
    return code, capsys.readouterr().err


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path)
    command = case.make(world)
    before = contents(tmp_path)
    capsys.readouterr()
    code, said = outcome(command, capsys)
    if case.refused:
        assert_refused(case, code, said)
        new = contents(tmp_path).items() - before.items()
        assert not [name for name, kind in new if kind != "folder" and not name.endswith(HARMLESS)]
        assert before.items() <= contents(tmp_path).items()  # nothing that was there is another now
    else:
        assert code == 0, said
        if command[0] == "dataset":
            assert_true(world)
        world.check()


def assert_refused(case: Case, code: int, said: str) -> None:
    lines = said.splitlines()
    assert code == 2, f"exit status {code}: {said}"
    assert "Traceback" not in said
    messages = [line for line in lines if ": error: " in line]
    assert len(messages) == 1, said
    for part in case.refused:
        assert part in messages[0], messages[0]


def assert_true(world: World) -> None:
    """The pairs of the training file are those of the closed form."""
    truth = world.truth or run()
    data = read_dataset(world.path("out/dataset.h5"))
    pairs, span = data.split("training"), data.horizon_fs
    np.testing.assert_array_equal(pairs.spec.numbers, truth.numbers)
    np.testing.assert_allclose(pairs.spec.masses, truth.masses, rtol=1e-3)
    np.testing.assert_array_equal(pairs.spec.pbc, truth.pbc)
    np.testing.assert_allclose(pairs.spec.cell, truth.cell * truth.pbc[:, None], atol=2e-5)
    for i, frame in enumerate(pairs.frames.tolist()):
        time = frame * world.interval_fs
        moved = truth.positions(time + span) - truth.positions(time)
        np.testing.assert_allclose(pairs.displacements[i], moved, atol=world.tolerance_A)
        np.testing.assert_allclose(pairs.velocities[i], truth.velocities(time), atol=world.tolerance_A)
        np.testing.assert_allclose(pairs.new_velocities[i], truth.velocities(time + span), atol=world.tolerance_A)
