"""Folders that cannot be written to: a read-only and a full file system, for real, in a name space of mounts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from project import command, environment, lay_out

pytestmark = [pytest.mark.slow, pytest.mark.workflow]
TARGET = "results/liquid/reference/reference.yaml"


def _runs(folder: Path, script: str) -> dict[str, tuple[int, str]]:
    """Exit code and output of each `run NAME` of the workflow in a shell script that mounts, begun in a new project."""
    lay_out(folder)
    (folder / "results").mkdir()
    steps = folder.parent / "steps"
    steps.mkdir()
    snakemake = " ".join(f"'{word}'" for word in command("--", TARGET))
    step = f'run() {{ {snakemake} > "{steps}/$1" 2>&1; echo $? > "{steps}/$1.code"; }}\n'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", step + script],
        cwd=folder,
        env=environment() | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"no mount name spaces here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    names = [path.name for path in steps.iterdir() if path.suffix != ".code"]
    return {name: (int((steps / f"{name}.code").read_text()), (steps / name).read_text()) for name in names}


def test_read_only_results(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    runs = _runs(
        folder,
        """
        mount --bind results results || exit 99
        mount -o remount,bind,ro results || exit 99
        run read_only
        mount -o remount,bind,rw results
        run writable
        """,
    )
    code, output = runs["read_only"]
    assert code != 0
    assert "Read-only file system" in output
    assert "results" in output
    assert runs["writable"][0] == 0, runs["writable"][1]
    assert (folder / TARGET).is_file()


def test_full_results(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    runs = _runs(
        folder,
        f"""
        mount -t tmpfs -o size=16m tmpfs results || exit 99
        dd if=/dev/zero of=results/ballast bs=1M count=20 2> /dev/null
        run full
        ls -RA results > results.txt
        rm results/ballast
        run room
        cp {TARGET} kept.yaml
        """,
    )
    code, output = runs["full"]
    assert code != 0
    assert "No space left on device" in output
    assert "make room, then run the same command again" in output
    assert "reference.yaml" not in (folder / "results.txt").read_text(encoding="utf-8")
    assert runs["room"][0] == 0, runs["room"][1]
    assert (folder / "kept.yaml").stat().st_size > 0
