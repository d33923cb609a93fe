"""`--sdm conda` makes one environment for each stage, installs the project in it and runs the stage's jobs there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project import ROOT, change, command, environment, lay_out

rattler = pytest.importorskip("rattler", reason="py-rattler, which stands in for conda's solver, is not installed")

from conda_channel import write_channel  # noqa: E402

pytestmark = pytest.mark.workflow
STAND_IN = Path(__file__).parent / "conda_stand_in"
TARGETS = ("results/liquid/reference/starts.h5", "results/liquid/5fs/model-water-5fs/model.safetensors")
SMALL = {
    "reference.parameters.molecules": 27,
    "reference.parameters.box_A": 9.32,
    "reference.parameters.cutoff_A": 6.0,
    "reference.equilibration.duration_ps": 2.0,
    "runs.shipped": {"model": "water-5fs"},
}
PYPI = {
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "pytorch_scatter": "torch-scatter",
    "matplotlib-base": "matplotlib",
}


def versions() -> dict[str, str]:
    """The versions of the tests' own environment, by their names in conda's files."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[1:])
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    found = {"python": "3.11.9", "pip": "25.0", "setuptools": "80.0", "pytorch_scatter": "2.1.2"}
    for stage in ("lammps", "trajcast", "trajcast-cuda", "analysis"):
        content = yaml.safe_load((ROOT / f"envs/{stage}.yaml").read_text(encoding="utf-8"))
        for name in (Requirement(text).name for text in content["dependencies"] if isinstance(text, str)):
            if name not in found:
                found[name] = pins[canonicalize_name(PYPI.get(name, name))]
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a user has it, with its package, and a channel beside it."""
    folder = lay_out(tmp_path_factory.mktemp("conda") / "project")
    shutil.copytree(ROOT / "trajcast", folder / "trajcast", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, folder / name)
    change(folder, SMALL)
    write_channel(folder.parent / "channel", versions().items())
    shutil.copytree(STAND_IN, folder.parent / "conda")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    beside = {
        "PATH": f"{folder.parent / 'conda/bin'}{os.pathsep}{environment()['PATH']}",
        "TRAJCAST_CHANNEL": (folder.parent / "channel").as_uri(),
        "TRAJCAST_ACTIVATED": str(folder.parent / "activated"),
    }
    return subprocess.run(
        command("--sdm", "conda", *arguments),
        cwd=folder,
        env=environment() | beside,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )


def environments(folder: Path) -> dict[str, Path]:
    """Each environment's folder by a package that only its stage has."""
    found = {}
    for meta in (folder / ".snakemake/conda").glob("*/conda-meta"):
        names = {json_file.name.rsplit("-", 2)[0] for json_file in meta.glob("*.json")}
        stage = "analysis" if "jinja2" in names else "trajcast" if "mdanalysis" in names else "lammps"
        found[stage] = meta.parent
    return found


def test_jobs_run_in_the_environment_of_their_stage(project: Path) -> None:
    done = run(project, "--", *TARGETS)
    assert done.returncode == 0, done.stdout
    made = environments(project)
    assert set(made) == {"lammps", "trajcast"}
    for prefix in made.values():
        assert str(prefix) in (prefix / "bin/trajcast").read_text(encoding="utf-8").splitlines()[0]
    activated = (project.parent / "activated").read_text(encoding="utf-8").split()
    assert set(activated) == set(map(str, made.values()))


def test_gpus_have_an_environment_of_their_own(project: Path) -> None:
    with_gpu = shutil.copytree(project, project.with_name("with_gpu"), ignore=shutil.ignore_patterns(".snakemake"))
    with open(with_gpu / "config/test.yaml", "a", encoding="utf-8") as config:
        config.write("\nmachine:\n  cuda: true\n")
    dry = run(with_gpu, "--dry-run", "--", "results/liquid/report.html")
    assert dry.returncode == 0, dry.stdout
    assert "envs/trajcast-cuda.yaml will be created" in dry.stdout
    assert "envs/analysis.yaml will be created" in dry.stdout
    dry = run(project, "--dry-run", "--", "results/liquid/report.html")
    assert dry.returncode == 0, dry.stdout
    assert "envs/trajcast-cuda.yaml" not in dry.stdout
