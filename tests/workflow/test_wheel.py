"""The wheel: what it weighs, and that it brings all that it needs to a folder with nothing else in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trajcast import shipped

PROJECT = Path(__file__).parents[2]
LARGEST = 100 * 10**6  # bytes: what PyPI takes
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def succeed(command: list[str], folder: Path, **environment: str) -> str:
    run = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network, from a copy: setuptools writes into the folder that it builds from."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(PROJECT / "trajcast", folder / "trajcast", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, folder)
    succeed([*PIP, "wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", "built"], folder)
    [built] = (folder / "built").glob("*.whl")
    return built


def test_it_is_small_enough(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST


def test_its_models_work_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    succeed([*PIP, "install", "--no-deps", "--no-index", "--target", str(installed), str(wheel)], empty)
    trajcast = [sys.executable, "-m", "trajcast"]
    listed = succeed([*trajcast, "models"], empty, PYTHONPATH=str(installed))
    assert all(f" {name} " in listed for name in shipped.names())
    models = installed / "trajcast" / "shipped" / "models"
    page = succeed([*trajcast, "models", "paracetamol-7fs"], empty, PYTHONPATH=str(installed))
    assert page.endswith(f"Files: {models / 'paracetamol-7fs'}\n")
    for name in shipped.names():
        own = {path.name for path in (shipped.MODELS / name).iterdir()}
        assert {path.name for path in (models / name).iterdir()} == own
        assert (models / name / "model.safetensors").read_bytes() == shipped.resolve(name).read_bytes()
