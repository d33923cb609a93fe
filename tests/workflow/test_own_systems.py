"""A user's own systems, as docs/adding-a-system.md tells, from their files to their pages."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import ROOT, environment, lay_out, snakemake
from snakemake.utils import update_config

from trajcast.pipeline.plan import Plan

pytestmark = [pytest.mark.slow, pytest.mark.workflow]

TINY: dict[str, Any] = {
    "argon": {
        "horizons_fs": [50.0],
        "reference": {
            "equilibration": {"duration_ps": 20.0},
            "nve": {"duration_ps": 2.0},
            "nvt": {"duration_ps": 20.0},
        },
        "rollout": {"duration_ps": 8.0, "equilibration_ps": 1.0},
        "observables": {"structure_interval_fs": 200.0, "msd_fit_from_ps": 0.5, "msd_fit_to_ps": 1.5},
    },
    "copper": {
        "horizons_fs": [20.0],
        "reference": {
            "equilibration": {"duration_ps": 1.2, "damping_fs": 50.0},
            "nve": {"duration_ps": 0.2, "start_window_K": 60.0, "start_spacing_ps": 0.04},
            "nvt": {"duration_ps": 0.8, "tau_fs": 50.0},
            "max_drift_meV_per_atom_per_ps": 1.0,  # a fit through few vibrations: their phases make most of its slope
        },
        "rollout": {"duration_ps": 0.8, "equilibration_ps": 0.1},
        "observables": {
            "structure_interval_fs": 40.0,
            "vdos_window_ps": 0.1,
            "msd_fit_from_ps": 0.04,
            "msd_fit_to_ps": 0.16,
        },
    },
    "silicon": {
        "horizons_fs": [8.0],
        "reference": {
            "parameters": {"supercell": [1, 1, 1]},
            "equilibration": {"duration_ps": 0.2, "damping_fs": 50.0},
            "nve": {"duration_ps": 0.06, "start_window_K": 250.0, "start_spacing_ps": 0.01},
            "nvt": {"duration_ps": 0.24, "tau_fs": 50.0},
            "max_drift_meV_per_atom_per_ps": 100.0,  # as for copper
        },
        "rollout": {"duration_ps": 0.24, "equilibration_ps": 0.064},
        "observables": {"structure_interval_fs": 24.0, "vdos_window_ps": 0.04},
    },
}
for sections in TINY.values():
    sections["dataset"] = {"samples": {"training": 40, "validation": 10, "test": 10}}
    network = {"channels": 4, "l_max": 1, "layers": 1, "radial_mlp": [8], "speed_mlp": [8]}
    sections["training"] = {"network": network, "samples": 40, "max_epochs": 3, "budget_minutes": 0.2}
    sections["rollout"]["guard"] = {"min_temperature_K": 1.0, "max_temperature_K": 1.0e6, "min_distance_A": 0.1}
    sections["observables"] |= {"rdf_bins": 50, "blocks": 2}


def project(folder: Path) -> Path:
    """The workflow and the examples, and the sizes for tests as a further configuration."""
    lay_out(folder)
    shutil.copytree(ROOT / "docs/examples", folder / "docs/examples")
    for name, sections in TINY.items():
        (folder / f"tiny-{name}.yaml").write_text(yaml.safe_dump({"systems": {name: sections}}), encoding="utf-8")
    return folder


def run(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    files = [f"docs/examples/{name}/config.yaml", f"tiny-{name}.yaml"]
    return snakemake(folder, f"results/{name}/report.html", *arguments, "--configfile", *files)


def check_results(folder: Path, name: str, atoms: int) -> int:
    """Look at health, observables and page of a whole run; how many quantities the page shows."""
    health = json.loads((folder / f"results/{name}/reference/health.json").read_text(encoding="utf-8"))["runs"]
    assert {row["degrees_of_freedom"] for row in health} == {3 * atoms - 3}
    assert all(row["passed"] for row in health)
    horizon = f"{TINY[name]['horizons_fs'][0]:g}fs"
    summary = folder / f"results/{name}/runs/{horizon}/observables/summary.json"
    rows = json.loads(summary.read_text(encoding="utf-8"))["rows"]
    diffuses = {"msd"} & {key.split("_")[0] for key in TINY[name]["observables"]}
    assert {"rdf", "vdos", "temperature", "energy"} | diffuses <= {row["observable"] for row in rows}
    energy = next(row for row in rows if row["quantity"] == "mean potential energy")
    assert math.isfinite(energy["md"])
    assert math.isfinite(energy["rollout"])  # by the user's own potential, too
    page = (folder / f"results/{name}/report.html").read_text(encoding="utf-8")
    assert all(row["quantity"] in page for row in rows)
    return len(rows)


@pytest.fixture(scope="module")
def argon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflow's run of the LAMMPS files."""
    folder = project(tmp_path_factory.mktemp("own") / "project")
    done = run(folder, "argon")
    assert done.returncode == 0, done.stdout
    return folder


def test_from_lammps_files_to_the_page(argon: Path) -> None:
    assert check_results(argon, "argon", 108) > 5


def test_changed_files_run_the_reference_again(argon: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(argon, tmp_path / "project"))
    assert "Nothing to be done" in run(folder, "argon", "--dry-run").stdout
    data = folder / "docs/examples/argon/argon.data"
    data.write_text(data.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    planned = run(folder, "argon", "--dry-run").stdout
    assert re.search(r"^equilibration +1$", planned, re.MULTILINE)
    assert re.search(r"^nve +5$", planned, re.MULTILINE)


@pytest.mark.parametrize("missing", ["argon.in", "argon.data"])
def test_a_missing_file_is_named_before_anything_runs(missing: str, tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    (folder / "docs/examples/argon" / missing).unlink()
    dry = run(folder, "argon", "--dry-run")
    assert dry.returncode != 0
    assert f"docs/examples/argon/{missing}" in dry.stdout
    assert "Traceback" not in dry.stdout


def test_from_a_structure_file_and_a_calculator_to_the_page(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    by_commands(folder, "copper")
    check_results(folder, "copper", 32)


@pytest.mark.mlip
@pytest.mark.skipif(find_spec("sevenn") is None, reason="sevenn is not installed")
def test_from_a_structure_file_and_a_machine_learned_potential_to_the_page(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    by_commands(folder, "silicon")
    check_results(folder, "silicon", 8)
    page = (folder / "results/silicon/report.html").read_text(encoding="utf-8")
    assert "LAMMPS, sevennet-0 (δt = 2 fs)" in page
    assert "Warning of the potential: No tensor product accelerator" in page
    assert re.search("SHA-256 of the potential('|&#39;|&#x27;)s weights: [0-9a-f]{64}<", page)


def by_commands(folder: Path, name: str) -> None:
    """The whole study at its shortest horizon by the commands alone, in one process."""
    values = yaml.safe_load((folder / f"docs/examples/{name}/config.yaml").read_text(encoding="utf-8"))["systems"]
    update_config(values[name], TINY[name])
    plan = Plan({"systems": values})
    horizon, results = f"{TINY[name]['horizons_fs'][0]:g}", f"results/{name}"
    settings = {
        "reference": plan.settings(name, "reference"),
        "dataset": plan.dataset_settings(name, horizon),
        "training": plan.settings(name, "training"),
        "rollout": plan.settings(name, "rollout"),
        "observables": plan.settings(name, "observables"),
    }
    reference, data, run = f"{results}/reference", f"{results}/{horizon}fs", f"{results}/runs/{horizon}fs"
    model, observed = f"{data}/model-n40-s1", f"{run}/observables"
    nve = [f"{reference}/nve_{i}.h5md" for i in range(1, 6)]
    places = {"reference": reference, "dataset": data, "training": model}
    files = {name: f"{places.get(name, run)}/{name}.yaml" for name in settings}

    def given(name: str) -> str:
        """The text of a section in the place of {name}, and its copy beside the results."""
        return f"--settings {{{name}}} --write-settings {files[name]}"

    weights, rolled_out = f"{model}/model.safetensors", f"{run}/rollout.h5md"
    stages = [
        f"reference {given('reference')} --output {reference}",
        f"dataset {given('dataset')} --training {' '.join(nve[:3])} --validation {nve[3]} --test {nve[4]} "
        f"--output {data}/dataset.h5",
        f"train {given('training')} --dataset {data}/dataset.h5 --output {model}",
        f"evaluate --model {weights} --dataset {data}/dataset.h5 --output {model}/test.json",
        f"rollout {given('rollout')} --model {weights} --start {nve[4]} --output {rolled_out} "
        f"--outcome {run}/outcome.json",
        f"observe {given('observables')} --reference-settings {files['reference']} "
        f"--md {reference}/nvt.h5md --rollout {rolled_out} --output {observed}",
        f"report --folder {results} --runs {horizon}fs --models {model} --output {results}/report.html",
    ]
    texts = {f"{{{name}}}": text for name, text in settings.items()}
    commands = [[texts.get(word, word) for word in stage.split()] for stage in stages]
    script = f"from trajcast.cli import main\nfor command in {commands!r}:\n    assert main(command) == 0, command\n"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name, text in settings.items():
        assert yaml.safe_load((folder / files[name]).read_text(encoding="utf-8")) == json.loads(text)
